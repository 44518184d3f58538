//! Snapshots of what lowering, optimizing and placing make of scripts.
//!
//! The scripts name only what every kernel has in the same place, so that the snapshots hold on any; those that need the
//! kernel's types are skipped aloud where it does not show them.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test says what it finds, and why it is skipped")]

use systap_diagnostics::Sources;
use systap_elaborate::{Input, elaborate};
use systap_ir::graph::Unit;
use systap_ir::placed::{Capabilities, Placed};
use systap_ir::{lower, optimize, place, text};
use systap_kernel::Kernel;
use systap_syntax::ParseOptions;

fn unit_of(script: &str) -> Unit {
    let mut sources = Sources::default();
    let file = sources.add("test.stp", script);
    let parsed = systap_syntax::parse(&mut sources, file, &ParseOptions::default());
    assert!(!parsed.has_errors(), "{:?}", parsed.diagnostics);
    let elaborated =
        elaborate(Input::new(&[parsed.file], &mut sources, &Kernel::running(), &systap_binary::Programs::default()));
    assert_eq!(elaborated.diagnostics, [], "{script}");
    let mut unit = lower(&elaborated.program).unwrap();
    optimize(&mut unit);
    unit
}

fn placed_of(script: &str) -> Placed {
    place(&unit_of(script), &Capabilities { open_loops: true, ..Capabilities::default() }).unwrap()
}

fn kernel_has_types() -> bool {
    let there = Kernel::running().btf().is_ok();
    if !there {
        eprintln!("skipped: this kernel does not show its types (BTF)");
    }
    there
}

#[test]
fn loops_become_blocks_with_the_locals_they_change() {
    let unit = unit_of(
        "probe begin { s = 0; for (i = 0; i < 10; i++) { if (i == 3) continue; if (i == 7) break; s += i } println(s) }",
    );
    insta::assert_snapshot!(text::unit(&unit));
}

#[test]
fn constants_fold_and_dead_branches_go() {
    let unit = unit_of(
        r#"probe begin { x = 2 + 3 * 4; if (x == 14) println("yes") else println("no"); y = x ? 1 : 2; println(y) }"#,
    );
    insta::assert_snapshot!(text::unit(&unit));
}

#[test]
fn short_circuit_assigns_only_where_it_goes() {
    let unit = unit_of("global g probe begin { a = 1; if (g && (a = 5)) g = a; println(a) }");
    insta::assert_snapshot!(text::unit(&unit));
}

#[test]
fn counting_stays_in_the_kernel_with_a_table_for_each_cpu() {
    if !kernel_has_types() {
        return;
    }
    let placed = placed_of(
        "global n probe syscall.* { n[execname(), pid()]++ } probe end { foreach ([e, p] in n- limit 3) printf(\"%s %d %d\\n\", e, p, n[e, p]) }",
    );
    insta::assert_snapshot!(text::placed(&placed));
}

#[test]
fn what_the_kernel_cannot_do_is_deferred_with_what_it_needs() {
    if !kernel_has_types() {
        return;
    }
    let placed = placed_of(
        r#"global seen probe syscall.read { if (pid() == target()) { name = execname() . ctime(0); seen[name]++; printf("%s %d %d\n", name, tid(), cpu()) } }"#,
    );
    insta::assert_snapshot!(text::placed(&placed));
}

#[test]
fn a_read_that_may_not_happen_travels_with_a_flag() {
    if !kernel_has_types() {
        return;
    }
    let placed = placed_of(
        r#"probe kernel.trace("sched_switch") { s = ctime(cpu()); if (s == "0") s = s . ctime(kernel_int(7)); println(s) }"#,
    );
    insta::assert_snapshot!(text::placed(&placed));
}

#[test]
fn a_read_that_comes_too_late_is_refused() {
    if !kernel_has_types() {
        return;
    }
    let script = r#"probe kernel.trace("sched_switch") { a = strtol(ctime(0), 16); println(kernel_int(a)) }"#;
    let found = place(&unit_of(script), &Capabilities { open_loops: true, ..Capabilities::default() }).unwrap_err();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].code, "must-run-in-kernel");
}

