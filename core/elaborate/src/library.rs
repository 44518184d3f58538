//! The functions of the library that are written in the language, and which file has which.
//!
//! Must never cost a script that needs none of them: a file is parsed when the first function of its is called. So its files
//! use no macros either: those would have to be parsed first.

use crate::elaboration::Elaboration;
use crate::names::Owner;
use crate::tapset::{Given, Index};
use std::cell::OnceCell;
use systap_diagnostics::FileId;
use systap_syntax::ast::{File, Item};
use systap_syntax::{ParseOptions, parse};

/// A file of the library: its name, its text, and the functions and globals that it has.
struct Entry {
    name: &'static str,
    text: &'static str,
    functions: &'static [&'static str],
    globals: &'static [&'static str],
}

/// Every file, by name; made by build.rs from what is in `library/`.
static FILES: [Entry; COUNT] = include!(concat!(env!("OUT_DIR"), "/library.rs"));

/// How many files the library has.
pub(crate) const COUNT: usize = include!(concat!(env!("OUT_DIR"), "/library_count.rs"));

/// The files that have been parsed; they live as long as an elaboration does.
#[derive(Debug)]
pub(crate) struct Library {
    files: [OnceCell<File>; COUNT],
    /// The first of them that was read.
    first: OnceCell<FileId>,
    /// The files of tapsets, by number, each with its place among the sources.
    tapsets: Vec<OnceCell<(FileId, File)>>,
    /// Which of them has which name.
    index: OnceCell<Index>,
    /// What packages have besides their files, by number, and that as it was parsed.
    given: Vec<Besides>,
}

/// What a package has besides its files, and that as it was parsed.
#[derive(Debug, Default)]
struct Besides {
    given: OnceCell<Given>,
    files: OnceCell<Vec<(FileId, File)>>,
}

impl Default for Library {
    fn default() -> Self {
        let files = [const { OnceCell::new() }; COUNT];
        Library { files, first: OnceCell::new(), tapsets: vec![], index: OnceCell::new(), given: vec![] }
    }
}

impl Library {
    /// Room for that many files of tapsets, and that many packages.
    pub(crate) fn with_tapsets(count: usize, packages: usize) -> Self {
        let given = (0..packages).map(|_| Besides::default()).collect();
        Library { tapsets: vec![OnceCell::new(); count], given, ..Library::default() }
    }

    /// What a package has besides its files; asked for once, whatever the number of rounds.
    pub(crate) fn given(&self, package: usize, ask: impl FnOnce() -> Given) -> &Given {
        static NOTHING: Given = Given { macros: vec![], scripts: vec![] };
        self.given.get(package).map_or(&NOTHING, |besides| besides.given.get_or_init(ask))
    }

    /// The same, parsed.
    pub(crate) fn given_files(&self, package: usize, parse: impl FnOnce() -> Vec<(FileId, File)>) -> &[(FileId, File)] {
        self.given.get(package).map_or(&[], |besides| besides.files.get_or_init(parse))
    }

    /// Which file of a tapset has which name; made once, whatever the number of rounds.
    pub(crate) fn index(&self, make: impl FnOnce() -> Index) -> &Index {
        self.index.get_or_init(make)
    }

    /// The names of the aliases of tapsets.
    pub(crate) fn known_aliases(&self) -> impl Iterator<Item = String> {
        self.index.get().into_iter().flat_map(Index::aliases)
    }

    /// Where a file of a tapset is kept.
    pub(crate) fn tapset(&self, number: usize) -> Option<&OnceCell<(FileId, File)>> {
        self.tapsets.get(number)
    }

    /// Whether the library has a function of that name.
    pub(crate) fn has(&self, name: &str) -> bool {
        names().any(|known| known == name)
    }
}

/// The files of the library: name and text.
pub(crate) fn texts() -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES.iter().map(|file| (file.name, file.text))
}

/// Whether the library has a global of that name for scripts and their macros.
pub(crate) fn has_global(name: &str) -> bool {
    FILES.iter().any(|file| file.globals.binary_search(&name).is_ok())
}

/// The names of the functions of the library.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    FILES.iter().flat_map(|file| file.functions.iter().copied())
}

impl<'a> Elaboration<'a> {
    /// Reads the file that has the function or global of that name, if there is one and it has not been read.
    pub(crate) fn read_library(&mut self, name: &str) {
        let Some(index) = FILES.iter().position(|file| file.functions.contains(&name) || file.globals.contains(&name))
        else {
            return;
        };
        let library = self.library;
        let (entry, cell) = (&FILES[index], &library.files[index]);
        if self.library_read[index] {
            return;
        }
        self.library_read[index] = true;
        if let Some(file) = cell.get() {
            // An earlier round has parsed it.
            self.names.library_from = self.names.library_from.or(library.first.get().copied());
            return self.take_in(file, Owner::Library);
        }
        let id = self.sources.add(entry.name, entry.text);
        self.names.library_from.get_or_insert(id);
        library.first.get_or_init(|| id);
        let options = ParseOptions { args: self.args.to_vec(), warn_unused_args: false, ..ParseOptions::default() };
        let parsed = parse(self.sources, id, &options);
        // A library that does not parse is a fault of ours, which shows here rather than as a function that is missing.
        parsed.diagnostics.into_iter().for_each(|finding| self.report(finding));
        let file = cell.get_or_init(|| parsed.file);
        self.take_in(file, Owner::Library);
    }

    /// Reads what has the library's globals that the script may name, so that they are what the library says they are, and
    /// what does not fit that is the script's mistake.
    pub(crate) fn read_initialised_globals(&mut self, script: &'a [File]) {
        for word in script.iter().flat_map(crate::tapset::words) {
            if has_global(word) && self.names.global(word).is_none() {
                self.read_library(word);
            }
        }
    }

    /// Takes in a file that the script needs: it is a part of the script from now on, and its probes are armed too.
    pub(crate) fn take_in(&mut self, file: &'a File, owner: Owner) {
        let mut findings = vec![];
        self.names.add(file, owner, &mut findings);
        self.names.probes.extend(file.items.iter().filter_map(|item| match item {
            Item::Probe(probe) => Some(probe),
            _ => None,
        }));
        findings.into_iter().for_each(|finding| self.report(finding));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use systap_diagnostics::Sources;

    #[test]
    fn the_index_says_what_the_files_have() {
        for entry in &FILES {
            let mut sources = Sources::default();
            let id = sources.add(entry.name, entry.text);
            let parsed = parse(&mut sources, id, &ParseOptions::default());
            assert_eq!(parsed.diagnostics, [], "{}", entry.name);
            let (mut functions, mut globals): (Vec<&str>, Vec<&str>) = (vec![], vec![]);
            for item in &parsed.file.items {
                match item {
                    Item::Function(function) if function.private => {}
                    Item::Global(global) if global.private => {}
                    Item::Probe(_) => {}
                    Item::Function(function) => functions.push(&function.name.text),
                    Item::Global(global) => globals.push(&global.name.text),
                    other => panic!("{} has something else: {other:?}", entry.name),
                }
            }
            for (found, listed) in [(&mut functions, entry.functions), (&mut globals, entry.globals)] {
                found.sort_unstable();
                found.dedup();
                assert_eq!(found, listed, "{}", entry.name);
            }
        }
    }
}
