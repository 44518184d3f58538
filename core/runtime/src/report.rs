//! What a run came to, as plain data: why it ended, what was hit, lost, skipped and refused.
//!
//! It must never round a loss away: the counts here and what was delivered add up to what happened.

use std::time::Duration;

use systap_diagnostics::Span;
use systap_sys::process::Exit;

/// Why a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// A handler called `exit()`.
    Exit,
    /// A handler called `abort()`: neither `end` handlers ran nor were pending records delivered.
    Aborted,
    /// A signal, as Ctrl-C sends it.
    Interrupted,
    /// A third signal, before the run had ended in order.
    Forced,
    /// The time that the run was given is over.
    TimeLimit,
    /// The process that was watched, or the command that was run, has ended.
    TargetEnded,
    /// More run-time errors than MAXERRORS, or one of [`Excess`].
    Error,
    /// Nobody reads the output any more.
    OutputClosed,
}

/// What a run did too much of, so that it was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// More skipped hits than MAXSKIPPED.
    Skipped,
    /// Handlers took more of the machine's time than STP_OVERLOAD_THRESHOLD allows. In cycles, of which there are 10⁹ a second here,
    /// of each CPU on average.
    Overload {
        /// What they took.
        spent: u64,
        /// What they may take.
        allowed: u64,
        /// Of that many.
        interval: u64,
    },
}

/// Which side runs a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The kernel.
    Kernel,
    /// Systap's own process.
    User,
}

/// What became of one handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeReport {
    /// The resolved point.
    pub point: String,
    /// The point in the script.
    pub span: Span,
    /// Where it ran.
    pub side: Side,
    /// How often it ran; `None` where that was not counted.
    pub hits: Option<u64>,
    /// How often it did not: another handler was running on that CPU, or a timer's tick came too late.
    pub skipped: u64,
    /// How often the kernel was at its point and did not run its program; see [`ProgramReport`]. `None` where a program serves points
    /// that it tells apart itself, as those of system calls: which of them was missed, nobody knows.
    pub missed: Option<u64>,
}

/// Records of one place in the script that were not delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteLoss {
    /// The place.
    pub span: Span,
    /// The probe point of its handler.
    pub point: String,
    /// How many found no room in the ring.
    pub records: u64,
}

/// What the kernel says of one program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramReport {
    /// Its name.
    pub name: String,
    /// The probe points that it serves.
    pub points: Vec<String>,
    /// How often the kernel did not run it, because it was running on that CPU already.
    pub recursion_misses: u64,
    /// How often its kprobes were hit and not served, as the kernel counts them (Linux 6.7): within another kprobe's handler, or with too
    /// many calls in the function for its return to be told.
    pub missed: u64,
}

/// How long the steps of a run took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// Making maps and loading programs.
    pub load: Duration,
    /// Attaching them.
    pub attach: Duration,
    /// From the start of the run to the last attachment.
    pub armed: Duration,
}

/// What a run came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Why it ended.
    pub end: End,
    /// How the command of [`Target::Command`](crate::Target::Command) ended, if it did by itself.
    pub target: Option<Exit>,
    /// Each handler: those of the kernel side, then those of the user side, in script order.
    pub probes: Vec<ProbeReport>,
    /// The places that lost records; none is in it without a loss.
    pub lost: Vec<SiteLoss>,
    /// The programs.
    pub programs: Vec<ProgramReport>,
    /// What there was too much of, if that ended it.
    pub excess: Option<Excess>,
    /// Run-time errors, those within MAXERRORS included.
    pub errors: u64,
    /// For each array that had no room: its name and how often.
    pub arrays_full: Vec<(String, u64)>,
    /// Records whose form was wrong: a defect of systap.
    pub malformed: u64,
    /// Records that were in the ring and given up, by [`End::Aborted`] or [`End::Forced`].
    pub abandoned: u64,
    /// How long the steps took.
    pub timing: Timing,
}

impl Report {
    /// Records that were not delivered, for whatever reason.
    pub fn lost_records(&self) -> u64 {
        self.lost.iter().map(|loss| loss.records).sum::<u64>() + self.malformed + self.abandoned
    }

    /// Hits in the kernel that no handler ran for: skipped ones, and those that the kernel did not run the program for. A
    /// timer's ticks that came too late to be served are none: nothing happened at them.
    pub fn missed_hits(&self) -> u64 {
        let kernel = self.probes.iter().filter(|probe| probe.side == Side::Kernel);
        let skipped: u64 = kernel.map(|probe| probe.skipped).sum();
        skipped + self.programs.iter().map(|program| program.recursion_misses + program.missed).sum::<u64>()
    }

    /// Whether the run failed, so that the exit status must say so: an error ended it, or the command that it was for
    /// did not succeed.
    pub fn failed(&self) -> bool {
        self.end == End::Error || self.target.is_some_and(|exit| exit != Exit::Code(0))
    }
}
