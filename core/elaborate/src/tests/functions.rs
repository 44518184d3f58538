//! Functions: overloads, `next`, what they return, the handlers that call them; and names that are private to a file.

use super::{Ways, blob, check, show, show_files};

#[test]
fn overloads() {
    check(
        "overloads",
        &[
            // By the number of arguments, and by priority, then order.
            "function f() { return 0 }\nfunction f(a) { return a }\nprobe begin { println(f(), f(7)) }",
            "function f(a):2 { return 2 }\nfunction f(a):1 { a++ next }\nfunction f(a) { if (a) next return 3 }\nprobe begin { println(f(1)) }",
            "function f(a) { next }\nprobe begin { f(1) }",
            // Nothing says `next`, so the second is not reached; it is looked at all the same.
            "function f(a) { return 1 }\nfunction f(a) { return \"x\" }\nprobe begin { println(f(1)) }",
            "function f(a:long) { next }\nfunction f(a:string) { return 1 }\nprobe begin { f(1) }",
            // The library's follow if the script's hand on to them.
            "function task_pid(t) { next }\nprobe begin { println(task_pid(1)) }",
            "function task_pid(t) { return \"mine\" }\nprobe begin { println(task_tid(1), task_pid(1)) }",
        ],
    );
}

#[test]
fn what_functions_return() {
    check(
        "what_functions_return",
        &[
            // Nothing, but a place that needs a long gets 0.
            "function f() { }\nprobe begin { f() println(1 + f()) if (f()) next }",
            "function f() { }\nprobe begin { println(f()) }",
            "function f() { }\nprobe begin { println(\"a\" . f()) }",
            "function f(a) { if (a) return; return \"x\" }\nprobe begin { println(f(0)) }",
            "function f(a) { if (a) return 1 return \"x\" }\nprobe begin { println(f(0)) }",
            // Nobody looks at it, so that it need not be anything.
            "function f(a) { return g(a) }\nfunction g(a) { return f(a) }\nprobe begin { f(1) }",
            "function f(a) { return g(a) }\nfunction g(a) { return f(a) }\nprobe begin { println(f(1)) }",
            "function f(a) { return a > 0 ? f(a - 1) : \"done\" }\nprobe begin { println(f(3)) }",
            "function string(a) { return sprint(a) }\nfunction long:long() { return 1 }\nprobe begin { println(string(1), long()) }",
            "probe begin { x = exit() + 1 y = print(1) println(exit(), x, y) }",
        ],
    );
}

#[test]
fn functions_see_the_handler_that_calls_them() {
    check(
        "functions_see_the_handler_that_calls_them",
        &[
            "function name() { return pp() }\nfunction again(x) { return x ? again(x - 1) . name() : pn() }\nprobe begin { println(again(1)) }\nprobe end { println(again(1)) }",
            "function pid_of() { return $prev->pid }\nprobe kernel.trace(\"sched_switch\") { println(pid_of()) }",
            "function pid_of() { return $prev->pid }\nprobe kernel.trace(\"sched_switch\"), begin { println(pid_of()) }",
            "function f(flags) { return flags }\nprobe syscall.openat { println(f(1)) }",
        ],
    );
}

#[test]
fn private_names_are_the_files_own() {
    let first = "private global n = 1\nglobal shared\nprivate function f() { return n }\nprobe begin { println(n, f(), shared) }";
    let second =
        "private n = \"two\"\nprivate function f() { return n . \"!\" }\nprobe end { println(n, f()) shared = 3 }";
    insta::assert_snapshot!(show_files(&[first, second], &blob::kernel(), Ways::default()));
    let third = "probe error { println(f()) shared <<< n }\nglobal shared";
    insta::assert_snapshot!(show_files(&[first, third], &blob::kernel(), Ways::default()));
}

#[test]
fn what_never_runs_need_not_have_types() {
    let unused = "function f(x) { return x . 1 }\nprobe begin { a = b c = a }";
    insta::assert_snapshot!(show(unused));
    insta::assert_snapshot!(show_files(&[unused], &blob::kernel(), Ways { unoptimized: true, ..Ways::default() }));
    // Names must mean something everywhere, and what contradicts itself is wrong everywhere.
    check(
        "what_never_runs_must_have_names",
        &[
            "global a\nfunction f() { g() a[1] = 2 b[3] = 4 $x = 5 }\nprobe begin { a = 1 println(a) }",
            "probe begin { x = 1 x = \"a\" }",
            "probe begin { 1 + 2 x }",
            "function f(a) { return a }\nprobe begin { 1 = 2 x + 1 = 3 f(2)++ f(no) = 4 @defined($x) = 5 }",
        ],
    );
}

#[test]
fn arrays_changed_by_functions_within_a_loop() {
    check(
        "arrays_changed_by_functions_within_a_loop",
        &[
            "global a, b\nfunction f(x) { g(x) }\nfunction g(x) { delete a[x] b[x]++ }\nfunction h() { return a[1] }\nprobe begin { a[1] = 1 foreach (k in a) { f(k) h() } foreach (k in b) { b[h()]; h() } }",
            "global a\nfunction f(n) { foreach (k in a) if (n) f(n - 1) a[n] = 1 }\nprobe begin { f(1) }",
        ],
    );
}
