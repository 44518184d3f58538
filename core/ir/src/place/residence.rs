//! Where each global lives, from who touches it and how.

use std::collections::BTreeSet;

use super::capacity::{GlobalText, Text};
use super::denied::LONGEST_KEY;
use crate::graph::{Body, Op, Unit};
use crate::placed::{Placed, Residence, Slot, control};
use crate::program::{Constant, Element, Global, GlobalId, GlobalShape, Type};

/// The most elements of an array that the kernel side touches: its hash map has a lock for each of them from the start, 64 MiB of
/// them and a tenth of a second for this many; a hundred million took 28 s to make.
const MOST_ELEMENTS: u32 = 1 << 22;

/// What the kernel side does with a global.
#[derive(Clone, Copy, Default)]
struct KernelUse {
    touched: bool,
    /// It reads or sets values, so there must be one value for all CPUs.
    shared: bool,
}

pub(super) fn of(unit: &Unit, placed: &Placed, text: &Text) -> Vec<(Global, Residence)> {
    let mut uses = vec![KernelUse::default(); unit.globals.len()];
    for handler in &placed.kernel {
        for inst in handler.body.blocks.iter().flat_map(|block| &block.insts) {
            let Some(global) = inst.op.global() else { continue };
            let seen = &mut uses[global.0 as usize];
            seen.touched = true;
            seen.shared |= match inst.op {
                Op::ElementAdd(..) => inst.result.is_some(),
                Op::Accumulate(..) | Op::Aggregate(..) | Op::Contains(..) | Op::ElementDelete(..) => false,
                _ => true,
            };
        }
    }
    let mut next_word = control::FIRST_FREE;
    let residence = |(global, (seen, text)): (&Global, (KernelUse, &GlobalText))| {
        let residence =
            if seen.touched { in_kernel(&global.shape, seen, text, &mut next_word) } else { Residence::User };
        let mut global = global.clone();
        if let (Residence::Table { .. }, GlobalShape::Array { capacity, .. }) = (&residence, &mut global.shape) {
            *capacity = (*capacity).min(MOST_ELEMENTS);
        }
        (global, residence)
    };
    unit.globals.iter().zip(uses.into_iter().zip(&text.globals)).map(residence).collect()
}

fn in_kernel(shape: &GlobalShape, seen: KernelUse, text: &GlobalText, next_word: &mut u32) -> Residence {
    match shape {
        GlobalShape::Scalar(Constant::Long(_)) => {
            *next_word += 1;
            Residence::Word(*next_word - 1)
        }
        GlobalShape::Scalar(Constant::Text(_)) => Residence::Text(padded(text.value)),
        GlobalShape::Aggregate(_) => Residence::Aggregate,
        GlobalShape::Array { keys, element, .. } => {
            let keys = keys.iter().zip(&text.keys).map(|(ty, length)| slot(*ty, *length)).collect();
            let value = match element {
                Element::Value(ty) => Some(slot(*ty, text.value)),
                Element::Aggregate(_) => None,
            };
            let per_cpu = !seen.shared && matches!(element, Element::Value(Type::Long) | Element::Aggregate(_));
            Residence::Table { keys, value, per_cpu }
        }
    }
}

/// Aggregates that handlers of the user side, or functions, put values into or delete.
pub(super) fn shared_aggregates(unit: &Unit) -> BTreeSet<GlobalId> {
    let handlers = unit.handlers.iter().filter(|handler| super::runs_on_user_side(&handler.event));
    let bodies = handlers.map(|handler| &handler.body).chain(unit.functions.iter().map(|function| &function.body));
    let insts = bodies.flat_map(|body| &body.blocks).flat_map(|block| &block.insts);
    insts.filter(|inst| writes(&inst.op)).filter_map(|inst| inst.op.global()).collect()
}

/// Aggregates that a kernel-side handler asks and a continuation changes.
pub(super) fn read_and_written_late(placed: &Placed) -> Vec<GlobalId> {
    let late = changed_late(placed);
    let insts = placed.kernel.iter().flat_map(|handler| &handler.body.blocks).flat_map(|block| &block.insts);
    let asked = insts.filter(|inst| matches!(inst.op, Op::Aggregate(..))).filter_map(|inst| inst.op.global());
    asked.filter(|global| late.contains(global)).collect()
}

/// Globals that a continuation changes, the functions that it calls included.
fn changed_late(placed: &Placed) -> BTreeSet<GlobalId> {
    let mut late = BTreeSet::new();
    let mut seen = vec![false; placed.functions.len()];
    let mut bodies: Vec<&Body> = placed.continuations.iter().map(|continuation| &continuation.body).collect();
    while let Some(body) = bodies.pop() {
        for inst in body.blocks.iter().flat_map(|block| &block.insts) {
            if writes(&inst.op) {
                late.extend(inst.op.global());
            }
        }
        for callee in crate::inline::callees(body) {
            if !std::mem::replace(&mut seen[callee], true) {
                bodies.push(&placed.functions[callee].body);
            }
        }
    }
    late
}

/// Globals that a continuation writes, and that a kernel-side handler does more to than add.
pub(super) fn written_late(placed: &Placed) -> Vec<GlobalId> {
    let late = changed_late(placed);
    let insts = placed.kernel.iter().flat_map(|handler| &handler.body.blocks).flat_map(|block| &block.insts);
    let mut found: Vec<GlobalId> = insts
        .filter(|inst| order_matters(&inst.op, inst.result.is_some()))
        .filter_map(|inst| inst.op.global())
        .filter(|global| late.contains(global))
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn writes(op: &Op) -> bool {
    matches!(
        op,
        Op::Set(..)
            | Op::Add(..)
            | Op::ElementSet(..)
            | Op::ElementAdd(..)
            | Op::ElementDelete(..)
            | Op::Clear(_)
            | Op::Accumulate(..)
            | Op::DeleteSlice(..)
    )
}

/// Whether it matters what others did to the global before: to anything but adding.
fn order_matters(op: &Op, result_used: bool) -> bool {
    match op {
        Op::Get(_) | Op::ElementGet(..) | Op::Contains(..) => true,
        Op::Set(..) | Op::ElementSet(..) | Op::ElementDelete(..) | Op::Clear(_) => true,
        Op::Add(..) | Op::ElementAdd(..) => result_used,
        _ => false,
    }
}

/// Arrays whose keys no hash map of the kernel takes.
pub(super) fn long_keys(placed: &Placed) -> Vec<GlobalId> {
    let globals = placed.globals.iter().enumerate();
    globals
        .filter_map(|(index, (_, residence))| match residence {
            Residence::Table { keys, .. } if keys.iter().map(|key| key.size).sum::<u32>() > LONGEST_KEY => {
                Some(GlobalId(index as u32))
            }
            _ => None,
        })
        .collect()
}

fn slot(ty: Type, length: u32) -> Slot {
    Slot { ty, size: if ty == Type::Long { 8 } else { padded(length) } }
}

fn padded(length: u32) -> u32 {
    length.max(1).next_multiple_of(8)
}
