//! How a registry's files are got: from a folder, over http or from an object store, what was got kept for when there is no network.
//!
//! Must never believe what it gets, from wherever: what is kept is as little trusted as what comes over the wire.

#[cfg(feature = "s3")]
mod bucket;
mod fetch;
mod file;
mod kept;
mod place;

#[cfg(feature = "s3")]
pub(crate) use bucket::Bucket;
#[cfg(feature = "s3")]
pub use bucket::PutError;
pub(crate) use fetch::Fetch;
pub use fetch::{FetchError, Patience};
pub(crate) use file::open;
pub use place::{Place, PlaceError};
