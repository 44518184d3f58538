//! Facts of real programs, compared with what other tools say, and damaged ones.

use super::*;
use std::process::Command;

fn this() -> Binary {
    Binary::open(&std::env::current_exe().unwrap()).unwrap()
}

/// The test itself has a function whose address it knows.
#[inline(never)]
fn systap_binary_landmark() -> u32 {
    std::hint::black_box(7)
}

#[test]
fn functions_are_found_where_they_are() {
    let binary = this();
    let functions = binary.functions().unwrap();
    let found = functions.iter().find(|function| function.name.contains("systap_binary_landmark")).unwrap();
    // The bytes at the offset in the file are those in memory.
    let start = systap_binary_landmark as *const () as usize;
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let offset = maps.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let (from, to) = words.next()?.split_once('-')?;
        let (from, to) = (usize::from_str_radix(from, 16).ok()?, usize::from_str_radix(to, 16).ok()?);
        let offset = u64::from_str_radix(words.nth(1)?, 16).ok()?;
        (from..to).contains(&start).then(|| offset + (start - from) as u64)
    });
    assert_eq!(Some(found.offset), offset);
    assert_eq!(binary.offset(found.address).unwrap(), Some(found.offset));
}

#[test]
fn programs_are_found_by_name() {
    let programs = Programs::new(vec!["/usr/bin".into(), "/bin".into()]);
    let shell = programs.program("sh").unwrap();
    assert_eq!(shell.path(), Path::new("/bin/sh").canonicalize().unwrap());
    assert!(matches!(programs.program("no-such-program"), Err(BinaryError::NotFound { .. })));
    assert!(matches!(programs.program(""), Err(BinaryError::NotFound { .. })));
    assert!(matches!(programs.program("/etc/passwd"), Err(BinaryError::Malformed { .. })));
    let own = programs.of_process(std::process::id()).unwrap();
    assert_eq!(own.path(), std::env::current_exe().unwrap().canonicalize().unwrap());
}

#[test]
fn operands_as_the_assembler_writes_them() {
    let operand = |size, signed, place| Some(Operand { size, signed, place });
    let memory = |displacement, base, index| Place::Memory { displacement, base, index };
    // Numbers of registers: rbp 4, rax 10, rcx 11, rdi 14, rbx 5.
    assert_eq!(
        operands("-4@%edi 8@-8(%rbp) 4@$-5 1@%ah 8@16(%rax,%rcx,8) 2@%r8w 8@foo(%rip) 4@(%rbx)"),
        [
            operand(4, true, Place::Register(14, 0)),
            operand(8, false, memory(-8, Some(4), None)),
            operand(4, false, Place::Constant(-5)),
            operand(1, false, Place::Register(10, 1)),
            operand(8, false, memory(16, Some(10), Some((11, 8)))),
            operand(2, false, Place::Register(9, 0)),
            None,
            operand(4, false, memory(0, Some(5), None)),
        ]
    );
    assert_eq!(operands(""), []);
}

#[test]
fn calls_into_libraries_are_named_by_their_relocations() {
    let Ok(output) = Command::new("readelf").args(["-rW", "/bin/sh"]).output() else {
        eprintln!("skipped: there is no readelf");
        return;
    };
    let shell = Programs::default().program("/bin/sh").unwrap();
    let stubs = shell.stubs().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let lazy = text.lines().filter(|line| line.contains("JUMP_SLO")).count();
    assert!(stubs.len() >= lazy, "{} stubs, {lazy} relocations", stubs.len());
    for stub in &stubs {
        assert!(text.contains(&format!(" {}@", stub.name)), "{stub:?}");
    }
}

#[test]
fn damaged_files_are_refused_or_read_as_far_as_they_go() {
    let whole = std::fs::read("/bin/true").unwrap();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..2000 {
        let mut bytes = whole.clone();
        for _ in 0..8 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            // Headers and tables are what is read: at the start and at the end.
            let reach = if round % 2 == 0 { 4096 } else { bytes.len() };
            let at = (state >> 8) as usize % reach.min(bytes.len());
            bytes[at] = state as u8;
        }
        if round % 5 == 0 {
            bytes.truncate(state as usize % whole.len());
        }
        let binary = Binary { path: "/bin/true".into(), bytes, functions: OnceCell::new(), device: 0, inode: 0 };
        _ = binary.functions().map(<[Function]>::len);
        _ = binary.marks();
        _ = binary.stubs();
    }
    assert_eq!(mark::read(&[0xff; 64], None, Some), []);
}
