//! What is wrong with a script, as data, and the forms in which people and programs read it.
//!
//! Every stage of the engine reports through [`Diagnostic`]: a named kind, a severity, a sentence, the span it is
//! about, and what would help. The stages never format or print one; `render` does, once, at the edge.
//!
//! This crate knows nothing of any stage, and never prints.

pub mod render;
mod source;

pub use source::{FileId, LineColumn, SourceFile, Sources, Span};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth knowing; the script runs.
    Warning,
    /// The script cannot run.
    Error,
}

/// A second place that explains the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is to be seen there; lower case, no full stop.
    pub text: String,
}

/// One finding about a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Kebab-case name of the kind, such as `unknown-probe-point`; the key of `systap explain`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence without a full stop, in lower case: what is wrong.
    pub message: String,
    /// The place it is about; `None` for a finding about the whole run.
    pub span: Option<Span>,
    /// Words beside the underlined span: what was expected, or `did you mean ...`.
    pub label: String,
    /// Further places.
    pub secondary: Vec<Label>,
    /// Facts that explain the message.
    pub notes: Vec<String>,
    /// What to do about it.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// An error of kind `code` at `span`.
    pub fn error(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, Some(span), message.into())
    }

    /// A warning of kind `code` at `span`.
    pub fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Warning, Some(span), message.into())
    }

    /// An error that no place in a script is to blame for.
    pub fn error_without_place(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(code, Severity::Error, None, message.into())
    }

    fn new(code: &'static str, severity: Severity, span: Option<Span>, message: String) -> Self {
        let message = legible(message);
        Diagnostic {
            code,
            severity,
            message,
            span,
            label: String::new(),
            secondary: vec![],
            notes: vec![],
            help: vec![],
        }
    }

    /// Adds words beside the span.
    #[must_use]
    pub fn with_label(mut self, text: impl Into<String>) -> Self {
        self.label = legible(text.into());
        self
    }

    /// Adds a second place.
    #[must_use]
    pub fn with_secondary(mut self, span: Span, text: impl Into<String>) -> Self {
        self.secondary.push(Label { span, text: legible(text.into()) });
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn with_note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(legible(text.into()));
        self
    }

    /// Adds a remedy.
    #[must_use]
    pub fn with_help(mut self, text: impl Into<String>) -> Self {
        self.help.push(legible(text.into()));
        self
    }
}

/// Names that were quoted from a script can be of any length; a message keeps what tells them apart.
fn legible(message: String) -> String {
    const LONGEST: usize = 120;
    if message.len() <= LONGEST {
        return message;
    }
    let shorten = |(index, part): (usize, &str)| {
        let quoted = index % 2 == 1;
        if !quoted || part.chars().count() <= LONGEST {
            return part.to_owned();
        }
        let start: String = part.chars().take(LONGEST - 20).collect();
        format!("{start}... ({} bytes)", part.len())
    };
    message.split('`').enumerate().map(shorten).collect::<Vec<_>>().join("`")
}

/// The name among `known` that is most like `wanted`, if one is like enough to be what was meant.
///
/// Likeness is the edit distance with transpositions (optimal string alignment); a name qualifies when at most a third
/// of its letters, and at least one, would have to change.
pub fn nearest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (wanted.chars().count() / 3).max(1);
    let letters = Letters::of(wanted);
    known
        .into_iter()
        .filter(|name| name.len().abs_diff(wanted.len()) <= allowed && letters.least_distance(name) <= allowed)
        .map(|name| (edit_distance(wanted, name), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, name)| (*distance, *name))
        .map(|(_, name)| name)
}

/// How often a name has each byte: what tells most of a kernel's functions from a name at little cost.
struct Letters {
    counts: [i16; 256],
}

impl Letters {
    fn of(name: &str) -> Letters {
        let mut counts = [0i16; 256];
        name.bytes().for_each(|byte| counts[usize::from(byte)] = counts[usize::from(byte)].saturating_add(1));
        Letters { counts }
    }

    /// What the edit distance to another name is at least: each change puts in at most one byte that is not here. A character of
    /// several bytes may be one change, so names beyond ASCII are not judged.
    fn least_distance(&self, other: &str) -> usize {
        if !other.is_ascii() {
            return 0;
        }
        let mut left = self.counts;
        let mut more = 0;
        for byte in other.bytes() {
            let count = &mut left[usize::from(byte)];
            more += usize::from(*count <= 0);
            *count = count.saturating_sub(1);
        }
        more
    }
}

fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut before: Vec<usize> = vec![0; b.len() + 1];
    let mut last: Vec<usize> = (0..=b.len()).collect();
    let mut previous = None;
    for (row, letter) in a.chars().enumerate() {
        let mut next = vec![row + 1];
        for (column, other) in b.iter().enumerate() {
            let mut cost =
                (last[column] + usize::from(letter != *other)).min(last[column + 1] + 1).min(next[column] + 1);
            if column > 0 && previous == Some(*other) && letter == b[column - 1] {
                cost = cost.min(before[column - 1] + 1);
            }
            next.push(cost);
        }
        before = std::mem::replace(&mut last, next);
        previous = Some(letter);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::{legible, nearest};

    #[test]
    fn names_of_any_length_leave_a_message_legible() {
        let message = format!("there is no `{}` in `b`", "a".repeat(1 << 20));
        let shown = legible(message);
        assert!(shown.len() < 200 && shown.ends_with("... (1048576 bytes)` in `b`"), "{shown}");
    }

    #[test]
    fn nearest_offers_what_was_meant_and_nothing_else() {
        let known = ["vfs_read", "vfs_write", "vfs_readv"];
        assert_eq!(nearest("vfs_raed", known), Some("vfs_read"));
        assert_eq!(nearest("tcp_sendmsg", known), None);
        assert_eq!(nearest("x", ["y"]), Some("y"));
    }
}
