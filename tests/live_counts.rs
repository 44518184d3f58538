//! That counts are exact: of calls made by a program that makes a known number of them, whatever else the machine does.
//!
//! Nothing here compares with a count that systap itself made elsewhere.

mod systap;

use std::collections::BTreeMap;

use systap::{calls, calls_line, can_trace, command, program, run, script_over_calls, start};

#[test]
fn calls_of_one_process_are_counted_exactly() {
    if !can_trace() {
        return;
    }
    // A shell asks for its parent once before it becomes the program; that is not the program's call.
    let counting = "global n
        probe syscall.getppid { if (pid() == target() && execname() == \"calls\") n++ }
        probe end { println(n) }";
    script_over_calls(counting, "getppid 10000").prints("10000\n");
}

#[test]
fn returns_from_signal_handlers_are_told_by_name() {
    if !can_trace() {
        return;
    }
    let counting = "global entries, returns, named
        probe syscall.rt_sigreturn { if (pid() == target()) entries++ }
        probe syscall.rt_sigreturn.return { if (pid() == target()) returns++ }
        probe syscall.*.return { if (pid() == target()) named[name]++ }
        probe end { println(entries, \" \", returns, \" \", named[\"rt_sigreturn\"], \" \", named[\"syscall_-1\"]) }";
    script_over_calls(counting, "raise 100").prints("100 100 100 0\n");
}

#[test]
fn an_array_by_process_holds_the_count_of_each() {
    if !can_trace() {
        return;
    }
    let counting = "global n
        probe syscall.getpgrp { n[pid()]++ }
        probe end { println(n[target()]) }";
    script_over_calls(counting, "getpgrp 10000").prints("10000\n");
}

#[test]
fn an_array_by_name_holds_the_count_of_each() {
    if !can_trace() {
        return;
    }
    // No other test uses this name: the array is of all processes that have it.
    let folder = tempfile::tempdir().expect("a folder can be made");
    let copy = folder.path().join("calls-by-name");
    std::fs::copy(calls(), &copy).expect("the program can be copied");
    let line = format!("exec {} getpgrp 10000", copy.display());
    let counting = "global n
        probe syscall.getpgrp { n[execname()]++ }
        probe end { println(n[\"calls-by-name\"]) }";
    run(["run", "-c", &line, "-e", counting]).prints("10000\n");
}

#[test]
fn each_thread_has_its_own_count_and_the_sum_is_exact() {
    if !can_trace() {
        return;
    }
    let counting = "global n, all
        probe syscall.getppid { if (pid() == target() && execname() == \"calls\") { n[tid()]++; all++ } }
        probe end {
          foreach (count = thread in n) { threads++; if (thread == target()) first++; if (count == 5000) full++ }
          printf(\"%d threads, %d full, %d first; %d calls\\n\", threads, full, first, all)
        }";
    // The program makes its calls in threads of their own; the first thread waits for them.
    script_over_calls(counting, "getppid 5000 3").prints("3 threads, 3 full, 0 first; 15000 calls\n");
}

#[test]
fn a_scalar_that_two_cpus_change_at_once_loses_nothing() {
    if !can_trace() {
        return;
    }
    // Added to in three ways, by four threads.
    let counting = "global up, down, by, seen
        probe syscall.getpgrp { if (pid() == target()) { up++; down--; by += 7; seen[cpu()]++ } }
        probe end {
          foreach (count = on in seen) on_cpus += count
          printf(\"%d %d %d %d\\n\", up, down, by, on_cpus)
        }";
    script_over_calls(counting, "getpgrp 20000 4").prints("80000 -80000 560000 80000\n");
}

#[test]
fn a_call_finds_its_own_handler() {
    if !can_trace() {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder can be made");
    let work = folder.path().join("work.sh");
    let text = format!("{0} getppid 1200\n{0} getpgrp 3400\ntrue\n", calls().display());
    std::fs::write(&work, text).expect("the work can be written");
    let counting = "global parent, group, any, turn
        probe syscall.getppid { if (execname() == \"calls\" && ppid() == target()) parent++ }
        probe syscall.getpgrp { if (execname() == \"calls\" && ppid() == target()) group++ }
        probe syscall.getppid, syscall.getpgrp { if (execname() == \"calls\" && ppid() == target()) any[name]++ }
        probe syscall_any {
          if (execname() == \"calls\" && ppid() == target()) turn[syscall_nr]++
        }
        probe end {
          printf(\"%d %d %d %d %d %d\\n\", parent, group, any[\"getppid\"], any[\"getpgrp\"], turn[110], turn[111])
        }";
    // On x86_64 getppid is 110 and getpgrp 111.
    if cfg!(not(target_arch = "x86_64")) {
        eprintln!("skipped: the numbers of calls are those of x86_64");
        return;
    }
    // The shell that runs the two programs is their parent, and the process that systap starts.
    let line = format!("exec sh {}", work.display());
    run(["run", "-c", &line, "-e", counting]).prints("1200 3400 1200 3400 1200 3400\n");
}

#[test]
fn results_of_calls_are_those_of_the_kernel() {
    if !can_trace() {
        return;
    }
    // ENOENT is 2, EFAULT 14, EBADF 9.
    let counting = "global n
        probe syscall.chdir.return { if (pid() == target()) n[retval]++ }
        probe end { printf(\"%d %d %d\\n\", n[-2], n[-14], n[0]) }";
    script_over_calls(counting, "chdir-nowhere 1500").prints("1500 0 0\n");
    script_over_calls(counting, "chdir-null 1600").prints("0 1600 0\n");
    let counting = "global bad, other
        probe syscall.fchdir.return { if (pid() == target()) { if ($return == -9) bad++; else other++ } }
        probe end { printf(\"%d %d\\n\", bad, other) }";
    script_over_calls(counting, "fchdir-bad 1700").prints("1700 0\n");
}

#[test]
fn entries_and_returns_pair_up() {
    if !can_trace() {
        return;
    }
    // None is missed and none is seen twice.
    let counting = "global entered, left, open
        probe syscall.getpgrp { if (pid() == target()) { entered++; open[tid()]++ } }
        probe syscall.getpgrp.return { if (pid() == target()) { left++; open[tid()]-- } }
        probe end {
          foreach (count = thread in open) if (count != 0) unpaired++
          printf(\"%d %d %d\\n\", entered, left, unpaired)
        }";
    script_over_calls(counting, "getpgrp 4000 2").prints("8000 8000 0\n");
}

#[test]
fn aggregates_of_results_are_exact() {
    if !can_trace() {
        return;
    }
    let counting = "global s, by
        probe syscall.fchdir.return { if (pid() == target()) { s <<< $return; by[pid()] <<< $return * 2 } }
        probe end {
          printf(\"%d %d %d %d %d\\n\", @count(s), @sum(s), @min(s), @max(s), @avg(s))
          t = target()
          printf(\"%d %d %d %d %d\\n\", @count(by[t]), @sum(by[t]), @min(by[t]), @max(by[t]), @avg(by[t]))
        }";
    // Each call gives -9, from two threads.
    script_over_calls(counting, "fchdir-bad 2500 2").prints("5000 -45000 -9 -9 -9\n5000 -90000 -18 -18 -18\n");
}

#[test]
fn aggregates_of_values_that_differ_are_exact() {
    if !can_trace() {
        return;
    }
    // The values 1 to 1000, once each: sum 500500, average 500 (and a half, dropped).
    let counting = "global s, n
        probe syscall.getpgrp { if (pid() == target()) { n++; s <<< n } }
        probe end {
          printf(\"%d %d %d %d %d\\n\", @count(s), @sum(s), @min(s), @max(s), @avg(s))
          print(@hist_log(s))
        }";
    let outcome = script_over_calls(counting, "getpgrp 1000");
    outcome.is_quiet();
    let text = outcome.text();
    assert_eq!(text.lines().next(), Some("1000 500500 1 1000 500"), "{}", outcome.all());
    // Powers of two: 1, 2-3, 4-7, ... 512-1000.
    let rows = [(1, 1), (2, 2), (4, 4), (8, 8), (16, 16), (32, 32), (64, 64), (128, 128), (256, 256), (512, 489)];
    for (bucket, count) in rows {
        assert_eq!(row(&text, bucket), Some(count), "row {bucket}\n{}", outcome.all());
    }
    for empty in [0, 1024] {
        assert_eq!(row(&text, empty).unwrap_or(0), 0, "row {empty}\n{}", outcome.all());
    }
}

/// The count in a histogram's row.
fn row(text: &str, bucket: i64) -> Option<u64> {
    text.lines().find_map(|line| {
        let (value, bar) = line.split_once('|')?;
        let is_it = value.trim().parse() == Ok(bucket);
        is_it.then(|| bar.split_whitespace().last()?.parse().ok()).flatten()
    })
}

#[test]
fn a_line_for_each_call_arrives_and_in_order() {
    if !can_trace() {
        return;
    }
    let printing = "global n
        probe syscall.getpgrp { if (pid() == target()) printf(\"%d %d %s\\n\", n++, pid() == target(), execname()) }
        probe end { printf(\"end %d\\n\", n) }";
    let outcome = script_over_calls(printing, "getpgrp 20000");
    outcome.is_quiet();
    let text = outcome.text();
    for (number, line) in text.lines().take(20_000).enumerate() {
        assert_eq!(line, format!("{number} 1 calls"), "{}", outcome.all());
    }
    assert_eq!(text.lines().skip(20_000).collect::<Vec<_>>(), ["end 20000"]);
}

#[test]
fn lines_of_two_threads_all_arrive_once() {
    if !can_trace() {
        return;
    }
    let printing = "global n
        probe syscall.getpgrp { if (pid() == target()) { n[tid()]++; printf(\"%d %d\\n\", tid(), n[tid()]) } }";
    let outcome = run(["run", "--kernel-buffer", "16M", "-c", &calls_line("getpgrp 20000 2"), "-e", printing]);
    outcome.is_quiet();
    let mut next = BTreeMap::<u64, u64>::new();
    for line in outcome.text().lines() {
        let (thread, number) = line.split_once(' ').expect("a line has two words");
        let next = next.entry(thread.parse().expect("a thread is a number")).or_default();
        *next += 1;
        assert_eq!(number, next.to_string(), "lines of one thread come in its order");
    }
    assert_eq!(next.into_values().collect::<Vec<_>>(), [20_000, 20_000]);
}

/// What a process does from its first `execve` on, as tools see it that start a command themselves.
const FROM_EXEC_ON: &str = "global n, on
    probe syscall_any {
      if (pid() == target()) {
        if (on) n[name]++
        if (name == \"execve\") on = 1
      }
    }
    probe end { foreach ([call] in n) printf(\"%s %d\\n\", call, n[call]) }";

/// Counts by name, from lines of a name and a number.
fn by_name(text: &str) -> BTreeMap<String, u64> {
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let name = words.next()?;
        Some((name.to_owned(), words.next()?.parse().ok()?))
    };
    text.lines().filter_map(line).collect()
}

#[test]
fn strace_sees_the_same_calls() {
    let (true, Some(strace)) = (can_trace(), program("strace")) else { return };
    // Whatever calls the program and its libraries make, by name.
    let work = "exec cat /etc/hostname";
    let mut traced = command(strace);
    traced.args(["-f", "-c", "-U", "name,calls", "/bin/sh", "-c", work]);
    let seen = start(traced).wait();
    if !seen.status.success() {
        eprintln!("skipped: strace does not work here: {}", seen.complaints());
        return;
    }
    let outcome = run(["run", "-c", work, "-e", FROM_EXEC_ON]);
    outcome.is_quiet();
    let (mut expected, mut counted) = (by_name(&seen.complaints()), by_name(&outcome.text()));
    // The table ends in a sum; and strace counts calls as they return, which `exit_group` never does.
    expected.remove("total");
    assert_eq!(counted.remove("exit_group"), Some(1), "{}", outcome.all());
    // The first `execve` is the one that systap's count begins after.
    expected.entry("execve".to_owned()).and_modify(|calls| *calls -= 1);
    assert!(expected.values().sum::<u64>() > 30, "too little to compare: {expected:?}");
    assert_eq!(counted, expected);
}

#[test]
fn perf_counts_the_same_calls() {
    let (true, Some(perf)) = (can_trace(), program("perf")) else { return };
    // A program without threads, since how often threads wait for each other differs from run to run; and by its path: while a
    // shell searches PATH, perf counts the same work as 172 calls at one time and as 175 at another.
    let line = "exec /bin/cat /etc/hostname";
    let number = |line: &str| line.split_once(",,raw_syscalls").and_then(|(count, _)| count.parse::<u64>().ok());
    // Where the memory lies differs from run to run, and with it, seldom, a call: of a few pairs of runs one must be equal.
    for left in (0..4).rev() {
        let mut counting = command(&perf);
        counting.args(["stat", "-x,", "-e", "raw_syscalls:sys_enter", "/bin/sh", "-c", line]);
        let seen = start(counting).wait();
        let Some(by_perf) = seen.complaints().lines().find_map(number) else {
            eprintln!(
                "skipped: `perf stat -e raw_syscalls:sys_enter` does not work here: {}",
                seen.complaints().trim()
            );
            return;
        };
        let outcome = run(["run", "-c", line, "-e", FROM_EXEC_ON]);
        outcome.is_quiet();
        let counted = by_name(&outcome.text()).values().sum::<u64>();
        assert!(by_perf > 30, "too little to compare: {by_perf}");
        if counted == by_perf {
            return;
        }
        assert_ne!(left, 0, "{counted} counted, {by_perf} by perf: {}", outcome.all());
    }
}

#[test]
fn what_systap_does_before_it_starts_the_command_is_not_counted() {
    if !can_trace() {
        return;
    }
    // The process exists, and is `target()`, before it becomes the command: what prepares it is systap's work.
    let before = "global n, on
        probe syscall_any {
          if (pid() == target()) {
            if (name == \"execve\") on = 1
            if (!on) n[name]++
          }
        }
        probe end { foreach ([call] in n) printf(\"%s %d\\n\", call, n[call]) }";
    for _ in 0..20 {
        let outcome = run(["run", "-c", "true", "-e", before]);
        outcome.is_quiet();
        let counted = by_name(&outcome.text());
        assert!(!counted.contains_key("rt_sigaction"), "{}", outcome.all());
    }
}
