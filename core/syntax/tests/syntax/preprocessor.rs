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
        @""
    );
}

#[test]
fn a_pasted_text_joins_what_stands_behind_it() {
    insta::assert_snapshot!(ast_with("probe $1_read, sys_$2.return, $2* { $2 $3 }", &args(&["vfs", "open", "+ 1"])), @"");
    insta::assert_snapshot!(ast_with("probe begin { $1 d\"; e /* f */ $2 g */ }", &args(&["a = \"b c", "/*"])), @"");
}

#[test]
fn arguments_that_are_missing_unused_or_wrong() {
    insta::assert_snapshot!(complaints_with("probe timer.s($1), kernel.function(@2) { x = $1 }", &args(&[])), @"");
    insta::assert_snapshot!(complaints_with("probe begin { $0 $3 }", &args(&["x"])), @"");
    insta::assert_snapshot!(complaints_with("probe begin { }", &args(&["x", "y"])), @"");
    insta::assert_snapshot!(complaints_with("probe begin { $1 }", &args(&["$2"])), @"");
    assert_eq!(ast_with("probe begin { $# }", &args(&["x"])).lines().last(), Some("    1"));
    assert_eq!(ast_with("probe begin { argv_1 }", &args(&["x"])).lines().last(), Some("    argv_1"));
}

#[test]
fn a_mistake_in_a_pasted_text_is_shown_at_the_argument() {
    insta::assert_snapshot!(shown("probe begin {\n  x = $1 + 2\n}", &args(&["(1 +* 2)"])), @"");
    insta::assert_snapshot!(shown("probe begin {\n  x = $1\n}", &args(&["\"open"])), @"");
}

#[test]
fn macros() {
    insta::assert_snapshot!(
        ast_with(
            "@define pid %( $$pid->x %)
@define add(a, b) %( (@a + @b) %)
@define twice(f) %( @add(@f, @f) %)
probe begin { @pid; @add(1, f(2, 3)); @twice(a[1, 2]); @pid (4) @other(@pid) }",
            &ParseOptions::default()
        ),
        @""
    );
}

#[test]
fn macros_that_are_wrong() {
    let check = |text: &str| complaints_with(text, &ParseOptions::default());
    insta::assert_snapshot!(check("@define a %( @a %) probe begin { @a }"), @"");
    insta::assert_snapshot!(check("@define a(x) %( @x %) probe begin { @a(1, 2) @a }"), @"");
    insta::assert_snapshot!(check("@define a %( 1 %)\n@define a %( 2 %)\nprobe begin { @a }"), @"");
    insta::assert_snapshot!(check("@define a %( 1"), @"");
    insta::assert_snapshot!(check("@define 1 %( 1 %)"), @"");
    insta::assert_snapshot!(check("@define a %( @define b %( 1 %) %) probe begin { @a }"), @"");
    insta::assert_snapshot!(check("@define count(x) %( 1 %) probe begin { @count(x) }"), @"");
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
    insta::assert_snapshot!(shown("@define bad %( 1 + %)\nprobe begin { x = (@bad) }", &ParseOptions::default()), @"");
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
        @""
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
    insta::assert_snapshot!(check("%( kernel_x == \"1\" %? %)"), @"");
    insta::assert_snapshot!(check("%( kernel_v >= \"6.*\" %? %)"), @"");
    insta::assert_snapshot!(check("%( kernel_v %? %)"), @"");
    insta::assert_snapshot!(check("%( %? %)"), @"");
    insta::assert_snapshot!(check("%( 1 == \"1\" %? %)"), @"");
    insta::assert_snapshot!(check("%( arch < \"x\" %? %)"), @"");
    insta::assert_snapshot!(check("%( 1 == 1 2 %? %)"), @"");
    insta::assert_snapshot!(check("%( 1 == 1 %)"), @"");
    insta::assert_snapshot!(check("probe begin { %( 1 == 1 %? }"), @"");
    insta::assert_snapshot!(check("probe begin { a %) }"), @"");
    insta::assert_snapshot!(complaints_with("%( arch == \"x\" %? %)", &ParseOptions::default()), @"");
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
    insta::assert_snapshot!(print(&parsed.file, &sources), @"");
    let second = sources.add("lib2.stpm", "@define task %( 1 %) probe begin { }");
    let (more, found) = parse_macros(&mut sources, second, &with_kernel());
    assert_eq!(found.len(), 1);
    assert_eq!(macros.merge(more), ["task"]);
    assert_eq!(macros.names().collect::<Vec<_>>(), ["bits"]);
}
