//! Signals as something to read (`signalfd(2)`), instead of handlers that run in between.
//!
//! It must never install a handler: what is blocked is read, everything else keeps its meaning.

use std::fmt;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::ptr;

use crate::SysError;
use crate::error::last_errno;
use crate::mount::owned;

/// A signal, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signal(pub i32);

impl Signal {
    /// The terminal hung up.
    pub const HANGUP: Self = Self(libc::SIGHUP);
    /// Ctrl-C.
    pub const INTERRUPT: Self = Self(libc::SIGINT);
    /// Ctrl-\.
    pub const QUIT: Self = Self(libc::SIGQUIT);
    /// Ends a process at once; cannot be blocked.
    pub const KILL: Self = Self(libc::SIGKILL);
    /// The first of the two that mean what programs make of them.
    pub const USER_1: Self = Self(libc::SIGUSR1);
    /// The second of the two that mean what programs make of them.
    pub const USER_2: Self = Self(libc::SIGUSR2);
    /// A polite end.
    pub const TERMINATE: Self = Self(libc::SIGTERM);
    /// A child ended.
    pub const CHILD: Self = Self(libc::SIGCHLD);
    /// Nobody reads the pipe that was written to.
    pub const BROKEN_PIPE: Self = Self(libc::SIGPIPE);
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Self::HANGUP => "SIGHUP",
            Self::INTERRUPT => "SIGINT",
            Self::QUIT => "SIGQUIT",
            Self::KILL => "SIGKILL",
            Self::USER_1 => "SIGUSR1",
            Self::USER_2 => "SIGUSR2",
            Self::TERMINATE => "SIGTERM",
            Self::CHILD => "SIGCHLD",
            Self::BROKEN_PIPE => "SIGPIPE",
            Self(number) => return write!(f, "signal {number}"),
        };
        f.write_str(name)
    }
}

/// A signal that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Received {
    /// Which.
    pub signal: Signal,
    /// Who sent it, or which child ended; 0 if the kernel sent it.
    pub pid: u32,
}

/// Signals that are blocked, readable when one is pending.
#[derive(Debug)]
pub struct SignalFd {
    fd: OwnedFd,
}

impl SignalFd {
    /// Blocks `signals` for the calling thread and for threads that it starts from then on, and makes them readable.
    /// They stay blocked when this is dropped: unblocking would deliver what is pending.
    ///
    /// Call it before other threads are started, or a signal to the process goes to one that does not block it.
    /// Programs that the standard library or [`crate::process::HeldChild`] starts have nothing blocked.
    ///
    /// # Errors
    /// EINVAL for a number that is no signal.
    pub fn block(signals: &[Signal]) -> Result<Self, SysError> {
        const WHAT: &str = "block signals";
        let mut set = empty_set();
        for signal in signals {
            // SAFETY: the set is live and initialised.
            if unsafe { libc::sigaddset(&mut set, signal.0) } < 0 {
                return Err(SysError::last(WHAT));
            }
        }
        // SAFETY: the set is live and initialised; the old mask is not asked for.
        let errno = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &set, ptr::null_mut()) };
        if errno != 0 {
            return Err(SysError::new(WHAT, errno));
        }
        // SAFETY: the set is live and initialised; -1 asks for a new descriptor.
        let fd = unsafe { libc::signalfd(-1, &set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        Ok(Self { fd: owned(fd.into(), WHAT)? })
    }

    /// The next pending signal; never waits. Several of one kind count as one.
    ///
    /// # Errors
    /// None in practice.
    pub fn read(&self) -> Result<Option<Received>, SysError> {
        let mut info = MaybeUninit::<libc::signalfd_siginfo>::zeroed();
        let size = size_of::<libc::signalfd_siginfo>();
        loop {
            // SAFETY: the kernel writes at most `size` bytes, the size of the structure.
            let read = unsafe { libc::read(self.fd.as_raw_fd(), info.as_mut_ptr().cast(), size) };
            if usize::try_from(read) == Ok(size) {
                // SAFETY: all of it was written, and it is integers only.
                let info = unsafe { info.assume_init() };
                return Ok(Some(Received { signal: Signal(info.ssi_signo.cast_signed()), pid: info.ssi_pid }));
            }
            match last_errno() {
                libc::EAGAIN => return Ok(None),
                libc::EINTR => {}
                errno => return Err(SysError::new("read signals", errno)),
            }
        }
    }
}

impl AsFd for SignalFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Makes writing to a pipe that nobody reads an error (EPIPE), not the end of the process.
pub fn ignore_broken_pipes() {
    // SAFETY: SIG_IGN is no handler of ours; the call changes only what SIGPIPE does.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_IGN) };
}

pub(crate) fn empty_set() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the whole set and cannot fail for a live one.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        set.assume_init()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Poller;

    /// Sends a signal to this thread only, so that tests in other threads are left alone.
    fn raise(signal: Signal) {
        // SAFETY: the signal is blocked in this thread.
        assert_eq!(unsafe { libc::raise(signal.0) }, 0);
    }

    #[test]
    fn reads_what_is_blocked() {
        let signals = SignalFd::block(&[Signal::INTERRUPT, Signal::TERMINATE, Signal::HANGUP]).unwrap();
        let mut poller = Poller::new().unwrap();
        poller.add(&signals, 5).unwrap();
        assert_eq!(signals.read().unwrap(), None);
        raise(Signal::TERMINATE);
        raise(Signal::TERMINATE);
        assert_eq!(poller.wait(None).unwrap(), [5]);
        let received = Received { signal: Signal::TERMINATE, pid: std::process::id() };
        assert_eq!(signals.read().unwrap(), Some(received));
        assert_eq!(signals.read().unwrap(), None);
        raise(Signal::INTERRUPT);
        assert_eq!(signals.read().unwrap().map(|received| received.signal), Some(Signal::INTERRUPT));
    }

    #[test]
    fn a_number_that_is_no_signal_is_an_error() {
        assert_eq!(SignalFd::block(&[Signal(1000)]).unwrap_err().errno, libc::EINVAL);
    }

    #[test]
    fn signals_have_names() {
        assert_eq!(format!("{} {}", Signal::TERMINATE, Signal(40)), "SIGTERM signal 40");
    }
}
