//! One program from the handlers of one attach point: what comes before them, in which order they run, what each is
//! wrapped in.
//!
//! Must never let the end of one handler keep the next from running, unless the run is to stop.

use systap_diagnostics::Span;
use systap_ir::graph::Op;
use systap_ir::intrinsic::Intrinsic;
use systap_ir::placed::{KernelHandler, control};
use systap_ir::program::{AggregateFn, BinaryOp, Event, SyscallSet};

use super::called::Called;
use super::{Lower, ProgramFacts, Shared, Thrift};
use crate::code::{Code, Counter, Label, Mem, Reg, Src};
use crate::emitter::{Arg, Emitter, Index, after};
use crate::error::GenerateError;
use crate::insn::{AluOp, Cond, Helper, Size};

/// Ranges of numbers with the same handler, ascending.
type Ranges = Vec<(u32, u32, Label)>;

/// The handler can set the word that stops all.
pub(crate) fn can_stop(handler: &KernelHandler, errors_allowed: u32) -> bool {
    let fallible = |op: &Op| match op {
        Op::Binary(op, ..) => matches!(op, BinaryOp::Divide | BinaryOp::Remainder),
        Op::Load { .. } | Op::CheckRead { .. } | Op::ElementSet(..) | Op::ElementAdd(..) => true,
        Op::Accumulate(_, keys, _) => !keys.is_empty(),
        Op::Aggregate(_, _, function) => !matches!(function, AggregateFn::Count | AggregateFn::Sum),
        Op::ReadText { fallback, .. } => fallback.is_none(),
        Op::Intrinsic(Intrinsic::Error | Intrinsic::QuoteKernel | Intrinsic::QuoteUser, _) => true,
        _ => false,
    };
    let mut insts = handler.body.blocks.iter().flat_map(|block| &block.insts);
    let ends = insts
        .any(|inst| matches!(inst.op, Op::Intrinsic(Intrinsic::Exit, _)) || errors_allowed == 0 && fallible(&inst.op));
    ends || handler.loops && errors_allowed == 0
}

/// The handler uses the frame, or changes per-CPU values that others change in more than one step.
pub(crate) fn is_delicate(shared: &mut Shared<'_>, index: usize, thrift: Thrift) -> Result<bool, GenerateError> {
    let handler = &shared.placed.kernel[index];
    let mut insts = handler.body.blocks.iter().flat_map(|block| &block.insts);
    if insts.any(|inst| matches!(&inst.op, Op::Accumulate(global, ..) if shared.contended.contains(global))) {
        return Ok(true);
    }
    let mut em = Emitter::new(handler.span);
    let end = em.label();
    let facts = ProgramFacts {
        verdict: None,
        typed: false,
        context: Reg::R1,
        pid_tgid: None,
        task: None,
        thrift,
        called: None,
    };
    Ok(Lower::new(shared, &mut em, facts, index, end)?.uses_frame())
}

/// The program of these handlers, which have one attach point.
pub(crate) struct Program<'a, 's> {
    shared: &'s mut Shared<'a>,
    em: Emitter,
    facts: ProgramFacts,
    /// Where the program ends.
    leave: Label,
    /// Whether the run is over and whose system call it is, is asked in each handler.
    late: bool,
}

/// The number of `rt_sigreturn` on x86_64.
const RT_SIGRETURN: i64 = 15;

impl<'a, 's> Program<'a, 's> {
    /// Emits the program.
    pub(crate) fn emit(
        shared: &'s mut Shared<'a>,
        group: &[usize],
        typed: bool,
        thrift: Thrift,
        called: Option<Called>,
    ) -> Result<Emitter, GenerateError> {
        let placed = shared.placed;
        let span = group.first().map_or(Span::new(systap_diagnostics::FileId(0), 0, 0), |at| placed.kernel[*at].span);
        let mut em = Emitter::new(span);
        let context = em.fresh(Arg::Reg(Reg::R1));
        let leave = em.label();
        // Where packets pass, what the program gives says what becomes of them: they go on.
        let passes = group.iter().any(|index| matches!(placed.kernel[*index].event, Event::Packet { .. }));
        let verdict = passes.then(|| em.fresh(Arg::Imm(1)));
        let facts = ProgramFacts { verdict, typed, context, pid_tgid: None, task: None, thrift, called };
        let mut program = Program { shared, em, facts, leave, late: false };
        program.before(group);
        if let Some(called) = &mut program.facts.called {
            called.find(&mut program.em, context, leave);
        }
        program.handlers(group)?;
        program.em.place(program.leave);
        if let Some(called) = called {
            called.forget(&mut program.em, context);
        }
        program.em.mov(Reg::R0, verdict.map_or(Arg::Imm(0), Arg::Reg));
        program.em.push(Code::Exit);
        Ok(program.em)
    }

