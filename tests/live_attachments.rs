//! That probes on functions of the kernel and of its modules are exact, by each way of attaching that the kernel has: the calls are
//! made by a program that makes a known number of them. Nothing of it may stay in the kernel.
//!
//! Each test skips, and says so, where the kernel does not let anybody attach that way.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

mod systap;

use std::sync::{Mutex, MutexGuard, PoisonError};

use systap::{Outcome, can_trace, eventually, has_kprobes, is_emulated, loaded_programs, run, script_over_calls};

/// One test at a time: each looks at what the kernel holds afterwards.
static ALONE: Mutex<()> = Mutex::new(());

/// A kernel that has nothing more of ours when this is dropped than when it was made. Only a guest of the lab is ours alone.
struct Clean {
    before: Vec<u32>,
    _alone: MutexGuard<'static, ()>,
}

impl Clean {
    fn kernel() -> Clean {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        Clean { before: loaded_programs(), _alone: alone }
    }
}

impl Drop for Clean {
    fn drop(&mut self) {
        if is_emulated() && !std::thread::panicking() {
            eventually("no program is left", || loaded_programs() == self.before);
            eventually("no probe is left", || probes_in_code().is_empty());
        }
    }
}

/// What the kernel says of its kprobes, a line each.
fn probes_in_code() -> String {
    std::fs::read_to_string("/sys/kernel/debug/kprobes/list").expect("the lab's guests have debugfs")
}

/// Runs a script that attaches to functions; `None` if the kernel attaches nothing there.
fn over_calls(script: &str, args: &str) -> Option<Outcome> {
    if !can_trace() {
        return None;
    }
    if cfg!(not(target_arch = "x86_64")) {
        eprintln!("skipped: the names of the functions of system calls are those of x86_64");
        return None;
    }
    let outcome = script_over_calls(script, args);
    // The lab's kernels have all of it.
    if !is_emulated() && outcome.status.code() == Some(3) && outcome.complaints().contains("this kernel has no ") {
        eprintln!("skipped: {}", outcome.complaints().trim());
        return None;
    }
    Some(outcome)
}

