//! Locals that nothing reads. SystemTap drops what is assigned to them before it infers types, so that it matters to nobody
//! if nothing settles them, or what only they depend on.
//!
//! Must never call a local unread because of where a read stands: the order in which statements run is not looked at.

use crate::elaboration::Elaboration;
use crate::scan::{self, Node};
use crate::scope::Scope;
use std::collections::{BTreeMap, HashSet};
use systap_diagnostics::{Diagnostic, Span};
use systap_syntax::ast::{Block, Expr, ExprKind, ForeachOver, Statement, StatementKind, TargetBase};

impl<'a> Elaboration<'a> {
    /// The names that are given values in a body that begins with that scope and are never read, and that are no globals.
    pub(crate) fn unread(&mut self, blocks: &[&'a Block], scope: &Scope<'a>) -> HashSet<&'a str> {
        let mut assigned = assigned(blocks);
        for block in blocks {
            // The blocks of one handler may come from several files, of which each has its own globals.
            let outside = self.names.stand_in(block);
            assigned.retain(|name, _| match scope.find(name) {
                Some(local) => !scope.is_param(local),
                None => self.names.global(name).is_none() && !crate::library::has_global(name),
            });
            self.names.go_back(outside);
        }
        let mut unread: HashSet<&'a str> = HashSet::new();
        loop {
            let mut reads = Reads { unread: &unread, names: HashSet::new() };
            blocks.iter().for_each(|block| reads.block(block));
            let names = reads.names;
            let found: HashSet<&'a str> = assigned.keys().copied().filter(|name| !names.contains(name)).collect();
            if found.len() == unread.len() {
                return found;
            }
            unread = found;
        }
    }

    /// Says of which locals of a body nothing reads the value, and asks no more what their types are.
    pub(crate) fn silence_unread(&mut self, blocks: &[&'a Block], scope: &Scope<'a>) {
        if self.unoptimized {
            return;
        }
        let mut reads = Reads { unread: &scope.unread, names: HashSet::new() };
        blocks.iter().for_each(|block| reads.block(block));
        for local in &scope.locals {
            if !reads.names.contains(local.name.as_str()) {
                self.types.silence(local.ty);
            }
        }
        for (name, at) in assigned(blocks) {
            if scope.unread.contains(name) && self.names.in_script(at) {
                let message = format!("nothing reads the local variable `{name}`");
                self.report(Diagnostic::warning("unused-variable", at, message));
            }
        }
    }
}

/// The names that are given values, with the first place of each.
fn assigned<'a>(blocks: &[&'a Block]) -> BTreeMap<&'a str, Span> {
    let mut assigned = BTreeMap::new();
    for block in blocks {
        scan::block(block, &mut |node| {
            if let Node::Expr(Expr { kind: ExprKind::Assign { op: None, target, .. }, .. }) = node
                && let ExprKind::Name(name) = &target.kind
            {
                assigned.entry(name.as_str()).or_insert(target.span);
            }
        });
    }
    assigned
}

/// The names that something looks at, given those that are known to be unread.
struct Reads<'u, 'a> {
    unread: &'u HashSet<&'a str>,
    names: HashSet<&'a str>,
}

impl<'a> Reads<'_, 'a> {
    fn block(&mut self, block: &'a Block) {
        block.statements.iter().for_each(|each| self.statement(each));
    }

    fn statement(&mut self, statement: &'a Statement) {
        match &statement.kind {
            StatementKind::Expr(e) => self.effect(e),
            StatementKind::Block(block) => self.block(block),
            StatementKind::If { condition, then, otherwise } => {
                self.value(condition);
                self.statement(then);
                otherwise.iter().for_each(|otherwise| self.statement(otherwise));
            }
            StatementKind::While { condition, body } => {
                self.value(condition);
                self.statement(body);
            }
            StatementKind::For { init, condition, step, body } => {
                init.iter().chain(step).for_each(|e| self.effect(e));
                condition.iter().for_each(|e| self.value(e));
                self.statement(body);
            }
            StatementKind::Foreach(foreach) => {
                // The types of an array's keys must be known, read or not.
                self.names.extend(foreach.keys.iter().chain(&foreach.value).map(|name| name.text.as_str()));
                match &foreach.over {
                    ForeachOver::Array { slice, .. } => {
                        slice.iter().flatten().flatten().for_each(|e| self.value(e));
                    }
                    ForeachOver::Histogram(e) => self.value(e),
                }
                foreach.limit.iter().for_each(|e| self.value(e));
                self.statement(&foreach.body);
            }
            StatementKind::Return(value) => value.iter().for_each(|e| self.value(e)),
            StatementKind::Delete(e) => self.value(e),
            StatementKind::Try { body, handler, .. } => {
                self.block(body);
                self.block(handler);
            }
            StatementKind::Empty | StatementKind::Break | StatementKind::Continue | StatementKind::Next => {}
        }
    }

    /// An expression whose value nobody looks at.
    fn effect(&mut self, e: &'a Expr) {
        match &e.kind {
            ExprKind::Assign { op: None, target, value } => match &target.kind {
                ExprKind::Name(name) if self.unread.contains(name.as_str()) => self.effect(value),
                _ => self.value(e),
            },
            _ if has_effect(e) => self.value(e),
            _ => {}
        }
    }

    /// An expression whose value is used.
    fn value(&mut self, e: &'a Expr) {
        if let ExprKind::Assign { op: None, target, value } = &e.kind
            && let ExprKind::Name(_) = &target.kind
        {
            return self.value(value);
        }
        if let ExprKind::Name(name) = &e.kind {
            self.names.insert(name);
            return;
        }
        scan::operands(e, &mut |operand| self.value(operand));
    }
}

/// Whether an expression might do more than give a value.
pub(super) fn has_effect(e: &Expr) -> bool {
    let mut found = false;
    scan::expr(e, &mut |node| {
        let Node::Expr(e) = node else { return };
        found |= match &e.kind {
            ExprKind::Assign { .. }
            | ExprKind::Accumulate { .. }
            | ExprKind::Step { .. }
            | ExprKind::Call { .. }
            | ExprKind::AtCall { .. }
            | ExprKind::Embedded(_) => true,
            ExprKind::Target(target) => !matches!(target.base, TargetBase::Value(_)),
            _ => false,
        };
    });
    found
}
