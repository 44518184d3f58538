//! How the confined process answers: one frame on a pipe of its own, whose digest needs a number that only the two ends know.
//!
//! It must never take a part for the whole, nor let a length that came over the pipe decide how much memory is used.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{Answer, Facts, PluginError, Sandbox};

/// How every frame begins: the kind, and the number of this format.
const MAGIC: &[u8; 16] = b"systap-plugin\0\0\x01";
/// Magic, length, digest.
pub(crate) const HEADER: usize = 16 + 4 + 32;
/// The longest body that is taken.
pub(crate) const LONGEST: usize = 1 << 20;

/// A number that is new for each process.
pub(crate) type Nonce = [u8; 32];

/// What the confined process is told.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Order {
    /// Makes this process's frame unlike all others.
    pub(crate) nonce: Nonce,
    /// The interface that the manifest names; nothing if only the sandbox is tried and no library is there.
    pub(crate) abi: Option<u32>,
    /// What the plugin is told.
    pub(crate) facts: Facts,
}

/// What it says when it is through.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Reply {
    /// How it was confined.
    pub(crate) sandbox: Sandbox,
    /// What the plugin said.
    pub(crate) outcome: Result<Answer, PluginError>,
}

fn digest(nonce: &Nonce, body: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(nonce).chain_update(body).finalize().into()
}

/// A body with its head.
pub(crate) fn frame(nonce: &Nonce, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    [MAGIC.as_slice(), &length.to_le_bytes(), &digest(nonce, body), body].concat()
}

/// What has arrived, so far.
pub(crate) enum Arrived<'a> {
    /// Less than a frame.
    Part,
    /// A frame: its body.
    Whole(&'a [u8]),
}

/// Looks at what has arrived.
pub(crate) fn look<'a>(nonce: &Nonce, bytes: &'a [u8]) -> Result<Arrived<'a>, PluginError> {
    let known = bytes.len().min(MAGIC.len());
    if bytes.get(..known) != MAGIC.get(..known) {
        return Err(PluginError::Garbled("it does not begin as one".to_owned()));
    }
    let Some((length, rest)) = bytes.get(MAGIC.len()..).and_then(|rest| rest.split_first_chunk::<4>()) else {
        return Ok(Arrived::Part);
    };
    let length = u32::from_le_bytes(*length) as usize;
    if length > LONGEST {
        return Err(PluginError::TooLong(LONGEST));
    }
    let Some((told, rest)) = rest.split_first_chunk::<32>() else { return Ok(Arrived::Part) };
    match rest.get(..length) {
        Some(body) if digest(nonce, body) == *told => Ok(Arrived::Whole(body)),
        Some(_) => Err(PluginError::Garbled("its digest is wrong".to_owned())),
        None => Ok(Arrived::Part),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_taken_when_it_is_whole_and_ours() {
        let bytes = frame(&[7; 32], b"body");
        for cut in 0..bytes.len() {
            assert!(matches!(look(&[7; 32], &bytes[..cut]), Ok(Arrived::Part)), "{cut}");
        }
        assert!(matches!(look(&[7; 32], &bytes), Ok(Arrived::Whole(b"body"))));
        assert_eq!(look(&[8; 32], &bytes).err().map(|error| error.code()), Some("plugin-garbled"));
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 0x40;
            assert!(!matches!(look(&[7; 32], &bad), Ok(Arrived::Whole(_))), "{at}");
        }
    }
}
