//! Divides a handler that the kernel fires: what it can do there stays, the rest becomes continuations.
//!
//! A block is divided before its first instruction that kernel-side code is denied; all that can follow from there on runs on
//! the user side. How that becomes a body of its own, and what travels to it, is `outline`'s to say.

use std::collections::{BTreeMap, BTreeSet};

use systap_diagnostics::{Diagnostic, Span};

use super::denied::Rules;
use super::outline::{Bridge, Outline};
use crate::flow::Flow;
use crate::graph::{Block, BlockId, Body, Jump, Op, Terminator};
use crate::intrinsic::Context;
use crate::placed::Continuation;
use crate::rounds::Loops;

/// Divides `body`, which keeps the kernel's part. `handler` is its number, `actions` what it may do at most, `first` the number of
/// the first continuation.
pub(super) fn divide(
    body: &mut Body,
    rules: &Rules<'_>,
    (handler, actions): (usize, u32),
    first: usize,
) -> Result<Vec<Continuation>, Vec<Diagnostic>> {
    let reasons = split_before_denied(body, rules, actions);
    if reasons.is_empty() {
        return Ok(vec![]);
    }
    let entries = where_to_leave(body, &reasons);
    let mut continuations = vec![];
    let mut diagnostics = vec![];
    let mut bridges = BTreeMap::new();
    for entry in entries {
        let reason = first_reason(body, entry, &reasons);
        let mut outline = Outline::new(body, entry, rules);
        match outline.run(handler, (first + continuations.len()) as u32, reason) {
            Ok((continuation, bridge)) => {
                continuations.push(continuation);
                bridges.insert(entry, bridge);
            }
            Err(found) => diagnostics.extend(found),
        }
    }
    if !diagnostics.is_empty() {
        // The reads of one call are one mistake, wherever it is divided.
        let mut places = std::collections::HashSet::new();
        diagnostics.retain(|finding: &Diagnostic| places.insert((finding.code, finding.span)));
        return Err(diagnostics);
    }
    install(body, bridges);
    Ok(continuations)
}

/// Makes each denied instruction the first of a block; gives those blocks and why.
fn split_before_denied(body: &mut Body, rules: &Rules<'_>, actions: u32) -> BTreeMap<BlockId, (String, Span)> {
    let mut later: Vec<Option<Context>> = vec![None; body.values.len()];
    for inst in body.blocks.iter().flat_map(|block| &block.insts) {
        if let (Some(result), Op::Context(context)) = (inst.result, &inst.op)
            && context.rendered_later()
        {
            later[result.0 as usize] = Some(*context);
        }
    }
    let mut reasons = BTreeMap::new();
    let mut at = 0;
    while at < body.blocks.len() {
        let lost = super::caught::loses_message(body, at);
        let last = body.blocks[at].insts.len().saturating_sub(1);
        let denied = body.blocks[at].insts.iter_mut().enumerate().find_map(|(index, inst)| {
            let lost = (lost && index == last).then(|| "an error's message, which is made at run time".to_owned());
            let mut reason = rules.denies(&inst.op).or(lost);
            let op = inst.op.clone();
            inst.op.for_each_use(|value| {
                if let Some(context) = later[value.0 as usize] {
                    reason = reason.take().or_else(|| rules.denies_use(context, &op));
                }
            });
            reason.map(|reason| (index, (reason, inst.span)))
        });
        match denied {
            Some((0, reason)) => {
                reasons.insert(BlockId(at as u32), reason);
            }
            Some((index, reason)) => {
                let id = BlockId(body.blocks.len() as u32);
                let block = &mut body.blocks[at];
                let insts = block.insts.split_off(index);
                let term = std::mem::replace(&mut block.term, Terminator::Jump(Jump { to: id, args: vec![] }));
                let span = block.span;
                body.blocks.push(Block { params: vec![], insts, term, span, actions: 0 });
                reasons.insert(id, reason);
                // What follows the split is not looked at again: it is on the user side in any case.
                at += 1;
                continue;
            }
            None => {
                let mut passes_later = None;
                body.blocks[at].term.for_each_use(|value| {
                    passes_later = passes_later.or(later[value.0 as usize]);
                });
                if let Some(context) = passes_later {
                    let reason = super::denied::as_a_value(context);
                    reasons.insert(BlockId(at as u32), (reason, body.blocks[at].span));
                }
            }
        }
        at += 1;
    }
    if !rules.capabilities.open_loops {
        let flow = Flow::of(body);
        let loops = Loops::of(body);
        let followed = rules.capabilities.followed_loops && loops.fit(actions);
        for block in &flow.order {
            for jump in body.block(*block).term.jumps() {
                let stays = followed && !loops.uncounted.contains(&jump.to);
                if flow.is_back_edge(*block, jump.to) && !stays {
                    let span = body.block(jump.to).span;
                    reasons.entry(jump.to).or_insert(("a loop, which this kernel cannot run".into(), span));
                }
            }
        }
    }
    let flow = Flow::of(body);
    reasons.retain(|block, _| flow.position(*block).is_some());
    reasons
}

