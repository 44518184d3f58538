//! Packages that a chore needs and the machine lacks.

use std::process::{Command, Stdio};

use crate::{Outcome, run};

/// Installs those Debian packages whose program is not on the path; pairs of program and package.
///
/// Where packages cannot be installed this way, the tests that need them say so and are skipped.
pub(crate) fn debian(wanted: &[(&str, &str)]) {
    let missing: Vec<&str> =
        wanted.iter().filter(|(program, _)| !is_on_path(program)).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return;
    }
    if !is_on_path("apt-get") {
        println!("not installed, since there is no apt-get here: {}", missing.join(", "));
        return;
    }
    let mut args = vec!["install", "--yes", "--no-install-recommends"];
    args.extend(&missing);
    let quiet = [("DEBIAN_FRONTEND", "noninteractive")];
    let outcome = run("apt-get", &["update", "--quiet"], &quiet).and_then(|()| run("apt-get", &args, &quiet));
    if let Err(failure) = outcome {
        println!("not installed: {}: {failure}", missing.join(", "));
    }
}

/// Installs a cargo subcommand unless it is there.
pub(crate) fn cargo_subcommand(name: &str) -> Outcome {
    let there = Command::new("cargo")
        .args([name, "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if there { Ok(()) } else { run("cargo", &["install", "--locked", &format!("cargo-{name}")], &[]) }
}

fn is_on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
