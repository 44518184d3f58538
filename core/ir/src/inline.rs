//! Calls replaced by the bodies of the functions they call: kernel-side code has no calls.
//!
//! Functions that can reach themselves stay calls; placing then moves their callers' code to the user side.

use crate::graph::{Block, BlockId, Body, Function, Inst, Jump, Op, Terminator, Value};
use crate::intrinsic::Intrinsic;
use crate::program::FunctionId;

/// A body that would become larger than this many instructions is left with calls in it.
const LARGEST_BODY: usize = 50_000;

/// Which functions can reach themselves.
pub(crate) fn recursive_functions(functions: &[Function]) -> Vec<bool> {
    let calls: Vec<Vec<usize>> = functions.iter().map(|function| callees(&function.body)).collect();
    (0..functions.len())
        .map(|start| {
            let mut seen = vec![false; functions.len()];
            let mut work = calls[start].clone();
            while let Some(at) = work.pop() {
                if at == start {
                    return true;
                }
                if !std::mem::replace(&mut seen[at], true) {
                    work.extend(&calls[at]);
                }
            }
            false
        })
        .collect()
}

/// How deep calls may go where nothing is said of it: as deep as they can without a function in itself, and ten deeper if one
/// can be.
pub(crate) fn deepest_calls(functions: &[Function]) -> u32 {
    const BONUS: u32 = 10;
    let recursive = recursive_functions(functions);
    let calls: Vec<Vec<usize>> = functions.iter().map(|function| callees(&function.body)).collect();
    let mut depths = vec![1u32; functions.len()];
    loop {
        let mut changed = false;
        for (caller, callees) in calls.iter().enumerate() {
            // Calls among functions that reach themselves are what the bonus is for.
            let deeper = callees.iter().filter(|callee| !(recursive[caller] && recursive[**callee]));
            let depth = deeper.map(|callee| depths[*callee] + 1).max().unwrap_or(1);
            changed |= depth > depths[caller];
            depths[caller] = depths[caller].max(depth);
        }
        if !changed {
            break;
        }
    }
    let depth = depths.into_iter().max().unwrap_or(1);
    match recursive.iter().filter(|recursive| **recursive).count() as u32 {
        0 => depth,
        around => depth + around + BONUS,
    }
}

/// The functions that a body calls itself, as indexes.
pub(crate) fn callees(body: &Body) -> Vec<usize> {
    let insts = body.blocks.iter().flat_map(|block| &block.insts);
    insts
        .filter_map(|inst| match inst.op {
            Op::Call(FunctionId(callee), _) => Some(callee as usize),
            _ => None,
        })
        .collect()
}

/// Inlines every call of a function that is not recursive.
pub(crate) fn inline_calls(body: &mut Body, functions: &[Function], recursive: &[bool]) {
    let mut at = 0;
    let mut size: usize = body.blocks.iter().map(|block| block.insts.len()).sum();
    while at < body.blocks.len() {
        let call = body.blocks[at].insts.iter().position(|inst| match inst.op {
            Op::Call(FunctionId(callee), _) => !recursive[callee as usize],
            _ => false,
        });
        let callee = call.and_then(|index| match body.blocks[at].insts[index].op {
            Op::Call(FunctionId(callee), _) => Some((index, &functions[callee as usize].body)),
            _ => None,
        });
        match callee {
            Some((index, callee)) if size < LARGEST_BODY => {
                size += callee.blocks.iter().map(|block| block.insts.len()).sum::<usize>();
                inline_one(body, at, index, callee);
            }
            _ => at += 1,
        }
    }
}

/// Splits the block at the call and puts the callee's blocks between the halves. What can go wrong in the callee is caught where
/// the call is.
fn inline_one(body: &mut Body, at: usize, index: usize, callee: &Body) {
    let rest = body.blocks[at].insts.split_off(index + 1);
    let Some(Inst { result, op: Op::Call(_, args), span }) = body.blocks[at].insts.pop() else { return };
    let first_value = body.values.len() as u32;
    body.values.extend(&callee.values);
    let first_block = body.blocks.len() as u32 + 1;
    let after = BlockId(first_block - 1);
    let jump = Terminator::Jump(Jump { to: BlockId(first_block), args });
    let mut term = std::mem::replace(&mut body.blocks[at].term, jump);
    let mut fault = None;
    if rest.is_empty()
        && let Terminator::Attempt { ok, fault: to } = term
    {
        (term, fault) = (Terminator::Jump(ok), Some(to));
    }
    let outer = std::mem::replace(&mut body.blocks[at].span, span);
    let params = result.into_iter().collect();
    body.blocks.push(Block { params, insts: rest, term, span: outer, actions: 0 });
    let mut attempts = vec![];
    for block in &callee.blocks {
        let mut block = block.clone();
        let shift = |value: &mut Value| value.0 += first_value;
        block.params.iter_mut().for_each(shift);
        for inst in &mut block.insts {
            inst.op.for_each_use(shift);
            inst.result.iter_mut().for_each(shift);
            // What goes wrong in the library is shown where the script calls it.
            if inst.span.file != span.file {
                inst.span = span;
            }
        }
        block.term.for_each_use(shift);
        for jump in block.term.jumps_mut() {
            jump.to.0 += first_block;
        }
        if let Terminator::Return(value) = block.term {
            let args = if result.is_some() { value.into_iter().collect() } else { vec![] };
            block.term = Terminator::Jump(Jump { to: after, args });
        }
        attempts.push(body.blocks.len());
        body.blocks.push(block);
    }
    if let Some(fault) = fault {
        attempts.into_iter().for_each(|block| attempt_all(body, block, &fault));
    }
}

/// Lets the errors of a block's instructions go to `fault`, but for those that are caught already.
fn attempt_all(body: &mut Body, at: usize, fault: &Jump) {
    let caught = matches!(body.blocks[at].term, Terminator::Attempt { .. } | Terminator::Caught(_));
    let mut at = at;
    while let Some(index) = body.blocks[at].insts.iter().position(|inst| inst.op.is_fallible()) {
        let last = index + 1 == body.blocks[at].insts.len();
        if last && caught {
            return;
        }
        if matches!(body.blocks[at].insts[index].op, Op::Intrinsic(Intrinsic::Error, _)) {
            body.blocks[at].insts.truncate(index + 1);
            body.blocks[at].term = Terminator::Caught(fault.clone());
            return;
        }
        let rest = BlockId(body.blocks.len() as u32);
        let block = &mut body.blocks[at];
        let insts = block.insts.split_off(index + 1);
        let ok = Jump { to: rest, args: vec![] };
        let term = std::mem::replace(&mut block.term, Terminator::Attempt { ok, fault: fault.clone() });
        let span = block.span;
        body.blocks.push(Block { params: vec![], insts, term, span, actions: 0 });
        at = rest.0 as usize;
    }
}
