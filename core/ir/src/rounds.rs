//! How often the loops of a body go round, as far as its constants tell: `for (i = 0; i < 10; i++)`, with whatever else may end it.
//!
//! A kernel whose verifier follows loops round by round can run these and no others. Must never say that a loop is counted which
//! may go round more often. Reads only.

use std::collections::{BTreeMap, BTreeSet};

use crate::arithmetic::compare;
use crate::flow::Flow;
use crate::graph::{BlockId, Body, Jump, Op, Terminator, Value};
use crate::optimize::remove_redundant_params;
use crate::program::{BinaryOp, CompareOp, UnaryOp};

/// The most rounds of one loop that are counted.
const MOST_ROUNDS: u64 = 4096;

/// The most instructions that a body may come to: each is several of the kernel's, of which the verifier follows a million
/// (`BPF_COMPLEXITY_LIMIT_INSNS`) over all ways through the body.
const MOST_INSTRUCTIONS: u64 = 40_000;

/// What is known of a body's loops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loops {
    /// Where those begin of which it is not known how often they go round.
    pub uncounted: BTreeSet<BlockId>,
    /// What counts the rounds of the others: each a parameter of where its loop begins.
    pub counters: BTreeSet<Value>,
    /// The most rounds that the counted ones make in one run of the body.
    pub rounds: u64,
    /// The most statements that one run of the body comes to, as far as loops are counted.
    pub actions: u64,
    /// The most instructions that one run of the body comes to, as far as loops are counted.
    pub instructions: u64,
}

impl Loops {
    /// Looks at a body.
    pub fn of(body: &Body) -> Self {
        let body = &without_known_branches(body);
        let flow = Flow::of(body);
        let mut loops: BTreeMap<BlockId, Cycle> = BTreeMap::new();
        let mut uncounted = BTreeSet::new();
        for from in &flow.order {
            for to in body.block(*from).term.jumps().map(|jump| jump.to).filter(|to| flow.is_back_edge(*from, *to)) {
                if flow.dominates(to, *from) {
                    let cycle = loops.entry(to).or_default();
                    cycle.latches.insert(*from);
                    cycle.add(to, *from, &flow);
                } else {
                    uncounted.insert(to);
                }
            }
        }
        let facts = Facts::of(body);
        let mut counters = BTreeSet::new();
        let mut counts: BTreeMap<BlockId, u64> = BTreeMap::new();
        for (header, cycle) in &loops {
            match facts.rounds(*header, cycle, &flow) {
                Some((rounds, counter)) => {
                    counts.insert(*header, rounds);
                    counters.insert(counter);
                }
                None => _ = uncounted.insert(*header),
            }
        }
        // How often a block may run: a test at the end of a round is made before the first.
        let times = |block: BlockId, within: Option<BlockId>| {
            let around =
                loops.iter().filter(|(header, cycle)| Some(**header) != within && cycle.blocks.contains(&block));
            around
                .filter_map(|(header, _)| counts.get(header))
                .fold(1u64, |times, rounds| times.saturating_mul(rounds.saturating_add(1)))
        };
        let rounds = counts.iter().fold(0u64, |sum, (header, rounds)| {
            sum.saturating_add(rounds.saturating_mul(times(*header, Some(*header))))
        });
        let (mut actions, mut instructions) = (0u64, 0u64);
        for block in &flow.order {
            let (here, times) = (body.block(*block), times(*block, None));
            actions = actions.saturating_add(u64::from(here.actions).saturating_mul(times));
            instructions = instructions.saturating_add((here.insts.len() as u64 + 1).saturating_mul(times));
        }
        Loops { uncounted, counters, rounds, actions, instructions }
    }

    /// Whether those that are counted are few and short enough to be followed, and do not exceed this many actions.
    pub fn fit(&self, actions: u32) -> bool {
        self.actions < u64::from(actions) && self.rounds <= MOST_ROUNDS && self.instructions <= MOST_INSTRUCTIONS
    }
}

/// A loop.
#[derive(Default)]
struct Cycle {
    blocks: BTreeSet<BlockId>,
    /// Those that jump back.
    latches: BTreeSet<BlockId>,
}

impl Cycle {
    /// Adds all from which the latch can be reached without passing the header.
    fn add(&mut self, header: BlockId, latch: BlockId, flow: &Flow) {
        self.blocks.insert(header);
        let mut work = vec![latch];
        while let Some(block) = work.pop() {
            if self.blocks.insert(block) {
                work.extend(&flow.predecessors[block.0 as usize]);
            }
        }
    }
}

/// What values are made by.
struct Facts<'a> {
    body: &'a Body,
    ops: BTreeMap<Value, &'a Op>,
}

impl<'a> Facts<'a> {
    fn of(body: &'a Body) -> Self {
        let insts = body.blocks.iter().flat_map(|block| &block.insts);
        Facts { body, ops: insts.filter_map(|inst| Some((inst.result?, &inst.op))).collect() }
    }

    fn constant(&self, value: Value) -> Option<i64> {
        match self.ops.get(&value) {
            Some(Op::Long(number)) => Some(*number),
            _ => None,
        }
    }

    /// The value as another one and what is added to it.
    fn sum(&self, mut value: Value) -> (Value, i64) {
        let mut added = 0i64;
        while let Some(Op::Binary(op, left, right)) = self.ops.get(&value) {
            let (base, more) = match (op, self.constant(*left), self.constant(*right)) {
                (BinaryOp::Add, _, Some(number)) => (*left, number),
                (BinaryOp::Add, Some(number), _) => (*right, number),
                (BinaryOp::Subtract, _, Some(number)) => (*left, number.wrapping_neg()),
                _ => break,
            };
            (value, added) = (base, added.wrapping_add(more));
        }
        (value, added)
    }

