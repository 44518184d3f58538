//! Links: what keeps a program attached.
//!
//! It must never outlive its owner: nothing is pinned, so that whatever ends the process detaches everything.

use std::ffi::{CStr, CString};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use super::{Command, Program, ProgramKind, address_of, address_of_mut, attr, call};
use crate::SysError;
use crate::error::last_errno;
use crate::mount::owned;

/// A program attached; dropping it detaches the program. The kernel does that after running handlers have ended, so
/// for some milliseconds the program stays loaded.
#[derive(Debug)]
pub struct Link {
    // Closed in this order: the link, then what it is a link to.
    link: Option<OwnedFd>,
    event: Option<OwnedFd>,
}

impl Link {
    /// How many hits the kernel did not bring to the program, as far as it counts them (Linux 6.7): a kprobe's within the handler of
    /// another, and returns of functions with too many calls in them. `None` where it does not say.
    pub fn missed(&self) -> Option<u64> {
        let link = self.link.as_ref()?;
        let mut info = [0u64; LINK_INFO_WORDS];
        let mut attr = attr::ObjectInfo {
            bpf_fd: link.as_raw_fd().cast_unsigned(),
            info_len: size_of_val(&info) as u32,
            info: address_of_mut(&mut info),
        };
        // SAFETY: the kernel reads and writes at most info_len bytes at info, which is a live array of that size; the addresses of
        // buffers within it are null, so nothing else is written.
        unsafe { call(Command::ObjectInfo, &mut attr) }.ok()?;
        // `struct bpf_link_info`: the kind is its first half word, that of a perf event its fifth.
        let half = |word: u64| word as u32;
        let at = match (half(info[0]), half(info[2])) {
            (LINK_FUNCTIONS, _) => FUNCTIONS_MISSED,
            (LINK_PERF_EVENT, PERF_KPROBE | PERF_KRETPROBE) => KPROBE_MISSED,
            _ => return None,
        };
        let told = attr.info_len as usize / size_of::<u64>();
        info.get(at).copied().filter(|_| at < told)
    }

    /// Whether this is a perf event's, not a tracepoint's.
    pub fn is_perf_event(&self) -> bool {
        self.event.is_some()
    }
}

/// Room for `struct bpf_link_info` of include/uapi/linux/bpf.h, in words of 8 bytes.
const LINK_INFO_WORDS: usize = 12;
/// BPF_LINK_TYPE_PERF_EVENT, BPF_LINK_TYPE_KPROBE_MULTI; BPF_PERF_EVENT_KPROBE, BPF_PERF_EVENT_KRETPROBE.
const LINK_PERF_EVENT: u32 = 7;
const LINK_FUNCTIONS: u32 = 8;
const PERF_KPROBE: u32 = 3;
const PERF_KRETPROBE: u32 = 4;
/// The words of `kprobe_multi.missed` and `perf_event.kprobe.missed`.
const FUNCTIONS_MISSED: usize = 4;
const KPROBE_MISSED: usize = 6;

/// Attaches a program to a tracepoint: by `name` for raw tracepoint programs, without one for those that were loaded
/// with a BTF id (typed tracepoints, function entry and return).
///
/// # Errors
/// ENOENT for a tracepoint that does not exist, EPERM where attaching is forbidden, EINVAL for a name that is
/// missing, not wanted, or has a NUL byte.
pub fn attach_raw_tracepoint(program: &Program, name: Option<&str>) -> Result<Link, SysError> {
    const WHAT: &str = "attach to a tracepoint";
    if name.is_some() != (program.kind() == ProgramKind::RawTracepoint) {
        return Err(SysError::new(WHAT, libc::EINVAL));
    }
    let name = name.map(CString::new).transpose().map_err(|_| SysError::new(WHAT, libc::EINVAL))?;
    let mut attr = attr::RawTracepointOpen {
        name: name.as_ref().map_or(0, |name| address_of(name.as_bytes_with_nul())),
        prog_fd: program.number(),
        padding: 0,
    };
    // SAFETY: the kernel reads the name up to its NUL unless it is null; the string lives to the end of this call.
    let fd = unsafe { call(Command::RawTracepointOpen, &mut attr) }.map_err(|errno| SysError::new(WHAT, errno))?;
    Ok(Link { link: Some(owned(fd, WHAT)?), event: None })
}

/// Attaches a program of [`ProgramKind::KprobeMulti`] or [`ProgramKind::KprobeSession`] to the entry of each function, or to its
/// return. `cookies` has one number for each function, which the program can ask for; or none.
///
/// # Errors
/// ESRCH if one of them is not there, is there twice or cannot be traced: then none is attached. EOPNOTSUPP or EINVAL where the kernel
/// has no such link.
pub fn attach_kernel_functions(
    program: &Program,
    symbols: &[CString],
    cookies: &[u64],
    returns: bool,
) -> Result<Link, SysError> {
    const WHAT: &str = "attach to functions of the kernel";
    // BPF_TRACE_KPROBE_MULTI and BPF_TRACE_KPROBE_SESSION; BPF_F_KPROBE_MULTI_RETURN.
    let attach_type = match program.kind() {
        ProgramKind::KprobeMulti => 42,
        ProgramKind::KprobeSession if !returns => 56,
        _ => return Err(SysError::new(WHAT, libc::EINVAL)),
    };
    if !cookies.is_empty() && cookies.len() != symbols.len() {
        return Err(SysError::new(WHAT, libc::EINVAL));
    }
    let count = u32::try_from(symbols.len()).map_err(|_| SysError::new(WHAT, libc::E2BIG))?;
    let names: Vec<u64> = symbols.iter().map(|name| address_of(name.as_bytes_with_nul())).collect();
    let mut attr = attr::FunctionsLinkCreate {
        prog_fd: program.number(),
        attach_type,
        flags: u32::from(returns),
        count,
        symbols: address_of(&names),
        cookies: if cookies.is_empty() { 0 } else { address_of(cookies) },
        ..Default::default()
    };
    // SAFETY: the kernel reads `count` addresses of NUL-terminated names, and as many cookies unless that address is null; names,
    // strings and cookies live to the end of this call.
    let fd = unsafe { call(Command::LinkCreate, &mut attr) }.map_err(|errno| SysError::new(WHAT, errno))?;
    Ok(Link { link: Some(owned(fd, WHAT)?), event: None })
}

