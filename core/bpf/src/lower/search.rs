//! Functions of strings: length, part, search, replacement, number.
//!
//! Must never give anything else than the user side's functions of the same names, whatever the strings.

use systap_ir::graph::Value;
use systap_ir::intrinsic::Intrinsic;
use systap_ir::program::Space;

use super::{Held, Lower, TextSource};
use crate::code::{Code, Label, Mem, Reg, Src};
use crate::emitter::{Arg, after};
use crate::error::GenerateError;
use crate::insn::{AluOp, Cond, Size};

/// A byte of each of a word's eight.
const ONES: i64 = 0x0101_0101_0101_0101;
/// Their highest bits.
const HIGH_BITS: i64 = i64::from_ne_bytes([0x80; 8]);

/// A text whose bytes are looked at one by one.
#[derive(Clone, Copy)]
pub(super) struct Bytes {
    pub(super) start: Mem,
    /// A power of two; so many bytes are there to be read, and 7 more.
    pub(super) room: u32,
}

impl Lower<'_, '_> {
    /// A function of strings; `None` if it is none.
    pub(super) fn text_function(
        &mut self,
        result: Option<Value>,
        intrinsic: Intrinsic,
        list: &[Value],
    ) -> Result<bool, GenerateError> {
        let known = matches!(
            (intrinsic, list.len()),
            (Intrinsic::Strlen, 1)
                | (Intrinsic::Substr, 3)
                | (Intrinsic::ByteAt, 2)
                | (Intrinsic::Isinstr | Intrinsic::Strpos | Intrinsic::Strtol, 2)
                | (Intrinsic::StrReplace | Intrinsic::TextStrn | Intrinsic::QuoteKernel | Intrinsic::QuoteUser, 3)
                | (Intrinsic::TextOr | Intrinsic::Token | Intrinsic::TokenRest, 2)
        );
        let Some(result) = result.filter(|_| known) else { return Ok(known) };
        match intrinsic {
            Intrinsic::Strlen => {
                let source = self.text(list[0])?;
                let length = self.length_of(&source);
                self.hold(result, Held::Long(length));
            }
            Intrinsic::Substr => self.substr(result, list[0], list[1], list[2])?,
            Intrinsic::ByteAt => {
                let byte = self.byte_or_0(list[0], list[1])?;
                self.hold(result, Held::Long(byte));
            }
            Intrinsic::Isinstr | Intrinsic::Strpos => {
                let at = self.find(list[0], list[1])?;
                if intrinsic == Intrinsic::Isinstr {
                    // Only -1 has the highest bit.
                    self.em.alu(AluOp::Rsh, at, Src::Imm(63));
                    self.em.alu(AluOp::Xor, at, Src::Imm(1));
                }
                self.hold(result, Held::Long(at));
            }
            Intrinsic::StrReplace => self.replace(result, list)?,
            Intrinsic::TextOr => self.text_or(result, list[0], list[1])?,
            Intrinsic::Token => self.token(result, list[0], list[1])?,
            Intrinsic::TokenRest => self.token_rest(result, list[0], list[1])?,
            Intrinsic::TextStrn => self.escaped_text(result, list[0], list[1], list[2])?,
            Intrinsic::QuoteKernel => self.quoted_memory(result, Space::Kernel, list[0], list[1], list[2])?,
            Intrinsic::QuoteUser => self.quoted_memory(result, Space::User, list[0], list[1], list[2])?,
            _ => {
                let value = self.number_in(list[0], list[1])?;
                self.hold(result, Held::Long(value));
            }
        }
        Ok(true)
    }

