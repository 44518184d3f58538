//! What a kernel-side handler matched last becomes a value: it travels to the user side only if something there asks for the
//! groups, and what is matched in the kernel can stay there.
//!
//! Must never change what a match gives. Functions that remain calls keep notes of their own: after such a call nobody here
//! knows what was matched last, but who noted it does.

use crate::graph::{BlockId, Body, Inst, NO_MATCH, Op, SAME_MATCH, Unit, Value};
use crate::intrinsic::Intrinsic;
use crate::program::Type;

/// Whether anything in the program asks what was matched last.
pub(super) fn matter(unit: &Unit) -> bool {
    let handlers = unit.handlers.iter().map(|handler| &handler.body);
    let mut bodies = handlers.chain(unit.functions.iter().map(|function| &function.body));
    let asked = |op: &Op| matches!(op, Op::Intrinsic(Intrinsic::Matched | Intrinsic::Ngroups, _));
    bodies.any(|body| body.blocks.iter().flat_map(|block| &block.insts).any(|inst| asked(&inst.op)))
}

/// Drops the notes of matches, and notes the last one anew before each instruction that asks for it.
pub(super) fn carry(body: &mut Body) {
    if !body.blocks.iter().flat_map(|block| &block.insts).any(|inst| asks(&inst.op)) {
        for block in &mut body.blocks {
            block.insts.retain(|inst| !matches!(inst.op, Op::NoteMatch { .. }));
        }
        return;
    }
    if body.blocks.iter().flat_map(|block| block.term.jumps()).any(|jump| jump.to == BlockId::ENTRY) {
        // The entry can take no values. Notes that stay are for the user side, and so is what follows them.
        return;
    }
    let span = body.block(BlockId::ENTRY).span;
    let values = [Type::Text, Type::Long, Type::Long].map(|ty| body.value(ty));
    let constants = [Op::Text(vec![]), Op::Long(NO_MATCH), Op::Long(SAME_MATCH)];
    let define = |(result, op)| Inst { result: Some(result), op, span };
    body.blocks[0].insts.splice(0..0, values.into_iter().zip(constants).map(define));
    let [nothing, none, same] = values;
    for at in 0..body.blocks.len() {
        let mut last = (nothing, none);
        if at != 0 {
            last = (body.value(Type::Text), body.value(Type::Long));
            body.blocks[at].params.extend([last.0, last.1]);
        }
        through_block(body, at, last, (nothing, same));
    }
}

/// Follows the last match through a block and passes it on. `unknown`: what it is after a call.
fn through_block(body: &mut Body, at: usize, mut last: (Value, Value), unknown: (Value, Value)) {
    let block = &mut body.blocks[at];
    for inst in std::mem::take(&mut block.insts) {
        match inst.op {
            Op::NoteMatch { text, pattern } => {
                last = (text, pattern);
                continue;
            }
            _ if asks(&inst.op) => {
                let op = Op::NoteMatch { text: last.0, pattern: last.1 };
                block.insts.push(Inst { result: None, op, span: inst.span });
                if let Op::Call(..) = inst.op {
                    last = unknown;
                }
            }
            _ => {}
        }
        block.insts.push(inst);
    }
    for jump in block.term.jumps_mut() {
        jump.args.extend([last.0, last.1]);
    }
}

/// Whether it may look at the last match.
fn asks(op: &Op) -> bool {
    matches!(op, Op::Call(..) | Op::Intrinsic(Intrinsic::Matched | Intrinsic::Ngroups, _))
}
