//! What systap says to input that is wrong: several mistakes at once, each at its place, with the name that may have been meant;
//! and that no input brings it down.

mod systap;

use std::io::Write;

use snapbox::{assert_data_eq, str};
use systap::{Outcome, can_trace, command, program, run, script, start, systap};

/// Asserts that a script is refused, in this way.
#[track_caller]
fn refused(text: &str, said: impl snapbox::IntoData) {
    let outcome = run(["check", "-e", text]);
    outcome.exits(1);
    assert_eq!(outcome.text(), "");
    assert_data_eq!(outcome.complaints(), said.into_data().raw());
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
  return 5
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
error[outside-a-function]: `return` is not in a function
 --> <command line>:9:3
  |
9 |   return 5
  |   ^^^^^^^^
  |
  = help: `next` leaves a handler
error[outside-a-loop]: `break` is not in a loop
  --> <command line>:10:3
   |
10 |   break
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
  |                        values are accumulated here
  |
  = help: ask for `@count(s)`, `@sum`, `@min`, `@max`, `@avg`, `@hist_log` or `@hist_linear`

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
error[unexpected-token]: expected `)`, found the end of the script
 --> <command line>:1:34
  |
1 | probe begin { println("no end) }
  |                      -          ^
  |                      |
  |                      to close this

"#]],
    );
    refused("probe begin { println(1)\n", str![[r#"
error[unexpected-token]: expected `}`, found the end of the script
 --> <command line>:1:26
  |
1 | probe begin { println(1)
  |             -           ^
  |             |
  |             to close this

"#]]);
    refused("probe begin { println((1) }\n", str![[r#"
error[unexpected-token]: expected `)`, found `}`
 --> <command line>:1:27
  |
1 | probe begin { println((1) }
  |                      -    ^
  |                      |
  |                      to close this

"#]]);
    refused("%( 1 == 1 %? probe begin { }\n", str![[r#"
error[preprocessor]: the conditional has no closing `%)`
 --> <command line>:1:1
  |
1 | %( 1 == 1 %? probe begin { }
  | ^^

"#]]);
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
error[no-probes]: the script probes nothing
 |
 = help: write one: `probe begin { println("hello") exit() }`

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
error[no-probes]: the script probes nothing
 |
 = help: write one: `probe begin { println("hello") exit() }`

"#]],
    );
}

/// Asserts that a file is refused with a sentence, at once.
#[track_caller]
fn unreadable(path: &std::path::Path, sentence: &str) {
    for verb in ["run", "check"] {
        let outcome = run([verb.as_ref(), path.as_os_str()]);
        outcome.exits(1).complains(&[sentence]);
        assert!(outcome.complaints().lines().count() < 40, "{verb}\n{}", outcome.all());
    }
}

#[test]
fn what_is_no_script_is_said_in_a_sentence() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    unreadable(&folder.path().join("missing.stp"), "there is no such file");
    unreadable(folder.path(), "it is a directory");
    unreadable(systap::binary(), "it is not text");
    unreadable("/dev/zero".as_ref(), "cannot read `/dev/zero`");
    let empty = folder.path().join("empty.stp");
    std::fs::write(&empty, "").expect("a file can be written");
    unreadable(&empty, "the script probes nothing");
}

/// Checks a script of a file with this text; it must end with a status of its own, and not fill the screen.
#[track_caller]
fn survives(text: &str, what: &str) -> Outcome {
    let mut file = tempfile::NamedTempFile::new().expect("a file can be made");
    file.write_all(text.as_bytes()).expect("it takes the text");
    let outcome = run(["check".as_ref(), file.path().as_os_str()]);
    assert!(matches!(outcome.status.code(), Some(0 | 1)), "{what}\n{}", outcome.status);
    assert!(outcome.stderr.len() < 100_000, "{what}: {} bytes on stderr", outcome.stderr.len());
    outcome
}

#[test]
fn ten_megabytes_of_text_are_no_problem() {
    let words = "these words are not a script of any kind, 'quite' \"so\" { } ( ] %d $x @y 0x\n".repeat(130_000);
    survives(&words, "words").exits(1);
    survives(&"probe begin { x = 1 }\n".repeat(10_000), "many probes").exits(0);
    survives(&"(".repeat(10_000_000), "parentheses").exits(1);
    survives(&"}".repeat(1_000_000), "braces").exits(1);
    survives(&"x ".repeat(1_000_000), "names").exits(1);
    survives(&format!("probe begin {{ println(\"{}\") }}", "y".repeat(10_000_000)), "a string");
    survives(&format!("probe {} {{ }}", "z".repeat(1_000_000)), "a name").exits(1);
}

#[test]
fn deep_nests_are_understood_or_refused() {
    let nest = |open: &str, inner: &str, close: &str, depth: usize| {
        format!("probe begin {{ {}{inner}{} }}", open.repeat(depth), close.repeat(depth))
    };
    for depth in [200, 1000, 100_000] {
        survives(&nest("x = (", "1", ")", depth), "parentheses");
        survives(&nest("{", "x = 1", "}", depth), "blocks");
        survives(&nest("", &format!("x = {}1", "- ".repeat(depth)), "", 1), "minus");
        survives(&nest("", &format!("x = {}1", "!".repeat(depth)), "", 1), "not");
        survives(&nest("if (x) { } else ", "x = 1", "", depth), "else if");
        survives(&nest("if (x) ", "x = 1", "", depth), "if");
        survives(&nest("while (x) ", "x = 1", "", depth), "while");
        survives(&nest("x = a[", "1", "]", depth), "indexes");
        survives(&nest("x = 1 ? 2 : ", "3", "", depth), "ternaries");
        survives(&nest("x = ", "3", "", depth), "assignments");
        survives(&nest("", &format!("x = 1{}", " + 1".repeat(depth)), "", 1), "sums");
        survives(&nest("", &format!("x = \"\"{}", " . \"y\"".repeat(depth)), "", 1), "joins");
        survives(&nest("", &format!("x = $a{}", "->b".repeat(depth)), "", 1), "members");
        survives(&nest("%( 1 == 1 %? ", "x = 1", "%)", depth), "conditions");
    }
    let outcome = survives(&nest("(", "1", ")", 1000), "parentheses");
    if !outcome.status.success() {
        outcome.complains(&["nest"]);
    }
}

#[test]
fn macros_that_need_each_other_end() {
    survives("@define a %( @b %) @define b %( @a %) probe begin { println(@a) }", "macros").exits(1);
    let doubling: String = (1..60).map(|i| format!("@define m{i} %( @m{} + @m{} %)\n", i - 1, i - 1)).collect();
    survives(&format!("@define m0 %( 1 %)\n{doubling} probe begin {{ println(@m59) }}"), "doubling").exits(1);
    survives("probe a = b { } probe b = a { } probe a { println(1) }", "aliases").exits(1);
}

#[test]
fn a_script_that_is_not_utf8_is_refused_where_it_is_not() {
    let outcome = systap::run_with_input(&["check", "-"], b"probe begin { println(\"\xff\") }");
    outcome.exits(1).complains(&["cannot read `<stdin>`", "byte 23 is not UTF-8"]);
    // Bytes that are odd but text.
    survives("probe begin { println(\"\0\") }", "NUL");
    survives("\u{feff}probe begin { println(1) }", "a byte order mark");
    survives("probe begin { println(\"\u{1f980}\u{202e}\") x\u{301} = 5 }", "other scripts");
    survives("probe begin { println(1) }\r\nprobe end { println(2) }\r\n", "other ends of lines").exits(0);
}

#[test]
fn a_command_line_that_is_wrong_is_usage() {
    let usage = |args: &[&str], sentences: &[&str]| {
        run(args).exits(2).complains(sentences);
    };
    let exit = "probe begin { exit() }";
    usage(&["run", "-T", "0", "-e", exit], &["-T 0"]);
    usage(&["run", "-T", "soon", "-e", exit], &["soon", "-T"]);
    usage(&["run", "-T", "-1", "-e", exit], &["-T -1"]);
    usage(&["run", "-T", "nan", "-e", exit], &["-T"]);
    usage(&["run", "-T", "inf", "-e", exit], &["-T"]);
    usage(&["run", "-x", "me", "-e", exit], &["me", "-x"]);
    usage(&["run", "-x", "1", "-c", "true", "-e", exit], &["cannot be used with"]);
    usage(&["run", "-D", "MAXMAPENTRIES", "-e", exit], &["-D MAXMAPENTRIES", "NAME=VALUE"]);
    usage(&["run", "-D", "MAXMAPENTRY=5", "-e", exit], &["MAXMAPENTRY", "MAXMAPENTRIES"]);
    usage(&["run", "-D", "MAXMAPENTRIES=0", "-e", exit], &["MAXMAPENTRIES", "0"]);
    usage(&["run", "-D", "MAXMAPENTRIES=many", "-e", exit], &["many"]);
    usage(&["run", "-G", "x", "-e", exit], &["-G x", "NAME=VALUE"]);
    usage(&["run", "--kernel-buffer", "5", "-e", exit], &["4K"]);
    usage(&["run", "--kernel-buffer", "lots", "-e", exit], &["lots"]);
    usage(&["run", "--no-such-option", "-e", exit], &["--no-such-option"]);
    usage(&["run", "--no-such-option", "script.stp"], &["--no-such-option"]);
    usage(&["--no-such-option"], &["--no-such-option"]);
    usage(&["run"], &["nothing to run"]);
    usage(&["check"], &["nothing to check"]);
    usage(&[], &["Usage"]);
    usage(&["check", "--print", "everything", "-e", exit], &["everything"]);
}

#[test]
fn globals_that_cannot_be_set_are_said() {
    let text = "global n = 1, a, s = \"x\" probe begin { a[1] = n; println(a[1], s) exit() }";
    for (setting, sentence) in [("m=5", "`m`"), ("n=five", "five"), ("a=5", "`a`")] {
        let outcome = run(["run", "-G", setting, "-e", text]);
        assert!(matches!(outcome.status.code(), Some(1 | 2)), "{}", outcome.all());
        outcome.complains(&[sentence]);
        assert_eq!(outcome.text(), "");
    }
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

#[test]
fn who_may_not_trace_is_told_so_and_may_still_check() {
    if !can_trace() {
        return;
    }
    let Some(setpriv) = program("setpriv") else { return };
    // The binary may be where `nobody` cannot go.
    let folder = tempfile::Builder::new().prefix("systap-as-nobody").tempdir_in("/tmp").expect("a folder can be made");
    let copy = folder.path().join("systap");
    std::fs::copy(systap::binary(), &copy).expect("the program can be copied");
    let mut open = command("chmod");
    open.arg("a+rx").args([folder.path(), &copy]);
    start(open).wait().is_quiet();
    let as_nobody = |args: &[&str]| {
        let mut nobody = command(&setpriv);
        nobody.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]);
        nobody.arg(&copy).args(args).current_dir("/");
        start(nobody).wait()
    };
    let tracing =
        "probe syscall.getpgrp { println(pid()) } probe kernel.trace(\"sched:sched_switch\") { println($prev->pid) }";
    let outcome = as_nobody(&["run", "-e", tracing]);
    outcome.exits(3).complains(&["systap: ", "help: "]);
    assert_eq!(outcome.text(), "");
    // A warning of what could not be checked is in order.
    as_nobody(&["check", "-e", tracing]).exits(0);
    as_nobody(&["check", "-e", "probe syscall.getpgrp { println(pid()) }"]).is_quiet();
    as_nobody(&["run", "-e", "probe begin { println(\"no kernel needed\") exit() }"]).prints("no kernel needed\n");
}

#[test]
fn help_and_version_are_output() {
    for args in [["--help"], ["--version"], ["-h"], ["-V"]] {
        let outcome = start(systap(args)).wait();
        outcome.is_quiet();
        assert!(outcome.text().contains("systap"), "{}", outcome.all());
    }
    script("probe begin { exit() }").prints("");
}
