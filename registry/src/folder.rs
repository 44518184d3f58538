//! A tapset on disk: its folder, with the manifest, the scripts and the tests.
//!
//! Must never read a script's text: which of them a run needs is known later.

use crate::manifest::{Manifest, ManifestError};
use std::path::{Path, PathBuf};

/// What every tapset's folder has.
pub(crate) const MANIFEST: &str = "tapset.toml";

/// A tapset's folder.
#[derive(Debug, Clone)]
pub struct Folder {
    /// Where it is.
    pub path: PathBuf,
    /// What it says of itself.
    pub manifest: Manifest,
    /// Its scripts and files of macros, by name.
    pub scripts: Vec<Script>,
}

/// A file of `scripts/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Where it is.
    pub path: PathBuf,
    /// Its name.
    pub name: String,
}

/// Why a folder is no tapset.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Its manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// Its files cannot be listed.
    #[error("{} cannot be read: {source}", .path.display())]
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The manifest speaks of a script that is not there.
    #[error("{}: the manifest has a condition for `{script}`, and there is no such file in scripts/", .path.display())]
    NoSuchScript {
        /// The folder.
        path: PathBuf,
        /// The file's name.
        script: String,
    },
}

impl Folder {
    /// Opens a tapset's folder.
    ///
    /// # Errors
    /// Where it is none, or does not agree with itself.
    pub fn open(path: &Path) -> Result<Folder, FolderError> {
        let manifest = Manifest::read(&path.join(MANIFEST))?;
        let scripts = files(&path.join("scripts"), &["stp", "stpm"])?;
        let named = |name: &String| scripts.iter().any(|script: &Script| script.name == *name);
        if let Some(script) = manifest.conditions.keys().find(|name| !named(name)) {
            return Err(FolderError::NoSuchScript { path: path.into(), script: script.clone() });
        }
        Ok(Folder { path: path.into(), manifest, scripts })
    }

    /// Its test scripts, by name.
    ///
    /// # Errors
    /// Where the folder of them cannot be read.
    pub fn tests(&self) -> Result<Vec<Script>, FolderError> {
        files(&self.path.join("tests"), &["stp"])
    }
}

/// The files with one of these endings, by name; none if there is no such folder.
fn files(folder: &Path, endings: &[&str]) -> Result<Vec<Script>, FolderError> {
    let unreadable = |source| FolderError::Unreadable { path: folder.into(), source };
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(vec![]),
        entries => entries.map_err(unreadable)?,
    };
    let mut found = vec![];
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        let is_one = path.extension().is_some_and(|ending| endings.iter().any(|known| ending == *known));
        if let Some(name) = path.file_name().and_then(|name| name.to_str()).filter(|_| is_one) {
            found.push(Script { name: name.to_owned(), path: path.clone() });
        }
    }
    found.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_agrees_with_its_manifest() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let head = "[tapset]\nname = \"a\"\nversion = \"1.0.0\"\nsummary = \"s\"\nlicense = \"MIT\"\nmanifest = 1\n";
        std::fs::write(root.join(MANIFEST), head).unwrap();
        assert!(Folder::open(root).unwrap().scripts.is_empty());
        std::fs::create_dir(root.join("scripts")).unwrap();
        for name in ["b.stp", "a.stp", "m.stpm", "notes.txt"] {
            std::fs::write(root.join("scripts").join(name), "").unwrap();
        }
        let names: Vec<String> = Folder::open(root).unwrap().scripts.into_iter().map(|script| script.name).collect();
        assert_eq!(names, ["a.stp", "b.stp", "m.stpm"]);
        let more = "[[script]]\nfile = \"c.stp\"\nwhen = 'kernel > \"6\"'\n";
        std::fs::write(root.join(MANIFEST), format!("{head}{more}")).unwrap();
        assert!(matches!(Folder::open(root), Err(FolderError::NoSuchScript { script, .. }) if script == "c.stp"));
        assert!(matches!(Folder::open(Path::new("/nowhere")), Err(FolderError::Manifest(_))));
    }
}
