//! The lossless tree: every character of a script in a node, for tools that show, format or edit it.
//!
//! It is of the script as written: arguments and macros stand in it unexpanded, and of a conditional only the first
//! branch has structure; the marks, the condition and the other branch hang between the nodes as plain tokens. The
//! compiler does not use it.

use rowan::{GreenNode, GreenNodeBuilder};
use systap_diagnostics::{Diagnostic, FileId, Sources};

use crate::event::{Sink, replay};
use crate::findings::Findings;
use crate::kind::{ALL, SyntaxKind};
use crate::preprocess::{Preprocessing, check_tokens, parsed};
use crate::token::{self, Tokens};

/// The language, for rowan's types.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Language {}

impl rowan::Language for Language {
    type Kind = SyntaxKind;

    fn kind_from_raw(raw: rowan::SyntaxKind) -> SyntaxKind {
        ALL.get(raw.0 as usize).copied().unwrap_or(SyntaxKind::Error)
    }

    fn kind_to_raw(kind: SyntaxKind) -> rowan::SyntaxKind {
        rowan::SyntaxKind(kind as u16)
    }
}

pub use rowan::{Direction, TextRange};

/// A node of the tree.
pub type SyntaxNode = rowan::SyntaxNode<Language>;
/// A token of the tree.
pub type SyntaxToken = rowan::SyntaxToken<Language>;
/// A node or a token.
pub type SyntaxElement = rowan::SyntaxElement<Language>;

/// The tree of a script; its text is `text`, whatever `text` is.
pub fn tree(text: &str) -> SyntaxNode {
    let mut sources = Sources::default();
    let file = sources.add("", text);
    read(&sources, file, crate::DEFAULT_MAX_DEPTH, &|_| false).tree
}

/// A script as written, and what is wrong with it as far as that shows without its arguments, macros and the kernel.
#[derive(Debug)]
pub struct Reading {
    /// The lossless tree.
    pub tree: SyntaxNode,
    /// In the order of the text.
    pub diagnostics: Vec<Diagnostic>,
    /// Where the tokens begin that the parser saw, in order: the others hang in the tree without structure.
    pub seen: Vec<u32>,
}

/// Reads a script as written. `second` tells for the offset of a conditional's `%(` whether it is the second branch that
/// gets structure; a conditional without one has then no branch that does. `max_depth`: see [`ParseOptions`](crate::ParseOptions).
pub fn read(sources: &Sources, file: FileId, max_depth: usize, second: &dyn Fn(u32) -> bool) -> Reading {
    let text = &sources.file(file).text;
    let raw = token::raw(file, text);
    let tokens = Tokens { list: parsed(&raw, sources, second), origins: vec![] };
    let mut findings = Findings::default();
    let mut malformed = Tokens { list: tokens.list.clone(), origins: vec![] };
    malformed.list.retain(|token| token.kind != SyntaxKind::Argument);
    malformed.list.extend(token::unknown(file, text));
    check_tokens(&malformed, sources, 0, &mut findings);
    let mut events = crate::parser::parse_as_written(&tokens, sources, max_depth, &mut findings).events;
    let seen = tokens.list.iter().filter(|token| token.kind != SyntaxKind::EndOfFile);
    let seen = seen.map(|token| token.text.start).collect();
    let starts = tokens.list.iter().map(|token| token.text.start as usize).collect();
    let mut builder = Builder { text, starts, next: 0, at: 0, depth: 0, green: GreenNodeBuilder::new() };
    replay(&mut events, &mut builder);
    let tree = SyntaxNode::new_root(builder.finished());
    Reading { tree, diagnostics: findings.finish(), seen }
}

/// What a preprocessor takes or leaves of a script.
pub fn preprocessing(sources: &Sources, file: FileId) -> Preprocessing {
    Preprocessing::of(&token::raw(file, &sources.file(file).text), sources)
}

struct Builder<'a> {
    text: &'a str,
    /// Where the tokens that the parser saw start; the last is the end of the text.
    starts: Vec<usize>,
    next: usize,
    at: usize,
    depth: usize,
    green: GreenNodeBuilder<'static>,
}

impl Builder<'_> {
    /// Adds the tokens before `end`, which the parser did not see.
    fn catch_up(&mut self, end: usize) {
        while self.at < end {
            let (kind, length) = crate::lexer::first_token(&self.text[self.at..]);
            self.green.token(rowan::SyntaxKind(kind as u16), &self.text[self.at..self.at + length]);
            self.at += length;
        }
    }

    fn next_start(&self) -> usize {
        self.starts.get(self.next).copied().unwrap_or(self.text.len())
    }

    fn finished(self) -> GreenNode {
        self.green.finish()
    }
}

impl Sink for Builder<'_> {
    fn start(&mut self, kind: SyntaxKind) {
        // What stands before a node belongs to the node around it; the root has nothing around it.
        if self.depth > 0 {
            self.catch_up(self.next_start());
        }
        self.depth += 1;
        self.green.start_node(rowan::SyntaxKind(kind as u16));
    }

    fn token(&mut self) {
        self.catch_up(self.next_start());
        let (_, length) = crate::lexer::first_token(&self.text[self.at..]);
        self.catch_up(self.at + length);
        self.next += 1;
    }

    fn finish(&mut self) {
        self.depth -= 1;
        if self.depth == 0 {
            self.catch_up(self.text.len());
        }
        self.green.finish_node();
    }
}
