//! That strings come to the same bytes wherever they are made: each script runs on the user side, by the interpreter, and in the
//! kernel, by generated code, over the same texts and numbers, which neither side knows beforehand.

mod systap;

use systap::{can_trace, has_open_loops, run, script_over_calls};

/// Texts of every length around words and blocks, and what `strtol` and searches stumble over.
fn texts() -> Vec<String> {
    let mut texts: Vec<String> = [
        "",
        "a",
        "-",
        "0",
        "0x",
        "0x1F",
        "-0xffz",
        " \\t+42 ",
        "017",
        "z9",
        "+-1",
        "9223372036854775807",
        "-9223372036854775808",
        "99999999999999999999",
        "aaaaaaab",
        "aab",
        "ab",
        "abab/ab",
        "a.b.c",
        "\\001\\377",
        "caf\\303\\251 \\342\\202\\254 \\360\\237\\230\\200",
        "\\300\\200 \\340\\200\\200 \\355\\240\\200 \\364\\220\\200\\200 \\303 \\342\\202 \\360\\237\\230 \\370\\210\\303",
        "seven77",
        "eight888",
        "nine99999",
    ]
    .map(String::from)
    .to_vec();
    texts.push("abcdefgh".repeat(7));
    texts.push("0123456789abcdef".repeat(8));
    texts.push("xyzzy ".repeat(40));
    texts
}

const NUMBERS: [&str; 14] = [
    "0",
    "1",
    "-1",
    "7",
    "8",
    "10",
    "16",
    "36",
    "63",
    "-12345",
    "1234567890",
    "0x7fffffffffffffff",
    "-0x7fffffffffffffff - 1",
    "0xfedcba9876543210",
];

/// Runs the statements for each of the texts `s`, each of the numbers `n` and the texts and numbers that follow them, `t` and
/// `m`, on both sides.
fn same_on_both_sides(statements: &str) {
    if !can_trace() {
        return;
    }
    let mut fill = String::new();
    let texts = texts();
    for (at, text) in texts.iter().enumerate() {
        fill += &format!("text[{at}] = \"{text}\"\n");
    }
    for (at, number) in NUMBERS.iter().enumerate() {
        fill += &format!("number[{at}] = {number}\n");
    }
    let (texts, numbers) = (texts.len(), NUMBERS.len());
    let body = format!(
        "s = text[i]; t = text[(i + 1 + j) % {texts}]; n = number[j]; m = number[(j + i) % {numbers}]
        {statements}
        if (++j == {numbers}) {{ j = 0; if (++i == {texts}) {{ i = -1; exit() }} }}"
    );
    let globals = "global text, number, i, j";
    let user = format!("{globals}\nprobe begin {{ {fill} }} probe begin(1) {{ while (i >= 0) {{ {body} }} exit() }}");
    let user = run(["run", "-D", "MAXACTION=9999", "-e", &user]);
    user.is_quiet();
    let kernel = format!(
        "{globals}\nprobe begin {{ {fill} }} probe syscall.getpgrp {{ if (pid() == target() && i >= 0) {{ {body} }} }}"
    );
    let placed = run(["check", "-v", "-e", &kernel]);
    placed.exits(0);
    assert!(!has_open_loops() || !placed.text().contains("when the record arrives"), "{}", placed.all());
    let kernel = script_over_calls(&kernel, &format!("getpgrp {}", texts * numbers));
    kernel.is_quiet();
    let (user, kernel) = (user.text(), kernel.text());
    for (number, (user, kernel)) in user.lines().zip(kernel.lines()).enumerate() {
        assert_eq!(user, kernel, "line {number} of `{statements}`; left: user side, right: kernel");
    }
    assert_eq!(user.lines().count(), kernel.lines().count());
    assert!(user.lines().count() >= texts * numbers);
}

