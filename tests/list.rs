//! `systap list`: that it shows what a script could probe, sorted, one a line, and with `-v` what a script would get there.

mod systap;

use systap::{Outcome, can_trace, start, systap};

fn list(args: &[&str]) -> Outcome {
    start(systap([&["list"], args].concat())).wait()
}

#[test]
fn points_are_sorted_and_each_can_be_probed() {
    let outcome = list(&["kernel.trace(\"sched_*\")", "timer.profile", "syscall.getp*id"]);
    outcome.exits(0).is_quiet();
    let text = outcome.text();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines.is_sorted() && lines.contains(&"kernel.trace(\"sched_switch\")"), "{text}");
    assert!(lines.ends_with(&["syscall.getpgid", "syscall.getpid", "syscall.getppid", "timer.profile"]), "{text}");
    let script: String = lines.iter().map(|point| format!("probe {point} {{ println(pp()) }}\n")).collect();
    start(systap(["check", "-e", &script])).wait().exits(0);
}

/// A list of all functions names those that their types are known of, without those that are gone since the kernel's start.
#[test]
fn functions_are_listed_by_pattern() {
    if !std::path::Path::new("/sys/kernel/btf/vmlinux").exists() {
        return eprintln!("skipped: this kernel does not describe its types (BTF)");
    }
    let all = list(&["kernel.function(\"*\")"]);
    let some = list(&["kernel.function(\"vfs_re*\")"]);
    let matching: String = all
        .text()
        .lines()
        .filter(|line| line.starts_with("kernel.function(\"vfs_re"))
        .map(|line| format!("{line}\n"))
        .collect();
    some.prints(&matching);
    assert!(matching.contains("kernel.function(\"vfs_read\")\n"), "{matching}");
}

#[test]
fn aliases_of_tapsets_are_listed_by_their_own_names() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let text = "probe mine.tick = timer.s(1) { seconds = gettimeofday_s() }\nprobe mine.other = timer.ms(1) {}\n";
    std::fs::write(folder.path().join("mine.stp"), text).expect("a file can be written");
    let folder = folder.path().display().to_string();
    list(&["-I", &folder, "mine.*"]).prints("mine.other\nmine.tick\n");
    list(&["-v", "-I", &folder, "mine.tick"]).prints("mine.tick\n    seconds: long\n");
}

#[test]
fn what_fires_a_point_and_why_nothing_better_does_is_told() {
    if !can_trace() {
        return;
    }
    let outcome = list(&["-v", "--format", "json", "kernel.function(\"vfs_read\").return"]);
    outcome.exits(0);
    let object: serde_json::Value = serde_json::from_slice(&outcome.stdout).expect("a line of JSON");
    assert_eq!(object["point"], "kernel.function(\"vfs_read\").return");
    assert_eq!(object["variables"][0], serde_json::json!({"name": "$file", "type": "struct file *"}));
    let names = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let refused = object["not"].as_array().expect("an array").iter().map(|one| names(&one["mechanism"]));
    let tried: Vec<_> = refused.chain([names(&object["mechanism"])]).flatten().collect();
    // What was refused, and what was taken instead, are the first of what there is.
    assert!(["fexit", "kretprobe"].starts_with(&tried.iter().map(String::as_str).collect::<Vec<_>>()), "{object}");
}

/// A kernel that is not running tells its points all the same, but not what it lets be done.
#[test]
fn a_recorded_kernel_is_listed() {
    if !can_trace() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    let facts = folder.path().join("facts").display().to_string();
    start(systap(["kernel", "save", &facts])).wait().exits(0);
    let here = list(&["kernel.function(\"vfs_re*\")"]);
    list(&["--kernel", &facts, "kernel.function(\"vfs_re*\")"]).prints(&here.text());
    let there = list(&["-v", "--kernel", &facts, "kernel.trace(\"sched_switch\")"]);
    assert!(there.text().contains("typed tracepoint: that kernel does not run here"), "{}", there.all());
}

#[test]
fn a_pattern_that_matches_nothing_is_an_error_beside_one_that_does() {
    let outcome = list(&["kernel.trace(\"sched_swich\")", "timer.profile"]);
    outcome.exits(1).complains(&["unknown-tracepoint", "did you mean `sched_switch`?"]);
    assert_eq!(outcome.text(), "timer.profile\n");
}

#[test]
fn without_a_pattern_the_forms_are_listed() {
    let outcome = list(&[]);
    outcome.exits(0);
    assert!(outcome.text().lines().any(|line| line == "kernel.function(string).return"), "{}", outcome.text());
}
