//! Random patterns against the C library's regexec: the same matches, from where to where.

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use systap_regex::Regex;

/// Reads pairs of lines, a pattern and a text, and writes a line for each: the match as `start end`, or `no`.
const PROGRAM: &str = r#"
#include <regex.h>
#include <stdio.h>
#include <string.h>
int main(void) {
    char pattern[512], text[512];
    while (fgets(pattern, sizeof pattern, stdin) && fgets(text, sizeof text, stdin)) {
        pattern[strcspn(pattern, "\n")] = 0;
        text[strcspn(text, "\n")] = 0;
        regex_t regex;
        regmatch_t match;
        if (regcomp(&regex, pattern, REG_EXTENDED)) { puts("malformed"); continue; }
        if (regexec(&regex, text, 1, &match, 0)) puts("no");
        else printf("%d %d\n", (int)match.rm_so, (int)match.rm_eo);
        regfree(&regex);
    }
    return 0;
}
"#;

/// What the C library says of each pair; `None` where there is no compiler.
fn of_the_c_library(pairs: &[(String, String)]) -> Option<Vec<String>> {
    let folder = std::env::temp_dir().join(format!("systap-posix-{}", std::process::id()));
    std::fs::create_dir_all(&folder).ok()?;
    let (source, program) = (folder.join("match.c"), folder.join("match"));
    std::fs::write(&source, PROGRAM).ok()?;
    let compiled =
        Command::new("cc").arg("-o").arg(&program).arg(&source).status().is_ok_and(|status| status.success());
    let answer = compiled.then(|| {
        let mut child = Command::new(&program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
        let mut stdin = child.stdin.take()?;
        let mut input = String::new();
        for (pattern, text) in pairs {
            _ = writeln!(input, "{pattern}\n{text}");
        }
        let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
        let output = child.wait_with_output().ok()?;
        writer.join().ok()?.ok()?;
        Some(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
    });
    _ = std::fs::remove_dir_all(&folder);
    answer.flatten()
}

/// xorshift64*, so that every run tries the same.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }

    fn pick(&mut self, from: &[&str]) -> String {
        from[self.below(from.len())].to_owned()
    }

    fn pattern(&mut self, depth: usize) -> String {
        let mut pattern = String::new();
        for _ in 0..1 + self.below(3) {
            let inner = |this: &mut Self| this.pattern(depth - 1);
            pattern += &match self.below(if depth == 0 { 3 } else { 5 }) {
                0 | 1 => self.pick(&["a", "b", "ab", "c"]),
                2 => self.pick(&[".", "[a-b]", "[^b]", "[[:digit:]]", "[]a]", "\\.", "[^[:alpha:]]"]),
                3 => format!("({})", inner(self)),
                _ => format!("({}|{})", inner(self), inner(self)),
            };
            pattern += &self.pick(&["", "", "", "*", "+", "?", "{2}", "{1,3}", "{2,}"]);
        }
        // The C library goes wrong where an anchor is repeated within a group.
        match self.below(8) {
            0 if depth == 2 => format!("^{pattern}"),
            1 if depth == 2 => format!("{pattern}$"),
            _ => pattern,
        }
    }

    fn text(&mut self) -> String {
        (0..self.below(9)).map(|_| self.pick(&["a", "b", "a", "c", "1", ".", "]"])).collect()
    }
}

#[test]
fn random_patterns_match_as_the_c_library_says() {
    let mut random = Random(0xc0ffee);
    let pairs: Vec<(String, String)> = (0..4000).map(|_| (random.pattern(2), random.text())).collect();
    let Some(answers) = of_the_c_library(&pairs) else {
        eprintln!("skipped: no C compiler");
        return;
    };
    assert_eq!(answers.len(), pairs.len());
    let mut matches = 0;
    for ((pattern, text), answer) in pairs.iter().zip(answers) {
        let regex = Regex::new(pattern.as_bytes()).unwrap_or_else(|error| panic!("{pattern}: {error}"));
        let found = regex.captures(text.as_bytes()).and_then(|groups| groups.into_iter().next().flatten());
        let found = found.map_or("no".to_owned(), |range| format!("{} {}", range.start, range.end));
        matches += usize::from(found != "no");
        assert_eq!(found, answer, "{pattern} on {text}");
    }
    assert!((500..3500).contains(&matches), "{matches} of the texts match");
}
