//! SystemTap's options one by one: each does what it does there, or says that it has no effect, or is refused with the reason.

mod systap;

use std::path::Path;
use std::time::{Duration, Instant};

use systap::{Outcome, can_trace, stap, stap_command, start};

const EXIT: &str = "probe begin { exit() }";

/// The same in that directory.
fn stap_in(folder: &Path, args: &[&str]) -> Outcome {
    let mut command = stap_command(args);
    command.current_dir(folder);
    start(command).wait()
}

fn read(folder: &Path, name: &str) -> Option<String> {
    std::fs::read_to_string(folder.join(name)).ok()
}

#[test]
fn what_is_without_effect_says_so_once_and_the_script_runs() {
    for option in [
        "-k",
        "-q",
        "--check-version",
        "--semantic-keep-going",
        "--debug",
        "--tmpdir=/tmp",
        "-P",
        "--prologue-searching",
        "--prologue-searching=never",
        "-BX=1",
        "--modinfo=a=b",
        "-R/tmp",
        "--build-as=root",
        "-d/bin/ls",
        "--ldd",
        "--all-modules",
        "--download-debuginfo",
        "--download-debuginfo=no",
        "--target-namespaces=1",
        "-b",
        "--use-server",
        "--use-server=localhost:1",
        "--use-server-on-error=y",
        "--use-http-server=http://a",
        "--trust-servers",
        "--sign-module",
        "--remote=localhost",
        "--remote-prefix",
        "--save-uprobes",
        "--poison-cache",
        "--rlimit-as=1",
        "--rlimit-cpu=1",
        "--rlimit-nproc=1",
        "--rlimit-stack=1",
        "--rlimit-fsize=1",
        "--sysroot=/",
        "-mname",
    ] {
        let outcome = stap(&[option, "-e", EXIT]);
        outcome.exits(0).complains(&["` has no effect: "]);
        assert_eq!(outcome.complaints().lines().count(), 1, "{option}: {}", outcome.all());
        stap(&["-w", option, "-e", EXIT]).prints("");
    }
}

#[test]
fn what_needs_no_script_ends_well_without_one() {
    for option in ["--clean-cache", "--list-servers", "--benchmark-sdt"] {
        stap(&[option]).exits(0).complains(&["` has no effect: "]);
    }
    stap(&["-V"]).exits(0);
    assert!(stap(&["--version"]).text().contains("language version "));
    assert!(stap(&["-h"]).exits(0).text().contains("--suppress-handler-errors"));
}

#[test]
fn what_cannot_be_done_is_refused_with_the_reason() {
    for (args, reason) in [
        (&["-i"][..], "`-i` is not supported: give the script as a file"),
        (&["--interactive"], "`-i` is not supported"),
        (&["--language-server"], "`systap lsp` is the language server"),
        (&["-F", "-e", EXIT], "`-F` needs -o FILE"),
        (&["-F", "-o", "x", "-"], "no script from standard input"),
        (&["-S", "1", "-e", EXIT], "`-S` needs a file"),
        (&["-S", "1,x", "-o", "x", "-e", EXIT], "`-S` takes SIZE or SIZE,COUNT"),
        (&["-a", "sparc", "-p1", "-e", EXIT], "only scripts for this machine"),
        (&["-r", "/lib/modules/1.2.3/build", "-p1", "-e", EXIT], "no kernel 1.2.3 is installed"),
        (&["--compatible=99.1", "-p1", "-e", EXIT], "the newest version of the language"),
        (&["--compatible=", "-p1", "-e", EXIT], "`--compatible` takes something"),
        (&["--suppress-time-limits", "-e", EXIT], "needs guru mode"),
        (&["-g", "--unprivileged", "-e", EXIT], "guru mode"),
        (&["--privilege=root", "-e", EXIT], "one of stapusr, stapsys, stapdev"),
        (&["--runtime=java", "-e", EXIT], "one of kernel, bpf, dyninst"),
        (&["--color=maybe", "-e", EXIT], "one of always, auto, never"),
        (&["-s", "0", "-e", EXIT], "a number from 1 to 4095"),
        (&["-T", "-1", "-e", EXIT], "a number of seconds"),
        (&["-x", "one", "-e", EXIT], "`-x` takes a number"),
        (&["-p", "0", "-e", EXIT], "a number from 1 to 5"),
        (&["--vp", "123456", "-e", EXIT], "one to five digits"),
        (&["--rlimit-cpu=x", "-e", EXIT], "`--rlimit-cpu` takes a number"),
        (&["-G", "novalue", "-e", EXIT], "`-G` takes NAME=VALUE"),
        (&["--dump-functions", "-l", "begin"], "only one of -l, -L and --dump-..."),
        (&["--example", "no-such-example"], "there is no example"),
        (&["/nonexistent/a.stp"], "/nonexistent/a.stp"),
    ] {
        let outcome = stap(args);
        outcome.exits(1).complains(&[reason]);
        assert_eq!(outcome.text(), "", "{args:?}");
    }
}

