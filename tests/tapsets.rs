//! Packages of tapsets, found and used by scripts: names that keep to their package, conditions, constants, notes on aliases.
//!
//! Must never depend on what packages the machine has: each test makes its own.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

mod systap;

use snapbox::{assert_data_eq, str};
use std::path::Path;
use systap::{Outcome, can_trace, run};

const MANIFEST: &str = "manifest = 1\nsummary = \"s\"\nlicense = \"MIT\"\nversion = \"1.2.0\"\n";

/// Writes a package: its manifest behind the usual lines, and its scripts.
fn package(root: &Path, name: &str, more: &str, scripts: &[(&str, &str)]) {
    let folder = root.join(name);
    std::fs::create_dir_all(folder.join("scripts")).expect("a folder can be made");
    std::fs::write(folder.join("tapset.toml"), format!("[tapset]\nname = \"{name}\"\n{MANIFEST}{more}"))
        .expect("and written to");
    for (file, text) in scripts {
        std::fs::write(folder.join("scripts").join(file), text).expect("and again");
    }
}

fn with(root: &Path, script: &str) -> Outcome {
    run(["run", "-I", root.to_str().expect("its name is text"), "-T", "5", "-e", script])
}

fn refused(root: &Path, script: &str) -> String {
    let outcome = with(root, script);
    outcome.exits(1);
    outcome.complaints()
}

