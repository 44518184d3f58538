//! Tokens to events: recursive descent for declarations and statements, operator precedence for expressions.
//!
//! It knows nothing of any tree, never fails and never loops: every token ends up in an event, and after a mistake it
//! goes on at the next place that looks like a beginning. It recurses no deeper than it is told to.

mod expressions;
mod items;
mod points;
mod statements;

use systap_diagnostics::{Diagnostic, Sources, Span};

use crate::event::Event;
use crate::findings::Findings;
use crate::kind::SyntaxKind::{self, *};
use crate::lexer;
use crate::token::{Token, Tokens, describe};

/// What the parser found.
pub(crate) struct Outcome {
    /// They cover every token but the end of the file.
    pub(crate) events: Vec<Event>,
    /// Whether the nesting limit kept it from reading all of the file.
    pub(crate) halted: bool,
}

/// Parses a whole file.
pub(crate) fn parse(tokens: &Tokens, sources: &Sources, max_depth: usize, findings: &mut Findings) -> Outcome {
    run(tokens, sources, max_depth, findings, false)
}

/// Parses a whole file in which macros stand unexpanded: they may be what strings, points and declarations are.
pub(crate) fn parse_as_written(
    tokens: &Tokens,
    sources: &Sources,
    max_depth: usize,
    findings: &mut Findings,
) -> Outcome {
    run(tokens, sources, max_depth, findings, true)
}

fn run(tokens: &Tokens, sources: &Sources, max_depth: usize, findings: &mut Findings, as_written: bool) -> Outcome {
    let events = Vec::with_capacity(tokens.list.len() * 3);
    let mut parser = Parser {
        tokens,
        sources,
        findings,
        events,
        position: 0,
        depth: 0,
        max_depth,
        as_written,
        halted: false,
        errors: 0,
        last_error: 0,
    };
    parser.file();
    Outcome { events: parser.events, halted: parser.halted }
}

struct Parser<'a> {
    tokens: &'a Tokens,
    sources: &'a Sources,
    findings: &'a mut Findings,
    events: Vec<Event>,
    position: usize,
    depth: usize,
    max_depth: usize,
    /// Whether macros stand unexpanded.
    as_written: bool,
    /// The nesting limit was met. Every look at a token sees the end of the file, so that all rules end.
    halted: bool,
    /// How many errors were met, reported or not.
    errors: usize,
    /// At which token the last one was met.
    last_error: usize,
}

/// A node that has started.
struct Marker {
    event: usize,
}

/// A node that is complete; `height` is how deep the nodes in it are nested.
#[derive(Clone, Copy)]
struct Completed {
    event: usize,
    kind: SyntaxKind,
    height: usize,
}

