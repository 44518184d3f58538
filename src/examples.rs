//! `systap examples`: the example scripts, which every copy of the command has in it.

use crate::cli::ExamplesOptions;
use crate::outcome::Status;
use crate::terminal;

/// Name and text.
static EXAMPLES: &[(&str, &str)] = &[
    ("context-switches.stp", include_str!("../examples/context-switches.stp")),
    ("dns-latency.stp", include_str!("../examples/dns-latency.stp")),
    ("forks.stp", include_str!("../examples/forks.stp")),
    ("memory-stalls.stp", include_str!("../examples/memory-stalls.stp")),
    ("network-bad-day.stp", include_str!("../examples/network-bad-day.stp")),
    ("opens.stp", include_str!("../examples/opens.stp")),
    ("profile.stp", include_str!("../examples/profile.stp")),
    ("runqueue-latency.stp", include_str!("../examples/runqueue-latency.stp")),
    ("syscall-latency.stp", include_str!("../examples/syscall-latency.stp")),
    ("syscalls-by-process.stp", include_str!("../examples/syscalls-by-process.stp")),
    ("tcp-connections.stp", include_str!("../examples/tcp-connections.stp")),
];

/// The example of that name, with or without `.stp`: its whole name and its text.
pub(crate) fn find(name: &str) -> Option<(&'static str, &'static str)> {
    EXAMPLES.iter().copied().find(|(known, _)| *known == name || known.strip_suffix(".stp") == Some(name))
}

/// What an example answers: its first line behind `#!`.
fn question(text: &str) -> &str {
    text.lines().find_map(|line| line.strip_prefix("# ")).unwrap_or_default()
}

/// Shows the example of that name, or those that have all of the words, a line each.
pub(crate) fn examples(options: &ExamplesOptions) -> Status {
    if let [name] = options.words.as_slice()
        && let Some((_, text)) = find(name)
    {
        return terminal::write_to_stdout(text);
    }
    let words: Vec<String> = options.words.iter().map(|word| word.to_lowercase()).collect();
    let has_all = |(name, text): &&(&str, &str)| {
        let text = format!("{name} {}", text.to_lowercase());
        words.iter().all(|word| text.contains(word.as_str()))
    };
    let width = EXAMPLES.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let found: String =
        EXAMPLES.iter().filter(has_all).map(|(name, text)| format!("{name:width$}  {}\n", question(text))).collect();
    if found.is_empty() {
        terminal::complain("no example has all of these words; `systap examples` lists all");
        return Status::ScriptError;
    }
    terminal::write_to_stdout(&found)
}

/// All names, for a sentence.
pub(crate) fn names() -> String {
    EXAMPLES.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_example_is_left_out() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
        let entries = std::fs::read_dir(folder).expect("the examples are there");
        let mut there: Vec<String> = entries
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .filter(|name| name.ends_with(".stp"))
            .collect();
        there.sort();
        assert_eq!(names(), there.join(", "));
        assert!(find("forks").is_some() && find("forks.stp").is_some() && find("none").is_none());
    }
}
