//! What does nothing: expressions that only give a value, and statements of them.
//!
//! SystemTap leaves out what nobody would notice before it asks what types are, what target variables there are, and whether
//! a handler is worth a probe. Must never call pure what somebody could notice, an error message aside.

use super::function::Overloads;
use crate::builtin::Builtin;
use crate::elaboration::Elaboration;
use crate::scan::{self, Node};
use crate::scope::Scope;
use std::collections::HashSet;
use systap_ir::intrinsic::Intrinsic;
use systap_syntax::ast::{BinaryOp, Block, Expr, ExprKind, Function, FunctionBody, Statement, StatementKind};

impl<'a> Elaboration<'a> {
    /// Whether an expression does nothing but give a value.
    pub(super) fn is_pure(&mut self, e: &'a Expr) -> bool {
        let mut nodes = vec![];
        scan::expr(e, &mut |node| nodes.push(node));
        let mut seen = HashSet::new();
        let pure = self.are_pure(&nodes, &mut seen, None);
        if pure {
            // Each was taken for pure while it was looked at, and none turned out otherwise.
            self.pure_functions.extend(seen.into_iter().map(|function| (function, true)));
        }
        pure
    }

    /// Whether the value of an expression goes nowhere, and nothing else comes of it: `x + 1;`, `x = 1;` if nothing reads `x`.
    pub(super) fn goes_nowhere(&mut self, scope: &Scope<'a>, e: &'a Expr) -> bool {
        match &e.kind {
            ExprKind::Missing => false,
            ExprKind::Assign { op: None, target, value } => match &target.kind {
                ExprKind::Name(name) => scope.unread.contains(name.as_str()) && self.goes_nowhere(scope, value),
                _ => false,
            },
            _ => self.is_pure(e),
        }
    }

    /// Whether nothing comes of a block.
    pub(crate) fn does_nothing(&mut self, scope: &Scope<'a>, block: &'a Block) -> bool {
        block.statements.iter().all(|statement| self.is_idle(scope, statement))
    }

    fn is_idle(&mut self, scope: &Scope<'a>, statement: &'a Statement) -> bool {
        match &statement.kind {
            StatementKind::Empty => true,
            StatementKind::Expr(e) => self.goes_nowhere(scope, e),
            StatementKind::Block(block) => self.does_nothing(scope, block),
            StatementKind::If { condition, then, otherwise } => {
                self.is_pure(condition)
                    && self.is_idle(scope, then)
                    && otherwise.as_ref().is_none_or(|otherwise| self.is_idle(scope, otherwise))
            }
            StatementKind::Foreach(foreach) => self.is_idle(scope, &foreach.body),
            StatementKind::Try { body, .. } => self.does_nothing(scope, body),
            _ => false,
        }
    }

    /// Whether what was met on a walk leaves everything as it is, but for the locals of a function that is called.
    fn are_pure(
        &mut self,
        nodes: &[Node<'a>],
        seen: &mut HashSet<*const Function>,
        function: Option<&'a Function>,
    ) -> bool {
        nodes.iter().all(|node| match node {
            Node::Statement(Statement { kind: StatementKind::Delete(e), .. }) => self.is_own(e, function),
            Node::Statement(_) => true,
            Node::Expr(e) => match &e.kind {
                ExprKind::Assign { target, .. } | ExprKind::Step { target, .. } => self.is_own(target, function),
                ExprKind::Call { function, args } => self.call_is_pure(&function.text, args.len(), seen),
                // It can be asked afterwards what matched.
                ExprKind::Binary { op: BinaryOp::Match | BinaryOp::NotMatch, .. } => false,
                ExprKind::Accumulate { .. } | ExprKind::Entry(_) | ExprKind::Embedded(_) | ExprKind::Missing => false,
                ExprKind::AtCall { name, .. } => READS.contains(&name.text.trim_start_matches('@')),
                _ => true,
            },
        })
    }

    /// Whether a name is a local of the function that is looked at.
    fn is_own(&mut self, e: &Expr, function: Option<&'a Function>) -> bool {
        let (ExprKind::Name(name), Some(function)) = (&e.kind, function) else { return false };
        function.params.iter().any(|(param, _)| param.text == *name)
            || self.names.global(name).is_none() && !crate::library::has_global(name)
    }

    fn call_is_pure(&mut self, name: &str, arity: usize, seen: &mut HashSet<*const Function>) -> bool {
        if systap_syntax::format::OUTPUT.contains(&name) {
            return name.starts_with('s');
        }
        let Overloads { functions: mut overloads, last } = self.overloads(name, arity);
        if overloads.is_empty() && last.is_none() {
            self.read_library(name);
            overloads = self.names.overloads(name, arity);
        }
        (last.is_some() || !overloads.is_empty())
            && last.is_none_or(builtin_is_pure)
            && overloads.into_iter().all(|function| self.function_is_pure(function, seen))
    }

    fn function_is_pure(&mut self, function: &'a Function, seen: &mut HashSet<*const Function>) -> bool {
        let place = std::ptr::from_ref(function);
        if let Some(known) = self.pure_functions.get(&place) {
            return *known;
        }
        if !seen.insert(place) {
            return true;
        }
        if seen.len() > MOST_FUNCTIONS {
            return false;
        }
        let pure = match &function.body {
            FunctionBody::Embedded(_) => false,
            FunctionBody::Block(block) => {
                let mut nodes = vec![];
                scan::block(block, &mut |node| nodes.push(node));
                let outside = self.names.stand_in(block);
                let pure = self.are_pure(&nodes, seen, Some(function));
                self.names.go_back(outside);
                pure
            }
        };
        if !pure {
            self.pure_functions.insert(place, false);
        }
        pure
    }
}

/// How many functions are looked at, one within the other, before what they do is taken for something.
const MOST_FUNCTIONS: usize = 1000;

/// The operators that only give a value.
const READS: [&str; 9] =
    ["choose_defined", "const", "enum", "enumname", "kderef", "uderef", "kregister", "uregister", "probewrite"];

fn builtin_is_pure(builtin: Builtin) -> bool {
    use Intrinsic::{
        ByteAt, DoubleText, ErrnoName, Isinstr, LoadAverage, StackText, StrReplace, Strlen, Strpos, Strtol, Substr,
        Symdata, Symname, SyscallName, SyscallNumber, TextStrn, ZoneName, ZoneOffset,
    };
    match builtin {
        Builtin::Log | Builtin::PrintBacktrace | Builtin::PrintStack | Builtin::PrintUserStack => false,
        Builtin::Intrinsic(intrinsic) => matches!(
            intrinsic,
            ByteAt
                | DoubleText
                | ErrnoName
                | Isinstr
                | LoadAverage
                | StackText
                | StrReplace
                | Strlen
                | Strpos
                | Strtol
                | Substr
                | Symdata
                | Symname
                | SyscallName
                | SyscallNumber
                | TextStrn
                | ZoneName
                | ZoneOffset
        ),
        Builtin::OfProcess(_) => false,
        _ => true,
    }
}
