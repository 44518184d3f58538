//! Calls of `print` and its kin, which the grammar itself restricts: how many arguments, and which must be written out.

use systap_diagnostics::Diagnostic;

use super::Lowering;
use crate::ast::{Expr, ExprKind, Literal, Name};
use crate::outline::At;

impl Lowering<'_> {
    /// Reports what is wrong with a call, if it is one of output.
    pub(super) fn output_call(&mut self, at: At, function: &Name, args: &[Expr]) {
        let name = function.text.as_str();
        let (least, literal) = match name.strip_prefix('s').unwrap_or(name) {
            "print" => (1, None),
            "println" => (0, None),
            "printf" => (1, Some("format")),
            "printd" | "printdln" => (2, Some("delimiter")),
            _ => return,
        };
        if args.len() < least {
            let plural = if least == 1 { "" } else { "s" };
            let said = format!("`{name}` takes at least {least} argument{plural}, and here are {}", args.len());
            self.error("argument-count", at, said);
            return;
        }
        let (Some(what), Some(first)) = (literal, args.first()) else { return };
        if matches!(first.kind, ExprKind::Literal(Literal::String(_)) | ExprKind::Missing) {
            return;
        }
        let said = format!("the {what} of `{name}` must be a string written out");
        let mut found = Diagnostic::error("format-not-literal", first.span, said);
        if what == "format" {
            found = found.with_help(format!("`{name}(\"%s\", ...)` writes a string that is made at run time"));
        }
        self.report(at, found);
    }
}
