//! Functions and instructions of the kernel and its modules: `kernel.function("f")` and what goes on from it,
//! `module("m").function`, `kernel.statement`, `kprobe.function`, `kernel.lsm`.
//!
//! BTF tells names, parameters and results. Source files and lines, labels, inlined copies and local variables are in debug
//! information of another kind (DWARF), which is not read.

use super::{
    Point, Resolution, Resolved, argument_span, bad_argument, kernel_refuses, number, string, text_of, unknown,
};
use crate::elaboration::Elaboration;
use crate::listing::List;
use crate::scope::{EventFacts, FunctionFacts};
use std::collections::HashSet;
use systap_diagnostics::{Diagnostic, Span};
use systap_ir::program::Event;
use systap_kernel::{Function, Kind, Param, glob};
use systap_syntax::ast::Component;

/// What a string says of a function: `name@file:line`.
pub(super) struct Pattern {
    pub(super) name: String,
    /// A source file, unless any will do.
    pub(super) file: Option<String>,
    /// A line in it.
    pub(super) line: bool,
}

impl Pattern {
    /// Takes a string apart.
    ///
    /// # Errors
    /// Where it names no function.
    pub(super) fn of(component: &Component) -> Result<Pattern, Box<Diagnostic>> {
        let text = string(component).unwrap_or_default();
        let (name, place) = match text.split_once('@') {
            Some((name, place)) => (name, Some(place)),
            None => (text.as_str(), None),
        };
        let (file, line) = match place.map(|place| place.split_once([':', '+']).unwrap_or((place, ""))) {
            None => (None, ""),
            Some((file, line)) => (Some(file), line),
        };
        if name.is_empty() || file == Some("") {
            return Err(bad_argument(
                component,
                format!("`{text}` names no function: expected `name`, or `name@file`"),
            ));
        }
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let line_is_well_formed = line.is_empty()
            || line == "*"
            || line.split(',').all(|part| match part.split_once('-') {
                Some((from, to)) => digits(from) && digits(to),
                None => digits(part.trim_start_matches('+')),
            });
        if !line_is_well_formed {
            return Err(bad_argument(component, format!("`{line}` is no line number, nor a list or range of some")));
        }
        let file = file.filter(|file| *file != "*").map(str::to_string);
        Ok(Pattern { name: name.to_string(), file, line: !line.is_empty() })
    }
}

/// The most that a return probe may be told to keep at a time: the kernel counts them in 16 bits here.
const MOST_ACTIVE: i64 = 0xffff;

pub(super) fn check_active(point: &Point<'_>) -> Result<(), Box<Diagnostic>> {
    match point.word("maxactive") {
        Some(active) if !number(active).is_some_and(|given| (0..=MOST_ACTIVE).contains(&given)) => {
            let given = number(active).unwrap_or(0);
            Err(bad_argument(active, format!("`maxactive` takes a number from 0 to {MOST_ACTIVE}, not {given}")))
        }
        _ => Ok(()),
    }
}

/// `kernel.function(...)`, `.call`, `.exported`, `.return`; the same of a module.
pub(super) fn resolve<'a>(this: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    check_active(point)?;
    let Some(component) = point.word("function") else { return Ok(vec![]) };
    if let Some(address) = number(component) {
        return address_of(this, point, component, address);
    }
    let pattern = Pattern::of(component)?;
    if pattern.line {
        return Err(no_lines(component, "the function of a source line"));
    }
    let exported = point.has("exported");
    let module = module_of(point);
    if let Some(module) = &module {
        return of_module(this, point, component, &pattern, module);
    }
    let mut found = if glob::is_pattern(&pattern.name) {
        if pattern.file.is_some() {
            return Err(no_lines(component, "what is in a source file"));
        }
        let found = match this.list {
            List::Names => this.kernel.functions_by_name(&pattern.name),
            _ => this.kernel.functions(&pattern.name),
        };
        found.map_err(|error| kernel_refuses(argument_span(component), &error))?
    } else {
        let found = this.kernel.function(&pattern.name);
        found.map_err(|error| kernel_refuses(argument_span(component), &error))?.into_iter().collect()
    };
    if exported {
        found.retain(|function| {
            let marker = format!("__ksymtab_{}", function.name);
            this.kernel.symbols().is_ok_and(|symbols| symbols.by_name(&marker).is_some())
        });
    }
    if found.is_empty() {
        return Err(no_such_function(this, component, &pattern.name, exported));
    }
    if let Some(file) = &pattern.file {
        let message = format!("whether `{}` is in `{file}` could not be checked", pattern.name);
        let finding = Diagnostic::warning("source-unknown", argument_span(component), message);
        this.report(finding.with_note("the types of the kernel do not tell source files"));
    }
    Ok(found.into_iter().map(|function| entry_or_return(point, function)).collect())
}

