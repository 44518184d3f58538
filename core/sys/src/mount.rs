//! Kernel file systems opened as detached mounts: seen through one descriptor only, gone when it is closed.
//!
//! It must never attach a mount to the tree: the machine looks the same to everyone else before, during and after.
//! Needs CAP_SYS_ADMIN in the mount namespace's user namespace, and Linux 5.2.

use std::ffi::CStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::SysError;

// From include/uapi/linux/mount.h.
const FSOPEN_CLOEXEC: libc::c_uint = 1;
const FSMOUNT_CLOEXEC: libc::c_uint = 1;
const FSCONFIG_CMD_CREATE: libc::c_uint = 6;
const MOUNT_ATTR_NOSUID: libc::c_uint = 2;
const MOUNT_ATTR_NODEV: libc::c_uint = 4;
const MOUNT_ATTR_NOEXEC: libc::c_uint = 8;

/// The root of tracefs (what is usually at `/sys/kernel/tracing`), whether or not it is mounted anywhere.
///
/// # Errors
/// EPERM without CAP_SYS_ADMIN, ENODEV on a kernel without tracefs, ENOSYS before Linux 5.2.
pub fn detached_tracefs() -> io::Result<OwnedFd> {
    detached(c"tracefs")
}

/// The root of securityfs (what is usually at `/sys/kernel/security`), whether or not it is mounted anywhere.
///
/// # Errors
/// As [`detached_tracefs`].
pub fn detached_securityfs() -> io::Result<OwnedFd> {
    detached(c"securityfs")
}

/// Opens `path` for reading, relative to `directory`.
///
/// # Errors
/// EINVAL for a path with a NUL byte, else what openat(2) gave.
pub fn open_at(directory: BorrowedFd<'_>, path: &Path) -> io::Result<File> {
    let path = std::ffi::CString::new(path.as_os_str().as_bytes()).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: the path is a live NUL-terminated string; the call only reads it.
    let fd = unsafe { libc::openat(directory.as_raw_fd(), path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    owned(fd.into(), "open a file").map(File::from).map_err(io::Error::from)
}

/// A path by which the standard library reaches what is below `directory`, for as long as that stays open.
/// It goes through `/proc`; [`open_at`] does not.
pub fn path_of(directory: BorrowedFd<'_>) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd()))
}

fn detached(kind: &CStr) -> io::Result<OwnedFd> {
    // SAFETY: fsopen reads a live NUL-terminated string.
    let context = unsafe { libc::syscall(libc::SYS_fsopen, kind.as_ptr(), FSOPEN_CLOEXEC) };
    let context = owned(context, "open a file system")?;
    let null = std::ptr::null::<libc::c_char>();
    // SAFETY: FSCONFIG_CMD_CREATE takes no key and no value; the descriptor is ours and open.
    let made = unsafe { libc::syscall(libc::SYS_fsconfig, context.as_raw_fd(), FSCONFIG_CMD_CREATE, null, null, 0) };
    if made < 0 {
        return Err(io::Error::last_os_error());
    }
    let attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    // SAFETY: fsmount takes no pointers; the descriptor is ours and open.
    let root = unsafe { libc::syscall(libc::SYS_fsmount, context.as_raw_fd(), FSMOUNT_CLOEXEC, attributes) };
    Ok(owned(root, "mount a file system")?)
}

/// Takes the descriptor that a system call returned, or the error that it set.
pub(crate) fn owned(returned: libc::c_long, what: &'static str) -> Result<OwnedFd, SysError> {
    match libc::c_int::try_from(returned) {
        // SAFETY: the kernel just made this descriptor for us and nothing else knows it.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(SysError::last(what)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;
    use std::os::fd::AsFd;

    #[test]
    fn lists_events_and_leaves_no_mount() {
        let mounts = || std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let before = mounts();
        let root = match detached_tracefs() {
            Ok(root) => root,
            Err(error) => return eprintln!("skipped: no detached tracefs: {error}"),
        };
        assert_eq!(mounts(), before);
        let names: Vec<_> = std::fs::read_dir(path_of(root.as_fd()).join("events/sched"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert!(names.iter().any(|name| name == "sched_switch"), "{names:?}");

        let mut format = String::new();
        let path = Path::new("events/sched/sched_switch/format");
        open_at(root.as_fd(), path).unwrap().read_to_string(&mut format).unwrap();
        assert!(format.starts_with("name: sched_switch\n"), "{format}");
    }

    #[test]
    fn an_unknown_file_system_is_an_error() {
        let error = detached(c"no-such-file-system").unwrap_err();
        assert!(matches!(error.raw_os_error(), Some(libc::ENODEV | libc::EPERM)), "{error}");
    }
}
