//! Passes over one graph at a time. Each leaves the graph well-formed (see [`crate::verify()`]) and does the same to
//! every backend's input; none changes what a program prints.

mod blocks;
mod fold;
mod reuse;
mod unused;

use crate::graph::{Body, Unit, Value};

pub(crate) use self::blocks::remove_redundant_params;

/// Runs every pass over every handler and function.
pub fn optimize(unit: &mut Unit) {
    for body in unit
        .handlers
        .iter_mut()
        .map(|handler| &mut handler.body)
        .chain(unit.functions.iter_mut().map(|function| &mut function.body))
    {
        optimize_body(body);
    }
}

/// Runs every pass over one body.
pub fn optimize_body(body: &mut Body) {
    // Folding a branch can make a block parameter redundant, which can make a comparison constant, and so on. Most programs
    // settle in two or three rounds; a chain of calls with constants takes one for each call. What is not folded may have
    // to be read later than it can be.
    debug_assert_eq!(crate::verify::verify(body), Ok(()));
    for _ in 0..32 {
        blocks::remove_unreachable(body);
        let mut changed = blocks::remove_redundant_params(body);
        changed |= fold::fold_constants(body);
        changed |= reuse::reuse_values(body);
        changed |= blocks::merge(body);
        if !changed {
            break;
        }
    }
    blocks::remove_unreachable(body);
    unused::remove_unused(body);
    debug_assert_eq!(crate::verify::verify(body), Ok(()));
}

/// Replaces values by others everywhere they are used; follows chains.
fn replace_uses(body: &mut Body, replacement: &[Option<Value>]) {
    let resolve = |value: &mut Value| {
        while let Some(next) = replacement[value.0 as usize] {
            *value = next;
        }
    };
    for block in &mut body.blocks {
        for inst in &mut block.insts {
            inst.op.for_each_use(resolve);
        }
        block.term.for_each_use(resolve);
    }
}
