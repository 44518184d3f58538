//! The facts file: what is to be known of a kernel to check scripts against it, in one small file.
//!
//! Must never be read further than a question needs: the types are unpacked when somebody asks for a type. A file that is damaged,
//! or of a later systap, is an error that names it.
//!
//! The format, with numbers in little-endian order: eight bytes of magic; the format's version (u32); how many parts there are
//! (u32); a hash (SHA-256) of the table that follows; the table, for each part its tag (u32), the first 16 bytes of the SHA-256 of its
//! packed bytes, and their length (u64); then the packed bytes of the parts, one after the other, each a frame of Zstandard. A reader
//! leaves out parts whose tag it does not know.

mod prune;
mod save;
mod symbols;
#[cfg(test)]
mod tests;

pub use save::{Effort, Saved};

use crate::btf::Bytes;
use crate::{Arch, Btf, Config, Kernel, KernelError, Release, Symbols};
use sha2::{Digest, Sha256};
use std::io::Read;
use std::ops::Range;
use std::path::Path;

/// What a facts file begins with: no text, and damaged by whoever takes it for text.
const MAGIC: [u8; 8] = *b"\x89stfact\n";

/// The version of the format that is written, and the last that is read.
const VERSION: u32 = 1;

/// Bytes before the table, and of each of its rows.
const HEADER: usize = 48;
const ROW: usize = 28;

/// The most parts that are believed, and the most bytes that one may unpack to.
const MOST_PARTS: usize = 64;
const MOST: u64 = 512 << 20;

/// A part of the file, by its tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
enum Part {
    /// Lines of key and value: `release`, `arch`; `only`, where the file has only what is named so.
    About = 1,
    /// The types, as BTF.
    Types = 2,
    /// The options that are set, a line for each.
    Config = 3,
    /// The symbols (see `symbols`).
    Symbols = 4,
    /// The events, a line for each: `subsystem:event`.
    Events = 5,
}

/// An opened facts file.
#[derive(Debug)]
pub(crate) struct Facts {
    bytes: Vec<u8>,
    /// Tag, hash and place of each part.
    parts: Vec<(u32, [u8; 16], Range<usize>)>,
}

/// Whether it begins as a facts file does.
pub(crate) fn is_facts(bytes: &[u8]) -> bool {
    bytes.starts_with(&MAGIC)
}

/// The kernel of a facts file.
pub(crate) fn open(file: &Path, bytes: Vec<u8>) -> Result<Kernel, KernelError> {
    let facts = Facts::read(file, bytes)?;
    let about = facts.text(file, Part::About)?.unwrap_or_default();
    let value = |key: &str| about.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
    let release = match value("release") {
        Some(text) => Ok(Release::parse(text).map_err(|error| KernelError::damaged(file, error.to_string()))?),
        None => Err(KernelError::NotRecorded { fact: "release" }),
    };
    let arch = Arch::named(value("arch").unwrap_or_default());
    Ok(Kernel::recorded(file.into(), arch, release, crate::source::Record::Facts(facts)))
}

fn hash_of(packed: &[u8]) -> [u8; 16] {
    let full: [u8; 32] = Sha256::digest(packed).into();
    *full.first_chunk().unwrap_or(&[0; 16])
}

impl Facts {
    fn read(file: &Path, bytes: Vec<u8>) -> Result<Facts, KernelError> {
        let cut_off = || KernelError::damaged(file, "it is cut off");
        let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let version = word(8).ok_or_else(cut_off)?;
        if version > VERSION {
            return Err(KernelError::NewerFacts { file: file.into(), version, known: VERSION });
        }
        let count = word(12).ok_or_else(cut_off)? as usize;
        if version == 0 || count > MOST_PARTS {
            return Err(KernelError::damaged(file, "its header makes no sense"));
        }
        let table = bytes.get(HEADER..HEADER + count * ROW).ok_or_else(cut_off)?;
        if bytes.get(16..HEADER) != Some(Sha256::digest(table).as_slice()) {
            return Err(KernelError::damaged(
                file,
                "its table of parts does not have the hash that was written with it",
            ));
        }
        let mut parts = vec![];
        let mut at = HEADER + count * ROW;
        for row in table.chunks_exact(ROW) {
            let (Some(tag), Some(hash), Some(len)) =
                (row.first_chunk::<4>(), row.get(4..20), row.get(20..28).and_then(|len| len.first_chunk::<8>()))
            else {
                return Err(cut_off());
            };
            let end = usize::try_from(u64::from_le_bytes(*len)).ok().and_then(|len| at.checked_add(len));
            let end = end.filter(|end| *end <= bytes.len()).ok_or_else(cut_off)?;
            parts.push((u32::from_le_bytes(*tag), hash.try_into().unwrap_or_default(), at..end));
            at = end;
        }
        Ok(Facts { bytes, parts })
    }

