//! The frame: a handler's scratch space in the per-CPU map, and what lies where in it.
//!
//! Must never let two parts overlap: guard, texts, a word and digits for a moment, longs, a key, a record, in this order.

use systap_ir::graph::{Op, Terminator, Value};
use systap_ir::intrinsic::Intrinsic;

use super::Lower;
use crate::code::{Mem, Reg, Src};
use crate::emitter::after;
use crate::error::GenerateError;
use crate::insn::Size;

/// Where in the frame the texts begin: after the guard.
pub(super) const FRAME_TEXTS: u32 = 8;
/// Offsets of loads and stores have 16 bits, and the kernel gives a CPU's value at most 32 KiB (`PCPU_MIN_UNIT_SIZE`).
const LARGEST_FRAME: u32 = (32 << 10) - 8;
/// A word; a number's digits and as many NULs, and what an index of 5 bits can reach of them.
const SCRATCH: u32 = 8 + crate::texts::DIGITS.next_power_of_two() + crate::texts::DIGITS;

impl Lower<'_, '_> {
    /// Where in the frame words and digits are put for a moment: after the texts.
    pub(super) fn frame_scratch(&self) -> u32 {
        FRAME_TEXTS + self.texts.frame
    }

    /// Where in the frame longs are kept: after those.
    pub(super) fn frame_longs(&self) -> u32 {
        self.frame_scratch() + if self.texts.composes { SCRATCH } else { 0 }
    }

    /// Where in the frame keys are built: after the longs.
    pub(super) fn frame_key(&self) -> u32 {
        self.frame_longs() + 8 * self.kept.iter().flatten().count() as u32
    }

    /// Where in the frame a long is kept, if it is.
    pub(super) fn keeping_place(&self, value: Value) -> Option<Mem> {
        let word = self.kept.get(value.0 as usize).copied().flatten()?;
        Some(after(Mem::Base(self.frame?, self.frame_longs() as i16), 8 * word))
    }

    /// Where a number's digits are written; there is room behind for the index that the verifier thinks possible.
    pub(super) fn digit_space(&self) -> Mem {
        Mem::Base(self.frame.unwrap_or(Reg::FRAME_POINTER), self.frame_scratch() as i16 + 8)
    }

    /// The same number, of which the verifier knows nothing but that it is one; see also `Emitter::obscure`.
    pub(super) fn unknown(&mut self, value: Src) -> Reg {
        let place = Mem::Base(self.frame.unwrap_or(Reg::FRAME_POINTER), self.frame_scratch() as i16);
        self.em.store(Size::B8, place, value);
        self.em.load(Size::B8, place)
    }

    /// Where in the frame records are built: after the keys.
    pub(super) fn frame_record(&self) -> u32 {
        self.frame_key() + self.frame_key_bytes()
    }

    pub(super) fn frame_key_bytes(&self) -> u32 {
        let ops = self.handler.body.blocks.iter().flat_map(|block| &block.insts);
        ops.filter_map(|inst| self.key_in_frame(&inst.op)).max().unwrap_or(0)
    }

    /// The handler needs a frame.
    pub(crate) fn uses_frame(&self) -> bool {
        let tails = |fields: &[Value]| fields.iter().any(|value| !self.is_fixed(*value));
        let blocks = || self.order.iter().map(|id| self.handler.body.block(*id));
        self.texts.frame > 0
            || self.texts.composes
            || self.kept.iter().any(Option::is_some)
            || self.frame_key_bytes() > 0
            || blocks().any(|block| matches!(&block.term, Terminator::Defer { args, .. } if tails(args)))
            || blocks().flat_map(|block| &block.insts).any(|inst| match &inst.op {
                Op::Print(_, list) | Op::Intrinsic(Intrinsic::Error, list) => tails(list),
                _ => false,
            })
    }

    /// Makes the frame at least that many bytes.
    pub(super) fn claim_frame(&mut self, bytes: u32) -> Result<(), GenerateError> {
        if self.frame.is_some() {
            if bytes > LARGEST_FRAME {
                return Err(GenerateError::Frame { point: self.handler.point.clone(), bytes });
            }
            self.shared.maps.frame_bytes = self.shared.maps.frame_bytes.max(bytes);
        }
        Ok(())
    }
}
