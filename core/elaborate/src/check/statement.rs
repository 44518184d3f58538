//! Statements by kind. `foreach` has a file of its own.

use super::expression::Word;
use super::fold::Decided;
use crate::autocast::Holder;
use crate::build;
use crate::elaboration::Elaboration;
use crate::scope::{Scope, Site};
use crate::standing::Standing;
use crate::types::Ty;
use systap_diagnostics::{Diagnostic, Span};
use systap_ir::program::{ExprKind, LocalId, Place, Stmt, StmtKind, Type};
use systap_syntax::ast;

impl<'a> Elaboration<'a> {
    pub(crate) fn block(&mut self, scope: &mut Scope<'a>, block: &'a ast::Block) -> Vec<Stmt> {
        let mut statements = Vec::with_capacity(block.statements.len());
        let outside = self.names.stand_in(block);
        self.statements(scope, block, &mut statements);
        self.names.go_back(outside);
        statements
    }

    fn statements(&mut self, scope: &mut Scope<'a>, block: &'a ast::Block, into: &mut Vec<Stmt>) {
        for each in &block.statements {
            if into.last().is_some_and(leaves) {
                self.dead(scope, |this, scope| this.body(scope, each));
            } else {
                self.statement(scope, each, into);
            }
        }
    }

    /// A statement as a block of its own.
    pub(super) fn body(&mut self, scope: &mut Scope<'a>, statement: &'a ast::Statement) -> Vec<Stmt> {
        let mut statements = vec![];
        self.statement(scope, statement, &mut statements);
        statements
    }

    fn statement(&mut self, scope: &mut Scope<'a>, statement: &'a ast::Statement, into: &mut Vec<Stmt>) {
        if self.depth >= super::MOST_DEPTH {
            self.report(Diagnostic::error("nested-too-deep", statement.span, "this is nested too deeply"));
            return;
        }
        self.depth += 1;
        self.statement_of_kind(scope, statement, into);
        self.depth -= 1;
    }

