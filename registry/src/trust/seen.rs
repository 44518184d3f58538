//! A registry as a reader sees it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tough::schema::{RoleType, Root, Signed, Targets, Timestamp};
use tough::{ExpirationEnforcement, Repository, RepositoryLoader, TargetName};

use super::said::TrustError;
use super::state::LAYOUT;
use crate::access::{Fetch, FetchError, Patience, Place};
use crate::index::{Asked, Bin, Entry, Found, Pinned, Tapset, all_bins, bin_of, hex, search, targets_of, unpack};
use crate::package::{Contents, LONGEST_PACKED};

/// How a registry is to be opened.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What the user calls it.
    pub name: String,
    /// Where it is.
    pub place: Place,
    /// The root that is believed, as bytes: the beginning of the chain of keys.
    pub root: Vec<u8>,
    /// The folder for what was seen of registries, which tells an old state; without it only this run is remembered.
    pub seen: Option<PathBuf>,
    /// The folder for what was got over the network.
    pub kept: Option<PathBuf>,
    /// Whether to do without the network.
    pub offline: bool,
    /// Whether to take what has expired.
    pub allow_expired: bool,
    /// How long to wait.
    pub patience: Patience,
}

/// What a registry says of itself: the target `registry.json`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Description {
    /// What it calls itself.
    pub name: String,
    /// Whose keys are whose: the name of who holds it, by the key's id.
    #[serde(default)]
    pub owners: BTreeMap<String, String>,
}

/// The target that a registry describes itself in.
pub(super) const DESCRIPTION: &str = "registry.json";

/// No index is longer, in bytes.
const LONGEST_INDEX: u64 = 16 << 20;

/// A registry that is believed.
#[derive(Debug)]
pub struct Registry {
    settings: Settings,
    fetch: Fetch,
    repository: Repository,
    bins: RefCell<BTreeMap<String, Rc<Bin>>>,
}

impl Registry {
    /// Opens a registry: gets its metadata and checks it.
    ///
    /// # Errors
    /// Where it cannot be got or is not believed.
    pub fn open(settings: Settings) -> Result<Registry, TrustError> {
        let registry = settings.name.clone();
        let id = hex(&Sha256::digest(&settings.root)[..8]);
        let fetch = Fetch::new(
            &settings.place,
            settings.kept.as_ref().map(|folder| folder.join(&id)),
            settings.patience,
            settings.offline,
        );
        let seen = settings.seen.as_ref().map(|folder| folder.join(&id));
        // One at a time looks at what was seen and writes what is seen now.
        let lock = seen.as_ref().map(|folder| {
            let failed = |source| TrustError::State { registry: registry.clone(), path: folder.clone(), source };
            std::fs::create_dir_all(folder).map_err(failed)?;
            let lock = File::create(folder.join("lock")).map_err(failed)?;
            lock.lock().map_err(failed)?;
            Ok(lock)
        });
        let _lock = lock.transpose()?;
        let failed = |why: String| TrustError::Metadata { registry: registry.clone(), why };
        let url = |folder| Fetch::url(folder).map_err(|error| failed(error.to_string()));
        let expired = if settings.allow_expired { ExpirationEnforcement::Unsafe } else { ExpirationEnforcement::Safe };
        // The newest root that was seen is where the chain goes on: keys that it has taken away are of no use any more.
        let root = seen.as_deref().and_then(newest_root).unwrap_or_else(|| settings.root.clone());
        let mut loader = RepositoryLoader::new(&root, url("metadata/")?, url("targets/")?)
            .transport(fetch.clone())
            .expiration_enforcement(expired);
        if let Some(seen) = &seen {
            loader = loader.datastore(seen);
        }
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let loaded = runtime.map_err(|error| failed(error.to_string()))?.block_on(loader.load());
        let repository =
            loaded.map_err(|error| TrustError::of(error, fetch.last_error(), &registry, seen.as_deref()))?;
        if let Some(layout) = repository.targets().signed._extra.get(LAYOUT.0).filter(|layout| **layout != LAYOUT.1) {
            return Err(TrustError::Layout { registry, layout: layout.to_string() });
        }
        Ok(Registry { settings, fetch, repository, bins: RefCell::default() })
    }

