//! That what the library says of the current task is what `/proc` says of it: groups, limits, memory.

mod systap;

use systap::{can_trace, run};

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
    let line = "ulimit -S -n 77; sleep 0.5 & sleep_pid=$!
                while [ \"$(cat /proc/$sleep_pid/comm)\" != sleep ]; do :; done
                while [ \"$(cut -d' ' -f3 /proc/$sleep_pid/stat)\" != S ]; do :; done
                echo $(cut -d' ' -f5,6 /proc/$sleep_pid/stat) $(ulimit -S -n) -1 >&2
                echo $(cut -d' ' -f1,4,6 /proc/$sleep_pid/statm) >&2
                wait";
    let outcome = run(["run", "-c", line, "-e", text]);
    let (said, told) = (outcome.text(), outcome.complaints());
    assert!(!said.is_empty(), "{}", outcome.all());
    assert_eq!(said, told, "{}", outcome.all());
}
