//! Brings a registry from a folder into an object store: what is new there, in an order that leaves the old state or the new.
//!
//! Packages and targets first, which nobody reads yet; then the metadata under its version, which only one publisher can take; then the
//! indexes, which only grow; and last `timestamp.json`, if it is still the one that was there at the start. Must never put an index before
//! the version is taken: another publisher may be at the same.

use std::collections::BTreeMap;

use super::said::TrustError;
use super::seen::{Registry, Settings, package_file};
use crate::access::{Bucket, Patience, Place, PutError};
use crate::index::{Pinned, targets_of};

/// Why a registry was not brought.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The folder is no registry, or what is in the store is not believed.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// The store cannot be asked.
    #[error("{0}")]
    Store(String),
    /// A file cannot be put.
    #[error(transparent)]
    Put(#[from] PutError),
    /// Somebody else publishes there.
    #[error("somebody else has published there meanwhile ({0}): mirror it, publish on that, and push again")]
    Behind(PutError),
}

/// Brings a registry into a store; gives how many files were put.
///
/// # Errors
/// Where that is not possible; then the old state is there.
pub fn push(from: &Registry, root: Vec<u8>, place: &Place, patience: Patience) -> Result<usize, PushError> {
    let Place::Bucket { bucket, prefix } = place else {
        return Err(PushError::Store(format!(
            "{place} is no object store: `systap registry mirror` copies into folders"
        )));
    };
    let store = Bucket::open(bucket, prefix, patience).map_err(PushError::Store)?;
    let seen = store.tag("metadata/timestamp.json")?;
    let there = match &seen {
        None => None,
        Some(_) => Some(Registry::open(Settings {
            name: place.to_string(),
            place: place.clone(),
            root,
            seen: None,
            kept: None,
            offline: false,
            allow_expired: true,
            patience,
        })?),
    };
    if let Some(there) = &there
        && there.versions()[1].1 > from.versions()[1].1
    {
        return Err(PushError::Behind(PutError::Changed("metadata/timestamp.json".to_owned())));
    }
    let is_there = |there: &Registry| there.versions() == from.versions() && there.signed() == from.signed();
    if there.as_ref().is_some_and(is_there) {
        return Ok(0);
    }
    let mut put = 0;
    let mut indexes: Vec<String> = vec![];
    for bin in from.bins() {
        if there.as_ref().is_some_and(|there| there.hash_of(&targets_of(&bin)[0]) == from.hash_of(&targets_of(&bin)[0]))
        {
            continue;
        }
        let tapsets = |registry: &Registry| -> Result<BTreeMap<String, Pinned>, TrustError> {
            registry.bin(&bin)?.tapsets().map_err(|error| registry.wrong(error.to_string()))
        };
        let old = there.as_ref().map(&tapsets).transpose()?.unwrap_or_default();
        for (name, pinned) in tapsets(from)? {
            if old.get(&name) == Some(&pinned) {
                continue;
            }
            let known = match &there {
                Some(there) if old.contains_key(&name) => there.tapset(&name)?.unwrap_or_default(),
                _ => crate::index::Tapset::default(),
            };
            for entry in from.tapset(&name)?.unwrap_or_default().entries {
                if known.entry(&entry.version).is_none() {
                    put += usize::from(store.create(&package_file(&name, &entry.version), &from.packed(&entry)?)?);
                }
            }
            indexes.push(name);
        }
    }
    let mut metadata = from.metadata()?;
    let Some((timestamp, newest)) = metadata.pop() else { return Ok(put) };
    for (name, bytes) in metadata {
        put += usize::from(store.create(&name, &bytes).map_err(PushError::Behind)?);
    }
    for name in indexes {
        store.put(&format!("index/{name}.json"), &from.index(&name)?)?;
        put += 1;
    }
    store.switch(&timestamp, &newest, seen).map_err(PushError::Behind)?;
    Ok(put + 1)
}
