//! `systap.lock`: the versions that a script was made with, beside the script.
//!
//! Equal input gives an equal file, and an equal file is not written. Must never be needed: a script without one takes what is
//! installed.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use semver::Version;
use serde::{Deserialize, Serialize};

/// The format that is read.
const FORMAT: u32 = 1;
/// The file's name.
const FILE: &str = "systap.lock";

/// The versions that a script was made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    /// The file's format.
    lock: u32,
    /// The kernel that they were chosen for: its release's first two numbers, and its architecture.
    pub kernel: String,
    /// The versions, by name.
    #[serde(default, rename = "tapset")]
    pub tapsets: Vec<Locked>,
}

/// A version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locked {
    /// The tapset.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// The registry.
    pub registry: String,
    /// SHA-256 of the package, in hexadecimal digits.
    pub sha256: String,
}

/// What is wrong with a lock file.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// It cannot be read or written.
    #[error("{}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It makes no sense.
    #[error("{}: {said}", .path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        said: String,
    },
}

impl Lock {
    /// Of versions.
    pub fn new(kernel: String, mut tapsets: Vec<Locked>) -> Lock {
        tapsets.sort_by(|one, other| one.name.cmp(&other.name));
        Lock { lock: FORMAT, kernel, tapsets }
    }

    /// Where the lock file of a script is.
    pub fn path(script: &Path) -> PathBuf {
        script.parent().unwrap_or(Path::new("")).join(FILE)
    }

    /// Reads a lock file; `None` if there is none.
    ///
    /// # Errors
    /// Where it cannot be read or makes no sense.
    pub fn read(path: &Path) -> Result<Option<Lock>, LockError> {
        let text = match std::fs::read_to_string(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(LockError::File { path: path.into(), source }),
            Ok(text) => text,
        };
        let wrong = |said: String| LockError::Wrong { path: path.into(), said };
        let lock: Lock = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        if lock.lock != FORMAT {
            return Err(wrong(format!("it is of format {}, and this systap reads {FORMAT}", lock.lock)));
        }
        Ok(Some(lock))
    }

    /// The file's text.
    pub fn text(&self) -> String {
        let mut text = String::from("# The tapsets that scripts here were made with, by `systap tapset lock`.\n");
        text += &format!("lock = {}\nkernel = {:?}\n", self.lock, self.kernel);
        for Locked { name, version, registry, sha256 } in &self.tapsets {
            text += &format!("\n[[tapset]]\nname = {name:?}\nversion = \"{version}\"\nregistry = {registry:?}\n");
            text += &format!("sha256 = \"{sha256}\"\n");
        }
        text
    }

    /// Writes the file, unless it is the same; gives whether it was written.
    ///
    /// # Errors
    /// Where it cannot be written; then the old one is there.
    pub fn write(&self, path: &Path) -> Result<bool, LockError> {
        let text = self.text();
        if std::fs::read_to_string(path).is_ok_and(|old| old == text) {
            return Ok(false);
        }
        let failed = |source| LockError::File { path: path.into(), source };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        file.as_file().set_permissions(readable).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
        file.persist(path).map_err(|error| failed(error.error))?;
        Ok(true)
    }
}
