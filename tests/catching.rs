//! `try` and `catch`: what is caught, where control goes on and with which values, the same on both sides.

mod systap;

use systap::{Outcome, can_trace, run, script, script_over_calls};

/// What the scripts here have in common: numbers that nothing can foretell, and functions that fail.
const COMMON: &str = "global zero, two = 2, small[2]
    function divide(x) { return 10 / x }
    function deep(n) { if (n == 0) return 1 / n; return deep(n - 1) + 1 }
    function refuse(x) { if (x == two) error(\"two\"); return x }
    function guarded(x) { try { return 10 / x } catch { return -1 } }
    function within(x) { try { println(divide(x)); println(\"divided\") } catch (why) { printf(\"within: %s\\n\", why); refuse(2) } return 7 }
";

/// Where a handler of the kernel side is expected to run.
#[derive(Clone, Copy, PartialEq)]
enum Side {
    /// Wholly in the kernel.
    Kernel,
    /// In part on the user side.
    Both,
}
use Side::{Both, Kernel};

/// Runs the statements on the user side, then in a handler that the kernel fires once.
#[track_caller]
fn caught(side: Side, statements: &str, expected: &str) {
    script(&format!("{COMMON} probe begin {{ {statements} }} probe begin(1) {{ exit() }}")).prints(expected);
    if !can_trace() {
        return;
    }
    let text = format!("{COMMON} probe syscall.getpgrp {{ if (pid() == target()) {{ {statements} }} }}");
    script_over_calls(&text, "getpgrp 1").prints(expected);
    let placed = run(["check", "-v", "-e", &text]);
    placed.exits(0);
    let divided = placed.text().contains("when the record arrives");
    assert_eq!(divided, side == Both, "{}", placed.all());
}

#[test]
fn what_was_assigned_before_the_error_is_seen_after_it() {
    let statements = "x = 1; y = 2
        try { x = 3; y = 4 / zero; x = 5 } catch (m) { printf(\"%s: %d %d\\n\", m, x, y); y = 6 }
        printf(\"%d %d\\n\", x, y)
        try { x = 7 } catch { x = 8 }
        println(x)";
    caught(Kernel, statements, "division by 0: 3 2\n3 6\n7\n");
}

#[test]
fn strings_pass_from_a_body_to_its_handler() {
    let statements = "s = \"before\"
        try { s = \"within\"; if (two % zero) s = \"after\" } catch { println(s) }
        try { s = execname(); refuse(two) } catch (m) { println(s == execname(), m) }";
    caught(Kernel, statements, "within\n1two\n");
}

#[test]
fn errors_of_functions_are_caught_by_their_callers() {
    let statements = "try { println(divide(5)); println(divide(zero)); println(\"never\") } catch (m) { println(m) }
        try { refuse(1); refuse(2); println(\"never\") } catch (m) { println(m) }
        println(guarded(5), guarded(zero))
        try { println(within(zero)); println(\"never\") } catch (m) { println(m) }
        println(within(1))";
    let expected = "2\ndivision by 0\ntwo\n2-1\nwithin: division by 0\ntwo\n10\ndivided\n7\n";
    caught(Kernel, statements, expected);
}

#[test]
fn recursion_is_left_whole() {
    let statements = "try { println(deep(5)) } catch (m) { println(m) }
        try { try { println(deep(zero)) } catch { println(\"inner\"); println(deep(3)) } println(\"never\") } catch (m) { println(\"outer: \", m) }";
    caught(Both, statements, "division by 0\ninner\nouter: division by 0\n");
}

#[test]
fn handlers_nest_and_raise_again() {
    let statements = "try {
          try { println(1 / zero) } catch (inner) { println(\"inner\"); println(2 % zero) }
          println(\"never\")
        } catch (outer) { println(\"outer: \", outer) }
        try { try { error(\"mine\") } catch (inner) { error(inner) } } catch (outer) { println(outer) }
        try { println(1 / zero) } catch (first) { try { error(\"second\") } catch (second) { println(first, \", \", second) } }";
    let expected = "inner\nouter: division by 0\nmine\ndivision by 0, second\n";
    caught(Both, statements, expected);
}

#[test]
fn a_message_that_is_looked_at_is_looked_at_on_the_user_side() {
    let statements = "try { println(1 / zero) } catch (m) { if (m == \"division by 0\") println(strlen(m), \" \" . m) }
        try { error(\"no \" . sprintf(\"%d\", two)) } catch (m) { println(m) }";
    caught(Both, statements, "13 division by 0\nno 2\n");
}

#[test]
fn loops_are_left_and_gone_on_with_from_within() {
    let statements = "for (i = 0; i < 6; i++) {
          try {
            if (i == 1) continue
            if (i == 4) break
            println(i, \": \", 10 / (i - two))
          } catch (m) { println(i, \": \", m); continue }
          println(\"after \", i)
        }
        println(\"at \", i)";
    caught(Kernel, statements, "0: -5\nafter 0\n2: division by 0\n3: 10\nafter 3\nat 4\n");
}

#[test]
fn next_leaves_the_handler_from_anywhere() {
    caught(Kernel, "try { println(\"a\"); next } catch { println(\"b\") } println(\"c\")", "a\n");
    caught(Kernel, "try { println(1 / zero) } catch { println(\"b\"); next } println(\"c\")", "b\n");
}

#[test]
fn every_soft_error_can_be_caught_and_says_what_systemtap_says() {
    let statements = "try { small[1]++; small[2]++; small[3]++ } catch (m) { println(m) }
        try { for (i = 0; i < 3; i++) small[i + 5] = i } catch (m) { println(m) }
        try { println(kernel_long(8)) } catch (m) { println(\"read: \", m) }";
    let fields = "Array overflow, check size limit (2)\nArray overflow, check size limit (2)\n";
    if can_trace() {
        let text = format!(
            "{COMMON} probe syscall.getpgrp {{ if (pid() == target()) {{ {statements} }} }} probe end {{ println(1 in small) }}"
        );
        let expected = format!("{fields}read: kernel read fault at 0x0000000000000008\n1\n");
        script_over_calls(&text, "getpgrp 1").prints(&expected);
    }
    let aggregates = "try { println(@avg(empty)) } catch (m) { println(m) }
        try { print(@hist_log(empty)) } catch (m) { println(m) }
        empty <<< 1
        try { println(@hist_log(empty)[200]) } catch (m) { println(m) }
        empty <<< 1";
    let text = format!("global empty probe begin {{ {aggregates} exit() }}");
    script(&text).prints("empty aggregate\nempty aggregate\nhistogram index out of range\n");
    let endless = "function down:long(n:long) { return down(n + 1) } probe begin { try { println(down(0)) } catch (m) { println(m) } exit() }";
    script(endless).prints("MAXNESTING exceeded\n");
    let text =
        "global a probe begin { try { for (i = 0; i < 9; i++) a[i] = 1 } catch (m) { println(m) } delete a; exit() }";
    run(["run", "-D", "MAXMAPENTRIES=5", "-e", text]).prints("Array overflow, check MAXMAPENTRIES\n");
}

/// Asserts that `MAXACTION` ends a run that loops in a `try`.
#[track_caller]
fn is_stopped(outcome: &Outcome) {
    outcome.exits(1).complains(&["MAXACTION exceeded"]);
    assert_eq!(outcome.text(), "", "{}", outcome.all());
}

#[test]
fn the_limit_of_actions_cannot_be_caught() {
    let body = "try { while (1) n++ } catch { println(\"caught\") } println(\"after\")";
    is_stopped(&run(["run", "-D", "MAXACTION=100", "-e", &format!("probe begin {{ {body} }}")]));
    if can_trace() {
        is_stopped(&script_over_calls(
            &format!("probe syscall.getpgrp {{ if (pid() != target()) next; {body} }}"),
            "getpgrp 1",
        ));
    }
}

#[test]
fn abort_cannot_be_caught() {
    let outcome = script("probe begin { try { abort() } catch { println(\"caught\") } println(\"after\") }");
    assert_eq!(outcome.text(), "", "{}", outcome.all());
}

#[test]
fn an_error_of_a_handler_that_nobody_catches_ends_the_run() {
    let body = "try { println(1 / 0) } catch (m) { println(\"once\"); error(m) } println(\"after\")";
    let ends = "probe error { println(\"in error\") } probe end { println(\"in end\") }";
    let outcome = script(&format!("probe begin {{ {body} }} {ends}"));
    outcome.exits(1).complains(&["error[run-time-error]: division by 0"]);
    assert_eq!(outcome.text(), "once\nin error\n", "{}", outcome.all());
    if can_trace() {
        let outcome = script_over_calls(
            &format!("probe syscall.getpgrp {{ if (pid() != target()) next; {body} }} {ends}"),
            "getpgrp 1",
        );
        outcome.exits(1).complains(&["error[run-time-error]: division by 0"]);
        assert_eq!(outcome.text(), "once\nin error\n", "{}", outcome.all());
    }
}

#[test]
fn reads_of_a_part_that_is_left_to_the_user_side_fail_where_they_stand() {
    let statements = "s = execname() . \"!\"; println(strlen(s) > 1)
        try { println(kernel_long(24)); println(\"never\") } catch (m) { println(m) }
        try { if (kernel_long(task_current()) != -1) println(\"read\") } catch (m) { println(m) }";
    if can_trace() {
        let text = format!("probe syscall.getpgrp {{ if (pid() == target()) {{ {statements} }} }}");
        script_over_calls(&text, "getpgrp 1").prints("1\nkernel read fault at 0x0000000000000018\nread\n");
    }
}
