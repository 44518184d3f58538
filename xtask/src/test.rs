//! All tests, with one closing line for all of them.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use crate::{Outcome, install};

/// Programs that tests compare with, and their Debian packages.
const PROGRAMS: &[(&str, &str)] = &[("strace", "strace"), ("perf", "linux-perf"), ("gcc", "gcc")];

/// Runs every test of the workspace; a test that cannot run here prints a line with `skipped:` and why.
pub(crate) fn test(args: &[String]) -> Outcome {
    install::debian(PROGRAMS);
    let mut command = Command::new("cargo");
    command.args(["test", "--workspace", "--no-fail-fast"]).args(args);
    if !args.iter().any(|arg| arg == "--") {
        command.args(["--", "--show-output"]);
    }
    let mut child =
        command.stdout(Stdio::piped()).spawn().map_err(|error| format!("cargo cannot be started: {error}"))?;
    let mut totals = Totals::default();
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines() {
            let line = line.map_err(|error| format!("the tests' output cannot be read: {error}"))?;
            totals.count(&line);
            println!("{line}");
        }
    }
    let status = child.wait().map_err(|error| format!("the tests cannot be waited for: {error}"))?;
    println!("tests: {} passed, {} failed, {} skipped", totals.passed, totals.failed, totals.skipped);
    if status.success() && totals.passed > 0 { Ok(()) } else { Err("tests failed".to_owned()) }
}

/// What the test programs said together.
#[derive(Default)]
struct Totals {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Totals {
    /// Reads a line such as `test result: ok. 12 passed; 0 failed; 1 ignored; ...`.
    fn count(&mut self, line: &str) {
        if line.trim_start().starts_with("skipped:") {
            self.skipped += 1;
        }
        let Some(result) = line.strip_prefix("test result: ") else { return };
        let number = |what: &str| -> u64 {
            let words: Vec<&str> = result.split_whitespace().collect();
            let at = words.iter().position(|word| word.trim_end_matches(';') == what);
            at.and_then(|at| words.get(at.checked_sub(1)?)?.parse().ok()).unwrap_or(0)
        };
        self.passed += number("passed");
        self.failed += number("failed");
        self.skipped += number("ignored");
    }
}

#[cfg(test)]
mod tests {
    use super::Totals;

    #[test]
    fn totals_add_up_over_test_programs() {
        let mut totals = Totals::default();
        for line in [
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s",
            "skipped: no strace",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        ] {
            totals.count(line);
        }
        assert_eq!((totals.passed, totals.failed, totals.skipped), (15, 2, 2));
    }
}
