//! Operators on values: arithmetic, comparison, logic, `?:`, concatenation.

use super::Typed;
use super::fold::Decided;
use crate::build;
use crate::elaboration::Elaboration;
use crate::scope::Scope;
use crate::types::Ty;
use systap_diagnostics::Span;
use systap_ir::program::{BinaryOp, CompareOp, ExprKind, Type, UnaryOp};
use systap_syntax::ast;

/// What a binary operator of the language is in the program.
pub(crate) enum Operation {
    Arithmetic(BinaryOp),
    Compare(CompareOp),
    Concat,
    /// `=~` and `!~`.
    Match,
}

/// The operator, and how it is written.
pub(crate) fn operation(op: ast::BinaryOp) -> (Operation, &'static str) {
    use Operation::{Arithmetic, Compare};
    match op {
        ast::BinaryOp::Add => (Arithmetic(BinaryOp::Add), "+"),
        ast::BinaryOp::Subtract => (Arithmetic(BinaryOp::Subtract), "-"),
        ast::BinaryOp::Multiply => (Arithmetic(BinaryOp::Multiply), "*"),
        ast::BinaryOp::Divide => (Arithmetic(BinaryOp::Divide), "/"),
        ast::BinaryOp::Remainder => (Arithmetic(BinaryOp::Remainder), "%"),
        ast::BinaryOp::And => (Arithmetic(BinaryOp::And), "&"),
        ast::BinaryOp::Or => (Arithmetic(BinaryOp::Or), "|"),
        ast::BinaryOp::Xor => (Arithmetic(BinaryOp::Xor), "^"),
        ast::BinaryOp::ShiftLeft => (Arithmetic(BinaryOp::ShiftLeft), "<<"),
        ast::BinaryOp::ShiftRight => (Arithmetic(BinaryOp::ShiftRight), ">>"),
        ast::BinaryOp::ShiftRightLogical => (Arithmetic(BinaryOp::ShiftRightLogical), ">>>"),
        ast::BinaryOp::Concat => (Operation::Concat, "."),
        ast::BinaryOp::Equal => (Compare(CompareOp::Equal), "=="),
        ast::BinaryOp::NotEqual => (Compare(CompareOp::NotEqual), "!="),
        ast::BinaryOp::Less => (Compare(CompareOp::Less), "<"),
        ast::BinaryOp::LessOrEqual => (Compare(CompareOp::LessOrEqual), "<="),
        ast::BinaryOp::Greater => (Compare(CompareOp::Greater), ">"),
        ast::BinaryOp::GreaterOrEqual => (Compare(CompareOp::GreaterOrEqual), ">="),
        ast::BinaryOp::Match => (Operation::Match, "=~"),
        ast::BinaryOp::NotMatch => (Operation::Match, "!~"),
    }
}

/// The name behind the point of `$task.pid`, which its author means as a member.
fn member_by_point<'a>(left: &ast::Expr, right: &'a ast::Expr) -> Option<&'a str> {
    match (&left.kind, &right.kind) {
        (ast::ExprKind::Target(_), ast::ExprKind::Name(name)) => Some(name),
        _ => None,
    }
}

impl<'a> Elaboration<'a> {
    pub(super) fn unary(
        &mut self,
        scope: &mut Scope<'a>,
        span: Span,
        op: ast::UnaryOp,
        operand: &'a ast::Expr,
    ) -> Typed {
        let (op, sign) = match op {
            ast::UnaryOp::Plus => (None, "+"),
            ast::UnaryOp::Negate => (Some(UnaryOp::Negate), "-"),
            ast::UnaryOp::Not => (Some(UnaryOp::Not), "!"),
            ast::UnaryOp::Complement => (Some(UnaryOp::Complement), "~"),
        };
        let typed = self.value(scope, operand);
        self.expect(&typed, Ty::LONG, || format!("the operand of `{sign}`"));
        match (op, typed.constant()) {
            (None, _) => Typed::new(typed.expr),
            (Some(UnaryOp::Negate), Some(number)) => Typed::new(build::long(span, number.wrapping_neg())),
            (Some(op), _) => Typed::new(build::expr(span, Type::Long, ExprKind::Unary(op, Box::new(typed.expr)))),
        }
    }

