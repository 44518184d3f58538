//! Texts: copying, padding, reading from memory, joining, comparing.
//!
//! Must never leave a text without a NUL within its greatest length, nor (where it is padded) with anything after it.

use systap_ir::graph::Value;
use systap_ir::program::{CompareOp, Space};

use super::{Held, Lower, TextSource};
use crate::artifact::Fault;
use crate::code::{Code, Mem, Reg, Src};
use crate::emitter::{Arg, after};
use crate::error::GenerateError;
use crate::insn::{AluOp, Cond, Helper, Size};
use crate::texts::Region;

/// More bytes than that are moved by a helper.
const INLINE_COPY: u32 = 64;
/// More bytes than that are zeroed by a helper.
const INLINE_ZERO: u32 = 128;

/// The 8 bytes of a text at `offset`, NULs after its end.
fn word_of(bytes: &[u8], offset: usize) -> [u8; 8] {
    let mut word = [0; 8];
    for (to, from) in word.iter_mut().zip(bytes.get(offset..).unwrap_or_default()) {
        *to = *from;
    }
    word
}

impl Lower<'_, '_> {
    /// Fills `size` bytes (a multiple of 8) with a text of at most `cap` bytes, NUL included, and NULs.
    pub(super) fn copy_text(&mut self, to: Mem, size: u32, cap: u32, source: &TextSource) {
        match source {
            TextSource::Literal(bytes) => {
                let kept = bytes.len().min(cap.saturating_sub(1) as usize);
                let used = (kept as u32 + 1).next_multiple_of(8).min(size);
                self.write_literal(to, &bytes[..kept], used);
                self.zero(after(to, used), size - used);
            }
            TextSource::Memory(from, from_size) => {
                let both = (*from_size).min(size);
                if both > INLINE_COPY {
                    let args = [Arg::Address(to), Arg::Imm(i64::from(both)), Arg::Address(*from)];
                    self.em.call(Helper::ProbeReadKernel, &args);
                } else {
                    for offset in (0..both).step_by(8) {
                        let word = self.em.load(Size::B8, after(*from, offset));
                        self.em.store(Size::B8, after(to, offset), Src::Reg(word));
                    }
                }
                self.zero(after(to, both), size - both);
                if *from_size > size || cap < both {
                    self.cut(to, size, cap);
                }
            }
        }
    }

    /// Ends a text after `cap - 1` bytes.
    pub(super) fn cut(&mut self, text: Mem, size: u32, cap: u32) {
        let mut at = cap.min(size) - 1;
        while !at.is_multiple_of(8) {
            self.em.store(Size::B1, after(text, at), Src::Imm(0));
            at += 1;
        }
        if at < size {
            self.zero(after(text, at), size - at);
        }
    }

    /// Writes the words of a text and NULs, `size` bytes, a multiple of 8.
    pub(super) fn write_literal(&mut self, to: Mem, bytes: &[u8], size: u32) {
        for offset in (0..size).step_by(8) {
            let word = word_of(bytes, offset as usize);
            let value = i64::from_ne_bytes(word);
            let place = after(to, offset);
            match i32::try_from(value) {
                Ok(imm) => self.em.store(Size::B8, place, Src::Imm(imm)),
                Err(_) => {
                    let src = self.em.fresh(Arg::Imm(value));
                    self.em.store(Size::B8, place, Src::Reg(src));
                }
            }
        }
    }

    /// Zeroes `size` bytes, a multiple of 8.
    pub(super) fn zero(&mut self, to: Mem, size: u32) {
        if size > INLINE_ZERO {
            // A read that fails leaves zeros; that of address 0 fails at once, without a fault of the processor.
            let args = [Arg::Address(to), Arg::Imm(i64::from(size)), Arg::Imm(0)];
            self.em.call(Helper::ProbeReadKernel, &args);
            return;
        }
        for offset in (0..size).step_by(8) {
            self.em.store(Size::B8, after(to, offset), Src::Imm(0));
        }
    }

    pub(super) fn read_text(
        &mut self,
        result: Option<Value>,
        address: Value,
        limit: Option<Value>,
        space: Space,
        fallback: Option<Value>,
    ) -> Result<(), GenerateError> {
        let Some(result) = result else {
            // Only whether it can be read matters.
            let address = self.register(address)?;
            let read = Mem::Stack(crate::code::StackObject::Read, 0);
            self.em.stack.need(crate::code::StackObject::Read, 8);
            let length = self.em.call_for(string_reader(space), &[Arg::Address(read), Arg::Imm(8), Arg::Reg(address)]);
            if fallback.is_none() {
                let fault = self.fault(Fault::ReadText(space), Some(Src::Reg(address)))?;
                self.em.branch(Cond::SLt, length, Src::Imm(0), fault);
            }
            return Ok(());
        };
        let (to, size) = self.home(result)?;
        let cap = self.cap(result);
        let address = self.register(address)?;
        let on_stack = self.texts.homes[result.0 as usize].is_some_and(|home| home.region == Region::Stack);
        let bytes = match limit {
            None => Arg::Imm(i64::from(cap)),
            Some(limit) => match self.constant(limit) {
                // Nothing of it is as far as a negative length goes, but it must be there to be read.
                Some(limit) => Arg::Imm(limit.clamp(0, i64::from(cap) - 1) + 1),
                None => {
                    let bytes = self.copy(limit)?;
                    self.at_most(bytes, i64::from(cap) - 1);
                    self.at_least(bytes, 0);
                    // For the verifier, as in `text_length`; the place has room for that.
                    self.em.alu(AluOp::And, bytes, Src::Imm(cap.next_power_of_two() as i32 - 1));
                    self.em.alu(AluOp::Add, bytes, Src::Imm(1));
                    Arg::Reg(bytes)
                }
            },
        };
        // The helper writes the text and its NUL, nothing after; and the verifier wants memory initialised where it does
        // not know how much is written.
        if self.texts.padded[result.0 as usize] || on_stack && matches!(bytes, Arg::Reg(_)) {
            self.zero(to, size);
        }
        let length = self.em.call_for(string_reader(space), &[Arg::Address(to), bytes, Arg::Reg(address)]);
        match fallback {
            None => {
                let fault = self.fault(Fault::ReadText(space), Some(Src::Reg(address)))?;
                self.em.branch(Cond::SLt, length, Src::Imm(0), fault);
            }
            Some(fallback) => {
                let source = self.text(fallback)?;
                let (failed, done) = (self.em.label(), self.em.label());
                self.em.branch(Cond::SLt, length, Src::Imm(0), failed);
                self.seldom(|lower| {
                    lower.em.place(failed);
                    lower.copy_text(to, size, cap, &source);
                    lower.em.jump(done);
                });
                self.em.place(done);
            }
        }
        self.hold(result, Held::Text);
        Ok(())
    }

