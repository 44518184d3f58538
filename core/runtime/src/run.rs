//! A run from its beginning to its end, in order.
//!
//! Everything is loaded; `begin` handlers run; probes are attached; the target is let go; the loop serves what comes;
//! probes are detached; the last record is delivered; `end` or `error` handlers run; globals are printed; counts are
//! read. It must never leave anything behind: whatever way it ends, programs, maps and children are gone.

use std::time::{Duration, Instant};

use systap_bpf::artifact::Artifact;
use systap_ir::placed::{Placed, control};
use systap_ir::program::Event;
use systap_kernel::Kernel;
use systap_sys::bpf::SharedWords;
use systap_sys::clock;
use systap_sys::event::{Signal, SignalFd};
use systap_sys::{RingBuffer, SysError};

use crate::account;
use crate::attach::{Attached, Attachment};
use crate::error::RunError;
use crate::excess::Watchdog;
use crate::files::Files;
use crate::functions::LeftOut;
use crate::globals;
use crate::input::Input;
use crate::load::{Loaded, load, points_of};
use crate::output::Output;
use crate::report::{End, Report, Timing};
use crate::session::Session;
use crate::sink::{Notice, Sink, Step};
use crate::store::MapStore;
use crate::target::{Target, Watched};
use crate::timer::{SHORTEST, Timers};
use crate::watch::{Outside, Watch, serve_rest};
use crate::world::{Ending, World};

/// What is to be run, and how.
#[derive(Clone, Debug)]
pub struct Plan<'a> {
    /// The program.
    pub placed: &'a Placed,
    /// Its kernel part; `None` if nothing runs in the kernel, and then no privilege is needed.
    pub artifact: Option<&'a Artifact>,
    /// The running kernel.
    pub kernel: &'a Kernel,
    /// The process that the run is about.
    pub target: Target,
    /// When the run ends at the latest, from when probes are attached.
    pub time_limit: Option<Duration>,
    /// Ticks of the kernel's clock a second (`CONFIG_HZ`), for `jiffies()`.
    pub hz: u32,
}

/// Carries out a plan.
///
/// Blocks SIGINT, SIGTERM, SIGHUP and SIGQUIT for the calling thread, which keeps them blocked: call it from the main
/// thread before there are others. The first of these signals ends the run in order, the third at once.
///
/// # Errors
/// See [`RunError`]. What a script does wrong is no error here but goes to the sink and into the report.
pub fn run(plan: &Plan<'_>, sink: &mut dyn Sink) -> Result<Report, RunError> {
    let start = Instant::now();
    let signals = SignalFd::block(&[Signal::INTERRUPT, Signal::TERMINATE, Signal::HANGUP, Signal::QUIT])?;
    let mut output = Output::new(sink);
    // The child is made first, while there is the least memory to copy.
    let mut watched = Watched::new(&plan.target)?;
    let target = watched.as_ref().map_or(0, Watched::pid);
    let mut timing = Timing::default();
    let loaded = plan.artifact.map(|artifact| load(artifact, plan.placed, plan.kernel)).transpose()?;
    if let Some(loaded) = &loaded {
        timing.load = start.elapsed();
        let (maps, programs) = (loaded.maps.len(), loaded.all().count());
        output.trace(&Step::Loaded { maps, programs, took: timing.load });
    }
    set_control_words(loaded.as_ref().and_then(|loaded| loaded.words.as_ref()), target)?;
    let mut ring = loaded.as_ref().map(Loaded::open_ring).transpose()?.flatten();
    let store = MapStore::new(plan.placed, loaded.as_ref())?;
    let world = World::new(output, Ending::new(signals), plan.kernel, plan.hz, target);
    let watchdog = Watchdog::new(plan.placed.limits, loaded.as_ref())?;
    let mut session = Session::new(plan.placed, plan.artifact, loaded.as_ref(), store, world, watchdog);

    session.world.ending.deadline = deadline(plan);
    if session.world.output.viewer().is_some() {
        session.times = Some(vec![Duration::ZERO; plan.placed.user.len()]);
    }
    session.run_ordered(
        |event| if let Event::Begin(order) = event { Some(*order) } else { None },
        |session| session.end().is_none(),
    );
    session.world.output.flush();
    session.world.take_signals();
    let outcome = match session.end() {
        Some(end) => Ok(end),
        None => serve_all(plan, &mut session, loaded.as_ref(), ring.as_mut(), watched.as_mut(), start, &mut timing),
    };
    // Whatever happened, what was printed until then is written.
    session.world.output.flush();
    let end = outcome?;
    if let Some(watched) = &mut watched
        && end != End::TargetEnded
    {
        watched.terminate();
    }
    session.world.ending.in_end = true;
    if let Some(ring) = &mut ring {
        serve_rest(ring, &mut session);
    }
    let end = run_last_handlers(plan.placed, &mut session, end);
    session.world.output.flush();
    let exit = watched.and_then(Watched::reap).filter(|_| end == End::TargetEnded);
    let mut report = account::account(plan, &session, loaded.as_ref(), ring.as_mut(), end);
    report.target = exit;
    report.timing = timing;
    match session.world.output.into_failure() {
        Some(error) => Err(RunError::Output(error)),
        None => Ok(report),
    }
}

