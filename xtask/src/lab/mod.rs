//! The lab: other kernels, booted under software emulation over this machine's own files, so that what the running kernel
//! refuses is tested on real ones. `cargo xtask lab 6.12 -- COMMAND`.
//!
//! The guest sees this machine's root read-only under a layer of memory: what is built here runs there, and nothing that a
//! guest does stays. Must never tell a guest that did not come up from a command that failed.

mod boot;
mod initramfs;
mod kernel;
mod suites;

pub(crate) use kernel::{numbers, output};
pub(crate) use suites::run_suites;

use std::fmt;
use std::path::{Path, PathBuf};

use self::kernel::Kernel;
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
        let series: Vec<_> =
            SERIES.into_iter().filter(|series| args.get(1).is_none_or(|only| only == series)).collect();
        return crate::test::on_other_kernels(&series);
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
    let ended = ready(series).and_then(|kernel| run(&kernel, &line, &mut |line| println!("{line}")));
    match ended.map_err(|why| why.to_string())? {
        0 => Ok(()),
        status => Err(format!("the command ended with status {status} on {series}")),
    }
}

/// Why a command did not come to an end; a sentence.
#[derive(Debug)]
pub(crate) enum NotRun {
    /// This machine has no such lab: a program or a kernel cannot be had.
    Missing(String),
    /// No guest came up.
    NoGuest(String),
    /// The guest died while the command ran, or the command never ended.
    Broken(String),
}

impl fmt::Display for NotRun {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Missing(why) | Self::NoGuest(why) | Self::Broken(why)) = self;
        out.write_str(why)
    }
}

/// Gets what the lab needs, and the newest kernel of a series.
fn ready(series: &str) -> Result<Kernel, NotRun> {
    install::debian(PROGRAMS);
    kernel::fetch(series).map_err(NotRun::Missing)
}

/// Runs a line of shell on a kernel; gives the exit status. What it says goes to `heard`, line by line.
fn run(kernel: &Kernel, line: &str, heard: &mut dyn FnMut(&str)) -> Result<i32, NotRun> {
    let initramfs = initramfs::build(kernel, line).map_err(NotRun::Missing)?;
    let ended = boot_until_it_runs(kernel, &initramfs, heard);
    _ = std::fs::remove_file(&initramfs);
    ended
}

fn boot_until_it_runs(kernel: &Kernel, initramfs: &Path, heard: &mut dyn FnMut(&str)) -> Result<i32, NotRun> {
    for attempt in 1..=BOOTS {
        match boot::boot(&kernel.image, initramfs, heard).map_err(NotRun::Missing)? {
            boot::End::Command(status) => return Ok(status),
            boot::End::Broken(why) => return Err(NotRun::Broken(why)),
            boot::End::NoCommand(why) => heard(&format!("lab: boot {attempt} did not reach the command ({why})")),
        }
    }
    Err(NotRun::NoGuest(format!("{} did not come up in {BOOTS} boots", kernel.release)))
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
