//! The search that also tells groups: all ways through the program at the same time, in the order of preference.
//!
//! Must never try a way twice at one place of the text, so that it takes time linear in the text.

use std::ops::Range;

use crate::program::{Instruction, Program};

/// A place of the text that no group has.
const NOWHERE: usize = usize::MAX;

/// A way through the program, where it stands, and what it has saved.
struct Thread {
    at: u32,
    slots: Vec<usize>,
}

/// What is still to be done while ways are followed that take no byte.
enum Step {
    Visit(u32),
    Restore(usize, usize),
}

struct Search<'a> {
    program: &'a Program,
    text: &'a [u8],
    /// By instruction: the step at which it was last come to.
    seen: Vec<usize>,
    /// The best match so far.
    best: Option<Vec<usize>>,
    work: Vec<Step>,
}

/// The first, of those the longest match; what each of the first `groups` groups has of it. What follows a NUL is not looked
/// at.
pub(crate) fn search(program: &Program, text: &[u8], groups: usize) -> Option<Vec<Option<Range<usize>>>> {
    let text = &text[..text.iter().position(|byte| *byte == 0).unwrap_or(text.len())];
    let mut search =
        Search { program, text, seen: vec![usize::MAX; program.instructions.len()], best: None, work: vec![] };
    let mut threads: Vec<Thread> = vec![];
    let mut following: Vec<Thread> = vec![];
    for at in 0..=text.len() {
        // Those that came here by a byte, in order; then a match that begins here, if none has begun before.
        for thread in threads.drain(..) {
            search.follow(thread.at, thread.slots, at, &mut following);
        }
        if search.best.is_none() {
            search.follow(0, vec![NOWHERE; 2 * groups], at, &mut following);
        }
        let first = search.best.as_ref().map_or(NOWHERE, |best| best[0]);
        let byte = text.get(at).copied();
        for mut thread in following.drain(..) {
            let takes = matches!(
                (search.program.instructions[thread.at as usize], byte),
                (Instruction::Byte(set), Some(byte)) if set.has(byte)
            );
            if takes && thread.slots[0] <= first {
                thread.at += 1;
                threads.push(thread);
            }
        }
        if threads.is_empty() && search.best.is_some() {
            break;
        }
    }
    let best = search.best?;
    let group = |slots: &[usize]| match slots {
        [start, end] if *start != NOWHERE && *end != NOWHERE => Some(*start..*end),
        _ => None,
    };
    Some(best.chunks(2).map(group).collect())
}

impl Search<'_> {
    /// Follows all ways from an instruction that take no byte; those that then wait for one go to `waiting`.
    fn follow(&mut self, from: u32, mut slots: Vec<usize>, place: usize, waiting: &mut Vec<Thread>) {
        self.work.push(Step::Visit(from));
        while let Some(step) = self.work.pop() {
            let at = match step {
                Step::Visit(at) => at,
                Step::Restore(slot, value) => {
                    slots[slot] = value;
                    continue;
                }
            };
            if std::mem::replace(&mut self.seen[at as usize], place) == place {
                continue;
            }
            match self.program.instructions[at as usize] {
                Instruction::Byte(_) => waiting.push(Thread { at, slots: slots.clone() }),
                Instruction::Jump(to) => self.work.push(Step::Visit(to)),
                Instruction::Fork(first, second) => self.work.extend([Step::Visit(second), Step::Visit(first)]),
                Instruction::Save(slot) => {
                    if let Some(value) = slots.get_mut(slot as usize) {
                        self.work.push(Step::Restore(slot as usize, *value));
                        *value = place;
                    }
                    self.work.push(Step::Visit(at + 1));
                }
                Instruction::Start if place == 0 => self.work.push(Step::Visit(at + 1)),
                Instruction::End if place == self.text.len() => self.work.push(Step::Visit(at + 1)),
                Instruction::Start | Instruction::End => {}
                Instruction::Match => {
                    // The first way to come here at one place of the text is the preferred one.
                    let worse = |best: &Vec<usize>| slots[0] < best[0] || slots[0] == best[0] && slots[1] > best[1];
                    if self.best.as_ref().is_none_or(worse) {
                        self.best = Some(slots.clone());
                    }
                }
            }
        }
    }
}