/// Many places of one program or library, for [`attach_places`].
#[derive(Debug, Clone, Copy)]
pub struct Places<'a> {
    /// The file that is mapped where the code runs.
    pub path: &'a CStr,
    /// The instructions, as offsets in the file.
    pub offsets: &'a [u64],
    /// For each, where in the file the counter is that says whether anyone traces, or 0; or none at all.
    pub semaphores: &'a [u64],
    /// A number for each, which the program can ask for; or none at all.
    pub cookies: &'a [u64],
    /// Probe the returns of functions that begin there, not the instructions.
    pub returns: bool,
    /// Only this process, or every one.
    pub process: Option<u32>,
}

/// Attaches a program of [`ProgramKind::UprobeMulti`] to each of the places.
///
/// # Errors
/// EBADF for a path that is no regular file, ESRCH for a process that is not there, EINVAL for lists of different lengths; EOPNOTSUPP or
/// EINVAL where the kernel has no such link.
pub fn attach_places(program: &Program, places: &Places<'_>) -> Result<Link, SysError> {
    const WHAT: &str = "attach to places of a program";
    /// BPF_TRACE_UPROBE_MULTI of `enum bpf_attach_type`.
    const UPROBE_MULTI: u32 = 48;
    let count = places.offsets.len();
    let fits = |list: &[u64]| list.is_empty() || list.len() == count;
    if program.kind() != ProgramKind::UprobeMulti || !fits(places.semaphores) || !fits(places.cookies) {
        return Err(SysError::new(WHAT, libc::EINVAL));
    }
    let list = |list: &[u64]| if list.is_empty() { 0 } else { address_of(list) };
    let mut attr = attr::PlacesLinkCreate {
        prog_fd: program.number(),
        attach_type: UPROBE_MULTI,
        path: address_of(places.path.to_bytes_with_nul()),
        offsets: address_of(places.offsets),
        semaphores: list(places.semaphores),
        cookies: list(places.cookies),
        count: u32::try_from(count).map_err(|_| SysError::new(WHAT, libc::E2BIG))?,
        flags: u32::from(places.returns),
        pid: places.process.unwrap_or(0),
        ..Default::default()
    };
    // SAFETY: the kernel reads the NUL-terminated path and `count` numbers of each list whose address is not null; all of them are
    // borrowed to the end of this call.
    let fd = unsafe { call(Command::LinkCreate, &mut attr) }.map_err(|errno| SysError::new(WHAT, errno))?;
    Ok(Link { link: Some(owned(fd, WHAT)?), event: None })
}

/// BPF_PERF_EVENT of `enum bpf_attach_type`.
const PERF_EVENT: u32 = 41;
/// `_IO('$', 0)` and `_IOW('$', 8, __u32)` of include/uapi/linux/perf_event.h.
const PERF_EVENT_IOC_ENABLE: libc::Ioctl = 0x2400;
const PERF_EVENT_IOC_SET_BPF: libc::Ioctl = 0x4004_2408;

/// Attaches a program to a perf event, by a link (Linux 5.15) or to the event itself, and starts the event.
pub(crate) fn attach_perf_event(event: OwnedFd, program: &Program, cookie: u64) -> Result<Link, SysError> {
    const WHAT: &str = "attach to a perf event";
    let mut attr = attr::PerfLinkCreate {
        prog_fd: program.number(),
        target_fd: event.as_raw_fd().cast_unsigned(),
        attach_type: PERF_EVENT,
        flags: 0,
        bpf_cookie: cookie,
    };
    // SAFETY: the attribute has no addresses.
    let link = match unsafe { call(Command::LinkCreate, &mut attr) } {
        Ok(fd) => Some(owned(fd, WHAT)?),
        // Older kernels have no such link; without one there are no cookies either.
        Err(libc::EINVAL | libc::EOPNOTSUPP) if cookie == 0 => {
            control(&event, PERF_EVENT_IOC_SET_BPF, program.fd().as_raw_fd()).map_err(|e| SysError::new(WHAT, e))?;
            None
        }
        Err(errno) => return Err(SysError::new(WHAT, errno)),
    };
    control(&event, PERF_EVENT_IOC_ENABLE, 0).map_err(|errno| SysError::new("start a perf event", errno))?;
    Ok(Link { link, event: Some(event) })
}

fn control(event: &OwnedFd, request: libc::Ioctl, argument: RawFd) -> Result<(), i32> {
    // SAFETY: both requests take a number, not an address.
    if unsafe { libc::ioctl(event.as_raw_fd(), request, argument) } < 0 { Err(last_errno()) } else { Ok(()) }
}
