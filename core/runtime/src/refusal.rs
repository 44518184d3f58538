//! Why a program could not be loaded or attached, each as a sentence with a remedy.
//!
//! It must never be consulted before something was refused: what the kernel allows is found out by trying.

use systap_diagnostics::Span;
use systap_sys::SysError;
use systap_sys::privilege::{Capabilities, Lockdown, lockdown};

/// A load or an attachment that the kernel refused.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The process may not.
    #[error("not permitted to {what}: this process lacks {missing}")]
    Privilege {
        /// What was tried, to be read after "to".
        what: &'static str,
        /// The capabilities that it lacks, as `CAP_BPF and CAP_PERFMON`.
        missing: &'static str,
    },
    /// The kernel's lockdown forbids reading what it holds, which programs do.
    #[error("not permitted to {what}: the kernel is locked down for confidentiality, which forbids all tracing by BPF")]
    Lockdown {
        /// What was tried.
        what: &'static str,
    },
    /// The limit on locked memory, against which kernels before 5.11 charge maps and programs.
    #[error("not permitted to {what}: the limit on locked memory (RLIMIT_MEMLOCK) is too low for {bytes} bytes")]
    LockedMemory {
        /// What was tried.
        what: &'static str,
        /// How many bytes were asked for.
        bytes: u64,
    },
    /// Refused although the process has the capabilities.
    #[error("not permitted to {what}, though this process has the capabilities: {source}")]
    Forbidden {
        /// What was tried.
        what: &'static str,
        /// What the kernel said.
        source: SysError,
    },
    /// A map could not be made.
    #[error("cannot make {map} ({entries} entries, {bytes} bytes): {source}")]
    Map {
        /// What it is for: ``array `reads` ``, `the ring buffer`.
        map: String,
        /// Its entries; of the ring buffer, its bytes.
        entries: u64,
        /// About how much memory it can take.
        bytes: u64,
        /// What the kernel said.
        source: SysError,
    },
    /// The maps take more than STP_MAXMEMORY allows.
    #[error("the arrays and buffers of the script take {needed} KiB, and STP_MAXMEMORY allows {allowed} KiB")]
    TooMuchMemory {
        /// About how much they can take, in KiB.
        needed: u64,
        /// How much they may, in KiB.
        allowed: u32,
    },
    /// The verifier refused a program: a defect of systap.
    #[error("the kernel's verifier refused the program for {}: {}", list(points), verdict(log))]
    Verifier {
        /// The program's name.
        program: String,
        /// The probe points that it serves.
        points: Vec<String>,
        /// The place in the script that the refused instruction was made from.
        span: Option<Span>,
        /// The errno.
        errno: i32,
        /// All that the verifier said.
        log: String,
    },
    /// The verifier gave up: there are too many ways through the handlers.
    #[error("the handlers of {} are too long for the kernel's verifier", list(points))]
    TooLong {
        /// The probe points.
        points: Vec<String>,
    },
    /// The kernel cannot take a program of that kind.
    #[error("the kernel does not take the program for {}: {}", list(points), std::io::Error::from_raw_os_error(*errno))]
    Unsupported {
        /// The program's name.
        program: String,
        /// The probe points that it serves.
        points: Vec<String>,
        /// The errno.
        errno: i32,
    },
    /// A tracepoint that the kernel had when the script was translated is gone.
    #[error("there is no tracepoint `{name}` any more, for {}", list(points))]
    NoTracepoint {
        /// The tracepoint.
        name: String,
        /// The probe points that wanted it.
        points: Vec<String>,
    },
    /// The kernel, or the machine, lacks what a kind of probe takes.
    #[error("this kernel has no {feature}, which {} would take", list(points))]
    NoFeature {
        /// What it lacks, as `kprobes (CONFIG_KPROBES)`.
        feature: &'static str,
        /// The probe points.
        points: Vec<String>,
    },
    /// Each way to attach to a function was refused.
    #[error("cannot probe {}: by type (fentry), {by_type}; by a kprobe, {by_kprobe}", list(points))]
    NoMechanism {
        /// The probe points.
        points: Vec<String>,
        /// What was against attaching by type.
        by_type: String,
        /// What was against a kprobe.
        by_kprobe: String,
        /// The kernel lacks both, so that it is the same with every function.
        everywhere: bool,
    },
    /// The kernel lets no program write to the memory of processes, as the functions `set_user_*` do.
    #[error("this kernel does not let BPF write to programs' memory, as {} would", list(points))]
    NoWriting {
        /// The probe points.
        points: Vec<String>,
    },
    /// A program could not be attached.
    #[error("cannot attach {}: {}", list(points), told(source))]
    Attach {
        /// The probe points.
        points: Vec<String>,
        /// What the kernel said.
        source: SysError,
    },
    /// The artifact does not fit together: a defect of systap.
    #[error("internal error: {0}")]
    Malformed(String),
    /// Another system call failed.
    #[error(transparent)]
    System(#[from] SysError),
}

