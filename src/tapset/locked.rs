//! The versions that a script runs with where a `systap.lock` lies beside it.
//!
//! Must never take another version than the lock names: what is not here is an error, not a reason to take what is.

use std::path::{Path, PathBuf};

use semver::VersionReq;
use systap_registry::store::{Lock, Store};

use crate::xdg;

/// The folders of the versions that somebody names, `NAME[@VERSIONS]`: the newest of those that are here. A sentence if none is.
pub(crate) fn named(texts: &[String]) -> Result<Vec<PathBuf>, String> {
    let store = xdg::data().map(|data| Store::at(&data));
    let one = |text: &String| {
        let (name, versions) = text.split_once('@').unwrap_or((text, "*"));
        let name = name.replace('_', "-");
        let wanted = VersionReq::parse(versions).map_err(|error| format!("--tapset {text}: {error}"))?;
        let place = store.as_ref().filter(|_| systap_registry::is_name(&name)).and_then(|store| {
            let version = store.versions(&name).into_iter().find(|version| wanted.matches(version))?;
            Some(store.version(&name, &version))
        });
        place.ok_or_else(|| format!("--tapset {text}: no such version is here: `systap tapset install {text}`"))
    };
    texts.iter().map(one).collect()
}

/// The folders of the versions that the lock beside a script names; none without a lock. A sentence if one is not here.
pub(crate) fn roots(script: &Path) -> Result<Vec<PathBuf>, String> {
    let path = Lock::path(script);
    let Some(lock) = Lock::read(&path).map_err(|error| error.to_string())? else { return Ok(vec![]) };
    let store = xdg::data().map(|data| Store::at(&data));
    let mut roots = vec![];
    for locked in lock.tapsets {
        let place = store.as_ref().map(|store| store.version(&locked.name, &locked.version));
        let receipt = store.as_ref().and_then(|store| store.receipt(&locked.name, &locked.version));
        let what = if receipt.is_some() { "is installed with other contents" } else { "is not installed" };
        let (Some(place), Some(_)) = (place, receipt.filter(|receipt| receipt.sha256 == locked.sha256)) else {
            return Err(format!(
                "`{}` {}, which {} names, {what}: `systap tapset install --locked {}`",
                locked.name,
                locked.version,
                path.display(),
                path.display()
            ));
        };
        roots.push(place);
    }
    Ok(roots)
}