    /// The length of a text of memory, `size` bytes with all that follows: the index of its first NUL.
    pub(super) fn length_in(&mut self, mem: Mem, size: u32) -> Reg {
        // The first word with a zero byte in it: there the highest bit of the byte is set, and below only zeros.
        let length = self.em.fresh(Arg::Imm(i64::from(size)));
        let ones = self.em.fresh(Arg::Imm(ONES));
        let high = self.em.fresh(Arg::Imm(HIGH_BITS));
        let zeros = self.em.reg();
        let (found, done) = (self.em.label(), self.em.label());
        for offset in (0..size).step_by(8) {
            let word = self.em.load(Size::B8, after(mem, offset));
            self.em.mov(zeros, Arg::Reg(word));
            self.em.alu(AluOp::Sub, zeros, Src::Reg(ones));
            self.em.alu(AluOp::Xor, word, Src::Imm(-1));
            self.em.alu(AluOp::And, zeros, Src::Reg(word));
            self.em.alu(AluOp::And, zeros, Src::Reg(high));
            // One less: the count below takes in the zero byte's own lowest bit.
            self.em.mov(length, Arg::Imm(i64::from(offset) - 1));
            self.em.branch(Cond::Ne, zeros, Src::Imm(0), found);
        }
        // Not a text, then.
        self.em.jump(done);
        self.em.place(found);
        // The bytes that begin below the lowest bit that is set, counted.
        let lowest = self.em.fresh(Arg::Reg(zeros));
        self.em.push(Code::Negate { dst: lowest });
        self.em.alu(AluOp::And, lowest, Src::Reg(zeros));
        self.em.alu(AluOp::Sub, lowest, Src::Imm(1));
        self.em.alu(AluOp::And, lowest, Src::Reg(ones));
        self.em.alu(AluOp::Mul, lowest, Src::Reg(ones));
        self.em.alu(AluOp::Rsh, lowest, Src::Imm(56));
        self.em.alu(AluOp::Add, length, Src::Reg(lowest));
        self.em.place(done);
        length
    }

    fn substr(&mut self, result: Value, text: Value, start: Value, length: Value) -> Result<(), GenerateError> {
        let part = self.compose(result)?;
        let done = self.em.label();
        let source = self.text(text)?;
        let room = match &source {
            TextSource::Literal(bytes) => (bytes.len() as u32 + 1).next_power_of_two(),
            TextSource::Memory(_, size) => *size,
        };
        let wanted = self.copy(length)?;
        let from = self.copy(start)?;
        self.em.branch(Cond::SLe, wanted, Src::Imm(0), done);
        // What is behind the text is NULs; what is behind its place is nothing.
        self.em.branch(Cond::Ge, from, Src::Imm(room as i32), done);
        let most = self.cap(result).min(room);
        self.at_most(wanted, i64::from(most) - 1);
        self.em.alu(AluOp::And, wanted, Src::Imm(most.next_power_of_two() as i32 - 1));
        self.em.alu(AluOp::Add, wanted, Src::Imm(1));
        self.em.alu(AluOp::And, from, Src::Imm(room.next_power_of_two() as i32 - 1));
        let start = self.address(&source);
        let start = self.em.fresh(start);
        self.em.alu(AluOp::Add, start, Src::Reg(from));
        self.add_string(part, Arg::Reg(start), Arg::Reg(wanted));
        self.em.place(done);
        self.composed(part);
        self.hold(result, Held::Text);
        Ok(())
    }

    /// The bytes of a value, to be looked at one by one.
    pub(super) fn bytes(&mut self, value: Value) -> Result<Bytes, GenerateError> {
        let source = self.text(value)?;
        let room = match &source {
            TextSource::Literal(bytes) => bytes.len() as u32 + 1,
            TextSource::Memory(_, size) => *size,
        };
        let start = match self.address(&source) {
            Arg::Address(mem) => mem,
            other => Mem::Base(self.em.fresh(other), 0),
        };
        Ok(Bytes { start, room: room.next_power_of_two() })
    }

    /// The byte at an index.
    pub(super) fn byte_at(&mut self, bytes: Bytes, at: Reg) -> Reg {
        let place = self.indexed_place(bytes.start, at, bytes.room);
        self.em.load(Size::B1, place)
    }

