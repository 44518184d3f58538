//! A run as it is at one moment, for who looks on; and what they may ask of it: to end, to begin its globals anew, to leave a probe out.
//!
//! It must never decide how anything is shown, nor run a handler; and a run that nobody looks at must never pay for it.

use std::cmp::Reverse;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

use systap_ir::placed::Placed;
use systap_ir::program::{Global, GlobalId, GlobalShape};
use systap_sys::{bpf, clock};

use crate::account::{self, is_told_apart};
use crate::report::ProbeReport;
use crate::session::Session;
use crate::user::{Aggregate, Datum, Entry, Store, StoreError};

/// Looks at a run while it goes on. From [`show`](Viewer::show) to [`close`](Viewer::close) it sees what the run is.
pub trait Viewer {
    /// How long from one look to the next.
    fn period(&self) -> Duration;

    /// Where orders come from: [`orders`](Viewer::orders) is called when it can be read.
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// What the run is now.
    fn show(&mut self, view: View);

    /// What is asked for since the last time. Must not wait.
    ///
    /// # Errors
    /// Where no more orders can come; then the run ends, as nobody could end it otherwise.
    fn orders(&mut self) -> io::Result<Vec<Order>>;

    /// The run ends: its last handlers come now.
    fn close(&mut self);
}

/// What who looks on asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// To end, as a signal does.
    Quit,
    /// Each global as it was before the run.
    Reset,
    /// To leave the probe of this index out from now on, or to run it again.
    Toggle(usize),
    /// To be shown what the run is, though the time has not come.
    Look,
}

/// A run at one moment.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// The probes of the script.
    pub probes: Vec<ProbeView>,
    /// Its globals, in script order.
    pub globals: Vec<GlobalView>,
    /// Records that found no room.
    pub lost: u64,
    /// Run-time errors.
    pub errors: u64,
}

/// A probe at one moment.
#[derive(Clone, Debug)]
pub struct ProbeView {
    /// Its place in [`Report::probes`](crate::Report::probes).
    pub index: usize,
    /// What became of it until now; [`missed`](ProbeReport::missed) without what only detaching tells.
    pub report: ProbeReport,
    /// It runs when it is hit.
    pub on: bool,
    /// Records of it that found no room.
    pub lost: u64,
    /// How long it took for each hit on average, of a probe of the kernel side without what its records are turned into; `None` where
    /// nobody knows: the kernel does not measure, it was not hit, or its program serves other probes too.
    pub time: Option<Duration>,
}

/// A global at one moment.
#[derive(Clone, Debug)]
pub struct GlobalView {
    /// Its name.
    pub name: String,
    /// Its numbers are addresses.
    pub pointer: bool,
    /// What is in it.
    pub content: Content,
}

/// What is in a global.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A number, a string or an aggregate.
    One(Entry),
    /// An array.
    Many {
        /// How many elements it has.
        count: usize,
        /// The first of them, the greatest first; of aggregates, those with the greatest counts.
        first: Vec<(Vec<Datum>, Entry)>,
    },
    /// It could not be read.
    Unreadable(StoreError),
}

/// Of an array, that many elements are shown.
const ELEMENTS: usize = 200;

/// The looks at a run.
#[derive(Debug)]
pub(crate) struct Looks {
    period: u64,
    next: u64,
    /// While it is open, the kernel measures how long programs run.
    _stats: Option<OwnedFd>,
    /// By program.
    clocks: Vec<Clock>,
}

/// How often and how long a program has run, while its handler was on.
#[derive(Clone, Copy, Debug, Default)]
struct Clock {
    seen: (u64, u64),
    total: (u64, u64),
}

impl Looks {
    /// `None` if nobody looks.
    pub(crate) fn of(session: &mut Session<'_>) -> Option<Self> {
        let viewer = session.world.output.viewer()?;
        let period = u64::try_from(viewer.period().as_nanos()).unwrap_or(u64::MAX).max(1);
        let programs = session.artifact.map_or(0, |artifact| artifact.programs.len());
        // A view without times is one, too.
        let stats = if programs > 0 { bpf::enable_run_time_stats().ok() } else { None };
        let clocks = vec![Clock::default(); if stats.is_some() { programs } else { 0 }];
        Some(Looks { period, next: clock::monotonic_ns(), _stats: stats, clocks })
    }

