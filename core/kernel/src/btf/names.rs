//! The index of a kernel's types as bytes that can be kept: where each type is, and the hash of each name.
//!
//! Must never be believed further than its checksum goes: what is damaged, of other types or of another format is no index, and the
//! types are gone over as if there were none. It tells where a name may be; the name itself is compared in the types.

use super::index::{self, word};
use super::{BtfError, Bytes, Kind, TypeId};
use std::ops::Range;
use twox_hash::XxHash3_64;

/// What kept bytes begin with, and the format's number.
const MAGIC: [u8; 8] = *b"\x89stidx\x01\n";

/// Magic, checksum of what follows it, key of the types, length of the blob; then counts of types, of offsets and of names.
const HEADER: usize = 8 + 8 + 16 + 8 + 3 * 4;

/// What the types are known by: their hash, or the build-id of the kernel that has them.
pub type Key = [u8; 16];

/// A kept index.
#[derive(Debug)]
pub(super) struct NameIndex {
    bytes: Bytes,
    count: u32,
    /// Offsets of every so-many-th type, four bytes each.
    sampled: Range<usize>,
    /// Hash of kind and name, and id, four bytes each; by hash, then by id.
    names: Range<usize>,
}

/// The bytes of an index of these types.
///
/// # Errors
/// Where a record is damaged.
pub(super) fn build(types: &[u8], strings: &[u8], blob: usize, key: &Key) -> Result<Vec<u8>, BtfError> {
    // Also checks the records, which the walk then trusts.
    let checked = index::Index::build(types, |_, _| ())?;
    let mut names: Vec<(u32, u32)> = Vec::with_capacity(checked.count() as usize / 2);
    index::each(types, |id, kind, record| {
        if let Some(name) = word(record, 0).filter(|name| *name != 0).and_then(|at| bytes_at(strings, at)) {
            names.push((hash(kind, name), id));
        }
        true
    });
    names.sort_unstable();
    let sampled = checked.sampled();
    let mut rest = Vec::with_capacity(HEADER + 4 * sampled.len() + 8 * names.len());
    rest.extend_from_slice(key);
    rest.extend_from_slice(&(blob as u64).to_ne_bytes());
    for number in [checked.count(), sampled.len() as u32, names.len() as u32] {
        rest.extend_from_slice(&number.to_ne_bytes());
    }
    for number in sampled.iter().copied().chain(names.into_iter().flat_map(|(hash, id)| [hash, id])) {
        rest.extend_from_slice(&number.to_ne_bytes());
    }
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&XxHash3_64::oneshot(&rest).to_ne_bytes());
    bytes.append(&mut rest);
    Ok(bytes)
}

/// The string at an offset, without the NUL that ends it.
fn bytes_at(strings: &[u8], at: u32) -> Option<&[u8]> {
    let rest = strings.get(at as usize..)?;
    Some(&rest[..memchr::memchr(0, rest)?])
}

fn hash(kind: Kind, name: &[u8]) -> u32 {
    XxHash3_64::oneshot_with_seed(kind as u64, name) as u32
}

impl NameIndex {
    /// The index that those bytes are, of the types with that key whose blob is that long.
    pub(super) fn read(bytes: Bytes, blob: usize, key: &Key) -> Option<NameIndex> {
        let rest = bytes.strip_prefix(&MAGIC)?;
        let (sum, rest) = rest.split_first_chunk::<8>()?;
        if u64::from_ne_bytes(*sum) != XxHash3_64::oneshot(rest) || rest.get(..16) != Some(key) {
            return None;
        }
        let blob_told = rest.get(16..24).and_then(|eight| eight.first_chunk::<8>())?;
        let number = |nth: usize| word(rest, 24 + 4 * nth);
        let (count, sampled, names) = (number(0)?, number(1)? as usize, number(2)? as usize);
        let (first, second) = (HEADER + 4 * sampled, HEADER + 4 * sampled + 8 * names);
        let right = u64::from_ne_bytes(*blob_told) == blob as u64 && bytes.len() == second;
        right.then_some(NameIndex { count, sampled: HEADER..first, names: first..second, bytes })
    }

    /// How many types there are, `void` included.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// The first type of that kind whose name is, by `is_named`, that name.
    pub(super) fn find(&self, kind: Kind, name: &str, mut is_named: impl FnMut(TypeId) -> bool) -> Option<TypeId> {
        let rows = &self.bytes[self.names.clone()];
        let wanted = hash(kind, name.as_bytes());
        let row = |nth: usize| word(rows, 8 * nth);
        let (mut low, mut high) = (0, rows.len() / 8);
        while low < high {
            let middle = low + (high - low) / 2;
            if row(middle)? < wanted { low = middle + 1 } else { high = middle }
        }
        while row(low) == Some(wanted) {
            let id = TypeId(word(rows, 8 * low + 4)?);
            if is_named(id) {
                return Some(id);
            }
            low += 1;
        }
        None
    }

    /// The record of a type, body included.
    pub(super) fn record<'a>(&self, types: &'a [u8], id: TypeId) -> Result<&'a [u8], BtfError> {
        let sampled = &self.bytes[self.sampled.clone()];
        index::record_from(types, id, self.count, |nth| word(sampled, 4 * nth))
    }
}
