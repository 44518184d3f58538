//! SystemTap's own command line: options, verdicts, statuses, lists.

mod systap;

use std::path::Path;

use systap::{binary, can_trace, command, run, stap, stap_command, start};

fn file(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("it has a folder")).expect("the folder can be made");
    std::fs::write(&path, text).expect("and the file");
    path.display().to_string()
}

#[test]
fn each_pass_prints_what_it_made() {
    let script = "global n[5], s function f(a) { return a . \"!\" } probe begin { n[f(\"x\")] = 1 s <<< 2 exit() }
probe end { foreach (k in n) println(k, @sum(s)) }";
    stap(&["-wp1", "-e", "probe begin { exit() }"])
        .prints("# parse tree dump\nprobe @1\n  point begin\n  body\n    (call exit)\n\n");
    stap(&["-up2", "-w", "-e", script]).prints(
        "# globals\nn[5]:long [string]\ns:stats\n# functions\nf:string (a:string)\n# probes\nbegin\nend\n  # locals\n  k:string\n",
    );
    stap(&["-wp4", "-e", script]).prints("");
    assert!(stap(&["-p3", "-e", script]).exits(0).text().contains("begin"));
    if can_trace() {
        stap(&["-e", script]).prints("x!2\n");
    }
}

#[test]
fn a_pass_that_fails_is_named_and_the_status_is_1() {
    for (args, line) in [
        (["-p5", "-e", "probe begin { "], "Pass 1: parse failed.  [man error::pass1]\n"),
        (["-p5", "-e", ""], "Pass 1: parse failed.  [man error::pass1]\n"),
        (["-p5", "-e", "probe begin { f() }"], "Pass 2: analysis failed.  [man error::pass2]\n"),
        (["-p5", "-e", "probe begin { error(\"no\") }"], "Pass 5: run failed.  [man error::pass5]\n"),
    ] {
        if args[2].contains("error") && !can_trace() {
            continue;
        }
        let outcome = stap(&args);
        outcome.exits(1);
        assert!(outcome.complaints().ends_with(line), "{}", outcome.all());
    }
    // What a later pass would refuse is no business of an earlier one.
    stap(&["-p1", "-e", "probe begin { f() }"]).exits(0);
    stap(&["-vp2", "-e", "probe begin { exit() }"])
        .exits(0)
        .complains(&["Pass 1: parsed", "Pass 2: analyzed script: 1 probe"]);
}

#[test]
fn warnings_are_shown_silenced_or_fatal() {
    let args = |flags: &'static str| [flags, "-e", "probe begin { exit() }", "unused"];
    stap(&args("-p2")).exits(0).complains(&["argument-unused"]);
    stap(&args("-wp2")).is_quiet();
    stap(&args("-Wp2")).exits(1).complains(&["warnings count as errors"]);
    // Who wants to hear of none has none.
    stap(&args("-wWp2")).is_quiet();
}

#[test]
fn what_makes_no_sense_is_refused_with_1_and_what_has_no_effect_is_said() {
    for args in [
        &["-p9", "-e", "probe begin {}"][..],
        &["--nope"],
        &[],
        &["-l", "begin", "-p2"],
        &["-c", "true", "-x5", "-e", "x"],
    ] {
        let outcome = stap(args);
        outcome.exits(1).complains(&["`stap --help` lists the options"]);
    }
    let line = ["-p1", "-k", "--disable-cache", "-B", "X=1", "--rlimit-cpu=5", "-e", "probe begin {}"];
    let outcome = stap(&line);
    outcome.exits(0).complains(&["`-k` has no effect: there is none", "`-B` has no effect"]);
    assert_eq!(outcome.complaints().lines().count(), 3, "{}", outcome.all());
    stap(&["-wp2", "-DMAXSTRINGLEN=4", "-DSTP_NO_OVERLOAD", "-DKRETACTIVE=100", "-e", "probe begin { exit() }"])
        .exits(0);
    stap(&["-wp2", "-DMAXACTION=many", "-e", "probe begin { exit() }"]).exits(1);
    stap(&["-r", "1.2.3", "-p2", "-e", "probe begin { exit() }"]).exits(1).complains(&["no kernel 1.2.3 is installed"]);
    stap(&["--compatible=99", "-p2", "-e", "probe begin { exit() }"]).exits(1);
    stap(&["-p2", "--unprivileged", "-e", "probe timer.profile { next } probe begin { exit() }"])
        .exits(1)
        .complains(&["not-privileged"]);
    stap(&["-p2", "--unprivileged", "-e", "probe timer.s(1), begin { exit() }"]).exits(0);
}

#[test]
fn the_preprocessor_hears_what_the_options_say() {
    let asks = |condition: &str| format!("probe begin {{ %( {condition} %? exit() %: nonsense() %) }}");
    stap(&["-p2", "--compatible=1.7", "-e", &asks("systemtap_v < \"2.0\"")]).exits(0);
    stap(&["-p2", "--unprivileged", "-e", &asks("systemtap_privilege == \"stapusr\"")]).exits(0);
    stap(&["-p2", "-e", &asks("runtime == \"kernel\"")]).exits(0);
    stap(&["-p2", "--bpf", "-e", &asks("runtime == \"bpf\"")]).exits(0);
    stap(&["-gp2", "-e", &asks("guru_mode == 1")]).exits(0);
}

