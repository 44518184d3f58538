//! Loaded programs put where they are to run.
//!
//! It must never leave a program attached: links detach when they are dropped, and nothing is pinned.

use std::ffi::CString;

use systap_bpf::artifact::{Artifact, Attach, ProgramPlan};
use systap_diagnostics::Span;
use systap_ir::placed::Placed;
use systap_ir::program::{Every, Missing};
use systap_sys::SysError;
use systap_sys::bpf::{Link, Program, ProgramKind, attach_packets, attach_raw_tracepoint};
use systap_sys::cpu::online_cpus;
use systap_sys::perf::{PerfEvent, Sampling, Target, UserProbe};

use crate::functions::{Functions, LeftOut};
use crate::instead::Instead;
use crate::load::{Loaded, load_as, points_of};
use crate::refusal::{LoadError, NOT_SUPPORTED};

/// What was attached, and what the kernel did not let be probed.
#[derive(Debug, Default)]
pub(crate) struct Attached {
    /// They detach when they are dropped. Each with the place of its program in the artifact.
    pub(crate) links: Vec<(usize, Link)>,
    /// Places in code that were refused while others were taken, and points that the script does without.
    pub(crate) refused: Vec<LoadError>,
}

/// What a refusal of a program means for the run.
fn missing(plan: &ProgramPlan, placed: &Placed) -> Missing {
    let of = |handler: &usize| placed.kernel.get(*handler).map_or(Missing::Fails, |handler| handler.missing);
    let all: Vec<Missing> = plan.handlers.iter().map(of).collect();
    let has = |wanted: Missing| all.contains(&wanted);
    if all.is_empty() || has(Missing::Fails) {
        Missing::Fails
    } else if has(Missing::FailsAlone) {
        Missing::FailsAlone
    } else {
        Missing::Passes
    }
}

/// Whether the run can do without a program that the kernel has refused for what it lacks.
pub(crate) fn may_be_missing(plan: &ProgramPlan, placed: &Placed, error: &LoadError) -> bool {
    error.is_of_the_kernel() && missing(plan, placed) != Missing::Fails
}

/// What is to be attached, and from what.
pub(crate) struct Attachment<'a> {
    pub(crate) artifact: &'a Artifact,
    pub(crate) placed: &'a Placed,
    pub(crate) loaded: &'a Loaded,
}

impl Attachment<'_> {
    /// Attaches every program, in the artifact's order, or what is in its place. A place in code that the kernel refuses is left out, as
    /// long as it takes another: a pattern finds functions that cannot be probed.
    ///
    /// # Errors
    /// See [`LoadError`]; what was attached before is detached again.
    pub(crate) fn attach(&self, left_out: &mut dyn FnMut(LeftOut)) -> Result<Attached, LoadError> {
        let Attachment { artifact, placed, loaded } = self;
        let mut attached = Attached::default();
        let mut taken = 0;
        let mut passed: Vec<(usize, LoadError)> = vec![];
        for (at, (plan, program)) in artifact.programs.iter().zip(&loaded.programs).enumerate() {
            let mut links = vec![];
            if let (Attach::Functions { names, returns }, Some(program)) = (&plan.attach, program) {
                let map = |number: u32| loaded.maps.get(number as usize);
                let plain = || load_as(ProgramKind::Kprobe, plan, placed, &map);
                let functions = Functions { names, returns: *returns, points: points_of(plan, placed) };
                functions.attach(program, &plain, &mut links, left_out)?;
                attached.links.extend(links.into_iter().map(|link| (at, link)));
                continue;
            }
            let is_code =
                matches!(plan.attach, Attach::Function { .. } | Attach::KernelCode { .. } | Attach::UserCode { .. });
            match self.one(at, plan, &mut links) {
                Ok(()) => taken += u32::from(is_code && !links.is_empty()),
                Err(error) if may_be_missing(plan, placed, &error) => passed.push((at, error)),
                // Without the means, the next one fares no better.
                Err(error) if is_code && (taken > 0 || error.is_of_the_place()) => attached.refused.push(error),
                Err(error) => return Err(error),
            }
            attached.links.extend(links.into_iter().map(|link| (at, link)));
        }
        if !attached.refused.is_empty() && taken == 0 {
            return Err(attached.refused.swap_remove(0));
        }
        for (at, error) in passed {
            if self.fails_alone(at, &attached) {
                return Err(error);
            }
            attached.refused.push(error);
        }
        let lost = loaded.passed.iter().find(|at| self.fails_alone(**at, &attached));
        match lost.and_then(|at| Some(LoadError::nothing_of(points_of(artifact.programs.get(*at)?, placed)))) {
            Some(error) => Err(error),
            None => Ok(attached),
        }
    }

    /// Whether a program that was refused leaves a point of the script with nothing, and the script has not allowed that.
    fn fails_alone(&self, at: usize, attached: &Attached) -> bool {
        let Attachment { artifact, placed, .. } = self;
        let Some(plan) = artifact.programs.get(at).filter(|plan| missing(plan, placed) == Missing::FailsAlone) else {
            return false;
        };
        let spans = |plan: &ProgramPlan| -> Vec<Span> {
            plan.handlers.iter().filter_map(|handler| placed.kernel.get(*handler)).map(|handler| handler.span).collect()
        };
        let has = |span: &Span| {
            let attached = attached.links.iter().filter_map(|(at, _)| artifact.programs.get(*at));
            attached.flat_map(spans).any(|other| other == *span)
        };
        spans(plan).iter().any(|span| !has(span))
    }

    /// Attaches a program, or else what may be in its place; nothing if neither was loaded.
    fn one(&self, at: usize, plan: &ProgramPlan, links: &mut Vec<Link>) -> Result<(), LoadError> {
        let Attachment { artifact, placed, loaded } = self;
        let other = loaded.instead.get(at);
        if let Some(Some(program)) = loaded.programs.get(at) {
            let refused = match attach_one(&plan.attach, program, links) {
                Ok(()) => return Ok(()),
                Err(refused) => error(refused, plan, placed),
            };
            match other {
                Some(other) if Instead::may_follow(plan, &refused) && !refused.is_of_the_process() => {
                    links.clear();
                    other.load(artifact, plan, placed, &loaded.maps, refused)?;
                }
                _ => return Err(refused),
            }
        }
        let Some(other) = other else { return Ok(()) };
        for (plan, program) in plan.instead.iter().zip(other.programs()) {
            attach_one(&plan.attach, program, links).map_err(|refused| {
                let second = error(refused, plan, placed);
                other.neither(plan, placed, &second)
            })?;
        }
        Ok(())
    }
}

