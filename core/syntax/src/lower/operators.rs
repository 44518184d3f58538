//! Operators that begin with `@` and are written like calls: which there are, and what the grammar itself wants of their operands.

use systap_diagnostics::{Diagnostic, Span};

use super::Lowering;
use super::expressions::constant;
use crate::ast::{self, Expr, ExprKind};
use crate::outline::At;

/// The operators that begin with `@`, those of aggregates, which have names of their own in the tree, too.
pub const OPERATORS: [&str; 23] = [
    "@avg",
    "@cast",
    "@choose_defined",
    "@const",
    "@count",
    "@defined",
    "@entry",
    "@enum",
    "@enumname",
    "@hist_linear",
    "@hist_log",
    "@kderef",
    "@kregister",
    "@max",
    "@min",
    "@perf",
    "@probewrite",
    "@sum",
    "@uderef",
    "@uregister",
    "@var",
    "@variance",
    "choose_defined",
];

impl Lowering<'_> {
    /// An operator that the elaborator knows all of.
    pub(super) fn operator(&mut self, at: At, word: At) -> ExprKind {
        let name = self.name_at(word);
        match name.text.as_str() {
            "@const" | "@kderef" | "@kregister" => self.needs_privilege(at, &format!("`{}`", name.text)),
            known if OPERATORS.contains(&known) => {}
            unknown => {
                let said = format!("there is no macro or operator `{unknown}`");
                let found = Diagnostic::error("unknown-operator", name.span, said);
                let found = match systap_diagnostics::nearest(unknown, OPERATORS.iter().copied()) {
                    Some(near) => found.with_label(format!("did you mean `{near}`?")),
                    None => found,
                };
                self.report(word, found);
            }
        }
        let args = self.args(at);
        match self.takes(at, &name.text, &args) {
            Some(()) => ExprKind::AtCall { args, name },
            None => ExprKind::Missing,
        }
    }

    /// Reports operands that the operator does not take; nothing then.
    fn takes(&mut self, at: At, operator: &str, args: &[Expr]) -> Option<()> {
        let count = match operator {
            "@perf" | "@const" | "@probewrite" | "@kregister" | "@uregister" => (1, 1),
            "@kderef" | "@uderef" => (2, 2),
            "@enum" => (1, 2),
            "@enumname" => (1, 3),
            _ => return Some(()),
        };
        if !(count.0..=count.1).contains(&args.len()) {
            self.counted_args(at, count.0, count.1);
            return None;
        }
        let first = args.first().filter(|first| first.kind != ExprKind::Missing)?;
        match operator {
            "@perf" | "@const" => self.filled_string(at, first.clone()).map(|_| ()),
            "@enum" => self.literal_string(at, first.clone()).map(|_| ()),
            "@probewrite" if !is_word(first) => {
                let said = "`@probewrite` is asked about a variable, by its name";
                self.report(at, Diagnostic::error("unexpected-token", first.span, said));
                None
            }
            "@kderef" | "@uderef" | "@kregister" | "@uregister" if constant(first).is_none() => {
                let said = format!("`{operator}` needs a literal number here");
                self.report(at, Diagnostic::error("not-a-literal", first.span, said));
                None
            }
            _ => Some(()),
        }
    }

    /// A string written out that is not empty.
    pub(super) fn filled_string(&mut self, at: At, arg: Expr) -> Option<(Vec<u8>, Span)> {
        let found = self.literal_string(at, arg)?;
        if found.0.is_empty() {
            let said = format!("`{}` needs a string here that is not empty", self.text(at));
            self.report(at, Diagnostic::error("not-constant", found.1, said));
            return None;
        }
        Some(found)
    }

    pub(super) fn literal_string(&mut self, at: At, arg: Expr) -> Option<(Vec<u8>, Span)> {
        match arg.kind {
            ExprKind::Literal(ast::Literal::String(bytes)) => Some((bytes, arg.span)),
            ExprKind::Missing => None,
            _ => {
                let said = format!("`{}` needs a literal string here", self.text(at));
                let found = Diagnostic::error("not-constant", arg.span, said);
                self.report(at, found);
                None
            }
        }
    }
}

/// Whether an expression is a bare name or target variable.
fn is_word(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Name(_) => true,
        ExprKind::Target(target) => {
            matches!(target.base, ast::TargetBase::Variable(_)) && target.path.is_empty() && !target.address
        }
        _ => false,
    }
}
