//! Run-time errors: what is said, where it points, what runs after it, and when it may be caught.

mod systap;

use systap::{Outcome, can_trace, run, script, script_over_calls};

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
    let outcome = run(["run", "-T", "0.3", "-e", "probe begin { while (1) n++ } probe end { println(\"end\") }"]);
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
    outcome.exits(1).complains(&["`a`", "5", "MAXMAPENTRIES"]);
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
        probe timer.ms(1) { n++; if (n == 100) exit(); x = 0; println(1 / x) }
        probe end { println(\"end\") }";
    let outcome = run(["run", "-D", "MAXERRORS=100000", "-e", text]);
    outcome.exits(0).complains(&["division by 0"]);
    assert!(outcome.complaints().lines().count() < 100, "{}", outcome.all());
}
