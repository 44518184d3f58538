//! Types, statements, expressions, output.

use super::{check, show};

#[test]
fn types_are_found_wherever_they_are_settled() {
    check(
        "types_are_found_wherever_they_are_settled",
        &[
            // A global's value by a later assignment; a key by a later use.
            "global a, b\nprobe begin { print(a) print(b[1, \"x\"]) }\nprobe end { a = \"s\" b[2, execname()] = 3 foreach ([x, y] in b) print(x) }",
            // Through a function that is defined after its use, and through recursion.
            "probe begin { x = f(\"a\") println(x) println(g(3)) }\nfunction f(s) { return h(s) }\nfunction h(t) { return t }\n\
         function g(n) { if (n < 2) return 1 return n * g(n - 1) }",
            // Annotations, a function without a value, an overload by the number of parameters.
            "function f:string(a:long) { }\nfunction p(x) { println(x) }\nfunction p() { p(\"none\") }\nprobe begin { println(f(1)) p() }",
            // Branches of ?:, both sides of a comparison, catch variables.
            "global g\nprobe begin { x = 1 ? g : \"a\" if (x == y) println(\"same\") y = g try { error(\"no\") } catch (m) { println(m) } }",
            // Aggregates, their values in foreach, initial values.
            "global s, t[10], n = -5, w%[3]\nprobe begin { s <<< n t[1] <<< 2 }\nprobe end { foreach (k in t @sum- limit 2) println(k, @min(t[k]), @variance(t[k], 3)) print(@count(s)) }",
        ],
    );
}

#[test]
fn conflicts_name_the_place_that_settled_the_other_type() {
    check(
        "conflicts_name_the_place_that_settled_the_other_type",
        &[
            "global a\nprobe begin { a = 1 }\nprobe end { a = \"x\" a .= \"y\" println(a . \"z\") }",
            "global a\nprobe begin { a[1] = 1 a[\"x\"] = 2 a[1, 2] = 3 a = 4 b = \"s\" + 1 if (\"s\") b++ }",
            "function f(x:string) { return 1 }\nprobe begin { f(2) s = f(\"a\") . \"b\" strlen(3) }",
            "global s\nprobe begin { s <<< 1 s = 2 s++ println(s) print(s) x = @count(t) y = @sum(s) . \"a\" s[1] <<< 2 }",
            "global n\nprobe begin { n = 1 println(@count(n)) m <<< 1 println(@hist_log(n)) }",
            "probe begin { println(x) y = z z = y if (u == u) next }",
            "global a\nprobe begin { x = a = exit() v = (a <<< 2) }",
        ],
    );
}

#[test]
fn statements() {
    check(
        "statements",
        &[
            "probe begin { for (i = 0; i < 3; i++) { if (i == 1) continue else break } while (1) { next } }",
            "global a, k\nprobe begin { foreach (k in a[*]) println(k) foreach (v = [x, x] in b[1, *] limit 3) println(v) b[1, 2] = 3 a[\"q\"]++ }\nglobal b",
            "global a, b\nprobe begin { a[1, 2] = 3 b = 1 delete a[1, 2] delete a[1, *] delete a delete b if ([1, *] in a) next }",
            "global h, l\nprobe begin { h <<< 3 l <<< 3 }\nprobe end { foreach (v = i in @hist_log(h) limit 4) println(i, v) foreach (i in @hist_linear(l, 0, 10, 2)) println(@hist_linear(l, 0, 10, 2)[i]) }",
            "global m\nprobe begin { try { m = 1 / 0 } catch (text) { println(text) } }\nprobe end { try { next } catch { m++ } }",
            "global a\nprobe begin { x = 5 x -= 2 x <<= 1 x >>= a s = \"a\" s .= \"b\" y = !x && -x || ~x z = +x }",
            "function f() { return } function g(x) { return x } probe begin { f() g(1) }",
            "global a\nprobe begin { foreach (k+ in a) a[k]; foreach (v- = k in a) print(v) foreach (k in a+) { } a[1] = 2 }",
        ],
    );
}

