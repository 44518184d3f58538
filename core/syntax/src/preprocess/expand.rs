//! Macros and conditionals: `@define NAME(a) %( body %)`, `@NAME(x)`, `%( condition %? tokens %: tokens %)`. Copies and
//! drops tokens, never looks at what they mean; what it does is bounded, whatever the macros say.

use std::collections::HashMap;
use std::ops::Range;

use systap_diagnostics::{Diagnostic, Sources, Span};

use super::Macro;
use super::condition::{self, Word};
use super::malformed::Check;
use crate::ParseOptions;
use crate::findings::Findings;
use crate::kind::SyntaxKind;
use crate::token::{Origin, Token, Tokens};

/// How many tokens the pass looks at beyond those of the file before it gives up.
const EXPANSION_LIMIT: usize = 1_000_000;

/// The words after `@` that the language itself gives a meaning.
const OPERATORS: [&str; 21] = [
    "cast",
    "defined",
    "probewrite",
    "entry",
    "perf",
    "var",
    "avg",
    "count",
    "sum",
    "min",
    "max",
    "hist_linear",
    "hist_log",
    "const",
    "variance",
    "kregister",
    "uregister",
    "kderef",
    "uderef",
    "enum",
    "enumname",
];

/// What the pass made of a file.
pub(super) struct Expanded {
    pub(super) tokens: Tokens,
    pub(super) macros: HashMap<String, Macro>,
    /// Whether an error kept tokens out.
    pub(super) cut: bool,
}

/// The tokens with every macro and conditional resolved, and the macros that they defined.
pub(super) fn expand(
    sources: &Sources,
    tokens: Tokens,
    options: &ParseOptions<'_>,
    findings: &mut Findings,
) -> Expanded {
    let Tokens { list, origins } = tokens;
    let left = list.len() + EXPANSION_LIMIT;
    let mut expansion =
        Expansion { sources, origins, options, findings, macros: HashMap::new(), left, stopped: false, cut: false };
    let mut out = Vec::with_capacity(list.len());
    // The end of the file is no part of any macro or conditional.
    let (end, inside) = list.split_last().map_or((None, &[][..]), |(end, inside)| (Some(*end), inside));
    expansion.run(inside, None, 0, &mut out);
    out.extend(end);
    let Expansion { origins, macros, cut, .. } = expansion;
    Expanded { tokens: Tokens { list: out, origins }, macros, cut }
}

struct Expansion<'a> {
    sources: &'a Sources,
    origins: Vec<Origin>,
    options: &'a ParseOptions<'a>,
    findings: &'a mut Findings,
    macros: HashMap<String, Macro>,
    /// How many more tokens it will look at.
    left: usize,
    /// Whether a limit was met; nothing more is expanded then.
    stopped: bool,
    /// Whether tokens were left out after an error.
    cut: bool,
}

/// The parameters of the macro whose body is being expanded, with the tokens they stand for.
type Scope = HashMap<String, Vec<Token>>;

