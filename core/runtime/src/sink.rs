//! What a run says while it goes on, and to whom: output as bytes, everything else as data.
//!
//! It must never decide how something is shown: colours, prefixes and streams are the command's.

use std::fmt;
use std::io;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::time::Duration;

use systap_diagnostics::Span;
use systap_sys::event::Signal;

use crate::view::Viewer;

/// Takes what a run says.
pub trait Sink {
    /// Output of the script, in order. It comes in big pieces; what is given is written at once.
    ///
    /// # Errors
    /// A broken pipe ends the run quietly; anything else ends it with [`RunError::Output`](crate::RunError::Output).
    fn output(&mut self, text: &[u8]) -> io::Result<()>;

    /// Something to know, for standard error.
    fn warning(&mut self, notice: &Notice);

    /// A run-time error, for standard error.
    fn error(&mut self, error: &RuntimeReport);

    /// A step of the run, for `-v`.
    fn trace(&mut self, _step: &Step) {}

    /// Who looks at the run while it goes on, if anybody does.
    fn viewer(&mut self) -> Option<&mut dyn Viewer> {
        None
    }

    /// The descriptor that output goes to: where it is a pipe, its other end is watched, so that a run without output
    /// ends too when nobody reads any more.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

/// A run-time error and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeReport {
    /// What went wrong, as `catch` would give it.
    pub sentence: String,
    /// The place in the script.
    pub span: Span,
    /// The probe point of the handler.
    pub point: String,
}

/// Something to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The script's own: `warn(...)`.
    Script(Vec<u8>),
    /// An error that was shown came again.
    Repeated {
        /// The error as it was shown.
        error: RuntimeReport,
        /// How often it came after that.
        more: u64,
    },
    /// A timer asks for more than is given.
    TimerFloor {
        /// Its probe point.
        point: String,
        /// The point in the script.
        span: Span,
        /// The period that it gets instead.
        floor: Duration,
    },
    /// The kernel does not let something be probed at one of several points.
    NotProbed {
        /// Which, and why.
        reason: String,
    },
    /// A function that a pattern stands for cannot be probed.
    LeftOut {
        /// The probe point.
        point: String,
        /// The function.
        name: String,
        /// Why.
        reason: String,
    },
    /// The files of the run can be read and written from now on.
    Files {
        /// The directory that they are in.
        directory: PathBuf,
    },
    /// What a handler says to a reader is longer than it may be, and was cut.
    CutText {
        /// The probe point.
        point: String,
        /// Bytes that were given.
        most: usize,
    },
    /// A handler that kept looping was stopped, for the run to end.
    Stopped {
        /// The probe point.
        point: String,
        /// Where it was.
        span: Span,
    },
    /// Addresses stay numbers: the kernel does not tell its symbols.
    NoSymbols {
        /// Why.
        reason: String,
    },
    /// A record did not have the form of its site: a defect of systap.
    Malformed {
        /// What was wrong.
        reason: String,
    },
    /// A global could not be read to be printed at the end.
    Unreadable {
        /// The global.
        global: String,
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Script(text) => f.write_str(&String::from_utf8_lossy(text)),
            Notice::Repeated { error, more } => write!(f, "{} ({more} more times)", error.sentence),
            Notice::TimerFloor { point, floor, .. } => {
                write!(f, "`{point}` fires every {} µs, which is the shortest period", floor.as_micros())
            }
            Notice::NotProbed { reason } => f.write_str(reason),
            Notice::LeftOut { point, name, reason } => write!(f, "`{point}` leaves `{name}` out: {reason}"),
            Notice::Files { directory } => write!(f, "the files of the run are in {}", directory.display()),
            Notice::CutText { point, most } => {
                write!(f, "what the handler of `{point}` says was cut after {most} bytes")
            }
            Notice::Stopped { point, .. } => write!(f, "the handler of `{point}` was stopped while it was looping"),
            Notice::NoSymbols { reason } => write!(f, "addresses are not resolved to symbols: {reason}"),
            Notice::Malformed { reason } => write!(f, "internal error: {reason}"),
            Notice::Unreadable { global, reason } => write!(f, "cannot read `{global}`: {reason}"),
        }
    }
}

/// A step of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Maps were made and programs loaded.
    Loaded {
        /// How many maps.
        maps: usize,
        /// How many programs.
        programs: usize,
        /// How long that took.
        took: Duration,
    },
    /// A function is attached to by a kprobe, since the kernel refused to do it by type.
    ByKprobe {
        /// The probe points.
        points: Vec<String>,
        /// Why.
        reason: String,
    },
    /// Programs were attached; from now on probes are hit.
    Attached {
        /// How many attachments: a program on a clock has one for each CPU.
        links: usize,
        /// How long that took.
        took: Duration,
    },
    /// Everything is attached, if there was anything: the run has begun.
    Armed {
        /// How long it took from the start of the run.
        took: Duration,
    },
    /// The command runs.
    Started {
        /// Its process.
        pid: u32,
    },
    /// A signal came.
    Signalled(Signal),
    /// The programs were detached; the rest of the records comes.
    Detached {
        /// How long that took.
        took: Duration,
    },
}
