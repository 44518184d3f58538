//! Regular expressions: a loop over the bytes of a text that looks up one state after another in a table.
//!
//! Must never read past the place of the text. The verifier follows the loop to its end: its length is known.

use systap_ir::graph::Value;
use systap_ir::program::PatternId;

use super::{Held, Lower, TextSource};
use crate::code::{Code, Mem, Src};
use crate::emitter::Arg;
use crate::error::GenerateError;
use crate::insn::{AluOp, Cond, Size};

/// Bytes of a table before its states: the class of each byte.
const CLASSES: i16 = 256;

impl Lower<'_, '_> {
    pub(super) fn matches(
        &mut self,
        result: Option<Value>,
        text: Value,
        pattern: PatternId,
    ) -> Result<(), GenerateError> {
        let Some(result) = result else { return Ok(()) };
        let regex = self.shared.placed.patterns.get(pattern.0 as usize);
        let regex = regex.ok_or_else(|| self.malformed("a regular expression that is not there"))?;
        let (mem, size) = match self.text(text)? {
            TextSource::Literal(bytes) => {
                self.hold(result, Held::Constant(regex.is_match(&bytes).into()));
                return Ok(());
            }
            TextSource::Memory(mem, size) => (mem, size),
        };
        let table = regex.automaton().and_then(|automaton| automaton.table());
        let table = table.ok_or_else(|| self.unsupported("a large regular expression"))?;
        let (entry, mask) = (if table.wide { Size::B2 } else { Size::B1 }, (1 << (table.shift + table.states)) - 1);
        let map = self.shared.maps.table("regex", table.bytes);
        let (again, out, done) = (self.em.label(), self.em.label(), self.em.label());
        let base = self.em.reg();
        self.em.push(Code::MapRef { dst: base, map, offset: Some(0) });
        let at = self.em.fresh(Arg::Address(mem));
        let left = self.em.fresh(Arg::Imm(i64::from(size)));
        let state = self.em.fresh(Arg::Imm(i64::from(table.start)));
        self.em.place(again);
        let class = self.em.load(Size::B1, Mem::Base(at, 0));
        self.em.alu(AluOp::Add, class, Src::Reg(base));
        self.em.push(Code::Load { size: Size::B1, dst: class, mem: Mem::Base(class, 0) });
        self.em.alu(AluOp::Lsh, state, Src::Imm(table.shift as i32));
        self.em.alu(AluOp::Or, state, Src::Reg(class));
        // The table has as many states as a power of two, so that this changes nothing but what the verifier knows.
        self.em.alu(AluOp::And, state, Src::Imm(mask));
        if table.wide {
            self.em.alu(AluOp::Lsh, state, Src::Imm(1));
        }
        self.em.alu(AluOp::Add, state, Src::Reg(base));
        self.em.push(Code::Load { size: entry, dst: state, mem: Mem::Base(state, CLASSES) });
        self.em.alu(AluOp::Add, at, Src::Imm(1));
        self.em.alu(AluOp::Sub, left, Src::Imm(1));
        self.em.branch(Cond::Eq, left, Src::Imm(0), out);
        // States 0 and 1 are the answers, and the NUL leads to one of them. The verifier puts off where a branch jumps to: were
        // that the way out, it would have to remember all the ways out of the loop at once.
        self.em.branch(Cond::Ge, state, Src::Imm(2), again);
        self.seldom(|lower| {
            lower.em.place(out);
            lower.em.branch(Cond::Lt, state, Src::Imm(2), done);
            lower.em.mov(state, Arg::Imm(0));
            lower.em.jump(done);
        });
        self.em.place(done);
        self.hold(result, Held::Long(state));
        Ok(())
    }
}