impl<'a> Expansion<'a> {
    fn run(&mut self, tokens: &[Token], scope: Option<&Scope>, depth: usize, out: &mut Vec<Token>) {
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            if self.stop_at_limit(token, depth) {
                return;
            }
            at = match token.kind {
                SyntaxKind::AtWord => self.at_word(tokens, at, scope, depth, out),
                SyntaxKind::ConditionOpen => self.conditional(tokens, at, scope, depth, out),
                _ => {
                    out.push(*token);
                    at + 1
                }
            };
        }
    }

    fn stop_at_limit(&mut self, token: &Token, depth: usize) -> bool {
        if self.stopped {
            return true;
        }
        if depth > self.options.max_depth {
            self.too_deep(token);
        } else if self.left == 0 {
            self.stopped = true;
            self.error("nested-too-deep", token, format!("macros expand to more than {EXPANSION_LIMIT} tokens"));
        } else {
            self.left -= 1;
            return false;
        }
        true
    }

    fn too_deep(&mut self, token: &Token) {
        self.stopped = true;
        let said = format!("macros and conditionals nest more than {} deep", self.options.max_depth);
        self.error("nested-too-deep", token, said);
    }

    fn text(&self, token: &Token) -> &'a str {
        self.sources.text(token.text)
    }

    fn span(&self, token: &Token) -> Span {
        let origin = (token.origin as usize).checked_sub(1).and_then(|index| self.origins.get(index));
        origin.map_or(token.text, |origin| origin.span)
    }

    fn error(&mut self, code: &'static str, token: &Token, said: String) {
        self.cut = true;
        self.findings.add(Diagnostic::error(code, self.span(token), said));
    }

    /// A parameter, a definition, a macro's use, or a word that the parser will know. Returns the index behind it.
    fn at_word(
        &mut self,
        tokens: &[Token],
        at: usize,
        scope: Option<&Scope>,
        depth: usize,
        out: &mut Vec<Token>,
    ) -> usize {
        let Some(word) = tokens.get(at) else { return at + 1 };
        let name = &self.text(word)[1..];
        if let Some(tokens) = scope.and_then(|scope| scope.get(name)) {
            self.left = self.left.saturating_sub(tokens.len());
            let already = out.len();
            out.extend_from_slice(tokens);
            if let Some(first) = out.get_mut(already) {
                (first.spaced, first.first_of_line) = (word.spaced, word.first_of_line);
            }
            return at + 1;
        }
        if name == "define" {
            if scope.is_some() {
                self.error("preprocessor", word, "a macro's body cannot define a macro".to_owned());
                return at + 1;
            }
            return self.definition(tokens, at);
        }
        let library = self.options.library.and_then(|library| library.by_name.get(name));
        let Some(used) = self.macros.get(name).or(library) else {
            out.push(*word);
            return at + 1;
        };
        // The definition is copied with its origin replaced: an error in it is shown where it is used.
        let Macro { params, body } = used;
        let (params, mut body) = (params.clone().unwrap_or_default(), body.clone());
        let has_params = used.params.is_some();
        let mut behind = at + 1;
        let mut scope_of_body = Scope::new();
        if has_params {
            let Some((args, end)) = arguments(tokens, at + 1) else {
                self.error("macro-arguments", word, format!("`@{name}` needs its arguments in parentheses"));
                // Without a closing parenthesis there is no telling where to go on.
                let unclosed = tokens.get(at + 1).is_some_and(|token| token.kind == SyntaxKind::LeftParen);
                return if unclosed { tokens.len() } else { at + 1 };
            };
            behind = end;
            // Nothing between the parentheses is one argument where the macro takes one.
            let nothing = std::iter::once(behind..behind).filter(|_| args.is_empty() && params.len() == 1);
            let args: Vec<_> = nothing.chain(args.iter().cloned()).collect();
            if args.len() != params.len() {
                let said = format!("`@{name}` takes {} arguments, and here are {}", params.len(), args.len());
                self.error("macro-arguments", word, said);
                return end;
            }
            for (param, arg) in params.into_iter().zip(args) {
                let mut expanded = Vec::new();
                self.run(tokens.get(arg).unwrap_or(&[]), scope, depth + 1, &mut expanded);
                scope_of_body.insert(param, expanded);
            }
        }
        let last = tokens.get(behind - 1).unwrap_or(word);
        let span = self.span(word).to(self.span(last));
        self.origins.push(Origin { span, note: format!("`@{name}` is a macro"), has_definition: true });
        let origin = self.origins.len() as u32;
        for token in &mut body {
            token.origin = origin;
        }
        if let Some(first) = body.first_mut() {
            (first.spaced, first.first_of_line) = (word.spaced, word.first_of_line);
        }
        self.run(&body, Some(&scope_of_body), depth + 1, out);
        behind
    }

    /// `@define NAME(a, b) %( body %)`, from the `@define` on. Returns the index behind it.
    fn definition(&mut self, tokens: &[Token], at: usize) -> usize {
        let Some(define) = tokens.get(at) else { return at + 1 };
        let Some(name) = tokens.get(at + 1).filter(|name| name.kind == SyntaxKind::Ident) else {
            self.error("preprocessor", tokens.get(at + 1).unwrap_or(define), "expected a macro's name".to_owned());
            return at + 1;
        };
        let mut next = at + 2;
        let mut params = None;
        if tokens.get(next).is_some_and(|token| token.kind == SyntaxKind::LeftParen) {
            let Some((names, end)) = self.parameters(tokens, next) else {
                let place = tokens.get(next).unwrap_or(define);
                self.error("preprocessor", place, "expected names with commas between, and `)`".to_owned());
                return behind_body(tokens, next);
            };
            (params, next) = (Some(names), end);
        }
        let Some(open) = tokens.get(next).filter(|token| token.kind == SyntaxKind::ConditionOpen) else {
            let place = tokens.get(next).unwrap_or(define);
            self.error("preprocessor", place, "expected `%(` and the macro's body".to_owned());
            return behind_body(tokens, next);
        };
        let parts = Parts::find(tokens, next, usize::MAX);
        let Some(close) = parts.close else {
            self.error("preprocessor", open, "the macro's body has no closing `%)`".to_owned());
            return tokens.len();
        };
        let mut body = tokens.get(next + 1..close).unwrap_or(&[]).to_vec();
        for token in &mut body {
            token.origin = 0;
        }
        let text = self.text(name);
        if text == "define" {
            self.error("preprocessor", name, "`@define` cannot be defined anew".to_owned());
        }
        if OPERATORS.contains(&text) {
            let said = format!("this macro takes the place of the operator `@{text}`");
            self.findings.add(Diagnostic::warning("macro-hides-operator", self.span(name), said));
        }
        if self.macros.insert(text.to_owned(), Macro { params, body }).is_some() {
            self.error("macro-defined-twice", name, format!("the macro `@{text}` is defined twice in this file"));
        }
        close + 1
    }

    fn parameters(&self, tokens: &[Token], open: usize) -> Option<(Vec<String>, usize)> {
        let mut names = Vec::new();
        let mut at = open + 1;
        loop {
            let name = tokens.get(at).filter(|token| token.kind == SyntaxKind::Ident)?;
            names.push(self.text(name).to_owned());
            match tokens.get(at + 1)?.kind {
                SyntaxKind::Comma => at += 2,
                SyntaxKind::RightParen => return Some((names, at + 2)),
                _ => return None,
            }
        }
    }

    /// `%( condition %? tokens %: tokens %)`, from the `%(` on. Returns the index behind it.
    fn conditional(
        &mut self,
        tokens: &[Token],
        at: usize,
        scope: Option<&Scope>,
        depth: usize,
        out: &mut Vec<Token>,
    ) -> usize {
        let Some(open) = tokens.get(at) else { return at + 1 };
        let parts = Parts::find(tokens, at, self.options.max_depth.saturating_sub(depth));
        if parts.too_deep {
            self.too_deep(open);
            return tokens.len();
        }
        let Some(close) = parts.close else {
            self.error("preprocessor", open, "the conditional has no closing `%)`".to_owned());
            return tokens.len();
        };
        let Some(then) = parts.then else {
            self.error("preprocessor", open, "the conditional has no `%?` behind its condition".to_owned());
            return close + 1;
        };
        let mut condition = Vec::new();
        self.run(tokens.get(at + 1..then).unwrap_or(&[]), scope, depth + 1, &mut condition);
        let check = Check { sources: self.sources, given: self.options.args.len() };
        let mut wrong = self.stopped;
        for token in &condition {
            wrong |= check.token(token, &self.origins, self.findings);
        }
        if wrong {
            self.cut = true;
            return close + 1;
        }
        let words: Vec<Word<'_>> = condition
            .iter()
            .map(|token| Word { kind: token.kind, text: self.text(token), span: self.span(token) })
            .collect();
        let end = tokens.get(then).map_or(open.text, |token| self.span(token));
        if let Some(again) = parts.otherwise_again.and_then(|at| tokens.get(at)) {
            self.error("preprocessor", again, "a conditional has one `%:`".to_owned());
        }
        let otherwise = parts.otherwise.unwrap_or(close);
        let taken = match condition::holds(&words, end, self.options.facts) {
            Ok(true) => then + 1..otherwise,
            Ok(false) => otherwise + 1..close,
            Err(found) => {
                self.cut = true;
                self.findings.add(*found);
                return close + 1;
            }
        };
        self.run(tokens.get(taken).unwrap_or(&[]), scope, depth + 1, out);
        close + 1
    }
}