    pub(super) fn concat(&mut self, result: Option<Value>, left: Value, right: Value) -> Result<(), GenerateError> {
        let Some(result) = result else { return Ok(()) };
        let (to, size) = self.home(result)?;
        let cap = self.cap(result);
        if self.texts.padded[result.0 as usize] {
            self.zero(to, size);
        }
        // The place has room for both in full, so neither copy need be bounded by what the other took.
        let length = match self.text(left)? {
            TextSource::Literal(bytes) => {
                self.write_literal(to, &bytes, (bytes.len() as u32 + 1).next_multiple_of(8));
                Src::Imm(bytes.len() as i32)
            }
            TextSource::Memory(from, from_size) => {
                let args = [Arg::Address(to), Arg::Imm(i64::from(from_size)), Arg::Address(from)];
                let length = self.em.call_for(Helper::ProbeReadKernelStr, &args);
                Src::Reg(self.text_length(length, from_size))
            }
        };
        let end = self.em.fresh(Arg::Address(to));
        self.em.alu(AluOp::Add, end, length);
        match self.text(right)? {
            TextSource::Literal(bytes) => {
                self.write_literal(Mem::Base(end, 0), &bytes, (bytes.len() as u32 + 1).next_multiple_of(8));
            }
            TextSource::Memory(from, from_size) => {
                let args = [Arg::Reg(end), Arg::Imm(i64::from(from_size)), Arg::Address(from)];
                self.em.call(Helper::ProbeReadKernelStr, &args);
            }
        }
        self.cut(to, size, cap);
        self.hold(result, Held::Text);
        Ok(())
    }

    /// The length without NUL from what a string helper returned that copied into `size` bytes. To the verifier it is less
    /// than the next power of two: it would forget the result of a comparison if the register were spilled, but not that
    /// of an instruction.
    pub(super) fn text_length(&mut self, returned: Reg, size: u32) -> Reg {
        let length = self.em.fresh(Arg::Reg(returned));
        self.em.alu(AluOp::Sub, length, Src::Imm(1));
        self.em.alu(AluOp::And, length, Src::Imm(size.next_power_of_two() as i32 - 1));
        length
    }

    pub(super) fn compare_text(&mut self, op: CompareOp, left: Value, right: Value) -> Result<Reg, GenerateError> {
        let (left, right) = (self.text(left)?, self.text(right)?);
        let size = |source: &TextSource| match source {
            TextSource::Literal(bytes) => (bytes.len() as u32 + 1).next_multiple_of(8),
            TextSource::Memory(_, size) => *size,
        };
        // The shorter of the two ends in a NUL within its words, so there they differ unless they are equal.
        let words = size(&left).min(size(&right));
        let differ = self.em.label();
        let done = self.em.label();
        let result = self.em.reg();
        let (a, b) = (self.em.reg(), self.em.reg());
        for offset in (0..words).step_by(8) {
            for (part, source) in [(a, &left), (b, &right)] {
                match source {
                    TextSource::Literal(bytes) => {
                        let value = i64::from_ne_bytes(word_of(bytes, offset as usize));
                        self.em.mov(part, Arg::Imm(value));
                    }
                    TextSource::Memory(mem, _) => {
                        self.em.push(Code::Load { size: Size::B8, dst: part, mem: after(*mem, offset) });
                    }
                }
            }
            self.em.branch(Cond::Ne, a, Src::Reg(b), differ);
        }
        let when_equal = matches!(op, CompareOp::Equal | CompareOp::LessOrEqual | CompareOp::GreaterOrEqual);
        self.em.mov(result, Arg::Imm(i64::from(when_equal)));
        self.em.jump(done);
        self.em.place(differ);
        match op {
            CompareOp::Equal | CompareOp::NotEqual => {
                self.em.mov(result, Arg::Imm(i64::from(op == CompareOp::NotEqual)));
            }
            _ => {
                // The first byte that differs decides, so it has to be the highest of the word.
                self.em.push(Code::BigEndian { dst: a });
                self.em.push(Code::BigEndian { dst: b });
                let less = matches!(op, CompareOp::Less | CompareOp::LessOrEqual);
                let truth = self.truth(|lower, yes| {
                    lower.em.branch(if less { Cond::Lt } else { Cond::Gt }, a, Src::Reg(b), yes);
                    Ok(())
                })?;
                self.em.mov(result, Arg::Reg(truth));
            }
        }
        self.em.place(done);
        Ok(result)
    }
}

/// The helper that reads a string.
pub(super) fn string_reader(space: Space) -> Helper {
    match space {
        Space::Kernel => Helper::ProbeReadKernelStr,
        Space::User => Helper::ProbeReadUserStr,
    }
}
