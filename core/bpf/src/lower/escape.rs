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
                let place = self.em.fresh(Arg::Reg(address));
                self.em.alu(AluOp::Add, place, Src::Reg(at));
                let read = Mem::Stack(StackObject::Read, 0);
                self.em.stack.need(StackObject::Read, 8);
                let failed = self.em.call_for(reader(space), &[Arg::Address(read), Arg::Imm(1), Arg::Reg(place)]);
                let fault = self.fault(Fault::Read(space), Some(Src::Reg(place)))?;
                self.em.branch(Cond::Ne, failed, Src::Imm(0), fault);
                self.em.load(Size::B1, read)
            }
        };
        // Without a branch, which would double the ways that the verifier follows: all ones where it is beyond.
        let beyond = self.em.fresh(Arg::Reg(limit));
        self.em.alu(AluOp::Sub, beyond, Src::Reg(out.at));
        self.em.alu(AluOp::Arsh, beyond, Src::Imm(63));
        self.em.alu(AluOp::Xor, kept, Src::Reg(out.at));
        self.em.alu(AluOp::And, kept, Src::Reg(beyond));
        self.em.alu(AluOp::Xor, kept, Src::Reg(out.at));
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
        // `\ooo`: the digits one after the other, each in its byte.
        self.em.mov(word, Arg::Imm(i64::from(BACKSLASH)));
        self.em.mov(count, Arg::Imm(4));
        for (shift, place) in [(6, 8), (3, 16), (0, 24)] {
            let digit = self.em.fresh(Arg::Reg(byte));
            self.em.alu(AluOp::Rsh, digit, Src::Imm(shift));
            self.em.alu(AluOp::And, digit, Src::Imm(7));
            self.em.alu(AluOp::Add, digit, Src::Imm(i32::from(b'0')));
            self.em.alu(AluOp::Lsh, digit, Src::Imm(place));
            self.em.alu(AluOp::Or, word, Src::Reg(digit));
        }
        self.em.jump(done);
        self.em.place(two);
        self.em.place(done);
        (word, count)
    }
}
