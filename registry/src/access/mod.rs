//! How a registry's files are got: from a folder or over http, what was got kept for when there is no network.
//!
//! Must never believe what it gets, from wherever: what is kept is as little trusted as what comes over the wire.

mod fetch;
mod kept;
mod place;

pub(crate) use fetch::Fetch;
pub use fetch::{FetchError, Patience};
pub use place::{Place, PlaceError};
