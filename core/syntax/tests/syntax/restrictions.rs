//! What the grammar lets through and the parser refuses all the same.

use crate::{ast, complaints, complaints_with};
use systap_syntax::ParseOptions;

#[test]
fn output_takes_what_is_written_out() {
    insta::assert_snapshot!(complaints("probe begin { print() sprint() println() printf(f) sprintf() printf(1, 2) }"), @r#"
    t.stp:1:15: error[argument-count]: `print` takes at least 1 argument, and here are 0
    t.stp:1:23: error[argument-count]: `sprint` takes at least 1 argument, and here are 0
    t.stp:1:49: error[format-not-literal]: the format of `printf` must be a string written out
    t.stp:1:52: error[argument-count]: `sprintf` takes at least 1 argument, and here are 0
    t.stp:1:69: error[format-not-literal]: the format of `printf` must be a string written out
    "#);
    insta::assert_snapshot!(complaints("probe begin { printd(d, 1, 2) printdln(\",\", 1) sprintd(\",\", 1, 2) }"), @r#"
    t.stp:1:22: error[format-not-literal]: the delimiter of `printd` must be a string written out
    "#);
}

#[test]
fn return_belongs_to_functions() {
    insta::assert_snapshot!(complaints("probe begin { return 1 }\nfunction f() { return 1; return }\nprobe a = b { if (x) return }"), @r#"
    t.stp:1:15: error[outside-a-function]: `return` is not in a function
    t.stp:3:22: error[outside-a-function]: `return` is not in a function
    "#);
    ast("function f() { if (a) { return } while (b) return 1 }");
}

#[test]
fn operators_are_known() {
    insta::assert_snapshot!(complaints("probe begin { @task @bits(1) @cuont(x) }"), @r#"
    t.stp:1:15: error[unknown-operator]: there is no macro or operator `@task`
    t.stp:1:21: error[unknown-operator]: there is no macro or operator `@bits`
    t.stp:1:30: error[unknown-operator]: there is no macro or operator `@cuont`
    "#);
}

#[test]
fn embedded_code_needs_privilege() {
    let script = "%{ int x; %}\nfunction f() %{ %}\nprobe begin { a = %{ 1 %} @const(\"X\") }";
    ast(script);
    let user = ParseOptions { privileged: false, ..ParseOptions::default() };
    insta::assert_snapshot!(complaints_with(script, &user), @r#"
    t.stp:1:1: error[needs-guru]: embedded C is for guru mode only
    t.stp:2:14: error[needs-guru]: embedded C is for guru mode only
    t.stp:3:19: error[needs-guru]: embedded C is for guru mode only
    t.stp:3:27: error[needs-guru]: `@const` is for guru mode only
    "#);
}

#[test]
fn arrays_are_not_initialized() {
    insta::assert_snapshot!(complaints("global a[5] = 1, b = 2"), @r#"
    t.stp:1:15: error[array-initialized]: an array cannot be initialized
    "#);
}
