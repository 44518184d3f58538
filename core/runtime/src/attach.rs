//! Loaded programs put where they are to run.
//!
//! It must never leave a program attached: links detach when they are dropped, and nothing is pinned.

use systap_bpf::artifact::{Artifact, Attach};
use systap_ir::placed::Placed;
use systap_sys::SysError;
use systap_sys::bpf::{Link, Program, ProgramKind, attach_raw_tracepoint};
use systap_sys::cpu::online_cpus;
use systap_sys::perf::{PerfEvent, Sampling};

use crate::load::{Loaded, points_of};
use crate::refusal::LoadError;

/// Attaches every program, in the artifact's order.
///
/// # Errors
/// See [`LoadError`]; what was attached before is detached again.
pub(crate) fn attach(artifact: &Artifact, placed: &Placed, loaded: &Loaded) -> Result<Vec<Link>, LoadError> {
    const WHAT: &str = "attach BPF programs";
    let mut links = vec![];
    for (plan, program) in artifact.programs.iter().zip(&loaded.programs) {
        let attached = match &plan.attach {
            Attach::Tracepoint { name, .. } => {
                // One that was loaded by type knows its tracepoint.
                let name = (program.kind() == ProgramKind::RawTracepoint).then_some(name.as_str());
                attach_raw_tracepoint(program, name).map(|link| links.push(link))
            }
            Attach::Profile { hz } => attach_to_clocks(program, *hz, &mut links),
        };
        attached.map_err(|source| {
            let points = points_of(plan, placed);
            match &plan.attach {
                _ if source.is_permission() => LoadError::forbidden(WHAT, source, None),
                Attach::Tracepoint { name, .. } if source.errno == libc::ENOENT => {
                    LoadError::NoTracepoint { name: name.clone(), points }
                }
                _ => LoadError::Attach { points, source },
            }
        })?;
    }
    Ok(links)
}

/// Attaches a program to the clock of each online CPU.
fn attach_to_clocks(program: &Program, hz: u32, links: &mut Vec<Link>) -> Result<(), SysError> {
    // A fixed period is exact from the first tick; a frequency is only approached.
    let period = Sampling::PeriodNanoseconds(1_000_000_000 / u64::from(hz.max(1)));
    for cpu in online_cpus()? {
        match PerfEvent::cpu_clock_on(cpu, period) {
            Ok(event) => links.push(event.attach(program)?),
            // It was taken offline since the list was made.
            Err(error) if error.errno == libc::ENODEV => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
