//! What the code generator gives and the loader takes: maps to make, programs to load, and how to read their records.
//!
//! Plain data; everything a kernel would have to be asked has been settled before.

use std::sync::Arc;

use systap_diagnostics::Span;
use systap_ir::format::Format;
use systap_ir::program::{Every, GlobalId, Space};

/// A probe module for the bpf runtime.
#[derive(Clone, Debug, Default)]
pub struct Artifact {
    /// Maps, to be made in this order.
    pub maps: Vec<MapPlan>,
    /// Programs, to be loaded and attached in this order.
    pub programs: Vec<ProgramPlan>,
    /// Maps that only programs of [`ProgramPlan::instead`] refer to, numbered after [`Artifact::maps`]. Each is made when such a program
    /// is loaded.
    pub entries: Vec<MapPlan>,
    /// How to read a record, by the number it starts with.
    pub sites: Vec<Site>,
    /// How many counters of each kind the counter map has; see [`Counters`].
    pub counters: Counters,
    /// The first of as many words as there are kernel-side handlers, in the map of [`MapRole::Words`]: a handler whose word is not 0 does
    /// nothing at a hit. `None` if handlers do not look.
    pub switches: Option<u32>,
}

impl Artifact {
    /// Has every kernel refuse to attach to functions by type, so that what is there instead is taken.
    pub fn refuse_function_types(&mut self) {
        for plan in &mut self.programs {
            if let Attach::Function { btf_id, .. } = &mut plan.attach {
                // No type has this number.
                *btf_id = 0;
            }
        }
    }
}

/// A map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MapPlan {
    /// At most 15 bytes, letters, digits, `_` and `.`.
    pub name: String,
    /// What it is for.
    pub role: MapRole,
    /// Which kind.
    pub kind: MapKind,
    /// Bytes of a key.
    pub key_size: u32,
    /// Bytes of a value; a multiple of 8 (0 for the ring).
    pub value_size: u32,
    /// Greatest number of entries; for the ring, its size in bytes.
    pub entries: u32,
    /// Contents to write before the programs are loaded, after which the map is frozen: entry 0 onwards.
    pub contents: Option<Vec<u8>>,
}

/// Kinds of map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapKind {
    /// A hash table, entries made on demand.
    Hash,
    /// The same with a value for each CPU.
    PerCpuHash,
    /// An array.
    Array,
    /// An array that user space maps.
    MappedArray,
    /// An array with a value for each CPU.
    PerCpuArray,
    /// Perf events, one for each CPU.
    PerfEvents,
    /// A ring buffer.
    Ring,
}

/// What a map is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapRole {
    /// The array of words: control words, then scalars ([`systap_ir::placed::control`]). One entry that holds them all,
    /// since a program can take the address of a byte only in an array of a single entry.
    Words,
    /// A global that does not live in the words.
    Global(GlobalId),
    /// Scratch space of a handler, one entry for each CPU; word 0 is the guard against reentry.
    Frame,
    /// The records.
    Ring,
    /// The counters, one entry of 8 bytes for each CPU; see [`Counters`].
    Counters,
    /// The arguments of the calls that a function is in, by the stack pointer at the return: what its return probe finds no more.
    Entries,
    /// A table that only programs read.
    Table,
    /// What a perf event counts on each CPU, for programs to ask.
    PerfCounter {
        /// `PERF_TYPE_*`.
        kind: u32,
        /// Which event of that kind.
        config: u64,
    },
}

/// The entries of the counter map, in this order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Records that found no room, by site.
    pub sites: u32,
    /// Hits that were skipped because another handler was running on that CPU, by kernel-side handler.
    pub skipped: u32,
    /// Hits that were handled, by kernel-side handler; 0 if they are not counted.
    pub hits: u32,
}

/// A program.
#[derive(Clone, Debug, PartialEq)]
pub struct ProgramPlan {
    /// At most 15 bytes, letters, digits, `_` and `.`.
    pub name: String,
    /// How it is attached.
    pub attach: Attach,
    /// The instructions, 8 bytes each, in the encoding of the kernel's `struct bpf_insn`.
    pub instructions: Vec<[u8; 8]>,
    /// Where map file descriptors are to be put in.
    pub relocations: Vec<Relocation>,
    /// From which instruction on which place of the script is at work; ascending.
    pub lines: Vec<(u32, Span)>,
    /// Which kernel-side handlers it runs: indexes into [`systap_ir::placed::Placed::kernel`].
    pub handlers: Vec<usize>,
    /// What serves the same handlers where the kernel refuses this program or its attachment: all of them, attached in this order, which
    /// have nothing instead of them. Empty: nothing does.
    pub instead: Vec<ProgramPlan>,
}

