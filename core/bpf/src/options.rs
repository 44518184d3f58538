//! What the generator may use of a kernel and what it is told about the run. Plain data; must never be asked for here.

/// Choices of a generation.
#[derive(Clone, Debug)]
pub struct Options<'a> {
    /// Bytes of the ring of records: a power of two and a multiple of the page size.
    pub ring_bytes: u32,
    /// Count the hits of each handler.
    pub count_hits: bool,
    /// BTF-typed raw tracepoints may be used (Linux 5.5): pointers are followed directly.
    pub typed: bool,
    /// System calls of systap's own process ([`systap_ir::placed::control::OWN`]) fire nothing.
    pub own_filter: bool,
    /// The kernel has `may_goto` (Linux 6.9): loops may run.
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

impl Default for Options<'_> {
    fn default() -> Self {
        Options {
            ring_bytes: 1 << 20,
            count_hits: false,
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
