//! The code of programs and libraries: `process("path").function("f")`, `.statement`, `.mark`, `.plt`, `.library("l")`.
//!
//! Names come from the file's symbols. Source lines, labels and variables would take debug information (DWARF), which is not
//! read.

use super::function::{Pattern, check_active, registers};
use super::{Point, Resolution, Resolved, argument_span, bad_argument, number, process, string, text_of, unknown};
use crate::build::{self, Load};
use crate::elaboration::Elaboration;
use crate::scope::{EventFacts, OfferedValue};
use std::rc::Rc;
use systap_binary::{Binary, BinaryError, Mark, Operand, Place};
use systap_diagnostics::{Diagnostic, Span};
use systap_ir::program::{BinaryOp, Event, Expr, Space, Width};
use systap_kernel::glob;
use systap_syntax::ast::{Component, Literal};

/// The file that a point is about, and the one process that it is restricted to.
struct Subject {
    binary: Rc<Binary>,
    process: Option<u32>,
    /// Of a library: whether the current process is one that is meant.
    filter: Option<Expr>,
    /// For errors.
    at: Span,
}

fn subject(this: &mut Elaboration<'_>, point: &Point<'_>) -> Result<Subject, Box<Diagnostic>> {
    let missing = || Box::new(Diagnostic::error("probe-argument", point.span, "no program is named"));
    let first = point.word("process").ok_or_else(missing)?;
    let process = match number(first) {
        Some(_) => Some(process::pid_of(first)?),
        None => None,
    };
    let program = process::program_of(this, first)?;
    if let Some(library) = point.word("library") {
        let found = this.programs.library(&string(library).unwrap_or_default());
        let binary = found.map_err(|error| {
            Box::new(Diagnostic::error("unknown-program", argument_span(library), error.to_string()))
        })?;
        // A library is many programs'.
        let filter = if process.is_none() { process::filter(this, first)? } else { None };
        return Ok(Subject { binary, process, filter, at: argument_span(library) });
    }
    match program {
        Some(binary) => Ok(Subject { binary, process, filter: None, at: argument_span(first) }),
        None => {
            let message = "`process` needs a program here: its path, or the number of a process that runs it";
            let finding = Diagnostic::error("probe-argument", first.name.span, message);
            let finding = finding.with_label("`process(\"/usr/bin/ls\")`");
            Err(Box::new(finding.with_note("without one, it is that of the command of `-c` or the process of `-x`")))
        }
    }
}

impl Subject {
    /// A point at an offset of the file.
    fn resolved(&self, name: String, offset: u64, returns: bool, facts: EventFacts) -> Resolved {
        let path = self.binary.path().to_string_lossy().into_owned();
        let event = Event::UserCode { path, offset, returns, semaphore: 0, process: self.process };
        Resolved { facts, filter: self.filter.clone(), ..Resolved::plain(name, event) }
    }

    /// The point as `pp()` says it: the file by its path, the pattern by what it matched.
    fn name(&self, point: &Point<'_>, word: &str, matched: &str) -> String {
        let mut components = point.components.clone();
        let path = self.binary.path().to_string_lossy();
        let place = if point.has("library") { "library" } else { "process" };
        for component in &mut components {
            let text = match component.name.text.as_str() {
                known if known == place && self.process.is_none() => path.as_bytes(),
                known if known == word => matched.as_bytes(),
                _ => continue,
            };
            let span = argument_span(component);
            component.arg = Some(systap_syntax::ast::ComponentArg { value: Literal::String(text.to_vec()), span });
        }
        text_of(&components)
    }

    fn path(&self) -> String {
        self.binary.path().display().to_string()
    }

    fn refused(&self, error: &BinaryError) -> Box<Diagnostic> {
        Box::new(Diagnostic::error("program-unreadable", self.at, error.to_string()))
    }
}

