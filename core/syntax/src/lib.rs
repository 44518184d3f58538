//! Source text to a syntax tree that keeps its spans.
//!
//! [`parse`] takes a script through arguments, macros, conditionals and the parser to [`ast::File`]. It goes on after a
//! mistake and reports several at once; what it returns can be walked without fear, since no path through it is deeper
//! than [`ParseOptions::max_depth`]. [`tree()`] gives the same text as a lossless tree, blanks and comments included, for
//! whoever formats or edits it.
//!
//! Invariants: nothing here resolves a name, reads a file, asks a kernel or prints. The parser knows of no tree; the
//! lexer knows of no parser. No input makes it panic, overflow the stack or take more than linear time.

pub mod ast;
mod event;
mod findings;
pub mod foreign;
pub mod format;
mod kind;
mod lexer;
mod literal;
mod lower;
mod outline;
mod parser;
mod preprocess;
mod print;
mod token;
mod tree;

use systap_diagnostics::{Diagnostic, FileId, Sources, Span};

pub use kind::SyntaxKind;
pub use lexer::{first_token, is_unterminated, tokens};
pub use literal::bytes_of_string;
pub use lower::OPERATORS;
pub use preprocess::{ArgumentUse, Conditional, Fact, Facts, Macros, Preprocessing, compare_versions};
pub use print::print;
pub use tree::{
    Direction, Language, Reading, SyntaxElement, SyntaxNode, SyntaxToken, TextRange, preprocessing, read, tree,
};

use findings::Findings;

/// The nesting that a script is allowed if nothing else is said.
pub const DEFAULT_MAX_DEPTH: usize = 256;

/// What a parse depends on besides the text.
#[derive(Clone)]
pub struct ParseOptions<'a> {
    /// The script's arguments: `$1` and `@1` are the first.
    pub args: Vec<String>,
    /// Whether an argument that the script does not use gets a warning.
    pub warn_unused_args: bool,
    /// How deep blocks and expressions may nest.
    pub max_depth: usize,
    /// What preprocessor conditions compare with; without it a condition that asks is an error.
    pub facts: Option<&'a dyn Facts>,
    /// Macros that all files share.
    pub library: Option<&'a Macros>,
    /// Whether embedded C and what else reaches around the language is allowed: in guru mode, and in tapsets.
    pub privileged: bool,
}

impl Default for ParseOptions<'_> {
    fn default() -> Self {
        ParseOptions {
            args: Vec::new(),
            warn_unused_args: true,
            max_depth: DEFAULT_MAX_DEPTH,
            facts: None,
            library: None,
            privileged: true,
        }
    }
}

/// What became of a file.
#[derive(Debug)]
pub struct Parsed {
    /// Its declarations. Where `diagnostics` has an error, parts may be missing.
    pub file: ast::File,
    /// What is wrong with it, in the order of the text; at most twenty, and one that counts the others.
    pub diagnostics: Vec<Diagnostic>,
    /// Which arguments it used.
    pub arguments: ArgumentUse,
    id: FileId,
}

impl Parsed {
    /// The file as a lossless tree, made anew at each call.
    pub fn tree(&self, sources: &Sources) -> SyntaxNode {
        tree(&sources.file(self.id).text)
    }

    /// Whether an error was found.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|found| found.severity == systap_diagnostics::Severity::Error)
    }
}

/// Parses a file. Adds a file to `sources` if arguments paste text that no file has.
pub fn parse(sources: &mut Sources, file: FileId, options: &ParseOptions<'_>) -> Parsed {
    let mut findings = Findings::default();
    if let Some(found) = not_text(&sources.file(file).text, file) {
        findings.add(found);
        let diagnostics = findings.finish();
        return Parsed { file: ast::File::default(), diagnostics, arguments: ArgumentUse::default(), id: file };
    }
    let preprocessed = preprocess::preprocess(sources, file, options, &mut findings);
    let tokens = preprocessed.tokens;
    // What is wrong with a part of a script is nothing to report: the rest might put it right.
    let mut unsaid = Findings::default();
    let heard = if preprocessed.cut { &mut unsaid } else { &mut findings };
    let parser::Outcome { mut events, halted } = parser::parse(&tokens, sources, options.max_depth, heard);
    let kind_of = |index: u32| tokens.list.get(index as usize).map_or(SyntaxKind::EndOfFile, |token| token.kind);
    let outline = outline::Outline::build(&mut events, kind_of);
    drop(events);
    let heard = if halted || preprocessed.cut { &mut unsaid } else { &mut findings };
    let tree = lower::lower(&outline, &tokens, sources, options.privileged, heard);
    Parsed { file: tree, diagnostics: findings.finish(), arguments: preprocessed.uses, id: file }
}

/// The macros of a library file, which may hold nothing but definitions, perhaps inside conditionals.
pub fn parse_macros(sources: &mut Sources, file: FileId, options: &ParseOptions<'_>) -> (Macros, Vec<Diagnostic>) {
    let mut findings = Findings::default();
    if let Some(found) = not_text(&sources.file(file).text, file) {
        findings.add(found);
        return (Macros::default(), findings.finish());
    }
    let options = ParseOptions { args: Vec::new(), warn_unused_args: false, ..options.clone() };
    let preprocessed = preprocess::preprocess(sources, file, &options, &mut findings);
    let tokens = preprocessed.tokens;
    if let Some(token) = tokens.list.first().filter(|token| token.kind != SyntaxKind::EndOfFile) {
        let said = format!("expected `@define`, found {}", token::describe(token, sources));
        let found = Diagnostic::error("unexpected-token", tokens.span(token), said)
            .with_note("a library of macros holds nothing but definitions");
        findings.add(tokens.explain(token, found));
    }
    (preprocessed.macros, findings.finish())
}

/// Why a file cannot be a script at all: one message instead of thousands.
fn not_text(text: &str, file: FileId) -> Option<Diagnostic> {
    if text.len() >= u32::MAX as usize {
        let place = Span::new(file, 0, 0);
        return Some(Diagnostic::error("file-too-large", place, "the file is 4 GiB large or larger"));
    }
    // Escape is let through: scripts colour their output.
    let binary = |byte: u8| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0b | 0x0c | 0x1b) || byte == 0x7f;
    let at = text.bytes().position(binary)?;
    let byte = text.as_bytes().get(at).copied().unwrap_or(0);
    let said = format!("this is not a script: byte {at} is {byte:#04x}, a control character");
    Some(Diagnostic::error("not-text", Span::new(file, at as u32, at as u32 + 1), said))
}