#[test]
fn limits_out_of_reach_are_the_nearest_and_said() {
    let fills = "probe begin { for (i = 0; i < 9; i++) s .= \"1234\" println(strlen(s)) exit() }";
    let outcome = stap(&["-D", "MAXSTRINGLEN=8", "-e", fills]);
    outcome.exits(0).complains(&["-D MAXSTRINGLEN=8: MAXSTRINGLEN is 16, the nearest that is possible"]);
    assert_eq!(outcome.text(), "15\n");
    stap(&["-D", "MAXSTRINGLEN=20", "-e", fills]).prints("19\n");
    stap(&["-w", "-D", "MAXSTRINGLEN=8", "-e", fills]).prints("15\n");
    // Names that SystemTap's compiler takes and nobody reads.
    stap(&["-D", "ANYTHING=x1", "-e", EXIT]).exits(0).complains(&["-D ANYTHING=x1 has no effect"]);
    for meaningless in [
        "MAXTRYLOCK=5",
        "TRYLOCKDELAY=5",
        "MINSTACKSPACE=1",
        "MAPHASHBIAS=1",
        "STP_MAX_BUCKETS=9",
        "MAXUPROBES=9",
        "KRETACTIVE=9",
        "STP_PROCFS_BUFSIZE=9",
        "STP_BUFFER_SIZE=9",
        "STP_DEFAULT_BUFFERS=9",
        "STP_CTL_BUFFER_SIZE=9",
        "STP_ON_THE_FLY_INTERVAL=9",
        "MAX_UNWIND_TABLE_SIZE=9",
        "STAP_CALLEE_MATCHALL",
        "STP_STDOUT_NOT_ATTY",
        "STP_NO_VERREL_CHECK",
        "STAP_OVERRIDE_STUCK_CONTEXT",
    ] {
        stap(&["-D", meaningless, "-e", EXIT]).prints("");
        let told = format!("WARNING: -D {meaningless} has no effect: ");
        stap(&["-v", "-D", meaningless, "-e", EXIT]).exits(0).complains(&[&told]);
    }
    for missing in ["STP_TIMING", "STP_ALIBI", "STP_EXECTRACE"] {
        stap(&["-D", missing, "-e", EXIT]).exits(0).complains(&[&format!("-D {missing} has no effect: ")]);
    }
    stap(&["-D", "STP_NO_OVERLOAD", "-D", "STP_OVERLOAD_INTERVAL=1000", "-e", EXIT]).prints("");
}

#[test]
fn a_stack_has_as_many_frames_as_maxbacktrace_says() {
    if !can_trace() {
        return;
    }
    let script = "probe kernel.trace(\"sched_switch\") { println(backtrace()) exit() }";
    for most in ["1", "3"] {
        let outcome = stap(&["-T", "10", "-D", &format!("MAXBACKTRACE={most}"), "-e", script]);
        outcome.is_quiet();
        let first = outcome.text().lines().next().unwrap_or_default().split_whitespace().count();
        assert_eq!(first.to_string(), most, "{}", outcome.all());
    }
}

#[test]
fn globals_are_set_whatever_they_hold() {
    let prints = |setting: &str, script: &str, output: &str| {
        stap(&["-G", setting, "-e", script]).prints(output);
    };
    prints("x=5", "global x probe begin { println(x + 1) exit() }", "6\n");
    prints("x=-0x10", "global x = 3 probe begin { println(x) exit() }", "-16\n");
    prints("x=5", "global x probe begin { println(x . \"!\") exit() }", "5!\n");
    prints("x=a b=c", "global x = \"y\" probe begin { println(x) exit() }", "a b=c\n");
    prints("x=9", "global x probe begin { x++ println(x) exit() }", "10\n");
    for (setting, script) in [
        ("x=a", "global x = 1 probe begin { println(x) }"),
        ("x=1", "global x probe begin { x[1] = 1 println(x[1]) }"),
        ("x=1", "global x probe begin { x <<< 1 println(@sum(x)) }"),
    ] {
        stap(&["-G", setting, "-e", script]).exits(1).complains(&["error[global-override]"]);
    }
    stap(&["-G", "y=1", "-e", EXIT]).exits(1).complains(&["error[unknown-global]"]);
    if can_trace() {
        let script =
            "global x = \"no\", n probe syscall.getpgrp { if (x == \"yes\") n++ } probe end { println(n > 0) }";
        stap(&["-G", "x=yes", "-c", &systap::calls_line("getpgrp 10"), "-e", script]).prints("1\n");
    }
}

