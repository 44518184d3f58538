//! The tests that need a kernel to themselves, run on each of the lab's: the same programs that cargo has built for this machine,
//! all in one boot, the kernels side by side.
//!
//! Must never count a guest that did not come up as a failed test, nor one that died under the tests as a good one.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;

use super::{NotRun, quoted, ready, run};

/// The test programs that depend on the kernel, by package and target, and what of each is run: all tests, or those that have this in
/// their names. Scripts that only the user side runs do not depend on it.
const SUITES: &[(&str, &str, &str)] = &[
    ("systap-sys", "maps", ""),
    ("systap-sys", "programs", ""),
    ("systap-sys", "rings", ""),
    ("systap-kernel", "systap_kernel", "syscall::"),
    ("systap-bpf", "live", ""),
    ("systap-runtime", "live", ""),
    ("systap", "live_attachments", ""),
    ("systap", "live_functions", ""),
    ("systap", "live_mechanisms", ""),
    ("systap", "live_counts", ""),
    ("systap", "live_entries", ""),
    ("systap", "live_programs", ""),
    ("systap", "live_task_facts", ""),
    ("systap", "live_timers", ""),
    ("systap", "live_tracepoints", ""),
    ("systap", "catching", ""),
    ("systap", "deferred", ""),
    ("systap", "strings", ""),
    ("systap", "losses", ""),
    ("systap", "faults", ""),
    ("systap", "endings", ""),
    ("systap", "conformance", "kernel side"),
];

/// How it went on one kernel.
pub(crate) struct Run {
    /// The kernel's series.
    pub(crate) series: &'static str,
    /// Whether each program came to a good end; why there was none to come to an end.
    pub(crate) outcome: Result<bool, NotRun>,
}

/// Runs them on those of the lab's kernels, all at the same time; each line of their output goes to `heard` as it comes, with its
/// kernel.
///
/// # Errors
/// Where the test programs cannot be built; a sentence.
pub(crate) fn run_suites(
    series: &[&'static str],
    mut heard: impl FnMut(&'static str, &str),
) -> Result<Vec<Run>, String> {
    let script = programs()?.concat();
    let mut runs = vec![];
    // What they share is fetched one after the other.
    let mut ready_ones = vec![];
    for series in series {
        match ready(series) {
            Ok(kernel) => ready_ones.push((*series, kernel)),
            Err(why) => runs.push(Run { series, outcome: Err(why) }),
        }
    }
    std::thread::scope(|scope| {
        let (sender, lines) = channel();
        let guests: Vec<_> = ready_ones
            .iter()
            .map(|(series, kernel)| {
                let (sender, script) = (sender.clone(), &script);
                let guest =
                    scope.spawn(move || run(kernel, script, &mut |line| _ = sender.send((*series, line.to_owned()))));
                (*series, guest)
            })
            .collect();
        drop(sender);
        for (series, line) in lines {
            heard(series, &line);
        }
        for (series, guest) in guests {
            let ended = guest.join().unwrap_or_else(|_| Err(NotRun::Broken("its thread ended by a panic".to_owned())));
            runs.push(Run { series, outcome: ended.map(|status| status == 0) });
        }
    });
    Ok(runs)
}

/// A line of shell for each suite.
fn programs() -> Result<Vec<String>, String> {
    let built = Command::new("cargo")
        .args(["test", "--workspace", "--no-run", "--message-format=json"])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo cannot be started: {error}"))?;
    let messages = String::from_utf8_lossy(&built.stdout).into_owned();
    let here = std::env::current_dir().map_err(|error| format!("there is no current folder: {error}"))?;
    // Snapshots are compared, and never written: there is no cargo to say where.
    let mut lines = vec![format!(
        "export NO_COLOR=1 INSTA_UPDATE=no INSTA_WORKSPACE_ROOT={}; failed=0\n",
        quoted(&here.display().to_string())
    )];
    for (package, target, words) in SUITES {
        let found = messages.lines().filter_map(executable).find(|(name, manifest, _)| {
            name == target && Path::new(manifest).parent().is_some_and(|folder| is_of(folder, &here, package))
        });
        let (_, manifest, program) =
            found.ok_or_else(|| format!("there is no test program `{target}` of {package}"))?;
        let folder = Path::new(&manifest).parent().map(|folder| folder.display().to_string()).unwrap_or_default();
        let (folder, program) = (quoted(&folder), quoted(&program));
        let filter = if words.is_empty() { String::new() } else { quoted(words) };
        // One that does not end by itself fails like one that ends badly.
        lines.push(format!(
            "echo 'lab: {package} {target}'\n(cd {folder}; CARGO_MANIFEST_DIR={folder} timeout 900 {program} {filter} --test-threads 2 --color never --show-output)
status=$?; [ $status = 0 ] || failed=1; [ $status != 124 ] || echo 'lab: {package} {target} did not end in 900 s'\n"
        ));
    }
    lines.push("exit $failed".to_owned());
    Ok(lines)
}

/// Whether a folder is the package's: `core/bpf` is systap-bpf's, the workspace's own is systap's.
fn is_of(folder: &Path, workspace: &Path, package: &str) -> bool {
    match package.strip_prefix("systap-") {
        Some(name) => folder == workspace.join("core").join(name),
        None => folder == workspace,
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
