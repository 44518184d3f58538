//! How runs end: on their own, by a signal, with a process, at a fault; and that nothing stays behind.

mod systap;

use std::fs::OpenOptions;
use std::os::unix::process::CommandExt;
use std::process::Stdio;
use std::time::Duration;

use systap::{
    can_trace, command, ended_by, eventually, is_emulated, run, script, script_over_calls, start, systap, time_box,
};

/// A script that says when it is armed, and that it has come to its end.
const FROM_READY_TO_END: &str = "probe begin { println(\"ready\") } probe end { println(\"end\") }
    probe syscall.chroot { println(\"never\") }";

/// Starts a script with its output in a file, and waits until it is armed.
#[track_caller]
fn armed(args: &[&str], folder: &tempfile::TempDir) -> (systap::Running, std::path::PathBuf) {
    let output = folder.path().join("output");
    let path = output.display().to_string();
    let mut all = vec!["run", "-o", &path];
    all.extend_from_slice(args);
    let running = start(systap(all));
    eventually("the script is armed", || std::fs::read_to_string(&output).is_ok_and(|text| text.contains("ready\n")));
    (running, output)
}

#[test]
fn exit_ends_the_run_after_the_handler() {
    script("probe begin { println(\"a\") exit() println(\"b\") } probe begin { println(\"c\") } probe end { println(\"d\") }")
        .prints("a\nb\nd\n");
}

#[test]
fn exit_in_the_kernel_ends_the_run() {
    if !can_trace() {
        return;
    }
    let text = "global n
        probe syscall.getpgrp { if (pid() == target() && ++n == 5) { println(\"five\") exit() } }
        probe end { println(n >= 5) }";
    systap::script_over_calls(text, "getpgrp 5").prints("five\n1\n");
}

#[test]
fn an_interrupt_runs_the_end_and_is_no_failure() {
    if !can_trace() {
        return;
    }
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP] {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let (running, output) = armed(&["-e", FROM_READY_TO_END], &folder);
        running.signal(signal);
        running.wait().is_quiet();
        assert_eq!(std::fs::read_to_string(output).expect("it is there"), "ready\nend\n", "signal {signal}");
    }
}

#[test]
fn the_third_interrupt_ends_a_script_that_does_not_end() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let text = "probe begin { println(\"ready\") } probe end { while (1) n++ }";
    let (running, _) = armed(&["-D", "MAXACTION=4000000000", "-e", text], &folder);
    // Two that come before the first is looked at are one.
    let apart = Duration::from_millis(if is_emulated() { 2000 } else { 50 });
    for _ in 0..3 {
        running.signal(libc::SIGINT);
        std::thread::sleep(apart);
    }
    let outcome = running.wait();
    assert!(outcome.status.code().is_some() || ended_by(&outcome) == Some(libc::SIGINT), "{}", outcome.all());
    assert!(outcome.took < time_box() / 4, "{:?}", outcome.took);
}

#[test]
fn a_time_limit_ends_the_run() {
    if !can_trace() {
        return;
    }
    let outcome = run(["run", "-T", "0.2", "-e", FROM_READY_TO_END]);
    outcome.prints("ready\nend\n");
    assert!(outcome.took >= Duration::from_millis(200) && outcome.took < time_box() / 4, "{:?}", outcome.took);
}

#[test]
fn the_end_of_the_command_is_the_end_of_the_run() {
    if !can_trace() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    let told = folder.path().join("told");
    let line = format!("echo $$ >{}", told.display());
    let outcome = run(["run", "-c", &line, "-e", "probe begin { println(target()) } probe end { println(\"end\") }"]);
    let pid = std::fs::read_to_string(told).expect("the command ran");
    outcome.prints(&format!("{}\nend\n", pid.trim()));
}

#[test]
fn the_command_starts_only_when_all_is_in_place() {
    if !can_trace() {
        return;
    }
    // `begin` takes its time; the command's output comes after it.
    let text = "probe begin { for (i = 0; i < 1000; i++) n += i; println(\"begin\") } probe end { println(\"end\") }";
    run(["run", "-c", "echo command", "-e", text]).prints("begin\ncommand\nend\n");
}

#[test]
fn a_command_that_fails_does_not_fail_the_run_in_silence() {
    if !can_trace() {
        return;
    }
    let outcome = run(["run", "-c", "exit 3", "-e", "probe end { println(\"end\") }"]);
    assert_eq!(outcome.text(), "end\n", "{}", outcome.all());
    let outcome = run(["run", "-c", "/no/such/program", "-e", "probe end { println(\"end\") }"]);
    outcome.complains(&["/no/such/program"]);
}

#[test]
fn the_end_of_a_process_is_the_end_of_the_run() {
    if !can_trace() {
        return;
    }
    let mut sleeping = command("sleep");
    sleeping.arg("20");
    let sleeping = start(sleeping);
    let pid = sleeping.pid().to_string();
    let folder = tempfile::tempdir().expect("a folder can be made");
    let text = "probe begin { printf(\"%d\\nready\\n\", target()) } probe end { println(\"end\") }";
    let (running, output) = armed(&["-x", &pid, "-e", text], &folder);
    sleeping.signal(libc::SIGTERM);
    running.wait().is_quiet();
    assert_eq!(std::fs::read_to_string(output).expect("it is there"), format!("{pid}\nready\nend\n"));
    sleeping.wait();
}

#[test]
fn a_process_that_is_not_there_is_said() {
    if !can_trace() {
        return;
    }
    // Larger than any process number the kernel gives.
    let outcome = run(["run", "-x", "99999999", "-e", "probe begin { println(\"begin\") }"]);
    assert!(matches!(outcome.status.code(), Some(2 | 3)), "{}", outcome.all());
    outcome.complains(&["systap: there is no process 99999999"]);
    assert_eq!(outcome.text(), "");
}

#[test]
fn a_closed_pipe_ends_the_run_quietly() {
    if !can_trace() {
        return;
    }
    for text in [
        "probe timer.ms(1) { println(\"line\") }",
        "probe begin { for (i = 0; i < 3000; i++) println(\"a line that is as long as it takes to fill a pipe\") }",
        "probe syscall_any { println(name) }",
    ] {
        let mut shell = command("/bin/bash");
        let line = "\"$0\" run -D MAXACTION=1000000 -e \"$1\" | head -1; echo \"${PIPESTATUS[0]}\"";
        shell.args(["-c", line]).arg(systap::binary()).arg(text);
        let outcome = start(shell).wait();
        outcome.is_quiet();
        let lines: Vec<_> = outcome.text().lines().map(str::to_owned).collect();
        assert_eq!(lines.len(), 2, "{text}\n{}", outcome.all());
        assert_eq!(lines[1], "0", "{text}\n{}", outcome.all());
    }
}

#[test]
fn output_goes_to_a_file() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("output");
    std::fs::write(&path, "what was there before\n").expect("a file can be written");
    let text = path.display().to_string();
    run(["run", "-o", &text, "-e", "probe begin { println(\"to the file\") exit() }"]).prints("");
    assert_eq!(std::fs::read_to_string(path).expect("it is there"), "to the file\n");
    let outcome = run(["run", "-o", "/no/such/folder/file", "-e", "probe begin { exit() }"]);
    outcome.exits(2).complains(&["systap: cannot write to `/no/such/folder/file`"]);
}

#[test]
fn a_full_disk_is_an_error() {
    let full = || OpenOptions::new().write(true).open("/dev/full");
    if full().is_err() {
        eprintln!("skipped: there is no /dev/full");
        return;
    }
    let text = "probe begin { for (i = 0; i < 500; i++) println(\"a line\"); exit() }";
    let mut to_stdout = systap(["run", "-e", text]);
    to_stdout.stdout(Stdio::from(full().expect("it could be opened before")));
    start(to_stdout).wait().exits(1).complains(&["cannot write the output", "No space left"]);
    run(["run", "-o", "/dev/full", "-e", text]).exits(1).complains(&["cannot write the output", "No space left"]);
    let mut json = systap(["run", "--format", "json", "-e", "probe begin { println(1) exit() }"]);
    json.stdout(Stdio::from(full().expect("it could be opened before")));
    start(json).wait().exits(1).complains(&["cannot write the output"]);
    let mut check = systap(["check", "--print", "ast", "-e", text]);
    check.stdout(Stdio::from(full().expect("it could be opened before")));
    start(check).wait().exits(1).complains(&["cannot write the output"]);
}

#[test]
fn nothing_stays_behind_after_a_kill() {
    if !can_trace() {
        return;
    }
    // The process runs as a name of its own, so that its programs can be told from those of other tests: a BPF program
    // knows nothing of who loaded it, but a process' descriptors know their programs.
    let folder = tempfile::tempdir().expect("a folder can be made");
    let text = "global n probe begin { println(\"ready\") } probe syscall_any { n[execname()]++ }
        probe kernel.trace(\"sched:sched_switch\") { n[kernel_string($next->comm)]++ }";
    let (running, _) = armed(&["-e", text], &folder);
    let programs = program_ids(running.pid());
    assert!(!programs.is_empty(), "a run holds descriptors of its programs");
    assert!(programs.iter().all(|id| exists(*id)), "{programs:?}");
    running.signal(libc::SIGKILL);
    assert_eq!(ended_by(&running.wait()), Some(libc::SIGKILL));
    eventually("the programs are gone", || !programs.iter().any(|id| exists(*id)));
}

#[test]
fn a_killed_run_does_not_leave_its_command_held() {
    if !can_trace() {
        return;
    }
    // The command either runs to its end or ends with systap; it is not left waiting for a start that will not come.
    let folder = tempfile::tempdir().expect("a folder can be made");
    let text = "probe begin { println(\"ready\") println(target()) } probe syscall.chroot { println(1) }";
    let (running, output) = armed(&["-c", "sleep 0.2", "-e", text], &folder);
    eventually("its number is told", || std::fs::read_to_string(&output).is_ok_and(|text| text.lines().count() == 2));
    let told = std::fs::read_to_string(&output).expect("it is there");
    let pid: i32 = told.lines().nth(1).and_then(|pid| pid.parse().ok()).expect("a number");
    running.signal(libc::SIGKILL);
    running.wait();
    eventually("the command has ended", || !is_alive(pid));
}

#[test]
fn two_runs_at_once_do_not_disturb_each_other() {
    if !can_trace() {
        return;
    }
    let text = "global n probe syscall.getpgrp { if (pid() == target()) n++ } probe end { println(n) }";
    let run = |calls: u32| {
        let line = systap::calls_line(&format!("getpgrp {calls}"));
        start(systap(["run", "-c", &line, "-e", text]))
    };
    let runs: Vec<_> = [1000, 2000, 3000, 4000].into_iter().map(|calls| (calls, run(calls))).collect();
    for (calls, running) in runs {
        running.wait().prints(&format!("{calls}\n"));
    }
}

#[test]
fn without_standard_streams_nothing_goes_wrong() {
    // Descriptors 0 to 2 are closed: what systap opens must not be taken for them.
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("output");
    let text = "probe begin { println(\"here\") exit() }";
    let mut shell = command("/bin/sh");
    shell.args(["-c", "exec \"$0\" run -o \"$1\" -e \"$2\" <&- >&- 2>&-"]).arg(systap::binary()).arg(&path).arg(text);
    shell.arg0("sh");
    start(shell).wait().exits(0);
    assert_eq!(std::fs::read_to_string(path).expect("it is there"), "here\n");
}

/// The BPF programs that a process has descriptors of.
fn program_ids(pid: u32) -> Vec<u32> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fdinfo")).expect("the process is there");
    let infos = entries.filter_map(|entry| std::fs::read_to_string(entry.ok()?.path()).ok());
    let id = |info: String| {
        let line = info.lines().find_map(|line| line.strip_prefix("prog_id:"))?;
        line.trim().parse().ok()
    };
    infos.filter_map(id).collect()
}

fn exists(program: u32) -> bool {
    systap_sys::bpf::program_exists(program).expect("the kernel can be asked")
}

/// Whether a process is there and not merely waits to be buried.
fn is_alive(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')))
}

#[test]
fn what_is_hit_after_an_exit_on_the_user_side_is_not_heard() {
    if !can_trace() {
        return;
    }
    // The stack is told on the user side, and so is the exit, when thousands of other hits are on their way already.
    let text = "probe syscall.getpgrp { if (pid() == target()) { println(\"hit\") print_backtrace() exit() } }";
    let outcome = script_over_calls(text, "getpgrp 20000");
    outcome.exits(0);
    assert_eq!(outcome.text().lines().filter(|line| *line == "hit").count(), 1, "{}", outcome.all());
    let text = "probe syscall.getpgrp { if (pid() == target()) { print_backtrace() error(\"once\") } }";
    let outcome = script_over_calls(text, "getpgrp 20000");
    outcome.exits(1).complains(&["Number of errors: 1,"]);
}
