//! Aggregates: count, sum, least, greatest, and the buckets of histograms, in the CPU's own value.
//!
//! Must never be interrupted by a program that changes the same value: the guard sees to that where there is one.

use systap_ir::graph::Value;
use systap_ir::placed::{AggregateLayout, COUNT, MAX, MIN, Residence, SUM};
use systap_ir::program::{AggregateFn, AggregateShape, Element, GlobalId, GlobalShape, LinearBounds};

use super::{Held, Lower};
use crate::artifact::Fault;
use crate::code::{Code, Mem, Reg, Src, StackObject};
use crate::emitter::{Arg, Index};
use crate::error::GenerateError;
use crate::insn::{AluOp, Cond, Helper, Size};

/// The word of a value.
fn word(value: Reg, index: u32) -> Mem {
    Mem::Base(value, (8 * index) as i16)
}

impl<'a> Lower<'a, '_> {
    fn shape(&self, global: GlobalId) -> Result<&'a AggregateShape, GenerateError> {
        let placed = self.shared.placed;
        match placed.globals.get(global.0 as usize).map(|(global, _)| &global.shape) {
            Some(GlobalShape::Aggregate(shape) | GlobalShape::Array { element: Element::Aggregate(shape), .. }) => {
                Ok(shape)
            }
            _ => Err(self.malformed("a value is put into what is no aggregate")),
        }
    }

    pub(super) fn accumulate(&mut self, global: GlobalId, keys: &[Value], value: Value) -> Result<(), GenerateError> {
        let shape = self.shape(global)?;
        let layout = AggregateLayout::of(shape);
        let value = self.register(value)?;
        let done = self.em.label();
        if *self.residence(global)? == Residence::Aggregate {
            let map = self.map_of(global)?;
            let entry = self.em.array_entry(map, Index::Known(0));
            self.em.branch(Cond::Eq, entry, Src::Imm(0), done);
            self.put(entry, value, shape, &layout);
            self.em.place(done);
            return Ok(());
        }
        let table = self.table(global)?;
        let key = self.key(&table, keys)?;
        let entry = self.lookup(&table, key);
        let (absent, found) = (self.em.label(), self.em.label());
        self.em.branch(Cond::Eq, entry, Src::Imm(0), absent);
        self.em.place(found);
        self.put(entry, value, shape, &layout);
        self.em.place(done);
        self.seldom(|lower| {
            lower.em.place(absent);
            let zeros = lower.zeros(8 * layout.words);
            let failed = lower.insert(&table, key, zeros);
            let exists = lower.em.label();
            lower.refused(&table, failed, Some(exists))?;
            lower.em.place(exists);
            let again = lower.lookup(&table, key);
            lower.em.branch(Cond::Eq, again, Src::Imm(0), done);
            lower.em.mov(entry, Arg::Reg(again));
            lower.em.jump(found);
            Ok(())
        })
    }

    /// Asks an aggregate: its parts of all CPUs together.
    pub(super) fn ask(
        &mut self,
        result: Option<Value>,
        global: GlobalId,
        keys: &[Value],
        function: AggregateFn,
    ) -> Result<(), GenerateError> {
        let (map, key) = match self.residence(global)? {
            Residence::Aggregate => {
                self.em.stack.need(StackObject::Index, 4);
                let index = Mem::Stack(StackObject::Index, 0);
                self.em.store(Size::B4, index, Src::Imm(0));
                (self.map_of(global)?, index)
            }
            _ => {
                let table = self.table(global)?;
                (table.map, self.key(&table, keys)?)
            }
        };
        let [cpu, count, part] = [(); 3].map(|()| self.unknown(Src::Imm(0)));
        let cpus = self.shared.options.cpus.min(i32::MAX as u32) as i32;
        let (head, next, done) = (self.em.label(), self.em.label(), self.em.label());
        self.em.place(head);
        self.em.branch(Cond::Ge, cpu, Src::Imm(cpus), done);
        self.em.push(Code::MayGoto { to: done });
        let args = [Arg::Map(map), Arg::Address(key), Arg::Reg(cpu)];
        let entry = self.em.call_for(Helper::MapLookupPerCpu, &args);
        self.em.branch(Cond::Eq, entry, Src::Imm(0), done);
        let here = self.em.load(Size::B8, word(entry, COUNT));
        self.em.branch(Cond::Eq, here, Src::Imm(0), next);
        match function {
            AggregateFn::Count | AggregateFn::Variance => {}
            AggregateFn::Sum | AggregateFn::Avg => {
                let sum = self.em.load(Size::B8, word(entry, SUM));
                self.em.alu(AluOp::Add, part, Src::Reg(sum));
            }
            AggregateFn::Min | AggregateFn::Max => {
                let (index, known) = match function {
                    AggregateFn::Min => (MIN, Cond::SLe),
                    _ => (MAX, Cond::SGe),
                };
                let extreme = self.em.load(Size::B8, word(entry, index));
                let (take, keep) = (self.em.label(), self.em.label());
                self.em.branch(Cond::Eq, count, Src::Imm(0), take);
                self.em.branch(known, part, Src::Reg(extreme), keep);
                self.em.place(take);
                self.em.mov(part, Arg::Reg(extreme));
                self.em.place(keep);
            }
        }
        self.em.alu(AluOp::Add, count, Src::Reg(here));
        self.em.place(next);
        self.em.alu(AluOp::Add, cpu, Src::Imm(1));
        self.em.jump(head);
        self.em.place(done);
        if !matches!(function, AggregateFn::Count | AggregateFn::Sum) {
            let empty = self.fault(Fault::EmptyAggregate(global), None)?;
            self.em.branch(Cond::Eq, count, Src::Imm(0), empty);
        }
        let value = match function {
            AggregateFn::Count => count,
            AggregateFn::Sum | AggregateFn::Min | AggregateFn::Max => part,
            AggregateFn::Avg => self.quotient(part, count),
            AggregateFn::Variance => return Err(self.unsupported("@variance")),
        };
        self.define(result, Held::Long(value));
        Ok(())
    }

    /// That many zero bytes, where they can be pointed to.
    fn zeros(&mut self, bytes: u32) -> Mem {
        if bytes <= 64 {
            self.em.stack.need(StackObject::Cell, bytes);
            let cell = Mem::Stack(StackObject::Cell, 0);
            self.zero(cell, bytes);
            return cell;
        }
        let map = self.shared.maps.table("zeros", vec![0; bytes as usize]);
        let dst = self.em.reg();
        self.em.push(Code::MapRef { dst, map, offset: Some(0) });
        Mem::Base(dst, 0)
    }

    /// Puts a value into an aggregate.
    fn put(&mut self, entry: Reg, value: Reg, shape: &AggregateShape, layout: &AggregateLayout) {
        let count = self.em.load(Size::B8, word(entry, COUNT));
        if !shape.sums_only {
            self.extremes(entry, value, count);
        }
        self.em.alu(AluOp::Add, count, Src::Imm(1));
        self.em.store(Size::B8, word(entry, COUNT), Src::Reg(count));
        let sum = self.em.load(Size::B8, word(entry, SUM));
        self.em.alu(AluOp::Add, sum, Src::Reg(value));
        self.em.store(Size::B8, word(entry, SUM), Src::Reg(sum));
        if let (Some(first), Some(shift)) = (layout.spread, shape.variance) {
            self.spread(entry, value, count, first, shift);
        }
        if let Some(first) = layout.logarithmic {
            let bucket = self.log_bucket(value);
            self.hit(entry, bucket, first);
        }
        if let (Some(first), Some(bounds)) = (layout.linear, shape.linear) {
            let counted = self.linear_bucket(value, &bounds);
            // Said again right before the use, so that no spilling can come between what the verifier has to see.
            let bucket = self.em.fresh(Arg::Reg(counted));
            let outside = self.em.label();
            self.em.branch(Cond::Ge, bucket, Src::Imm(bounds.buckets() as i32), outside);
            self.hit(entry, bucket, first);
            self.em.place(outside);
        }
    }

    /// Takes a value into the least and the greatest one. `count` does not include it yet.
    fn extremes(&mut self, entry: Reg, value: Reg, count: Reg) {
        let (first, least_kept, counted) = (self.em.label(), self.em.label(), self.em.label());
        self.em.branch(Cond::Eq, count, Src::Imm(0), first);
        let least = self.em.load(Size::B8, word(entry, MIN));
        self.em.branch(Cond::SLe, least, Src::Reg(value), least_kept);
        self.em.store(Size::B8, word(entry, MIN), Src::Reg(value));
        self.em.place(least_kept);
        let greatest = self.em.load(Size::B8, word(entry, MAX));
        self.em.branch(Cond::SGe, greatest, Src::Reg(value), counted);
        self.em.store(Size::B8, word(entry, MAX), Src::Reg(value));
        self.em.place(counted);
        self.seldom(|lower| {
            lower.em.place(first);
            lower.em.store(Size::B8, word(entry, MIN), Src::Reg(value));
            lower.em.store(Size::B8, word(entry, MAX), Src::Reg(value));
            lower.em.jump(counted);
        });
    }

    /// Takes a value into the mean and the squared deviations from it, by Welford's algorithm in integers: the very steps that the
    /// user side takes. `count` includes the value.
    fn spread(&mut self, entry: Reg, value: Reg, count: Reg, first: u32, shift: u8) {
        let (mean_at, squares_at) = (word(entry, first), word(entry, first + 1));
        let (only, done) = (self.em.label(), self.em.label());
        let value = self.em.fresh(Arg::Reg(value));
        self.em.alu(AluOp::Lsh, value, Src::Imm(i32::from(shift)));
        self.em.branch(Cond::Eq, count, Src::Imm(1), only);
        let mean = self.em.load(Size::B8, mean_at);
        let delta = self.em.fresh(Arg::Reg(value));
        self.em.alu(AluOp::Sub, delta, Src::Reg(mean));
        // Division is of magnitudes only.
        let step = self.em.fresh(Arg::Reg(delta));
        self.magnitude(step);
        self.em.alu(AluOp::Div, step, Src::Reg(count));
        let positive = self.em.label();
        self.em.branch(Cond::SGe, delta, Src::Imm(0), positive);
        self.em.push(Code::Negate { dst: step });
        self.em.place(positive);
        self.em.alu(AluOp::Add, mean, Src::Reg(step));
        self.em.store(Size::B8, mean_at, Src::Reg(mean));
        self.em.alu(AluOp::Sub, value, Src::Reg(mean));
        self.em.alu(AluOp::Mul, value, Src::Reg(delta));
        let squares = self.em.load(Size::B8, squares_at);
        self.em.alu(AluOp::Add, squares, Src::Reg(value));
        self.em.store(Size::B8, squares_at, Src::Reg(squares));
        self.em.place(done);
        self.seldom(|lower| {
            lower.em.place(only);
            lower.em.store(Size::B8, mean_at, Src::Reg(value));
            lower.em.store(Size::B8, squares_at, Src::Imm(0));
            lower.em.jump(done);
        });
    }

    /// Adds one to the bucket with that number, which the verifier knows to be in range.
    fn hit(&mut self, entry: Reg, bucket: Reg, first: u32) {
        self.em.alu(AluOp::Lsh, bucket, Src::Imm(3));
        self.em.alu(AluOp::Add, bucket, Src::Reg(entry));
        let place = word(bucket, first);
        let hits = self.em.load(Size::B8, place);
        self.em.alu(AluOp::Add, hits, Src::Imm(1));
        self.em.store(Size::B8, place, Src::Reg(hits));
    }

    /// 64 for 0, 64 plus the number of bits for positive values, 64 minus that of the magnitude for negative ones.
    fn log_bucket(&mut self, value: Reg) -> Reg {
        let rest = self.em.fresh(Arg::Reg(value));
        self.magnitude(rest);
        // Halving the search without branches: each would double what the verifier has to look at.
        let bits = self.em.fresh(Arg::Imm(0));
        for step in [5, 4, 3, 2, 1, 0] {
            let high = self.em.fresh(Arg::Reg(rest));
            self.em.alu(AluOp::Rsh, high, Src::Imm(1 << step));
            // 1 if any bit is set there: then either the number or its negative has the sign bit.
            let any = self.em.fresh(Arg::Reg(high));
            self.em.push(Code::Negate { dst: any });
            self.em.alu(AluOp::Or, any, Src::Reg(high));
            self.em.alu(AluOp::Rsh, any, Src::Imm(63));
            if step > 0 {
                self.em.alu(AluOp::Lsh, any, Src::Imm(step));
            }
            self.em.alu(AluOp::Rsh, rest, Src::Reg(any));
            self.em.alu(AluOp::Add, bits, Src::Reg(any));
        }
        // What is left is the highest bit, if there is one.
        self.em.alu(AluOp::And, rest, Src::Imm(1));
        self.em.alu(AluOp::Add, bits, Src::Reg(rest));
        let bucket = self.em.fresh(Arg::Reg(bits));
        let positive = self.em.label();
        self.em.branch(Cond::SGe, value, Src::Imm(0), positive);
        self.em.push(Code::Negate { dst: bucket });
        self.em.place(positive);
        self.em.alu(AluOp::Add, bucket, Src::Imm(64));
        // 64 + 64 cannot be: only a negative number's magnitude has 64 bits. The verifier does not see that.
        self.em.alu(AluOp::And, bucket, Src::Imm(127));
        bucket
    }

    /// 0 below the start, then one for each interval, the last for all from the end of the stop's on.
    fn linear_bucket(&mut self, value: Reg, bounds: &LinearBounds) -> Reg {
        let bucket = self.em.fresh(Arg::Imm(0));
        let done = self.em.label();
        let last = bounds.buckets() as i32 - 1;
        let start = self.em.fresh(Arg::Imm(bounds.start));
        self.em.branch(Cond::SLt, value, Src::Reg(start), done);
        self.em.mov(bucket, Arg::Reg(value));
        self.em.alu(AluOp::Sub, bucket, Src::Reg(start));
        let interval = self.em.fresh(Arg::Imm(bounds.interval.max(1)));
        self.em.alu(AluOp::Div, bucket, Src::Reg(interval));
        let inside = self.em.label();
        self.em.branch(Cond::Lt, bucket, Src::Imm(last - 1), inside);
        self.em.mov(bucket, Arg::Imm(i64::from(last - 1)));
        self.em.place(inside);
        self.em.alu(AluOp::Add, bucket, Src::Imm(1));
        self.em.place(done);
        bucket
    }
}