#[test]
fn lists_succeed_if_something_matches() {
    stap(&["-l", "timer.s(5)"]).prints("timer.s(5)\n");
    stap(&["-l", "nothing.of.the.kind"]).exits(1);
    stap(&["-L", "mine", "-E", "probe mine = begin { when = 1 }"]).prints("mine when:long\n");
    stap(&["-l", "begin", "-E", "probe end {}"]).prints("begin\n");
    if can_trace() {
        stap(&["-L", "kernel.trace(\"sched_process_exit\")"]).exits(0);
        let listed = stap(&["-L", "kernel.trace(\"sched_process_*\")"]);
        assert!(
            listed.text().contains("kernel.trace(\"sched_process_fork\") $parent:struct task_struct *"),
            "{}",
            listed.all()
        );
        let listed = stap(&["-l", "syscall.open*"]).text();
        assert!(
            ["syscall.open", "syscall.openat"].iter().all(|call| listed.lines().any(|line| line == *call)),
            "{listed}"
        );
        let listed = stap(&["-L", "syscall.openat"]).text();
        assert!(listed.starts_with("syscall.openat name:string argstr:string dfd:long filename:string"), "{listed}");
    }
    assert!(stap(&["--dump-functions"]).exits(0).text().lines().any(|line| line == "pid:long ()"));
    assert!(
        stap(&["--dump-probe-types"]).exits(0).text().lines().any(|line| line == "timer.ms(number).randomize(number)")
    );
    assert!(stap(&["--dump-probe-aliases"]).exits(0).text().lines().any(|line| line == "syscall.read.return"));
}

#[test]
fn definitions_come_from_tapset_directories() {
    let folder = tempfile::tempdir().expect("a directory can be made");
    let here = folder.path().to_str().expect("its name is text");
    file(
        folder.path(),
        "a.stp",
        "global hits\nfunction twice(x) { hits++ return x * TWO() }\nfunction bad() { return nosuch() }",
    );
    file(folder.path(), "linux/b.stp", "function TWO() { return @two }\nprobe mine.start = begin { when = \"now\" }");
    file(folder.path(), "c.stp", "%{ int x; %}\nfunction in_c:long () %{ STAP_RETVALUE = x; %}");
    file(folder.path(), "wrong.stp", "function wrong( {");
    file(folder.path(), "m.stpm", "@define two %( 2 %)");
    let script = "probe mine.start { println(when, twice(@two), hits) exit() }";
    stap(&["-p2", "-I", here, "-e", script]).is_quiet();
    stap(&["-p2", "-I", here, "-e", "probe begin { println(in_c()) }"]).is_quiet();
    stap(&["-p2", "-e", "function c() %{ %} probe begin { c() }"]).exits(1).complains(&["needs-guru"]);
    stap(&["-p2", "-I", here, "-e", "probe begin { wrong() }"])
        .exits(1)
        .complains(&["tapset-left-out", "unknown-function"]);
    stap(&["-p2", "-I", here, "-e", "probe begin { bad() }"]).exits(1).complains(&["there is no function `nosuch`"]);
    stap(&["-p2", "-I", here, &format!("{here}/a.stp")]).exits(1).complains(&["a file of a tapset"]);
    stap(&["-L", "mine.*", "-I", here]).prints("mine.start when:string\n");
    let mut by_environment = stap_command(&["-p2", "-e", "probe begin { println(twice(2)) }"]);
    by_environment.env("SYSTEMTAP_TAPSET", here);
    start(by_environment).wait().is_quiet();
    if can_trace() {
        run(["run", "-I", here, "-E", "probe end { println(\"end\") }", "-e", script]).prints("now41\nend\n");
    }
}

#[test]
fn under_its_own_name_with_an_rc_file_and_from_a_first_line() {
    let folder = tempfile::tempdir().expect("a directory can be made");
    let link = folder.path().join("stap");
    std::os::unix::fs::symlink(binary(), &link).expect("a link can be made");
    file(folder.path(), "rc", "# always\n-w -D 'MAXACTION=5'\n");
    let named = |args: &[&str]| {
        let mut command = command(&link);
        command.args(args).env("SYSTEMTAP_DIR", folder.path());
        start(command).wait()
    };
    named(&["-p2", "-e", "probe begin { exit() }", "unused"]).is_quiet();
    let script = file(folder.path(), "s.stp", "#! /usr/bin/stap -p2 -g\nprobe begin { println($1) }");
    assert!(named(&["-p2 -g", &script, "5"]).is_quiet().text().starts_with("# probes"));
    named(&["-p2 -g", "-e", "probe begin {}"]).exits(1);
}
