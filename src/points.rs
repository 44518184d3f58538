//! What a pattern over probe points stands for on a kernel: what `systap list` and SystemTap's `-l` and `-L` show.
//!
//! Must never load or attach anything, nor print.

use std::collections::BTreeMap;

use systap_diagnostics::{Diagnostic, Severity, Sources, Span};
use systap_elaborate::{Elaborated, List};
use systap_ir::program::Event;
use systap_kernel::Kernel;

use crate::compile::{Compilation, Settings, Warnings, on_deep_stack};
use crate::script;

/// The points of a pattern, by name.
#[derive(Debug, Default)]
pub(crate) struct Points {
    /// With what each offers.
    pub(crate) found: BTreeMap<String, Offered>,
    /// What is wrong with the pattern; if points were found, of those that were not.
    pub(crate) errors: Vec<Diagnostic>,
    /// What is wrong with files of tapsets that may have it.
    pub(crate) left_out: Vec<Diagnostic>,
}

/// What a point offers.
#[derive(Debug, Default)]
pub(crate) struct Offered {
    /// `name:type` each. Of points that one name stands for, what all of them offer.
    pub(crate) variables: Vec<String>,
    /// What fires them.
    pub(crate) events: Vec<Event>,
}

/// Finds them; `None` if systap failed at it, which has been told. `more` is script text that goes with the pattern.
pub(crate) fn find(
    pattern: &str,
    how: List,
    settings: &mut Settings,
    kernel: &Kernel,
    sources: &mut Sources,
    more: &[String],
) -> Option<Points> {
    find_all(&[pattern], how, settings, kernel, sources, more)
}

/// The points of several patterns at once, which takes little longer than those of one.
pub(crate) fn find_all(
    patterns: &[&str],
    how: List,
    settings: &mut Settings,
    kernel: &Kernel,
    sources: &mut Sources,
    more: &[String],
) -> Option<Points> {
    settings.list = how;
    settings.warnings = Warnings::Silent;
    let probes: Vec<String> =
        patterns.iter().map(|pattern| format!("probe {} {{}}", each_call(pattern, kernel))).collect();
    let first = sources.add("<command line>", probes.join("\n"));
    let files: Vec<_> = std::iter::once(first).chain(script::more(more, sources)).collect();
    let (listed, mut errors) = on_deep_stack(|| {
        let mut compilation = Compilation::new(sources, settings, kernel);
        let listed =
            compilation.parse(&files).map(|trees| compilation.elaborate_with(&trees, systap_elaborate::elaborate));
        (listed.ok(), compilation.diagnostics)
    })?;
    let mut found = BTreeMap::new();
    if let Some(Elaborated { program, listed, diagnostics, .. }) = listed {
        errors.extend(diagnostics);
        let own = |span: Span| span.file == first;
        match how {
            List::Nothing => {}
            List::Names => {
                let own = listed.into_iter().filter(|listed| own(listed.span));
                found.extend(own.map(|listed| (listed.name, Offered::default())));
            }
            List::Variables => {
                for (probe, listed) in program.probes.iter().zip(listed).filter(|(probe, _)| own(probe.span)) {
                    // What elaboration keeps for itself begins with an `@`.
                    let locals = probe.locals.iter().filter(|local| !local.name.starts_with('@'));
                    let locals = locals.map(|local| format!("{}:{}", local.name, type_word(local.ty)));
                    let variables: Vec<String> = locals.chain(listed.variables).collect();
                    found
                        .entry(listed.name)
                        .and_modify(|known: &mut Offered| {
                            known.variables.retain(|variable| variables.contains(variable));
                            known.events.extend(listed.event.clone());
                        })
                        .or_insert_with(|| Offered { variables, events: listed.event.into_iter().collect() });
                }
            }
        }
    }
    let left_out = errors.iter().filter(|finding| finding.code == "tapset-left-out").cloned().collect();
    errors.retain(|finding| finding.severity == Severity::Error);
    Some(Points { found, errors, left_out })
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
