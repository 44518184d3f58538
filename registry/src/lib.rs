//! Packages of tapsets: what a manifest says, on which kernels a part of one holds, and where tapsets are found.
//!
//! Knows nothing of probes: what it must know of a kernel it asks through [`KernelFacts`]. Must never run anything of a package, and
//! never believe a package that is not as its manifest says.
//!
//! ```
//! use systap_registry::{Condition, KernelFacts};
//!
//! struct Old;
//! impl KernelFacts for Old {
//!     fn has(&self, _: systap_registry::Feature<'_>) -> bool { false }
//!     fn release(&self) -> Vec<u32> { vec![5, 15] }
//!     fn arch(&self) -> String { "x86_64".to_owned() }
//! }
//! let condition: Condition = "kernel < \"6.1\" and not function(\"vfs_read\")".parse()?;
//! assert_eq!(condition.fails_on(&Old), None);
//! # Ok::<(), systap_registry::ConditionError>(())
//! ```

pub mod access;
pub mod doc;
mod folder;
pub mod index;
mod manifest;
pub mod package;
pub mod resolve;
mod search;
pub mod serve;
pub mod site;
pub mod store;
mod tested;
pub mod trust;
mod when;

pub use folder::{Folder, FolderError, Script};
pub use manifest::{
    AliasNote, Constant, Dependency, Deprecation, KernelNote, Manifest, ManifestError, Plugin, Stability, is_name,
};
pub use search::find;
pub use tested::{Tested, TestedError};
pub use when::{Condition, ConditionError, Feature, KernelFacts};
