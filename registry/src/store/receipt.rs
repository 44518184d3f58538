//! What is known of a version that was installed: where it is from, and every file's hash.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};
use walkdir::WalkDir;

use crate::index::{Entry, Pinned};
use crate::package::Contents;

/// The file beside the manifest.
const FILE: &str = "receipt.json";

/// What is known of a version that was installed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The tapset.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// The registry that it was taken from.
    pub registry: String,
    /// Who had signed what the registry had.
    #[serde(default)]
    pub signers: Vec<String>,
    /// SHA-256 of the package, in hexadecimal digits.
    pub sha256: String,
    /// Other tapsets that it uses.
    #[serde(default)]
    pub dependencies: BTreeMap<String, VersionReq>,
    /// The targets that it has native code for.
    #[serde(default)]
    pub native: Vec<String>,
    /// Its files.
    pub files: BTreeMap<String, Pinned>,
}

/// What is not as it was installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Amiss {
    /// A file is gone.
    Gone(String),
    /// A file is another.
    Changed(String),
    /// A file was not there.
    Added(String),
}

impl std::fmt::Display for Amiss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Amiss::Gone(file) => write!(f, "{file} is gone"),
            Amiss::Changed(file) => write!(f, "{file} is not what was installed"),
            Amiss::Added(file) => write!(f, "{file} was not installed"),
        }
    }
}

impl Receipt {
    /// Of a version that is being installed.
    pub fn of(entry: &Entry, contents: &Contents, registry: &str, signers: Vec<String>) -> Receipt {
        let pinned = |name: &str| Some((name.to_owned(), Pinned::of(contents.file(name)?)));
        Receipt {
            name: entry.name.clone(),
            version: entry.version.clone(),
            registry: registry.to_owned(),
            signers,
            sha256: entry.sha256.clone(),
            dependencies: entry.dependencies.clone(),
            native: contents.native().into_iter().map(str::to_owned).collect(),
            files: contents.names().filter_map(pinned).collect(),
        }
    }

    /// The version as an index would have it, as far as that decides whether it goes with others.
    pub fn entry(&self) -> Entry {
        Entry::bare(&self.name, self.version.clone(), self.dependencies.clone(), self.sha256.clone())
    }

    /// Of a version's folder.
    ///
    /// # Errors
    /// Where there is none, or it makes no sense.
    pub fn read(folder: &Path) -> io::Result<Receipt> {
        let path = folder.join(FILE);
        let said = |error: &dyn std::fmt::Display| io::Error::other(format!("{}: {error}", path.display()));
        let text = std::fs::read(&path).map_err(|error| said(&error))?;
        serde_json::from_slice(&text).map_err(|error| said(&error))
    }

    pub(super) fn write(&self, folder: &Path) -> io::Result<()> {
        let mut file = super::fresh(&folder.join(FILE))?;
        file.write_all(&serde_json::to_vec_pretty(self)?)?;
        file.sync_all()
    }

    /// What of a version's folder is not as it was installed.
    pub fn amiss(&self, folder: &Path) -> Vec<Amiss> {
        let mut amiss = vec![];
        for (name, pinned) in &self.files {
            match std::fs::read(folder.join(name)) {
                Ok(bytes) if bytes.len() as u64 == pinned.length && pinned.part(&bytes).is_some() => {}
                Ok(_) => amiss.push(Amiss::Changed(name.clone())),
                Err(_) => amiss.push(Amiss::Gone(name.clone())),
            }
        }
        for entry in WalkDir::new(folder).sort_by_file_name().into_iter().flatten() {
            let name = entry.path().strip_prefix(folder).ok().and_then(Path::to_str).unwrap_or_default();
            if !entry.file_type().is_dir() && name != FILE && !self.files.contains_key(name) {
                amiss.push(Amiss::Added(name.to_owned()));
            }
        }
        amiss
    }
}
