//! That a pattern over functions of the kernel counts each exactly and tells them apart, by whatever links the kernel has: one for all,
//! or one for each.

mod systap;

use systap::{has_kprobes, script_over_calls};

/// `sched_yield` is one call of `do_sched_yield`, which has kin under the same first letters.
#[test]
fn each_function_of_a_pattern_is_counted_and_named() {
    if !has_kprobes() {
        return;
    }
    let counting = "global n
        probe kernel.function(\"do_sched_*\") {
          if (pid() == target() && execname() == \"calls\") n[ppfunc(), pp()]++
        }
        probe kernel.function(\"do_sched_*\").return {
          if (pid() == target() && execname() == \"calls\") n[probefunc(), pp()]++
        }
        probe end { foreach ([f, p+] in n) println(f, \" \", p, \" \", n[f, p]) }";
    let outcome = script_over_calls(counting, "sched_yield 5000");
    assert_eq!(
        outcome.text(),
        "do_sched_yield kernel.function(\"do_sched_yield\") 5000\n\
         do_sched_yield kernel.function(\"do_sched_yield\").return 5000\n",
        "{}",
        outcome.all()
    );
}

/// What differs between the functions is asked for by their number, also where the handler goes on outside of the kernel.
#[test]
fn a_handler_that_leaves_the_kernel_still_knows_its_function() {
    if !has_kprobes() {
        return;
    }
    let counting = "global n
        probe kernel.function(\"do_sched_*\") {
          if (pid() == target() && execname() == \"calls\") {
            n[tokenize(ppfunc() . \" x\", \" \")]++
            foreach (f in n) last = f
            if (n[last] == 20) println(last, \" \", n[last])
          }
        }";
    let outcome = script_over_calls(counting, "sched_yield 20");
    assert_eq!(outcome.text().lines().next(), Some("do_sched_yield 20"), "{}", outcome.all());
}

/// The arguments of different functions differ, so a handler that asks for one is made for each function.
#[test]
fn a_handler_that_asks_for_a_parameter_is_made_for_each() {
    if !has_kprobes() {
        return;
    }
    let counting = "global n
        probe kernel.function(\"ksys_re*\") {
          if (pid() == target()) n[ppfunc(), @defined($count) ? 1 : 0]++
        }
        probe end { println(n[\"ksys_read\", 1] > 0, \" \", n[\"ksys_read\", 0]) }";
    script_over_calls(counting, "getppid 1").prints("1 0\n");
}
