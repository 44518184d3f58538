//! The macros that every script finds: `@offsetof`, `@task`, `@this1` and others.
//!
//! Must never cost a script that uses none of them: they are parsed when a word of its text could be one.

use systap_diagnostics::{Diagnostic, FileId, Sources};
use systap_syntax::{Macros, ParseOptions, parse_macros};

/// The name of the file in messages.
const NAME: &str = "library/macros.stpm";

/// Their definitions.
pub(crate) const TEXT: &str = include_str!("library/macros.stpm");

/// The library's macros, if the script in `file` uses a word that one of them has, and what is wrong with them, which is
/// nothing.
pub fn macros(sources: &mut Sources, file: FileId) -> (Option<Macros>, Vec<Diagnostic>) {
    let script = &sources.file(file).text;
    if !names().any(|name| script.contains(&format!("@{name}"))) {
        return (None, vec![]);
    }
    let (macros, findings) = all_macros(sources);
    (Some(macros), findings)
}

/// The library's macros, whoever uses them.
pub fn all_macros(sources: &mut Sources) -> (Macros, Vec<Diagnostic>) {
    let file = sources.add(NAME, TEXT);
    parse_macros(sources, file, &ParseOptions::default())
}

/// What they are called.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    let defined = TEXT.lines().filter_map(|line| line.strip_prefix("@define "));
    defined.filter_map(|rest| rest.split([' ', '(']).next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_them_parse_and_are_found() {
        let mut sources = Sources::default();
        let script = sources.add("t", "probe begin { println(@offsetof(\"task_struct\", pid)) }");
        let (macros, findings) = macros(&mut sources, script);
        assert_eq!(findings, []);
        let macros = macros.expect("one is used");
        let mut defined: Vec<&str> = macros.names().collect();
        let mut listed: Vec<&str> = names().collect();
        defined.sort_unstable();
        listed.sort_unstable();
        assert_eq!(defined, listed);
        let plain = sources.add("u", "probe begin { println(@count(x)) }");
        assert!(super::macros(&mut sources, plain).0.is_none());
    }
}
