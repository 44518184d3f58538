//! The one call for which there is no safe form: closing descriptors that this process was given and knows nothing of.
//!
//! It must never hold anything else.
#![expect(unsafe_code, reason = "close_range(2) has no safe form: it closes what somebody may own")]

use std::io;

/// Closes every descriptor but the first three.
///
/// Only for a process that has just begun and holds no descriptor of its own: what a tracer's descriptors lead to must not be in
/// reach of a plugin, even where whoever started the tracer left some open.
pub(crate) fn close_all_but_three() -> io::Result<()> {
    // SAFETY: takes numbers only. The caller has begun just now and has opened nothing, so nobody in this process owns any of them.
    let result = unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0_u32) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
