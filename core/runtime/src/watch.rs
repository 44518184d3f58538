//! The loop of a run: waits for records, timers, signals and the target's end, and serves each.
//!
//! It must never let one of them starve another: records are served in slices, and between two slices everything else
//! gets its turn. It must never wait busily, either.

use std::time::{Duration, Instant};

use systap_sys::event::{Poller, TimerFd};
use systap_sys::{RingBuffer, SysError, clock};

use crate::files::Files;
use crate::input::Input;
use crate::report::End;
use crate::session::Session;
use crate::target::Watched;
use crate::timer::Timers;
use crate::view::Looks;

/// Between two looks into the ring while records come: programs submit them without waking us, since a wake-up costs
/// more than the record does.
const ACTIVE: Duration = Duration::from_millis(5);
/// The same when none have come for long.
const IDLE: Duration = Duration::from_millis(50);
/// How long records are served before everything else gets its turn.
const SLICE: Duration = Duration::from_millis(5);
/// How many records are served between two looks at the clock.
const BATCH: usize = 512;

const RECORDS: u64 = 0;
const SIGNALS: u64 = 1;
const TIMERS: u64 = 2;
const TARGET: u64 = 3;
const OUTPUT: u64 = 4;
const FILES: u64 = 5;
const INPUT: u64 = 6;
const VIEWER: u64 = 7;

/// What the loop waits for.
pub(crate) struct Watch {
    poller: Poller,
    timer: TimerFd,
    armed_for: Option<u64>,
    outside: Outside,
    looks: Option<Looks>,
}

/// Who asks handlers for something, or tells them something.
#[derive(Debug, Default)]
pub(crate) struct Outside {
    pub(crate) files: Option<Files>,
    pub(crate) input: Option<Input>,
}

impl Watch {
    pub(crate) fn new(
        session: &mut Session<'_>,
        ring: Option<&RingBuffer>,
        watched: Option<&Watched>,
        mut outside: Outside,
    ) -> Result<Self, SysError> {
        let poller = Poller::new()?;
        let timer = TimerFd::new()?;
        poller.add(&timer, TIMERS)?;
        poller.add(&session.world.ending.signals, SIGNALS)?;
        if let Some(ring) = ring {
            poller.add(ring, RECORDS)?;
        }
        if let Some(watched) = watched {
            poller.add(&watched.pidfd, TARGET)?;
        }
        if let Some(descriptor) = session.world.output.sink().descriptor() {
            // A regular file cannot be waited for, and needs not be.
            let _ = poller.add_hangup(descriptor, OUTPUT);
        }
        if let Some(files) = &outside.files {
            poller.add(&files.mount, FILES)?;
        }
        if let Some(input) = &mut outside.input
            && poller.add(&*input, INPUT).is_err()
        {
            input.is_always_ready = true;
        }
        let looks = Looks::of(session);
        if let Some(descriptor) = session.world.output.viewer().and_then(|viewer| viewer.descriptor()) {
            poller.add(descriptor, VIEWER)?;
        }
        Ok(Watch { poller, timer, armed_for: None, outside, looks })
    }

