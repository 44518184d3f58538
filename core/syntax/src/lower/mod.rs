//! The outline to the AST, one file a family of rules. Resolves no name; reports what the grammar lets pass and the
//! language does not. What the parser found missing becomes an empty name or `ExprKind::Missing`.

mod expressions;
mod items;
mod operators;

pub use operators::OPERATORS;
mod output;
mod points;
mod statements;

use systap_diagnostics::{Diagnostic, Sources, Span};

use crate::ast;
use crate::findings::Findings;
use crate::kind::SyntaxKind as K;
use crate::outline::{At, Outline};
use crate::token::{Token, Tokens};

/// The AST of a whole file.
pub(crate) fn lower(
    outline: &Outline,
    tokens: &Tokens,
    sources: &Sources,
    privileged: bool,
    findings: &mut Findings,
) -> ast::File {
    let mut lowering =
        Lowering { outline, tokens, sources, privileged, in_function: false, bare_histograms: vec![], findings };
    let file = lowering.file(outline.root());
    lowering.report_bare_histograms();
    file
}

struct Lowering<'a> {
    outline: &'a Outline,
    tokens: &'a Tokens,
    sources: &'a Sources,
    /// See [`crate::ParseOptions::privileged`].
    privileged: bool,
    /// The body of a function is being lowered, not a handler.
    in_function: bool,
    /// The histograms without a bucket that nothing has yet been found to print or go over.
    bare_histograms: Vec<At>,
    findings: &'a mut Findings,
}

impl<'a> Lowering<'a> {
    fn kind(&self, at: At) -> K {
        self.outline.kind(at)
    }

    fn children(&self, at: At) -> impl Iterator<Item = At> + 'a {
        self.outline.children(at)
    }

    /// The nodes right below that are not errors.
    fn nodes(&self, at: At) -> impl Iterator<Item = At> + 'a {
        let outline = self.outline;
        outline.children(at).filter(move |child| !outline.is_token(*child) && outline.kind(*child) != K::Error)
    }

    fn node_of(&self, at: At, kind: K) -> Option<At> {
        self.children(at).find(|child| self.kind(*child) == kind)
    }

    fn has(&self, at: At, token: K) -> bool {
        self.node_of(at, token).is_some()
    }

    fn token(&self, at: At) -> Option<&'a Token> {
        self.tokens.list.get(self.outline.tokens(at).start as usize)
    }

    /// The text of an element's first token.
    fn text(&self, at: At) -> &'a str {
        self.token(at).map_or("", |token| self.sources.text(token.text))
    }

    /// From the element's first token to its last, a `;` behind it left out; empty, before the next token, if it has none.
    fn span(&self, at: At) -> Span {
        let mut range = self.outline.tokens(at);
        let list = &self.tokens.list;
        if range.len() > 1 && list.get(range.end as usize - 1).is_some_and(|token| token.kind == K::Semicolon) {
            range.end -= 1;
        }
        let span = |index: u32| list.get(index as usize).or(list.last()).map(|token| self.tokens.span(token));
        let Some(first) = span(range.start) else { return Span::new(systap_diagnostics::FileId(0), 0, 0) };
        if range.is_empty() {
            return Span { end: first.start, ..first };
        }
        span(range.end - 1).map_or(first, |last| first.to(last))
    }

    /// A name that a token is; for a keyword after `->` too.
    fn name_at(&self, at: At) -> ast::Name {
        ast::Name { text: self.text(at).to_owned(), span: self.span(at) }
    }

    /// The first word right below; empty if the parser found none.
    fn name_in(&self, at: At) -> ast::Name {
        let is_name = |child: &At| matches!(self.kind(*child), K::Ident | K::Argument);
        match self.children(at).find(is_name) {
            Some(token) => self.name_at(token),
            None => {
                let span = self.span(at);
                ast::Name { text: String::new(), span: Span { start: span.end, ..span } }
            }
        }
    }

    fn error(&mut self, code: &'static str, at: At, said: impl Into<String>) {
        let found = Diagnostic::error(code, self.span(at), said);
        self.report(at, found);
    }

    /// Reports about the element, with what put it there.
    fn report(&mut self, at: At, found: Diagnostic) {
        let found = match self.token(at) {
            Some(token) => self.tokens.explain(token, found),
            None => found,
        };
        self.findings.add(found);
    }

    /// The number that the token `at` is; what is wrong with it is reported, and 0.
    fn number(&mut self, at: At) -> i64 {
        use crate::literal::BadNumber;
        if self.kind(at) != K::Number {
            return 0;
        }
        let text = self.text(at);
        match crate::literal::number(text) {
            Ok(value) => value,
            Err(bad) => {
                let (code, said) = match bad {
                    BadNumber::OutOfRange => ("number-out-of-range", format!("`{text}` does not fit into 64 bits")),
                    BadNumber::Malformed => ("malformed-number", format!("`{text}` is not a number")),
                };
                let mut found = Diagnostic::error(code, self.span(at), said);
                if bad == BadNumber::OutOfRange {
                    found = found.with_note("the greatest number is 18446744073709551615");
                } else if text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit()) {
                    found = found.with_note("numbers that begin with 0 are octal");
                }
                self.report(at, found);
                0
            }
        }
    }

    /// The literal whose tokens are right below `at`: a number with perhaps a sign, or strings, joined.
    fn literal(&mut self, at: At) -> ast::Literal {
        let mut negative = false;
        let mut bytes: Option<Vec<u8>> = None;
        for child in self.children(at) {
            match self.kind(child) {
                K::Minus => negative = true,
                K::Number => {
                    let value = self.number(child);
                    return ast::Literal::Number(if negative { value.wrapping_neg() } else { value });
                }
                K::StringLiteral | K::SingleQuoted => {
                    crate::literal::unescape(self.text(child), bytes.get_or_insert_default());
                }
                _ => {}
            }
        }
        bytes.map_or(ast::Literal::Number(0), ast::Literal::String)
    }

    /// Whether an element is in the text of a macro that the file itself does not define.
    fn is_of_library(&self, at: At) -> bool {
        let file = self.tokens.list.last().map(|end| end.text.file);
        self.token(at).is_some_and(|token| Some(token.text.file) != file && self.tokens.is_of_macro(token))
    }

    /// Reports what only guru mode allows.
    fn needs_privilege(&mut self, at: At, what: &str) {
        if !self.privileged && !self.is_of_library(at) {
            let found = Diagnostic::error("needs-guru", self.span(at), format!("{what} is for guru mode only"));
            self.report(at, found.with_help("run with -g, if you know what it does"));
        }
    }

    /// The embedded code that the token `at` is.
    fn embedded(&mut self, at: At) -> ast::Embedded {
        self.needs_privilege(at, "embedded C");
        let text = self.text(at);
        let inside = text.strip_prefix("%{").unwrap_or(text);
        let inside = inside.strip_suffix("%}").unwrap_or(inside);
        ast::Embedded { text: inside.to_owned(), span: self.span(at) }
    }
}
