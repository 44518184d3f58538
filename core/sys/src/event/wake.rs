//! A counter that wakes a waiter (`eventfd(2)`).
//!
//! It must never make its user wait: neither adding nor taking blocks.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use crate::SysError;
use crate::error::last_errno;
use crate::mount::owned;

/// A counter, readable while it is not zero.
#[derive(Debug)]
pub struct EventFd {
    fd: OwnedFd,
}

impl EventFd {
    /// A counter at zero.
    ///
    /// # Errors
    /// EMFILE or ENFILE when descriptors run out.
    pub fn new() -> Result<Self, SysError> {
        // SAFETY: the call takes no addresses.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        Ok(Self { fd: owned(fd.into(), "create an event counter")? })
    }

    /// Adds to the counter.
    ///
    /// # Errors
    /// EAGAIN if it would pass `u64::MAX - 1`; EINVAL for `u64::MAX`.
    pub fn add(&self, count: u64) -> Result<(), SysError> {
        let bytes = count.to_ne_bytes();
        // SAFETY: the kernel reads the eight bytes of a live array.
        if unsafe { libc::write(self.fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) } < 0 {
            return Err(SysError::last("add to an event counter"));
        }
        Ok(())
    }

    /// Gives the counter and sets it to zero.
    ///
    /// # Errors
    /// None in practice.
    pub fn take(&self) -> Result<u64, SysError> {
        read_count(self.fd.as_fd(), "read an event counter")
    }
}

impl AsFd for EventFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Reads the 64-bit count of a non-blocking timer or event counter; 0 if there is none.
pub(super) fn read_count(fd: BorrowedFd<'_>, what: &'static str) -> Result<u64, SysError> {
    let mut bytes = [0; 8];
    loop {
        // SAFETY: the kernel writes at most the eight bytes of a live array.
        let read = unsafe { libc::read(fd.as_raw_fd(), bytes.as_mut_ptr().cast(), bytes.len()) };
        match (read, last_errno()) {
            (8, _) => return Ok(u64::from_ne_bytes(bytes)),
            (_, libc::EAGAIN) => return Ok(0),
            (_, libc::EINTR) => {}
            (_, errno) => return Err(SysError::new(what, errno)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds_up_until_taken() {
        let counter = EventFd::new().unwrap();
        assert_eq!(counter.take().unwrap(), 0);
        counter.add(2).unwrap();
        counter.add(40).unwrap();
        assert_eq!(counter.take().unwrap(), 42);
        assert_eq!(counter.take().unwrap(), 0);
        assert_eq!(counter.add(u64::MAX).unwrap_err().errno, libc::EINVAL);
    }
}
