//! Asks a tapset's native plugin in a process of its own that can do nothing but think, and trusts nothing that comes back.
//!
//! A [`Request`] names a library by its bytes' hash, the script units that it may choose among, and what it is told of the kernel. The
//! program starts itself anew ([`serve_if_child`] takes over at the start of `main`), the new process gives up all rights
//! ([`sandbox`]), opens the library, asks it once, and writes one frame with a digest that nothing else could have made. What arrives
//! is checked like any input (`validate`) and kept under the hash of library, ABI, units and facts, so that the next run starts no process.
//!
//! It must never open a library in the process that traces, never give the other process a descriptor that it does not need, never take
//! an exit status for an answer, and never print.

mod answer;
mod cache;
mod child;
mod error;
mod fact;
mod frame;
mod host;
mod image;
mod library;
mod lists;
mod raw;
pub mod sandbox;
mod validate;

pub use answer::{Answer, Choice, Constant, Row, Table, Value};
pub use child::serve_if_child;
pub use error::PluginError;
pub use fact::{Fact, FactError, Facts, Unknown, gather};
pub use host::{Asked, Host, Limits, Request};
pub use image::Digest;
pub use sandbox::{Layer, Sandbox, State, Strength};
pub use systap_plugin::ABI;
pub use validate::Defect;