pub(super) fn reachable_from(body: &Body, from: impl Iterator<Item = BlockId>) -> BTreeSet<BlockId> {
    let mut found = BTreeSet::new();
    let mut work: Vec<BlockId> = from.collect();
    while let Some(block) = work.pop() {
        if found.insert(block) {
            work.extend(body.block(block).term.jumps().map(|jump| jump.to));
        }
    }
    found
}

/// The blocks at which the kernel is left: the first on a path from which on something denied has been passed or can follow
/// again.
///
/// A block that can follow something denied, but from which nothing denied can be reached, is run by whichever side comes to it:
/// what a filter lets through goes on in the kernel, to its end, without a record.
fn where_to_leave(body: &Body, reasons: &BTreeMap<BlockId, (String, Span)>) -> BTreeSet<BlockId> {
    let after = reachable_from(body, reasons.keys().copied());
    let flow = Flow::of(body);
    let mut before = BTreeSet::new();
    let mut work: Vec<BlockId> = reasons.keys().copied().collect();
    while let Some(block) = work.pop() {
        if before.insert(block) {
            work.extend(&flow.predecessors[block.0 as usize]);
        }
    }
    let leaves = |block: &BlockId| after.contains(block) && before.contains(block);
    let mut entries = BTreeSet::new();
    if leaves(&BlockId::ENTRY) {
        entries.insert(BlockId::ENTRY);
    }
    for block in flow.order.iter().filter(|block| !leaves(block)) {
        entries.extend(body.block(*block).term.jumps().map(|jump| jump.to).filter(leaves));
    }
    entries
}

fn first_reason(body: &Body, entry: BlockId, reasons: &BTreeMap<BlockId, (String, Span)>) -> (String, Span) {
    let region = reachable_from(body, std::iter::once(entry));
    let flow = Flow::of(body);
    flow.order
        .iter()
        .filter(|block| region.contains(block))
        .find_map(|block| reasons.get(block))
        .cloned()
        .unwrap_or_else(|| ("what comes before it".into(), body.block(entry).span))
}

/// Puts the bridges in the place of what has gone to the user side.
///
/// Blocks of the user side that are no entry are unreachable then; the optimizer drops them.
fn install(body: &mut Body, bridges: BTreeMap<BlockId, Bridge>) {
    for (entry, bridge) in bridges {
        let offset = body.blocks.len() as u32;
        let mut blocks = bridge.into_iter();
        let Some(mut head) = blocks.next() else { continue };
        // Within a bridge, block 0 is the head and stays in the entry's place; the others come at the end.
        let renumber = |block: &mut Block| {
            for jump in block.term.jumps_mut() {
                jump.to.0 += offset - 1;
            }
        };
        renumber(&mut head);
        body.blocks.extend(blocks.map(|mut block| {
            renumber(&mut block);
            block
        }));
        body.blocks[entry.0 as usize] = head;
    }
}
