//! The values of an array map in our own memory, as 64-bit words that programs see change at once.
//!
//! It must never give out a plain reference to the memory: programs write it at any moment, so atomics are the only
//! way in.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Map, MapKind};
use crate::SysError;
use crate::region::Region;

/// The mapped values of a BPF_F_MMAPABLE array: elements in their order, each rounded up to whole words.
///
/// Every access is atomic and sequentially consistent with the atomics of the program's side. An index past
/// [`len`](Self::len) reads as 0 and writes nothing: script-side indexes are checked where they are made.
#[derive(Debug)]
pub struct SharedWords {
    region: Region,
    words_per_element: usize,
    len: usize,
}

impl Map {
    /// Maps the values of this array to memory, writable.
    ///
    /// # Errors
    /// EINVAL unless it is an `Array` made with `mmapable`; EPERM once it is frozen.
    pub fn map_values(&self) -> Result<SharedWords, SysError> {
        const WHAT: &str = "map the values of a BPF array";
        if self.kind() != MapKind::Array || !self.flags().mmapable {
            return Err(SysError::new(WHAT, libc::EINVAL));
        }
        let words_per_element = self.value_size().div_ceil(8);
        let elements = usize::try_from(self.max_entries()).map_err(|_| SysError::new(WHAT, libc::E2BIG))?;
        let len = words_per_element.checked_mul(elements).ok_or(SysError::new(WHAT, libc::E2BIG))?;
        let region = Region::map(self.as_fd(), 0, len * 8, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED)
            .map_err(|errno| SysError::new(WHAT, errno))?;
        Ok(SharedWords { region, words_per_element, len })
    }
}

impl SharedWords {
    /// How many words there are: elements times [`words_per_element`](Self::words_per_element).
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none; the kernel makes no such map.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Words from one element to the next.
    pub fn words_per_element(&self) -> usize {
        self.words_per_element
    }

    /// The word at `index` as an atomic, for unsigned or further operations.
    pub fn word(&self, index: usize) -> Option<&AtomicU64> {
        if index >= self.len {
            return None;
        }
        let word = self.region.start().cast::<AtomicU64>();
        // SAFETY: the index is within the mapping, which is page-aligned, readable and writable, and lives as long as
        // the borrow of self; all access from this side is atomic, and the kernel's side writes words as units.
        Some(unsafe { word.add(index).as_ref() })
    }

    /// The word at `index`.
    pub fn load(&self, index: usize) -> i64 {
        self.word(index).map_or(0, |word| word.load(Ordering::SeqCst).cast_signed())
    }

    /// Sets the word at `index`.
    pub fn store(&self, index: usize, value: i64) {
        if let Some(word) = self.word(index) {
            word.store(value.cast_unsigned(), Ordering::SeqCst);
        }
    }

    /// Adds to the word at `index`, wrapping; gives what was there before.
    pub fn fetch_add(&self, index: usize, value: i64) -> i64 {
        self.word(index).map_or(0, |word| word.fetch_add(value.cast_unsigned(), Ordering::SeqCst).cast_signed())
    }

    /// Sets the word at `index` to `new` if it is `current`; the error is what is there instead.
    ///
    /// # Errors
    /// The word's value where it is not `current`.
    pub fn compare_exchange(&self, index: usize, current: i64, new: i64) -> Result<i64, i64> {
        let Some(word) = self.word(index) else { return Err(0) };
        let (current, new) = (current.cast_unsigned(), new.cast_unsigned());
        match word.compare_exchange(current, new, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(before) => Ok(before.cast_signed()),
            Err(actual) => Err(actual.cast_signed()),
        }
    }
}
