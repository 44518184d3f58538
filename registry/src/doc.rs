//! What a package says of itself for people: `doc.json`, made when it is packed, of its scripts as they resolve where it is packed.
//!
//! Must never be what anything is decided by: it is prose and names.

use serde::{Deserialize, Serialize};

use crate::manifest::{Deprecation, Stability};
use crate::package::Contents;

/// The file's name in a package.
pub const FILE: &str = "doc.json";

/// What a package says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doc {
    /// Its aliases, in the order of its scripts.
    pub aliases: Vec<AliasDoc>,
    /// Its functions, in the order of its scripts.
    pub functions: Vec<FunctionDoc>,
    /// The probe points that its scripts may attach to, as they are written.
    #[serde(default)]
    pub attaches: Vec<String>,
}

/// An alias.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AliasDoc {
    /// Its name.
    pub name: String,
    /// What its scripts' comment says, a line each: the first is a sentence, the others are of its variables (`name: what`).
    #[serde(default)]
    pub comment: Vec<String>,
    /// The variables that it sets, `name:type`; none where it did not resolve.
    #[serde(default)]
    pub variables: Vec<String>,
    /// The conditions any of which it needs; none: it is always there.
    #[serde(default)]
    pub when: Vec<String>,
    /// The version that first had it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Whether scripts may count on it.
    #[serde(default)]
    pub stability: Stability,
    /// That it is to go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deprecated: Option<Deprecation>,
}

/// A function.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionDoc {
    /// Its name.
    pub name: String,
    /// What its scripts' comment says, a line each.
    #[serde(default)]
    pub comment: Vec<String>,
    /// Its parameters, `name:type`; the type is `long`, `string` or `any`.
    #[serde(default)]
    pub parameters: Vec<String>,
    /// What it gives: `long`, `string` or `any`.
    #[serde(default)]
    pub gives: String,
}

impl Doc {
    /// What a package says of itself; `None` if it does not, or not in a form that is read.
    pub fn of(contents: &Contents) -> Option<Doc> {
        serde_json::from_slice(contents.file(FILE)?).ok()
    }
}
