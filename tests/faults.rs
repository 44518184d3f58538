//! Run-time errors: what is said, where it points, what runs after it, and when it may be caught.

mod systap;

use std::time::Duration;

use systap::{Outcome, can_trace, has_open_loops, is_emulated, run, script, script_over_calls};

/// Runs a script that ends in an error, as one statement of a `begin`, and asserts what is said.
#[track_caller]
fn fails(statement: &str, sentence: &str) -> Outcome {
    let text =
        format!("probe begin {{ {statement} }} probe error {{ println(\"E\") }} probe end {{ println(\"end\") }}");
    let outcome = script(&text);
    outcome.exits(1).complains(&["error[run-time-error]: ", sentence, "<command line>:1:", "`begin`"]);
    assert_eq!(outcome.text(), "E\n", "{}", outcome.all());
    outcome
}

#[test]
fn faults_of_the_user_side_are_said_and_end_the_run() {
    fails("x = 0; println(5 / x)", "division by 0");
    fails("x = 0; println(5 % x)", "division by 0");
    fails("println(kernel_string(1))", "kernel");
    fails("error(\"of \" . \"mine\")", "of mine");
}

#[test]
fn a_fault_inside_the_library_points_at_the_script_too() {
    // Where the library is written is nothing that its user can look up.
    fails("assert(0)", "assertion failed");
    fails("assert(1 == 2, \"that is not so\")", "that is not so");
}

#[test]
fn a_time_limit_ends_a_handler_that_does_not_end() {
    let outcome = run([
        "run",
        "-g",
        "--suppress-time-limits",
        "-T",
        "0.3",
        "-e",
        "probe begin { while (1) n++ } probe end { println(\"end\") }",
    ]);
    outcome.exits(0).complains(&["`begin`"]);
    assert_eq!(outcome.text(), "end\n");
}

#[test]
fn an_array_has_its_size() {
    let text =
        "global a[3] probe begin { for (i = 0; i < 4; i++) a[i] = i } probe error { foreach (i in a+) println(i) }";
    let outcome = script(text);
    outcome.exits(1).complains(&["`a`", "3"]);
    assert_eq!(outcome.text(), "0\n1\n2\n");
    let text = "global a probe begin { for (i = 0; i < 6; i++) a[i] = i } probe error { foreach (i in a+) println(i) }";
    let outcome = run(["run", "-D", "MAXMAPENTRIES=5", "-e", text]);
    outcome.exits(1).complains(&["`a`", "check MAXMAPENTRIES"]);
    assert_eq!(outcome.text(), "0\n1\n2\n3\n4\n");
}

#[test]
fn recursion_has_its_depth() {
    let text = "function down:long (n:long) { return down(n + 1) } probe begin { println(down(0)) }";
    script(text).exits(1).complains(&["MAXNESTING"]);
}

#[test]
fn an_empty_aggregate_has_no_average() {
    let text = "global s probe begin { if (0) s <<< 1; println(@count(s), @sum(s)); println(@avg(s)) }";
    let outcome = script(text);
    outcome.exits(1).complains(&["empty aggregate"]);
    assert_eq!(outcome.text(), "00\n", "{}", outcome.all());
}

#[test]
fn a_limit_of_actions_that_is_asked_for_holds() {
    for text in
        ["probe begin { while (1) n++ }", "probe begin { for (;;) { } }", "global a probe begin { while (1) a[1]++ }"]
    {
        let outcome = run(["run", "-T", "5", "-D", "MAXACTION=1000", "-e", text]);
        outcome.exits(1).complains(&["MAXACTION exceeded"]);
        assert_eq!(outcome.text(), "", "{text}");
    }
}

