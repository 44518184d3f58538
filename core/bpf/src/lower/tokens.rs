//! Strings taken apart by delimiters.
//!
//! Must never give anything else than the user side's functions of the same names, whatever the strings.

use std::collections::BTreeSet;

use systap_ir::graph::Value;

use super::search::Bytes;
use super::{Held, Lower, TextSource};
use crate::code::{Code, Label, Reg, Src};
use crate::emitter::Arg;
use crate::error::GenerateError;
use crate::insn::{AluOp, Cond};

/// So many bytes that are known are compared one after the other; more are looked for in a loop.
const FEW: usize = 16;

/// The bytes that end a token.
enum Delimiters {
    Few(BTreeSet<u8>),
    Many(Bytes),
}

impl Lower<'_, '_> {
    /// A text, or another if it is empty.
    pub(super) fn text_or(&mut self, result: Value, text: Value, other: Value) -> Result<(), GenerateError> {
        let out = self.compose(result)?;
        let bytes = self.bytes(text)?;
        let (text, other) = (self.text(text)?, self.text(other)?);
        let first = self.unknown(Src::Imm(0));
        let first = self.byte_at(bytes, first);
        let (empty, done) = (self.em.label(), self.em.label());
        self.em.branch(Cond::Eq, first, Src::Imm(0), empty);
        self.add_text(out, &text, None);
        self.em.jump(done);
        self.em.place(empty);
        self.add_text(out, &other, None);
        self.em.place(done);
        self.composed(out);
        self.hold(result, Held::Text);
        Ok(())
    }

    /// The first token that is not empty.
    pub(super) fn token(&mut self, result: Value, text: Value, delimiters: Value) -> Result<(), GenerateError> {
        let out = self.compose(result)?;
        let (text, delimiters) = (self.bytes(text)?, self.delimiters(delimiters)?);
        let at = self.unknown(Src::Imm(0));
        let (begun, ended) = (self.em.label(), self.em.label());
        let byte = self.skip_bytes(text, at, &delimiters, true, begun, ended);
        self.em.place(begun);
        self.hide_length(out);
        let head = self.em.label();
        self.em.place(head);
        self.em.push(Code::MayGoto { to: ended });
        self.leave_if_full(out, ended);
        let here = self.byte_at(text, at);
        self.em.mov(byte, Arg::Reg(here));
        self.em.branch(Cond::Eq, byte, Src::Imm(0), ended);
        self.leave_at(byte, &delimiters, ended);
        self.add_byte(out, Src::Reg(byte));
        self.em.alu(AluOp::Add, at, Src::Imm(1));
        self.em.jump(head);
        self.em.place(ended);
        self.composed(out);
        self.hold(result, Held::Text);
        Ok(())
    }

    /// What is behind that token and the delimiter that ends it.
    pub(super) fn token_rest(&mut self, result: Value, text: Value, delimiters: Value) -> Result<(), GenerateError> {
        let out = self.compose(result)?;
        let source = self.text(text)?;
        let room = match &source {
            TextSource::Literal(bytes) => bytes.len() as u32 + 1,
            TextSource::Memory(_, size) => *size,
        };
        let (text, delimiters) = (self.bytes(text)?, self.delimiters(delimiters)?);
        let at = self.unknown(Src::Imm(0));
        let (begun, delimiter, ended) = (self.em.label(), self.em.label(), self.em.label());
        self.skip_bytes(text, at, &delimiters, true, begun, ended);
        self.em.place(begun);
        self.skip_bytes(text, at, &delimiters, false, delimiter, ended);
        self.em.place(delimiter);
        self.em.alu(AluOp::Add, at, Src::Imm(1));
        let start = self.indexed_place(text.start, at, text.room);
        let start = self.em.fresh(Arg::Address(start));
        let most = self.cap(result).min(room);
        self.add_string(out, Arg::Reg(start), Arg::Imm(i64::from(most)));
        self.em.place(ended);
        self.composed(out);
        self.hold(result, Held::Text);
        Ok(())
    }

    fn delimiters(&mut self, value: Value) -> Result<Delimiters, GenerateError> {
        if let TextSource::Literal(bytes) = self.text(value)? {
            let few: BTreeSet<u8> = bytes.into_iter().collect();
            if few.len() <= FEW {
                return Ok(Delimiters::Few(few));
            }
        }
        Ok(Delimiters::Many(self.bytes(value)?))
    }

    /// Leaves for a label if a byte, not 0, is one of the delimiters.
    fn leave_at(&mut self, byte: Reg, delimiters: &Delimiters, to: Label) {
        match delimiters {
            Delimiters::Few(few) => {
                few.iter().for_each(|known| self.em.branch(Cond::Eq, byte, Src::Imm(i32::from(*known)), to));
            }
            Delimiters::Many(bytes) => {
                let nth = self.unknown(Src::Imm(0));
                let (head, none) = (self.em.label(), self.em.label());
                self.em.place(head);
                self.em.push(Code::MayGoto { to: none });
                let known = self.byte_at(*bytes, nth);
                self.em.branch(Cond::Eq, known, Src::Imm(0), none);
                self.em.branch(Cond::Eq, known, Src::Reg(byte), to);
                self.em.alu(AluOp::Add, nth, Src::Imm(1));
                self.em.jump(head);
                self.em.place(none);
            }
        }
    }

    /// Moves an index over bytes that are delimiters, or over those that are none, and leaves for `other` at the first that is not so, for
    /// `ended` at the end. Gives the register of the byte.
    fn skip_bytes(
        &mut self,
        text: Bytes,
        at: Reg,
        delimiters: &Delimiters,
        them: bool,
        other: Label,
        ended: Label,
    ) -> Reg {
        let (head, next) = (self.em.label(), self.em.label());
        let byte = self.unknown(Src::Imm(0));
        self.em.place(head);
        self.em.push(Code::MayGoto { to: ended });
        let here = self.byte_at(text, at);
        self.em.mov(byte, Arg::Reg(here));
        self.em.branch(Cond::Eq, byte, Src::Imm(0), ended);
        self.leave_at(byte, delimiters, if them { next } else { other });
        if them {
            self.em.jump(other);
            self.em.place(next);
        }
        self.em.alu(AluOp::Add, at, Src::Imm(1));
        self.em.jump(head);
        byte
    }
}
