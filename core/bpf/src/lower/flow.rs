//! Blocks, jumps and what they pass, loops and their limit.
//!
//! Must never emit a block that cannot be reached. A handler with loops counts its statements, so that it ends by itself after
//! MAXACTION of them; `may_goto` lets the verifier accept a loop whose end it cannot see. Without `may_goto` the verifier follows
//! each loop round by round, so only those are emitted whose rounds are counted ([`systap_ir::rounds`]), and nothing else counts.

use std::collections::HashSet;

use systap_ir::graph::{BlockId, Body, Jump, Op, Terminator, Value};

use systap_ir::program::GlobalId;

use super::{Held, Lower, Present, TextSource};
use crate::artifact::{Fault, SiteKind};
use crate::code::{Code, Label, Mem, Reg, Src};
use crate::emitter::Arg;
use crate::error::GenerateError;
use crate::insn::{AluOp, Cond, Size};

/// The blocks that can be reached, each before those that only it leads to.
pub(super) fn reverse_postorder(body: &Body) -> Vec<BlockId> {
    let mut seen = HashSet::from([BlockId::ENTRY]);
    let mut order = Vec::new();
    let next = |id: BlockId| body.block(id).term.jumps().map(|jump| jump.to).collect::<Vec<_>>();
    if body.blocks.is_empty() {
        return order;
    }
    let mut path = vec![(BlockId::ENTRY, next(BlockId::ENTRY))];
    while let Some((id, todo)) = path.last_mut() {
        match todo.pop() {
            Some(to) => {
                if seen.insert(to) {
                    path.push((to, next(to)));
                }
            }
            None => {
                order.push(*id);
                path.pop();
            }
        }
    }
    order.reverse();
    order
}