/// The argument that is the function's name, put in for the pattern.
fn named(point: &Point<'_>, word: &str, name: &str) -> String {
    let mut components = point.components.clone();
    if let Some(arg) = components.iter_mut().find(|component| component.name.text == word).and_then(|c| c.arg.as_mut())
    {
        arg.value = systap_syntax::ast::Literal::String(name.as_bytes().to_vec());
    }
    text_of(&components)
}

fn entry_or_return(point: &Point<'_>, function: Function) -> Resolved {
    let returns = point.has("return");
    let text = named(point, "function", &function.name);
    let Some(prototype) = function.prototype else {
        let event = Event::KernelCode { symbol: function.name, offset: 0, returns };
        return Resolved::plain(text, event);
    };
    let words = prototype.params.len() as u32;
    let structs = prototype.params.iter().any(|param| param.name.is_empty());
    let event = Event::KernelFunction { name: function.name, btf_id: prototype.id.0, words, structs, returns };
    let returned = prototype.returns.filter(|_| returns).map(|ty| Param { name: "return".into(), ty });
    let facts = EventFacts::Function(FunctionFacts { params: prototype.params, returned });
    Resolved { facts, ..Resolved::plain(text, event) }
}

fn module_of(point: &Point<'_>) -> Option<String> {
    point.word("module").and_then(string)
}

/// Functions of a loaded module, which only the symbols tell.
fn of_module<'a>(
    this: &mut Elaboration<'a>,
    point: &Point<'a>,
    component: &Component,
    pattern: &Pattern,
    module: &str,
) -> Resolution {
    let at = point.word("module").map_or(point.span, argument_span);
    let symbols = this.kernel.symbols().map_err(|error| kernel_refuses(at, &error))?;
    let loaded = |name: &str| glob::matches(&module.replace('-', "_"), &name.replace('-', "_"));
    let of_it: Vec<_> = symbols.of_modules(|of| !of.starts_with('[') && loaded(of)).collect();
    if of_it.is_empty() {
        let message = format!("no module `{module}` is loaded");
        return Err(unknown("unknown-module", at, message, module, symbols.modules()));
    }
    let code = of_it.iter().filter(|symbol| matches!(symbol.letter, 't' | 'T' | 'w' | 'W'));
    let mut seen = HashSet::new();
    let found: Vec<Resolved> = code
        .clone()
        .filter(|symbol| glob::matches(&pattern.name, symbol.name))
        .filter(|symbol| !glob::is_pattern(&pattern.name) || is_a_function(symbol.name, &pattern.name))
        .filter(|symbol| seen.insert((symbol.module, symbol.name)))
        .map(|symbol| {
            let event = Event::KernelCode {
                symbol: format!("{}:{}", symbol.module.unwrap_or_default(), symbol.name),
                offset: 0,
                returns: point.has("return"),
            };
            Resolved::plain(named(point, "function", symbol.name), event)
        })
        .collect();
    if found.is_empty() {
        let message = format!("the module `{module}` has no function `{}`", pattern.name);
        let known = code.map(|symbol| symbol.name);
        return Err(unknown("unknown-function", argument_span(component), message, &pattern.name, known));
    }
    Ok(found)
}

