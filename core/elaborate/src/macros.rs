//! The macros that every script finds: `@offsetof`, `@task`, `@this1` and others.
//!
//! Must never cost a script that uses none of them: they are parsed when a word of its text could be one.

use crate::elaboration::Elaboration;
use systap_diagnostics::{Diagnostic, FileId, Sources, Span};
use systap_syntax::{Macros, ParseOptions, parse_macros};

/// The name of the file in messages.
const NAME: &str = "library/macros.stpm";

const TEXT: &str = include_str!("library/macros.stpm");

/// The library's macros, if the script in `file` uses a word that one of them has, and what is wrong with them, which is
/// nothing.
pub fn macros(sources: &mut Sources, file: FileId) -> (Option<Macros>, Vec<Diagnostic>) {
    let script = &sources.file(file).text;
    if !names().any(|name| script.contains(&format!("@{name}"))) {
        return (None, vec![]);
    }
    let file = sources.add(NAME, TEXT);
    let (macros, findings) = parse_macros(sources, file, &ParseOptions::default());
    (Some(macros), findings)
}

/// What they are called.
fn names() -> impl Iterator<Item = &'static str> {
    let defined = TEXT.lines().filter_map(|line| line.strip_prefix("@define "));
    defined.filter_map(|rest| rest.split([' ', '(']).next())
}

impl Elaboration<'_> {
    /// Whether what stands at a place is a macro of the library: what it stands for has its place.
    pub(crate) fn is_macro(&self, span: Span) -> bool {
        let word = |text: &str| text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().map(str::to_string);
        let used = self.sources.text(span).strip_prefix('@').and_then(word);
        used.is_some_and(|used| names().any(|name| name == used))
    }
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
