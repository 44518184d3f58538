//! The process that a run is about: a command that it starts (`-c`), or one that runs already (`-x`).
//!
//! It must never run a command before probes are armed, nor leave behind one that it started.

use std::ffi::{OsStr, OsString};
use std::time::{Duration, Instant};

use systap_sys::SysError;
use systap_sys::event::Signal;
use systap_sys::process::{Exit, HeldChild, PidFd};

use crate::error::RunError;

/// Whose life a run follows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Target {
    /// Nobody's.
    #[default]
    None,
    /// A command's, as a shell takes it: it runs once probes are armed, and the run ends when it ends.
    Command(String),
    /// The same of a program that needs no shell: its path, then its arguments.
    Program(Vec<OsString>),
    /// A running process's: the run ends when it ends.
    Process(u32),
}

/// How long a command may take to end when it is asked to, before it is killed.
const PATIENCE: Duration = Duration::from_secs(2);

/// A target that was found or prepared.
#[derive(Debug)]
pub(crate) struct Watched {
    pid: u32,
    child: Option<HeldChild>,
    /// Readable when the process has ended.
    pub(crate) pidfd: PidFd,
}

impl Watched {
    /// Finds the process, or makes the one that will run the command.
    pub(crate) fn new(target: &Target) -> Result<Option<Self>, RunError> {
        match target {
            Target::None => Ok(None),
            Target::Command(command) => Self::held(command, HeldChild::shell(OsStr::new(command))),
            Target::Program(words) => {
                let arguments: Vec<&OsStr> = words.iter().map(OsString::as_os_str).collect();
                let command = arguments.join(OsStr::new(" "));
                Self::held(&command.to_string_lossy(), HeldChild::program(&arguments))
            }
            Target::Process(pid) => match PidFd::open(*pid) {
                Ok(pidfd) => Ok(Some(Watched { pid: *pid, child: None, pidfd })),
                Err(source) if matches!(source.errno, libc::ESRCH | libc::EINVAL) => {
                    Err(RunError::NoSuchProcess { pid: *pid })
                }
                Err(source) => Err(source.into()),
            },
        }
    }

    fn held(command: &str, child: Result<HeldChild, SysError>) -> Result<Option<Self>, RunError> {
        let refused = |source| RunError::Command { command: command.to_owned(), source };
        let child = child.map_err(refused)?;
        let pidfd = child.pidfd().map_err(refused)?;
        Ok(Some(Watched { pid: child.pid(), child: Some(child), pidfd }))
    }

    /// Waits until nothing that a command's process does before its release is left to be seen by probes.
    pub(crate) fn settle(&self) {
        if let Some(child) = &self.child {
            child.settle();
        }
    }

    /// Its process number, what `target()` gives.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Lets a command run; gives whether there is one.
    pub(crate) fn release(&mut self) -> Result<bool, SysError> {
        match &mut self.child {
            Some(child) => child.release().map(|()| true),
            None => Ok(false),
        }
    }

    /// Asks a command that still runs to end.
    pub(crate) fn terminate(&mut self) {
        if let Some(child) = &mut self.child
            && let Ok(None) = child.try_wait()
        {
            // It may end by itself just now.
            let _ = self.pidfd.send(Signal::TERMINATE);
        }
    }

    /// Waits for a command that was asked to end, and kills it if it takes too long; says how it ended.
    pub(crate) fn reap(mut self) -> Option<Exit> {
        let mut child = self.child.take()?;
        let start = Instant::now();
        let mut pause = Duration::from_micros(100);
        while let Ok(None) = child.try_wait() {
            if start.elapsed() > PATIENCE {
                let _ = self.pidfd.send(Signal::KILL);
                return child.wait().ok();
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
        child.wait().ok()
    }
}
