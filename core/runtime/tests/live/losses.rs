//! What is delivered and what is counted as lost add up to what happened.

use std::time::Duration;

use systap_runtime::End;

use crate::harness::{Script, calls, can_trace, has_open_loops};

const LINES: &str = r#"
    global calls
    probe syscall.getpgrp { if (pid() == target()) { calls++ printf("call %d of %s\n", calls, execname()) } }
"#;

#[test]
fn with_room_every_line_arrives_in_order() {
    if !can_trace() {
        return;
    }
    let (report, said) = Script { ring_bytes: 16 << 20, ..Script::with(LINES, calls(50_000)) }.run();
    let mut expected = String::new();
    for call in 1..=50_000 {
        expected += &format!("call {call} of perl\n");
    }
    assert!(said.text() == expected, "{}", said.text().lines().last().unwrap_or_default());
    assert_eq!(report.lost_records(), 0);
}

#[test]
fn without_room_what_is_missing_is_counted() {
    if !can_trace() {
        return;
    }
    let (report, said) = Script { ring_bytes: 4096, ..Script::with(LINES, calls(200_000)) }.run();
    let delivered = said.text().lines().count() as u64;
    assert!(report.lost_records() > 1000, "{}", report.lost_records());
    assert_eq!(delivered + report.lost_records(), 200_000);
    let numbers = said.text().lines().map(|line| line.split(' ').nth(1).unwrap().parse::<u64>().unwrap());
    assert!(numbers.is_sorted(), "what arrives is in order");
    assert_eq!(report.lost[0].point, "syscall.getpgrp");
}

/// A target that floods without end: timers, the time limit and the end are served all the same.
#[test]
fn a_flood_starves_nothing() {
    if !can_trace() {
        return;
    }
    let text = r#"
        global calls, ticks
        probe syscall.getpgrp { if (pid() == target()) { calls++ printf("%d\n", calls) } }
        probe timer.ms(10) { ticks++ }
        probe end { printf("calls %d ticks %d\n", calls, ticks) }
    "#;
    let target = systap_runtime::Target::Command("exec perl -e 'syscall(111) while 1'".to_owned());
    let script = Script { time_limit: Some(Duration::from_secs(1)), ..Script::with(text, target) };
    let begun = std::time::Instant::now();
    let (report, said) = script.run();
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(6), "{took:?}");
    assert_eq!(report.end, End::TimeLimit);
    let last = said.text().lines().last().unwrap();
    let words: Vec<&str> = last.split(' ').collect();
    let (calls, ticks): (u64, u64) = (words[1].parse().unwrap(), words[3].parse().unwrap());
    let late = report.probes.iter().find(|probe| probe.point.starts_with("timer")).unwrap().skipped;
    // Each period of the run is a tick or one that came late, however busy the machine is otherwise.
    assert!((95..=took.as_millis() as u64 / 10).contains(&(ticks + late)), "{ticks} + {late} in {took:?}");
    assert!(ticks > 5, "{ticks}");
    let delivered = said.text().lines().count() as u64 - 1;
    // A call that was on its way when probes were detached can be missing in the sum.
    assert!(calls - (delivered + report.lost_records()) <= 1, "{calls} {delivered} {}", report.lost_records());
}

#[test]
fn nothing_is_lost_of_what_comes_before_an_exit() {
    if !can_trace() {
        return;
    }
    let text = r#"
        global n
        probe syscall.getpgrp {
            if (pid() != target()) next
            n++
            printf("%d\n", n)
            if (n == 1000) exit()
        }
        probe end { println("end") }
    "#;
    let (report, said) = Script::with(text, calls(100_000)).run();
    let mut expected: String = (1..=1000).map(|n| format!("{n}\n")).collect();
    expected += "end\n";
    assert!(said.text() == expected, "{} lines", said.text().lines().count());
    assert_eq!((report.end, report.target), (End::Exit, None));
}

/// An exit is a record too: where there is no room for it, the run ends all the same.
#[test]
fn an_exit_or_an_error_without_room_for_its_record_still_ends_the_run() {
    if !can_trace() || !has_open_loops() {
        return;
    }
    for (last, end) in [("exit()", End::Exit), ("error(\"wrong\")", End::Error)] {
        let text = format!(
            r#"probe syscall.getpgrp {{
                if (pid() != target()) next
                for (i = 0; i < 1000; i++) printf("%d\n", i)
                {last}
            }}"#
        );
        let target = systap_runtime::Target::Command("exec perl -e 'syscall(111); sleep 10'".to_owned());
        let script = Script { ring_bytes: 4096, ..Script::with(&text, target) };
        let begun = std::time::Instant::now();
        let (report, said) = script.run();
        assert!(begun.elapsed() < Duration::from_secs(5));
        assert_eq!(report.end, end);
        let sentence = "a run-time error, of which more found no room in the ring";
        assert_eq!(said.sentences(), if end == End::Error { vec![sentence] } else { vec![] });
        // The last loss is that of the record that would have ended the run.
        let delivered = said.text().lines().count() as u64;
        assert_eq!(delivered + report.lost_records(), 1001, "{last}");
    }
}
