//! Perf events that programs are attached to: samples of a clock, of a counter, and kernel probes.
//!
//! It must never read samples itself: there is no perf ring buffer here, a program sees the samples.

use std::ffi::CStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::SysError;
use crate::bpf::{Link, Program, attach_perf_event};
use crate::mount::owned;

/// How often an event fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sampling {
    /// So many times a second; the kernel adapts the period.
    Frequency(u64),
    /// Every so many nanoseconds of a clock event.
    PeriodNanoseconds(u64),
    /// Every so many counts of another event.
    PeriodCounts(u64),
}

/// Whose activity an event counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Everything on one processor.
    Cpu(u32),
    /// One thread, wherever it runs.
    Thread(u32),
}

/// A place in a program or library for [`PerfEvent::user_probe`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserProbe<'a> {
    /// The file that is mapped where the code runs.
    pub path: &'a CStr,
    /// The instruction, as an offset in the file.
    pub offset: u64,
    /// Probe the return of the function that begins there, not the instruction.
    pub returns: bool,
    /// Where in the file a counter is that says whether anyone traces (a semaphore of user-space statically defined
    /// probes), or 0 if there is none.
    pub semaphore_offset: u32,
    /// Only this process and its threads, or every process.
    pub process: Option<u32>,
}

/// A perf event, not started yet; [`attach`](Self::attach) starts it.
#[derive(Debug)]
pub struct PerfEvent {
    fd: OwnedFd,
}

/// `struct perf_event_attr` up to PERF_ATTR_SIZE_VER1 (include/uapi/linux/perf_event.h).
#[repr(C)]
#[derive(Default)]
struct EventAttr {
    kind: u32,
    size: u32,
    config: u64,
    period_or_frequency: u64,
    sample_type: u64,
    read_format: u64,
    flags: u64,
    wakeup_events: u32,
    bp_type: u32,
    config1: u64,
    config2: u64,
}

const _: () = assert!(size_of::<EventAttr>() == 72);

/// Bits of `EventAttr::flags`.
const DISABLED: u64 = 1;
const FREQUENCY: u64 = 1 << 10;
/// PERF_FLAG_FD_CLOEXEC.
const CLOEXEC: libc::c_ulong = 8;

impl PerfEvent {
    /// The kernel's clock on one processor (PERF_COUNT_SW_CPU_CLOCK), which works without a hardware counter.
    ///
    /// # Errors
    /// EACCES or EPERM as `perf_event_paranoid` says, ENODEV for a processor that is off, EINVAL for a rate of 0 or
    /// above `perf_event_max_sample_rate`.
    pub fn cpu_clock_on(cpu: u32, sampling: Sampling) -> Result<Self, SysError> {
        const SOFTWARE: u32 = 1;
        const CPU_CLOCK: u64 = 0;
        Self::counter(SOFTWARE, CPU_CLOCK, sampling, Target::Cpu(cpu))
    }

    /// Any counter, by the numbers of its PMU (`/sys/bus/event_source/devices/*/type`) and of the event.
    ///
    /// # Errors
    /// As [`cpu_clock_on`](Self::cpu_clock_on); ENOENT for a counter that the machine does not have.
    pub fn counter(kind: u32, config: u64, sampling: Sampling, target: Target) -> Result<Self, SysError> {
        let (period_or_frequency, frequency) = match sampling {
            Sampling::Frequency(hertz) => (hertz, FREQUENCY),
            Sampling::PeriodNanoseconds(period) | Sampling::PeriodCounts(period) => (period, 0),
        };
        if period_or_frequency == 0 {
            // A period of 0 counts without sampling: no program would ever run.
            return Err(SysError::new("open a perf event", libc::EINVAL));
        }
        let attr = EventAttr { kind, config, period_or_frequency, flags: DISABLED | frequency, ..Default::default() };
        // SAFETY: the attribute has no addresses.
        unsafe { open(attr, target) }
    }

    /// A counter of everything on one processor that only counts, from now on.
    ///
    /// # Errors
    /// As [`counter`](Self::counter).
    pub fn counting(kind: u32, config: u64, cpu: u32) -> Result<Self, SysError> {
        let attr = EventAttr { kind, config, ..Default::default() };
        // SAFETY: the attribute has no addresses.
        unsafe { open(attr, Target::Cpu(cpu)) }
    }

