//! Going through a map: many elements a call where the kernel can, key by key where it cannot.
//!
//! It must never loop for ever on a map that changes meanwhile: a walk by batches goes over the buckets once, a walk
//! by keys takes as many steps as the map can have elements.

use super::{Command, Map, UpdateMode, address_of_mut, attr, call};
use crate::SysError;
use crate::error::ENOTSUPP;

/// Bytes that the first batch may take; it doubles when a bucket does not fit.
const FIRST_BATCH_BYTES: usize = 64 << 10;

impl Map {
    /// Calls `each` with every key and value, in no order. Values are of [`value_bytes`](Self::value_bytes).
    ///
    /// An element that programs insert or delete meanwhile may be seen or not; one that stays is seen once (on kernels
    /// without batches, Linux < 5.6, deletions may make it be seen again).
    ///
    /// # Errors
    /// What the kernel refused; elements before that were given to `each`.
    pub fn entries(&self, each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), SysError> {
        if self.batches(Command::MapLookupBatch, self.first_batch(), each)? {
            return Ok(());
        }
        let mut value = vec![0; self.value_bytes()];
        for key in self.keys()? {
            if self.lookup(&key, &mut value)? {
                each(&key, &value);
            }
        }
        Ok(())
    }

    /// As [`entries`](Self::entries), and deletes what it gives: no update by a program is lost in between. Arrays
    /// refuse it (EINVAL).
    ///
    /// # Errors
    /// As [`entries`](Self::entries).
    pub fn take_entries(&self, each: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), SysError> {
        if self.kind().is_array() {
            return Err(SysError::new("take the elements of a BPF array", libc::EINVAL));
        }
        if self.batches(Command::MapLookupAndDeleteBatch, self.first_batch(), each)? {
            return Ok(());
        }
        let mut value = vec![0; self.value_bytes()];
        for key in self.keys()? {
            if self.lookup(&key, &mut value)? && self.delete(&key)? {
                each(&key, &value);
            }
        }
        Ok(())
    }

    /// Deletes every element; sets those of an array to zero.
    ///
    /// # Errors
    /// What the kernel refused.
    pub fn clear(&self) -> Result<(), SysError> {
        if !self.kind().is_array() {
            return self.take_entries(&mut |_, _| ());
        }
        let zero = vec![0; self.value_bytes()];
        for index in 0..self.max_entries() {
            self.update(&index.to_ne_bytes(), &zero, UpdateMode::Any)?;
        }
        Ok(())
    }

    /// Every key, by one call a key.
    fn keys(&self) -> Result<Vec<Vec<u8>>, SysError> {
        let mut keys: Vec<Vec<u8>> = Vec::new();
        for _ in 0..self.max_entries() {
            let mut next = vec![0; self.key_size()];
            if !self.next_key(keys.last().map(Vec::as_slice), &mut next)? {
                break;
            }
            keys.push(next);
        }
        Ok(keys)
    }

    /// How many elements to ask for at first.
    fn first_batch(&self) -> u32 {
        let element = self.key_size().saturating_add(self.value_bytes()).max(1);
        u32::try_from(FIRST_BATCH_BYTES / element).unwrap_or(u32::MAX).clamp(16, 4096)
    }

    /// Goes through the map in batches, at first of `first` elements; false if this kernel or kind has none.
    fn batches(&self, command: Command, first: u32, each: &mut dyn FnMut(&[u8], &[u8])) -> Result<bool, SysError> {
        const WHAT: &str = "read a BPF map in batches";
        let (key_size, value_bytes) = (self.key_size(), self.value_bytes());
        if key_size == 0 || value_bytes == 0 {
            return Ok(false);
        }
        let most = self.max_entries().max(1);
        let mut count = first.clamp(1, most);
        // The kernel's place mark: a bucket number for hashes, a key for arrays.
        let mut place = vec![0; key_size.max(8)];
        let mut next_place = place.clone();
        let (mut keys, mut values) = (Vec::new(), Vec::new());
        let mut begun = false;
        loop {
            let elements = usize::try_from(count).map_err(|_| SysError::new(WHAT, libc::ENOMEM))?;
            keys.resize(elements * key_size, 0);
            values.resize(elements * value_bytes, 0);
            let mut attr = attr::MapBatch {
                in_batch: if begun { address_of_mut(&mut place) } else { 0 },
                out_batch: address_of_mut(&mut next_place),
                keys: address_of_mut(&mut keys),
                values: address_of_mut(&mut values),
                count,
                map_fd: self.number(),
                ..Default::default()
            };
            // SAFETY: the kernel writes at most `count` keys of key_size and values of value_bytes bytes, for which
            // the buffers were just made, and reads and writes a u32 or a key at the places, which hold either.
            let end = match unsafe { call(command, &mut attr) } {
                Ok(_) => false,
                Err(libc::ENOENT) => true,
                // One bucket has more elements than fit. A hash may hold all its elements in one bucket, so this
                // ends at the latest when everything fits; programs may have added some beyond the limit (per-CPU
                // spares of preallocated maps), hence the doubling past it.
                Err(libc::ENOSPC) if count < most.saturating_mul(2) => {
                    count = count.saturating_mul(2);
                    continue;
                }
                Err(libc::EINVAL | libc::EOPNOTSUPP | ENOTSUPP) if !begun => return Ok(false),
                Err(errno) => return Err(SysError::new(WHAT, errno)),
            };
            let filled = usize::try_from(attr.count).unwrap_or(0).min(elements);
            for (key, value) in keys.chunks_exact(key_size).zip(values.chunks_exact(value_bytes)).take(filled) {
                each(key, value);
            }
            if end {
                return Ok(true);
            }
            std::mem::swap(&mut place, &mut next_place);
            begun = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bpf::{MapFlags, MapKind, MapSpec};

    #[test]
    fn walking_by_keys_sees_what_batches_see() {
        let flags = MapFlags::default();
        let spec = MapSpec { kind: MapKind::Hash, key_size: 4, value_size: 4, max_entries: 300, flags, name: "walked" };
        let map = match Map::create(&spec) {
            Ok(map) => map,
            Err(error) => return eprintln!("skipped: {error}"),
        };
        assert!(map.keys().unwrap().is_empty());
        for key in 0..300_u32 {
            map.update(&key.to_ne_bytes(), &key.to_ne_bytes(), UpdateMode::Any).unwrap();
        }
        let mut by_keys = map.keys().unwrap();
        by_keys.sort();
        by_keys.dedup();
        assert_eq!(by_keys.len(), 300);
        // Of one element at first: some bucket has more, and the batch must grow for it.
        for first in [1, 2, 300] {
            let mut by_batches = Vec::new();
            assert!(map.batches(Command::MapLookupBatch, first, &mut |key, _| by_batches.push(key.to_vec())).unwrap());
            by_batches.sort();
            assert!(by_keys == by_batches, "{first}");
        }
    }
}
