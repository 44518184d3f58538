//! The tables of system calls, against the C library's headers and the running kernel's own list.
//!
//! Must never be satisfied by the table alone: each fact here comes from elsewhere, or from knowing the ABI.

use super::*;
use std::collections::BTreeMap;
use std::path::Path;

fn table() -> &'static SyscallTable {
    SyscallTable::of(Arch::X86_64)
}

fn arguments(name: &str) -> String {
    let call = table().by_name(name).unwrap_or_else(|| panic!("{name}"));
    let args: Vec<String> =
        call.args.iter().map(|arg| format!("{} {}: {:?}", arg.c_type, arg.name, arg.kind)).collect();
    format!("{} {}({})", call.number, call.name, args.join(", "))
}

#[test]
fn well_known_calls() {
    let calls = ["read", "write", "openat", "execve", "mount", "sendfile64", "newfstat", "exit_group"];
    insta::assert_snapshot!(calls.map(arguments).join("\n"), @r"
    0 read(unsigned int fd: Fd, char * buf: Pointer, size_t count: Size)
    1 write(unsigned int fd: Fd, const char * buf: Pointer, size_t count: Size)
    257 openat(int dfd: Fd, const char * filename: UserString, int flags: Flags, umode_t mode: Mode)
    59 execve(const char * filename: UserString, const char *const * argv: UserStrings, const char *const * envp: UserStrings)
    165 mount(char * dev_name: UserString, char * dir_name: UserString, char * type: UserString, unsigned long flags: Flags, void * data: Pointer)
    40 sendfile(int out_fd: Fd, int in_fd: Fd, loff_t * offset: Pointer, size_t count: Size)
    5 fstat(unsigned int fd: Fd, struct stat * statbuf: Pointer)
    231 exit_group(int error_code: Int)
    ");
}

#[test]
fn rows_are_in_order_and_whole() {
    let mut last = None;
    for call in table().iter() {
        assert!(last < Some(call.number), "{}", call.name);
        last = Some(call.number);
        assert!(call.args.len() <= 6, "{}", call.name);
        assert_eq!(table().by_number(call.number), Some(call));
        assert_eq!(table().by_name(call.name), Some(call));
        for alias in call.aliases {
            assert_eq!(table().by_name(alias), Some(call), "{alias}");
        }
        for arg in call.args {
            assert!(!arg.name.is_empty() && !arg.name.contains('#'), "{} {arg:?}", call.name);
            let pointer = matches!(arg.kind, ArgKind::Pointer | ArgKind::UserString | ArgKind::UserStrings);
            let declared = arg.c_type.contains('*') || arg.c_type.contains("cap_user_");
            assert_eq!(pointer, declared, "{} {arg:?}", call.name);
            let width = match arg.kind {
                ArgKind::Int | ArgKind::Pid | ArgKind::Signal => Some((32, true)),
                ArgKind::Uint | ArgKind::Uid | ArgKind::Gid => Some((32, false)),
                ArgKind::Long | ArgKind::Offset => Some((64, true)),
                ArgKind::Ulong | ArgKind::Size | ArgKind::Pointer => Some((64, false)),
                ArgKind::Mode => Some((16, false)),
                _ => None,
            };
            assert!(width.is_none_or(|width| width == arg.width()), "{} {arg:?} {:?}", call.name, arg.width());
        }
    }
    // Every number from 0 has a row, but for the hole that the ABI has between its two numberings.
    let numbers: Vec<u32> = table().iter().map(|call| call.number).collect();
    let expected: Vec<u32> = (0..=336).chain(424..=470).collect();
    assert_eq!(numbers, expected);
    assert_eq!(table().by_number(400), None);
    assert_eq!(table().by_number(u32::MAX), None);
}

#[test]
fn values_are_cut_to_their_width() {
    let value = |call: &str, nth: usize, register| table().by_name(call).unwrap().args[nth].value(register);
    assert_eq!(value("openat", 0, 0xffff_ff9c), -100);
    assert_eq!(value("openat", 0, 0x1234_5678_ffff_ff9c), -100);
    assert_eq!(value("openat", 3, 0xffff_0000_0001_81a4), 0o100644);
    assert_eq!(value("read", 0, u64::MAX), 0xffff_ffff);
    assert_eq!(value("lseek", 1, u64::MAX), -1);
    assert_eq!(value("read", 1, 0xffff_8000_0000_0000), 0xffff_8000_0000_0000_u64 as i64);
}

#[test]
fn patterns_see_both_names() {
    let names = |pattern| table().matching(pattern).iter().map(|call| call.name).collect::<Vec<_>>();
    assert_eq!(names("open*"), ["open", "openat", "open_by_handle_at", "open_tree", "openat2", "open_tree_attr"]);
    assert_eq!(names("new*stat"), ["stat", "fstat", "lstat"]);
    assert_eq!(names("pread"), ["pread64"]);
    assert_eq!(names("nothing*"), [""; 0]);
    assert_eq!(names("*").len(), table().iter().len());
}

#[test]
fn other_architectures_have_no_table() {
    assert_eq!(SyscallTable::of(Arch::Aarch64).iter().len(), 0);
    assert!(CompatTable::of(Arch::Aarch64).is_none());
}

#[test]
fn compat_numbers() {
    let compat = CompatTable::of(Arch::X86_64).unwrap();
    for (number, name) in [(1, "exit"), (3, "read"), (5, "open"), (11, "execve"), (295, "openat"), (437, "openat2")] {
        assert_eq!(compat.by_number(number), Some(name));
        assert_eq!(compat.by_name(name), Some(number));
    }
    assert_eq!(compat.by_number(222), None);
    assert!(compat.rows.is_sorted_by(|a, b| a.0 < b.0));
}

/// The numbers of a header of the C library: lines of `#define __NR_name number`.
fn header(file: &str) -> Option<Vec<(String, u32)>> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) => {
            eprintln!("skipped: {file}: {error}");
            return None;
        }
    };
    let numbers: Vec<(String, u32)> = text
        .lines()
        .filter_map(|line| line.strip_prefix("#define __NR_")?.split_once(' '))
        .map(|(name, number)| (name.to_string(), number.parse().unwrap()))
        .collect();
    assert!(numbers.len() > 300);
    Some(numbers)
}