#[test]
fn statements_in_the_wrong_place() {
    check(
        "statements_in_the_wrong_place",
        &[
            "global a\nprobe begin { a[1] = 1 foreach (k in a) { a[k] = 2 delete a[k] a[k]++ } break continue }",
            "function f() { next return 1 }\nprobe begin { f() }",
            "global a\nprobe begin { foreach (k in a @sum-) next foreach (k in nowhere) { undefined_one() } x = a[1, *] delete x delete 5 a[1] = 2 }",
            "global h, g\nprobe begin { h <<< 1 print(@hist_linear(h, 0, 100, 0)) print(@hist_linear(h, 9, 1, 1)) print(@hist_linear(h, 0, 1000, 1)) }\n\
         probe end { g <<< 1 print(@hist_linear(g, 0, 10, 1)) print(@hist_linear(g, 0, 10, 2)) x = @hist_log(g) print(@variance(g)) }",
            "probe begin { if (\"a\" =~ \"b(\") next %{ code %} x = @entry(1) y = @var(\"jiffies\") z = @kderef(8, 1) }",
        ],
    );
}

#[test]
fn output_becomes_formats() {
    check(
        "output_becomes_formats",
        &[
            "probe begin { print(1, \"a\", pid()) println() println(execname(), 2) printd(\"|\", 1, pid(), execname()) printdln(\", \", pid(), tid()) }",
            "probe begin { s = sprint(pid()) t = sprintf(\"%d:%s\", 1, execname()) u = sprintdln(\"-\", 1, pid()) println(s . t . u) }",
            // What is known or made by a format is written in place.
            "probe begin { printf(\"%s|%5s|%d\\n\", sprintf(\"<%x>\", pid()), sprintf(\"%d\", tid()), 7) print(\"a\" . execname() . sprint(cpu())) }",
            "probe begin { printf(\"%-5d|%05x|%+d|%#x|%*d|%.*s|%c%%%p %b %m %M\\n\", 1, 2, 3, 4, 5, 6, 7, \"s\", 8, 9, 10, 11, 12) }",
            "probe begin { log(\"line\") print_backtrace() print_stack(backtrace()) warn(\"w\" . execname()) }",
        ],
    );
}

#[test]
fn bad_formats_are_pointed_at() {
    check(
        "bad_formats_are_pointed_at",
        &[
            "probe begin { printf(\"a %y b\\n\", 1) printf(\"tab\\t%\") printf(\"%d %d\", 1) printf(\"%d\", 1, 2) printf(\"%d %s\", \"x\", 3) }",
            "probe begin { f = \"%d\" printf(f, 1) printd(f, 1, 2) print() printf() printd(\",\", 1) sprint() }",
        ],
    );
}

#[test]
fn functions_of_the_library() {
    check(
        "functions_of_the_library",
        &[
            "probe begin { println(gettimeofday_us(), cpu_clock_ms(0), ctime(), ctime(5), jiffies(), target(), uid(), pexecname()) }",
            "probe begin { println(user_int(1), user_string(2), user_string(2, \"x\"), user_string_n(3, 4), user_string_n(3, 4, \"y\"), kernel_string_n(5, 6), kernel_uint16(7), user_string_quoted(8)) }",
            "probe begin { assert(pid() == 1, \"not init\") println(thread_indent(1), indent(-1), substr(\"abc\", 1, 2), symname(3), bytes_to_string(4)) abort() }",
            "probe begin { pidd() strlen() strlen(\"a\", 2) pid(1) task_pid() printn(1) }",
            // A script's own function goes first.
            "function pid() { return \"mine\" }\nfunction task_pid(t) { return \"mine too\" }\nprobe begin { println(pid(), task_pid(1)) }",
        ],
    );
}

#[test]
fn hundreds_of_levels_are_no_danger() {
    let deep = format!("probe begin {{ println({}1{}) }}", "(1+".repeat(120), ")".repeat(120));
    assert!(show(&deep).starts_with("probe begin"), "{}", show(&deep));
    let chain = format!("probe begin {{ println(1{}) }}", " + 1".repeat(200));
    assert!(show(&chain).starts_with("probe begin"), "{}", show(&chain));
    let blocks = format!("probe begin {} {}", "{ if (1) ".repeat(100), "; }".repeat(99) + "println(1) }");
    assert!(show(&blocks).contains("probe begin"), "{}", show(&blocks));
}
