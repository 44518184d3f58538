//! A plugin's answer as plain data.
//!
//! It must never hold anything but names and values: no text of scripts.

use serde::{Deserialize, Serialize};
use systap_plugin::Registrar;

/// What a tapset's plugin chose and valued for one kernel, in the order in which it said so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// Probe aliases, each with the unit that defines it.
    pub aliases: Vec<Choice>,
    /// Functions, each with the unit that defines it.
    pub functions: Vec<Choice>,
    /// Constants.
    pub constants: Vec<Constant>,
    /// Tables from numbers to values.
    pub tables: Vec<Table>,
}

/// A name that a script unit defines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// The alias or function.
    pub name: String,
    /// One of the units that the request allows.
    pub unit: String,
}

/// A value of SystemTap's language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Value {
    /// A 64-bit number.
    Long(i64),
    /// A text.
    Text(String),
}

/// A named value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Constant {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Value,
}

/// A named table whose values are all numbers or all texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its elements; each key once.
    pub rows: Vec<Row>,
}

/// An element of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// What it is looked up by.
    pub key: i64,
    /// What is found.
    pub value: Value,
}

impl From<&systap_plugin::Value> for Value {
    fn from(value: &systap_plugin::Value) -> Self {
        match value {
            systap_plugin::Value::Long(number) => Self::Long(*number),
            systap_plugin::Value::Text(text) => Self::Text(text.to_string()),
        }
    }
}

impl From<&systap_plugin::Choice> for Choice {
    fn from(choice: &systap_plugin::Choice) -> Self {
        Self { name: choice.name.to_string(), unit: choice.unit.to_string() }
    }
}

impl From<&Registrar> for Answer {
    fn from(said: &Registrar) -> Self {
        let constant =
            |one: &systap_plugin::Constant| Constant { name: one.name.to_string(), value: (&one.value).into() };
        let row = |one: &systap_plugin::Row| Row { key: one.key, value: (&one.value).into() };
        let table =
            |one: &systap_plugin::Table| Table { name: one.name.to_string(), rows: one.rows.iter().map(row).collect() };
        Self {
            aliases: said.aliases().iter().map(Choice::from).collect(),
            functions: said.functions().iter().map(Choice::from).collect(),
            constants: said.constants().iter().map(constant).collect(),
            tables: said.tables().iter().map(table).collect(),
        }
    }
}
