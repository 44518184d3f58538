//! Strings and memory with what does not print escaped, perhaps in quotes.
//!
//! Must never give anything else than the user side's functions of the same names, whatever the bytes.

use systap_ir::graph::Value;
use systap_ir::program::Space;

use super::memory::reader;
use super::search::Bytes;
use super::{Held, Lower};
use crate::artifact::Fault;
use crate::code::{Code, Mem, Reg, Src, StackObject};
use crate::emitter::Arg;
use crate::error::GenerateError;
use crate::insn::{AluOp, Cond, Size};

/// What is escaped.
#[derive(Clone, Copy)]
enum Escaped {
    /// A text, up to its NUL.
    Text(Bytes),
    /// So many bytes from an address.
    Memory { space: Space, address: Reg, count: Reg },
}

/// A character by its number, and how many bytes it had.
struct Wide {
    /// Its first bytes.
    first: Reg,
    /// How many those are.
    count: Reg,
    /// Four more.
    second: Reg,
    /// How many of those count: 4 or 0.
    more: Reg,
    length: Reg,
}

impl Lower<'_, '_> {
    /// A text with what does not print escaped.
    pub(super) fn escaped_text(
        &mut self,
        result: Value,
        text: Value,
        length: Value,
        quoted: Value,
    ) -> Result<(), GenerateError> {
        let bytes = self.bytes(text)?;
        let (length, quoted) = (self.copy(length)?, self.copy(quoted)?);
        self.escaped(result, Escaped::Text(bytes), length, quoted)
    }

    /// Memory in quotes.
    pub(super) fn quoted_memory(
        &mut self,
        result: Value,
        space: Space,
        address: Value,
        count: Value,
        length: Value,
    ) -> Result<(), GenerateError> {
        let (address, count, length) = (self.copy(address)?, self.copy(count)?, self.copy(length)?);
        let (address, count) = (self.unknown(Src::Reg(address)), self.unknown(Src::Reg(count)));
        let quoted = self.em.fresh(Arg::Imm(1));
        self.escaped(result, Escaped::Memory { space, address, count }, length, quoted)
    }

    /// The registers of what is escaped, of the length and of whether there are quotes are this function's own.
    fn escaped(&mut self, result: Value, what: Escaped, end: Reg, quoted: Reg) -> Result<(), GenerateError> {
        let out = self.compose(result)?;
        let most = self.shared.placed.limits.string as i32 - 1;
        let (given, whole) = (self.em.label(), self.em.label());
        self.em.branch(Cond::SGt, end, Src::Imm(most), whole);
        self.em.branch(Cond::SGt, end, Src::Imm(0), given);
        self.em.place(whole);
        self.em.mov(end, Arg::Imm(i64::from(most)));
        self.em.place(given);
        let (plain, begin) = (self.em.label(), self.em.label());
        self.em.branch(Cond::Eq, quoted, Src::Imm(0), plain);
        // The last quote has its place beside what the length leaves.
        self.at_least(end, 5);
        self.em.alu(AluOp::Sub, end, Src::Imm(1));
        self.add_literal(out, b"\"");
        self.em.place(plain);
        let end = self.unknown(Src::Reg(end));
        let at = self.unknown(Src::Imm(0));
        self.hide_length(out);
        // How much is there without an escape that reaches into the place of the quote and the dots.
        let kept = self.unknown(Src::Reg(out.at));
        let limit = self.em.fresh(Arg::Reg(end));
        self.em.alu(AluOp::Sub, limit, Src::Imm(3));
        let (cut, ended, done) = (self.em.label(), self.em.label(), self.em.label());
        self.em.place(begin);
        self.em.push(Code::MayGoto { to: ended });
        let byte = match what {
            Escaped::Text(text) => {
                let byte = self.byte_at(text, at);
                self.em.branch(Cond::Eq, byte, Src::Imm(0), ended);
                byte
            }
            Escaped::Memory { space, address, count } => {
                self.em.branch(Cond::SGe, at, Src::Reg(count), ended);
                self.byte_of_memory(space, address, at, 0)?
            }
        };
        // Without a branch, which would double the ways that the verifier follows: all ones where it is beyond.
        let beyond = self.em.fresh(Arg::Reg(limit));
        self.em.alu(AluOp::Sub, beyond, Src::Reg(out.at));
        self.em.alu(AluOp::Arsh, beyond, Src::Imm(63));
        self.em.alu(AluOp::Xor, kept, Src::Reg(out.at));
        self.em.alu(AluOp::And, kept, Src::Reg(beyond));
        self.em.alu(AluOp::Xor, kept, Src::Reg(out.at));
        let plain = self.em.label();
        self.em.branch(Cond::Lt, byte, Src::Imm(0xc0), plain);
        let wide = self.decoded(what, byte, at)?;
        let behind = self.em.fresh(Arg::Reg(out.at));
        self.em.alu(AluOp::Add, behind, Src::Reg(wide.count));
        self.em.alu(AluOp::Add, behind, Src::Reg(wide.more));
        self.em.branch(Cond::SGt, behind, Src::Reg(end), cut);
        self.add_word(out, wide.first, Src::Reg(wide.count));
        self.add_short(out, wide.second, wide.more);
        self.em.alu(AluOp::Add, at, Src::Reg(wide.length));
        self.hide_length(out);
        let hidden = self.unknown(Src::Reg(at));
        self.em.mov(at, Arg::Reg(hidden));
        self.em.jump(begin);
        self.em.place(plain);
        let (word, count) = self.escape(byte);
        let behind = self.em.fresh(Arg::Reg(out.at));
        self.em.alu(AluOp::Add, behind, Src::Reg(count));
        self.em.branch(Cond::SGt, behind, Src::Reg(end), cut);
        self.add_short(out, word, count);
        self.em.alu(AluOp::Add, at, Src::Imm(1));
        self.em.jump(begin);
        self.em.place(cut);
        self.em.branch(Cond::Eq, quoted, Src::Imm(0), done);
        self.em.mov(out.at, Arg::Reg(kept));
        self.em.alu(AluOp::And, out.at, Src::Imm(out.mask()));
        self.add_literal(out, b"\"...");
        self.em.jump(done);
        self.em.place(ended);
        self.em.branch(Cond::Eq, quoted, Src::Imm(0), done);
        self.add_literal(out, b"\"");
        self.em.place(done);
        self.composed(out);
        self.hold(result, Held::Text);
        Ok(())
    }

