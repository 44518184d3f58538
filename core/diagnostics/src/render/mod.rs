//! The forms in which a diagnostic is read: one module for each. They only build text; whoever calls them prints it.

mod json;
mod short;
mod terminal;

pub use json::json;
pub use short::short;
pub use terminal::terminal;

use crate::{Severity, SourceFile, Span};

/// The word that stands for a severity in every form.
fn severity_word(severity: Severity) -> &'static str {
    match severity {
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

/// `text` without anything that could move a terminal's cursor or break a line-oriented form.
fn one_line(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' => clean.push_str("\\n"),
            '\t' => clean.push(' '),
            control if control.is_control() => clean.extend(control.escape_default()),
            other => clean.push(other),
        }
    }
    clean
}

/// The bytes of `file` that `span` names, moved inward to what exists and outward to whole characters.
fn within(file: &SourceFile, span: Span) -> std::ops::Range<usize> {
    let text = &file.text;
    let mut start = (span.start as usize).min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = (span.end as usize).clamp(start, text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    start..end
}

#[cfg(test)]
mod tests {
    use crate::{Diagnostic, Sources, Span};

    pub(super) fn sample() -> (Diagnostic, Sources) {
        let mut sources = Sources::default();
        let text = "global n\n\nprobe kernel.function(\"vfs_raed\") { n[execname()]++ }\n";
        let file = sources.add("top.stp", text);
        let found = Diagnostic::error("unknown-probe-point", Span::new(file, 33, 41), "no function matches `vfs_raed`")
            .with_label("did you mean `vfs_read`?");
        (found, sources)
    }
}
