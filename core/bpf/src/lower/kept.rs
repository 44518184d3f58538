//! Which longs live in the frame where there are more of them than registers and the stack can hold.
//!
//! Must never keep a pointer there: the kernel's verifier would take what comes back for a number.

use systap_ir::graph::{Body, Op, Value};
use systap_ir::program::Type;

/// What is kept off the stack, in the frame, where the stack turned out to be too small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Thrift {
    /// Nothing that fits.
    None,
    /// Texts and keys.
    Texts,
    /// Numbers too, but for those that are used up at once.
    Longs,
}

/// A long that is used only by so many instructions after its own stays in a register.
const NEAR: usize = 3;

/// By value: the word that it is kept in; `None` for what is no long, is a constant, or is used up at once.
pub(super) fn longs(body: &Body) -> Vec<Option<u32>> {
    // Where each value is defined, by a number that grows by more than `NEAR` from block to block.
    let mut defined: Vec<Option<usize>> = vec![None; body.values.len()];
    let mut far = vec![false; body.values.len()];
    let mut at = 0;
    let note = |value: &Value, at: usize, defined: &[Option<usize>], far: &mut Vec<bool>| {
        let near = defined[value.0 as usize].is_some_and(|from| from <= at && at - from <= NEAR);
        far[value.0 as usize] |= !near;
    };
    for block in &body.blocks {
        at += NEAR + 1;
        block.params.iter().for_each(|param| far[param.0 as usize] = true);
        for inst in &block.insts {
            at += 1;
            inst.op.clone().for_each_use(|value| note(value, at, &defined, &mut far));
            if let Some(result) = inst.result
                && !matches!(inst.op, Op::Long(_))
            {
                defined[result.0 as usize] = Some(at);
            }
        }
        at += 1;
        block.term.clone().for_each_use(|value| note(value, at, &defined, &mut far));
    }
    let constants: Vec<Value> = body
        .blocks
        .iter()
        .flat_map(|block| &block.insts)
        .filter(|inst| matches!(inst.op, Op::Long(_)))
        .filter_map(|inst| inst.result)
        .collect();
    constants.iter().for_each(|value| far[value.0 as usize] = false);
    let mut next = 0;
    let keep = |(far, ty): (bool, &Type)| {
        (far && *ty == Type::Long).then(|| {
            next += 1;
            next - 1
        })
    };
    far.into_iter().zip(&body.values).map(keep).collect()
}
