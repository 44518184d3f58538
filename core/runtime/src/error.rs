//! Why a run could not take place, or could not go on.
//!
//! It must never hold what a script did wrong: run-time errors are part of a run and go to the sink.

use std::path::PathBuf;

use systap_sys::SysError;

use crate::refusal::LoadError;

/// A run that failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The kernel part could not be loaded or attached.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// There is no process of that number, or it is a thread that is not its process's first.
    #[error("there is no process {pid}")]
    NoSuchProcess {
        /// The number.
        pid: u32,
    },
    /// The command could not be run.
    #[error("cannot run `{command}`: {source}")]
    Command {
        /// As it was given.
        command: String,
        /// What the kernel said.
        source: SysError,
    },
    /// The files of the run could not be offered.
    #[error("cannot offer the files of the run in {}: {source}", directory.display())]
    Files {
        /// Where they would be.
        directory: PathBuf,
        /// What the kernel said.
        source: std::io::Error,
    },
    /// A file of the run is to be a directory too.
    #[error("`{path}` cannot be a file of the run: a file is no directory")]
    FileAndDirectory {
        /// The file that was to be added.
        path: String,
    },
    /// Output could not be written.
    #[error("cannot write the output: {0}")]
    Output(std::io::Error),
    /// A system call failed that never should.
    #[error(transparent)]
    System(#[from] SysError),
}

impl RunError {
    /// What to do about it, one sentence each; none where nothing is known.
    pub fn remedies(&self) -> Vec<&'static str> {
        match self {
            Self::Load(error) => error.remedies(),
            Self::NoSuchProcess { .. } => vec!["`-x` takes a process number as `pgrep` and `ps` show it"],
            Self::Files { .. } => {
                vec!["`procfs` needs root, and a kernel with FUSE (CONFIG_FUSE_FS; `modprobe fuse` if it is a module)"]
            }
            Self::FileAndDirectory { .. } => vec![],
            Self::Command { .. } | Self::Output(_) | Self::System(_) => vec![],
        }
    }

    /// Whether systap is to blame, not the system.
    pub fn is_internal(&self) -> bool {
        matches!(self, Self::Load(error) if error.is_internal())
    }
}