    /// A place whose index the verifier knows only to be below a power of two.
    pub(super) fn indexed_place(&mut self, start: Mem, at: Reg, room: u32) -> Mem {
        let place = self.em.fresh(Arg::Reg(at));
        self.em.alu(AluOp::And, place, Src::Imm(room as i32 - 1));
        self.em.alu(AluOp::Add, place, Src::Reg(self.base(start)));
        match start {
            Mem::Base(_, offset) => Mem::Base(place, offset),
            Mem::Stack(..) => Mem::Base(place, 0),
        }
    }

    /// The byte at an index, or 0 where the text has none, in a register of its own.
    fn byte_or_0(&mut self, text: Value, index: Value) -> Result<Reg, GenerateError> {
        let bytes = self.bytes(text)?;
        let at = self.copy(index)?;
        let (behind, done) = (self.em.label(), self.em.label());
        // Negative indexes are large ones; behind the text, but within its place, are NULs.
        self.em.branch(Cond::Ge, at, Src::Imm(bytes.room as i32), behind);
        let found = self.byte_at(bytes, at);
        self.em.mov(at, Arg::Reg(found));
        self.em.jump(done);
        self.em.place(behind);
        self.em.mov(at, Arg::Imm(0));
        self.em.place(done);
        Ok(at)
    }

    /// The index of the first occurrence, or -1, in a register of its own.
    fn find(&mut self, text: Value, part: Value) -> Result<Reg, GenerateError> {
        if let Ok(TextSource::Literal(part)) = self.text(part)
            && (1..=8).contains(&part.len())
        {
            return self.find_word(text, &part);
        }
        let (text, part) = (self.bytes(text)?, self.bytes(part)?);
        let at = self.unknown(Src::Imm(0));
        let matched = self.unknown(Src::Imm(0));
        let (head, differ, absent, found) = (self.em.label(), self.em.label(), self.em.label(), self.em.label());
        self.em.place(head);
        self.em.push(Code::MayGoto { to: absent });
        let wanted = self.byte_at(part, matched);
        self.em.branch(Cond::Eq, wanted, Src::Imm(0), found);
        let next = self.em.fresh(Arg::Reg(at));
        self.em.alu(AluOp::Add, next, Src::Reg(matched));
        let byte = self.byte_at(text, next);
        self.em.branch(Cond::Ne, byte, Src::Reg(wanted), differ);
        self.em.alu(AluOp::Add, matched, Src::Imm(1));
        self.em.jump(head);
        self.em.place(differ);
        // At the end of the text, what is left is too short wherever it begins.
        self.em.branch(Cond::Eq, byte, Src::Imm(0), absent);
        self.em.alu(AluOp::Add, at, Src::Imm(1));
        self.em.mov(matched, Arg::Imm(0));
        self.em.jump(head);
        self.em.place(absent);
        self.em.mov(at, Arg::Imm(-1));
        self.em.place(found);
        Ok(at)
    }

    /// The same for a part of at most 8 bytes, which are compared at once.
    fn find_word(&mut self, text: Value, part: &[u8]) -> Result<Reg, GenerateError> {
        let text = self.bytes(text)?;
        let mut word = [0; 8];
        word[..part.len()].copy_from_slice(part);
        let wanted = self.em.fresh(Arg::Imm(i64::from_ne_bytes(word)));
        let at = self.unknown(Src::Imm(0));
        let (head, absent, found) = (self.em.label(), self.em.label(), self.em.label());
        self.em.place(head);
        self.em.push(Code::MayGoto { to: absent });
        let place = self.indexed_place(text.start, at, text.room);
        let here = self.em.load(Size::B8, place);
        let first = self.em.fresh(Arg::Reg(here));
        let rest = 8 * (8 - part.len() as i32);
        if rest > 0 {
            self.em.alu(AluOp::Lsh, here, Src::Imm(rest));
            self.em.alu(AluOp::Rsh, here, Src::Imm(rest));
        }
        self.em.branch(Cond::Eq, here, Src::Reg(wanted), found);
        self.em.alu(AluOp::And, first, Src::Imm(255));
        self.em.branch(Cond::Eq, first, Src::Imm(0), absent);
        self.em.alu(AluOp::Add, at, Src::Imm(1));
        self.em.jump(head);
        self.em.place(absent);
        self.em.mov(at, Arg::Imm(-1));
        self.em.place(found);
        Ok(at)
    }