    /// Serves everything until there is a reason to end.
    pub(crate) fn until_end(
        &mut self,
        session: &mut Session<'_>,
        mut ring: Option<&mut RingBuffer>,
        timers: &mut Timers,
    ) -> Result<End, SysError> {
        let mut pause = ACTIVE;
        let mut stopped = false;
        loop {
            let served = ring.as_mut().map_or(Served::None, |ring| serve(ring, session));
            pause = if served == Served::None { (pause * 2).min(IDLE) } else { ACTIVE };
            for (handler, missed) in timers.take_due(clock::monotonic_ns()) {
                if let Some(skipped) = session.skipped.get_mut(handler) {
                    *skipped += missed;
                }
                session.run_user(handler);
                if session.end().is_some() {
                    break;
                }
            }
            session.look_for_excess();
            if let Some(looks) = &mut self.looks {
                looks.look_if_due(session);
            }
            if let Some(end) = session.end() {
                return Ok(end);
            }
            // An exit or an error is a record like others and may find no room; then only the kernel side's stopping
            // tells of it. The record may also be on its way still: it has the time of one more round.
            if served != Served::Some && session.has_stopped_unheard() {
                if std::mem::replace(&mut stopped, true) {
                    session.take_unheard_end();
                    continue;
                }
                pause = ACTIVE;
            }
            let timeout = match served {
                Served::All | Served::None => {
                    session.world.output.flush();
                    let waits = (ring.is_some() || session.watches()).then_some(pause);
                    if self.outside.has_input() { Some(Duration::ZERO) } else { waits }
                }
                Served::Some => Some(Duration::ZERO),
            };
            let due = earliest(timers.next_due(), session.world.ending.deadline);
            self.arm(earliest(due, self.looks.as_ref().map(Looks::due)))?;
            self.wait(timeout, session)?;
            if self.outside.has_input() {
                self.serve_input(session)?;
            }
        }
    }

    fn wait(&mut self, timeout: Option<Duration>, session: &mut Session<'_>) -> Result<(), SysError> {
        let ready = self.poller.wait(timeout)?.to_vec();
        for token in ready {
            match token {
                SIGNALS => session.world.take_signals(),
                TIMERS => {
                    // What is due is known by the clock; reading makes the descriptor quiet.
                    self.timer.expirations()?;
                    self.armed_for = None;
                }
                TARGET => session.target_ended = true,
                OUTPUT => session.world.output.close(),
                FILES => {
                    if let Some(files) = &mut self.outside.files
                        && !files.serve(session)
                    {
                        self.poller.remove(&files.mount)?;
                        self.outside.files = None;
                    }
                }
                INPUT => self.serve_input(session)?,
                VIEWER => {
                    if let Some(looks) = &mut self.looks {
                        looks.obey(session);
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn serve_input(&mut self, session: &mut Session<'_>) -> Result<(), SysError> {
        let Some(input) = &mut self.outside.input else { return Ok(()) };
        input.serve(session);
        if input.has_ended() {
            if !input.is_always_ready {
                self.poller.remove(&*input)?;
            }
            self.outside.input = None;
        }
        Ok(())
    }

    fn arm(&mut self, due: Option<u64>) -> Result<(), SysError> {
        if due != self.armed_for {
            match due {
                Some(at) => self.timer.arm_at(at)?,
                None => self.timer.disarm()?,
            }
            self.armed_for = due;
        }
        Ok(())
    }
}

impl Outside {
    /// Whether there is input that need not be waited for.
    fn has_input(&self) -> bool {
        self.input.as_ref().is_some_and(|input| input.is_always_ready)
    }
}

fn earliest(left: Option<u64>, right: Option<u64>) -> Option<u64> {
    left.into_iter().chain(right).min()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Served {
    /// There were no records.
    None,
    /// All that there were.
    All,
    /// There may be more.
    Some,
}

/// Delivers records for a slice of time.
fn serve(ring: &mut RingBuffer, session: &mut Session<'_>) -> Served {
    let start = Instant::now();
    let mut served = Served::None;
    loop {
        match ring.drain(BATCH, &mut |record| session.deliver(record)) {
            BATCH if start.elapsed() < SLICE => served = Served::All,
            BATCH => return Served::Some,
            0 => return served,
            _ => return Served::All,
        }
    }
}

/// How long a record that a program has begun may stay unfinished.
const UNFINISHED: Duration = Duration::from_millis(100);

/// Delivers all that is left after programs were detached, to the last record.
pub(crate) fn serve_rest(ring: &mut RingBuffer, session: &mut Session<'_>) {
    let mut since = Instant::now();
    loop {
        if ring.drain(BATCH, &mut |record| session.deliver(record)) > 0 {
            since = Instant::now();
            session.world.take_signals();
        } else if ring.is_empty() || since.elapsed() > UNFINISHED {
            return;
        } else {
            std::thread::sleep(Duration::from_micros(50));
        }
    }
}
