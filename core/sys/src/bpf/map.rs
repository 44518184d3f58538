//! Maps: made from a specification, read and written by key.
//!
//! It must never hand the kernel a buffer of another length than the map's keys and values have: the kernel knows the
//! sizes and not the buffers, so every length is checked here.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Command, address_of, address_of_mut, attr, call, object_name};
use crate::SysError;
use crate::cpu::possible_cpus;
use crate::mount::owned;

/// What a map is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum MapKind {
    /// Keys to values.
    Hash,
    /// Keys to one value for each possible processor.
    PerCpuHash,
    /// Values by number, all present and zero from the start.
    Array,
    /// As `Array`, with one value for each possible processor.
    PerCpuArray,
    /// Records from the kernel to one reader; read with [`crate::RingBuffer`].
    RingBuf,
    /// As `Hash`, forgetting what was used least when it is full.
    LruHash,
    /// Perf events by number; what is written is a descriptor, and only programs read it.
    PerfEventArray,
    /// Call stacks by number.
    StackTrace,
}

impl MapKind {
    /// The kernel's number (`enum bpf_map_type`).
    fn number(self) -> u32 {
        match self {
            Self::Hash => 1,
            Self::Array => 2,
            Self::PerfEventArray => 4,
            Self::PerCpuHash => 5,
            Self::PerCpuArray => 6,
            Self::StackTrace => 7,
            Self::LruHash => 9,
            Self::RingBuf => 27,
        }
    }

    /// Whether there is a value for each possible processor.
    pub fn is_per_cpu(self) -> bool {
        matches!(self, Self::PerCpuHash | Self::PerCpuArray)
    }

    /// Whether all elements always exist: nothing can be inserted or deleted.
    pub fn is_array(self) -> bool {
        matches!(self, Self::Array | Self::PerCpuArray)
    }
}

/// Choices for a map beyond its kind and sizes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MapFlags {
    /// Allocate elements when they are inserted, not when the map is made (BPF_F_NO_PREALLOC; hashes only).
    pub no_prealloc: bool,
    /// Let [`Map::map_values`] work (BPF_F_MMAPABLE; `Array` only).
    pub mmapable: bool,
    /// Programs may not write (BPF_F_RDONLY_PROG).
    pub readonly_for_program: bool,
}

impl MapFlags {
    fn bits(self) -> u32 {
        u32::from(self.no_prealloc) | u32::from(self.readonly_for_program) << 7 | u32::from(self.mmapable) << 10
    }
}

/// What [`Map::create`] makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MapSpec<'a> {
    /// What it is.
    pub kind: MapKind,
    /// Bytes of a key: 4 for arrays and stacks, 0 for a ring buffer.
    pub key_size: u32,
    /// Bytes of a value, of one processor's for per-CPU kinds; 0 for a ring buffer.
    pub value_size: u32,
    /// The most elements; for a ring buffer its bytes, a power of two and a multiple of a page.
    pub max_entries: u32,
    /// Further choices.
    pub flags: MapFlags,
    /// Shown by tools that list maps; cut to 15 bytes, and what the kernel refuses in a name becomes `_`.
    pub name: &'a str,
}

/// Whether an update may insert or replace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UpdateMode {
    /// Both.
    Any,
    /// Insert only: EEXIST if the key is there.
    NoExist,
    /// Replace only: ENOENT if the key is not there.
    Exist,
}

/// A map in the kernel, which lives as long as this value or a program that uses it.
#[derive(Debug)]
pub struct Map {
    fd: OwnedFd,
    kind: MapKind,
    key_size: usize,
    value_size: usize,
    /// Bytes that a lookup writes.
    value_bytes: usize,
    max_entries: u32,
    flags: MapFlags,
    has_reader: AtomicBool,
}

