//! `systap build`: one file that runs where neither script nor tapset is, and that nobody can have changed.

#![allow(clippy::unwrap_used, reason = "a test that fails says where")]

mod systap;

use std::path::Path;

use systap::{can_trace, command, run, systap};

fn write(path: &Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// A script of `one`, which depends on `two`; and loose files.
fn workplace(root: &Path) {
    let manifest = |name: &str, more: &str| {
        format!(
            "[tapset]\nname = \"{name}\"\nversion = \"1.2.0\"\nsummary = \"of a test\"\nlicense = \"MIT\"\nmanifest = 1\n{more}"
        )
    };
    write(&root.join("packages/one/tapset.toml"), &manifest("one", "[dependencies]\ntwo = \"1\"\n"));
    write(&root.join("packages/one/scripts/one.stp"), "probe one.start = begin { answer = two_answer() }\n");
    write(&root.join("packages/two/tapset.toml"), &manifest("two", ""));
    write(&root.join("packages/two/scripts/two.stp"), "function two_answer() { return 42 }\n");
    write(&root.join("packages/three/tapset.toml"), &manifest("three", ""));
    write(&root.join("packages/three/scripts/three.stp"), "function three_answer() { return 3 }\n");
    write(&root.join("loose/m.stpm"), "@define twice(x) %( (2 * (@x)) %)\n");
    write(&root.join("loose/f.stp"), "function loose_answer() { return @twice(4) }\n");
    write(
        &root.join("s.stp"),
        "global g = 1\nprobe one.start { printf(\"%d %d %d %s %d\\n\", answer, loose_answer(), g, @1, argc) exit() }\n",
    );
}

/// Builds in one place and takes everything but the module away.
fn built(root: &Path) -> String {
    workplace(root);
    let module = root.join("out.systap").display().to_string();
    let path = |name: &str| root.join(name).display().to_string();
    let (packages, loose, script) = (path("packages"), path("loose"), path("s.stp"));
    run(["build", "-v", "-I", &packages, "-I", &loose, "-G", "g=7", "-o", &module, &script, "first"])
        .exits(0)
        .complains(&["one 1.2.0", "two 1.2.0"]);
    for gone in ["packages", "loose"] {
        std::fs::remove_dir_all(root.join(gone)).unwrap();
    }
    std::fs::remove_file(root.join("s.stp")).unwrap();
    module
}

#[test]
fn a_module_runs_by_itself() {
    let root = tempfile::tempdir().unwrap();
    let module = built(root.path());
    run(["check", &module]).exits(0).prints("");
    if !can_trace() {
        return eprintln!("skipped: only root can trace");
    }
    run(["run", &module]).exits(0).prints("42 8 7 first 1\n");
    // It may stand alone, and what it is given now comes behind what it was built with.
    run(["run", "-G", "g=9", &module, "second"]).exits(0).prints("42 8 9 first 2\n");
    let mut started = command(&module);
    let folder = systap::binary().parent().unwrap().display().to_string();
    started.env("PATH", format!("{folder}:{}", std::env::var("PATH").unwrap()));
    systap::start(started).wait().exits(0).prints("42 8 7 first 1\n");
}

#[test]
fn nothing_of_this_machine_takes_the_place_of_what_it_has() {
    let root = tempfile::tempdir().unwrap();
    let module = built(root.path());
    // The same names, elsewhere, with other answers.
    let data = root.path().join("data/systap/tapsets/two");
    write(
        &data.join("tapset.toml"),
        "[tapset]\nname = \"two\"\nversion = \"9.0.0\"\nsummary = \"x\"\nlicense = \"MIT\"\nmanifest = 1\n",
    );
    write(
        &data.join("scripts/two.stp"),
        "function two_answer() { return 666 }\nfunction loose_answer() { return 666 }\n",
    );
    let mut checked = systap(["check", "--print", "program", &module]);
    checked.env("XDG_DATA_HOME", root.path().join("data"));
    let outcome = systap::start(checked).wait();
    outcome.exits(0);
    assert!(outcome.text().contains("42") && !outcome.text().contains("666"), "{}", outcome.all());
}

#[test]
fn what_has_been_changed_does_not_run() {
    let root = tempfile::tempdir().unwrap();
    let module = built(root.path());
    let mut bytes = std::fs::read(&module).unwrap();
    let at = bytes.windows(5).position(|window| window == b"first").unwrap();
    bytes[at] = b'F';
    std::fs::write(&module, &bytes).unwrap();
    run(["run", &module]).exits(1).complains(&["has been changed or is cut off"]);
    bytes.truncate(bytes.len() / 2);
    std::fs::write(&module, &bytes).unwrap();
    run(["check", &module]).exits(1).complains(&["has been changed or is cut off"]);
}

#[test]
fn mistakes_are_told_and_leave_no_file() {
    let root = tempfile::tempdir().unwrap();
    let module = root.path().join("out.systap").display().to_string();
    run(["build", "-e", "probe begin { x = }", "-o", &module]).exits(1).complains(&["expected an expression"]);
    run(["build", "-o", &module]).exits(2).complains(&["nothing to build"]);
    run(["build", "-e", "probe begin { exit() }"]).exits(2).complains(&["-o FILE"]);
    run(["build", "--runtime", "module", "-e", "probe begin { exit() }", "-o", &module]).exits(3);
    assert!(!Path::new(&module).exists());
    let script = root.path().join("s.systap");
    write(&script, "probe begin { exit() }\n");
    let script = script.display().to_string();
    run(["build", &script, "-o", &script]).exits(2).complains(&["the script itself"]);
    run(["build", "-e", "probe begin { exit() }", "-o", &module]).exits(0).prints("");
    run(["run", "-e", "probe begin { exit() }", "-o", "/no/such/folder/out"]).exits(2);
    run(["build", "-e", "probe begin { exit() }", "-o", "/no/such/folder/out"]).exits(1).complains(&["cannot write"]);
    run(["fmt", &module]).exits(1).complains(&["it is a module"]);
    run(["run", "-I", &root.path().display().to_string(), &module]).exits(1).complains(&["for `systap build`"]);
}
