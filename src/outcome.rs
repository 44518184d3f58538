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

impl Status {
    const ALL: [Status; 7] = [
        Status::Done,
        Status::ScriptError,
        Status::Usage,
        Status::Refused,
        Status::Registry,
        Status::Lost,
        Status::Internal,
    ];

    fn code(self) -> u8 {
        match self {
            Status::Done => 0,
            Status::ScriptError => 1,
            Status::Usage => 2,
            Status::Refused => 3,
            Status::Registry => 4,
            Status::Lost => 5,
            Status::Internal => 70,
        }
    }

    /// That of another systap, which ended with that code; none, or one that is none of ours, is a mistake.
    pub(crate) fn of_exit(code: Option<i32>) -> Status {
        let known = |status: &Status| code == Some(i32::from(status.code()));
        Status::ALL.into_iter().find(known).unwrap_or(Status::Internal)
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> ExitCode {
        ExitCode::from(status.code())
    }
}
