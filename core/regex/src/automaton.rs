//! The deterministic automaton: whether a text has a match, by one step for each byte.
//!
//! Must never grow beyond its limits: a pattern can need exponentially many states, and is then searched without.

use std::collections::{HashMap, HashSet};

use crate::program::{Instruction, Program};
use crate::set::ByteSet;

/// The most states.
const MOST_STATES: usize = 4096;
/// The most instructions that may be looked at while states are made.
const MOST_EFFORT: usize = 1 << 22;
/// The most bytes of a table.
const MOST_BYTES: usize = 1 << 19;

/// There is no match, whatever follows.
const REJECT: u16 = 0;
/// There is a match, whatever follows.
const ACCEPT: u16 = 1;

/// A deterministic automaton.
#[derive(Clone, Debug)]
pub struct Automaton {
    /// The class of each byte. NUL has one of its own, the last: the end of the text.
    classes: Vec<u8>,
    /// How many classes there are.
    width: usize,
    /// The next state by state and class; after the end of the text it is [`REJECT`] or [`ACCEPT`].
    next: Vec<u16>,
    start: u16,
}

/// The automaton as memory, for a machine that reads one byte of text, its class, and the next state in turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// 256 bytes: the class of each byte; NUL's is the end of the text. Then the states, `1 << shift` entries each: for each
    /// class the next state. As many states as a power of two.
    pub bytes: Vec<u8>,
    /// States are 2 bytes in the machine's order, not 1.
    pub wide: bool,
    /// The logarithm of the number of entries of a state.
    pub shift: u32,
    /// The logarithm of the number of states.
    pub states: u32,
    /// The state to begin with. States 0 and 1 are the answers: no match, a match. The end of the text leads to one of them.
    pub start: u16,
}

impl Automaton {
    /// The automaton of a program; `None` if it would be too large.
    pub(crate) fn of(program: &Program) -> Option<Automaton> {
        let (classes, representatives) = classes(program);
        let width = representatives.len() + 1;
        let mut builder = Builder {
            program,
            visited: vec![false; program.instructions.len()],
            numbers: HashMap::new(),
            states: vec![],
            effort: 0,
        };
        let again = builder.closure(&[0], false);
        let first = builder.closure(&[0], true);
        let start = builder.number(first)?;
        let mut next = vec![REJECT; 2 * width];
        next[width..].fill(ACCEPT);
        let mut at = 0;
        while let Some(state) = builder.states.get(at).cloned() {
            for byte in &representatives {
                let mut seeds: Vec<u32> = state.iter().copied().filter(|from| builder.takes(*from, *byte)).collect();
                seeds.iter_mut().for_each(|from| *from += 1);
                seeds.extend(&again);
                let to = builder.closure(&seeds, false);
                next.push(builder.number(to)?);
            }
            next.push(if builder.accepts_at_end(&state, at == 0) { ACCEPT } else { REJECT });
            at += 1;
        }
        Some(Automaton { classes, width, next, start })
    }

    /// Whether the text has a match. What follows a NUL is not looked at.
    pub fn is_match(&self, text: &[u8]) -> bool {
        let mut state = self.start;
        for byte in text.iter().chain(&[0]) {
            if state <= ACCEPT {
                break;
            }
            state = self.next[usize::from(state) * self.width + usize::from(self.classes[usize::from(*byte)])];
        }
        state == ACCEPT
    }

    /// How many states there are, the two answers included.
    pub fn states(&self) -> usize {
        self.next.len() / self.width
    }

    /// The automaton as memory; `None` if it takes more than half a megabyte.
    pub fn table(&self) -> Option<Table> {
        let wide = self.states() > 256;
        let (row, rows) = (self.width.next_power_of_two(), self.states().next_power_of_two());
        let mut entries = vec![REJECT; row * rows];
        for (row, states) in entries.chunks_mut(row).zip(self.next.chunks(self.width)) {
            row[..self.width].copy_from_slice(states);
        }
        let mut bytes = self.classes.clone();
        for state in entries {
            if wide { bytes.extend(state.to_ne_bytes()) } else { bytes.push(state as u8) }
        }
        let table = Table { bytes, wide, shift: row.ilog2(), states: rows.ilog2(), start: self.start };
        (table.bytes.len() <= MOST_BYTES).then_some(table)
    }
}

