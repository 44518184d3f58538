//! SystemTap's own command line: `systap stap …`, or this program under the name `stap`.
//!
//! Same options, same verdict, and no exit status but SystemTap's 0 and 1. What an option asks for that does not exist here is
//! said once, and the script goes on; what makes no sense is refused. Everything that runs scripts is `run`'s and `compile`'s.

mod listing;
mod passes;
mod program;
mod request;
mod startup;
mod table;
mod words;

use std::ffi::OsString;
use std::process::ExitCode;

use request::{Request, Subject};
use words::Misuse;

use crate::background::{self, Begun};
use crate::outcome::Status;
use crate::terminal;

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Success,
    Failure,
}

impl From<bool> for Verdict {
    fn from(good: bool) -> Self {
        if good { Verdict::Success } else { Verdict::Failure }
    }
}

/// Does what a command line asks for; `words` are without the program's name.
pub(crate) fn stap(words: Vec<OsString>) -> ExitCode {
    match request(words).map(carry_out) {
        Ok(Verdict::Success) => ExitCode::SUCCESS,
        Ok(Verdict::Failure) => ExitCode::FAILURE,
        Err(Misuse(sentence)) => {
            terminal::complain(&format!("{sentence}; `stap --help` lists the options"));
            ExitCode::FAILURE
        }
    }
}

fn request(words: Vec<OsString>) -> Result<Request, Misuse> {
    let given = words.into_iter().map(|word| systap_syntax::foreign::decode(word.into_encoded_bytes())).collect();
    let mut all = startup::rc_words();
    all.extend(startup::interpreter_line(given));
    words::read(&all).and_then(Request::new)
}

fn carry_out(request: Request) -> Verdict {
    // The command that began this one has said it.
    if !request.no_warnings && !background::is_here() {
        for sentence in &request.idle {
            terminal::complain(sentence);
        }
    }
    match &request.subject {
        Subject::Version => print(&format!(
            "SystemTap-language scripts by systap {}, language version {}\n",
            env!("CARGO_PKG_VERSION"),
            crate::facts::LANGUAGE
        )),
        Subject::Help => print(&table::help()),
        Subject::Nothing => Verdict::Success,
        Subject::Functions => print(&listing::functions(request.verbose[1] > 0)),
        Subject::ProbeTypes => print(&listing::probe_types()),
        Subject::ProbeAliases => print(&listing::aliases(&request)),
        Subject::Points(_) | Subject::Variables(_) => listing::points_of(&request),
        Subject::File(_) | Subject::Example(_) | Subject::Text(_)
            if request.background && request.last_pass == 5 && !background::is_here() =>
        {
            match background::begin() {
                Ok(Begun::Runs { pid }) => print(&format!("{pid}\n")),
                Ok(Begun::Failed(_)) => Verdict::Failure,
                Err(sentence) => {
                    terminal::complain(&sentence);
                    Verdict::Failure
                }
            }
        }
        Subject::File(_) | Subject::Example(_) | Subject::Text(_) => passes::go(&request),
    }
}

/// Writes to standard output; a reader that has gone away is no failure.
fn print(text: &str) -> Verdict {
    (terminal::write_to_stdout(text) == Status::Done).into()
}
