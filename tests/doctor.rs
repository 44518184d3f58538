//! `systap doctor`: every question is answered once, in each form that the answer has, and what it says of this kernel agrees with
//! what scripts meet.

use std::process::Command;

fn doctor(words: &[&str]) -> (String, Option<i32>) {
    let mut all = vec!["30", env!("CARGO_BIN_EXE_systap"), "doctor"];
    all.extend(words);
    let out = Command::new("timeout").args(all).output().expect("timeout runs");
    (String::from_utf8(out.stdout).expect("it says text"), out.status.code())
}

#[test]
fn every_question_is_answered_in_every_form() {
    let file = std::env::temp_dir().join(format!("systap-doctor-{}", std::process::id()));
    let (text, _) = doctor(&["--report", file.to_str().unwrap()]);
    let (json, _) = doctor(&["--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let report = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    for asked in systap_kernel::capability::Capability::all() {
        let state = json["capabilities"][asked.name()]["state"].as_str().unwrap();
        let word = match state {
            "yes" => "yes ",
            "no" => "no  ",
            _ => "?   ",
        };
        let line = format!("{word} {}: {}", asked.title(), asked.serves());
        assert_eq!(text.lines().filter(|found| *found == line).count(), 1, "{line}\n{text}");
        let line = format!("{} = {state}", asked.name());
        assert_eq!(report.lines().filter(|found| found.starts_with(&line)).count(), 1, "{line}\n{report}");
    }
}

/// A script that probes a function loads where the doctor says that there is a way, and is refused where it says there is none.
#[test]
fn the_answer_about_functions_is_what_a_script_meets() {
    let (json, status) = doctor(&["--format", "json"]);
    if status == Some(3) {
        eprintln!("skipped: this machine does not let us load programs");
        return;
    }
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let has = |name: &str| json["capabilities"][name]["state"] == "yes";
    let script = "probe kernel.function(\"vfs_fsync_range\") { println(1) } probe timer.ms(100) { exit() }";
    let out = Command::new("timeout").args(["30", env!("CARGO_BIN_EXE_systap"), "run", "-e", script]).output().unwrap();
    let ran = out.status.code() == Some(0);
    assert_eq!(ran, has("function-entry") || has("kprobes"), "{}", String::from_utf8_lossy(&out.stderr));
}
