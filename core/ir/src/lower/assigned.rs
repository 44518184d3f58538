//! Which locals a piece of the program assigns: they become block parameters where its paths meet.

use std::collections::BTreeSet;

use crate::program::{Expr, ExprKind, LocalId, Place, Stmt, StmtKind};

/// A set in ascending order.
pub(super) type Locals = BTreeSet<LocalId>;

pub(super) fn in_statements(statements: &[Stmt], found: &mut Locals) {
    for statement in statements {
        in_statement(statement, found);
    }
}

fn in_statement(statement: &Stmt, found: &mut Locals) {
    match &statement.kind {
        StmtKind::Expr(expr) => in_expression(expr, found),
        StmtKind::If { condition, then, otherwise } => {
            in_expression(condition, found);
            in_statements(then, found);
            in_statements(otherwise, found);
        }
        StmtKind::Loop { condition, step, body } => {
            condition.iter().chain(step).for_each(|expr| in_expression(expr, found));
            in_statements(body, found);
        }
        StmtKind::Foreach(foreach) => {
            found.extend(foreach.value);
            found.extend(&foreach.keys);
            foreach.slice.iter().flatten().chain(&foreach.limit).for_each(|expr| in_expression(expr, found));
            in_statements(&foreach.body, found);
        }
        StmtKind::Break | StmtKind::Continue | StmtKind::Next | StmtKind::Embedded => {}
        StmtKind::Return(value) => value.iter().for_each(|expr| in_expression(expr, found)),
        StmtKind::Uncaught(body) => in_statements(body, found),
        StmtKind::Delete { keys, .. } => keys.iter().for_each(|expr| in_expression(expr, found)),
        StmtKind::DeleteLocal(local) => found.extend([*local]),
        StmtKind::DeleteSlice { slice, .. } => slice.iter().flatten().for_each(|expr| in_expression(expr, found)),
        StmtKind::Try { body, message, handler } => {
            found.extend(message);
            in_statements(body, found);
            in_statements(handler, found);
        }
    }
}

fn in_place(place: &Place, written: bool, found: &mut Locals) {
    match place {
        Place::Local(local) if written => {
            found.insert(*local);
        }
        Place::Local(_) | Place::Global(_) => {}
        Place::Element(_, keys) => keys.iter().for_each(|key| in_expression(key, found)),
    }
}

pub(super) fn in_expression(expr: &Expr, found: &mut Locals) {
    match &expr.kind {
        ExprKind::Constant(_) | ExprKind::Context(_) | ExprKind::Argument { .. } | ExprKind::Embedded => {}
        ExprKind::Read(place) | ExprKind::Aggregate { place, .. } | ExprKind::HistogramText { place, .. } => {
            in_place(place, false, found);
        }
        ExprKind::Assign { place, value, .. } => {
            in_place(place, true, found);
            in_expression(value, found);
        }
        ExprKind::Step { place, .. } => in_place(place, true, found),
        ExprKind::Accumulate { place, value } => {
            in_place(place, false, found);
            in_expression(value, found);
        }
        ExprKind::Bucket { place, index, .. } => {
            in_place(place, false, found);
            in_expression(index, found);
        }
        ExprKind::Contains { keys, .. } => keys.iter().flatten().for_each(|key| in_expression(key, found)),
        ExprKind::Unary(_, a)
        | ExprKind::Match { text: a, .. }
        | ExprKind::Pick { index: a, .. }
        | ExprKind::Extend { value: a, .. }
        | ExprKind::Load { base: a, .. }
        | ExprKind::Readable { base: a, .. } => {
            in_expression(a, found);
        }
        ExprKind::Binary(_, a, b)
        | ExprKind::Compare(_, a, b)
        | ExprKind::Concat(a, b)
        | ExprKind::WriteTarget { target: a, value: b }
        | ExprKind::Logical { left: a, right: b, .. } => {
            in_expression(a, found);
            in_expression(b, found);
        }
        ExprKind::Ternary { condition, then, otherwise } => {
            for part in [condition, then, otherwise] {
                in_expression(part, found);
            }
        }
        ExprKind::Format(_, args)
        | ExprKind::Print(_, args)
        | ExprKind::Call(_, args)
        | ExprKind::Intrinsic(_, args) => {
            args.iter().for_each(|arg| in_expression(arg, found));
        }
        ExprKind::ReadText(read) => {
            in_expression(&read.address, found);
            read.limit.iter().chain(&read.fallback).for_each(|part| in_expression(part, found));
        }
    }
}