#[test]
fn entries_and_returns_of_a_function_are_counted_exactly() {
    let _clean = Clean::kernel();
    // ENOENT is 2.
    let script = "global entries, returns, right
        function mine() { return pid() == target() && execname() == \"calls\" }
        probe kernel.function(\"__x64_sys_chdir\") { if (mine()) entries++ }
        probe kernel.function(\"__x64_sys_chdir\").return { if (mine()) { returns++; if ($return == -2) right++ } }
        probe end { println(entries, \" \", returns, \" \", right) }";
    if let Some(outcome) = over_calls(script, "chdir-nowhere 10000") {
        outcome.prints("10000 10000 10000\n");
    }
}

#[test]
fn parameters_and_results_are_those_of_each_call() {
    let _clean = Clean::kernel();
    // The descriptor is a number of 32 bits; EBADF is 9.
    let script = "global asked, answered, together
        probe kernel.function(\"__x64_sys_fchdir\") { if (pid() == target() && ($regs->di & 0xffffffff) == 0xfffffff9) asked++ }
        probe kernel.function(\"__x64_sys_fchdir\").return {
          if (pid() == target() && $return == -9) { answered++; if ((@entry($regs->di) & 0xffffffff) == 0xfffffff9) together++ }
        }
        probe end { println(asked, \" \", answered, \" \", together) }";
    if let Some(outcome) = over_calls(script, "fchdir-bad 3000") {
        outcome.prints("3000 3000 3000\n");
    }
}

#[test]
fn a_pattern_attaches_to_each_function_that_it_matches() {
    let _clean = Clean::kernel();
    let script = "global n
        probe kernel.function(\"__x64_sys_*chdir\") { if (pid() == target() && execname() == \"calls\") n[ppfunc()]++ }
        probe end { println(n[\"__x64_sys_fchdir\"], \" \", n[\"__x64_sys_chdir\"]) }";
    if let Some(outcome) = over_calls(script, "fchdir-bad 2000 2") {
        outcome.prints("4000 0\n");
    }
}

#[test]
fn kprobes_count_exactly() {
    if !has_kprobes() {
        return;
    }
    let _clean = Clean::kernel();
    let script = "global entries, returns, right, first
        function mine() { return pid() == target() && execname() == \"calls\" }
        probe kprobe.function(\"__x64_sys_getppid\") { if (mine()) entries++ }
        probe kprobe.function(\"__x64_sys_getppid\").return { if (mine()) { returns++; if (returnval() == ppid()) right++ } }
        probe kernel.statement(\"__x64_sys_getppid\") { if (mine()) first++ }
        probe end { println(entries, \" \", returns, \" \", right, \" \", first) }";
    if let Some(outcome) = over_calls(script, "getppid 5000 2") {
        outcome.prints("10000 10000 10000 10000\n");
    }
}

#[test]
fn functions_of_a_module_are_counted_exactly() {
    if !has_kprobes() {
        return;
    }
    let modules = std::fs::read_to_string("/proc/modules").unwrap_or_default();
    if !modules.lines().any(|line| line.starts_with("overlay ")) {
        return eprintln!("skipped: the module `overlay` is not loaded");
    }
    let _clean = Clean::kernel();
    // What starts the program opens it, too, and its libraries; so the difference is counted.
    let count = |opened: u32| -> Option<[i64; 2]> {
        let script = "global opened, done
            function mine() { return pid() == target() && execname() == \"calls\" }
            probe module(\"overlay\").function(\"ovl_open\") { if (mine()) opened++ }
            probe module(\"overlay\").function(\"ovl_open\").return { if (mine()) done++ }
            probe end { println(opened, \" \", done) }";
        let outcome = over_calls(script, &format!("open-self {opened}"))?;
        outcome.is_quiet();
        let numbers: Vec<i64> = outcome.text().split_whitespace().map_while(|word| word.parse().ok()).collect();
        Some(numbers.try_into().unwrap_or_else(|_| panic!("two numbers\n{}", outcome.all())))
    };
    let (Some(without), Some(with)) = (count(0), count(1000)) else { return };
    if !is_emulated() && with == [0, 0] {
        return eprintln!("skipped: the tests are not in an overlay");
    }
    assert_eq!([with[0] - without[0], with[1] - without[1]], [1000, 1000], "{without:?} {with:?}");
}

#[test]
fn a_run_that_is_killed_leaves_nothing() {
    if !has_kprobes() {
        return;
    }
    let _clean = Clean::kernel();
    let script = "probe begin { println(\"ready\") } probe kprobe.function(\"__x64_sys_getppid\").return { n++ }
        probe kernel.function(\"__x64_sys_getpgrp\") { n++ } global n";
    let folder = tempfile::tempdir().expect("a folder can be made");
    let output = folder.path().join("output");
    let mut command = systap::systap(["run", "-e", script]);
    command.stdout(std::fs::File::create(&output).expect("a file can be made"));
    let running = systap::start(command);
    eventually("it is ready", || std::fs::read_to_string(&output).is_ok_and(|text| text.contains("ready")));
    running.signal(libc::SIGKILL);
    running.wait();
}

#[test]
fn what_cannot_be_attached_is_told() {
    if !has_kprobes() {
        return;
    }
    let _clean = Clean::kernel();
    // The kernel refuses probes on the code that handles them; the run goes on with the other, which is not left behind.
    let script =
        "probe kprobe.function(\"__x64_sys_getppid\"), kprobe.function(\"kprobe_int3_handler\") { n++ } global n";
    let Some(outcome) = over_calls(script, "getppid 1") else { return };
    outcome.exits(0).complains(&["cannot attach", "kprobe_int3_handler"]);
    assert!(outcome.text().starts_with("n="), "{}", outcome.all());
}

/// What the script marks `?` it can do without, and what an alias marks so, as long as something of the alias is there.
#[test]
fn what_the_script_can_do_without_may_be_missing() {
    if !can_trace() {
        return eprintln!("skipped: only root can trace");
    }
    if run(["run", "-T", "0.1", "-e", "global n probe perf.type(0).config(9).sample(100000) { n++ }"]).status.success()
    {
        return eprintln!("skipped: this machine counts reference cycles");
    }
    let has = |text: &str| run(["run", "-e", text]);
    let other = "timer.ms(1) { println(\"here\") exit() }";
    has(&format!("global n probe perf.type(0).config(9).sample(100000) ? {{ n++ }} probe {other}"))
        .exits(0)
        .complains(&["WARNING", "perf.type(0).config(9).sample(100000)"]);
    has(&format!("global n probe perf.type(0).config(9).sample(100000) {{ n++ }} probe {other}")).exits(3);
    let folder = tempfile::tempdir().expect("a directory can be made");
    let alias = "probe a.b = perf.type(0).config(9).sample(100000)?, perf.sw.cpu_clock? { x = 1 }\nprobe a.c = perf.type(0).config(9).sample(100000)? { x = 1 }";
    std::fs::write(folder.path().join("a.stp"), alias).expect("a file can be written");
    let with = |text: &str| run(["run", "-I", folder.path().to_str().expect("a path"), "-e", text]);
    with(&format!("global n probe a.b {{ n++ }} probe {other}")).exits(0);
    with(&format!("global n probe a.c {{ n++ }} probe {other}")).exits(3);
    with(&format!("global n probe a.c ? {{ n++ }} probe {other}")).exits(0).complains(&["WARNING"]);
}
