//! The diagnostics of one parse: at most as many as a person reads, in the order of the text.

use systap_diagnostics::{Diagnostic, Severity};

/// How many diagnostics one parse reports.
const LIMIT: usize = 20;

#[derive(Debug, Default)]
pub(crate) struct Findings {
    list: Vec<Diagnostic>,
    left_out: usize,
}

impl Findings {
    /// Takes one in, unless an error at the same place was reported already: one mistake, one message.
    pub(crate) fn add(&mut self, found: Diagnostic) {
        let same = |other: &Diagnostic| other.span == found.span && other.severity == Severity::Error;
        if found.span.is_some() && self.list.iter().any(same) {
            return;
        }
        if self.is_full() {
            self.count();
        } else {
            self.list.push(found);
        }
    }

    /// Whether one more would only be counted. Then [`Findings::count`] does, and nothing need be put into words.
    pub(crate) fn is_full(&self) -> bool {
        self.list.len() >= LIMIT
    }

    /// Counts one that is left out.
    pub(crate) fn count(&mut self) {
        self.left_out += 1;
    }

    /// In the order of the text, with a last one that counts those that were left out.
    pub(crate) fn finish(mut self) -> Vec<Diagnostic> {
        self.list.sort_by_key(|found| found.span.map_or((true, 0), |span| (false, span.start)));
        if self.left_out > 0 {
            let said = format!("{} more errors were left out", self.left_out);
            self.list.push(Diagnostic::error_without_place("too-many-errors", said));
        }
        self.list
    }
}
