//! What people see on standard error: diagnostics, complaints, and whether in colour.

use std::borrow::Cow;
use std::io::{IsTerminal, Write};

use systap_diagnostics::{Diagnostic, Severity, Sources, render};

use crate::cli::{Colour, Format};
use crate::outcome::Status;

/// Whether to colour what goes to standard error.
pub(crate) fn coloured(choice: Colour) -> bool {
    match choice {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto => {
            std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && std::io::stderr().is_terminal()
        }
    }
}

/// Shows diagnostics, warnings too; gives whether one is an error.
pub(crate) fn show(diagnostics: &[Diagnostic], sources: &Sources, format: Format, colour: Colour) -> bool {
    let mut text = String::new();
    let coloured = coloured(colour);
    for diagnostic in diagnostics {
        text += &match format {
            Format::Text => render::terminal(diagnostic, sources, coloured),
            Format::Json => render::json(diagnostic, sources),
        };
        if !text.ends_with('\n') {
            text.push('\n');
        }
    }
    let first = diagnostics.iter().find(|diagnostic| diagnostic.severity == Severity::Error);
    if let Some(error) = first.filter(|error| format == Format::Text && crate::explain::page(error.code).is_some())
        && std::io::stderr().is_terminal()
    {
        text += &format!("`systap explain {}` tells more\n", error.code);
    }
    write_to_stderr(text.as_bytes());
    diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
}

/// One sentence about what went wrong outside the script.
pub(crate) fn complain(message: &str) {
    write_to_stderr(format!("systap: {}\n", harmless(message)).as_bytes());
}

/// One sentence about what is not as it seems.
pub(crate) fn warn(message: &str) {
    write_to_stderr(format!("WARNING: {}\n", harmless(message)).as_bytes());
}

/// Text without what a terminal takes for a command: much of it comes from strangers.
fn harmless(text: &str) -> Cow<'_, str> {
    let plain = |c: char| !c.is_control() || matches!(c, '\n' | '\t');
    if text.chars().all(plain) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(|c| if plain(c) { c } else { char::REPLACEMENT_CHARACTER }).collect())
}

/// Writes what was asked for; nobody who stopped reading is told.
pub(crate) fn write_to_stdout(text: &str) -> Status {
    match std::io::stdout().lock().write_all(harmless(text).as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            complain(&format!("cannot write the output: {error}"));
            Status::ScriptError
        }
        _ => Status::Done,
    }
}

/// Writes what people are to read; nobody is left to tell if that fails.
pub(crate) fn write_to_stderr(text: &[u8]) {
    _ = std::io::stderr().lock().write_all(text);
}

/// How far something is that takes its time, on a terminal; elsewhere nothing is shown.
pub(crate) fn progress(what: &str, of: u64) -> indicatif::ProgressBar {
    let bar = indicatif::ProgressBar::new(of).with_message(what.to_owned());
    match indicatif::ProgressStyle::with_template("{msg} {wide_bar} {percent}%") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