    /// When the next is due, on the monotonic clock.
    pub(crate) fn due(&self) -> u64 {
        self.next
    }

    /// Shows the run if that is due.
    pub(crate) fn look_if_due(&mut self, session: &mut Session<'_>) {
        let now = clock::monotonic_ns();
        if now >= self.next {
            // A look that is late does not make the next one early.
            self.next = now.saturating_add(self.period);
            self.look(session);
        }
    }

    /// Does what was asked for.
    pub(crate) fn obey(&mut self, session: &mut Session<'_>) {
        let Some(viewer) = session.world.output.viewer() else { return };
        let orders = viewer.orders().unwrap_or_else(|_| vec![Order::Quit]);
        for order in &orders {
            match order {
                Order::Quit => session.world.ending.signalled = session.world.ending.signalled.saturating_add(1),
                Order::Reset => reset(session.placed, &mut session.store),
                Order::Toggle(index) => toggle(session, *index),
                Order::Look => {}
            }
        }
        if !orders.is_empty() {
            self.look(session);
        }
    }

    fn look(&mut self, session: &mut Session<'_>) {
        session.world.output.flush();
        let view = self.view(session);
        if let Some(viewer) = session.world.output.viewer() {
            viewer.show(view);
        }
    }

    fn view(&mut self, session: &mut Session<'_>) -> View {
        let globals = globals(session.placed, &mut session.store);
        let (placed, counts) = (session.placed, session.counts());
        let programs = account::programs(placed, session.artifact, session.loaded, &[]);
        let reports = account::probes(placed, session.artifact, session, &counts, &programs);
        self.read_clocks(session);
        let mut lost = vec![0; placed.kernel.len()];
        for (site, records) in counts.lost.iter().enumerate() {
            let handler = session.artifact.and_then(|artifact| artifact.sites.get(site)).map(|site| site.handler);
            if let Some(lost) = handler.and_then(|handler| lost.get_mut(handler)) {
                *lost += records;
            }
        }
        let probes = reports.into_iter().enumerate().filter(|(index, _)| !is_companion(placed, *index));
        let probes = probes.map(|(index, report)| ProbeView {
            index,
            on: is_on(session, index),
            lost: lost.get(index).copied().unwrap_or(0),
            time: self.time(session, index, report.hits),
            report,
        });
        View { probes: probes.collect(), globals, lost: counts.lost.iter().sum(), errors: session.faults.total() }
    }

    fn read_clocks(&mut self, session: &Session<'_>) {
        let Some(loaded) = session.loaded else { return };
        let mut now = vec![(0, 0); self.clocks.len()];
        for (plan, program) in loaded.all() {
            if let (Some(now), Ok(info)) = (now.get_mut(plan), program.info()) {
                *now = (now.0 + info.run_count, now.1 + info.run_nanoseconds);
            }
        }
        let programs = session.artifact.map_or(&[][..], |artifact| &artifact.programs);
        for ((clock, now), plan) in self.clocks.iter_mut().zip(now).zip(programs) {
            // A handler that is off leaves at once, which says nothing of how long it takes.
            if plan.handlers.iter().all(|handler| is_on(session, *handler)) {
                clock.total.0 += now.0.saturating_sub(clock.seen.0);
                clock.total.1 += now.1.saturating_sub(clock.seen.1);
            }
            clock.seen = now;
        }
    }

    fn time(&self, session: &Session<'_>, index: usize, hits: Option<u64>) -> Option<Duration> {
        let placed = session.placed;
        let Some(handler) = placed.kernel.get(index) else {
            let time = session.times.as_ref()?.get(index - placed.kernel.len())?;
            let hits = hits.filter(|hits| *hits > 0)?;
            return Some(Duration::from_nanos(u64::try_from(time.as_nanos()).ok()? / hits));
        };
        if is_told_apart(&handler.event) {
            return None;
        }
        let at = session.artifact?.programs.iter().position(|plan| plan.handlers == [index])?;
        let (count, nanoseconds) = self.clocks.get(at)?.total;
        nanoseconds.checked_div(count).map(Duration::from_nanos)
    }
}