impl LoadError {
    /// What to do about it, one sentence each; none where nothing is known.
    pub fn remedies(&self) -> Vec<&'static str> {
        match self {
            Self::Privilege { .. } => vec!["run as root, or give the program CAP_BPF and CAP_PERFMON"],
            Self::TooMuchMemory { .. } => vec!["give arrays smaller sizes, or a smaller --kernel-buffer"],
            Self::Lockdown { .. } => {
                vec!["boot with `lockdown=integrity` or without lockdown: integrity allows tracing"]
            }
            Self::LockedMemory { .. } => {
                vec!["raise the limit: `ulimit -l unlimited`", "use smaller arrays or buffers"]
            }
            Self::Forbidden { .. } => {
                vec!["look whether a container's seccomp profile or a security module forbids bpf(2)"]
            }
            Self::Map { source, .. } if source.errno == ENOMEM => vec!["free memory, or use smaller arrays or buffers"],
            Self::Map { .. } => vec!["declare the array with fewer entries"],
            Self::Verifier { .. } | Self::Malformed(_) => {
                vec!["run `systap check --print bpf` on the script to see what was refused"]
            }
            Self::TooLong { .. } => vec!["split the handler, or test its conditions in fewer places"],
            Self::Unsupported { .. } => vec!["a newer kernel has it"],
            Self::NoTracepoint { .. } => {
                vec!["run the script again: it will be resolved against the kernel as it is now"]
            }
            Self::NoFeature { .. } | Self::NoMechanism { everywhere: true, .. } => {
                vec!["`systap check --until resolve` checks the script all the same"]
            }
            Self::NoWriting { .. } => vec!["a kernel without lockdown, and without a security module against it, does"],
            Self::Attach { .. } | Self::NoMechanism { .. } | Self::System(_) => vec![],
        }
    }

    /// Whether it is about the place that was to be probed, so that another place may do.
    pub(crate) fn is_of_the_place(&self) -> bool {
        matches!(self, Self::Attach { .. } | Self::NoMechanism { everywhere: false, .. })
    }

    /// Whether it is what the kernel lacks, and not what this process may not, nor a defect of systap.
    pub(crate) fn is_of_the_kernel(&self) -> bool {
        match self {
            Self::Unsupported { .. }
            | Self::NoTracepoint { .. }
            | Self::NoFeature { .. }
            | Self::NoMechanism { .. } => true,
            Self::Attach { .. } => !self.is_of_the_process(),
            _ => false,
        }
    }

    /// That none of what a point stands for can be probed.
    pub(crate) fn nothing_of(points: Vec<String>) -> Self {
        Self::NoFeature { feature: "way to probe any of what it stands for", points }
    }

    /// Whether the process has no more descriptors, so that nothing else can be attached either.
    pub(crate) fn is_of_the_process(&self) -> bool {
        matches!(self, Self::Attach { source, .. } if matches!(source.errno, libc::EMFILE | libc::ENFILE))
    }

    /// What was against it, to be read after the points.
    pub(crate) fn reason(&self) -> String {
        match self {
            Self::NoFeature { feature, .. } => format!("this kernel has no {feature}"),
            Self::Attach { source, .. } => reason(source),
            Self::Unsupported { errno, .. } => std::io::Error::from_raw_os_error(*errno).to_string(),
            Self::Verifier { log, .. } => verdict(log).to_owned(),
            other => other.to_string(),
        }
    }

    /// Whether systap is to blame, not the system.
    pub fn is_internal(&self) -> bool {
        matches!(self, Self::Verifier { .. } | Self::Malformed(_))
    }

    /// Why the kernel did not permit something, as far as this process can find out.
    pub(crate) fn forbidden(what: &'static str, source: SysError, bytes: Option<(u64, bool)>) -> Self {
        let Ok(capabilities) = Capabilities::effective() else { return Self::Forbidden { what, source } };
        let missing = match (capabilities.allows_bpf(), capabilities.allows_perf_events()) {
            (true, true) => "",
            (true, false) => "CAP_PERFMON",
            (false, true) => "CAP_BPF",
            (false, false) => "CAP_BPF and CAP_PERFMON",
        };
        if !missing.is_empty() {
            return Self::Privilege { what, missing };
        }
        if let Some((bytes, true)) = bytes {
            return Self::LockedMemory { what, bytes };
        }
        match lockdown() {
            Ok(Lockdown::Confidentiality) => Self::Lockdown { what },
            _ => Self::Forbidden { what, source },
        }
    }
}

