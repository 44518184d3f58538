//! Why a fact of the kernel cannot be had.
//!
//! Must never say less than which file or setting is at fault: these errors reach the user as they are.

use crate::btf::BtfError;
use crate::release::NoRelease;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Why a fact of the kernel cannot be had. Cheap to clone: facts are read once, and so are their errors.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum KernelError {
    /// The kernel has no BTF.
    #[error("this kernel describes no types: {} does not exist (it was built without CONFIG_DEBUG_INFO_BTF)", .file.display())]
    NoBtf {
        /// The file that is missing.
        file: PathBuf,
    },
    /// A boot image or a vmlinux without types.
    #[error("{} describes no types: it has no section .BTF (it was built without CONFIG_DEBUG_INFO_BTF)", .file.display())]
    ImageWithoutBtf {
        /// The file.
        file: PathBuf,
    },
    /// A file or folder that is no kernel.
    #[error("{} is no kernel: {why}", .file.display())]
    NotAKernel {
        /// The file.
        file: PathBuf,
        /// What it is instead, or what it lacks.
        why: String,
    },
    /// A file of a kernel that is not whole, or not as it should be.
    #[error("{} is damaged: {why}", .file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Facts that a later systap has written.
    #[error("{} has facts in format {version}, and this systap reads up to format {known}: update systap, or save them again", .file.display())]
    NewerFacts {
        /// The file.
        file: PathBuf,
        /// Its format.
        version: u32,
        /// The last that is known.
        known: u32,
    },
    /// A release of which no kernel is on this machine.
    #[error("no kernel {release} is installed: none of {} is there", shown(.places))]
    NotInstalled {
        /// The release.
        release: String,
        /// Where it was looked for.
        places: Vec<PathBuf>,
    },
    /// Text that is no release.
    #[error(transparent)]
    Release(#[from] NoRelease),
    /// A kernel whose configuration is nowhere to be read.
    #[error("the kernel's configuration is nowhere to be read: none of {} is there", shown(.places))]
    NoConfig {
        /// Where it was looked for.
        places: Vec<PathBuf>,
    },
    /// A file of the kernel that is there, but cannot be read.
    #[error("cannot read {}: {source}", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: Arc<io::Error>,
    },
    /// BTF that is not as it should be.
    #[error("the types of this kernel ({}) are malformed: {source}", .file.display())]
    Btf {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        source: BtfError,
    },
    /// A file of the kernel whose text is not as it should be.
    #[error("{} line {line} is not understood", .file.display())]
    Malformed {
        /// The file.
        file: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
    /// The kernel hides its addresses from this process.
    #[error(
        "the addresses of kernel symbols are hidden ({} shows only zeros): run as root, and with \
         kernel.kptr_restrict (sysctl) at 0 or 1",
        .file.display()
    )]
    HiddenAddresses {
        /// The file.
        file: PathBuf,
    },
    /// The kernel's directory of trace events cannot be reached.
    #[error("cannot look up events in tracefs: {source}")]
    Tracefs {
        /// Why.
        source: Arc<io::Error>,
    },
    /// A recorded kernel whose record does not have this fact.
    #[error("the record of this kernel has no {fact}")]
    NotRecorded {
        /// What was asked for.
        fact: &'static str,
    },
}

impl KernelError {
    pub(crate) fn not_a_kernel(file: &Path, why: &str) -> KernelError {
        KernelError::NotAKernel { file: file.into(), why: why.to_owned() }
    }

    pub(crate) fn damaged(file: &Path, why: impl Into<String>) -> KernelError {
        KernelError::Damaged { file: file.into(), why: why.into() }
    }

    pub(crate) fn unreadable(file: &Path, source: io::Error) -> KernelError {
        KernelError::Unreadable { file: file.into(), source: Arc::new(source) }
    }
}

fn shown(places: &[PathBuf]) -> String {
    places.iter().map(|place| place.display().to_string()).collect::<Vec<_>>().join(", ")
}
