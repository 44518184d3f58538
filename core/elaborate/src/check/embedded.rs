//! What only guru mode allows: C code within a script, and changing the target's variables.
//!
//! Must never look into C code but for the marks in its comments.

use super::Typed;
use crate::build;
use crate::elaboration::Elaboration;
use crate::scope::{EventFacts, Scope};
use systap_diagnostics::{Diagnostic, Span};
use systap_ir::program::{ExprKind, Type};
use systap_syntax::ast::{self, Embedded};

impl<'a> Elaboration<'a> {
    /// Looks at a piece of C code, wherever it stands. Whether it may be there is the parser's to say.
    pub(crate) fn embedded(&mut self, code: &Embedded) {
        // From `stap`'s manual: what a stable function gives is kept, and it must not be called for its effects.
        if code.text.contains("/* stable */") && !code.text.contains("/* pure */") {
            let message = "C code that is marked `/* stable */` must be marked `/* pure */` too";
            self.report(Diagnostic::error("embedded-c", code.span, message));
        }
    }

    /// C code as a value: a long, unless it is marked to be a string.
    pub(super) fn embedded_value(&mut self, code: &Embedded) -> Typed {
        self.embedded(code);
        let ty = if code.text.contains("/* string */") { Type::Text } else { Type::Long };
        Typed::new(build::expr(code.span, ty, ExprKind::Embedded))
    }

    /// Reports a compound assignment to a target variable, or a `++` of it.
    pub(super) fn only_assigned(&mut self, span: Span) -> Typed {
        let message = "a target variable is only assigned to by `=`";
        let finding = Diagnostic::error("not-assignable", span, message);
        self.report(finding.with_help("write the change out: `$x = $x + 1`"));
        Typed::unknown(span)
    }

    /// `$x = value`; a compound assignment is refused.
    pub(super) fn write_target(
        &mut self,
        scope: &mut Scope<'a>,
        span: Span,
        target: &'a ast::Expr,
        op: Option<ast::BinaryOp>,
        value: Typed,
    ) -> Typed {
        if !self.guru && self.names.in_script(target.span) {
            self.report(
                Diagnostic::error("needs-guru", target.span, "writing a target variable is for guru mode only")
                    .with_help("run with -g, if you know what it does"),
            );
            return Typed::unknown(span);
        }
        let ast::ExprKind::Target(written) = &target.kind else { return Typed::unknown(span) };
        if written.address || written.pretty > 0 {
            let what = if written.address { "an address" } else { "a variable that is shown as a string" };
            self.report(Diagnostic::error("not-assignable", target.span, format!("nothing can be assigned to {what}")));
            return Typed::unknown(span);
        }
        // What returned may be changed; what merely says why a handler runs, not.
        if let Some(facts) = scope.event()
            && let EventFacts::Values(values) = &facts.event
            && let (ast::TargetBase::Variable(name), []) = (&written.base, &*written.path)
            && name.text != "$return"
            && values.iter().any(|value| value.name == name.text && !value.settable)
        {
            let message = format!("nothing can be assigned to `{}` of `{}`", name.text, facts.point);
            self.report(Diagnostic::error("not-assignable", target.span, message));
            return Typed::unknown(span);
        }
        if op.is_some() {
            return self.only_assigned(span);
        }
        let place = self.value(scope, target);
        self.expect(&value, place.ty, || "what is assigned to a target variable".to_string());
        let ty = place.ty;
        let kind = ExprKind::WriteTarget { target: Box::new(place.expr), value: Box::new(value.expr) };
        Typed::of(build::expr(span, Type::Long, kind), ty)
    }
}