    fn handler(&self, index: usize) -> &'a KernelHandler {
        let placed = self.shared.placed;
        &placed.kernel[index]
    }

    fn numbers(&self, index: usize) -> Option<&'a [u32]> {
        match &self.handler(index).event {
            Event::SyscallEntry(SyscallSet::Numbers(numbers)) | Event::SyscallReturn(SyscallSet::Numbers(numbers)) => {
                Some(numbers)
            }
            _ => None,
        }
    }

    fn word(&mut self, index: u32) -> Mem {
        let dst = self.em.reg();
        self.em.push(Code::MapRef { dst, map: self.shared.maps.words, offset: Some(8 * index) });
        Mem::Base(dst, 0)
    }

    /// What is done before any handler: is the run over, is it our own system call. Where every handler asks for
    /// numbers, those are cheaper to look at first.
    fn before(&mut self, group: &[usize]) {
        self.late = group.iter().all(|index| self.numbers(*index).is_some());
        if !self.late {
            self.admit(group, self.leave);
        }
    }

    /// Goes to `end` if it is our own system call, leaves if the run is over.
    fn admit(&mut self, group: &[usize], end: Label) {
        let errors = self.shared.placed.limits.errors;
        let stops = self.shared.placed.kernel.iter().any(|handler| can_stop(handler, errors));
        let syscall = group
            .iter()
            .any(|index| matches!(self.handler(*index).event, Event::SyscallEntry(_) | Event::SyscallReturn(_)));
        let own = syscall && self.shared.options.own_filter;
        if own {
            let both = self.em.call_for(Helper::CurrentPidTgid, &[]);
            let words = self.word(control::STOP);
            if stops {
                self.stopped(words);
            }
            let pid = self.em.fresh(Arg::Reg(both));
            self.em.alu(AluOp::Rsh, pid, Src::Imm(32));
            let systap = self.em.load(Size::B8, after(words, 8 * (control::OWN - control::STOP)));
            self.em.branch(Cond::Eq, pid, Src::Reg(systap), end);
            self.facts.pid_tgid = Some((pid, both));
        } else if stops {
            let words = self.word(control::STOP);
            self.stopped(words);
        }
    }

    fn stopped(&mut self, word: Mem) {
        let stop = self.em.load(Size::B8, word);
        self.em.branch(Cond::Ne, stop, Src::Imm(0), self.leave);
    }

    fn handlers(&mut self, group: &[usize]) -> Result<(), GenerateError> {
        let number = match group.iter().any(|index| self.numbers(*index).is_some()) {
            true => Some(self.number(group)?),
            false => None,
        };
        let errors = self.shared.placed.limits.errors;
        let mut may_be_over = false;
        let mut rest = group;
        while let Some(first) = rest.first() {
            self.em.span = self.handler(*first).span;
            if may_be_over && !self.late {
                let word = self.word(control::STOP);
                self.stopped(word);
            }
            let taken = match (number, self.numbers(*first)) {
                (Some(number), Some(_)) => {
                    let run = self.disjoint(rest);
                    self.dispatch(number, &rest[..run])?;
                    run
                }
                _ => {
                    let end = self.em.label();
                    self.run(*first, end)?;
                    self.em.place(end);
                    1
                }
            };
            may_be_over |= rest[..taken].iter().any(|index| can_stop(self.handler(*index), errors));
            rest = &rest[taken..];
        }
        Ok(())
    }

    /// The number of the current system call.
    fn number(&mut self, group: &[usize]) -> Result<Reg, GenerateError> {
        let returns = group.iter().any(|index| matches!(self.handler(*index).event, Event::SyscallReturn(_)));
        let raw = if returns {
            let registers = self.shared.layout.registers.ok_or(GenerateError::Layout { what: "pt_regs" })?;
            let regs = self.em.load(Size::B8, Mem::Base(self.facts.context, 0));
            let raw = if self.facts.typed {
                self.em.load(Size::B8, Mem::Base(regs, registers.orig_ax as i16))
            } else {
                let read = Mem::Stack(crate::code::StackObject::Read, 0);
                self.em.stack.need(crate::code::StackObject::Read, 8);
                self.em.alu(AluOp::Add, regs, Src::Imm(registers.orig_ax as i32));
                self.em.call(Helper::ProbeReadKernel, &[Arg::Address(read), Arg::Imm(8), Arg::Reg(regs)]);
                self.em.load(Size::B8, read)
            };
            // What a signal handler's return leaves there: it is `rt_sigreturn`.
            let known = self.em.label();
            self.em.branch(Cond::Ne, raw, Src::Imm(-1), known);
            self.em.mov(raw, Arg::Imm(RT_SIGRETURN));
            self.em.place(known);
            raw
        } else {
            self.em.load(Size::B8, Mem::Base(self.facts.context, 8))
        };
        let dst = self.em.reg();
        self.em.push(Code::Alu { wide: false, op: AluOp::Mov, dst, src: Src::Reg(raw), signed: false });
        Ok(dst)
    }

    /// How many of the first handlers ask for numbers, none for one that another asks for.
    fn disjoint(&self, group: &[usize]) -> usize {
        let mut seen = std::collections::HashSet::new();
        let alone = |index: &usize| self.numbers(*index).is_some_and(|set| set.iter().all(|n| seen.insert(*n)));
        group
            .iter()
            .map_while({
                let mut alone = alone;
                move |index| alone(index).then_some(())
            })
            .count()
            .max(1)
    }

    /// Runs the one handler of these that asks for the number, if there is one.
    fn dispatch(&mut self, number: Reg, group: &[usize]) -> Result<(), GenerateError> {
        let end = self.em.label();
        let mut wanted: Vec<(u32, Label)> = Vec::new();
        let mut starts = Vec::new();
        for index in group {
            let start = self.em.label();
            starts.push((*index, start));
            wanted.extend(self.numbers(*index).unwrap_or_default().iter().map(|number| (*number, start)));
        }
        wanted.sort_unstable_by_key(|(number, _)| *number);
        let mut ranges: Ranges = Vec::new();
        for (number, start) in wanted {
            match ranges.last_mut() {
                Some((_, last, same)) if *same == start && *last + 1 >= number => *last = number,
                _ => ranges.push((number, number, start)),
            }
        }
        self.search(number, &ranges, end);
        for (index, start) in starts {
            self.em.span = self.handler(index).span;
            self.em.place(start);
            self.run(index, end)?;
            self.em.jump(end);
        }
        self.em.place(end);
        Ok(())
    }

    fn search(&mut self, number: Reg, ranges: &[(u32, u32, Label)], none: Label) {
        let imm = |number: u32| Src::Imm(number.min(i32::MAX as u32) as i32);
        if ranges.len() > 3 {
            let middle = ranges.len() / 2;
            let below = self.em.label();
            self.em.branch(Cond::Lt, number, imm(ranges[middle].0), below);
            self.search(number, &ranges[middle..], none);
            self.em.place(below);
            self.search(number, &ranges[..middle], none);
            return;
        }
        for (first, last, start) in ranges {
            if first == last {
                self.em.branch(Cond::Eq, number, imm(*first), *start);
            } else {
                if *first > 0 {
                    self.em.branch(Cond::Lt, number, imm(*first), none);
                }
                self.em.branch(Cond::Le, number, imm(*last), *start);
            }
        }
        self.em.jump(none);
    }

    /// One handler; control goes to `end` after it.
    fn run(&mut self, index: usize, end: Label) -> Result<(), GenerateError> {
        let pid_tgid = self.facts.pid_tgid;
        let by_number = self.numbers(index).is_some();
        if self.late {
            self.admit(&[index], end);
        }
        if let Some(first) = self.shared.maps.switches {
            let word = self.word(first + index as u32);
            let off = self.em.load(Size::B8, word);
            self.em.branch(Cond::Ne, off, Src::Imm(0), end);
        }
        let finish = self.em.label();
        let delicate = self.shared.guarded && is_delicate(self.shared, index, self.facts.thrift)?;
        let mut lower = Lower::new(self.shared, &mut self.em, self.facts, index, finish)?;
        if by_number {
            lower.only_native(end)?;
        }
        let frame = (delicate || lower.uses_frame()).then(|| lower.enter(delicate, end));
        lower.count_hit();
        if let Some(frame) = frame {
            lower.set_frame(frame);
        }
        lower.body()?;
        self.em.place(finish);
        if let Some(frame) = frame.filter(|_| delicate) {
            self.em.store(Size::B8, Mem::Base(frame, 0), Src::Imm(0));
        }
        self.em.jump(end);
        self.facts.pid_tgid = pid_tgid;
        Ok(())
    }
}