    /// A kprobe (`returns` false) or kretprobe on `offset` bytes into the kernel function `symbol`.
    /// `pmu` is the number in `/sys/bus/event_source/devices/kprobe/type`.
    ///
    /// # Errors
    /// ENOENT for a symbol that does not exist, EINVAL or EILSEQ for one that cannot be probed.
    pub fn kernel_probe(pmu: u32, symbol: &CStr, offset: u64, returns: bool) -> Result<Self, SysError> {
        let attr = EventAttr {
            kind: pmu,
            config: u64::from(returns),
            period_or_frequency: 1,
            flags: DISABLED,
            config1: symbol.as_ptr().expose_provenance() as u64,
            config2: offset,
            ..Default::default()
        };
        // SAFETY: config1 of the kprobe PMU is the address of a NUL-terminated string that lives through the call;
        // another PMU, if the number is wrong, takes it as a plain number. The probe fires on every processor though
        // it is opened on one.
        unsafe { open(attr, Target::Cpu(0)) }
    }

    /// Accesses to `length` bytes of the kernel's memory on one processor; `reads`: not only writes.
    ///
    /// # Errors
    /// EINVAL for a length or an address that the machine's debug registers do not take, ENOSPC if all of them are taken, EOPNOTSUPP
    /// or ENOENT if there are none.
    pub fn access_on(cpu: u32, address: u64, length: u32, reads: bool) -> Result<Self, SysError> {
        // PERF_TYPE_BREAKPOINT, HW_BREAKPOINT_W and HW_BREAKPOINT_R (include/uapi/linux/hw_breakpoint.h)
        const BREAKPOINT: u32 = 5;
        const WRITE: u32 = 2;
        const READ: u32 = 1;
        let attr = EventAttr {
            kind: BREAKPOINT,
            period_or_frequency: 1,
            flags: DISABLED,
            bp_type: if reads { WRITE | READ } else { WRITE },
            config1: address,
            config2: u64::from(length),
            ..Default::default()
        };
        // SAFETY: the address is one to be watched; the kernel reads nothing there.
        unsafe { open(attr, Target::Cpu(cpu)) }
    }

    /// A uprobe or uretprobe. `pmu` is the number in `/sys/bus/event_source/devices/uprobe/type`.
    ///
    /// # Errors
    /// ENOENT for a file that does not exist, EINVAL for an offset outside it or one that is no instruction, ESRCH for
    /// a process that does not exist.
    pub fn user_probe(pmu: u32, probe: &UserProbe<'_>) -> Result<Self, SysError> {
        let attr = EventAttr {
            kind: pmu,
            config: u64::from(probe.semaphore_offset) << 32 | u64::from(probe.returns),
            period_or_frequency: 1,
            flags: DISABLED,
            config1: probe.path.as_ptr().expose_provenance() as u64,
            config2: probe.offset,
            ..Default::default()
        };
        // SAFETY: as for kernel probes; the uprobe PMU reads the path at config1.
        unsafe { open(attr, probe.process.map_or(Target::Cpu(0), Target::Thread)) }
    }

    /// Attaches a program and starts the event; it stops when the link is dropped.
    ///
    /// # Errors
    /// EINVAL for a program of another kind, EPERM where attaching is forbidden.
    pub fn attach(self, program: &Program) -> Result<Link, SysError> {
        attach_perf_event(self.fd, program, 0)
    }

    /// As [`attach`](Self::attach); the program reads `cookie` with `bpf_get_attach_cookie` (Linux 5.15).
    ///
    /// # Errors
    /// As [`attach`](Self::attach); EINVAL on older kernels.
    pub fn attach_with_cookie(self, program: &Program, cookie: u64) -> Result<Link, SysError> {
        attach_perf_event(self.fd, program, cookie)
    }
}

impl AsFd for PerfEvent {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// # Safety
/// An address in `attr` must be valid for what the event's PMU reads there.
unsafe fn open(mut attr: EventAttr, target: Target) -> Result<PerfEvent, SysError> {
    const WHAT: &str = "open a perf event";
    attr.size = size_of::<EventAttr>() as u32;
    let number = |value: u32| i32::try_from(value).map_err(|_| SysError::new(WHAT, libc::EINVAL));
    let (thread, cpu) = match target {
        Target::Cpu(cpu) => (-1, number(cpu)?),
        Target::Thread(thread) => (number(thread)?, -1),
    };
    // SAFETY: the kernel reads `size` bytes of a live structure (and writes the size it knows there on E2BIG); the
    // addresses in it are the caller's promise.
    let fd = unsafe { libc::syscall(libc::SYS_perf_event_open, &raw mut attr, thread, cpu, -1, CLOEXEC) };
    Ok(PerfEvent { fd: owned(fd, WHAT)? })
}