#[test]
fn a_handler_may_do_ten_times_maxaction_and_a_profile_that_much() {
    // Each round is three statements, and five stand around them.
    let counts = |times| format!("probe begin {{ for (i = 0; i < {times}; i++) n++; println(n) exit() }}");
    run(["run", "-e", &counts(3_331)]).prints("3331\n");
    run(["run", "-e", &counts(3_332)]).exits(1).complains(&["MAXACTION exceeded"]);
    run(["run", "-D", "MAXACTION=7", "-e", &counts(21)]).prints("21\n");
    run(["run", "-D", "MAXACTION=7", "-e", &counts(22)]).exits(1).complains(&["MAXACTION exceeded"]);
    run(["run", "-D", "MAXACTION=7", "-D", "INTERRUPTIBLE=0", "-e", &counts(8)]).exits(1);
    run(["run", "-D", "MAXACTION=7", "-D", "MAXACTION_INTERRUPTIBLE=300", "-e", &counts(98)]).prints("98\n");
    run(["run", "-g", "--suppress-time-limits", "-e", &counts(200_000)]).prints("200000\n");
    if can_trace() {
        let text = "probe timer.profile { for (i = 0; i < 5000; i++) n++; println(n) exit() }";
        run(["run", "-T", "5", "-e", text]).exits(1).complains(&["MAXACTION exceeded", "timer.profile"]);
        run(["run", "-q", "-T", "5", "-D", "MAXACTION=16000", "-e", text]).exits(0);
        // What such a handler does on the user side counts as much.
        let text = "probe timer.profile { s = ctime(cpu()); for (i = 0; i < 5000; i++) n++; println(n, s) exit() }";
        run(["run", "-T", "5", "-e", text]).exits(1).complains(&["MAXACTION exceeded", "timer.profile"]);
    }
}

