//! Loaded programs put where they are to run.
//!
//! It must never leave a program attached: links detach when they are dropped, and nothing is pinned.

use std::ffi::CString;

use systap_bpf::artifact::{Artifact, Attach};
use systap_ir::placed::Placed;
use systap_ir::program::Every;
use systap_sys::SysError;
use systap_sys::bpf::{Link, Program, ProgramKind, attach_raw_tracepoint};
use systap_sys::cpu::online_cpus;
use systap_sys::perf::{PerfEvent, Sampling, Target, UserProbe};

use crate::functions::{Functions, LeftOut};
use crate::load::{Loaded, load_as, points_of};
use crate::refusal::LoadError;

/// Attaches every program, in the artifact's order. What of a pattern cannot be attached is left out, and told.
///
/// # Errors
/// See [`LoadError`]; what was attached before is detached again.
pub(crate) fn attach(
    artifact: &Artifact,
    placed: &Placed,
    loaded: &Loaded,
    left_out: &mut dyn FnMut(LeftOut),
) -> Result<Vec<Link>, LoadError> {
    const WHAT: &str = "attach BPF programs";
    let mut links = vec![];
    for (plan, program) in artifact.programs.iter().zip(&loaded.programs) {
        if let Attach::Functions { names, returns } = &plan.attach {
            let plain = || load_as(ProgramKind::Kprobe, plan, placed, &loaded.maps);
            let functions = Functions { names, returns: *returns, points: points_of(plan, placed) };
            functions.attach(program, &plain, &mut links, left_out)?;
            continue;
        }
        let attached = attach_one(&plan.attach, program, &mut links);
        attached.map_err(|refused| {
            let points = points_of(plan, placed);
            match (refused, &plan.attach) {
                (Refused::NoFeature(feature), _) => LoadError::NoFeature { feature, points },
                (Refused::By(source), _) if source.is_permission() => LoadError::forbidden(WHAT, source, None),
                (Refused::By(source), Attach::Tracepoint { name, .. }) if source.errno == libc::ENOENT => {
                    LoadError::NoTracepoint { name: name.clone(), points }
                }
                (Refused::By(source), Attach::Function { .. }) if source.errno == NOT_SUPPORTED => {
                    LoadError::NoFeature { feature: FUNCTION_TRACING, points }
                }
                (Refused::By(source), Attach::Counter { .. }) if NO_SUCH_COUNTER.contains(&source.errno) => {
                    LoadError::NoFeature { feature: "such counter", points }
                }
                (Refused::By(source), Attach::Access { .. }) if NO_SUCH_COUNTER.contains(&source.errno) => {
                    LoadError::NoFeature { feature: "debug registers", points }
                }
                (Refused::By(source), _) => LoadError::Attach { points, source },
            }
        })?;
    }
    Ok(links)
}

/// The kernel's ENOTSUPP (include/linux/errno.h), which no C library knows.
const NOT_SUPPORTED: i32 = 524;

/// What a counter that the machine does not have is refused with, as its kind has it.
const NO_SUCH_COUNTER: [i32; 4] = [libc::ENOENT, libc::EOPNOTSUPP, libc::ENODEV, libc::ENXIO];

pub(crate) const FUNCTION_TRACING: &str = "attachment to functions (CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS)";

/// Why a program was not attached.
enum Refused {
    NoFeature(&'static str),
    By(SysError),
}

impl From<SysError> for Refused {
    fn from(error: SysError) -> Self {
        Refused::By(error)
    }
}

fn attach_one(attach: &Attach, program: &Program, links: &mut Vec<Link>) -> Result<(), Refused> {
    match attach {
        Attach::Tracepoint { name, .. } => {
            // One that was loaded by type knows its tracepoint.
            let name = (program.kind() == ProgramKind::RawTracepoint).then_some(name.as_str());
            links.push(attach_raw_tracepoint(program, name)?);
        }
        // These have a way of their own.
        Attach::Functions { .. } => {}
        Attach::Function { .. } => links.push(attach_raw_tracepoint(program, None)?),
        Attach::Profile { hz } => {
            // A fixed period is exact from the first tick; a frequency is only approached.
            let period = Sampling::PeriodNanoseconds(1_000_000_000 / u64::from((*hz).max(1)));
            on_each_cpu(program, links, |cpu| PerfEvent::cpu_clock_on(cpu, period))?;
        }
        Attach::Counter { kind, config, every } => {
            let sampling = match every {
                Every::Count(count) => Sampling::PeriodCounts(*count),
                Every::Hertz(hertz) => Sampling::Frequency(*hertz),
            };
            on_each_cpu(program, links, |cpu| PerfEvent::counter(*kind, *config, sampling, Target::Cpu(cpu)))?;
        }
        Attach::Access { address, length, reads } => {
            on_each_cpu(program, links, |cpu| PerfEvent::access_on(cpu, *address, *length, *reads))?;
        }
        Attach::KernelCode { symbol, offset, returns } => {
            let pmu = pmu("kprobe").ok_or(Refused::NoFeature("kprobes (CONFIG_KPROBE_EVENTS)"))?;
            let symbol = c_string(symbol)?;
            links.push(PerfEvent::kernel_probe(pmu, &symbol, *offset, *returns)?.attach(program)?);
        }
        Attach::UserCode { path, offset, returns, semaphore, process } => {
            let pmu = pmu("uprobe").ok_or(Refused::NoFeature("uprobes (CONFIG_UPROBE_EVENTS)"))?;
            let path = c_string(path)?;
            let invalid = |_| SysError { what: "attach to a static probe", errno: libc::EINVAL };
            let semaphore_offset = u32::try_from(*semaphore).map_err(invalid)?;
            let probe =
                UserProbe { path: &path, offset: *offset, returns: *returns, semaphore_offset, process: *process };
            links.push(PerfEvent::user_probe(pmu, &probe)?.attach(program)?);
        }
    }
    Ok(())
}

fn c_string(text: &str) -> Result<CString, SysError> {
    CString::new(text).map_err(|_| SysError { what: "attach to a probe", errno: libc::EINVAL })
}

/// The number of a source of perf events, which the kernel gives out as it starts.
pub(crate) fn pmu(name: &str) -> Option<u32> {
    let text = std::fs::read_to_string(format!("/sys/bus/event_source/devices/{name}/type")).ok()?;
    text.trim().parse().ok()
}

/// Attaches a program to an event on each online CPU.
fn on_each_cpu(
    program: &Program,
    links: &mut Vec<Link>,
    open: impl Fn(u32) -> Result<PerfEvent, SysError>,
) -> Result<(), SysError> {
    for cpu in online_cpus()? {
        match open(cpu) {
            Ok(event) => links.push(event.attach(program)?),
            // It was taken offline since the list was made.
            Err(error) if error.errno == libc::ENODEV => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
