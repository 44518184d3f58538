//! Waiting for many descriptors at once (`epoll(7)`, level-triggered).
//!
//! It must never own what it waits for: a descriptor that is closed elsewhere simply reports no more.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use crate::SysError;
use crate::error::last_errno;
use crate::mount::owned;

/// Descriptors and the tokens that stand for them.
#[derive(Debug)]
pub struct Poller {
    epoll: OwnedFd,
    ready: Vec<u64>,
}

/// How many descriptors one wait reports; the others are reported by the next.
const MOST_READY: usize = 64;

impl Poller {
    /// One that waits for nothing yet.
    ///
    /// # Errors
    /// EMFILE or ENFILE when descriptors run out.
    pub fn new() -> Result<Self, SysError> {
        // SAFETY: the call takes no addresses.
        let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        Ok(Self { epoll: owned(epoll.into(), "create a poller")?, ready: Vec::new() })
    }

    /// Reports `token` when `fd` can be read, or when its other end hung up.
    ///
    /// # Errors
    /// EPERM for what cannot be waited for, as regular files; EEXIST if it is there already.
    pub fn add(&self, fd: impl AsFd, token: u64) -> Result<(), SysError> {
        self.control(libc::EPOLL_CTL_ADD, fd, libc::EPOLLIN, token)
    }

    /// Reports `token` only when the other end of `fd` hung up: nobody reads the pipe any more that we write.
    ///
    /// # Errors
    /// As [`add`](Self::add).
    pub fn add_hangup(&self, fd: impl AsFd, token: u64) -> Result<(), SysError> {
        self.control(libc::EPOLL_CTL_ADD, fd, 0, token)
    }

    /// Reports `fd` no more.
    ///
    /// # Errors
    /// ENOENT if it is not there.
    pub fn remove(&self, fd: impl AsFd) -> Result<(), SysError> {
        self.control(libc::EPOLL_CTL_DEL, fd, 0, 0)
    }

    /// Waits for at most `timeout` (for ever without one) and gives the tokens that are ready: none when the time is
    /// over. Times are rounded up to whole milliseconds; interruptions by signals do not end or prolong it.
    ///
    /// # Errors
    /// None in practice.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Result<&[u64], SysError> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; MOST_READY];
        self.ready.clear();
        loop {
            let milliseconds = deadline.map_or(-1, |deadline| {
                let left = deadline.saturating_duration_since(Instant::now());
                i32::try_from(left.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
            });
            // SAFETY: the kernel writes at most MOST_READY events to the array, which has as many.
            let count = unsafe {
                libc::epoll_wait(self.epoll.as_raw_fd(), events.as_mut_ptr(), MOST_READY as i32, milliseconds)
            };
            match usize::try_from(count) {
                // Only a wait that was cut to the longest that epoll takes can end before its deadline.
                Ok(0) if deadline.is_none_or(|deadline| Instant::now() < deadline) => {}
                Ok(count) => {
                    self.ready.extend(events.iter().take(count).map(|event| event.u64));
                    return Ok(&self.ready);
                }
                Err(_) if last_errno() == libc::EINTR => {}
                Err(_) => return Err(SysError::last("wait for events")),
            }
        }
    }

    fn control(&self, operation: i32, fd: impl AsFd, events: i32, token: u64) -> Result<(), SysError> {
        let mut event = libc::epoll_event { events: events.cast_unsigned(), u64: token };
        let fd = fd.as_fd().as_raw_fd();
        // SAFETY: the kernel reads one event, which lives through the call.
        if unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), operation, fd, &mut event) } < 0 {
            return Err(SysError::last("change what a poller waits for"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventFd;
    use std::io::{Write, pipe};

    #[test]
    fn gives_the_tokens_of_what_is_ready() {
        let mut poller = Poller::new().unwrap();
        let (one, two) = (EventFd::new().unwrap(), EventFd::new().unwrap());
        poller.add(&one, 1).unwrap();
        poller.add(&two, u64::MAX).unwrap();
        assert_eq!(poller.wait(Some(Duration::ZERO)).unwrap(), []);
        two.add(1).unwrap();
        assert_eq!(poller.wait(None).unwrap(), [u64::MAX]);
        one.add(1).unwrap();
        assert_eq!(poller.wait(None).unwrap().len(), 2);
        poller.remove(&two).unwrap();
        assert_eq!(poller.wait(None).unwrap(), [1]);
    }

    #[test]
    fn waits_as_long_as_asked() {
        let mut poller = Poller::new().unwrap();
        let before = Instant::now();
        assert_eq!(poller.wait(Some(Duration::from_micros(20_500))).unwrap(), []);
        assert!(before.elapsed() >= Duration::from_micros(20_500), "{:?}", before.elapsed());
    }

    #[test]
    fn sees_a_reader_go_away() {
        let mut poller = Poller::new().unwrap();
        let (reader, mut writer) = pipe().unwrap();
        poller.add_hangup(&writer, 7).unwrap();
        writer.write_all(b"unread").unwrap();
        assert_eq!(poller.wait(Some(Duration::ZERO)).unwrap(), []);
        drop(reader);
        assert_eq!(poller.wait(None).unwrap(), [7]);
    }

    #[test]
    fn refuses_a_regular_file() {
        let file = std::fs::File::open("/proc/self/exe").unwrap();
        assert_eq!(Poller::new().unwrap().add(&file, 0).unwrap_err().errno, libc::EPERM);
    }
}
