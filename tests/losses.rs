//! That loss is told and adds up: what arrived and what was counted as lost is what happened, to the last record.

mod systap;

use systap::{Outcome, calls_line, can_trace, run, script_over_calls};

/// A line for each call, and at the end how many calls the kernel side has seen.
const LINES: &str = "global n
    probe syscall.getpgrp { if (pid() == target()) { n++; printf(\"line %d\\n\", n) } }
    probe end { printf(\"made %d\\n\", n) }";

/// Runs `LINES` over so many calls in each of two threads.
#[track_caller]
fn flood(options: &[&str], calls: u64) -> Outcome {
    let line = calls_line(&format!("getpgrp {calls} 2"));
    let mut args = vec!["run"];
    args.extend_from_slice(options);
    args.extend_from_slice(&["-c", &line, "-e", LINES]);
    run(args)
}

/// How many lines arrived; each is whole, and its number is within what there was.
#[track_caller]
fn arrived(text: &str, most: u64) -> u64 {
    let mut lines = 0;
    for line in text.lines().filter(|line| !line.starts_with("made ")) {
        let number = line.strip_prefix("line ").and_then(|number| number.parse::<u64>().ok());
        assert!(number.is_some_and(|number| (1..=most).contains(&number)), "`{line}` is no line of the script");
        lines += 1;
    }
    lines
}

/// The number of lost records that standard error tells.
fn told(outcome: &Outcome) -> u64 {
    let lost = |line: &str| line.strip_prefix("WARNING: ")?.split_once(" records of ")?.0.parse::<u64>().ok();
    outcome.complaints().lines().filter_map(lost).sum()
}

#[test]
fn what_a_small_buffer_drops_is_told_exactly() {
    if !can_trace() {
        return;
    }
    for size in ["4096", "4K", "64K"] {
        let outcome = flood(&["--kernel-buffer", size], 50_000);
        outcome.exits(0);
        let text = outcome.text();
        assert_eq!(text.lines().last(), Some("made 100000"), "{}", outcome.all());
        let (arrived, lost) = (arrived(&text, 100_000), told(&outcome));
        assert_eq!(arrived + lost, 100_000, "{size}: {arrived} arrived, {lost} lost\n{}", outcome.complaints());
        assert!(arrived > 0);
    }
}

#[test]
fn a_page_is_too_small_for_a_flood() {
    if !can_trace() {
        return;
    }
    // 100,000 records do not pass through 4096 bytes while the reader sleeps between looks: the other tests would test
    // nothing if they did.
    let outcome = flood(&["--kernel-buffer", "4096"], 50_000);
    outcome.exits(0).complains(&["were lost", "--kernel-buffer", "syscall.getpgrp"]);
    assert!(told(&outcome) > 0);
}

#[test]
fn json_tells_the_same_sum() {
    if !can_trace() {
        return;
    }
    let outcome = flood(&["--kernel-buffer", "4096", "--format", "json"], 50_000);
    outcome.is_quiet();
    let text = outcome.text();
    let objects: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).expect("each line is an object")).collect();
    let lines = objects.iter().filter(|object| object["type"] == "output");
    let lines: String = lines.map(|object| object["text"].as_str().expect("a text")).collect();
    let end = objects.last().expect("there is a last line");
    assert_eq!(end["type"], "end", "{end}");
    assert_eq!(end["reason"], "target-ended", "{end}");
    let lost = end["records_lost"].as_u64().expect("a number");
    assert!(lost > 0, "{end}");
    assert_eq!(arrived(&lines, 100_000) + lost, 100_000, "{end}");
    let by_place = end["lost"].as_array().expect("a list").iter().map(|loss| loss["records"].as_u64().unwrap_or(0));
    assert_eq!(by_place.sum::<u64>(), lost, "{end}");
    // Hits are of the whole machine.
    assert!(end["probes"][0]["hits"].as_u64() >= Some(100_000), "{end}");
}

#[test]
fn strict_loss_makes_it_a_failure() {
    if !can_trace() {
        return;
    }
    let outcome = flood(&["--kernel-buffer", "4096", "--strict-loss"], 50_000);
    outcome.exits(5).complains(&["were lost"]);
    assert_eq!(arrived(&outcome.text(), 100_000) + told(&outcome), 100_000);
    // Without a loss it is none.
    flood(&["--kernel-buffer", "16M", "--strict-loss"], 500).is_quiet();
}

#[test]
fn losses_are_told_by_place() {
    if !can_trace() {
        return;
    }
    let text = "global n
        probe syscall.getpgrp {
          if (pid() == target()) {
            n++
            printf(\"a %d\\n\", n)
            printf(\"b %d\\n\", n)
          }
        }
        probe end { printf(\"made %d\\n\", n) }";
    let line = calls_line("getpgrp 50000");
    let outcome = run(["run", "--kernel-buffer", "4096", "-c", &line, "-e", text]);
    outcome.exits(0);
    // The two statements are in lines 5 and 6 of the script.
    for (word, place) in [("a ", ":5:"), ("b ", ":6:")] {
        let arrived = outcome.text().lines().filter(|line| line.starts_with(word)).count() as u64;
        let complaints = outcome.complaints();
        let told = complaints.lines().find(|line| line.contains(place)).and_then(|line| line.split(' ').nth(1));
        let lost = told.map_or(0, |lost| lost.parse::<u64>().expect("a number"));
        assert_eq!(arrived + lost, 50_000, "{word}\n{complaints}");
    }
    assert_eq!(outcome.text().lines().last(), Some("made 50000"));
}

#[test]
fn counts_do_not_depend_on_records() {
    if !can_trace() {
        return;
    }
    // The array is changed in the kernel whether or not the line finds room.
    let text = "global n
        probe syscall.getpgrp { if (pid() == target()) { n[tid()]++; printf(\"%s\\n\", execname()) } }
        probe end { foreach (count = thread in n) all += count; printf(\"made %d\\n\", all) }";
    let line = calls_line("getpgrp 40000 2");
    let outcome = run(["run", "--kernel-buffer", "4096", "-c", &line, "-e", text]);
    outcome.exits(0);
    assert_eq!(outcome.text().lines().last(), Some("made 80000"), "{}", outcome.complaints());
}

#[test]
fn a_fitting_buffer_loses_nothing_and_says_nothing() {
    if !can_trace() {
        return;
    }
    let outcome = flood(&["--kernel-buffer", "64M"], 50_000);
    outcome.is_quiet();
    assert_eq!(arrived(&outcome.text(), 100_000), 100_000);
}

#[test]
fn an_array_that_is_full_is_an_error_that_names_it() {
    if !can_trace() {
        return;
    }
    let text = "global seen[10], n
        probe syscall.getpgrp { if (pid() == target()) { n++; seen[n] = n } }
        probe end { foreach (k in seen) kept++; println(kept) }
        probe error { foreach (k in seen) kept++; printf(\"error %d\\n\", kept) }";
    let outcome = script_over_calls(text, "getpgrp 100");
    outcome.exits(1).complains(&["seen", "10"]);
    assert_eq!(outcome.text(), "error 10\n", "{}", outcome.all());
}

#[test]
fn an_array_that_wraps_keeps_the_newest() {
    if !can_trace() {
        return;
    }
    let text = "global seen%[10], n
        probe syscall.getpgrp { if (pid() == target()) { n++; seen[n] = n } }
        probe end { foreach (k in seen) kept++; printf(\"%d %d\\n\", kept, seen[100]) }";
    script_over_calls(text, "getpgrp 100").prints("10 100\n");
}
