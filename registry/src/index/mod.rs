//! The index: what is known of a tapset's versions without fetching them.
//!
//! `index/NAME.json` has a line a version, and only ever grows: what is signed is how long it is and the hash of so much, so that
//! whoever reads an older state reads the beginning. Must never be read past what is signed.

mod bin;
mod entry;
#[cfg(test)]
pub(crate) mod made;
mod names;

pub(crate) use bin::hex;
pub use bin::{Bin, BinError, Pinned, bin_of};
pub use entry::{Entry, IndexError, KernelNeeds, Native, Tapset, Yank};
pub(crate) use names::all_bins;
pub use names::{Asked, Found, Named, NamesError, pack, search, targets_of, unpack};