#[test]
fn loops_leave_a_kernel_that_cannot_run_them() {
    if !kernel_has_types() {
        return;
    }
    let script = "global n probe syscall.read { for (i = 0; i < pid(); i++) n += i }";
    let old = place(&unit_of(script), &Capabilities::default()).unwrap();
    let new = place(&unit_of(script), &Capabilities { open_loops: true, ..Capabilities::default() }).unwrap();
    assert_eq!((old.continuations.len(), new.continuations.len()), (1, 0));
    assert!(new.kernel[0].loops && !old.kernel[0].loops);
    // One that follows loops to their end runs those of which it sees it.
    let follows = Capabilities { followed_loops: true, ..Capabilities::default() };
    let left = |script| place(&unit_of(script), &follows).unwrap().continuations.len();
    assert_eq!(left(script), 1);
    assert_eq!(left("global n probe syscall.read { for (i = 0; i < 20 && i < pid(); i++) n += i }"), 0);
}

#[test]
fn a_loop_that_leaves_does_not_take_its_first_element_along_for_all() {
    if !kernel_has_types() {
        return;
    }
    let script = "global a probe begin { a[1] = 5 }
        probe syscall.read { for (i = 1; i <= pid(); i++) n += a[i]; println(n) }";
    let placed = place(&unit_of(script), &Capabilities::default()).unwrap();
    let text = text::placed(&placed);
    let continuation = text.split("user side: continuation").nth(1).unwrap();
    let body = continuation.split("\n\n").next().unwrap();
    assert!(body.contains("= a["), "the element is looked up in each round:\n{text}");
}

#[test]
fn what_a_continuation_writes_is_not_read_in_the_kernel() {
    if !kernel_has_types() {
        return;
    }
    // The entry's string is made on the user side; the return must not look for it before it is there.
    let placed = placed_of(
        r#"global o probe syscall.read { o[tid()] = ctime(cpu()) } probe syscall.read.return { if (tid() in o) println(o[tid()]); delete o[tid()] }"#,
    );
    insta::assert_snapshot!(text::placed(&placed));
}

#[test]
fn strings_are_put_together_in_the_kernel_unless_that_would_lose_a_change() {
    if !kernel_has_types() {
        return;
    }
    let placed = placed_of(
        r#"global n, s probe syscall.read { k = execname() . sprintf("%5d", pid()); n[k]++; if (isinstr(k, "x")) s = substr(k, 0, 4) }"#,
    );
    assert!(placed.continuations.is_empty());
    // 16 bytes of name with the NUL, 21 of a number.
    assert_eq!(placed.globals[1].1, systap_ir::placed::Residence::Text(8));
    // Two CPUs could read the same string and each add its own part.
    for script in [
        r#"global s probe syscall.read { s .= "x" }"#,
        r#"global s, n probe syscall.read { t = s; if (n++) t = t . execname(); s = t }"#,
        r#"global a probe syscall.read { a[cpu()] = a[cpu()] . "x" }"#,
    ] {
        let placed = placed_of(script);
        assert_eq!(placed.continuations.len(), 1, "{script}");
        assert!(placed.continuations[0].reason.0.contains("which is changed by what it was"));
    }
    // Each in its own.
    assert!(placed_of(r#"global a, b probe syscall.read { a = b . "x" }"#).continuations.is_empty());
    // A kernel without open loops joins and measures; it has no digits.
    let old = |script| place(&unit_of(script), &Capabilities::default()).unwrap().continuations.len();
    assert_eq!(old(r#"probe syscall.read { println(strlen(execname() . "x")) }"#), 0);
    assert_eq!(old(r#"global n probe syscall.read { n[sprintf("%d", pid())]++ }"#), 1);
}

#[test]
fn what_can_fail_in_a_try_ends_its_block_also_in_functions_that_are_inlined() {
    let placed = placed_of(
        "global n function f(x) { if (x) error(\"odd\"); return n / x }
        probe syscall.getpgrp { s = 1; try { s = 2; s = f(n) } catch (m) { printf(\"%s %d\", m, s) } }",
    );
    insta::assert_snapshot!(text::placed(&placed));
}
