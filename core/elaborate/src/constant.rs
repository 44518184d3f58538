//! Constants of C headers that are macros there, so that the kernel's types do not tell them: limits, error numbers,
//! signals, flags of `open`, modes of files, families of sockets.
//!
//! Values of the ABI of x86_64, from `include/uapi` of Linux; only those that every kernel has.

use systap_ir::program::Limits;

/// `linux/fcntl.h`, `asm-generic/fcntl.h`, `linux/stat.h`, `linux/socket.h`, `asm/page.h`, `linux/mman.h`, `linux/netfilter.h`; of tasks,
/// `linux/sched.h` (outside of uapi only what has one value from 6.1 to 6.18).
const OTHERS: [(&str, i64); 123] = [
    ("O_ACCMODE", 0o3),
    ("O_RDONLY", 0o0),
    ("O_WRONLY", 0o1),
    ("O_RDWR", 0o2),
    ("O_CREAT", 0o100),
    ("O_EXCL", 0o200),
    ("O_NOCTTY", 0o400),
    ("O_TRUNC", 0o1000),
    ("O_APPEND", 0o2000),
    ("O_NONBLOCK", 0o4000),
    ("O_DSYNC", 0o10000),
    ("O_DIRECT", 0o40000),
    ("O_LARGEFILE", 0o100000),
    ("O_DIRECTORY", 0o200000),
    ("O_NOFOLLOW", 0o400000),
    ("O_NOATIME", 0o1000000),
    ("O_CLOEXEC", 0o2000000),
    ("O_SYNC", 0o4010000),
    ("O_PATH", 0o10000000),
    ("AT_FDCWD", -100),
    ("CSIGNAL", 0xff),
    ("CLONE_VM", 0x100),
    ("CLONE_FS", 0x200),
    ("CLONE_FILES", 0x400),
    ("CLONE_SIGHAND", 0x800),
    ("CLONE_PIDFD", 0x1000),
    ("CLONE_PTRACE", 0x2000),
    ("CLONE_VFORK", 0x4000),
    ("CLONE_PARENT", 0x8000),
    ("CLONE_THREAD", 0x10000),
    ("CLONE_NEWNS", 0x20000),
    ("CLONE_SYSVSEM", 0x40000),
    ("CLONE_SETTLS", 0x80000),
    ("CLONE_PARENT_SETTID", 0x100000),
    ("CLONE_CHILD_CLEARTID", 0x200000),
    ("CLONE_UNTRACED", 0x800000),
    ("CLONE_CHILD_SETTID", 0x1000000),
    ("CLONE_NEWCGROUP", 0x2000000),
    ("CLONE_NEWUTS", 0x4000000),
    ("CLONE_NEWIPC", 0x8000000),
    ("CLONE_NEWUSER", 0x10000000),
    ("CLONE_NEWPID", 0x20000000),
    ("CLONE_NEWNET", 0x40000000),
    ("CLONE_IO", 0x80000000),
    ("PF_VCPU", 0x1),
    ("PF_IDLE", 0x2),
    ("PF_EXITING", 0x4),
    ("PF_WQ_WORKER", 0x20),
    ("PF_FORKNOEXEC", 0x40),
    ("PF_SUPERPRIV", 0x100),
    ("PF_DUMPCORE", 0x200),
    ("PF_SIGNALED", 0x400),
    ("PF_MEMALLOC", 0x800),
    ("PF_KTHREAD", 0x200000),
    ("PF_RANDOMIZE", 0x400000),
    ("EXIT_DEAD", 0x10),
    ("EXIT_ZOMBIE", 0x20),
    ("TASK_RUNNING", 0),
    ("TASK_INTERRUPTIBLE", 1),
    ("TASK_UNINTERRUPTIBLE", 2),
    ("__TASK_STOPPED", 4),
    ("__TASK_TRACED", 8),
    ("S_IRWXU", 0o700),
    ("S_IRUSR", 0o400),
    ("S_IWUSR", 0o200),
    ("S_IXUSR", 0o100),
    ("S_IRWXG", 0o70),
    ("S_IRGRP", 0o40),
    ("S_IWGRP", 0o20),
    ("S_IXGRP", 0o10),
    ("S_IRWXO", 0o7),
    ("S_IROTH", 0o4),
    ("S_IWOTH", 0o2),
    ("S_IXOTH", 0o1),
    ("SIG_BLOCK", 0),
    ("SIG_UNBLOCK", 1),
    ("SIG_SETMASK", 2),
    ("SIGPOLL", 29),
    ("SIGIOT", 6),
    ("EDEADLOCK", 35),
    ("O_TMPFILE", 0o20200000),
    ("S_IFMT", 0o170000),
    ("S_IFSOCK", 0o140000),
    ("S_IFLNK", 0o120000),
    ("S_IFREG", 0o100000),
    ("S_IFBLK", 0o60000),
    ("S_IFDIR", 0o40000),
    ("S_IFCHR", 0o20000),
    ("S_IFIFO", 0o10000),
    ("S_ISUID", 0o4000),
    ("S_ISGID", 0o2000),
    ("S_ISVTX", 0o1000),
    ("AF_UNSPEC", 0),
    ("AF_UNIX", 1),
    ("AF_INET", 2),
    ("AF_INET6", 10),
    ("AF_NETLINK", 16),
    ("AF_PACKET", 17),
    ("PROT_NONE", 0),
    ("PROT_READ", 1),
    ("PROT_WRITE", 2),
    ("PROT_EXEC", 4),
    ("MAP_SHARED", 1),
    ("MAP_PRIVATE", 2),
    ("MAP_FIXED", 0x10),
    ("MAP_ANONYMOUS", 0x20),
    ("PAGE_SHIFT", 12),
    ("PAGE_SIZE", 4096),
    ("TASK_COMM_LEN", 16),
    ("PATH_MAX", 4096),
    ("NSEC_PER_SEC", 1_000_000_000),
    ("NSEC_PER_MSEC", 1_000_000),
    ("NSEC_PER_USEC", 1_000),
    ("USEC_PER_SEC", 1_000_000),
    ("MSEC_PER_SEC", 1_000),
    ("NF_DROP", 0),
    ("NF_ACCEPT", 1),
    ("NF_STOLEN", 2),
    ("NF_QUEUE", 3),
    ("NF_REPEAT", 4),
    ("NF_STOP", 5),
    ("EWOULDBLOCK", 11),
    ("ENOTSUPP", 524),
];

