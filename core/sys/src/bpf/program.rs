//! Programs: loaded past the verifier, asked about, run once for a test.
//!
//! It must never ask for the verifier's log before a program was refused: with a log the load is slower, and a buffer
//! that is too small for it makes a valid program fail with ENOSPC.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use super::{Btf, Command, address_of, address_of_mut, attr, call, object_name};
use crate::SysError;
use crate::error::last_errno;
use crate::mount::owned;

/// What a program is attached to, which decides its context and its helpers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProgramKind {
    /// A tracepoint by name; the context is its arguments as 64-bit words.
    RawTracepoint,
    /// A tracepoint by type; arguments are typed pointers that may be followed directly.
    TracingRawTracepoint {
        /// The id of `typedef btf_trace_NAME` in the kernel's BTF.
        btf_id: u32,
    },
    /// A kernel function's entry (fentry).
    FunctionEntry {
        /// The id of the function in the kernel's BTF.
        btf_id: u32,
    },
    /// A kernel function's return (fexit).
    FunctionReturn {
        /// The id of the function in the kernel's BTF.
        btf_id: u32,
    },
    /// A kprobe, kretprobe or uprobe; the context is the registers.
    Kprobe,
    /// As `Kprobe`, for [`attach_kernel_functions`](super::attach_kernel_functions): many functions at once (Linux 5.18).
    KprobeMulti,
    /// As `KprobeMulti`, on entry and return of each, where the entry decides about the return (Linux 6.10).
    KprobeSession,
    /// As `Kprobe`, for many places of one file at once (Linux 6.6).
    UprobeMulti,
    /// A hook of the security modules; arguments are typed pointers.
    SecurityHook {
        /// The id of the hook's function (`bpf_lsm_NAME`) in the kernel's BTF.
        btf_id: u32,
    },
    /// A hook of netfilter (Linux 6.4).
    Netfilter,
    /// A tracepoint as a perf event; the context is its record.
    Tracepoint,
    /// Samples of a perf event; the context is the registers and the sample's period.
    PerfEvent,
    /// Run by a system call only.
    Syscall,
}

impl ProgramKind {
    /// Program type, expected attach type, BTF id, from `enum bpf_prog_type` and `enum bpf_attach_type`.
    fn numbers(self) -> (u32, u32, u32) {
        match self {
            Self::Kprobe => (2, 0, 0),
            Self::KprobeMulti => (2, 42, 0),
            Self::KprobeSession => (2, 56, 0),
            Self::UprobeMulti => (2, 48, 0),
            Self::SecurityHook { btf_id } => (29, 27, btf_id),
            Self::Netfilter => (32, 45, 0),
            Self::Tracepoint => (5, 0, 0),
            Self::PerfEvent => (7, 0, 0),
            Self::RawTracepoint => (17, 0, 0),
            Self::TracingRawTracepoint { btf_id } => (26, 23, btf_id),
            Self::FunctionEntry { btf_id } => (26, 24, btf_id),
            Self::FunctionReturn { btf_id } => (26, 25, btf_id),
            Self::Syscall => (31, 0, 0),
        }
    }

    fn flags(self) -> u32 {
        // The kernel takes programs of this kind only as ones that may sleep (BPF_F_SLEEPABLE).
        if self == Self::Syscall { 1 << 4 } else { 0 }
    }
}

/// Where a function of a program begins (`struct bpf_func_info`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct FunctionInfo {
    /// The number of its first instruction.
    pub instruction: u32,
    /// The id of its FUNC in the program's own BTF.
    pub type_id: u32,
}

/// Which source line an instruction comes from (`struct bpf_line_info`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C)]
pub struct LineInfo {
    /// The number of the first instruction of the line.
    pub instruction: u32,
    /// The file's name, as an offset in the strings of the program's own BTF.
    pub file_name: u32,
    /// The line's text, likewise.
    pub line_text: u32,
    /// The line's number times 1024 plus the column.
    pub line_and_column: u32,
}

/// Functions and lines of a program: callbacks need the former, the verifier's log quotes the latter.
#[derive(Debug, Clone, Copy)]
pub struct DebugInfo<'a> {
    /// The BTF that the two refer to.
    pub btf: &'a Btf,
    /// In ascending order, the first at instruction 0; or none.
    pub functions: &'a [FunctionInfo],
    /// In ascending order, the first of each function at its first instruction; or none.
    pub lines: &'a [LineInfo],
}

/// What [`Program::load`] loads.
#[derive(Debug, Clone, Copy)]
pub struct ProgramSpec<'a> {
    /// What it is attached to.
    pub kind: ProgramKind,
    /// The instructions: `struct bpf_insn` as a word in this machine's byte order (the opcode is the low byte on
    /// little-endian machines). Descriptors of maps are in them already.
    pub instructions: &'a [u64],
    /// Shown by tools that list programs; as for maps.
    pub name: &'a str,
    /// `GPL` or another that the kernel takes as compatible (`Dual MIT/GPL`), or most helpers are refused.
    pub license: &'a CStr,
    /// Functions and lines, if there are any.
    pub debug: Option<DebugInfo<'a>>,
}

