//! tracefs for the peers that need it mounted: in a mount namespace of this bench's own.
//!
//! It must never mount anything that another process sees.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// Set in the process that has been through the namespace, so that it happens once.
const DONE: &str = "SYSTAP_BENCH_TRACEFS";

/// Mounts tracefs and ends as this same bench, in a new mount namespace.
const MOUNT: &str = "mount -t tracefs tracefs /sys/kernel/tracing; exec \"$0\" \"$@\"";

/// Starts this process anew where tracefs is mounted, if it is not here; returns where that is not needed.
///
/// # Errors
/// The text to say where it cannot be had: peers that need it then fail, aloud, each on its own.
pub(crate) fn provide() -> Result<(), String> {
    if ["/sys/kernel/tracing/events", "/sys/kernel/debug/tracing/events"].iter().any(|path| Path::new(path).exists()) {
        return Ok(());
    }
    if std::env::var_os(DONE).is_some() {
        return Err("tracefs cannot be mounted".to_owned());
    }
    let own = std::env::current_exe().map_err(|error| format!("tracefs is not mounted, and own path: {error}"))?;
    let failed = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", MOUNT])
        .arg(own)
        .args(std::env::args_os().skip(1))
        .env(DONE, "1")
        .exec();
    Err(format!("tracefs is not mounted, and no namespace for it: unshare: {failed}"))
}
