//! The lab: other kernels, booted under software emulation over this machine's own files, so that what the running kernel
//! refuses is tested on real ones. `cargo xtask lab 6.12 -- COMMAND`.
//!
//! The guest sees this machine's root read-only under a layer of memory: what is built here runs there, and nothing that a
//! guest does stays. Must never tell a guest that did not come up from a command that failed.

mod boot;
mod initramfs;
mod kernel;
mod suites;

pub(crate) use suites::run_suites;

use std::path::PathBuf;

use crate::{Outcome, install};

/// Programs that the lab needs, and their Debian packages.
const PROGRAMS: &[(&str, &str)] = &[
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("busybox", "busybox-static"),
    ("cpio", "cpio"),
    ("lsmod", "kmod"),
    ("xz", "xz-utils"),
    ("dpkg", "dpkg"),
];

/// The series that the lab has kernels of: Debian's stable ones.
pub(crate) const SERIES: [&str; 2] = ["6.1", "6.12"];

/// How often a guest that does not reach the command is booted again.
const BOOTS: u32 = 4;

/// Runs a command on another kernel; its output is shown, its status is the chore's.
pub(crate) fn lab(args: &[String]) -> Outcome {
    if let [tests] | [tests, _] = args
        && tests == "tests"
    {
        let series: Vec<&str> =
            SERIES.into_iter().filter(|series| args.get(1).is_none_or(|only| only == series)).collect();
        let failures = run_suites(&series, |line| println!("{line}"));
        return if failures.is_empty() { Ok(()) } else { Err(failures.join("; ")) };
    }
    let Some((series, command)) = args.split_first().filter(|(_, command)| !command.is_empty()) else {
        return Err(format!(
            "usage: cargo xtask lab {} [--] COMMAND [ARG]..., or lab tests [SERIES]",
            SERIES.join("|")
        ));
    };
    let command = command.strip_prefix(&["--".to_owned()]).unwrap_or(command);
    // One word is a line for the shell; several are a program and its arguments as they are.
    let line = match command {
        [line] => line.clone(),
        words => words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" "),
    };
    match run(series, &line, &mut |line| println!("{line}"))? {
        0 => Ok(()),
        status => Err(format!("the command ended with status {status} on {series}")),
    }
}

/// Runs a line of shell on the newest kernel of a series; gives the exit status. What it says goes to `heard`, line by line.
pub(crate) fn run(series: &str, line: &str, heard: &mut dyn FnMut(&str)) -> Result<i32, String> {
    install::debian(PROGRAMS);
    let kernel = kernel::fetch(series)?;
    let initramfs = initramfs::build(&kernel, line)?;
    for attempt in 1..=BOOTS {
        match boot::boot(&kernel.image, &initramfs, heard)? {
            boot::End::Command(status) => return Ok(status),
            boot::End::NoCommand(why) => heard(&format!("lab: boot {attempt} did not reach the command ({why})")),
        }
    }
    Err(format!("{} did not come up in {BOOTS} boots", kernel.release))
}

/// Where kernels and what is made of them are kept.
fn folder() -> Result<PathBuf, String> {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let folder = target.join("lab");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    folder.canonicalize().map_err(|error| format!("{}: {error}", folder.display()))
}

/// A word that the shell takes as it is.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}
