//! Run-time errors of both sides: reported with their place, counted, collapsed.

use systap_ir::program::Limits;
use systap_runtime::End;

use crate::harness::{Script, calls, can_trace};

#[test]
fn a_kernel_side_error_ends_the_run_with_error_handlers() {
    if !can_trace() {
        return;
    }
    let text = r#"
        global n
        probe syscall.getpgrp {
            if (pid() != target()) next
            printf("%d\n", 10 / (3 - n))
            n++
        }
        probe end { println("never") }
        probe error { println("error") }
    "#;
    let (report, said) = Script::with(text, calls(100_000)).run();
    assert_eq!(said.text(), "3\n5\n10\nerror\n");
    assert_eq!(said.sentences(), ["division by 0"]);
    assert_eq!(said.errors[0].point, "syscall.getpgrp");
    let place = &text[said.errors[0].span.range()];
    assert!(place.contains('/'), "{place}");
    assert_eq!((report.end, report.errors, report.failed()), (End::Error, 1, true));
}

#[test]
fn errors_within_the_limit_are_shown_once_and_the_run_goes_on() {
    if !can_trace() {
        return;
    }
    let text = r#"
        global n
        probe syscall.getpgrp {
            if (pid() != target()) next
            n++
            if (n % 2) error("odd")
            println("even")
        }
        probe end { println("end") }
    "#;
    let limits = Limits { errors: 1000, ..Limits::default() };
    let (report, said) = Script { limits, ..Script::with(text, calls(20)) }.run();
    assert_eq!(said.text(), format!("{}end\n", "even\n".repeat(10)));
    assert_eq!(said.sentences(), ["odd"]);
    assert_eq!(said.warnings, ["odd (9 more times)"]);
    assert_eq!((report.end, report.errors), (End::TargetEnded, 10));
}

#[test]
fn a_full_array_is_told_by_its_name() {
    if !can_trace() {
        return;
    }
    let text = r#"
        global n, seen[10]
        probe syscall.getpgrp { if (pid() == target()) seen[n++] = 1 }
        probe end { printf("%d %d\n", n, seen[9]) }
    "#;
    let limits = Limits { errors: 1000, ..Limits::default() };
    let (report, said) = Script { limits, ..Script::with(text, calls(25)) }.run();
    assert_eq!(said.text(), "25 1\n");
    assert_eq!(said.sentences(), ["Array overflow, check size limit (10)"]);
    assert_eq!(report.arrays_full, [("seen".to_owned(), 15)]);
}

#[test]
fn a_user_side_error_ends_the_run_too() {
    let text = r#"
        global empty
        probe begin { empty <<< 1 delete empty println(@avg(empty)) println("never") }
        probe end { println("never") }
        probe error { println("error") }
    "#;
    let (report, said) = Script::new(text).run();
    assert_eq!((said.text(), report.end), ("error\n", End::Error));
    assert_eq!(said.sentences(), ["empty aggregate"]);
}
