//! What a plugin answers: choices among the tapset's scripts, values, or that it has nothing for this kernel.
//!
//! It must never check what is said: the host does, outside of the plugin's process.

use abi_stable::StableAbi;
use abi_stable::std_types::{ROption, RString, RVec};

/// A name that a script unit defines.
#[repr(C)]
#[derive(StableAbi, Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The alias or function, `vm.pagefault`.
    pub name: RString,
    /// The file in the tapset's `scripts/` that defines it here, `fault_tracepoint.stp`.
    pub unit: RString,
}

/// A value of SystemTap's language.
#[repr(u8)]
#[derive(StableAbi, Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A 64-bit number.
    Long(i64),
    /// A text.
    Text(RString),
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Long(number)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

/// A named value.
#[repr(C)]
#[derive(StableAbi, Debug, Clone, PartialEq, Eq)]
pub struct Constant {
    /// Its name, `VM_FAULT_OOM`.
    pub name: RString,
    /// What it is worth on this kernel.
    pub value: Value,
}

/// An element of a table.
#[repr(C)]
#[derive(StableAbi, Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What it is looked up by.
    pub key: i64,
    /// What is found.
    pub value: Value,
}

/// A named table from numbers to values, all of one type.
#[repr(C)]
#[derive(StableAbi, Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: RString,
    /// Its elements; each key once.
    pub rows: RVec<Row>,
}

/// Takes a plugin's answer.
#[repr(C)]
#[derive(StableAbi, Debug, Clone, Default)]
pub struct Registrar {
    aliases: RVec<Choice>,
    functions: RVec<Choice>,
    constants: RVec<Constant>,
    tables: RVec<Table>,
    declined: ROption<RString>,
    failure: ROption<RString>,
}

impl Registrar {
    /// The script unit that defines a probe alias on this kernel. The unit must be one of the tapset's `scripts/`.
    pub fn alias(&mut self, name: &str, unit: &str) {
        self.aliases.push(Choice { name: name.into(), unit: unit.into() });
    }

    /// The script unit that defines a function on this kernel.
    pub fn function(&mut self, name: &str, unit: &str) {
        self.functions.push(Choice { name: name.into(), unit: unit.into() });
    }

    /// What a constant is worth on this kernel.
    pub fn constant(&mut self, name: &str, value: impl Into<Value>) {
        self.constants.push(Constant { name: name.into(), value: value.into() });
    }

    /// A table from numbers to values, such as the names of states.
    pub fn table<V: Into<Value>>(&mut self, name: &str, entries: impl IntoIterator<Item = (i64, V)>) {
        let rows = entries.into_iter().map(|(key, value)| Row { key, value: value.into() }).collect();
        self.tables.push(Table { name: name.into(), rows });
    }

    /// Says that the tapset has nothing for this kernel, and what it would need. The first reason counts, and nothing else that was
    /// registered does.
    pub fn decline(&mut self, reason: &str) {
        if self.declined.is_none() {
            self.declined = ROption::RSome(reason.into());
        }
    }

    /// Marks that the plugin panicked.
    pub(crate) fn fail(&mut self, said: &str) {
        self.failure = ROption::RSome(said.into());
    }

    /// The aliases, in the order in which they were said.
    pub fn aliases(&self) -> &[Choice] {
        &self.aliases
    }

    /// The functions.
    pub fn functions(&self) -> &[Choice] {
        &self.functions
    }

    /// The constants.
    pub fn constants(&self) -> &[Constant] {
        &self.constants
    }

    /// The tables.
    pub fn tables(&self) -> &[Table] {
        &self.tables
    }

    /// Why there is nothing for this kernel.
    pub fn declined(&self) -> Option<&str> {
        self.declined.as_ref().map(RString::as_str).into_option()
    }

    /// What it said when it panicked.
    pub fn failure(&self) -> Option<&str> {
        self.failure.as_ref().map(RString::as_str).into_option()
    }
}
