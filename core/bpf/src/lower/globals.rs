//! Scalars: words of the array that kernel and user side map together, strings in arrays of their own.
//!
//! Must never change a word in two steps where the language means one: adding is one atomic instruction.

use systap_ir::graph::Value;
use systap_ir::placed::Residence;
use systap_ir::program::GlobalId;

use super::{Held, Lower, TextSource};
use crate::code::{Code, Mem, Src};
use crate::error::GenerateError;
use crate::insn::{AluOp, Size};

impl<'a> Lower<'a, '_> {
    pub(super) fn residence(&self, global: GlobalId) -> Result<&'a Residence, GenerateError> {
        let placed = self.shared.placed;
        let found = placed.globals.get(global.0 as usize).map(|(_, residence)| residence);
        found.ok_or_else(|| self.malformed("a global that is not there"))
    }

    /// The map of a global, for programs.
    pub(super) fn map_of(&self, global: GlobalId) -> Result<u32, GenerateError> {
        self.shared.maps.of_global(global).ok_or_else(|| self.malformed("a global without a map"))
    }

    /// The address of the string that a global holds.
    fn global_text(&mut self, global: GlobalId) -> Result<Mem, GenerateError> {
        let map = self.map_of(global)?;
        let dst = self.em.reg();
        self.em.push(Code::MapRef { dst, map, offset: Some(0) });
        Ok(Mem::Base(dst, 0))
    }

    pub(super) fn get(&mut self, result: Option<Value>, global: GlobalId) -> Result<(), GenerateError> {
        let Some(result) = result else { return Ok(()) };
        match self.residence(global)? {
            Residence::Word(word) => {
                let place = self.word(*word);
                let value = self.em.load(Size::B8, place);
                self.hold(result, Held::Long(value));
            }
            Residence::Text(bytes) => {
                let from = self.global_text(global)?;
                let (to, size) = self.home(result)?;
                let cap = self.cap(result);
                self.copy_text(to, size, cap, &TextSource::Memory(from, bytes.next_multiple_of(8)));
                self.hold(result, Held::Text);
            }
            _ => return Err(self.malformed("a scalar that lives in no word")),
        }
        Ok(())
    }

    pub(super) fn set(&mut self, global: GlobalId, value: Value) -> Result<(), GenerateError> {
        match self.residence(global)? {
            Residence::Word(word) => {
                let value = self.operand(value)?;
                let place = self.word(*word);
                self.em.store(Size::B8, place, value);
            }
            Residence::Text(bytes) => {
                let source = self.text(value)?;
                let to = self.global_text(global)?;
                self.copy_text(to, bytes.next_multiple_of(8), *bytes, &source);
            }
            _ => return Err(self.malformed("a scalar that lives in no word")),
        }
        Ok(())
    }

    pub(super) fn add(&mut self, result: Option<Value>, global: GlobalId, value: Value) -> Result<(), GenerateError> {
        let Residence::Word(word) = self.residence(global)? else {
            return Err(self.malformed("a scalar that lives in no word"));
        };
        let amount = self.operand(value)?;
        let src = self.em.fresh(amount);
        let mem = self.word(*word);
        self.em.push(Code::AtomicAdd { mem, src, fetch: result.is_some() });
        if let Some(result) = result {
            // What comes back is the value before.
            self.em.alu(AluOp::Add, src, amount);
            self.hold(result, Held::Long(src));
        }
        Ok(())
    }

    pub(super) fn clear(&mut self, global: GlobalId) -> Result<(), GenerateError> {
        match self.residence(global)? {
            Residence::Word(word) => {
                let place = self.word(*word);
                self.em.store(Size::B8, place, Src::Imm(0));
            }
            Residence::Text(bytes) => {
                let to = self.global_text(global)?;
                self.zero(to, bytes.next_multiple_of(8));
            }
            // Only the user side reaches all entries and all CPUs.
            _ => return Err(self.unsupported("emptying a whole array or aggregate")),
        }
        Ok(())
    }

    /// Sets the word that keeps handlers from doing anything more.
    pub(super) fn stop(&mut self) {
        let place = self.word(systap_ir::placed::control::STOP);
        self.em.store(Size::B8, place, Src::Imm(1));
    }
}