#[test]
fn a_file_takes_the_output_and_its_name_the_time() {
    let folder = tempfile::tempdir().expect("a directory can be made");
    let script = "probe begin { println(\"kept\") exit() }";
    stap_in(folder.path(), &["-o", "plain", "-e", script]).prints("");
    assert_eq!(read(folder.path(), "plain").as_deref(), Some("kept\n"));
    stap_in(folder.path(), &["-o", "at%%%n%s", "-e", script]).prints("");
    let names: Vec<String> = std::fs::read_dir(folder.path())
        .expect("it is there")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    let seconds = names.iter().find_map(|name| name.strip_prefix("at%\n")?.parse::<u64>().ok());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("it is later").as_secs();
    assert!(seconds.is_some_and(|then| now - then < 60), "{names:?}");
    stap_in(folder.path(), &["-o", "no/such/folder", "-e", script]).exits(1).complains(&["cannot write to"]);
}

#[test]
fn files_are_begun_anew_at_their_size_and_the_last_are_kept() {
    let folder = tempfile::tempdir().expect("a directory can be made");
    // 5000 lines of 500 bytes; a file of 1 MiB holds 2097 of them.
    let script = "probe begin { for (i = 0; i < 5000; i++) printf(\"%499d\\n\", i) exit() }";
    stap_in(folder.path(), &["-S", "1", "-DMAXACTION=9999", "-o", "all", "-e", script]).prints("");
    let lines = |name: &str| read(folder.path(), name).map(|text| text.lines().count());
    assert_eq!(
        [lines("all.0"), lines("all.1"), lines("all.2"), lines("all.3")],
        [Some(2097), Some(2097), Some(806), None]
    );
    stap_in(folder.path(), &["-S", "1,2", "-DMAXACTION=9999", "-o", "some", "-e", script]).prints("");
    assert_eq!([lines("some.0"), lines("some.1"), lines("some.2")], [None, Some(2097), Some(806)]);
    assert!(read(folder.path(), "some.2").is_some_and(|text| text.ends_with(" 4999\n")));
    // Without a size there is one file, and it has a number all the same only where there could be more.
    stap_in(folder.path(), &["-S", "0", "-DMAXACTION=9999", "-o", "one", "-e", script]).prints("");
    assert_eq!(lines("one"), Some(5000));
}

#[test]
fn a_flight_recorder_goes_on_alone() {
    let folder = tempfile::tempdir().expect("a directory can be made");
    let script = "probe begin { println(\"begun\") } probe timer.ms(300) { exit() } probe end { println(\"ended\") }";
    let outcome = stap_in(folder.path(), &["-F", "-o", "out", "-e", script]);
    outcome.is_quiet();
    let pid: u32 = outcome.text().trim().parse().expect("the number of a process");
    assert!(pid > 1);
    let begun = Instant::now();
    while read(folder.path(), "out").as_deref() != Some("begun\nended\n") {
        assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", read(folder.path(), "out"));
        std::thread::sleep(Duration::from_millis(20));
    }
    stap_in(folder.path(), &["-F", "-o", "wrong", "-e", "probe begin {"])
        .exits(1)
        .complains(&["Pass 1: parse failed."]);
    assert_eq!(read(folder.path(), "wrong"), None);
}

#[test]
fn timing_tells_which_probes_ran() {
    let script = "probe begin { exit() } probe end { next } probe error { next }";
    let outcome = stap(&["-t", "-e", script]);
    outcome.exits(0);
    assert_eq!(
        outcome.complaints(),
        "----- probe hit report: \nbegin, (<command line>:1:7), hits: 1, from: begin, index: 0\n\
         end, (<command line>:1:30), hits: 1, from: end, index: 1\n"
    );
    if can_trace() {
        let script = "global n probe syscall.getpgrp { if (pid() == target()) n++ } probe end { println(n) }";
        let outcome = stap(&["-t", "-c", &systap::calls_line("getpgrp 10"), "-e", script]);
        outcome.exits(0).complains(&["syscall.getpgrp, (<command line>:1:16), hits: "]);
    }
}

