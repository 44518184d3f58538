//! Arguments, macros and conditionals.

use systap_diagnostics::Sources;
use systap_syntax::{Fact, Facts, ParseOptions, parse, parse_macros, print};

use super::{ast_with, complaints_with, shown};

fn args(args: &[&str]) -> ParseOptions<'static> {
    ParseOptions { args: args.iter().map(|arg| (*arg).to_owned()).collect(), ..ParseOptions::default() }
}

struct Linux618;

impl Facts for Linux618 {
    fn value(&self, fact: Fact<'_>) -> String {
        match fact {
            Fact::KernelVersion => "6.18.5",
            Fact::KernelRelease => "6.18.5-2.fc43.x86_64",
            Fact::Architecture => "x86_64",
            Fact::LanguageVersion => "5.4",
            Fact::Runtime => "bpf",
            Fact::Privilege => "stapdev",
            Fact::Guru => "0",
            Fact::Config("CONFIG_UTRACE") => "y",
            Fact::Config("CONFIG_HZ") => "1000",
            Fact::Config(_) => "",
        }
        .to_owned()
    }
}

fn with_kernel() -> ParseOptions<'static> {
    ParseOptions { facts: Some(&Linux618), ..ParseOptions::default() }
}

#[test]
fn arguments_paste_characters_or_quote_a_string() {
    insta::assert_snapshot!(
        ast_with(
            "probe $1.function(@2) { $3 print($#, @#, \"$1\") x = $4f } # $9",
            &args(&["kernel", "a\"b\\c", "if (1) exit();", "0x1"])
        ),
        @r#"
    probe @1
      point kernel.function("a\"b\\c")
      body
        if 1
          (call exit)
        (call print 4 "4" "$1")
        (= x 31)
    "#
    );
}

