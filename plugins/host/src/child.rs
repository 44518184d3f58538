//! The confined process: reads its order, gives up its rights, opens the library, answers, ends.
//!
//! It must never return into the program that it was started as, nor give the plugin its standard input or outputs.

use std::convert::Infallible;
use std::ffi::OsString;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;

use rustix::fs::{Mode, OFlags};
use rustix::io::fcntl_dupfd_cloexec;
use rustix::process::Pid;
use rustix::stdio;

use crate::frame::{self, Order, Reply};
use crate::sandbox::{Strength, confine};
use crate::{Answer, PluginError, library};

/// The word that makes a program a plugin's process; no subcommand of people's.
pub(crate) const WORD: &str = "--systap-plugin-process";

/// The status of a process that could not even say what is wrong.
const SPEECHLESS: i32 = 71;

/// Takes over if this process was started for a plugin; returns at once if not. To be called before anything else, with the words of
/// the command line, the program's name first.
pub fn serve_if_child(words: impl IntoIterator<Item = OsString>) {
    let mut words = words.into_iter().skip(1);
    if words.next().is_some_and(|word| word == WORD) {
        let parent = words.next().and_then(|word| word.to_str()?.parse().ok()).and_then(Pid::from_raw);
        let Err(_) = serve(parent);
        std::process::exit(SPEECHLESS);
    }
}

fn serve(parent: Option<Pid>) -> std::io::Result<Infallible> {
    crate::raw::close_all_but_three()?;
    // Standard input is the order, standard output the way back, standard error the library: three descriptors that a process can be
    // given without any being open in a process that is started at the same time.
    let mut order = File::from(fcntl_dupfd_cloexec(stdio::stdin(), 3)?);
    let mut back = File::from(fcntl_dupfd_cloexec(stdio::stdout(), 3)?);
    let library = fcntl_dupfd_cloexec(stdio::stderr(), 3)?;
    let nowhere = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    stdio::dup2_stdin(&nowhere)?;
    stdio::dup2_stdout(&nowhere)?;
    stdio::dup2_stderr(&nowhere)?;
    drop(nowhere);

    let mut bytes = vec![];
    order.read_to_end(&mut bytes)?;
    drop(order);
    let order: Order = serde_json::from_slice(&bytes)?;
    let sandbox = confine(parent);
    let outcome = match order.abi {
        _ if sandbox.strength() == Strength::None => Err(PluginError::Unconfined(sandbox.lacks())),
        None => Ok(Answer::default()),
        Some(abi) => ask(library, abi, &order),
    };
    let mut body = serde_json::to_vec(&Reply { sandbox, outcome })?;
    if body.len() > frame::LONGEST {
        let Reply { sandbox, .. } = serde_json::from_slice(&body)?;
        body = serde_json::to_vec(&Reply { sandbox, outcome: Err(PluginError::TooLong(frame::LONGEST)) })?;
    }
    back.write_all(&frame::frame(&order.nonce, &body))?;
    std::process::exit(0)
}

fn ask(library: OwnedFd, abi: u32, order: &Order) -> Result<Answer, PluginError> {
    let path = PathBuf::from(format!("/proc/self/fd/{}", library.as_raw_fd()));
    let mut file = File::from(library);
    let mut bytes = vec![];
    file.read_to_end(&mut bytes).map_err(|error| PluginError::Unreadable(error.to_string()))?;
    library::inspect(&bytes, abi)?;
    drop(bytes);
    let said = library::ask(&path, &order.facts)?;
    match (said.failure(), said.declined()) {
        (Some(panic), _) => Err(PluginError::Panicked(short(panic))),
        (None, Some(reason)) => Err(PluginError::Declined(short(reason))),
        (None, None) => Ok(Answer::from(&said)),
    }
}

/// A plugin's own sentence, in one line of bounded length without anything that a terminal would act on.
fn short(said: &str) -> String {
    said.chars().map(|one| if one.is_control() { ' ' } else { one }).take(400).collect()
}