#[test]
fn the_status_is_1_after_an_error_or_a_command_that_failed_and_else_0() {
    let waits = "probe begin { next }";
    stap(&["-c", "true", "-e", waits]).prints("");
    stap(&["-c", "exit 3", "-e", waits]).exits(1).complains(&["status 3", "Pass 5: run failed.  [man error::pass5]"]);
    stap(&["-c", "kill -9 $$", "-e", waits]).exits(1).complains(&["SIGKILL", "Pass 5: run failed."]);
    stap(&["-c", "/nonexistent/program", "-e", waits]).exits(1);
    stap(&["-x", "2147483647", "-e", waits]).exits(1).complains(&["there is no process"]);
    stap(&["-x", "0", "-e", "probe begin { println(target()) exit() }"]).prints("0\n");
    stap(&["-e", EXIT]).prints("");
    stap(&["-e", "probe begin { abort() println(1) } probe end { println(2) }"]).prints("");
    stap(&["-T", "0.1", "-e", "probe begin { next } probe end { println(\"end\") }"]).prints("end\n");
    let wrong = "probe begin { error(\"no\") } probe end { println(\"end\") } probe error { println(\"error\") }";
    let outcome = stap(&["-e", wrong]);
    outcome.exits(1).complains(&["WARNING: Number of errors: 1, skipped probes: 0\nPass 5: run failed."]);
    assert_eq!(outcome.text(), "error\n");
    let outcome = stap(&["--suppress-handler-errors", "-T", "0.1", "-e", wrong]);
    outcome.exits(0);
    assert_eq!(
        (outcome.text(), outcome.complaints()),
        ("end\n".to_owned(), "WARNING: Number of errors: 1, skipped probes: 0\n".to_owned(),)
    );
    let outcome = stap(&["-D", "MAXERRORS=1", "-T", "0.1", "-e", wrong]);
    outcome.exits(0).complains(&["WARNING: Number of errors: 1, skipped probes: 0\n"]);
    assert_eq!(outcome.text(), "end\n");
}

#[test]
fn an_interrupt_is_a_good_end() {
    for signal in [2, 15] {
        let folder = tempfile::tempdir().expect("a directory can be made");
        let script = "probe begin { println(\"begun\") } probe end { println(\"end\") }";
        let mut command = stap_command(&["-o", "out", "-e", script]);
        command.current_dir(folder.path());
        let running = start(command);
        let begun = Instant::now();
        while read(folder.path(), "out").is_none_or(|text| text.is_empty()) {
            assert!(begun.elapsed() < Duration::from_secs(15));
            std::thread::sleep(Duration::from_millis(5));
        }
        running.signal(signal);
        running.wait().prints("");
        assert_eq!(read(folder.path(), "out").as_deref(), Some("begun\nend\n"));
    }
}

#[test]
fn globals_are_shown_at_the_end_unless_they_are_not_to_be() {
    let script = "global n probe begin { n = 5 exit() }";
    stap(&["-e", script]).prints("n=5\n");
    stap(&["--no-global-var-display", "-e", script]).prints("");
}

#[test]
fn bad_variables_and_unused_parts_are_wrong_or_not_as_asked() {
    let script = "probe kernel.trace(\"sched_switch\") { println($nosuch) }";
    if can_trace() {
        stap(&["-p2", "-e", script]).exits(1);
        stap(&["-wp2", "--skip-badvars", "-e", script]).exits(0);
    }
    let script = "function f() { return g() } probe begin { exit() }";
    stap(&["-wp2", "-u", "-e", script]).exits(1);
}

#[test]
fn each_pass_is_as_loud_as_asked() {
    let banners = |args: &[&str]| {
        let outcome = stap(&[args, &["-e", EXIT]].concat());
        outcome.exits(0);
        outcome
            .complaints()
            .lines()
            .filter(|line| line.starts_with("Pass "))
            .map(|line| line[5..6].to_owned())
            .collect::<String>()
    };
    assert_eq!(banners(&["--vp", "1"]), "1");
    assert_eq!(banners(&["--vp=0101"]), "24");
    assert_eq!(banners(&["-v"]), "123455");
    assert_eq!(banners(&["-vp2"]), "12");
    assert_eq!(banners(&[]), "");
}

#[test]
fn more_text_counts_for_scripts_and_lists() {
    stap(&[
        "-e",
        "probe begin { println(f()) exit() }",
        "-E",
        "function f() { return 7 }",
        "-E",
        "probe end { println(8) }",
    ])
    .prints("7\n8\n");
    stap(&["-l", "mine.*", "-E", "probe mine.one = begin { }", "-E", "probe mine.two = end { }"])
        .prints("mine.one\nmine.two\n");
    stap(&["-l", "begin", "-E", "not a script"]).exits(1);
}
