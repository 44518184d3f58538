//! The tapsets that are installed: versions in folders that never change, and which of them are in use.
//!
//! `store/NAME/VERSION/` has a version; `generations/N/` has a link to one version a tapset, and `installed` is a link to the
//! generation in use. Whatever is installed or removed makes a new generation and switches by one rename. Must never change what a
//! generation has, nor a version that is there.

mod lock;
mod receipt;

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};

use crate::package::Contents;

pub use lock::{Lock, LockError, Locked};
pub use receipt::{Amiss, Receipt};

/// Where what is installed is known by one path, below the store's root.
const IN_USE: &str = "installed";
/// What a generation says of itself.
const REQUESTS: &str = "requests.json";
/// How many former generations stay.
const FORMER: usize = 3;

/// Why something cannot be installed or removed, or what is installed cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file or folder cannot be written.
    #[error("{}: {source}", .path.display())]
    File {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What is known of a version in use makes no sense, or is gone.
    #[error("`{name}` {version} is damaged: {why}; `systap tapset install {name}` puts it right")]
    Damaged {
        /// The tapset.
        name: String,
        /// The version that is in use.
        version: Version,
        /// What is wrong with its receipt.
        why: String,
    },
    /// What was asked for is not known any more.
    #[error("{} makes no sense: {why}; without that file, all that is in use counts as asked for", .path.display())]
    Requests {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> StoreError + '_ {
    move |source| StoreError::File { path: path.into(), source }
}

/// The versions in use.
#[derive(Debug, Default)]
pub struct InUse {
    /// Those of which all is known, by name.
    pub whole: BTreeMap<String, Receipt>,
    /// The others: each is [`StoreError::Damaged`].
    pub damaged: Vec<StoreError>,
}

/// A tapset that was asked for, not one that another needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requested {
    /// The versions that were asked for.
    pub versions: VersionReq,
    /// The registry that it was taken from, and is to be taken from.
    pub registry: String,
}

/// A store.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
}

/// A store that nobody else changes meanwhile.
#[derive(Debug)]
pub struct Changing<'s> {
    store: &'s Store,
    _lock: File,
}

impl Store {
    /// The store in a folder, which need not be there.
    pub fn at(root: &Path) -> Store {
        Store { root: root.to_owned() }
    }

    /// Where scripts find what is installed.
    pub fn in_use(&self) -> PathBuf {
        self.root.join(IN_USE)
    }

    /// Where a version is, or would be.
    pub fn version(&self, name: &str, version: &Version) -> PathBuf {
        self.root.join("store").join(name).join(version.to_string())
    }

    /// What is known of a version that is here, in use or not.
    pub fn receipt(&self, name: &str, version: &Version) -> Option<Receipt> {
        Receipt::read(&self.version(name, version)).ok()
    }

    /// The versions of a tapset that are here, in use or not, the newest first.
    pub fn versions(&self, name: &str) -> Vec<Version> {
        let folder = self.root.join("store").join(name).read_dir().into_iter().flatten().flatten();
        let named = folder.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let mut versions: Vec<Version> = named.collect();
        versions.sort_by(|one, other| other.cmp(one));
        versions
    }

    /// The versions in use, damaged or not.
    pub fn look(&self) -> InUse {
        let mut found = InUse::default();
        for entry in self.in_use().read_dir().into_iter().flatten().flatten() {
            // A link to `../../store/NAME/VERSION` says what should be there, whatever is.
            let Ok(place) = std::fs::read_link(entry.path()) else { continue };
            let version = place.file_name().and_then(|version| version.to_str()?.parse::<Version>().ok());
            let (Some(name), Some(version)) = (entry.file_name().to_str().map(str::to_owned), version) else {
                continue;
            };
            match Receipt::read(&entry.path()) {
                Ok(receipt) if receipt.name == name && receipt.version == version => {
                    found.whole.insert(name, receipt);
                }
                Ok(receipt) => {
                    let why = format!("its receipt is that of `{}` {}", receipt.name, receipt.version);
                    found.damaged.push(StoreError::Damaged { name, version, why });
                }
                Err(error) => found.damaged.push(StoreError::Damaged { name, version, why: error.to_string() }),
            }
        }
        found
    }

    /// The versions in use, by name.
    ///
    /// # Errors
    /// Where one is damaged, so that it is not known which there are.
    pub fn installed(&self) -> Result<BTreeMap<String, Receipt>, StoreError> {
        let InUse { whole, mut damaged } = self.look();
        if damaged.is_empty() { Ok(whole) } else { Err(damaged.swap_remove(0)) }
    }

