//! Facts of kernels: six names of 5 MB of types, a package of Debian opened, saved facts opened, a script against many kernels.
//!
//! In this process, on the running kernel's facts and those that the lab has unpacked. It must never assert a time; it prints, and what
//! the machine lacks is left out aloud. benches/README.md says what the figures mean.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench is a command: it prints what it measured")]
#![expect(dead_code, reason = "it uses a part of what the benches share")]

mod measure;

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use measure::numbers::median;
use measure::table::{number, render};
use systap_binary::Programs;
use systap_diagnostics::Sources;
use systap_elaborate::{Input, elaborate};
use systap_kernel::{Effort, Kernel, Kind};
use systap_syntax::{ParseOptions, parse};

/// Structs and functions that scripts ask for.
const NAMES: [(Kind, &str); 6] = [
    (Kind::Struct, "task_struct"),
    (Kind::Struct, "sk_buff"),
    (Kind::Struct, "request"),
    (Kind::Typedef, "btf_trace_sched_switch"),
    (Kind::Func, "__traceiter_sched_switch"),
    (Kind::Func, "vfs_read"),
];

/// A script that needs types, a tracepoint and its subsystem.
const SCRIPT: &str =
    "global n probe kernel.trace(\"sched:sched_switch\") { n[$next->pid, kernel_string($next->comm)]++ }";

/// How many kernels a script is checked against.
const KERNELS: usize = 20;

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

/// Checks the script against a kernel; whether it is right there.
fn checks(kernel: &Kernel) -> bool {
    let mut sources = Sources::default();
    let file = sources.add("bench", SCRIPT);
    let parsed = parse(&mut sources, file, &ParseOptions::default());
    let programs = Programs::new(vec![]);
    let files = [parsed.file];
    let elaborated = elaborate(Input::new(&files, &mut sources, kernel, &programs));
    elaborated.diagnostics.is_empty()
}

fn main() -> ExitCode {
    let running = Kernel::running();
    if let Err(error) = running.btf() {
        eprintln!("left out: {error}");
        return ExitCode::SUCCESS;
    }
    let mut rows = vec![];
    let mut row = |what: &str, took: f64, bar: f64| {
        rows.push(vec![what.to_owned(), number(Some(took), 3), number(Some(bar), 1), number(Some(took / bar), 3)]);
    };
    let names = time(21, || {
        let fresh = Kernel::running();
        let found = fresh.btf().ok().and_then(|btf| btf.find_many(&NAMES).ok()).unwrap_or_default();
        assert!(found.iter().take(5).all(Option::is_some), "the running kernel lacks a name");
    });
    row("six names of the running kernel", names, 1.0);
    let folder = match tempfile::tempdir() {
        Ok(folder) => folder,
        Err(error) => {
            eprintln!("no temporary folder: {error}");
            return ExitCode::FAILURE;
        }
    };
    let kept = folder.path().join("kept");
    let first = Kernel::running().with_kept(kept.clone());
    assert!(first.btf().is_ok_and(|btf| btf.find_many(&NAMES).is_ok()), "the running kernel's types are damaged");
    first.keep();
    let names = time(21, || {
        let fresh = Kernel::running().with_kept(kept.clone());
        let found = fresh.btf().ok().and_then(|btf| btf.find_many(&NAMES).ok()).unwrap_or_default();
        assert!(found.iter().take(5).all(Option::is_some), "the running kernel lacks a name");
    });
    row("the same names with the index that was kept", names, 0.2);
    let mut files = vec![];
    let mut save = |kernel: &Kernel, name: &str| {
        let file = folder.path().join(name);
        match kernel.save(Effort::Usual).map(|saved| std::fs::write(&file, saved.bytes)) {
            Ok(Ok(())) => files.push(file),
            refused => eprintln!("left out: {name}: {refused:?}"),
        }
    };
    save(&running, "running");
    for series in ["6.1", "6.12"] {
        let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/lab").join(series);
        if !package.join("boot").is_dir() {
            eprintln!("left out: Debian's {series}, which the lab has not unpacked");
            continue;
        }
        let took =
            time(3, || assert!(Kernel::open(&package).is_ok_and(|kernel| checks(&kernel)), "{series} is not read"));
        row(&format!("Debian's {series} opened, a script checked"), took, 2000.0);
        if let Ok(kernel) = Kernel::open(&package) {
            save(&kernel, series);
        }
    }
    for file in &files {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let took = time(11, || {
            let found =
                Kernel::open(file).ok().and_then(|kernel| kernel.btf().ok()?.find(Kind::Struct, "task_struct").ok()?);
            assert!(found.is_some(), "{name} has no tasks");
        });
        row(&format!("saved facts of {name} opened for the first time, one type found"), took, 10.0);
        let again = || Kernel::open(file).map(|kernel| kernel.with_kept(kept.clone()));
        if let Ok(first) = again() {
            _ = first.type_count();
            first.keep();
        }
        let took = time(11, || {
            let found = again().ok().and_then(|kernel| kernel.btf().ok()?.find(Kind::Struct, "task_struct").ok()?);
            assert!(found.is_some(), "{name} has no tasks");
        });
        row(&format!("saved facts of {name} opened again"), took, 5.0);
    }
    let took = time(3, || {
        for file in files.iter().cycle().take(KERNELS) {
            assert!(
                Kernel::open(file).is_ok_and(|kernel| checks(&kernel)),
                "the script is wrong on {}",
                file.display()
            );
        }
    });
    row(&format!("a script checked against {KERNELS} saved kernels"), took, 1000.0);
    println!("{}", render(&["what", "ms", "<bar", "ratio"], &rows));
    ExitCode::SUCCESS
}
