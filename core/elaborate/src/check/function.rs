//! Functions: elaborated when the first call of one is met, once for each chain of overloads that it stands in, and once
//! for each handler if it asks for what only a handler knows.

use super::modified::Effects;
use crate::autocast::{Body, Holder};
use crate::build;
use crate::builtin::{self, Builtin};
use crate::elaboration::Elaboration;
use crate::names::{Instance, OF_LIBRARY};
use crate::scan::{self, Node};
use crate::scope::{LocalState, ProbeFacts, Scope, Site};
use crate::standing::Standing;
use crate::types::Ty;
use std::rc::Rc;
use systap_diagnostics::{Diagnostic, Span};
use systap_ir::intrinsic::Intrinsic;
use systap_ir::program::{ExprKind, FunctionId, Place, Stmt, StmtKind, Type};
use systap_syntax::ast::{self, Function, FunctionBody, TypeName};

/// What happens when every overload of a function has said `next`, in SystemTap's words.
const EXHAUSTED: &str = "all functions exhausted";

/// What a call means, in the order in which it is tried.
#[derive(Debug)]
pub(crate) struct Overloads<'a> {
    /// The functions that are written in the language.
    pub(crate) functions: Vec<&'a Function>,
    /// A built-in function, which never hands on.
    pub(crate) last: Option<Builtin>,
}

/// A function while its calls are gathered.
#[derive(Debug)]
pub(crate) struct FunctionState<'a> {
    pub(crate) declaration: &'a Function,
    pub(crate) params: Vec<Ty>,
    /// Open in the end if it returns nothing and nobody looks at its value.
    pub(crate) returns: Ty,
    pub(crate) locals: Vec<LocalState>,
    pub(crate) body: Vec<Stmt>,
    pub(super) effects: Effects,
    /// Where it returns without a value, which a function with a value may not.
    pub(super) bare_returns: Vec<Span>,
    /// The overload that `next` goes on with.
    after: Option<FunctionId>,
    /// The built-in function that it goes on with if there is none.
    last: Option<Builtin>,
    /// The handler that it is called from, if that matters.
    caller: Option<Rc<ProbeFacts<'a>>>,
}

