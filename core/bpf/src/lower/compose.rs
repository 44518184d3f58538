//! Texts put together piece by piece at a place in the frame.
//!
//! Must never write beyond what `texts` has set aside: the length so far is masked to a power of two at each step, since the
//! verifier forgets what a comparison told of a register that has been spilled.

use systap_ir::graph::Value;

use super::{Lower, TextSource};
use crate::code::{Code, Label, Mem, Reg, Src};
use crate::emitter::{Arg, after};
use crate::error::GenerateError;
use crate::insn::{AluOp, Cond, Helper, Size};

/// A text that is being put together.
#[derive(Clone, Copy)]
pub(super) struct Composition {
    to: Mem,
    /// Bytes of its place.
    size: u32,
    /// The most bytes that it may have, NUL included.
    cap: u32,
    /// How many bytes there are so far.
    pub(super) at: Reg,
}

impl Composition {
    /// To the verifier, its length is at most this.
    pub(super) fn mask(self) -> i32 {
        self.cap.next_power_of_two() as i32 - 1
    }
}

impl Lower<'_, '_> {
    /// Begins an empty text at the place of a value.
    pub(super) fn compose(&mut self, result: Value) -> Result<Composition, GenerateError> {
        let (to, size) = self.home(result)?;
        if self.texts.padded[result.0 as usize] {
            self.zero(to, size);
        }
        let at = self.em.fresh(Arg::Imm(0));
        Ok(Composition { to, size, cap: self.cap(result), at })
    }

    /// Ends the text after its length so far.
    pub(super) fn composed(&mut self, text: Composition) {
        let end = self.end(text);
        self.em.store(Size::B1, Mem::Base(end, 0), Src::Imm(0));
        self.cut(text.to, text.size, text.cap);
    }

    /// The address behind what there is.
    fn end(&mut self, text: Composition) -> Reg {
        let end = self.em.fresh(Arg::Reg(text.at));
        self.em.alu(AluOp::And, end, Src::Imm(text.mask()));
        self.em.push(Code::Alu {
            wide: true,
            op: AluOp::Add,
            dst: end,
            src: Src::Reg(self.base(text.to)),
            signed: false,
        });
        self.offset(end, text.to);
        end
    }

    /// The register that a place is told from.
    pub(super) fn base(&self, mem: Mem) -> Reg {
        match mem {
            Mem::Base(base, _) => base,
            Mem::Stack(..) => Reg::FRAME_POINTER,
        }
    }

    fn offset(&mut self, address: Reg, mem: Mem) {
        if let Mem::Base(_, offset) = mem
            && offset != 0
        {
            self.em.alu(AluOp::Add, address, Src::Imm(i32::from(offset)));
        }
    }

    /// Counts bytes that have been written.
    fn advance(&mut self, text: Composition, by: Src) {
        self.em.alu(AluOp::Add, text.at, by);
        let (over, inside) = (self.em.label(), self.em.label());
        let last = text.cap as i32 - 1;
        self.em.branch(Cond::Gt, text.at, Src::Imm(last), over);
        self.seldom(|lower| {
            lower.em.place(over);
            lower.em.mov(text.at, Arg::Imm(i64::from(last)));
            lower.em.jump(inside);
        });
        self.em.place(inside);
    }

    /// Adds bytes that are known.
    pub(super) fn add_literal(&mut self, text: Composition, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let end = self.end(text);
        // With the NULs behind it, where nothing is yet.
        self.write_literal(Mem::Base(end, 0), bytes, (bytes.len() as u32 + 1).next_multiple_of(8));
        self.advance(text, Src::Imm(bytes.len() as i32));
    }

    /// Adds a text, at most `most` bytes of it if that is given (at least 0; not a number that the verifier knows).
    pub(super) fn add_text(&mut self, text: Composition, source: &TextSource, most: Option<Src>) {
        match (source, most) {
            (TextSource::Literal(bytes), None) => self.add_literal(text, bytes),
            (TextSource::Literal(bytes), Some(Src::Imm(most))) => {
                let kept = bytes.len().min(most.max(0) as usize);
                self.add_literal(text, &bytes[..kept]);
            }
            (TextSource::Memory(_, size), None) => {
                let size = Arg::Imm(i64::from(*size));
                self.add_from(text, source, size);
            }
            (TextSource::Memory(_, size), Some(Src::Imm(most))) => {
                let bytes = Arg::Imm(i64::from((most.max(0) as u32).saturating_add(1).min(*size)));
                self.add_from(text, source, bytes);
            }
            (_, Some(Src::Reg(most))) => {
                let room = match source {
                    TextSource::Literal(bytes) => bytes.len() as u32 + 1,
                    TextSource::Memory(_, size) => *size,
                };
                let bytes = self.em.fresh(Arg::Reg(most));
                self.at_most(bytes, i64::from(room) - 1);
                self.em.alu(AluOp::And, bytes, Src::Imm(room.next_power_of_two() as i32 - 1));
                self.em.alu(AluOp::Add, bytes, Src::Imm(1));
                self.add_from(text, source, Arg::Reg(bytes));
            }
        }
    }

    /// Adds a text of memory, at most that many bytes of it with its NUL.
    fn add_from(&mut self, text: Composition, source: &TextSource, bytes: Arg) {
        let from = self.address(source);
        self.add_string(text, from, bytes);
    }

