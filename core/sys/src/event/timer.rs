//! Timers as descriptors (`timerfd_create(2)`), on the monotonic clock.
//!
//! It must never lose an expiry: those that nobody read in time are counted.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;

use super::wake::read_count;
use crate::SysError;
use crate::mount::owned;

/// A timer, readable when it expired.
#[derive(Debug)]
pub struct TimerFd {
    fd: OwnedFd,
}

impl TimerFd {
    /// A timer that is not set.
    ///
    /// # Errors
    /// EMFILE or ENFILE when descriptors run out.
    pub fn new() -> Result<Self, SysError> {
        // SAFETY: the call takes no addresses.
        let fd = unsafe { libc::timerfd_create(libc::CLOCK_MONOTONIC, libc::TFD_CLOEXEC | libc::TFD_NONBLOCK) };
        Ok(Self { fd: owned(fd.into(), "create a timer")? })
    }

    /// Sets it to expire once, in `nanoseconds`; 0 is as soon as possible.
    ///
    /// # Errors
    /// None in practice.
    pub fn arm_once(&self, nanoseconds: u64) -> Result<(), SysError> {
        self.set(nanoseconds.max(1), 0, 0)
    }

    /// Sets it to expire every so many `nanoseconds`, first after as many; 0 counts as 1.
    ///
    /// # Errors
    /// None in practice.
    pub fn arm_every(&self, nanoseconds: u64) -> Result<(), SysError> {
        self.set(nanoseconds.max(1), nanoseconds.max(1), 0)
    }

    /// Sets it to expire once, when the monotonic clock ([`crate::clock::monotonic_ns`]) shows `nanoseconds`: at once
    /// if it did already.
    ///
    /// # Errors
    /// None in practice.
    pub fn arm_at(&self, nanoseconds: u64) -> Result<(), SysError> {
        self.set(nanoseconds.max(1), 0, libc::TFD_TIMER_ABSTIME)
    }

    /// Stops it.
    ///
    /// # Errors
    /// None in practice.
    pub fn disarm(&self) -> Result<(), SysError> {
        self.set(0, 0, 0)
    }

    /// How often it expired since this was asked last; never waits.
    ///
    /// # Errors
    /// None in practice.
    pub fn expirations(&self) -> Result<u64, SysError> {
        read_count(self.fd.as_fd(), "read a timer")
    }

    fn set(&self, first: u64, interval: u64, flags: i32) -> Result<(), SysError> {
        let setting = libc::itimerspec { it_interval: timespec(interval), it_value: timespec(first) };
        // SAFETY: the kernel reads one live itimerspec; the old setting is not asked for.
        if unsafe { libc::timerfd_settime(self.fd.as_raw_fd(), flags, &setting, ptr::null_mut()) } < 0 {
            return Err(SysError::last("set a timer"));
        }
        Ok(())
    }
}

impl AsFd for TimerFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn timespec(nanoseconds: u64) -> libc::timespec {
    let seconds = nanoseconds / 1_000_000_000;
    libc::timespec {
        tv_sec: libc::time_t::try_from(seconds).unwrap_or(libc::time_t::MAX),
        tv_nsec: (nanoseconds % 1_000_000_000) as _,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::monotonic_ns;
    use crate::event::Poller;
    use std::time::Duration;

    #[test]
    fn expires_once_and_not_early() {
        let (timer, mut poller) = (TimerFd::new().unwrap(), Poller::new().unwrap());
        poller.add(&timer, 3).unwrap();
        assert_eq!(timer.expirations().unwrap(), 0);
        let before = monotonic_ns();
        timer.arm_once(5_000_000).unwrap();
        assert_eq!(poller.wait(None).unwrap(), [3]);
        assert!(monotonic_ns() - before >= 5_000_000);
        assert_eq!(timer.expirations().unwrap(), 1);
        assert_eq!(poller.wait(Some(Duration::from_millis(20))).unwrap(), []);
    }

    #[test]
    fn counts_what_was_not_read_in_time() {
        let timer = TimerFd::new().unwrap();
        let before = monotonic_ns();
        timer.arm_every(1_000_000).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        timer.disarm().unwrap();
        let most = (monotonic_ns() - before) / 1_000_000;
        // Reading after disarming finds nothing: setting a timer forgets its expiries.
        assert_eq!(timer.expirations().unwrap(), 0);

        timer.arm_every(1_000_000).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        let count = timer.expirations().unwrap();
        assert!(count >= 19, "{count}, in the run before at most {most}");
    }

    #[test]
    fn a_time_that_has_passed_expires_at_once() {
        let (timer, mut poller) = (TimerFd::new().unwrap(), Poller::new().unwrap());
        poller.add(&timer, 0).unwrap();
        timer.arm_at(monotonic_ns() - 1).unwrap();
        assert_eq!(poller.wait(Some(Duration::from_secs(5))).unwrap(), [0]);
        timer.arm_once(0).unwrap();
        assert_eq!(poller.wait(Some(Duration::from_secs(5))).unwrap(), [0]);
        timer.arm_once(u64::MAX).unwrap();
        assert_eq!(poller.wait(Some(Duration::ZERO)).unwrap(), []);
    }
}
