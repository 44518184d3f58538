//! Scripts to programs and findings, as text. The kernel is a small one made by hand (`blob`), except where a test says
//! that it is about the running one.

mod blob;
mod families;
mod functions;
mod guru;
mod live;
mod mutations;
mod names;
mod points;
mod targets;
mod values;

use crate::{Elaborated, Input, elaborate};
use systap_binary::Programs;
use systap_diagnostics::{Diagnostic, Severity, Sources};
use systap_kernel::Kernel;
use systap_syntax::{ParseOptions, parse};

/// How a script is elaborated, where it is not the usual way.
#[derive(Clone, Copy, Default)]
struct Ways {
    guru: bool,
    unoptimized: bool,
    skip_badvars: bool,
}

/// Elaborates a script for a kernel. What the parser refuses and the tree can hold is elaborated all the same: elaboration must
/// cope with any tree.
fn run(script: &str, kernel: &Kernel, sources: &mut Sources, globals: &[(&str, &str)]) -> Elaborated {
    run_files(&[script], kernel, sources, globals, Ways::default())
}

/// Elaborates a script that consists of several files.
fn run_files(
    scripts: &[&str],
    kernel: &Kernel,
    sources: &mut Sources,
    globals: &[(&str, &str)],
    ways: Ways,
) -> Elaborated {
    let (mut files, mut refused) = (vec![], vec![]);
    for script in scripts {
        let id = sources.add("t", *script);
        let library = crate::macros(sources, id).0;
        let parsed = parse(sources, id, &ParseOptions { library: library.as_ref(), ..ParseOptions::default() });
        refused.extend(parsed.diagnostics);
        files.push(parsed.file);
    }
    let programs = Programs::new(vec!["/usr/bin".into(), "/bin".into()]);
    let mut elaborated = elaborate(Input {
        globals_override: globals.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect(),
        guru: ways.guru,
        skip_badvars: ways.skip_badvars,
        unoptimized: ways.unoptimized,
        advice: true,
        ..Input::new(&files, sources, kernel, &programs)
    });
    let known = |found: &Diagnostic| {
        elaborated.diagnostics.iter().any(|other| (other.code, other.span) == (found.code, found.span))
    };
    let unknown: Vec<_> = refused.into_iter().filter(|found| !known(found)).collect();
    elaborated.diagnostics.splice(0..0, unknown);
    elaborated
}

/// The findings, a line each with the text that they point at, then what else they say.
fn findings(elaborated: &Elaborated, sources: &Sources) -> String {
    let mut out = String::new();
    for finding in &elaborated.diagnostics {
        let severity = if finding.severity == Severity::Error { "error" } else { "warning" };
        let place = finding.span.map(|span| {
            let place = sources.place(span);
            format!("{}:{}:{} `{}` ", sources.file(span.file).name, place.line, place.column, sources.text(span))
        });
        out += &format!("{}{severity}[{}]: {}\n", place.unwrap_or_default(), finding.code, finding.message);
        if !finding.label.is_empty() {
            out += &format!("  ^ {}\n", finding.label);
        }
        for label in &finding.secondary {
            let place = sources.place(label.span);
            out += &format!("  {}:{} `{}`: {}\n", place.line, place.column, sources.text(label.span), label.text);
        }
        for (word, texts) in [("note", &finding.notes), ("help", &finding.help)] {
            for text in texts {
                out += &format!("  {word}: {text}\n");
            }
        }
    }
    out
}

/// The findings, then the program if none is an error.
fn show(script: &str) -> String {
    show_for(script, &blob::kernel())
}

fn show_for(script: &str, kernel: &Kernel) -> String {
    show_files(&[script], kernel, Ways::default())
}

fn show_files(scripts: &[&str], kernel: &Kernel, ways: Ways) -> String {
    let mut sources = Sources::default();
    let elaborated = run_files(scripts, kernel, &mut sources, &[], ways);
    let found = findings(&elaborated, &sources);
    if elaborated.diagnostics.iter().any(|finding| finding.severity == Severity::Error) {
        return found;
    }
    found + &systap_ir::text::program(&elaborated.program)
}

/// Compares with the snapshot of that name what becomes of each script.
fn check(name: &str, scripts: &[&str]) {
    let mut settings = insta::Settings::clone_current();
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name, all(scripts)));
}

/// Each script with what becomes of it.
fn all(scripts: &[&str]) -> String {
    scripts.iter().map(|script| format!("{script}\n-----\n{}\n", show(script))).collect()
}
