//! Arrays: keys, elements looked up, set, added to, removed.
//!
//! Must never let two handlers lose an addition: it is atomic, or goes to the CPU's own value where no other program adds.
//! An element that is made meanwhile by another CPU is found, not replaced.

use systap_ir::graph::{Op, Value};
use systap_ir::placed::{Residence, Slot};
use systap_ir::program::{GlobalId, Type};

use super::{Held, Lower, TextSource, Thrift};
use crate::artifact::Fault;
use crate::code::{Code, Mem, Reg, Src, StackObject};
use crate::emitter::{Arg, after};
use crate::error::GenerateError;
use crate::insn::{AluOp, Cond, Helper, Size};

/// Keys of at most that many bytes are built on the stack.
const STACK_KEY: u32 = 64;
/// `BPF_ANY`, `BPF_NOEXIST`.
const ANY: i64 = 0;
const NEW_ONLY: i64 = 1;
/// `EEXIST`, `E2BIG` (a hash table is full).
const EXISTS: i32 = 17;
const TOO_BIG: i32 = 7;

/// An array, as [`Residence::Table`] has it.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    pub(super) global: GlobalId,
    pub(super) map: u32,
    keys: &'a [Slot],
    value: Option<Slot>,
    per_cpu: bool,
}

impl<'a> Lower<'a, '_> {
    pub(super) fn table(&self, global: GlobalId) -> Result<Table<'a>, GenerateError> {
        let Residence::Table { keys, value, per_cpu } = self.residence(global)? else {
            return Err(self.malformed("an array that lives in no map"));
        };
        Ok(Table { global, map: self.map_of(global)?, keys, value: *value, per_cpu: *per_cpu })
    }

    /// Bytes of the frame that the key of this operation takes, if it is not built on the stack; with those of a long
    /// string value.
    pub(super) fn key_in_frame(&self, op: &Op) -> Option<u32> {
        let global = op.global()?;
        let Residence::Table { keys, value, .. } = self.residence(global).ok()? else { return None };
        let key: u32 = keys.iter().map(|slot| slot.size).sum();
        let limit = if self.facts.thrift > Thrift::None { 8 } else { STACK_KEY };
        let value = match (op, value) {
            (Op::ElementSet(..), Some(slot)) if slot.size > limit => slot.size,
            _ => 0,
        };
        let key = if key > limit { key } else { 0 };
        (key + value > 0).then_some(key + value)
    }

    /// The key, built where it can be pointed to.
    pub(super) fn key(&mut self, table: &Table<'_>, values: &[Value]) -> Result<Mem, GenerateError> {
        if values.len() != table.keys.len() {
            return Err(self.malformed("an array with the wrong number of keys"));
        }
        // A text that is the whole key and lies as the map wants it is pointed to where it is.
        if let ([slot], [value]) = (table.keys, values)
            && slot.ty == Type::Text
            && let TextSource::Memory(mem, size) = self.text(*value)?
            && size == slot.size
        {
            return Ok(mem);
        }
        let size: u32 = table.keys.iter().map(|slot| slot.size).sum();
        let limit = if self.facts.thrift > Thrift::None { 8 } else { STACK_KEY };
        let place = if size <= limit {
            self.em.stack.need(StackObject::Key, size);
            Mem::Stack(StackObject::Key, 0)
        } else {
            let at = self.frame_key();
            self.claim_frame(at + size)?;
            Mem::Base(self.frame()?, at as i16)
        };
        let mut offset = 0;
        for (slot, value) in table.keys.iter().zip(values) {
            let to = after(place, offset);
            self.slot(to, *slot, *value)?;
            offset += slot.size;
        }
        Ok(place)
    }

    /// Writes a value as it lies in a map.
    fn slot(&mut self, to: Mem, slot: Slot, value: Value) -> Result<(), GenerateError> {
        match slot.ty {
            Type::Long => {
                let value = self.operand(value)?;
                self.em.store(Size::B8, to, value);
            }
            Type::Text => {
                let source = self.text(value)?;
                self.copy_text(to, slot.size, slot.size, &source);
            }
        }
        Ok(())
    }

    /// The address of the element's value, or 0.
    pub(super) fn lookup(&mut self, table: &Table<'_>, key: Mem) -> Reg {
        self.em.call_for(Helper::MapLookup, &[Arg::Map(table.map), Arg::Address(key)])
    }

    pub(super) fn element_get(
        &mut self,
        result: Option<Value>,
        global: GlobalId,
        keys: &[Value],
    ) -> Result<(), GenerateError> {
        let Some(result) = result else { return Ok(()) };
        let table = self.table(global)?;
        let Some(slot) = table.value.filter(|_| !table.per_cpu) else {
            return Err(self.unsupported("reading an array that is kept for each CPU apart"));
        };
        if let (Some(element), Type::Long) = (self.present(global, keys), slot.ty) {
            let value = self.em.load(Size::B8, Mem::Base(element, 0));
            self.hold(result, Held::Long(value));
            return Ok(());
        }
        let key = self.key(&table, keys)?;
        let element = self.lookup(&table, key);
        let (absent, done) = (self.em.label(), self.em.label());
        if slot.ty == Type::Long {
            let value = self.em.fresh(Arg::Imm(0));
            self.em.branch(Cond::Eq, element, Src::Imm(0), done);
            self.em.push(Code::Load { size: Size::B8, dst: value, mem: Mem::Base(element, 0) });
            self.em.place(done);
            self.hold(result, Held::Long(value));
            return Ok(());
        }
        let (to, size) = self.home(result)?;
        let cap = self.cap(result);
        self.em.branch(Cond::Eq, element, Src::Imm(0), absent);
        self.copy_text(to, size, cap, &TextSource::Memory(Mem::Base(element, 0), slot.size));
        self.em.jump(done);
        self.em.place(absent);
        self.zero(to, size);
        self.em.place(done);
        self.hold(result, Held::Text);
        Ok(())
    }

    pub(super) fn contains(
        &mut self,
        result: Option<Value>,
        global: GlobalId,
        keys: &[Value],
    ) -> Result<(), GenerateError> {
        let Some(result) = result else { return Ok(()) };
        let table = self.table(global)?;
        let key = self.key(&table, keys)?;
        let element = self.lookup(&table, key);
        let truth = self.truth(|lower, yes| {
            lower.em.branch(Cond::Ne, element, Src::Imm(0), yes);
            Ok(())
        })?;
        self.hold(result, Held::Long(truth));
        Ok(())
    }

    pub(super) fn element_delete(&mut self, global: GlobalId, keys: &[Value]) -> Result<(), GenerateError> {
        let table = self.table(global)?;
        let key = self.key(&table, keys)?;
        self.em.call(Helper::MapDelete, &[Arg::Map(table.map), Arg::Address(key)]);
        Ok(())
    }

    pub(super) fn element_set(&mut self, global: GlobalId, keys: &[Value], value: Value) -> Result<(), GenerateError> {
        let table = self.table(global)?;
        let Some(slot) = table.value.filter(|_| !table.per_cpu) else {
            return Err(self.unsupported("setting an element of an array that is kept for each CPU apart"));
        };
        let done = self.em.label();
        if slot.ty == Type::Long {
            let value = self.operand(value)?;
            if let Some(element) = self.present(global, keys) {
                self.em.store(Size::B8, Mem::Base(element, 0), value);
                return Ok(());
            }
            let key = self.key(&table, keys)?;
            let element = self.lookup(&table, key);
            let absent = self.em.label();
            self.em.branch(Cond::Eq, element, Src::Imm(0), absent);
            self.em.store(Size::B8, Mem::Base(element, 0), value);
            self.em.jump(done);
            self.em.place(absent);
            let cell = self.cell(value);
            let failed = self.update(&table, key, cell, ANY);
            self.refused(&table, failed, None)?;
        } else {
            // A string is replaced as a whole, so that nobody reads half of it.
            let key = self.key(&table, keys)?;
            let cell = self.text_cell(&table, slot, value)?;
            let failed = self.update(&table, key, cell, ANY);
            self.refused(&table, failed, None)?;
        }
        self.em.place(done);
        Ok(())
    }

    /// A long where it can be pointed to.
    fn cell(&mut self, value: Src) -> Mem {
        self.em.stack.need(StackObject::Cell, 8);
        let cell = Mem::Stack(StackObject::Cell, 0);
        self.em.store(Size::B8, cell, value);
        cell
    }

    /// A string as it is to lie in the map, where it can be pointed to.
    fn text_cell(&mut self, table: &Table<'_>, slot: Slot, value: Value) -> Result<Mem, GenerateError> {
        let source = self.text(value)?;
        if let TextSource::Memory(mem, size) = source
            && size == slot.size
        {
            return Ok(mem);
        }
        let limit = if self.facts.thrift > Thrift::None { 8 } else { STACK_KEY };
        let place = if slot.size <= limit {
            self.em.stack.need(StackObject::Cell, slot.size);
            Mem::Stack(StackObject::Cell, 0)
        } else {
            // Behind the key.
            let key: u32 = table.keys.iter().map(|slot| slot.size).sum();
            let at = self.frame_key() + if key > limit { key } else { 0 };
            self.claim_frame(at + slot.size)?;
            Mem::Base(self.frame()?, at as i16)
        };
        self.copy_text(place, slot.size, slot.size, &source);
        Ok(place)
    }

    /// Puts a value into a table; gives 0 or a negative error number.
    pub(super) fn update(&mut self, table: &Table<'_>, key: Mem, value: Mem, mode: i64) -> Reg {
        let args = [Arg::Map(table.map), Arg::Address(key), Arg::Address(value), Arg::Imm(mode)];
        let failed = self.em.call_for(Helper::MapUpdate, &args);
        // The verifier has programs call the map's own function, whose result was an `int` before Linux 6.4 (commit
        // d7ba4cc900bf): what the register holds above it means nothing.
        for op in [AluOp::Lsh, AluOp::Arsh] {
            self.em.alu(op, failed, Src::Imm(32));
        }
        failed
    }

    /// Puts a new element in; gives 0 or a negative error number.
    pub(super) fn insert(&mut self, table: &Table<'_>, key: Mem, value: Mem) -> Reg {
        self.update(table, key, value, NEW_ONLY)
    }

    /// Raises the error of a failed update. `exists`: where to go on if the element turned out to be there.
    pub(super) fn refused(
        &mut self,
        table: &Table<'_>,
        failed: Reg,
        exists: Option<crate::code::Label>,
    ) -> Result<(), GenerateError> {
        let trouble = self.em.label();
        self.em.branch(Cond::Ne, failed, Src::Imm(0), trouble);
        let global = table.global;
        let full = self.fault(Fault::ArrayFull(global), None)?;
        self.seldom(|lower| {
            lower.em.place(trouble);
            if let Some(exists) = exists {
                lower.em.branch(Cond::Eq, failed, Src::Imm(-EXISTS), exists);
            }
            lower.em.branch(Cond::Eq, failed, Src::Imm(-TOO_BIG), full);
            let number = lower.em.fresh(Arg::Reg(failed));
            lower.em.push(Code::Negate { dst: number });
            let other = lower.fault(Fault::ArrayRefused(global), Some(Src::Reg(number)))?;
            lower.em.jump(other);
            Ok(())
        })
    }

    pub(super) fn element_add(
        &mut self,
        result: Option<Value>,
        global: GlobalId,
        keys: &[Value],
        value: Value,
    ) -> Result<(), GenerateError> {
        let table = self.table(global)?;
        let amount = self.operand(value)?;
        let sum = result.map(|_| self.em.reg());
        match self.present(global, keys) {
            Some(element) => self.add_at(&table, element, amount, sum),
            None => self.add_to(&table, keys, amount, sum)?,
        }
        if let (Some(result), Some(sum)) = (result, sum) {
            self.hold(result, Held::Long(sum));
        }
        Ok(())
    }

    /// Adds to the element with these keys, which is made if it is not there.
    fn add_to(
        &mut self,
        table: &Table<'_>,
        keys: &[Value],
        amount: Src,
        sum: Option<Reg>,
    ) -> Result<(), GenerateError> {
        let key = self.key(table, keys)?;
        let (absent, done) = (self.em.label(), self.em.label());
        let element = self.lookup(table, key);
        self.em.branch(Cond::Eq, element, Src::Imm(0), absent);
        self.add_at(table, element, amount, sum);
        self.seldom(|lower| {
            lower.em.place(absent);
            let cell = lower.cell(amount);
            let failed = lower.insert(table, key, cell);
            let exists = lower.em.label();
            lower.refused(table, failed, Some(exists))?;
            if let Some(sum) = sum {
                lower.em.mov(sum, amount);
            }
            lower.em.jump(done);
            lower.em.place(exists);
            let element = lower.lookup(table, key);
            // Removed again in between: then there is nothing to add to, as if the removal had come last.
            if let Some(sum) = sum {
                lower.em.mov(sum, amount);
            }
            lower.em.branch(Cond::Eq, element, Src::Imm(0), done);
            lower.add_at(table, element, amount, sum);
            lower.em.jump(done);
            Ok::<_, GenerateError>(())
        })?;
        self.em.place(done);
        Ok(())
    }

    fn add_at(&mut self, table: &Table<'_>, element: Reg, amount: Src, sum: Option<Reg>) {
        let mem = Mem::Base(element, 0);
        if table.per_cpu && !self.shared.contended.contains(&table.global) {
            let value = self.em.load(Size::B8, mem);
            self.em.alu(AluOp::Add, value, amount);
            self.em.store(Size::B8, mem, Src::Reg(value));
            if let Some(sum) = sum {
                self.em.mov(sum, Arg::Reg(value));
            }
            return;
        }
        let src = self.em.fresh(amount);
        self.em.push(Code::AtomicAdd { mem, src, fetch: sum.is_some() });
        if let Some(sum) = sum {
            self.em.alu(AluOp::Add, src, amount);
            self.em.mov(sum, Arg::Reg(src));
        }
    }
}
