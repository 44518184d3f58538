//! The texts that people read: formatted output, histograms, system calls, stacks, times.
//!
//! Values to bytes and nothing else: no file, no clock, no kernel is touched here.

pub(crate) mod float;
pub mod format;
pub mod histogram;
pub mod indent;
mod number;
pub mod signal;
pub mod stack;
pub mod syscall;
pub mod time;
