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
    t.stp:1:31: error[argument-count]: `printdln` takes at least 3 arguments, and here are 2
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

#[test]
fn formats_have_one_flag_and_one_l() {
    ast("probe begin { printf(\"%-5ld%%%.*M%#x\", 1, 2, 3, 4) }");
    insta::assert_snapshot!(complaints(r#"probe begin { printf("\t\x41é%+-d") sprintf("%lld") printf("a" "b%y") printf("%n" "") printf("%") }"#), @r#"
    t.stp:1:30: error[format-conversion]: `%+-` has two flags, and a conversion takes one
    t.stp:1:46: error[format-conversion]: `%ll` has more than one `l`, and needs none: every number has 64 bits
    t.stp:1:66: error[format-conversion]: `%y` is not a conversion: d i u o x X p c s b m M are
    t.stp:1:79: error[format-conversion]: `%n` is not a conversion: d i u o x X p c s b m M are
    t.stp:1:95: error[format-conversion]: the format ends inside a conversion
    "#);
}

#[test]
fn histograms_are_printed_alone() {
    ast(
        "probe begin { print(@hist_log(s)) sprintln(@hist_log(s[1])) println(@hist_log(s)[1], 2) foreach (b in @hist_log(s)) x }",
    );
    insta::assert_snapshot!(complaints("probe begin { x = @hist_log(s) print(@hist_log(s), 1) printf(\"%s\", @hist_log(s)) f(@hist_log(s)) println((@hist_log(s))) }"), @r#"
    t.stp:1:19: error[histogram-misuse]: a histogram is no value: print it alone, index it, or go over it with `foreach`
    t.stp:1:38: error[histogram-misuse]: a histogram is no value: print it alone, index it, or go over it with `foreach`
    t.stp:1:68: error[histogram-misuse]: a histogram is no value: print it alone, index it, or go over it with `foreach`
    t.stp:1:84: error[histogram-misuse]: a histogram is no value: print it alone, index it, or go over it with `foreach`
    t.stp:1:107: error[histogram-misuse]: a histogram is no value: print it alone, index it, or go over it with `foreach`
    "#);
}

#[test]
fn the_shift_of_a_variance_is_written_out() {
    ast("probe begin { x = @variance(s) + @variance(s[1], 62) }");
    insta::assert_snapshot!(complaints("probe begin { x = @variance(s, 63) + @variance(s, -1) + @variance(s, n) }"), @r#"
    t.stp:1:70: error[not-constant]: the shift of `@variance` must be a literal number
    "#);
}

#[test]
fn marks_in_braces_stand_where_a_point_ends() {
    insta::assert_snapshot!(ast("probe a.{b ?, c.d !, {e if (x), f}} {}"), @r#"
    probe @1
      point a.b ?
      point a.c.d !
      point a.e if x
      point a.f
      body
    "#);
    insta::assert_snapshot!(complaints("probe {a ?, b}.c, {a !, b} ?, {a if (x)} if (y) {}"), @"
    t.stp:1:16: error[point-marks]: a `?`, `!` or condition stands at the end of a point, and more follows here
    t.stp:1:28: error[point-marks]: one of the points in the braces before it has such a mark already
    t.stp:1:42: error[point-marks]: one of the points in the braces before it has a condition already
    ");
}

#[test]
fn declarations_end_where_the_grammar_says() {
    insta::assert_snapshot!(complaints("; global a;; probe b {}; function f() {};\nglobal c[5]%, d%=1, e = +1\nfunction g(a, a) {}"), @r#"
    t.stp:1:1: error[unexpected-token]: expected a declaration, found `;`
    t.stp:1:12: error[unexpected-token]: expected a declaration, found `;`
    t.stp:1:24: error[unexpected-token]: expected a declaration, found `;`
    t.stp:1:41: error[unexpected-token]: expected a declaration, found `;`
    t.stp:2:12: error[unexpected-token]: `%` stands before the size of an array
    t.stp:2:16: error[unexpected-token]: `%` makes an array, and an array has no value to start with
    t.stp:2:25: error[unexpected-token]: expected a number or a string, found `+`
    t.stp:3:15: error[duplicate-parameter]: two parameters of `g` are called `a`
    "#);
    insta::assert_snapshot!(ast("function f(a,) {} global a; global b%[5]"), @r#"
    function @1 f(a)
      body
    global @1 a
    global @1 b size=5 wrap
    "#);
}

#[test]
fn operators_say_what_they_take() {
    insta::assert_snapshot!(complaints("probe begin { @perf(\"\") @perf(x) @probewrite(1) @cast(1, \"\") @kderef(x, 1) @uderef(1) @kregister(\"a\") $x$->y $x->y$[1] }"), @r#"
    t.stp:1:21: error[not-constant]: `@perf` needs a string here that is not empty
    t.stp:1:31: error[not-constant]: `@perf` needs a literal string here
    t.stp:1:46: error[unexpected-token]: `@probewrite` is asked about a variable, by its name
    t.stp:1:58: error[not-constant]: `@cast` needs a string here that is not empty
    t.stp:1:70: error[not-a-literal]: `@kderef` needs a literal number here
    t.stp:1:76: error[argument-count]: `@uderef` takes 2 arguments, and here are 1
    t.stp:1:98: error[not-a-literal]: `@kregister` needs a literal number here
    t.stp:1:106: error[unexpected-token]: what a `$` behind it makes a string of has no members or elements
    t.stp:1:116: error[unexpected-token]: what a `$` behind it makes a string of has no members or elements
    "#);
    insta::assert_snapshot!(complaints_with("probe begin { @kderef(1, 2) @kregister(1) @const(\"A\") @uderef(1, 2) @uregister(1) }", &ParseOptions { privileged: false, ..ParseOptions::default() }), @r#"
    t.stp:1:15: error[needs-guru]: `@kderef` is for guru mode only
    t.stp:1:29: error[needs-guru]: `@kregister` is for guru mode only
    t.stp:1:43: error[needs-guru]: `@const` is for guru mode only
    "#);
}
