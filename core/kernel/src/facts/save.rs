//! Writes a kernel's facts. What the kernel does not tell is left out, and the caller is told.
//!
//! Must give the same bytes for the same facts: files are compared, and named by their hash.

use super::{HEADER, MAGIC, Part, ROW, VERSION, hash_of, symbols};
use crate::{Kernel, KernelError};
use sha2::{Digest, Sha256};

/// How hard the packer tries. Unpacking takes the same time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Effort {
    /// A quarter of a second.
    #[default]
    Usual,
    /// Ten times as long, for an eighth less.
    Most,
}

impl Effort {
    /// Zstandard's level; more than 19 would take more memory to unpack too.
    fn level(self) -> i32 {
        match self {
            Effort::Usual => 9,
            Effort::Most => 19,
        }
    }
}

/// A kernel's facts, ready to be written to a file.
#[derive(Debug)]
pub struct Saved {
    /// The file.
    pub bytes: Vec<u8>,
    /// The parts with their lengths in bytes, before and after packing.
    pub parts: Vec<(&'static str, usize, usize)>,
    /// What is not in it, and why.
    pub missing: Vec<(&'static str, KernelError)>,
}

impl Kernel {
    /// Its facts as a file that [`Kernel::open`] reads.
    ///
    /// # Errors
    /// Where its types cannot be had: without them there is nothing to check.
    pub fn save(&self, effort: Effort) -> Result<Saved, KernelError> {
        let mut missing = vec![];
        let mut about = format!("arch {}\n", self.arch());
        match self.release() {
            Ok(release) => about += &format!("release {}\n", release.as_str()),
            Err(error) => missing.push(("release", error)),
        }
        let mut plain =
            vec![(Part::About, "about", about.into_bytes()), (Part::Types, "types", self.btf()?.blob().to_vec())];
        match self.config() {
            Ok(config) => {
                let lines: String = config.set().map(|(name, value)| format!("{name}={value}\n")).collect();
                plain.push((Part::Config, "configuration", lines.into_bytes()));
            }
            Err(error) => missing.push(("configuration", error)),
        }
        match self.symbols() {
            Ok(known) => plain.push((Part::Symbols, "symbols", symbols::pack(known))),
            Err(error) => missing.push(("symbols", error)),
        }
        match self.events().and_then(|events| events.all()) {
            Ok(events) => {
                let lines: String = events.iter().map(|(subsystem, event)| format!("{subsystem}:{event}\n")).collect();
                plain.push((Part::Events, "events", lines.into_bytes()));
            }
            Err(error) => missing.push(("events", error)),
        }
        let (mut table, mut body, mut parts) = (vec![], vec![], vec![]);
        let count = plain.len();
        for (part, name, bytes) in plain {
            let packed = pack(&bytes, effort.level())
                .map_err(|error| KernelError::unreadable(std::path::Path::new(name), error))?;
            table.extend_from_slice(&(part as u32).to_le_bytes());
            table.extend_from_slice(&hash_of(&packed));
            table.extend_from_slice(&(packed.len() as u64).to_le_bytes());
            parts.push((name, bytes.len(), packed.len()));
            body.extend_from_slice(&packed);
        }
        let mut bytes = Vec::with_capacity(HEADER + count * ROW + body.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&(count as u32).to_le_bytes());
        bytes.extend_from_slice(&Sha256::digest(&table));
        bytes.extend_from_slice(&table);
        bytes.extend_from_slice(&body);
        Ok(Saved { bytes, parts, missing })
    }
}

impl Saved {
    /// The hash that names the facts: equal facts have equal ones.
    pub fn hash(&self) -> String {
        Sha256::digest(&self.bytes).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

fn pack(bytes: &[u8], level: i32) -> std::io::Result<Vec<u8>> {
    zstd::bulk::Compressor::new(level)?.compress(bytes)
}
