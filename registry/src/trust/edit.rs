//! A registry in a folder, as its operator and its publishers change it.
//!
//! What is published goes in this order: the package, the line of the index, the bins, then the metadata, and of that `timestamp.json`
//! last, by a rename. Everything before that is new files or grown ones, which nobody reads who has the old timestamp. So a publisher
//! that is killed leaves the old state or the new. Must never change what a signed state says.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Write};
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};

use semver::Version;
use tough::schema::{RoleType, Root, Signed, Targets};

use super::keys::Key;
use super::said::{TrustError, sentence};
use super::seen::{DESCRIPTION, Description, Registry, Settings, package_file};
use super::state::{SPECIFICATION, after, can_sign, commit, set_role, sign, write};
use crate::access::{Patience, Place};
use crate::index::{Bin, BinError, Entry, Named, Pinned, Yank, bin_of, hex, pack, targets_of};

/// How many former states stay readable, for those who have begun to read one.
const FORMER_STATES: u64 = 10;

/// Why a registry cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    /// There is something at its place.
    #[error("{} is there already, and is not empty", .0.display())]
    NotEmpty(PathBuf),
    /// More keys must sign than there are.
    #[error(
        "{threshold} of the root's keys are to sign, and {keys} are given: at least one must, and no more than there are"
    )]
    Threshold {
        /// How many must.
        threshold: u64,
        /// How many there are.
        keys: usize,
    },
    /// It cannot be written or signed.
    #[error(transparent)]
    Edit(#[from] EditError),
}

/// Why a registry cannot be changed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// It is no registry, or not as it was signed.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// A file cannot be read or written.
    #[error("{}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The version is there.
    #[error("`{name}` {version} is published already, and what is published does not change: raise the version")]
    Published {
        /// The tapset.
        name: String,
        /// The version.
        version: Version,
    },
    /// The version is not there.
    #[error("`{name}` {version} is not published here")]
    NotPublished {
        /// The tapset.
        name: String,
        /// The version.
        version: Version,
    },
    /// It cannot be signed.
    #[error("it cannot be signed: {0}")]
    Sign(String),
    /// A key counts once, however often it is given.
    #[error("the key {0} is given twice for the same")]
    Twice(String),
}

/// What a new registry is to be like.
#[derive(Debug)]
pub struct Initial<'k> {
    /// What it calls itself.
    pub name: String,
    /// The keys that may change keys.
    pub root: &'k [Key],
    /// How many of them must sign.
    pub threshold: u64,
    /// The keys that publish.
    pub publishing: &'k [Key],
    /// Whose keys are whose, by id.
    pub owners: BTreeMap<String, String>,
    /// For how many days what is signed is good.
    pub days: u64,
    /// For how many days the root is.
    pub root_days: u64,
}

/// A version to publish.
#[derive(Debug, Clone)]
pub struct Publication {
    /// What the index is to say; its hash and size are those of the package.
    pub entry: Entry,
    /// The tracepoints that its scripts probe.
    pub tracepoints: Vec<String>,
    /// The package.
    pub packed: Vec<u8>,
}

/// A registry that is being changed. Others that want to wait.
#[derive(Debug)]
pub struct Editor {
    folder: PathBuf,
    registry: Registry,
    root: Root,
    _lock: File,
}

/// What becomes of the targets: new bytes by name.
pub(super) type Changes = BTreeMap<String, Vec<u8>>;

