//! Arrays that a function changes while its caller's `foreach` goes over them.
//!
//! What the body of the loop changes itself is found where it stands.

use super::Elaboration;
use crate::scope::{Scope, Site};
use crate::standing::Standing;
use std::collections::HashSet;
use systap_diagnostics::{Diagnostic, Span};
use systap_ir::program::{FunctionId, GlobalId};

/// What a function does that matters here.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    /// The globals it changes.
    changed: HashSet<GlobalId>,
    /// The functions it calls.
    called: HashSet<FunctionId>,
}

/// A call in the body of a `foreach`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallInLoop {
    array: GlobalId,
    /// Where the `foreach` names the array.
    over: Span,
    function: FunctionId,
    at: Span,
}

impl Elaboration<'_> {
    /// The body that `scope` is of changes a global.
    pub(super) fn changes(&mut self, scope: &Scope<'_>, global: GlobalId) {
        if let Site::Function { index, .. } = scope.site {
            self.functions[index].effects.changed.insert(global);
        }
    }

    /// The body that `scope` is of calls a function.
    pub(super) fn calls(&mut self, scope: &Scope<'_>, function: FunctionId, at: Span) {
        if let Site::Function { index, .. } = scope.site {
            self.functions[index].effects.called.insert(function);
        }
        if self.trials > 0 || self.standing != Standing::Runs {
            return;
        }
        let calls = scope.iterated.iter().map(|(array, over)| CallInLoop { array: *array, over: *over, function, at });
        self.calls_in_loops.extend(calls);
    }

    /// Reports each call within a `foreach` that changes what the `foreach` goes over.
    pub(crate) fn modified_through_calls(&mut self) {
        let mut changed: Vec<HashSet<GlobalId>> =
            self.functions.iter().map(|function| function.effects.changed.clone()).collect();
        loop {
            let mut grown = false;
            for (index, function) in self.functions.iter().enumerate() {
                for callee in &function.effects.called {
                    let more = changed[callee.0 as usize].clone();
                    let before = changed[index].len();
                    changed[index].extend(more);
                    grown |= changed[index].len() > before;
                }
            }
            if !grown {
                break;
            }
        }
        for CallInLoop { array, over, function, at } in std::mem::take(&mut self.calls_in_loops) {
            if changed[function.0 as usize].contains(&array) {
                let array = &self.globals[array.0 as usize].declaration.name.text;
                let function = &self.functions[function.0 as usize].declaration.name.text;
                let message = format!("`{function}` changes `{array}` while a `foreach` goes over it");
                let finding = Diagnostic::error("modified-while-iterated", at, message);
                self.report(finding.with_secondary(over, "gone over here"));
            }
        }
    }
}
