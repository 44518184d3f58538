//! The user side: an interpreter over the program's graphs, for the handlers and continuations that do not run in the
//! kernel.
//!
//! It knows the language and nothing of where things are: globals are behind [`Store`], the world behind [`Host`]. It
//! must never touch a map, a file, a clock or a terminal itself, so that every handler can be tested as a function.

mod aggregate;
mod datum;
mod error;
mod frame;
mod host;
mod interpreter;
mod intrinsic;
mod matches;
mod memory;
mod operation;
mod store;
mod tokens;

#[cfg(test)]
mod tests;

pub use aggregate::{Aggregate, Part, Spread, linear_bucket, logarithmic_bucket};
pub use datum::{Datum, Text};
pub use error::{ErrorKind, RuntimeError};
pub use host::{Host, Symbol, UserPlace};
pub use interpreter::Interpreter;
pub use memory::MemoryStore;
pub use store::{Entry, Store, StoreError};
