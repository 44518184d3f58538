//! Functions that SystemTap had once: a script that calls one is wrong, and what says the same
//! is known.
//!
//! Must never make a call valid: only messages come of it.

/// Names, and what to write instead.
static TABLE: &[(&str, &str)] = &[
    ("cve_count_metric", "it is of scripts that mend a running kernel, for which there is no runtime here"),
    ("cve_record_metric", "it is of scripts that mend a running kernel, for which there is no runtime here"),
    ("cve_tmpdisable", "it is of scripts that mend a running kernel, for which there is no runtime here"),
    ("get_32mmap_args", "SystemTap 3.1 has dropped it: `argstr` of the system call has the arguments"),
    ("get_mmap_args", "SystemTap 3.1 has dropped it: `argstr` of the system call has the arguments"),
    ("ppos_pos", "SystemTap 2.3 has dropped it: `kernel_long(ppos)` reads the position"),
    ("set_returnval", "SystemTap 4.1 has dropped it for `$return = ...`, which a BPF program cannot do"),
    ("task_backtrace", "SystemTap 1.7 has dropped it: `backtrace()` has the stack of the current task"),
    ("test_x86_fs", "it is of 32-bit kernels"),
    ("test_x86_gs", "it is of 32-bit kernels"),
];

/// What to write instead of a function of that name, if it is one of these.
pub(crate) fn instead_of(name: &str) -> Option<&'static str> {
    TABLE.iter().find(|(dropped, _)| *dropped == name).map(|(_, instead)| *instead)
}
