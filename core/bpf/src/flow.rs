//! Control flow of the code: basic blocks, and the removal of jumps and blocks that do nothing.
//!
//! Must never change what the code computes. The verifier refuses code that cannot be reached, so none may be left.

use std::collections::HashMap;

use crate::code::{Code, Label, Line};

/// Consecutive instructions that are entered at the first and left at the last.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    /// First instruction.
    pub(crate) start: usize,
    /// One past the last.
    pub(crate) end: usize,
    /// Blocks that may run next.
    pub(crate) next: Vec<usize>,
}

/// The blocks, in the order of the code.
pub(crate) fn blocks(lines: &[Line]) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut labels: HashMap<Label, usize> = HashMap::new();
    let mut start = 0;
    for (at, line) in lines.iter().enumerate() {
        if let Code::Label(label) = line.code {
            let fresh = lines[start..at].iter().any(|line| !matches!(line.code, Code::Label(_)));
            if fresh {
                blocks.push(Block { start, end: at, next: Vec::new() });
                start = at;
            }
            labels.insert(label, blocks.len());
        } else if line.code.target().is_some() || line.code.ends_flow() {
            blocks.push(Block { start, end: at + 1, next: Vec::new() });
            start = at + 1;
        }
    }
    if start < lines.len() {
        blocks.push(Block { start, end: lines.len(), next: Vec::new() });
    }
    let count = blocks.len();
    for (index, block) in blocks.iter_mut().enumerate() {
        let Some(last) = block.end.checked_sub(1).and_then(|last| lines.get(last)) else { continue };
        if let Some(to) = last.code.target().and_then(|label| labels.get(&label)) {
            block.next.push(*to);
        }
        if !last.code.ends_flow() && index + 1 < count {
            block.next.push(index + 1);
        }
    }
    blocks
}

/// Jumps to jumps, jumps to what comes next anyway and unreachable code removed; labels that nothing refers to too.
pub(crate) fn simplify(lines: &mut Vec<Line>) {
    for _ in 0..3 {
        thread_jumps(lines);
        keep_reachable(lines);
        drop_empty_jumps(lines);
    }
    let mut used: Vec<Label> = lines.iter().filter_map(|line| line.code.target()).collect();
    used.sort_unstable();
    lines.retain(|line| !matches!(line.code, Code::Label(label) if used.binary_search(&label).is_err()));
}

fn thread_jumps(lines: &mut [Line]) {
    let mut same: HashMap<Label, Label> = HashMap::new();
    for at in 0..lines.len() {
        let Code::Label(label) = lines[at].code else { continue };
        let after = lines[at..].iter().find(|line| !matches!(line.code, Code::Label(_)));
        if let Some(Code::Jump { to }) = after.map(|line| line.code)
            && to != label
        {
            same.insert(label, to);
        }
    }
    for line in lines {
        if let Some(to) = line.code.target_mut() {
            // Bounded, since jumps may go round.
            for _ in 0..16 {
                match same.get(to) {
                    Some(next) => *to = *next,
                    None => break,
                }
            }
        }
    }
}

fn keep_reachable(lines: &mut Vec<Line>) {
    let blocks = blocks(lines);
    let mut reached = vec![false; blocks.len()];
    let mut todo = vec![0];
    while let Some(block) = todo.pop() {
        if let Some(seen) = reached.get_mut(block)
            && !*seen
        {
            *seen = true;
            todo.extend(&blocks[block].next);
        }
    }
    if reached.iter().all(|seen| *seen) {
        return;
    }
    let mut kept = Vec::with_capacity(lines.len());
    for (block, _) in blocks.iter().zip(&reached).filter(|(_, seen)| **seen) {
        kept.extend_from_slice(&lines[block.start..block.end]);
    }
    *lines = kept;
}

/// Whether `label` stands right after instruction `at`.
fn comes_next(lines: &[Line], at: usize, label: Label) -> bool {
    lines[at + 1..]
        .iter()
        .map_while(|line| if let Code::Label(l) = line.code { Some(l) } else { None })
        .any(|l| l == label)
}

fn drop_empty_jumps(lines: &mut Vec<Line>) {
    let mut dropped = vec![false; lines.len()];
    for at in 0..lines.len() {
        match lines[at].code {
            Code::Jump { to } if comes_next(lines, at, to) => dropped[at] = true,
            Code::Branch { to, .. } if comes_next(lines, at, to) => dropped[at] = true,
            Code::Branch { cond, wide, left, right, to } => {
                // A branch over a jump is the opposite branch to where that jumps.
                let Some(Line { code: Code::Jump { to: elsewhere }, .. }) = lines.get(at + 1).copied() else {
                    continue;
                };
                if let Some(opposite) = cond.opposite()
                    && comes_next(lines, at + 1, to)
                {
                    lines[at].code = Code::Branch { cond: opposite, wide, left, right, to: elsewhere };
                    dropped[at + 1] = true;
                }
            }
            _ => {}
        }
    }
    let mut at = 0;
    lines.retain(|_| {
        at += 1;
        !dropped[at - 1]
    });
}
