//! `systap doc`: every example compiles, every claim holds, and docs/functions.md says what the command says.

mod systap;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use systap::{can_trace, run};
use systap_elaborate::documentation::{Entry, documentation};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/functions.md");

/// What is said of an example that is well written and that cannot be had yet.
const NOT_YET: &[&str] = &["not-run-yet", "no-debug-info", "needs-debug-information"];

/// The program that examples probe by the name `a.out`.
const PROGRAM: &str = "
__attribute__((noinline)) int f(int *value) { return *value + 1; }
int main(void) { int value = 1; return f(&value); }
";

/// Makes `a.out` in a directory; false if there is no compiler.
fn build_program(directory: &Path) -> bool {
    let source = directory.join("a.c");
    std::fs::write(&source, PROGRAM).expect("a file can be written");
    let built = Command::new("cc").args(["-g", "-O0", "-o"]).arg(directory.join("a.out")).arg(&source).status();
    built.is_ok_and(|status| status.success())
}

/// Checks scripts, each in a file of its own, many by one command; gives the files that are wrong and all that was said.
fn wrong(scripts: &[PathBuf], options: &[&str]) -> (BTreeSet<PathBuf>, String) {
    let (mut wrong, mut all) = (BTreeSet::new(), String::new());
    for some in scripts.chunks(60) {
        let mut args: Vec<&str> = vec!["check", "-w", "--format", "json"];
        args.extend(options);
        args.extend(some.iter().map(|path| path.to_str().expect("paths of ours are text")));
        let checked = run(args);
        let said = checked.complaints();
        assert!(checked.status.success() || !said.is_empty(), "{}", checked.all());
        let excused = |line: &&str| NOT_YET.iter().any(|code| line.contains(&format!("\"code\":\"{code}\"")));
        let errors: Vec<&str> = said.lines().filter(|line| !excused(line)).collect();
        let placed = |line: &&&str| some.iter().any(|path| line.contains(&format!("\"{}\"", path.display())));
        let stray: Vec<&&str> = errors.iter().filter(|line| !placed(line)).collect();
        assert!(stray.is_empty(), "an example has errors in the library or in no place: {stray:#?}");
        let named = |path: &&PathBuf| errors.iter().any(|line| line.contains(&format!("\"{}\"", path.display())));
        wrong.extend(some.iter().filter(named).cloned());
        all += &said;
    }
    (wrong, all)
}

#[test]
fn every_example_compiles() {
    if !can_trace() {
        eprintln!("skipped: examples look at the kernel's types, which takes a kernel that shows them");
        return;
    }
    let directory = tempfile::tempdir().expect("a directory can be made");
    let probes_program = |script: &str| script.contains("a.out");
    let has_program = build_program(directory.path());
    if !has_program {
        eprintln!("skipped: examples of programs' code, since there is no C compiler");
    }
    let mut scripts = vec![];
    for (index, entry) in documentation().iter().enumerate() {
        let Some(script) = entry.example_script() else { continue };
        if probes_program(&script) && !has_program {
            continue;
        }
        let path = directory.path().join(format!("{}-{index}.stp", entry.name));
        let program = directory.path().join("a.out").display().to_string();
        std::fs::write(&path, script.replace("a.out", &program)).expect("a file can be written");
        scripts.push(path);
    }
    assert!(scripts.len() > 400, "there are {} examples", scripts.len());
    let (suspects, _) = wrong(&scripts, &[]);
    let suspects: Vec<PathBuf> = suspects.into_iter().collect();
    // Some are for guru mode.
    let (wrong, said) = if suspects.is_empty() { Default::default() } else { wrong(&suspects, &["-g"]) };
    let shown = wrong.iter().fold(String::new(), |mut shown, path| {
        let lines = said.lines().filter(|line| line.contains(&path.display().to_string()));
        let script = std::fs::read_to_string(path).unwrap_or_default();
        _ = writeln!(shown, "{script}\n{}", lines.collect::<Vec<_>>().join("\n"));
        shown
    });
    assert!(wrong.is_empty(), "{} examples do not compile:\n{shown}", wrong.len());
}

