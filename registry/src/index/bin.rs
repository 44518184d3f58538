//! Bins: the tapsets of a registry in up to 256 files by the hash of their names, so that neither a reader nor a publisher ever
//! touches all of them.
//!
//! A line a tapset, by name: `NAME LENGTH SHA256`. Must be read without being taken apart: who looks for ten tapsets among a hundred
//! thousand reads ten lines.

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

/// The tapsets of a bin, with what of their indexes counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bin {
    text: String,
}

/// That a bin is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {0} of a bin makes no sense")]
pub struct BinError(usize);

impl Bin {
    /// Of a file's bytes.
    ///
    /// # Errors
    /// Where they are no text.
    pub fn parse(bytes: Vec<u8>) -> Result<Bin, BinError> {
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Bin { text }),
            Err(error) => {
                let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
                Err(BinError(1 + before.iter().filter(|byte| **byte == b'\n').count()))
            }
        }
    }

    /// Of tapsets.
    pub fn of(tapsets: &BTreeMap<String, Pinned>) -> Bin {
        let line = |(name, pinned): (&String, &Pinned)| format!("{name} {} {}\n", pinned.length, pinned.sha256);
        Bin { text: tapsets.iter().map(line).collect() }
    }

    /// The file's text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// What of a tapset's index counts; `None` if it is not in this bin.
    pub fn find(&self, name: &str) -> Option<Pinned> {
        // Lines are in order, but a search from the front is as good at a few hundred.
        self.text.lines().find_map(|line| parse(line.strip_prefix(name)?.strip_prefix(' ')?))
    }

    /// All of them, by name.
    ///
    /// # Errors
    /// Where a line makes no sense.
    pub fn tapsets(&self) -> Result<BTreeMap<String, Pinned>, BinError> {
        let line = |(number, line): (usize, &str)| {
            let pinned = line.split_once(' ').and_then(|(name, rest)| Some((name.to_owned(), parse(rest)?)));
            pinned.ok_or(BinError(number + 1))
        };
        self.text.lines().enumerate().map(line).collect()
    }
}

/// `LENGTH SHA256`
fn parse(text: &str) -> Option<Pinned> {
    let (length, sha256) = text.split_once(' ')?;
    Some(Pinned { length: length.parse().ok()?, sha256: sha256.to_owned() })
}

/// The bin of a tapset: two hexadecimal digits.
pub fn bin_of(name: &str) -> String {
    hex(&Sha256::digest(name.as_bytes())[..1])
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    digits.map(char::from).collect()
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

    #[test]
    fn a_bin_is_lines() {
        let tapsets: BTreeMap<String, Pinned> = [("vm", "a"), ("vmx", "b"), ("net", "c")]
            .map(|(name, text)| (name.to_owned(), Pinned::of(text.as_bytes())))
            .into();
        let bin = Bin::of(&tapsets);
        assert_eq!(Bin::parse(bin.text().as_bytes().to_vec()), Ok(bin.clone()));
        assert_eq!(bin.tapsets(), Ok(tapsets));
        assert_eq!(bin.find("vm"), Some(Pinned::of(b"a")));
        assert_eq!((bin.find("v"), bin.find("vm 1"), bin.find("")), (None, None, None));
        assert_eq!(Bin::parse(b"vm 1 a\nvm\n".to_vec()).unwrap().tapsets(), Err(BinError(2)));
        assert_eq!(Bin::parse(b"vm 1 a\n\xff".to_vec()), Err(BinError(2)));
    }
}
