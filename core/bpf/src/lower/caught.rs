//! Errors that the script catches: control goes on at the block that catches them, with what it needs to tell which.
//!
//! Must never send a record: nothing of a caught error is told unless the script tells it.

use systap_ir::graph::{Jump, Value};

use super::{Held, Lower};
use crate::artifact::Fault;
use crate::code::{Label, Mem, Reg, Src};
use crate::emitter::{Arg, after};
use crate::error::GenerateError;
use crate::insn::Size;

/// What a block that catches errors knows of the one that it caught.
#[derive(Clone, Copy, Debug)]
pub(super) struct Landing {
    /// The site that would have reported it.
    site: Reg,
    /// What it carries, or 0.
    value: Reg,
}

impl Lower<'_, '_> {
    /// Where to jump to raise an error that is caught.
    pub(super) fn caught_fault(
        &mut self,
        jump: &Jump,
        fault: Fault,
        value: Option<Src>,
    ) -> Result<Label, GenerateError> {
        let label = self.em.label();
        self.seldom(|lower| {
            lower.em.place(label);
            lower.go_and_catch(jump, fault, value)
        })?;
        Ok(label)
    }

    /// Goes on where the error is caught.
    pub(super) fn go_and_catch(&mut self, jump: &Jump, fault: Fault, value: Option<Src>) -> Result<(), GenerateError> {
        if self.handler.body.wants_message(jump.to) {
            let site = self.fault_site(fault, value.is_some());
            let landing = self.landing(jump);
            self.em.mov(landing.site, Arg::Imm(i64::from(site)));
            self.em.mov(landing.value, value.unwrap_or(Src::Imm(0)));
        }
        self.pass(jump, false)?;
        let to = self.label(jump.to)?;
        self.em.jump(to);
        Ok(())
    }

    fn landing(&mut self, jump: &Jump) -> Landing {
        if let Some(landing) = self.landings.get(&jump.to) {
            return *landing;
        }
        let landing = Landing { site: self.em.reg(), value: self.em.reg() };
        self.landings.insert(jump.to, landing);
        landing
    }

    /// The message of what the current block has caught.
    pub(super) fn caught(&mut self, result: Value) -> Result<(), GenerateError> {
        let landing = self.block.and_then(|block| self.landings.get(&block).copied());
        // No error can come here if none has asked for a landing; then the block goes as unreachable code.
        let landing = landing.unwrap_or_else(|| Landing { site: self.em.reg(), value: self.em.reg() });
        self.hold(result, Held::Caught(landing));
        Ok(())
    }

    /// Writes what a record carries of a caught error.
    pub(super) fn write_caught(&mut self, to: Mem, landing: Landing) {
        self.em.store(Size::B8, to, Src::Reg(landing.site));
        self.em.store(Size::B8, after(to, 8), Src::Reg(landing.value));
    }
}