    fn statement_of_kind(&mut self, scope: &mut Scope<'a>, statement: &'a ast::Statement, into: &mut Vec<Stmt>) {
        use ast::StatementKind as Kind;
        let span = statement.span;
        let kind = match &statement.kind {
            Kind::Empty => return,
            Kind::Expr(e) => {
                if !super::unread::has_effect(e) && e.kind != ast::ExprKind::Missing && self.names.in_script(span) {
                    self.report(Diagnostic::warning("no-effect", span, "this statement does nothing"));
                }
                if !self.unoptimized && self.standing == Standing::Runs && self.goes_nowhere(scope, e) {
                    self.standing(scope, Standing::Idle, |this, scope| this.expr(scope, e, false));
                    return;
                }
                StmtKind::Expr(self.expr(scope, e, false).expr)
            }
            Kind::Block(block) => return self.statements(scope, block, into),
            Kind::If { condition, then, otherwise } => {
                if let Some(Decided { truth, unseen }) = self.decided(scope, condition) {
                    let (taken, left_out) =
                        if truth { (Some(then), otherwise.as_ref()) } else { (otherwise.as_ref(), Some(then)) };
                    if !unseen || left_out.is_some_and(|left_out| self.makes_sense(scope, condition, left_out)) {
                        self.dead(scope, |this, scope| {
                            this.long(scope, condition, "a condition");
                            left_out.into_iter().for_each(|left_out| drop(this.body(scope, left_out)));
                        });
                    }
                    if let Some(taken) = taken {
                        self.statement(scope, taken, into);
                    }
                    return;
                }
                let condition = self.long(scope, condition, "a condition");
                let then = self.body(scope, then);
                let otherwise = otherwise.as_ref().map(|otherwise| self.body(scope, otherwise)).unwrap_or_default();
                StmtKind::If { condition, then, otherwise }
            }
            Kind::While { condition, body } => {
                if let Some(Decided { truth: false, unseen }) = self.decided(scope, condition) {
                    return self.dead_loop(scope, condition, None, body, unseen);
                }
                let condition = Some(self.long(scope, condition, "a condition"));
                let body = self.loop_body(scope, body);
                StmtKind::Loop { condition, step: None, body }
            }
            Kind::For { init, condition, step, body } => {
                if let Some(init) = init {
                    let init = self.expr(scope, init, false).expr;
                    into.push(build::statement(init.span, init));
                }
                if let Some(condition) = condition
                    && let Some(Decided { truth: false, unseen }) = self.decided(scope, condition)
                {
                    return self.dead_loop(scope, condition, step.as_ref(), body, unseen);
                }
                let condition = condition.as_ref().map(|condition| self.long(scope, condition, "a condition"));
                let body = self.loop_body(scope, body);
                let step = step.as_ref().map(|step| self.expr(scope, step, false).expr);
                StmtKind::Loop { condition, step, body }
            }
            Kind::Foreach(foreach) => return self.foreach(scope, span, foreach, into),
            Kind::Break | Kind::Continue if scope.loops == 0 => {
                let word = if statement.kind == Kind::Break { "break" } else { "continue" };
                self.report(Diagnostic::error("outside-a-loop", span, format!("`{word}` is not in a loop")));
                return;
            }
            Kind::Break => StmtKind::Break,
            Kind::Continue => StmtKind::Continue,
            Kind::Next => match scope.site {
                Site::Function { index, .. } => self.next_overload(scope, index, span).kind,
                _ => StmtKind::Next,
            },
            Kind::Return(value) => match self.return_value(scope, value.as_ref(), span) {
                Some(kind) => kind,
                None => return,
            },
            Kind::Delete(e) => match self.delete(scope, e) {
                Some(kind) => kind,
                None => return,
            },
            Kind::Try { body, variable, handler } => {
                let body = self.block(scope, body);
                let (message, first) = match variable {
                    Some(name) => {
                        let (id, first) = self.binding(scope, name, Ty::TEXT);
                        (Some(id), first)
                    }
                    None => (None, None),
                };
                let handler = first.into_iter().chain(self.block(scope, handler)).collect();
                StmtKind::Try { body, message, handler }
            }
        };
        into.push(Stmt { span, kind });
    }

    /// Whether what need not be looked at is right all the same, so that it may tell types. What asks what exists is not tried.
    fn makes_sense(&mut self, scope: &mut Scope<'a>, condition: &ast::Expr, left_out: &'a ast::Statement) -> bool {
        if self.trials > 0 || !matches!(condition.kind, ast::ExprKind::Literal(_)) {
            return false;
        }
        let locals = scope.locals.len();
        let sense = self.succeeds(|this| {
            this.dead(scope, |this, scope| this.body(scope, left_out));
        });
        scope.truncate(locals);
        sense
    }

    /// A loop whose condition never holds.
    fn dead_loop(
        &mut self,
        scope: &mut Scope<'a>,
        condition: &'a ast::Expr,
        step: Option<&'a ast::Expr>,
        body: &'a ast::Statement,
        unseen: bool,
    ) {
        if unseen {
            return;
        }
        self.dead(scope, |this, scope| {
            this.long(scope, condition, "a condition");
            this.loop_body(scope, body);
            step.into_iter().for_each(|step| drop(this.expr(scope, step, false)));
        });
    }

    pub(super) fn loop_body(&mut self, scope: &mut Scope<'a>, body: &'a ast::Statement) -> Vec<Stmt> {
        scope.loops += 1;
        let body = self.body(scope, body);
        scope.loops -= 1;
        body
    }

