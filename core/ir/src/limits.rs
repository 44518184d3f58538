//! SystemTap's limits, by SystemTap's names: what a program may use, and what it may do to the machine.
//!
//! Must never enforce anything: the backend, the interpreter and the session do.

use crate::program::Event;

/// How much more than [`Limits::actions`] an ordinary handler may do (`MAXACTION_INTERRUPTIBLE`, unless it is set).
const INTERRUPTIBLE_FACTOR: u32 = 10;

/// The limits of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `MAXSTRINGLEN`: bytes of a string, its terminating NUL included.
    pub string: u32,
    /// `MAXACTION`: statements that a handler which runs with interrupts off may execute in one hit: one of
    /// `timer.profile`, or any if [`Limits::interruptible`] is 0. `u32::MAX`: without end.
    pub actions: u32,
    /// `MAXACTION_INTERRUPTIBLE`: the same for every other handler; 0: ten times [`Limits::actions`].
    pub interruptible_actions: u32,
    /// `MAXMAPENTRIES`: entries of an array that declares no size.
    pub entries: u32,
    /// `MAXERRORS`: run-time errors that are only reported.
    pub errors: u32,
    /// `MAXSKIPPED`: hits that may be skipped.
    pub skipped: u32,
    /// `HIST_WIDTH`: width of a histogram's longest bar.
    pub histogram_width: u32,
    /// `HIST_ELISION`: rows without values that a histogram keeps beside those with some; all of them from [`u32::MAX`] on.
    pub histogram_elision: u32,
    /// `MAXNESTING`: depth of calls on the user side; 0: what the functions need, and ten more if one can reach itself.
    pub nesting: u32,
    /// `MAXBACKTRACE`: return addresses of a stack.
    pub backtrace: u32,
    /// `INTERRUPTIBLE`: not 0 if hits that come while a handler runs do not count against [`Limits::skipped`].
    pub interruptible: u32,
    /// `STP_MAXMEMORY`: KiB that maps may take; 0: as many as the kernel gives.
    pub memory: u32,
    /// How much of the machine's time handlers may take; `None`: it is not measured.
    pub overload: Option<Overload>,
    /// `--suppress-handler-errors`: run-time errors and skipped hits are counted and nothing else.
    pub suppress_errors: bool,
}

/// A share of time: `threshold` of each `interval`, both in cycles, of each CPU on average.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overload {
    /// `STP_OVERLOAD_THRESHOLD`.
    pub threshold: u64,
    /// `STP_OVERLOAD_INTERVAL`.
    pub interval: u64,
}

impl Default for Overload {
    fn default() -> Self {
        Overload { threshold: 500_000_000, interval: 1_000_000_000 }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            string: 512,
            actions: 1000,
            interruptible_actions: 0,
            entries: 2048,
            errors: 0,
            skipped: 100,
            histogram_width: 50,
            histogram_elision: 2,
            nesting: 0,
            backtrace: 20,
            interruptible: 1,
            memory: 0,
            overload: None,
            suppress_errors: false,
        }
    }
}

impl Limits {
    /// Iterations and calls that a handler of this event may make in one hit; `u32::MAX`: without end.
    pub fn actions_of(&self, event: &Event) -> u32 {
        match event {
            Event::Profile { .. } => self.actions,
            _ => self.ordinary_actions(),
        }
    }

    /// The same for a handler of any event but a profile's.
    pub fn ordinary_actions(&self) -> u32 {
        match (self.interruptible, self.interruptible_actions) {
            (0, _) => self.actions,
            (_, 0) => self.actions.saturating_mul(INTERRUPTIBLE_FACTOR),
            (_, actions) => actions,
        }
    }

    /// `--suppress-time-limits`: handlers may take as long as they like.
    pub fn suppress_time(&mut self) {
        (self.actions, self.interruptible_actions, self.overload) = (u32::MAX, u32::MAX, None);
    }

    /// `--suppress-handler-errors`.
    pub fn suppress_errors(&mut self) {
        (self.suppress_errors, self.errors, self.skipped) = (true, u32::MAX, u32::MAX);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_may_do_a_tenth_of_what_others_may() {
        let profile = Event::Profile { hz: 100 };
        let mut limits = Limits::default();
        assert_eq!((limits.actions_of(&profile), limits.actions_of(&Event::Never)), (1000, 10_000));
        limits.actions = 7;
        assert_eq!((limits.actions_of(&profile), limits.actions_of(&Event::Never)), (7, 70));
        limits.interruptible_actions = 9;
        assert_eq!((limits.actions_of(&profile), limits.actions_of(&Event::Never)), (7, 9));
        limits.interruptible = 0;
        assert_eq!(limits.actions_of(&Event::Never), 7);
        limits.suppress_time();
        assert_eq!((limits.actions_of(&profile), limits.actions_of(&Event::Never)), (u32::MAX, u32::MAX));
    }
}
