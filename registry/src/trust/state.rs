//! A state of a registry: signed, written, and then made the one that readers find.
//!
//! Must never write `timestamp.json` before everything that it leads to is on the disk.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::num::NonZeroU64;
use std::path::Path;

use aws_lc_rs::rand::SystemRandom;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use tough::TargetName;
use tough::editor::signed::SignedRole;
use tough::key_source::KeySource;
use tough::schema::{
    Hashes, KeyHolder, Metafile, Role, RoleKeys, RoleType, Root, Snapshot, Target, Targets, Timestamp as TimestampRole,
};

use super::edit::{Changes, EditError};
use super::keys::Key;
use super::said::sentence;
use crate::index::hex;

/// The version of TUF's specification that the metadata follows.
pub(super) const SPECIFICATION: &str = "1.0.0";

/// What the metadata says of how the rest of a registry is laid out, and the number of the layout that is read and written.
pub(super) const LAYOUT: (&str, u64) = ("systap-registry", 1);

/// Writes what a new state needs, and then makes it the state.
pub(super) fn commit(
    folder: &Path,
    roots: &[&Root],
    mut targets: Targets,
    [snapshot_version, timestamp_version]: [u64; 2],
    changes: &Changes,
    keys: &[Key],
    days: u64,
) -> Result<(), EditError> {
    for (name, bytes) in changes {
        let hash = Sha256::digest(bytes);
        write(&folder.join(format!("targets/{}.{name}", hex(&hash))), bytes)?;
        let hashes = Hashes { sha256: hash.to_vec().into(), _extra: HashMap::new() };
        let target = Target { length: bytes.len() as u64, hashes, custom: HashMap::new(), _extra: HashMap::new() };
        let name = TargetName::new(name).map_err(|error| EditError::Sign(sentence(&error)))?;
        targets.targets.insert(name, target);
    }
    targets._extra.entry(LAYOUT.0.to_owned()).or_insert_with(|| LAYOUT.1.into());
    let version = |number| NonZeroU64::new(number).unwrap_or(NonZeroU64::MIN);
    let metadata = |name: String| folder.join("metadata").join(name);
    let targets = sign_by(targets, roots, keys)?;
    write(&metadata(targets.signed().signed.filename(true)), targets.buffer())?;
    let mut snapshot = Snapshot::new(SPECIFICATION.to_owned(), version(snapshot_version), after(days));
    snapshot.meta.insert("targets.json".to_owned(), metafile(&targets));
    let snapshot = sign_by(snapshot, roots, keys)?;
    write(&metadata(snapshot.signed().signed.filename(true)), snapshot.buffer())?;
    let mut timestamp = TimestampRole::new(SPECIFICATION.to_owned(), version(timestamp_version), after(days));
    timestamp.meta.insert("snapshot.json".to_owned(), metafile(&snapshot));
    let timestamp = sign_by(timestamp, roots, keys)?;
    write(&metadata(timestamp.signed().signed.filename(true)), timestamp.buffer())
}

pub(super) fn metafile<T: Role>(signed: &SignedRole<T>) -> Metafile {
    let hashes = Hashes { sha256: signed.sha256().to_vec().into(), _extra: HashMap::new() };
    Metafile {
        length: Some(*signed.length()),
        hashes: Some(hashes),
        version: signed.signed().signed.version(),
        _extra: HashMap::new(),
    }
}

/// Signs a role by those of the keys that may.
pub(super) fn sign<T: Role + serde::Serialize>(role: T, root: &Root, keys: &[Key]) -> Result<SignedRole<T>, EditError> {
    let failed = |error: &dyn std::fmt::Display| EditError::Sign(error.to_string());
    let sources: Vec<Box<dyn KeySource>> = keys.iter().map(|key| Box::new(key.clone()) as Box<dyn KeySource>).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().map_err(|error| failed(&error))?;
    let holder = KeyHolder::Root(root.clone());
    let signed = runtime.block_on(SignedRole::new(role, &holder, &sources, &SystemRandom::new()));
    signed.map_err(|error| match error {
        tough::error::Error::SigningKeysNotFound { role } => {
            EditError::Sign(format!("none of the keys that are given may sign the {role} of this registry, or too few"))
        }
        tough::error::Error::KeysNotFoundInRoot { .. } => {
            EditError::Sign("none of the keys that are given is one of this registry's".to_owned())
        }
        other => EditError::Sign(sentence(&other)),
    })
}

