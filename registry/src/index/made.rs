//! Entries for tests.

use super::Entry;

/// An entry with nothing but a name, a version and dependencies.
pub(crate) fn entry(name: &str, version: &str, dependencies: &[(&str, &str)]) -> Entry {
    let dependencies = dependencies.iter().map(|(on, req)| ((*on).to_owned(), req.parse().unwrap())).collect();
    let bare = Entry::bare(name, version.parse().unwrap(), dependencies, "0".repeat(64));
    Entry { summary: "s".to_owned(), license: "MIT".to_owned(), size: 1, ..bare }
}
