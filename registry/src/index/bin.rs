//! Bins: the tapsets of a registry in up to 256 files by the hash of their names, so that neither a reader nor a publisher ever
//! touches all of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How much of a file counts, and its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pinned {
    /// Bytes from its start.
    pub length: u64,
    /// SHA-256 of so many bytes, in hexadecimal digits.
    pub sha256: String,
}

impl Pinned {
    /// What these bytes are pinned by.
    pub fn of(bytes: &[u8]) -> Pinned {
        Pinned { length: bytes.len() as u64, sha256: hex(&Sha256::digest(bytes)) }
    }

    /// The part of a file that counts, if it is there and is what was pinned.
    pub fn part<'b>(&self, bytes: &'b [u8]) -> Option<&'b [u8]> {
        let part = bytes.get(..usize::try_from(self.length).ok()?)?;
        (hex(&Sha256::digest(part)) == self.sha256).then_some(part)
    }
}

/// The tapsets of a bin, with what of their index counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bin {
    /// By name.
    pub tapsets: BTreeMap<String, Pinned>,
}

/// The bin of a tapset: two hexadecimal digits.
pub fn bin_of(name: &str) -> String {
    hex(&Sha256::digest(name.as_bytes())[..1])
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_pinned_is_a_beginning() {
        let pinned = Pinned::of(b"one\n");
        assert_eq!(pinned.part(b"one\ntwo\n"), Some(&b"one\n"[..]));
        assert_eq!(pinned.part(b"one"), None);
        assert_eq!(pinned.part(b"own\ntwo\n"), None);
        // The first byte of `printf vm | sha256sum`.
        assert_eq!(bin_of("vm"), "5b");
    }
}
