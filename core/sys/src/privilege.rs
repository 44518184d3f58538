//! What this process may do and what this kernel forbids, so that a refusal can be explained.
//!
//! It must never decide: a kernel may refuse more than it says here, so the caller tries, and asks here afterwards.

use std::fs;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;

use crate::SysError;
use crate::mount::{detached_securityfs, open_at};

/// A capability (include/uapi/linux/capability.h).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Capability {
    /// Signals to other users' processes.
    Kill = 5,
    /// Loading kernel modules.
    SysModule = 16,
    /// Reading other users' processes.
    SysPtrace = 19,
    /// Nearly everything; before Linux 5.8 all of BPF and perf events.
    SysAdmin = 21,
    /// Exceeding limits.
    SysResource = 24,
    /// Seeing kernel addresses.
    Syslog = 34,
    /// Perf events and tracing programs (Linux 5.8).
    Perfmon = 38,
    /// Maps, programs and BTF (Linux 5.8).
    Bpf = 39,
}

/// The effective capabilities of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    bits: u64,
}

impl Capabilities {
    /// Those of this process.
    ///
    /// # Errors
    /// Where `/proc` is not there or says nonsense.
    pub fn effective() -> Result<Self, SysError> {
        const WHAT: &str = "read this process's capabilities";
        // Of this thread, not of the process's first one.
        let status = fs::read_to_string("/proc/thread-self/status").map_err(|e| SysError::from_io(WHAT, &e))?;
        Self::parse(&status).ok_or(SysError::new(WHAT, libc::EINVAL))
    }

    fn parse(status: &str) -> Option<Self> {
        let digits = status.lines().find_map(|line| line.strip_prefix("CapEff:"))?;
        u64::from_str_radix(digits.trim(), 16).ok().map(|bits| Self { bits })
    }

    /// Whether it has this one.
    pub fn has(self, capability: Capability) -> bool {
        self.bits >> (capability as u8) & 1 == 1
    }

    /// Whether it is enough for maps and BTF: CAP_BPF, or CAP_SYS_ADMIN, which includes it.
    pub fn allows_bpf(self) -> bool {
        self.has(Capability::Bpf) || self.has(Capability::SysAdmin)
    }

    /// Whether it is enough for perf events and, with [`allows_bpf`](Self::allows_bpf), for tracing programs:
    /// CAP_PERFMON, or CAP_SYS_ADMIN, which includes it.
    pub fn allows_perf_events(self) -> bool {
        self.has(Capability::Perfmon) || self.has(Capability::SysAdmin)
    }
}

/// `/proc/sys/kernel/unprivileged_bpf_disabled`: 0 if anyone may use BPF, 1 if not until reboot, 2 if not but this can
/// be changed.
///
/// # Errors
/// ENOENT on a kernel without it; what reading gave; invalid data for what is no number.
pub fn unprivileged_bpf_disabled() -> io::Result<i32> {
    sysctl("kernel/unprivileged_bpf_disabled")
}

/// `/proc/sys/kernel/perf_event_paranoid`: from -1 (anyone may trace the kernel) to 2 and above (nobody without
/// CAP_PERFMON).
///
/// # Errors
/// As [`unprivileged_bpf_disabled`].
pub fn perf_event_paranoid() -> io::Result<i32> {
    sysctl("kernel/perf_event_paranoid")
}

/// `/proc/sys/kernel/kptr_restrict`: 0 if kernel addresses are shown to those who may see them, 2 if to nobody.
///
/// # Errors
/// As [`unprivileged_bpf_disabled`].
pub fn kptr_restrict() -> io::Result<i32> {
    sysctl("kernel/kptr_restrict")
}

fn sysctl(name: &str) -> io::Result<i32> {
    let text = fs::read_to_string(Path::new("/proc/sys").join(name))?;
    text.trim().parse().map_err(|_| io::ErrorKind::InvalidData.into())
}

/// How far the kernel is locked down against its administrator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lockdown {
    /// Not at all, or the kernel has no lockdown.
    Off,
    /// No changes to the running kernel: no unsigned modules, no kprobes that write.
    Integrity,
    /// Nor reading what it holds: no BPF reads of kernel memory, no tracing.
    Confidentiality,
}

/// The state of lockdown, from securityfs, mounted or not.
///
/// # Errors
/// EPERM where securityfs is not mounted and this process may not look; invalid data for an unknown state.
pub fn lockdown() -> io::Result<Lockdown> {
    let mut text = String::new();
    let opened = match fs::File::open("/sys/kernel/security/lockdown") {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            detached_securityfs().and_then(|root| open_at(root.as_fd(), Path::new("lockdown")))
        }
        opened => opened,
    };
    match opened {
        Ok(mut file) => file.read_to_string(&mut text)?,
        // No such file in securityfs (ENOENT), or no securityfs (ENODEV): the kernel has no lockdown.
        Err(error) if matches!(error.raw_os_error(), Some(libc::ENOENT | libc::ENODEV)) => return Ok(Lockdown::Off),
        Err(error) => return Err(error),
    };
    parse_lockdown(&text).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// Parses `none [integrity] confidentiality`: the state in brackets.
fn parse_lockdown(text: &str) -> Option<Lockdown> {
    let state = text.split_whitespace().find_map(|word| word.strip_prefix('[')?.strip_suffix(']'))?;
    match state {
        "none" => Some(Lockdown::Off),
        "integrity" => Some(Lockdown::Integrity),
        "confidentiality" => Some(Lockdown::Confidentiality),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_the_state_of_lockdown() {
        assert_eq!(parse_lockdown("[none] integrity confidentiality\n"), Some(Lockdown::Off));
        assert_eq!(parse_lockdown("none [integrity] confidentiality\n"), Some(Lockdown::Integrity));
        assert_eq!(parse_lockdown("none integrity [confidentiality]\n"), Some(Lockdown::Confidentiality));
        assert_eq!(parse_lockdown("none integrity\n"), None);
        assert_eq!(parse_lockdown("[other]\n"), None);
    }

    #[test]
    fn parses_capabilities() {
        let bpf_and_perfmon = Capabilities::parse("Name:\tx\nCapPrm:\tffff\nCapEff:\t000000c000000000\n").unwrap();
        assert!(bpf_and_perfmon.allows_bpf() && bpf_and_perfmon.allows_perf_events());
        assert!(!bpf_and_perfmon.has(Capability::SysAdmin));
        let admin = Capabilities::parse("CapEff:\t0000000000200000\n").unwrap();
        assert!(admin.allows_bpf() && admin.allows_perf_events() && !admin.has(Capability::Bpf));
        let none = Capabilities::parse("CapEff:\t0000000000000000\n").unwrap();
        assert!(!none.allows_bpf() && !none.allows_perf_events());
        assert_eq!(Capabilities::parse("CapEff:\tzz\n"), None);
        assert_eq!(Capabilities::parse(""), None);
    }

    #[test]
    fn this_process_and_kernel_answer() {
        Capabilities::effective().unwrap();
        if Path::new("/proc/sys/kernel/unprivileged_bpf_disabled").exists() {
            assert!((0..=2).contains(&unprivileged_bpf_disabled().unwrap()));
        }
        match lockdown() {
            Ok(_) => {}
            Err(error) => assert_eq!(error.raw_os_error(), Some(libc::EPERM)),
        }
    }
}