impl Map {
    /// Makes a map.
    ///
    /// # Errors
    /// EPERM without CAP_BPF, EINVAL for sizes that the kind does not take, E2BIG or ENOMEM for too large ones.
    pub fn create(spec: &MapSpec<'_>) -> Result<Self, SysError> {
        const WHAT: &str = "create a BPF map";
        let key_size = usize::try_from(spec.key_size).map_err(|_| SysError::new(WHAT, libc::E2BIG))?;
        let value_size = usize::try_from(spec.value_size).map_err(|_| SysError::new(WHAT, libc::E2BIG))?;
        let value_bytes = if spec.kind.is_per_cpu() {
            value_size.next_multiple_of(8).checked_mul(possible_cpus()?).ok_or(SysError::new(WHAT, libc::E2BIG))?
        } else {
            value_size
        };
        let mut attr = attr::MapCreate {
            map_type: spec.kind.number(),
            key_size: spec.key_size,
            value_size: spec.value_size,
            max_entries: spec.max_entries,
            map_flags: spec.flags.bits(),
            map_name: object_name(spec.name),
            ..Default::default()
        };
        // SAFETY: the attribute has no addresses.
        let fd = unsafe { call(Command::MapCreate, &mut attr) }.map_err(|errno| SysError::new(WHAT, errno))?;
        Ok(Self {
            fd: owned(fd, WHAT)?,
            kind: spec.kind,
            key_size,
            value_size,
            value_bytes,
            max_entries: spec.max_entries,
            flags: spec.flags,
            has_reader: AtomicBool::new(false),
        })
    }

    /// The descriptor, as instructions that load a map's address name it (through [`AsRawFd`]).
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// What it is.
    pub fn kind(&self) -> MapKind {
        self.kind
    }

    /// Bytes of a key.
    pub fn key_size(&self) -> usize {
        self.key_size
    }

    /// Bytes of a value, of one processor's for per-CPU kinds.
    pub fn value_size(&self) -> usize {
        self.value_size
    }

    /// Bytes of the buffer of [`lookup`](Self::lookup) and [`update`](Self::update): the value's size, for per-CPU
    /// kinds rounded up to 8 and times the possible processors, whose values follow each other.
    pub fn value_bytes(&self) -> usize {
        self.value_bytes
    }

    /// The most elements; for a ring buffer its bytes.
    pub fn max_entries(&self) -> u32 {
        self.max_entries
    }

    /// The choices it was made with.
    pub fn flags(&self) -> MapFlags {
        self.flags
    }

    /// Copies the value of `key` to `value`; false if there is none.
    ///
    /// # Errors
    /// EINVAL where a length is not [`key_size`](Self::key_size) or [`value_bytes`](Self::value_bytes).
    pub fn lookup(&self, key: &[u8], value: &mut [u8]) -> Result<bool, SysError> {
        const WHAT: &str = "look up in a BPF map";
        self.check_key(key, WHAT)?;
        self.check_value(value, WHAT)?;
        let mut attr = self.element(key);
        attr.value = address_of_mut(value);
        // SAFETY: the kernel reads key_size bytes at key and writes value_bytes bytes at value; both lengths were
        // just checked.
        match unsafe { call(Command::MapLookup, &mut attr) } {
            Ok(_) => Ok(true),
            Err(libc::ENOENT) => Ok(false),
            Err(errno) => Err(SysError::new(WHAT, errno)),
        }
    }

    /// Copies the value of `key` to `value` and deletes it, in one step; false if there is none.
    ///
    /// # Errors
    /// As [`lookup`](Self::lookup) for lengths; EINVAL or ENOTSUPP for hashes before Linux 5.14.
    pub fn take(&self, key: &[u8], value: &mut [u8]) -> Result<bool, SysError> {
        const WHAT: &str = "take from a BPF map";
        self.check_key(key, WHAT)?;
        self.check_value(value, WHAT)?;
        let mut attr = self.element(key);
        attr.value = address_of_mut(value);
        // SAFETY: the kernel reads key_size bytes at key and writes value_bytes bytes at value; both lengths were
        // just checked.
        match unsafe { call(Command::MapLookupAndDelete, &mut attr) } {
            Ok(_) => Ok(true),
            Err(libc::ENOENT) => Ok(false),
            Err(errno) => Err(SysError::new(WHAT, errno)),
        }
    }