    fn replace(&mut self, result: Value, list: &[Value]) -> Result<(), GenerateError> {
        let [text, old, new] = *list else { return Err(self.malformed("str_replace without three strings")) };
        let out = self.compose(result)?;
        let new = self.text(new)?;
        let (text, old) = (self.bytes(text)?, self.bytes(old)?);
        let at = self.unknown(Src::Imm(0));
        let matched = self.unknown(Src::Imm(0));
        self.hide_length(out);
        let (head, differ, whole, done) = (self.em.label(), self.em.label(), self.em.label(), self.em.label());
        self.em.place(head);
        self.em.push(Code::MayGoto { to: done });
        self.leave_if_full(out, done);
        let wanted = self.byte_at(old, matched);
        let next = self.em.fresh(Arg::Reg(at));
        self.em.alu(AluOp::Add, next, Src::Reg(matched));
        self.em.branch(Cond::Eq, wanted, Src::Imm(0), whole);
        let byte = self.byte_at(text, next);
        self.em.branch(Cond::Ne, byte, Src::Reg(wanted), differ);
        self.em.alu(AluOp::Add, matched, Src::Imm(1));
        self.em.jump(head);
        self.em.place(whole);
        // Nothing is replaced by an empty one.
        self.em.branch(Cond::Eq, matched, Src::Imm(0), differ);
        self.add_text(out, &new, None);
        self.em.mov(at, Arg::Reg(next));
        self.em.mov(matched, Arg::Imm(0));
        self.em.jump(head);
        self.em.place(differ);
        let byte = self.byte_at(text, at);
        self.em.branch(Cond::Eq, byte, Src::Imm(0), done);
        self.add_byte(out, Src::Reg(byte));
        self.em.alu(AluOp::Add, at, Src::Imm(1));
        self.em.mov(matched, Arg::Imm(0));
        self.em.jump(head);
        self.em.place(done);
        self.composed(out);
        self.hold(result, Held::Text);
        Ok(())
    }

    // --- strtol

    fn number_in(&mut self, text: Value, base: Value) -> Result<Reg, GenerateError> {
        let text = self.bytes(text)?;
        let base = self.copy(base)?;
        let base = self.unknown(Src::Reg(base));
        let at = self.unknown(Src::Imm(0));
        let value = self.unknown(Src::Imm(0));
        let negative = self.em.fresh(Arg::Imm(0));
        let (blank, sign, digits, done) = (self.em.label(), self.em.label(), self.em.label(), self.em.label());
        // White space.
        self.em.place(blank);
        self.em.push(Code::MayGoto { to: done });
        let byte = self.byte_at(text, at);
        let skip = self.em.label();
        self.em.branch(Cond::Eq, byte, Src::Imm(i32::from(b' ')), skip);
        let control = self.em.fresh(Arg::Reg(byte));
        self.em.alu(AluOp::Sub, control, Src::Imm(9));
        self.em.branch(Cond::Gt, control, Src::Imm(4), sign);
        self.em.place(skip);
        self.em.alu(AluOp::Add, at, Src::Imm(1));
        self.em.jump(blank);
        // The sign.
        self.em.place(sign);
        let (signed, unsigned) = (self.em.label(), self.em.label());
        let minus = self.em.label();
        self.em.branch(Cond::Eq, byte, Src::Imm(i32::from(b'-')), minus);
        self.em.branch(Cond::Eq, byte, Src::Imm(i32::from(b'+')), signed);
        self.em.jump(unsigned);
        self.em.place(minus);
        self.em.mov(negative, Arg::Imm(1));
        self.em.place(signed);
        self.em.alu(AluOp::Add, at, Src::Imm(1));
        self.em.place(unsigned);
        self.base_prefix(text, at, base, done);
        self.em.place(digits);
        self.em.push(Code::MayGoto { to: done });
        let byte = self.byte_at(text, at);
        let digit = self.digit_value(byte);
        self.em.branch(Cond::Ge, digit, Src::Reg(base), done);
        self.em.alu(AluOp::Mul, value, Src::Reg(base));
        self.em.alu(AluOp::Add, value, Src::Reg(digit));
        self.em.alu(AluOp::Add, at, Src::Imm(1));
        self.em.jump(digits);
        self.em.place(done);
        let end = self.em.label();
        self.em.branch(Cond::Eq, negative, Src::Imm(0), end);
        self.em.push(Code::Negate { dst: value });
        self.em.place(end);
        Ok(value)
    }

