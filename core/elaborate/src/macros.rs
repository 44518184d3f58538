//! The macros that every script finds: `@offsetof`, `@task`, `@this1`, `@prints` and others.
//!
//! Must never cost a script that uses none of them: a file is parsed when a word of the script's text could be one of its macros.

use std::collections::HashSet;
use systap_diagnostics::{Diagnostic, FileId, Sources};
use systap_syntax::{Macros, ParseOptions, parse_macros};

/// The files, by their names in messages; none uses another's macros.
const FILES: [(&str, &str); 4] = [
    ("library/macros.stpm", include_str!("library/macros.stpm")),
    ("library/statistics.stpm", include_str!("library/statistics.stpm")),
    ("library/prometheus.stpm", include_str!("library/prometheus.stpm")),
    ("library/json.stpm", include_str!("library/json.stpm")),
];

/// The library's macros, as far as the script in `file` may use them, if it may use any, and what is wrong with them, which is
/// nothing.
pub fn macros(sources: &mut Sources, file: FileId) -> (Option<Macros>, Vec<Diagnostic>) {
    let text = &sources.file(file).text;
    let words: HashSet<&str> = text.split('@').skip(1).map(word).collect();
    let used = FILES.map(|(_, text)| names(text).any(|name| words.contains(name)));
    if !used.contains(&true) {
        return (None, vec![]);
    }
    let (macros, findings) = parsed(sources, used);
    (Some(macros), findings)
}

/// The library's macros, whoever uses them.
pub fn all_macros(sources: &mut Sources) -> (Macros, Vec<Diagnostic>) {
    parsed(sources, FILES.map(|_| true))
}

/// Those of the files that are wanted.
fn parsed(sources: &mut Sources, wanted: [bool; FILES.len()]) -> (Macros, Vec<Diagnostic>) {
    let (mut all, mut findings) = (Macros::default(), vec![]);
    for ((name, text), _) in FILES.iter().zip(wanted).filter(|(_, wanted)| *wanted) {
        let file = sources.add(*name, *text);
        let (found, wrong) = parse_macros(sources, file, &ParseOptions::default());
        all.extend(found);
        findings.extend(wrong);
    }
    (all, findings)
}

/// The name at the start of a text.
fn word(text: &str) -> &str {
    let end = text.bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
    &text[..end]
}

/// What the macros of a file are called.
fn names(text: &'static str) -> impl Iterator<Item = &'static str> {
    let defined = text.lines().filter_map(|line| line.strip_prefix("@define "));
    defined.filter_map(|rest| rest.split([' ', '(']).next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_of_them_parse_and_are_found() {
        let mut sources = Sources::default();
        let (macros, findings) = all_macros(&mut sources);
        assert_eq!(findings, []);
        let mut defined: Vec<&str> = macros.names().collect();
        let mut listed: Vec<&str> = FILES.iter().flat_map(|(_, text)| names(text)).collect();
        defined.sort_unstable();
        listed.sort_unstable();
        assert_eq!(defined, listed);
    }

    #[test]
    fn a_script_costs_the_files_of_its_words() {
        let mut sources = Sources::default();
        let mut count = |script| {
            let file = sources.add("t", script);
            macros(&mut sources, file).0.map_or(0, |macros| macros.names().count())
        };
        assert_eq!(count("probe begin { println(@count(x)) }"), 0);
        assert_eq!(count("probe end { @prints3(x) }"), 10);
        assert_eq!(count("probe end { @prints(x) @json_output_data_end }"), 16);
        assert!(count("probe begin { println(@offsetof(\"task_struct\", pid)) }") > 20);
    }
}