    /// The first root of the registry at a place, believed by nobody yet.
    ///
    /// # Errors
    /// Where it cannot be got.
    pub fn first_root(place: &Place, patience: Patience) -> Result<Vec<u8>, FetchError> {
        Fetch::new(place, None, patience, false).get("metadata/1.root.json", 1 << 20)
    }

    /// What the user calls it.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Where it is.
    pub fn place(&self) -> &Place {
        &self.settings.place
    }

    /// Why there is no network, if there is none, and from when what is known is.
    pub fn offline(&self) -> Option<(String, Option<SystemTime>)> {
        self.fetch.offline()
    }

    pub(super) fn targets(&self) -> &Targets {
        &self.repository.targets().signed
    }

    pub(super) fn repository(&self) -> &Repository {
        &self.repository
    }

    /// What it says of itself.
    ///
    /// # Errors
    /// Where that cannot be got.
    pub fn description(&self) -> Result<Description, TrustError> {
        let Some(bytes) = self.target(DESCRIPTION)? else { return Ok(Description::default()) };
        serde_json::from_slice(&bytes).map_err(|error| self.wrong(error.to_string()))
    }

    /// Who has signed what it has now: the names of the keys' holders, or the beginning of the keys' ids.
    ///
    /// # Errors
    /// Where the names cannot be got.
    pub fn signers(&self) -> Result<Vec<String>, TrustError> {
        let owners = self.description()?.owners;
        let signatures = self.repository.targets().signatures.iter();
        Ok(signatures
            .map(|signature| {
                let id = hex(&signature.keyid);
                let short = id.get(..12).unwrap_or(&id);
                owners.get(&id).map_or_else(|| format!("key {short}"), |owner| format!("{owner} (key {short})"))
            })
            .collect())
    }

    /// When what it says expires first, in seconds since 1970.
    pub fn expires(&self) -> i64 {
        let repository = &self.repository;
        let times = [
            repository.root().signed.expires,
            repository.timestamp().signed.expires,
            repository.snapshot().signed.expires,
            repository.targets().signed.expires,
        ];
        times.into_iter().map(|time| time.as_second()).min().unwrap_or_default()
    }

    /// When its root expires, in seconds since 1970: who holds its keys must sign it anew before.
    pub fn root_expires(&self) -> i64 {
        self.repository.root().signed.expires.as_second()
    }

