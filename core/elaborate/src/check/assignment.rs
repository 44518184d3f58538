//! What changes variables: `=` and its compounds, `++`, `--`.

use super::Typed;
use super::expression::Word;
use super::operator::{Operation, operation};
use crate::autocast::Holder;
use crate::build;
use crate::elaboration::Elaboration;
use crate::scope::{Scope, Site};
use crate::types::Ty;
use systap_diagnostics::{Diagnostic, Span};
use systap_ir::intrinsic::Intrinsic;
use systap_ir::program::{AssignOp, ExprKind, GlobalId, Place, Type};
use systap_syntax::ast;

impl<'a> Elaboration<'a> {
    pub(super) fn assign(
        &mut self,
        scope: &mut Scope<'a>,
        span: Span,
        op: Option<ast::BinaryOp>,
        target: &'a ast::Expr,
        value: &'a ast::Expr,
        used: bool,
    ) -> Typed {
        let value = self.value(scope, value);
        if let ast::ExprKind::Target(chain) = &target.kind {
            match self.settable_target(scope, chain) {
                None => return self.write_target(scope, span, target, op, value),
                // Text may grow.
                Some(_) if op.is_some_and(|op| op != ast::BinaryOp::Concat) => return self.only_assigned(span),
                Some(_) => {}
            }
        }
        let Some((place, ty)) = self.assignable(scope, target, used && op.is_some()) else {
            return Typed::unknown(span);
        };
        let op = match op.map(operation) {
            None => {
                self.expect(&value, ty, || format!("what is assigned to {}", shown(target)));
                None
            }
            Some((Operation::Concat, _)) => {
                self.fits(target, ty, Type::Text, ".=");
                self.expect(&value, Ty::TEXT, || "the right side of `.=`".to_string());
                Some(AssignOp::Concat)
            }
            Some((Operation::Arithmetic(op), sign)) => {
                self.fits(target, ty, Type::Long, &format!("{sign}="));
                self.expect(&value, Ty::LONG, || format!("the right side of `{sign}=`"));
                Some(AssignOp::Binary(op))
            }
            Some((Operation::Compare(_) | Operation::Match, sign)) => {
                return self.unsupported(span, &format!("`{sign}=`"));
            }
        };
        let pointer = value.pointer.filter(|_| op.is_none());
        if let Place::Global(id) | Place::Element(id, _) = &place {
            self.state(*id).pointer |= pointer.is_some();
        }
        let holder = self.holder(scope, &place);
        self.autocast.give(holder, pointer);
        let kind = ExprKind::Assign { place, op, value: Box::new(value.expr) };
        let assigned = build::expr(span, Type::Long, kind);
        if is_verdict(target) {
            return Typed::new(build::expr(span, Type::Long, ExprKind::Intrinsic(Intrinsic::Verdict, vec![assigned])));
        }
        Typed { pointer, ..Typed::of(assigned, ty) }
    }

    /// A place, as something that keeps the C type of a pointer.
    fn holder(&self, scope: &Scope<'a>, place: &Place) -> Holder {
        match place {
            Place::Local(id) => scope.holder(*id),
            Place::Global(id) | Place::Element(id, _) => {
                Holder::Global(self.globals[id.0 as usize].declaration.name.text.clone())
            }
        }
    }

    pub(super) fn step(
        &mut self,
        scope: &mut Scope<'a>,
        span: Span,
        increment: bool,
        prefix: bool,
        target: &'a ast::Expr,
        used: bool,
    ) -> Typed {
        if let ast::ExprKind::Target(chain) = &target.kind {
            if self.settable_target(scope, chain).is_some() {
                return self.only_assigned(span);
            }
            let one = Typed::new(build::long(span, 1));
            return self.write_target(scope, span, target, Some(ast::BinaryOp::Add), one);
        }
        let Some((place, ty)) = self.assignable(scope, target, used) else { return Typed::unknown(span) };
        self.fits(target, ty, Type::Long, if increment { "++" } else { "--" });
        let by = if increment { 1 } else { -1 };
        Typed::new(build::expr(span, Type::Long, ExprKind::Step { place, by, prefix }))
    }