    /// The byte of memory that many bytes behind `at`.
    fn byte_of_memory(&mut self, space: Space, address: Reg, at: Reg, behind: i32) -> Result<Reg, GenerateError> {
        let place = self.em.fresh(Arg::Reg(address));
        self.em.alu(AluOp::Add, place, Src::Reg(at));
        if behind != 0 {
            self.em.alu(AluOp::Add, place, Src::Imm(behind));
        }
        let read = Mem::Stack(StackObject::Read, 0);
        self.em.stack.need(StackObject::Read, 8);
        let failed = self.em.call_for(reader(space), &[Arg::Address(read), Arg::Imm(1), Arg::Reg(place)]);
        let fault = self.fault(Fault::Read(space), Some(Src::Reg(place)))?;
        self.em.branch(Cond::Ne, failed, Src::Imm(0), fault);
        Ok(self.em.load(Size::B1, read))
    }

    /// The character of UTF-8 that begins with a byte from 0xc0 on, as an escape, or that byte if it is none. All without branches, of
    /// which the verifier would follow all combinations.
    fn decoded(&mut self, what: Escaped, byte: Reg, at: Reg) -> Result<Wide, GenerateError> {
        let (three, four) = (self.above(byte, 0xdf), self.above(byte, 0xef));
        let length = self.em.fresh(Arg::Imm(2));
        self.em.alu(AluOp::Add, length, Src::Reg(three));
        self.em.alu(AluOp::Add, length, Src::Reg(four));
        let wrong = self.above(byte, 0xf7);
        if let Escaped::Memory { count, .. } = what {
            let left = self.em.fresh(Arg::Reg(count));
            self.em.alu(AluOp::Sub, left, Src::Reg(at));
            self.em.alu(AluOp::Sub, left, Src::Reg(length));
            self.em.alu(AluOp::Rsh, left, Src::Imm(63));
            self.em.alu(AluOp::Or, wrong, Src::Reg(left));
        }
        let number = self.em.fresh(Arg::Imm(0x7f));
        self.em.alu(AluOp::Rsh, number, Src::Reg(length));
        self.em.alu(AluOp::And, number, Src::Reg(byte));
        let needed = [None, Some(three), Some(four)];
        let (followers, read) = (self.followers(what, at, length, wrong)?, self.em.fresh(Arg::Imm(0)));
        for (follower, needed) in followers.into_iter().zip(needed) {
            self.em.alu(AluOp::Lsh, number, Src::Imm(6));
            self.em.mov(read, Arg::Reg(follower));
            self.em.alu(AluOp::And, read, Src::Imm(0x3f));
            self.em.alu(AluOp::Or, number, Src::Reg(read));
            self.em.mov(read, Arg::Reg(follower));
            self.em.alu(AluOp::Xor, read, Src::Imm(0x80));
            self.em.alu(AluOp::And, read, Src::Imm(0xc0));
            if let Some(needed) = needed {
                self.em.alu(AluOp::Mul, read, Src::Reg(needed));
            }
            self.em.alu(AluOp::Or, wrong, Src::Reg(read));
        }
        // The bits of the bytes that are not its own.
        let unused = self.em.fresh(Arg::Imm(4));
        self.em.alu(AluOp::Sub, unused, Src::Reg(length));
        self.em.alu(AluOp::Mul, unused, Src::Imm(6));
        self.em.alu(AluOp::Rsh, number, Src::Reg(unused));
        // The half of a pair of UTF-16.
        let half = self.em.fresh(Arg::Reg(number));
        self.em.alu(AluOp::Rsh, half, Src::Imm(11));
        self.em.alu(AluOp::Xor, half, Src::Imm(0xd800 >> 11));
        self.em.alu(AluOp::Sub, half, Src::Imm(1));
        self.em.alu(AluOp::Rsh, half, Src::Imm(63));
        self.em.alu(AluOp::Or, wrong, Src::Reg(half));
        let beyond = self.above(number, 0x10_ffff);
        self.em.alu(AluOp::Or, wrong, Src::Reg(beyond));
        // Longer than it need be: below 2^7, 2^11 or 2^16.
        let (least, bits) = (self.em.fresh(Arg::Imm(1)), self.em.fresh(Arg::Imm(7)));
        for (also, more) in [(three, 4), (four, 5)] {
            let more = (self.em.fresh(Arg::Reg(also)), more);
            self.em.alu(AluOp::Mul, more.0, Src::Imm(more.1));
            self.em.alu(AluOp::Add, bits, Src::Reg(more.0));
        }
        self.em.alu(AluOp::Lsh, least, Src::Reg(bits));
        let short = self.em.fresh(Arg::Reg(number));
        self.em.alu(AluOp::Sub, short, Src::Reg(least));
        self.em.alu(AluOp::Rsh, short, Src::Imm(63));
        self.em.alu(AluOp::Or, wrong, Src::Reg(short));
        let wide = self.by_number(number, length);
        let octal = self.octal(byte);
        // All ones where it is a character.
        let right = self.em.fresh(Arg::Reg(wrong));
        self.em.alu(AluOp::Add, right, Src::Imm(-1));
        self.em.alu(AluOp::Arsh, right, Src::Imm(63));
        self.em.alu(AluOp::Xor, wide.first, Src::Reg(octal));
        self.em.alu(AluOp::And, wide.first, Src::Reg(right));
        self.em.alu(AluOp::Xor, wide.first, Src::Reg(octal));
        for (chosen, otherwise) in [(wide.count, 4), (wide.more, 0), (wide.length, 1)] {
            self.em.alu(AluOp::Sub, chosen, Src::Imm(otherwise));
            self.em.alu(AluOp::And, chosen, Src::Reg(right));
            self.em.alu(AluOp::Add, chosen, Src::Imm(otherwise));
        }
        Ok(wide)
    }

