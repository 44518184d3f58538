//! A terminal that gives characters as they are typed, not by lines.
//!
//! It must never leave a terminal changed: what was changed is put back when its owner goes.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use crate::SysError;

/// A terminal whose characters come at once, unseen; dropping it puts it back.
pub struct RawTerminal {
    terminal: OwnedFd,
    before: libc::termios,
}

impl std::fmt::Debug for RawTerminal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RawTerminal").field("terminal", &self.terminal).finish_non_exhaustive()
    }
}

impl RawTerminal {
    /// Changes the terminal that `fd` is. Keys that send signals still do.
    ///
    /// # Errors
    /// ENOTTY if it is none.
    pub fn of(fd: impl AsFd) -> Result<Self, SysError> {
        const WHAT: &str = "have a terminal give single characters";
        let terminal = fd.as_fd().try_clone_to_owned().map_err(|error| SysError::from_io(WHAT, &error))?;
        let mut before = std::mem::MaybeUninit::<libc::termios>::uninit();
        // SAFETY: the call writes the whole structure, or fails.
        if unsafe { libc::tcgetattr(terminal.as_raw_fd(), before.as_mut_ptr()) } < 0 {
            return Err(SysError::last(WHAT));
        }
        // SAFETY: it was written just now.
        let before = unsafe { before.assume_init() };
        let mut changed = before;
        changed.c_lflag &= !(libc::ICANON | libc::ECHO);
        set(&terminal, &changed).map_err(|()| SysError::last(WHAT))?;
        Ok(RawTerminal { terminal, before })
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        let _ = set(&self.terminal, &self.before);
    }
}

fn set(terminal: &OwnedFd, to: &libc::termios) -> Result<(), ()> {
    // SAFETY: the call reads one structure, which lives through it.
    if unsafe { libc::tcsetattr(terminal.as_raw_fd(), libc::TCSANOW, to) } < 0 { Err(()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn only_a_terminal_can_be_changed() {
        assert_eq!(RawTerminal::of(File::open("/dev/null").unwrap()).unwrap_err().errno, libc::ENOTTY);
    }

    #[test]
    fn a_terminal_is_put_back() {
        let Ok(terminal) = File::options().read(true).write(true).open("/dev/ptmx") else {
            return eprintln!("skipped: no terminals here");
        };
        let flags = || {
            let mut now = std::mem::MaybeUninit::<libc::termios>::uninit();
            // SAFETY: the call writes the whole structure, or fails.
            assert_eq!(unsafe { libc::tcgetattr(terminal.as_raw_fd(), now.as_mut_ptr()) }, 0);
            // SAFETY: it was written just now.
            unsafe { now.assume_init() }.c_lflag
        };
        let before = flags();
        let raw = RawTerminal::of(&terminal).unwrap();
        assert_eq!(flags(), before & !(libc::ICANON | libc::ECHO));
        drop(raw);
        assert_eq!(flags(), before);
    }
}
