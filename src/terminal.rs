//! What people see on standard error: diagnostics, complaints, and whether in colour.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

use systap_diagnostics::{Diagnostic, Severity, Sources, render};

use crate::cli::{Colour, Format};
use crate::outcome::Status;

/// Whether to colour what goes to standard error.
pub(crate) fn coloured(choice: Colour) -> bool {
    match choice {
        Colour::Always => true,
        Colour::Never => false,
        Colour::Auto => std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) && stderr_is_terminal(),
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
        && stderr_is_terminal()
    {
        text += &format!("`systap explain {}` tells more\n", error.code);
    }
    write_to_stderr(text.as_bytes());
    diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
}

/// One sentence about what went wrong outside the script.
pub(crate) fn complain(message: &str) {
    write_to_stderr(complaint(message).as_bytes());
}

/// The same as text.
pub(crate) fn complaint(message: &str) -> String {
    format!("systap: {}\n", harmless(message))
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
    _ = match LISTENER.get() {
        Some(listener) => match &mut *listener.to.lock().unwrap_or_else(PoisonError::into_inner) {
            Ear::File(file) => file.write_all(text),
            Ear::Nobody => Ok(()),
            ear @ Ear::Later(_) => ear.begin().and_then(|mut file| file.write_all(text)),
        },
        None => io::stderr().lock().write_all(text),
    };
}

/// Who reads what is said, in place of standard error.
struct Listener {
    to: Mutex<Ear>,
    is_terminal: bool,
}

enum Ear {
    File(File),
    /// A file that is made once there is something to say.
    Later(PathBuf),
    Nobody,
}

impl Ear {
    /// Makes the file; where it cannot be made, nobody is told.
    fn begin(&mut self) -> io::Result<&File> {
        if let Ear::Later(path) = self {
            let made = File::create(path);
            *self = Ear::Nobody;
            *self = Ear::File(made?);
        }
        match self {
            Ear::File(file) => Ok(file),
            _ => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

static LISTENER: OnceLock<Listener> = OnceLock::new();

/// Has everything for people written there from now on; said once, before anything is.
pub(crate) fn speak_to(file: File, is_terminal: bool) {
    _ = LISTENER.set(Listener { to: Mutex::new(Ear::File(file)), is_terminal });
}

/// Says nothing more to that listener, but into a file, if one is named.
pub(crate) fn speak_into(path: Option<PathBuf>) {
    if let Some(listener) = LISTENER.get() {
        *listener.to.lock().unwrap_or_else(PoisonError::into_inner) = path.map_or(Ear::Nobody, Ear::Later);
    }
}

/// Whether people read what is said on a terminal.
fn stderr_is_terminal() -> bool {
    LISTENER.get().map_or_else(|| io::stderr().is_terminal(), |listener| listener.is_terminal)
}

/// How far something is that takes its time, on a terminal; elsewhere nothing is shown.
pub(crate) fn progress(what: &str, of: u64) -> indicatif::ProgressBar {
    let bar = indicatif::ProgressBar::new(of).with_message(what.to_owned());
    match indicatif::ProgressStyle::with_template("{msg} {wide_bar} {percent}%") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