/// Whether a symbol of code is what a pattern over functions means: not what the compiler put before a function (`__pfx_`, `__cfi_`), nor,
/// unless the pattern has a dot, the parts and copies that it made of one (`.cold`, `.constprop.0`).
fn is_a_function(name: &str, pattern: &str) -> bool {
    !["__pfx_", "__cfi_"].iter().any(|prefix| name.starts_with(prefix))
        && (!name.contains('.') || pattern.contains('.'))
}

fn no_such_function(this: &Elaboration<'_>, at: &Component, name: &str, exported: bool) -> Box<Diagnostic> {
    const CODE: &str = "unknown-kernel-function";
    let what = if exported { "exported function" } else { "function" };
    if glob::is_pattern(name) {
        return Box::new(Diagnostic::error(
            CODE,
            argument_span(at),
            format!("no {what} of this kernel matches `{name}`"),
        ));
    }
    // Nobody hears of a point that may be missing, and looking through all functions takes longer than all else.
    let known = if this.hints || exported { this.kernel.function_names().unwrap_or_default() } else { vec![] };
    let message = format!("this kernel has no {what} `{name}`");
    if exported && known.contains(&name) {
        let finding = Diagnostic::error(CODE, argument_span(at), message);
        return Box::new(finding.with_note("there is such a function, but modules cannot call it"));
    }
    let finding = unknown(CODE, argument_span(at), message, name, known);
    Box::new(
        finding.with_note("a function that the compiler has put into its callers everywhere has no code of its own"),
    )
}

/// What would take debug information that is not there.
fn no_lines(at: &Component, what: &str) -> Box<Diagnostic> {
    let message =
        format!("{what} is only known with debug information (DWARF), and the kernel's types have none of it");
    let finding = Diagnostic::error("needs-debug-information", argument_span(at), message);
    Box::new(finding.with_help("name the function alone: `kernel.function(\"vfs_read\")`"))
}

/// `.inline`, `.label`, `.callee`, `.callees`.
pub(super) fn inline<'a>(this: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    check_active(point)?;
    // A function that does not exist is the nearer mistake.
    resolve(this, point)?;
    let Some(word) = point.at(2) else { return Ok(vec![]) };
    let message = format!(
        "where `{}` is in a function is only known with debug information (DWARF), which is not read",
        word.name.text
    );
    Err(Box::new(Diagnostic::error("needs-debug-information", word.name.span, message)))
}

/// `kernel.statement(...)`: a function's first instruction, or an address.
pub(super) fn statement<'a>(this: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    let Some(component) = point.word("statement") else { return Ok(vec![]) };
    if let Some(address) = number(component) {
        return address_of(this, point, component, address);
    }
    let pattern = Pattern::of(component)?;
    if pattern.line || pattern.file.is_some() || glob::is_pattern(&pattern.name) {
        return Err(no_lines(component, "the code of a source line"));
    }
    let found = this.kernel.function(&pattern.name);
    let found = found.map_err(|error| kernel_refuses(argument_span(component), &error))?;
    if found.is_none() {
        return Err(no_such_function(this, component, &pattern.name, false));
    }
    let event = Event::KernelCode { symbol: pattern.name, offset: 0, returns: false };
    Ok(vec![Resolved::plain(text_of(&point.components), event)])
}

/// `kernel.statement(ADDRESS).absolute` and `kprobe.statement(ADDRESS).absolute`.
pub(super) fn absolute<'a>(this: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    let Some(component) = point.word("statement") else { return Ok(vec![]) };
    if !this.guru {
        let message = "a probe on any address is only for experts";
        let finding = Diagnostic::error("needs-guru", argument_span(component), message);
        return Err(Box::new(finding.with_help("allow it: `-g`")));
    }
    let offset = number(component).unwrap_or(0).cast_unsigned();
    let event = Event::KernelCode { symbol: String::new(), offset, returns: false };
    Ok(vec![Resolved::plain(text_of(&point.components), event)])
}

