//! Unpacks a package: plain files with plain names and nothing else, all bounded while it is read.
//!
//! Must never write anything, and never take an archive that it does not understand to the last byte.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};

use super::{Contents, GREATEST_RATIO, LITTLE, LONGEST_PACKED, LONGEST_UNPACKED, MOST_FILES, refused_name};
use crate::folder::MANIFEST;
use crate::manifest::ManifestError;

/// No window of the decompressor is larger: 2 to that, in bytes.
const LARGEST_WINDOW: u32 = 23;

/// Why bytes are no package.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// It is too much, or unpacks to too much.
    #[error("the package has more than {most} {of}")]
    TooMuch {
        /// How much it may be.
        most: u64,
        /// Of what.
        of: &'static str,
    },
    /// It is no tar in zstd, or a damaged one.
    #[error("the package is damaged: {0}")]
    Damaged(#[from] io::Error),
    /// Something in it cannot be in a package.
    #[error("the package has `{name}`, which cannot be: {why}")]
    Refused {
        /// Its name, with what is no plain letter escaped.
        name: String,
        /// Why.
        why: &'static str,
    },
    /// There is something behind its end.
    #[error("the package goes on behind its end")]
    Trailing,
    /// Its manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// There is no manifest.
    #[error("the package has no {MANIFEST}")]
    NoManifest,
}

impl Contents {
    /// Takes a package apart.
    ///
    /// # Errors
    /// Where it is none, or more than a package may be.
    pub fn unpack(packed: &[u8]) -> Result<Contents, UnpackError> {
        if packed.len() as u64 > LONGEST_PACKED {
            return Err(UnpackError::TooMuch { most: LONGEST_PACKED, of: "bytes packed" });
        }
        let most = LONGEST_UNPACKED.min((packed.len() as u64 * GREATEST_RATIO).max(LITTLE));
        let mut decoder = zstd::Decoder::with_buffer(packed)?.single_frame();
        decoder.window_log_max(LARGEST_WINDOW)?;
        let mut archive = tar::Archive::new(Bounded { inner: decoder, left: most });
        let mut files = BTreeMap::new();
        let mut folded = BTreeSet::new();
        let mut entries = 0;
        // Raw: what extends the format (long names, sizes of their own, holes) shows as an entry of its kind, and is refused.
        for entry in archive.entries()?.raw(true) {
            let mut entry = entry.map_err(|error| read_error(error, most))?;
            entries += 1;
            if entries > MOST_FILES {
                return Err(UnpackError::TooMuch { most: MOST_FILES as u64, of: "files" });
            }
            let raw = entry.path_bytes().into_owned();
            let shown = raw.escape_ascii().to_string();
            let refused = |why| UnpackError::Refused { name: shown.clone(), why };
            let kind = entry.header().entry_type();
            if !kind.is_file() && !kind.is_dir() {
                return Err(refused("it is no plain file and no folder"));
            }
            let name = std::str::from_utf8(&raw).map_err(|_| refused("its name is no text"))?;
            if kind.is_dir() {
                let name = name.strip_suffix('/').unwrap_or(name);
                let below = format!("{name}/x");
                if let Some(why) = refused_name(&below) {
                    return Err(refused(why));
                }
                continue;
            }
            if let Some(why) = refused_name(name) {
                return Err(refused(why));
            }
            if !folded.insert(name.to_ascii_lowercase()) {
                return Err(refused("it is there twice, but for capital letters"));
            }
            let mut bytes = vec![];
            entry.read_to_end(&mut bytes).map_err(|error| read_error(error, most))?;
            files.insert(name.to_owned(), bytes);
        }
        let mut rest = archive.into_inner();
        let mut behind = vec![];
        rest.read_to_end(&mut behind).map_err(|error| read_error(error, most))?;
        if behind.iter().any(|byte| *byte != 0) || !rest.inner.finish().is_empty() {
            return Err(UnpackError::Trailing);
        }
        let above = |name: &str| name.match_indices('/').any(|(at, _)| files.contains_key(&name[..at]));
        if let Some(name) = files.keys().find(|name| above(name)) {
            return Err(UnpackError::Refused { name: name.clone(), why: "a file is where its folder would be" });
        }
        let contents = Contents { files };
        if contents.file(MANIFEST).is_none() {
            return Err(UnpackError::NoManifest);
        }
        contents.manifest()?;
        Ok(contents)
    }
}

/// A reader that fails where more comes than may.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(count as u64).ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(count)
    }
}

fn read_error(error: io::Error, most: u64) -> UnpackError {
    match error.kind() {
        io::ErrorKind::FileTooLarge => UnpackError::TooMuch { most, of: "bytes unpacked" },
        _ => UnpackError::Damaged(error),
    }
}
