//! Keys of registries: Ed25519, a file each.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use tough::key_source::KeySource;
use tough::sign::{Sign, parse_keypair};

use crate::index::hex;

/// The kind of file: PKCS#8, as OpenSSL writes it.
const TAG: &str = "PRIVATE KEY";

/// A key that can sign.
#[derive(Clone)]
pub struct Key {
    /// PKCS#8.
    document: Vec<u8>,
    public: Vec<u8>,
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // What signs is never shown.
        f.debug_struct("Key").field("id", &self.id()).finish_non_exhaustive()
    }
}

/// What is wrong with a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Its file cannot be read or written.
    #[error("{}: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is none of a key.
    #[error("{} is no Ed25519 key in PKCS#8 (`systap registry key new FILE` makes one)", .0.display())]
    NoKey(PathBuf),
    /// Others may read it.
    #[error("{} can be read by others than its owner: `chmod 600` it", .0.display())]
    Open(PathBuf),
    /// The machine gives no random numbers.
    #[error("a key cannot be made: the machine gives no random numbers")]
    Random,
}

impl Key {
    /// Makes a key.
    ///
    /// # Errors
    /// Where the machine gives no random numbers.
    pub fn generate() -> Result<Key, KeyError> {
        let random = aws_lc_rs::rand::SystemRandom::new();
        let document = Ed25519KeyPair::generate_pkcs8(&random).map_err(|_| KeyError::Random)?;
        Key::of(document.as_ref().to_vec()).ok_or(KeyError::Random)
    }

    fn of(document: Vec<u8>) -> Option<Key> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&document).ok()?;
        let public = pair.public_key().as_ref().to_vec();
        Some(Key { document, public })
    }

    /// Reads a key.
    ///
    /// # Errors
    /// Where the file is none of a key, or others may read it.
    pub fn read(path: &Path) -> Result<Key, KeyError> {
        use std::os::unix::fs::PermissionsExt;
        let failed = |source| KeyError::File { path: path.into(), source };
        let facts = path.metadata().map_err(failed)?;
        if facts.permissions().mode() & 0o077 != 0 {
            return Err(KeyError::Open(path.into()));
        }
        let text = std::fs::read(path).map_err(failed)?;
        let document = pem::parse(text).ok().filter(|pem| pem.tag() == TAG);
        document.and_then(|pem| Key::of(pem.into_contents())).ok_or_else(|| KeyError::NoKey(path.into()))
    }

    /// Writes a new file, for its owner only; with the folders above it.
    ///
    /// # Errors
    /// Where the file is there already or cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), KeyError> {
        let failed = |source| KeyError::File { path: path.into(), source };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(failed)?;
        }
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
        let text = pem::encode(&pem::Pem::new(TAG, self.document.clone()));
        file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)
    }

    /// What others know it by: 64 hexadecimal digits.
    pub fn id(&self) -> String {
        self.tuf().and_then(|key| key.key_id().ok()).map(|id| hex(&id)).unwrap_or_default()
    }

    /// The public half: 64 hexadecimal digits.
    pub fn public(&self) -> String {
        hex(&self.public)
    }

    /// The public half, as metadata has it.
    pub(super) fn tuf(&self) -> Option<tough::schema::key::Key> {
        Some(parse_keypair(&self.document).ok()?.tuf_key())
    }
}

#[async_trait::async_trait]
impl KeySource for Key {
    async fn as_sign(&self) -> Result<Box<dyn Sign>, Box<dyn std::error::Error + Send + Sync + 'static>> {
        Ok(Box::new(parse_keypair(&self.document)?))
    }

    async fn write(&self, _: &str, _: &str) -> Result<(), Box<dyn std::error::Error + Send + Sync + 'static>> {
        Err("keys are files, and are not written back".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_file_of_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("keys/one.pem");
        let key = Key::generate().unwrap();
        key.write(&path).unwrap();
        assert_eq!(Key::read(&path).unwrap().id(), key.id());
        assert_eq!((key.id().len(), key.public().len()), (64, 64));
        assert!(matches!(key.write(&path), Err(KeyError::File { .. })), "no key is overwritten");
        assert!(!format!("{key:?}").contains("document"));
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
        assert!(matches!(Key::read(&path), Err(KeyError::Open(_))));
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        std::fs::write(&path, "no key").unwrap();
        assert!(matches!(Key::read(&path), Err(KeyError::NoKey(_))));
    }
}
