//! `systap check --until load`: the kernel's verdict on every program of a script, with nothing attached.

mod systap;

use systap::{Outcome, can_trace, start, systap};

fn check(args: &[&str]) -> Outcome {
    start(systap([&["check", "--until", "load"], args].concat())).wait()
}

#[test]
fn every_program_is_taken_and_none_attached() {
    if !can_trace() {
        return;
    }
    let text = "probe syscall.getppid { println(pid()) } probe kernel.trace(\"sched_switch\") { println(cpu()) }";
    check(&["-e", text]).prints("the kernel takes all 2 programs; nothing was attached\n");
    check(&["-e", "probe begin { println(1) }"]).prints("nothing of this script runs in the kernel\n");
}

/// Also what only other kernels would run: what is in the place of a program by type.
#[test]
fn what_takes_the_place_of_a_program_has_its_verdict_too() {
    if !can_trace() {
        return;
    }
    let text = "probe kernel.function(\"vfs_read\").return { printf(\"%d %d\\n\", $count, $return) }";
    let outcome = check(&["-v", "-e", text]);
    outcome.exits(0);
    assert!(
        outcome.text().contains("kernel.function(\"vfs_read\").return, where it must be a kprobe: "),
        "{}",
        outcome.all()
    );
}

#[test]
fn another_kernel_cannot_be_asked() {
    if !can_trace() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    let facts = folder.path().join("facts").display().to_string();
    start(systap(["kernel", "save", &facts])).wait().exits(0);
    check(&["--kernel", &facts, "-e", "probe syscall.getppid { println(1) }"])
        .exits(2)
        .complains(&["--kernel names another"]);
}

#[test]
fn a_script_that_is_wrong_is_not_loaded() {
    check(&["-e", "probe syscall.getppid { println(nobody) }"]).exits(1);
}
