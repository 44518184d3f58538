//! Who is measured: systap, the C programs of `benches/floor`, Debian's bpftrace.
//!
//! It must never pass over one silently: who is absent is said, and why.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::program::Program;

/// The C programs: name and text.
const PROGRAMS: [(&str, &str); 6] = [
    ("hello", include_str!("../floor/hello.c")),
    ("peak_memory", include_str!("../floor/peak_memory.c")),
    ("one_tracepoint", include_str!("../floor/one_tracepoint.c")),
    ("count_by_pid", include_str!("../floor/count_by_pid.c")),
    ("count_by_name", include_str!("../floor/count_by_name.c")),
    ("latency", include_str!("../floor/latency.c")),
];

/// What they include.
const HEADERS: [(&str, &str); 3] = [
    ("bpf.h", include_str!("../floor/bpf.h")),
    ("btf.h", include_str!("../floor/btf.h")),
    ("count.h", include_str!("../floor/count.h")),
];

/// Who is there.
pub(crate) struct Contestants {
    systap: Option<PathBuf>,
    bpftrace: Option<PathBuf>,
    floor: Option<TempDir>,
    /// Who is not there, and why: a line each.
    pub(crate) absent: Vec<String>,
}

impl Contestants {
    /// Looks for systap and bpftrace, and compiles the floor.
    pub(crate) fn gather() -> Self {
        let mut absent = Vec::new();
        let mut present = |found: Result<PathBuf, String>| found.map_err(|reason| absent.push(reason)).ok();
        let systap = present(systap());
        let bpftrace = present(on_path("bpftrace").ok_or_else(|| "bpftrace: not on PATH".to_owned()));
        let floor = compile_floor().map_err(|reason| absent.push(format!("floor: {reason}"))).ok();
        Self { systap, bpftrace, floor, absent }
    }

    /// Whether systap itself is there.
    pub(crate) fn has_systap(&self) -> bool {
        self.systap.is_some()
    }

    /// `systap run` with a script's text.
    pub(crate) fn systap(&self, script: &str) -> Option<Program> {
        Some(Program::new(self.systap.as_ref()?).with(["run", "-e", script]))
    }

    /// `bpftrace` with a program's text.
    pub(crate) fn bpftrace(&self, script: &str) -> Option<Program> {
        Some(Program::new(self.bpftrace.as_ref()?).with(["-e", script]))
    }

    /// A program of the floor.
    pub(crate) fn floor(&self, name: &str) -> Option<Program> {
        Some(Program::new(&self.floor.as_ref()?.path().join(name)))
    }

    /// What is measured, in words: paths and versions.
    pub(crate) fn describe(&self) -> String {
        let mut lines = Vec::new();
        if let Some(path) = &self.systap {
            lines.push(format!("systap: {}", path.display()));
        }
        if let Some(path) = &self.bpftrace {
            let version = Command::new(path).arg("--version").output().ok();
            let version = version.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
            lines.push(format!("bpftrace: {}, {}", path.display(), version.unwrap_or_default()));
        }
        if self.floor.is_some() {
            lines.push("floor: C over bpf(2), gcc -O2".to_owned());
        }
        lines.extend(self.absent.iter().map(|reason| format!("absent: {reason}")));
        lines.join("\n")
    }
}

/// `SYSTAP`, or what cargo built along with this bench, or the release build.
fn systap() -> Result<PathBuf, String> {
    let built = option_env!("CARGO_BIN_EXE_systap").unwrap_or("target/release/systap");
    let path = std::env::var_os("SYSTAP").map_or_else(|| PathBuf::from(built), PathBuf::from);
    if path.is_file() {
        return Ok(path);
    }
    let path = path.display();
    Err(format!("systap: no file {path}: run `cargo build --release` first, or set SYSTAP to the program"))
}

/// The first file of that name in the folders of PATH.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// Compiles the C programs into a folder of their own that ends with the bench.
fn compile_floor() -> Result<TempDir, String> {
    let gcc = on_path("gcc").ok_or("gcc is not on PATH (Debian: gcc, linux-libc-dev)")?;
    let folder = TempDir::with_prefix("systap-floor-").map_err(|error| error.to_string())?;
    let write = |name: &str, text: &str| {
        fs::write(folder.path().join(name), text).map_err(|error| format!("cannot write {name}: {error}"))
    };
    for (name, text) in HEADERS {
        write(name, text)?;
    }
    for (name, text) in PROGRAMS {
        let source = format!("{name}.c");
        write(&source, text)?;
        compile(&gcc, folder.path(), &source, name)?;
    }
    Ok(folder)
}

fn compile(gcc: &Path, folder: &Path, source: &str, name: &str) -> Result<(), String> {
    let output = Command::new(gcc)
        .args(["-O2", "-o", name, source])
        .current_dir(folder)
        .output()
        .map_err(|error| format!("gcc cannot be started: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("gcc refuses {source}: {}", String::from_utf8_lossy(&output.stderr)))
}
