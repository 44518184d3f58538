//! `-l`, `-L` and the dumps: what there is to probe and to call.

use std::collections::BTreeMap;

use systap_diagnostics::{Sources, Span};
use systap_elaborate::{Elaborated, TapsetSource};
use systap_kernel::Kernel;
use systap_syntax::ParseOptions;
use systap_syntax::ast::{Item, ProbePoint};

use super::request::{Request, Subject};
use super::{Verdict, passes, print, startup};
use crate::cli::Format;
use crate::compile::{Compilation, on_deep_stack, tapsets};
use crate::{script, terminal};

/// The functions, with their types; those of the library's own only if `all`.
pub(crate) fn functions(all: bool) -> String {
    let listed =
        systap_elaborate::signatures().into_iter().filter(|signature| all || !signature.name.starts_with("__"));
    listed.map(|signature| format!("{signature}\n")).collect()
}

/// The kinds of probe points.
pub(crate) fn probe_types() -> String {
    systap_elaborate::probe_types().iter().map(|form| format!("{form}\n")).collect()
}

/// The aliases: of system calls, which are built in, and of tapsets.
pub(crate) fn aliases(request: &Request) -> String {
    let kernel = Kernel::running();
    let mut lines: Vec<String> = vec![];
    for call in kernel.syscalls().iter() {
        lines.extend(["", ".return"].map(|suffix| format!("syscall.{}{suffix}", call.name)));
    }
    let roots = startup::tapset_directories().into_iter().chain(request.tapsets.clone()).collect();
    for file in tapsets(roots, &kernel).files() {
        let mut sources = Sources::default();
        let id = sources.add(file.name.as_str(), file.text.as_str());
        let options = ParseOptions { privileged: true, ..ParseOptions::default() };
        for item in systap_syntax::parse(&mut sources, id, &options).file.items {
            let Item::Alias(alias) = item else { continue };
            let points: Vec<&str> = alias.points.iter().map(|point| sources.text(point.span)).collect();
            lines.extend(alias.names.iter().map(|name| format!("{} = {}", name_of(name, &sources), points.join(", "))));
        }
    }
    lines.retain(|line| request.verbose[1] > 0 || !line.starts_with('_'));
    lines.sort();
    lines.dedup();
    lines.into_iter().map(|line| line + "\n").collect()
}

fn name_of<'s>(name: &ProbePoint, sources: &'s Sources) -> &'s str {
    sources.text(name.span)
}

/// The points that match; a success if there is one.
pub(crate) fn points(request: &Request) -> Verdict {
    let (pattern, with_variables) = match &request.subject {
        Subject::Variables(pattern) => (pattern, true),
        Subject::Points(pattern) => (pattern, false),
        _ => return Verdict::Failure,
    };
    let prepared = passes::kernel(request).and_then(|kernel| Ok((passes::settings(request, &kernel)?, kernel)));
    let (mut settings, kernel) = match prepared {
        Ok(prepared) => prepared,
        Err(misuse) => {
            terminal::complain(&misuse.0);
            return Verdict::Failure;
        }
    };
    settings.list = true;
    settings.warnings = crate::compile::Warnings::Silent;
    let mut sources = Sources::default();
    let first = sources.add("<command line>", format!("probe {} {{}}", each_call(pattern, &kernel)));
    let files: Vec<_> = std::iter::once(first).chain(script::more(&request.more, &mut sources)).collect();
    let listed = on_deep_stack(|| {
        let mut compilation = Compilation::new(&mut sources, &settings, &kernel);
        let listed =
            compilation.parse(&files).map(|trees| compilation.elaborate_with(&trees, systap_elaborate::elaborate));
        (listed.ok(), compilation.diagnostics)
    });
    let Some((listed, mut diagnostics)) = listed else { return Verdict::Failure };
    let own = |span: Option<Span>| span.is_some_and(|span| span.file == first);
    let mut lines: BTreeMap<String, Vec<String>> = BTreeMap::new();
    if let Some(Elaborated { program, listed, diagnostics: found, .. }) = listed {
        for (probe, listed) in program.probes.iter().zip(listed).filter(|(probe, _)| own(Some(probe.span))) {
            let locals = probe.locals.iter().map(|local| format!("{}:{}", local.name, type_word(local.ty)));
            let variables: Vec<String> = locals.chain(listed.variables).collect();
            // Of points that one name stands for, what all of them offer.
            lines
                .entry(listed.name)
                .and_modify(|known| known.retain(|variable| variables.contains(variable)))
                .or_insert(variables);
        }
        diagnostics.extend(found);
    }
    if lines.is_empty() {
        diagnostics.retain(|finding| finding.severity == systap_diagnostics::Severity::Error);
        terminal::show(&diagnostics, &sources, Format::Text, request.color);
        return Verdict::Failure;
    }
    let line = |(name, variables): (String, Vec<String>)| match with_variables && !variables.is_empty() {
        true => format!("{name} {}\n", variables.join(" ")),
        false => format!("{name}\n"),
    };
    print(&lines.into_iter().map(line).collect::<String>())
}

/// A pattern over system calls as a list of those that it matches, since a list names each; any other pattern as it is.
fn each_call(pattern: &str, kernel: &Kernel) -> String {
    let mut words = pattern.splitn(3, '.');
    let (Some(family @ ("syscall" | "nd_syscall")), Some(calls)) = (words.next(), words.next()) else {
        return pattern.to_owned();
    };
    if !calls.contains('*') || calls.contains("**") {
        return pattern.to_owned();
    }
    let suffix = words.next().map(|suffix| format!(".{suffix}")).unwrap_or_default();
    let found = kernel.syscalls().iter().filter(|call| systap_kernel::glob::matches(calls, call.name));
    let listed: Vec<String> = found.map(|call| format!("{family}.{}{suffix}", call.name)).collect();
    if listed.is_empty() { pattern.to_owned() } else { listed.join(", ") }
}

fn type_word(ty: systap_ir::program::Type) -> &'static str {
    match ty {
        systap_ir::program::Type::Long => "long",
        systap_ir::program::Type::Text => "string",
    }
}
