//! Where each global lives, from who touches it and how.

use super::capacity::{GlobalText, Text};
use super::denied::LONGEST_KEY;
use crate::graph::{Op, Unit};
use crate::placed::{Placed, Residence, Slot, control};
use crate::program::{Constant, Element, Global, GlobalId, GlobalShape, Type};

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
                Op::Accumulate(..) | Op::Contains(..) | Op::ElementDelete(..) => false,
                _ => true,
            };
        }
    }
    let mut next_word = control::FIRST_FREE;
    let residence = |(global, (seen, text)): (&Global, (KernelUse, &GlobalText))| {
        let residence =
            if seen.touched { in_kernel(&global.shape, seen, text, &mut next_word) } else { Residence::User };
        (global.clone(), residence)
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