#[test]
fn numbers_are_those_of_the_headers() {
    if let Some(numbers) = header("/usr/include/x86_64-linux-gnu/asm/unistd_64.h") {
        for (name, number) in numbers {
            assert_eq!(table().by_number(number).map(|call| call.name), Some(name.as_str()), "{number}");
        }
    }
    if let Some(numbers) = header("/usr/include/x86_64-linux-gnu/asm/unistd_32.h") {
        let compat = CompatTable::of(Arch::X86_64).unwrap();
        for (name, number) in numbers {
            assert_eq!(compat.by_number(number), Some(name.as_str()), "{number}");
        }
    }
}

/// The arguments in a format file of tracefs: the fields after the number of the call, as (type, name).
fn fields(format: &str) -> Vec<(String, String)> {
    format
        .lines()
        .filter_map(|line| line.trim().strip_prefix("field:")?.split_once(';'))
        .map(|(declaration, _)| {
            let name = declaration.rfind([' ', '*']).unwrap() + 1;
            (declaration[..name].trim().replace("* *", "**"), declaration[name..].to_string())
        })
        .skip_while(|(_, name)| name != "__syscall_nr")
        .skip(1)
        .collect()
}

#[test]
fn arguments_are_those_of_the_running_kernel() {
    if Arch::HOST != Arch::X86_64 {
        eprintln!("skipped: the running kernel is not of x86_64");
        return;
    }
    let mount = match systap_sys::mount::detached_tracefs() {
        Ok(mount) => mount,
        Err(error) => {
            eprintln!("skipped: tracefs: {error}");
            return;
        }
    };
    let root = systap_sys::mount::path_of(std::os::fd::AsFd::as_fd(&mount)).join("events/syscalls");
    let Ok(events) = std::fs::read_dir(&root) else {
        eprintln!("skipped: this kernel has no events for system calls");
        return;
    };
    let mut kernel: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for event in events {
        let event = event.unwrap().file_name().into_string().unwrap();
        if let Some(name) = event.strip_prefix("sys_enter_") {
            let format = std::fs::read_to_string(root.join(&event).join(Path::new("format"))).unwrap();
            kernel.insert(name.to_string(), fields(&format));
        }
    }
    assert!(kernel.len() > 300, "{}", kernel.len());
    // Types that were others before: the call, the argument, what it was, what it is.
    const CHANGED: [[&str; 4]; 1] = [["name_to_handle_at", "mnt_id", "int *", "void *"]]; // Linux 6.12
    for (name, mut fields) in kernel {
        for (c_type, argument) in &mut fields {
            if let Some(change) = CHANGED.iter().find(|change| change[..3] == [&*name, &**argument, &**c_type]) {
                *c_type = change[3].to_string();
            }
        }
        let Some(call) = table().by_name(&name) else {
            // A kernel newer than the table; its new calls go on from where the table ends.
            eprintln!("the table lacks {name}: {fields:?}");
            continue;
        };
        let ours: Vec<_> = call.args.iter().map(|arg| (arg.c_type.to_string(), arg.name.to_string())).collect();
        assert_eq!(ours, fields, "{name}");
    }
}
