//! The kernel's own accounting of how often and how long programs run.
//!
//! It must never stay on: it costs every program on the machine about 20 ns a run, so it ends with the descriptor.

use std::os::fd::OwnedFd;

use super::{Command, attr, call};
use crate::SysError;
use crate::mount::owned;

/// Counts runs and their time for every program on the machine, until the descriptor is closed (Linux 5.8).
///
/// # Errors
/// EPERM without CAP_SYS_ADMIN.
pub fn enable_run_time_stats() -> Result<OwnedFd, SysError> {
    const WHAT: &str = "enable BPF run-time statistics";
    // Kind 0 is BPF_STATS_RUN_TIME.
    let mut attr = attr::EnableStats { kind: 0 };
    // SAFETY: the attribute has no addresses.
    let fd = unsafe { call(Command::EnableStats, &mut attr) }.map_err(|errno| SysError::new(WHAT, errno))?;
    owned(fd, WHAT)
}