/// The class of each byte, and a byte of each class: bytes are alike if no instruction tells them apart.
fn classes(program: &Program) -> (Vec<u8>, Vec<u8>) {
    let mut sets: Vec<&ByteSet> = program
        .instructions
        .iter()
        .filter_map(|instruction| match instruction {
            Instruction::Byte(set) => Some(set),
            _ => None,
        })
        .collect();
    let mut seen = HashSet::new();
    sets.retain(|set| seen.insert(**set));
    let mut numbers = HashMap::new();
    let mut representatives = vec![];
    let mut classes = vec![0; 256];
    for byte in 1..=255u8 {
        let told: Vec<bool> = sets.iter().map(|set| set.has(byte)).collect();
        let class = *numbers.entry(told).or_insert_with(|| {
            representatives.push(byte);
            representatives.len() - 1
        });
        classes[usize::from(byte)] = class as u8;
    }
    classes[0] = representatives.len() as u8;
    (classes, representatives)
}

/// A state in the making: the instructions at which the program can be, of those that do not simply go on.
struct Builder<'a> {
    program: &'a Program,
    visited: Vec<bool>,
    numbers: HashMap<Vec<u32>, u16>,
    /// Without the two answers.
    states: Vec<Vec<u32>>,
    /// Instructions looked at so far.
    effort: usize,
}

impl Builder<'_> {
    fn takes(&self, at: u32, byte: u8) -> bool {
        matches!(self.program.instructions[at as usize], Instruction::Byte(set) if set.has(byte))
    }

    /// All that can be reached without a byte, ascending.
    fn closure(&mut self, seeds: &[u32], at_start: bool) -> Vec<u32> {
        let mut work = seeds.to_vec();
        let mut touched = vec![];
        let mut found = vec![];
        while let Some(at) = work.pop() {
            if std::mem::replace(&mut self.visited[at as usize], true) {
                continue;
            }
            touched.push(at);
            match self.program.instructions[at as usize] {
                Instruction::Byte(_) | Instruction::End | Instruction::Match => found.push(at),
                Instruction::Jump(to) => work.push(to),
                Instruction::Fork(first, second) => work.extend([first, second]),
                Instruction::Save(_) => work.push(at + 1),
                Instruction::Start if at_start => work.push(at + 1),
                Instruction::Start => {}
            }
        }
        self.effort += touched.len() + seeds.len();
        touched.into_iter().for_each(|at| self.visited[at as usize] = false);
        found.sort_unstable();
        found
    }

    /// The number of a state; `None` if there are too many.
    fn number(&mut self, state: Vec<u32>) -> Option<u16> {
        if state.is_empty() {
            return Some(REJECT);
        }
        if state.iter().any(|at| self.program.instructions[*at as usize] == Instruction::Match) {
            return Some(ACCEPT);
        }
        if let Some(number) = self.numbers.get(&state) {
            return Some(*number);
        }
        if self.states.len() >= MOST_STATES - 2 || self.effort > MOST_EFFORT {
            return None;
        }
        let number = self.states.len() as u16 + 2;
        self.states.push(state.clone());
        // The first state is at the start of the text, and no other is.
        if number > 2 {
            self.numbers.insert(state, number);
        }
        Some(number)
    }

    /// Whether the end of the text leads from a state to a match.
    fn accepts_at_end(&self, state: &[u32], at_start: bool) -> bool {
        let mut work = state.to_vec();
        let mut seen = HashSet::new();
        while let Some(at) = work.pop() {
            if !seen.insert(at) {
                continue;
            }
            match self.program.instructions[at as usize] {
                Instruction::Match => return true,
                Instruction::End | Instruction::Save(_) => work.push(at + 1),
                Instruction::Start if at_start => work.push(at + 1),
                Instruction::Jump(to) => work.push(to),
                Instruction::Fork(first, second) => work.extend([first, second]),
                Instruction::Byte(_) | Instruction::Start => {}
            }
        }
        false
    }
}
