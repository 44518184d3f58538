//! Statements.

use super::assigned::{self, Locals};
use super::{Builder, Loop, Try};
use crate::graph::{Op, Terminator};
use crate::intrinsic::Context;
use crate::program::{Expr, Foreach, LocalId, Stmt, StmtKind, Type};

impl Builder {
    pub(super) fn statements(&mut self, statements: &[Stmt]) {
        for statement in statements {
            self.span = statement.span;
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &Stmt) {
        if !matches!(statement.kind, StmtKind::Try { .. } | StmtKind::Uncaught(_)) {
            self.act();
        }
        match &statement.kind {
            StmtKind::Expr(expr) => {
                self.expression(expr);
            }
            StmtKind::If { condition, then, otherwise } => self.if_else(condition, then, otherwise),
            StmtKind::Loop { condition, step, body } => self.while_loop(condition.as_ref(), step.as_ref(), body),
            StmtKind::Foreach(foreach) => self.foreach(foreach),
            StmtKind::Break => {
                if let Some(at) = self.loops.last() {
                    let (to, locals) = (at.on_break, at.locals.clone());
                    self.jump(to, &locals);
                    self.enter_unreachable();
                }
            }
            StmtKind::Continue => {
                if let Some(at) = self.loops.last() {
                    let (to, locals) = (at.on_continue, at.locals.clone());
                    self.jump(to, &locals);
                    self.enter_unreachable();
                }
            }
            StmtKind::Embedded => {
                let found = super::embedded_c(statement.span);
                self.diagnostics.push(found);
            }
            StmtKind::Next => {
                let value = self.returns.map(|ty| self.zero(ty));
                self.terminate(Terminator::Return(value));
                self.enter_unreachable();
            }
            StmtKind::Return(value) => {
                let given = value.as_ref().map(|expr| self.expression(expr));
                let value = self.returns.map(|ty| given.unwrap_or_else(|| self.zero(ty)));
                self.terminate(Terminator::Return(value));
                self.enter_unreachable();
            }
            StmtKind::Uncaught(body) => {
                let tries = std::mem::take(&mut self.tries);
                self.statements(body);
                self.tries = tries;
            }
            StmtKind::Delete { global, keys } => {
                let keys: Vec<_> = keys.iter().map(|key| self.expression(key)).collect();
                self.span = statement.span;
                self.emit_effect(if keys.is_empty() { Op::Clear(*global) } else { Op::ElementDelete(*global, keys) });
            }
            StmtKind::DeleteLocal(local) => {
                let ty = self.body.ty(self.locals[local.0 as usize]);
                self.locals[local.0 as usize] = self.zero(ty);
            }
            StmtKind::DeleteSlice { global, slice } => {
                let slice = slice.iter().map(|key| key.as_ref().map(|key| self.expression(key))).collect();
                self.span = statement.span;
                self.emit_effect(Op::DeleteSlice(*global, slice));
            }
            StmtKind::Try { body, message, handler } => self.try_catch(body, *message, handler),
        }
    }

    fn if_else(&mut self, condition: &Expr, then: &[Stmt], otherwise: &[Stmt]) {
        let condition = self.expression(condition);
        let mut changed = Locals::new();
        assigned::in_statements(then, &mut changed);
        assigned::in_statements(otherwise, &mut changed);
        let changed: Vec<LocalId> = changed.into_iter().collect();
        let (yes, no, join) = (self.new_block(&[]), self.new_block(&[]), self.new_block(&changed));
        self.branch(condition, yes, no);
        let before = self.locals.clone();
        self.enter(yes);
        self.statements(then);
        self.jump(join, &changed);
        self.locals = before;
        self.enter(no);
        self.statements(otherwise);
        self.jump(join, &changed);
        self.enter_with(join, &changed);
    }

    fn try_catch(&mut self, body: &[Stmt], message: Option<LocalId>, handler: &[Stmt]) {
        let mut changed = Locals::new();
        assigned::in_statements(body, &mut changed);
        let in_body: Vec<LocalId> = changed.iter().copied().collect();
        changed.extend(message);
        assigned::in_statements(handler, &mut changed);
        let changed: Vec<LocalId> = changed.into_iter().collect();
        let (landing, join) = (self.new_block(&in_body), self.new_block(&changed));
        let before = self.locals.clone();
        self.tries.push(Try { landing, locals: in_body.clone() });
        self.statements(body);
        self.tries.pop();
        self.jump(join, &changed);
        self.locals = before;
        self.enter_with(landing, &in_body);
        if let Some(message) = message {
            self.locals[message.0 as usize] = self.emit(Type::Text, Op::Context(Context::Caught));
        }
        self.statements(handler);
        self.jump(join, &changed);
        self.enter_with(join, &changed);
    }

    fn while_loop(&mut self, condition: Option<&Expr>, step: Option<&Expr>, body: &[Stmt]) {
        let mut changed = Locals::new();
        condition.into_iter().chain(step).for_each(|expr| assigned::in_expression(expr, &mut changed));
        assigned::in_statements(body, &mut changed);
        let changed: Vec<LocalId> = changed.into_iter().collect();
        let (head, inside) = (self.new_block(&changed), self.new_block(&[]));
        let (next, done, exit) = (self.new_block(&changed), self.new_block(&[]), self.new_block(&changed));
        self.jump(head, &changed);
        self.enter_with(head, &changed);
        self.act();
        let holds = match condition {
            Some(condition) => self.expression(condition),
            None => self.emit(Type::Long, Op::Long(1)),
        };
        self.branch(holds, inside, done);
        let at_condition = self.locals.clone();
        self.enter(inside);
        self.loops.push(Loop { on_break: exit, on_continue: next, locals: changed.clone() });
        self.statements(body);
        self.loops.pop();
        self.jump(next, &changed);
        self.enter_with(next, &changed);
        if let Some(step) = step {
            self.span = step.span;
            self.act();
            self.expression(step);
        }
        self.jump(head, &changed);
        self.locals = at_condition;
        self.enter(done);
        self.jump(exit, &changed);
        self.enter_with(exit, &changed);
    }

    fn foreach(&mut self, foreach: &Foreach) {
        let slice = foreach.slice.iter().map(|key| key.as_ref().map(|key| self.expression(key))).collect();
        let limit = foreach.limit.as_ref().map(|limit| self.expression(limit));
        let cursor = self.emit(Type::Long, Op::Iterate { global: foreach.global, slice, order: foreach.order, limit });
        let mut changed = Locals::new();
        changed.extend(foreach.value);
        changed.extend(&foreach.keys);
        assigned::in_statements(&foreach.body, &mut changed);
        let changed: Vec<LocalId> = changed.into_iter().collect();
        let (head, inside) = (self.new_block(&changed), self.new_block(&[]));
        let (done, exit) = (self.new_block(&[]), self.new_block(&changed));
        self.jump(head, &changed);
        self.enter_with(head, &changed);
        self.act();
        let more = self.emit(Type::Long, Op::Advance(cursor));
        self.branch(more, inside, done);
        let at_head = self.locals.clone();
        self.enter(inside);
        for (position, key) in foreach.keys.iter().enumerate() {
            let ty = self.body.ty(self.locals[key.0 as usize]);
            self.locals[key.0 as usize] = self.emit(ty, Op::CursorKey(cursor, position as u32));
        }
        if let Some(value) = foreach.value {
            let ty = self.body.ty(self.locals[value.0 as usize]);
            self.locals[value.0 as usize] = self.emit(ty, Op::CursorValue(cursor));
        }
        self.loops.push(Loop { on_break: exit, on_continue: head, locals: changed.clone() });
        self.statements(&foreach.body);
        self.loops.pop();
        self.jump(head, &changed);
        self.locals = at_head;
        self.enter(done);
        self.jump(exit, &changed);
        self.enter_with(exit, &changed);
    }
}