/// `.function("f")`, `.call`, `.exported`, `.return`.
pub(super) fn function<'a>(this: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    check_active(point)?;
    let Some(component) = point.word("function") else { return Ok(vec![]) };
    let subject = subject(this, point)?;
    if number(component).is_some() {
        return address(&subject, point, component);
    }
    let pattern = Pattern::of(component)?;
    if pattern.line {
        return Err(no_lines(component, "the function of a source line"));
    }
    let is_pattern = glob::is_pattern(&pattern.name);
    if let Some(file) = &pattern.file {
        if is_pattern {
            return Err(no_lines(component, "what is in a source file"));
        }
        let message = format!("whether `{}` is in `{file}` could not be checked", pattern.name);
        let finding = Diagnostic::warning("source-unknown", argument_span(component), message);
        this.report(finding.with_note("symbols do not tell source files"));
    }
    let (returns, exported) = (point.has("return"), point.has("exported"));
    let functions = subject.binary.functions().map_err(|error| subject.refused(&error))?;
    let mut found = vec![];
    let mut places = std::collections::HashSet::new();
    for each in functions.iter().filter(|each| each.exported || !exported) {
        let named = if is_pattern { glob::matches(&pattern.name, &each.name) } else { each.name == pattern.name };
        // Several names of one place are one function.
        if named && places.insert(each.offset) {
            let facts = registers(point.span, returns);
            let name = subject.name(point, "function", &each.name);
            found.push(subject.resolved(name, each.offset, returns, facts));
        }
    }
    if found.is_empty() {
        let (code, at, path) = ("unknown-function", argument_span(component), subject.path());
        if is_pattern {
            let message = format!("no function of `{path}` matches `{}`", pattern.name);
            return Err(Box::new(Diagnostic::error(code, at, message)));
        }
        let message = format!("`{path}` has no function `{}`", pattern.name);
        let finding = unknown(code, at, message, &pattern.name, functions.iter().map(|each| each.name.as_str()));
        return Err(match functions {
            [] => Box::new(finding.with_note("the file has no symbols: it has been stripped")),
            _ => finding,
        });
    }
    Ok(found)
}

/// `.statement("f")`: a function's first instruction, or an address in the file; `.absolute`: in a process.
pub(super) fn statement<'a>(this: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    let Some(component) = point.word("statement") else { return Ok(vec![]) };
    let subject = subject(this, point)?;
    if number(component).is_some() {
        return address(&subject, point, component);
    }
    let pattern = Pattern::of(component)?;
    if pattern.line || pattern.file.is_some() || glob::is_pattern(&pattern.name) {
        return Err(no_lines(component, "the code of a source line"));
    }
    let functions = subject.binary.functions().map_err(|error| subject.refused(&error))?;
    match functions.iter().find(|each| each.name == pattern.name) {
        Some(found) => {
            let name = subject.name(point, "statement", &found.name);
            Ok(vec![subject.resolved(name, found.offset, false, EventFacts::Plain)])
        }
        None => {
            let message = format!("`{}` has no function `{}`", subject.path(), pattern.name);
            let known = functions.iter().map(|each| each.name.as_str());
            Err(unknown("unknown-function", argument_span(component), message, &pattern.name, known))
        }
    }
}

/// A point at an address of the file's own headers.
fn address(subject: &Subject, point: &Point<'_>, component: &Component) -> Resolution {
    let address = number(component).unwrap_or(0).cast_unsigned();
    let returns = point.has("return");
    match subject.binary.offset(address).map_err(|error| subject.refused(&error))? {
        Some(offset) => {
            let facts = registers(point.span, returns);
            Ok(vec![subject.resolved(text_of(&point.components), offset, returns, facts)])
        }
        None => Err(bad_argument(component, format!("`{}` has nothing at {address:#x}", subject.path()))),
    }
}

/// `.inline`, `.label`, `.callee`, `.callees`.
pub(super) fn inline<'a>(this: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    // A function that does not exist is the nearer mistake.
    function(this, point)?;
    let words = ["inline", "label", "callee", "callees"];
    let Some(word) = point.components.iter().find(|component| words.contains(&component.name.text.as_str())) else {
        return Ok(vec![]);
    };
    let message = format!(
        "where `{}` is in a function is only known with debug information (DWARF), which is not read",
        word.name.text
    );
    Err(Box::new(Diagnostic::error("needs-debug-information", word.name.span, message)))
}

fn no_lines(at: &Component, what: &str) -> Box<Diagnostic> {
    let message = format!("{what} is only known with debug information (DWARF), which is not read");
    let finding = Diagnostic::error("needs-debug-information", argument_span(at), message);
    Box::new(finding.with_help("name the function alone: `process(\"path\").function(\"main\")`"))
}

