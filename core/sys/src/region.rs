//! One `mmap`ed region of memory, unmapped when it is dropped.
//!
//! It must never hand out a reference: whether the memory changes under its reader, and how it may be read, is known
//! only to the module that asked for the mapping.

use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr::{self, NonNull};

use crate::error::last_errno;

/// A mapping of `len` bytes at `start`.
#[derive(Debug)]
pub(crate) struct Region {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: a Region is an address and a length; it gives no access to the memory by itself, and the mapping belongs
// to the process, not to a thread.
unsafe impl Send for Region {}
// SAFETY: as above: all that can be done through a shared Region is to read the address and the length.
unsafe impl Sync for Region {}

impl Region {
    /// Maps `len` bytes of `fd` from `offset` on. `sharing` is MAP_SHARED or MAP_PRIVATE, `protection` PROT_* bits.
    /// The error is an errno.
    pub(crate) fn map(
        fd: BorrowedFd<'_>,
        offset: usize,
        len: usize,
        protection: i32,
        sharing: i32,
    ) -> Result<Self, i32> {
        let offset = libc::off_t::try_from(offset).map_err(|_| libc::EOVERFLOW)?;
        // SAFETY: with a null hint and no MAP_FIXED the kernel picks unused addresses, so no memory of ours changes.
        let address = unsafe { libc::mmap(ptr::null_mut(), len, protection, sharing, fd.as_raw_fd(), offset) };
        if address == libc::MAP_FAILED {
            return Err(last_errno());
        }
        NonNull::new(address.cast::<u8>()).map(|start| Self { start, len }).ok_or(libc::ENOMEM)
    }

    /// The first byte; aligned to a page.
    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// The length in bytes.
    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the address and length are those of a mapping that this value alone owns, and every reference into
        // it borrows from the value that holds this Region.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

/// The size of a page in bytes.
pub(crate) fn page_size() -> usize {
    // SAFETY: sysconf only reads a constant of the system.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(4096)
}
