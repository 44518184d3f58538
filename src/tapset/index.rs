//! What the scripts of packages declare, kept between runs, so that a run reads only those that it needs.
//!
//! In one file of the user's cache, by each script's path, length and time of change. Must never be needed: what is not in it, is
//! damaged or is not what the script is now, is read anew, and a file that cannot be written is not kept.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use systap_elaborate::{Declaration, declarations};

/// What is known of scripts, by path.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Kept {
    scripts: BTreeMap<PathBuf, Script>,
}

/// What is known of a script.
#[derive(Debug, Serialize, Deserialize)]
struct Script {
    /// Bytes.
    length: u64,
    /// When it was changed: seconds and nanoseconds.
    changed: (i64, i64),
    declared: Vec<Declaration>,
}

/// The version of the file's form, in its name.
const FILE: &str = "tapsets-1.json";

/// What those scripts declare, each as it is now; nothing for one that cannot be read.
pub(super) fn declared(scripts: &[PathBuf], cache: Option<&Path>) -> BTreeMap<PathBuf, Vec<Declaration>> {
    let file = cache.map(|cache| cache.join(FILE));
    let kept = file.as_deref().and_then(|file| serde_json::from_slice(&std::fs::read(file).ok()?).ok());
    let mut kept: Kept = kept.unwrap_or_default();
    let mut fresh = false;
    let mut all = BTreeMap::new();
    for path in scripts {
        let Ok(facts) = path.metadata() else { continue };
        let (length, changed) = (facts.len(), (facts.mtime(), facts.mtime_nsec()));
        let known = kept.scripts.get(path).filter(|known| known.length == length && known.changed == changed);
        if let Some(known) = known {
            all.insert(path.clone(), known.declared.clone());
            continue;
        }
        let Some(text) = super::packages::read(path) else { continue };
        let declared = declarations(&text);
        all.insert(path.clone(), declared.clone());
        kept.scripts.insert(path.clone(), Script { length, changed, declared });
        fresh = true;
    }
    if fresh && let Some(file) = file {
        kept.scripts.retain(|path, _| path.exists());
        write(&file, &kept);
    }
    all
}

/// The whole file or none.
fn write(file: &Path, kept: &Kept) {
    let Ok(text) = serde_json::to_vec(kept) else { return };
    let fresh = file.with_extension(format!("new-{}", std::process::id()));
    let folder = file.parent().unwrap_or(Path::new("/"));
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&fresh, text))
        .and_then(|()| std::fs::rename(&fresh, file));
    if written.is_err() {
        _ = std::fs::remove_file(&fresh);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_what_the_scripts_are() {
        let root = tempfile::tempdir().expect("a folder can be made");
        let (script, cache) = (root.path().join("a.stp"), root.path().join("cache"));
        std::fs::write(&script, "probe a.b = begin {}").expect("and written to");
        let names = |cache: Option<&Path>| -> Vec<String> {
            let declared = declared(std::slice::from_ref(&script), cache);
            declared.into_values().flatten().map(|declared| declared.name).collect()
        };
        assert_eq!(names(None), ["a.b"]);
        assert_eq!(names(Some(&cache)), ["a.b"]);
        // That it is read of the cache shows where the cache says something else.
        let kept = std::fs::read_to_string(cache.join(FILE)).expect("it was kept");
        std::fs::write(cache.join(FILE), kept.replace("a.b", "a.c")).expect("it can be changed");
        assert_eq!(names(Some(&cache)), ["a.c"]);
        std::fs::write(cache.join(FILE), &kept[..kept.len() / 2]).expect("and damaged");
        assert_eq!(names(Some(&cache)), ["a.b"]);
        std::fs::write(&script, "probe a.longer = begin {}").expect("the script changes");
        assert_eq!(names(Some(&cache)), ["a.longer"]);
    }
}
