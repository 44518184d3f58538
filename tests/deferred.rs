//! That a handler comes to the same wherever it runs: what the kernel side cannot do is done on the user side when the record
//! arrives, with the values of the moment, and conditions before it stay exact.

mod systap;

use systap::{can_trace, has_open_loops, run, script_over_calls};

/// Asserts that `check -v` says of a script that a part of it leaves the kernel.
#[track_caller]
fn leaves_the_kernel(text: &str) {
    let outcome = run(["check", "-v", "-e", text]);
    outcome.is_quiet();
    assert!(outcome.text().contains("on the user side, when the record arrives"), "{}", outcome.all());
}

/// Asserts that all of a script's kernel handlers stay there.
#[track_caller]
fn stays_in_the_kernel(text: &str) {
    let outcome = run(["check", "-v", "-e", text]);
    outcome.is_quiet();
    assert!(!has_open_loops() || !outcome.text().contains("when the record arrives"), "{}", outcome.all());
}

#[test]
fn strings_are_put_together() {
    if !can_trace() {
        return;
    }
    let text = "global n
        probe syscall.getpgrp {
          if (pid() == target()) {
            at = ++n
            if (at % 1000 == 0) {
              s = execname() . \"/\" . sprintf(\"%05d\", at)
              printf(\"%s %d %s %s\\n\", s, strlen(s), substr(s, 6, 3), isinstr(s, \"calls/\") ? \"yes\" : \"no\")
            }
          }
        }
        probe end { println(n) }";
    stays_in_the_kernel(text);
    let expected = "calls/01000 11 010 yes\ncalls/02000 11 020 yes\ncalls/03000 11 030 yes\n3000\n";
    script_over_calls(text, "getpgrp 3000").prints(expected);
}

#[test]
fn loops_whose_rounds_are_counted_run_in_the_kernel_of_every_kernel() {
    if !can_trace() {
        return;
    }
    // What each prints is reckoned by hand.
    for (statements, expected) in [
        ("for (i = 0; i < 10; i++) s += i; println(s)", "45"),
        ("for (i = 0; i < 3000; i++) s += i; println(s)", "4498500"),
        ("for (i = 10; i > 0; i -= 3) s = s * 100 + i; println(s)", "10070401"),
        ("n = 6; while (n--) s++; println(s, \" \", n)", "6 -1"),
        ("for (i = 0; i < 30; i++) for (j = 0; j < 30; j++) if ((i ^ j) & 1) s++; println(s)", "450"),
        ("for (i = 0; i < 20 && i < 12 + zero; i++) s += i; println(s, \" \", i)", "66 12"),
        ("for (i = 0; i < 20; i++) { if (i == 5 + zero) break; if (i == 3 + zero) continue; s += i } println(s)", "7"),
        // Many ways through a round, which must not be as many again in the next.
        (
            "for (i = 0; i < 40; i++) { if (i % (zero + 3)) s++; else if (i % (zero + 2)) s += 3; if (s % 3) k = s } println(s, \" \", k)",
            "47 47",
        ),
        ("for (i = 0; i < 5; i++) seen[i] = i * i; for (i = 0; i < 5; i++) s += seen[i]; println(s)", "30"),
        ("for (i = 0; i < 3; i++) { printf(\"%d,\", i) } println()", "0,1,2,"),
    ] {
        let text = format!(
            "global zero = 0, seen, s = 0, k = 0
            probe nd_syscall.sched_yield {{ if (pid() != target()) next; {statements} }}
            probe begin {{ seen[9] = 0; if (seen[9] + zero + s + k) println(\"odd\") }}"
        );
        let checked = run(["check", "-v", "-e", &text]);
        assert!(!checked.text().contains("when the record arrives"), "{}", checked.all());
        script_over_calls(&text, "sched_yield 1").prints(&format!("{expected}\n"));
    }
}

#[test]
fn a_number_that_the_handler_has_just_changed_is_still_the_same_on_the_user_side() {
    if !can_trace() {
        return;
    }
    // By the time that the record arrives, other calls have changed it again.
    let text = "global n
        probe syscall.getpgrp {
          if (pid() == target()) {
            n++
            if (n % 1000 == 0) { s = execname() . \"/\" . sprintf(\"%#s%d\", \"\", n); if (strlen(s) > 2) println(s) }
          }
        }
        probe end { println(n) }";
    leaves_the_kernel(text);
    script_over_calls(text, "getpgrp 3000").prints("calls/1000\ncalls/2000\ncalls/3000\n3000\n");
}

#[test]
fn a_string_that_was_put_together_can_be_a_key() {
    if !can_trace() {
        return;
    }
    let text = "global n
        probe syscall.getpgrp { if (pid() == target()) n[execname() . \":\" . sprintf(\"%d\", tid() != pid())]++ }
        probe end { foreach (key in n) printf(\"%s %d\\n\", key, n[key]) }";
    stays_in_the_kernel(text);
    let line = systap::calls_line("getpgrp 3000 2");
    run(["run", "-c", &line, "-e", text]).prints("calls:1 6000\n");
}

#[test]
fn a_sorted_walk_inside_a_handler_sees_the_array() {
    if !can_trace() {
        return;
    }
    let text = "global a, n
        probe begin { a[\"one\"] = 1; a[\"three\"] = 3; a[\"two\"] = 2 }
        probe syscall.getpgrp {
          if (pid() == target() && ++n == 700) {
            foreach (key in a- limit 2) printf(\"%s %d\\n\", key, a[key])
            foreach (key+ in a) printf(\"%s\\n\", key)
          }
        }
        probe end { println(n) }";
    leaves_the_kernel(text);
    script_over_calls(text, "getpgrp 1000").prints("three 3\ntwo 2\none\nthree\ntwo\n1000\n");
}

#[test]
fn recursion_runs_wherever_it_is_called() {
    if !can_trace() {
        return;
    }
    let text = "function factorial:long (n:long) { if (n < 2) return 1; return n * factorial(n - 1) }
        global n
        probe syscall.getpgrp { if (pid() == target() && ++n == 3) println(factorial(10)) }
        probe end { println(n) }";
    leaves_the_kernel(text);
    script_over_calls(text, "getpgrp 1000").prints("3628800\n1000\n");
}

#[test]
fn facts_of_the_moment_are_those_of_the_moment() {
    if !can_trace() {
        return;
    }
    // What is read after the division is read in the kernel nevertheless: it is the caller's, not systap's.
    let text = "global wrong, n, last
        probe syscall.getpgrp {
          if (pid() == target()) {
            s = \"of \" . sprintf(\"%#s\", execname())
            n++
            if (pid() != target() || tid() == pid() || uid() != 0 || s != \"of calls\") wrong++
            now = gettimeofday_ns()
            if (now <= last) wrong++
            last = now
          }
        }
        probe end { printf(\"%d %d\\n\", n, wrong) }";
    leaves_the_kernel(text);
    script_over_calls(text, "getpgrp 2000").prints("2000 0\n");
}

#[test]
fn a_condition_before_the_division_costs_no_record() {
    if !can_trace() {
        return;
    }
    // A page holds few records, and a flood of calls that the condition refuses would fill it if they cost one each.
    let text = "global n
        probe syscall.getpgrp {
          if (pid() == target()) {
            n++
            if (n == 50000) println(substr(sprintf(\"%#s\", \"at \") . execname(), 1, 20))
          }
        }";
    leaves_the_kernel(text);
    let line = systap::calls_line("getpgrp 50000");
    run(["run", "--kernel-buffer", "4096", "-c", &line, "-e", text]).prints("t calls\n");
}

#[test]
fn results_and_arguments_reach_the_user_side() {
    if !can_trace() {
        return;
    }
    let text = "global n
        probe syscall.chdir { if (pid() == target() && n[0]++ == 0) println(name . \"(\" . argstr . \")\") }
        probe syscall.chdir.return { if (pid() == target() && n[1]++ == 0) println(name . \" = \" . retstr) }
        probe end { printf(\"%d %d\\n\", n[0], n[1]) }";
    let expected = "chdir(\"/no/such/place\")\nchdir = -2 (ENOENT)\n2000 2000\n";
    script_over_calls(text, "chdir-nowhere 2000").prints(expected);
}

#[test]
fn both_sides_reckon_alike() {
    if !can_trace() {
        return;
    }
    // The same function over the same numbers: once in the kernel, with what it knows only at the time, once in `begin`.
    let function = "function mix:long (a:long, b:long) {
          r = a * 31 + b
          r = r ^ (r >> 7) ^ (r << 9)
          if (b != 0) r += a / b - a % b
          r = r + ((a < b) ? 17 : -17) + (a & b) - (a | 5) + ~b + !a + (b >>> 3)
          return r - (a >= b) * 3 + (a == b || a > 100 && b < 0)
        }";
    let values = [0_i64, 1, -1, 2, -7, 12345, -98765, i64::MAX, i64::MIN, i64::MIN + 1, 1 << 40];
    let mut tables = String::new();
    for (index, a) in values.iter().enumerate() {
        tables += &format!("v[{index}] = 0x{a:x}\n");
    }
    let count = values.len();
    let text = format!(
        "{function}
        global v, at, n
        probe begin {{ {tables} }}
        probe syscall.getpgrp {{
          if (pid() == target()) {{ at[n] = mix(v[n / {count}], v[n % {count}]); n++ }}
        }}
        probe end {{
          for (i = 0; i < n; i++) {{
            user = mix(v[i / {count}], v[i % {count}])
            if (at[i] != user) {{ printf(\"%d: %d %d\\n\", i, at[i], user); wrong++ }}
          }}
          printf(\"%d %d\\n\", n, wrong)
        }}"
    );
    stays_in_the_kernel(&text);
    script_over_calls(&text, "getpgrp 121").prints("121 0\n");
    // And one of them against this language's own arithmetic.
    let text = format!("{function} probe begin {{ println(mix(12345, -7)) exit() }}");
    let (a, b) = (12345_i64, -7_i64);
    let r = a * 31 + b;
    let r = r ^ (r >> 7) ^ (r << 9);
    let r = r + (a / b - a % b);
    let r = r - 17 + (a & b) - (a | 5) + !b + ((b as u64) >> 3) as i64;
    let expected = r - 3 + 1;
    systap::script(&text).prints(&format!("{expected}\n"));
}

#[test]
fn a_handler_may_have_many_conditions() {
    if !can_trace() {
        return;
    }
    // 80 conditions, none of which the verifier can foretell: it must not try all ways through them.
    let conditions: String = (0..80).map(|i| format!("if (x & {}) y += {}\n", 1_u64 << (i % 60), i + 3)).collect();
    let text = format!(
        "global n
        probe syscall.getpgrp {{
          if (pid() == target()) {{ x = (pid() - target()) ^ 0x5555555555555555; {conditions} n = y }}
        }}
        probe end {{ println(n) }}"
    );
    let expected: u64 = (0..80).filter(|i| (i % 60) % 2 == 0).map(|i| i + 3).sum();
    script_over_calls(&text, "getpgrp 10").prints(&format!("{expected}\n"));
}

#[test]
fn strings_compare_alike_on_both_sides() {
    if !can_trace() {
        return;
    }
    let compare =
        "(e == \"calls\") . (e != \"calls\") . (e < \"calm\") . (e > \"call\") . (e <= \"calls\") . (e >= \"callsx\")";
    let sum = compare.replace(" . ", " * 2 + ");
    let nest = format!(
        "global r, n
        probe syscall.getpgrp {{
          if (pid() == target()) {{ n++; e = execname(); r = {} }}
        }}
        probe end {{ e = \"calls\"; printf(\"%d %d %d\\n\", n, r, {}) }}",
        weigh(&sum),
        weigh(&sum)
    );
    stays_in_the_kernel(&nest);
    // true, false, true, true, true, false in binary.
    script_over_calls(&nest, "getpgrp 500").prints(&format!("500 {0} {0}\n", 0b10_1110));
}

/// Adds the terms of `a * 2 + b * 2 + ...` by weight of their place, the first being the heaviest.
fn weigh(sum: &str) -> String {
    let terms: Vec<_> = sum.split(" * 2 + ").collect();
    let weighed = terms.iter().rev().enumerate().map(|(place, term)| format!("({term}) * {}", 1 << place));
    weighed.collect::<Vec<_>>().join(" + ")
}

#[test]
fn aggregates_are_asked_in_the_kernel() {
    // Without open loops they are asked when the record arrives, and tell of later hits too.
    if !can_trace() || !has_open_loops() {
        return;
    }
    // The values of all CPUs together, and of other threads: what is asked at the end holds in between too.
    let text = "global all, each, n, wrong
        probe syscall.getpgrp {
          if (pid() == target()) {
            all <<< n++ - 1500
            each[n & 3] <<< n
            if (@count(all) < 1 || @max(all) < @min(all) || @count(each[7]) || @sum(each[7])) wrong++
            if (@avg(all) < @min(all)) wrong++
            if (@count(all) == 3000) printf(\"%d %d %d %d %d|%d %d %d\\n\", @count(all), @sum(all), @min(all), @max(all), @avg(all),
              @count(each[1]), @min(each[1]), @max(each[1]))
          }
        }
        probe end { println(wrong) }";
    stays_in_the_kernel(text);
    script_over_calls(text, "getpgrp 3000").prints("3000 -1500 -1500 1499 0|750 1 2997\n0\n");
    // An average may be asked for between the count and the sum of another CPU's value.
    let threads = text.replace("if (@count(all) == 3000)", "if (0)").replace("if (@avg(all)", "if (0 && @avg(all)");
    script_over_calls(&threads, "getpgrp 2000 4").prints("0\n");
    // An empty one is the error that it is on the user side.
    let empty = "global a probe syscall.getpgrp { if (pid() == target()) { println(@count(a[1])); println(@max(a[1])); a[1] <<< 1 } }";
    stays_in_the_kernel(empty);
    script_over_calls(empty, "getpgrp 1").exits(1).complains(&["empty aggregate", "@max(a[1])"]);
}

#[test]
fn an_aggregate_of_both_sides_is_asked_on_the_user_side() {
    if !can_trace() {
        return;
    }
    let text = "global a
        probe begin { a <<< 100 }
        probe syscall.getpgrp { if (pid() == target()) { a <<< 1; printf(\"%d %d\\n\", @count(a), @sum(a)) } }";
    leaves_the_kernel(text);
    script_over_calls(text, "getpgrp 1").prints("2 101\n");
}

#[test]
fn a_handler_too_big_for_the_kernel_makes_its_strings_on_the_user_side() {
    if !can_trace() {
        return;
    }
    // Strings of 512 bytes each, all wanted at the end: more than a CPU's scratch space.
    let mut text = "global n probe syscall.getpgrp { if (pid() == target() && n++ == 0) { s0 = execname()\n".to_owned();
    for at in 1..90 {
        text += &format!("s{at} = s{} . sprint(n)\n", at - 1);
    }
    text += "println(strlen(s89), substr(s7, 4, 9)";
    (1..90).for_each(|at| text += &format!(", substr(s{at}, {at}, 1)"));
    text += ") } }";
    leaves_the_kernel(&text);
    script_over_calls(&text, "getpgrp 2").prints(&format!("94s1111111alls{}\n", "1".repeat(85)));
}

#[test]
fn a_recursive_function_sees_the_moment_of_the_hit() {
    if !can_trace() {
        return;
    }
    // Such a function runs when the record has arrived; what it asks of the task is that of the hit all the same.
    let text = "function down(n) { if (n <= 0) return pid() return down(n - 1) }
        function even(n) { if (n <= 0) return execname() . sprintf(\" %d\", tid() == 0) return odd(n) }
        function odd(n) { return even(n - 1) }
        function both(n) { return sprint(even(n), \" \", down(n) == target()) }
        probe syscall.getpgrp { if (pid() == target()) println(down(3) == target(), \" \", even(2), \" \", both(1)) }";
    leaves_the_kernel(text);
    script_over_calls(text, "getpgrp 2").prints("1 calls 0 calls 0 1\n1 calls 0 calls 0 1\n");
}
