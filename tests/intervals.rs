//! Scripts that print and begin anew: what they read, add up and delete while the kernel side goes on counting. Each sum is
//! compared with the number of calls that were made.

mod systap;

use systap::{can_trace, script_over_calls};

const CALLS: &str = "getpgrp 100000 4";

#[test]
fn an_array_that_is_read_and_deleted_loses_nothing() {
    if !can_trace() {
        return;
    }
    let text = "global n, total
        probe syscall.getpgrp { if (pid() == target()) n[\"calls\"]++ }
        probe timer.ms(1) { foreach (k in n) total += n[k]; delete n }
        probe end { foreach (k in n) total += n[k]; println(total) }";
    script_over_calls(text, CALLS).prints("400000\n");
}

#[test]
fn an_element_that_is_read_and_deleted_loses_nothing() {
    if !can_trace() {
        return;
    }
    let text = "global n, total
        probe syscall.getpgrp { if (pid() == target()) n[1]++ }
        probe timer.ms(1) { total += n[1]; delete n[1] }
        probe end { println(total + n[1]) }";
    script_over_calls(text, CALLS).prints("400000\n");
}

#[test]
fn a_number_that_is_read_and_set_to_zero_loses_nothing() {
    if !can_trace() {
        return;
    }
    let text = "global n, total
        probe syscall.getpgrp { if (pid() == target()) n++ }
        probe timer.ms(1) { total += n; n = 0 }
        probe end { println(total + n) }";
    script_over_calls(text, CALLS).prints("400000\n");
}

#[test]
fn adding_is_adding_however_it_is_written() {
    if !can_trace() {
        return;
    }
    let text = "global a, b, c
        probe syscall.getpgrp { if (pid() == target()) { a = a + 1; b[name] = 2 + b[name]; c = c - 3 } }
        probe end { println(a, \" \", b[\"getpgrp\"], \" \", c) }";
    script_over_calls(text, CALLS).prints("400000 800000 -1200000\n");
}

#[test]
fn deleted_entries_are_gone_until_they_are_counted_again() {
    if !can_trace() {
        return;
    }
    // The calls are over when the last of these runs: what it sees is what the kernel side left.
    let text = "global n, m
        probe syscall.getpgrp { if (pid() == target()) { n[tid()]++; m[tid()] <<< 1 } }
        probe end { foreach (k in n) seen++; delete n; delete m; foreach (k in n) left++; foreach (k in m) left++
                    n[5]++; foreach (k in n) again += n[k]; printf(\"%d %d %d\\n\", seen, left, again) }";
    script_over_calls(text, "getpgrp 1000 4").prints("4 0 1\n");
}

#[test]
fn many_new_keys_in_one_hit_find_room_wherever_the_hit_is() {
    if !can_trace() {
        return;
    }
    // The scheduler's tracepoints are hit with interrupts off, where the kernel's allocator is not refilled.
    let text = "global n
        probe kernel.trace(\"sched_switch\") { for (i = 0; i < 100; i++) n[i]++ }
        probe end { foreach (k in n) keys++; println(keys) }";
    script_over_calls(text, "sched_yield 1000 2").prints("100\n");
}

#[test]
fn an_element_that_is_read_and_set_to_zero_loses_nothing() {
    if !can_trace() {
        return;
    }
    let text = "global n, total
        probe syscall.getpgrp { if (pid() == target()) n[\"calls\"]++ }
        probe timer.ms(1) { total += n[\"calls\"]; n[\"calls\"] = 0 }
        probe end { println(total + n[\"calls\"]) }";
    script_over_calls(text, CALLS).prints("400000\n");
}

#[test]
fn an_array_that_is_deleted_after_one_element_was_read_loses_nothing() {
    if !can_trace() {
        return;
    }
    let text = "global n, total
        probe syscall.getpgrp { if (pid() == target()) n[\"calls\"]++ }
        probe timer.ms(1) { total += n[\"calls\"]; delete n }
        probe end { println(total + n[\"calls\"]) }";
    script_over_calls(text, CALLS).prints("400000\n");
}
