//! What changes the current task: its memory, the signals it gets. Only what guru mode allows comes here.
//!
//! Must never take a fault for a success: each gives what the helper said.

use systap_ir::graph::Value;
use systap_ir::intrinsic::Intrinsic;

use super::{Held, Lower, TextSource};
use crate::code::{Mem, Reg, Src, StackObject};
use crate::emitter::Arg;
use crate::error::GenerateError;
use crate::insn::{AluOp, Cond, Helper, Size};

impl Lower<'_, '_> {
    pub(super) fn interfere(
        &mut self,
        result: Option<Value>,
        intrinsic: Intrinsic,
        list: &[Value],
    ) -> Result<(), GenerateError> {
        let given = match (intrinsic, list) {
            (Intrinsic::WriteUser, &[address, number, width]) => self.write_number(address, number, width)?,
            (Intrinsic::WriteUserText, &[address, text, most]) => self.write_text(address, text, most)?,
            (Intrinsic::Raise, &[signal]) => {
                let signal = self.copy(signal)?;
                self.em.call_for(Helper::SendSignalThread, &[Arg::Reg(signal)])
            }
            _ => return Err(self.malformed("a change of the current task without its operands")),
        };
        if let Some(result) = result {
            self.hold(result, Held::Long(given));
        }
        Ok(())
    }

    /// Says what becomes of the packet: nothing but 0 and 1 is taken by the verifier.
    pub(super) fn verdict(&mut self, result: Option<Value>, given: Value) -> Result<(), GenerateError> {
        let Some(verdict) = self.facts.verdict else {
            return Err(self.malformed("a verdict where no packet is"));
        };
        let given = self.copy(given)?;
        let (dropped, done) = (self.em.label(), self.em.label());
        self.em.branch(Cond::Eq, given, Src::Imm(0), dropped);
        self.em.mov(verdict, Arg::Imm(1));
        self.em.jump(done);
        self.em.place(dropped);
        self.em.mov(verdict, Arg::Imm(0));
        self.em.place(done);
        if let Some(result) = result {
            self.hold(result, Held::Long(given));
        }
        Ok(())
    }

    fn write_number(&mut self, address: Value, number: Value, width: Value) -> Result<Reg, GenerateError> {
        let width = self.constant(width).filter(|width| matches!(width, 1 | 2 | 4 | 8));
        let width = width.ok_or_else(|| self.malformed("a write whose width is not known"))?;
        let (address, number) = (self.copy(address)?, self.copy(number)?);
        let cell = Mem::Stack(StackObject::Read, 0);
        self.em.stack.need(StackObject::Read, 8);
        self.em.store(Size::B8, cell, Src::Reg(number));
        let failed =
            self.em.call_for(Helper::ProbeWriteUser, &[Arg::Reg(address), Arg::Address(cell), Arg::Imm(width)]);
        self.success(failed)
    }

    fn write_text(&mut self, address: Value, text: Value, most: Value) -> Result<Reg, GenerateError> {
        let (address, bytes) = (self.copy(address)?, self.copy(most)?);
        let source = self.text(text)?;
        let room = match &source {
            TextSource::Literal(bytes) => bytes.len() as u32 + 1,
            TextSource::Memory(_, size) => *size,
        };
        let length = self.length_of(&source);
        self.em.alu(AluOp::Add, length, Src::Imm(1));
        let (shorter, done) = (self.em.label(), self.em.label());
        self.em.branch(Cond::SLe, bytes, Src::Reg(length), shorter);
        self.em.mov(bytes, Arg::Reg(length));
        self.em.place(shorter);
        // Nothing to write is written.
        let failed = self.em.fresh(Arg::Imm(0));
        self.em.branch(Cond::SLe, bytes, Src::Imm(0), done);
        self.at_most(bytes, i64::from(room));
        let from = self.address(&source);
        self.em.call(Helper::ProbeWriteUser, &[Arg::Reg(address), from, Arg::Reg(bytes)]);
        self.em.mov(failed, Arg::Reg(Reg::R0));
        self.em.place(done);
        self.success(failed)
    }

    /// 1 if a helper gave 0.
    fn success(&mut self, failed: Reg) -> Result<Reg, GenerateError> {
        self.truth(|lower, yes| {
            lower.em.branch(Cond::Eq, failed, Src::Imm(0), yes);
            Ok(())
        })
    }
}