/// How a program is attached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attach {
    /// To a tracepoint: BTF-typed if `typed`, else raw by name. Both see the arguments as an array of 64-bit words.
    Tracepoint {
        /// The tracepoint, as the kernel names it.
        name: String,
        /// The identifier of its BTF typedef.
        btf_id: u32,
        /// The program dereferences pointers directly, so it loads only as BTF-typed.
        typed: bool,
    },
    /// To a perf event on each online CPU.
    Counter {
        /// `PERF_TYPE_*`, or the number of a PMU.
        kind: u32,
        /// Which event of that kind.
        config: u64,
        /// How often it fires.
        every: Every,
    },
    /// To accesses to the kernel's memory, on each online CPU.
    Access {
        /// Where.
        address: u64,
        /// Bytes.
        length: u32,
        /// Reads count too.
        reads: bool,
    },
    /// To a hook of netfilter.
    Packets {
        /// `NFPROTO_*`.
        family: u32,
        /// The number of the hook in that family.
        hook: u32,
        /// Lower ones come first.
        priority: i32,
    },
    /// To a kernel function, by type.
    Function {
        /// As the kernel names it.
        name: String,
        /// The BTF identifier of the function.
        btf_id: u32,
        /// To its return.
        returns: bool,
    },
    /// To many kernel functions, each with its place in the list as its cookie.
    Functions {
        /// As the kernel names them.
        names: Arc<[String]>,
        /// To their returns.
        returns: bool,
    },
    /// To an instruction of the kernel's, by a kprobe.
    KernelCode {
        /// A symbol; empty: none.
        symbol: String,
        /// Bytes from the symbol; without one, the address.
        offset: u64,
        /// To the return of the function that begins there.
        returns: bool,
    },
    /// To an instruction of a program or library, by a uprobe.
    UserCode {
        /// The file.
        path: String,
        /// Where in the file.
        offset: u64,
        /// To the return of the function that begins there.
        returns: bool,
        /// Where in the file the counter is that says whether anyone traces; 0 if there is none.
        semaphore: u64,
        /// In this process only.
        process: Option<u32>,
    },
    /// To the clock of each online CPU.
    Profile {
        /// Hits a second.
        hz: u32,
    },
}

/// A 16-byte load instruction (`BPF_LD | BPF_DW | BPF_IMM`) that is to refer to a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Relocation {
    /// Index of the first of its two halves.
    pub at: u32,
    /// Index into [`Artifact::maps`].
    pub map: u32,
    /// `Some(offset)`: the address of byte `offset` of the map's value 0 (`BPF_PSEUDO_MAP_VALUE`), for an array; `None`: the
    /// map itself (`BPF_PSEUDO_MAP_FD`).
    pub value_offset: Option<u32>,
}

/// A place in the program that writes records.
///
/// A record is: the site number (u32), the CPU (u32), then the fixed part of each field in order, then the tails of the
/// fields that have one in order, each tail padded to a multiple of 8 bytes. All in the machine's byte order.
#[derive(Clone, Debug, PartialEq)]
pub struct Site {
    /// What the record asks for.
    pub kind: SiteKind,
    /// What it carries.
    pub fields: Vec<Field>,
    /// The place in the script.
    pub span: Span,
    /// The kernel-side handler it belongs to: index into [`systap_ir::placed::Placed::kernel`].
    pub handler: usize,
}

/// What a record asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum SiteKind {
    /// To format the fields and write the text.
    Print(Format),
    /// To run this continuation on the fields.
    Continue(u32),
    /// To end the run.
    Exit,
    /// To report a run-time error; the handler went no further.
    Error(Fault),
}

/// Run-time errors of the kernel side.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// No fields.
    DivisionByZero,
    /// One long: the address.
    Read(Space),
    /// The same of a string.
    ReadText(Space),
    /// The array has no room. No fields.
    ArrayFull(GlobalId),
    /// The kernel refused to change the array. One long: the error number.
    ArrayRefused(GlobalId),
    /// An extraction from an aggregate without values. No fields.
    EmptyAggregate(GlobalId),
    /// `error(...)`. One text.
    Message,
    /// `error("...")` that is caught. No fields, and no record of its own.
    Said(Vec<u8>),
    /// More actions than MAXACTION. No fields.
    TooManyActions,
}

/// A field of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Fixed part: 8 bytes. No tail.
    Long,
    /// Fixed part: this many bytes (a multiple of 8), text padded with NULs. No tail.
    ShortText(u32),
    /// Fixed part: 8 bytes, the length without NUL. Tail: the text.
    Text,
    /// The message of an error that was caught. Fixed part: 8 bytes, the site that would have reported it, and 8 bytes, the long
    /// that its record would carry, or 0. No tail.
    Caught,
    /// A kernel stack. Fixed part: 8 bytes, the length in bytes of the tail, or a negative error number. Tail: return addresses, 8
    /// bytes each, innermost first.
    Stack,
    /// The arguments of a system call. Fixed part: 8 bytes number (of a 32-bit call: its number in the table of 32-bit
    /// calls plus 2^32, and none of its arguments is taken for a string), 6 × 8 bytes arguments, 6 × 8 bytes lengths of the strings
    /// that the arguments point to (negative: not a string or not readable). Tails: the strings, one for each length ≥ 0.
    SyscallArguments,
}
