//! What the handler matched last, and what its groups have. It must never be asked for by a handler that follows: each begins
//! with no match.

use systap_ir::graph::{SAME_MATCH, Value};

use super::datum::Text;
use super::error::ErrorKind;
use super::interpreter::Interpreter;

/// A text and the number of the pattern that it was matched with, whether it did match or not.
#[derive(Clone, Debug)]
pub(super) struct LastMatch {
    text: Text,
    pattern: usize,
}

impl Interpreter<'_> {
    /// Remembers what was matched with which pattern; see [`systap_ir::graph::Op::NoteMatch`].
    pub(super) fn note_match(&mut self, text: Value, pattern: Value) {
        let pattern = self.registers.long(pattern);
        if pattern != SAME_MATCH {
            let text = self.registers.text(text).clone();
            self.last_match = usize::try_from(pattern).ok().map(|pattern| LastMatch { text, pattern });
        }
    }

    /// What a group has of the last match; "" if the match went past it.
    pub(super) fn matched(&self, group: i64) -> Result<Text, ErrorKind> {
        let failed = ErrorKind::NoMatch(Some(group));
        let last = self.last_match.as_ref().ok_or_else(|| failed.clone())?;
        let groups = self.patterns.get(last.pattern).and_then(|pattern| pattern.captures(&last.text)).ok_or(failed)?;
        let place = usize::try_from(group).ok().and_then(|group| groups.get(group)).ok_or(ErrorKind::NoGroup(group))?;
        Ok(Text::from(place.clone().and_then(|place| last.text.get(place)).unwrap_or_default()))
    }

    /// How many groups the pattern of the last match has.
    pub(super) fn groups(&self) -> Result<i64, ErrorKind> {
        let last = self.last_match.as_ref().ok_or(ErrorKind::NoMatch(None))?;
        let pattern = self.patterns.get(last.pattern).filter(|pattern| pattern.is_match(&last.text));
        Ok(pattern.ok_or(ErrorKind::NoMatch(None))?.groups() as i64)
    }
}