    /// Adds what is at an address up to its NUL, at most that many bytes with it.
    pub(super) fn add_string(&mut self, text: Composition, from: Arg, bytes: Arg) {
        let end = self.end(text);
        let copied = self.em.call_for(Helper::ProbeReadKernelStr, &[Arg::Reg(end), bytes, from]);
        self.em.alu(AluOp::Sub, copied, Src::Imm(1));
        self.advance(text, Src::Reg(copied));
    }

    /// Where a text lies; a literal in a table.
    pub(super) fn address(&mut self, source: &TextSource) -> Arg {
        match source {
            TextSource::Memory(mem, _) => Arg::Address(*mem),
            TextSource::Literal(bytes) => {
                let mut contents = bytes.clone();
                // As long as an index of it can be to the verifier, and a word there.
                contents.resize((bytes.len() + 1).next_power_of_two() + 8, 0);
                let map = self.shared.maps.table("text", contents);
                let dst = self.em.reg();
                self.em.push(Code::MapRef { dst, map, offset: Some(0) });
                Arg::Reg(dst)
            }
        }
    }

    /// Lowers a register to `most`, signed.
    pub(super) fn at_most(&mut self, reg: Reg, most: i64) {
        let fits = self.em.label();
        self.em.branch(Cond::SLe, reg, Src::Imm(most as i32), fits);
        self.em.mov(reg, Arg::Imm(most));
        self.em.place(fits);
    }

    /// Raises a register to `least`, signed.
    pub(super) fn at_least(&mut self, reg: Reg, least: i64) {
        let fits = self.em.label();
        self.em.branch(Cond::SGe, reg, Src::Imm(least as i32), fits);
        self.em.mov(reg, Arg::Imm(least));
        self.em.place(fits);
    }

    /// Adds one byte, the low one of the register.
    pub(super) fn add_byte(&mut self, text: Composition, byte: Src) {
        let end = self.end(text);
        self.em.store(Size::B1, Mem::Base(end, 0), byte);
        self.advance(text, Src::Imm(1));
    }

    /// Adds a byte as often as the register says; not at all if that is negative.
    pub(super) fn add_repeated(&mut self, text: Composition, byte: u8, times: Src) {
        if let Src::Imm(times) = times
            && times <= 16
        {
            self.add_literal(text, &vec![byte; times.max(0) as usize]);
            return;
        }
        let end = self.em.fresh(times);
        self.at_most(end, i64::from(text.cap));
        self.em.alu(AluOp::Add, end, Src::Reg(text.at));
        self.at_most(end, i64::from(text.cap) - 1);
        let (end, at) = (self.unknown(Src::Reg(end)), self.unknown(Src::Reg(text.at)));
        let (head, done) = (self.em.label(), self.em.label());
        self.em.mov(text.at, Arg::Reg(at));
        self.em.place(head);
        self.em.branch(Cond::SGe, text.at, Src::Reg(end), done);
        self.em.push(Code::MayGoto { to: done });
        let place = self.end(text);
        self.em.store(Size::B1, Mem::Base(place, 0), Src::Imm(i32::from(byte)));
        self.em.alu(AluOp::Add, text.at, Src::Imm(1));
        self.em.jump(head);
        self.em.place(done);
        self.em.alu(AluOp::And, text.at, Src::Imm(text.mask()));
    }

    /// Adds two bytes, of which `length` count.
    pub(super) fn add_pair(&mut self, text: Composition, pair: Reg, length: Src) {
        let end = self.end(text);
        self.em.store(Size::B2, Mem::Base(end, 0), Src::Reg(pair));
        self.advance(text, length);
    }

    /// Adds four bytes, of which `length` count.
    pub(super) fn add_short(&mut self, text: Composition, bytes: Reg, length: Reg) {
        let end = self.end(text);
        self.em.store(Size::B4, Mem::Base(end, 0), Src::Reg(bytes));
        self.advance(text, Src::Reg(length));
    }

    /// Adds eight bytes, of which `length` count and the rest is NUL.
    pub(super) fn add_word(&mut self, text: Composition, bytes: Reg, length: Src) {
        let end = self.end(text);
        self.em.store(Size::B8, Mem::Base(end, 0), Src::Reg(bytes));
        self.advance(text, length);
    }

    /// Adds `words` words that lie at a place, of which `length` bytes count and the rest is NUL.
    pub(super) fn add_words(&mut self, text: Composition, from: Mem, words: u32, length: Reg) {
        let end = self.end(text);
        for word in 0..words {
            let bytes = self.em.load(Size::B8, after(from, 8 * word));
            self.em.store(Size::B8, Mem::Base(end, 8 * word as i16), Src::Reg(bytes));
        }
        self.advance(text, Src::Reg(length));
    }

    /// Leaves for `done` if the text is full.
    pub(super) fn leave_if_full(&mut self, text: Composition, done: Label) {
        self.em.branch(Cond::SGe, text.at, Src::Imm(text.cap as i32 - 1), done);
    }

    /// Does nothing but hide from the verifier what it knows of the length, so that a loop's states become equal.
    pub(super) fn hide_length(&mut self, text: Composition) {
        let at = self.unknown(Src::Reg(text.at));
        self.em.mov(text.at, Arg::Reg(at));
    }
}
