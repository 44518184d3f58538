//! The arguments of a bench: flags, and options with a number.
//!
//! It must never act on one; the bench that knows what it means does.

use std::fmt::Write as _;

/// What was given after `cargo bench --bench NAME --`.
pub(crate) struct Arguments {
    given: Vec<(&'static str, Option<u64>)>,
}

impl Arguments {
    /// The arguments of this process, or `None` where cargo did not start it to measure (`cargo test` builds and runs
    /// benches too, without `--bench`).
    ///
    /// # Errors
    /// The text to say, where an argument is neither one of `flags` nor one of `numbers` with a positive number.
    pub(crate) fn read(flags: &[&'static str], numbers: &[&'static str]) -> Result<Option<Self>, String> {
        let mut words = std::env::args().skip(1);
        let mut given = Vec::new();
        let mut measures = false;
        while let Some(word) = words.next() {
            if word == "--bench" {
                measures = true;
            } else if let Some(flag) = flags.iter().find(|flag| **flag == word) {
                given.push((*flag, None));
            } else if let Some(option) = numbers.iter().find(|option| **option == word) {
                let number = words.next().and_then(|word| word.parse().ok()).filter(|number| *number > 0);
                given.push((*option, Some(number.ok_or_else(|| format!("`{word}` needs a positive number"))?)));
            } else {
                let mut text = format!("unknown argument `{word}`; known:");
                for known in flags.iter().chain(numbers) {
                    write!(text, " {known}").map_err(|error| error.to_string())?;
                }
                return Err(text);
            }
        }
        Ok(measures.then_some(Self { given }))
    }

    /// Whether the flag was given.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.given.iter().any(|(given, _)| *given == name)
    }

    /// The number given with the option, or the one that is usual.
    pub(crate) fn number(&self, name: &str, usual: u64) -> u64 {
        self.given.iter().rev().find(|(given, _)| *given == name).and_then(|(_, number)| *number).unwrap_or(usual)
    }
}
