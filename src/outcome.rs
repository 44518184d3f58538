//! Exit statuses: what a script or a person can tell from `$?`.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Done; also after Ctrl-C, `exit()` and a closed pipe.
    Done,
    /// The script is wrong, or ended in an error.
    ScriptError,
    /// The command line is wrong.
    Usage,
    /// The system refused: privilege, lockdown, a feature the kernel lacks.
    Refused,
    /// A registry, the network, or a signature.
    Registry,
    /// Records were lost, and `--strict-loss` was given.
    Lost,
    /// A mistake in systap itself.
    Internal,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> ExitCode {
        ExitCode::from(match status {
            Status::Done => 0,
            Status::ScriptError => 1,
            Status::Usage => 2,
            Status::Refused => 3,
            Status::Registry => 4,
            Status::Lost => 5,
            Status::Internal => 70,
        })
    }
}
