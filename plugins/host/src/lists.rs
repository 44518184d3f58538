//! Which system calls a confined process may make, as two programs for the kernel.
//!
//! The first kills for what no library has a reason to try; the second allows what opening a library, thinking and writing an answer
//! take, and refuses the rest with EPERM, so that a careless plugin gets an error that it can tell. It must never allow a way to another
//! process, a new one, a file that is written, or a socket.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};

/// What the loader, Rust's library and the answer need.
const ALLOWED: &[libc::c_long] = &[
    libc::SYS_read,
    libc::SYS_pread64,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_close,
    libc::SYS_lseek,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_openat,
    libc::SYS_readlinkat,
    libc::SYS_getcwd,
    libc::SYS_faccessat,
    libc::SYS_mmap,
    libc::SYS_mprotect,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_futex,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_getrandom,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_ppoll,
    libc::SYS_fcntl,
    libc::SYS_exit,
    libc::SYS_exit_group,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_open,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_access,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_readlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_stat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
];

/// What nobody tries by mistake.
const DEADLY: &[libc::c_long] = &[
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_mount,
    libc::SYS_move_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_io_uring_setup,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_userfaultfd,
];

/// Both programs, in the order in which they are put on. `own` is this process, the only one that it may send a signal to.
pub(crate) fn programs(own: u32) -> Result<[BpfProgram; 2], String> {
    let target = TargetArch::try_from(std::env::consts::ARCH).map_err(|error| error.to_string())?;
    let make = |rules, otherwise, matching| {
        SeccompFilter::new(rules, otherwise, matching, target)
            .and_then(BpfProgram::try_from)
            .map_err(|error| error.to_string())
    };
    let any = |calls: &[libc::c_long]| calls.iter().map(|&call| (call, vec![])).collect::<BTreeMap<_, Vec<_>>>();
    let mut allowed = any(ALLOWED);
    // For abort(3).
    let to_itself = SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, u64::from(own))
        .and_then(|condition| SeccompRule::new(vec![condition]))
        .map_err(|error| error.to_string())?;
    allowed.insert(libc::SYS_tgkill, vec![to_itself]);
    let refused = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    Ok([
        make(any(DEADLY), SeccompAction::Allow, SeccompAction::KillProcess)?,
        make(allowed, refused, SeccompAction::Allow)?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_on_both_lists() {
        assert!(ALLOWED.iter().all(|call| !DEADLY.contains(call)));
        assert!(programs(1).is_ok());
    }
}
