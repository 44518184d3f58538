//! A machine of one of the three people: a home, the commands that are given there, and what they have made.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::systap::{self, Outcome, start};

/// A home, and a folder to work in.
pub(crate) struct Machine {
    root: tempfile::TempDir,
}

impl Machine {
    pub(crate) fn new() -> Machine {
        let machine = Machine { root: tempfile::tempdir().expect("a folder can be made") };
        std::fs::create_dir(machine.path("work")).expect("and one in it");
        machine
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path("data/systap")
    }

    /// A command of this machine.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = systap::command(program);
        command.current_dir(self.path("work")).env("HOME", self.root.path()).env("SYSTAP_PATIENCE", "5");
        for (name, folder) in [("XDG_DATA_HOME", "data"), ("XDG_CACHE_HOME", "cache"), ("XDG_CONFIG_HOME", "config")] {
            command.env(name, self.path(folder));
        }
        command
    }

    /// Runs systap with the words of a line.
    #[track_caller]
    pub(crate) fn systap(&self, line: &str) -> Outcome {
        let mut command = self.command(systap::binary());
        command.args(line.split_whitespace());
        start(command).wait()
    }

    /// The same, which must come to a good end; gives what it printed.
    #[track_caller]
    pub(crate) fn done(&self, line: &str) -> String {
        let outcome = self.systap(line);
        assert_eq!(outcome.status.code(), Some(0), "{line}\n{}", outcome.all());
        outcome.text()
    }

    /// The same, which must be refused by the registry or for it; gives what was said.
    #[track_caller]
    pub(crate) fn refused(&self, line: &str) -> String {
        let outcome = self.systap(line);
        assert_eq!(outcome.status.code(), Some(4), "{line}\n{}", outcome.all());
        outcome.complaints()
    }

    /// Writes a file of the working folder.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path("work").join(name);
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("a folder can be made");
        std::fs::write(path, text).expect("a file can be written");
    }

    /// Makes keys and a registry `reg`, and gives the line that publishes there.
    pub(crate) fn operates(&self) -> &'static str {
        self.done("registry key new root.pem");
        self.done("registry key new key.pem");
        self.done("registry init reg --name example --root-key root.pem --key key.pem --owner key.pem=Ada");
        "tapset publish --registry reg --key key.pem"
    }

    /// Writes a tapset with an alias, `NAME.start`, its test, and more of a manifest.
    pub(crate) fn writes_tapset(&self, name: &str, version: &str, more: &str, script: &str) {
        let word = name.replace('-', "_");
        let manifest = format!(
            "[tapset]\nname = \"{name}\"\nversion = \"{version}\"\nsummary = \"What {name} does\"\nlicense = \"MIT\"\nmanifest = 1\n{more}"
        );
        self.write(&format!("{name}/tapset.toml"), &manifest);
        self.write(&format!("{name}/README.md"), name);
        let script = format!("// It starts.\nprobe {word}.start = begin {{ version = \"{version}\" }}\n{script}");
        self.write(&format!("{name}/scripts/start.stp"), &script);
        let test = format!("// alias: {word}.start\nprobe {word}.start {{ println(version); exit() }}\n");
        self.write(&format!("{name}/tests/start.stp"), &test);
        self.write(&format!("{name}/tests/start.out"), &format!("{version}\n"));
    }

    /// Publishes such a tapset in `reg`.
    #[track_caller]
    pub(crate) fn publishes(&self, name: &str, version: &str, more: &str) {
        self.writes_tapset(name, version, more, "");
        self.done(&format!("tapset publish --registry reg --key key.pem --allow tests {name}"));
    }

    /// What tells a reader which root to believe of `reg`.
    pub(crate) fn root(&self) -> String {
        format!("--root {}", self.path("work/reg/metadata/1.root.json").display())
    }

    /// Knows the registry of another machine, at a place, from now on.
    #[track_caller]
    pub(crate) fn knows(&self, of: &Machine, place: &str) {
        self.done(&format!("registry add corp {place} {}", of.root()));
    }

    /// A kernel of a release, with the types of the one that runs; for conditions on releases.
    pub(crate) fn kernel(&self, release: &str) -> Option<PathBuf> {
        let folder = self.path(&format!("kernels/{release}"));
        std::fs::create_dir_all(&folder).ok()?;
        std::fs::copy("/sys/kernel/btf/vmlinux", folder.join("vmlinux.btf")).ok()?;
        std::fs::write(folder.join(format!("config-{release}")), "CONFIG_X86_64=y\n").ok()?;
        std::fs::write(folder.join(format!("System.map-{release}")), "ffffffff81000000 T _text\n").ok()?;
        Some(folder)
    }
}

/// Copies a folder with all that is in it.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder can be made");
    for entry in from.read_dir().expect("it can be listed").flatten() {
        let target = to.join(entry.file_name());
        if entry.file_type().expect("it has one").is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a file can be copied");
        }
    }
}

/// All files below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}
