//! A whole file as bytes, mapped where it can be, read where it cannot.
//!
//! It must never be used on a file that another program may shorten while it is mapped: touching the missing pages
//! would end the process by SIGBUS. Kernel files (BTF) and files replaced by rename are fine.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Deref;
use std::os::fd::AsFd;
use std::path::Path;
use std::slice;

use crate::region::Region;

/// The bytes of a file, read-only.
#[derive(Debug)]
pub struct MappedFile {
    contents: Contents,
}

#[derive(Debug)]
enum Contents {
    Mapped(Region),
    Read(Vec<u8>),
}

impl MappedFile {
    /// Opens `path` and maps it privately; a file that cannot be mapped (`/sys/kernel/btf/*` before Linux 6.16) or
    /// that does not know its size (`/proc`) is read to its end instead.
    ///
    /// # Errors
    /// What opening, asking the size or reading gave.
    pub fn open(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let metadata = file.metadata()?;
        let len = usize::try_from(metadata.len()).map_err(|_| io::Error::from_raw_os_error(libc::EFBIG))?;
        if len > 0
            && metadata.is_file()
            && let Ok(region) = Region::map(file.as_fd(), 0, len, libc::PROT_READ, libc::MAP_PRIVATE)
        {
            return Ok(Self { contents: Contents::Mapped(region) });
        }
        // sysfs text files claim a page whatever they hold, so the size is a hint and no more.
        let mut bytes = Vec::with_capacity(len.min(64 << 20));
        file.read_to_end(&mut bytes)?;
        Ok(Self { contents: Contents::Read(bytes) })
    }

    /// Whether the file is mapped, not copied.
    pub fn is_mapped(&self) -> bool {
        matches!(self.contents, Contents::Mapped(_))
    }
}

impl Deref for MappedFile {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.contents {
            // SAFETY: the region is readable for its whole length as long as it is not dropped, which the borrow of
            // self prevents; it is private and read-only, and the file is one that nobody rewrites in place (see the
            // module's first lines).
            Contents::Mapped(region) => unsafe { slice::from_raw_parts(region.start().as_ptr(), region.len()) },
            Contents::Read(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_same_bytes_as_reading() {
        let path = std::env::current_exe().unwrap();
        let mapped = MappedFile::open(&path).unwrap();
        assert!(mapped.is_mapped());
        assert!(*mapped == *std::fs::read(&path).unwrap());
    }

    #[test]
    fn reads_a_file_without_a_size() {
        let version = MappedFile::open(Path::new("/proc/version")).unwrap();
        assert!(!version.is_mapped());
        assert!(version.starts_with(b"Linux version "), "{version:?}");
    }

    #[test]
    fn opens_the_kernels_types() {
        let path = Path::new("/sys/kernel/btf/vmlinux");
        if !path.exists() {
            eprintln!("skipped: this kernel has no {}", path.display());
            return;
        }
        let btf = MappedFile::open(path).unwrap();
        assert_eq!(btf[..2], 0xeb9f_u16.to_ne_bytes());
        assert!(*btf == *std::fs::read(path).unwrap());
    }

    #[test]
    fn a_missing_file_and_a_folder_are_errors() {
        assert_eq!(MappedFile::open(Path::new("/nonexistent")).unwrap_err().raw_os_error(), Some(libc::ENOENT));
        assert_eq!(MappedFile::open(Path::new("/proc")).unwrap_err().raw_os_error(), Some(libc::EISDIR));
    }
}
