//! What the language means, by scripts that only begin: each expected value is worked out by hand.

mod systap;

use systap::{run, run_with_input, script};

/// Runs statements in a `begin` and compares what they print.
#[track_caller]
fn prints(statements: &str, expected: &str) {
    script(&format!("probe begin {{ {statements}\nexit() }}")).prints(expected);
}

/// Each expression with its value.
#[track_caller]
fn values(table: &[(&str, &str)]) {
    let statements: String = table.iter().map(|(expression, _)| format!("println({expression})\n")).collect();
    let outcome = script(&format!("probe begin {{ {statements} exit() }}"));
    outcome.is_quiet();
    let text = outcome.text();
    let lines: Vec<_> = text.lines().collect();
    for (number, (expression, value)) in table.iter().enumerate() {
        assert_eq!(lines.get(number), Some(value), "{expression}\n{}", outcome.all());
    }
    assert_eq!(lines.len(), table.len());
}

#[test]
fn arithmetic_is_of_64_bits_and_wraps() {
    values(&[
        ("7 / 2", "3"),
        ("-7 / 2", "-3"),
        ("7 % 3", "1"),
        ("-7 % 3", "-1"),
        ("7 % -3", "1"),
        ("9223372036854775807 + 1", "-9223372036854775808"),
        ("-9223372036854775807 - 2", "9223372036854775807"),
        ("4611686018427387904 * 2", "-9223372036854775808"),
        // The only quotient that has no number of its own wraps too.
        ("(-9223372036854775807 - 1) / -1", "-9223372036854775808"),
        ("(-9223372036854775807 - 1) % -1", "0"),
        ("1 << 62", "4611686018427387904"),
        ("1 << 63", "-9223372036854775808"),
        ("-16 >> 2", "-4"),
        ("-1 >>> 60", "15"),
        ("6 & 3", "2"),
        ("6 | 3", "7"),
        ("6 ^ 3", "5"),
        ("~5", "-6"),
        ("!5", "0"),
        ("!0", "1"),
        ("-(-5)", "5"),
        ("2 + 3 * 4", "14"),
        ("(2 + 3) * 4", "20"),
        ("20 - 5 - 3", "12"),
        ("100 / 10 / 2", "5"),
        ("1 + 2 << 3", "24"),
        ("1 | 6 & 4", "5"),
        ("5 & 6 ^ 3", "7"),
        ("1 < 2 == 1", "1"),
    ]);
}

#[test]
fn shifts_by_what_is_known_only_later_are_by_the_low_six_bits() {
    // As the machine shifts: constants and values that are not known before must agree.
    prints("s = 0; for (i = 0; i < 65; i++) s = i; println(1 << s); println(1 << 64)", "1\n1\n");
}

#[test]
fn numbers_have_three_bases() {
    values(&[
        ("0", "0"),
        ("017", "15"),
        ("0x1F", "31"),
        ("0Xff", "255"),
        ("9223372036854775807", "9223372036854775807"),
        ("18446744073709551615", "-1"),
        ("0xffffffffffffffff", "-1"),
        ("0x8000000000000000", "-9223372036854775808"),
    ]);
}

#[test]
fn conditions_are_numbers_and_stop_early() {
    values(&[
        ("3 < 5", "1"),
        ("5 < 3", "0"),
        ("-1 < 0", "1"),
        ("3 == 3 && 4 != 4", "0"),
        ("0 || 7", "1"),
        ("1 || (1 / 0)", "1"),
        ("0 && (1 / 0)", "0"),
        ("1 ? 10 : 20", "10"),
        ("0 ? 10 : 20", "20"),
        ("0 ? 1 : 0 ? 2 : 3", "3"),
        ("1 ? 0 ? 1 : 2 : 3", "2"),
        ("1 ? \"yes\" : \"no\"", "yes"),
    ]);
}

#[test]
fn assignments_have_values_and_crements_have_sides() {
    prints(
        "a = b = 5; println(a + b); println(a++); println(a); println(++a); println(a--); println(--a)",
        "10\n5\n6\n7\n7\n5\n",
    );
    prints(
        "a = 10; a += 5; println(a); a -= 3; println(a); a *= 2; println(a); a /= 5; println(a); a %= 3; println(a)
        a <<= 5; println(a); a >>= 2; println(a); a |= 3; println(a); a &= 9; println(a); a ^= 15; println(a)
        s = \"x\"; s .= \"y\"; s .= \"z\"; println(s)",
        "15\n12\n24\n4\n1\n32\n8\n11\n9\n6\nxyz\n",
    );
}

