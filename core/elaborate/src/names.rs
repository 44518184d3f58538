//! What the files declare: globals, functions by arity, aliases.
//!
//! Must never look into bodies.

use std::collections::HashMap;
use systap_diagnostics::{Diagnostic, FileId, Span};
use systap_ir::program::{FunctionId, GlobalId};
use systap_syntax::ast::{Alias, File, Function, FunctionBody, Global, Item, Probe, ProbePoint};

/// The declarations of all files.
#[derive(Debug, Default)]
pub(crate) struct Names<'a> {
    globals: HashMap<&'a str, &'a Global>,
    functions: HashMap<&'a str, Vec<&'a Function>>,
    /// The identifiers of the globals that have been used.
    pub(crate) used_globals: HashMap<&'a str, GlobalId>,
    /// The identifiers of the functions that have been called, by name and number of parameters.
    pub(crate) called: HashMap<(&'a str, usize), FunctionId>,
    /// Each name of each alias.
    pub(crate) aliases: Vec<(&'a ProbePoint, &'a Alias)>,
    /// The probes of the script, in order.
    pub(crate) probes: Vec<&'a Probe>,
    /// The functions of the script, in order.
    pub(crate) script_functions: Vec<&'a Function>,
    /// Where something is accumulated into a global of that name.
    pub(crate) aggregates: HashMap<&'a str, Span>,
    /// The first file of the library, once one has been read: it and all after it are the library's.
    pub(crate) library_from: Option<FileId>,
    /// The same of the user's tapsets, which are read before the library.
    pub(crate) tapsets_from: Option<FileId>,
}

impl<'a> Names<'a> {
    /// Takes in a file's declarations. `script`: it is the user's, not the library's.
    pub(crate) fn add(&mut self, file: &'a File, script: bool, findings: &mut Vec<Diagnostic>) {
        crate::scan::aggregates(file, &mut self.aggregates);
        for item in &file.items {
            match item {
                Item::Global(global) => self.add_global(global, findings),
                Item::Function(function) => self.add_function(function, script, findings),
                Item::Probe(probe) if script => self.probes.push(probe),
                Item::Probe(_) => {}
                Item::Alias(alias) => self.aliases.extend(alias.names.iter().map(|name| (name, alias))),
                Item::Embedded(code) => findings.push(
                    Diagnostic::error("unsupported-construct", code.span, "embedded C is not supported")
                        .with_label("C code"),
                ),
            }
        }
    }

    fn add_global(&mut self, global: &'a Global, findings: &mut Vec<Diagnostic>) {
        let name = &global.name;
        if let Some(first) = self.globals.get(name.text.as_str()) {
            findings.push(
                Diagnostic::error(
                    "duplicate-global",
                    name.span,
                    format!("the global `{}` is declared twice", name.text),
                )
                .with_label("declared again here")
                .with_secondary(first.name.span, "first declared here"),
            );
            return;
        }
        self.globals.insert(&name.text, global);
    }

    fn add_function(&mut self, function: &'a Function, script: bool, findings: &mut Vec<Diagnostic>) {
        let name = &function.name;
        for (index, (param, _)) in function.params.iter().enumerate() {
            if let Some((first, _)) = function.params[..index].iter().find(|(first, _)| first.text == param.text) {
                let message = format!("two parameters of `{}` are called `{}`", name.text, param.text);
                findings.push(
                    Diagnostic::error("duplicate-parameter", param.span, message)
                        .with_label("again here")
                        .with_secondary(first.span, "first here"),
                );
            }
        }
        let overloads = self.functions.entry(&name.text).or_default();
        if let Some(first) = overloads.iter().find(|first| first.params.len() == function.params.len()) {
            if script {
                let count = crate::check::count(function.params.len(), "parameter");
                let message = format!("the function `{}` with {count} is defined twice", name.text);
                findings.push(
                    Diagnostic::error("duplicate-function", name.span, message)
                        .with_label("defined again here")
                        .with_secondary(first.name.span, "first defined here"),
                );
            }
            // A script's function goes before the library's of the same name.
            return;
        }
        overloads.push(function);
        if script {
            self.script_functions.push(function);
            if let FunctionBody::Embedded(code) = &function.body {
                findings.push(
                    Diagnostic::error("unsupported-construct", code.span, "embedded C is not supported")
                        .with_label("C code"),
                );
            }
        }
    }

    pub(crate) fn global(&self, name: &str) -> Option<&'a Global> {
        self.globals.get(name).copied()
    }

    pub(crate) fn global_names(&self) -> impl Iterator<Item = &'a str> {
        self.globals.keys().copied()
    }

    /// The functions of that name, one for each number of parameters.
    pub(crate) fn functions(&self, name: &str) -> &[&'a Function] {
        self.functions.get(name).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn function_names(&self) -> impl Iterator<Item = &'a str> {
        self.functions.keys().copied()
    }

    /// Whether a place is in a file of the user's own.
    pub(crate) fn in_script(&self, span: Span) -> bool {
        !self.in_library(span) && self.tapsets_from.is_none_or(|first| span.file < first)
    }

    /// Whether a place is in a file of the library.
    pub(crate) fn in_library(&self, span: Span) -> bool {
        self.library_from.is_some_and(|first| span.file >= first)
    }
}
