//! The functions of the library that are written in the language, and which file has which.
//!
//! Must never cost a script that needs none of them: a file is parsed when the first function of its is called.

use crate::elaboration::Elaboration;
use std::cell::OnceCell;
use systap_diagnostics::FileId;
use systap_syntax::ast::File;
use systap_syntax::{ParseOptions, parse};

/// A file of the library: its name, its text, and the functions and globals that it has.
struct Entry {
    name: &'static str,
    text: &'static str,
    functions: &'static [&'static str],
    globals: &'static [&'static str],
}

/// Globals that no script declares.
const HIDDEN: &[&str] = &[
    "__entry_text",
    "__entry_value",
    "__this_var1",
    "__this_var2",
    "__this_var3",
    "__this_var4",
    "__this_var5",
    "__this_var6",
    "__this_var7",
    "__this_var8",
];

static FILES: [Entry; 9] = [
    Entry { name: "library/hidden.stp", text: include_str!("library/hidden.stp"), functions: &[], globals: HIDDEN },
    Entry {
        name: "library/context.stp",
        text: include_str!("library/context.stp"),
        functions: &["pgrp", "rcu_dereference", "sid"],
        globals: &[],
    },
    Entry {
        name: "library/inet.stp",
        text: include_str!("library/inet.stp"),
        functions: &["htonl", "htonll", "htons", "ntohl", "ntohll", "ntohs"],
        globals: &[],
    },
    Entry {
        name: "library/rlimit.stp",
        text: include_str!("library/rlimit.stp"),
        functions: &[
            "task_max_file_handles",
            "task_rlimit_as",
            "task_rlimit_core",
            "task_rlimit_cpu",
            "task_rlimit_data",
            "task_rlimit_fsize",
            "task_rlimit_locks",
            "task_rlimit_memlock",
            "task_rlimit_msgqueue",
            "task_rlimit_nice",
            "task_rlimit_nofile",
            "task_rlimit_nproc",
            "task_rlimit_rss",
            "task_rlimit_rtprio",
            "task_rlimit_rttime",
            "task_rlimit_sigpending",
            "task_rlimit_stack",
        ],
        globals: &[],
    },
    Entry {
        name: "library/task_time.stp",
        text: include_str!("library/task_time.stp"),
        functions: &[
            "cputime_to_msecs",
            "cputime_to_string",
            "cputime_to_usecs",
            "task_stime",
            "task_time_string",
            "task_utime",
        ],
        globals: &[],
    },
    Entry {
        name: "library/proc_mem.stp",
        text: include_str!("library/proc_mem.stp"),
        functions: &["mem_page_size", "proc_mem_data", "proc_mem_size", "proc_mem_txt"],
        globals: &[],
    },
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
        globals: &[],
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
        globals: &[],
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
        globals: &[],
    },
];

/// How many files the library has.
pub(crate) const COUNT: usize = FILES.len();

/// The files that have been parsed; they live as long as an elaboration does.
#[derive(Debug, Default)]
pub(crate) struct Library {
    files: [OnceCell<File>; FILES.len()],
    /// The first of them that was read.
    first: OnceCell<FileId>,
    /// The files of tapsets, by number, each with its place among the sources.
    tapsets: Vec<OnceCell<(FileId, File)>>,
}

impl Library {
    /// Room for that many files of tapsets.
    pub(crate) fn with_tapsets(count: usize) -> Self {
        Library { tapsets: vec![OnceCell::new(); count], ..Library::default() }
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
            return self.take_in(file);
        }
        let id = self.sources.add(entry.name, entry.text);
        self.names.library_from.get_or_insert(id);
        library.first.get_or_init(|| id);
        let parsed = parse(self.sources, id, &ParseOptions::default());
        // A library that does not parse is a fault of ours, which shows here rather than as a function that is missing.
        parsed.diagnostics.into_iter().for_each(|finding| self.report(finding));
        let file = cell.get_or_init(|| parsed.file);
        self.take_in(file);
    }

    pub(crate) fn take_in(&mut self, file: &'a File) {
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
            let (mut functions, mut globals): (Vec<&str>, Vec<&str>) = (vec![], vec![]);
            for item in &parsed.file.items {
                match item {
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
