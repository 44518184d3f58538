//! What was counted on both sides, put together: at the end for the report, and before that for who looks on.
//!
//! It must never change a count, nor end a run over one that cannot be read.

use systap_bpf::artifact::Artifact;
use systap_ir::placed::Placed;
use systap_ir::program::Event;
use systap_sys::RingBuffer;

use crate::counters::Counts;
use crate::load::{Loaded, points_of};
use crate::report::{End, ProbeReport, ProgramReport, Report, Side, SiteLoss, Timing};
use crate::run::Plan;
use crate::session::Session;

/// Puts the report together.
pub(crate) fn account(
    plan: &Plan<'_>,
    session: &Session<'_>,
    loaded: Option<&Loaded>,
    ring: Option<&mut RingBuffer>,
    end: End,
) -> Report {
    let mut counts = session.counts();
    if let Some(ring) = ring {
        // A program that was running on another CPU when it was detached may have come after the last look.
        ring.drain(usize::MAX, &mut |record| {
            let site = crate::record::header(record).map_or(usize::MAX, |(site, ..)| site as usize);
            if let Some(lost) = counts.lost.get_mut(site) {
                *lost += 1;
            }
        });
    }
    let lost = counts.lost.iter().enumerate().filter(|(_, records)| **records > 0).filter_map(|(site, records)| {
        let (span, point) = session.place_of(site)?;
        Some(SiteLoss { span, point: point.to_owned(), records: *records })
    });
    let programs = programs(plan.placed, plan.artifact, loaded, &session.missed);
    Report {
        end,
        target: None,
        probes: probes(plan.placed, plan.artifact, session, &counts, &programs),
        lost: lost.collect(),
        programs,
        excess: session.excess,
        errors: session.faults.total(),
        arrays_full: session.faults.arrays_full(),
        malformed: session.malformed,
        abandoned: session.abandoned,
        timing: Timing::default(),
    }
}

/// What the kernel says of each program; `missed`, what it says of their attachments.
pub(crate) fn programs(
    placed: &Placed,
    artifact: Option<&Artifact>,
    loaded: Option<&Loaded>,
    missed: &[u64],
) -> Vec<ProgramReport> {
    let programs = artifact.into_iter().flat_map(|artifact| &artifact.programs);
    let programs = programs.enumerate().map(|(at, of)| {
        let its = loaded.into_iter().flat_map(|loaded| loaded.all()).filter(|(plan, _)| *plan == at);
        let infos = its.filter_map(|(_, program)| program.info().ok());
        let recursion_misses = infos.map(|info| info.recursion_misses).sum();
        let missed = missed.get(at).copied().unwrap_or(0);
        ProgramReport { name: of.name.clone(), points: points_of(of, placed), recursion_misses, missed }
    });
    programs.collect()
}

/// What became of each handler: those of the kernel side, then those of the user side.
pub(crate) fn probes(
    placed: &Placed,
    artifact: Option<&Artifact>,
    session: &Session<'_>,
    counts: &Counts,
    programs: &[ProgramReport],
) -> Vec<ProbeReport> {
    let user_side = placed.user.iter().enumerate().map(|(index, handler)| ProbeReport {
        point: handler.point.clone(),
        span: handler.span,
        side: Side::User,
        hits: session.hits.get(index).copied(),
        skipped: session.skipped.get(index).copied().unwrap_or(0),
        missed: None,
    });
    let missed = |index: usize, event: &Event| {
        let plans = artifact.map_or(&[][..], |artifact| &artifact.programs);
        let its = plans.iter().zip(programs).find(|(plan, _)| plan.handlers.contains(&index));
        its.filter(|_| !is_told_apart(event)).map(|(_, program)| program.recursion_misses + program.missed)
    };
    let kernel_side = placed.kernel.iter().enumerate().map(|(index, handler)| ProbeReport {
        point: handler.point.clone(),
        span: handler.span,
        side: Side::Kernel,
        hits: counts.hits.get(index).copied(),
        skipped: counts.skipped.get(index).copied().unwrap_or(0),
        missed: missed(index, &handler.event),
    });
    kernel_side.chain(user_side).collect()
}

/// Whether the program itself finds out that it is this event, so that it runs at others too.
pub(crate) fn is_told_apart(event: &Event) -> bool {
    matches!(event, Event::SyscallEntry(_) | Event::SyscallReturn(_))
}
