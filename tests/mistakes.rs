//! What systap says of scripts that are wrong: several mistakes at once, each at its place, with the name that may have been
//! meant.

mod systap;

use snapbox::{assert_data_eq, str};
use systap::{can_trace, run};

/// Asserts that a script is refused, in this way.
#[track_caller]
fn refused(text: &str, said: impl snapbox::IntoData) {
    let outcome = run(["check", "-e", text]);
    outcome.exits(1);
    assert_eq!(outcome.text(), "");
    assert_data_eq!(outcome.complaints(), said.into_data().raw());
}

#[test]
fn one_mistake_is_told_once() {
    refused(
        "probe begin { println(\"abc) }
probe end { println(\"x\") }
",
        str![[r#"
error[unterminated-string]: the string has no closing quote on its line
 --> <command line>:1:23
  |
1 | probe begin { println("abc) }
  |                       ^^^^^^^ starts here
  |
  = help: write `\n` for a line end; strings that follow each other are joined

"#]],
    );
    refused(
        "@define x( %( 1 %)
probe begin { println(@x) }
",
        str![[r#"
error[preprocessor]: expected names with commas between, and `)`
 --> <command line>:1:10
  |
1 | @define x( %( 1 %)
  |          ^

"#]],
    );
}

#[test]
fn a_member_is_no_string_to_join() {
    refused(
        "probe kernel.trace(\"sched_switch\") { pid = 1; println($prev.pid) }",
        str![[r#"
error[type-mismatch]: an operand of `.` must be a string, and this is a long
 --> <command line>:1:55
  |
1 | probe kernel.trace("sched_switch") { pid = 1; println($prev.pid) }
  |                                                       ^^^^^ a long
  |
  = help: `.` joins strings; a member is had by `->pid`
error[type-mismatch]: an operand of `.` must be a string, and this is a long
 --> <command line>:1:61
  |
1 | probe kernel.trace("sched_switch") { pid = 1; println($prev.pid) }
  |                                            -                ^^^ a long
  |                                            |
  |                                            a long since here

"#]],
    );
}

#[test]
fn no_variable_is_called_like_what_writes() {
    refused(
        "probe begin { printf = 1 }",
        str![[r#"
error[unexpected-token]: expected `(`, found `=`
 --> <command line>:1:22
  |
1 | probe begin { printf = 1 }
  |                      ^

"#]],
    );
}

#[test]
fn several_mistakes_of_syntax_are_told_at_once() {
    refused(
        "probe begin { x = }
probe end { if (1 { println(2) } }
global 5
function f( { }
probe begin { println(1) }
",
        str![[r#"
error[unexpected-token]: expected an expression, found `}`
 --> <command line>:1:19
  |
1 | probe begin { x = }
  |                   ^
error[unexpected-token]: expected `)`, found `{`
 --> <command line>:2:19
  |
2 | probe end { if (1 { println(2) } }
  |                -  ^
  |                |
  |                to close this
error[unexpected-token]: expected a name, found `5`
 --> <command line>:3:8
  |
3 | global 5
  |        ^
error[unexpected-token]: expected a parameter's name, found `{`
 --> <command line>:4:13
  |
4 | function f( { }
  |             ^

"#]],
    );
}

#[test]
fn several_mistakes_of_meaning_are_told_at_once() {
    refused(
        "global a
probe begin {
  x = 1 + \"two\"
  a[1] = 5; a[\"one\"] = 6
  println(undefined_function(3))
  printf(\"%d %s\\n\", \"text\", 5)
  printf(\"%d\\n\")
  foreach (k in x) println(k)
  break
}
",
        str![[r#"
error[type-mismatch]: an operand of `+` must be a long, and this is a string
 --> <command line>:3:11
  |
3 |   x = 1 + "two"
  |           ^^^^^ a string
error[type-mismatch]: key 1 of `a` must be a long, and this is a string
 --> <command line>:4:15
  |
4 |   a[1] = 5; a["one"] = 6
  |     -         ^^^^^ a string
  |     |
  |     a long since here
error[unknown-function]: there is no function `undefined_function`
 --> <command line>:5:11
  |
5 |   println(undefined_function(3))
  |           ^^^^^^^^^^^^^^^^^^
error[type-mismatch]: operand 1 of `printf` must be a long, and this is a string
 --> <command line>:6:21
  |
6 |   printf("%d %s\n", "text", 5)
  |                     ^^^^^^ a string
error[type-mismatch]: operand 2 of `printf` must be a string, and this is a long
 --> <command line>:6:29
  |
6 |   printf("%d %s\n", "text", 5)
  |                             ^ a long
error[format-operands]: the format takes 1 operand, and here are 0
 --> <command line>:7:10
  |
7 |   printf("%d\n")
  |          ^^^^^^
error[unknown-array]: there is no array `x`
 --> <command line>:8:17
  |
8 |   foreach (k in x) println(k)
  |                 ^
  |
  = help: declare it: `global x`
error[outside-a-loop]: `break` is not in a loop
 --> <command line>:9:3
  |
9 |   break
  |   ^^^^^

"#]],
    );
}

#[test]
fn names_that_are_nearly_right_are_offered() {
    if !can_trace() {
        return;
    }
    refused(
        "probe kernel.trace(\"sched:sched_swich\") { println(1) }",
        str![[r#"
error[unknown-tracepoint]: this kernel has no tracepoint `sched_swich`
 --> <command line>:1:20
  |
1 | probe kernel.trace("sched:sched_swich") { println(1) }
  |                    ^^^^^^^^^^^^^^^^^^^ did you mean `sched_switch`?

"#]],
    );
    refused(
        "probe kernel.trace(\"sched:sched_switch\") { println($prev->pidd) }",
        str![[r#"
error[unknown-field]: `struct task_struct` has no member `pidd`
 --> <command line>:1:59
  |
1 | probe kernel.trace("sched:sched_switch") { println($prev->pidd) }
  |                                                           ^^^^ did you mean `pid`?

"#]],
    );
    refused(
        "probe kernel.trace(\"sched:sched_switch\") { println($prv->pid) }",
        str![[r#"
error[unknown-target-variable]: `kernel.trace("sched:sched_switch")` has no `$prv`
 --> <command line>:1:52
  |
1 | probe kernel.trace("sched:sched_switch") { println($prv->pid) }
  |                                                    ^^^^ did you mean `$prev`?
  |
  = note: it has $preempt, $prev, $next, $prev_state

"#]],
    );
    refused(
        "probe syscall.opnat { println(1) }",
        str![[r#"
error[unknown-syscall]: there is no system call `opnat`
 --> <command line>:1:15
  |
1 | probe syscall.opnat { println(1) }
  |               ^^^^^ did you mean `openat`?

"#]],
    );
    refused(
        "probe begin { println(exename()) }",
        str![[r#"
error[unknown-function]: there is no function `exename`
 --> <command line>:1:23
  |
1 | probe begin { println(exename()) }
  |                       ^^^^^^^ did you mean `execname`?

"#]],
    );
    refused(
        "probe begn { println(1) }",
        str![[r#"
error[unknown-probe-point]: there is no probe point `begn`
 --> <command line>:1:7
  |
1 | probe begn { println(1) }
  |       ^^^^ did you mean `begin`?

"#]],
    );
    refused(
        "probe timer.mss(5) { println(1) }",
        str![[r#"
error[unknown-probe-point]: a probe point cannot go on with `mss` here
 --> <command line>:1:13
  |
1 | probe timer.mss(5) { println(1) }
  |             ^^^ did you mean `ms`?
  |
  = note: it can go on with s, sec, ms, msec, us, usec, ns, nsec, hz, jiffies, profile

"#]],
    );
    refused(
        "probe syscall.openat { println($filenam) }",
        str![[r#"
error[unknown-target-variable]: `syscall.openat` has no `$filenam`
 --> <command line>:1:32
  |
1 | probe syscall.openat { println($filenam) }
  |                                ^^^^^^^^ did you mean `$filename`?
  |
  = note: it has $dfd, $filename, $flags, $mode

"#]],
    );
    refused(
        "probe syscall.openat { println(nam) println(argstrr) }",
        str![[r#"
error[unresolved-type]: `nam` is never given a value, and nothing says whether it is a long or a string
 --> <command line>:1:32
  |
1 | probe syscall.openat { println(nam) println(argstrr) }
  |                                ^^^
error[unresolved-type]: `argstrr` is never given a value, and nothing says whether it is a long or a string
 --> <command line>:1:45
  |
1 | probe syscall.openat { println(nam) println(argstrr) }
  |                                             ^^^^^^^

"#]],
    );
}

#[test]
fn kinds_that_do_not_agree_are_both_shown() {
    refused(
        "function f (a) { return a . \"x\" } probe begin { println(f(5)) }",
        str![[r#"
error[type-mismatch]: an operand of `.` must be a string, and this is a long
 --> <command line>:1:25
  |
1 | function f (a) { return a . "x" } probe begin { println(f(5)) }
  |                         ^ a long                          - a long since here

"#]],
    );
    refused(
        "probe begin { x = 5; x = \"five\" }",
        str![[r#"
error[type-mismatch]: what is assigned to `x` must be a long, and this is a string
 --> <command line>:1:26
  |
1 | probe begin { x = 5; x = "five" }
  |                   -      ^^^^^^ a string
  |                   |
  |                   a long since here

"#]],
    );
    refused(
        "global s probe begin { s <<< 1; println(s + 1) }",
        str![[r#"
error[aggregate-misuse]: `s` is an aggregate, and has no value of its own
 --> <command line>:1:41
  |
1 | global s probe begin { s <<< 1; println(s + 1) }
  |                        -                ^
  |                        |
  |                        an aggregate since here
  |
  = help: ask for `@count(s)`, `@sum`, `@min`, `@max`, `@avg`, `@variance`, `@hist_log` or `@hist_linear`

"#]],
    );
    refused(
        "global a probe begin { a[1] = 1; println(a[1, 2]) println(a) }",
        str![[r#"
error[key-count]: `a` has 1 key, and here are 2
 --> <command line>:1:42
  |
1 | global a probe begin { a[1] = 1; println(a[1, 2]) println(a) }
  |                        ----              ^^^^^^^
  |                        |
  |                        1 key since here
error[array-as-scalar]: `a` is an array, and has no value of its own
 --> <command line>:1:59
  |
1 | global a probe begin { a[1] = 1; println(a[1, 2]) println(a) }
  |                        ---- an array since here           ^ takes 1 key

"#]],
    );
    refused(
        "global a probe begin { foreach ([x, y] in a) println(x) a[1] = 2 }",
        str![[r#"
error[unresolved-type]: nothing says whether the local variable `x` is a long or a string
 --> <command line>:1:34
  |
1 | global a probe begin { foreach ([x, y] in a) println(x) a[1] = 2 }
  |                                  ^
error[unresolved-type]: nothing says whether the local variable `y` is a long or a string
 --> <command line>:1:37
  |
1 | global a probe begin { foreach ([x, y] in a) println(x) a[1] = 2 }
  |                                     ^
error[unresolved-type]: nothing says whether what `a` holds is a long or a string
 --> <command line>:1:43
  |
1 | global a probe begin { foreach ([x, y] in a) println(x) a[1] = 2 }
  |                                           ^
error[key-count]: `a` has 2 keys, and here are 1
 --> <command line>:1:57
  |
1 | global a probe begin { foreach ([x, y] in a) println(x) a[1] = 2 }
  |                                           -             ^^^^
  |                                           |
  |                                           2 keys since here

"#]],
    );
}

#[test]
fn what_does_not_end_is_told_where_it_begins() {
    refused(
        "probe begin { println(\"no end) }\n",
        str![[r#"
error[unterminated-string]: the string has no closing quote on its line
 --> <command line>:1:23
  |
1 | probe begin { println("no end) }
  |                       ^^^^^^^^^^ starts here
  |
  = help: write `\n` for a line end; strings that follow each other are joined

"#]],
    );
    refused(
        "probe begin { println(1)\n",
        str![[r#"
error[unexpected-token]: expected `}`, found the end of the script
 --> <command line>:1:26
  |
1 | probe begin { println(1)
  |             -           ^
  |             |
  |             to close this

"#]],
    );
    refused(
        "probe begin { println((1) }\n",
        str![[r#"
error[unexpected-token]: expected `)`, found `}`
 --> <command line>:1:27
  |
1 | probe begin { println((1) }
  |                      -    ^
  |                      |
  |                      to close this

"#]],
    );
    refused(
        "%( 1 == 1 %? probe begin { }\n",
        str![[r#"
error[preprocessor]: the conditional has no closing `%)`
 --> <command line>:1:1
  |
1 | %( 1 == 1 %? probe begin { }
  | ^^

"#]],
    );
    // A comment takes the rest of the script, as in SystemTap; that is told, and no more.
    let outcome = run(["check", "-e", "probe begin { println(1) } /* no end\n"]);
    outcome.exits(0).complains(&["warning[unterminated-comment]", ":1:28"]);
}

#[test]
fn numbers_and_formats_have_bounds() {
    refused(
        "probe begin { println(18446744073709551616) println(0xfffffffffffffffff) println(09) println(0xg) }",
        str![[r#"
error[number-out-of-range]: `18446744073709551616` does not fit into 64 bits
 --> <command line>:1:23
  |
1 | probe begin { println(18446744073709551616) println(0xfffffffffffffffff) println(09) println(0xg) }
  |                       ^^^^^^^^^^^^^^^^^^^^
  |
  = note: the greatest number is 18446744073709551615
error[number-out-of-range]: `0xfffffffffffffffff` does not fit into 64 bits
 --> <command line>:1:53
  |
1 | probe begin { println(18446744073709551616) println(0xfffffffffffffffff) println(09) println(0xg) }
  |                                                     ^^^^^^^^^^^^^^^^^^^
  |
  = note: the greatest number is 18446744073709551615
error[malformed-number]: `09` is not a number
 --> <command line>:1:82
  |
1 | probe begin { println(18446744073709551616) println(0xfffffffffffffffff) println(09) println(0xg) }
  |                                                                                  ^^
  |
  = note: numbers that begin with 0 are octal
error[malformed-number]: `0xg` is not a number
 --> <command line>:1:94
  |
1 | probe begin { println(18446744073709551616) println(0xfffffffffffffffff) println(09) println(0xg) }
  |                                                                                              ^^^

"#]],
    );
    refused(
        "probe begin { printf(\"%y %\", 1) }",
        str![[r#"
error[format-conversion]: `%y` is not a conversion: d i u o x X p c s b m M are
 --> <command line>:1:23
  |
1 | probe begin { printf("%y %", 1) }
  |                       ^^

"#]],
    );
    refused(
        "probe begin { x = \"%d\"; printf(x, 1) }",
        str![[r#"
error[format-not-literal]: the format of `printf` must be a string written out
 --> <command line>:1:32
  |
1 | probe begin { x = "%d"; printf(x, 1) }
  |                                ^
  |
  = help: `printf("%s", ...)` writes a string that is made at run time

"#]],
    );
}

#[test]
fn a_script_without_probes_has_nothing_to_do() {
    refused(
        "",
        str![[r#"
error[empty-script]: `<command line>` declares nothing
 |
 = help: write a probe: `probe begin { println("hello") exit() }`

"#]],
    );
    refused(
        "global x\nfunction f() { return 1 }\n",
        str![[r#"
error[no-probes]: the script probes nothing
 |
 = help: write one: `probe begin { println("hello") exit() }`

"#]],
    );
    refused(
        "   \n\n# only a comment\n",
        str![[r#"
error[empty-script]: `<command line>` declares nothing
 |
 = help: write a probe: `probe begin { println("hello") exit() }`

"#]],
    );
}

#[test]
fn mistakes_can_be_had_as_json() {
    let outcome = run(["check", "--format", "json", "-e", "probe begin { println(exename()) x = 1 + \"\" }"]);
    outcome.exits(1);
    let objects: Vec<serde_json::Value> =
        outcome.complaints().lines().map(|line| serde_json::from_str(line).expect("each line is an object")).collect();
    assert_eq!(objects.len(), 2, "{}", outcome.all());
    for object in objects {
        assert!(object["message"].is_string() && object["code"].is_string(), "{object}");
    }
}
