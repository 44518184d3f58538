//! What a kernel-side handler takes apart by `tokenize` becomes a value: what is left of it goes along wherever the handler goes on, in
//! the kernel or on the user side.
//!
//! Must never change what a call gives. Functions that remain calls keep a string of their own: with them in a handler, its calls stay
//! what they were, for the user side.

use crate::graph::{BlockId, Body, Inst, Op, Terminator, Value};
use crate::intrinsic::Intrinsic;
use crate::program::Type;

/// Turns each `tokenize` into functions of strings.
pub(super) fn carry(body: &mut Body) {
    let ops = || body.blocks.iter().flat_map(|block| &block.insts).map(|inst| &inst.op);
    if !ops().any(|op| matches!(op, Op::Intrinsic(Intrinsic::Tokenize, _)))
        || ops().any(|op| matches!(op, Op::Call(..)))
    {
        return;
    }
    if body.blocks.iter().flat_map(|block| block.term.jumps()).any(|jump| jump.to == BlockId::ENTRY) {
        // The entry can take no values.
        return;
    }
    let constants: Vec<(Value, bool)> = body
        .blocks
        .iter()
        .flat_map(|block| &block.insts)
        .filter_map(|inst| match &inst.op {
            Op::Text(text) => Some((inst.result?, text.is_empty())),
            _ => None,
        })
        .collect();
    let is_empty = |value: Value| constants.iter().find(|(known, _)| *known == value).map(|(_, empty)| *empty);
    let span = body.block(BlockId::ENTRY).span;
    let nothing = body.value(Type::Text);
    body.blocks[0].insts.insert(0, Inst { result: Some(nothing), op: Op::Text(vec![]), span });
    for at in 0..body.blocks.len() {
        let mut rest = nothing;
        if at != 0 {
            rest = body.value(Type::Text);
            body.blocks[at].params.push(rest);
        }
        for inst in std::mem::take(&mut body.blocks[at].insts) {
            let Op::Intrinsic(Intrinsic::Tokenize, args) = &inst.op else {
                body.blocks[at].insts.push(inst);
                continue;
            };
            let [input, delimiters] = args[..] else { continue };
            let add = |body: &mut Body, result, intrinsic, args| {
                let op = Op::Intrinsic(intrinsic, args);
                body.blocks[at].insts.push(Inst { result: Some(result), op, span: inst.span });
                result
            };
            let text = match is_empty(input) {
                Some(true) => rest,
                Some(false) => input,
                None => {
                    let text = body.value(Type::Text);
                    add(body, text, Intrinsic::TextOr, vec![input, rest])
                }
            };
            if let Some(result) = inst.result {
                add(body, result, Intrinsic::Token, vec![text, delimiters]);
            }
            rest = body.value(Type::Text);
            add(body, rest, Intrinsic::TokenRest, vec![text, delimiters]);
        }
        let block = &mut body.blocks[at];
        // What cannot go wrong any more is not attempted.
        if let Terminator::Attempt { ok, .. } = &block.term
            && block.insts.last().is_none_or(|last| !last.op.is_fallible())
        {
            block.term = Terminator::Jump(ok.clone());
        }
        block.term.jumps_mut().for_each(|jump| jump.args.push(rest));
    }
}