/// The word that switches a kernel-side handler off.
fn switch(session: &Session<'_>, handler: usize) -> Option<usize> {
    let first = session.artifact?.switches? as usize;
    (handler < session.placed.kernel.len()).then_some(first + handler)
}

fn is_on(session: &Session<'_>, index: usize) -> bool {
    let words = session.loaded.and_then(|loaded| loaded.words.as_ref());
    match (switch(session, index), words) {
        (Some(word), Some(words)) => words.load(word) == 0,
        _ => {
            let user = index.checked_sub(session.placed.kernel.len());
            user.and_then(|user| session.off.get(user)).is_none_or(|off| !off)
        }
    }
}

fn toggle(session: &mut Session<'_>, index: usize) {
    let on = is_on(session, index);
    let words = session.loaded.and_then(|loaded| loaded.words.as_ref());
    if let (Some(word), Some(words)) = (switch(session, index), words) {
        words.store(word, i64::from(on));
        // What the entry keeps, only the return takes.
        let companion = index.checked_sub(1).filter(|before| is_companion(session.placed, *before));
        if let Some(word) = companion.and_then(|before| switch(session, before)) {
            words.store(word, i64::from(on));
        }
    } else if let Some(user) = index.checked_sub(session.placed.kernel.len())
        && let Some(off) = session.off.get_mut(user)
    {
        *off = on;
    }
}

/// Whether a handler is not the script's but what keeps values for the handler of a return, which is the next.
fn is_companion(placed: &Placed, index: usize) -> bool {
    let (Some(first), Some(next)) = (placed.kernel.get(index), placed.kernel.get(index + 1)) else { return false };
    first.span == next.span && first.event != next.event && next.event.entry().as_ref() == Some(&first.event)
}

/// Whether a global is not the script's.
fn is_hidden(global: &Global) -> bool {
    global.name.starts_with("__")
}

fn globals(placed: &Placed, store: &mut dyn Store) -> Vec<GlobalView> {
    store.start();
    let shown = (0..).map(GlobalId).zip(&placed.globals).filter(|(_, (global, _))| !is_hidden(global));
    let views = shown.map(|(id, (global, _))| {
        let content = match &global.shape {
            GlobalShape::Scalar(_) => store.get(id).map(|value| Content::One(Entry::Value(value))),
            GlobalShape::Aggregate(_) => store.aggregate(id, &[]).map(|aggregate| {
                let aggregate: Aggregate = aggregate.unwrap_or_default();
                Content::One(Entry::Aggregate(aggregate))
            }),
            GlobalShape::Array { .. } => greatest_first(id, store).map(|mut entries| {
                let count = entries.len();
                entries.truncate(ELEMENTS);
                Content::Many { count, first: entries }
            }),
        };
        let content = content.unwrap_or_else(Content::Unreadable);
        GlobalView { name: global.name.clone(), pointer: global.pointer, content }
    });
    let views = views.collect();
    // What was read here no handler knows of.
    store.start();
    views
}

/// An array's entries, the greatest value first; of aggregates, the greatest count.
pub(crate) fn greatest_first(id: GlobalId, store: &mut dyn Store) -> Result<Vec<(Vec<Datum>, Entry)>, StoreError> {
    let mut entries = store.entries(id)?;
    entries.sort_by_cached_key(|(_, value)| {
        Reverse(match value {
            Entry::Value(value) => value.clone(),
            Entry::Aggregate(aggregate) => Datum::Long(aggregate.count),
        })
    });
    Ok(entries)
}

/// Every global as it was before the run. One that the kernel does not let be changed stays as it is, as can be seen.
fn reset(placed: &Placed, store: &mut dyn Store) {
    store.start();
    for (id, (global, _)) in (0..).map(GlobalId).zip(&placed.globals).filter(|(_, (global, _))| !is_hidden(global)) {
        _ = match &global.shape {
            GlobalShape::Scalar(first) => store.set(id, Datum::from(first)),
            GlobalShape::Aggregate(_) | GlobalShape::Array { .. } => store.clear(id),
        };
    }
    store.start();
}
