//! Writes a kernel's facts. What the kernel does not tell is left out, and the caller is told.
//!
//! Must give the same bytes for the same facts: files are compared, and named by their hash.

use super::{HEADER, MAGIC, Part, ROW, VERSION, hash_of, prune, symbols};
use crate::{Kernel, KernelError, glob};
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

/// What stands before a tracepoint's name in the names of types and functions that tell of it.
const OF_TRACEPOINTS: [&str; 4] = ["btf_trace_", "__traceiter_", "__probestub_", "__bpf_trace_"];

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
        self.save_only(effort, &[])
    }

    /// The same of those types, functions, tracepoints, events and options alone whose names match one of some patterns, where there are
    /// any: small files for tests. What is not in one is not there for who asks it.
    ///
    /// # Errors
    /// Where its types cannot be had.
    pub fn save_only(&self, effort: Effort, patterns: &[String]) -> Result<Saved, KernelError> {
        let is_wanted = |name: &str| patterns.is_empty() || patterns.iter().any(|pattern| glob::matches(pattern, name));
        let mut missing = vec![];
        let mut about = format!("arch {}\n", self.arch());
        about.extend(patterns.iter().map(|pattern| format!("only {pattern}\n")));
        match self.release() {
            Ok(release) => about += &format!("release {}\n", release.as_str()),
            Err(error) => missing.push(("release", error)),
        }
        let blob = self.btf()?.blob();
        let types = if patterns.is_empty() {
            blob.to_vec()
        } else {
            // A tracepoint is known by what it calls, and by what calls that: `btf_trace_NAME` and functions.
            let of = |name: &str| OF_TRACEPOINTS.iter().find_map(|prefix| name.strip_prefix(prefix)).map(str::to_owned);
            let name = |name: &str| is_wanted(name) || of(name).is_some_and(|name| is_wanted(&name));
            let damaged = || KernelError::damaged(std::path::Path::new("types"), "they make no sense".to_owned());
            prune::prune(blob, |_, of| name(of)).ok_or_else(damaged)?
        };
        let mut plain = vec![(Part::About, "about", about.into_bytes()), (Part::Types, "types", types)];
        match self.config() {
            Ok(config) => {
                let wanted = config.set().filter(|(name, _)| is_wanted(name));
                let lines: String = wanted.map(|(name, value)| format!("{name}={value}\n")).collect();
                plain.push((Part::Config, "configuration", lines.into_bytes()));
            }
            Err(error) => missing.push(("configuration", error)),
        }
        match self.symbols() {
            // Addresses are of no use without those around them.
            Ok(_) if !patterns.is_empty() => {}
            Ok(known) => plain.push((Part::Symbols, "symbols", symbols::pack(known))),
            Err(error) => missing.push(("symbols", error)),
        }
        match self.events().and_then(|events| events.all()) {
            Ok(events) => {
                let wanted = events.iter().filter(|(_, event)| is_wanted(event));
                let lines: String = wanted.map(|(subsystem, event)| format!("{subsystem}:{event}\n")).collect();
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