    /// What was asked for, by name; without a record of that, everything in use was.
    ///
    /// # Errors
    /// Where the record makes no sense.
    pub fn requested(&self) -> Result<BTreeMap<String, Requested>, StoreError> {
        let path = self.in_use().join(REQUESTS);
        match std::fs::read(&path) {
            Ok(text) => {
                serde_json::from_slice(&text).map_err(|error| StoreError::Requests { path, why: error.to_string() })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let asked = |(name, receipt): (String, Receipt)| {
                    (name, Requested { versions: VersionReq::STAR, registry: receipt.registry })
                };
                Ok(self.look().whole.into_iter().map(asked).collect())
            }
            Err(error) => Err(StoreError::Requests { path, why: error.to_string() }),
        }
    }

    /// Begins a change; `waiting` is called if somebody else is at one, and then it waits.
    ///
    /// # Errors
    /// Where the store cannot be written.
    pub fn change(&self, waiting: impl FnOnce()) -> Result<Changing<'_>, StoreError> {
        make(&self.root).map_err(at(&self.root))?;
        let path = self.root.join("lock");
        let lock = File::create(&path).map_err(at(&path))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                waiting();
                lock.lock().map_err(at(&path))?;
            }
            Err(TryLockError::Error(error)) => return Err(at(&path)(error)),
        }
        Ok(Changing { store: self, _lock: lock })
    }
}

impl Changing<'_> {
    /// Puts a version into the store, whole or not at all; not yet into use.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn add(&self, contents: &Contents, receipt: &Receipt) -> Result<(), StoreError> {
        let place = self.store.version(&receipt.name, &receipt.version);
        let folder = place.parent().unwrap_or(&self.store.root);
        make(folder).map_err(at(folder))?;
        let temporary = tempfile::Builder::new().prefix(".new-").tempdir_in(folder).map_err(at(folder))?;
        contents.write_to(temporary.path()).map_err(at(temporary.path()))?;
        receipt.write(temporary.path()).map_err(at(temporary.path()))?;
        if place.exists() {
            // Not what it was: somebody has changed it, or its registry says that it is another now.
            let old = tempfile::Builder::new().prefix(".old-").tempdir_in(folder).map_err(at(folder))?;
            std::fs::rename(&place, old.path().join("version")).map_err(at(&place))?;
        }
        std::fs::rename(temporary.keep(), &place).map_err(at(&place))?;
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(at(folder))
    }

    /// Makes these versions those in use, all at once.
    ///
    /// # Errors
    /// Where that cannot be written; then those before are.
    pub fn switch(
        &self,
        versions: &BTreeMap<String, Version>,
        requested: &BTreeMap<String, Requested>,
    ) -> Result<(), StoreError> {
        let root = &self.store.root;
        let generations = root.join("generations");
        make(&generations).map_err(at(&generations))?;
        let number = 1 + numbers(&generations).last().copied().unwrap_or(0);
        let folder = generations.join(number.to_string());
        // What a killed process has left under this number is not in use.
        _ = std::fs::remove_dir_all(&folder);
        make(&folder).map_err(at(&folder))?;
        for (name, version) in versions {
            let link = folder.join(name);
            symlink(format!("../../store/{name}/{version}"), &link).map_err(at(&link))?;
        }
        let path = folder.join(REQUESTS);
        let text = serde_json::to_vec_pretty(requested).map_err(|error| at(&path)(error.into()))?;
        let mut file = fresh(&path).map_err(at(&path))?;
        file.write_all(&text).and_then(|()| file.sync_all()).map_err(at(&path))?;
        File::open(&folder).and_then(|folder| folder.sync_all()).map_err(at(&folder))?;
        let (link, in_use) = (root.join(".installed"), self.store.in_use());
        _ = std::fs::remove_file(&link);
        symlink(format!("generations/{number}"), &link).map_err(at(&link))?;
        std::fs::rename(&link, &in_use).map_err(at(&in_use))?;
        File::open(root).and_then(|root| root.sync_all()).map_err(at(root))?;
        let all = numbers(&generations);
        for old in all.iter().rev().skip(1 + FORMER) {
            // What cannot be taken away does no harm.
            _ = std::fs::remove_dir_all(generations.join(old.to_string()));
        }
        Ok(())
    }
}

/// Makes a folder and those above it, for nobody else to write to, whatever the umask is.
fn make(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(folder)
}

/// Makes a file that only its owner may write to.
fn fresh(path: &Path) -> io::Result<File> {
    File::options().write(true).create_new(true).mode(0o644).open(path)
}

/// The generations, in order.
fn numbers(folder: &Path) -> Vec<u64> {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let mut numbers: Vec<u64> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers
}

#[cfg(test)]
mod tests;
