//! Where programs and libraries are found, and those that have been read.
//!
//! Must never read the environment: the search path is given.

use crate::{Binary, BinaryError};
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

/// Directories of libraries (ld.so(8), and Debian's).
const LIBRARIES: [&str; 6] =
    ["/lib64", "/usr/lib64", "/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib", "/usr/lib"];

type Read = Result<Rc<Binary>, BinaryError>;

/// Programs and libraries by name; each file is read once.
#[derive(Debug, Default)]
pub struct Programs {
    search: Vec<PathBuf>,
    read: RefCell<HashMap<PathBuf, Read>>,
}

impl Programs {
    /// Looks in these directories for names without a slash.
    pub fn new(search: Vec<PathBuf>) -> Programs {
        Programs { search, read: RefCell::default() }
    }

    /// The program of that name: a path, or a name in the directories of programs.
    ///
    /// # Errors
    /// See [`BinaryError`].
    pub fn program(&self, name: &str) -> Result<Rc<Binary>, BinaryError> {
        self.among(name, self.search.iter().map(PathBuf::as_path))
    }

    /// The library of that name: a path, or a name in the directories of libraries.
    ///
    /// # Errors
    /// See [`BinaryError`].
    pub fn library(&self, name: &str) -> Result<Rc<Binary>, BinaryError> {
        self.among(name, LIBRARIES.iter().map(Path::new))
    }

    /// The program that a process runs.
    ///
    /// # Errors
    /// See [`BinaryError`].
    pub fn of_process(&self, pid: u32) -> Result<Rc<Binary>, BinaryError> {
        self.program(&format!("/proc/{pid}/exe"))
    }

    fn among<'p>(&self, name: &str, directories: impl Iterator<Item = &'p Path>) -> Result<Rc<Binary>, BinaryError> {
        let not_found = || BinaryError::NotFound { name: name.to_string() };
        let path = if name.contains('/') {
            Path::new(name).canonicalize().ok()
        } else {
            let files = directories.map(|directory| directory.join(name)).filter(|path| path.is_file());
            files.filter_map(|path| path.canonicalize().ok()).next()
        };
        let path = path.filter(|path| path.is_file() && !name.is_empty()).ok_or_else(not_found)?;
        let mut read = self.read.borrow_mut();
        read.entry(path.clone()).or_insert_with(|| Binary::open(&path).map(Rc::new)).clone()
    }
}
