//! Generated programs on this kernel: what the verifier accepts and what they then do.
//!
//! Every test is skipped, aloud, where programs cannot be loaded.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test ends where something is not as it should be")]

mod basics;
mod differential;
mod facts;
mod harness;
mod matches;
mod mixture;
mod printed;
mod syscalls;
mod tables;
mod texts;