    /// Sets the value of `key`.
    ///
    /// # Errors
    /// As [`lookup`](Self::lookup) for lengths; EEXIST or ENOENT as `mode` says; E2BIG when the map is full.
    pub fn update(&self, key: &[u8], value: &[u8], mode: UpdateMode) -> Result<(), SysError> {
        const WHAT: &str = "update a BPF map";
        self.check_key(key, WHAT)?;
        self.check_value(value, WHAT)?;
        let mut attr = self.element(key);
        attr.value = address_of(value);
        attr.flags = match mode {
            UpdateMode::Any => 0,
            UpdateMode::NoExist => 1,
            UpdateMode::Exist => 2,
        };
        // SAFETY: the kernel reads key_size bytes at key and value_bytes bytes at value; both lengths were just
        // checked.
        unsafe { call(Command::MapUpdate, &mut attr) }.map(drop).map_err(|errno| SysError::new(WHAT, errno))
    }

    /// Deletes `key`; false if it was not there.
    ///
    /// # Errors
    /// EINVAL for a wrong length and for arrays, whose elements cannot be deleted.
    pub fn delete(&self, key: &[u8]) -> Result<bool, SysError> {
        const WHAT: &str = "delete from a BPF map";
        self.check_key(key, WHAT)?;
        let mut attr = self.element(key);
        // SAFETY: the kernel reads key_size bytes at key; the length was just checked.
        match unsafe { call(Command::MapDelete, &mut attr) } {
            Ok(_) => Ok(true),
            Err(libc::ENOENT) => Ok(false),
            Err(errno) => Err(SysError::new(WHAT, errno)),
        }
    }

    /// Writes the key after `key`, or the first one, to `next`; false at the end. The first also when `key` was
    /// deleted meanwhile.
    pub(super) fn next_key(&self, key: Option<&[u8]>, next: &mut [u8]) -> Result<bool, SysError> {
        const WHAT: &str = "walk a BPF map";
        self.check_key(next, WHAT)?;
        let mut attr = attr::MapElement { map_fd: self.number(), ..Default::default() };
        if let Some(key) = key {
            self.check_key(key, WHAT)?;
            attr.key = address_of(key);
        }
        attr.value = address_of_mut(next);
        // SAFETY: the kernel reads key_size bytes at key unless it is null, and writes as many at next; both lengths
        // were just checked.
        match unsafe { call(Command::MapNextKey, &mut attr) } {
            Ok(_) => Ok(true),
            Err(libc::ENOENT) => Ok(false),
            Err(errno) => Err(SysError::new(WHAT, errno)),
        }
    }

    /// Makes the map unwritable from user space for good, so that the verifier may take its values as constants.
    ///
    /// # Errors
    /// EBUSY while it is mapped writable or frozen already.
    pub fn freeze(&self) -> Result<(), SysError> {
        let mut attr = attr::MapFreeze { map_fd: self.number() };
        // SAFETY: the attribute has no addresses.
        let frozen = unsafe { call(Command::MapFreeze, &mut attr) };
        frozen.map(drop).map_err(|errno| SysError::new("freeze a BPF map", errno))
    }

    /// True for the first caller only: a ring buffer has one reader.
    pub(crate) fn claim_reader(&self) -> bool {
        !self.has_reader.swap(true, Ordering::Relaxed)
    }

    /// The descriptor as attributes carry it.
    pub(super) fn number(&self) -> u32 {
        self.fd.as_raw_fd().cast_unsigned()
    }

    fn element(&self, key: &[u8]) -> attr::MapElement {
        attr::MapElement { map_fd: self.number(), key: address_of(key), ..Default::default() }
    }

    fn check_key(&self, key: &[u8], what: &'static str) -> Result<(), SysError> {
        if key.len() == self.key_size { Ok(()) } else { Err(SysError::new(what, libc::EINVAL)) }
    }

    fn check_value(&self, value: &[u8], what: &'static str) -> Result<(), SysError> {
        if value.len() == self.value_bytes { Ok(()) } else { Err(SysError::new(what, libc::EINVAL)) }
    }
}

impl AsFd for Map {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for Map {
    fn as_raw_fd(&self) -> i32 {
        self.fd.as_raw_fd()
    }
}