#[test]
fn names_keep_to_their_package() {
    let root = tempfile::tempdir().unwrap();
    package(
        root.path(),
        "one",
        "[constants]\nMOST = 7\nWHO = 'a \"b\" é'\n[tables.state]\n0 = \"running\"\n-1 = \"gone\"\n",
        &[
            (
                "a.stp",
                "global n\nprivate function twice:long (x:long) { return x * 2 }\nfunction one_count:long () { return twice(n) }\n\
                 probe one.start = begin { n += 3; n_seen = n; most = @MOST; who = @WHO; state = state(0) . state(5) . state(-1) }\n",
            ),
            ("b.stp", "function one_other:long () { return twice(n) + one_count() }\n"),
        ],
    );
    let script = "global n = 100, most = 5
        function twice(x) { return x * 1000 }
        probe one.start { println(n, \" \", n_seen, \" \", who, \" \", state, \" \", most) }
        probe end { println(one_count(), \" \", one_other(), \" \", twice(1), \" \", n) }
        probe timer.ms(10) { exit() }";
    with(root.path(), script).exits(0).prints("100 3 a \"b\" é runninggone 7\n6 12 1000 100\n");
    for (script, name) in
        [("probe begin { println(state(0)) }", "state"), ("probe begin { println(twice(1)) }", "twice")]
    {
        let refused = refused(root.path(), script);
        assert!(refused.contains(&format!("there is no function `{name}`")), "{refused}");
    }
    let refused = refused(root.path(), "probe begin { println(@MOST) }");
    assert!(refused.contains("`@MOST`"), "{refused}");
}

#[test]
fn a_package_sees_another_only_if_it_says_so() {
    let root = tempfile::tempdir().unwrap();
    package(root.path(), "base", "", &[("a.stp", "function base_value:long () { return 42 }\n")]);
    package(
        root.path(),
        "with",
        "[dependencies]\nbase = \"1\"\n",
        &[("a.stp", "probe with.start = begin { v = base_value() }\n")],
    );
    package(root.path(), "without", "", &[("a.stp", "probe without.start = begin { v = base_value() }\n")]);
    with(root.path(), "probe with.start { println(v) exit() }").exits(0).prints("42\n");
    package(root.path(), "later", "[dependencies]\nbase = \"^9\"\n", &[("a.stp", "probe later.start = begin {}\n")]);
    package(root.path(), "gone", "[dependencies]\nnowhere = \"1\"\n", &[("a.stp", "probe gone.start = begin {}\n")]);
    package(root.path(), "other", "[kernel]\narch = [\"s390x\"]\n", &[("a.stp", "probe other.start = begin {}\n")]);
    for (name, said) in [
        ("later", "the tapset `later` 1.2.0 needs the tapset `base` ^9, and what is found is 1.2.0"),
        ("gone", "the tapset `gone` 1.2.0 needs the tapset `nowhere` ^1, which is not found here"),
        ("other", "the tapset `other` 1.2.0 has it only for kernels where arch == \"s390x\""),
    ] {
        let refused = refused(root.path(), &format!("probe {name}.start {{ exit() }}"));
        assert!(refused.contains(said), "{refused}");
    }
    let said = refused(root.path(), "probe without.start { println(v) exit() }");
    assert!(said.contains("there is no function `base_value`"), "{said}");
    let line = "`base_value` is of the tapset `base`";
    assert!(said.contains(line) && said.contains("under [dependencies]: base = \"1.2\""), "{said}");
    std::fs::write(root.path().join("base/tapset.toml"), "[tapset]\n").expect("it can be damaged");
    let said = refused(root.path(), "probe begin { println(base_value()) }");
    assert!(
        said.contains("a tapset is left out, since it cannot be read") && said.contains("base/tapset.toml:"),
        "{said}"
    );
}

#[test]
fn what_is_said_of_aliases() {
    let root = tempfile::tempdir().unwrap();
    package(
        root.path(),
        "one",
        "[[script]]\nfile = \"old.stp\"\nwhen = 'function(\"no_such_function\") or kernel < \"2.6\"'\n\
         [[alias]]\nname = \"one.later\"\ndeprecated = { since = \"1.1.0\", use = \"one.start\", gone = \"2.0.0\" }\n\
         [[alias]]\nname = \"one.hidden\"\nstability = \"private\"\n",
        &[
            (
                "a.stp",
                "probe one.start = one.hidden {}\nprobe one.later = one.hidden {}\nprobe one.hidden = begin { v = 1 }\n",
            ),
            (
                "old.stp",
                "probe one.old = kernel.function(\"no_such_function\") {}\nfunction one_old:long () { return 1 }\n",
            ),
        ],
    );
    let said = [
        "probe one.start { println(v) exit() }",
        "probe one.later { println(v) exit() }",
        "probe one.hidden { exit() }",
        "probe one.h* { exit() }",
        "probe one.old { exit() }",
        "probe one.old ?, one.start { println(v) exit() }",
        "probe begin { println(one_old()) }",
        "probe one.strat { exit() }",
    ]
    .map(|script| format!("{script}\n{}", with(root.path(), script).all()));
    assert_data_eq!(
        said.join("\n"),
        str![[r#"
probe one.start { println(v) exit() }
exit status: 0
--- stdout
1

--- stderr

probe one.later { println(v) exit() }
exit status: 0
--- stdout
1

--- stderr
warning[deprecated-alias]: the alias `one.later` is to go
 --> <command line>:1:7
  |
1 | probe one.later { println(v) exit() }
  |       ^^^^^^^^^
  |
  = note: `one` 1.2.0: it is deprecated since 1.1.0, and 2.0.0 has it no longer; use `one.start`

probe one.hidden { exit() }
exit status: 1
--- stdout

--- stderr
error[private-alias]: the alias `one.hidden` is for the scripts of the tapset `one` 1.2.0 only
 --> <command line>:1:7
  |
1 | probe one.hidden { exit() }
  |       ^^^^^^^^^^

probe one.h* { exit() }
exit status: 1
--- stdout

--- stderr
error[unknown-probe-point]: there is no probe point `one`
 --> <command line>:1:7
  |
1 | probe one.h* { exit() }
  |       ^^^

probe one.old { exit() }
exit status: 1
--- stdout

--- stderr
error[alias-not-here]: the alias `one.old` has no probe point on this kernel
 --> <command line>:1:7
  |
1 | probe one.old { exit() }
  |       ^^^^^^^
  |
  = note: the tapset `one` 1.2.0 has it only for kernels where function("no_such_function") or kernel < "2.6", which is not so on this one

probe one.old ?, one.start { println(v) exit() }
exit status: 0
--- stdout
1

--- stderr

probe begin { println(one_old()) }
exit status: 1
--- stdout

--- stderr
error[unknown-function]: there is no function `one_old`
 --> <command line>:1:23
  |
1 | probe begin { println(one_old()) }
  |                       ^^^^^^^
  |
  = note: the tapset `one` 1.2.0 has it only for kernels where function("no_such_function") or kernel < "2.6", which is not so on this one

probe one.strat { exit() }
exit status: 1
--- stdout

--- stderr
error[unknown-probe-point]: there is no probe point `one`
 --> <command line>:1:7
  |
1 | probe one.strat { exit() }
  |       ^^^ did you mean `one.start`?

"#]]
    );
}

#[test]
fn check_looks_at_what_no_script_asks_for_yet() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let bodies =
        [("a", "b = 1"), ("b", "b = nosuch(1)"), ("c", "b = \"a\" + 1"), ("d", "b = @cast(0, \"nostruct\")->x")];
    let aliases = bodies.map(|(name, body)| format!("// {name}\nprobe odd.{name} = timer.s(1) {{ {body} }}\n"));
    package(folder.path(), "odd", "", &[("all.stp", &aliases.concat()), ("broken.stp", "\nprobe odd.e = {")]);
    let path = folder.path().join("odd");
    let outcome = run(["tapset", "check", path.to_str().expect("its name is text")]);
    outcome.exits(1);
    let text = outcome.text();
    for line in [
        "  odd.b: there is no function `nosuch` (line 4)",
        "  odd.c: an operand of `+` must be a long, and this is a string (line 6)",
        "  odd.d: this kernel has no type `nostruct` (line 8)",
    ] {
        assert!(text.lines().any(|known| known == line), "{line}\n{text}");
    }
    assert!(!text.contains("odd.a:"), "{text}");
}

#[test]
fn a_package_that_is_none_is_told_only_to_who_asks() {
    let root = tempfile::tempdir().unwrap();
    package(root.path(), "broken", "[nonsense]\n", &[]);
    package(root.path(), "good", "", &[("a.stp", "probe good.start = begin {}\n"), ("b.stp", "probe good.bad = {")]);
    with(root.path(), "probe good.start { println(1) exit() }").exits(0).prints("1\n");
}

/// Runs the tests of a tapset of this project, those that this kernel can run.
fn own_tests(name: &str) {
    if !can_trace() {
        return eprintln!("skipped: only root can trace");
    }
    let outcome = run(["tapset", "test", name]);
    for line in outcome.text().lines().filter(|line| line.contains("skipped: ")) {
        eprintln!("skipped: {name}: {line}");
    }
    outcome.exits(0);
    assert!(outcome.text().contains(" 0 failed"), "{}", outcome.all());
}

/// One after another: each looks at what all of the machine does.
#[test]
fn the_tests_of_vm_sched_and_net_pass() {
    ["vm", "sched", "net"].into_iter().for_each(own_tests);
}

#[test]
fn a_test_that_fails_fails_and_one_that_cannot_run_is_skipped() {
    if !can_trace() {
        return eprintln!("skipped: only root can trace");
    }
    let root = tempfile::tempdir().unwrap();
    package(
        root.path(),
        "one",
        "",
        &[("a.stp", "// Starts.\nprobe one.start = begin { v = 1 }\nprobe one.other = end {}\n")],
    );
    let tests = root.path().join("one/tests");
    std::fs::create_dir(&tests).unwrap();
    for (name, script, out) in [
        ("good", "// alias: one.start\nprobe one.start { println(v) exit() }", "1\n"),
        ("bad", "probe one.start { println(v) exit() }", "2\n"),
        ("far", "// alias: one.other\n// needs: kernel >= \"99\"\nprobe one.other { }", ""),
        ("with", "// run: echo heard\nprobe one.start { println(v) }", "1\nheard\n"),
    ] {
        std::fs::write(tests.join(name).with_extension("stp"), script).unwrap();
        std::fs::write(tests.join(name).with_extension("out"), out).unwrap();
    }
    let folder = root.path().join("one");
    let outcome = run(["tapset", "test", folder.to_str().unwrap()]);
    outcome.exits(1);
    let said = outcome.text();
    for line in [
        "good ... ok\n",
        "bad ... FAILED\n  expected:\n    2\n  printed:\n    1\n",
        "far ... skipped: this kernel lacks kernel >= \"99\"\n",
        "with ... ok\n",
        "2 passed, 1 failed, 1 skipped; 1 of 2 aliases seen\n",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
    let outcome = run(["tapset", "check", folder.to_str().unwrap()]);
    outcome.exits(0);
    assert!(outcome.text().contains("2 of 2 hold\nwithout a comment: one.other\n"), "{}", outcome.all());
    let outcome = run(["tapset", "info", "vmm"]);
    outcome.exits(1).complains(&["no tapset `vmm` is found here; did you mean `vm`?"]);
}

/// Which alias of what is in the checkout is there on which of the kernels that tests keep, and why others are not.
#[test]
fn the_matrix_of_vm_sched_and_net() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let shelf = root.join("tests/shelf").display().to_string();
    for name in ["vm", "sched", "net"] {
        let folder = root.join("tapsets").join(name).display().to_string();
        let outcome = run(["tapset", "matrix", "--kernel", &shelf, &folder]);
        outcome.exits(0);
        assert_data_eq!(
            outcome.text(),
            snapbox::Data::read_from(&root.join(format!("tests/shelf/{name}.matrix")), None).raw()
        );
    }
}
