//! A value that was computed on every path to here need not be computed again.
//!
//! Only what cannot have changed in between qualifies: constants, arithmetic, the event's arguments, and facts of the moment
//! that are the same throughout a hit (not clocks).

use std::collections::HashMap;

use crate::flow::Flow;
use crate::graph::{BlockId, Body, Op, Value};
use crate::intrinsic::Context;

/// Replaces repeated computations by the first one, where that dominates them.
pub(super) fn reuse_values(body: &mut Body) -> bool {
    let flow = Flow::of(body);
    let mut known: HashMap<String, Vec<(BlockId, Value)>> = HashMap::new();
    let mut replacement: Vec<Option<Value>> = vec![None; body.values.len()];
    let mut changed = false;
    for block in &flow.order {
        for inst in &mut body.blocks[block.0 as usize].insts {
            inst.op.for_each_use(|value| {
                while let Some(next) = replacement[value.0 as usize] {
                    *value = next;
                }
            });
            let Some(result) = inst.result else { continue };
            if !is_stable(&inst.op) {
                continue;
            }
            let near = is_cheap(&inst.op);
            let seen = known.entry(format!("{:?}", inst.op)).or_default();
            match seen.iter().find(|(at, _)| at == block || (!near && flow.dominates(*at, *block))) {
                Some((_, first)) => {
                    replacement[result.0 as usize] = Some(*first);
                    changed = true;
                }
                None => seen.push((*block, result)),
            }
        }
    }
    if changed {
        super::replace_uses(body, &replacement);
        for block in &mut body.blocks {
            block.insts.retain(|inst| inst.result.is_none_or(|result| replacement[result.0 as usize].is_none()));
        }
    }
    changed
}

fn is_stable(op: &Op) -> bool {
    match op {
        Op::Context(context) => !matches!(
            context,
            Context::Caught
                | Context::MonotonicNs
                | Context::BoottimeNs
                | Context::RealtimeNs
                | Context::Jiffies
                | Context::PerfCounter { .. }
        ),
        Op::Long(_) | Op::Text(_) | Op::Argument { .. } | Op::Extend { .. } | Op::Unary(..) | Op::Compare(..) => true,
        Op::Match { .. } | Op::Pick { .. } => true,
        Op::Binary(..) => op.is_pure(),
        _ => false,
    }
}

/// Arithmetic costs less than a register kept over many blocks; and a condition that is kept and tested twice makes the kernel's
/// verifier try all ways through what lies between.
fn is_cheap(op: &Op) -> bool {
    matches!(op, Op::Unary(..) | Op::Binary(..) | Op::Compare(..) | Op::Extend { .. })
}
