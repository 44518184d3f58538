//! Statements.

use systap_diagnostics::Diagnostic;

use super::Lowering;
use super::expressions::aggregate_function;
use crate::ast::{self, StatementKind};
use crate::kind::SyntaxKind as K;
use crate::outline::At;

impl Lowering<'_> {
    pub(super) fn block(&mut self, at: At) -> ast::Block {
        let statements = self.nodes(at).map(|node| self.statement(node)).collect();
        ast::Block { span: self.span(at), statements }
    }

    pub(super) fn statement(&mut self, at: At) -> ast::Statement {
        let kind = match self.kind(at) {
            K::Block => StatementKind::Block(self.block(at)),
            K::ExprStmt => StatementKind::Expr(self.first_expr(at)),
            K::IfStmt => self.if_statement(at),
            K::WhileStmt => {
                let mut parts = self.nodes(at);
                let condition = self.next_expr(&mut parts, at);
                StatementKind::While { condition, body: Box::new(self.next_statement(&mut parts, at)) }
            }
            K::ForStmt => self.for_statement(at),
            K::ForeachStmt => StatementKind::Foreach(Box::new(self.foreach(at))),
            K::BreakStmt => StatementKind::Break,
            K::ContinueStmt => StatementKind::Continue,
            K::NextStmt => StatementKind::Next,
            K::ReturnStmt => StatementKind::Return(self.nodes(at).next().map(|node| self.expr(node))),
            K::DeleteStmt => StatementKind::Delete(self.first_expr(at)),
            K::TryStmt => self.try_statement(at),
            _ => StatementKind::Empty,
        };
        ast::Statement { span: self.span(at), kind }
    }

    fn next_statement(&mut self, parts: &mut impl Iterator<Item = At>, at: At) -> ast::Statement {
        match parts.next() {
            Some(node) => self.statement(node),
            None => ast::Statement { span: self.span(at), kind: StatementKind::Empty },
        }
    }

    fn if_statement(&mut self, at: At) -> StatementKind {
        let mut parts = self.nodes(at);
        let condition = self.next_expr(&mut parts, at);
        let then = Box::new(self.next_statement(&mut parts, at));
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
            body: Box::new(self.next_statement(&mut body, at)),
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

    fn foreach(&mut self, at: At) -> ast::Foreach {
        let mut value = None;
        let mut keys = Vec::new();
        let mut over = ast::ForeachOver::Array { name: self.name_in(at), slice: None };
        let mut limit = None;
        let mut body = None;
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
                _ => body = Some(self.statement(part)),
            }
        }
        let sort = self.sort(&marks);
        let body = body.unwrap_or_else(|| ast::Statement { span: self.span(at), kind: StatementKind::Empty });
        ast::Foreach { value, keys, over, sort, limit, body }
    }

    fn foreach_over(&mut self, at: At) -> ast::ForeachOver {
        if let Some(histogram) = self.node_of(at, K::AtCallExpr)
            && !self.has(at, K::LeftBracket)
        {
            let expr = self.expr(histogram);
            if !matches!(expr.kind, ast::ExprKind::Histogram { bucket: None, .. }) {
                self.error("unexpected-token", histogram, "expected an array or a histogram");
            }
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
