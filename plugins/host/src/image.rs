//! The bytes of a library: read once, hashed, and handed on in memory that nobody can change.
//!
//! It must never run or map any of them; what was hashed is what is opened.

use std::fmt;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::str::FromStr;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};
use sha2::{Digest as _, Sha256};

use crate::PluginError;

/// The largest library that is taken.
const LARGEST: u64 = 64 << 20;

/// A SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// That of some bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digit = |at: usize| text.get(at..=at).and_then(|digit| u8::from_str_radix(digit, 16).ok());
        let mut bytes = [0; 32];
        for (at, byte) in bytes.iter_mut().enumerate() {
            let (Some(high), Some(low)) = (digit(2 * at), digit(2 * at + 1)) else {
                return Err(format!("`{text}` is no SHA-256 in hexadecimal digits"));
            };
            *byte = high << 4 | low;
        }
        if text.len() == 64 { Ok(Self(bytes)) } else { Err(format!("`{text}` is longer than a SHA-256")) }
    }
}

/// Sealed memory with the library's bytes, if they are those that are wanted.
pub(crate) fn verified(path: &Path, wanted: Digest) -> Result<OwnedFd, PluginError> {
    let unreadable = |error: std::io::Error| PluginError::Unreadable(format!("{}: {error}", path.display()));
    let mut bytes = vec![];
    let file = File::open(path).map_err(unreadable)?;
    if !file.metadata().map_err(unreadable)?.is_file() {
        return Err(PluginError::Unreadable(format!("{} is no regular file", path.display())));
    }
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(PluginError::NotALibrary(format!("it is larger than {LARGEST} bytes")));
    }
    let found = Digest::of(&bytes);
    if found != wanted {
        return Err(PluginError::WrongHash { wanted: wanted.to_string(), found: found.to_string() });
    }
    sealed("systap-plugin", &bytes).map_err(|error| PluginError::Process(error.to_string()))
}

/// Bytes in memory that cannot be written, nor grow or shrink, any more.
pub(crate) fn sealed(name: &str, bytes: &[u8]) -> std::io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    // Where programs in memory are forbidden, one must say that it is none; older kernels do not know the word.
    let fd = memfd_create(name, flags | MemfdFlags::NOEXEC_SEAL).or_else(|_| memfd_create(name, flags))?;
    let mut file = File::from(fd);
    file.write_all(bytes)?;
    let fd = OwnedFd::from(file);
    rustix::fs::seek(&fd, rustix::fs::SeekFrom::Start(0))?;
    fcntl_add_seals(&fd, SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL)?;
    Ok(fd)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_written_and_read() {
        // FIPS 180-2, appendix B.1.
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(Digest::of(b"abc").to_string(), known);
        assert_eq!(known.parse(), Ok(Digest::of(b"abc")));
        assert!("ba78".parse::<Digest>().is_err() && format!("{known}00").parse::<Digest>().is_err());
    }
}
