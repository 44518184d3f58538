//! Limits that the user sets: `-D MAXACTION=5` and the like, into [`Limits`].
//!
//! Must never let one go by silently: what has no meaning here, and what is no limit at all, is told to the caller.

use systap_diagnostics::nearest;
use systap_ir::program::{Limits, Overload};

/// Why a limit cannot be set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// Not of the form `NAME` or `NAME=VALUE`.
    #[error("`{0}` is not of the form NAME=VALUE")]
    Form(String),
    /// Not a number, or one out of range.
    #[error("{name} must be a number from {least} to {most}, not `{value}`")]
    Value {
        /// The limit.
        name: &'static str,
        /// As given.
        value: String,
        /// Least value that is allowed.
        least: u64,
        /// Greatest value that is allowed.
        most: u64,
    },
}

/// What became of a definition that makes sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The limit is set.
    Set,
    /// SystemTap knows the name; here it has no meaning, and this says why.
    Meaningless(&'static str),
    /// SystemTap does something by that name which is not done here, and whoever asks for it would see the difference.
    Missing(&'static str),
    /// No such limit. SystemTap hands any name on to its compiler, where it has no effect, so it is no error.
    Unknown {
        /// The one that may have been meant.
        nearest: Option<&'static str>,
    },
}

/// A limit that means something: its name, least and greatest value, and how it is set.
struct Row(&'static str, u64, u64, fn(&mut Limits, u64));

const WORD: u64 = u32::MAX as u64;

/// Every limit that means something, by SystemTap's names. Strings shorter than 16 bytes could not hold a task's name, longer
/// ones than 32 KiB not travel in a record; an array's size is the kernel's greatest number of map entries that fits an
/// `int`; the kernel walks stacks of at most 127 (`PERF_MAX_STACK_DEPTH`).
const ROWS: &[Row] = &[
    Row("MAXSTRINGLEN", 16, 32_768, |limits, value| limits.string = value as u32),
    Row("MAXACTION", 1, WORD, |limits, value| limits.actions = value as u32),
    Row("MAXACTION_INTERRUPTIBLE", 1, WORD, |limits, value| limits.interruptible_actions = value as u32),
    Row("MAXMAPENTRIES", 1, i32::MAX as u64, |limits, value| limits.entries = value as u32),
    Row("MAXERRORS", 0, WORD, |limits, value| limits.errors = value as u32),
    Row("MAXSKIPPED", 0, WORD, |limits, value| limits.skipped = value as u32),
    Row("HIST_WIDTH", 1, 4_096, |limits, value| limits.histogram_width = value as u32),
    Row("HIST_ELISION", 0, 128, |limits, value| limits.histogram_elision = value as u32),
    Row("MAXNESTING", 1, 100_000, |limits, value| limits.nesting = value as u32),
    Row("MAXBACKTRACE", 1, WORD, |limits, value| limits.backtrace = value.min(127) as u32),
    Row("INTERRUPTIBLE", 0, WORD, |limits, value| limits.interruptible = value as u32),
    Row("STP_MAXMEMORY", 1, WORD, |limits, value| limits.memory = value as u32),
    Row("STP_OVERLOAD_THRESHOLD", 1, u64::MAX, |limits, value| overload(limits).threshold = value),
    Row("STP_OVERLOAD_INTERVAL", 1, u64::MAX, |limits, value| overload(limits).interval = value),
    Row("STP_NO_OVERLOAD", 0, u64::MAX, |limits, _| limits.overload = None),
];

fn overload(limits: &mut Limits) -> &mut Overload {
    limits.overload.get_or_insert_default()
}

const NO_LOCKS: &str = "no handler waits for a lock";
const NO_UNWINDER: &str = "stacks are walked by the kernel";
const NO_MODULE: &str = "no module is built";
const NO_RELAY: &str = "output goes through one ring; see --kernel-buffer";
const NO_STATISTICS: &str = "`run --summary` tells what handlers did";

/// What else SystemTap knows, and why it means nothing here.
const MEANINGLESS: &[(&str, &str)] = &[
    ("MAXTRYLOCK", NO_LOCKS),
    ("TRYLOCKDELAY", NO_LOCKS),
    ("MINSTACKSPACE", "the kernel gives programs a stack of their own size"),
    ("MAPHASHBIAS", "the kernel sizes the hashes of its maps"),
    ("STP_MAX_BUCKETS", "histograms have at most 128 buckets"),
    ("MAXUPROBES", "the kernel makes uprobes as they are needed"),
    ("KRETACTIVE", "returns are not limited in number"),
    ("MAX_UNWIND_TABLE_SIZE", NO_UNWINDER),
    ("STP_USE_DWARF_UNWINDER", NO_UNWINDER),
    ("STP_USE_FRAME_POINTER", NO_UNWINDER),
    ("STP_PROCFS_BUFSIZE", "there are no procfs files"),
    ("STP_BUFFER_SIZE", NO_RELAY),
    ("STP_RELAY_TIMER_INTERVAL", NO_RELAY),
    ("STP_DEFAULT_BUFFERS", NO_RELAY),
    ("STP_CTL_BUFFER_SIZE", NO_RELAY),
    ("STP_BULKMODE", NO_RELAY),
    ("STP_ON_THE_FLY_INTERVAL", "conditions of probes are looked at with each hit"),
    ("STP_ON_THE_FLY_TIMER_ENABLE", "conditions of probes are looked at with each hit"),
    ("STAP_CALLEE_MATCHALL", "callees are not probed"),
    ("STP_STDOUT_NOT_ATTY", "whether output is a terminal is asked of it"),
    ("STP_FORCE_STDOUT_TTY", "whether output is a terminal is asked of it"),
    ("STP_FULL_VERREL_CHECK", NO_MODULE),
    ("STP_NO_VERREL_CHECK", NO_MODULE),
    ("STP_NO_BUILDID_CHECK", NO_MODULE),
    ("STAP_OVERRIDE_STUCK_CONTEXT", NO_MODULE),
    ("STAP_SUPPRESS_TIME_LIMITS_ENABLE", "the option --suppress-time-limits does it"),
    ("STP_UTRACE_USE_TASK_WORK_QUEUE", NO_MODULE),
    ("DEBUG_MEM", NO_MODULE),
    ("DEBUG_TRANS", NO_MODULE),
];

/// What else SystemTap does by such a name, and why not here.
const MISSING: &[(&str, &str)] = &[
    ("STP_TIMING", NO_STATISTICS),
    ("STP_TIMING_NSECS", NO_STATISTICS),
    ("STP_ALIBI", "handlers run in any case; `run --summary` tells how often"),
    ("STP_EXECTRACE", "statements are not traced"),
];

/// The names that mean something here or to SystemTap.
pub fn names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.0).chain(MEANINGLESS.iter().chain(MISSING).map(|row| row.0))
}