impl Lower<'_, '_> {
    /// Leaves if the system call is a 32-bit one; the task that this asks for serves the whole handler.
    fn only_native(&mut self, leave: Label) -> Result<(), GenerateError> {
        if self.facts.typed {
            self.facts.task = Some(self.task());
        }
        self.if_compat(leave)
    }

    /// Gets the frame; with a guard, leaves and counts a skipped hit if another handler is at it on this CPU.
    fn enter(&mut self, guard: bool, leave: Label) -> Reg {
        let frame = self.em.array_entry(self.shared.maps.frame, Index::Known(0));
        self.em.branch(Cond::Eq, frame, Src::Imm(0), leave);
        if guard {
            let skipped = self.em.label();
            let busy = self.em.load(Size::B8, Mem::Base(frame, 0));
            self.em.branch(Cond::Ne, busy, Src::Imm(0), skipped);
            self.em.store(Size::B8, Mem::Base(frame, 0), Src::Imm(1));
            let (counters, index) = (self.shared.maps.counters, self.index as u32);
            self.seldom(|lower| {
                lower.em.place(skipped);
                lower.em.count(counters, Index::Counter(Counter::Skipped(index)));
                lower.em.jump(leave);
            });
        }
        frame
    }

    /// Counts a hit, if they are counted.
    fn count_hit(&mut self) {
        if self.shared.options.count_hits {
            let (counters, index) = (self.shared.maps.counters, self.index as u32);
            self.em.count(counters, Index::Counter(Counter::Hits(index)));
        }
    }
}
