//! Counts are exact, wherever a global lives.

use std::time::Duration;

use systap_runtime::{End, Side};

use crate::harness::{Script, calls, can_trace};

#[test]
fn every_call_is_counted_in_each_kind_of_global() {
    if !can_trace() {
        return;
    }
    let text = r#"
        global scalar, by_pid, by_name, values, one
        probe syscall.getpgrp {
            if (pid() != target()) next
            scalar++
            by_pid[pid()]++
            by_name[execname(), tid()] += 2
            values[execname()] <<< scalar
            one <<< 3
        }
        probe end {
            printf("%d %d %d\n", scalar, by_pid[target()], by_name["perl", target()])
            printf("%d %d %d\n", @count(values["perl"]), @sum(values["perl"]), @max(values["perl"]))
            printf("%d %d\n", @count(one), @sum(one))
        }
    "#;
    let (report, said) = Script::with(text, calls(1000)).run();
    assert_eq!(said.text(), "1000 1000 2000\n1000 500500 1000\n1000 3000\n");
    assert_eq!(report.end, End::TargetEnded);
    let probe = &report.probes[0];
    assert_eq!((probe.side, probe.skipped), (Side::Kernel, 0));
    assert!(probe.hits.unwrap() >= 1000, "other processes may call it too");
    assert_eq!((report.errors, report.lost_records(), report.missed_hits()), (0, 0, 0));
}

#[test]
fn both_sides_add_to_one_global() {
    if !can_trace() {
        return;
    }
    let text = r#"
        global scalar, table, values
        probe begin { scalar = 5 table["perl"] = 7 values <<< -1 }
        probe syscall.getpgrp {
            if (pid() != target()) next
            scalar++
            table[execname()]++
            values <<< 10
        }
        probe end {
            scalar += 100
            table["perl"] += 1000
            values <<< 1000
            printf("%d %d\n", scalar, table["perl"])
            printf("%d %d %d %d\n", @count(values), @sum(values), @min(values), @max(values))
        }
    "#;
    let (_, said) = Script::with(text, calls(100)).run();
    assert_eq!(said.text(), "205 1107\n102 1999 -1 1000\n");
}

#[test]
fn entry_and_return_come_in_pairs() {
    if !can_trace() {
        return;
    }
    let text = r#"
        global begun, took, ended
        probe syscall.getpgrp { if (pid() == target()) begun[tid()] = gettimeofday_ns() }
        probe syscall.getpgrp.return {
            if (!([tid()] in begun)) next
            took <<< gettimeofday_ns() - begun[tid()]
            delete begun[tid()]
            ended++
        }
        probe end { printf("%d %d %d\n", ended, @count(took), @min(took) >= 0) }
    "#;
    let (report, said) = Script::with(text, calls(500)).run();
    assert_eq!(said.text(), "500 500 1\n");
    assert_eq!(report.programs.len(), 2);
}

#[test]
fn a_clock_on_each_cpu_ticks_as_often_as_asked() {
    if !can_trace() {
        return;
    }
    // 250 a second by the `hz` that the harness gives.
    let text =
        "global n probe timer.profile { n[cpu()]++ } probe end { foreach (c+ in n) printf(\"%d %d\\n\", c, n[c]) }";
    let (report, said) = Script { time_limit: Some(Duration::from_secs(1)), ..Script::new(text) }.run();
    let cpus = systap_sys::cpu::online_cpus().unwrap();
    let lines: Vec<Vec<i64>> =
        said.text().lines().map(|line| line.split(' ').map(|n| n.parse().unwrap()).collect()).collect();
    assert_eq!(
        lines.iter().map(|line| line[0]).collect::<Vec<_>>(),
        cpus.iter().map(|c| i64::from(*c)).collect::<Vec<_>>()
    );
    for line in &lines {
        // A virtual CPU that the host gives little time to misses ticks; none may be invented.
        assert!((50..=260).contains(&line[1]), "{lines:?}");
    }
    assert_eq!(report.end, End::TimeLimit);
}
