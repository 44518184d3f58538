//! What each stage makes of two small scripts, as `check --print` shows it: a change of any of them is seen here.
//!
//! The scripts depend on no fact of the running kernel but the numbers of system calls.

mod systap;

use snapbox::{assert_data_eq, str};
use systap::{can_trace, run};

/// A handler of each side, an array that both touch, and a loop.
const BOTH_SIDES: &str = "global n, limit = 3
probe syscall.getpgrp { if (pid() != limit) n[execname()]++ }
probe end {
  foreach (name in n- limit 2)
    printf(\"%-8s %d\\n\", name, n[name])
}
";

/// A handler that is divided.
const DIVIDED: &str = "global calls
probe syscall.getpgrp {
  calls++
  if (uid() == 0) { text = \"of \" . execname(); println(strlen(text), text) }
}
";

fn shows(form: &str, text: &str) -> String {
    let outcome = run(["check", "--print", form, "-e", text]);
    outcome.is_quiet();
    outcome.text()
}


#[test]
fn ast_of_both_sides() {
    if !can_trace() {
        return;
    }
    assert_data_eq!(shows("ast", BOTH_SIDES), str![]);
}

#[test]
fn ast_of_divided() {
    if !can_trace() {
        return;
    }
    assert_data_eq!(shows("ast", DIVIDED), str![]);
}

#[test]
fn program_of_both_sides() {
    if !can_trace() {
        return;
    }
    assert_data_eq!(shows("program", BOTH_SIDES), str![]);
}

#[test]
fn program_of_divided() {
    if !can_trace() {
        return;
    }
    assert_data_eq!(shows("program", DIVIDED), str![]);
}

#[test]
fn ir_of_both_sides() {
    if !can_trace() {
        return;
    }
    assert_data_eq!(shows("ir", BOTH_SIDES), str![]);
}

#[test]
fn ir_of_divided() {
    if !can_trace() {
        return;
    }
    assert_data_eq!(shows("ir", DIVIDED), str![]);
}

#[test]
fn placed_of_both_sides() {
    if !can_trace() {
        return;
    }
    assert_data_eq!(shows("placed", BOTH_SIDES), str![]);
}

#[test]
fn placed_of_divided() {
    if !can_trace() {
        return;
    }
    assert_data_eq!(shows("placed", DIVIDED), str![]);
}

#[test]
fn bpf_of_both_sides() {
    if !can_trace() {
        return;
    }
    assert_data_eq!(shows("bpf", BOTH_SIDES), str![]);
}

#[test]
fn bpf_of_divided() {
    if !can_trace() {
        return;
    }
    assert_data_eq!(shows("bpf", DIVIDED), str![]);
}

#[test]
fn check_says_where_handlers_run() {
    if !can_trace() {
        return;
    }
    for (text, expected) in [(BOTH_SIDES, "syscall.getpgrp: in the kernel\nend: on the user side\n")] {
        run(["check", "-v", "-e", text]).prints(expected);
    }
    let outcome = run(["check", "-v", "-e", DIVIDED]);
    outcome.is_quiet();
    let text = outcome.text();
    assert!(text.starts_with("syscall.getpgrp: in the kernel\n    from <command line>:4:"), "{text}");
    assert!(text.contains(" on the user side, when the record arrives: "), "{text}");
}

#[test]
fn check_goes_no_further_than_asked() {
    let unknown = "probe begin { println(no_such_function()) }";
    run(["check", "--until", "parse", "-e", unknown]).prints("");
    run(["check", "--until", "resolve", "-e", unknown]).exits(1).complains(&["no_such_function"]);
    run(["check", "-e", unknown]).exits(1).complains(&["no_such_function"]);
    run(["check", "-e", "probe begin { exit() }"]).prints("");
}

#[test]
fn the_examples_pass() {
    if !can_trace() {
        return;
    }
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut examples = 0;
    for entry in std::fs::read_dir(folder).expect("there are examples") {
        let path = entry.expect("a folder can be read").path();
        if path.extension().is_some_and(|extension| extension == "stp") {
            run(["check".as_ref(), path.as_os_str()]).prints("");
            examples += 1;
        }
    }
    assert!(examples > 0);
}
