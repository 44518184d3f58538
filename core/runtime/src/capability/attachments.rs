//! What needs something to be attached to be found out: to a function and a tracepoint that every kernel has and hardly ever passes,
//! by a program that does nothing, for a moment.

use std::ffi::CString;
use std::os::unix::fs::FileExt;
use std::path::Path;

use systap_binary::Binary;
use systap_kernel::capability::{Answer, Capability};
use systap_kernel::{Kernel, Kind};
use systap_sys::SysError;
use systap_sys::bpf::{Places, Program, ProgramKind, attach_kernel_functions, attach_places, attach_raw_tracepoint};
use systap_sys::perf::{PerfEvent, Sampling, Target, UserProbe};

use super::programs::{EXIT, RESULT_ZERO, load, refusal};
use super::{NONE, answer};
use crate::attach::pmu;

/// A function that is there in every kernel, can be traced, and is only called when a file is written back by request.
const FUNCTION: &str = "vfs_fsync_range";

/// A tracepoint of every kernel that is passed when a process ends.
const TRACEPOINT: &str = "sched_process_free";

/// A hook that is passed when a task asks for the scheduling of another.
const HOOK: &str = "bpf_lsm_task_getscheduler";

/// PERF_TYPE_HARDWARE and PERF_COUNT_HW_CPU_CYCLES.
const CYCLES: (u32, u64) = (0, 0);

pub(super) fn probe(capability: Capability, kernel: &Kernel) -> Answer {
    match capability {
        Capability::Tracepoints => {
            attached(ProgramKind::RawTracepoint, |program| attach_raw_tracepoint(program, Some(TRACEPOINT)).map(drop))
        }
        Capability::TypedTracepoints => typed(kernel, Kind::Typedef, &format!("btf_trace_{TRACEPOINT}"), |btf_id| {
            ProgramKind::TracingRawTracepoint { btf_id }
        }),
        Capability::FunctionEntry => {
            typed(kernel, Kind::Func, FUNCTION, |btf_id| ProgramKind::FunctionEntry { btf_id })
        }
        Capability::FunctionReturn => {
            typed(kernel, Kind::Func, FUNCTION, |btf_id| ProgramKind::FunctionReturn { btf_id })
        }
        Capability::SecurityHooks => typed(kernel, Kind::Func, HOOK, |btf_id| ProgramKind::SecurityHook { btf_id }),
        Capability::Kprobes => match pmu("kprobe") {
            Some(pmu) => attached(ProgramKind::Kprobe, |program| {
                PerfEvent::kernel_probe(pmu, &name(FUNCTION), 0, false)?.attach(program).map(drop)
            }),
            None => Answer::No(NONE.to_owned()),
        },
        Capability::ManyFunctions => many_functions(),
        Capability::FunctionSessions => many(ProgramKind::KprobeSession),
        Capability::Uprobes => uprobe(),
        Capability::ManyPlaces => many_places(),
        Capability::PacketHooks => super::programs::taken(ProgramKind::Netfilter, &[instruction_accept(), EXIT]),
        Capability::Clock => answer(PerfEvent::cpu_clock_on(0, Sampling::PeriodNanoseconds(1_000_000_000))),
        Capability::Counters => {
            answer(PerfEvent::counter(CYCLES.0, CYCLES.1, Sampling::PeriodCounts(1_000_000_000), Target::Cpu(0)))
        }
        // Nobody writes to a function, so this is never hit.
        Capability::Watchpoints => match kernel.symbols().map(|symbols| symbols.by_name(FUNCTION)) {
            Ok(Some(symbol)) => answer(PerfEvent::access_on(0, symbol.address, 4, false)),
            Ok(None) => Answer::Unknown("the kernel hides its addresses".to_owned()),
            Err(error) => Answer::Unknown(error.to_string()),
        },
        other => Answer::Unknown(format!("nobody asks for {}", other.name())),
    }
}

/// r0 = 1, which lets packets through.
const fn instruction_accept() -> u64 {
    systap_sys::bpf::instruction(0xb7, 0, 0, 0, 1)
}

fn name(text: &str) -> CString {
    CString::new(text).unwrap_or_default()
}

/// Loads an empty program and attaches it for a moment.
fn attached(kind: ProgramKind, attach: impl FnOnce(&Program) -> Result<(), SysError>) -> Answer {
    match load(kind, &[RESULT_ZERO, EXIT]) {
        Ok(program) => answer(attach(&program)),
        Err(refused) => Answer::No(refusal(&refused)),
    }
}

/// The same for what is known by its type.
fn typed(kernel: &Kernel, kind: Kind, of: &str, program: impl FnOnce(u32) -> ProgramKind) -> Answer {
    let btf = match kernel.btf() {
        Ok(btf) => btf,
        Err(error) => return Answer::No(error.to_string()),
    };
    match btf.find(kind, of) {
        Err(error) => Answer::Unknown(error.to_string()),
        Ok(Some(id)) => attached(program(id.0), |program| attach_raw_tracepoint(program, None).map(drop)),
        Ok(None) => Answer::No(format!("this kernel has no {of}")),
    }
}

pub(super) fn many_functions() -> Answer {
    many(ProgramKind::KprobeMulti)
}

fn many(kind: ProgramKind) -> Answer {
    attached(kind, |program| attach_kernel_functions(program, &[name(FUNCTION)], &[], false).map(drop))
}

/// A kernel that knows the attachment looks for the file first, and a folder is not one that it takes.
fn many_places() -> Answer {
    let path = name("/");
    let places = Places { path: &path, offsets: &[0], semaphores: &[], cookies: &[], returns: false, process: None };
    match load(ProgramKind::UprobeMulti, &[RESULT_ZERO, EXIT]).map(|program| attach_places(&program, &places)) {
        Ok(Err(error)) if error.errno == libc::EBADF => Answer::Yes,
        Ok(tried) => answer(tried),
        Err(refused) => Answer::No(refusal(&refused)),
    }
}

/// On the first instruction of this very program, which has run already.
fn uprobe() -> Answer {
    const PROGRAM: &str = "/proc/self/exe";
    let Some(pmu) = pmu("uprobe") else { return Answer::No(NONE.to_owned()) };
    let Some(offset) = entry(PROGRAM) else { return Answer::Unknown("systap's own program cannot be read".to_owned()) };
    let path = name(PROGRAM);
    let process = Some(std::process::id());
    let probe = UserProbe { path: &path, offset, returns: false, semaphore_offset: 0, process };
    attached(ProgramKind::Kprobe, |program| PerfEvent::user_probe(pmu, &probe)?.attach(program).map(drop))
}

/// Where in the file of a program its first instruction is: `e_entry` of the ELF header says at which address.
fn entry(program: &str) -> Option<u64> {
    const ENTRY: u64 = 24;
    let mut word = [0; 8];
    std::fs::File::open(program).ok()?.read_exact_at(&mut word, ENTRY).ok()?;
    Binary::open(Path::new(program)).ok()?.offset(u64::from_ne_bytes(word)).ok()?
}