impl<'a> Lower<'a, '_> {
    pub(super) fn block(&mut self, id: BlockId) -> Result<(), GenerateError> {
        let handler = self.handler;
        let block = handler.body.block(id);
        self.block = Some(id);
        self.em.span = block.span;
        self.em.place(self.label(id)?);
        for param in &block.params {
            self.param(*param);
        }
        self.present = self.presents.remove(&id);
        let fused = self.fused(id);
        for (at, inst) in block.insts.iter().enumerate() {
            match &inst.op {
                Op::Contains(global, keys) if Some(at) == fused => {
                    self.em.span = inst.span;
                    let table = self.table(*global)?;
                    let key = self.key(&table, keys)?;
                    let element = self.lookup(&table, key);
                    self.define(inst.result, Held::Element(element));
                    self.present = Some(Present { global: *global, keys: keys.clone(), element });
                }
                op if Some(at) == fused => self.define(inst.result, Held::Fused(op.clone())),
                _ => {
                    if at + 1 == block.insts.len() {
                        self.catching = match &block.term {
                            Terminator::Attempt { fault, .. } | Terminator::Caught(fault) => Some(fault),
                            _ => None,
                        };
                    }
                    self.inst(inst)?;
                    self.catching = None;
                }
            }
        }
        self.em.span = block.span;
        if let Some(actions) = self.actions.filter(|_| block.actions > 0) {
            self.em.alu(AluOp::Add, actions, Src::Imm(block.actions as i32));
        }
        match &block.term {
            Terminator::Jump(jump) => self.go(id, jump),
            Terminator::Branch { condition, then, otherwise } => self.choose(id, *condition, then, otherwise),
            Terminator::Attempt { ok, .. } => self.go(id, ok),
            // The error has jumped to where it is caught.
            Terminator::Caught(_) => Ok(()),
            Terminator::Return(_) | Terminator::Unreachable => {
                if matches!(block.term, Terminator::Return(_)) {
                    self.within_limit()?;
                }
                self.em.jump(self.end);
                Ok(())
            }
            Terminator::Defer { to, args } => {
                self.record(SiteKind::Continue(*to), args, super::records::Wake::Later)?;
                self.em.jump(self.end);
                Ok(())
            }
        }
    }

    pub(super) fn label(&self, id: BlockId) -> Result<Label, GenerateError> {
        self.labels.get(&id).copied().ok_or_else(|| self.malformed("a jump to a block that is not there"))
    }

    /// Gives a parameter its register or place, unless a jump to here came first and did.
    fn param(&mut self, param: Value) {
        if matches!(self.held(param), Held::Nothing) {
            let held = match self.keeping_place(param) {
                _ if self.is_text(param) => Held::Text,
                Some(place) => Held::Kept(place),
                None => Held::Long(self.em.reg()),
            };
            self.hold(param, held);
        }
    }

    /// The instruction of a block that its branch can do itself: a comparison of longs that nothing else uses.
    fn fused(&self, id: BlockId) -> Option<usize> {
        let block = self.handler.body.block(id);
        let Terminator::Branch { condition, .. } = &block.term else { return None };
        let at = block.insts.iter().position(|inst| inst.result == Some(*condition))?;
        match &block.insts[at].op {
            _ if self.uses[condition.0 as usize] != 1 => None,
            Op::Compare(_, left, _) if !self.is_text(*left) => Some(at),
            // What comes between must not ask the same of another element.
            Op::Contains(..) if at + 1 == block.insts.len() => Some(at),
            _ => None,
        }
    }

    /// Lets the block that is only entered when the element is there know of it.
    fn tell_present(&mut self, element: Reg, to: BlockId) {
        let jumps = self.order.iter().flat_map(|from| self.handler.body.block(*from).term.jumps());
        let entries = jumps.filter(|jump| jump.to == to).count();
        if let Some(present) = self.present.take().filter(|present| present.element == element && entries == 1) {
            self.presents.insert(to, present);
        }
    }

    /// Forgets the element that is there where something changes its array.
    pub(super) fn forget_present(&mut self, op: &Op) {
        let changes = matches!(op, Op::ElementDelete(..) | Op::Clear(_) | Op::DeleteSlice(..));
        if changes && op.global() == self.present.as_ref().map(|present| present.global) {
            self.present = None;
        }
    }

    /// The address of this element, if it is known to be there.
    pub(super) fn present(&self, global: GlobalId, keys: &[Value]) -> Option<Reg> {
        let present = self.present.as_ref()?;
        (present.global == global && present.keys == keys).then_some(present.element)
    }

    fn choose(&mut self, from: BlockId, condition: Value, then: &Jump, otherwise: &Jump) -> Result<(), GenerateError> {
        let direct = then.args.is_empty() && !self.goes_back(from, then.to);
        let taken = if direct { self.label(then.to)? } else { self.em.label() };
        match self.held(condition).clone() {
            Held::Fused(Op::Compare(op, left, right)) => self.branch_on(op, left, right, taken)?,
            Held::Element(element) => {
                self.em.branch(Cond::Ne, element, Src::Imm(0), taken);
                self.tell_present(element, then.to);
            }
            Held::Constant(value) => {
                return self.go(from, if value != 0 { then } else { otherwise });
            }
            _ => {
                let condition = self.register(condition)?;
                self.em.branch(Cond::Ne, condition, Src::Imm(0), taken);
            }
        }
        self.go(from, otherwise)?;
        if !direct {
            self.em.place(taken);
            self.go(from, then)?;
        }
        Ok(())
    }

    /// The jump goes to a block that was emitted before.
    fn goes_back(&self, from: BlockId, to: BlockId) -> bool {
        let at = |id| self.order.iter().position(|other| *other == id);
        at(to) <= at(from)
    }

    /// A block that some jump goes back to.
    fn is_header(&self, id: BlockId) -> bool {
        self.order.iter().any(|from| {
            let mut jumps = self.handler.body.block(*from).term.jumps();
            jumps.any(|jump| jump.to == id) && self.goes_back(*from, id)
        })
    }

    fn go(&mut self, from: BlockId, jump: &Jump) -> Result<(), GenerateError> {
        let back = self.goes_back(from, jump.to);
        // What a way through one round has told of a number would be another case for the verifier in the next, and it would have
        // more of them after each: that of Linux 6.12 gave up on two calls of `cmdline_arg()`. So it has to forget.
        let round = back || self.is_header(jump.to);
        self.pass(jump, round)?;
        if back
            && let Some(too_many) = self.within_limit()?
            && self.shared.options.may_goto
        {
            self.em.push(Code::MayGoto { to: too_many });
        }
        let to = self.label(jump.to)?;
        self.em.jump(to);
        Ok(())
    }

    /// Ends the handler if it has executed too many statements, where they are counted: gives the way out.
    fn within_limit(&mut self) -> Result<Option<Label>, GenerateError> {
        let Some(actions) = self.actions else { return Ok(None) };
        let limit = self.shared.placed.limits.actions_of(&self.handler.event).min(i32::MAX as u32) as i32;
        let too_many = self.fault(Fault::TooManyActions, None)?;
        self.em.branch(Cond::SGe, actions, Src::Imm(limit), too_many);
        Ok(Some(too_many))
    }

    /// Puts the arguments into the parameters, all at once. `round`: of a loop, so the verifier must not follow the
    /// numbers through it, or it would unroll it; but for those by which it sees the end of a loop that it has to unroll.
    pub(super) fn pass(&mut self, jump: &Jump, round: bool) -> Result<(), GenerateError> {
        let handler = self.handler;
        let params = &handler.body.block(jump.to).params;
        if params.len() != jump.args.len() {
            return Err(self.malformed("a jump with the wrong number of arguments"));
        }
        let mut longs: Vec<(Reg, Src)> = Vec::new();
        let mut kept: Vec<(Value, Value)> = Vec::new();
        let mut aside = 0;
        let mut texts: Vec<(Value, TextSource)> = Vec::new();
        for (param, arg) in params.iter().zip(&jump.args) {
            if param == arg {
                continue;
            }
            self.param(*param);
            if self.is_text(*param) {
                let mut source = self.text(*arg)?;
                if params.contains(arg) {
                    source = self.set_aside(source, &mut aside)?;
                }
                texts.push((*param, source));
                continue;
            }
            if matches!(self.held(*param), Held::Kept(_)) {
                kept.push((*param, *arg));
                continue;
            }
            let mut src = self.operand(*arg)?;
            if round && !self.counters.contains(param) {
                src = Src::Reg(self.em.obscure(src));
            } else if let Src::Reg(reg) = src
                && params.contains(arg)
            {
                src = Src::Reg(self.em.fresh(Arg::Reg(reg)));
            }
            let Held::Long(to) = self.held(*param) else {
                return Err(self.malformed("a long is passed for something else"));
            };
            longs.push((*to, src));
        }
        for (to, src) in longs {
            self.em.mov(to, src);
        }
        self.pass_kept(kept)?;
        for (param, source) in texts {
            let (mem, size) = self.home(param)?;
            let cap = self.cap(param);
            self.copy_text(mem, size, cap, &source);
        }
        Ok(())
    }

    /// Copies a text that is about to be overwritten to where records are built; `taken`: bytes that others took there.
    fn set_aside(&mut self, source: TextSource, taken: &mut u32) -> Result<TextSource, GenerateError> {
        let TextSource::Memory(mem, size) = source else { return Ok(source) };
        let at = self.frame_record() + *taken;
        *taken += size;
        self.claim_frame(at + size)?;
        let aside = Mem::Base(self.frame()?, at as i16);
        self.copy_text(aside, size, size, &TextSource::Memory(mem, size));
        Ok(TextSource::Memory(aside, size))
    }

    /// Puts longs into parameters that are kept in the frame, all at once. One that is read by another is written after that;
    /// of a ring, one is held in a register.
    fn pass_kept(&mut self, mut moves: Vec<(Value, Value)>) -> Result<(), GenerateError> {
        let mut held: Option<Reg> = None;
        while !moves.is_empty() {
            let free =
                moves.iter().position(|(param, _)| moves.iter().all(|(other, arg)| arg != param || other == param));
            let Some(at) = free else {
                let (first, _) = moves[0];
                let reg = self.register(first)?;
                // Who reads it from now on reads the register: only one ring is broken at a time.
                for (_, arg) in moves.iter_mut().filter(|(_, arg)| *arg == first) {
                    *arg = Value(u32::MAX);
                }
                held = Some(reg);
                continue;
            };
            let (param, arg) = moves.swap_remove(at);
            let src = match held {
                Some(reg) if arg == Value(u32::MAX) => Src::Reg(reg),
                _ => self.operand(arg)?,
            };
            let Held::Kept(to) = *self.held(param) else {
                return Err(self.malformed("a long is passed for something else"));
            };
            self.em.store(Size::B8, to, src);
        }
        Ok(())
    }
}