    /// A part, unpacked; `None` if the file does not have it.
    fn part(&self, file: &Path, part: Part) -> Result<Option<Vec<u8>>, KernelError> {
        let Some((_, hash, range)) = self.parts.iter().find(|(tag, ..)| *tag == part as u32) else { return Ok(None) };
        let packed = self.bytes.get(range.clone()).unwrap_or_default();
        let name = format!("{part:?}").to_lowercase();
        if hash_of(packed) != *hash {
            return Err(KernelError::damaged(
                file,
                format!("the part `{name}` does not have the hash that was written with it"),
            ));
        }
        let fails =
            |error: std::io::Error| KernelError::damaged(file, format!("the part `{name}` does not unpack: {error}"));
        // A frame tells its length, so that it is unpacked in one go, if that can be believed.
        let told = zstd::zstd_safe::get_frame_content_size(packed).ok().flatten();
        if let Some(len) = told.filter(|len| *len <= MOST && *len <= 4096 * packed.len() as u64) {
            return zstd::bulk::decompress(packed, len as usize).map(Some).map_err(fails);
        }
        let mut bytes = vec![];
        let decoder = zstd::stream::read::Decoder::with_buffer(packed).map_err(fails)?;
        if decoder.take(MOST + 1).read_to_end(&mut bytes).map_err(fails)? as u64 > MOST {
            return Err(KernelError::damaged(file, format!("the part `{name}` is of more than {MOST} bytes")));
        }
        Ok(Some(bytes))
    }

    fn text(&self, file: &Path, part: Part) -> Result<Option<String>, KernelError> {
        let Some(bytes) = self.part(file, part)? else { return Ok(None) };
        let text = String::from_utf8(bytes);
        text.map(Some).map_err(|_| KernelError::damaged(file, format!("the part `{part:?}` is no text").to_lowercase()))
    }

    /// What its types are known by: the hash of their packed bytes.
    pub(crate) fn types_key(&self) -> Option<[u8; 16]> {
        self.parts.iter().find(|(tag, ..)| *tag == Part::Types as u32).map(|(_, hash, _)| *hash)
    }

    pub(crate) fn btf(&self, file: &Path) -> Result<Btf, KernelError> {
        let bytes = self.part(file, Part::Types)?.ok_or(KernelError::NotRecorded { fact: "types" })?;
        Btf::from_bytes(Bytes::Owned(bytes)).map_err(|source| KernelError::Btf { file: file.into(), source })
    }

    pub(crate) fn config(&self, file: &Path) -> Result<Config, KernelError> {
        let text = self.text(file, Part::Config)?;
        text.map(Config::parse).ok_or(KernelError::NotRecorded { fact: "configuration" })
    }

    pub(crate) fn symbols(&self, file: &Path) -> Result<Symbols, KernelError> {
        let bytes = self.part(file, Part::Symbols)?.ok_or(KernelError::NotRecorded { fact: "symbols" })?;
        symbols::unpack(&bytes, file)
    }

    pub(crate) fn events(&self, file: &Path) -> Result<Vec<(String, String)>, KernelError> {
        let text = self.text(file, Part::Events)?.ok_or(KernelError::NotRecorded { fact: "list of trace events" })?;
        let pairs = text.lines().filter_map(|line| line.split_once(':'));
        Ok(pairs.map(|(subsystem, event)| (subsystem.to_owned(), event.to_owned())).collect())
    }
}