    /// The three bytes behind the one at `at`; 0 or anything where the character of that length has none.
    fn followers(&mut self, what: Escaped, at: Reg, length: Reg, none: Reg) -> Result<[Reg; 3], GenerateError> {
        let followers = [1, 2, 3].map(|_| self.em.fresh(Arg::Imm(0)));
        let done = self.em.label();
        if matches!(what, Escaped::Memory { .. }) {
            self.em.branch(Cond::Ne, none, Src::Imm(0), done);
        }
        for (behind, follower) in (1..).zip(followers) {
            let byte = match what {
                Escaped::Text(text) => {
                    let index = self.em.fresh(Arg::Reg(at));
                    self.em.alu(AluOp::Add, index, Src::Imm(behind));
                    self.byte_at(text, index)
                }
                Escaped::Memory { space, address, .. } => {
                    self.em.branch(Cond::SLe, length, Src::Imm(behind), done);
                    self.byte_of_memory(space, address, at, behind)?
                }
            };
            self.em.mov(follower, Arg::Reg(byte));
        }
        self.em.place(done);
        Ok(followers)
    }

    /// A character's number in four hexadecimal digits behind `\u`, or in eight behind `\U`.
    fn by_number(&mut self, number: Reg, length: Reg) -> Wide {
        let far = self.above(number, 0xffff);
        let high = self.em.fresh(Arg::Reg(far));
        self.em.alu(AluOp::Lsh, high, Src::Imm(4));
        let front = self.em.fresh(Arg::Reg(number));
        self.em.alu(AluOp::Rsh, front, Src::Reg(high));
        let first = self.hexadecimal(front);
        self.em.alu(AluOp::Lsh, first, Src::Imm(16));
        let letter = self.em.fresh(Arg::Reg(far));
        self.em.alu(AluOp::Mul, letter, Src::Imm(i32::from(b'U') - i32::from(b'u')));
        self.em.alu(AluOp::Add, letter, Src::Imm(i32::from(b'u')));
        self.em.alu(AluOp::Lsh, letter, Src::Imm(8));
        self.em.alu(AluOp::Or, letter, Src::Imm(i32::from(b'\\')));
        self.em.alu(AluOp::Or, first, Src::Reg(letter));
        let second = self.hexadecimal(number);
        let more = self.em.fresh(Arg::Reg(far));
        self.em.alu(AluOp::Lsh, more, Src::Imm(2));
        let count = self.em.fresh(Arg::Imm(6));
        Wide { first, count, second, more, length }
    }

