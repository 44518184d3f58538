//! What kernel-side code cannot do, and in which words to say so.

use std::collections::{BTreeMap, BTreeSet};

use crate::format::{ConversionKind, Format, Piece};
use crate::graph::{Op, Unit};
use crate::intrinsic::{Context, Intrinsic};
use crate::placed::Capabilities;
use crate::program::{AggregateFn, GlobalId, GlobalShape};

/// Longest key of a hash map (the kernel's `MAX_BPF_STACK`).
pub(super) const LONGEST_KEY: u32 = 512;

/// The rules for one program on one kernel.
pub(super) struct Rules<'a> {
    pub(super) unit: &'a Unit,
    pub(super) capabilities: &'a Capabilities,
    pub(super) size: Size,
    /// Aggregates that the user side puts values into or deletes: it keeps its share to itself, so only it knows them whole.
    pub(super) shared: &'a BTreeSet<GlobalId>,
    /// Globals that the kernel side may not touch.
    pub(super) kept: &'a BTreeMap<GlobalId, Kept>,
}

/// How big kernel-side handlers may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    /// As big as they come.
    Full,
    /// No strings are made there.
    Small,
}

/// Why a global is kept on the user side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// Its keys are longer than [`LONGEST_KEY`].
    LongKeys,
    /// A continuation writes it: a handler that looked at it in the kernel could come before the record does.
    WrittenLate,
    /// A string that a kernel-side handler makes from what it was before: two CPUs could start from the same.
    Rewritten,
}

/// The reason for what uses such a fact as the string that it is not yet.
pub(super) fn as_a_value(context: Context) -> String {
    match context {
        Context::Caught => "the message of a caught error as a value".to_owned(),
        _ => format!("`{}` as a value", context.name()),
    }
}

impl Rules<'_> {
    /// Why an instruction cannot run in the kernel; `None` if it can.
    pub(super) fn denies(&self, op: &Op) -> Option<String> {
        let name = |global: &GlobalId| &self.unit.globals[global.0 as usize].name;
        if let Some(global) = op.global()
            && let Some(kept) = self.kept.get(&global)
        {
            return Some(match kept {
                Kept::LongKeys => format!("the long keys of `{}`", name(&global)),
                Kept::WrittenLate => format!("`{}`, which is written on the user side", name(&global)),
                Kept::Rewritten => format!("`{}`, which is changed by what it was", name(&global)),
            });
        }
        match op {
            Op::Concat(..) | Op::Format(..) if self.size == Size::Small => Some("making strings, for its size".into()),
            Op::Intrinsic(intrinsic, _) if self.size == Size::Small && intrinsic.takes_text() => {
                Some(format!("`{}`, for its size", intrinsic.signature().name.trim_start_matches('_')))
            }
            Op::Format(format, _) => self.denies_format(format),
            Op::Call(function, _) => {
                Some(format!("the recursive function `{}`", self.unit.functions[function.0 as usize].name))
            }
            Op::Intrinsic(intrinsic, _)
                if !intrinsic.signature().kernel || intrinsic.loops() && !self.capabilities.open_loops =>
            {
                Some(format!("`{}`", intrinsic.signature().name.trim_start_matches('_')))
            }
            Op::Iterate { global, .. } => Some(format!("`foreach` over `{}`", name(global))),
            Op::Advance(_) | Op::CursorKey(..) | Op::CursorValue(_) => Some("`foreach`".into()),
            Op::Aggregate(global, _, function)
                if self.capabilities.open_loops
                    && *function != AggregateFn::Variance
                    && !self.shared.contains(global) =>
            {
                self.denies_array(*global)
            }
            Op::Aggregate(global, ..) | Op::Bucket(global, ..) | Op::HistogramText(global, ..) => {
                Some(format!("reading the aggregate `{}`", name(global)))
            }
            Op::ContainsSlice(global, _) => Some(format!("looking for a slice of `{}`", name(global))),
            Op::DeleteSlice(global, _) => Some(format!("deleting a slice of `{}`", name(global))),
            Op::Clear(global) if !self.is_scalar(*global) => Some(format!("deleting all of `{}`", name(global))),
            Op::ElementGet(global, _)
            | Op::ElementSet(global, ..)
            | Op::ElementAdd(global, ..)
            | Op::ElementDelete(global, _)
            | Op::Contains(global, _)
            | Op::Accumulate(global, ..) => self.denies_array(*global),
            Op::Match { pattern, .. } => {
                let automaton = self.unit.patterns[pattern.0 as usize].automaton();
                let large = automaton.and_then(|automaton| automaton.table()).is_none();
                large.then(|| "a large regular expression".into())
            }
            Op::NoteMatch { .. } => Some("the groups of a match".into()),
            Op::CheckRead { .. } => Some("a read that was made before".into()),
            _ => None,
        }
    }

    /// A fact that becomes a string on the user side can be recorded and nothing else.
    pub(super) fn denies_use(&self, context: Context, by: &Op) -> Option<String> {
        match by {
            Op::Print(..) => None,
            // Raised again, it is recorded like one that was raised there.
            Op::Intrinsic(Intrinsic::Error, _) if context == Context::Caught => None,
            _ => Some(as_a_value(context)),
        }
    }

    /// Digits and padding are made in loops; memory, escapes and binary numbers are left to the user side.
    fn denies_format(&self, format: &Format) -> Option<String> {
        let refused = |piece: &Piece| match piece {
            Piece::Text(_) | Piece::Open | Piece::Close(_) => false,
            Piece::Conversion(conversion) => match conversion.kind {
                ConversionKind::Binary | ConversionKind::Memory | ConversionKind::MemoryHex => true,
                ConversionKind::Character | ConversionKind::Text => conversion.alternate,
                _ => false,
            },
        };
        let refused = !self.capabilities.open_loops || format.pieces.iter().any(refused);
        refused.then(|| "formatting into a string".into())
    }

    fn is_scalar(&self, global: GlobalId) -> bool {
        matches!(self.unit.globals[global.0 as usize].shape, GlobalShape::Scalar(_))
    }

    fn denies_array(&self, id: GlobalId) -> Option<String> {
        let global = &self.unit.globals[id.0 as usize];
        let GlobalShape::Array { wrap: true, .. } = &global.shape else { return None };
        Some(format!("the wrapping array `{}`", global.name))
    }
}