/// A program that the kernel refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("load a BPF program: {}", io::Error::from_raw_os_error(*errno))]
pub struct LoadError {
    /// The errno of the refusal.
    pub errno: i32,
    /// What the verifier said, or its last part if it said more than 16 MiB; empty if it was not reached.
    pub log: String,
}

impl LoadError {
    /// Whether a privilege is missing, as far as can be told: the verifier was not reached.
    pub fn is_permission(&self) -> bool {
        self.log.is_empty() && matches!(self.errno, libc::EPERM | libc::EACCES)
    }
}

/// What the kernel knows of a loaded program.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProgramInfo {
    /// Its id, unique while it is loaded.
    pub id: u32,
    /// How often it did not run because it was running on that processor already (Linux 5.12).
    pub recursion_misses: u64,
    /// How often it ran while [`enable_run_time_stats`](super::enable_run_time_stats) was on.
    pub run_count: u64,
    /// For how long it ran then, in nanoseconds.
    pub run_nanoseconds: u64,
    /// Instructions after the verifier's rewriting.
    pub instructions: u32,
    /// Bytes of machine code; 0 if it is interpreted.
    pub machine_code_bytes: u32,
    /// Instructions that the verifier walked through (Linux 5.16).
    pub verified_instructions: u32,
}

/// A loaded program, unloaded when it and its links are dropped.
#[derive(Debug)]
pub struct Program {
    fd: OwnedFd,
    kind: ProgramKind,
}

/// The largest log that kernels before 6.4 take is one byte less than this.
const MOST_LOG: usize = 16 << 20;

impl Program {
    /// Loads a program: without a log, and only if it is refused once more with one.
    ///
    /// # Errors
    /// The errno of the refusal, and the verifier's log.
    pub fn load(spec: &ProgramSpec<'_>) -> Result<Self, LoadError> {
        let refused = match load_once(spec, &mut []) {
            Ok(fd) => return Ok(Self { fd, kind: spec.kind }),
            Err(errno) => errno,
        };
        for size in [64 << 10, 1 << 20, MOST_LOG - 1] {
            let mut log = vec![0; size];
            match load_once(spec, &mut log) {
                // A refusal that went away by itself, as EAGAIN after a signal may.
                Ok(fd) => return Ok(Self { fd, kind: spec.kind }),
                Err(libc::ENOSPC) if refused != libc::ENOSPC && size < MOST_LOG - 1 => {}
                Err(_) => return Err(LoadError { errno: refused, log: text(&log) }),
            }
        }
        Err(LoadError { errno: refused, log: String::new() })
    }

    /// The descriptor.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }

    /// What it was loaded as.
    pub fn kind(&self) -> ProgramKind {
        self.kind
    }

    /// What the kernel knows of it.
    ///
    /// # Errors
    /// EPERM where asking is forbidden.
    pub fn info(&self) -> Result<ProgramInfo, SysError> {
        let mut info = [attr::ProgramInfo::default()];
        let mut attr = attr::ObjectInfo {
            bpf_fd: self.number(),
            info_len: size_of_val(&info) as u32,
            info: address_of_mut(&mut info),
        };
        // SAFETY: the kernel reads and writes at most info_len bytes at info, which is a live structure of that size;
        // the addresses within it are null with zero lengths, so nothing else is written.
        let asked = unsafe { call(Command::ObjectInfo, &mut attr) };
        asked.map_err(|errno| SysError::new("ask about a BPF program", errno))?;
        let [info] = info;
        Ok(ProgramInfo {
            id: info.id,
            recursion_misses: info.recursion_misses,
            run_count: info.run_cnt,
            run_nanoseconds: info.run_time_ns,
            instructions: info.xlated_prog_len / 8,
            machine_code_bytes: info.jited_prog_len,
            verified_instructions: info.verified_insns,
        })
    }

    /// Runs the program once with `context` and gives what it returned. Raw tracepoint programs (Linux 5.10) take
    /// their arguments as 64-bit words.
    ///
    /// # Errors
    /// ENOTSUPP (524) for kinds that cannot be run so, EINVAL for a context that is too short.
    pub fn test_run(&self, context: &[u8]) -> Result<u32, SysError> {
        const WHAT: &str = "test-run a BPF program";
        let ctx_size_in = u32::try_from(context.len()).map_err(|_| SysError::new(WHAT, libc::E2BIG))?;
        let mut attr =
            attr::TestRun { prog_fd: self.number(), ctx_size_in, ctx_in: address_of(context), ..Default::default() };
        if context.is_empty() {
            attr.ctx_in = 0;
        }
        // SAFETY: the kernel reads ctx_size_in bytes at ctx_in, the length of the slice; no output buffer is given.
        unsafe { call(Command::ProgramTestRun, &mut attr) }.map_err(|errno| SysError::new(WHAT, errno))?;
        Ok(attr.retval)
    }

