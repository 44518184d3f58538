//! Script arguments: `$1` pastes characters that are read as if they stood in the script, `@1` a string, `$#` and `@#`
//! their count. The first pass over a text; knows nothing of what the tokens mean.

use systap_diagnostics::{Diagnostic, FileId, Severity, Sources, Span};

use crate::findings::Findings;
use crate::kind::SyntaxKind;
use crate::lexer;
use crate::token::{Before, Origin, Tokens};

/// How many bytes all uses of arguments may paste together.
const PASTED_LIMIT: usize = 64 << 20;

/// What of the arguments a script asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArgumentUse {
    /// For each argument, whether the script uses it.
    pub used: Vec<bool>,
    /// Whether the script asks how many there are.
    pub count: bool,
}

/// The tokens of `file` with its arguments in place.
pub(super) fn expand(
    sources: &mut Sources,
    file: FileId,
    args: &[String],
    findings: &mut Findings,
) -> (Tokens, ArgumentUse) {
    let text = &sources.file(file).text;
    let uses = ArgumentUse { used: vec![false; args.len()], count: false };
    let list = Vec::with_capacity(text.len() / 4 + 1);
    let mut pass =
        Pass { file, text, args, findings, tokens: Tokens { list, origins: vec![] }, uses, pasted: Pasted::default() };
    pass.run();
    let Pass { mut tokens, uses, pasted, .. } = pass;
    if !pasted.tokens.is_empty() {
        let pasted_file = sources.add("<arguments>", pasted.text);
        for index in pasted.tokens {
            if let Some(token) = tokens.list.get_mut(index) {
                token.text.file = pasted_file;
            }
        }
    }
    (tokens, uses)
}

/// One warning for all arguments that a script leaves unused; none if it asks for the count or names `argv`, since then
/// it may use any of them.
pub(super) fn warn_unused(uses: &ArgumentUse, args: &[String], findings: &mut Findings) {
    if uses.count || uses.used.iter().all(|used| *used) {
        return;
    }
    let unused: Vec<String> = uses
        .used
        .iter()
        .zip(args)
        .enumerate()
        .filter(|(_, (used, _))| !**used)
        .map(|(index, (_, arg))| format!("${} (`{arg}`)", index + 1))
        .collect();
    let said = match unused.as_slice() {
        [one] => format!("the script does not use its argument {one}"),
        many => format!("the script does not use its arguments {}", many.join(", ")),
    };
    findings
        .add(Diagnostic { severity: Severity::Warning, ..Diagnostic::error_without_place("argument-unused", said) });
}

/// Text that stands in no file of the user's, and which tokens lie in it.
#[derive(Default)]
struct Pasted {
    text: String,
    tokens: Vec<usize>,
}

struct Pass<'a> {
    file: FileId,
    text: &'a str,
    args: &'a [String],
    findings: &'a mut Findings,
    tokens: Tokens,
    uses: ArgumentUse,
    pasted: Pasted,
}

