//! Which tokens of a script, arguments and macros unexpanded, the lossless tree's parser should see.

use systap_diagnostics::Sources;

use super::expand::Parts;
use crate::kind::SyntaxKind;
use crate::token::Token;

/// The tokens without definitions of macros, marks, conditions and second branches.
pub(crate) struct Structure {
    pub(crate) parsed: Vec<Token>,
}

impl Structure {
    /// From all tokens of a text.
    pub(crate) fn of(raw: &[Token], sources: &Sources) -> Structure {
        let mut parsed = Vec::with_capacity(raw.len());
        // Where the first branches end that the loop is inside of, and where what they are part of ends.
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
                    match (parts.then, parts.close) {
                        (Some(then), Some(close)) if branches.len() < crate::DEFAULT_MAX_DEPTH => {
                            branches.push((parts.otherwise.unwrap_or(close), close + 1));
                            at = then + 1;
                        }
                        (_, Some(close)) => at = close + 1,
                        // Never closed: what follows is no part of it that could be told.
                        (_, None) => {
                            parsed.extend(raw.get(at..).unwrap_or(&[]));
                            return Structure { parsed };
                        }
                    }
                }
                _ => {
                    parsed.push(*token);
                    at += 1;
                }
            }
        }
        Structure { parsed }
    }
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
