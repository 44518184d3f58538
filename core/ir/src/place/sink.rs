//! What only the user side can make is made as late as can be: right before somebody uses it, behind the reads that the kernel does.
//!
//! A handler leaves the kernel at the first thing that it cannot do there, and what memory it reads behind that must be known by then.
//! `printf("%s %s\n", ctime(now), fullpath_struct_path(path))` asks for the time first, but nothing of the path depends on it. Must never
//! move anything over what could tell the difference.

use std::collections::{BTreeMap, BTreeSet};

use super::denied::Rules;
use crate::flow::Flow;
use crate::graph::{BlockId, Body, Op, Terminator, Value};
use crate::intrinsic::Intrinsic;

/// What may be between where something is made and where it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Over {
    /// Anything: it neither fails nor keeps anything.
    All,
    /// What only reads and computes, and only if it is used in any case: it may fail, or counts its calls.
    Reads,
}

/// Moves what `rules` deny the kernel, and what is made of that, towards its use.
pub(super) fn sink(body: &mut Body, rules: &Rules<'_>) {
    // Most handlers have nothing of the kind.
    let is_denied = |op: &Op| over(op).is_some() && rules.denies(op).is_some();
    if !body.blocks.iter().flat_map(|block| &block.insts).any(|inst| is_denied(&inst.op)) {
        return;
    }
    let flow = Flow::of(body);
    let late = late(body, &flow, rules);
    for block in flow.order.iter().rev() {
        let mut index = body.block(*block).insts.len();
        while index > 0 {
            index -= 1;
            let Some(inst) = body.block(*block).insts.get(index) else { continue };
            let Some(result) = inst.result.filter(|result| late.contains(result)) else { continue };
            let Some(over) = over(&inst.op) else { continue };
            if let Some((to, at)) = place(body, &flow, (*block, index), result, over) {
                let inst = body.blocks[block.0 as usize].insts.remove(index);
                let at = if to == *block { at - 1 } else { at };
                body.blocks[to.0 as usize].insts.insert(at, inst);
            }
        }
    }
}

/// What is made on the user side, and can be made later.
fn late(body: &Body, flow: &Flow, rules: &Rules<'_>) -> BTreeSet<Value> {
    let mut late = BTreeSet::new();
    for block in &flow.order {
        for inst in &body.block(*block).insts {
            let Some(result) = inst.result.filter(|_| over(&inst.op).is_some()) else { continue };
            let mut of_late = false;
            inst.op.clone().for_each_use(|value| of_late |= late.contains(value));
            if of_late || rules.denies(&inst.op).is_some() {
                late.insert(result);
            }
        }
    }
    late
}

/// Over what an operation can be moved; `None` if it stays where it is.
fn over(op: &Op) -> Option<Over> {
    use Intrinsic::*;
    match op {
        Op::Concat(..) | Op::Pick { .. } | Op::Compare(..) | Op::Unary(..) | Op::Extend { .. } => Some(Over::All),
        Op::Match { .. } => Some(Over::All),
        Op::Format(..) | Op::Binary(..) if op.is_pure() => Some(Over::All),
        Op::Intrinsic(intrinsic, _) => match intrinsic {
            ErrnoName | ZoneOffset | ZoneName | DoubleText | LoadAverage | SyscallResult | SyscallArgument
            | Symname | Symdata | StackText => Some(Over::All),
            UserSymname | UserSymdata | UserStackText | StackAddress | StackPart | TextStrn | Strlen | Substr => {
                Some(Over::All)
            }
            ByteAt | Isinstr | Strpos | StrReplace | TextOr | Token | TokenRest | Strtol => Some(Over::All),
            Ctime | TextDouble | UserModname | UserModAddress | UserModBuildId => Some(Over::Reads),
            ThreadIndent | Indent | ThreadIndentDepth | IndentDepth => Some(Over::Reads),
            _ => None,
        },
        _ => None,
    }
}

