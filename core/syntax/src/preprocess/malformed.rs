//! What is wrong with a token by itself: a string without its end, an argument that was not given. It is said of tokens that
//! the parser or a condition gets to see, and never of those in a branch that is left out: scripts test `$#` before they
//! use `$2`.

use systap_diagnostics::{Diagnostic, Sources, Span};

use crate::findings::Findings;
use crate::kind::SyntaxKind;
use crate::lexer;
use crate::token::{Origin, Token};

/// What is needed to tell what is wrong with a token.
#[derive(Clone, Copy)]
pub(super) struct Check<'a> {
    pub(super) sources: &'a Sources,
    /// How many arguments the script was given.
    pub(super) given: usize,
}

impl Check<'_> {
    /// Reports what is wrong with `token`, if anything is; tells whether something is.
    pub(super) fn token(self, token: &Token, origins: &[Origin], findings: &mut Findings) -> bool {
        let text = self.sources.text(token.text);
        let origin = (token.origin as usize).checked_sub(1).and_then(|index| origins.get(index));
        let wrong = match token.kind {
            SyntaxKind::StringLiteral | SyntaxKind::Embedded => lexer::is_unterminated(token.kind, text),
            kind => matches!(kind, SyntaxKind::SingleQuoted | SyntaxKind::Unknown | SyntaxKind::Argument),
        };
        if !wrong {
            return false;
        }
        if findings.is_full() {
            findings.count();
            return true;
        }
        let span = origin.map_or(token.text, |origin| origin.span);
        let pasted = origin.is_some_and(|origin| !origin.has_definition);
        let found = match token.kind {
            SyntaxKind::Argument if pasted => {
                let said = format!("the argument's text asks for another argument, `{text}`");
                Diagnostic::error("nested-argument", span, said)
            }
            SyntaxKind::Argument => self.missing(text, span),
            kind => complaint(kind, text, span),
        };
        findings.add(match origin {
            Some(origin) => found.with_note(origin.note.clone()),
            None => found,
        });
        true
    }

    fn missing(self, name: &str, span: Span) -> Diagnostic {
        if name.get(1..).is_some_and(|index| index.bytes().all(|digit| digit == b'0')) {
            return Diagnostic::error(
                "argument-missing",
                span,
                format!("there is no `{name}`: arguments count from 1"),
            );
        }
        let given = match self.given {
            0 => "none was given".to_owned(),
            1 => "one was given".to_owned(),
            many => format!("{many} were given"),
        };
        let said = format!("the script asks for its argument `{name}`, and {given}");
        Diagnostic::error("argument-missing", span, said)
            .with_help("arguments stand behind the script: `FILE ARG...`, or behind `--`")
    }
}

fn complaint(kind: SyntaxKind, text: &str, span: Span) -> Diagnostic {
    match kind {
        SyntaxKind::StringLiteral => {
            Diagnostic::error("unterminated-string", span, "the string has no closing quote on its line")
                .with_label("starts here")
                .with_help("write `\\n` for a line end; strings that follow each other are joined")
        }
        SyntaxKind::SingleQuoted => {
            Diagnostic::error("single-quoted-string", span, "single quotes have no meaning here")
                .with_help("strings are written in double quotes: \"...\"")
        }
        SyntaxKind::Embedded => {
            let start = Span { end: (span.start + 2).min(span.end), ..span };
            Diagnostic::error("unterminated-embedded-code", start, "the embedded code has no closing `%}`")
        }
        _ => {
            let shown: String = text.chars().take(20).flat_map(shown_character).collect();
            let said = if shown == "`" {
                "a back-quote means nothing here".to_owned()
            } else {
                format!("`{shown}` means nothing here")
            };
            Diagnostic::error("unexpected-character", span, said)
        }
    }
}

/// A character as a message can hold it.
fn shown_character(letter: char) -> Vec<char> {
    if letter.is_control() { letter.escape_default().collect() } else { vec![letter] }
}
