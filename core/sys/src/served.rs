//! A file system that this process serves itself (`fuse(4)`), mounted for as long as its owner lives.
//!
//! It must never know what the files say: requests and answers are bytes, of whoever reads and writes the descriptor. A mount whose
//! server was killed answers every access with an error until [`unmount`] takes it away.

use std::ffi::CString;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::SysError;

/// A mounted file system; dropping it takes it away.
#[derive(Debug)]
pub struct ServedMount {
    device: File,
    directory: PathBuf,
}

impl ServedMount {
    /// Mounts a file system over `directory`, which must be there. `name` is what the table of mounts calls it. Everyone may go there;
    /// the kernel keeps to the permissions of the files.
    ///
    /// # Errors
    /// ENOENT or ENODEV where the kernel has no such file systems, EPERM without CAP_SYS_ADMIN.
    pub fn at(directory: &Path, name: &str) -> Result<Self, SysError> {
        const WHAT: &str = "mount a file system of its own";
        let options = &mut File::options();
        let device = options.read(true).write(true).custom_flags(libc::O_NONBLOCK).open("/dev/fuse");
        let device = device.map_err(|error| SysError::from_io("open /dev/fuse", &error))?;
        let fd = device.as_raw_fd();
        // The root of it is a directory that everyone may search.
        let options = format!("fd={fd},rootmode=40755,user_id=0,group_id=0,default_permissions,allow_other");
        let invalid = |_| SysError::new(WHAT, libc::EINVAL);
        let (name, options) = (CString::new(name).map_err(invalid)?, CString::new(options).map_err(invalid)?);
        let target = CString::new(directory.as_os_str().as_bytes()).map_err(invalid)?;
        let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
        // SAFETY: all four are live NUL-terminated strings, which the call only reads.
        let mounted = unsafe {
            libc::mount(
                name.as_ptr(),
                target.as_ptr(),
                c"fuse".as_ptr(),
                flags,
                options.as_ptr().cast::<libc::c_void>(),
            )
        };
        if mounted < 0 {
            return Err(SysError::last(WHAT));
        }
        Ok(ServedMount { device, directory: directory.to_owned() })
    }

    /// Where requests are read and answers written, one in each call; reading does not wait.
    pub fn device(&self) -> &File {
        &self.device
    }
}

impl AsFd for ServedMount {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.device.as_fd()
    }
}

impl Drop for ServedMount {
    fn drop(&mut self) {
        // Who still waits for an answer gets an error when the descriptor is closed.
        let _ = unmount(&self.directory);
    }
}

/// Takes away what is mounted at `directory`, even if somebody is there.
///
/// # Errors
/// EINVAL if nothing is, ENOENT if it does not exist, EPERM without CAP_SYS_ADMIN.
pub fn unmount(directory: &Path) -> Result<(), SysError> {
    const WHAT: &str = "unmount";
    let target = CString::new(directory.as_os_str().as_bytes()).map_err(|_| SysError::new(WHAT, libc::EINVAL))?;
    // SAFETY: the path is a live NUL-terminated string.
    match unsafe { libc::umount2(target.as_ptr(), libc::MNT_DETACH | libc::UMOUNT_NOFOLLOW) } {
        0 => Ok(()),
        _ => Err(SysError::last(WHAT)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn what_is_mounted_asks_and_goes_with_its_owner() {
        let directory = std::env::temp_dir().join(format!("systap-served-{}", std::process::id()));
        std::fs::create_dir(&directory).unwrap();
        let is_mounted = || {
            let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
            mounts.contains(directory.to_str().unwrap())
        };
        match ServedMount::at(&directory, "systap") {
            Ok(mount) => {
                assert!(is_mounted());
                let mut request = vec![0; 1 << 17];
                let length = mount.device().read(&mut request).unwrap();
                // The first request of all is FUSE_INIT, 26; it says its own length first.
                assert_eq!(request[..8], [u8::try_from(length).unwrap(), 0, 0, 0, 26, 0, 0, 0]);
                drop(mount);
                assert!(!is_mounted());
                assert_eq!(unmount(&directory).unwrap_err().errno, libc::EINVAL);
            }
            Err(error) => eprintln!("skipped: {error}"),
        }
        std::fs::remove_dir(&directory).unwrap();
    }
}
