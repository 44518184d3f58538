//! What is known at translation is computed then: arithmetic, comparisons, branches.

use crate::arithmetic;
use crate::graph::{Body, Op, Terminator, Value};
use crate::program::BinaryOp;

/// Folds constants forward through each block in order, and branches on them.
pub(super) fn fold_constants(body: &mut Body) -> bool {
    let mut longs: Vec<Option<i64>> = vec![None; body.values.len()];
    let mut texts: Vec<Option<Vec<u8>>> = vec![None; body.values.len()];
    let mut replacement: Vec<Option<Value>> = vec![None; body.values.len()];
    let mut changed = false;
    for block in &mut body.blocks {
        for inst in &mut block.insts {
            let Some(result) = inst.result else { continue };
            let long = |value: &Value| longs[value.0 as usize];
            let folded = match &inst.op {
                Op::Unary(op, a) => long(a).map(|a| arithmetic::unary(*op, a)),
                Op::Binary(op, a, b) => match (long(a), long(b)) {
                    (Some(a), Some(b)) => arithmetic::binary(*op, a, b),
                    (None, Some(0)) if matches!(op, BinaryOp::Add | BinaryOp::Subtract | BinaryOp::Or) => {
                        replacement[result.0 as usize] = Some(*a);
                        None
                    }
                    _ => None,
                },
                Op::Compare(op, a, b) => match (&texts[a.0 as usize], &texts[b.0 as usize]) {
                    (Some(a), Some(b)) => Some(i64::from(arithmetic::compare(*op, a, b))),
                    _ => match (long(a), long(b)) {
                        (Some(a), Some(b)) => Some(i64::from(arithmetic::compare(*op, &a, &b))),
                        _ => None,
                    },
                },
                Op::Extend { value, bits, signed } => long(value).map(|a| arithmetic::extend(a, *bits, *signed)),
                _ => None,
            };
            if let Some(value) = folded {
                inst.op = Op::Long(value);
                changed = true;
            }
            match &inst.op {
                Op::Long(value) => longs[result.0 as usize] = Some(*value),
                Op::Text(text) => texts[result.0 as usize] = Some(text.clone()),
                _ => {}
            }
        }
        if let Terminator::Attempt { ok, .. } = &block.term
            && !block.insts.last().is_some_and(|inst| inst.op.is_fallible())
        {
            block.term = Terminator::Jump(ok.clone());
            changed = true;
        }
        if let Terminator::Branch { condition, then, otherwise } = &block.term
            && let Some(value) = longs[condition.0 as usize]
        {
            block.term = Terminator::Jump(if value != 0 { then.clone() } else { otherwise.clone() });
            changed = true;
        }
    }
    if replacement.iter().any(Option::is_some) {
        super::replace_uses(body, &replacement);
        // The replaced instructions are unused now and go with the rest of what is.
    }
    changed
}
