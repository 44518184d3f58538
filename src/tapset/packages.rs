//! Packages of tapsets: those under the directories that a run names, under the user's and the system's data, and in a checkout of
//! systap itself.
//!
//! Of two packages of one name the first is taken, in that order. Must never read a package's scripts before a script names
//! something that is not built in.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use systap_elaborate::{Declaration, Given, TapsetFile, TapsetPackage};
use systap_kernel::Kernel;
use systap_registry::{Condition, Dependency, Folder, FolderError, Stability};

use super::facts::Asked;
use super::values::Values;
use super::{index, plugin};

/// No file of a package is longer.
const LONGEST: u64 = 4 << 20;

/// The packages of a run.
#[derive(Debug, Default)]
pub(crate) struct Packages {
    /// Directories that may be, or have in them, packages.
    named: Vec<PathBuf>,
    /// Whether what ships with systap is there without being installed.
    shipped: bool,
    /// Whether nothing counts but what is named.
    sealed: bool,
    opened: OnceLock<Opened>,
    described: OnceLock<Vec<TapsetPackage>>,
    declared: OnceLock<BTreeMap<PathBuf, Vec<Declaration>>>,
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Opened {
    pub(crate) folders: Vec<Folder>,
    /// What looked like a package and is none.
    pub(crate) broken: Vec<FolderError>,
}

impl Packages {
    pub(crate) fn new(named: Vec<PathBuf>) -> Packages {
        Packages { named, ..Packages::default() }
    }

    /// With what ships with systap, where it is not installed: who comes from SystemTap expects it.
    pub(crate) fn with_shipped(self) -> Packages {
        Packages { shipped: true, ..self }
    }

    /// With nothing besides what is named.
    pub(crate) fn sealed(self) -> Packages {
        Packages { sealed: true, ..self }
    }

    /// What was found, each name once.
    pub(crate) fn opened(&self) -> &Opened {
        self.opened.get_or_init(|| {
            let mut opened = Opened::default();
            let mut names = HashSet::new();
            let usual = if self.sealed { vec![] } else { usual_roots(self.shipped) };
            for root in self.named.iter().cloned().chain(usual) {
                for path in systap_registry::find(&root) {
                    match Folder::open(&path) {
                        Ok(folder) if names.insert(folder.manifest.name.clone()) => opened.folders.push(folder),
                        Ok(_) => {}
                        Err(error) => opened.broken.push(error),
                    }
                }
            }
            opened
        })
    }

    /// Whether a directory that was named is of packages, not of loose files.
    pub(crate) fn is_of_packages(directory: &Path) -> bool {
        !systap_registry::find(directory).is_empty()
    }

    pub(super) fn described(&self) -> &[TapsetPackage] {
        self.described.get_or_init(|| {
            let folders = &self.opened().folders;
            folders.iter().map(|folder| described(folder, folders)).collect()
        })
    }

    /// All files of scripts, without their texts.
    pub(super) fn scripts(&self) -> Vec<TapsetFile> {
        let mut files = vec![];
        for (number, folder) in self.opened().folders.iter().enumerate() {
            let scripts = folder.scripts.iter().filter(|script| script.name.ends_with(".stp"));
            files.extend(scripts.map(|script| TapsetFile {
                name: script.path.display().to_string(),
                text: String::new(),
                package: Some(number),
            }));
        }
        files
    }

    /// What a package has besides its files: its macros, and its constants and tables, those of its plugin before those of its manifest.
    pub(super) fn given(&self, package: usize, kernel: &Kernel) -> Given {
        let Some(folder) = self.opened().folders.get(package) else { return Given::default() };
        let values = Values::of(&folder.manifest, plugin::answer(folder, kernel).as_ref());
        let file =
            |what: &str, text| TapsetFile { name: format!("{}: {what}", folder.path.display()), text, package: None };
        let holds = |name: &str| {
            folder.manifest.conditions.get(name).is_none_or(|when| when.fails_on(&Asked(kernel)).is_none())
        };
        let own = folder.scripts.iter().filter(|script| script.name.ends_with(".stpm") && holds(&script.name));
        let mut macros: Vec<TapsetFile> = vec![];
        macros.extend(own.filter_map(|script| Some(file(&script.name, read(&script.path)?))));
        macros.push(file("constants", values.macros()));
        let tables = values.functions();
        let scripts = if tables.is_empty() { vec![] } else { vec![file("tables", tables)] };
        Given { macros, scripts }
    }