/// A point at an address, which must be in some function if the symbols can be asked.
fn address_of<'a>(this: &Elaboration<'a>, point: &Point<'a>, at: &Component, address: i64) -> Resolution {
    let address = address.cast_unsigned();
    if let Ok(symbols) = this.kernel.symbols() {
        let found = symbols.resolve(address);
        if found.is_none_or(|found| found.module.is_some() != module_of(point).is_some()) {
            return Err(bad_argument(at, format!("no code is at {address:#x}")));
        }
    }
    let event = Event::KernelCode { symbol: String::new(), offset: address, returns: point.has("return") };
    Ok(vec![Resolved::plain(text_of(&point.components), event)])
}

/// `kprobe.function("f")`, `kprobe.module("m").function("f")`: by symbol, with the registers for arguments.
pub(super) fn kprobe<'a>(this: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    check_active(point)?;
    let Some(component) = point.word("function") else { return Ok(vec![]) };
    let name = string(component).unwrap_or_default();
    let at = argument_span(component);
    if name.is_empty() || glob::is_pattern(&name) {
        let message = format!("`kprobe.function` takes the name of one function, and `{name}` is none");
        return Err(bad_argument(component, message));
    }
    let returns = point.has("return");
    let symbol = match module_of(point) {
        Some(module) => {
            let pattern = Pattern { name: name.clone(), file: None, line: false };
            of_module(this, point, component, &pattern, &module)?;
            format!("{module}:{name}")
        }
        None => {
            if this.kernel.function(&name).map_err(|error| kernel_refuses(at, &error))?.is_none() {
                return Err(no_such_function(this, component, &name, false));
            }
            name
        }
    };
    let event = Event::KernelCode { symbol, offset: 0, returns };
    Ok(vec![Resolved { facts: registers(point.span, returns), ..Resolved::plain(text_of(&point.components), event) }])
}

/// On return, what was returned: `ax` of `struct pt_regs` on x86-64.
pub(super) fn registers(span: Span, returns: bool) -> EventFacts {
    if !returns {
        return EventFacts::Plain;
    }
    EventFacts::Values(vec![crate::scope::OfferedValue {
        name: "$return".into(),
        value: super::register(span, super::RETURNED),
        pointee: None,
        settable: false,
    }])
}

/// `kernel.lsm("file_open")`: a hook of the security modules, with its arguments.
pub(super) fn lsm<'a>(this: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    let Some(component) = point.word("lsm") else { return Ok(vec![]) };
    let name = string(component).unwrap_or_default();
    let at = argument_span(component);
    // The kernel has an empty function for each hook, for BPF to be attached to.
    const PREFIX: &str = "bpf_lsm_";
    let found = this.kernel.functions(&format!("{PREFIX}{name}")).map_err(|error| kernel_refuses(at, &error))?;
    if found.is_empty() {
        let known = this.kernel.function_names().unwrap_or_default();
        let hooks = known.into_iter().filter_map(|name| name.strip_prefix(PREFIX));
        let message = format!("this kernel has no security hook `{name}` that BPF could be attached to");
        return Err(unknown("unknown-kernel-function", at, message, &name, hooks));
    }
    let btf = this.kernel.btf().ok();
    let number = |name: &str| btf.and_then(|btf| btf.find(Kind::Int, name).ok().flatten());
    let address = number("long unsigned int").or_else(|| number("unsigned long"));
    let decision = number("int");
    let resolved = |function: Function| {
        let text = named(point, "lsm", function.name.strip_prefix(PREFIX).unwrap_or_default());
        let event = Event::NotRun { what: "security hooks" };
        let mut params = function.prototype.map(|prototype| prototype.params).unwrap_or_default();
        // What SystemTap offers: the address of the arguments, and what the hook decides.
        params.extend(address.map(|ty| Param { name: "ctx".into(), ty }));
        let returned = decision.map(|ty| Param { name: "return".into(), ty });
        let facts = EventFacts::Function(FunctionFacts { params, returned });
        Resolved { facts, ..Resolved::plain(text, event) }
    };
    Ok(found.into_iter().map(resolved).collect())
}