    /// The low 16 bits as four digits, the first in the low byte.
    fn hexadecimal(&mut self, number: Reg) -> Reg {
        let digits = self.em.fresh(Arg::Imm(0));
        for (shift, place) in [(12, 0), (8, 8), (4, 16), (0, 24)] {
            let digit = self.em.fresh(Arg::Reg(number));
            self.em.alu(AluOp::Rsh, digit, Src::Imm(shift));
            self.em.alu(AluOp::And, digit, Src::Imm(15));
            let letter = self.above(digit, 9);
            self.em.alu(AluOp::Mul, letter, Src::Imm(i32::from(b'a' - b'0' - 10)));
            self.em.alu(AluOp::Add, digit, Src::Reg(letter));
            self.em.alu(AluOp::Add, digit, Src::Imm(i32::from(b'0')));
            self.em.alu(AluOp::Lsh, digit, Src::Imm(place));
            self.em.alu(AluOp::Or, digits, Src::Reg(digit));
        }
        digits
    }

    /// 1 if a number, which is not negative, is above another, else 0.
    fn above(&mut self, number: Reg, bound: i32) -> Reg {
        let above = self.em.fresh(Arg::Imm(i64::from(bound)));
        self.em.alu(AluOp::Sub, above, Src::Reg(number));
        self.em.alu(AluOp::Rsh, above, Src::Imm(63));
        above
    }

    /// A byte as it stands between quotes: up to four bytes in a word, and how many.
    fn escape(&mut self, byte: Reg) -> (Reg, Reg) {
        const BACKSLASH: i32 = b'\\' as i32;
        const LETTERS: [(u8, u8); 9] = [
            (b'\n', b'n'),
            (b'\t', b't'),
            (b'\r', b'r'),
            (0x07, b'a'),
            (0x08, b'b'),
            (0x0b, b'v'),
            (0x0c, b'f'),
            (b'"', b'"'),
            (b'\\', b'\\'),
        ];
        let word = self.em.fresh(Arg::Reg(byte));
        let count = self.em.fresh(Arg::Imm(2));
        let (two, octal, done) = (self.em.label(), self.em.label(), self.em.label());
        for (known, letter) in LETTERS {
            self.em.mov(word, Arg::Imm(i64::from(BACKSLASH | i32::from(letter) << 8)));
            self.em.branch(Cond::Eq, byte, Src::Imm(i32::from(known)), two);
        }
        self.em.branch(Cond::Lt, byte, Src::Imm(i32::from(b' ')), octal);
        self.em.branch(Cond::Gt, byte, Src::Imm(i32::from(b'~')), octal);
        self.em.mov(word, Arg::Reg(byte));
        self.em.mov(count, Arg::Imm(1));
        self.em.jump(done);
        self.em.place(octal);
        let digits = self.octal(byte);
        self.em.mov(word, Arg::Reg(digits));
        self.em.mov(count, Arg::Imm(4));
        self.em.jump(done);
        self.em.place(two);
        self.em.place(done);
        (word, count)
    }

    /// A byte as `\ooo`: the digits one after the other, each in its byte.
    fn octal(&mut self, byte: Reg) -> Reg {
        let word = self.em.fresh(Arg::Imm(i64::from(b'\\')));
        for (shift, place) in [(6, 8), (3, 16), (0, 24)] {
            let digit = self.em.fresh(Arg::Reg(byte));
            self.em.alu(AluOp::Rsh, digit, Src::Imm(shift));
            self.em.alu(AluOp::And, digit, Src::Imm(7));
            self.em.alu(AluOp::Add, digit, Src::Imm(i32::from(b'0')));
            self.em.alu(AluOp::Lsh, digit, Src::Imm(place));
            self.em.alu(AluOp::Or, word, Src::Reg(digit));
        }
        word
    }
}