/// Signs a role for each of some roots. The last must be able to believe it; the keys of the others may be lost.
pub(super) fn sign_by<T: Role + serde::Serialize + Clone>(
    role: T,
    roots: &[&Root],
    keys: &[Key],
) -> Result<SignedRole<T>, EditError> {
    let Some((last, others)) = roots.split_last() else {
        return Err(EditError::Sign("there is no root".to_owned()));
    };
    others.iter().try_fold(sign(role.clone(), last, keys)?, |signed, root| {
        let Ok(also) = sign(role.clone(), root, keys) else { return Ok(signed) };
        let more = also.signed().signatures.clone();
        signed.add_old_signatures(more).map_err(|error| EditError::Sign(sentence(&error)))
    })
}

/// Whether there are enough of the keys that must sign a root.
pub(super) fn can_sign(root: &Root, keys: &[Key]) -> bool {
    root.roles.get(&RoleType::Root).is_some_and(|role| {
        let ids: Vec<String> = role.keyids.iter().map(|id| hex(id)).collect();
        let given: std::collections::BTreeSet<String> =
            keys.iter().map(Key::id).filter(|id| ids.contains(id)).collect();
        given.len() as u64 >= role.threshold.get()
    })
}

pub(super) fn set_role(root: &mut Root, role: RoleType, keys: &[Key], threshold: u64) -> Result<(), EditError> {
    let mut ids = vec![];
    for key in keys {
        let bad = || EditError::Sign(format!("the key {} makes no sense", key.id()));
        let public = key.tuf().ok_or_else(bad)?;
        let id = public.key_id().map_err(|_| bad())?;
        if ids.contains(&id) {
            return Err(EditError::Twice(key.id()));
        }
        root.keys.insert(id.clone(), public);
        ids.push(id);
    }
    let threshold = NonZeroU64::new(threshold).unwrap_or(NonZeroU64::MIN);
    root.roles.insert(role, RoleKeys { keyids: ids, threshold, _extra: HashMap::new() });
    Ok(())
}

/// In so many days, to the second.
pub(super) fn after(days: u64) -> Timestamp {
    let now = Timestamp::now().as_second();
    let seconds = i64::try_from(days).unwrap_or(i64::MAX).saturating_mul(86_400);
    Timestamp::from_second(now.saturating_add(seconds)).unwrap_or(Timestamp::MAX)
}

/// Writes a file, whole or not at all, and has it on the disk before it returns.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), EditError> {
    let failed = |source| EditError::File { path: path.into(), source };
    let folder = path.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(folder).map_err(failed)?;
    let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder).map_err(failed)?;
    file.write_all(bytes).map_err(failed)?;
    let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(readable).and_then(|()| file.as_file().sync_all()).map_err(failed)?;
    file.persist(path).map_err(|error| failed(error.error))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::super::edit::{Editor, Initial};
    use super::super::seen::{Registry, Settings};
    use super::*;

    #[test]
    fn a_layout_of_later_is_told() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("registry");
        let keys = [Key::generate().unwrap()];
        let initial = Initial {
            name: "test".to_owned(),
            root: &keys,
            threshold: 1,
            publishing: &keys,
            owners: Default::default(),
            days: 1,
            root_days: 1,
        };
        Editor::init(&folder, &initial).unwrap();
        let settings = Settings {
            name: "test".to_owned(),
            place: crate::access::Place::Folder(folder.clone()),
            root: std::fs::read(folder.join("metadata/1.root.json")).unwrap(),
            seen: None,
            kept: None,
            offline: false,
            allow_expired: false,
            patience: crate::access::Patience::default(),
        };
        let registry = Registry::open(settings.clone()).unwrap();
        let mut targets = registry.targets().clone();
        targets.version = targets.version.saturating_add(1);
        targets._extra.insert(LAYOUT.0.to_owned(), (LAYOUT.1 + 1).into());
        let roots = [&registry.repository().root().signed];
        commit(&folder, &roots, targets, [2, 2], &Changes::new(), &keys, 1).unwrap();
        let said = Registry::open(settings).unwrap_err().to_string();
        assert_eq!(said, "the registry `test` is of format 2, and this systap reads 1: a newer systap may read it");
    }
}