    /// Settles the base by what stands before the digits, which is passed over; leaves for `none` where C knows no such base.
    fn base_prefix(&mut self, text: Bytes, at: Reg, base: Reg, none: Label) {
        let (check, settled) = (self.em.label(), self.em.label());
        let look = self.em.label();
        self.em.branch(Cond::Eq, base, Src::Imm(0), look);
        self.em.branch(Cond::Ne, base, Src::Imm(16), check);
        self.em.place(look);
        let zero = self.byte_at(text, at);
        let starts = self.em.label();
        self.em.branch(Cond::Eq, zero, Src::Imm(i32::from(b'0')), starts);
        self.em.branch(Cond::Ne, base, Src::Imm(0), check);
        self.em.mov(base, Arg::Imm(10));
        self.em.jump(settled);
        self.em.place(starts);
        let next = self.em.fresh(Arg::Reg(at));
        self.em.alu(AluOp::Add, next, Src::Imm(1));
        let letter = self.byte_at(text, next);
        self.em.alu(AluOp::Or, letter, Src::Imm(0x20));
        let octal = self.em.label();
        self.em.branch(Cond::Ne, letter, Src::Imm(i32::from(b'x')), octal);
        self.em.alu(AluOp::Add, next, Src::Imm(1));
        let byte = self.byte_at(text, next);
        let digit = self.digit_value(byte);
        self.em.branch(Cond::Ge, digit, Src::Imm(16), octal);
        self.em.mov(at, Arg::Reg(next));
        self.em.mov(base, Arg::Imm(16));
        self.em.jump(settled);
        self.em.place(octal);
        self.em.branch(Cond::Ne, base, Src::Imm(0), check);
        self.em.mov(base, Arg::Imm(8));
        self.em.jump(settled);
        self.em.place(check);
        self.em.branch(Cond::Lt, base, Src::Imm(2), none);
        self.em.branch(Cond::Gt, base, Src::Imm(36), none);
        self.em.place(settled);
        let known = self.unknown(Src::Reg(base));
        self.em.mov(base, Arg::Reg(known));
        let hidden = self.unknown(Src::Reg(at));
        self.em.mov(at, Arg::Reg(hidden));
    }

    /// What a byte is worth as a digit or letter; of no base's digits if it is neither.
    fn digit_value(&mut self, byte: Reg) -> Reg {
        let digit = self.em.fresh(Arg::Reg(byte));
        let (letter, done) = (self.em.label(), self.em.label());
        self.em.alu(AluOp::Sub, digit, Src::Imm(i32::from(b'0')));
        self.em.branch(Cond::Gt, digit, Src::Imm(9), letter);
        self.em.jump(done);
        self.em.place(letter);
        self.em.mov(digit, Arg::Reg(byte));
        self.em.alu(AluOp::Or, digit, Src::Imm(0x20));
        self.em.alu(AluOp::Sub, digit, Src::Imm(i32::from(b'a')));
        let no_letter = self.em.label();
        self.em.branch(Cond::Gt, digit, Src::Imm(25), no_letter);
        self.em.alu(AluOp::Add, digit, Src::Imm(10));
        self.em.jump(done);
        self.em.place(no_letter);
        self.em.mov(digit, Arg::Imm(99));
        self.em.place(done);
        digit
    }
}