/// Where the marks of a conditional, or of a macro's body, stand among the tokens.
#[derive(Debug, Default)]
pub(crate) struct Parts {
    pub(crate) then: Option<usize>,
    pub(crate) otherwise: Option<usize>,
    pub(crate) close: Option<usize>,
    /// A second `%:`, which is a mistake.
    pub(crate) otherwise_again: Option<usize>,
    /// Others nest deeper within than was allowed; the search ended there.
    pub(crate) too_deep: bool,
}

impl Parts {
    /// The marks that belong to the `%(` at `open`. Each level of a nest searches all of it, so the search ends where the
    /// nest is deeper than `deepest`.
    pub(crate) fn find(tokens: &[Token], open: usize, deepest: usize) -> Parts {
        let mut parts = Parts::default();
        let mut inner = 0usize;
        for (at, token) in tokens.iter().enumerate().skip(open + 1) {
            match token.kind {
                SyntaxKind::ConditionOpen if inner >= deepest => {
                    parts.too_deep = true;
                    return parts;
                }
                SyntaxKind::ConditionOpen => inner += 1,
                SyntaxKind::ConditionClose if inner > 0 => inner -= 1,
                SyntaxKind::ConditionClose => {
                    parts.close = Some(at);
                    return parts;
                }
                SyntaxKind::ConditionThen if inner == 0 && parts.then.is_none() => parts.then = Some(at),
                SyntaxKind::ConditionElse if inner == 0 && parts.otherwise.is_none() => parts.otherwise = Some(at),
                SyntaxKind::ConditionElse if inner == 0 => parts.otherwise_again = Some(at),
                _ => {}
            }
        }
        parts
    }
}

