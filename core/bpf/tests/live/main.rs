//! Generated programs on this kernel: what the verifier accepts and what they then do.
//!
//! Every test is skipped, aloud, where programs cannot be loaded.

mod basics;
mod differential;
mod facts;
mod harness;
mod printed;
mod syscalls;
mod tables;
mod texts;
