//! Unreachable blocks, block parameters that are always the same value, and blocks that could be one.

use crate::flow::Flow;
use crate::graph::{BlockId, Body, Terminator, Value};

/// Drops blocks that no path reaches, and puts the rest in reverse postorder.
pub(super) fn remove_unreachable(body: &mut Body) {
    let order = Flow::of(body).order;
    let mut renamed = vec![None; body.blocks.len()];
    for (index, block) in order.iter().enumerate() {
        renamed[block.0 as usize] = Some(BlockId(index as u32));
    }
    let mut blocks: Vec<_> = std::mem::take(&mut body.blocks).into_iter().map(Some).collect();
    for block in order {
        if let Some(mut block) = blocks[block.0 as usize].take() {
            for jump in block.term.jumps_mut() {
                if let Some(to) = renamed[jump.to.0 as usize] {
                    jump.to = to;
                }
            }
            body.blocks.push(block);
        }
    }
}

/// Removes parameters to which every jump passes one and the same value (or the parameter itself).
pub(crate) fn remove_redundant_params(body: &mut Body) -> bool {
    let mut replacement: Vec<Option<Value>> = vec![None; body.values.len()];
    let resolve = |replacement: &[Option<Value>], mut value: Value| {
        while let Some(next) = replacement[value.0 as usize] {
            value = next;
        }
        value
    };
    let mut any = false;
    loop {
        // For each parameter: no value seen, one value seen, or several.
        let mut incoming: Vec<Vec<Option<Result<Value, ()>>>> =
            body.blocks.iter().map(|block| vec![None; block.params.len()]).collect();
        for block in &body.blocks {
            for jump in block.term.jumps() {
                for (index, arg) in jump.args.iter().enumerate() {
                    let param = body.blocks[jump.to.0 as usize].params[index];
                    let arg = resolve(&replacement, *arg);
                    if arg == resolve(&replacement, param) {
                        continue;
                    }
                    let seen = &mut incoming[jump.to.0 as usize][index];
                    *seen = match *seen {
                        None => Some(Ok(arg)),
                        Some(Ok(other)) if other == arg => Some(Ok(arg)),
                        _ => Some(Err(())),
                    };
                }
            }
        }
        let mut changed = false;
        for (block, incoming) in incoming.iter().enumerate().skip(1) {
            for (index, seen) in incoming.iter().enumerate() {
                let param = body.blocks[block].params[index];
                if let Some(Ok(value)) = *seen
                    && replacement[param.0 as usize].is_none()
                {
                    replacement[param.0 as usize] = Some(value);
                    changed = true;
                }
            }
        }
        any |= changed;
        if !changed {
            break;
        }
    }
    if any {
        let gone: Vec<Vec<bool>> = body
            .blocks
            .iter()
            .map(|block| block.params.iter().map(|param| replacement[param.0 as usize].is_some()).collect())
            .collect();
        for block in &mut body.blocks {
            for jump in block.term.jumps_mut() {
                let mut gone = gone[jump.to.0 as usize].iter();
                jump.args.retain(|_| !gone.next().copied().unwrap_or(false));
            }
            block.params.retain(|param| replacement[param.0 as usize].is_none());
        }
        super::replace_uses(body, &replacement);
    }
    any
}

/// Joins a block to its only predecessor where that one leads nowhere else, and skips blocks that only jump on.
pub(super) fn merge(body: &mut Body) -> bool {
    let mut any = false;
    let flow = Flow::of(body);
    for block in flow.order.iter().rev().copied() {
        let Terminator::Jump(jump) = &body.block(block).term else { continue };
        let to = jump.to;
        if to == BlockId::ENTRY || to == block || flow.predecessors[to.0 as usize].len() != 1 {
            continue;
        }
        let mut replacement = vec![None; body.values.len()];
        for (param, arg) in body.block(to).params.iter().zip(&jump.args) {
            replacement[param.0 as usize] = Some(*arg);
        }
        let joined = &mut body.blocks[to.0 as usize];
        joined.params.clear();
        let insts = std::mem::take(&mut joined.insts);
        let term = std::mem::replace(&mut joined.term, Terminator::Unreachable);
        let (span, actions) = (joined.span, joined.actions);
        let block = &mut body.blocks[block.0 as usize];
        block.insts.extend(insts);
        block.term = term;
        block.span = span;
        block.actions += actions;
        if replacement.iter().any(Option::is_some) {
            super::replace_uses(body, &replacement);
        }
        any = true;
    }
    any
}
