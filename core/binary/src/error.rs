//! What can be wrong with a program on disk. Must never be about a script.

use std::path::PathBuf;

/// Why nothing can be told of a program.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BinaryError {
    /// There is no such file where programs and libraries are looked for.
    #[error("there is no program or library `{name}`")]
    NotFound {
        /// As it was asked for.
        name: String,
    },
    /// The file cannot be read.
    #[error("cannot read `{}`: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// It is no ELF file, or a damaged one.
    #[error("`{}` is no program or library: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// It is for a machine of another kind.
    #[error("`{}` is for another kind of machine", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
}
