//! A package: one file with all of a tapset, the same bytes whenever the same files are packed.
//!
//! A tar in zstd, of `tapset.toml`, `README.md`, `LICENSE*`, `doc.json`, `scripts/`, `tests/` and `plugin/TARGET/`. Must never be unpacked into a
//! place where something reads it: [`Contents`] is checked whole, then written.

mod pack;
mod unpack;

use std::collections::BTreeMap;
use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::folder::MANIFEST;
use crate::manifest::{Manifest, ManifestError};

pub use pack::PackError;
pub use unpack::UnpackError;

/// A packed file is no longer, in bytes.
pub const LONGEST_PACKED: u64 = 10 << 20;
/// What it unpacks to is no longer, in bytes.
pub const LONGEST_UNPACKED: u64 = 64 << 20;
/// It has no more files and folders.
pub const MOST_FILES: usize = 2000;
/// It unpacks to no more than so many times its length, unless that is little.
pub const GREATEST_RATIO: u64 = 50;
/// How little: what no limit on the ratio is owed for, in bytes.
const LITTLE: u64 = 1 << 20;
/// No name of a file is longer, in bytes.
const LONGEST_NAME: usize = 200;
/// No file lies deeper.
const DEEPEST: usize = 8;

/// The files of a tapset, by their names relative to its folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    files: BTreeMap<String, Vec<u8>>,
}

impl Contents {
    /// Reads files of a folder.
    ///
    /// # Errors
    /// Where one cannot be read.
    pub fn read<'n>(folder: &Path, names: impl Iterator<Item = &'n String>) -> io::Result<Contents> {
        let files = names.map(|name| Ok((name.clone(), std::fs::read(folder.join(name))?)));
        Ok(Contents { files: files.collect::<io::Result<_>>()? })
    }

    /// Puts a file in, or in the place of one.
    pub fn put(&mut self, name: &str, bytes: Vec<u8>) {
        self.files.insert(name.to_owned(), bytes);
    }

    /// Takes all files out whose names begin so.
    pub fn leave_out(&mut self, beginning: &str) {
        self.files.retain(|name, _| !name.starts_with(beginning));
    }

    /// A file's bytes.
    pub fn file(&self, name: &str) -> Option<&[u8]> {
        self.files.get(name).map(Vec::as_slice)
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// All of it in bytes.
    pub fn len(&self) -> u64 {
        self.files.values().map(|bytes| bytes.len() as u64).sum()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// The targets that it has native code for, in order.
    pub fn native(&self) -> Vec<&str> {
        let mut targets: Vec<&str> = self.names().filter_map(native_target).collect();
        targets.dedup();
        targets
    }

    /// What the manifest says.
    ///
    /// # Errors
    /// Where there is none, or it makes no sense.
    pub fn manifest(&self) -> Result<Manifest, ManifestError> {
        let text = self.file(MANIFEST).map(String::from_utf8_lossy).unwrap_or_default();
        Manifest::parse(Path::new(MANIFEST), &text)
    }

    /// Writes all files below a folder that is there and empty, and has them on the disk before it returns. Who may write to them does
    /// not depend on the umask.
    ///
    /// # Errors
    /// Where one cannot be written; what was written stays.
    pub fn write_to(&self, folder: &Path) -> io::Result<()> {
        let mut folders = std::collections::BTreeSet::from([folder.to_owned()]);
        for (name, bytes) in &self.files {
            let path = folder.join(name);
            let parent = path.parent().unwrap_or(folder);
            std::fs::create_dir_all(parent)?;
            folders.extend(parent.ancestors().take_while(|above| *above != folder).map(Path::to_owned));
            let mut file = File::create_new(&path)?;
            file.write_all(bytes)?;
            file.set_permissions(Permissions::from_mode(0o644))?;
            file.sync_all()?;
        }
        folders.iter().try_for_each(|folder| {
            let folder = File::open(folder)?;
            folder.set_permissions(Permissions::from_mode(0o755))?;
            folder.sync_all()
        })
    }
}

/// The target triple of a library's place in a package.
fn native_target(name: &str) -> Option<&str> {
    let (target, file) = name.strip_prefix("plugin/")?.split_once('/')?;
    file.ends_with(".so").then_some(target)
}

/// Why a name cannot be that of a file in a package.
fn refused_name(name: &str) -> Option<&'static str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+');
    if name.len() > LONGEST_NAME {
        return Some("it is longer than 200 bytes");
    }
    if name.starts_with('/') {
        return Some("it is absolute");
    }
    let parts: Vec<&str> = name.split('/').collect();
    if parts.len() > DEEPEST {
        return Some("it lies deeper than 8 folders");
    }
    if parts.iter().any(|part| matches!(*part, "" | "." | "..")) {
        return Some("it does not go straight down");
    }
    if !name.bytes().all(|byte| plain(byte) || byte == b'/') {
        return Some("it has letters besides A to Z, a to z, digits and `.`, `_`, `-`, `+`");
    }
    let known = name == MANIFEST
        || name == "README.md"
        || name == crate::doc::FILE
        || (name.starts_with("LICENSE") && parts.len() == 1)
        || ["scripts/", "tests/", "plugin/"].iter().any(|folder| name.starts_with(folder));
    (!known).then_some("a package has tapset.toml, README.md, LICENSE*, doc.json, scripts/, tests/ and plugin/")
}

#[cfg(test)]
mod tests;
