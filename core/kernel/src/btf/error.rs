//! What can be wrong with a blob of BTF, or with a question put to it.
//!
//! Must never carry a borrowed piece of the blob: errors outlive it, and are kept and cloned.

use super::{Kind, TypeId};

/// Why BTF could not be read, or could not answer.
///
/// A blob from the running kernel should only ever give [`BtfError::NoSuchType`] or [`BtfError::WrongKind`], and then
/// only for a question that makes no sense; the others mean a damaged or foreign file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BtfError {
    /// The blob ends before the header does; the length is what there is, in bytes.
    #[error("the BTF data ends inside its header ({0} bytes)")]
    ShortHeader(usize),
    /// The first two bytes are not BTF's.
    #[error("this is not BTF: it begins with {0:#06x} instead of 0xeb9f")]
    Magic(u16),
    /// BTF of a machine with the other byte order.
    #[error("this BTF was written for a machine of the other byte order")]
    ForeignEndian,
    /// A version other than 1, the only one there has been.
    #[error("BTF version {0} is unknown (1 is the only one known)")]
    Version(u8),
    /// The header places a section outside of the blob.
    #[error("the BTF header places its {section} outside of the data")]
    Section {
        /// `type section` or `string section`.
        section: &'static str,
    },
    /// The string section does not begin and end with a NUL byte.
    #[error("the BTF string section is not closed by NUL bytes")]
    Strings,
    /// A kind that this program does not know, and so cannot step over.
    #[error("BTF type {id} is of the unknown kind {kind}", id = .id.0)]
    UnknownKind {
        /// The type.
        id: TypeId,
        /// The number found where its kind belongs.
        kind: u8,
    },
    /// A type's record runs over the end of the type section.
    #[error("BTF type {id} is cut off", id = .0.0)]
    CutOff(TypeId),
    /// An id beyond the last type. In the BTF of a module it may stand for a type of the kernel proper.
    #[error("there is no BTF type {id}", id = .0.0)]
    NoSuchType(TypeId),
    /// A name outside of the string section, or one that is not UTF-8.
    #[error("the name of BTF type {id} cannot be read", id = .0.0)]
    Name(TypeId),
    /// The question makes no sense for a type of this kind.
    #[error("BTF type {id} is a {found}, where a {wanted} is needed", id = .id.0)]
    WrongKind {
        /// The type.
        id: TypeId,
        /// What it is.
        found: Kind,
        /// What the question needs, in words.
        wanted: &'static str,
    },
    /// Types that refer to each other in a ring, or nest deeper than any C program does.
    #[error("BTF type {id} refers to itself, or nests too deeply", id = .0.0)]
    TooDeep(TypeId),
    /// A size that does not fit in 64 bits.
    #[error("the size of BTF type {id} is out of range", id = .0.0)]
    Size(TypeId),
    /// The type has no size: `void`, a function, a struct that is only declared.
    #[error("BTF type {id} has no size", id = .0.0)]
    Unsized(TypeId),
}
