//! Files that were got from a web server, kept with what the server called their state (ETag).
//!
//! Each with its hash, which tells a damaged file from a good one; who is to be believed is decided elsewhere. Must never fail anything:
//! what cannot be kept is got again.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::index::Pinned;

/// The folder of what is kept of one registry.
#[derive(Debug, Clone)]
pub(super) struct Kept(PathBuf);

/// A file that was kept.
pub(super) struct File {
    pub(super) etag: String,
    pub(super) bytes: Vec<u8>,
    pub(super) since: Option<SystemTime>,
}

impl Kept {
    pub(super) fn new(folder: &Path) -> Kept {
        Kept(folder.to_owned())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name.replace('/', "%"))
    }

    /// What is kept under a name.
    pub(super) fn read(&self, name: &str) -> Option<File> {
        let path = self.path(name);
        let mut bytes = std::fs::read(&path).ok()?;
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let head = String::from_utf8(bytes[..end].to_vec()).ok()?;
        bytes.drain(..=end);
        let (sha256, etag) = head.split_once(' ')?;
        let etag = (sha256 == Pinned::of(&bytes).sha256).then(|| etag.to_owned())?;
        Some(File { etag, bytes, since: path.metadata().and_then(|facts| facts.modified()).ok() })
    }

    /// Keeps a file, whole or not at all.
    pub(super) fn write(&self, name: &str, etag: &str, bytes: &[u8]) {
        let written = std::fs::create_dir_all(&self.0).and_then(|()| {
            let mut file = tempfile::NamedTempFile::new_in(&self.0)?;
            writeln!(file, "{} {}", Pinned::of(bytes).sha256, etag.replace('\n', ""))?;
            file.write_all(bytes)?;
            Ok(file)
        });
        if let Ok(file) = written {
            _ = file.persist(self.path(name));
        }
    }

    /// Notes that what is kept is still what the server has.
    pub(super) fn confirm(&self, name: &str) {
        if let Ok(file) = std::fs::File::options().append(true).open(self.path(name)) {
            _ = file.set_modified(SystemTime::now());
        }
    }
}
