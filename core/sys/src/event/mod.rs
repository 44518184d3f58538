//! What a tracer waits for, all as descriptors: records, timers, signals, children, and wake-ups from other threads.
//!
//! It must never run anything by itself: no handler, no thread; who waits acts on what [`Poller::wait`] gives.

mod poller;
mod signal;
mod timer;
mod wake;

pub use poller::Poller;
pub(crate) use signal::empty_set;
pub use signal::{Received, Signal, SignalFd, ignore_broken_pipes};
pub use timer::TimerFd;
pub use wake::EventFd;