/// Says to kernel-side programs what is constant in a run.
fn set_control_words(words: Option<&SharedWords>, target: u32) -> Result<(), SysError> {
    if let Some(words) = words {
        words.store(control::TARGET as usize, i64::from(target));
        words.store(control::OWN as usize, i64::from(std::process::id()));
        words.store(control::PID_NAMESPACE as usize, crate::world::pid_namespace());
        let offset = clock::tai_offset_seconds()?.saturating_mul(1_000_000_000);
        words.store(control::TAI_OFFSET as usize, offset);
    }
    Ok(())
}

/// Attaches, lets the target go, serves what comes, and detaches.
fn serve_all(
    plan: &Plan<'_>,
    session: &mut Session<'_>,
    loaded: Option<&Loaded>,
    ring: Option<&mut RingBuffer>,
    mut watched: Option<&mut Watched>,
    start: Instant,
    timing: &mut Timing,
) -> Result<End, RunError> {
    let files = Files::offer(plan.placed)?;
    if let Some(files) = &files {
        session.world.output.warning(&Notice::Files { directory: files.directory().to_owned() });
    }
    let input = Input::of(&plan.placed.user, (plan.placed.limits.string as usize).saturating_sub(1));
    let mut watch = Watch::new(session, ring.as_deref(), watched.as_deref(), Outside { files, input })?;
    if let Some(watched) = &watched {
        watched.settle();
    }
    let attaching = Instant::now();
    let Attached { links, refused } = match (plan.artifact, loaded) {
        (Some(artifact), Some(loaded)) => {
            let output = &mut session.world.output;
            Attachment { artifact, placed: plan.placed, loaded }.attach(&mut |LeftOut { point, name, reason }| {
                output.warning(&Notice::LeftOut { point, name, reason });
            })?
        }
        _ => Attached::default(),
    };
    for refused in loaded.iter().flat_map(|loaded| &loaded.refused).chain(&refused) {
        session.world.output.warning(&Notice::NotProbed { reason: refused.to_string() });
    }
    if let (Some(artifact), Some(loaded)) = (plan.artifact, loaded) {
        for (of, instead) in artifact.programs.iter().zip(&loaded.instead) {
            if let Some(refused) = instead.refused() {
                let (points, reason) = (points_of(of, plan.placed), refused.reason());
                session.world.output.trace(&Step::ByKprobe { points, reason });
            }
        }
    }
    timing.attach = attaching.elapsed();
    timing.armed = start.elapsed();
    if !links.is_empty() {
        session.world.output.trace(&Step::Attached { links: links.len(), took: timing.attach });
    }
    session.world.output.trace(&Step::Armed { took: timing.armed });
    let now = clock::monotonic_ns();
    session.world.ending.deadline = deadline(plan);
    let mut timers = Timers::new(&plan.placed.user, now, now);
    tell_of_short_periods(plan.placed, session);
    if let Some(watched) = &mut watched
        && watched.release()?
    {
        session.world.output.trace(&Step::Started { pid: watched.pid() });
    }
    let end = watch.until_end(session, ring, &mut timers);
    if let Some(viewer) = session.world.output.viewer() {
        viewer.close();
    }
    let end = end?;
    // Several attachments do not go at once; programs that look do nothing more from here on.
    session.stop_kernel_side();
    let detaching = Instant::now();
    let any = !links.is_empty();
    session.missed = vec![0; plan.artifact.map_or(0, |artifact| artifact.programs.len())];
    for (at, link) in &links {
        if let (Some(count), Some(missed)) = (session.missed.get_mut(*at), link.missed()) {
            *count += missed;
        }
    }
    drop(links);
    if any {
        session.world.output.trace(&Step::Detached { took: detaching.elapsed() });
    }
    Ok(end)
}

/// When the run's time is over if it begins now.
fn deadline(plan: &Plan<'_>) -> Option<u64> {
    let limit = plan.time_limit.map(|limit| u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX));
    limit.map(|limit| clock::monotonic_ns().saturating_add(limit))
}

fn tell_of_short_periods(placed: &Placed, session: &mut Session<'_>) {
    for handler in &placed.user {
        if let Event::Timer { period, .. } = handler.event
            && Duration::from_nanos(period) < SHORTEST
        {
            let (point, span) = (handler.point.clone(), handler.span);
            session.world.output.warning(&Notice::TimerFloor { point, span, floor: SHORTEST });
        }
    }
}

/// Runs what belongs to the end, and prints what is printed then; gives the reason of the end, which an error meanwhile
/// can change.
fn run_last_handlers(placed: &Placed, session: &mut Session<'_>, end: End) -> End {
    let failed = |session: &Session<'_>| session.has_failed();
    session.run_ordered(
        |event| if let Event::End(order) = event { Some(*order) } else { None },
        |session| !session.is_given_up() && !failed(session),
    );
    if failed(session) {
        session.run_ordered(
            |event| if let Event::Error(order) = event { Some(*order) } else { None },
            |session| !session.is_given_up(),
        );
    } else if !session.is_given_up() {
        let Session { store, world, .. } = session;
        for notice in world.output.append(|buffer| globals::print(placed, store, buffer)) {
            world.output.warning(&notice);
        }
    }
    for notice in session.faults.repeated() {
        session.world.output.warning(&notice);
    }
    let worse = [(session.is_given_up(), session.end()), (failed(session), Some(End::Error))];
    worse.into_iter().find_map(|(is, end)| end.filter(|_| is)).unwrap_or(end)
}

#[cfg(test)]
#[path = "process_tests.rs"]
mod process_tests;
#[cfg(test)]
#[path = "recording_tests.rs"]
mod recording_tests;
#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