/// Whether an operation does nothing but read and compute, perhaps in vain.
fn only_reads(op: &Op) -> bool {
    op.is_pure() || matches!(op, Op::Load { .. } | Op::ReadText { .. } | Op::Binary(..)) || over(op) == Some(Over::All)
}

/// Where an instruction is to stand, as a block and an index there before it is taken away; `None` if it stays.
fn place(
    body: &Body,
    flow: &Flow,
    (from, index): (BlockId, usize),
    result: Value,
    over: Over,
) -> Option<(BlockId, usize)> {
    let attempts =
        |block: BlockId| matches!(body.block(block).term, Terminator::Attempt { .. } | Terminator::Caught(_));
    let insts = |block: BlockId| &body.block(block).insts;
    if attempts(from) && index + 1 == insts(from).len() {
        return None;
    }
    let first = first_uses(body, flow, result);
    let to = first.keys().copied().reduce(|one, other| common(flow, one, other))?;
    // At the end of a block stands what is attempted there.
    let end = |block: BlockId| insts(block).len() - usize::from(attempts(block) && !insts(block).is_empty());
    let at = first.get(&to).copied().unwrap_or(usize::MAX).min(end(to));
    if to == from {
        let between = insts(from).get(index + 1..at)?;
        let free = over == Over::All || between.iter().all(|inst| only_reads(&inst.op));
        return (free && !between.is_empty()).then_some((from, at));
    }
    let between = between(body, from, to);
    // Where the place comes round again without the old one, it would be made more than once.
    if between.contains(&from) || comes_round(body, to, from) {
        return None;
    }
    if over == Over::Reads {
        let reads = |insts: &[crate::graph::Inst]| insts.iter().all(|inst| only_reads(&inst.op));
        let goes_on = |block: &BlockId| body.block(*block).term.jumps().next().is_some();
        let all = between.iter().all(|block| goes_on(block) && reads(insts(*block)));
        if !all || !reads(&insts(from)[index + 1..]) || !reads(&insts(to)[..at]) {
            return None;
        }
    }
    Some((to, at))
}

/// The first use of a value in each block, by index; the end of the block for what is passed on.
fn first_uses(body: &Body, flow: &Flow, of: Value) -> BTreeMap<BlockId, usize> {
    let mut first = BTreeMap::new();
    for id in &flow.order {
        let block = body.block(*id);
        let uses = |op: &Op| {
            let mut found = false;
            op.clone().for_each_use(|value| found |= *value == of);
            found
        };
        if let Some(index) = block.insts.iter().position(|inst| uses(&inst.op)) {
            first.insert(*id, index);
            continue;
        }
        let mut passed = false;
        block.term.clone().for_each_use(|value| passed |= *value == of);
        if passed {
            first.insert(*id, block.insts.len());
        }
    }
    first
}

/// The lowest block that dominates both.
fn common(flow: &Flow, one: BlockId, other: BlockId) -> BlockId {
    let mut candidates = flow.order.iter().rev().copied();
    candidates.find(|block| flow.dominates(*block, one) && flow.dominates(*block, other)).unwrap_or(BlockId::ENTRY)
}

/// The blocks that can be passed on the way from one to another, neither of them among them.
fn between(body: &Body, from: BlockId, to: BlockId) -> BTreeSet<BlockId> {
    let mut found = BTreeSet::new();
    let mut work: Vec<BlockId> = body.block(from).term.jumps().map(|jump| jump.to).collect();
    while let Some(block) = work.pop() {
        if block != to && found.insert(block) {
            work.extend(body.block(block).term.jumps().map(|jump| jump.to));
        }
    }
    found
}

/// Whether a block can be reached from itself without passing another.
fn comes_round(body: &Body, block: BlockId, without: BlockId) -> bool {
    let mut seen = BTreeSet::from([without]);
    let mut work: Vec<BlockId> = body.block(block).term.jumps().map(|jump| jump.to).collect();
    while let Some(next) = work.pop() {
        if next == block {
            return true;
        }
        if seen.insert(next) {
            work.extend(body.block(next).term.jumps().map(|jump| jump.to));
        }
    }
    false
}
