//! Scripts in one form: the same tokens and comments, laid out anew.
//!
//! [`format()`] takes the lossless tree of a script, once for each way through its conditionals, to `pieces`, decides what
//! stands between two of them (`spacing`, `structure`) and lays them out in lines (`layout`).
//!
//! What the author decides, and the form keeps: blank lines (one of several), whether a block or a body stands on one line
//! (if it fits), and where a list or an expression goes on in a new line. Definitions of macros and embedded code stay as
//! they are.
//!
//! Invariants: no token and no comment is added, lost or moved past another, which each call verifies; what is formatted
//! once is not changed by formatting it again; a script with a mistake is not touched. Nothing here reads a file or prints.

mod layout;
mod pieces;
mod spacing;
mod structure;

use std::collections::HashSet;

use systap_diagnostics::{Diagnostic, FileId, Severity, Sources, Span};
use systap_syntax::{Reading, SyntaxKind, SyntaxNode, read};

/// How many columns a line should have at most.
pub const WIDTH: usize = 100;
/// How deep a script may nest: as deep as one that runs. Whoever formats one that does needs some 100 KB of stack for each ten levels.
pub const MAX_DEPTH: usize = 1000;
/// How often a script is laid out anew until nothing changes.
const MOST_ROUNDS: usize = 4;
/// How many columns a block is moved to the right.
pub const INDENT: usize = 2;

/// Why a script was not formatted.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// It cannot be read.
    #[error("it has mistakes")]
    Mistakes(Vec<Diagnostic>),
    /// What came out would not be the same script: a mistake in this crate, found in time.
    #[error("laid out anew it would be another script: a mistake in systap, please report it with the script")]
    Unfaithful,
}

/// The script in the one form.
pub fn format(sources: &Sources, file: FileId) -> Result<String, FormatError> {
    let text = &sources.file(file).text;
    if let Some(open) = nested_too_deep(text) {
        let said = format!("conditionals nest more than {MAX_DEPTH} deep");
        let found = Diagnostic::error("nested-too-deep", Span::new(file, open, open + 2), said);
        return Err(FormatError::Mistakes(vec![found]));
    }
    let reading = read(sources, file, MAX_DEPTH, &|_| false);
    let errors: Vec<Diagnostic> =
        reading.diagnostics.iter().filter(|found| found.severity == Severity::Error).cloned().collect();
    if !errors.is_empty() {
        return Err(FormatError::Mistakes(errors));
    }
    let mut formatted = laid_out(sources, file, &reading);
    // A conditional across braces is laid out by where lines end in it, which settles once it has been laid out.
    for _ in 0..MOST_ROUNDS {
        let mut sources = Sources::default();
        let file = sources.add("", formatted.as_str());
        let reading = read(&sources, file, MAX_DEPTH, &|_| false);
        let again = laid_out(&sources, file, &reading);
        let stays = again == formatted;
        formatted = again;
        if stays {
            break;
        }
    }
    if is_faithful(text, &reading.tree, &formatted) { Ok(formatted) } else { Err(FormatError::Unfaithful) }
}

/// Where the first conditional begins that lies within more others than the parser allows: what follows takes time by their square.
fn nested_too_deep(text: &str) -> Option<u32> {
    let (mut at, mut depth) = (0, 0usize);
    for (kind, token) in systap_syntax::tokens(text) {
        match kind {
            SyntaxKind::ConditionOpen if depth == MAX_DEPTH => return Some(at),
            SyntaxKind::ConditionOpen => depth += 1,
            SyntaxKind::ConditionClose => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += token.len() as u32;
    }
    None
}

/// What was read, laid out once.
fn laid_out(sources: &Sources, file: FileId, reading: &Reading) -> String {
    let mut broken = HashSet::new();
    loop {
        let pieces = pieces::of(sources, file, reading, &broken);
        let laid_out = layout::lay_out(&pieces);
        if laid_out.too_long.iter().filter(|start| broken.insert(**start)).count() == 0 {
            return laid_out.text;
        }
    }
}

/// Whether both texts have the same tokens and comments, in the same structure.
fn is_faithful(before: &str, tree: &SyntaxNode, after: &str) -> bool {
    let words = |text: &str| -> Vec<(SyntaxKind, String)> {
        let all = systap_syntax::tokens(text).filter(|(kind, _)| *kind != SyntaxKind::Whitespace);
        all.map(|(kind, word)| (kind, if kind == SyntaxKind::Comment { word.trim_end() } else { word }.to_owned()))
            .collect()
    };
    words(before) == words(after) && nodes(tree) == nodes(&again(after))
}

fn again(text: &str) -> SyntaxNode {
    let mut sources = Sources::default();
    let file = sources.add("", text);
    read(&sources, file, MAX_DEPTH, &|_| false).tree
}

/// The kinds of the nodes and how many tokens that mean something are below each.
fn nodes(tree: &SyntaxNode) -> Vec<(SyntaxKind, usize)> {
    let means =
        |element: &systap_syntax::SyntaxElement| element.as_token().is_some_and(|token| !token.kind().is_trivia());
    tree.descendants().map(|node| (node.kind(), node.children_with_tokens().filter(means).count())).collect()
}

#[cfg(test)]
mod tests;
