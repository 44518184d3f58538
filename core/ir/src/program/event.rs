//! What fires a handler, in the words of what an attachment needs: numbers and names, no probe point and no kernel.

use std::sync::Arc;

/// What fires a handler.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// At the start, in ascending order of this number.
    Begin(i64),
    /// At an orderly end, in ascending order of this number.
    End(i64),
    /// At an end by error, instead of `End`.
    Error(i64),
    /// Not at all; the handler is only checked.
    Never,
    /// Each `period` nanoseconds, give or take a random part of `randomize`.
    Timer {
        /// Nanoseconds.
        period: u64,
        /// Nanoseconds, at most.
        randomize: u64,
    },
    /// Someone reads a file of the run. The handler says what is read by
    /// [`Intrinsic::Hand`](crate::intrinsic::Intrinsic::Hand).
    FileRead {
        /// Where, below the run's own directory.
        file: String,
        /// The permissions of the file.
        mode: u32,
        /// At most so many bytes are read; `None`: as many as a string has.
        most: Option<u64>,
    },
    /// Someone writes a file of the run. The handler asks what by
    /// [`Intrinsic::Handed`](crate::intrinsic::Intrinsic::Handed).
    FileWrite {
        /// Where, below the run's own directory.
        file: String,
        /// The permissions of the file.
        mode: u32,
    },
    /// Something comes on standard input, which the handler asks for in the same way.
    Input {
        /// By whole lines, rather than by characters.
        lines: bool,
    },
    /// On each CPU, by its clock, `hz` times a second.
    Profile {
        /// Hits a second on each CPU.
        hz: u32,
    },
    /// A perf event on each CPU. Argument `i` is word `i` of `struct pt_regs`.
    Counter {
        /// `PERF_TYPE_*` of include/uapi/linux/perf_event.h, or the number of a PMU.
        kind: u32,
        /// Which event of that kind.
        config: u64,
        /// How often it fires.
        every: Every,
    },
    /// An access to the kernel's memory, told by a debug register. Argument `i` is word `i` of `struct pt_regs`.
    Access {
        /// Where.
        address: u64,
        /// Bytes: 1, 2, 4 or 8.
        length: u32,
        /// Reads count too.
        reads: bool,
    },
    /// A packet on its way through the network, at a hook of netfilter. Argument 0 is a `struct nf_hook_state *`, argument 1 a
    /// `struct sk_buff *`.
    Packet {
        /// `NFPROTO_*` of include/uapi/linux/netfilter.h.
        family: u32,
        /// The number of the hook in that family.
        hook: u32,
        /// Lower ones come first.
        priority: i32,
    },
    /// Entry to a kernel function that BTF knows: argument `i` is word `i` of its arguments. On return they are those of the
    /// entry, and the word after them is what was returned.
    KernelFunction {
        /// As the kernel names it.
        name: String,
        /// The BTF identifier of the function.
        btf_id: u32,
        /// How many words its arguments take.
        words: u32,
        /// Some of them are structs, which are passed as a whole.
        structs: bool,
        /// On return rather than on entry.
        returns: bool,
    },
    /// Entry to any of many kernel functions, or the return from it, where the handler does not care which but by
    /// [`Context::Member`](crate::intrinsic::Context::Member). Argument `i` is word `i` of `struct pt_regs`.
    KernelFunctions {
        /// As the kernel names them.
        names: Arc<[String]>,
        /// On return rather than on entry.
        returns: bool,
    },
    /// An instruction of the kernel's, or the return of the function that begins there. Argument `i` is word `i` of
    /// `struct pt_regs`.
    KernelCode {
        /// A symbol; empty: none.
        symbol: String,
        /// Bytes from the symbol; without one, the address.
        offset: u64,
        /// On return rather than on entry.
        returns: bool,
    },
    /// An instruction of a program or library, or the return of the function that begins there. Argument `i` is word `i` of
    /// `struct pt_regs`.
    UserCode {
        /// The file.
        path: String,
        /// Where in the file.
        offset: u64,
        /// On return rather than on entry.
        returns: bool,
        /// Where in the file the counter is that says whether anyone traces; 0 if there is none.
        semaphore: u64,
        /// In this process only.
        process: Option<u32>,
    },
    /// Something that can be resolved and is not run yet.
    NotRun {
        /// What, as a plural or a name: `network filters`.
        what: &'static str,
    },
    /// A kernel tracepoint; argument `i` of its prototype is [`super::ExprKind::Argument`] `i`.
    Tracepoint {
        /// As the kernel names it.
        name: String,
        /// The BTF identifier of its typedef: what a BTF-typed attachment needs.
        btf_id: u32,
        /// How many arguments its prototype has.
        arguments: u32,
    },
    /// Entry to a system call. Argument 0 is a `struct pt_regs *`, argument 1 the number.
    SyscallEntry(SyscallSet),
    /// Return from a system call. Argument 0 is a `struct pt_regs *`, argument 1 the returned value.
    SyscallReturn(SyscallSet),
}

impl Event {
    /// The event of the entry, for that of a return; `None` if it has no entry.
    pub fn entry(&self) -> Option<Event> {
        let mut event = match self {
            Event::SyscallReturn(set) => return Some(Event::SyscallEntry(set.clone())),
            other => other.clone(),
        };
        match &mut event {
            Event::KernelFunction { returns, .. }
            | Event::KernelFunctions { returns, .. }
            | Event::KernelCode { returns, .. }
            | Event::UserCode { returns, .. } => {
                *returns = false;
            }
            _ => return None,
        }
        Some(event)
    }
}

/// Of [`Event::KernelFunction`]: argument `REGISTERS + i` is word `i` of `struct pt_regs`, which is there only where the function is
/// attached to by a kprobe: a handler that asks for one is.
pub const REGISTERS: u32 = 64;

/// How often a counter fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Every {
    /// Each time that it has counted so far.
    Count(u64),
    /// So many times a second, about.
    Hertz(u64),
}

/// Which system calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SyscallSet {
    /// Every one, those unknown to our tables included.
    All,
    /// Those with these numbers, ascending.
    Numbers(Vec<u32>),
}
