//! On the running kernel: everything that it has must elaborate, and fast.

use super::{Ways, findings, run_files};
use std::time::Instant;
use systap_diagnostics::Sources;
use systap_ir::program::{Event, Program};
use systap_kernel::Kernel;

/// The program of a script for the running kernel; `None` if that kernel shows no types.
fn program(script: &str) -> Option<Program> {
    let kernel = Kernel::running();
    if let Err(error) = kernel.btf() {
        eprintln!("skipped: {error}");
        return None;
    }
    let mut sources = Sources::default();
    // Some functions are for guru mode only.
    let guru = Ways { guru: true, ..Ways::default() };
    let elaborated = run_files(&[script], &kernel, &mut sources, &[], guru);
    assert_eq!(findings(&elaborated, &sources), "", "{script}");
    Some(elaborated.program)
}

#[test]
fn every_tracepoint_and_its_arguments() {
    let script = "probe kernel.trace(\"*\") { println(pp(), \" \", $$parms) println($$parms$$) }";
    let Some(program) = program(script) else { return };
    assert!(program.probes.len() > 100, "only {} tracepoints", program.probes.len());
    let switch = program.probes.iter().find(|probe| probe.point == "kernel.trace(\"sched_switch\")");
    let Some(Event::Tracepoint { name, arguments, .. }) = switch.map(|probe| &probe.event) else {
        panic!("sched_switch is not among them");
    };
    // preempt, prev, next, and since 5.18 prev_state.
    assert!(name == "sched_switch" && (3..=4).contains(arguments), "{name} has {arguments}");
}

#[test]
fn every_system_call_and_its_arguments() {
    let script =
        "probe syscall.* { println(name, $$parms, argstr) }\nprobe syscall.*.return { println(retstr, $$vars) }";
    let Some(program) = program(script) else { return };
    assert_eq!(program.probes.len(), 2 * Kernel::running().syscalls().iter().len());
}

#[test]
fn every_function_of_the_library() {
    let call = |function: &crate::Signature| {
        let given = |ty: Option<&str>| if ty == Some("string") { "\"a\"" } else { "1" };
        let args: Vec<&str> = function.params.iter().map(|(_, ty)| given(*ty)).collect();
        let call = format!("{}({})", function.name, args.join(", "));
        if function.returns.is_some() { format!("println({call})") } else { call }
    };
    let calls: Vec<String> =
        crate::signatures().iter().filter(|function| !function.name.starts_with("__")).map(call).collect();
    program(&format!("probe begin {{ {} }}", calls.join(" ")));
}

/// Not a measure, but a guard against a pass over all types for each name: a debug build takes some milliseconds.
#[test]
fn a_small_script_takes_little_time() {
    let script = "global n\nprobe kernel.trace(\"sched_switch\") { n[$next->pid, kernel_string($next->comm)]++ }\n\
                  probe timer.s(1) { foreach ([p, c] in n- limit 10) printf(\"%d %s %d\\n\", p, c, n[p, c]) delete n }";
    let start = Instant::now();
    if program(script).is_none() {
        return;
    }
    let took = start.elapsed();
    println!("elaborated in {took:?}");
    assert!(took.as_millis() < 1000, "took {took:?}");
}
