//! `systap registry mirror`: a copy of a registry that its users believe as they believe the registry.
//!
//! Nothing is signed anew, so no key is needed. Must never leave a copy that is not whole: `timestamp.json` comes last.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use systap_registry::trust::Registry;

use crate::cli::MirrorOptions;
use crate::outcome::Status;
use crate::registries::Registries;
use crate::tapset::failure::Failure;
use crate::terminal;

/// Copies what is not there yet, each file checked on the way.
pub(super) fn mirror(options: &MirrorOptions) -> Result<Status, Failure> {
    let registries = Registries::new(&options.choice)?;
    let all = registries.all()?;
    let [registry] = all.as_slice() else {
        return Err(Failure::usage("more than one registry is known: --registry says which to mirror"));
    };
    let names = registry.tapsets()?;
    let progress = terminal::progress("mirroring", names.len() as u64);
    let mut fetched = 0;
    for name in &names {
        fetched += tapset(registry, name, &options.folder)?;
        progress.inc(1);
    }
    progress.finish_and_clear();
    for (name, bytes) in registry.metadata()? {
        fetched += put(&options.folder.join(name), &bytes)?;
    }
    let said = format!("{}: {} tapsets, {fetched} files fetched\n", options.folder.display(), names.len());
    Ok(terminal::write_to_stdout(&said))
}

/// Copies a tapset's packages and its index; gives how many files were not there.
fn tapset(registry: &Registry, name: &str, folder: &Path) -> Result<usize, Failure> {
    let mut fetched = 0;
    for entry in registry.tapset(name)?.unwrap_or_default().entries {
        let file = format!("packages/{name}/{name}-{}.tapset", entry.version);
        let path = folder.join(file);
        let there =
            std::fs::read(&path).is_ok_and(|bytes| systap_registry::index::Pinned::of(&bytes).sha256 == entry.sha256);
        if !there {
            fetched += put(&path, &registry.packed(&entry)?)?;
        }
    }
    Ok(fetched + put(&folder.join(format!("index/{name}.json")), &registry.index(name)?)?)
}

/// Writes a file, whole or not at all, unless it is there; gives 1 if it was written.
pub(super) fn put(path: &Path, bytes: &[u8]) -> Result<usize, Failure> {
    if std::fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(0);
    }
    let folder = path.parent().unwrap_or(Path::new("/"));
    let written = std::fs::create_dir_all(folder).and_then(|()| {
        let mut file = tempfile::Builder::new().prefix(".new-").tempfile_in(folder)?;
        file.write_all(bytes)?;
        let readable = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        file.as_file().set_permissions(readable)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        File::open(folder)?.sync_all()
    });
    written.map_err(|error| Failure::registry(format!("{}: {error}", path.display())))?;
    Ok(1)
}
