//! Everything that can go wrong with a plugin, each with a name of its own.
//!
//! It must never blame the plugin for what the machine lacks, nor the machine for what the plugin did.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::validate::Defect;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PluginError {
    /// It said so itself: nothing is wrong, the tapset has nothing for this kernel.
    #[error("the tapset has nothing for this kernel: {0}")]
    Declined(String),
    /// The library's file could not be read.
    #[error("cannot read the plugin's library: {0}")]
    Unreadable(String),
    /// Its bytes are not those that were signed.
    #[error("the plugin's library is not the one that was installed: its SHA-256 is {found}, not {wanted}")]
    WrongHash {
        /// What the request says.
        wanted: String,
        /// What the bytes have.
        found: String,
    },
    /// The manifest asks for an interface that this systap does not speak.
    #[error("the tapset's plugin wants plugin ABI {wanted}, and this systap speaks {ours}")]
    ForeignAbi {
        /// What the manifest says.
        wanted: u32,
        /// What this build speaks.
        ours: u32,
    },
    /// It is no shared library of ELF, or not all of one.
    #[error("the plugin's library is damaged or no shared library: {0}")]
    NotALibrary(String),
    /// It was built for another machine.
    #[error("the plugin's library was built for {found}, and this is {ours}")]
    WrongTarget {
        /// What the library is for.
        found: String,
        /// What runs here.
        ours: String,
    },
    /// It does not say which interface it was built for.
    #[error("the library is no plugin of systap: it has no symbol `{0}`")]
    NoSymbol(String),
    /// It was built for another interface than the manifest says.
    #[error("the plugin's library was built for plugin ABI {found}, though the manifest says {wanted}")]
    WrongAbi {
        /// What the library says.
        found: u32,
        /// What the manifest says.
        wanted: u32,
    },
    /// The system's loader refused it.
    #[error("the plugin's library cannot be opened: {0}")]
    Load(String),
    /// Its types are not laid out as this systap lays them out.
    #[error("the plugin's library does not fit this systap: {0}")]
    Layout(String),
    /// It panicked.
    #[error("the plugin panicked: {0}")]
    Panicked(String),
    /// It, or its initialisers, died of a signal.
    #[error("the plugin died: {}", signal_name(*.0))]
    Died(i32),
    /// Its process ended before it had answered.
    #[error("the plugin ended its process with status {0} instead of answering")]
    Ended(i32),
    /// It did not answer in time.
    #[error("the plugin did not answer within {} ms", .0.as_millis())]
    Timeout(Duration),
    /// It answered more than is taken.
    #[error("the plugin's answer is longer than {0} bytes")]
    TooLong(usize),
    /// What came was no answer of ours: the plugin wrote where it should not.
    #[error("what came from the plugin's process is no answer: {0}")]
    Garbled(String),
    /// The answer is not acceptable.
    #[error("the plugin's answer is refused: {0}")]
    Refused(Defect),
    /// It answered differently to the same facts.
    #[error("the plugin gave two different answers to the same facts")]
    Inconsistent,
    /// The process could not be made harmless, so nothing was opened.
    #[error("no plugin is opened here, since its process could not be confined: {0}")]
    Unconfined(String),
    /// The process could not be started or watched.
    #[error("cannot run a process for the plugin: {0}")]
    Process(String),
}

impl PluginError {
    /// A stable word for it, as diagnostics have them.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Declined(_) => "plugin-declined",
            Self::Unreadable(_) => "plugin-unreadable",
            Self::WrongHash { .. } => "plugin-hash",
            Self::ForeignAbi { .. } => "plugin-abi-unknown",
            Self::NotALibrary(_) => "plugin-not-a-library",
            Self::WrongTarget { .. } => "plugin-target",
            Self::NoSymbol(_) => "plugin-no-symbol",
            Self::WrongAbi { .. } => "plugin-abi",
            Self::Load(_) => "plugin-load",
            Self::Layout(_) => "plugin-layout",
            Self::Panicked(_) => "plugin-panic",
            Self::Died(_) => "plugin-died",
            Self::Ended(_) => "plugin-ended",
            Self::Timeout(_) => "plugin-timeout",
            Self::TooLong(_) => "plugin-too-long",
            Self::Garbled(_) => "plugin-garbled",
            Self::Refused(_) => "plugin-refused",
            Self::Inconsistent => "plugin-inconsistent",
            Self::Unconfined(_) => "plugin-unconfined",
            Self::Process(_) => "plugin-process",
        }
    }

    /// What would help, where something would.
    pub fn help(&self) -> Option<&'static str> {
        Some(match self {
            Self::WrongHash { .. } | Self::NotALibrary(_) => "install the tapset anew",
            Self::ForeignAbi { .. } => "install a version of the tapset for this systap, or a newer systap",
            Self::Unconfined(_) => "`systap doctor` shows what this machine lacks",
            Self::Panicked(_) | Self::Died(_) | Self::Ended(_) | Self::Timeout(_) | Self::Inconsistent => {
                "this is a defect of the tapset: tell its authors; other tapsets work on"
            }
            _ => return None,
        })
    }
}

/// A signal in words, with what it means for a confined process.
fn signal_name(number: i32) -> String {
    let meaning = match number {
        libc::SIGSEGV => "SIGSEGV, it touched memory that is not its own",
        libc::SIGBUS => "SIGBUS, its file is shorter than it says",
        libc::SIGABRT => "SIGABRT, it gave up (by abort, a panic that cannot unwind, or for want of memory)",
        libc::SIGILL => "SIGILL, it has an instruction that this processor lacks",
        libc::SIGFPE => "SIGFPE, it divided by zero",
        libc::SIGXCPU => "SIGXCPU, it computed for longer than it may",
        libc::SIGSYS => "SIGSYS, it made a system call that no plugin may make",
        libc::SIGKILL => "SIGKILL",
        _ => return format!("of signal {number}"),
    };
    format!("of {meaning}")
}
