//! What the generator may use of a kernel and what it is told about the run. Plain data; must never be asked for here, except of
//! the kernel that the caller names.

use systap_kernel::{Kernel, Version};

/// The first kernel with `may_goto` (commit 011832b97b31).
const MAY_GOTO: Version = Version { major: 6, minor: 9, patch: 0 };

/// The first kernel whose programs may use version 4 of the instruction set (commit 1f1e864b6555 and those after it).
const VERSION_4: Version = Version { major: 6, minor: 6, patch: 0 };

/// Choices of a generation.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    /// Bytes of the ring of records: a power of two and a multiple of the page size.
    pub ring_bytes: u32,
    /// Count the hits of each handler.
    pub count_hits: bool,
    /// Each handler can be switched off while it is attached; see [`Artifact::switches`](crate::artifact::Artifact::switches).
    pub switches: bool,
    /// BTF-typed raw tracepoints may be used (Linux 5.5): pointers are followed directly.
    pub typed: bool,
    /// System calls of systap's own process ([`systap_ir::placed::control::OWN`]) fire nothing.
    pub own_filter: bool,
    /// The kernel has `may_goto` (Linux 6.9): the verifier need not see where a loop ends.
    pub may_goto: bool,
    /// The kernel has version 4 of the instruction set (Linux 6.6): signed division, sign extension, far jumps.
    pub version_4: bool,
    /// Names of system calls by their numbers.
    pub syscall_names: &'a [(u32, &'a str)],
    /// By number of a system call: bit `i` is set if argument `i` is the address of a string in user memory.
    pub string_arguments: &'a [u8],
    /// How many CPUs the kernel keeps values for: its possible ones.
    pub cpus: u32,
    /// Ticks a second of the kernel's jiffies (CONFIG_HZ).
    pub hz: u32,
}

impl Options<'static> {
    /// The first kernel that runs loops whose length is not known beforehand.
    pub const OPEN_LOOPS: Version = MAY_GOTO;

    /// The usual choices for a kernel: what it can do is used. What cannot be told of it is taken as lacking.
    pub fn for_kernel(kernel: &Kernel) -> Options<'static> {
        let is_at_least = |wanted| kernel.version().is_ok_and(|version| version >= wanted);
        Options { may_goto: is_at_least(MAY_GOTO), version_4: is_at_least(VERSION_4), ..Options::default() }
    }
}

impl Default for Options<'_> {
    fn default() -> Self {
        Options {
            ring_bytes: 1 << 20,
            count_hits: false,
            switches: false,
            typed: true,
            own_filter: true,
            may_goto: true,
            version_4: true,
            syscall_names: &[],
            string_arguments: &[],
            cpus: 1,
            hz: 1000,
        }
    }
}
