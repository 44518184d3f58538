//! The program in its two inner forms, and what is done to it once for every backend.
//!
//! - [`program`]: the typed program, a tree: names, types and probe points are settled. The elaborator makes it.
//! - [`graph`]: the same as control-flow graphs in SSA form, one for each handler and function. [`lower()`] makes them.
//! - [`optimize()`]: passes over the graphs.
//! - [`place()`]: which part of each handler runs in the kernel and which on the user side, and where each global lives.
//! - [`placed`]: the result of that.
//! - [`verify()`]: what must hold of a graph between passes.
//! - [`text`]: the printable form of all of these.
//!
//! Everything here is data to data: no file, no kernel, no source text. This crate knows no probe family: what an
//! event is made of arrives as [`program::Event`].

pub mod arithmetic;
pub mod flow;
pub mod format;
pub mod graph;
mod inline;
pub mod intrinsic;
pub mod limits;
mod lower;
mod optimize;
mod place;
pub mod placed;
pub mod program;
pub mod rounds;
pub mod text;
mod verify;

pub use lower::lower;
pub use optimize::{optimize, optimize_body};
pub use place::{place, place_small};
pub use verify::verify;