    /// Runs a program of [`ProgramKind::Syscall`] once with `context`, in which it leaves its answer, and gives what it
    /// returned (Linux 5.14).
    ///
    /// # Errors
    /// EINVAL for a context that is shorter than what the program touches of it, or for a program of another kind.
    pub fn run(&self, context: &mut [u8]) -> Result<u32, SysError> {
        const WHAT: &str = "run a BPF program";
        if self.kind != ProgramKind::Syscall {
            return Err(SysError::new(WHAT, libc::EINVAL));
        }
        let ctx_size_in = u32::try_from(context.len()).map_err(|_| SysError::new(WHAT, libc::E2BIG))?;
        let ctx_in = address_of_mut(context);
        let mut attr = attr::TestRun { prog_fd: self.number(), ctx_size_in, ctx_in, ..Default::default() };
        // SAFETY: the kernel reads and, for programs of this kind, writes back ctx_size_in bytes at ctx_in, the length
        // of the slice, which is borrowed mutably; no other buffer is given.
        unsafe { call(Command::ProgramTestRun, &mut attr) }.map_err(|errno| SysError::new(WHAT, errno))?;
        Ok(attr.retval)
    }

    /// The descriptor as attributes carry it.
    pub(super) fn number(&self) -> u32 {
        self.fd.as_raw_fd().cast_unsigned()
    }
}

impl AsFd for Program {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Whether a program of that id is loaded now, by whomever.
///
/// # Errors
/// EPERM without CAP_SYS_ADMIN.
pub fn program_exists(id: u32) -> Result<bool, SysError> {
    const WHAT: &str = "find a BPF program by its id";
    let mut attr = attr::ById { id, ..Default::default() };
    // SAFETY: the attribute has no addresses.
    match unsafe { call(Command::ProgramFdById, &mut attr) } {
        Ok(fd) => owned(fd, WHAT).map(|_| true),
        Err(libc::ENOENT) => Ok(false),
        Err(errno) => Err(SysError::new(WHAT, errno)),
    }
}

/// Loads with the verifier's log into `log`, or without one if that is empty.
fn load_once(spec: &ProgramSpec<'_>, log: &mut [u8]) -> Result<OwnedFd, i32> {
    let (prog_type, expected_attach_type, attach_btf_id) = spec.kind.numbers();
    let length = |records: usize| u32::try_from(records).map_err(|_| libc::E2BIG);
    let mut attr = attr::ProgramLoad {
        prog_type,
        expected_attach_type,
        attach_btf_id,
        insn_cnt: length(spec.instructions.len())?,
        insns: address_of(spec.instructions),
        license: address_of(spec.license.to_bytes_with_nul()),
        prog_flags: spec.kind.flags(),
        prog_name: object_name(spec.name),
        ..Default::default()
    };
    if let Some(debug) = &spec.debug {
        attr.prog_btf_fd = debug.btf.number();
        if !debug.functions.is_empty() {
            attr.func_info_rec_size = size_of::<FunctionInfo>() as u32;
            attr.func_info_cnt = length(debug.functions.len())?;
            attr.func_info = address_of(debug.functions);
        }
        if !debug.lines.is_empty() {
            attr.line_info_rec_size = size_of::<LineInfo>() as u32;
            attr.line_info_cnt = length(debug.lines.len())?;
            attr.line_info = address_of(debug.lines);
        }
    }
    if !log.is_empty() {
        attr.log_level = 1;
        attr.log_size = length(log.len())?;
        attr.log_buf = address_of_mut(log);
    }
    // The verifier gives up with EAGAIN when a signal comes in; so would the next try if signals keep coming, hence
    // the bound.
    for _ in 0..5 {
        // SAFETY: the kernel reads insn_cnt instructions, the NUL-terminated licence and the counted records, all of
        // which the specification borrows, and writes at most log_size bytes of the log.
        match unsafe { call(Command::ProgramLoad, &mut attr) } {
            Ok(fd) => return owned(fd, "load a BPF program").map_err(|_| last_errno()),
            Err(libc::EAGAIN) => {}
            Err(errno) => return Err(errno),
        }
    }
    Err(libc::EAGAIN)
}

/// The log up to its NUL.
fn text(log: &[u8]) -> String {
    let end = log.iter().position(|byte| *byte == 0).unwrap_or(log.len());
    String::from_utf8_lossy(log.get(..end).unwrap_or_default()).into_owned()
}
