//! The files of tapset directories (`-I`): which there are, and their text.
//!
//! Must never fail a run for a file that cannot be read or is no script: nobody may need it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use systap_elaborate::TapsetFile;

/// No file of a tapset is longer.
const LONGEST: u64 = 4 << 20;

/// The directories.
#[derive(Debug, Default)]
pub(crate) struct TapsetDirectories {
    roots: Vec<PathBuf>,
    /// What a root has for one kernel only: subdirectories, the most particular first, and the root itself last.
    within: Vec<String>,
}

impl TapsetDirectories {
    /// The directories `roots`, with what they have for that kernel release and architecture.
    pub(crate) fn new(roots: Vec<PathBuf>, release: &str, arch: &str) -> Self {
        TapsetDirectories { roots, within: subdirectories(release, arch) }
    }

    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.roots.is_empty()
    }

    /// The files of scripts.
    pub(super) fn scripts(&self) -> Vec<TapsetFile> {
        self.read("stp")
    }

    /// The files of macros (`*.stpm`).
    pub(crate) fn macros(&self) -> Vec<TapsetFile> {
        self.read("stpm")
    }

    /// Whether a file is one of a tapset, which no script may be at the same time.
    pub(crate) fn has(&self, script: &Path) -> bool {
        let Ok(script) = script.canonicalize() else { return false };
        self.paths("stp").into_iter().any(|path| path.canonicalize().is_ok_and(|path| path == script))
    }

    /// The files with that extension, by directory and name. What two roots, or a root and its subdirectory, have in
    /// common is taken once, from the first.
    fn paths(&self, extension: &str) -> Vec<PathBuf> {
        let mut paths = vec![];
        let mut seen = HashSet::new();
        for root in &self.roots {
            for within in &self.within {
                let mut found: Vec<PathBuf> = std::fs::read_dir(root.join(within))
                    .into_iter()
                    .flatten()
                    .filter_map(|entry| Some(entry.ok()?.path()))
                    .filter(|path| path.extension().is_some_and(|found| found == extension))
                    .collect();
                found.sort();
                found.retain(|path| seen.insert(path.canonicalize().unwrap_or_else(|_| path.clone())));
                paths.append(&mut found);
            }
        }
        paths
    }

    fn read(&self, extension: &str) -> Vec<TapsetFile> {
        let read = |path: PathBuf| {
            if path.metadata().ok()?.len() > LONGEST {
                return None;
            }
            let text = systap_syntax::foreign::decode(std::fs::read(&path).ok()?);
            Some(TapsetFile { name: path.display().to_string(), text, package: None })
        };
        self.paths(extension).into_iter().filter_map(read).collect()
    }
}

/// Where within a root to look, as SystemTap does: for the release, the version, the version's first numbers, and in general;
/// each for the architecture first, and all of that in `linux` first.
fn subdirectories(release: &str, arch: &str) -> Vec<String> {
    let base = release.split('-').next().unwrap_or(release);
    let mut versions = vec![release.to_owned()];
    let mut rest = base;
    if base != release {
        versions.push(base.to_owned());
    }
    while let Some((shorter, _)) = rest.rsplit_once('.').filter(|(shorter, _)| shorter.contains('.')) {
        versions.push(shorter.to_owned());
        rest = shorter;
    }
    versions.push(String::new());
    let each: Vec<String> = versions
        .into_iter()
        .flat_map(|version| {
            let for_arch = if version.is_empty() { arch.to_owned() } else { format!("{version}/{arch}") };
            [for_arch, version]
        })
        .collect();
    each.iter().map(|within| format!("linux/{within}")).chain(each.iter().cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_particular_directory_comes_first() {
        let within = subdirectories("6.18.5-fc-v17", "x86_64");
        assert_eq!(
            within[8..],
            ["6.18.5-fc-v17/x86_64", "6.18.5-fc-v17", "6.18.5/x86_64", "6.18.5", "6.18/x86_64", "6.18", "x86_64", ""]
        );
        assert_eq!(within[..2], ["linux/6.18.5-fc-v17/x86_64", "linux/6.18.5-fc-v17"]);
    }

    #[test]
    fn files_are_found_once() {
        let root = tempfile::tempdir().expect("a directory can be made");
        std::fs::create_dir(root.path().join("x86_64")).expect("so can one in it");
        for name in ["b.stp", "a.stp", "x86_64/c.stp", "m.stpm", "read.me"] {
            std::fs::write(root.path().join(name), name).expect("and files");
        }
        let tapset = TapsetDirectories::new(vec![root.path().to_owned(), root.path().to_owned()], "6.18.5", "x86_64");
        let scripts = tapset.scripts();
        let texts: Vec<&str> = scripts.iter().map(|file| file.text.as_str()).collect();
        assert_eq!(texts, ["x86_64/c.stp", "a.stp", "b.stp"]);
        assert_eq!(tapset.macros().len(), 1);
        assert!(tapset.has(&root.path().join("a.stp")) && !tapset.has(&root.path().join("read.me")));
    }
}
