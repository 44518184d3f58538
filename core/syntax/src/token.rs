//! Tokens as the parser takes them: without trivia, each with the text it has and the place it came from, which are
//! two things for what an argument or a macro put there. Holds no text itself.

use systap_diagnostics::{Diagnostic, FileId, Sources, Span};

use crate::kind::SyntaxKind;

/// One token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) kind: SyntaxKind,
    /// Whether blanks, a comment or a line end stand before it.
    pub(crate) spaced: bool,
    /// Whether it is the first of its line.
    pub(crate) first_of_line: bool,
    /// 0 if it stands in the script as it is; otherwise one more than the index of its [`Origin`].
    pub(crate) origin: u32,
    /// Where its text is: in the script, in a macro's body, or in what was pasted.
    pub(crate) text: Span,
}

/// What put tokens where the script has something else.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    /// The use in the script: what to point at.
    pub(crate) span: Span,
    /// What to say about it.
    pub(crate) note: String,
    /// Whether the text stands somewhere that can be shown too.
    pub(crate) has_definition: bool,
}

/// The tokens of one file with what is needed to say where they are from. The last is always the end of the file.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    pub(crate) list: Vec<Token>,
    pub(crate) origins: Vec<Origin>,
}

impl Tokens {
    /// The token's place in the script.
    pub(crate) fn span(&self, token: &Token) -> Span {
        self.origin(token).map_or(token.text, |origin| origin.span)
    }

    fn origin(&self, token: &Token) -> Option<&Origin> {
        self.origins.get((token.origin as usize).checked_sub(1)?)
    }

    /// Whether a macro put the token where it is.
    pub(crate) fn is_of_macro(&self, token: &Token) -> bool {
        self.origin(token).is_some_and(|origin| origin.has_definition)
    }

    /// Adds to a diagnostic about `token` what put the token there.
    pub(crate) fn explain(&self, token: &Token, diagnostic: Diagnostic) -> Diagnostic {
        match self.origin(token) {
            None => diagnostic,
            Some(origin) if origin.has_definition => {
                diagnostic.with_secondary(token.text, "in this text").with_note(origin.note.clone())
            }
            Some(origin) => diagnostic.with_note(origin.note.clone()),
        }
    }
}

/// A token for people: its text in back-quotes, cut if it is long.
pub(crate) fn describe(token: &Token, sources: &Sources) -> String {
    let text = sources.text(token.text);
    match token.kind {
        SyntaxKind::EndOfFile => "the end of the script".to_owned(),
        SyntaxKind::StringLiteral => "a string".to_owned(),
        SyntaxKind::Embedded => "embedded C".to_owned(),
        keyword if keyword.is_keyword() => format!("the keyword `{text}`"),
        _ if text.chars().count() > 40 => {
            let start: String = text.chars().take(37).collect();
            format!("`{start}...`")
        }
        _ => format!("`{text}`"),
    }
}

/// The tokens of a text as it stands, trivia dropped, the end added.
pub(crate) fn raw(file: FileId, text: &str) -> Vec<Token> {
    let mut list = Vec::with_capacity(text.len() / 4 + 1);
    let mut before = Before::start();
    let mut at = 0;
    loop {
        let (kind, length) = crate::lexer::first_token(&text[at..]);
        let end = at + length;
        if kind.is_trivia() {
            before.passed(&text[at..end]);
        } else {
            list.push(before.token(kind, Span::new(file, at as u32, end as u32)));
        }
        if kind == SyntaxKind::EndOfFile {
            return list;
        }
        at = end;
    }
}

/// The characters of a text that begin no token, which are trivia to the parser.
pub(crate) fn unknown(file: FileId, text: &str) -> Vec<Token> {
    let mut at = 0;
    let all = crate::lexer::tokens(text).map(|(kind, token)| {
        let start = at;
        at += token.len() as u32;
        (kind, Span::new(file, start, at))
    });
    all.filter(|(kind, _)| *kind == SyntaxKind::Unknown).map(|(kind, span)| Before::start().token(kind, span)).collect()
}

/// What stood between the last token and the next.
#[derive(Clone, Copy)]
pub(crate) struct Before {
    spaced: bool,
    first_of_line: bool,
}

impl Before {
    pub(crate) fn start() -> Self {
        Before { spaced: true, first_of_line: true }
    }

    pub(crate) fn passed(&mut self, trivia: &str) {
        self.spaced = true;
        self.first_of_line |= trivia.contains('\n');
    }

    pub(crate) fn token(&mut self, kind: SyntaxKind, text: Span) -> Token {
        let Before { spaced, first_of_line } = std::mem::replace(self, Before { spaced: false, first_of_line: false });
        Token { kind, spaced, first_of_line, origin: 0, text }
    }
}
