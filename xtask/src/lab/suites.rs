//! The tests that need a kernel to themselves, run on each of the lab's: the same programs that cargo has built for this machine,
//! all in one boot.

use std::path::Path;
use std::process::{Command, Stdio};

use super::{quoted, run};

/// The test programs that trace, by package and target, and what of each is run: everything, or what has these words in its name.
const SUITES: &[(&str, &str, &str)] = &[
    ("systap-bpf", "live", ""),
    ("systap-runtime", "live", ""),
    ("systap", "conformance", "kernel side"),
    ("systap", "live_counts", ""),
    ("systap", "live_functions", ""),
    ("systap", "live_tracepoints", ""),
    ("systap", "deferred", ""),
    ("systap", "strings", ""),
    ("systap", "losses", ""),
];

/// Runs them on those of the lab's kernels; each line of their output goes to `line`. A sentence for each kernel on which something
/// failed.
pub(crate) fn run_suites(series: &[&str], mut line: impl FnMut(&str)) -> Vec<String> {
    let script = match programs() {
        Ok(programs) => programs.concat(),
        Err(why) => return vec![why],
    };
    let mut failures = vec![];
    for series in series {
        line(&format!("lab: the tests on {series}"));
        match run(series, &script, &mut line) {
            Ok(0) => {}
            Ok(status) => failures.push(format!("tests failed on {series} (status {status})")),
            Err(why) => line(&format!("skipped: no tests on {series}: {why}")),
        }
    }
    failures
}

/// A line of shell for each suite.
fn programs() -> Result<Vec<String>, String> {
    let built = Command::new("cargo")
        .args(["test", "--workspace", "--no-run", "--message-format=json"])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo cannot be started: {error}"))?;
    let messages = String::from_utf8_lossy(&built.stdout).into_owned();
    let mut lines = vec!["export NO_COLOR=1; failed=0\n".to_owned()];
    for (package, target, words) in SUITES {
        let found = messages.lines().filter_map(executable).find(|(name, manifest, _)| {
            name == target && Path::new(manifest).parent().is_some_and(|folder| is_of(folder, package))
        });
        let (_, manifest, program) =
            found.ok_or_else(|| format!("there is no test program `{target}` of {package}"))?;
        let folder = Path::new(&manifest).parent().map(|folder| folder.display().to_string()).unwrap_or_default();
        let (folder, program) = (quoted(&folder), quoted(&program));
        let filter = if words.is_empty() { String::new() } else { quoted(words) };
        lines.push(format!(
            "echo 'lab: {package} {target}'\n(cd {folder}; CARGO_MANIFEST_DIR={folder} timeout 400 {program} {filter} --test-threads 2) || failed=1\n"
        ));
    }
    lines.push("exit $failed".to_owned());
    Ok(lines)
}

/// Whether a folder is the package's: `core/bpf` is systap-bpf's, the workspace's own is systap's.
fn is_of(folder: &Path, package: &str) -> bool {
    let here = std::env::current_dir().unwrap_or_default();
    match package.strip_prefix("systap-") {
        Some(name) => folder == here.join("core").join(name),
        None => folder == here,
    }
}

/// Target, manifest and path of a test program, from a line of cargo's.
fn executable(message: &str) -> Option<(String, String, String)> {
    let message: serde_json::Value = serde_json::from_str(message).ok()?;
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    if message.pointer("/profile/test")?.as_bool() != Some(true) {
        return None;
    }
    Some((
        text(message.pointer("/target/name")?)?,
        text(message.get("manifest_path")?)?,
        text(message.get("executable")?)?,
    ))
}
