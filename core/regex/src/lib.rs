//! The regular expressions of the language: POSIX extended syntax as SystemTap has it, over bytes.
//!
//! A pattern is parsed into a tree, the tree becomes a program for a nondeterministic machine, and that, unless it grows too
//! large, a table that decides in one step for each byte. A search is unanchored. Of all matches the one that begins first is
//! taken, and of those the longest; which part of it each group has is decided by preference: an earlier alternative before
//! a later one, more repetitions before fewer.
//!
//! Must never take more than linear time in the text, recurse deeper than a few times [`MOST_DEPTH`], or know of anything but bytes.

mod automaton;
mod error;
mod parse;
mod program;
mod search;
mod set;

#[cfg(test)]
mod tests;

use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

pub use automaton::{Automaton, Table};
pub use error::{ErrorKind, RegexError};
pub use parse::MOST_DEPTH;

use program::Program;

/// A compiled regular expression.
#[derive(Clone)]
pub struct Regex {
    pattern: Vec<u8>,
    groups: usize,
    needless_escapes: Vec<Range<usize>>,
    program: Program,
    automaton: OnceLock<Option<Automaton>>,
}

impl Regex {
    /// Compiles a pattern: the value of the literal, its escapes resolved.
    ///
    /// # Errors
    /// Where the pattern is malformed, or needs a program of more than `program::MOST_INSTRUCTIONS` instructions.
    pub fn new(pattern: &[u8]) -> Result<Regex, RegexError> {
        let parsed = parse::parse(pattern)?;
        let program =
            Program::of(&parsed.node).ok_or(RegexError { kind: ErrorKind::TooLarge, at: 0..pattern.len() })?;
        Ok(Regex {
            pattern: pattern.to_vec(),
            groups: parsed.groups,
            needless_escapes: parsed.needless_escapes,
            program,
            automaton: OnceLock::new(),
        })
    }

    /// The pattern.
    pub fn pattern(&self) -> &[u8] {
        &self.pattern
    }

    /// How many groups it has; group 0, the whole match, is one of them.
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// Backslashes before letters and digits, each with what follows it: other dialects give them a meaning (`\1`, `\d`),
    /// here they stand for the letter or digit itself.
    pub fn needless_escapes(&self) -> &[Range<usize>] {
        &self.needless_escapes
    }

    /// The deterministic automaton; `None` if it would be too large.
    pub fn automaton(&self) -> Option<&Automaton> {
        self.automaton.get_or_init(|| Automaton::of(&self.program)).as_ref()
    }

    /// Whether the pattern matches somewhere in the text.
    pub fn is_match(&self, text: &[u8]) -> bool {
        match self.automaton() {
            Some(automaton) => automaton.is_match(text),
            None => search::search(&self.program, text, 1).is_some(),
        }
    }

    /// What each group has of the text, group 0 first; `None` if the pattern matches nowhere. A group is `None` if the match
    /// went past it.
    pub fn captures(&self, text: &[u8]) -> Option<Vec<Option<Range<usize>>>> {
        search::search(&self.program, text, self.groups)
    }
}

impl fmt::Debug for Regex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Regex(\"{}\")", self.pattern.escape_ascii())
    }
}

impl PartialEq for Regex {
    fn eq(&self, other: &Regex) -> bool {
        self.pattern == other.pattern
    }
}