/// A refusal in the words of the probe points that it is about.
fn error(refused: Refused, plan: &ProgramPlan, placed: &Placed) -> LoadError {
    const WHAT: &str = "attach BPF programs";
    let points = points_of(plan, placed);
    match (refused, &plan.attach) {
        (Refused::NoFeature(feature), _) => LoadError::NoFeature { feature, points },
        (Refused::By(source), _) if source.is_permission() => LoadError::forbidden(WHAT, source, None),
        (Refused::By(source), Attach::Tracepoint { name, .. }) if source.errno == libc::ENOENT => {
            LoadError::NoTracepoint { name: name.clone(), points }
        }
        // Without another way, that the arguments are too many is told as any other.
        (Refused::By(source), Attach::Function { .. }) if source.errno == NOT_SUPPORTED && plan.instead.is_empty() => {
            LoadError::NoFeature { feature: FUNCTION_TRACING, points }
        }
        (Refused::By(source), Attach::Counter { .. }) if NO_SUCH_COUNTER.contains(&source.errno) => {
            LoadError::NoFeature { feature: "such counter", points }
        }
        (Refused::By(source), Attach::Access { .. }) if NO_SUCH_COUNTER.contains(&source.errno) => {
            LoadError::NoFeature { feature: "debug registers", points }
        }
        (Refused::By(source), Attach::Packets { .. }) if source.errno == libc::EAFNOSUPPORT => {
            LoadError::NoFeature { feature: "attachment to packets but those of IPv4 and IPv6", points }
        }
        (Refused::By(source), _) => LoadError::Attach { points, source },
    }
}

/// What a counter that the machine does not have is refused with, as its kind has it.
const NO_SUCH_COUNTER: [i32; 4] = [libc::ENOENT, libc::EOPNOTSUPP, libc::ENODEV, libc::ENXIO];

pub(crate) const FUNCTION_TRACING: &str = "attachment to functions (CONFIG_DYNAMIC_FTRACE_WITH_DIRECT_CALLS)";

/// What a kernel before Linux 6.4 lacks.
pub(crate) const PACKET_HOOKS: &str = "BPF programs at hooks of netfilter (Linux 6.4, CONFIG_NETFILTER_BPF_LINK)";

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
        Attach::Packets { family, hook, priority } => links.push(packets(program, *family, *hook, *priority)?),
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

/// A hook has one BPF program for each priority, so that one that is taken is evaded: the next but a few is as good.
fn packets(program: &Program, family: u32, hook: u32, priority: i32) -> Result<Link, SysError> {
    const MOST_TRIED: i32 = 16;
    // The very first and the very last are not for BPF.
    let first = priority.clamp(i32::MIN + 1, i32::MAX - MOST_TRIED - 1);
    let mut tried = attach_packets(program, family, hook, first);
    for further in 1..MOST_TRIED {
        match tried {
            Err(error) if error.errno == libc::EBUSY => {
                tried = attach_packets(program, family, hook, first + further);
            }
            done => return done,
        }
    }
    tried
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::load;
    use crate::load::tests::{insn, may_load, program};
    use systap_kernel::Kernel;

    /// A program that does nothing, at a place of a program that nobody runs meanwhile.
    fn at(offset: u64) -> ProgramPlan {
        let nothing = vec![insn(0xb7, 0, 0, 0, 0), insn(0x95, 0, 0, 0, 0)];
        let path = "/bin/true".to_owned();
        let attach = Attach::UserCode { path, offset, returns: false, semaphore: 0, process: None };
        ProgramPlan { attach, handlers: vec![], ..program(nothing, vec![]) }
    }

    fn tried(offsets: &[u64]) -> Result<Attached, LoadError> {
        let programs = offsets.iter().map(|offset| at(*offset)).collect();
        let artifact = Artifact { programs, ..Artifact::default() };
        let placed = Placed::default();
        let loaded = load(&artifact, &placed, &Kernel::running())?;
        Attachment { artifact: &artifact, placed: &placed, loaded: &loaded }.attach(&mut |_| {})
    }

    #[test]
    fn a_place_that_is_refused_is_left_out_if_another_is_taken() {
        if !may_load() || pmu("uprobe").is_none() {
            eprintln!("skipped: no uprobes here");
            return;
        }
        const BEHIND_THE_FILE: u64 = 1 << 40;
        for offsets in [[0x1000, BEHIND_THE_FILE], [BEHIND_THE_FILE, 0x1000]] {
            let attached = tried(&offsets).unwrap();
            assert_eq!((attached.links.len(), attached.refused.len()), (1, 1), "{offsets:x?}");
            assert_eq!(
                attached.refused[0].to_string(),
                "cannot attach a probe: open a perf event: Invalid argument (os error 22)"
            );
        }
        assert!(matches!(tried(&[BEHIND_THE_FILE, BEHIND_THE_FILE]), Err(LoadError::Attach { .. })));
    }
}