#[test]
fn strings_are_joined_and_compared_by_bytes() {
    values(&[
        ("\"a\" . \"b\" . \"c\"", "abc"),
        ("\"adjacent \" \"literals \" /* and a comment */ \"join\"", "adjacent literals join"),
        ("\"abc\" < \"abd\"", "1"),
        ("\"abc\" == \"abc\"", "1"),
        ("\"abc\" != \"abc\"", "0"),
        ("\"Z\" < \"a\"", "1"),
        ("\"ab\" < \"abc\"", "1"),
        ("\"\" < \"a\"", "1"),
        ("\"\\xff\" > \"a\"", "1"),
        ("\"b\" >= \"a\"", "1"),
        ("strlen(\"four\")", "4"),
        ("strlen(\"\")", "0"),
        ("substr(\"abcdef\", 1, 3)", "bcd"),
        ("substr(\"abc\", 1, 100)", "bc"),
        ("isinstr(\"haystack\", \"st\")", "1"),
        ("isinstr(\"haystack\", \"sx\")", "0"),
        ("strtol(\"-12\", 10) + strtol(\"ff\", 16)", "243"),
        ("str_replace(\"a-b-c\", \"-\", \"+\")", "a+b+c"),
        ("\"tab\\tquote\\\"back\\\\octal\\101hex\\x42\"", "tab\tquote\"back\\octalAhexB"),
        ("\"unknown \\q escape\"", "unknown q escape"),
    ]);
}

#[test]
fn loops_turn_as_often_as_they_should() {
    prints("for (i = 0; i < 3; i++) print(i); println(\"\"); while (i-- > 0) print(i); println(\"\")", "012\n210\n");
    prints(
        "for (i = 0; i < 10; i++) { if (i == 2) continue; if (i == 5) break; print(i) } println(\";\", i)",
        "0134;5\n",
    );
    prints("for (;;) { if (++n == 4) break } println(n)", "4\n");
    prints(
        "for (i = 0; i < 3; i++) for (j = 0; j < 3; j++) { if (j > i) break; print(i * 10 + j, \" \") } println(\"\")",
        "0 10 11 20 21 22 \n",
    );
    prints("if (0) println(1) else if (0) println(2) else println(3); if (1) { } else println(4)", "3\n");
}

