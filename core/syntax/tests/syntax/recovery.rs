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
    insta::assert_snapshot!(complaints(text), @r#"
    t.stp:1:12: error[unexpected-token]: expected a number or a string, found `f`
    t.stp:2:19: error[unexpected-token]: expected an expression, found `;`
    t.stp:3:15: error[unexpected-token]: expected a string or a number, found `)`
    t.stp:3:25: error[unexpected-token]: expected `)`, found `{`
    t.stp:4:14: error[unexpected-token]: expected `)`, found `b`
    t.stp:4:30: error[unexpected-token]: expected an expression, found `}`
    t.stp:5:24: error[unexpected-token]: expected `in`, found `over`
    t.stp:5:29: error[unexpected-token]: expected `)`, found `a`
    t.stp:5:42: error[unexpected-token]: expected `)`, found `}`
    t.stp:6:1: error[unexpected-token]: expected a declaration, found `prob`
    "#);
    insta::assert_snapshot!(rest(text), @r#"
    global @1 a = 0
    probe @2
      point begin
      body
        (= x <missing>)
        (= y 1)
    probe @3
      point timer.s
      body
        if x
          (= y 2)
        (= z 3)
    function @4 f(a)
      body
        return (* a <missing>)
    probe @5
      point end
      body
        foreach [k] in over
          (call print k)
    probe @7
      point never
      body
        (call ok)
    "#);
}

#[test]
fn how_a_mistake_looks() {
    insta::assert_snapshot!(as_seen("probe begin {\n  if (a == 1 { b = 2 }\n}\n"), @r#"
    error[unexpected-token]: expected `)`, found `{`
     --> t.stp:2:14
      |
    2 |   if (a == 1 { b = 2 }
      |      -       ^
      |      |
      |      to close this
    "#);
    insta::assert_snapshot!(as_seen("prbe begin { }\n"), @r#"
    error[unexpected-token]: expected a declaration, found `prbe`
     --> t.stp:1:1
      |
    1 | prbe begin { }
      | ^^^^ did you mean `probe`?
    "#);
}

#[test]
fn a_block_that_is_not_closed() {
    insta::assert_snapshot!(as_seen("probe begin {\n  x = 1\nprobe end { y = 2 }\n"), @r#"
    error[unexpected-token]: expected `}`, found the keyword `probe`
     --> t.stp:3:1
      |
    1 | probe begin {
      |             - to close this
    2 |   x = 1
    3 | probe end { y = 2 }
      | ^^^^^
    "#);
    insta::assert_snapshot!(rest("probe begin {\n  x = 1\nprobe end { y = 2 }\n"), @r#"
    probe @1
      point begin
      body
        (= x 1)
    probe @3
      point end
      body
        (= y 2)
    "#);
    insta::assert_snapshot!(complaints("probe begin {\n  if (x) {"), @"t.stp:2:11: error[unexpected-token]: expected `}`, found the end of the script");
    insta::assert_snapshot!(complaints("probe begin { } }"), @"t.stp:1:17: error[unexpected-token]: expected a declaration, found `}`");
}

#[test]
fn habits_of_other_languages() {
    insta::assert_snapshot!(as_seen("probe begin { print('hi') }"), @r#"
    error[single-quoted-string]: single quotes have no meaning here
     --> t.stp:1:21
      |
    1 | probe begin { print('hi') }
      |                     ^^^^
      |
      = help: strings are written in double quotes: "..."
    "#);
    insta::assert_snapshot!(as_seen("probe begin { @x = 1; @y[pid()]++ }"), @r#"
    error[unknown-operator]: `@x` is no variable: `@` begins an operator or a macro
     --> t.stp:1:15
      |
    1 | probe begin { @x = 1; @y[pid()]++ }
      |               ^^
      |
      = help: declare `global x` at the top of the script and write `x` here

    error[unknown-operator]: `@y` is no variable: `@` begins an operator or a macro
     --> t.stp:1:23
      |
    1 | probe begin { @x = 1; @y[pid()]++ }
      |                       ^^
      |
      = help: declare `global y` at the top of the script and write `y` here
    "#);
    insta::assert_snapshot!(as_seen("kprobe:vfs_read { }\nBEGIN { }\nprintf(\"hi\")\nsyscall.open { }"), @r#"
    error[unexpected-token]: expected a declaration, found `kprobe`
     --> t.stp:1:1
      |
    1 | kprobe:vfs_read { }
      | ^^^^^^
      |
      = note: a script consists of `probe`, `global`, `private` and `function` declarations
      = help: a probe is written like `probe kernel.function("vfs_read") { ... }`

    error[unexpected-token]: expected a declaration, found `BEGIN`
     --> t.stp:2:1
      |
    2 | BEGIN { }
      | ^^^^^
      |
      = note: a script consists of `probe`, `global`, `private` and `function` declarations
      = help: write `probe begin { ... }`

    error[unexpected-token]: expected a declaration, found `printf`
     --> t.stp:3:1
      |
    3 | printf("hi")
      | ^^^^^^
      |
      = note: a script consists of `probe`, `global`, `private` and `function` declarations
      = help: statements stand in a probe: `probe begin { ... }`
    "#);
    insta::assert_snapshot!(as_seen("global x:long\nfunction f:int() { }"), @r#"
    error[unexpected-token]: a global's type is not written
     --> t.stp:1:9
      |
    1 | global x:long
      |         ^
      |
      = help: it follows from how the variable is used

    error[unexpected-token]: expected `long` or `string`, found `int`
     --> t.stp:2:12
      |
    2 | function f:int() { }
      |            ^^^
    "#);
}

#[test]
fn a_type_behind_the_parameters() {
    insta::assert_snapshot!(complaints("function f(a):long { return a }"), @"t.stp:1:15: error[unexpected-token]: a function's type stands behind its name");
}

#[test]
fn words_that_are_not_names() {
    insta::assert_snapshot!(complaints("global next\nfunction for() { }\nprobe begin { foreach (in in a) x }"), @r#"
    t.stp:1:8: error[unexpected-token]: expected a name, and `next` is a keyword
    t.stp:2:10: error[unexpected-token]: expected a function's name, and `for` is a keyword
    t.stp:3:24: error[unexpected-token]: expected a variable's name, and `in` is a keyword
    "#);
    insta::assert_snapshot!(complaints("probe begin { limit = 1 }\nprobe end { else x }\nprobe error { catch { } }"), @r#"
    t.stp:1:15: error[unexpected-token]: expected a statement, found the keyword `limit`
    t.stp:2:13: error[unexpected-token]: `else` without an `if` before it
    t.stp:3:15: error[unexpected-token]: `catch` without a `try` before it
    "#);
}

#[test]
fn tokens_that_are_wrong_by_themselves() {
    insta::assert_snapshot!(
        complaints("probe begin {\n a = \"open\n b = 18446744073709551616 + 0x + 09 + 12ab\n c = € + `x` \\ 1\n}\n%{ open"),
        @r#"
    t.stp:2:6: error[unterminated-string]: the string has no closing quote on its line
    t.stp:3:6: error[number-out-of-range]: `18446744073709551616` does not fit into 64 bits
    t.stp:3:29: error[malformed-number]: `0x` is not a number
    t.stp:3:34: error[malformed-number]: `09` is not a number
    t.stp:3:39: error[malformed-number]: `12ab` is not a number
    t.stp:4:6: error[unexpected-character]: `€` means nothing here
    t.stp:4:10: error[unexpected-character]: a back-quote means nothing here
    t.stp:4:12: error[unexpected-character]: a back-quote means nothing here
    t.stp:4:14: error[unexpected-character]: `\` means nothing here
    t.stp:6:1: error[unterminated-embedded-code]: the embedded code has no closing `%}`
    "#
    );
    insta::assert_snapshot!(complaints("probe begin { } /* open"), @"t.stp:1:17: warning[unterminated-comment]: the comment has no closing `*/` and takes the rest of the script");
}

#[test]
fn probe_points_that_are_wrong() {
    insta::assert_snapshot!(
        complaints("probe { }\nprobe a. { }\nprobe a.b(x) { }\nprobe a.{b,c { }\nprobe a, { }\nprobe a ? ! { }\nprobe a if x { }\nprobe a"),
        @r#"
    t.stp:1:7: error[unexpected-token]: expected a probe point, found `{`
    t.stp:2:10: error[unexpected-token]: expected a probe point, found `{`
    t.stp:3:11: error[unexpected-token]: expected a string or a number, found `x`
    t.stp:4:14: error[unexpected-token]: expected `,` or `}`, found `{`
    t.stp:5:10: error[unexpected-token]: expected a probe point, found `{`
    t.stp:6:11: error[unexpected-token]: expected `{`, found `!`
    t.stp:7:12: error[unexpected-token]: expected `(`, found `x`
    t.stp:8:8: error[unexpected-token]: expected `{`, found the end of the script
    "#
    );
    insta::assert_snapshot!(complaints("probe a, b = c { }\nprobe a ? = b { }\nprobe a += b { }, { }"), @r#"
    t.stp:1:12: error[unexpected-token]: one name stands before each `=` of an alias
    t.stp:2:7: error[alias-name]: an alias' name takes no `?` or `!`
    t.stp:3:19: error[alias-blocks]: an alias that is defined by `+=` has one block, which runs last
    "#);
}

#[test]
fn what_the_grammar_lets_pass() {
    insta::assert_snapshot!(
        complaints(
            "global a[0]
probe begin {
  x =~ y
  @count() @cast(x) @var(y) @hist_linear(s, a, 1, 2) @defined()
  &x
  foreach ([a+, b+] in c) d
  foreach (a in b @foo+) d
}"
        ),
        @r#"
    t.stp:1:10: error[array-size]: an array has between 1 and 2147483647 entries
    t.stp:3:8: error[regex-not-literal]: a regular expression must be a literal string
    t.stp:4:3: error[argument-count]: `@count` takes one argument, and here are 0
    t.stp:4:12: error[argument-count]: `@cast` takes 2 or 3 arguments, and here are 1
    t.stp:4:26: error[not-constant]: `@var` needs a literal string here
    t.stp:4:29: error[histogram-misuse]: a histogram is no value: print it alone, index it, or go over it with `foreach`
    t.stp:4:45: error[not-constant]: the bounds of a histogram must be literal numbers
    t.stp:4:54: error[argument-count]: `@defined` takes one argument, and here are 0
    t.stp:6:18: error[several-sort-marks]: a `foreach` has one sort mark
    t.stp:7:19: error[unexpected-token]: this is no order to sort by
    "#
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

#[test]
fn what_may_not_stand_where_it_stands() {
    // A private name is the file's own, but no second meaning of a name that the file has given to all.
    insta::assert_snapshot!(complaints("global a, b, a\nprivate b\nprivate c, c\nprobe begin { return }"), @r"
    t.stp:1:14: error[duplicate-global]: the global `a` is declared twice
    t.stp:2:9: error[duplicate-global]: the global `b` is declared private and for all files
    t.stp:3:12: error[duplicate-global]: the private global `c` is declared twice
    t.stp:4:15: error[outside-a-function]: `return` is not in a function
    ");
}
