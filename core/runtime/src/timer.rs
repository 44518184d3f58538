//! When the script's timers are due.
//!
//! It must never drift: a tick is due one period after the tick before was due, not after it was served. Ticks that
//! were missed meanwhile are served once and counted.

use std::time::Duration;

use systap_ir::placed::UserHandler;
use systap_ir::program::Event;

/// The shortest period. Below it the loop would do nothing but tick; SystemTap's own is 100 µs.
pub(crate) const SHORTEST: Duration = Duration::from_micros(10);

/// The timers of a program.
#[derive(Debug)]
pub(crate) struct Timers {
    timers: Vec<Timer>,
    random: Random,
}

#[derive(Debug)]
struct Timer {
    /// Index into the user-side handlers.
    handler: usize,
    /// Nanoseconds.
    period: u64,
    /// Nanoseconds, at most, by which a tick is earlier or later.
    randomize: u64,
    /// When the next tick would be due without randomness, on the monotonic clock.
    base: u64,
    /// When it is due.
    due: u64,
}

impl Timers {
    /// The timers among the user-side handlers, first due one period after `now`. `seed` decides the random parts.
    pub(crate) fn new(handlers: &[UserHandler], now: u64, seed: u64) -> Self {
        let mut random = Random(seed | 1);
        let timers = handlers.iter().enumerate().filter_map(|(handler, of)| {
            let Event::Timer { period, randomize } = of.event else { return None };
            let period = period.max(SHORTEST.as_nanos() as u64);
            // A tick is never earlier than the one before.
            let randomize = randomize.min(period);
            let base = now.saturating_add(period);
            Some(Timer { handler, period, randomize, base, due: random.around(base, randomize) })
        });
        let timers = timers.collect();
        Timers { timers, random }
    }

    /// When the next tick is due, on the monotonic clock.
    pub(crate) fn next_due(&self) -> Option<u64> {
        self.timers.iter().map(|timer| timer.due).min()
    }

    /// The handlers that are due at `now`, the longest due first, each with how many ticks it missed; they are due
    /// again later.
    pub(crate) fn take_due(&mut self, now: u64) -> Vec<(usize, u64)> {
        let mut due = vec![];
        for timer in self.timers.iter_mut().filter(|timer| timer.due <= now) {
            let missed = now.saturating_sub(timer.base) / timer.period;
            due.push((timer.due, timer.handler, missed));
            timer.base = timer.base.saturating_add(timer.period.saturating_mul(missed.saturating_add(1)));
            timer.due = self.random.around(timer.base, timer.randomize);
        }
        due.sort_by_key(|(since, handler, _)| (*since, *handler));
        due.into_iter().map(|(_, handler, missed)| (handler, missed)).collect()
    }
}

/// Marsaglia's xorshift: enough to spread ticks.
#[derive(Debug)]
struct Random(u64);

impl Random {
    /// Evenly from `middle - reach` to `middle + reach`.
    fn around(&mut self, middle: u64, reach: u64) -> u64 {
        if reach == 0 {
            return middle;
        }
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let range = reach.saturating_mul(2).saturating_add(1);
        middle.saturating_sub(reach).saturating_add(self.0 % range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use systap_diagnostics::{FileId, Span};
    use systap_ir::graph::Body;

    fn timers(events: &[Event]) -> Timers {
        let handler = |event: &Event| UserHandler {
            point: String::new(),
            span: Span::new(FileId(0), 0, 0),
            event: event.clone(),
            body: Body::default(),
        };
        Timers::new(&events.iter().map(handler).collect::<Vec<_>>(), 1_000_000, 7)
    }

    fn every(microseconds: u64) -> Event {
        Event::Timer { period: microseconds * 1000, randomize: 0 }
    }

    #[test]
    fn ticks_do_not_drift_when_they_are_served_late() {
        let mut timers = timers(&[Event::Begin(0), every(100)]);
        assert_eq!(timers.next_due(), Some(1_100_000));
        assert_eq!(timers.take_due(1_099_999), []);
        assert_eq!(timers.take_due(1_160_000), [(1, 0)]);
        assert_eq!(timers.next_due(), Some(1_200_000));
    }

    #[test]
    fn missed_ticks_are_one_tick_and_a_count() {
        let mut timers = timers(&[every(100)]);
        assert_eq!(timers.take_due(1_450_000), [(0, 3)]);
        assert_eq!(timers.next_due(), Some(1_500_000));
        assert_eq!(timers.take_due(1_500_000), [(0, 0)]);
    }

    #[test]
    fn the_longest_due_comes_first_and_then_script_order() {
        let mut timers = timers(&[every(300), every(100), every(100)]);
        assert_eq!(timers.take_due(1_300_000), [(1, 2), (2, 2), (0, 0)]);
    }

    #[test]
    fn periods_have_a_floor() {
        let mut timers = timers(&[Event::Timer { period: 0, randomize: 0 }]);
        assert_eq!(timers.next_due(), Some(1_010_000));
        assert_eq!(timers.take_due(1_030_000), [(0, 2)]);
    }

    #[test]
    fn random_ticks_stay_within_reach_and_do_not_wander() {
        let mut timers = timers(&[Event::Timer { period: 1_000_000, randomize: 400_000 }]);
        let mut spread = [u64::MAX, 0];
        for tick in 2..2000u64 {
            let due = timers.next_due().unwrap();
            let base = tick * 1_000_000;
            assert!(due.abs_diff(base) <= 400_000, "{due} {base}");
            spread = [spread[0].min(due - (base - 400_000)), spread[1].max(due - (base - 400_000))];
            assert_eq!(timers.take_due(due).len(), 1);
        }
        assert!(spread[0] < 10_000 && spread[1] > 790_000, "{spread:?}");
    }
}
