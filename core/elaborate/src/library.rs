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

static FILES: [Entry; 14] = [
    Entry { name: "library/hidden.stp", text: include_str!("library/hidden.stp"), functions: &[], globals: HIDDEN },
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
        name: "library/atomic.stp",
        text: include_str!("library/atomic.stp"),
        functions: &["atomic_long_read", "atomic_read", "rcu_dereference"],
        globals: &[],
    },
    Entry {
        name: "library/dentry.stp",
        text: include_str!("library/dentry.stp"),
        functions: &[
            "d_name",
            "d_path",
            "first_entry",
            "fullpath_struct_file",
            "fullpath_struct_nameidata",
            "fullpath_struct_path",
            "inode_name",
            "inode_path",
            "prepend",
            "real_mount",
            "reverse_path_walk",
            "task_dentry_path",
            "unmounted",
        ],
        globals: &[],
    },
    Entry {
        name: "library/device.stp",
        text: include_str!("library/device.stp"),
        functions: &["MAJOR", "MINOR", "MKDEV", "bdev_partno", "bdevname", "disk_name", "usrdev2kerndev"],
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
            "user_uint16",
            "user_uint32",
            "user_uint64",
            "user_uint8",
            "user_ulong",
            "user_ulong_warn",
            "user_ushort",
            "user_ushort_warn",
        ],
        globals: &[],
    },
    Entry {
        name: "library/quoted.stp",
        text: include_str!("library/quoted.stp"),
        functions: &[
            "escaped",
            "kernel_buffer_quoted",
            "kernel_buffer_quoted_error",
            "kernel_or_user_string_quoted",
            "kernel_string_quoted",
            "user_buffer_quoted",
            "user_buffer_quoted_error",
            "user_string_n2_quoted",
            "user_string_n_quoted",
            "user_string_quoted",
        ],
        globals: &[],
    },
    Entry {
        name: "library/rlimit.stp",
        text: include_str!("library/rlimit.stp"),
        functions: &["rlimit_from_str"],
        globals: &[],
    },
    Entry {
        name: "library/user_text.stp",
        text: include_str!("library/user_text.stp"),
        functions: &[
            "user_string2_n_warn",
            "user_string2_warn",
            "user_string_n_nofault",
            "user_string_n_warn",
            "user_string_nofault",
            "user_string_warn",
        ],
        globals: &[],
    },
    Entry {
        name: "library/wide.stp",
        text: include_str!("library/wide.stp"),
        functions: &[
            "kernel_or_user_string_quoted_utf16",
            "kernel_or_user_string_quoted_utf32",
            "kernel_string2_utf16",
            "kernel_string2_utf32",
            "kernel_string_quoted_utf16",
            "kernel_string_quoted_utf32",
            "kernel_string_utf16",
            "kernel_string_utf32",
            "user_string2_utf16",
            "user_string2_utf32",
            "user_string_quoted_utf16",
            "user_string_quoted_utf32",
            "user_string_utf16",
            "user_string_utf32",
            "utf8",
        ],
        globals: &[],
    },
    Entry {
        name: "library/registers.stp",
        text: include_str!("library/registers.stp"),
        functions: &[
            "addr",
            "argument",
            "asmlinkage",
            "fastcall",
            "half",
            "int_arg",
            "long_arg",
            "longlong_arg",
            "place",
            "pointer_arg",
            "present",
            "print_regs",
            "register",
            "registers_valid",
            "regparm",
            "returnval",
            "s32_arg",
            "s64_arg",
            "u32_arg",
            "u64_arg",
            "u_register",
            "uaddr",
            "uint_arg",
            "ulong_arg",
            "ulonglong_arg",
            "user_mode",
            "word",
        ],
        globals: &[],
    },
    Entry {
        name: "library/probed.stp",
        text: include_str!("library/probed.stp"),
        functions: &["modname", "named", "ppfunc", "probefunc", "probemod"],
        globals: &[],
    },
    Entry {
        name: "library/stack.stp",
        text: include_str!("library/stack.stp"),
        functions: &[
            "caller",
            "caller_addr",
            "callers",
            "print_backtrace_fileline",
            "print_ubacktrace",
            "print_ubacktrace_brief",
            "print_ubacktrace_fileline",
            "sprint_backtrace",
            "sprint_ubacktrace",
            "stack",
            "symfile",
            "symfileline",
            "symline",
            "ucallers",
            "ustack",
            "usymfile",
            "usymfileline",
            "usymline",
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
