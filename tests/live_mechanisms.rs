//! That a handler at a function says the same whatever it is attached by: by type where the kernel does that, by kprobes where it
//! refuses, and that what was taken and why is told.

mod systap;

use systap::{calls_line, has_kprobes, run};

/// Both ways: as the kernel lets us, and with attachment by type refused.
const WAYS: [&[&str]; 2] = [&[], &["--no-fentry"]];

fn by(way: &[&str], text: &str, calls: &str) -> systap::Outcome {
    let line = calls_line(calls);
    run([&["run"], way, &["-c", &line, "-e", text]].concat())
}

#[test]
fn an_entry_has_the_parameters() {
    if !has_kprobes() {
        return;
    }
    let text = "global n
        probe kernel.function(\"ksys_read\") { if (pid() == target()) n[$fd, $buf, $count, ppfunc()]++ }
        probe end { println(n[4294967289, 0x1000, 5, \"ksys_read\"] + n[-7, 0x1000, 5, \"ksys_read\"]) }";
    for way in WAYS {
        by(way, text, "read-bad 300").prints("300\n");
    }
}

#[test]
fn a_return_has_what_was_returned_and_the_parameters_of_its_entry() {
    if !has_kprobes() {
        return;
    }
    let text = "global n
        probe kernel.function(\"ksys_read\").return {
          if (pid() == target() && $count == 5 && $buf == 0x1000 && @entry($count) == 5) n[$return]++
        }
        probe end { println(n[-9]) }";
    for way in WAYS {
        by(way, text, "read-bad 300").prints("300\n");
    }
}

/// What does not fit the registers is on the stack.
#[test]
fn the_seventh_parameter_is_found() {
    if !has_kprobes() {
        return;
    }
    let text = "global n, m
        probe kernel.function(\"do_mmap\") { if (pid() == target() && $pgoff == 12345 && $populate[0] < 2) n++ }
        probe kernel.function(\"do_mmap\").return { if (pid() == target() && $pgoff == 12345 && $return > 4096) m++ }
        probe end { println(n, \" \", m) }";
    for way in WAYS {
        by(way, text, "map-far 50").prints("50 50\n");
    }
}

#[test]
fn structures_behind_parameters_are_read() {
    if !has_kprobes() {
        return;
    }
    let text = "global n, m
        probe kernel.function(\"vfs_open\") {
          if (pid() == target() && kernel_string($path->dentry->d_name->name) == \"calls\") n++
        }
        probe kernel.function(\"vfs_open\").return {
          if (pid() == target() && kernel_string($path->dentry->d_name->name) == \"calls\" && !$return) m++
        }
        probe end { println(n == m, \" \", n >= 20) }";
    for way in WAYS {
        by(way, text, "open-self 20").prints("1 1\n");
    }
}

#[test]
fn threads_do_not_mix_their_calls_up() {
    if !has_kprobes() {
        return;
    }
    let text = "global n
        probe kernel.function(\"ksys_read\").return { if (pid() == target() && $count == 5) n[$return, $buf]++ }
        probe end { println(n[-9, 0x1000]) }";
    for way in WAYS {
        by(way, text, "read-bad 2000 4").prints("8000\n");
    }
}

/// A stack begins at the function, whatever runs the handler; at a return with who gets the result.
#[test]
fn a_stack_begins_at_the_function() {
    if !has_kprobes() {
        return;
    }
    let text = "probe kernel.function(\"ksys_read\") {
          if (pid() == target() && $count == 5 && n++ == 0) printf(\"%s %s\\n\", symname(stack(0)), probefunc())
        }
        probe kernel.function(\"ksys_read\").return {
          if (pid() == target() && $count == 5 && m++ == 0) printf(\"%d\\n\", symname(stack(0)) == \"ksys_read\")
        }
        global n, m";
    for way in WAYS {
        by(way, text, "read-bad 10").prints("ksys_read ksys_read\n0\n");
    }
}

#[test]
fn what_was_taken_is_told() {
    if !has_kprobes() {
        return;
    }
    let text = "probe kernel.function(\"ksys_read\") { if (pid() == target() && $count == 5) exit() }";
    let outcome = by(&["-v", "--no-fentry"], text, "read-bad 10");
    outcome.exits(0).complains(&["kernel.function(\"ksys_read\") by a kprobe, not by type (fentry):"]);
}

/// What a handler's own record takes is not probed while the handler runs: each hit that is handled has one within it that is missed. The
/// kernel counts those since Linux 6.7.
#[test]
fn a_hit_within_a_handler_is_told_as_missed_by_probe() {
    if !has_kprobes() {
        return;
    }
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release.split('.').map_while(|number| number.parse::<u32>().ok());
    if (numbers.next(), numbers.next()) < (Some(6), Some(7)) {
        return eprintln!("skipped: before Linux 6.7 a kprobe does not tell what it missed");
    }
    let text = "probe kernel.function(\"ksys_read\") { if (pid() == target() && $count == 5) println(1) }
        probe kprobe.function(\"__bpf_ringbuf_reserve\") { if (execname() == \"calls\") println(2) }";
    let line = calls_line("read-bad 300");
    let outcome = run(["run", "--format", "json", "-c", &line, "-e", text]);
    outcome.exits(0);
    let text = outcome.text();
    let end = text.lines().last().unwrap_or_default();
    let end: serde_json::Value = serde_json::from_str(end).expect("the last line is an object");
    let inner = &end["probes"][1];
    assert_eq!(inner["point"], "kprobe.function(\"__bpf_ringbuf_reserve\")", "{end}");
    assert_eq!((&inner["hits"], &inner["missed"]), (&300.into(), &300.into()), "{end}");
    assert_eq!((&end["probes"][0]["missed"], &end["hits_missed"]), (&0.into(), &300.into()), "{end}");
}

/// Registers are there where the function is attached to by a kprobe, which a handler that asks for one is; parameters stay what they are.
#[test]
fn registers_of_a_function_are_those_of_a_kprobe() {
    if !has_kprobes() {
        return;
    }
    let text = "global n, m
        probe kernel.function(\"ksys_read\") {
          if (pid() == target() && $count == 5 && register(\"rdx\") == 5 && symname(addr()) == \"ksys_read\") n++
        }
        probe kernel.function(\"ksys_read\").return {
          if (pid() == target() && $count == 5 && register(\"rax\") == -9 && $return == -9) m++
        }
        probe end { println(n, \" \", m) }";
    by(&[], text, "read-bad 300").prints("300 300\n");
}

/// Functions of a module, which only the symbols tell: found by pattern, without what the compiler put beside them.
#[test]
fn functions_of_a_module_are_found() {
    if !has_kprobes() {
        return;
    }
    let modules = std::fs::read_to_string("/proc/modules").unwrap_or_default();
    if !modules.lines().any(|line| line.starts_with("overlay ")) {
        return eprintln!("skipped: this kernel has no overlay file system as a module");
    }
    let text = "global n
        probe module(\"overlay\").function(\"ovl_open*\") { if (pid() == target()) n[ppfunc(), pp()]++ }
        probe end { println(n[\"ovl_open\", \"module(\\\"overlay\\\").function(\\\"ovl_open\\\")\"] >= 20) }";
    let outcome = by(&[], text, "open-self 20");
    outcome.prints("1\n");
    assert!(!outcome.complaints().contains("__pfx_"), "{}", outcome.all());
}
