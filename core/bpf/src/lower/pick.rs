//! One of several texts by its number: a table that only the program reads.
//!
//! Must never take a number for an index before it has been compared with how many there are.

use std::sync::Arc;

use systap_ir::graph::Value;

use super::{Held, Lower, TextSource};
use crate::code::{Code, Mem, Src};
use crate::emitter::Arg;
use crate::error::GenerateError;
use crate::insn::{AluOp, Cond};

impl Lower<'_, '_> {
    pub(super) fn pick(
        &mut self,
        result: Option<Value>,
        texts: &Arc<[Vec<u8>]>,
        index: Value,
    ) -> Result<(), GenerateError> {
        let Some(result) = result else { return Ok(()) };
        let (to, size) = self.home(result)?;
        let cap = self.cap(result);
        let row = texts.iter().map(|text| text.len() + 1).max().unwrap_or(1).min(size as usize).next_power_of_two();
        let rows = texts.len().next_power_of_two();
        let mut contents = vec![0; rows * row];
        for (to, text) in contents.chunks_exact_mut(row).zip(texts.iter()) {
            // The last byte of a row stays 0.
            to.iter_mut().take(row - 1).zip(text).for_each(|(to, from)| *to = *from);
        }
        let map = self.shared.maps.table("texts", contents);
        let index = self.register(index)?;
        let (none, done) = (self.em.label(), self.em.label());
        self.em.branch(Cond::Ge, index, Src::Imm(texts.len() as i32), none);
        // The mask tells the verifier what it may have forgotten of the comparison.
        let place = self.em.fresh(Arg::Reg(index));
        self.em.alu(AluOp::And, place, Src::Imm(rows as i32 - 1));
        self.em.alu(AluOp::Lsh, place, Src::Imm(row.trailing_zeros() as i32));
        let start = self.em.reg();
        self.em.push(Code::MapRef { dst: start, map, offset: Some(0) });
        self.em.alu(AluOp::Add, start, Src::Reg(place));
        self.copy_text(to, size, cap, &TextSource::Memory(Mem::Base(start, 0), row as u32));
        self.seldom(|lower| {
            lower.em.place(none);
            lower.zero(to, size);
            lower.em.jump(done);
        });
        self.em.place(done);
        self.hold(result, Held::Text);
        Ok(())
    }
}
