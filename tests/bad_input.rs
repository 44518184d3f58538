//! Input that is no script, a command line that makes no sense, a user who may not trace: each gets a sentence and a status, at
//! once, and nothing brings systap down.

mod systap;

use std::io::Write;

use systap::{Outcome, can_trace, command, program, run, script, start, systap};

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
    // Any program: systap's own may be too long to be read at all.
    unreadable("/bin/sh".as_ref(), "this is not a script");
    unreadable("/dev/zero".as_ref(), "cannot read `/dev/zero`");
    let empty = folder.path().join("empty.stp");
    std::fs::write(&empty, "").expect("a file can be written");
    unreadable(&empty, "empty.stp` declares nothing");
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
    survives(&"probe begin { x = 1 println(x) }\n".repeat(10_000), "many probes").exits(0);
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
fn a_script_may_have_any_encoding() {
    let outcome = systap::run_with_input(&["run", "-"], b"# caf\xe9\nprobe begin { print(\"\xff\xe9\") exit() }");
    outcome.is_quiet();
    assert_eq!(outcome.stdout, b"\xff\xe9");
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
    usage(&["run", "-D", "MAX MAP=5", "-e", exit], &["-D MAX MAP=5", "NAME=VALUE"]);
    usage(&["run", "-D", "MAXMAPENTRIES=0", "-e", exit], &["MAXMAPENTRIES", "0"]);
    usage(&["run", "-D", "MAXMAPENTRIES=many", "-e", exit], &["many"]);
    usage(&["run", "-G", "x", "-e", exit], &["-G x", "NAME=VALUE"]);
    usage(&["run", "--kernel-buffer", "5", "-e", exit], &["4K"]);
    usage(&["run", "--kernel-buffer", "lots", "-e", exit], &["lots"]);
    usage(&["run", "--suppress-time-limits", "-e", exit], &["-g"]);
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
