//! Asks a package's plugin, if it has one for this machine. One that is not there, declines or fails leaves the package with what its
//! manifest says.
//!
//! Must never open a library in this process, nor ask one whose bytes are not known.

use std::path::{Path, PathBuf};

use systap_kernel::Kernel;
use systap_plugin_host::{Answer, Asked, Digest, Fact, Host, Request, gather};
use systap_registry::{Folder, Plugin};

/// What became of asking.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It has answered.
    Answered(Asked),
    /// There is no library for this machine.
    Absent,
    /// Why there is no answer.
    Failed(String),
}

/// What a package's plugin says of that kernel; `None` if it has none, or none that answers.
pub(crate) fn answer(folder: &Folder, kernel: &Kernel) -> Option<Answer> {
    match ask(folder, folder.manifest.plugin.as_ref()?, kernel) {
        Outcome::Answered(asked) => Some(asked.answer),
        Outcome::Absent | Outcome::Failed(_) => None,
    }
}

/// Asks a package's plugin of that kernel.
pub(crate) fn ask(folder: &Folder, plugin: &Plugin, kernel: &Kernel) -> Outcome {
    let Some(library) = library(&folder.path, &plugin.library) else { return Outcome::Absent };
    let failed = |why: &dyn std::fmt::Display| Outcome::Failed(why.to_string());
    let mut facts: Vec<Fact> = vec![];
    for text in &plugin.facts {
        match text.parse() {
            Ok(fact) => facts.push(fact),
            Err(error) => return failed(&error),
        }
    }
    let facts = match gather(kernel, &facts) {
        Ok(facts) => facts,
        Err(error) => return failed(&error),
    };
    let bytes = match std::fs::read(&library) {
        Ok(bytes) => bytes,
        Err(error) => return failed(&error),
    };
    let request = Request {
        sha256: Digest::of(&bytes),
        library,
        abi: plugin.abi,
        units: folder.scripts.iter().map(|script| script.name.clone()).collect(),
        facts,
    };
    let host = match crate::xdg::cache() {
        Some(cache) => Host::new().with_cache(cache.join("plugins")),
        None => Host::new(),
    };
    match host.ask(&request) {
        Ok(asked) => Outcome::Answered(asked),
        Err(error) => failed(&error),
    }
}

/// The library: in the package for this machine, or where it was built.
fn library(package: &Path, name: &str) -> Option<PathBuf> {
    let packed = package.join(place(name));
    if packed.is_file() { Some(packed) } else { built(package, name).map(|(_, path)| path) }
}

/// A library that is built and not packed, by the maintainer's cargo in the tapset's own folder or with a checkout: its place in a
/// package, and where it is.
pub(super) fn built(package: &Path, name: &str) -> Option<(String, PathBuf)> {
    let own = package.join("target/release").join(format!("lib{name}.so"));
    if own.is_file() {
        return Some((place(name), own));
    }
    let program = std::env::current_exe().ok()?;
    let checkout = program.ancestors().skip(1).find(|path| path.join("Cargo.toml").is_file())?;
    let built = program.parent()?.join(format!("lib{name}.so"));
    (package.starts_with(checkout) && built.is_file()).then(|| (place(name), built))
}

/// Where a library for this machine is in a package.
fn place(name: &str) -> String {
    format!("plugin/{}/lib{name}.so", target())
}

/// This machine, as Rust calls it.
fn target() -> String {
    format!("{}-unknown-linux-{}", std::env::consts::ARCH, if cfg!(target_env = "musl") { "musl" } else { "gnu" })
}