/// The value of a constant, or of a number written out.
pub(crate) fn value(token: &str, limits: &Limits) -> Option<i64> {
    let place = |list: &[&str]| list.iter().position(|name| *name == token).map(|at| at as i64 + 1);
    match token {
        "" => None,
        "MAXSTRINGLEN" => Some(i64::from(limits.string)),
        "MAXACTION" => Some(i64::from(limits.actions)),
        "MAXMAPENTRIES" => Some(i64::from(limits.entries)),
        "MAXERRORS" => Some(i64::from(limits.errors)),
        "MAXNESTING" => (limits.nesting != 0).then_some(i64::from(limits.nesting)),
        _ => systap_kernel::errno::number(token)
            .map(i64::from)
            .or_else(|| place(&systap_kernel::signal::NAMES))
            .or_else(|| OTHERS.iter().find(|(name, _)| *name == token).map(|(_, value)| *value))
            .or_else(|| number(token)),
    }
}

/// A number as C has it.
fn number(token: &str) -> Option<i64> {
    let digits = token.trim_end_matches(['u', 'U', 'l', 'L']);
    let (negative, digits) = digits.strip_prefix('-').map_or((false, digits), |rest| (true, rest));
    if !digits.starts_with(|first: char| first.is_ascii_digit()) {
        return None;
    }
    let value = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok()?,
        None if digits.len() > 1 && digits.starts_with('0') => u64::from_str_radix(&digits[1..], 8).ok()?,
        None => digits.parse().ok()?,
    } as i64;
    Some(if negative { value.wrapping_neg() } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        let value = |token| value(token, &Limits::default());
        let libc = [("EPERM", 1), ("ENOTRECOVERABLE", 131), ("EDOTDOT", 73), ("EHWPOISON", 133), ("ENOTSOCK", 88)];
        for (name, number) in libc.into_iter().chain([("SIGKILL", 9), ("SIGCHLD", 17), ("SIGSYS", 31)]) {
            assert_eq!(value(name), Some(number), "{name}");
        }
        assert_eq!(
            (value("MAXSTRINGLEN"), value("0x10UL"), value("-1"), value("010")),
            (Some(512), Some(16), Some(-1), Some(8))
        );
        let tasks = [("PF_EXITING", 4), ("PF_KTHREAD", 0x20_0000), ("CLONE_VM", 0x100), ("CLONE_IO", 0x8000_0000)];
        for (name, number) in tasks.into_iter().chain([("S_IRUSR", 0o400), ("O_TMPFILE", 0o20_200_000)]) {
            assert_eq!(value(name), Some(number), "{name}");
        }
        assert_eq!((value("no_such"), value(""), value("x1")), (None, None, None));
    }
}