#[test]
fn numbers_in_every_notation() {
    same_on_both_sides(
        "u = sprintf(\"%d %i %u %x %X %o %p|%#x %#X %#o|%+d % d|%c%%\", n, n, n, n, n, n, n, n, n, n, n, n, 64 + (n & 31))
        println(strlen(u), \" \", u)",
    );
}

#[test]
fn numbers_in_fields() {
    same_on_both_sides(
        "u = sprintf(\"[%8d][%-8d][%08d][%+8d][%.5d][%12.5d][%-12.5d][%012.5x]\", n, n, n, n, n, n, n, n)
        w = sprintf(\"[%#18x][%-18x][%018x][%20p][%-20p][%020p][%30o][%#.0o][%.0d][%3c][%-3c]\", n, n, n, n, n, n, n, n, n, 65, 66)
        println(strlen(u), \" \", u, strlen(w), \" \", w)",
    );
}

#[test]
fn numbers_in_fields_of_widths_that_are_known_only_then() {
    same_on_both_sides(
        "u = sprintf(\"[%*d][%-*d][%0*d][%.*d][%*.*x][%0*.*d][%#*o][%*c]\", m % 40, n, n % 40, m, m % 40, n, m % 30, n,
            n % 40, m % 30, n, m % 40, n % 30, m, n % 30, m, n % 9, 66)
        w = sprintf(\"[%*d][%.*d]\", n, 1, m, 2)
        println(strlen(u), \" \", u, strlen(w), \" \", substr(w, 0, 50))",
    );
}

#[test]
fn texts_in_fields() {
    same_on_both_sides(
        "u = sprintf(\"<%s|%20s|%-20s|%.3s|%10.3s|%-10.3s>\", s, s, s, s, s, s)
        w = sprintf(\"<%*s|%-*s|%.*s|%*.*s>\", n % 40, s, n % 40, s, m % 40, s, n % 40, m % 40, s)
        println(strlen(u), \" \", u, strlen(w), \" \", w)",
    );
}

#[test]
fn a_character_0_ends_the_string() {
    same_on_both_sides(
        "u = sprintf(\"%s%3c%s\", s, n & 255 & ~1, t); w = sprintf(\"%-3cx\", n & 1); println(strlen(u), u, strlen(w), w)",
    );
}

#[test]
fn lengths_and_parts() {
    same_on_both_sides(
        "println(strlen(s), \" \", strlen(s . t), substr(s, n, m), \"|\", substr(s, 3, 7), \"|\", substr(s . t, n % 100, 9), \"|\",
            substr(\"literal\", n, m), substr(s, m % 20, n))",
    );
}

#[test]
fn searches() {
    same_on_both_sides(
        "println(strpos(s, \"ab\"), \" \", strpos(s, t), \" \", strpos(s . t, t), \" \", isinstr(s, \"aab\"), isinstr(t . s . t, s),
            isinstr(s, \"\"), isinstr(s, \"456789abc\"), strpos(\"some ab text\", s), strpos(s, \"efghabcd\"))",
    );
}

#[test]
fn replacements() {
    same_on_both_sides(
        "println(str_replace(s, \"ab\", \"<>\"), str_replace(s . t, t, \"\"), \"|\", str_replace(s, \"\", \"x\"), str_replace(s, \"a\", t))",
    );
}

#[test]
fn texts_taken_apart() {
    same_on_both_sides(
        "d = substr(\"ab/.x \", n & 3, 1 + (m & 3)); println(tokenize(s, \"b/. \"), \"|\", tokenize(\"\", \"b/. \"), \"|\", tokenize(\"\", \"\"), \"|\",
            tokenize(t . s, d), \"|\", tokenize(\"\", d), \"|\", tokenize(n & 1 ? t : \"\", \"0123456789abcdefxyz+-\"), \"|\", tokenize(\"\", \"/\"))",
    );
    same_on_both_sides(
        "c = 0; for (part = tokenize(s, \"a \"); part != \"\" && c < 9; part = tokenize(\"\", \"a \")) { c++; printf(\"%s,\", part) } println(c)",
    );
}

#[test]
fn texts_with_escapes() {
    same_on_both_sides(
        "u = sprintf(\"%c%s%c\", 1 + (n & 127), s, 128 + (m & 127)); println(text_str(u), text_strn(u, n & 31, m & 1), \"|\", text_strn(s, n, 1), \"|\",
            text_strn(t, 7, 0), string_quoted(u), \"|\", text_strn(\"lit\\n\\\"\", m, n & 1), text_strn(s . t . s . t . s . t, 0, 1))",
    );
}

#[test]
fn memory_in_quotes() {
    if !has_open_loops() {
        return eprintln!("skipped: this kernel has no open loops");
    }
    same_on_both_sides(
        "at = & @cast(pid2task(1), \"task_struct\", \"kernel\")->comm; println(kernel_buffer_quoted(at + (n & 7), m & 31, n % 40), \"|\",
            kernel_buffer_quoted(at, 3, 10), kernel_buffer_quoted(at + 8, 6, m), \"|\", kernel_buffer_quoted(at, n % 12), kernel_string_n(at, m % 5),
            kernel_string_quoted(at), user_buffer_quoted(n & 4095, 1 + (m & 3), 9)); try { kernel_buffer_quoted_error(n & 4095, 1, 9) } catch { println(m) }",
    );
}

#[test]
fn numbers_out_of_texts() {
    same_on_both_sides(
        "println(strtol(s, 10), \" \", strtol(s, 0), \" \", strtol(s, 16), \" \", strtol(s . t, n), \" \", strtol(t, m), \" \", strtol(\"-12\" . s, 8))",
    );
}

#[test]
fn what_is_too_long_is_cut() {
    same_on_both_sides(
        "u = s . t . s . t . s; u = u . u; u = u . u; println(strlen(u), \" \", strlen(sprintf(\"%s%s%600d%s\", u, s, n, t)),
            substr(str_replace(u, \"a\", \"aaaa\"), 440, 100), substr(sprintf(\"%500s%d%s\", s, n, t), 460, 60))",
    );
}

#[test]
fn comparisons_of_what_was_made() {
    same_on_both_sides(
        "u = sprintf(\"%s%d\", s, n); w = s . sprint(n); println(u == w, u < t, substr(u, 0, 5) >= substr(t, 0, 5), s . t <= t . s)",
    );
}

#[test]
fn strings_are_keys_and_values() {
    if !can_trace() {
        return;
    }
    let text = "global n, last, first
        probe syscall.getpgrp {
          if (pid() == target()) {
            key = sprintf(\"%s/%d\", execname(), tid() != pid())
            n[key]++
            last[key, n[key] & 1] = key . \"!\" . sprint(n[key])
            first = sprintf(\"%-8s|\", substr(key, 0, 3))
          }
        }
        probe end { foreach (key in n) println(key, \" \", n[key], \" \", last[key, 0], \" \", last[key, 1], \" \", first) }";
    script_over_calls(text, "getpgrp 3000").prints("calls/1 3000 calls/1!3000 calls/1!2999 cal     |\n");
}