    /// Unifies the type of a variable with what an operator makes of it.
    fn fits(&mut self, target: &ast::Expr, ty: Ty, wanted: Type, sign: &str) {
        if let Err(conflict) = self.types.unify(ty, Ty::Known(wanted), target.span) {
            self.report_conflict(target.span, &conflict, &format!("what `{sign}` changes"));
        }
    }

    /// The place that an expression names, and its type. `read`: its value before is looked at too.
    fn assignable(&mut self, scope: &mut Scope<'a>, target: &'a ast::Expr, read: bool) -> Option<(Place, Ty)> {
        let span = target.span;
        if matches!(scope.site, Site::Condition) {
            let message = "a probe point's condition can only ask globals, not change them";
            self.report(Diagnostic::error("not-assignable", span, message));
            return None;
        }
        match &target.kind {
            ast::ExprKind::Name(name) => match self.word(scope, name, span) {
                Word::Local(id) => {
                    let local = scope.local(id);
                    local.assigned = true;
                    Some((Place::Local(id), local.ty))
                }
                Word::Global(id) => {
                    let fits = self.as_scalar(id, span)
                        && self.not_aggregate(id, span, "nothing can be assigned to it")
                        && self.writable(scope, id, span);
                    self.writes(id);
                    if read {
                        self.reads(id);
                    }
                    fits.then(|| (Place::Global(id), self.globals[id.0 as usize].value))
                }
                // A condition was reported; anything else is a local that begins with what the point offers.
                Word::Offered(_) => None,
            },
            ast::ExprKind::Index { .. } => {
                let (place, id) = self.element(scope, target)?;
                self.writes(id);
                if read {
                    self.reads(id);
                }
                let fits = self.not_aggregate(id, span, "nothing can be assigned to its elements")
                    && self.writable(scope, id, span);
                fits.then(|| (place, self.globals[id.0 as usize].value))
            }
            ast::ExprKind::Target(chain) if self.settable_target(scope, chain).is_some() => {
                let local = self.settable_target(scope, chain)?;
                Some((Place::Local(local), scope.local(local).ty))
            }
            ast::ExprKind::Missing => None,
            // A macro that nobody defined may be anything.
            ast::ExprKind::AtCall { .. } => {
                self.expr(scope, target, false);
                None
            }
            _ => {
                // For their own errors.
                self.expr(scope, target, false);
                let mut finding = Diagnostic::error("not-assignable", span, "this cannot be assigned to")
                    .with_note("variables, array elements and, in guru mode, target variables can");
                if matches!(target.kind, ast::ExprKind::Binary { .. } | ast::ExprKind::Logical { .. }) {
                    finding = finding.with_help(
                        "`=` binds looser than the operator before it; compare with `==`, or add parentheses",
                    );
                }
                self.report(finding);
                None
            }
        }
    }

    /// An error if a `foreach` that goes over the array is open.
    pub(super) fn writable(&mut self, scope: &Scope<'a>, id: GlobalId, at: Span) -> bool {
        self.changes(scope, id);
        let Some((_, over)) = scope.iterated.iter().find(|(iterated, _)| *iterated == id) else { return true };
        let name = &self.globals[id.0 as usize].declaration.name.text;
        let finding = Diagnostic::error(
            "modified-while-iterated",
            at,
            format!("`{name}` cannot be changed while a `foreach` goes over it"),
        )
        .with_secondary(*over, "gone over here");
        self.report(finding);
        false
    }
}

/// Whether it is the local that stands for what becomes of a packet, no other being called so.
fn is_verdict(target: &ast::Expr) -> bool {
    let ast::ExprKind::Target(chain) = &target.kind else { return false };
    matches!(&chain.base, ast::TargetBase::Variable(name) if name.text == "$verdict")
}

/// The variable, for a message.
fn shown(target: &ast::Expr) -> String {
    match &target.kind {
        ast::ExprKind::Name(name) => format!("`{name}`"),
        ast::ExprKind::Index { array, .. } => format!("`{}[...]`", array.text),
        _ => "this".into(),
    }
}
