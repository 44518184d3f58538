//! The conditions of `%( kernel_v >= "6.1" %? ... %)`. Compares; what there is to compare with comes through [`Facts`].

use systap_diagnostics::{Diagnostic, Span};

use super::version;
use crate::kind::SyntaxKind;

/// What a condition can ask about the kernel and the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact<'a> {
    /// `kernel_v`: the kernel's version without what a distribution adds, such as `6.18.5`.
    KernelVersion,
    /// `kernel_vr`: the whole release, as `uname -r` gives it.
    KernelRelease,
    /// `arch`: the architecture in SystemTap's words, such as `x86_64`.
    Architecture,
    /// `systemtap_v`: the version of the language that is asked for.
    LanguageVersion,
    /// `runtime`: `kernel` or `bpf`.
    Runtime,
    /// `systemtap_privilege`: `stapusr`, `stapsys` or `stapdev`.
    Privilege,
    /// `guru_mode`: `0` or `1`.
    Guru,
    /// `CONFIG_X`: the option's value in the kernel's configuration, empty if it is not set.
    Config(&'a str),
}

/// Answers what conditions ask.
pub trait Facts {
    /// The value of a fact, as text.
    fn value(&self, fact: Fact<'_>) -> String;
}

/// A token of a condition and its text.
#[derive(Clone, Copy)]
pub(super) struct Word<'a> {
    pub(super) kind: SyntaxKind,
    pub(super) text: &'a str,
    pub(super) span: Span,
}

