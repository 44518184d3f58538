//! What is printed in which form.

use crate::harness::{Script, calls, can_trace};

#[test]
fn globals_that_nobody_reads_are_printed_at_the_end() {
    if !can_trace() {
        return;
    }
    let text = r#"
        global calls, by_name, last, sizes
        probe syscall.getpgrp {
            if (pid() != target()) next
            calls++
            by_name[execname(), 7]++
            last = execname()
            sizes <<< 4
        }
        probe begin { by_name["other", -1] = 1 }
        probe end { println("end") }
    "#;
    let (_, said) = Script::with(text, calls(12)).run();
    insta::assert_snapshot!(said.text(), @r#"
    end
    calls=12
    by_name["perl",7]=12
    by_name["other",-1]=1
    last="perl"
    sizes @count=12 @min=4 @max=4 @sum=48 @avg=4
    "#);
}

#[test]
fn arguments_of_system_calls_are_shown_as_in_a_program() {
    if !can_trace() {
        return;
    }
    let text = r#"probe syscall.getpgrp { if (pid() == target()) printf("%s(%s)\n", name, argstr) }
        probe syscall.rmdir { if (pid() == target()) printf("%s(%s)\n", name, argstr) }"#;
    let command = systap_runtime::Target::Command("exec perl -e 'syscall(111); rmdir(\"/not\\there\")'".to_owned());
    let (_, said) = Script::with(text, command).run();
    assert_eq!(said.text(), "getpgrp()\nrmdir(\"/not\\there\")\n");
}

#[test]
fn stacks_are_addresses_or_symbols_as_asked() {
    if !can_trace() {
        return;
    }
    let text = r#"probe syscall.getpgrp { if (pid() == target()) { println(backtrace()) print_backtrace() exit() } }"#;
    let (_, said) = Script::with(text, calls(1)).run();
    let mut lines = said.text().lines();
    let addresses: Vec<&str> = lines.next().unwrap().split(' ').collect();
    assert!(addresses.len() > 2 && addresses.iter().all(|address| address.starts_with("0xffff")), "{addresses:?}");
    let symbols: Vec<&str> = lines.collect();
    assert_eq!(symbols.len(), addresses.len());
    assert!(symbols.iter().any(|line| line.contains(" : do_syscall_64+0x")), "{symbols:?}");
    // The probe itself is no part of what it probes.
    assert!(symbols.iter().all(|line| !line.contains("bpf_prog_") && !line.contains("bpf_trace_run")), "{symbols:?}");
}
