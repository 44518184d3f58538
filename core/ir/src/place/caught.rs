//! What the kernel side knows of an error that it catches: which one, and one number. It becomes a sentence on the user side,
//! so what the script itself says at run time cannot be caught in the kernel by a handler that wants to hear it.

use crate::graph::{Body, Op, Terminator};
use crate::intrinsic::Intrinsic;

/// Whether a block ends in an `error` whose message, unknown before the run, is wanted where it is caught.
pub(super) fn loses_message(body: &Body, at: usize) -> bool {
    let block = &body.blocks[at];
    let Terminator::Caught(jump) = &block.term else { return false };
    let Some(Op::Intrinsic(Intrinsic::Error, args)) = block.insts.last().map(|inst| &inst.op) else { return false };
    let known = |arg| {
        let mut insts = body.blocks.iter().flat_map(|block| &block.insts);
        insts.any(|inst| inst.result == Some(arg) && matches!(inst.op, Op::Text(_)))
    };
    body.wants_message(jump.to) && !args.iter().all(|arg| known(*arg))
}
