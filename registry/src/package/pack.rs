//! Packs a tapset's folder. The same files give the same bytes: no times, no owners, one order.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::{Contents, LONGEST_PACKED, LONGEST_UNPACKED, MOST_FILES, refused_name};
use crate::folder::{Folder, FolderError};

/// How hard to pack: a package is packed once and fetched often.
const LEVEL: i32 = 19;

/// Why a folder cannot be packed.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// It is no tapset.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// A file cannot be read.
    #[error("{} cannot be read: {source}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file cannot be part of a package.
    #[error("{} cannot be packed: {why}", .path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// Why.
        why: &'static str,
    },
    /// It is too much.
    #[error("the tapset has {found} {of}, and a package may have {most}")]
    TooMuch {
        /// How much it is.
        found: u64,
        /// How much it may be.
        most: u64,
        /// Of what.
        of: &'static str,
    },
    /// The compressor.
    #[error("the package cannot be made: {0}")]
    Compress(#[from] io::Error),
}

/// The folders of a tapset that are packed with all that is in them.
const FOLDERS: [&str; 3] = ["scripts", "tests", "plugin"];

impl Contents {
    /// Reads what of a tapset's folder is to be packed, and what else is to be, by its name in the package.
    ///
    /// # Errors
    /// Where it is no tapset, or has what no package may have.
    pub fn of(folder: &Folder, more: &[(String, PathBuf)]) -> Result<Contents, PackError> {
        let mut files = BTreeMap::new();
        let mut add = |name: String, path: &Path| {
            if let Some(why) = refused_name(&name) {
                return Err(PackError::Refused { path: path.into(), why });
            }
            let unreadable = |source| PackError::Unreadable { path: path.into(), source };
            files.insert(name, std::fs::read(path).map_err(unreadable)?);
            Ok(())
        };
        let entries = std::fs::read_dir(&folder.path)
            .map_err(|source| PackError::Unreadable { path: folder.path.clone(), source })?;
        for entry in entries.flatten() {
            let path = entry.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            if name.contains('/') || FOLDERS.contains(&name) || refused_name(name).is_some() {
                continue;
            }
            if !entry.file_type().is_ok_and(|kind| kind.is_file()) {
                return Err(PackError::Refused { path, why: "it is no plain file" });
            }
            add(name.to_owned(), &path)?;
        }
        for root in FOLDERS {
            for entry in WalkDir::new(folder.path.join(root)).sort_by_file_name() {
                let Ok(entry) = entry else { continue };
                let path = entry.path();
                if entry.file_type().is_dir() {
                    continue;
                }
                if !entry.file_type().is_file() {
                    return Err(PackError::Refused { path: path.into(), why: "it is no plain file" });
                }
                let name = path.strip_prefix(&folder.path).ok().and_then(Path::to_str);
                let name = name.ok_or(PackError::Refused { path: path.into(), why: "its name is no text" })?;
                add(name.to_owned(), path)?;
            }
        }
        for (name, path) in more {
            add(name.clone(), path)?;
        }
        let contents = Contents { files };
        let bounds = [
            (contents.files.len() as u64, MOST_FILES as u64, "files"),
            (contents.len(), LONGEST_UNPACKED, "bytes unpacked"),
        ];
        match bounds.into_iter().find(|(found, most, _)| found > most) {
            Some((found, most, of)) => Err(PackError::TooMuch { found, most, of }),
            None => Ok(contents),
        }
    }

    /// The package.
    ///
    /// # Errors
    /// Where it gets too long.
    pub fn pack(&self) -> Result<Vec<u8>, PackError> {
        let mut compressor = zstd::Encoder::new(Vec::new(), LEVEL)?;
        compressor.include_checksum(true)?;
        let mut archive = tar::Builder::new(compressor);
        for (name, bytes) in &self.files {
            let mut header = tar::Header::new_ustar();
            header.set_path(name)?;
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            header.set_mtime(0);
            header.set_uid(0);
            header.set_gid(0);
            header.set_cksum();
            archive.append(&header, bytes.as_slice())?;
        }
        let mut compressor = archive.into_inner()?;
        compressor.flush()?;
        let packed = compressor.finish()?;
        if packed.len() as u64 > LONGEST_PACKED {
            return Err(PackError::TooMuch { found: packed.len() as u64, most: LONGEST_PACKED, of: "bytes packed" });
        }
        Ok(packed)
    }
}