    /// What a file of a package declares.
    pub(super) fn declared(&self, file: &TapsetFile) -> Vec<Declaration> {
        let declared = self.declared.get_or_init(|| {
            let folders = self.opened().folders.iter();
            let scripts = folders.flat_map(|folder| &folder.scripts).map(|script| script.path.clone());
            let scripts: Vec<PathBuf> =
                scripts.filter(|path| path.extension().is_some_and(|end| end == "stp")).collect();
            index::declared(&scripts, crate::xdg::cache().as_deref())
        });
        declared.get(Path::new(&file.name)).cloned().unwrap_or_default()
    }

    /// What is false on that kernel of the condition that a file is under.
    pub(super) fn refused(&self, file: &TapsetFile, kernel: &Kernel) -> Option<String> {
        let folder = self.opened().folders.get(file.package?)?;
        let machines = &folder.manifest.kernel.arch;
        if !machines.is_empty() && !machines.contains(&kernel.arch().to_string()) {
            let named: Vec<String> = machines.iter().map(|machine| format!("arch == \"{machine}\"")).collect();
            return Some(named.join(" or "));
        }
        let needs = folder.manifest.kernel.needs.as_ref().and_then(|needs| needs.fails_on(&Asked(kernel)));
        needs.or_else(|| condition(folder, &file.name)?.fails_on(&Asked(kernel)))
    }
}

/// The condition of a file of a package.
fn condition<'f>(folder: &'f Folder, path: &str) -> Option<&'f Condition> {
    let name = Path::new(path).file_name()?.to_str()?;
    folder.manifest.conditions.get(name)
}

/// A script's text.
pub(super) fn read(path: &Path) -> Option<String> {
    if path.metadata().ok()?.len() > LONGEST {
        return None;
    }
    Some(systap_syntax::foreign::decode(std::fs::read(path).ok()?))
}

/// Where packages usually are.
fn usual_roots(shipped: bool) -> Vec<PathBuf> {
    let data = crate::xdg::data();
    // What somebody has put there by hand comes before what was installed.
    let mut roots: Vec<PathBuf> = data.iter().flat_map(|data| [data.join("tapsets"), data.join("installed")]).collect();
    let Ok(program) = std::env::current_exe() else { return roots };
    // PREFIX/bin/systap, and CHECKOUT/target/PROFILE/systap.
    let share = program.ancestors().nth(2).map(|prefix| prefix.join("share/systap"));
    roots.extend(share.iter().map(|share| share.join("tapsets")));
    roots.extend(share.iter().filter(|_| shipped).map(|share| share.join("shipped")));
    let checkout = program.ancestors().skip(1).find(|path| path.join("Cargo.toml").is_file());
    roots.extend(checkout.map(|checkout| checkout.join("tapsets")));
    roots
}

/// A package as the compiler sees it.
fn described(folder: &Folder, all: &[Folder]) -> TapsetPackage {
    let manifest = &folder.manifest;
    let lacks = |on: &Dependency| match all.iter().find(|other| other.manifest.name == on.name) {
        Some(found) if on.versions.matches(&found.manifest.version) => None,
        Some(found) => Some(format!("`{}` {}, and what is found is {}", on.name, on.versions, found.manifest.version)),
        None => Some(format!("`{}` {}, which is not found here", on.name, on.versions)),
    };
    let private = |note: &&systap_registry::AliasNote| note.stability == Stability::Private;
    TapsetPackage {
        title: format!("`{}` {}", manifest.name, manifest.version),
        name: manifest.name.clone(),
        uses: manifest.dependencies.iter().map(|dependency| dependency.name.clone()).collect(),
        has_macros: folder.scripts.iter().any(|script| script.name.ends_with(".stpm")),
        lacks: manifest.dependencies.iter().filter_map(lacks).collect(),
        private: manifest.aliases.iter().filter(|(_, note)| private(note)).map(|(name, _)| name.clone()).collect(),
        deprecated: manifest
            .aliases
            .iter()
            .filter_map(|(name, note)| {
                let note = note.deprecated.as_ref()?;
                let instead = note.instead.as_ref().map(|instead| format!("; use `{instead}`")).unwrap_or_default();
                let gone = note.gone.as_ref().map(|gone| format!(", and {gone} has it no longer")).unwrap_or_default();
                Some((name.clone(), format!("it is deprecated since {}{gone}{instead}", note.since)))
            })
            .collect(),
    }
}
