//! Statements.

use systap_diagnostics::Diagnostic;

use super::Lowering;
use super::expressions::aggregate_function;
use crate::ast::{self, StatementKind};
use crate::kind::SyntaxKind as K;
use crate::outline::At;

impl Lowering<'_> {
    pub(super) fn block(&mut self, at: At) -> ast::Block {
        // Statements are large and blocks can be long: growing by doubling would take twice the memory.
        let mut statements = Vec::with_capacity(self.nodes(at).count());
        for node in self.nodes(at) {
            statements.push(self.statement(node));
        }
        ast::Block { span: self.span(at), statements }
    }

    // Statements nest as deep as a script likes, up to the limit: the rules below keep their frames small, above all
    // without optimization, where each value that a branch makes has a place of its own on the stack.
    pub(super) fn statement(&mut self, at: At) -> ast::Statement {
        ast::Statement { span: self.span(at), kind: self.statement_kind(at) }
    }

    fn statement_kind(&mut self, at: At) -> StatementKind {
        match self.kind(at) {
            K::Block => StatementKind::Block(self.block(at)),
            K::IfStmt => self.if_statement(at),
            K::WhileStmt => self.while_statement(at),
            K::ForStmt => self.for_statement(at),
            K::ForeachStmt => self.foreach_statement(at),
            K::TryStmt => self.try_statement(at),
            _ => self.flat_statement(at),
        }
    }

    /// A statement that no other one is part of.
    fn flat_statement(&mut self, at: At) -> StatementKind {
        match self.kind(at) {
            K::ExprStmt => StatementKind::Expr(self.first_expr(at)),
            K::BreakStmt => StatementKind::Break,
            K::ContinueStmt => StatementKind::Continue,
            K::NextStmt => StatementKind::Next,
            K::ReturnStmt => self.return_statement(at),
            K::DeleteStmt => StatementKind::Delete(self.first_expr(at)),
            _ => StatementKind::Empty,
        }
    }

    fn return_statement(&mut self, at: At) -> StatementKind {
        if !self.in_function {
            let found = Diagnostic::error("outside-a-function", self.span(at), "`return` is not in a function");
            self.report(at, found.with_help("`next` leaves a handler"));
        }
        StatementKind::Return(self.nodes(at).next().map(|node| self.expr(node)))
    }

    fn while_statement(&mut self, at: At) -> StatementKind {
        let mut parts = self.nodes(at);
        let condition = self.next_expr(&mut parts, at);
        StatementKind::While { condition, body: self.next_statement(&mut parts, at) }
    }

    fn foreach_statement(&mut self, at: At) -> StatementKind {
        let mut foreach = self.foreach_head(at);
        let is_head =
            |node: &At| matches!(self.kind(*node), K::ForeachValue | K::ForeachKey | K::ForeachOver | K::ForeachLimit);
        if let Some(body) = self.nodes(at).find(|node| !is_head(node)) {
            foreach.body = self.statement(body);
        }
        StatementKind::Foreach(foreach)
    }

    fn next_statement(&mut self, parts: &mut impl Iterator<Item = At>, at: At) -> Box<ast::Statement> {
        match parts.next() {
            Some(node) => Box::new(self.statement(node)),
            None => Box::new(ast::Statement { span: self.span(at), kind: StatementKind::Empty }),
        }
    }

    fn if_statement(&mut self, at: At) -> StatementKind {
        let mut parts = self.nodes(at);
        let condition = self.next_expr(&mut parts, at);
        let then = self.next_statement(&mut parts, at);
        let otherwise = parts.next().map(|node| Box::new(self.statement(node)));
        StatementKind::If { condition, then, otherwise }
    }

    fn for_statement(&mut self, at: At) -> StatementKind {
        let part = |kind| self.node_of(at, kind).and_then(|part| self.nodes(part).next());
        let (init, condition, step) = (part(K::ForInit), part(K::ForCondition), part(K::ForStep));
        let is_part = |node: &At| matches!(self.kind(*node), K::ForInit | K::ForCondition | K::ForStep);
        let mut body = self.nodes(at).filter(|node| !is_part(node)).collect::<Vec<_>>().into_iter();
        StatementKind::For {
            init: init.map(|node| self.expr(node)),
            condition: condition.map(|node| self.expr(node)),
            step: step.map(|node| self.expr(node)),
            body: self.next_statement(&mut body, at),
        }
    }

    fn try_statement(&mut self, at: At) -> StatementKind {
        let empty = ast::Block { span: self.span(at), statements: vec![] };
        let mut blocks =
            self.nodes(at).filter(|node| self.outline.kind(*node) == K::Block).collect::<Vec<_>>().into_iter();
        let body = blocks.next().map_or_else(|| empty.clone(), |node| self.block(node));
        let handler = blocks.next().map_or(empty, |node| self.block(node));
        let variable = self.node_of(at, K::CatchVariable).map(|node| self.name_in(node));
        StatementKind::Try { body, variable, handler }
    }

    /// A `foreach` whose body is still empty.
    fn foreach_head(&mut self, at: At) -> Box<ast::Foreach> {
        let mut value = None;
        let mut keys = Vec::new();
        let mut over = ast::ForeachOver::Array { name: self.name_in(at), slice: None };
        let mut limit = None;
        let mut marks = Vec::new();
        for part in self.nodes(at) {
            let mark = self.node_of(part, K::SortMark);
            match self.kind(part) {
                K::ForeachValue => {
                    value = Some(self.name_in(part));
                    marks.extend(mark.map(|mark| (ast::SortBy::Value, mark)));
                }
                K::ForeachKey => {
                    marks.extend(mark.map(|mark| (ast::SortBy::Key(keys.len()), mark)));
                    keys.push(self.name_in(part));
                }
                K::ForeachOver => {
                    marks.extend(mark.map(|mark| (ast::SortBy::Value, mark)));
                    over = self.foreach_over(part);
                }
                K::ForeachLimit => limit = Some(self.first_expr(part)),
                _ => {}
            }
        }
        let sort = self.sort(&marks);
        let body = ast::Statement { span: self.span(at), kind: StatementKind::Empty };
        Box::new(ast::Foreach { value, keys, over, sort, limit, body })
    }

    fn foreach_over(&mut self, at: At) -> ast::ForeachOver {
        if let Some(histogram) = self.node_of(at, K::AtCallExpr)
            && !self.has(at, K::LeftBracket)
        {
            let expr = self.expr(histogram);
            if !matches!(expr.kind, ast::ExprKind::Histogram { bucket: None, .. }) {
                self.error("unexpected-token", histogram, "expected an array or a histogram");
            }
            self.bare_histograms.pop_if(|bare| *bare == histogram);
            return ast::ForeachOver::Histogram(expr);
        }
        let keys: Vec<At> = self.nodes(at).filter(|node| self.kind(*node) != K::SortMark).collect();
        let slice = self.has(at, K::LeftBracket).then(|| self.keys(keys.into_iter()));
        ast::ForeachOver::Array { name: self.name_in(at), slice }
    }

    fn sort(&mut self, marks: &[(ast::SortBy, At)]) -> Option<ast::Sort> {
        let (by, mark) = *marks.first()?;
        if let Some((_, second)) = marks.get(1) {
            let said = "a `foreach` has one sort mark";
            let found = Diagnostic::error("several-sort-marks", self.span(*second), said);
            let found = found.with_secondary(self.span(mark), "the first one");
            self.report(*second, found);
        }
        let mut sort = ast::Sort { by, ascending: false, span: self.span(mark) };
        for token in self.children(mark) {
            match self.kind(token) {
                K::Plus | K::PlusEquals => sort.ascending = true,
                K::AtWord => match (by, aggregate_function(self.text(token))) {
                    (ast::SortBy::Value, Some(function)) => sort.by = ast::SortBy::Aggregate(function),
                    _ => {
                        let found =
                            Diagnostic::error("unexpected-token", self.span(token), "this is no order to sort by");
                        let found =
                            found.with_help("behind the array's name: @count, @sum, @min, @max, @avg, @variance");
                        self.report(token, found);
                    }
                },
                _ => {}
            }
        }
        Some(sort)
    }
}
