//! The error of a system call: what was tried, and the errno that came back.
//!
//! It must never guess why: what EPERM means for a program load is the caller's knowledge.

use std::io;

/// A system call that the kernel refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {}", io::Error::from_raw_os_error(*errno))]
pub struct SysError {
    /// What was tried, as a phrase that reads on after "cannot": `create a BPF map`.
    pub what: &'static str,
    /// The errno, a positive number as in errno(3).
    pub errno: i32,
}

impl SysError {
    /// An error with a known errno.
    pub(crate) fn new(what: &'static str, errno: i32) -> Self {
        Self { what, errno }
    }

    /// The error of the system call that this thread made last.
    pub(crate) fn last(what: &'static str) -> Self {
        Self { what, errno: last_errno() }
    }

    /// The error of a file operation of the standard library; one without an errno counts as EIO.
    pub(crate) fn from_io(what: &'static str, error: &io::Error) -> Self {
        Self { what, errno: error.raw_os_error().unwrap_or(libc::EIO) }
    }

    /// Whether a privilege is missing (EPERM, EACCES).
    pub fn is_permission(&self) -> bool {
        matches!(self.errno, libc::EPERM | libc::EACCES)
    }

    /// Whether the kernel does not have what was asked for: no such call, command or kind.
    ///
    /// 524 is the kernel's internal ENOTSUPP, which some BPF commands return to user space.
    pub fn is_unsupported(&self) -> bool {
        matches!(self.errno, libc::ENOSYS | libc::EOPNOTSUPP | libc::EINVAL | ENOTSUPP)
    }
}

/// The kernel's internal "not supported" (include/linux/errno.h), which errno(3) does not list.
pub(crate) const ENOTSUPP: i32 = 524;

impl From<SysError> for io::Error {
    fn from(error: SysError) -> Self {
        Self::from_raw_os_error(error.errno)
    }
}

/// The errno of this thread.
pub(crate) fn last_errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_was_tried_and_why_not() {
        let error = SysError::new("create a BPF map", libc::EPERM);
        insta::assert_snapshot!(error, @"create a BPF map: Operation not permitted (os error 1)");
        assert!(error.is_permission() && !error.is_unsupported());
    }
}
