//! Packages that a chore needs and the machine lacks.

use std::path::PathBuf;
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
    let quiet = [("DEBIAN_FRONTEND", "noninteractive")];
    let install = |packages: &[&str]| {
        let args = [&["install", "--yes", "--no-install-recommends"], packages].concat();
        run("apt-get", &args, &quiet)
    };
    if let Err(failure) = run("apt-get", &["update", "--quiet"], &quiet) {
        println!("the list of packages is as old as it was: {failure}");
    }
    if install(&missing).is_ok() {
        return;
    }
    // One that another distribution does not have keeps none of the others away.
    for package in missing {
        if let Err(failure) = install(&[package]) {
            println!("not installed: {package}: {failure}");
        }
    }
}

/// A server that speaks S3, under target/moto; `None` where it cannot be installed.
pub(crate) fn s3_server() -> Option<PathBuf> {
    let folder = std::env::current_dir().ok()?.join("target/moto");
    let server = folder.join("bin/moto_server");
    if server.is_file() {
        return Some(server);
    }
    let place = folder.display().to_string();
    if run("python3", &["-m", "venv", &place], &[]).is_err() {
        // Debian has the module apart from the program.
        let quiet = [("DEBIAN_FRONTEND", "noninteractive")];
        run("apt-get", &["install", "--yes", "--no-install-recommends", "python3-venv"], &quiet).ok()?;
        run("python3", &["-m", "venv", &place], &[]).ok()?;
    }
    let pip = folder.join("bin/pip").display().to_string();
    run(&pip, &["install", "--quiet", "--disable-pip-version-check", "moto[server,s3]>=5.1,<6"], &[]).ok()?;
    server.is_file().then_some(server)
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