const ARRAY: &str = "global a
    probe begin { a[\"c\"] = 2; a[\"a\"] = 9; a[\"d\"] = -4; a[\"b\"] = 5 ";

#[test]
fn arrays_are_walked_in_the_order_that_is_asked_for() {
    let walk = |walk: &str, expected: &str| {
        script(&format!("{ARRAY}\n foreach ({walk}) print(k, \" \"); println(\"\"); exit() }}")).prints(expected);
    };
    walk("k+ in a", "a b c d \n");
    walk("k- in a", "d c b a \n");
    walk("k in a+", "d c b a \n");
    walk("k in a-", "a b c d \n");
    walk("k in a- limit 2", "a b \n");
    walk("k+ in a limit 3", "a b c \n");
    // Nothing goes over the array then, and what is only written is shown at the end.
    walk("k in a- limit 0", "\na[\"a\"]=9\na[\"b\"]=5\na[\"c\"]=2\na[\"d\"]=-4\n");
    walk("k in a- limit 1 + 2", "a b c \n");
    script(&format!("{ARRAY}\n foreach (v = k in a-) printf(\"%s=%d \", k, v); println(\"\"); exit() }}"))
        .prints("a=9 b=5 c=2 d=-4 \n");
    script(&format!("{ARRAY}\n foreach (k in a) sum += a[k]; println(sum); exit() }}")).prints("12\n");
    script(&format!("{ARRAY}\n foreach (k+ in a) {{ if (k == \"b\") continue; if (k == \"d\") break; print(k) }} println(\"\"); exit() }}"))
        .prints("ac\n");
}

#[test]
fn elements_come_and_go() {
    script(&format!(
        "{ARRAY}
          println(\"a\" in a, \"x\" in a)
          println(a[\"x\"])
          println(\"x\" in a)
          delete a[\"a\"]
          println(\"a\" in a)
          a[\"c\"]++; a[\"new\"] += 3; a[\"c\"] *= 10
          println(a[\"c\"], \" \", a[\"new\"])
          delete a
          foreach (k in a) n++
          println(n)
          exit()
        }}"
    ))
    .prints("10\n0\n0\n0\n30 3\n0\n");
}

#[test]
fn keys_may_be_several_and_of_both_kinds() {
    script(
        "global two, nine
        probe begin {
          two[1, \"b\"] = 10; two[1, \"a\"] = 20; two[2, \"a\"] = 30
          nine[1, 2, 3, 4, \"five\", 6, 7, 8, \"nine\"] = 9
          foreach ([n+, s] in two) printf(\"%d\", n)
          println(\"\")
          foreach ([n, s] in two-) printf(\"%d%s=%d \", n, s, two[n, s])
          println(\"\")
          foreach ([n, s-] in two limit 1) println(n, s)
          foreach ([n, s+] in two[1, *]) print(s)
          println(\"\")
          println([1, \"b\"] in two, [2, \"b\"] in two, [*, \"a\"] in two, [3, *] in two)
          println(nine[1, 2, 3, 4, \"five\", 6, 7, 8, \"nine\"] + nine[1, 2, 3, 4, \"five\", 6, 7, 9, \"nine\"])
          delete two[1, *]
          foreach ([n, s] in two) println(n, s)
          exit()
        }",
    )
    .prints("112\n2a=30 1a=20 1b=10 \n1b\nab\n1010\n9\n2a\n");
}

#[test]
fn functions_call_each_other_and_themselves() {
    script(
        "global depth
        function fib:long (n:long) { return n < 2 ? n : fib(n - 1) + fib(n - 2) }
        function even (n) { if (n == 0) return 1; return odd(n - 1) }
        function odd (n) { if (n == 0) return 0; return even(n - 1) }
        function greet:string (name:string) { return \"hello, \" . name }
        function nothing (n) { if (n > 100) return 5 }
        function set (n) { depth = n }
        function swap (a, b) { t = a; a = b; b = t; return a * 10 + b }
        function shadow (depth) { depth = 99; return depth }
        probe begin {
          println(fib(10), \" \", even(6), odd(6))
          println(greet(\"you\"))
          println(nothing(1), nothing(101))
          set(42); println(depth)
          a = 1; b = 2; println(swap(a, b), \" \", a, b)
          println(shadow(1), \" \", depth)
          exit()
        }",
    )
    .prints("55 10\nhello, you\n05\n42\n21 12\n99 42\n");
}

#[test]
fn a_handler_may_be_left_early() {
    script(
        "probe begin { println(\"a\"); if (1) next; println(\"b\") }
        probe begin { t(); println(\"c\") exit() }
        function t () { println(\"t\"); return 0; println(\"u\") }",
    )
    .prints("a\nt\nc\n");
}

#[test]
fn locals_begin_at_nothing_each_time() {
    script(
        "global turns
        probe timer.ms(5) { n++; s .= \"x\"; println(n, s); if (++turns == 3) exit() }",
    )
    .prints("1x\n1x\n1x\n");
}

#[test]
fn aggregates_keep_count_sum_and_extremes() {
    script(
        "global s, by
        probe begin {
          for (i = 1; i <= 10; i++) s <<< i * i
          println(@count(s), \" \", @sum(s), \" \", @min(s), \" \", @max(s), \" \", @avg(s))
          by[\"x\"] <<< 5; by[\"x\"] <<< -15; by[\"y\"] <<< 100; by[\"y\"] <<< 1; by[\"y\"] <<< 1
          foreach (k+ in by) printf(\"%s %d %d %d\\n\", k, @count(by[k]), @sum(by[k]), @avg(by[k]))
          foreach (k in by @sum-) print(k)
          foreach (k in by @count+) print(k)
          println(\"\")
          delete s; println(@count(s))
          exit()
        }",
    )
    // 1 + 4 + ... + 100 = 385; -10 / 2 = -5; 102 / 3 = 34.
    .prints("10 385 1 100 38\nx 2 -10 -5\ny 3 102 34\nyxxy\n0\n");
}

#[test]
fn histograms_have_a_row_for_each_bucket() {
    let outcome = script(
        "global s
        probe begin {
          for (i = 0; i < 40; i++) s <<< i
          print(@hist_linear(s, 0, 30, 10))
          exit()
        }",
    );
    outcome.is_quiet();
    let text = outcome.text();
    let rows: Vec<_> = text
        .lines()
        .filter_map(|line| line.split_once('|'))
        .map(|(value, bar)| (value.trim().to_owned(), bar.split_whitespace().last().unwrap_or_default().to_owned()))
        .filter(|(value, _)| value.chars().any(|c| c.is_ascii_digit()))
        .collect();
    // 30 itself is in the last bucket that is asked for; what is above it overflows.
    let count = |value: &str| rows.iter().find(|(row, _)| row == value).map(|(_, count)| count.as_str());
    for bucket in ["0", "10", "20", "30"] {
        assert_eq!(count(bucket), Some("10"), "{text}");
    }
}

#[test]
fn formats_follow_their_flags() {
    prints(
        r#"printf("[%d] [%5d] [%-5d] [%05d] [%+d] [% d] [%.3d]\n", 42, 42, 42, 42, 42, 42, 42)"#,
        "[42] [   42] [42   ] [00042] [+42] [ 42] [042]\n",
    );
    prints(
        r#"printf("%x %X %#x %#X %o %#o %u %i\n", 255, 255, 255, 255, 8, 8, -1, -1)"#,
        "ff FF 0xff 0XFF 10 010 18446744073709551615 -1\n",
    );
    prints(r#"printf("%p %p\n", 0x1000, 0)"#, "0x1000 0x0\n");
    prints(
        r#"printf("[%s] [%6s] [%-6s] [%.2s] [%6.2s] [%*s]\n", "abc", "abc", "abc", "abc", "abc", 5, "abc")"#,
        "[abc] [   abc] [abc   ] [ab] [    ab] [  abc]\n",
    );
    prints(r#"printf("%c%c%c %d%%\n", 65, 98, 0x43, 50)"#, "AbC 50%\n");
    prints(r#"printf("%ld %lx %-8x| %08x\n", 5, 255, 255, 255)"#, "5 ff ff      | 000000ff\n");
    prints(r#"printf("%#s %#c\n", "a\tb", 10)"#, "a\\tb \\n\n");
    prints(
        r#"print(1, "b", 3); println(""); println(sprint("a", 2)); printd("-", 1, "x", 3); printdln("", "p", "q")"#,
        "1b3\na2\n1-x-3pq\n",
    );
    prints(r#"println(sprintf("%03d|%s", 7, "s"), sprintd(", ", 1, 2))"#, "007|s1, 2\n");
    prints(r#"printf("no arguments\n"); printf("%1b%2b\n", 65, 0x4342)"#, "no arguments\nABC\n");
}

#[test]
fn arguments_come_as_text_and_as_strings() {
    run(["run", "-e", "probe begin { println($1 + 1, \" \", @2, \" \", @1, \" \", $#) exit() }", "41", "two words"])
        .prints("42 two words 41 2\n");
    let outcome = run(["run", "-e", "probe begin { println($1) exit() }"]);
    outcome.exits(1).complains(&["$1"]);
}

#[test]
fn a_script_may_come_from_a_file_or_standard_input() {
    let text =
        "#!/usr/bin/env systap\n# a comment\n// another\n/* and\n one more */ probe begin { println(@1) exit() }\n";
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("script.stp");
    std::fs::write(&path, text).expect("a file can be written");
    let path = path.display().to_string();
    run(["run", &path, "arg"]).prints("arg\n");
    run([path.as_str(), "arg"]).prints("arg\n");
    run(["run", &path, "--", "-v"]).prints("-v\n");
    // As with SystemTap, options may stand behind the script.
    run([path.as_str(), "arg", "-q"]).prints("arg\n");
    run_with_input(&["run", "-", "arg"], text.as_bytes()).prints("arg\n");
}

#[test]
fn globals_can_be_set_from_outside() {
    let text = "global n = 5, s = \"x\" probe begin { println(n, s) exit() }";
    script(text).prints("5x\n");
    run(["run", "-G", "n=-7", "-G", "s=a=b c", "-e", text]).prints("-7a=b c\n");
    run(["run", "-G", "n=0x10", "-e", text]).prints("16x\n");
}

#[test]
fn globals_that_nothing_reads_are_shown_at_the_end() {
    script(
        "global n, s, a, both, read, agg
        probe begin {
          n = 5; s = \"text\"; a[1] = 10; a[2] = 30; a[3] = 20; both[1, \"k\"] = 7; read = 1; agg <<< 4; agg <<< 8
          if (read) exit()
        }",
    )
    .prints("n=5\ns=\"text\"\na[2]=30\na[3]=20\na[1]=10\nboth[1,\"k\"]=7\nagg @count=2 @min=4 @max=8 @sum=12 @avg=6\n");
}

#[test]
fn strings_have_their_greatest_length() {
    // 512 bytes, of which the last is the end.
    prints("for (i = 0; i < 600; i++) s .= \"x\"; println(strlen(s))", "511\n");
    let outcome = run([
        "run",
        "-D",
        "MAXSTRINGLEN=32",
        "-e",
        "probe begin { for (i = 0; i < 600; i++) s .= \"x\"; println(strlen(s)) exit() }",
    ]);
    outcome.prints("31\n");
}

#[test]
fn conditions_of_the_preprocessor_choose_text() {
    script(
        "%( 1 == 1 %? global n = 1 %: global n = 2 %)
        probe begin { println(n); println(%( kernel_v >= \"2.6\" %? \"new\" %: \"old\" %)) exit() }",
    )
    .prints("1\nnew\n");
    script("@define twice(x) %( (@x) * 2 %) probe begin { println(@twice(3 + 4)) exit() }").prints("14\n");
}

#[test]
fn aliases_bring_their_own_statements() {
    script(
        "probe mine = begin { x = 5; println(\"before\") }
        probe yours += begin(1) { println(\"after \", y) }
        probe mine { println(x) }
        probe yours { y = 6; exit() }",
    )
    .prints("before\n5\nafter 6\n");
}
