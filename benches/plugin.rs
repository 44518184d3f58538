//! What a tapset's native plugin costs: a confined process from start to answer, and an answer that was kept.
//!
//! This program is its own host, as systap is. It must never assert a time; it prints, and what is not built is left out aloud.
//! benches/README.md says what the figures mean.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench is a command: it prints what it measured")]
#![expect(dead_code, reason = "it uses a part of what the benches share")]

mod measure;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use measure::numbers::median;
use measure::table::{number, render};
use systap_kernel::Kernel;
use systap_plugin_host::{Digest, Fact, Host, Request, gather, serve_if_child};

/// The median of some runs, in milliseconds.
fn time(rounds: usize, mut work: impl FnMut()) -> f64 {
    let times: Vec<f64> = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().max(Duration::from_nanos(1)).as_secs_f64() * 1e3
        })
        .collect();
    median(times).unwrap_or_default()
}

/// The plugin of the tapset `vm`, built as this program is.
fn library() -> Option<PathBuf> {
    let deps = std::env::current_exe().ok()?.parent()?.to_owned();
    let places = [deps.join("libsystap_vm.so"), deps.parent()?.join("libsystap_vm.so")];
    places.into_iter().find(|place| place.exists())
}

fn main() -> ExitCode {
    serve_if_child(std::env::args_os());
    let Some(library) = library() else {
        eprintln!("left out: the plugin is not built (cargo build --release -p systap-tapset-vm)");
        return ExitCode::SUCCESS;
    };
    let kernel = Kernel::running();
    let asked = ["vm_fault_reason", "___GFP_DMA_BIT"].map(|name| Fact::Enum(name.to_owned()));
    let (Ok(bytes), Ok(facts)) = (std::fs::read(&library), gather(&kernel, &asked)) else {
        eprintln!("left out: the plugin or this kernel's types cannot be read");
        return ExitCode::SUCCESS;
    };
    let folder = match tempfile::tempdir() {
        Ok(folder) => folder,
        Err(error) => {
            eprintln!("no temporary folder: {error}");
            return ExitCode::FAILURE;
        }
    };
    let request = Request { sha256: Digest::of(&bytes), library, abi: systap_plugin_host::ABI, units: vec![], facts };
    let mut rows = vec![];
    let mut row = |what: &str, took: f64, bar: f64| {
        rows.push(vec![what.to_owned(), number(Some(took), 3), number(Some(bar), 1), number(Some(took / bar), 3)]);
    };
    let took = time(11, || drop(gather(&Kernel::running(), &asked)));
    row("the facts that the plugin asks for", took, 5.0);
    let confined = time(51, || assert!(Host::new().try_sandbox().is_ok(), "no process can be confined"));
    row("a confined process without a plugin", confined, 5.0);
    let cold = time(51, || assert!(Host::new().ask(&request).is_ok(), "the plugin does not answer"));
    row("a plugin asked", cold, 5.0);
    let host = Host::new().with_cache(folder.path());
    assert!(host.ask(&request).is_ok(), "the plugin does not answer");
    let kept = time(201, || {
        assert!(host.ask(&request).is_ok_and(|asked| asked.sandbox.is_none()), "the answer was not kept");
    });
    row("an answer that was kept", kept, 0.2);
    println!("{}", render(&["what", "ms", "<bar", "ratio"], &rows));
    ExitCode::SUCCESS
}
