//! What is said about mistakes: the right words at the right place, each once, and the rest of the script still read.

use systap_diagnostics::Sources;
use systap_syntax::{ParseOptions, parse, print};

use super::{complaints, shown};

fn as_seen(text: &str) -> String {
    shown(text, &ParseOptions::default())
}

/// The AST of a script that has mistakes.
fn rest(text: &str) -> String {
    let mut sources = Sources::default();
    let file = sources.add("t.stp", text);
    let parsed = parse(&mut sources, file, &ParseOptions::default());
    assert!(parsed.has_errors());
    print(&parsed.file, &sources)
}

#[test]
fn several_mistakes_in_one_run() {
    let text = "global a = f()
probe begin { x = ; y = 1 }
probe timer.s() { if (x { y = 2 } z = 3 }
function f(a b) { return a * }
probe end { foreach (k over a) { print(k } }
prob error { }
probe never { ok() }";
    insta::assert_snapshot!(complaints(text), @"");
    insta::assert_snapshot!(rest(text), @"");
}

#[test]
fn how_a_mistake_looks() {
    insta::assert_snapshot!(as_seen("probe begin {\n  if (a == 1 { b = 2 }\n}\n"), @"");
    insta::assert_snapshot!(as_seen("prbe begin { }\n"), @"");
}

#[test]
fn a_block_that_is_not_closed() {
    insta::assert_snapshot!(as_seen("probe begin {\n  x = 1\nprobe end { y = 2 }\n"), @"");
    insta::assert_snapshot!(rest("probe begin {\n  x = 1\nprobe end { y = 2 }\n"), @"");
    insta::assert_snapshot!(complaints("probe begin {\n  if (x) {"), @"");
    insta::assert_snapshot!(complaints("probe begin { } }"), @"");
}

#[test]
fn habits_of_other_languages() {
    insta::assert_snapshot!(as_seen("probe begin { print('hi') }"), @"");
    insta::assert_snapshot!(as_seen("probe begin { @x = 1; @y[pid()]++ }"), @"");
    insta::assert_snapshot!(as_seen("kprobe:vfs_read { }\nBEGIN { }\nprintf(\"hi\")\nsyscall.open { }"), @"");
    insta::assert_snapshot!(as_seen("global x:long\nfunction f:int() { }"), @"");
}

#[test]
fn words_that_are_not_names() {
    insta::assert_snapshot!(complaints("global next\nfunction for() { }\nprobe begin { foreach (in in a) x }"), @"");
    insta::assert_snapshot!(complaints("probe begin { limit = 1 }\nprobe end { else x }\nprobe error { catch { } }"), @"");
}

#[test]
fn tokens_that_are_wrong_by_themselves() {
    insta::assert_snapshot!(
        complaints("probe begin {\n a = \"open\n b = 18446744073709551616 + 0x + 09 + 12ab\n c = € + `x` \\ 1\n}\n%{ open"),
        @""
    );
    insta::assert_snapshot!(complaints("probe begin { } /* open"), @"");
}

#[test]
fn probe_points_that_are_wrong() {
    insta::assert_snapshot!(
        complaints("probe { }\nprobe a. { }\nprobe a.b(x) { }\nprobe a.{b,c { }\nprobe a, { }\nprobe a ? ! { }\nprobe a if x { }\nprobe a"),
        @""
    );
    insta::assert_snapshot!(complaints("probe a, b = c { }\nprobe a ? = b { }\nprobe a += b { }, { }"), @"");
}

#[test]
fn what_the_grammar_lets_pass() {
    insta::assert_snapshot!(
        complaints(
            "global a[0]
probe begin {
  1 = 2
  a + b = c
  f(x)++
  x =~ y
  @count() @cast(x) @var(y) @hist_linear(s, a, 1, 2) @defined()
  &x
  foreach ([a+, b+] in c) d
  foreach (a in b @foo+) d
}"
        ),
        @""
    );
}

#[test]
fn twenty_are_enough() {
    let said = complaints(&"probe begin { x = }\n".repeat(100));
    assert_eq!(said.lines().count(), 21);
    assert_eq!(said.lines().last(), Some("error[too-many-errors]: 80 more errors were left out"));
}

#[test]
fn every_diagnostic_names_its_place() {
    let mut sources = Sources::default();
    let file = sources.add("t.stp", "probe begin { a = 1 +\n }");
    let parsed = parse(&mut sources, file, &ParseOptions::default());
    let place = sources.place(parsed.diagnostics.first().and_then(|found| found.span).unwrap());
    assert_eq!((place.line, place.column), (2, 2));
}
