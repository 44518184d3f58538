//! Where scripts find definitions besides the library: directories of files, and packages.
//!
//! Must never read what nobody asks for, nor fail a run for a file that nobody needs.

mod ask;
mod changes;
mod check;
pub(crate) mod command;
mod deprecate;
mod describe;
mod directories;
mod facts;
pub(crate) mod failure;
mod index;
mod install;
pub(crate) mod locked;
mod manual;
pub(crate) mod missing;
mod packages;
mod plan;
mod plugin;
mod publish;
mod scaffold;
mod testing;
mod values;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use systap_elaborate::{Declaration, Given, TapsetFile, TapsetPackage, TapsetSource};
use systap_kernel::Kernel;

pub(crate) use describe::built as built_plugins;
pub(crate) use directories::TapsetDirectories;
pub(crate) use packages::Packages;

/// All of them.
#[derive(Debug, Default)]
pub(crate) struct Tapsets {
    directories: TapsetDirectories,
    packages: Packages,
    files: OnceLock<Vec<TapsetFile>>,
}

impl Tapsets {
    /// Those of directories, and of packages that are there or in where packages usually are.
    pub(crate) fn new(directories: TapsetDirectories, roots: Vec<PathBuf>) -> Tapsets {
        Tapsets { directories, packages: Packages::new(roots), files: OnceLock::new() }
    }

    /// With what ships with systap, where it is not installed.
    pub(crate) fn with_shipped(self) -> Tapsets {
        Tapsets { packages: self.packages.with_shipped(), ..self }
    }

    /// Those alone that were named: what else is on this machine is not looked at.
    pub(crate) fn sealed(self) -> Tapsets {
        Tapsets { packages: self.packages.sealed(), ..self }
    }

    /// The packages that were found.
    pub(crate) fn folders(&self) -> &[systap_registry::Folder] {
        &self.packages.opened().folders
    }

    /// Whether somebody named directories.
    pub(crate) fn has_directories(&self) -> bool {
        !self.directories.is_empty()
    }

    /// The macros of the directories' files.
    pub(crate) fn macros(&self) -> Vec<TapsetFile> {
        self.directories.macros()
    }

    /// Whether a file is one of a directory, which no script may be at the same time.
    pub(crate) fn has(&self, script: &Path) -> bool {
        self.directories.has(script)
    }
}

impl TapsetSource for Tapsets {
    fn files(&self) -> &[TapsetFile] {
        self.files.get_or_init(|| [self.directories.scripts(), self.packages.scripts()].concat())
    }

    fn text(&self, file: &TapsetFile) -> String {
        match file.package {
            Some(_) => packages::read(Path::new(&file.name)).unwrap_or_default(),
            None => file.text.clone(),
        }
    }

    fn declared(&self, file: &TapsetFile) -> Vec<Declaration> {
        match file.package {
            Some(_) => self.packages.declared(file),
            None => systap_elaborate::declarations(&file.text),
        }
    }

    fn packages(&self) -> &[TapsetPackage] {
        self.packages.described()
    }

    fn given(&self, package: usize, kernel: &Kernel) -> Given {
        self.packages.given(package, kernel)
    }

    fn refused(&self, file: &TapsetFile, kernel: &Kernel) -> Option<String> {
        self.packages.refused(file, kernel)
    }

    fn always(&self) -> bool {
        self.has_directories()
    }
}
