//! Which kernel a script is for (`--kernel`), and `systap kernel`: saves the facts of one, and shows them.
//!
//! Must never fall back on the running kernel where another was named.

use std::path::Path;

use systap_kernel::{Effort, Kernel, KernelError, Release};

use crate::cli::{KernelOptions, KernelVerb, SaveOptions, ShowOptions};
use crate::outcome::Status;
use crate::xdg::cache;
use crate::{terminal, whole_file};

/// The running kernel, with what earlier runs have kept of it.
pub(crate) fn running() -> Kernel {
    with_kept(Kernel::running())
}

/// The kernel that was named, or else the running one. Its release names the running one too, whose files need not be there.
pub(crate) fn named(what: Option<&Path>) -> Result<Kernel, KernelError> {
    let Some(what) = what else { return Ok(running()) };
    Kernel::open(what).map(with_kept).or_else(|error| match &error {
        KernelError::NotInstalled { release, .. } => {
            let running = running();
            let is_it = running.release().is_ok_and(|of| of.as_str() == release);
            if is_it { Ok(running) } else { Err(error) }
        }
        _ => Err(error),
    })
}

/// With the folder of what is kept of kernels.
fn with_kept(kernel: Kernel) -> Kernel {
    match cache() {
        Some(cache) => kernel.with_kept(cache.join("kernels")),
        None => kernel,
    }
}

/// `systap kernel`
pub(crate) fn kernel(options: &KernelOptions) -> Status {
    let done = match &options.verb {
        KernelVerb::Save(options) => save(options),
        KernelVerb::Show(options) => show(options),
    };
    done.unwrap_or_else(|sentence| {
        terminal::complain(&sentence);
        Status::Refused
    })
}

fn save(options: &SaveOptions) -> Result<Status, String> {
    let kernel = named(options.kernel.as_deref()).map_err(|error| error.to_string())?;
    let effort = if options.small { Effort::Most } else { Effort::Usual };
    let saved = kernel.save_only(effort, &options.only).map_err(|error| error.to_string())?;
    for (fact, why) in &saved.missing {
        terminal::warn(&format!("not saved: {fact}: {why}"));
    }
    whole_file::write(&options.file, &saved.bytes, 0o644)?;
    if options.file.as_os_str() == "-" {
        return Ok(Status::Done);
    }
    let mut text = format!("{}: {} bytes, sha256 {}\n", options.file.display(), saved.bytes.len(), saved.hash());
    if options.verbose {
        for (name, plain, packed) in &saved.parts {
            text += &format!("    {name}: {plain} bytes, {packed} packed\n");
        }
    }
    print(&text)
}

fn show(options: &ShowOptions) -> Result<Status, String> {
    let kernel = named(options.kernel.as_deref()).map_err(|error| error.to_string())?;
    let or_why = |known: Result<String, KernelError>| known.unwrap_or_else(|error| format!("not known: {error}"));
    let mut text = String::new();
    let mut row = |name: &str, value: String| text += &format!("{name:14}{value}\n");
    row("from", kernel.file().map_or("the running kernel".to_owned(), |file| file.display().to_string()));
    row("release", or_why(kernel.release().map(|release| release.as_str().to_owned())));
    if let Ok(release) = kernel.release() {
        row("version", release.version().to_string());
        row("family", family(release));
    }
    row("architecture", kernel.arch().to_string());
    row("types", or_why(kernel.type_count().map(|count| count.to_string())));
    row("functions", or_why(kernel.function_names().map(|names| names.len().to_string())));
    row("tracepoints", or_why(kernel.tracepoint_names().map(|names| names.len().to_string())));
    row("system calls", or_why(kernel.function_names().map(|names| calls(&names).to_string())));
    row("events", or_why(kernel.event_count().map(|count| count.to_string())));
    row("options", or_why(kernel.config().map(|config| config.set().count().to_string())));
    row("symbols", or_why(kernel.symbols().map(|symbols| symbols.len().to_string())));
    print(&text)
}

/// How many of a kernel's functions are the beginnings of system calls.
fn calls(names: &[&str]) -> usize {
    let prefixes = ["__x64_sys_", "__arm64_sys_", "__riscv_sys_"];
    names.iter().filter(|name| prefixes.iter().any(|prefix| name.starts_with(prefix))).count()
}

fn family(release: &Release) -> String {
    let flavour = release.flavour();
    let candidate = release.candidate().map(|number| format!(", candidate {number}")).unwrap_or_default();
    format!("{}{}{flavour}{candidate}", release.family(), if flavour.is_empty() { "" } else { ", " })
}

fn print(text: &str) -> Result<Status, String> {
    Ok(match terminal::write_to_stdout(text) {
        Status::Done => Status::Done,
        _ => Status::Refused,
    })
}