/// Whether the condition `words` holds: comparisons joined by `&&`, which binds tighter, and `||`. `end` is where it
/// stops, for what is missing there.
pub(super) fn holds(words: &[Word<'_>], end: Span, facts: Option<&dyn Facts>) -> Result<bool, Box<Diagnostic>> {
    let mut any = false;
    let mut all = true;
    let mut rest = words;
    loop {
        let (comparison, behind) = rest.split_at(rest.len().min(3));
        all &= compare(comparison, end, facts)?;
        match behind.first().map(|word| word.kind) {
            Some(SyntaxKind::AndAnd) => {}
            Some(SyntaxKind::OrOr) => any |= std::mem::replace(&mut all, true),
            None => return Ok(any || all),
            Some(_) => {
                let word = behind[0];
                return Err(error(word.span, format!("expected `&&`, `||` or `%?`, found `{}`", word.text)));
            }
        }
        rest = &behind[1..];
    }
}

enum Value {
    Number(i64),
    Text(String),
}

fn compare(words: &[Word<'_>], end: Span, facts: Option<&dyn Facts>) -> Result<bool, Box<Diagnostic>> {
    let [left, operator, right] = words else {
        let said = "expected a comparison such as `kernel_v >= \"6.1\"`";
        return Err(error(words.last().map_or(end, |word| word.span), said.to_owned()));
    };
    let order = match operator.kind {
        SyntaxKind::Less => |order: std::cmp::Ordering| order.is_lt(),
        SyntaxKind::LessEquals => |order: std::cmp::Ordering| order.is_le(),
        SyntaxKind::Greater => |order: std::cmp::Ordering| order.is_gt(),
        SyntaxKind::GreaterEquals => |order: std::cmp::Ordering| order.is_ge(),
        SyntaxKind::EqualsEquals => |order: std::cmp::Ordering| order.is_eq(),
        SyntaxKind::BangEquals => |order: std::cmp::Ordering| order.is_ne(),
        _ => return Err(error(operator.span, format!("expected a comparison operator, found `{}`", operator.text))),
    };
    let equality = matches!(operator.kind, SyntaxKind::EqualsEquals | SyntaxKind::BangEquals);
    let negated = operator.kind == SyntaxKind::BangEquals;
    let ask = |fact: Fact<'_>| {
        facts
            .map(|facts| facts.value(fact))
            .ok_or_else(|| error(left.span, format!("`{}` has no value here, as no kernel was chosen", left.text)))
    };
    let only_equality = || {
        if equality { Ok(()) } else { Err(error(operator.span, format!("`{}` knows `==` and `!=` only", left.text))) }
    };
    if left.kind != SyntaxKind::Ident {
        return match (literal(left)?, literal(right)?) {
            (Value::Number(left), Value::Number(right)) => Ok(order(left.cmp(&right))),
            (Value::Text(left), Value::Text(right)) => Ok(order(left.cmp(&right))),
            _ => Err(error(right.span, "a number and a string cannot be compared".to_owned())),
        };
    }
    match left.text {
        "kernel_v" | "kernel_vr" | "systemtap_v" => {
            let wanted = text(right)?;
            let value = ask(match left.text {
                "kernel_v" => Fact::KernelVersion,
                "kernel_vr" => Fact::KernelRelease,
                _ => Fact::LanguageVersion,
            })?;
            let wildcard = wanted.contains(['*', '?', '[']);
            match (wildcard, equality) {
                (true, true) => Ok(version::matches(&wanted, &value) != negated),
                (true, false) => Err(error(right.span, "a pattern can be compared by `==` and `!=` only".to_owned())),
                _ => Ok(order(version::compare(&value, &wanted))),
            }
        }
        "arch" | "runtime" => {
            only_equality()?;
            let value = ask(if left.text == "arch" { Fact::Architecture } else { Fact::Runtime })?;
            Ok(version::matches(&text(right)?, &value) != negated)
        }
        "systemtap_privilege" => {
            only_equality()?;
            Ok((ask(Fact::Privilege)? == text(right)?) != negated)
        }
        "guru_mode" => {
            only_equality()?;
            let Value::Number(wanted) = literal(right)? else {
                return Err(error(right.span, "expected 0 or 1".to_owned()));
            };
            if !matches!(wanted, 0 | 1) {
                return Err(error(right.span, "expected 0 or 1".to_owned()));
            }
            Ok((ask(Fact::Guru)? == wanted.to_string()) != negated)
        }
        option if option.starts_with("CONFIG_") => {
            let value = ask(Fact::Config(option))?;
            if right.kind == SyntaxKind::Ident && right.text.starts_with("CONFIG_") {
                let other = ask(Fact::Config(right.text))?;
                return Ok(order(match (crate::literal::number(&value), crate::literal::number(&other)) {
                    (Ok(left), Ok(right)) => left.cmp(&right),
                    _ => value.cmp(&other),
                }));
            }
            match literal(right)? {
                Value::Text(wanted) => {
                    only_equality()?;
                    Ok(version::matches(&wanted, &value) != negated)
                }
                // As C reads a number: what is not set, or no number, is 0.
                Value::Number(wanted) => Ok(order(crate::literal::number(&value).unwrap_or_default().cmp(&wanted))),
            }
        }
        other => {
            let known = ["kernel_v", "kernel_vr", "systemtap_v", "arch", "runtime", "systemtap_privilege", "guru_mode"];
            let found = error(left.span, format!("`{other}` is nothing that a condition can ask about"));
            Err(match systap_diagnostics::nearest(other, known) {
                Some(near) => Box::new(found.with_label(format!("did you mean `{near}`?"))),
                None => Box::new(found.with_help(format!("there are {}, CONFIG_..., and literals", known.join(", ")))),
            })
        }
    }
}

fn literal(word: &Word<'_>) -> Result<Value, Box<Diagnostic>> {
    match word.kind {
        SyntaxKind::Number => match crate::literal::number(word.text) {
            Ok(number) => Ok(Value::Number(number)),
            Err(_) => Err(error(word.span, format!("`{}` is not a number of 64 bits", word.text))),
        },
        SyntaxKind::StringLiteral => {
            let mut bytes = Vec::new();
            crate::literal::unescape(word.text, &mut bytes);
            Ok(Value::Text(String::from_utf8_lossy(&bytes).into_owned()))
        }
        _ => Err(error(word.span, format!("expected a string or a number, found `{}`", word.text))),
    }
}

fn text(word: &Word<'_>) -> Result<String, Box<Diagnostic>> {
    match literal(word)? {
        Value::Text(text) => Ok(text),
        Value::Number(_) => Err(error(word.span, "expected a string".to_owned())),
    }
}

fn error(span: Span, said: String) -> Box<Diagnostic> {
    Box::new(Diagnostic::error("preprocessor", span, said))
}