/// ENOMEM, which is 12 on every architecture that Linux runs on.
const ENOMEM: i32 = 12;

/// Why something was not attached to a function, in the kernel's error numbers.
pub(crate) fn reason(error: &SysError) -> String {
    match error.errno {
        libc::ESRCH | libc::ENOENT => "the kernel has no such function, or several".to_owned(),
        libc::EINVAL | libc::EILSEQ | libc::EOPNOTSUPP => UNTRACEABLE.to_owned(),
        libc::EADDRNOTAVAIL => "the kernel has several of that name, which only their addresses tell apart".to_owned(),
        libc::EBUSY => "it is taken by something else that does not share it".to_owned(),
        NOT_SUPPORTED => "the kernel does not support its arguments".to_owned(),
        errno => std::io::Error::from_raw_os_error(errno).to_string(),
    }
}

/// The same of any place: the kernel's own words, but where they are riddles.
fn told(error: &SysError) -> String {
    match error.errno {
        libc::EADDRNOTAVAIL => reason(error),
        _ => error.to_string(),
    }
}

/// The kernel's ENOTSUPP (include/linux/errno.h), which no C library knows.
pub(crate) const NOT_SUPPORTED: i32 = 524;

pub(crate) const UNTRACEABLE: &str = "the kernel cannot trace it";

fn list(points: &[String]) -> String {
    match points {
        [] => "a probe".to_owned(),
        [only] => format!("`{only}`"),
        [first, rest @ ..] => format!("`{first}` and {} more", rest.len()),
    }
}

/// The line in which the verifier gives its reason: the last one that is not statistics.
fn verdict(log: &str) -> &str {
    let statistics = |line: &&str| {
        !(line.is_empty()
            || line.starts_with("processed ")
            || line.starts_with("verification time")
            || line.starts_with("stack depth"))
    };
    log.lines().rev().map(str::trim).find(statistics).unwrap_or("it gave no reason")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_last_line_that_is_not_statistics() {
        let log = "0: (b7) r0 = 0\n1: (79) r1 = *(u64 *)(r2 +0)\nR2 !read_ok\n\
                   processed 2 insns (limit 1000000) max_states_per_insn 0\n";
        assert_eq!(verdict(log), "R2 !read_ok");
        assert_eq!(verdict(""), "it gave no reason");
    }

    #[test]
    fn sentences_name_the_probe() {
        let points = vec!["kernel.trace(\"sched_switch\")".to_owned(), "timer.profile".to_owned()];
        let gone = LoadError::NoTracepoint { name: "sched_switch".into(), points };
        insta::assert_snapshot!(gone, @r#"there is no tracepoint `sched_switch` any more, for `kernel.trace("sched_switch")` and 1 more"#);
        assert!(!gone.is_internal());
    }
}
