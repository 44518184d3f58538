//! Statements by kind. `foreach` has a file of its own.

use super::expression::Word;
use crate::autocast::Holder;
use crate::build;
use crate::elaboration::Elaboration;
use crate::scope::{EventFacts, Scope, Site};
use crate::types::Ty;
use systap_diagnostics::{Diagnostic, Span};
use systap_ir::program::{ExprKind, LocalId, Place, Stmt, StmtKind, Type};
use systap_syntax::ast;

impl<'a> Elaboration<'a> {
    pub(crate) fn block(&mut self, scope: &mut Scope<'a>, block: &'a ast::Block) -> Vec<Stmt> {
        let mut statements = Vec::with_capacity(block.statements.len());
        let outside = self.names.stand_in(block);
        for each in &block.statements {
            self.statement(scope, each, &mut statements);
        }
        self.names.go_back(outside);
        statements
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
                StmtKind::Expr(self.expr(scope, e, false).expr)
            }
            Kind::Block(block) => {
                into.extend(self.block(scope, block));
                return;
            }
            Kind::If { condition, then, otherwise } => {
                if let Some(truth) = self.decided(scope, condition) {
                    // What `@defined` excludes need not make sense.
                    if let Some(taken) = if truth { Some(then) } else { otherwise.as_ref() } {
                        self.statement(scope, taken, into);
                    }
                    return;
                }
                if let Some(truth) = literal(scope, condition) {
                    // SystemTap decides this before it looks up names; what makes sense all the same may tell types.
                    let (taken, left_out) =
                        if truth { (Some(then), otherwise.as_ref()) } else { (otherwise.as_ref(), Some(then)) };
                    if left_out.is_some_and(|left_out| !self.makes_sense(scope, left_out)) {
                        if let Some(taken) = taken {
                            self.statement(scope, taken, into);
                        }
                        return;
                    }
                }
                let condition = self.long(scope, condition, "a condition");
                let then = self.body(scope, then);
                let otherwise = otherwise.as_ref().map(|otherwise| self.body(scope, otherwise)).unwrap_or_default();
                StmtKind::If { condition, then, otherwise }
            }
            Kind::While { condition, body } => {
                let condition = Some(self.long(scope, condition, "a condition"));
                let body = self.loop_body(scope, body);
                StmtKind::Loop { condition, step: None, body }
            }
            Kind::For { init, condition, step, body } => {
                if let Some(init) = init {
                    let init = self.expr(scope, init, false).expr;
                    into.push(build::statement(init.span, init));
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

    fn makes_sense(&mut self, scope: &mut Scope<'a>, statement: &'a ast::Statement) -> bool {
        if self.trials > 0 {
            return true;
        }
        let locals = scope.locals.len();
        let sense = self.succeeds(|this| {
            this.body(scope, statement);
        });
        scope.truncate(locals);
        sense
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
                let state = self.state(global);
                state.written = true;
                let known = state.value;
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
                    self.state(global).written = true;
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
                self.state(global).written = true;
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

/// The truth of a condition that is a number, in a handler that has target variables.
fn literal(scope: &Scope<'_>, condition: &ast::Expr) -> Option<bool> {
    let has_targets = scope.probe().is_some_and(|facts| !matches!(facts.event, EventFacts::Plain));
    match &condition.kind {
        ast::ExprKind::Literal(ast::Literal::Number(number)) if has_targets => Some(*number != 0),
        _ => None,
    }
}
