//! From the tree to a program for a nondeterministic machine, which prefers the first way of each fork.
//!
//! Must never make more than [`MOST_INSTRUCTIONS`]: repetitions multiply.

use crate::parse::Node;
use crate::set::ByteSet;

/// The most instructions of a program.
pub(crate) const MOST_INSTRUCTIONS: usize = 100_000;

/// An instruction; all but `Byte`, `Jump` and `Fork` go on with the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Instruction {
    /// Takes one byte of these, then goes on with the next instruction.
    Byte(ByteSet),
    /// Goes on there.
    Jump(u32),
    /// Goes on at the first, or else at the second.
    Fork(u32, u32),
    /// Remembers the place in the text: slot 2n is the start of group n, 2n+1 its end.
    Save(u32),
    /// Goes on only at the start of the text.
    Start,
    /// Goes on only at its end.
    End,
    /// The pattern has matched.
    Match,
}

/// A program. It begins at instruction 0 and matches what begins where it is started.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) instructions: Vec<Instruction>,
}

impl Program {
    /// The program of a tree; `None` if it would be too large.
    pub(crate) fn of(node: &Node) -> Option<Program> {
        let mut program = Program { instructions: vec![] };
        program.push(Instruction::Save(0))?;
        program.node(node)?;
        program.push(Instruction::Save(1))?;
        program.push(Instruction::Match)?;
        Some(program)
    }

    fn here(&self) -> u32 {
        self.instructions.len() as u32
    }

    fn push(&mut self, instruction: Instruction) -> Option<usize> {
        if self.instructions.len() >= MOST_INSTRUCTIONS {
            return None;
        }
        self.instructions.push(instruction);
        Some(self.instructions.len() - 1)
    }

    fn node(&mut self, node: &Node) -> Option<()> {
        match node {
            Node::Empty => {}
            Node::Byte(set) => _ = self.push(Instruction::Byte(*set))?,
            Node::Start => _ = self.push(Instruction::Start)?,
            Node::End => _ = self.push(Instruction::End)?,
            Node::Group(number, inner) => {
                self.push(Instruction::Save(2 * *number as u32))?;
                self.node(inner)?;
                self.push(Instruction::Save(2 * *number as u32 + 1))?;
            }
            Node::Concat(nodes) => {
                for node in nodes {
                    self.node(node)?;
                }
            }
            Node::Alternate(nodes) => self.alternate(nodes)?,
            Node::Repeat { node, min, max } => self.repeat(node, *min, *max)?,
        }
        Some(())
    }

    fn alternate(&mut self, nodes: &[Node]) -> Option<()> {
        let mut ends = vec![];
        for (number, node) in nodes.iter().enumerate() {
            if number + 1 == nodes.len() {
                self.node(node)?;
                break;
            }
            let fork = self.push(Instruction::Fork(self.here() + 1, 0))?;
            self.node(node)?;
            ends.push(self.push(Instruction::Jump(0))?);
            self.instructions[fork] = Instruction::Fork(fork as u32 + 1, self.here());
        }
        for end in ends {
            self.instructions[end] = Instruction::Jump(self.here());
        }
        Some(())
    }

    fn repeat(&mut self, node: &Node, min: u32, max: Option<u32>) -> Option<()> {
        let mut last = self.here();
        for _ in 0..min {
            last = self.here();
            self.node(node)?;
            if last == self.here() {
                // Nothing, however often.
                return Some(());
            }
        }
        match max {
            // Once more and again: a loop whose test comes last lets a group take part that matches nothing.
            None => {
                let skip = if min == 0 { Some(self.push(Instruction::Fork(self.here() + 1, 0))?) } else { None };
                if min == 0 {
                    last = self.here();
                    self.node(node)?;
                }
                self.push(Instruction::Fork(last, self.here() + 1))?;
                if let Some(skip) = skip {
                    self.instructions[skip] = Instruction::Fork(skip as u32 + 1, self.here());
                }
            }
            Some(max) => {
                let mut forks = vec![];
                for _ in min..max {
                    forks.push(self.push(Instruction::Fork(self.here() + 1, 0))?);
                    self.node(node)?;
                }
                for fork in forks {
                    self.instructions[fork] = Instruction::Fork(fork as u32 + 1, self.here());
                }
            }
        }
        Some(())
    }
}
