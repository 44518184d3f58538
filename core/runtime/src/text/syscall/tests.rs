//! System calls as strace(1)'s users would expect to read them, written down by hand.

use super::*;

fn number(name: &str) -> i64 {
    SyscallTable::of(systap_kernel::Arch::X86_64).by_name(name).unwrap().number.into()
}

fn call(name: &str, args: &[i64], strings: &[(usize, &[u8])]) -> String {
    let mut registers = [0u64; 6];
    registers.iter_mut().zip(args).for_each(|(register, value)| *register = *value as u64);
    let mut texts = [None; 6];
    strings.iter().for_each(|(at, text)| texts[*at] = Some(*text));
    format!("{name}({})", arguments(number(name), &registers, &texts))
}

#[test]
#[cfg(target_arch = "x86_64")]
fn calls_as_they_are_written() {
    let lines = [
        call("openat", &[-100, 0x7ffd_0000_1000, 0o2_000_000, 0], &[(1, b"/etc/passwd")]),
        call("openat", &[0xffff_ff9c, 0x1000, 0o1101, 0o644], &[(1, b"a \"b\"\n\xc3")]),
        call("openat", &[3, 0x1000, 0o20_200_002, 0o600], &[(1, b"/tmp")]),
        call("open", &[0x1000, 0o4_010_000, 0o777], &[]),
        call("read", &[3, 0x7fff_1234, 4096], &[]),
        call("write", &[1, 0, -1], &[]),
        call("close", &[0xdead_0000_0007], &[]),
        call("mmap", &[0, 8192, 3, 0x22, 0xffff_ffff, 0], &[]),
        call("mmap", &[0x7000_0000, 4096, 5, 0x12, 4, 0x3000], &[]),
        call("mprotect", &[0x7000_0000, 4096, 0], &[]),
        call("madvise", &[0x7000_0000, 4096, 4], &[]),
        call("kill", &[-1, 15], &[]),
        call("rt_sigaction", &[34, 0x1000, 0, 8], &[]),
        call("lseek", &[5, -10, 2], &[]),
        call("socket", &[10, 0o2_004_001, 6], &[]),
        call("socket", &[99, 77, 0], &[]),
        call("futex", &[0x1000, 128, 2, 0, 0, 0], &[]),
        call("futex", &[0x1000, 0x189, 1, 0, 0, -1], &[]),
        call("clone", &[0x0120_0011, 0, 0, 0x7f00, 0], &[]),
        call("unlinkat", &[-100, 0x1000, 0x200], &[(1, b"d")]),
        call("newfstatat", &[-100, 0x1000, 0x2000, 0x100], &[(1, b"")]),
        call("access", &[0x1000, 0], &[(0, b"/etc/ld.so.preload")]),
        call("fchown", &[3, -1, 100], &[]),
        call("execve", &[0x1000, 0x2000, 0x3000], &[(0, b"/bin/true")]),
        call("pipe2", &[0x1000, 0o2_000_000], &[]),
        call("chmod", &[0x1000, 0o4755], &[(0, b"x")]),
        call("clock_gettime", &[1, 0x1000], &[]),
        call("ioctl", &[0, 0x5401, 0x7ffd_0000], &[]),
        call("exit_group", &[-1], &[]),
        call("sched_yield", &[], &[]),
        call("eventfd2", &[0, 0x8000_0000 | 0x80000], &[]),
    ];
    insta::assert_snapshot!(lines.join("\n"), @r#"
    openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC)
    openat(AT_FDCWD, "a \"b\"\n\303", O_WRONLY|O_CREAT|O_TRUNC, 0644)
    openat(3, "/tmp", O_RDWR|O_TMPFILE, 0600)
    open(0x1000, O_RDONLY|O_SYNC)
    read(3, 0x7fff1234, 4096)
    write(1, NULL, 18446744073709551615)
    close(7)
    mmap(NULL, 8192, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)
    mmap(0x70000000, 4096, PROT_READ|PROT_EXEC, MAP_PRIVATE|MAP_FIXED, 4, 0x3000)
    mprotect(0x70000000, 4096, PROT_NONE)
    madvise(0x70000000, 4096, MADV_DONTNEED)
    kill(-1, SIGTERM)
    rt_sigaction(SIGRT_2, 0x1000, NULL, 8)
    lseek(5, -10, SEEK_END)
    socket(AF_INET6, SOCK_STREAM|SOCK_NONBLOCK|SOCK_CLOEXEC, 6)
    socket(99, 0xd|0x40, 0)
    futex(0x1000, FUTEX_WAIT|FUTEX_PRIVATE_FLAG, 2, NULL, NULL, 0)
    futex(0x1000, FUTEX_WAIT_BITSET|FUTEX_PRIVATE_FLAG|FUTEX_CLOCK_REALTIME, 1, NULL, NULL, 4294967295)
    clone(CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD, NULL, NULL, 0x7f00, NULL)
    unlinkat(AT_FDCWD, "d", AT_REMOVEDIR)
    newfstatat(AT_FDCWD, "", 0x2000, AT_SYMLINK_NOFOLLOW)
    access("/etc/ld.so.preload", F_OK)
    fchown(3, -1, 100)
    execve("/bin/true", 0x2000, 0x3000)
    pipe2(0x1000, O_CLOEXEC)
    chmod("x", 04755)
    clock_gettime(CLOCK_MONOTONIC, 0x1000)
    ioctl(0, 0x5401, 0x7ffd0000)
    exit_group(-1)
    sched_yield()
    eventfd2(0, EFD_CLOEXEC|0x80000000)
    "#);
}

#[test]
fn what_is_not_known_is_shown_raw() {
    assert_eq!(
        arguments(9999, &[1, 2, 0, u64::MAX, 0, 16], &[None; 6]),
        "0x1, 0x2, 0x0, 0xffffffffffffffff, 0x0, 0x10"
    );
    assert_eq!(name(9999), "syscall_9999");
    assert_eq!(name(-1), "syscall_-1");
    assert_eq!(result(9999, -9999), "-9999");
    assert_eq!(result(9999, -4000), "-4000");
}

#[test]
#[cfg(target_arch = "x86_64")]
fn results_as_they_are_written() {
    assert_eq!(name(257), "openat");
    assert_eq!(result(number("openat"), -2), "-2 (ENOENT)");
    assert_eq!(result(number("openat"), 3), "3");
    assert_eq!(result(number("read"), -512), "-512 (ERESTARTSYS)");
    assert_eq!(result(number("mmap"), 0x7f00_0000_1000), "0x7f0000001000");
    assert_eq!(result(number("mmap"), -12), "-12 (ENOMEM)");
    assert_eq!(result(number("brk"), 0), "0x0");
    assert_eq!(result(number("lseek"), i64::MIN), "-9223372036854775808");
}

#[test]
fn a_long_string_is_cut() {
    let args = [0; 6];
    let long = [b'x'; GREATEST_STRING];
    let text = |bytes: &[u8]| arguments(number("chdir"), &args, &[Some(bytes), None, None, None, None, None]);
    assert_eq!(text(&long), format!("\"{}\"...", "x".repeat(255)));
    assert_eq!(text(&long[1..]), format!("\"{}\"", "x".repeat(254)));
}
