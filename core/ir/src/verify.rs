//! Whether a graph is well-formed: what every pass may rely on and must leave behind.
//!
//! Run after each pass in debug builds; a finding is a mistake in systap, never in a script.

use crate::flow::Flow;
use crate::graph::{BlockId, Body, Op, Terminator, Value};
use crate::intrinsic::Intrinsic;

/// The first thing that is wrong with a body: each value must be defined once, before its uses on every path; each jump
/// must pass as many values, of the same types, as the block takes.
pub fn verify(body: &Body) -> Result<(), String> {
    let flow = Flow::of(body);
    let mut defined: Vec<Option<(BlockId, usize)>> = vec![None; body.values.len()];
    for block in &flow.order {
        let params = body.block(*block).params.iter().map(|param| (*param, 0));
        let insts = body.block(*block).insts.iter().enumerate();
        let results = insts.filter_map(|(index, inst)| inst.result.map(|result| (result, index + 1)));
        for (value, at) in params.chain(results) {
            if defined[value.0 as usize].replace((*block, at)).is_some() {
                return Err(format!("v{} is defined twice", value.0));
            }
        }
    }
    for block in &flow.order {
        let check = |value: Value, at: usize| match defined[value.0 as usize] {
            Some((there, position)) if there == *block && position <= at => Ok(()),
            Some((there, _)) if there != *block && flow.dominates(there, *block) => Ok(()),
            _ => Err(format!("v{} is used in b{} where it may not be defined", value.0, block.0)),
        };
        let mut contents = body.block(*block).clone();
        for (index, inst) in contents.insts.iter_mut().enumerate() {
            let mut found = Ok(());
            inst.op.for_each_use(|value| {
                if found.is_ok() {
                    found = check(*value, index);
                }
            });
            found?;
        }
        let mut found = Ok(());
        contents.term.for_each_use(|value| {
            if found.is_ok() {
                found = check(*value, contents.insts.len());
            }
        });
        found?;
        for jump in contents.term.jumps() {
            let params = &body.block(jump.to).params;
            let types = |values: &[Value]| values.iter().map(|value| body.ty(*value)).collect::<Vec<_>>();
            if types(params) != types(&jump.args) {
                return Err(format!("the jump from b{} to b{} passes other values than it takes", block.0, jump.to.0));
            }
        }
        let last = contents.insts.last();
        match &contents.term {
            Terminator::Attempt { fault, .. } => {
                if !last.is_some_and(|inst| inst.op.is_fallible()) {
                    return Err(format!("b{} attempts what cannot fail", block.0));
                }
                if last.and_then(|inst| inst.result).is_some_and(|result| fault.args.contains(&result)) {
                    return Err(format!("b{} passes on the result of what failed", block.0));
                }
            }
            Terminator::Caught(_)
                if !last.is_some_and(|inst| matches!(inst.op, Op::Intrinsic(Intrinsic::Error, _))) =>
            {
                return Err(format!("b{} catches no error", block.0));
            }
            _ => {}
        }
        if let Terminator::Branch { condition, .. } = &contents.term
            && body.ty(*condition) != crate::program::Type::Long
        {
            return Err(format!("b{} branches on a string", block.0));
        }
    }
    Ok(())
}
