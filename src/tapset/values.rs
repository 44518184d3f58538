//! What a package's scripts know a kernel's values by: constants are macros, `@NAME`, tables are functions, `NAME(key)`.
//!
//! The text is made here, of names and values that have been checked. Must never take a line of script from anybody.

use std::collections::BTreeMap;
use std::fmt::Write;

use systap_plugin_host::{Answer, Value};
use systap_registry::{Constant, Manifest};

/// Constants and tables, by name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Values {
    constants: BTreeMap<String, Constant>,
    tables: BTreeMap<String, BTreeMap<i64, Constant>>,
}

impl Values {
    /// What a manifest says, and in the place of that what its plugin answered.
    pub(crate) fn of(manifest: &Manifest, answer: Option<&Answer>) -> Values {
        let text = |text: &String| Constant::Text(text.clone());
        let table = |rows: &BTreeMap<i64, String>| rows.iter().map(|(key, value)| (*key, text(value))).collect();
        let mut values = Values {
            constants: manifest.constants.clone(),
            tables: manifest.tables.iter().map(|(name, rows)| (name.clone(), table(rows))).collect(),
        };
        let constant = |value: &Value| match value {
            Value::Long(number) => Constant::Long(*number),
            Value::Text(text) => Constant::Text(text.clone()),
        };
        for one in answer.iter().flat_map(|answer| &answer.constants) {
            values.constants.insert(one.name.clone(), constant(&one.value));
        }
        for one in answer.iter().flat_map(|answer| &answer.tables) {
            let rows = one.rows.iter().map(|row| (row.key, constant(&row.value))).collect();
            values.tables.insert(one.name.clone(), rows);
        }
        values
    }

    /// The constants: `@NAME`.
    pub(crate) fn macros(&self) -> String {
        let mut text = String::new();
        for (name, constant) in &self.constants {
            _ = writeln!(text, "@define {name} %( {} %)", literal(constant));
        }
        text
    }

    /// The tables: `NAME(key)`, the empty text or 0 for a key that is not there.
    pub(crate) fn functions(&self) -> String {
        let mut text = String::new();
        for (name, rows) in &self.tables {
            let is_text = rows.values().any(|value| matches!(value, Constant::Text(_)));
            let (ty, none) = if is_text { ("string", "\"\"") } else { ("long", "0") };
            _ = writeln!(text, "private function {name}:{ty} (key:long) {{");
            for (key, value) in rows {
                _ = writeln!(text, "    if (key == ({key})) return {}", literal(value));
            }
            _ = writeln!(text, "    return {none}\n}}");
        }
        text
    }
}

/// A value as the language has it: what is no plain letter of a text is written by its octal number.
fn literal(value: &Constant) -> String {
    let text = match value {
        Constant::Long(number) => return format!("({number})"),
        Constant::Text(text) => text,
    };
    let mut quoted = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => quoted.extend(['\\', char::from(byte)]),
            b' '..=b'~' => quoted.push(char::from(byte)),
            other => _ = write!(quoted, "\\{other:03o}"),
        }
    }
    quoted.push('"');
    quoted
}