#[test]
fn suppressed_errors_are_counted_and_nothing_else() {
    let text = "probe begin { error(\"one\") } probe begin { x = 0 println(1 / x) } probe timer.ms(20) { exit() }
        probe end { println(\"end\") } probe error { println(\"error\") }";
    let outcome = run(["run", "--suppress-handler-errors", "-e", text]);
    outcome.exits(0);
    assert_eq!(outcome.text(), "end\n");
    assert_eq!(outcome.complaints(), "WARNING: Number of errors: 2, skipped probes: 0\n");
    if can_trace() {
        let text = "probe syscall.getpgrp { if (pid() == target()) { println(kernel_long(8)); println(\"never\") } } probe end { println(\"end\") }";
        let outcome = run(["run", "--suppress-handler-errors", "-c", &systap::calls_line("getpgrp 30"), "-e", text]);
        outcome.exits(0);
        assert_eq!(outcome.complaints(), "WARNING: Number of errors: 30, skipped probes: 0\n");
        assert_eq!(outcome.text(), "end\n");
    }
}

#[test]
fn a_limit_that_has_no_effect_is_told_and_no_error() {
    let exit = "probe begin { exit() }";
    run(["run", "-D", "MAXTRYLOCK=5", "-D", "KRETACTIVE=100", "-e", exit]).is_quiet();
    let verbose = run(["run", "-v", "-D", "MAXTRYLOCK=5", "-e", exit]);
    verbose.exits(0).complains(&["WARNING: -D MAXTRYLOCK=5 has no effect: no handler waits for a lock"]);
    let unknown = run(["run", "-D", "MAXMAPENTRY=5", "-D", "DEBUG", "-e", exit]);
    unknown.exits(0).complains(&["-D MAXMAPENTRY=5 has no effect", "did you mean `MAXMAPENTRIES`?", "-D DEBUG"]);
}

#[test]
fn a_limit_of_memory_is_kept() {
    if !can_trace() {
        return;
    }
    let text = "global a probe syscall.getpgrp { a[tid()]++ } probe timer.ms(5) { exit() } probe end { delete a }";
    let outcome = run(["run", "-D", "STP_MAXMEMORY=16", "-e", text]);
    outcome.exits(3).complains(&["STP_MAXMEMORY allows 16 KiB"]);
    run(["run", "-D", "STP_MAXMEMORY=100000", "-e", text]).is_quiet();
}

#[test]
fn too_much_of_the_machines_time_ends_the_run_where_that_is_asked_for() {
    if !can_trace() {
        return;
    }
    let text = "global n probe kernel.trace(\"sys_enter\") { n++ } probe error { println(\"error\") } probe end { println(\"end\", n > 0) }";
    let run_with = |threshold: &str| {
        let threshold = format!("STP_OVERLOAD_THRESHOLD={threshold}");
        run(["run", "-T", "1", "-D", &threshold, "-D", "STP_OVERLOAD_INTERVAL=100000000", "-e", text])
    };
    let over = run_with("1");
    over.exits(1).complains(&["ERROR: probe overhead (", "exceeded threshold ("]);
    assert_eq!(over.text(), "error\n");
    // That it was not the end of a second is told by the text; under emulation the start alone takes one.
    assert!(is_emulated() || over.took < Duration::from_millis(900), "{:?}", over.took);
    run_with("99000000").prints("end1\n");
}

#[test]
fn too_many_skipped_hits_end_the_run_where_they_count() {
    // Long loops keep the handlers at work.
    if !can_trace() || !has_open_loops() {
        return;
    }
    // The profile's handler finds the other one at work, again and again.
    let text = "global a, b
        probe syscall.getpgrp { for (i = 0; i < 5000; i++) a[execname(), i % 100] <<< i }
        probe timer.profile { for (i = 0; i < 10; i++) b[execname(), i] <<< i }
        probe error { println(\"error\") } probe end { println(\"end\") delete a delete b }";
    let calls = systap::calls_line("getpgrp 1000000");
    let common = ["run", "-e", text, "-c", &calls, "-D", "MAXSKIPPED=2", "-D", "MAXACTION=100000"];
    let outcome = run(common.iter().chain(&["-D", "INTERRUPTIBLE=0", "-T", "10"]));
    outcome.exits(1).complains(&["ERROR: Skipped too many probes, check MAXSKIPPED"]);
    assert_eq!(outcome.text(), "error\n");
    run(common.iter().chain(&["-T", "0.3"])).exits(0);
}

#[test]
fn so_many_errors_as_are_allowed_end_nothing() {
    let text = "global n
        probe timer.ms(5) { n++; if (n > 4) exit(); if (n <= 4) error(\"again\") }
        probe end { println(n) }
        probe error { println(\"error\") }";
    let outcome = run(["run", "-D", "MAXERRORS=4", "-e", text]);
    outcome.exits(0).complains(&["again"]);
    assert_eq!(outcome.text(), "5\n", "{}", outcome.all());
    let outcome = run(["run", "-D", "MAXERRORS=3", "-e", text]);
    outcome.exits(1).complains(&["again"]);
    assert_eq!(outcome.text(), "error\n", "{}", outcome.all());
}

#[test]
fn faults_of_the_kernel_side_are_said_and_end_the_run() {
    if !can_trace() {
        return;
    }
    // What the kernel side divides by, or reads at, is not known before it runs.
    for (statement, sentence) in [
        ("x = pid() - target(); n = 5 / x", "division by 0"),
        ("x = pid() - target(); n = 5 % x", "division by 0"),
        ("n = strlen(kernel_string(1 + pid() - target()))", "kernel"),
        ("n = kernel_int(1 + pid() - target())", "kernel"),
        ("if (pid() == target()) error(\"of mine\")", "of mine"),
        ("a[n++] = 1", "`a`"),
    ] {
        let text = format!(
            "global n, a[20]
            probe syscall.getpgrp {{ if (pid() == target()) {{ {statement} }} }}
            probe error {{ println(\"E\") }}
            probe end {{ println(\"end\") }}"
        );
        let outcome = script_over_calls(&text, "getpgrp 100");
        outcome.exits(1).complains(&["error[run-time-error]: ", sentence, "<command line>:2:", "`syscall.getpgrp`"]);
        assert!(outcome.text().starts_with("E\n"), "{statement}\n{}", outcome.all());
        assert!(!outcome.text().contains("end\n"), "{statement}\n{}", outcome.all());
    }
}

#[test]
fn errors_of_the_kernel_side_within_the_limit_end_nothing() {
    if !can_trace() {
        return;
    }
    let text = "global n
        probe syscall.getpgrp { if (pid() == target()) { n++; if (n <= 3) error(\"again\") } }
        probe end { println(n) }";
    let line = systap::calls_line("getpgrp 100");
    let outcome = run(["run", "-D", "MAXERRORS=3", "-c", &line, "-e", text]);
    outcome.exits(0).complains(&["again"]);
    assert_eq!(outcome.text(), "100\n", "{}", outcome.all());
}

#[test]
fn a_repeated_error_does_not_fill_the_screen() {
    let text = "global n
        probe timer.ms(1) { n++; if (n == 100) exit(); x = 0; x = 0 println(1 / x) }
        probe end { println(\"end\") }";
    let outcome = run(["run", "-D", "MAXERRORS=100000", "-e", text]);
    outcome.exits(0).complains(&["division by 0"]);
    assert!(outcome.complaints().lines().count() < 100, "{}", outcome.all());
}
