//! `=~` and `!~`: regular expressions.
//!
//! Must never accept a pattern that SystemTap refuses; what is wrong with one is shown in the literal.

use std::ops::Range;
use std::sync::Arc;

use super::Typed;
use crate::build;
use crate::elaboration::Elaboration;
use crate::scope::Scope;
use crate::types::Ty;
use systap_diagnostics::{Diagnostic, Span};
use systap_ir::program::{ExprKind, PatternId, Type, UnaryOp};
use systap_regex::{ErrorKind, Regex, RegexError};
use systap_syntax::{ast, bytes_of_string};

impl<'a> Elaboration<'a> {
    pub(super) fn matching(
        &mut self,
        scope: &mut Scope<'a>,
        span: Span,
        op: ast::BinaryOp,
        left: &'a ast::Expr,
        right: &'a ast::Expr,
    ) -> Typed {
        let negated = op == ast::BinaryOp::NotMatch;
        let text = self.value(scope, left);
        self.expect(&text, Ty::TEXT, || format!("the left side of `{}`", if negated { "!~" } else { "=~" }));
        let ast::ExprKind::Literal(ast::Literal::String(pattern)) = &right.kind else {
            // The parser has said that it must be a literal.
            return Typed::unknown(span);
        };
        let Some(pattern) = self.pattern(pattern, right.span) else { return Typed::new(build::long(span, 0)) };
        let kind = ExprKind::Match { text: Box::new(text.expr), pattern };
        let matched = build::expr(span, Type::Long, kind);
        if !negated {
            return Typed::new(matched);
        }
        Typed::new(build::expr(span, Type::Long, ExprKind::Unary(UnaryOp::Not, Box::new(matched))))
    }

    /// The number of a regular expression; `None` if it is malformed, which is reported.
    fn pattern(&mut self, pattern: &[u8], literal: Span) -> Option<PatternId> {
        let bytes = self.bytes_in_source(pattern, literal);
        if let Some(at) = bytes.as_ref().and_then(|bytes| bad_escape(self.sources.text(literal), bytes)) {
            let at = within(literal, &at);
            let message = "in a regular expression, a byte is three octal digits or `x` and two hexadecimal ones";
            self.report(Diagnostic::error("bad-regex", at, message).with_label("neither of these"));
            return None;
        }
        for at in bytes.iter().flatten() {
            if !is_lost(self.sources.text(literal), at) {
                continue;
            }
            let sign = self.sources.text(within(literal, &(at.end - 1..at.end))).to_owned();
            let message = format!("the string drops this backslash: the regular expression has a plain `{sign}`");
            let help = format!("for the character itself, write `\\\\{sign}`");
            self.report(Diagnostic::warning("lost-backslash", within(literal, at), message).with_help(help));
        }
        // Of some bytes of the pattern, or of the place after them; the literal as a whole where it is not in the source.
        let place = |at: &Range<usize>| {
            let bytes = bytes.as_ref()?;
            let end = bytes.get(at.end.wrapping_sub(1)).map_or(1, |byte| byte.end);
            let start = bytes.get(at.start).map_or(end, |byte| byte.start);
            Some(within(literal, &(start..end.max(start))))
        };
        if let Some(known) = self.patterns.iter().position(|known| known.pattern() == pattern) {
            return Some(PatternId(known as u32));
        }
        let regex = match Regex::new(pattern) {
            Ok(regex) => regex,
            Err(error) => {
                let at = place(&error.at).unwrap_or(literal);
                self.report(finding(&error, at));
                return None;
            }
        };
        for escape in regex.needless_escapes() {
            let letter = pattern.get(escape.end - 1).map_or(' ', |byte| char::from(*byte));
            let message = format!("in a regular expression, `\\{letter}` stands for `{letter}` itself");
            let help = match letter {
                '1'..='9' => Some("there are no back-references; `matched(1)` gives what a group has matched"),
                'd' => Some("a digit is `[0-9]` or `[[:digit:]]`"),
                'w' => Some("a letter, digit or `_` is `[[:alnum:]_]`"),
                's' => Some("white space is `[[:space:]]`"),
                _ => None,
            };
            let found = Diagnostic::warning("needless-escape", place(escape).unwrap_or(literal), message);
            self.report(match help {
                Some(help) => found.with_help(help),
                None => found,
            });
        }
        self.patterns.push(Arc::new(regex));
        Some(PatternId(self.patterns.len() as u32 - 1))
    }

    /// From where to where in the literal each byte of its value is written; `None` where the literal is not in the source as
    /// it is: it may come from an argument or a macro, or be several.
    fn bytes_in_source(&self, value: &[u8], literal: Span) -> Option<Vec<Range<usize>>> {
        let (bytes, places): (Vec<u8>, Vec<_>) = bytes_of_string(self.sources.text(literal)).into_iter().unzip();
        (bytes == value).then_some(places)
    }
}

/// A part of a literal.
fn within(literal: Span, part: &Range<usize>) -> Span {
    Span { start: literal.start + part.start as u32, end: literal.start + part.end as u32, ..literal }
}

/// The first escape in a literal that regular expressions do not have: SystemTap reads them more strictly than strings.
fn bad_escape(literal: &str, bytes: &[Range<usize>]) -> Option<Range<usize>> {
    let bad = |text: &str| match text.as_bytes() {
        [b'\\', b'0'..=b'7', ..] => text.len() != 4 || text.as_bytes()[1] > b'3',
        [b'\\', b'x', ..] => text.len() != 4,
        _ => false,
    };
    bytes.iter().find(|at| literal.get((*at).clone()).is_some_and(bad)).cloned()
}

/// Whether a byte of a literal is a sign of regular expressions, written with a backslash that only the string sees.
fn is_lost(literal: &str, at: &Range<usize>) -> bool {
    let written = literal.get(at.clone()).map(str::as_bytes);
    matches!(written, Some([b'\\', sign]) if b".[]{}()*+?|^$".contains(sign))
}

fn finding(error: &RegexError, at: Span) -> Diagnostic {
    let found = Diagnostic::error("bad-regex", at, error.to_string());
    match &error.kind {
        ErrorKind::NothingToRepeat(sign) => found.with_help(format!("for the character itself, write `\\\\{sign}`")),
        ErrorKind::UnopenedGroup => found.with_help("for the character itself, write `\\\\)`"),
        ErrorKind::UnclosedGroup => found.with_help("for the character itself, write `\\\\(`"),
        ErrorKind::UnclosedSet => found.with_help("for the character itself, write `\\\\[`"),
        ErrorKind::ExpectedNumber => {
            found.with_help("`{2}`, `{2,}` and `{2,5}` are repetitions; for the character itself, write `\\\\{`")
        }
        ErrorKind::NothingEscaped => found.with_help("for a backslash itself, write `\\\\\\\\`"),
        ErrorKind::UnknownClass(_) => found.with_help(
            "there are alpha, alnum, blank, cntrl, d, digit, xdigit, graph, l, lower, print, punct, s, space, u and upper",
        ),
        _ => found,
    }
}
