//! System calls as the ABI has them: numbers, names, arguments.
//!
//! Must never ask the kernel: an architecture's table is the same on every kernel, but for calls that are newer than
//! it. So a script that traces `openat` needs neither tracefs nor BTF.

mod ia32;
#[cfg(test)]
mod tests;
mod x86_64;

use crate::{Arch, glob};

/// What an argument is, as far as it matters for showing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ArgKind {
    /// A number of 32 bits with a sign.
    Int,
    /// A number of 32 bits without.
    Uint,
    /// A number of 64 bits with a sign.
    Long,
    /// A number of 64 bits without: lengths, addresses that are hints, words of no fixed meaning.
    Ulong,
    /// A count of bytes.
    Size,
    /// A position in a file, in bytes.
    Offset,
    /// A file descriptor; -100 (`AT_FDCWD`) for the working directory.
    Fd,
    /// A process or thread by its id.
    Pid,
    /// A user by its id; -1 for "no change".
    Uid,
    /// A group by its id; -1 for "no change".
    Gid,
    /// A signal by its number.
    Signal,
    /// Permissions and file type, shown in octal.
    Mode,
    /// A set of bits, shown in hexadecimal or by their names.
    Flags,
    /// An address in user memory.
    Pointer,
    /// The address of text in user memory that a NUL byte ends and the kernel reads.
    UserString,
    /// The address of a list of such texts that a null pointer ends.
    UserStrings,
}

/// An argument of a system call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyscallArg {
    /// Its name in the kernel's source.
    pub name: &'static str,
    /// Its C type there.
    pub c_type: &'static str,
    /// What it is.
    pub kind: ArgKind,
}

impl SyscallArg {
    /// How many bits of the register count, and whether the highest of them is a sign. The kernel ignores the rest, and
    /// programs may leave anything there.
    pub fn width(&self) -> (u8, bool) {
        if self.c_type.contains('*') {
            return (64, false);
        }
        match self.c_type.strip_prefix("const ").unwrap_or(self.c_type) {
            "umode_t" => (16, false),
            "int" | "__s32" | "pid_t" | "clockid_t" | "timer_t" | "key_t" | "key_serial_t" | "mqd_t" | "rwf_t" => {
                (32, true)
            }
            "unsigned int" | "unsigned" | "u32" | "__u32" | "uid_t" | "gid_t" | "qid_t" | "enum landlock_rule_type" => {
                (32, false)
            }
            "long" | "off_t" | "loff_t" => (64, true),
            _ => (64, false),
        }
    }

    /// The argument's value, given the whole register: cut to its width, and its sign carried on.
    pub fn value(&self, register: u64) -> i64 {
        let (bits, signed) = self.width();
        let unused = 64 - u32::from(bits);
        let shifted = register << unused;
        if signed { shifted as i64 >> unused } else { (shifted >> unused) as i64 }
    }
}

/// A system call.
#[derive(Debug, PartialEq, Eq)]
pub struct Syscall {
    /// Its number.
    pub number: u32,
    /// Its name in the ABI (`__NR_fstat` is `fstat`).
    pub name: &'static str,
    /// Other names for it: the kernel's (`newfstat`), libc's (`pread` for `pread64`).
    pub aliases: &'static [&'static str],
    /// Its arguments, six at most.
    pub args: &'static [SyscallArg],
}

impl Syscall {
    /// Whether what it returns is an address (or a negative error number) rather than a number.
    pub fn returns_address(&self) -> bool {
        matches!(self.name, "mmap" | "mremap" | "brk" | "shmat" | "map_shadow_stack")
    }

    /// Whether a name is this call's, or one of its others.
    pub fn is_named(&self, name: &str) -> bool {
        self.name == name || self.aliases.contains(&name)
    }
}

/// The system calls of an architecture.
#[derive(Debug)]
pub struct SyscallTable {
    /// By number.
    rows: &'static [Syscall],
}

impl SyscallTable {
    /// The table of an architecture; an empty one where systap does not know it.
    pub fn of(arch: Arch) -> &'static SyscallTable {
        static UNKNOWN: SyscallTable = SyscallTable { rows: &[] };
        match arch {
            Arch::X86_64 => &x86_64::X86_64,
            _ => &UNKNOWN,
        }
    }

    /// All calls, by number.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'static Syscall> + use<> {
        self.rows.iter()
    }

    /// The call with that number.
    pub fn by_number(&self, number: u32) -> Option<&'static Syscall> {
        let at = self.rows.binary_search_by_key(&number, |row| row.number).ok()?;
        self.rows.get(at)
    }

    /// The call with that name, or that other name. A name in the ABI goes before another call's other name.
    pub fn by_name(&self, name: &str) -> Option<&'static Syscall> {
        self.iter().find(|row| row.name == name).or_else(|| self.iter().find(|row| row.is_named(name)))
    }

    /// The names in the ABI, by number.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.iter().map(|row| row.name)
    }

    /// The calls of which a name or an other name matches the pattern (see [`glob::matches`]), by number.
    pub fn matching(&self, pattern: &str) -> Vec<&'static Syscall> {
        let hit = |name: &&str| glob::matches(pattern, name);
        self.iter().filter(|row| hit(&row.name) || row.aliases.iter().any(hit)).collect()
    }
}

/// The names of system calls that programs of another word size make: other numbers than the kernel's own.
#[derive(Debug)]
pub struct CompatTable {
    /// By number.
    rows: &'static [(u32, &'static str)],
}

impl CompatTable {
    /// The table of the 32-bit programs that kernels of this architecture run, if systap knows it.
    pub fn of(arch: Arch) -> Option<&'static CompatTable> {
        match arch {
            Arch::X86_64 => Some(&ia32::IA32),
            _ => None,
        }
    }

    /// The name of a number.
    pub fn by_number(&self, number: u32) -> Option<&'static str> {
        let at = self.rows.binary_search_by_key(&number, |row| row.0).ok()?;
        Some(self.rows.get(at)?.1)
    }

    /// The number of a name.
    pub fn by_name(&self, name: &str) -> Option<u32> {
        self.rows.iter().find(|row| row.1 == name).map(|row| row.0)
    }
}