#[test]
fn every_claim_holds() {
    let documentation = documentation();
    let claims: Vec<_> = documentation.iter().flat_map(Entry::claims).collect();
    assert!(claims.len() > 40, "there are {} claims", claims.len());
    let mut script = String::from("probe begin {\n");
    for claim in &claims {
        let (expression, value) = (&claim.expression, &claim.value);
        let quoted = expression.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%");
        _ = writeln!(
            script,
            "  try {{ if (({expression}) != ({value})) println(\"{quoted} is \", {expression}) }} catch (m) {{ println(\"{quoted}: \", m) }}"
        );
    }
    script.push_str("  println(\"tried\") exit()\n}\n");
    run(["run", "-e", &script]).prints("tried\n");
}

#[test]
fn the_page_of_functions_is_what_the_command_prints() {
    if !can_trace() {
        eprintln!("skipped: where functions run is found out with the kernel's types");
        return;
    }
    let printed = run(["doc", "--table"]);
    printed.is_quiet();
    if std::env::var("SNAPSHOTS").is_ok_and(|value| value == "overwrite") {
        std::fs::write(PAGE, printed.text()).expect("the page can be written");
    }
    let page = std::fs::read_to_string(PAGE).unwrap_or_default();
    let missing: Vec<&str> = page.lines().filter(|line| !printed.text().lines().any(|other| other == *line)).collect();
    let new: Vec<String> =
        printed.text().lines().filter(|line| !page.lines().any(|other| other == *line)).map(str::to_owned).collect();
    assert!(
        page == printed.text(),
        "docs/functions.md is stale: `SNAPSHOTS=overwrite cargo test -p systap --test doc`\nno longer: {missing:#?}\nnew: {new:#?}"
    );
}

#[test]
fn a_function_is_shown_with_all_that_is_known_of_it() {
    let shown = run(["doc", "syscall_num()"]);
    shown.prints(concat!(
        "syscall_num:long (name:string)\n",
        "  Gives the number of a system call by its name.\n",
        "  Returns  the number in the kernel's table of this machine; -1 if it has no such name.\n",
        "  Side     user, for `syscall_num`\n",
        "  Cost     a record to the user side\n",
        "  Since    systap 0.1.0\n",
        "  Example  println(syscall_num(\"read\"))\n",
    ));
    for (name, line) in [
        ("pid", "  Side     kernel and user\n"),
        ("strpos", "  Side     kernel (from Linux 6.9) and user\n"),
        ("strpos", "  Cost     bounded by the length of a string\n"),
        ("print", "  Cost     a record to the user side\n"),
        ("@task", "@task(pointer)\n"),
        ("syscall.openat", "syscall.*.return\n"),
        ("timer.s(1)", "  Side     kernel and user\n"),
        ("begin", "  Side     user\n"),
        ("panic", "  Side     not here\n"),
    ] {
        let shown = run(["doc", name]);
        shown.is_quiet();
        assert!(shown.text().contains(line), "`{line}` is not in\n{}", shown.text());
    }
}

#[test]
fn unknown_names_get_those_that_are_near() {
    run(["doc", "sbstr"]).exits(1).complains(&["nothing is called `sbstr`: did you mean `substr`?"]);
    run(["doc", "zzzzzz"]).exits(1).complains(&["`systap doc` lists all"]);
    run(["doc", "--man"]).exits(2);
}

#[test]
fn the_list_has_every_name_once() {
    let listed = run(["doc"]);
    listed.is_quiet();
    let text = listed.text();
    for name in ["substr", "task_pid", "@offsetof", "printf", "timer", "panic"] {
        let lines = text.lines().filter(|line| line.split_whitespace().next() == Some(name));
        assert_eq!(lines.count(), 1, "{name} in\n{text}");
    }
}

#[test]
fn man_pages_are_roff() {
    let page = run(["doc", "--man", "substr"]);
    page.is_quiet();
    let text = page.text();
    assert!(text.starts_with(".TH \"SUBSTR\" 3stap"), "{text}");
    for part in
        [".SH NAME\nsubstr \\- Gives a part of a string\n", ".SH SYNOPSIS\n", ".SH DESCRIPTION\n", ".B Returns\n"]
    {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    // Each line is a request that is known, or text.
    let requests = ["TH", "SH", "SS", "nf", "fi", "TP", "B"];
    for line in text.lines().filter_map(|line| line.strip_prefix('.')) {
        assert!(requests.contains(&line.split(' ').next().unwrap_or_default()), ".{line}");
    }
}
