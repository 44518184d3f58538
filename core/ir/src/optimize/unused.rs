//! What nobody uses need not be computed.

use crate::graph::{BlockId, Body, Op, Terminator};
use crate::intrinsic::Intrinsic;

/// Removes instructions without effect whose result is unused, block parameters that are unused, and the result of
/// instructions whose effect is all that matters.
pub(super) fn remove_unused(body: &mut Body) {
    let mut used = vec![false; body.values.len()];
    // Needed values are found from the roots (effects and terminators), through instructions and block parameters.
    let mut work = vec![];
    for block in &mut body.blocks {
        for inst in &mut block.insts {
            if !is_removable(&inst.op) {
                inst.op.for_each_use(|value| work.push(*value));
            }
        }
        match &mut block.term {
            Terminator::Branch { condition, .. } => work.push(*condition),
            Terminator::Jump(_) | Terminator::Attempt { .. } | Terminator::Caught(_) => {}
            term => term.for_each_use(|value| work.push(*value)),
        }
    }
    let mut definition = vec![None; body.values.len()];
    for (at, block) in body.blocks.iter().enumerate() {
        for (index, inst) in block.insts.iter().enumerate() {
            if let Some(result) = inst.result {
                definition[result.0 as usize] = Some((at, index));
            }
        }
    }
    let mut param_of = vec![None; body.values.len()];
    let mut jumps_to: Vec<Vec<(usize, usize)>> = vec![vec![]; body.blocks.len()];
    for (at, block) in body.blocks.iter().enumerate() {
        for (index, param) in block.params.iter().enumerate() {
            param_of[param.0 as usize] = Some((at, index));
        }
        for (number, jump) in block.term.jumps().enumerate() {
            jumps_to[jump.to.0 as usize].push((at, number));
        }
    }
    while let Some(value) = work.pop() {
        if std::mem::replace(&mut used[value.0 as usize], true) {
            continue;
        }
        if let Some((block, index)) = definition[value.0 as usize] {
            let inst = &mut body.blocks[block].insts[index];
            if is_removable(&inst.op) {
                inst.op.for_each_use(|value| work.push(*value));
            }
        }
        if let Some((block, index)) = param_of[value.0 as usize] {
            for (from, number) in &jumps_to[block] {
                if let Some(jump) = body.blocks[*from].term.jumps().nth(*number) {
                    work.push(jump.args[index]);
                }
            }
        }
    }
    let keep: Vec<Vec<bool>> = body
        .blocks
        .iter()
        .enumerate()
        .map(|(at, block)| {
            let entry = BlockId(at as u32) == BlockId::ENTRY;
            block.params.iter().map(|param| entry || used[param.0 as usize]).collect()
        })
        .collect();
    for (at, block) in body.blocks.iter_mut().enumerate() {
        let mut kept = keep[at].iter();
        block.params.retain(|_| kept.next().copied().unwrap_or(true));
        for jump in block.term.jumps_mut() {
            let mut kept = keep[jump.to.0 as usize].iter();
            jump.args.retain(|_| kept.next().copied().unwrap_or(true));
        }
        for inst in &mut block.insts {
            // How far memory is read that is quoted depends on the text that comes of it.
            let needs_place = matches!(inst.op, Op::Intrinsic(Intrinsic::QuoteKernel | Intrinsic::QuoteUser, _));
            inst.result = inst.result.filter(|result| needs_place || used[result.0 as usize]);
        }
        block.insts.retain(|inst| inst.result.is_some() || !is_removable(&inst.op));
    }
}

fn is_removable(op: &Op) -> bool {
    op.is_pure()
}
