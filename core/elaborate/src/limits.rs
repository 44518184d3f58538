//! Limits that the user sets: `MAXACTION=5` and the like, into [`Limits`].
//!
//! Must never accept a name or a value that would then be ignored.

use systap_diagnostics::nearest;
use systap_ir::program::Limits;

/// Why a limit cannot be set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitError {
    /// Not of the form `NAME=VALUE`.
    #[error("`{0}` is not of the form NAME=VALUE")]
    Form(String),
    /// No such limit.
    #[error("there is no limit `{name}`{}", did_you_mean(.nearest))]
    Unknown {
        /// As given.
        name: String,
        /// The one that may have been meant.
        nearest: Option<&'static str>,
    },
    /// Not a number, or one out of range.
    #[error("{name} must be a number from {least} to {most}, not `{value}`")]
    Value {
        /// The limit.
        name: &'static str,
        /// As given.
        value: String,
        /// Least value that is allowed.
        least: u32,
        /// Greatest value that is allowed.
        most: u32,
    },
}

fn did_you_mean(name: &Option<&'static str>) -> String {
    name.map(|name| format!(": did you mean `{name}`?")).unwrap_or_default()
}

/// A limit: its name, least and greatest value, and where it is kept.
struct Row(&'static str, u32, u32, fn(&mut Limits) -> &mut u32);

/// Every limit that can be set, by SystemTap's names. Strings shorter than 16 bytes could not hold a task's name, longer
/// ones than 32 KiB not travel in a record; an array's size is the kernel's greatest number of map entries that fits an
/// `int`.
const ROWS: &[Row] = &[
    Row("MAXSTRINGLEN", 16, 32_768, |limits| &mut limits.string),
    Row("MAXACTION", 1, u32::MAX, |limits| &mut limits.actions),
    Row("MAXMAPENTRIES", 1, i32::MAX as u32, |limits| &mut limits.entries),
    Row("MAXERRORS", 0, u32::MAX, |limits| &mut limits.errors),
    Row("HIST_WIDTH", 1, 4_096, |limits| &mut limits.histogram_width),
    Row("HIST_ELISION", 0, 128, |limits| &mut limits.histogram_elision),
    Row("MAXNESTING", 1, 100_000, |limits| &mut limits.nesting),
];

/// The names of the limits that can be set.
pub fn names() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.0)
}

/// Sets the limit that `definition` (`NAME=VALUE`) names.
pub fn set(limits: &mut Limits, definition: &str) -> Result<(), LimitError> {
    let (name, value) = definition.split_once('=').ok_or_else(|| LimitError::Form(definition.to_string()))?;
    let (name, value) = (name.trim(), value.trim());
    let Some(Row(name, least, most, field)) = ROWS.iter().find(|row| row.0 == name) else {
        return Err(LimitError::Unknown { name: name.to_string(), nearest: nearest(name, names()) });
    };
    let wrong = || LimitError::Value { name, value: value.to_string(), least: *least, most: *most };
    if *name == "HIST_ELISION" && value.parse::<i32>().is_ok_and(|number| number < 0) {
        // Below 0, no row is left out.
        limits.histogram_elision = u32::MAX;
        return Ok(());
    }
    let number: u32 = value.parse().map_err(|_| wrong())?;
    if !(*least..=*most).contains(&number) {
        return Err(wrong());
    }
    *field(limits) = number;
    if *name == "MAXACTION" {
        limits.user_actions = number;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_what_is_named_and_nothing_else() {
        let mut limits = Limits::default();
        set(&mut limits, "MAXACTION=5").unwrap();
        set(&mut limits, "MAXERRORS = 0").unwrap();
        assert_eq!(limits, Limits { actions: 5, user_actions: 5, ..Limits::default() });
        set(&mut limits, "HIST_ELISION=-1").unwrap();
        assert_eq!(limits.histogram_elision, u32::MAX);
    }

    #[test]
    fn refuses_with_the_reason() {
        let refusal = |text| set(&mut Limits::default(), text).unwrap_err().to_string();
        assert_eq!(refusal("MAXACTIONS=1"), "there is no limit `MAXACTIONS`: did you mean `MAXACTION`?");
        assert_eq!(refusal("FOO=1"), "there is no limit `FOO`");
        assert_eq!(refusal("MAXACTION"), "`MAXACTION` is not of the form NAME=VALUE");
        assert_eq!(refusal("MAXSTRINGLEN=8"), "MAXSTRINGLEN must be a number from 16 to 32768, not `8`");
        assert_eq!(refusal("MAXSTRINGLEN=x"), "MAXSTRINGLEN must be a number from 16 to 32768, not `x`");
        assert_eq!(refusal("MAXACTION=-1"), "MAXACTION must be a number from 1 to 4294967295, not `-1`");
    }
}