    /// The most rounds that a loop makes, and the parameter that counts them: a number goes by equal steps from constants to where a test that no round avoids ends it.
    fn rounds(&self, header: BlockId, cycle: &Cycle, flow: &Flow) -> Option<(u64, Value)> {
        let params = &self.body.block(header).params;
        let counts = params.iter().enumerate().filter_map(|(index, param)| {
            let (from, step) = self.progression(header, cycle, flow, index)?;
            let tests =
                cycle.blocks.iter().filter(|block| cycle.latches.iter().all(|latch| flow.dominates(**block, *latch)));
            let tests = tests.filter_map(|block| {
                let Terminator::Branch { condition, then, otherwise } = &self.body.block(*block).term else {
                    return None;
                };
                let stays = match (cycle.blocks.contains(&then.to), cycle.blocks.contains(&otherwise.to)) {
                    (true, false) => true,
                    (false, true) => false,
                    _ => return None,
                };
                let holds = self.test(*condition, *param)?;
                let rounds = |from: &i64| rounds_from(*from, step, |number| holds(number) == stays);
                from.iter().map(rounds).collect::<Option<Vec<u64>>>()?.into_iter().max()
            });
            tests.min().map(|rounds| (rounds, *param))
        });
        counts.min()
    }

    /// The constants that a parameter begins with, and what each round adds to it.
    fn progression(&self, header: BlockId, cycle: &Cycle, flow: &Flow, index: usize) -> Option<(Vec<i64>, i64)> {
        let param = self.body.block(header).params[index];
        let (mut from, mut steps) = (vec![], BTreeSet::new());
        for block in BTreeSet::from_iter(&flow.predecessors[header.0 as usize]) {
            for jump in self.body.block(*block).term.jumps().filter(|jump| jump.to == header) {
                let arg = *jump.args.get(index)?;
                if cycle.blocks.contains(block) {
                    let (base, step) = self.sum(arg);
                    if base != param {
                        return None;
                    }
                    steps.insert(step);
                } else {
                    from.push(self.constant(arg)?);
                }
            }
        }
        let step = *steps.first()?;
        (steps.len() == 1 && step != 0 && !from.is_empty()).then_some((from, step))
    }

    /// What a condition says of a parameter, if it compares that with a constant.
    fn test(&self, condition: Value, param: Value) -> Option<Box<dyn Fn(i64) -> bool>> {
        let of_param = |value| {
            let (base, added) = self.sum(value);
            (base == param).then_some(added)
        };
        if let Some(added) = of_param(condition) {
            return Some(Box::new(move |number| number.wrapping_add(added) != 0));
        }
        let (op, added, constant, swapped) = match self.ops.get(&condition)? {
            Op::Unary(UnaryOp::Not, value) => {
                let holds = self.test(*value, param)?;
                return Some(Box::new(move |number| !holds(number)));
            }
            // What `&&` and `||` make of a comparison.
            Op::Compare(op @ (CompareOp::NotEqual | CompareOp::Equal), left, right)
                if self.constant(*right) == Some(0) && of_param(*left).is_none() =>
            {
                let (holds, not) = (self.test(*left, param)?, *op == CompareOp::Equal);
                return Some(Box::new(move |number| holds(number) != not));
            }
            Op::Compare(op, left, right) => match (of_param(*left), self.constant(*right)) {
                (Some(added), Some(constant)) => (*op, added, constant, false),
                _ => (*op, of_param(*right)?, self.constant(*left)?, true),
            },
            _ => return None,
        };
        Some(Box::new(move |number| holds(op, number.wrapping_add(added), constant, swapped)))
    }
}

fn holds(op: CompareOp, number: i64, constant: i64, swapped: bool) -> bool {
    if swapped { compare(op, &constant, &number) } else { compare(op, &number, &constant) }
}

/// How often a number can be stepped on and stay; `None`: too often.
fn rounds_from(mut number: i64, step: i64, stays: impl Fn(i64) -> bool) -> Option<u64> {
    let mut rounds = 0;
    while stays(number) {
        rounds += 1;
        if rounds > MOST_ROUNDS {
            return None;
        }
        number = number.wrapping_add(step);
    }
    Some(rounds)
}

/// The body, with each jump of a constant to a block that does nothing but branch on it going where that branch goes. What `a && b`
/// becomes ends a loop at two places otherwise, of which neither is passed by every round. Loops begin where they did.
fn without_known_branches(body: &Body) -> Body {
    let mut changed = body.clone();
    let facts = Facts::of(body);
    let flow = Flow::of(body);
    let begins =
        |block: BlockId| flow.predecessors[block.0 as usize].iter().any(|from| flow.is_back_edge(*from, block));
    for block in &mut changed.blocks {
        for jump in block.term.jumps_mut() {
            // Once is enough for one `&&`, and each further one takes one more.
            for _ in 0..8 {
                let Some(next) = where_to(body, &facts, jump).filter(|_| !begins(jump.to)) else { break };
                *jump = next;
            }
        }
    }
    remove_redundant_params(&mut changed);
    changed
}

/// Where a jump goes on to, if that is certain.
fn where_to(body: &Body, facts: &Facts<'_>, jump: &Jump) -> Option<Jump> {
    let block = body.block(jump.to);
    let Terminator::Branch { condition, then, otherwise } = &block.term else { return None };
    let passed = |value: &Value| {
        let index = block.params.iter().position(|param| param == value);
        index.and_then(|index| jump.args.get(index)).copied()
    };
    if !block.insts.is_empty() {
        return None;
    }
    let known = facts.constant(passed(condition)?)?;
    let next = if known != 0 { then } else { otherwise };
    let args = next.args.iter().map(|arg| passed(arg).unwrap_or(*arg)).collect();
    Some(Jump { to: next.to, args })
}
