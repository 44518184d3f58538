//! A thin, safe layer over the system calls that a tracer makes: `bpf(2)`, perf events, ring buffers, mappings,
//! detached mounts, timers, signals, children.
//!
//! All `unsafe` code of the engine lives here, each block with the reason why it is sound. What leaves this crate
//! cannot be misused from safe code: lengths are checked before the kernel sees a pointer, descriptors are owned,
//! memory that is shared with the kernel is only touched through atomics or after the kernel gave it up.
//!
//! It must never know of scripts, of BTF or of probes: it takes bytes, numbers and names and gives those back. It
//! prints nothing and never reads environment variables. Errors keep their errno, for the caller to explain.
#![expect(unsafe_code, reason = "this crate is where the engine's system calls and shared mappings are")]

pub mod bpf;
pub mod calendar;
pub mod clock;
pub mod cpu;
mod error;
pub mod event;
mod limits;
pub mod mapping;
pub mod mount;
pub mod perf;
pub mod privilege;
pub mod process;
mod region;
pub mod ringbuf;
pub mod served;
pub mod terminal;

pub use error::SysError;
pub use limits::raise_locked_memory_limit;
pub use mapping::MappedFile;
pub use ringbuf::RingBuffer;
