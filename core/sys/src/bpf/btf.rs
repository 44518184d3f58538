//! A program's own type information, handed to the kernel.
//!
//! It must never look into the bytes: writing and reading BTF is other crates' work.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use super::{Command, address_of, attr, call};
use crate::SysError;
use crate::mount::owned;

/// BTF that the kernel checked and took.
#[derive(Debug)]
pub struct Btf {
    fd: OwnedFd,
}

impl Btf {
    /// Loads BTF: header, types, strings.
    ///
    /// # Errors
    /// EINVAL for BTF that the kernel finds wrong, EPERM without CAP_BPF.
    pub fn load(bytes: &[u8]) -> Result<Self, SysError> {
        const WHAT: &str = "load BTF";
        let btf_size = u32::try_from(bytes.len()).map_err(|_| SysError::new(WHAT, libc::E2BIG))?;
        let mut attr = attr::BtfLoad { btf: address_of(bytes), btf_size, ..Default::default() };
        // SAFETY: the kernel reads btf_size bytes at btf, the length of the slice; no log buffer is given.
        let fd = unsafe { call(Command::BtfLoad, &mut attr) }.map_err(|errno| SysError::new(WHAT, errno))?;
        Ok(Self { fd: owned(fd, WHAT)? })
    }

    /// The descriptor as attributes carry it.
    pub(super) fn number(&self) -> u32 {
        self.fd.as_raw_fd().cast_unsigned()
    }
}

impl AsFd for Btf {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}
