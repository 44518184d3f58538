//! Functions: elaborated once each, when the first call of one is met.

use crate::autocast::{Body, Holder};
use crate::elaboration::Elaboration;
use crate::scan;
use crate::scope::{LocalState, Scope, Site};
use crate::types::Ty;
use systap_ir::program::{FunctionId, Stmt, Type};
use systap_syntax::ast::{Function, FunctionBody, TypeName};

/// A function while its calls are gathered.
#[derive(Debug)]
pub(crate) struct FunctionState<'a> {
    pub(crate) declaration: &'a Function,
    pub(crate) params: Vec<Ty>,
    /// `None` if it returns nothing.
    pub(crate) returns: Option<Ty>,
    pub(crate) locals: Vec<LocalState>,
    pub(crate) body: Vec<Stmt>,
}

impl<'a> Elaboration<'a> {
    /// The identifier of a function that is called; its body is elaborated later.
    pub(crate) fn call_target(&mut self, declaration: &'a Function) -> FunctionId {
        let key = (declaration.name.text.as_str(), declaration.params.len());
        if let Some(id) = self.names.called.get(&key) {
            return *id;
        }
        let id = FunctionId(self.functions.len() as u32);
        let mut params = Vec::with_capacity(declaration.params.len());
        for (name, annotation) in &declaration.params {
            params.push(match annotation {
                Some(annotation) => self.types.settled(type_named(*annotation), name.span),
                None => self.types.fresh(),
            });
        }
        let returns = match (&declaration.returns, &declaration.body) {
            (Some(annotation), _) => Some(self.types.settled(type_named(*annotation), declaration.name.span)),
            (None, FunctionBody::Block(body)) if scan::returns_value(body) => Some(self.types.fresh()),
            (None, FunctionBody::Block(_)) => None,
            // What C code returns is not known; that it is there has been reported.
            (None, FunctionBody::Embedded(_)) => Some(Ty::Unknown),
        };
        self.functions.push(FunctionState { declaration, params, returns, locals: vec![], body: vec![] });
        self.names.called.insert(key, id);
        id
    }

    /// Elaborates the bodies of the functions from `index` on, and of those that they call.
    pub(crate) fn called_functions(&mut self, mut index: usize) {
        while index < self.functions.len() {
            let state = &self.functions[index];
            let (declaration, params) = (state.declaration, state.params.clone());
            let mut scope = Scope::new(Site::Function { index }, Body::Function(index));
            for (nth, ((name, _), ty)) in declaration.params.iter().zip(params).enumerate() {
                let id = scope.declare(&name.text, name.span, ty);
                scope.local(id).assigned = true;
                let param = Holder::Param(declaration.name.text.clone(), declaration.params.len(), nth);
                let pointer = self.autocast.ask(param);
                self.autocast.give(scope.holder(id), pointer);
            }
            if let FunctionBody::Block(body) = &declaration.body {
                let body = self.block(&mut scope, body);
                self.functions[index].body = body;
            }
            self.functions[index].locals = scope.locals;
            index += 1;
        }
    }
}

fn type_named(name: TypeName) -> Type {
    match name {
        TypeName::Long => Type::Long,
        TypeName::String => Type::Text,
    }
}