    /// The versions of its metadata: root, timestamp, snapshot, targets.
    pub fn versions(&self) -> [(&'static str, u64); 4] {
        let repository = &self.repository;
        [
            ("root", repository.root().signed.version.get()),
            ("timestamp", repository.timestamp().signed.version.get()),
            ("snapshot", repository.snapshot().signed.version.get()),
            ("targets", repository.targets().signed.version.get()),
        ]
    }

    /// How many keys must sign for a role, and the ids of those that may; for `root`, `targets`, `snapshot` and `timestamp`.
    pub fn keys(&self, role: &str) -> Option<(u64, Vec<String>)> {
        let role = role_named(role)?;
        let keys = self.repository.root().signed.roles.get(&role)?;
        Some((keys.threshold.get(), keys.keyids.iter().map(|id| hex(id)).collect()))
    }

    pub(super) fn wrong(&self, why: String) -> TrustError {
        TrustError::Metadata { registry: self.settings.name.clone(), why }
    }

    fn not_signed(&self, file: &str) -> TrustError {
        TrustError::NotSigned { registry: self.settings.name.clone(), file: file.to_owned() }
    }

    fn get(&self, name: &str, most: u64) -> Result<Vec<u8>, TrustError> {
        let failed = |error| TrustError::Fetch { registry: self.settings.name.clone(), error };
        self.fetch.get(name, most).map_err(failed)
    }

    /// A target's bytes, which are what was signed. Whether the metadata has expired was asked when it was opened.
    pub(super) fn target(&self, name: &str) -> Result<Option<Vec<u8>>, TrustError> {
        let Ok(key) = TargetName::new(name) else { return Ok(None) };
        let Some(target) = self.targets().targets.get(&key) else { return Ok(None) };
        let hash = hex(&target.hashes.sha256);
        let file = format!("targets/{hash}.{name}");
        let bytes = self.get(&file, target.length)?;
        let pinned = Pinned { length: target.length, sha256: hash };
        if bytes.len() as u64 == pinned.length && pinned.part(&bytes).is_some() {
            Ok(Some(bytes))
        } else {
            Err(self.not_signed(&file))
        }
    }

    /// What its timestamp was signed by: of two registries that differ, it differs.
    #[cfg(feature = "s3")]
    pub(super) fn signed(&self) -> Vec<String> {
        self.repository.timestamp().signatures.iter().map(|signature| hex(&signature.sig)).collect()
    }

    /// The hash of a target, in hexadecimal digits.
    #[cfg(feature = "s3")]
    pub(super) fn hash_of(&self, name: &str) -> Option<String> {
        let name = TargetName::new(name).ok()?;
        self.targets().targets.get(&name).map(|target| hex(&target.hashes.sha256))
    }

    pub(super) fn bin(&self, bin: &str) -> Result<Rc<Bin>, TrustError> {
        if let Some(known) = self.bins.borrow().get(bin) {
            return Ok(known.clone());
        }
        let [name, _] = targets_of(bin);
        let read: Bin = match self.target(&name)? {
            Some(bytes) => Bin::parse(bytes).map_err(|error| self.wrong(format!("{name}: {error}")))?,
            None => Bin::default(),
        };
        let read = Rc::new(read);
        self.bins.borrow_mut().insert(bin.to_owned(), read.clone());
        Ok(read)
    }

    /// All that is known of a tapset; `None` if the registry does not have it.
    ///
    /// # Errors
    /// Where that cannot be got or is not what was signed.
    pub fn tapset(&self, name: &str) -> Result<Option<Tapset>, TrustError> {
        if !crate::is_name(name) {
            return Ok(None);
        }
        if self.bin(&bin_of(name))?.find(name).is_none() {
            return Ok(None);
        }
        let part = self.index(name)?;
        let tapset = Tapset::parse(name, &part);
        tapset.map(Some).map_err(|error| TrustError::Index { registry: self.settings.name.clone(), error })
    }

    /// The part of a tapset's index that is signed, as it is.
    ///
    /// # Errors
    /// Where there is none, it cannot be got, or is not what was signed.
    pub fn index(&self, name: &str) -> Result<Vec<u8>, TrustError> {
        let file = format!("index/{name}.json");
        let bin = self.bin(&bin_of(name))?;
        let Some(pinned) = bin.find(name) else { return Err(self.not_signed(&file)) };
        // The index only grows: one that was got before and begins with what is signed will do.
        if let Some(part) = self.fetch.kept(&file).as_deref().and_then(|bytes| pinned.part(bytes)) {
            return Ok(part.to_vec());
        }
        let bytes = self.get(&file, LONGEST_INDEX.max(pinned.length))?;
        pinned.part(&bytes).map(<[u8]>::to_vec).ok_or_else(|| self.not_signed(&file))
    }

    /// The files that say what it has, for a copy: targets first, then metadata, and the file that makes it all the state last.
    ///
    /// # Errors
    /// Where one cannot be got or is not what was signed.
    pub fn metadata(&self) -> Result<Vec<(String, Vec<u8>)>, TrustError> {
        let mut files = vec![];
        let mut targets: Vec<_> = self.targets().targets.iter().collect();
        targets.sort_by(|one, other| one.0.raw().cmp(other.0.raw()));
        for (name, target) in targets {
            if let Some(bytes) = self.target(name.raw())? {
                files.push((format!("targets/{}.{}", hex(&target.hashes.sha256), name.raw()), bytes));
            }
        }
        let [(_, root), _, (_, snapshot), (_, targets)] = self.versions();
        let mut names: Vec<String> = (1..=root).map(|version| format!("metadata/{version}.root.json")).collect();
        names.push(format!("metadata/{targets}.targets.json"));
        names.push(format!("metadata/{snapshot}.snapshot.json"));
        names.push("metadata/timestamp.json".to_owned());
        for name in names {
            let bytes = self.get(&name, LONGEST_INDEX)?;
            files.push((name, bytes));
        }
        // Whoever publishes meanwhile has another timestamp, which does not belong to these files.
        let newest = files.last().and_then(|(_, bytes)| serde_json::from_slice::<Signed<Timestamp>>(bytes).ok());
        if newest.is_none_or(|newest| newest.signed.version != self.repository.timestamp().signed.version) {
            return Err(self.wrong("it has changed meanwhile: repeat this".to_owned()));
        }
        Ok(files)
    }

    /// A version's package.
    ///
    /// # Errors
    /// Where it cannot be got, is not what was signed, or is no package of that version.
    pub fn package(&self, entry: &Entry) -> Result<Contents, TrustError> {
        let (bytes, file) = (self.packed(entry)?, package_file(&entry.name, &entry.version));
        let named = |error| TrustError::Package {
            registry: self.settings.name.clone(),
            name: format!("{} {}", entry.name, entry.version),
            error,
        };
        let contents = Contents::unpack(&bytes).map_err(named)?;
        let manifest = contents.manifest().map_err(|error| named(error.into()))?;
        if manifest.name != entry.name || manifest.version != entry.version {
            let why = format!("{file} is of `{}` {}", manifest.name, manifest.version);
            return Err(self.wrong(why));
        }
        Ok(contents)
    }

    /// A version's package as it is, which is what was signed.
    ///
    /// # Errors
    /// Where it cannot be got, or is not what was signed.
    pub fn packed(&self, entry: &Entry) -> Result<Vec<u8>, TrustError> {
        let file = package_file(&entry.name, &entry.version);
        let bytes = self.get(&file, entry.size.min(LONGEST_PACKED))?;
        let pinned = Pinned { length: entry.size, sha256: entry.sha256.clone() };
        if bytes.len() as u64 != entry.size || pinned.part(&bytes).is_none() {
            return Err(self.not_signed(&file));
        }
        Ok(bytes)
    }

    /// The names that the tapsets of a bin offer, a line a tapset.
    ///
    /// # Errors
    /// Where they cannot be got.
    pub fn names(&self, bin: &str) -> Result<String, TrustError> {
        let [_, name] = targets_of(bin);
        let Some(bytes) = self.target(&name)? else { return Ok(String::new()) };
        unpack(&bytes).map_err(|error| TrustError::Names { registry: self.settings.name.clone(), error })
    }

    /// The bins that have tapsets.
    pub fn bins(&self) -> impl Iterator<Item = String> {
        all_bins().filter(|bin| {
            TargetName::new(&targets_of(bin)[0]).is_ok_and(|name| self.targets().targets.contains_key(&name))
        })
    }

    /// The tapsets that are asked for, by name.
    ///
    /// # Errors
    /// Where the names cannot be got.
    pub fn search(&self, asked: &Asked) -> Result<Vec<Found>, TrustError> {
        let mut found = vec![];
        for bin in self.bins() {
            found.extend(search(&self.names(&bin)?, asked));
        }
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    /// The names of all tapsets, in order.
    ///
    /// # Errors
    /// Where they cannot be got.
    pub fn tapsets(&self) -> Result<Vec<String>, TrustError> {
        let mut names = vec![];
        for bin in self.bins() {
            let tapsets = self.bin(&bin)?.tapsets().map_err(|error| self.wrong(error.to_string()))?;
            names.extend(tapsets.into_keys());
        }
        names.sort();
        Ok(names)
    }
}

/// The newest root that was seen of a registry, if it is whole: `tough` writes it once it believes it.
fn newest_root(seen: &std::path::Path) -> Option<Vec<u8>> {
    let bytes = std::fs::read(seen.join("root.json")).ok()?;
    let root: Signed<Root> = serde_json::from_slice(&bytes).ok()?;
    root.signed.verify_role(&root).ok()?;
    Some(bytes)
}

/// Where a version's package lies in a registry.
pub(super) fn package_file(name: &str, version: &semver::Version) -> String {
    format!("packages/{name}/{name}-{version}.tapset")
}

pub(super) fn role_named(name: &str) -> Option<RoleType> {
    Some(match name {
        "root" => RoleType::Root,
        "targets" => RoleType::Targets,
        "snapshot" => RoleType::Snapshot,
        "timestamp" => RoleType::Timestamp,
        _ => return None,
    })
}

impl crate::resolve::Versions for Registry {
    type Error = TrustError;

    fn versions(&self, name: &str) -> Result<Option<Rc<Tapset>>, TrustError> {
        Ok(self.tapset(name)?.map(Rc::new))
    }
}

impl TrustError {
    /// Whether a file was simply not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, TrustError::Fetch { error: FetchError::NotFound(_), .. })
    }
}
