//! What is wrong with a registry's metadata, in sentences that a person can act on.

use std::path::Path;

use tough::error::Error;

use crate::access::FetchError;
use crate::index::{IndexError, NamesError};
use crate::package::UnpackError;

/// Why a registry is not believed.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// A file cannot be got.
    #[error("the registry `{registry}`: {error}")]
    Fetch {
        /// The registry.
        registry: String,
        /// Why.
        error: FetchError,
    },
    /// What it shows is not what its keys have signed, or not anew for too long.
    #[error("the registry `{registry}` is not believed: {why}")]
    Metadata {
        /// The registry.
        registry: String,
        /// Why.
        why: String,
    },
    /// It is laid out in a way that is not known.
    #[error("the registry `{registry}` is of format {layout}, and this systap reads 1: a newer systap may read it")]
    Layout {
        /// The registry.
        registry: String,
        /// What it says of its layout.
        layout: String,
    },
    /// A file is not what was signed.
    #[error("the registry `{registry}` is not believed: {file} is not what was signed")]
    NotSigned {
        /// The registry.
        registry: String,
        /// The file.
        file: String,
    },
    /// An index.
    #[error("the registry `{registry}`: {error}")]
    Index {
        /// The registry.
        registry: String,
        /// What is wrong with it.
        error: IndexError,
    },
    /// Names.
    #[error("the registry `{registry}`: {error}")]
    Names {
        /// The registry.
        registry: String,
        /// What is wrong with them.
        error: NamesError,
    },
    /// A package.
    #[error("`{name}` of the registry `{registry}`: {error}")]
    Package {
        /// The registry.
        registry: String,
        /// The tapset and its version.
        name: String,
        /// What is wrong with it.
        error: UnpackError,
    },
    /// What was seen of registries cannot be kept.
    #[error("what was seen of the registry `{registry}` cannot be kept in {}: {source}", .path.display())]
    State {
        /// The registry.
        registry: String,
        /// The folder.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl TrustError {
    /// Of what `tough` says of a registry; `fetch` is what went wrong last over the network, `seen` where it keeps what it has seen.
    pub(super) fn of(error: Error, fetch: Option<FetchError>, registry: &str, seen: Option<&Path>) -> TrustError {
        let registry = registry.to_owned();
        let state = |path: &Path, error: &dyn std::error::Error| {
            let why = innermost(error);
            TrustError::State { registry: registry.clone(), path: path.into(), source: std::io::Error::other(why) }
        };
        match (&error, fetch, seen) {
            (Error::Transport { .. }, Some(error), _) => TrustError::Fetch { registry, error },
            (
                Error::DatastoreCreate { path, .. }
                | Error::DatastoreOpen { path, .. }
                | Error::DatastoreRemove { path, .. }
                | Error::DatastoreSerialize { path, .. },
                ..,
            ) => state(path, &error),
            (Error::SystemTimeSteppedBackward { .. }, _, Some(seen)) => {
                let file = seen.join("latest_known_time.json");
                let why = format!("{}; if it was wrong then, remove {}", sentence(&error), file.display());
                TrustError::Metadata { registry, why }
            }
            _ => TrustError::Metadata { registry, why: sentence(&error) },
        }
    }
}

/// The error that has led to all others.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

/// What `tough` says, for people.
pub(super) fn sentence(error: &Error) -> String {
    match error {
        Error::ExpiredMetadata { role, .. } => format!(
            "its {role} has not been signed anew in time, so that what it has now may be held back \
             (--allow-expired takes it as it is)"
        ),
        Error::OlderMetadata { role, current_version, new_version, .. } => format!(
            "its {role} is version {new_version}, and version {current_version} was seen before: somebody shows an old state"
        ),
        Error::OlderSnapshotInTimestamp { .. } | Error::SnapshotRoleRollback { .. } => {
            "it was newer when it was seen before: somebody shows an old state".to_owned()
        }
        Error::VerifyMetadata { role, .. } => format!("its {role} is not signed by the keys that may"),
        Error::VerifyTrustedMetadata { .. } | Error::ParseTrustedMetadata { .. } => {
            "the root that was given for it is none, or is damaged".to_owned()
        }
        Error::HashMismatch { context, .. } => format!("{context} does not have the hash that was signed"),
        Error::VersionMismatch { role, .. } => format!("its {role} is not the version that was signed"),
        Error::MaxSizeExceeded { max_size, .. } => {
            format!("it sends more than the {max_size} bytes that a file may have")
        }
        Error::ParseMetadata { role, source, .. } => format!("its {role} makes no sense: {source}"),
        Error::SystemTimeSteppedBackward { sys_time, latest_known_time, .. } => format!(
            "this machine's clock says {sys_time}, and it has said {latest_known_time} before: set it, since what has \
             expired is told by it"
        ),
        other => other.to_string(),
    }
}