    /// The local that a `foreach` or `catch` fills for the variable `name`, which must be of type `ty`; for a global one,
    /// with the statement that hands the value on.
    pub(super) fn binding(&mut self, scope: &mut Scope<'a>, name: &ast::Name, ty: Ty) -> (LocalId, Option<Stmt>) {
        let span = name.span;
        match self.word(scope, &name.text, span) {
            Word::Local(id) => {
                let local = scope.local(id);
                local.assigned = true;
                let known = local.ty;
                if let Err(conflict) = self.types.unify(ty, known, span) {
                    self.report_conflict(span, &conflict, &format!("`{}`", name.text));
                }
                (id, None)
            }
            Word::Global(global) => {
                let id = scope.hidden(&name.text, span, ty);
                let fits =
                    self.as_scalar(global, span) && self.not_aggregate(global, span, "nothing can be assigned to it");
                self.writes(global);
                let known = self.state(global).value;
                if !fits {
                    return (id, None);
                }
                if let Err(conflict) = self.types.unify(ty, known, span) {
                    self.report_conflict(span, &conflict, &format!("`{}`", name.text));
                }
                let value = build::expr(span, Type::Long, ExprKind::Read(Place::Local(id)));
                (id, Some(build::assign(span, Place::Global(global), value)))
            }
            Word::Offered(_) => (scope.hidden(&name.text, span, ty), None),
        }
    }

    fn return_value(&mut self, scope: &mut Scope<'a>, value: Option<&'a ast::Expr>, span: Span) -> Option<StmtKind> {
        let Site::Function { index, .. } = scope.site else {
            // The parser lets no `return` stand elsewhere.
            return None;
        };
        let Some(value) = value else {
            self.functions[index].bare_returns.push(span);
            return Some(StmtKind::Return(None));
        };
        let typed = self.given_on(scope, value);
        let state = &self.functions[index];
        let (wanted, name) = (state.returns, &state.declaration.name.text);
        self.expect(&typed, wanted, || format!("what `{name}` returns"));
        let declaration = self.functions[index].declaration;
        let holder = Holder::Returns(declaration.name.text.clone(), declaration.params.len());
        self.autocast.give(holder, typed.pointer);
        Some(StmtKind::Return(Some(typed.expr)))
    }

    fn delete(&mut self, scope: &mut Scope<'a>, e: &'a ast::Expr) -> Option<StmtKind> {
        match &e.kind {
            ast::ExprKind::Name(name) => {
                if let Some(local) = scope.find(name) {
                    scope.local(local).assigned = true;
                    return Some(StmtKind::DeleteLocal(local));
                }
                if let Some(global) = self.global(name) {
                    // All of an array may go while a `foreach` goes over it: that has its own picture of the entries.
                    self.writes(global);
                    return Some(StmtKind::Delete { global, keys: vec![] });
                }
                // A local that was not met before, as in an assignment; it is given no value here.
                let Word::Local(local) = self.word(scope, name, e.span) else {
                    let message = format!("`{name}` is the probe point's, and cannot be deleted");
                    self.report(Diagnostic::error("not-deletable", e.span, message));
                    return None;
                };
                Some(StmtKind::DeleteLocal(local))
            }
            ast::ExprKind::Index { array, keys } => {
                let (global, slice) = self.slice(scope, array, keys, e.span)?;
                self.writable(scope, global, e.span);
                self.writes(global);
                if slice.iter().all(Option::is_some) {
                    let keys = slice.into_iter().flatten().collect();
                    return Some(StmtKind::Delete { global, keys });
                }
                Some(StmtKind::DeleteSlice { global, slice })
            }
            ast::ExprKind::Missing => None,
            _ => {
                let message = "only a variable, an array's element or a slice of an array can be deleted";
                self.report(Diagnostic::error("not-deletable", e.span, message));
                None
            }
        }
    }
}

/// Whether a statement never goes on with the one behind it.
fn leaves(each: &Stmt) -> bool {
    matches!(
        each.kind,
        StmtKind::Return(_) | StmtKind::Next | StmtKind::Break | StmtKind::Continue | StmtKind::Uncaught(_)
    )
}
