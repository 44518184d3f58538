//! Entries for tests.

use std::collections::BTreeMap;

use super::{Entry, KernelNeeds};

/// An entry with nothing but a name, a version and dependencies.
pub(crate) fn entry(name: &str, version: &str, dependencies: &[(&str, &str)]) -> Entry {
    Entry {
        name: name.to_owned(),
        version: version.parse().unwrap(),
        summary: "s".to_owned(),
        license: "MIT".to_owned(),
        dependencies: dependencies.iter().map(|(on, req)| ((*on).to_owned(), req.parse().unwrap())).collect(),
        kernel: KernelNeeds::default(),
        whens: vec![],
        aliases: BTreeMap::new(),
        functions: vec![],
        checked: BTreeMap::new(),
        native: None,
        sha256: "0".repeat(64),
        size: 1,
        published: 0,
    }
}