impl Pass<'_> {
    fn run(&mut self) {
        let text = self.text;
        let mut before = Before::start();
        let mut at = 0;
        loop {
            let (kind, length) = lexer::first_token(&text[at..]);
            let token = &text[at..at + length];
            let span = Span::new(self.file, at as u32, (at + length) as u32);
            at += length;
            match kind {
                SyntaxKind::Argument => at += self.argument(token, span, at, &mut before),
                _ => {
                    if kind == SyntaxKind::Comment && lexer::is_unterminated(kind, token) {
                        self.unterminated_comment(span);
                    }
                    self.push(kind, token, span, &mut before);
                }
            }
            if kind == SyntaxKind::EndOfFile {
                return;
            }
        }
    }

    fn push(&mut self, kind: SyntaxKind, text: &str, span: Span, before: &mut Before) {
        if kind.is_trivia() && kind != SyntaxKind::Unknown {
            before.passed(text);
            return;
        }
        if kind == SyntaxKind::Ident && text.starts_with("arg") && (text.starts_with("argv") || text == "argc") {
            self.uses.count = true;
        }
        self.tokens.list.push(before.token(kind, span));
    }

    /// A comment is no token, so that no branch can leave it out.
    fn unterminated_comment(&mut self, span: Span) {
        let start = Span { end: span.start + 2, ..span };
        let said = "the comment has no closing `*/` and takes the rest of the script";
        self.findings.add(Diagnostic::warning("unterminated-comment", start, said));
    }

    /// Puts an argument's tokens in place of `name`; returns how many bytes of the script behind it they took along.
    fn argument(&mut self, name: &str, span: Span, behind: usize, before: &mut Before) -> usize {
        let (sigil, index) = name.split_at(1);
        let quoted = sigil == "@";
        let value = match index {
            "#" => {
                self.uses.count = true;
                Some(self.args.len().to_string())
            }
            _ => self.value(index),
        };
        let Some(value) = value else {
            self.tokens.list.push(before.token(SyntaxKind::Argument, span));
            return 0;
        };
        if self.pasted.text.len() + value.len() > PASTED_LIMIT {
            let found =
                Diagnostic::error("argument-too-large", span, "the arguments' text fills more than 64 MiB here");
            self.findings.add(found);
            return 0;
        }
        let origin = self.origin(span, format!("`{name}` is `{}`", shortened(&value)));
        if quoted {
            self.paste(SyntaxKind::StringLiteral, &as_string_token(&value), origin, before);
            return 0;
        }
        let mut at = 0;
        while at < value.len() {
            let (mut kind, length) = lexer::first_token(&value[at..]);
            let mut token = value[at..at + length].to_owned();
            at += length;
            let mut taken = 0;
            if at == value.len() {
                (kind, token) = glued(token, &self.text[behind..]);
                taken = token.len() - length;
            }
            self.paste(kind, &token, origin, before);
            if taken > 0 {
                return taken;
            }
        }
        0
    }

    fn value(&mut self, index: &str) -> Option<String> {
        let index = index.parse::<usize>().ok()?.checked_sub(1)?;
        let value = self.args.get(index)?;
        if let Some(used) = self.uses.used.get_mut(index) {
            *used = true;
        }
        Some(value.clone())
    }

    fn origin(&mut self, span: Span, note: String) -> u32 {
        self.tokens.origins.push(Origin { span, note, has_definition: false });
        self.tokens.origins.len() as u32
    }

    fn paste(&mut self, kind: SyntaxKind, text: &str, origin: u32, before: &mut Before) {
        let start = self.pasted.text.len() as u32;
        let already = self.tokens.list.len();
        self.push(kind, text, Span::new(self.file, start, start + text.len() as u32), before);
        if let Some(token) = self.tokens.list.get_mut(already) {
            token.origin = origin;
            self.pasted.text.push_str(text);
            self.pasted.tokens.push(already);
        }
    }
}

/// A pasted text's last token together with what of the script behind it belongs to the same token: `$1_read`.
///
/// Looks at more and more of the script until the token ends inside what was looked at, so that the work is in
/// proportion to the token and not to the script.
fn glued(last: String, behind: &str) -> (SyntaxKind, String) {
    let mut wanted = 64;
    let mut joined = last;
    let own = joined.len();
    loop {
        let mut looked_at = wanted.min(behind.len());
        while !behind.is_char_boundary(looked_at) {
            looked_at += 1;
        }
        joined.truncate(own);
        joined.push_str(&behind[..looked_at]);
        let (kind, length) = lexer::first_token(&joined);
        // Operators look three bytes ahead at most.
        if length + 3 <= joined.len() || looked_at == behind.len() {
            joined.truncate(length.max(own));
            return (kind, joined);
        }
        wanted = wanted.saturating_mul(2);
    }
}

/// A value as a note can hold it.
fn shortened(value: &str) -> String {
    match value.char_indices().nth(60) {
        Some((cut, _)) => format!("{}...", &value[..cut]),
        None => value.to_owned(),
    }
}

fn as_string_token(value: &str) -> String {
    let mut token = String::with_capacity(value.len() + 2);
    token.push('"');
    for letter in value.chars() {
        match letter {
            '"' | '\\' => token.extend(['\\', letter]),
            '\n' => token.push_str("\\n"),
            other => token.push(other),
        }
    }
    token.push('"');
    token
}
