//! Who may say what a registry has: The Update Framework's roles, keys, and what was seen before.
//!
//! What is signed is small: the hashes of the bins, which have the hashes of the indexes, which have those of the packages. So a reader
//! gets a few files however many tapsets there are, and each byte is still bound to a signature. Must never give a byte that is not.

mod edit;
mod keys;
#[cfg(feature = "s3")]
mod push;
mod said;
mod seen;
mod state;

pub use edit::{EditError, Editor, InitError, Initial, Publication};
pub use keys::{Key, KeyError};
#[cfg(feature = "s3")]
pub use push::{PushError, push};
pub use said::TrustError;
pub use seen::{Description, Registry, Settings};
