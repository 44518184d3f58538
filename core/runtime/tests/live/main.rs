//! Scripts from text to report on this kernel.
//!
//! Every test that loads programs is skipped, aloud, where that cannot be done.

mod counts;
mod errors;
mod harness;
mod losses;
mod order;
mod printing;
