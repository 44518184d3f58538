//! What documents are held against: the kernel, the tapsets, the documentation. Read once, and at first use.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use systap_diagnostics::Sources;
use systap_elaborate::documentation::{Entry, documentation};
use systap_elaborate::{Declares, Given, List, TapsetSource};
use systap_kernel::Kernel;

use crate::cli::{LspOptions, ScriptOptions};
use crate::compile::Settings;
use crate::kernel;
use crate::points::{self, Points};

/// All of it.
pub(super) struct World {
    pub(super) kernel: Kernel,
    tapsets: Vec<PathBuf>,
    guru: bool,
    documentation: OnceLock<Vec<Entry>>,
}

/// Where a tapset declares something.
#[derive(Debug)]
pub(super) struct Declared {
    pub(super) path: PathBuf,
    pub(super) text: String,
    /// In bytes from the file's start.
    pub(super) at: usize,
    pub(super) kind: Declares,
    pub(super) name: String,
}

impl World {
    pub(super) fn new(options: &LspOptions) -> Result<Self, String> {
        let kernel = kernel::named(options.kernel.as_deref()).map_err(|error| error.to_string())?;
        if let Some(missing) = options.tapsets.iter().find(|directory| !directory.is_dir()) {
            return Err(format!("-I {}: there is no such directory", missing.display()));
        }
        Ok(World { kernel, tapsets: options.tapsets.clone(), guru: options.guru, documentation: OnceLock::new() })
    }

    /// What is known of functions, macros and families of points.
    pub(super) fn documentation(&self) -> &[Entry] {
        self.documentation.get_or_init(documentation)
    }

    /// What a document is compiled with. Of a tapset's own file: with its tapset, and all of it, as nothing need be used there.
    pub(super) fn settings(&self, path: Option<&Path>, args: Vec<String>) -> Option<Settings> {
        let package = path.and_then(package);
        let tested = path.and_then(tested);
        let options = ScriptOptions {
            tapsets: package.iter().chain(&tested).cloned().chain(self.tapsets.iter().cloned()).collect(),
            guru: self.guru || package.is_some(),
            unoptimized: package.is_some(),
            ..ScriptOptions::default()
        };
        // The lock beside a script binds it here as it does in a run.
        let locked = path.and_then(|path| crate::tapset::locked::roots(path).ok()).unwrap_or_default();
        Settings::new(&options, &locked, args, &self.kernel).ok()
    }

    /// What the tapset of a file has besides its files: constants and tables.
    pub(super) fn given(&self, path: &Path, settings: &Settings) -> Given {
        let Some(package) = package(path) else { return Given::default() };
        let at = settings.tapset.folders().iter().position(|folder| folder.path == package);
        let mut given = at.map(|at| settings.tapset.given(at, &self.kernel)).unwrap_or_default();
        for script in &mut given.scripts {
            // Private to the tapset, of which the document is a part, and not to the file.
            script.text = script.text.replace("private function", "function");
        }
        given
    }

    /// The points of a pattern.
    pub(super) fn points(&self, pattern: &str, how: List, document: Option<&Path>) -> Points {
        let Some(mut settings) = self.settings(document, vec![]) else { return Points::default() };
        let mut sources = Sources::default();
        points::find(pattern, how, &mut settings, &self.kernel, &mut sources, &[]).unwrap_or_default()
    }

    /// What tapsets declare, of those names that `wanted` takes.
    pub(super) fn declared(&self, document: Option<&Path>, wanted: impl Fn(&str) -> bool) -> Vec<Declared> {
        let Some(settings) = self.settings(document, vec![]) else { return vec![] };
        let tapsets = &settings.tapset;
        let mut found = vec![];
        for file in tapsets.files() {
            for declaration in tapsets.declared(file) {
                if wanted(&declaration.name) && !declaration.private && !declaration.name.starts_with("__") {
                    found.push(Declared {
                        path: PathBuf::from(&file.name),
                        text: tapsets.text(file),
                        at: declaration.at,
                        kind: declaration.kind,
                        name: declaration.name,
                    });
                }
            }
        }
        found
    }
}

/// The folder of the tapset that a file is a test of.
fn tested(path: &Path) -> Option<PathBuf> {
    let tests = path.parent().filter(|folder| folder.file_name().is_some_and(|name| name == "tests"))?;
    let package = tests.parent()?;
    package.join("tapset.toml").is_file().then(|| package.to_owned())
}

/// The folder of the tapset that a file is a script of.
pub(super) fn package(path: &Path) -> Option<PathBuf> {
    let scripts = path.parent().filter(|folder| folder.file_name().is_some_and(|name| name == "scripts"))?;
    let package = scripts.parent()?;
    package.join("tapset.toml").is_file().then(|| package.to_owned())
}
