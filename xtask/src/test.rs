//! All tests, with one closing line for all of them.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::lab::NotRun;
use crate::{Outcome, install, lab};

/// Programs that tests compare with, and their Debian packages.
const PROGRAMS: &[(&str, &str)] = &[
    ("strace", "strace"),
    ("perf", "linux-perf"),
    ("gcc", "gcc"),
    ("nginx", "nginx-light"),
    ("chromium", "chromium"),
    ("python3", "python3-venv"),
];

/// Runs every test of the workspace on this kernel; a test that cannot run prints a line with `skipped:` and why. With arguments for
/// cargo it is their tests.
pub(crate) fn test(args: &[String]) -> Outcome {
    install::debian(PROGRAMS);
    let mut command = Command::new("cargo");
    command.args(["test", "--workspace", "--no-fail-fast"]).args(args);
    if !args.iter().any(|arg| arg == "--") {
        command.args(["--", "--show-output"]);
    }
    let mut totals = Totals::default();
    let status = counted(&mut command, &mut totals)?;
    let mut good = status;
    if args.is_empty() {
        good &= on_object_stores(&mut totals)?;
        totals.skipped += 1;
        println!(
            "skipped: the tests on other kernels: `cargo xtask lab tests` boots them and takes some ten minutes more"
        );
    }
    totals.close(good)
}

/// Runs a command of tests, shows and counts what it says; whether it came to a good end.
fn counted(command: &mut Command, totals: &mut Totals) -> Result<bool, String> {
    let mut child =
        command.stdout(Stdio::piped()).spawn().map_err(|error| format!("cargo cannot be started: {error}"))?;
    if let Some(output) = child.stdout.take() {
        for line in BufReader::new(output).lines() {
            let line = line.map_err(|error| format!("the tests' output cannot be read: {error}"))?;
            totals.count(&line);
            println!("{line}");
        }
    }
    let status = child.wait().map_err(|error| format!("the tests cannot be waited for: {error}"))?;
    Ok(status.success())
}

/// Runs the tests of object stores, with systap built for them, on a server that PyPI has.
fn on_object_stores(totals: &mut Totals) -> Result<bool, String> {
    let Some(server) = install::s3_server() else {
        totals.skipped += 1;
        println!("skipped: the tests of object stores: no server of S3 can be installed here (python3 -m venv, pip)");
        return Ok(true);
    };
    let mut command = Command::new("cargo");
    command.args([
        "test",
        "--package",
        "systap",
        "--features",
        "s3",
        "--test",
        "registry",
        "bucket",
        "--",
        "--show-output",
    ]);
    counted(command.env("SYSTAP_S3_SERVER", server), totals)
}

/// Runs the tests that depend on the kernel on the lab's kernels of these series.
pub(crate) fn on_other_kernels(series: &[&'static str]) -> Outcome {
    let mut totals = Totals::default();
    let good = totals.on(series)?;
    totals.close(good)
}

/// What the test programs said together.
#[derive(Default)]
struct Totals {
    passed: u64,
    failed: u64,
    skipped: u64,
}

impl Totals {
    /// Runs the lab's tests and counts them; whether all came to a good end.
    fn on(&mut self, series: &[&'static str]) -> Result<bool, String> {
        let begun = Instant::now();
        let runs = lab::run_suites(series, |series, line| {
            self.count(line);
            println!("{series}: {line}");
        })?;
        let mut good = true;
        for run in runs {
            let series = run.series;
            match run.outcome {
                Ok(passed) => good &= passed,
                Err(why @ NotRun::Missing(_)) => {
                    self.skipped += 1;
                    println!("skipped: all tests on {series}: {why}");
                }
                Err(why) => {
                    good = false;
                    self.failed += 1;
                    println!("{series}: failed: {why}");
                }
            }
        }
        println!("the lab took {:.0?}", begun.elapsed());
        Ok(good)
    }

    /// Prints the closing line.
    fn close(&self, good: bool) -> Outcome {
        println!("tests: {} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped);
        // Where nothing could be run, nothing has failed; who looks at the line sees it.
        if good && self.failed == 0 { Ok(()) } else { Err("tests failed".to_owned()) }
    }

    /// Reads a line such as `test result: ok. 12 passed; 0 failed; 1 ignored; ...`.
    fn count(&mut self, line: &str) {
        // `skipped: WHY`, `skipped TEST: WHY`
        if line.trim_start().strip_prefix("skipped").is_some_and(|rest| rest.starts_with([':', ' '])) {
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
            "skipped loops_run: no loops",
            "skippedness of a line is told by its first word",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s",
        ] {
            totals.count(line);
        }
        assert_eq!((totals.passed, totals.failed, totals.skipped), (15, 2, 3));
    }
}
