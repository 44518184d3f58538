//! What a body asks of the event that fires it, itself or through the functions that it calls: seen in the syntax tree, before
//! anything has a type.
//!
//! Must never miss a question: where a name could mean several functions, all of them are looked at.

use std::collections::HashSet;

use systap_syntax::ast::{Block, Expr, ExprKind, Function, FunctionBody, TargetBase};

use crate::builtin::{self, Builtin};
use crate::elaboration::Elaboration;
use crate::scan::{self, Node};

impl<'a> Elaboration<'a> {
    /// Whether a function, or one that it calls, asks for something that depends on the handler that calls it.
    pub(super) fn asks_for_event(&mut self, function: &'a Function) -> bool {
        if let Some(known) = self.event_functions.get(&function.name.span) {
            return *known;
        }
        let asks = match &function.body {
            FunctionBody::Block(body) => self.any_asks(vec![body], Builtin::asks_for_event),
            FunctionBody::Embedded(_) => false,
        };
        self.event_functions.insert(function.name.span, asks);
        asks
    }

    /// Whether blocks of a handler, or a function that they call, ask for a target variable or for an argument of the event.
    pub(crate) fn asks_for_variables(&mut self, blocks: Vec<&'a Block>) -> bool {
        self.any_asks(blocks, |builtin| builtin == Builtin::EventArgument)
    }

    /// Whether a target variable occurs in the blocks, or a call of a built-in function that `matter`s, or one of a function in which
    /// that holds.
    fn any_asks(&mut self, blocks: Vec<&'a Block>, matter: impl Fn(Builtin) -> bool) -> bool {
        let mut seen = HashSet::new();
        let mut work = blocks;
        while let Some(next) = work.pop() {
            let mut asks = false;
            let mut calls: Vec<(&'a str, usize)> = vec![];
            scan::block(next, &mut |node| {
                let Node::Expr(Expr { kind, .. }) = node else { return };
                match kind {
                    ExprKind::Target(target) => asks |= matches!(target.base, TargetBase::Variable(_)),
                    ExprKind::Call { function, args } => match builtin::find(&function.text, args.len()) {
                        Some(builtin) => asks |= matter(builtin),
                        None => calls.push((&function.text, args.len())),
                    },
                    _ => {}
                }
            });
            if asks {
                return true;
            }
            let here = self.names.stand_in(next);
            for (name, arity) in calls {
                self.read_library(name);
                let called = self.names.overloads(name, arity).into_iter();
                let new = called.filter(|called| seen.insert(called.name.span));
                work.extend(new.filter_map(|called| match &called.body {
                    FunctionBody::Block(body) => Some(body),
                    FunctionBody::Embedded(_) => None,
                }));
            }
            self.names.go_back(here);
        }
        false
    }
}