    pub(super) fn binary(
        &mut self,
        scope: &mut Scope<'a>,
        span: Span,
        op: ast::BinaryOp,
        left: &'a ast::Expr,
        right: &'a ast::Expr,
    ) -> Typed {
        let (operation, sign) = operation(op);
        if let Operation::Match = operation {
            return self.matching(scope, span, op, left, right);
        }
        let member = member_by_point(left, right);
        let left = self.value(scope, left);
        let right = self.value(scope, right);
        let operand = || format!("an operand of `{sign}`");
        let kind = match operation {
            Operation::Arithmetic(op) => {
                self.expect(&left, Ty::LONG, operand);
                self.expect(&right, Ty::LONG, operand);
                let kind = ExprKind::Binary(op, Box::new(left.expr), Box::new(right.expr));
                return Typed::new(build::expr(span, Type::Long, kind));
            }
            Operation::Compare(op) => {
                self.expect(&right, left.ty, || format!("the right side of `{sign}`"));
                ExprKind::Compare(op, Box::new(left.expr), Box::new(right.expr))
            }
            Operation::Concat | Operation::Match => {
                if let Err(conflict) = self.types.unify(left.ty, Ty::TEXT, left.expr.span) {
                    let found = self.conflict(left.expr.span, &conflict, &operand());
                    self.report(match member {
                        Some(member) => found.with_help(format!("`.` joins strings; a member is had by `->{member}`")),
                        None => found,
                    });
                }
                self.expect(&right, Ty::TEXT, operand);
                let kind = ExprKind::Concat(Box::new(left.expr), Box::new(right.expr));
                return Typed::new(build::expr(span, Type::Text, kind));
            }
        };
        Typed::new(build::expr(span, Type::Long, kind))
    }

    pub(super) fn logical(
        &mut self,
        scope: &mut Scope<'a>,
        span: Span,
        and: bool,
        left: &'a ast::Expr,
        right: &'a ast::Expr,
    ) -> Typed {
        let what = if and { "an operand of `&&`" } else { "an operand of `||`" };
        let absorbed = |decided: Decided| decided.truth != and;
        let decided = match self.decided(scope, left).filter(|left| absorbed(*left)) {
            Some(left) => Some(left),
            None => self.decided(scope, right).filter(|right| absorbed(*right) && self.is_pure(left)),
        };
        if let Some(Decided { truth, unseen }) = decided {
            if !unseen {
                self.dead(scope, |this, scope| {
                    this.long(scope, left, what);
                    this.long(scope, right, what);
                });
            }
            return Typed::new(build::long(span, i64::from(truth)));
        }
        let left = Box::new(self.long(scope, left, what));
        let right = Box::new(self.long(scope, right, what));
        Typed::new(build::expr(span, Type::Long, ExprKind::Logical { and, left, right }))
    }

    pub(super) fn ternary(
        &mut self,
        scope: &mut Scope<'a>,
        span: Span,
        condition: &'a ast::Expr,
        then: &'a ast::Expr,
        otherwise: &'a ast::Expr,
    ) -> Typed {
        if let Some(Decided { truth, unseen }) = self.decided(scope, condition) {
            let (taken, left_out) = if truth { (then, otherwise) } else { (otherwise, then) };
            let taken = self.value(scope, taken);
            if !unseen {
                self.dead(scope, |this, scope| {
                    this.long(scope, condition, "a condition");
                    let left_out = this.value(scope, left_out);
                    this.expect(&left_out, taken.ty, || "the other branch of `?:`".to_string());
                });
            }
            return taken;
        }
        let condition = Box::new(self.long(scope, condition, "a condition"));
        let then = self.value(scope, then);
        let otherwise = self.value(scope, otherwise);
        self.expect(&otherwise, then.ty, || "the other branch of `?:`".to_string());
        let ty = then.ty;
        // As for a variable: one type, or none.
        let pointer = match (then.pointer, otherwise.pointer) {
            (Some(one), Some(other)) if one != other => None,
            (one, other) => one.or(other),
        };
        let (then, otherwise) = (Box::new(then.expr), Box::new(otherwise.expr));
        Typed::of(build::expr(span, Type::Long, ExprKind::Ternary { condition, then, otherwise }), ty).pointing(pointer)
    }
}
