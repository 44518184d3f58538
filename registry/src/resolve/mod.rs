//! Which versions of tapsets to take on a kernel: one version a tapset, those that fit together, or why none do.
//!
//! Must never take a version that is of no use on the kernel, and never ask for the index of a tapset that nobody needs.

mod explain;
mod ranges;
mod solve;
mod verdict;

pub use explain::{Refusal, Row, Table};
pub use solve::{Chosen, Request, ResolveError, Rules, Versions, resolve};
pub use verdict::{Judged, Verdict, judge};
