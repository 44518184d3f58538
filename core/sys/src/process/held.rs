//! A child that exists but does not run its program before it is told to: probes are armed in between.
//!
//! It must never be left behind: dropped or orphaned before its release, the child ends without having run anything.
//! Between fork and exec only async-signal-safe calls are made, since other threads may hold any lock.

use std::ffi::{CString, OsStr};
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::ptr;
use std::sync::{Mutex, PoisonError};

use super::PidFd;
use crate::SysError;
use crate::error::last_errno;
use crate::event::Signal;

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this status.
    Code(i32),
    /// By a signal.
    Signal(Signal),
}

/// A child that waits for [`release`](Self::release).
///
/// Dropped before, it is killed and reaped; dropped after, it is left to run.
#[derive(Debug)]
pub struct HeldChild {
    pid: libc::pid_t,
    /// One byte lets the child go; the end of the pipe ends it.
    gate: Option<PipeWriter>,
    /// Ends without a byte when the program runs; else the errno of exec.
    report: PipeReader,
    exit: Option<Exit>,
}

impl HeldChild {
    /// A child that will run `/bin/sh -c COMMAND`.
    ///
    /// # Errors
    /// EINVAL for a command with a NUL byte; EAGAIN when processes run out.
    pub fn shell(command: &OsStr) -> Result<Self, SysError> {
        Self::program(&[OsStr::new("/bin/sh"), OsStr::new("-c"), command])
    }

    /// A child that will run the program at the path `arguments[0]`, with this process's environment, working
    /// directory and standard streams.
    ///
    /// # Errors
    /// EINVAL for no arguments or one with a NUL byte; EAGAIN when processes run out.
    pub fn program(arguments: &[&OsStr]) -> Result<Self, SysError> {
        const WHAT: &str = "start a child";
        let arguments: Result<Vec<_>, _> = arguments.iter().map(|argument| CString::new(argument.as_bytes())).collect();
        let arguments = arguments.map_err(|_| SysError::new(WHAT, libc::EINVAL))?;
        if arguments.is_empty() {
            return Err(SysError::new(WHAT, libc::EINVAL));
        }
        let argv: Vec<_> = arguments.iter().map(|argument| argument.as_ptr()).chain([ptr::null()]).collect();
        // A child of another thread that is forked while the pipes' child ends are open here would keep them open for
        // as long as it is held, and this child would neither see our end nor we its exec.
        static FORKING: Mutex<()> = Mutex::new(());
        let _one_at_a_time = FORKING.lock().unwrap_or_else(PoisonError::into_inner);
        let pipe_failed = |error: std::io::Error| SysError::from_io(WHAT, &error);
        let (held, gate) = pipe().map_err(pipe_failed)?;
        let (report, complaint) = pipe().map_err(pipe_failed)?;

        let mut all = crate::event::empty_set();
        let mut before = crate::event::empty_set();
        // With all signals blocked, no handler of ours runs in the child before it has reset them.
        // SAFETY: both sets are live and initialised.
        unsafe {
            libc::sigfillset(&mut all);
            libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
        }
        // SAFETY: the child calls nothing but `run`, which keeps to async-signal-safe calls and never returns.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            // SAFETY: this is the child; argv is null-terminated and its strings and the descriptors are alive in this
            // copy of the memory.
            unsafe { run(&argv, held.as_raw_fd(), gate.as_raw_fd(), complaint.as_raw_fd()) }
        }
        let errno = last_errno();
        // SAFETY: the set is live and initialised.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &before, ptr::null_mut()) };
        if pid < 0 {
            return Err(SysError::new(WHAT, errno));
        }
        Ok(Self { pid, gate: Some(gate), report, exit: None })
    }

    /// Its process number, which the program will keep.
    pub fn pid(&self) -> u32 {
        self.pid.cast_unsigned()
    }

    /// A descriptor that reports its end.
    ///
    /// # Errors
    /// ESRCH if it was reaped already; see [`PidFd::open`].
    pub fn pidfd(&self) -> Result<PidFd, SysError> {
        if self.exit.is_some() {
            return Err(SysError::new("open a process", libc::ESRCH));
        }
        PidFd::open(self.pid())
    }

    /// Waits until the child has done all that it does before its release but waiting, for a second at most: on a busy
    /// machine it may be a while before it runs at all.
    pub fn settle(&self) {
        let start = std::time::Instant::now();
        let stat = format!("/proc/{}/stat", self.pid);
        // The state comes after the name, which is in parentheses and may hold any letter. The child sleeps nowhere but
        // in its wait.
        let sleeps = || {
            std::fs::read_to_string(&stat)
                .is_ok_and(|stat| stat.rsplit(')').next().is_some_and(|rest| rest.starts_with(" S")))
        };
        while self.gate.is_some() && !sleeps() && start.elapsed() < std::time::Duration::from_secs(1) {
            std::thread::yield_now();
        }
    }

    /// Lets the child run its program, and waits until it does; a second time does nothing.
    ///
    /// # Errors
    /// The errno of exec: ENOENT for a program that does not exist, EACCES for one that may not be run. ECHILD if the
    /// child was killed before.
    pub fn release(&mut self) -> Result<(), SysError> {
        const WHAT: &str = "run the child's program";
        let Some(mut gate) = self.gate.take() else { return Ok(()) };
        // EPIPE: it was killed while it waited. (The standard library's runtime ignores SIGPIPE.)
        gate.write_all(&[1]).map_err(|_| SysError::new(WHAT, libc::ECHILD))?;
        drop(gate);
        let mut errno = [0; 4];
        match self.report.read_exact(&mut errno) {
            // The end of the pipe: exec closed it.
            Err(_) => Ok(()),
            Ok(()) => {
                self.wait()?;
                Err(SysError::new(WHAT, i32::from_ne_bytes(errno)))
            }
        }
    }

    /// How it ended, or nothing while it runs; never waits.
    ///
    /// # Errors
    /// ECHILD if someone else reaped it.
    pub fn try_wait(&mut self) -> Result<Option<Exit>, SysError> {
        self.reap(libc::WNOHANG)
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// ECHILD if someone else reaped it.
    pub fn wait(&mut self) -> Result<Exit, SysError> {
        loop {
            if let Some(exit) = self.reap(0)? {
                return Ok(exit);
            }
        }
    }

    /// Sends it a signal; does nothing once it was reaped.
    ///
    /// # Errors
    /// EPERM if it has changed its user.
    pub fn kill(&self, signal: Signal) -> Result<(), SysError> {
        // SAFETY: the call takes no addresses; the number is our child's, which nobody else can get before it is
        // reaped.
        if self.exit.is_none() && unsafe { libc::kill(self.pid, signal.0) } < 0 {
            return Err(SysError::last("signal the child"));
        }
        Ok(())
    }

    fn reap(&mut self, flags: i32) -> Result<Option<Exit>, SysError> {
        if self.exit.is_some() {
            return Ok(self.exit);
        }
        let mut status = 0;
        // SAFETY: the kernel writes one live integer.
        match unsafe { libc::waitpid(self.pid, &mut status, flags) } {
            0 => {}
            -1 if last_errno() == libc::EINTR => {}
            -1 => return Err(SysError::last("wait for the child")),
            _ if libc::WIFSIGNALED(status) => self.exit = Some(Exit::Signal(Signal(libc::WTERMSIG(status)))),
            _ => self.exit = Some(Exit::Code(libc::WEXITSTATUS(status))),
        }
        Ok(self.exit)
    }
}