impl<'a> Elaboration<'a> {
    /// What a call means, in the order in which it is tried. The library's functions follow the script's if the script's hand
    /// on to them, and go before those of the script that say that they come later.
    pub(super) fn overloads(&mut self, name: &str, arity: usize) -> Overloads<'a> {
        let found = self.names.overloads(name, arity);
        let declared = found.iter().filter(|function| !self.names.in_library(function.name.span)).copied();
        let (mut first, later): (Vec<&'a Function>, Vec<&'a Function>) =
            declared.partition(|function| function.priority.is_none_or(|priority| priority <= OF_LIBRARY));
        let hands_on = first.last().is_none_or(|function| {
            !self.names.in_script(function.name.span)
                || matches!(&function.body, FunctionBody::Block(body) if says_next(body))
        });
        if !hands_on {
            first.retain(|function| self.names.in_script(function.name.span));
            return Overloads { functions: first, last: None };
        }
        let last = builtin::find(name, arity);
        if last.is_some() {
            return Overloads { functions: first, last };
        }
        if !first.is_empty() || !later.is_empty() {
            self.read_library(name);
            return Overloads { functions: self.names.overloads(name, arity), last };
        }
        Overloads { functions: found, last }
    }

    /// The identifier of the first of these overloads as `caller` calls them; bodies are elaborated later.
    pub(crate) fn call_target(
        &mut self,
        functions: &[&'a Function],
        last: Option<Builtin>,
        caller: &Scope<'a>,
    ) -> Option<FunctionId> {
        functions.iter().rev().fold(None, |after, function| Some(self.instance(function, after, last, caller)))
    }

    fn instance(
        &mut self,
        declaration: &'a Function,
        after: Option<FunctionId>,
        last: Option<Builtin>,
        caller: &Scope<'a>,
    ) -> FunctionId {
        let of_event = last.is_some_and(Builtin::asks_for_event) || self.asks_for_event(declaration);
        let caller = caller.event().filter(|_| of_event);
        let last = last.filter(|_| after.is_none());
        let key = Instance {
            declaration: declaration.name.span,
            after,
            handler: caller.as_ref().map(|facts| Rc::as_ptr(facts).addr()),
        };
        if let Some(id) = self.names.called.get(&key) {
            return *id;
        }
        let id = FunctionId(self.functions.len() as u32);
        let mut params = Vec::with_capacity(declaration.params.len());
        for (name, annotation) in &declaration.params {
            params.push(self.annotated(*annotation, name.span));
        }
        let returns = self.annotated(declaration.returns, declaration.name.span);
        let next = after.map(|after| &self.functions[after.0 as usize]);
        let wanted: Option<Vec<Ty>> = match (next, last) {
            (Some(next), _) => Some(next.params.iter().copied().chain([next.returns]).collect()),
            (None, Some(builtin)) => {
                Some(builtin.params().iter().copied().chain(builtin.returns()).map(Ty::Known).collect())
            }
            (None, None) => None,
        };
        if let Some(wanted) = wanted {
            let of = declaration;
            for (index, (found, wanted)) in params.iter().copied().chain([returns]).zip(wanted).enumerate() {
                let (at, what) = match declaration.params.get(index) {
                    Some((name, _)) => (name.span, format!("parameter {} of `{}`", index + 1, of.name.text)),
                    None => (declaration.name.span, format!("what `{}` returns", of.name.text)),
                };
                if let Err(conflict) = self.types.unify(found, wanted, at) {
                    self.report_conflict(at, &conflict, &format!("{what} is the same in all overloads: it"));
                }
            }
        }
        self.functions.push(FunctionState {
            declaration,
            params,
            returns,
            locals: vec![],
            body: vec![],
            effects: Effects::default(),
            bare_returns: vec![],
            after,
            last,
            caller,
        });
        self.names.called.insert(key, id);
        id
    }

    fn annotated(&mut self, annotation: Option<TypeName>, at: Span) -> Ty {
        match annotation {
            Some(annotation) => self.types.settled(type_named(annotation), at),
            None => self.types.fresh(),
        }
    }

    /// Elaborates the bodies of the functions from `index` on, and of those that they call.
    pub(crate) fn called_functions(&mut self, mut index: usize) {
        while index < self.functions.len() {
            let state = &self.functions[index];
            let (declaration, params) = (state.declaration, state.params.clone());
            let mut scope = Scope::new(Site::Function { index, caller: state.caller.clone() }, Body::Function(index));
            for (nth, ((name, _), ty)) in declaration.params.iter().zip(params).enumerate() {
                let id = scope.declare(&name.text, name.span, ty);
                scope.local(id).assigned = true;
                let param = Holder::Param(declaration.name.text.clone(), declaration.params.len(), nth);
                let pointer = self.autocast.ask(param);
                self.autocast.give(scope.holder(id), pointer);
            }
            scope.params = scope.locals.len();
            let mut body = vec![];
            match &declaration.body {
                FunctionBody::Block(block) => {
                    if says_next(block) {
                        body = keep_arguments(&mut scope, declaration);
                    }
                    scope.unread = self.unread(&[block], &scope);
                    body.extend(self.block(&mut scope, block));
                    self.silence_unread(&[block], &scope);
                }
                FunctionBody::Embedded(code) => {
                    self.embedded(code);
                    body.push(Stmt { span: code.span, kind: StmtKind::Embedded });
                }
            }
            self.functions[index].body = body;
            self.functions[index].locals = scope.locals;
            index += 1;
        }
    }

    /// `next` in a function: the next overload is called in its place, outside of any `try` that `next` stands in.
    pub(super) fn next_overload(&mut self, scope: &Scope<'a>, index: usize, span: Span) -> Stmt {
        let read = |local| build::expr(span, Type::Long, ExprKind::Read(Place::Local(local)));
        let Some(after) = self.functions[index].after else {
            if let Some(builtin) = self.functions[index].last {
                let given = scope.given.iter().copied().map(read).collect();
                let made = self.builtin(scope, span, builtin, given);
                let last = match made.void {
                    true => vec![build::statement(span, made.expr), Stmt { span, kind: StmtKind::Return(None) }],
                    false => vec![Stmt { span, kind: StmtKind::Return(Some(made.expr)) }],
                };
                return Stmt { span, kind: StmtKind::Uncaught(last) };
            }
            let kind = ExprKind::Intrinsic(Intrinsic::Error, vec![build::text(span, EXHAUSTED)]);
            let error = build::statement(span, build::expr(span, Type::Long, kind));
            let leave = Stmt { span, kind: StmtKind::Return(None) };
            return Stmt { span, kind: StmtKind::Uncaught(vec![error, leave]) };
        };
        self.calls(scope, after, span);
        let call =
            build::expr(span, Type::Long, ExprKind::Call(after, scope.given.iter().copied().map(read).collect()));
        let leave = Stmt { span, kind: StmtKind::Return(Some(call)) };
        Stmt { span, kind: StmtKind::Uncaught(vec![leave]) }
    }

    /// A call whose value somebody looks at, so that it must have a type in the end.
    pub(super) fn needs_value(&mut self, id: FunctionId, span: Span) {
        if self.trials > 0 || self.standing != Standing::Runs {
            return;
        }
        let state = &self.functions[id.0 as usize];
        let what = format!("what `{}` returns", state.declaration.name.text);
        let returns = state.returns;
        self.needed.push((returns, span, what));
    }

    /// A function that gives a value somewhere, or is used as if it did, may not return without one.
    pub(crate) fn bare_returns(&mut self) {
        for index in 0..self.functions.len() {
            let state = &mut self.functions[index];
            let (bare, returns, name) =
                (std::mem::take(&mut state.bare_returns), state.returns, &state.declaration.name);
            let Some(ty) = self.types.known(returns) else { continue };
            for at in bare {
                let message = format!("`{}` returns {}, and here it returns nothing", name.text, a_type(ty));
                let finding = Diagnostic::error("type-mismatch", at, message);
                let value = if ty == Type::Text { "return \"\"" } else { "return 0" };
                self.report(finding.with_help(format!("say `{value}`")));
            }
        }
    }
}

/// Keeps what the parameters are at the start, where the body may change them before it says `next`.
fn keep_arguments(scope: &mut Scope<'_>, declaration: &Function) -> Vec<Stmt> {
    let mut first = vec![];
    for (name, _) in &declaration.params {
        let Some(param) = scope.find(&name.text) else { continue };
        let ty = scope.local(param).ty;
        let kept = scope.hidden(&name.text, name.span, ty);
        scope.given.push(kept);
        let value = build::expr(name.span, Type::Long, ExprKind::Read(Place::Local(param)));
        first.push(build::assign(name.span, Place::Local(kept), value));
    }
    first
}

fn says_next(body: &ast::Block) -> bool {
    let mut found = false;
    scan::block(body, &mut |node| {
        found |= matches!(node, Node::Statement(ast::Statement { kind: ast::StatementKind::Next, .. }));
    });
    found
}

fn a_type(ty: Type) -> &'static str {
    match ty {
        Type::Long => "a long",
        Type::Text => "a string",
    }
}

fn type_named(name: TypeName) -> Type {
    match name {
        TypeName::Long => Type::Long,
        TypeName::String => Type::Text,
    }
}
