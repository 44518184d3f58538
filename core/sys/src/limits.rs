//! The one resource limit that stands in the way of BPF on older kernels.
//!
//! It must never fail: kernels since 5.11 charge BPF memory to the cgroup and do not look at the limit at all.

/// Raises the limit on locked memory as far as the process may: to unlimited, else to the hard limit.
///
/// Kernels before 5.11 charge maps and programs against it, and its default is too small for a ring buffer.
pub fn raise_locked_memory_limit() {
    let unlimited = libc::rlimit { rlim_cur: libc::RLIM_INFINITY, rlim_max: libc::RLIM_INFINITY };
    // SAFETY: the pointer is to a live rlimit, which the call only reads.
    if unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &unlimited) } == 0 {
        return;
    }
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a live rlimit, which the call fills.
    if unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &mut limit) } == 0 {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: as in the first call.
        unsafe { libc::setrlimit(libc::RLIMIT_MEMLOCK, &limit) };
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn leaves_the_soft_limit_at_the_hard_one() {
        super::raise_locked_memory_limit();
        let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 1 };
        // SAFETY: the pointer is to a live rlimit, which the call fills.
        assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, &mut limit) }, 0);
        assert_eq!(limit.rlim_cur, limit.rlim_max);
    }
}
