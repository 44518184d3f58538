//! Run-time errors of both sides, and the one sentence for each. It must never decide what an error leads to: counting
//! them against MAXERRORS is the session's.

use systap_bpf::artifact::Fault;
use systap_diagnostics::Span;
use systap_ir::program::{Global, GlobalId, Limits, Space};

use super::datum::{Datum, Text};
use super::store::StoreError;

/// A run-time error: what, and at which place of the script. The handler went no further.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeError {
    /// What.
    pub kind: ErrorKind,
    /// Where.
    pub span: Span,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// Division or remainder by 0.
    DivisionByZero,
    /// Memory that cannot be read.
    Read {
        /// Where.
        address: u64,
        /// Whose.
        space: Space,
    },
    /// A string that cannot be read.
    ReadText {
        /// Where.
        address: u64,
        /// Whose.
        space: Space,
    },
    /// An array has no room.
    ArrayFull(GlobalId),
    /// The kernel refused to change a global, with this error number.
    Refused(GlobalId, i32),
    /// An extraction from an aggregate without values.
    EmptyAggregate(GlobalId),
    /// A bucket that the histogram does not have.
    BadBucket(i64),
    /// The script's own: `error(...)`.
    Message(Text),
    /// `matched(n)` or `ngroups()`, which has no n, after a match that failed, or before any.
    NoMatch(Option<i64>),
    /// `matched(n)` of a pattern with fewer groups.
    NoGroup(i64),
    /// MAXACTION.
    TooManyActions,
    /// MAXNESTING: this many calls deep.
    TooDeep(u32),
    /// Memory was to be read after the event, when it may have changed: only the kernel side can.
    MemoryIsGone(Space),
    /// An argument of the event was asked for where there is no event.
    NoEvent,
    /// The handler was looping when the run was told to end.
    Interrupted,
}

impl ErrorKind {
    /// Whether `try` catches it.
    pub(super) fn can_be_caught(&self) -> bool {
        !matches!(self, ErrorKind::TooManyActions | ErrorKind::Interrupted)
    }

    /// What a store's refusal means for this global.
    pub(super) fn of_store(error: StoreError, global: GlobalId) -> ErrorKind {
        match error {
            StoreError::Full => ErrorKind::ArrayFull(global),
            StoreError::Refused(errno) => ErrorKind::Refused(global, errno),
        }
    }

    /// A fault that a kernel-side handler recorded, with the fields of its record.
    pub fn of_fault(fault: &Fault, fields: &[Datum]) -> ErrorKind {
        let long = || fields.first().map_or(0, Datum::long);
        match fault {
            Fault::DivisionByZero => ErrorKind::DivisionByZero,
            Fault::Read(space) => ErrorKind::Read { address: long().cast_unsigned(), space: *space },
            Fault::ReadText(space) => ErrorKind::ReadText { address: long().cast_unsigned(), space: *space },
            Fault::ArrayFull(global) => ErrorKind::ArrayFull(*global),
            Fault::ArrayRefused(global) => {
                ErrorKind::Refused(*global, i32::try_from(long().saturating_abs()).unwrap_or(i32::MAX))
            }
            Fault::EmptyAggregate(global) => ErrorKind::EmptyAggregate(*global),
            Fault::Message => ErrorKind::Message(match fields.first() {
                Some(Datum::Text(text)) => text.clone(),
                _ => Text::from(&b""[..]),
            }),
            Fault::Said(message) => ErrorKind::Message(Text::from(&message[..])),
            Fault::TooManyActions => ErrorKind::TooManyActions,
        }
    }

    /// The sentence: what `catch (message)` gives and what the error line says. Not UTF-8 where the script's own
    /// message is not. `globals` are the program's, for their names and sizes. The words are SystemTap's,
    /// since scripts compare them.
    pub fn message(&self, globals: &[Global], limits: &Limits) -> Vec<u8> {
        let named = |id: &GlobalId| globals.get(id.0 as usize);
        let name = |id: &GlobalId| named(id).map_or_else(|| format!("global {}", id.0), |global| global.name.clone());
        let sentence = match self {
            ErrorKind::Message(text) => return text.to_vec(),
            ErrorKind::DivisionByZero => "division by 0".to_owned(),
            ErrorKind::Read { address, space: Space::Kernel } => format!("kernel read fault at {address:#018x}"),
            ErrorKind::Read { address, space: Space::User } => format!("user read fault at {address:#018x}"),
            ErrorKind::ReadText { address, space: Space::Kernel } => {
                format!("kernel string copy fault at {address:#018x}")
            }
            ErrorKind::ReadText { address, space: Space::User } => {
                format!("user string copy fault -14 at {address:016x} [man error::fault]")
            }
            ErrorKind::ArrayFull(id) => {
                match named(id).and_then(capacity).filter(|entries| *entries != limits.entries) {
                    Some(entries) => format!("Array overflow, check size limit ({entries})"),
                    None => "Array overflow, check MAXMAPENTRIES".to_owned(),
                }
            }
            ErrorKind::Refused(id, errno) => {
                let reason = match systap_kernel::errno::name(*errno) {
                    Some(constant) => constant.to_owned(),
                    None => format!("error {errno}"),
                };
                format!("the kernel refused access to '{}': {reason}", name(id))
            }
            ErrorKind::EmptyAggregate(_) => "empty aggregate".to_owned(),
            ErrorKind::BadBucket(_) => "histogram index out of range".to_owned(),
            ErrorKind::NoMatch(Some(group)) => format!("Attempted to get subexpression {group} from failed match"),
            ErrorKind::NoMatch(None) => "Attempted to get number of subexpressions from failed match".to_owned(),
            ErrorKind::NoGroup(group) => format!("Attempted to get nonexistent subexpression {group}"),
            ErrorKind::TooManyActions => "MAXACTION exceeded".to_owned(),
            ErrorKind::TooDeep(_) => "MAXNESTING exceeded".to_owned(),
            ErrorKind::MemoryIsGone(space) => {
                let whose = match space {
                    Space::Kernel => "kernel",
                    Space::User => "user",
                };
                format!("{whose} memory can only be read at the moment of an event, and this handler runs afterwards")
            }
            ErrorKind::NoEvent => "there is no event whose argument could be read here".to_owned(),
            ErrorKind::Interrupted => "interrupted while looping".to_owned(),
        };
        sentence.into_bytes()
    }
}

fn capacity(global: &Global) -> Option<u32> {
    match &global.shape {
        systap_ir::program::GlobalShape::Array { capacity, .. } => Some(*capacity),
        _ => None,
    }
}
