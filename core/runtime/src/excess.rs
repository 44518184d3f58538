//! Looks now and then whether a run does too much: hits skipped beyond MAXSKIPPED, time beyond STP_OVERLOAD_THRESHOLD.
//!
//! It must never cost anything unless it is asked for: the kernel's clock on programs runs only where overload is to be noticed,
//! and skipped hits are only counted where they matter.

use std::os::fd::OwnedFd;

use systap_ir::program::{Limits, Overload};
use systap_sys::{SysError, bpf, clock};

use crate::counters::Counts;
use crate::load::Loaded;
use crate::report::Excess;

/// Nanoseconds between two looks at how many hits were skipped.
const PAUSE: u64 = 100_000_000;

/// What is looked at.
#[derive(Debug)]
pub(crate) struct Watchdog {
    limits: Limits,
    /// While it is open, the kernel measures how long programs run.
    stats: Option<OwnedFd>,
    cpus: u64,
    /// When time was looked at last, and what programs had taken by then.
    since: (u64, u64),
    next_count: u64,
}

impl Watchdog {
    /// Begins to measure what these limits ask for.
    ///
    /// # Errors
    /// Where the kernel does not measure programs.
    pub(crate) fn new(limits: Limits, loaded: Option<&Loaded>) -> Result<Self, SysError> {
        let measures = limits.overload.is_some() && loaded.is_some();
        let stats = if measures { Some(bpf::enable_run_time_stats()?) } else { None };
        let cpus = systap_sys::cpu::online_cpus()?.len().max(1) as u64;
        let now = clock::monotonic_ns();
        Ok(Watchdog { limits, stats, cpus, since: (now, 0), next_count: now })
    }

    /// Whether there is anything to look at.
    pub(crate) fn looks(&self) -> bool {
        self.stats.is_some() || self.limits.interruptible == 0 && self.limits.skipped != u32::MAX
    }

    /// What there is too much of by now. `counts` reads the kernel side's counts.
    pub(crate) fn look(&mut self, loaded: Option<&Loaded>, counts: impl FnOnce() -> Counts) -> Option<Excess> {
        let now = clock::monotonic_ns();
        let loaded = loaded?;
        if let Some(overload) = self.limits.overload
            && now.saturating_sub(self.since.0) >= overload.interval
        {
            let infos = loaded.all().filter_map(|(_, program)| program.info().ok());
            let spent: u64 = infos.map(|info| info.run_nanoseconds).sum();
            let (then, before) = std::mem::replace(&mut self.since, (now, spent));
            let excess = overloaded(overload, now - then, spent.saturating_sub(before) / self.cpus);
            if excess.is_some() {
                return excess;
            }
        }
        if self.limits.interruptible == 0 && self.limits.skipped != u32::MAX && now >= self.next_count {
            self.next_count = now + PAUSE;
            let missed = loaded.all().filter_map(|(_, program)| program.info().ok());
            let missed: u64 = missed.map(|info| info.recursion_misses).sum();
            let skipped: u64 = counts().skipped.iter().sum();
            if skipped + missed > u64::from(self.limits.skipped) {
                return Some(Excess::Skipped);
            }
        }
        None
    }
}

/// Whether `spent` of `elapsed` nanoseconds is more than the share that is allowed.
fn overloaded(overload: Overload, elapsed: u64, spent: u64) -> Option<Excess> {
    let allowed = u128::from(elapsed) * u128::from(overload.threshold) / u128::from(overload.interval.max(1));
    let allowed = u64::try_from(allowed).unwrap_or(u64::MAX);
    (spent > allowed).then_some(Excess::Overload { spent, allowed, interval: elapsed })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_time_is_that_share_of_any_time() {
        let overload = Overload { threshold: 250, interval: 1000 };
        assert_eq!(overloaded(overload, 2000, 500), None);
        let excess = Excess::Overload { spent: 501, allowed: 500, interval: 2000 };
        assert_eq!(overloaded(overload, 2000, 501), Some(excess));
        assert_eq!(overloaded(Overload { threshold: u64::MAX, interval: 1 }, u64::MAX, u64::MAX), None);
    }
}
