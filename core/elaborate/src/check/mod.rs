//! Bodies: statements and expressions, from the syntax tree to the program's, with their types.
//!
//! Must never stop at an error: a part that is wrong becomes a value of unknown type, about which nothing more is said.

mod aggregate;
mod asks;
mod assignment;
mod at_operator;
mod call;
mod embedded;
mod expression;
mod fold;
mod foreach;
pub(crate) mod function;
mod memory;
pub(crate) mod modified;
mod operator;
mod pattern;
mod print;
mod purity;
mod statement;
mod unread;

pub(crate) use call::function_of;

use crate::build;
use crate::elaboration::Elaboration;
use crate::target::Pointer;
use crate::types::{Conflict, Ty, word};
use systap_diagnostics::{Diagnostic, Span};
use systap_ir::program::{Constant, Expr, ExprKind};
use systap_kernel::TypeId;

/// How many expressions and statements may be open: twice what the parser lets through.
pub(crate) const MOST_DEPTH: u32 = 600;

/// An expression and what is known of it.
#[derive(Debug)]
pub(crate) struct Typed {
    pub(crate) expr: Expr,
    pub(crate) ty: Ty,
    /// What it points to, where a C type says so.
    pub(crate) pointer: Option<Pointer>,
    /// The enumeration whose value it is, where a C type says so.
    pub(crate) enumeration: Option<TypeId>,
    /// It gives no value: a call of `exit()`, `<<<`.
    pub(crate) void: bool,
}

impl Typed {
    /// An expression whose type is final.
    pub(crate) fn new(expr: Expr) -> Self {
        Typed { ty: Ty::Known(expr.ty), expr, pointer: None, enumeration: None, void: false }
    }

    /// The same, pointing to what a C type says.
    pub(crate) fn pointing(self, pointer: Option<Pointer>) -> Self {
        Typed { pointer, ..self }
    }

    /// An expression of a type that may still be open; `expr.ty` is written at the end.
    pub(crate) fn of(expr: Expr, ty: Ty) -> Self {
        Typed { expr, ty, pointer: None, enumeration: None, void: false }
    }

    /// What stands for an expression that is wrong.
    pub(crate) fn unknown(span: Span) -> Self {
        Typed { expr: build::long(span, 0), ty: Ty::Unknown, pointer: None, enumeration: None, void: false }
    }

    pub(crate) fn void(expr: Expr) -> Self {
        Typed { void: true, ..Typed::new(expr) }
    }

    /// Its value, if it is a number written out.
    pub(crate) fn constant(&self) -> Option<i64> {
        match &self.expr.kind {
            ExprKind::Constant(Constant::Long(value)) => Some(*value),
            _ => None,
        }
    }
}

impl Elaboration<'_> {
    /// Unifies the type of `found` with what its place needs; `what` names the place: `an operand of `+``.
    pub(crate) fn expect(&mut self, found: &Typed, wanted: Ty, what: impl FnOnce() -> String) -> bool {
        let at = found.expr.span;
        match self.types.unify(found.ty, wanted, at) {
            Ok(()) => true,
            Err(conflict) => {
                self.report_conflict(at, &conflict, &what());
                false
            }
        }
    }

    pub(crate) fn report_conflict(&mut self, at: Span, conflict: &Conflict, what: &str) {
        let finding = self.conflict(at, conflict, what);
        self.report(finding);
    }

    /// What to say of a place whose type is another than it must be.
    fn conflict(&self, at: Span, conflict: &Conflict, what: &str) -> Diagnostic {
        let (wanted, found) = (word(conflict.wanted), word(conflict.found));
        let mut finding =
            Diagnostic::error("type-mismatch", at, format!("{what} must be a {wanted}, and this is a {found}"))
                .with_label(format!("a {found}"));
        if let Some(since) = conflict.wanted_since.filter(|since| *since != at && !self.names.in_library(*since)) {
            finding = finding.with_secondary(since, format!("a {wanted} since here"));
        }
        if let Some(since) = conflict.found_since.filter(|since| *since != at && !self.names.in_library(*since)) {
            finding = finding.with_secondary(since, format!("a {found} since here"));
        }
        finding
    }

    /// Reports a construct of the language that is not there yet.
    pub(crate) fn unsupported(&mut self, at: Span, what: &str) -> Typed {
        self.report(Diagnostic::error("unsupported-construct", at, format!("{what} is not supported")));
        Typed::unknown(at)
    }
}

/// `1 key`, `2 keys`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
