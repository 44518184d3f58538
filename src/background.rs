//! `-F`: the run goes on without this command, and its output into the file of `-o`.
//!
//! This command starts itself anew, and waits until that one has attached its probes or has failed: what it says until then is told
//! here. Must never leave anything behind of a script that is wrong, nor a run that goes on with this terminal.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, parent_id};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::OnceLock;

use crate::terminal;

/// Set for the command that runs on, which must not begin another: the process that has begun it, since what that command starts in turn
/// sees it too; and whether what it says is read on a terminal.
const SET: &str = "SYSTAP_IN_BACKGROUND";
const ON_TERMINAL: &str = " terminal";

/// Whether this command is the one that runs on.
static HERE: OnceLock<()> = OnceLock::new();

/// Said by the one that runs on when it has attached: no text has this byte.
const ARMED: u8 = 0;

/// What is wrong with a command line that asks for a run without this command, if anything is.
pub(crate) fn misuse(has_output: bool, from_stdin: bool) -> Option<&'static str> {
    if !has_output {
        return Some("`-F` needs -o FILE: nothing could come later and ask for the output");
    }
    from_stdin.then_some("`-F` takes no script from standard input, which it leaves")
}

/// Whether this command is the one that runs on, and no other is to be begun.
pub(crate) fn is_here() -> bool {
    HERE.get().is_some()
}

/// How the beginning went.
pub(crate) enum Begun {
    /// A run has attached, and goes on; or it has ended already, and well.
    Runs {
        /// Its process.
        pid: u32,
    },
    /// It has ended without attaching, and has said why.
    Failed(ExitStatus),
}

/// Begins the command that runs on, with the words of this one.
///
/// # Errors
/// A sentence, where no process can be made.
pub(crate) fn begin() -> Result<Begun, String> {
    started().map_err(|error| format!("cannot go on in the background: {error}"))
}

fn started() -> io::Result<Begun> {
    let (mut told, teller) = io::pipe()?;
    let mut words = std::env::args_os();
    let mut command = Command::new(std::env::current_exe()?);
    // In a group of its own: what this terminal is told to end is not meant for it.
    command.arg0(words.next().unwrap_or_else(|| "systap".into())).args(words).process_group(0);
    let on = if io::stderr().is_terminal() { ON_TERMINAL } else { "" };
    command.env(SET, format!("{}{on}", std::process::id()));
    // It needs no input, and has one descriptor that it can tell its failures by.
    let mut child = command.stdin(Stdio::from(teller)).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    // The other end would stay open with what made the process.
    drop(command);
    let mut piece = [0; 4096];
    loop {
        let length = match told.read(&mut piece) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        let text = piece.get(..length).unwrap_or_default();
        let armed = text.iter().position(|byte| *byte == ARMED);
        terminal::write_to_stderr(armed.map_or(text, |at| &text[..at]));
        if armed.is_some() {
            return Ok(Begun::Runs { pid: child.id() });
        }
        if length == 0 {
            let pid = child.id();
            let status = child.wait()?;
            return Ok(if status.success() { Begun::Runs { pid } } else { Begun::Failed(status) });
        }
    }
}

/// Has what this command says told by the one that began it, if that one waits.
pub(crate) fn listen() {
    let Ok(value) = std::env::var(SET) else { return };
    let terminal = value.strip_suffix(ON_TERMINAL);
    if terminal.unwrap_or(&value).parse() != Ok(parent_id()) {
        return;
    }
    _ = HERE.set(());
    let Ok(own) = io::stdin().as_fd().try_clone_to_owned() else { return };
    // What this process starts reads nothing, and must not keep the other waiting.
    if let Ok(nothing) = File::open("/dev/null")
        && rustix::stdio::dup2_stdin(&nothing).is_ok()
    {
        terminal::speak_to(File::from(own), terminal.is_some());
    }
}

/// Says that probes are attached: from here on nobody listens, and what goes wrong is told in a file beside the output.
pub(crate) fn armed(output: Option<&Path>) {
    if is_here() {
        terminal::write_to_stderr(&[ARMED]);
        let beside = output.map(|path| {
            let mut name = path.as_os_str().to_owned();
            name.push(".err");
            name.into()
        });
        terminal::speak_into(beside);
    }
}