impl Parser<'_> {
    fn nth_token(&self, ahead: usize) -> Option<&Token> {
        if self.halted {
            self.tokens.list.last()
        } else {
            self.tokens.list.get(self.position + ahead).or(self.tokens.list.last())
        }
    }

    fn nth(&self, ahead: usize) -> SyntaxKind {
        self.nth_token(ahead).map_or(EndOfFile, |token| token.kind)
    }

    fn kind(&self) -> SyntaxKind {
        self.nth(0)
    }

    fn at(&self, kind: SyntaxKind) -> bool {
        self.kind() == kind
    }

    /// Whether the next token follows the last one without anything between.
    fn joint(&self, ahead: usize) -> bool {
        self.nth_token(ahead).is_some_and(|token| !token.spaced)
    }

    /// Whether a macro stands here that may be anything.
    fn at_macro(&self) -> bool {
        self.as_written && self.at(AtWord)
    }

    fn text(&self, ahead: usize) -> &str {
        self.nth_token(ahead).map_or("", |token| self.sources.text(token.text))
    }

    fn span(&self) -> Span {
        self.nth_token(0).map_or(Span::new(systap_diagnostics::FileId(0), 0, 0), |token| self.tokens.span(token))
    }

    fn bump(&mut self) {
        if !self.at(EndOfFile) {
            self.events.push(Event::Token);
            self.position += 1;
        }
    }

    fn eat(&mut self, kind: SyntaxKind) -> bool {
        let there = self.at(kind);
        if there {
            self.bump();
        }
        there
    }

    /// Takes a token of `kind`, or says that one is missing. An argument without a value stands for whatever it had to be.
    fn expect(&mut self, kind: SyntaxKind) -> bool {
        if self.eat(kind) {
            return true;
        }
        let wanted = match kind {
            Ident => "a name".to_owned(),
            other => other.spelling().map_or(String::new(), |text| format!("`{text}`")),
        };
        self.error_expected(&wanted);
        false
    }

    /// Takes a name. `for_what` is what the message calls it.
    fn expect_name(&mut self, for_what: &str) -> bool {
        match self.kind() {
            Ident | Argument => {
                self.bump();
                true
            }
            keyword if keyword.is_keyword() => {
                let said = format!("expected {for_what}, and `{}` is a keyword", self.text(0));
                self.error("unexpected-token", said);
                // It was most likely meant as a name, unless what it begins makes sense here.
                if matches!(self.nth(1), Equals | Comma | RightParen | RightBracket | Colon | LeftParen | InKw)
                    && !self.halted
                {
                    self.bump();
                }
                false
            }
            _ => {
                self.error_expected(for_what);
                false
            }
        }
    }

    fn error_expected(&mut self, wanted: &str) {
        let Some(token) = self.nth_token(0) else { return };
        let said = format!("expected {wanted}, found {}", describe(token, self.sources));
        self.error("unexpected-token", said);
    }

    fn error(&mut self, code: &'static str, said: String) {
        self.report(|span| Diagnostic::error(code, span, said));
    }

    /// Reports an error at the next token, unless that token is known to be broken.
    fn report(&mut self, make: impl FnOnce(Span) -> Diagnostic) {
        self.errors += 1;
        self.last_error = self.position;
        let Some(token) = self.nth_token(0) else { return };
        if self.halted || token.kind == Argument || self.follows_open_string() {
            return;
        }
        if self.findings.is_full() {
            return self.findings.count();
        }
        let mut span = self.tokens.span(token);
        if token.kind == Embedded {
            span.end = span.end.min(span.start + 2);
        }
        let found = self.tokens.explain(token, make(span));
        self.findings.add(found);
    }

    /// Whether a string without its end has taken what belongs here: that has been said.
    fn follows_open_string(&self) -> bool {
        let last = self.position.checked_sub(1).and_then(|at| self.tokens.list.get(at));
        last.is_some_and(|last| {
            last.kind == StringLiteral && lexer::is_unterminated(last.kind, self.sources.text(last.text))
        })
    }

    fn start(&mut self) -> Marker {
        self.events.push(Event::Start { kind: Error, outer: 0 });
        Marker { event: self.events.len() - 1 }
    }

    fn complete(&mut self, marker: Marker, kind: SyntaxKind) -> Completed {
        self.complete_over(marker, kind, 0)
    }

    /// Completes a node whose highest part has `height`.
    fn complete_over(&mut self, marker: Marker, kind: SyntaxKind, height: usize) -> Completed {
        if let Some(Event::Start { kind: started, .. }) = self.events.get_mut(marker.event) {
            *started = kind;
        }
        self.events.push(Event::Finish);
        Completed { event: marker.event, kind, height: height + 1 }
    }

    /// Starts a node around one that is complete.
    fn start_around(&mut self, inner: Completed) -> Marker {
        let marker = self.start();
        if let Some(Event::Start { outer, .. }) = self.events.get_mut(inner.event) {
            *outer = (marker.event - inner.event) as u32;
        }
        marker
    }

    /// Goes one level deeper for `rule`; at the limit it reports and halts instead.
    fn deeper<T>(&mut self, rule: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if !self.fits(1) {
            return None;
        }
        self.depth += 1;
        let result = rule(self);
        self.depth -= 1;
        Some(result)
    }

    /// Whether what is `height` levels high may stand at this depth; reports and halts if not.
    fn fits(&mut self, height: usize) -> bool {
        if self.halted {
            return false;
        }
        if self.depth + height <= self.max_depth {
            return true;
        }
        let said = format!("this nests more than {} levels deep", self.max_depth);
        self.report(|span| {
            Diagnostic::error("nested-too-deep", span, said)
                .with_note("each bracket, block, `else if` and operator of a chain is a level")
                .with_help("split it up; the rest of the script was not read")
        });
        self.halted = true;
        false
    }

    /// Skips to the `)` that ends the current construct, if it is found before something that cannot be part of it.
    fn expect_closing(&mut self, open: Span, close: SyntaxKind) {
        if self.eat(close) {
            return;
        }
        let wanted = close.spelling().unwrap_or_default();
        let Some(token) = self.nth_token(0) else { return };
        let said = format!("expected `{wanted}`, found {}", describe(token, self.sources));
        self.report(|span| Diagnostic::error("unexpected-token", span, said).with_secondary(open, "to close this"));
        let mut ahead = 0;
        let mut inner = 0usize;
        loop {
            match self.nth(ahead) {
                EndOfFile | LeftBrace | RightBrace | Semicolon => return,
                LeftParen | LeftBracket => inner += 1,
                kind if kind == close && inner == 0 => break,
                RightParen | RightBracket if inner > 0 => inner -= 1,
                RightParen | RightBracket => return,
                _ if self.nth_token(ahead).is_some_and(|token| token.first_of_line) => return,
                _ => {}
            }
            ahead += 1;
        }
        self.skip(ahead);
        self.bump();
    }

    /// Puts the next `count` tokens into an error node.
    fn skip(&mut self, count: usize) {
        if count > 0 {
            let marker = self.start();
            for _ in 0..count {
                self.bump();
            }
            self.complete(marker, Error);
        }
    }
}
