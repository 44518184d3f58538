//! That what the library says of the current task is what `/proc` says of it: groups, limits, memory.

mod systap;

use std::process::Command;

use systap::{binary, can_trace, has_open_loops, is_emulated, run};

/// Seconds that a process sleeps for, which is looked at meanwhile.
fn nap() -> &'static str {
    if is_emulated() { "5" } else { "0.5" }
}

#[test]
fn facts_of_a_task_are_those_of_proc() {
    if !can_trace() {
        return;
    }
    let text = "probe syscall.nanosleep, syscall.clock_nanosleep {
          if (execname() == \"sleep\" && ppid() == target()) {
            task = task_current()
            printf(\"%d %d %d %d\\n\", pgrp(), sid(), task_rlimit_nofile(task), task_rlimit_cpu(task))
            printf(\"%d %d %d\\n\", proc_mem_size(), proc_mem_txt(), proc_mem_data())
          }
        }";
    // The shell says the same of the sleeping process, in the same order.
    let line = "ulimit -S -n 77; sleep NAP & sleep_pid=$!
                until grep -qE '^(35|230|101|115) ' /proc/$sleep_pid/syscall; do :; done
                echo $(cut -d' ' -f5,6 /proc/$sleep_pid/stat) $(ulimit -S -n) -1 >&2
                echo $(cut -d' ' -f1,4,6 /proc/$sleep_pid/statm) >&2
                wait";
    let outcome = run(["run", "-c", &line.replace("NAP", nap()), "-e", text]);
    let (said, told) = (outcome.text(), outcome.complaints());
    assert!(!said.is_empty(), "{}", outcome.all());
    assert_eq!(said, told, "{}", outcome.all());
}

#[test]
fn the_command_line_environment_and_files_are_those_of_the_process() {
    // Each call walks through memory in loops that can be long.
    if !can_trace() || !has_open_loops() {
        return;
    }
    if is_emulated() {
        return eprintln!("skipped: the verifier takes minutes over so many loops under emulation");
    }
    let text = "probe syscall.nanosleep, syscall.clock_nanosleep {
          if (execname() == \"sleep\" && ppid() == target()) {
            printf(\"%s|%s|%d|%s\\n\", cmdline_arg(0), cmdline_arg(1), strlen(cmdline_arg(2)), cmdline_args(3, -1, \"+\"))
            printf(\"%s|%s|%s\\n\", env_var(\"GREETING\"), env_var(\"EETING\"), env_var(\"LATER\"))
            printf(\"%d %s %d\\n\", task_open_file_handles(task_current()), pid2execname(ppid()), task_prio(pid2task(pid())))
            printf(\"%d\\n\", task_start_time(tid()) / 10000000)
          }
        }";
    // An argument longer than a string can be is cut, and the next is read from where it begins. A line of the environment that is
    // too long may look like another variable in the middle.
    let line = "long=0.$(printf '0%.0s' $(seq 1 1500))
                export GREETING='hello = you' LONG=\"$(printf 'EETING=x%.0s' $(seq 1 400))\" LATER=now
                exec 7</dev/null 9</dev/null
                sleep NAP $long 0.01 0.02 & sleep_pid=$!
                until grep -qE '^(35|230|101|115) ' /proc/$sleep_pid/syscall; do :; done
                echo \"sleep|NAP|511|0.01+0.02\" >&2
                echo \"$GREETING||$LATER\" >&2
                echo $(ls /proc/$sleep_pid/fd | wc -l) $(cat /proc/$$/comm) $(cut -d' ' -f18 /proc/$sleep_pid/stat) >&2
                echo $(cut -d' ' -f22 /proc/$sleep_pid/stat) >&2
                wait";
    let outcome = run(["run", "-c", &line.replace("NAP", nap()), "-e", text]);
    let (said, told) = (outcome.text(), outcome.complaints());
    assert!(!said.is_empty(), "{}", outcome.all());
    assert_eq!(said, told, "{}", outcome.all());
}

#[test]
fn numbers_in_a_namespace_are_those_that_systap_sees_there() {
    if !can_trace() {
        return;
    }
    let text = "probe begin { printf(\"begin %d\\n\", ns_pid()) }
        probe syscall.nanosleep, syscall.clock_nanosleep {
          if (execname() == \"sleep\" && @cast(task_current(), \"task_struct\", \"kernel\")->thread_pid->level > 0) {
            printf(\"sleep %d %d %d %d\\n\", ns_pid(), ns_tid(), ns_ppid(), ns_uid())
            exit()
          }
        }";
    // systap is the first process of its namespace; what it starts says itself which it is.
    let mut within = Command::new("unshare");
    within.args(["--pid", "--fork"]).arg(binary()).args(["run", "-T", "10"]);
    let outcome = within.args(["-c", "echo $$ >&2; exec sleep 0.3", "-e", text]).output().unwrap();
    if String::from_utf8_lossy(&outcome.stderr).contains("unshare failed") {
        eprintln!("skipped: no namespace of processes can be made");
        return;
    }
    let number = String::from_utf8_lossy(&outcome.stderr).trim().to_owned();
    let expected = format!("begin 1\nsleep {number} {number} 1 0\n");
    assert_eq!(String::from_utf8_lossy(&outcome.stdout), expected, "{outcome:?}");
    assert!(number.parse().is_ok_and(|number: u32| (2..20).contains(&number)), "{outcome:?}");
}
