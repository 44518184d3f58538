//! What can be wrong with a pattern. Must never say where it stands in a script: it knows offsets into the pattern only.

use std::ops::Range;

/// A pattern that is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{kind}")]
pub struct RegexError {
    /// What is wrong.
    pub kind: ErrorKind,
    /// The bytes of the pattern that are to blame; empty at the end of the pattern if something is missing there.
    pub at: Range<usize>,
}

/// What is wrong with a pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ErrorKind {
    /// A repetition at the start of an alternative.
    #[error("there is nothing before `{0}` that it could repeat")]
    NothingToRepeat(char),
    /// A repetition of `^` or `$`.
    #[error("an anchor cannot be repeated")]
    RepeatedAnchor,
    /// `(` without `)`.
    #[error("this group is never closed")]
    UnclosedGroup,
    /// `)` without `(`.
    #[error("there is no group that this `)` could close")]
    UnopenedGroup,
    /// `(?` and something other than `:`.
    #[error("`(?` begins a group only as `(?:`")]
    SpecialGroup,
    /// `[` without `]`.
    #[error("this set is never closed")]
    UnclosedSet,
    /// `[:` without `:]`.
    #[error("this class name is never closed")]
    UnclosedClass,
    /// `[:name:]` with a name that nobody knows.
    #[error("there is no character class `{0}`")]
    UnknownClass(String),
    /// `b-a`.
    #[error("this range ends before it begins")]
    InvertedRange,
    /// `{` without a number.
    #[error("a number of repetitions was expected")]
    ExpectedNumber,
    /// `{n` without `,` or `}`; `{n,m` without `}`.
    #[error("`}}` was expected")]
    ExpectedBrace,
    /// More repetitions than SystemTap allows.
    #[error("more than 12344 repetitions cannot be asked for")]
    TooManyRepetitions,
    /// A backslash at the end.
    #[error("a character was expected after this backslash")]
    NothingEscaped,
    /// A NUL.
    #[error("no string has a NUL in it")]
    Nul,
    /// Groups or repetitions deeper than [`crate::MOST_DEPTH`].
    #[error("this is nested too deeply")]
    TooDeep,
    /// The program would be too large.
    #[error("this regular expression is too large")]
    TooLarge,
}
