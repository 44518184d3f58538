//! Tests of the whole road from text to AST. Each compares with what the language's rules say, in the printed form.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod constructs;
mod hostile;
mod precedence;
mod preprocessor;
mod recovery;
mod restrictions;
mod scripts;

use systap_diagnostics::{Sources, render};
use systap_syntax::{ParseOptions, parse, print};

/// The AST of a script without mistakes.
fn ast(text: &str) -> String {
    ast_with(text, &ParseOptions::default())
}

fn ast_with(text: &str, options: &ParseOptions<'_>) -> String {
    let mut sources = Sources::default();
    let file = sources.add("t.stp", text);
    let parsed = parse(&mut sources, file, options);
    let found: Vec<String> = parsed.diagnostics.iter().map(|found| render::terminal(found, &sources, false)).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert_eq!(parsed.tree(&sources).text(), text);
    print(&parsed.file, &sources)
}

/// The statements of a handler without mistakes, unindented.
fn statements(text: &str) -> String {
    let printed = ast(&format!("probe begin {{\n{text}\n}}"));
    let inside: Vec<&str> = printed.lines().skip(3).map(|line| line.get(4..).unwrap_or(line)).collect();
    inside.join("\n")
}

/// What is said about a script with mistakes, in the short form.
fn complaints(text: &str) -> String {
    complaints_with(text, &ParseOptions::default())
}

fn complaints_with(text: &str, options: &ParseOptions<'_>) -> String {
    let mut sources = Sources::default();
    let file = sources.add("t.stp", text);
    let parsed = parse(&mut sources, file, options);
    assert!(!parsed.diagnostics.is_empty(), "nothing was found wrong with {text:?}");
    let found: Vec<String> = parsed.diagnostics.iter().map(|found| render::short(found, &sources)).collect();
    found.join("\n")
}

/// What is said about a script with mistakes, as a person sees it.
fn shown(text: &str, options: &ParseOptions<'_>) -> String {
    let mut sources = Sources::default();
    let file = sources.add("t.stp", text);
    let parsed = parse(&mut sources, file, options);
    let found: Vec<String> = parsed.diagnostics.iter().map(|found| render::terminal(found, &sources, false)).collect();
    found.join("\n\n")
}
