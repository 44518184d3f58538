//! `-F`: the run goes on without this command, and its output into the file of `-o`.
//!
//! Must never leave anything behind of a script that is wrong: it is compiled before.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use super::request::Request;
use super::{Verdict, passes, print};
use crate::terminal;

/// Set for the command that runs on, which must not begin another.
const SET: &str = "SYSTAP_IN_BACKGROUND";

/// Whether this command is to begin another that runs on.
pub(crate) fn is_wanted(request: &Request) -> bool {
    request.background && request.last_pass == 5 && std::env::var_os(SET).is_none()
}

/// Begins the command that runs on, with the same words, and prints the number of its process.
pub(crate) fn begin(request: Request, words: &[OsString]) -> Verdict {
    let compiled = Request { last_pass: 4, ..request };
    if passes::go(&compiled) == Verdict::Failure {
        return Verdict::Failure;
    }
    let started = std::env::current_exe().and_then(|program| {
        let mut command = Command::new(program);
        // In a group of its own: what this terminal is told to end is not meant for it.
        command.arg0("systap").arg("stap").args(words).env(SET, "1").process_group(0);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
    });
    match started {
        Ok(child) => print(&format!("{}\n", child.id())),
        Err(error) => {
            terminal::complain(&format!("cannot go on in the background: {error}"));
            Verdict::Failure
        }
    }
}
