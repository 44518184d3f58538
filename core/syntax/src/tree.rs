//! The lossless tree: every character of a script in a node, for tools that show, format or edit it.
//!
//! It is of the script as written: arguments and macros stand in it unexpanded, and of a conditional only the first
//! branch has structure; the marks, the condition and the other branch hang between the nodes as plain tokens. The
//! compiler does not use it.

use rowan::{GreenNode, GreenNodeBuilder};
use systap_diagnostics::Sources;

use crate::event::{Sink, replay};
use crate::findings::Findings;
use crate::kind::{ALL, SyntaxKind};
use crate::preprocess::Structure;
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
    let raw = token::raw(file, text);
    let structure = Structure::of(&raw, &sources);
    let tokens = Tokens { list: structure.parsed, origins: vec![] };
    let mut unread = Findings::default();
    let mut events = crate::parser::parse(&tokens, &sources, crate::DEFAULT_MAX_DEPTH, &mut unread).events;
    let starts = tokens.list.iter().map(|token| token.text.start as usize).collect();
    let mut builder = Builder { text, starts, next: 0, at: 0, depth: 0, green: GreenNodeBuilder::new() };
    replay(&mut events, &mut builder);
    SyntaxNode::new_root(builder.finished())
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