impl Drop for HeldChild {
    fn drop(&mut self) {
        if self.gate.is_some() && self.kill(Signal::KILL).is_ok() {
            let _already_reaped = self.wait();
        }
    }
}

/// The child's side: resets signals, waits for a byte, runs the program.
///
/// # Safety
/// To be called in a child that was just forked. `argv` ends with a null and holds NUL-terminated strings.
unsafe fn run(argv: &[*const libc::c_char], held: RawFd, gate: RawFd, complaint: RawFd) -> ! {
    // SAFETY: all of these are on POSIX's list of async-signal-safe functions, given live objects of this frame.
    unsafe {
        // Our own copy would keep the pipe open after the parent's end.
        libc::close(gate);
        // exec(2) resets what is caught; what was ignored from outside (nohup) is to stay so. Only SIGPIPE was ignored by
        // the standard library's runtime.
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        let mut none = MaybeUninit::uninit();
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), ptr::null_mut());
        let mut byte = 0_u8;
        loop {
            match libc::read(held, (&raw mut byte).cast(), 1) {
                1 => break,
                -1 if *libc::__errno_location() == libc::EINTR => {}
                // The parent has gone.
                _ => libc::_exit(0),
            }
        }
        libc::execv(*argv.as_ptr(), argv.as_ptr());
        let errno = *libc::__errno_location();
        libc::write(complaint, (&raw const errno).cast(), size_of_val(&errno));
        libc::_exit(127)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Poller;
    use std::path::PathBuf;
    use std::time::Duration;

    fn path(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("systap-held-{}-{name}", std::process::id()))
    }

    fn state(pid: u32) -> Option<String> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        Some(status.lines().find_map(|line| line.strip_prefix("State:"))?.trim().to_owned())
    }

    #[test]
    fn runs_nothing_before_its_release() {
        let file = path("order");
        let mut child = HeldChild::shell(OsStr::new(&format!("echo $$ > {}; exit 3", file.display()))).unwrap();
        std::thread::sleep(Duration::from_millis(30));
        assert!(!file.exists());
        assert_eq!(child.try_wait().unwrap(), None);
        let process = child.pidfd().unwrap();
        child.release().unwrap();
        child.release().unwrap();
        assert_eq!(child.wait().unwrap(), Exit::Code(3));
        assert_eq!(child.try_wait().unwrap(), Some(Exit::Code(3)));
        child.kill(Signal::KILL).unwrap();
        assert!(process.has_ended().unwrap());
        assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), child.pid().to_string());
        std::fs::remove_file(&file).unwrap();
    }

    #[test]
    fn its_end_wakes_the_poller() {
        let mut child = HeldChild::shell(OsStr::new("kill -TERM $$")).unwrap();
        let (process, mut poller) = (child.pidfd().unwrap(), Poller::new().unwrap());
        poller.add(&process, 1).unwrap();
        assert_eq!(poller.wait(Some(Duration::ZERO)).unwrap(), []);
        child.release().unwrap();
        assert_eq!(poller.wait(Some(Duration::from_secs(5))).unwrap(), [1]);
        assert_eq!(child.try_wait().unwrap(), Some(Exit::Signal(Signal::TERMINATE)));
    }

    #[test]
    fn dropped_before_its_release_it_is_gone() {
        let file = path("dropped");
        let child = HeldChild::shell(OsStr::new(&format!("touch {}", file.display()))).unwrap();
        let pid = child.pid();
        assert!(state(pid).is_some());
        drop(child);
        assert_eq!(state(pid), None);
        assert!(!file.exists());
    }

    #[test]
    fn a_program_that_does_not_exist_is_said() {
        let mut child = HeldChild::program(&[OsStr::new("/nonexistent")]).unwrap();
        assert_eq!(child.release().unwrap_err().errno, libc::ENOENT);
        assert_eq!(child.try_wait().unwrap(), Some(Exit::Code(127)));
        assert_eq!(HeldChild::program(&[]).unwrap_err().errno, libc::EINVAL);
        assert_eq!(HeldChild::shell(OsStr::new("a\0b")).unwrap_err().errno, libc::EINVAL);
    }

    #[test]
    fn one_that_was_killed_is_not_released() {
        let mut child = HeldChild::program(&[OsStr::new("/bin/true")]).unwrap();
        child.kill(Signal::TERMINATE).unwrap();
        assert_eq!(child.wait().unwrap(), Exit::Signal(Signal::TERMINATE));
        assert_eq!(child.release().unwrap_err().errno, libc::ECHILD);
    }

    #[test]
    fn has_nothing_blocked_and_pipes_break() {
        let _blocked = crate::event::SignalFd::block(&[Signal::TERMINATE, Signal::CHILD]).unwrap();
        let file = path("signals");
        let command = format!("grep -E '^Sig(Blk|Ign)' /proc/self/status > {}", file.display());
        let mut child = HeldChild::shell(OsStr::new(&command)).unwrap();
        child.release().unwrap();
        assert_eq!(child.wait().unwrap(), Exit::Code(0));
        let signals = std::fs::read_to_string(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        let mask = |name: &str| {
            let digits = signals.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            u64::from_str_radix(digits.trim(), 16).unwrap()
        };
        assert_eq!(mask("SigBlk:"), 0);
        assert_eq!(mask("SigIgn:") >> (libc::SIGPIPE - 1) & 1, 0);
    }

    #[test]
    fn ends_when_its_parent_does() {
        // This test runs itself in another process, which makes a held child and goes without a word.
        const PARENT: &str = "SYSTAP_TEST_PARENT";
        if std::env::var_os(PARENT).is_some() {
            let child = HeldChild::shell(OsStr::new("sleep 600")).unwrap();
            println!("held: {}", child.pid());
            std::mem::forget(child);
            return;
        }
        let parent = std::process::Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "process::held::tests::ends_when_its_parent_does"])
            .env(PARENT, "1")
            .stderr(std::process::Stdio::null())
            .output()
            .unwrap();
        let said = String::from_utf8(parent.stdout).unwrap();
        let pid: u32 = said.split_once("held: ").unwrap().1.lines().next().unwrap().parse().unwrap();
        for _ in 0..500 {
            // Whoever adopted it may take its time to reap it.
            if state(pid).is_none_or(|state| state.starts_with('Z')) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("the held child {pid} outlived its parent: {:?}", state(pid));
    }
}
