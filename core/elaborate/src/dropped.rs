//! Functions that SystemTap had once, or that its library keeps for itself: a script that calls one is wrong, and what says the same
//! is known.
//!
//! Must never make a call valid: only messages come of it.

/// Names, and what to write instead.
static TABLE: &[(&str, &str)] = &[
    ("WCOREDUMP", "it is SystemTap's own: `status & 0x80` says the same"),
    ("WIFCONTINUED", "it is SystemTap's own: `status == 0xffff` says the same"),
    ("WIFSIGNALED", "it is SystemTap's own: `(status & 0x7f) != 0 && (status & 0x7f) != 0x7f` says the same"),
    ("WIFSTOPPED", "it is SystemTap's own: `(status & 0xff) == 0x7f` says the same"),
    ("WSTOPSIG", "it is SystemTap's own: `(status >> 8) & 0xff` says the same"),
    ("get_32mmap_args", "SystemTap 3.1 has dropped it: `argstr` of the system call has the arguments"),
    ("get_mmap_args", "SystemTap 3.1 has dropped it: `argstr` of the system call has the arguments"),
    ("ppos_pos", "SystemTap 2.3 has dropped it: `kernel_long(ppos)` reads the position"),
];

/// What to write instead of a function of that name, if it is one of these.
pub(crate) fn instead_of(name: &str) -> Option<&'static str> {
    TABLE.iter().find(|(dropped, _)| *dropped == name).map(|(_, instead)| *instead)
}
