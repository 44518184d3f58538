//! Processes that a tracer starts (`-c`) or watches (`-x`).
//!
//! It must never run anything by itself but what it was given, and never leave behind a child that did not begin.

mod held;
mod pidfd;

pub use held::{Exit, HeldChild};
pub use pidfd::PidFd;

/// The kernel's number of the calling thread.
pub fn thread_id() -> u32 {
    // SAFETY: the call takes no arguments and cannot fail.
    unsafe { libc::gettid() }.cast_unsigned()
}
