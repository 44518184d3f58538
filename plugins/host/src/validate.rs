//! Checks an answer against what the tapset's signed scripts allow, as any input of strangers is checked.
//!
//! It must never mend an answer: one defect refuses it whole.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::{Answer, Choice, Value};

/// The most aliases, functions, constants and tables together, and the most elements of all tables.
const MOST: usize = 8192;
/// The longest name, in bytes.
const LONGEST_NAME: usize = 128;
/// The longest text of a constant or element, in bytes.
const LONGEST_TEXT: usize = 512;

/// What is wrong with an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Defect {
    /// A unit that the tapset does not have.
    #[error("`{name}` is to be defined by `{unit}`, which is none of the tapset's scripts")]
    UnknownUnit {
        /// The alias or function.
        name: String,
        /// What is not there.
        unit: String,
    },
    /// A name that no script could say.
    #[error("`{0}` is no name")]
    Name(String),
    /// A name that is said twice.
    #[error("`{0}` is registered twice")]
    Twice(String),
    /// A text that is too long or has bytes that no script could say.
    #[error("the text of `{0}` is longer than {LONGEST_TEXT} bytes or has control characters")]
    Text(String),
    /// A table of numbers and texts.
    #[error("the table `{0}` has both numbers and texts")]
    Mixed(String),
    /// A key that is there twice.
    #[error("the table `{name}` has two elements for {key}")]
    Key {
        /// The table.
        name: String,
        /// The key.
        key: i64,
    },
    /// Too much of it.
    #[error("it has more than {MOST} names or elements")]
    TooMany,
}

/// Whether an answer is acceptable where only these units may be chosen.
///
/// # Errors
/// The first defect.
pub(crate) fn validate(answer: &Answer, units: &[String]) -> Result<(), Defect> {
    let Answer { aliases, functions, constants, tables } = answer;
    let names = aliases.len() + functions.len() + constants.len() + tables.len();
    let rows = tables.iter().fold(0_usize, |sum, table| sum.saturating_add(table.rows.len()));
    if names > MOST || rows > MOST {
        return Err(Defect::TooMany);
    }
    choices(aliases, units, is_alias)?;
    choices(functions, units, is_identifier)?;
    // Constants and tables are seen by scripts under one kind of name.
    let mut seen = HashSet::new();
    for name in constants.iter().map(|one| &one.name).chain(tables.iter().map(|one| &one.name)) {
        if !is_identifier(name) {
            return Err(Defect::Name(shown(name)));
        }
        if !seen.insert(name) {
            return Err(Defect::Twice(name.clone()));
        }
    }
    constants.iter().try_for_each(|one| text(&one.name, &one.value))?;
    for table in tables {
        let mut keys = HashSet::new();
        for row in &table.rows {
            text(&table.name, &row.value)?;
            if !keys.insert(row.key) {
                return Err(Defect::Key { name: table.name.clone(), key: row.key });
            }
        }
        let longs = table.rows.iter().filter(|row| matches!(row.value, Value::Long(_))).count();
        if longs != 0 && longs != table.rows.len() {
            return Err(Defect::Mixed(table.name.clone()));
        }
    }
    Ok(())
}

fn choices(choices: &[Choice], units: &[String], is_name: fn(&str) -> bool) -> Result<(), Defect> {
    let mut seen = HashSet::new();
    for Choice { name, unit } in choices {
        if !is_name(name) {
            return Err(Defect::Name(shown(name)));
        }
        if !units.contains(unit) {
            return Err(Defect::UnknownUnit { name: name.clone(), unit: shown(unit) });
        }
        if !seen.insert(name) {
            return Err(Defect::Twice(name.clone()));
        }
    }
    Ok(())
}

fn text(name: &str, value: &Value) -> Result<(), Defect> {
    match value {
        Value::Text(text) if text.len() > LONGEST_TEXT || text.chars().any(char::is_control) => {
            Err(Defect::Text(name.to_owned()))
        }
        _ => Ok(()),
    }
}

fn is_identifier(name: &str) -> bool {
    let sound = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.len() <= LONGEST_NAME
        && name.bytes().all(sound)
        && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit())
}

fn is_alias(name: &str) -> bool {
    name.len() <= LONGEST_NAME && name.split('.').all(is_identifier)
}

/// A stranger's name as it may be shown.
fn shown(name: &str) -> String {
    name.chars().take(60).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Constant, Row, Table};

    fn constant(name: &str, value: Value) -> Answer {
        Answer { constants: vec![Constant { name: name.to_owned(), value }], ..Answer::default() }
    }

    fn alias(name: &str, unit: &str) -> Answer {
        let choice = Choice { name: name.to_owned(), unit: unit.to_owned() };
        Answer { aliases: vec![choice], ..Answer::default() }
    }

    #[test]
    fn each_defect_is_named() {
        let units = ["a.stp".to_owned()];
        let check = |answer: Answer| validate(&answer, &units);
        assert_eq!(check(alias("vm.fault", "a.stp")), Ok(()));
        assert!(matches!(check(alias("vm.fault", "../a.stp")), Err(Defect::UnknownUnit { .. })));
        for bad in ["", ".", "vm.", "vm fault", "vm.*", "1", "vm\n", "probe{", &"x".repeat(129)] {
            assert!(matches!(check(alias(bad, "a.stp")), Err(Defect::Name(_))), "{bad}");
        }
        let mut twice = alias("vm.fault", "a.stp");
        twice.aliases.push(twice.aliases[0].clone());
        assert!(matches!(check(twice), Err(Defect::Twice(_))));
        assert_eq!(check(constant("X", Value::Text("ok".to_owned()))), Ok(()));
        assert!(matches!(check(constant("X.Y", Value::Long(1))), Err(Defect::Name(_))));
        assert!(matches!(check(constant("X", Value::Text("\x1b[2J".to_owned()))), Err(Defect::Text(_))));
        assert!(matches!(check(constant("X", Value::Text("x".repeat(513)))), Err(Defect::Text(_))));
        let table = |rows: Vec<(i64, Value)>| {
            let rows = rows.into_iter().map(|(key, value)| Row { key, value }).collect();
            Answer { tables: vec![Table { name: "t".to_owned(), rows }], ..Answer::default() }
        };
        assert!(matches!(
            check(table(vec![(1, Value::Long(1)), (1, Value::Long(2))])),
            Err(Defect::Key { key: 1, .. })
        ));
        let mixed = table(vec![(1, Value::Long(1)), (2, Value::Text(String::new()))]);
        assert!(matches!(check(mixed), Err(Defect::Mixed(_))));
        assert_eq!(check(table((0..9000).map(|key| (key, Value::Long(0))).collect())), Err(Defect::TooMany));
    }
}
