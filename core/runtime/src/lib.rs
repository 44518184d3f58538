//! The bpf runtime: carries out a translated program on the running kernel.
//!
//! - [`run()`] is a run from its beginning to its end: [`Plan`] in, [`Report`] out, what is said meanwhile to a [`Sink`].
//! - [`load()`] makes an artifact's maps and programs real; [`MapStore`] is the globals wherever they live.
//! - [`capability`] finds out what the kernel lets us do.
//! - [`user`] interprets the handlers of the user side; [`text`] makes the texts that people read.
//!
//! It never prints, never reads the environment or a file of the user's, and never changes the machine: programs and
//! maps are held by descriptors only and go with the process. It starts no thread.

mod account;
mod attach;
pub mod capability;
mod counters;
mod error;
mod excess;
mod faults;
mod files;
mod functions;
mod globals;
mod input;
mod instead;
mod kernel_memory;
mod load;
mod mechanism;
mod output;
pub mod record;
mod refusal;
mod report;
mod run;
mod session;
mod sink;
mod slots;
mod store;
mod taken;
mod target;
pub mod text;
mod timer;
pub mod user;
mod user_symbols;
mod verify;
mod view;
mod watch;
mod world;

pub use error::RunError;
pub use load::{Loaded, load};
pub use mechanism::{Mechanism, mechanisms};
pub use refusal::LoadError;
pub use report::{End, Excess, ProbeReport, ProgramReport, Report, Side, SiteLoss, Timing};
pub use run::{Plan, run};
pub use sink::{Notice, RuntimeReport, Sink, Step};
pub use store::MapStore;
pub use target::Target;
pub use verify::{Verdict, verify};
pub use view::{Content, GlobalView, Order, ProbeView, View, Viewer};
