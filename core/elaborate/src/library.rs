//! The functions of the library that are written in the language, and which file has which.
//!
//! Must never cost a script that needs none of them: a file is parsed when the first function of its is called.

use crate::elaboration::Elaboration;
use std::cell::OnceCell;
use systap_syntax::ast::File;
use systap_syntax::{ParseOptions, parse};

/// A file of the library: its name, its text, and the functions that it has.
struct Entry {
    name: &'static str,
    text: &'static str,
    functions: &'static [&'static str],
}

static FILES: [Entry; 3] = [
    Entry {
        name: "library/task.stp",
        text: include_str!("library/task.stp"),
        functions: &[
            "pexecname",
            "task_cpu",
            "task_egid",
            "task_euid",
            "task_execname",
            "task_gid",
            "task_nice",
            "task_parent",
            "task_pid",
            "task_prio",
            "task_state",
            "task_tid",
            "task_uid",
        ],
    },
    Entry {
        name: "library/memory.stp",
        text: include_str!("library/memory.stp"),
        functions: &[
            "user_char",
            "user_char_warn",
            "user_int",
            "user_int16",
            "user_int32",
            "user_int64",
            "user_int8",
            "user_int_warn",
            "user_long",
            "user_long_warn",
            "user_short",
            "user_short_warn",
            "user_string_warn",
            "user_uint16",
            "user_uint32",
            "user_uint64",
            "user_uint8",
            "user_ulong",
            "user_ushort",
        ],
    },
    Entry {
        name: "library/text.stp",
        text: include_str!("library/text.stp"),
        functions: &[
            "assert",
            "bytes_to_string",
            "isdigit",
            "matched_str",
            "msecs_to_string",
            "nsecs_to_string",
            "sprint_backtrace",
            "string_quoted",
            "text_str",
            "tokenize",
            "usecs_to_string",
        ],
    },
];

/// The files that have been parsed; they live as long as an elaboration does.
#[derive(Debug, Default)]
pub(crate) struct Library {
    files: [OnceCell<File>; FILES.len()],
}

impl Library {
    /// Whether the library has a function of that name.
    pub(crate) fn has(&self, name: &str) -> bool {
        names().any(|known| known == name)
    }
}

/// The names of the functions of the library.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    FILES.iter().flat_map(|file| file.functions.iter().copied())
}

impl Elaboration<'_> {
    /// Reads the file that has the function of that name, if there is one and it has not been read.
    pub(crate) fn read_library(&mut self, name: &str) {
        let Some(index) = FILES.iter().position(|file| file.functions.contains(&name)) else { return };
        let library = self.library;
        let (entry, cell) = (&FILES[index], &library.files[index]);
        if cell.get().is_some() {
            return;
        }
        let id = self.sources.add(entry.name, entry.text);
        self.names.library_from.get_or_insert(id);
        let parsed = parse(self.sources, id, &ParseOptions::default());
        // A library that does not parse is a fault of ours, which shows here rather than as a function that is missing.
        parsed.diagnostics.into_iter().for_each(|finding| self.report(finding));
        let file = cell.get_or_init(|| parsed.file);
        let mut findings = vec![];
        self.names.add(file, false, &mut findings);
        findings.into_iter().for_each(|finding| self.report(finding));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use systap_diagnostics::Sources;
    use systap_syntax::ast::Item;

    #[test]
    fn the_index_says_what_the_files_have() {
        for entry in &FILES {
            let mut sources = Sources::default();
            let id = sources.add(entry.name, entry.text);
            let parsed = parse(&mut sources, id, &ParseOptions::default());
            assert_eq!(parsed.diagnostics, [], "{}", entry.name);
            let mut found: Vec<&str> = parsed
                .file
                .items
                .iter()
                .map(|item| match item {
                    Item::Function(function) => function.name.text.as_str(),
                    other => panic!("{} has something that is no function: {other:?}", entry.name),
                })
                .collect();
            found.sort_unstable();
            found.dedup();
            assert_eq!(found, entry.functions, "{}", entry.name);
        }
    }
}