impl Editor {
    /// Makes a registry in a folder that is empty or not there.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn init(folder: &Path, initial: &Initial<'_>) -> Result<(), InitError> {
        if folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
            return Err(InitError::NotEmpty(folder.into()));
        }
        if initial.threshold == 0 || initial.threshold > initial.root.len() as u64 {
            return Err(InitError::Threshold { threshold: initial.threshold, keys: initial.root.len() });
        }
        let mut root = Root {
            spec_version: SPECIFICATION.to_owned(),
            consistent_snapshot: true,
            version: NonZeroU64::MIN,
            expires: after(initial.root_days),
            keys: HashMap::new(),
            roles: HashMap::new(),
            _extra: HashMap::new(),
        };
        set_role(&mut root, RoleType::Root, initial.root, initial.threshold)?;
        for role in [RoleType::Targets, RoleType::Snapshot, RoleType::Timestamp] {
            set_role(&mut root, role, initial.publishing, 1)?;
        }
        let signed = sign(root.clone(), &root, initial.root)?;
        for name in ["metadata", "targets", "index", "packages"] {
            let path = folder.join(name);
            std::fs::create_dir_all(&path).map_err(|source| EditError::File { path, source })?;
        }
        let path = folder.join("metadata/1.root.json");
        write(&path, signed.buffer())?;
        let description = Description { name: initial.name.clone(), owners: initial.owners.clone() };
        let bytes = serde_json::to_vec(&description).map_err(|error| EditError::Sign(error.to_string()))?;
        let changes = Changes::from([(DESCRIPTION.to_owned(), bytes)]);
        let targets = Targets::new(SPECIFICATION.to_owned(), NonZeroU64::MIN, after(initial.days));
        commit(folder, &[&root], targets, [1, 1], &changes, initial.publishing, initial.days)?;
        Ok(())
    }

    /// Opens a registry to change it; waits for others who do.
    ///
    /// # Errors
    /// Where there is none, or it is not as it was signed.
    pub fn open(folder: &Path, name: &str) -> Result<Editor, EditError> {
        let path = folder.join("metadata/1.root.json");
        let root = std::fs::read(&path).map_err(|source| EditError::File { path: path.clone(), source })?;
        let path = folder.join(".lock");
        let failed = |source| EditError::File { path: path.clone(), source };
        let lock = File::create(&path).map_err(failed)?;
        lock.lock().map_err(failed)?;
        let registry = Registry::open(Settings {
            name: name.to_owned(),
            place: Place::Folder(folder.to_owned()),
            root,
            seen: None,
            kept: None,
            offline: false,
            // Who signs anew need not have done so in time.
            allow_expired: true,
            patience: Patience::default(),
        })?;
        let root = registry.repository().root().signed.clone();
        Ok(Editor { folder: folder.to_owned(), registry, root, _lock: lock })
    }

    /// The registry as it is.
    pub fn registry(&self) -> &Registry {
        &self.registry
    }

    /// Publishes versions, all or none.
    ///
    /// # Errors
    /// Where one is there already, or it cannot be written or signed.
    pub fn publish(self, publications: &[Publication], keys: &[Key], days: u64) -> Result<(), EditError> {
        let mut lines: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for Publication { entry, packed, .. } in publications {
            if self.registry.tapset(&entry.name)?.is_some_and(|tapset| tapset.entry(&entry.version).is_some()) {
                return Err(EditError::Published { name: entry.name.clone(), version: entry.version.clone() });
            }
            // What is there of a version that no index names is of a publisher that was killed.
            write(&self.folder.join(package_file(&entry.name, &entry.version)), packed)?;
            lines.entry(&entry.name).or_default().push(entry.line());
        }
        let mut named = BTreeMap::new();
        for Publication { entry, tracepoints, .. } in publications {
            named.insert(entry.name.clone(), Named::of(entry, tracepoints.clone()));
        }
        let changes = self.grow(&lines, &named)?;
        self.commit(&changes, keys, days)
    }

    /// Says of a version that it is not to be taken anew, or that it is again.
    ///
    /// # Errors
    /// Where it is not there, or it cannot be written or signed.
    pub fn yank(self, name: &str, yank: Yank, keys: &[Key], days: u64) -> Result<(), EditError> {
        let tapset = self.registry.tapset(name)?.unwrap_or_default();
        if tapset.entry(&yank.version).is_none() {
            return Err(EditError::NotPublished { name: name.to_owned(), version: yank.version });
        }
        // What is found by its names is the newest version that may be taken.
        let may_be_taken = |entry: &&Entry| match entry.version == yank.version {
            true => !yank.yanked,
            false => !tapset.yanks.contains_key(&entry.version),
        };
        let newest = tapset.entries.iter().filter(may_be_taken).max_by(|one, other| one.version.cmp(&other.version));
        let lines = BTreeMap::from([(name, vec![yank.line()])]);
        let mut changes = self.grow(&lines, &BTreeMap::new())?;
        if let Some(newest) = newest {
            self.rename(newest, &mut changes)?;
        }
        self.commit(&changes, keys, days)
    }

    /// Lets a tapset be found by what that version has.
    fn rename(&self, entry: &Entry, changes: &mut Changes) -> Result<(), EditError> {
        let bin = bin_of(&entry.name);
        let line = |line: &str| match Named::parse(line) {
            // Which tracepoints a version probes is told when it is published alone.
            Some(known) if known.name == entry.name && known.version != entry.version.to_string() => {
                Named::of(entry, known.tracepoints).line()
            }
            _ => format!("{line}\n"),
        };
        let lines: String = self.registry.names(&bin)?.lines().map(line).collect();
        let [_, names] = targets_of(&bin);
        changes.insert(names, pack(&lines).map_err(|error| EditError::Sign(error.to_string()))?);
        Ok(())
    }

    /// Replaces targets by their bytes: bins and names of tapsets whose indexes lie in the folder already, for tools that make a registry
    /// of another one. What is not there to be read is found out by who reads it.
    ///
    /// # Errors
    /// Where it cannot be written or signed.
    pub fn replace(self, targets: &BTreeMap<String, Vec<u8>>, keys: &[Key], days: u64) -> Result<(), EditError> {
        self.commit(targets, keys, days)
    }

    /// Signs what is there anew, so that it stays good.
    ///
    /// # Errors
    /// Where it cannot be written or signed.
    pub fn refresh(self, keys: &[Key], days: u64) -> Result<(), EditError> {
        self.commit(&Changes::new(), keys, days)
    }

    /// Changes which keys sign: `publishing`, and `root` with its threshold, where they are given. `old` must have enough of the keys
    /// that sign the root now. The root is good for the first number of days, all else for the second.
    ///
    /// # Errors
    /// Where the root cannot be signed by both the old keys and the new.
    pub fn rotate(
        mut self,
        old: &[Key],
        root: Option<(&[Key], u64)>,
        publishing: &[Key],
        owners: BTreeMap<String, String>,
        [root_days, days]: [u64; 2],
    ) -> Result<(), EditError> {
        let former = self.root.clone();
        self.root.version = former.version.saturating_add(1);
        self.root.expires = after(root_days);
        if let Some((keys, threshold)) = root {
            set_role(&mut self.root, RoleType::Root, keys, threshold)?;
        }
        for role in [RoleType::Targets, RoleType::Snapshot, RoleType::Timestamp] {
            set_role(&mut self.root, role, publishing, 1)?;
        }
        let used: Vec<_> = self.root.roles.values().flat_map(|keys| keys.keyids.clone()).collect();
        self.root.keys.retain(|id, _| used.contains(id));
        let all: Vec<Key> = old.iter().chain(root.map_or(&[][..], |(keys, _)| keys)).cloned().collect();
        for (by, how) in [
            (&former, "that sign the root now are not all given (--root-key)"),
            (&self.root, "that are to sign the root are not all given (--new-root-key)"),
        ] {
            if !can_sign(by, &all) {
                return Err(EditError::Sign(format!("the keys {how}")));
            }
        }
        let by_old = sign(self.root.clone(), &former, &all)?.signed().signatures.clone();
        let signed = sign(self.root.clone(), &self.root, &all)?.add_old_signatures(by_old);
        let signed = signed.map_err(|error| EditError::Sign(sentence(&error)))?;
        let mut description = self.registry.description()?;
        description.owners.extend(owners);
        let bytes = serde_json::to_vec(&description).map_err(|error| EditError::Sign(error.to_string()))?;
        let changes = Changes::from([(DESCRIPTION.to_owned(), bytes)]);
        // Signed by the keys of both roots, so that it is believed before the new root is there and after.
        let both: Vec<Key> = all.iter().chain(publishing).cloned().collect();
        let path = self.folder.join(format!("metadata/{}.root.json", self.root.version));
        self.commit_by(&[&former, &self.root], &changes, &both, days)?;
        write(&path, signed.buffer())
    }

    /// Adds lines to indexes; gives what becomes of the bins.
    fn grow(&self, lines: &BTreeMap<&str, Vec<String>>, named: &BTreeMap<String, Named>) -> Result<Changes, EditError> {
        let mut bins: BTreeMap<String, BTreeMap<String, Pinned>> = BTreeMap::new();
        for (name, lines) in lines {
            let bin = bin_of(name);
            if !bins.contains_key(&bin) {
                let tapsets = self.registry.bin(&bin)?.tapsets();
                let wrong = |error: BinError| EditError::Sign(error.to_string());
                bins.insert(bin.clone(), tapsets.map_err(wrong)?);
            }
            let tapsets = bins.entry(bin).or_default();
            let path = self.folder.join(format!("index/{name}.json"));
            let failed = |source| EditError::File { path: path.clone(), source };
            let mut bytes = match (tapsets.get(*name), std::fs::read(&path)) {
                (None, _) => vec![],
                (Some(pinned), Ok(bytes)) => {
                    pinned.part(&bytes).map(<[u8]>::to_vec).ok_or_else(|| TrustError::NotSigned {
                        registry: self.registry.name().to_owned(),
                        file: format!("index/{name}.json"),
                    })?
                }
                (Some(_), Err(error)) => return Err(failed(error)),
            };
            let signed = bytes.len() as u64;
            bytes.extend(lines.concat().as_bytes());
            // It grows in its place: the part that is signed is never without its bytes, not even for a moment.
            let mut file = File::options().write(true).create(true).truncate(false).open(&path).map_err(failed)?;
            file.set_len(signed).map_err(failed)?;
            io::Seek::seek(&mut file, io::SeekFrom::Start(signed)).map_err(failed)?;
            file.write_all(&bytes[signed as usize..]).and_then(|()| file.sync_all()).map_err(failed)?;
            tapsets.insert((*name).to_owned(), Pinned::of(&bytes));
        }
        let mut changes = Changes::new();
        for (bin, tapsets) in bins {
            let [index, names] = targets_of(&bin);
            changes.insert(index, Bin::of(&tapsets).text().as_bytes().to_vec());
            let old = self.registry.names(&bin)?;
            let mut all: BTreeMap<String, String> = BTreeMap::new();
            for line in old.lines() {
                let name = line.split('\t').next().unwrap_or_default();
                all.insert(name.to_owned(), format!("{line}\n"));
            }
            for (name, named) in named.iter().filter(|(name, _)| bin_of(name) == bin) {
                // What is found is what the newest version offers; an older series goes on without being found.
                let known = all.get(name).and_then(|line| Named::parse(line));
                let newest = known.and_then(|known| known.version.parse::<Version>().ok());
                if newest.is_none_or(|newest| named.version.parse::<Version>().is_ok_and(|version| version > newest)) {
                    all.insert(name.clone(), named.line());
                }
            }
            let lines: String = all.into_values().collect();
            changes.insert(names, pack(&lines).map_err(|error| EditError::Sign(error.to_string()))?);
        }
        Ok(changes)
    }

    fn commit(self, changes: &Changes, keys: &[Key], days: u64) -> Result<(), EditError> {
        self.commit_by(&[&self.root], changes, keys, days)
    }

    fn commit_by(&self, roots: &[&Root], changes: &Changes, keys: &[Key], days: u64) -> Result<(), EditError> {
        let repository = self.registry.repository();
        let mut targets = repository.targets().signed.clone();
        targets.version = targets.version.saturating_add(1);
        targets.expires = after(days);
        let versions = [repository.snapshot().signed.version, repository.timestamp().signed.version];
        let versions = versions.map(|version| version.get() + 1);
        commit(&self.folder, roots, targets, versions, changes, keys, days)?;
        self.sweep()
    }

    /// Takes away files of states that are long over.
    fn sweep(&self) -> Result<(), EditError> {
        // This registry is the state before; the states before that which are to stay are found by their targets.
        let current = self.registry.repository().targets().signed.version.get() + 1;
        let oldest = current.saturating_sub(FORMER_STATES);
        let folder = self.folder.join("metadata");
        let mut needed = std::collections::BTreeSet::new();
        for version in oldest..=current {
            let Ok(bytes) = std::fs::read(folder.join(format!("{version}.targets.json"))) else { continue };
            let Ok(signed) = serde_json::from_slice::<Signed<Targets>>(&bytes) else { continue };
            let files = signed.signed.targets.iter();
            needed.extend(files.map(|(name, target)| format!("{}.{}", hex(&target.hashes.sha256), name.resolved())));
        }
        let age = |name: &str| -> Option<u64> {
            let (version, role) = name.split_once('.')?;
            matches!(role, "targets.json" | "snapshot.json").then(|| version.parse().ok())?
        };
        let remove = |folder: &Path, is_over: &dyn Fn(&str) -> bool| {
            for entry in folder.read_dir().into_iter().flatten().flatten() {
                if entry.file_name().to_str().is_some_and(is_over) {
                    // What cannot be taken away does no harm.
                    _ = std::fs::remove_file(entry.path());
                }
            }
        };
        remove(&folder, &|name| age(name).is_some_and(|version| version < oldest));
        remove(&self.folder.join("targets"), &|name| !name.starts_with('.') && !needed.contains(name));
        Ok(())
    }
}
