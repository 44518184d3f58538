//! Which tokens of a script, arguments and macros unexpanded, the lossless tree's parser should see; and where the parts
//! are that a preprocessor takes or leaves.

use std::ops::Range;

use systap_diagnostics::Sources;

use super::expand::Parts;
use crate::kind::SyntaxKind;
use crate::token::Token;

/// Where the marks of a conditional stand: the offsets of their first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conditional {
    /// `%(`
    pub open: u32,
    /// `%?`
    pub then: u32,
    /// `%:`, if there is one.
    pub otherwise: Option<u32>,
    /// `%)`
    pub close: u32,
}

/// What a preprocessor takes or leaves of a script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preprocessing {
    /// All conditionals, those within others included, in the order of their `%(`.
    pub conditionals: Vec<Conditional>,
    /// The definitions of macros, from `@define` to behind their `%)`, as ranges of bytes.
    pub definitions: Vec<Range<u32>>,
}

impl Preprocessing {
    /// Of all tokens of a text.
    pub(crate) fn of(raw: &[Token], sources: &Sources) -> Preprocessing {
        let mut all = Preprocessing::default();
        let start = |at: usize| raw.get(at).map_or(0, |token| token.text.start);
        let mut at = 0;
        while let Some(token) = raw.get(at) {
            let mut next = at + 1;
            match token.kind {
                SyntaxKind::AtWord if sources.text(token.text) == "@define" => {
                    next = definition_end(raw, at);
                    if let Some(last) = raw.get(next - 1).filter(|_| next > at + 1) {
                        all.definitions.push(token.text.start..last.text.end);
                    }
                }
                SyntaxKind::ConditionOpen => {
                    let parts = Parts::find(raw, at, usize::MAX);
                    if let (Some(then), Some(close)) = (parts.then, parts.close) {
                        let (open, otherwise) = (token.text.start, parts.otherwise.map(start));
                        all.conditionals.push(Conditional { open, then: start(then), otherwise, close: start(close) });
                    }
                }
                _ => {}
            }
            at = next;
        }
        all
    }
}

/// The tokens that are parsed: without definitions of macros, marks, conditions and the branches that are not looked at.
/// `second` tells for the offset of a conditional's `%(` whether its second branch is the one to look at.
pub(crate) fn parsed(raw: &[Token], sources: &Sources, second: &dyn Fn(u32) -> bool) -> Vec<Token> {
    let mut parsed = Vec::with_capacity(raw.len());
    // Where the branches end that the loop is inside of, and where what they are part of ends.
    let mut branches: Vec<(usize, usize)> = Vec::new();
    let mut at = 0;
    while let Some(token) = raw.get(at) {
        if let Some((_, behind)) = branches.pop_if(|(end, _)| *end == at) {
            at = behind;
            continue;
        }
        match token.kind {
            SyntaxKind::AtWord if sources.text(token.text) == "@define" => at = definition_end(raw, at),
            SyntaxKind::ConditionOpen => {
                let parts = Parts::find(raw, at, usize::MAX);
                match (parts.then, parts.otherwise, parts.close) {
                    (Some(_), Some(otherwise), Some(close))
                        if second(token.text.start) && branches.len() < crate::DEFAULT_MAX_DEPTH =>
                    {
                        branches.push((close, close + 1));
                        at = otherwise + 1;
                    }
                    (Some(then), otherwise, Some(close))
                        if !second(token.text.start) && branches.len() < crate::DEFAULT_MAX_DEPTH =>
                    {
                        branches.push((otherwise.unwrap_or(close), close + 1));
                        at = then + 1;
                    }
                    (_, _, Some(close)) => at = close + 1,
                    // Never closed: what follows is no part of it that could be told.
                    (_, _, None) => {
                        parsed.extend(raw.get(at..).unwrap_or(&[]));
                        return parsed;
                    }
                }
            }
            _ => {
                parsed.push(*token);
                at += 1;
            }
        }
    }
    parsed
}

/// The index behind the definition that starts at `at`; behind its first word if it is none.
fn definition_end(raw: &[Token], at: usize) -> usize {
    let mut next = at + 1;
    while let Some(token) = raw.get(next) {
        match token.kind {
            SyntaxKind::ConditionOpen => {
                return Parts::find(raw, next, usize::MAX).close.map_or(at + 1, |close| close + 1);
            }
            SyntaxKind::Ident | SyntaxKind::Comma | SyntaxKind::LeftParen | SyntaxKind::RightParen => next += 1,
            keyword if keyword.is_keyword() && next < at + 64 => next += 1,
            _ => return at + 1,
        }
    }
    at + 1
}