/// Where to go on behind a definition that went wrong at `from`: behind its body, if one opens before the next declaration.
fn behind_body(tokens: &[Token], from: usize) -> usize {
    let rest = tokens.get(from..).unwrap_or(&[]);
    let declares = |kind| {
        matches!(
            kind,
            SyntaxKind::ProbeKw
                | SyntaxKind::FunctionKw
                | SyntaxKind::GlobalKw
                | SyntaxKind::PrivateKw
                | SyntaxKind::AtWord
        )
    };
    let mut before = rest.iter().take_while(|token| !declares(token.kind));
    let open = before.position(|token| token.kind == SyntaxKind::ConditionOpen);
    let close = open.and_then(|open| Parts::find(tokens, from + open, usize::MAX).close);
    close.map_or(from, |close| close + 1)
}

/// The arguments between the parentheses that open at `open`, split at commas outside of all brackets, and the index
/// behind the closing one.
fn arguments(tokens: &[Token], open: usize) -> Option<(Vec<Range<usize>>, usize)> {
    if tokens.get(open)?.kind != SyntaxKind::LeftParen {
        return None;
    }
    let mut args = Vec::new();
    let mut inner = 0usize;
    let mut start = open + 1;
    for (at, token) in tokens.iter().enumerate().skip(open + 1) {
        match token.kind {
            SyntaxKind::LeftParen | SyntaxKind::LeftBracket => inner += 1,
            SyntaxKind::RightParen if inner == 0 => {
                if start < at || !args.is_empty() {
                    args.push(start..at);
                }
                return Some((args, at + 1));
            }
            SyntaxKind::RightParen | SyntaxKind::RightBracket => inner = inner.saturating_sub(1),
            SyntaxKind::Comma if inner == 0 => {
                args.push(start..at);
                start = at + 1;
            }
            _ => {}
        }
    }
    None
}