/// `.mark("name")`, `.provider("p").mark("name")`: probes that the program's author put there.
pub(super) fn mark<'a>(this: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    let Some(component) = point.word("mark") else { return Ok(vec![]) };
    let subject = subject(this, point)?;
    let wanted = string(component).unwrap_or_default();
    let provider = point.word("provider").and_then(string);
    let marks = subject.binary.marks().map_err(|error| subject.refused(&error))?;
    // Names that have dashes are written with two underscores in the note, as DTrace has it.
    let same =
        |pattern: &str, name: &str| glob::matches(pattern, name) || glob::matches(&pattern.replace('-', "__"), name);
    let found: Vec<Resolved> = marks
        .iter()
        .filter(|mark| same(&wanted, &mark.name) && provider.as_ref().is_none_or(|of| same(of, &mark.provider)))
        .map(|mark| of_mark(&subject, point, mark))
        .collect();
    if found.is_empty() {
        let of = provider.map_or(String::new(), |of| format!(" of the provider `{of}`"));
        let message = format!("`{}` has no mark `{wanted}`{of}", subject.path());
        let known = marks.iter().map(|mark| mark.name.as_str());
        let finding = unknown("unknown-mark", argument_span(component), message, &wanted, known);
        return Err(if marks.is_empty() { Box::new(finding.with_note("it has no marks at all")) } else { finding });
    }
    Ok(found)
}

fn of_mark(subject: &Subject, point: &Point<'_>, mark: &Mark) -> Resolved {
    let span = point.span;
    let value = |name: String, value: Expr| OfferedValue { name, value, pointee: None, settable: false };
    let mut values = vec![
        value("$$name".into(), build::text(span, mark.name.as_str())),
        value("$$provider".into(), build::text(span, mark.provider.as_str())),
    ];
    for (nth, operand) in systap_binary::operands(&mark.operands).iter().enumerate() {
        let Some(operand) = operand else { continue };
        values.push(value(format!("$arg{}", nth + 1), operand_value(span, operand)));
    }
    let name = subject.name(point, "mark", &mark.name);
    let mut resolved = subject.resolved(name, mark.offset, false, EventFacts::Values(values));
    if let Event::UserCode { semaphore, .. } = &mut resolved.event {
        *semaphore = mark.semaphore;
    }
    resolved
}

/// The value of a mark's argument.
fn operand_value(span: Span, operand: &Operand) -> Expr {
    let bits = operand.size.saturating_mul(8);
    match &operand.place {
        Place::Constant(value) => build::long(span, *value),
        Place::Register(register, from) => {
            let whole = super::register(span, *register);
            let shifted = match from {
                0 => whole,
                from => build::binary(span, BinaryOp::ShiftRight, whole, build::long(span, i64::from(*from) * 8)),
            };
            build::extend(span, shifted, bits, operand.signed)
        }
        Place::Memory { displacement, base, index } => {
            let base = base.map(|base| super::register(span, base));
            let index = index.map(|(index, scale)| {
                let scale = build::long(span, i64::from(scale));
                build::binary(span, BinaryOp::Multiply, super::register(span, index), scale)
            });
            let address = match (base, index) {
                (Some(base), Some(index)) => build::binary(span, BinaryOp::Add, base, index),
                (Some(one), None) | (None, Some(one)) => one,
                (None, None) => build::long(span, 0),
            };
            let width = Width::of(u32::from(operand.size)).unwrap_or(Width::W8);
            let load = Load { offset: *displacement, width, signed: operand.signed, space: Space::User, typed: false };
            build::load(span, address, load)
        }
    }
}

/// `.plt("malloc")`: calls of functions of libraries.
pub(super) fn plt<'a>(this: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    let Some(component) = point.word("plt") else { return Ok(vec![]) };
    let subject = subject(this, point)?;
    let wanted = string(component).unwrap_or_else(|| "*".into());
    let returns = point.has("return");
    let stubs = subject.binary.stubs().map_err(|error| subject.refused(&error))?;
    let resolved = |stub: &systap_binary::Stub| {
        let name = OfferedValue {
            name: "$$name".into(),
            value: build::text(point.span, stub.name.as_str()),
            pointee: None,
            settable: false,
        };
        let mut values = vec![name];
        if let EventFacts::Values(returned) = registers(point.span, returns) {
            values.extend(returned);
        }
        let text = subject.name(point, "plt", &stub.name);
        subject.resolved(text, stub.offset, returns, EventFacts::Values(values))
    };
    let found: Vec<Resolved> = stubs.iter().filter(|stub| glob::matches(&wanted, &stub.name)).map(resolved).collect();
    if found.is_empty() {
        let message = format!("`{}` calls no function `{wanted}` of a library", subject.path());
        let known = stubs.iter().map(|stub| stub.name.as_str());
        return Err(unknown("unknown-function", argument_span(component), message, &wanted, known));
    }
    Ok(found)
}