/// Sets the limit that `definition` names: `NAME=VALUE`, or `NAME` for 1, as C's compiler has it.
///
/// # Errors
/// Where it is neither, or the value is none of the limit's.
pub fn set(limits: &mut Limits, definition: &str) -> Result<Outcome, LimitError> {
    let form = || LimitError::Form(definition.to_string());
    let (name, value) = definition.split_once('=').unwrap_or((definition, "1"));
    let (name, value) = (name.trim(), value.trim());
    let mut letters = name.chars();
    let begins = letters.next().is_some_and(|first| first.is_ascii_alphabetic() || first == '_');
    if !begins || !letters.all(|letter| letter.is_ascii_alphanumeric() || letter == '_') || value.is_empty() {
        return Err(form());
    }
    if let Some((_, why)) = MISSING.iter().find(|row| row.0 == name) {
        return Ok(Outcome::Missing(why));
    }
    let Some(Row(name, least, most, set)) = ROWS.iter().find(|row| row.0 == name) else {
        let why = MEANINGLESS.iter().find(|row| row.0 == name);
        return Ok(
            why.map_or_else(|| Outcome::Unknown { nearest: nearest(name, names()) }, |row| Outcome::Meaningless(row.1))
        );
    };
    let wrong = || LimitError::Value { name, value: value.to_string(), least: *least, most: *most };
    if *name == "HIST_ELISION" && value.parse::<i32>().is_ok_and(|number| number < 0) {
        // Below 0, no row is left out.
        set(limits, WORD);
        return Ok(Outcome::Set);
    }
    let number = number(value).filter(|number| (least..=most).contains(&number)).ok_or_else(wrong)?;
    set(limits, number);
    Ok(Outcome::Set)
}

/// A number as C writes them: in base 8, 10 or 16, perhaps with a suffix for its type.
fn number(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(['u', 'U', 'l', 'L']);
    match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None if digits.len() > 1 && digits.starts_with('0') => u64::from_str_radix(digits, 8).ok(),
        None => digits.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_what_is_named_and_nothing_else() {
        let mut limits = Limits::default();
        for definition in ["MAXACTION=5", "MAXERRORS = 010", "MAXSKIPPED=0x10ul", "INTERRUPTIBLE"] {
            assert_eq!(set(&mut limits, definition), Ok(Outcome::Set), "{definition}");
        }
        assert_eq!(limits, Limits { actions: 5, errors: 8, skipped: 16, interruptible: 1, ..Limits::default() });
        set(&mut limits, "HIST_ELISION=-1").unwrap();
        assert_eq!(limits.histogram_elision, u32::MAX);
    }

    #[test]
    fn a_share_of_time_is_measured_where_it_is_asked_for() {
        let mut limits = Limits::default();
        set(&mut limits, "STP_OVERLOAD_INTERVAL=100000000000").unwrap();
        assert_eq!(limits.overload, Some(Overload { threshold: 500_000_000, interval: 100_000_000_000 }));
        set(&mut limits, "STP_NO_OVERLOAD").unwrap();
        assert_eq!(limits.overload, None);
    }

    #[test]
    fn what_has_no_effect_is_told() {
        let outcome = |text| set(&mut Limits::default(), text).unwrap();
        assert_eq!(outcome("MAXTRYLOCK=1000"), Outcome::Meaningless("no handler waits for a lock"));
        assert_eq!(outcome("STP_EXECTRACE"), Outcome::Missing("statements are not traced"));
        assert_eq!(outcome("MAXACTIONS=1"), Outcome::Unknown { nearest: Some("MAXACTION") });
        assert_eq!(outcome("FOO"), Outcome::Unknown { nearest: None });
    }

    #[test]
    fn refuses_with_the_reason() {
        let refusal = |text| set(&mut Limits::default(), text).unwrap_err().to_string();
        assert_eq!(refusal("MAXACTION="), "`MAXACTION=` is not of the form NAME=VALUE");
        assert_eq!(refusal("5=MAXACTION"), "`5=MAXACTION` is not of the form NAME=VALUE");
        assert_eq!(refusal("MAX ACTION=5"), "`MAX ACTION=5` is not of the form NAME=VALUE");
        assert_eq!(refusal("MAXSTRINGLEN=8"), "MAXSTRINGLEN must be a number from 16 to 32768, not `8`");
        assert_eq!(refusal("MAXSTRINGLEN=x"), "MAXSTRINGLEN must be a number from 16 to 32768, not `x`");
        assert_eq!(refusal("MAXACTION=-1"), "MAXACTION must be a number from 1 to 4294967295, not `-1`");
    }
}
