//! Makes the index of the library: for each `src/library/*.stp` its text, and the functions and globals that it declares for others,
//! so that a script which calls one of them has one file parsed and no other even looked at.
//!
//! A declaration begins a line, as the library's style has it; a test of the crate compares the index with what the parser says.

use std::fmt::Write;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?).join("src/library");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut paths: Vec<_> = fs::read_dir(&folder)?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "stp"));
    paths.sort();
    let mut entries = String::new();
    for path in &paths {
        let text = fs::read_to_string(path)?;
        let name = format!("library/{}", path.file_name().unwrap_or_default().to_string_lossy());
        let (functions, globals) = (functions(&text), globals(&text));
        let file = path.display().to_string();
        writeln!(
            entries,
            "    Entry {{ name: {name:?}, text: include_str!({file:?}), functions: &{functions:?}, globals: &{globals:?} }},"
        )
        .map_err(io::Error::other)?;
    }
    let index = format!("[\n{entries}]\n");
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    fs::write(Path::new(&out).join("library.rs"), index)?;
    fs::write(Path::new(&out).join("library_count.rs"), paths.len().to_string())
}

/// The names that `function` declares, sorted.
fn functions(text: &str) -> Vec<&str> {
    let declared = text.lines().filter_map(|line| line.strip_prefix("function "));
    sorted(declared.map(|rest| word(rest.trim_start())).collect())
}

/// The names that `global` declares, sorted.
fn globals(text: &str) -> Vec<&str> {
    let declared = text.lines().filter_map(|line| line.strip_prefix("global "));
    sorted(declared.flat_map(|rest| rest.split(',')).map(|rest| word(rest.trim_start())).collect())
}

fn sorted(mut names: Vec<&str>) -> Vec<&str> {
    names.retain(|name| !name.is_empty());
    names.sort_unstable();
    names.dedup();
    names
}

/// The name at the start of a text.
fn word(text: &str) -> &str {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next().unwrap_or_default()
}
