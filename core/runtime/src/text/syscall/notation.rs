//! Which notation an argument of a system call is written in, by the call's and the argument's name. It must never ask
//! what kind the argument is: that is the kernel's table's, and what is not listed here is written by its kind.

use super::bits::{self, Names};
use super::numbers;

/// How a value is written.
pub(super) enum Notation {
    /// Bits by name; what has no name in hexadecimal; the word if there are none.
    Bits(Names, &'static str),
    /// A number by name.
    Number(Names),
    /// The bits under the mask are one of these numbers, the others are bits.
    Mixed { mask: u64, numbers: Names, bits: Names },
    /// A signal in the lowest byte, above it bits.
    Clone,
    /// An address in hexadecimal, or `NULL`.
    Address,
    /// Hexadecimal, but for 0.
    Hex,
}

/// The access modes of open(2).
const ACCESS_MODES: Names = &[(0, "O_RDONLY"), (1, "O_WRONLY"), (2, "O_RDWR")];
/// `FUTEX_CMD_MASK`
const FUTEX_COMMAND: u64 = !0x180;

/// The notation of an argument, if it has one of its own.
pub(super) fn of(call: &str, argument: &str) -> Option<Notation> {
    use Notation::{Address, Bits, Clone, Hex, Mixed, Number};
    Some(match (call, argument) {
        ("open" | "openat" | "open_by_handle_at", "flags") | ("mq_open", "oflag") => {
            Mixed { mask: 3, numbers: ACCESS_MODES, bits: bits::OPEN }
        }
        ("pipe2" | "dup3", "flags") => Bits(bits::OPEN, "0"),
        (_, "prot") => Bits(bits::PROT, "PROT_NONE"),
        ("mmap", "flags") => Mixed { mask: 0xf, numbers: numbers::MAP_KIND, bits: bits::MAP },
        ("mmap" | "mremap" | "mprotect" | "munmap" | "msync" | "madvise", "addr" | "start" | "new_addr")
        | ("brk", "brk")
        | ("clone", "newsp" | "tls")
        | ("arch_prctl", "arg2") => Address,
        ("mmap", "off") | ("ioctl", "cmd" | "arg") => Hex,
        ("mremap", "flags") => Bits(bits::MREMAP, "0"),
        ("msync", "flags") => Bits(bits::MSYNC, "0"),
        ("mlockall", "flags") => Bits(bits::MLOCK, "0"),
        ("madvise" | "process_madvise", "behavior") => Number(numbers::MADVICE),
        ("fadvise64", "advice") => Number(numbers::FADVICE),
        ("lseek", "whence") => Number(numbers::WHENCE),
        ("rt_sigprocmask", "how") => Number(numbers::SIGMASK),
        ("socket" | "socketpair", "family") => Number(numbers::FAMILY),
        ("socket" | "socketpair", "type") => Mixed { mask: 0xf, numbers: numbers::SOCKET_KIND, bits: bits::SOCK },
        ("accept4", "flags") => Bits(bits::SOCK, "0"),
        ("sendto" | "recvfrom" | "sendmsg" | "recvmsg" | "sendmmsg" | "recvmmsg", "flags") => Bits(bits::MSG, "0"),
        ("shutdown", "how") => Number(numbers::SHUTDOWN),
        ("clone", "clone_flags") => Clone,
        ("unshare", "unshare_flags") | ("setns", "flags") => Bits(bits::CLONE, "0"),
        ("mount", "flags") => Bits(bits::MOUNT, "0"),
        ("umount2", "flags") => Bits(bits::UMOUNT, "0"),
        ("futex", "op") => Mixed { mask: FUTEX_COMMAND, numbers: numbers::FUTEX, bits: bits::FUTEX_FLAGS },
        ("epoll_ctl", "op") => Number(numbers::EPOLL_OP),
        ("epoll_create1", "flags") => Bits(bits::EPOLL_CREATE, "0"),
        ("eventfd2", "flags") => Bits(bits::EVENTFD, "0"),
        ("inotify_init1", "flags") => Bits(bits::INOTIFY, "0"),
        ("inotify_add_watch", "mask") => Bits(bits::INOTIFY_MASK, "0"),
        ("timerfd_create", "flags") => Bits(bits::TIMERFD, "0"),
        ("timerfd_settime", "flags") => Bits(bits::TIMERFD_SET, "0"),
        ("timer_settime" | "clock_nanosleep", "flags") => Bits(bits::TIMER, "0"),
        ("splice" | "tee" | "vmsplice", "flags") => Bits(bits::SPLICE, "0"),
        ("renameat2", "flags") => Bits(bits::RENAME, "0"),
        ("getrandom", "flags") => Bits(bits::GETRANDOM, "0"),
        ("memfd_create", "flags") => Bits(bits::MEMFD, "0"),
        ("perf_event_open", "flags") => Bits(bits::PERF, "0"),
        ("preadv2" | "pwritev2", "flags") => Bits(bits::RWF, "0"),
        ("close_range", "flags") => Bits(bits::CLOSE_RANGE, "0"),
        ("wait4" | "waitid", "options") => Bits(bits::WAIT, "0"),
        ("waitid", "which") => Number(numbers::WHICH),
        ("access" | "faccessat" | "faccessat2", "mode") => Bits(bits::ACCESS, "F_OK"),
        // AT_REMOVEDIR and AT_EACCESS are one bit.
        ("unlinkat", "flag") => Bits(&[(0x200, "AT_REMOVEDIR")], "0"),
        ("faccessat2", "flags") => {
            Bits(&[(0x200, "AT_EACCESS"), (0x100, "AT_SYMLINK_NOFOLLOW"), (0x1000, "AT_EMPTY_PATH")], "0")
        }
        ("fchownat" | "newfstatat" | "name_to_handle_at", "flag")
        | ("linkat" | "utimensat" | "execveat" | "statx" | "fchmodat2" | "mount_setattr", "flags")
        | (_, "at_flags") => Bits(bits::AT, "0"),
        ("statx", "mask") => Bits(bits::STATX, "0"),
        ("shmget", "shmflg") | ("semget", "semflg") | ("msgget", "msgflg") => Bits(bits::IPC, "0"),
        ("setxattr" | "lsetxattr" | "fsetxattr", "flags") => Bits(bits::XATTR, "0"),
        (_, "which_clock" | "clockid") => Number(numbers::CLOCK),
        (_, "resource") => Number(numbers::RESOURCE),
        ("fcntl", "cmd") => Number(numbers::FCNTL),
        ("flock", "cmd") => Bits(bits::FLOCK, "0"),
        ("prctl", "option") => Number(numbers::PRCTL),
        ("arch_prctl", "option") => Number(numbers::ARCH_PRCTL),
        _ => return None,
    })
}
