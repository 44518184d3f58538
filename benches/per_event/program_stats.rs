//! The kernel's own clock on BPF programs: `kernel.bpf_stats_enabled`, read from a tracer's open descriptors.
//!
//! It must never stay on: what it was before is put back, since it costs every BPF program of the machine some time.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::measure::program::Program;

const SWITCH: &str = "/proc/sys/kernel/bpf_stats_enabled";

/// How often a tracer's descriptors are read; the last reading counts.
const EVERY: Duration = Duration::from_millis(100);

/// The switch as it was; put back when this is dropped.
pub(crate) struct Enabled {
    before: String,
}

/// Turns the clock on.
///
/// # Errors
/// The text to say, where the kernel lacks the switch or refuses it.
pub(crate) fn enable() -> Result<Enabled, String> {
    let before = fs::read_to_string(SWITCH).map_err(|error| format!("{SWITCH}: {error}"))?;
    fs::write(SWITCH, "1").map_err(|error| format!("{SWITCH}: {error}"))?;
    Ok(Enabled { before })
}

impl Drop for Enabled {
    fn drop(&mut self) {
        // Nothing is left to do where this fails; writing it worked a moment ago.
        let _ = fs::write(SWITCH, self.before.trim());
    }
}

/// What one program took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    /// Nanoseconds, of all its runs.
    time: u64,
    /// Its runs.
    runs: u64,
}

impl Stat {
    /// The mean of its runs.
    pub(crate) fn ns_per_run(self) -> f64 {
        self.time as f64 / self.runs.max(1) as f64
    }
}

/// What each BPF program took that the program held open while it ran, and that ran at least once.
///
/// # Errors
/// The text to say, where the run fails or no such program was seen.
pub(crate) fn of_run(program: &Program, limit: Duration) -> Result<Vec<Stat>, String> {
    let seen = Arc::new(Mutex::new(BTreeMap::new()));
    let written = Arc::clone(&seen);
    program.run_watched(limit, move |pid| {
        let start = Instant::now();
        // The descriptors of a process that ended cannot be read, or are none.
        while let Some(stats) = of_process(pid)
            && start.elapsed() < limit
        {
            if let Ok(mut seen) = written.lock() {
                seen.extend(stats);
            }
            std::thread::sleep(EVERY);
        }
    })?;
    let seen = seen.lock().map_err(|error| error.to_string())?;
    let stats: Vec<Stat> = seen.values().copied().filter(|stat| stat.runs > 0).collect();
    if stats.is_empty() { Err("no BPF program among its descriptors".to_owned()) } else { Ok(stats) }
}

/// By program id. `None` where the process has no descriptors (any more).
fn of_process(pid: u32) -> Option<BTreeMap<u64, Stat>> {
    let mut stats = BTreeMap::new();
    let mut any = false;
    for entry in fs::read_dir(format!("/proc/{pid}/fdinfo")).ok()?.flatten() {
        any = true;
        // One that was closed meanwhile is not there to be read.
        if let Some((id, stat)) = fs::read_to_string(entry.path()).ok().and_then(|text| of_descriptor(&text)) {
            stats.insert(id, stat);
        }
    }
    any.then_some(stats)
}

/// The program's id and figures, if that is the description of a BPF program.
fn of_descriptor(text: &str) -> Option<(u64, Stat)> {
    let field = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|value| value.trim().parse::<u64>().ok())
    };
    Some((field("prog_id")?, Stat { time: field("run_time_ns")?, runs: field("run_cnt")? }))
}

/// Known descriptions.
pub(crate) fn check() {
    let program = "pos:\t0\nflags:\t02000000\nprog_type:\t26\nprog_id:\t77\nrun_time_ns:\t300\nrun_cnt:\t4\n";
    let stat = Stat { time: 300, runs: 4 };
    assert_eq!(of_descriptor(program), Some((77, stat)));
    assert!((stat.ns_per_run() - 75.0).abs() < 1e-9);
    assert_eq!(of_descriptor("pos:\t0\nflags:\t02\nmap_type:\t5\n"), None);
}
