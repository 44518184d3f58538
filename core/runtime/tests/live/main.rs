//! Scripts from text to report on this kernel.
//!
//! Every test that loads programs is skipped, aloud, where that cannot be done.

#![expect(clippy::print_stderr, clippy::unwrap_used, reason = "a test says why it is skipped, and fails by panicking")]

mod counts;
mod errors;
mod harness;
mod losses;
mod order;
mod printing;