#[test]
fn a_pasted_text_joins_what_stands_behind_it() {
    insta::assert_snapshot!(ast_with("probe $1_read, sys_$2.return, $2* { $2 $3 }", &args(&["vfs", "open", "+ 1"])), @r#"
    probe @1
      point vfs_read
      point sys_$2.return
      point open*
      body
        (+ open 1)
    "#);
    insta::assert_snapshot!(ast_with("probe begin { $1 d\"; e /* f */ $2 g */ }", &args(&["a = \"b c", "/*"])), @r#"
    probe @1
      point begin
      body
        (= a "b c d")
        e
    "#);
}

#[test]
fn arguments_that_are_missing_unused_or_wrong() {
    insta::assert_snapshot!(complaints_with("probe timer.s($1), kernel.function(@2) { x = $1 }", &args(&[])), @r#"
    t.stp:1:15: error[argument-missing]: the script asks for its argument `$1`, and none was given
    t.stp:1:36: error[argument-missing]: the script asks for its argument `@2`, and none was given
    t.stp:1:46: error[argument-missing]: the script asks for its argument `$1`, and none was given
    "#);
    insta::assert_snapshot!(complaints_with("probe begin { $0 $3 }", &args(&["x"])), @r#"
    t.stp:1:15: error[argument-missing]: there is no `$0`: arguments count from 1
    t.stp:1:18: error[argument-missing]: the script asks for its argument `$3`, and one was given
    warning[argument-unused]: the script does not use its argument $1 (`x`)
    "#);
    insta::assert_snapshot!(complaints_with("probe begin { }", &args(&["x", "y"])), @"warning[argument-unused]: the script does not use its arguments $1 (`x`), $2 (`y`)");
    insta::assert_snapshot!(complaints_with("probe begin { $1 }", &args(&["$2"])), @"t.stp:1:15: error[nested-argument]: the argument's text asks for another argument, `$2`");
    assert_eq!(ast_with("probe begin { $# }", &args(&["x"])).lines().last(), Some("    1"));
    assert_eq!(ast_with("probe begin { argv_1 }", &args(&["x"])).lines().last(), Some("    argv_1"));
}

#[test]
fn what_of_the_arguments_was_used_is_known() {
    let mut sources = Sources::default();
    let file = sources.add("t.stp", "probe timer.s($2) { }");
    let parsed = parse(&mut sources, file, &args(&["a", "1", "c"]));
    assert_eq!(parsed.arguments.used, [false, true, false]);
    assert!(!parsed.arguments.count && !parsed.has_errors());
}

#[test]
fn a_mistake_in_a_pasted_text_is_shown_at_the_argument() {
    insta::assert_snapshot!(shown("probe begin {\n  x = $1 + 2\n}", &args(&["(1 +* 2)"])), @r#"
    error[unexpected-token]: expected an expression, found `*`
     --> t.stp:2:7
      |
    2 |   x = $1 + 2
      |       ^^
      |
      = note: `$1` is `(1 +* 2)`
    "#);
    insta::assert_snapshot!(shown("probe begin {\n  x = $1\n}", &args(&["\"open"])), @r#"
    error[unterminated-string]: the string has no closing quote on its line
     --> t.stp:2:7
      |
    2 |   x = $1
      |       ^^ starts here
      |
      = note: `$1` is `"open`
      = help: write `\n` for a line end; strings that follow each other are joined
    "#);
}

#[test]
fn macros() {
    insta::assert_snapshot!(
        ast_with(
            "@define pid %( $$pid->x %)
@define add(a, b) %( (@a + @b) %)
@define twice(f) %( @add(@f, @f) %)
probe begin { @pid; @add(1, f(2, 3)); @twice(a[1, 2]); @pid (4) @entry(@pid) }",
            &ParseOptions::default()
        ),
        @r#"
    probe @4
      point begin
      body
        $$pid->x
        (+ 1 (call f 2 3))
        (+ a[1, 2] a[1, 2])
        $$pid->x
        4
        (@entry $$pid->x)
    "#
    );
}

#[test]
fn macros_that_are_wrong() {
    let check = |text: &str| complaints_with(text, &ParseOptions::default());
    insta::assert_snapshot!(check("@define a %( @a %) probe begin { @a }"), @"t.stp:1:34: error[nested-too-deep]: macros and conditionals nest more than 256 deep");
    insta::assert_snapshot!(check("@define a(x) %( @x %) probe begin { @a(1, 2) @a }"), @r#"
    t.stp:1:37: error[macro-arguments]: `@a` takes 1 arguments, and here are 2
    t.stp:1:46: error[macro-arguments]: `@a` needs its arguments in parentheses
    "#);
    insta::assert_snapshot!(check("@define a %( 1 %)\n@define a %( 2 %)\nprobe begin { @a }"), @"t.stp:2:9: error[macro-defined-twice]: the macro `@a` is defined twice in this file");
    insta::assert_snapshot!(check("@define a %( 1"), @"t.stp:1:11: error[preprocessor]: the macro's body has no closing `%)`");
    insta::assert_snapshot!(check("@define 1 %( 1 %)"), @r#"
    t.stp:1:9: error[preprocessor]: expected a macro's name
    t.stp:1:11: error[preprocessor]: the conditional has no `%?` behind its condition
    "#);
    insta::assert_snapshot!(check("@define a %( @define b %( 1 %) %) probe begin { @a }"), @"t.stp:1:49: error[preprocessor]: a macro's body cannot define a macro");
    insta::assert_snapshot!(check("@define count(x) %( 1 %) probe begin { @count(x) }"), @"t.stp:1:9: warning[macro-hides-operator]: this macro takes the place of the operator `@count`");
}

#[test]
fn a_macro_that_grows_without_end_is_stopped() {
    let mut text = "@define m0 %( x x %)\n".to_owned();
    for level in 1..60 {
        text.push_str(&format!("@define m{level} %( @m{0} @m{0} %)\n", level - 1));
    }
    text.push_str("probe begin { @m59 }");
    assert!(
        complaints_with(&text, &ParseOptions::default()).contains("error[nested-too-deep]: macros expand to more than")
    );
    let empty = text.replace("x x", "");
    assert!(complaints_with(&empty, &ParseOptions::default()).contains("error[nested-too-deep]"));
}

#[test]
fn a_mistake_in_a_macro_is_shown_where_it_is_used_and_defined() {
    insta::assert_snapshot!(shown("@define bad(x) %( 1 + ] @x %)\nprobe begin { y = (@bad(2)) }", &ParseOptions::default()), @r#"
    error[unexpected-token]: expected an expression, found `]`
     --> t.stp:2:20
      |
    1 | @define bad(x) %( 1 + ] @x %)
      |                       - in this text
    2 | probe begin { y = (@bad(2)) }
      |                    ^^^^^^^
      |
      = note: `@bad` is a macro
    "#);
}

/// The handler's statements on one line.
fn taken(condition: &str) -> String {
    let printed = ast_with(&format!("probe begin {{ %( {condition} %? yes %: no %) }}"), &with_kernel());
    printed.lines().last().unwrap_or_default().trim().to_owned()
}

#[test]
fn conditions_compare_with_the_kernel() {
    for yes in [
        "kernel_v >= \"6.9\"",
        "kernel_v == \"6.18.*\"",
        "kernel_v != \"5.*\"",
        "kernel_vr == \"*.fc43.*\"",
        "kernel_v < \"6.100\"",
        "arch == \"x86_64\"",
        "arch != \"i?86\"",
        "runtime == \"bpf\"",
        "systemtap_v >= \"5.0\"",
        "systemtap_privilege == \"stapdev\"",
        "guru_mode == 0",
        "CONFIG_UTRACE == \"[ym]\"",
        "CONFIG_NOTHING != \"y\"",
        "CONFIG_HZ >= 250",
        "CONFIG_HZ != CONFIG_UTRACE",
        "1 < 2",
        "\"a\" < \"b\"",
        "1 == 2 || 1 == 1 && 2 == 2",
        "1 == 1 || 1 == 2 && 2 == 1",
    ] {
        assert_eq!(taken(yes), "yes", "{yes}");
    }
    for no in ["kernel_v < \"6.9\"", "arch == \"s390\"", "1 == 1 && 2 == 1", "1 == 2 || 2 == 1", "CONFIG_HZ < 250"] {
        assert_eq!(taken(no), "no", "{no}");
    }
}

#[test]
fn conditionals_may_hold_any_tokens() {
    insta::assert_snapshot!(
        ast_with(
            "probe %( kernel_v > \"6\" %? begin { a %: end { b %) }
%( 1 == 2 %? this is (not read %) %( 1 == 1 %? %( 2 == 2 %? global x %: global y %) %)
@define which %( %( arch == \"x86_64\" %? 64 %: 32 %) %)
%( 1 == 2 %? @define z %( 1 %) %: @define z %( 2 %) %)
probe end { print(@which, @z) }",
            &with_kernel()
        ),
        @r#"
    probe @1
      point begin
      body
        a
    global @2 x
    probe @5
      point end
      body
        (call print 64 2)
    "#
    );
}

#[test]
fn arguments_decide_conditions() {
    let text = "probe begin { %( $# == 1 && @1 == \"fast\" %? fast %: slow %) }";
    assert!(ast_with(text, &args(&["fast"])).ends_with("    fast\n"));
    assert!(ast_with(text, &args(&["other"])).ends_with("    slow\n"));
}

#[test]
fn conditions_that_are_wrong() {
    let check = |text: &str| complaints_with(text, &with_kernel());
    insta::assert_snapshot!(check("%( kernel_x == \"1\" %? %)"), @"t.stp:1:4: error[preprocessor]: `kernel_x` is nothing that a condition can ask about");
    insta::assert_snapshot!(check("%( kernel_v >= \"6.*\" %? %)"), @"t.stp:1:16: error[preprocessor]: a pattern can be compared by `==` and `!=` only");
    insta::assert_snapshot!(check("%( kernel_v %? %)"), @r#"t.stp:1:4: error[preprocessor]: expected a comparison such as `kernel_v >= "6.1"`"#);
    insta::assert_snapshot!(check("%( %? %)"), @r#"t.stp:1:4: error[preprocessor]: expected a comparison such as `kernel_v >= "6.1"`"#);
    insta::assert_snapshot!(check("%( 1 == \"1\" %? %)"), @"t.stp:1:9: error[preprocessor]: a number and a string cannot be compared");
    insta::assert_snapshot!(check("%( arch < \"x\" %? %)"), @"t.stp:1:9: error[preprocessor]: `arch` knows `==` and `!=` only");
    insta::assert_snapshot!(check("%( 1 == 1 2 %? %)"), @"t.stp:1:11: error[preprocessor]: expected `&&`, `||` or `%?`, found `2`");
    insta::assert_snapshot!(check("%( 1 == 1 %)"), @"t.stp:1:1: error[preprocessor]: the conditional has no `%?` behind its condition");
    insta::assert_snapshot!(check("probe begin { %( 1 == 1 %? }"), @"t.stp:1:15: error[preprocessor]: the conditional has no closing `%)`");
    insta::assert_snapshot!(check("probe begin { a %) }"), @"t.stp:1:17: error[unexpected-token]: expected a statement, found `%)`");
    insta::assert_snapshot!(complaints_with("%( arch == \"x\" %? %)", &ParseOptions::default()), @"t.stp:1:4: error[preprocessor]: `arch` has no value here, as no kernel was chosen");
}

#[test]
fn a_library_gives_all_files_its_macros() {
    let mut sources = Sources::default();
    let library = sources
        .add("lib.stpm", "@define task %( $task->pid %)\n%( arch == \"x86_64\" %? @define bits(x) %( @x . 64 %) %)");
    let (mut macros, found) = parse_macros(&mut sources, library, &with_kernel());
    assert!(found.is_empty(), "{found:?}");
    let mut names: Vec<&str> = macros.names().collect();
    names.sort_unstable();
    assert_eq!(names, ["bits", "task"]);
    let script = sources.add("t.stp", "probe begin { @task @bits(1) }");
    let options = ParseOptions { library: Some(&macros), ..with_kernel() };
    let parsed = parse(&mut sources, script, &options);
    assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
    insta::assert_snapshot!(print(&parsed.file, &sources), @r#"
    probe @1
      point begin
      body
        $task->pid
        (. 1 64)
    "#);
    let second = sources.add("lib2.stpm", "@define task %( 1 %) probe begin { }");
    let (more, found) = parse_macros(&mut sources, second, &with_kernel());
    assert_eq!(found.len(), 1);
    assert_eq!(macros.merge(more), ["task"]);
    let mut names: Vec<_> = macros.names().collect();
    names.sort_unstable();
    assert_eq!(names, ["bits", "task"], "the first file's stay");
}
