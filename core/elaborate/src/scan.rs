//! What can be seen in the syntax tree before any name or type is known.
//!
//! Must never report, and never resolve: it only walks.

use std::collections::{HashMap, HashSet};
use systap_diagnostics::Span;
use systap_syntax::ast::{
    Block, Expr, ExprKind, File, ForeachOver, FunctionBody, Item, Statement, StatementKind, TargetBase, TargetStep,
};

/// Something met on the walk.
#[derive(Clone, Copy)]
pub(crate) enum Node<'a> {
    Statement(&'a Statement),
    Expr(&'a Expr),
}

/// Walks a block, outer things before inner ones.
pub(crate) fn block<'a>(block: &'a Block, visit: &mut dyn FnMut(Node<'a>)) {
    for each in &block.statements {
        statement(each, visit);
    }
}

fn statement<'a>(each: &'a Statement, visit: &mut dyn FnMut(Node<'a>)) {
    visit(Node::Statement(each));
    match &each.kind {
        StatementKind::Empty | StatementKind::Break | StatementKind::Continue | StatementKind::Next => {}
        StatementKind::Expr(e) | StatementKind::Delete(e) => expr(e, visit),
        StatementKind::Block(inner) => block(inner, visit),
        StatementKind::If { condition, then, otherwise } => {
            expr(condition, visit);
            statement(then, visit);
            if let Some(otherwise) = otherwise {
                statement(otherwise, visit);
            }
        }
        StatementKind::While { condition, body } => {
            expr(condition, visit);
            statement(body, visit);
        }
        StatementKind::For { init, condition, step, body } => {
            for e in [init, condition, step].into_iter().flatten() {
                expr(e, visit);
            }
            statement(body, visit);
        }
        StatementKind::Foreach(foreach) => {
            match &foreach.over {
                ForeachOver::Array { slice, .. } => slice.iter().flatten().flatten().for_each(|e| expr(e, visit)),
                ForeachOver::Histogram(e) => expr(e, visit),
            }
            if let Some(limit) = &foreach.limit {
                expr(limit, visit);
            }
            statement(&foreach.body, visit);
        }
        StatementKind::Return(value) => value.iter().for_each(|e| expr(e, visit)),
        StatementKind::Try { body, handler, .. } => {
            block(body, visit);
            block(handler, visit);
        }
    }
}

/// Walks an expression, outer ones before inner ones.
pub(crate) fn expr<'a>(each: &'a Expr, visit: &mut dyn FnMut(Node<'a>)) {
    visit(Node::Expr(each));
    operands(each, &mut |operand| expr(operand, visit));
}

/// Goes through the expressions right below one.
pub(crate) fn operands<'a>(each: &'a Expr, visit: &mut dyn FnMut(&'a Expr)) {
    match &each.kind {
        ExprKind::Literal(_) | ExprKind::Name(_) | ExprKind::Embedded(_) | ExprKind::Missing => {}
        ExprKind::Index { keys, .. } | ExprKind::In { keys, .. } => keys.iter().flatten().for_each(visit),
        ExprKind::Call { args, .. } | ExprKind::AtCall { args, .. } => args.iter().for_each(visit),
        ExprKind::Unary { operand, .. } => visit(operand),
        ExprKind::Binary { left, right, .. } | ExprKind::Logical { left, right, .. } => {
            visit(left);
            visit(right);
        }
        ExprKind::Ternary { condition, then, otherwise } => {
            for e in [condition, then, otherwise] {
                visit(e);
            }
        }
        ExprKind::Assign { target, value, .. } | ExprKind::Accumulate { target, value } => {
            visit(target);
            visit(value);
        }
        ExprKind::Step { target, .. } => visit(target),
        ExprKind::Aggregate { stat, .. } => visit(stat),
        ExprKind::Histogram { stat, bucket, .. } => {
            visit(stat);
            if let Some(bucket) = bucket {
                visit(bucket);
            }
        }
        ExprKind::Target(target) => {
            match &target.base {
                TargetBase::Cast { value, .. } | TargetBase::Value(value) => visit(value),
                TargetBase::Variable(_) | TargetBase::Var { .. } => {}
            }
            for step in &target.path {
                if let TargetStep::Index(index) = step {
                    visit(index);
                }
            }
        }
        ExprKind::Defined(inner) | ExprKind::Entry(inner) => visit(inner),
    }
}

/// The names that are used as aggregates, with the first place of each where something is accumulated or, if nothing is,
/// asked.
pub(crate) fn aggregates<'a>(file: &'a File, found: &mut HashMap<&'a str, Span>) {
    let mut asked: HashMap<&'a str, Span> = HashMap::new();
    let mut visit = |node: Node<'a>| {
        let Node::Expr(Expr { kind, .. }) = node else { return };
        let (found, stat) = match kind {
            ExprKind::Accumulate { target, .. } => (&mut *found, target),
            ExprKind::Aggregate { stat, .. } | ExprKind::Histogram { stat, .. } => (&mut asked, stat),
            _ => return,
        };
        match &stat.kind {
            ExprKind::Name(name) => found.entry(name).or_insert(stat.span),
            ExprKind::Index { array, .. } => found.entry(&array.text).or_insert(stat.span),
            _ => return,
        };
    };
    for item in &file.items {
        match item {
            Item::Function(function) => {
                if let FunctionBody::Block(body) = &function.body {
                    block(body, &mut visit);
                }
            }
            Item::Probe(probe) => block(&probe.body, &mut visit),
            Item::Alias(alias) => {
                for body in [&alias.prologue, &alias.epilogue].into_iter().flatten() {
                    block(body, &mut visit);
                }
            }
            Item::Global(_) | Item::Embedded(_) => {}
        }
    }
    for (name, span) in asked {
        found.entry(name).or_insert(span);
    }
}

/// The bare names and target variables of some blocks.
#[derive(Debug, Default)]
pub(crate) struct Words<'a> {
    /// Names that something is assigned to, or that a `foreach` or `catch` binds.
    pub(crate) assigned: HashSet<&'a str>,
    /// Bare names.
    pub(crate) names: HashSet<&'a str>,
    /// Target variables, dollars included.
    pub(crate) targets: HashSet<&'a str>,
}

/// Collects the words of some blocks.
pub(crate) fn words<'a>(blocks: impl IntoIterator<Item = &'a Block>) -> Words<'a> {
    let mut words = Words::default();
    for each in blocks {
        block(each, &mut |node| match node {
            Node::Expr(Expr { kind, .. }) => match kind {
                ExprKind::Name(name) => {
                    words.names.insert(name);
                }
                ExprKind::Assign { target, .. } | ExprKind::Step { target, .. } => {
                    if let ExprKind::Name(name) = &target.kind {
                        words.assigned.insert(name);
                    }
                }
                ExprKind::Target(target) => {
                    if let TargetBase::Variable(name) = &target.base {
                        words.targets.insert(&name.text);
                    }
                }
                _ => {}
            },
            Node::Statement(Statement { kind: StatementKind::Foreach(foreach), .. }) => {
                words.assigned.extend(foreach.value.iter().chain(&foreach.keys).map(|name| name.text.as_str()));
            }
            Node::Statement(Statement { kind: StatementKind::Try { variable, .. }, .. }) => {
                words.assigned.extend(variable.iter().map(|name| name.text.as_str()));
            }
            Node::Statement(_) => {}
        });
    }
    words
}
