//! A process by descriptor (`pidfd_open(2)`, Linux 5.3), which never comes to mean another one.
//!
//! It must never reap: that is its parent's work.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;

use crate::SysError;
use crate::error::last_errno;
use crate::event::Signal;
use crate::mount::owned;

/// A process, readable (for [`crate::event::Poller`]) when it has ended.
#[derive(Debug)]
pub struct PidFd {
    fd: OwnedFd,
}

impl PidFd {
    /// The process that has the number `pid` now.
    ///
    /// # Errors
    /// ESRCH if there is none, EINVAL for 0 or the number of a thread that is not its process's first.
    pub fn open(pid: u32) -> Result<Self, SysError> {
        // SAFETY: the call takes no addresses.
        let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.cast_signed(), 0) };
        Ok(Self { fd: owned(fd, "open a process")? })
    }

    /// Whether it has ended; never waits.
    ///
    /// # Errors
    /// None in practice.
    pub fn has_ended(&self) -> Result<bool, SysError> {
        let mut poll = libc::pollfd { fd: self.fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        loop {
            // SAFETY: the kernel reads and writes one live pollfd.
            let ready = unsafe { libc::poll(&mut poll, 1, 0) };
            if ready >= 0 {
                return Ok(ready == 1);
            }
            if last_errno() != libc::EINTR {
                return Err(SysError::last("ask whether a process has ended"));
            }
        }
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// ESRCH if it has ended and was reaped, EPERM if it belongs to someone else.
    pub fn send(&self, signal: Signal) -> Result<(), SysError> {
        let info = ptr::null::<libc::siginfo_t>();
        // SAFETY: without a siginfo the kernel makes one as kill(2) does.
        let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, self.fd.as_raw_fd(), signal.0, info, 0) };
        if sent < 0 {
            return Err(SysError::last("signal a process"));
        }
        Ok(())
    }
}

impl AsFd for PidFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Poller;
    use std::process::Command;
    use std::time::Duration;

    #[test]
    fn sees_a_process_end() {
        let mut child = Command::new("/bin/sleep").arg("600").spawn().unwrap();
        let process = PidFd::open(child.id()).unwrap();
        let mut poller = Poller::new().unwrap();
        poller.add(&process, 9).unwrap();
        assert!(!process.has_ended().unwrap());
        assert_eq!(poller.wait(Some(Duration::ZERO)).unwrap(), []);
        process.send(Signal::KILL).unwrap();
        assert_eq!(poller.wait(None).unwrap(), [9]);
        assert!(process.has_ended().unwrap());
        child.wait().unwrap();
        assert_eq!(process.send(Signal::KILL).unwrap_err().errno, libc::ESRCH);
    }

    #[test]
    fn no_process_is_an_error() {
        // The largest number that the kernel gives is 2^22.
        assert_eq!(PidFd::open(1 << 30).unwrap_err().errno, libc::ESRCH);
        assert_eq!(PidFd::open(0).unwrap_err().errno, libc::EINVAL);
    }

    #[test]
    fn the_first_thread_has_the_processs_number() {
        let main = std::thread::spawn(super::super::thread_id).join().unwrap();
        assert_ne!(main, std::process::id());
        assert!(std::path::Path::new(&format!("/proc/self/task/{}", super::super::thread_id())).exists());
    }
}
