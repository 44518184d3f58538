//! `-F`: the run goes on without the command that began it, which tells what went wrong until then.

mod systap;

use std::path::Path;

use systap::{can_trace, eventually, kill, run, stap, start, systap};

const TICKS: &str =
    "probe begin { println(\"begun\") } probe timer.ms(50) { println(\"tick\") } probe end { println(\"ended\") }";

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn a_run_goes_on_alone_and_ends_by_an_interrupt() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    for (front, name) in [("run", "one"), ("stap", "two")] {
        let path = folder.path().join(name);
        let outcome = start(systap([front, "-F", "-o", &path.display().to_string(), "-e", TICKS])).wait();
        outcome.is_quiet();
        let pid: i32 = outcome.text().trim().parse().expect("the number of a process");
        // It is told when the run has begun, not before.
        assert!(read(&path).starts_with("begun\n"), "{}", read(&path));
        eventually("the run goes on", || read(&path).contains("tick\ntick\n"));
        kill(pid, libc::SIGINT);
        eventually("it has ended in order", || read(&path).ends_with("tick\nended\n"));
    }
}

#[test]
fn what_goes_wrong_later_is_told_beside_the_output() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("out");
    let text = "probe begin { println(1) } probe timer.ms(100) { println(1 / 0) }";
    run(["-F", "-o", &path.display().to_string(), "-e", text]).exits(0);
    let told = folder.path().join("out.err");
    eventually("it is told", || read(&told).contains("division by 0"));
    assert_eq!(read(&path), "1\n");
}

#[test]
fn what_is_wrong_is_told_by_the_command_that_was_waiting() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("out");
    let out = path.display().to_string();
    run(["-F", "-o", &out, "-e", "probe begin {"]).exits(1).complains(&["error"]);
    stap(&["-F", "-o", &out, "-e", "probe begin {"]).exits(1).complains(&["Pass 1: parse failed."]);
    assert!(!path.exists());
    run(["-F", "-o", "/nowhere/out", "-e", TICKS]).exits(2).complains(&["cannot write to `/nowhere/out`"]);
    run(["-F", "-o", &out, "-x", "999999999", "-e", TICKS]).exits(2).complains(&["999999999"]);
    // A warning is told once.
    let warned = run(["-F", "-o", &out, "-e", "probe begin { warn(\"careful\") exit() }"]);
    assert_eq!(warned.exits(0).complaints().matches("careful").count(), 1, "{}", warned.all());
}

#[test]
fn a_place_that_cannot_be_probed_is_told_before_the_command_ends() {
    if !can_trace() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    let out = folder.path().join("out").display().to_string();
    // Behind the end of the file.
    let script = "probe process(\"/bin/true\").statement(0x10000000000).absolute { exit() } probe begin { println(1) }";
    let outcome = run(["-F", "-o", &out, "-e", script]);
    assert!(!outcome.status.success() && !outcome.complaints().is_empty(), "{}", outcome.all());
    assert_eq!(outcome.text(), "");
}

#[test]
fn without_a_file_there_is_nothing_to_go_on_for() {
    run(["-F", "-e", TICKS]).exits(2).complains(&["`-F` needs -o FILE"]);
    run(["--flight-recorder", "-o", "out", "-"]).exits(2).complains(&["no script from standard input"]);
}
