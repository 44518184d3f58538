//! Input that nobody means well with: it is refused or read, within bounds of stack and time, never a panic.

use std::time::{Duration, Instant};

use systap_diagnostics::{Diagnostic, Sources, Span};
use systap_syntax::{Fact, Facts, ParseOptions, parse, print, tree};

use super::scripts;

/// The codes of what was said, once each.
fn codes(text: &str) -> Vec<&'static str> {
    let mut sources = Sources::default();
    let file = sources.add("t.stp", text);
    let parsed = parse(&mut sources, file, &ParseOptions::default());
    let printed = print(&parsed.file, &sources);
    drop(printed);
    let mut codes: Vec<&'static str> = parsed.diagnostics.iter().map(|found| found.code).collect();
    codes.dedup();
    codes
}

/// Parses, prints and drops on a stack of a megabyte: half of what a thread usually has, and that without optimization.
fn codes_on_a_small_stack(text: String) -> Vec<&'static str> {
    let thread = std::thread::Builder::new().stack_size(1024 * 1024).spawn(move || {
        assert_eq!(tree(&text).text(), text.as_str());
        codes(&text)
    });
    thread.unwrap().join().unwrap()
}

#[test]
fn nesting_ends_in_a_message() {
    let many = 20_000;
    let nested = |open: &str, inside: &str, close: &str| {
        format!("probe begin {{ x = {}{inside}{} }}", open.repeat(many), close.repeat(many))
    };
    let block = |open: &str, close: &str| format!("probe begin {{ {}{} }}", open.repeat(many), close.repeat(many));
    for text in [
        nested("(", "1", ")"),
        nested("(", "", ""),
        nested("- ", "1", ""),
        nested("! ~ + -", "1", ""),
        nested("f(", "1", ")"),
        nested("a[", "1", "]"),
        nested("[(", "1", ")] in a"),
        nested("$x[", "1", "]"),
        nested("@count(", "1", ")"),
        nested("1 ? 2 : ", "1", ""),
        nested("1 ? ", "1", " : 2"),
        nested("x = ", "1", ""),
        nested("x <<< ", "1", ""),
        nested("1 + ", "1", ""),
        nested("1 || 1 && ", "1", ""),
        nested("k in a && ", "1", ""),
        block("{", "}"),
        block("if (a) ", "b"),
        block("if (a) b else ", ""),
        block("while (a) ", ""),
        block("for (;;) { ", "}"),
        block("foreach (a in b) ", ""),
        block("try { ", "} catch { }"),
        format!("probe {}a{} {{ }}", "{".repeat(many), "}".repeat(many)),
        format!("probe {}a", "a.{b,".repeat(many)),
        block("%( 1 == 1 %? ", "%)"),
        format!("@define id(x) %( @x %) probe begin {{ {}1{} }}", "@id(".repeat(many), ")".repeat(many)),
        "@define again(x) %( @again(@x @x) %) probe begin { @again(1) }".to_owned(),
    ] {
        let start = text.chars().take(40).collect::<String>();
        let found = codes_on_a_small_stack(text);
        assert_eq!(found, ["nested-too-deep"], "{start}");
    }
}

#[test]
fn what_may_not_nest_is_refused_however_deep_it_is() {
    let many = 20_000;
    for (open, close) in [("--", ""), ("& ", ""), ("[", "] in a"), ("k in a == ", ""), ("", " in a"), ("x =~ ", "")] {
        let text = format!("probe begin {{ x = {}1{} }}", open.repeat(many), close.repeat(many));
        let found = codes_on_a_small_stack(text);
        assert!(found.contains(&"unexpected-token"), "{open}1{close}: {found:?}");
    }
}

#[test]
fn nesting_up_to_the_limit_is_read() {
    for count in [10, 100, 240] {
        for text in [
            format!("probe begin {{ x = {}1{} }}", "(".repeat(count), ")".repeat(count)),
            format!("probe begin {{ x = 1{} }}", " + 1".repeat(count)),
            format!("probe begin {{ {} b }}", "if (a) b else ".repeat(count)),
        ] {
            assert_eq!(codes_on_a_small_stack(text), Vec::<&str>::new());
        }
    }
}

#[test]
fn long_but_flat_is_no_nesting() {
    let many = 50_000;
    for text in [
        format!("probe begin {{ x = $p{} }}", "->next".repeat(many)),
        format!("probe begin {{ x = {} }}", "\"a\" ".repeat(many)),
        format!("probe begin {{ f(1{}) }}", ", 1".repeat(many)),
        format!("probe begin {{ {} }}", "x++; ".repeat(many)),
        format!("probe a{} {{ }}", ".b".repeat(many)),
        format!("global a{}", (0..many).map(|number| format!(", b{number}")).collect::<String>()),
    ] {
        assert_eq!(codes_on_a_small_stack(text), Vec::<&str>::new());
    }
}

#[test]
fn braces_multiply_up_to_a_limit() {
    let fitting = format!("probe a{} {{ }}", ".{b,c}".repeat(13));
    assert_eq!(codes(&fitting), ["nested-too-deep"], "13 components of 8192 points are too many together");
    assert_eq!(codes(&format!("probe a{} {{ }}", ".{b,c}".repeat(12))), Vec::<&str>::new());
    assert_eq!(codes(&format!("probe a{} {{ }}", ".{b,c}".repeat(1000))), ["nested-too-deep"]);
}

#[test]
fn what_is_no_text_is_told_once() {
    assert_eq!(codes("\u{7f}ELF\u{2}\u{1}\0\0\0"), ["not-text"]);
    assert_eq!(codes("probe begin { }\0"), ["not-text"]);
    let mut sources = Sources::default();
    let file = sources.add("t.stp", "probe begin { \"é\0\0\" }");
    let found = parse(&mut sources, file, &ParseOptions::default()).diagnostics;
    assert_eq!(found.len(), 1);
    assert_eq!(found.first().and_then(|found| found.span), Some(Span::new(file, 17, 18)));
}

#[test]
fn ten_megabytes_take_well_under_the_time_a_person_notices() {
    let good: String = scripts::all().into_iter().map(|(_, text)| text).collect();
    let line = "(((( \"a\" + } ] $x-> ) probe { %( @define @1 '; \" € ";
    for text in [
        good.repeat(10_000_000 / good.len()),
        line.repeat(10_000_000 / line.len()),
        format!("{}\n", line).repeat(150_000),
    ] {
        let mut sources = Sources::default();
        let file = sources.add("t.stp", text);
        let start = Instant::now();
        let parsed = parse(&mut sources, file, &ParseOptions::default());
        let took = start.elapsed();
        // Without optimization, on a machine that does other things too.
        assert!(took < Duration::from_secs(30), "{took:?}");
        assert!(parsed.diagnostics.len() <= 21);
    }
}

struct Nothing;

impl Facts for Nothing {
    fn value(&self, _: Fact<'_>) -> String {
        String::new()
    }
}

/// A xorshift generator: the same numbers at each run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }
}

const FRAGMENTS: [&str; 48] = [
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    "\"",
    "'",
    "%{",
    "%}",
    "%(",
    "%?",
    "%:",
    "%)",
    "@define a(x) %( @x %)",
    "@a(1)",
    "$1",
    "@1",
    "$#",
    "@",
    "$",
    "$$",
    "->",
    "++",
    "--",
    "=",
    "<<<",
    ",",
    ";",
    "?",
    ":",
    "*",
    "#",
    "//",
    "/*",
    "*/",
    "probe",
    "global",
    "function",
    "foreach",
    "in",
    "if",
    "else",
    "\\",
    "é",
    "\u{202e}",
    "0x",
    "\n",
];

fn mutated(text: &str, numbers: &mut Numbers) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for _ in 0..1 + numbers.below(6) {
        let at = numbers.below(letters.len() + 1);
        match numbers.below(4) {
            0 => {
                let fragment = FRAGMENTS[numbers.below(FRAGMENTS.len())];
                letters.splice(at..at, fragment.chars());
            }
            1 => {
                let end = (at + numbers.below(20)).min(letters.len());
                letters.drain(at..end);
            }
            2 => {
                let end = (at + numbers.below(40)).min(letters.len());
                let copy: Vec<char> = letters[at..end].to_vec();
                let to = numbers.below(letters.len() + 1);
                letters.splice(to..to, copy);
            }
            _ => letters.truncate(if numbers.below(10) == 0 { at } else { letters.len() }),
        }
    }
    letters.into_iter().collect()
}

#[test]
fn mutations_of_scripts_neither_panic_nor_leave_the_text() {
    let scripts = scripts::all();
    let mut numbers = Numbers(0x5eed_0f57_a9b0_0001);
    for round in 0..4000 {
        let (_, script) = &scripts[round % scripts.len()];
        let text = mutated(script, &mut numbers);
        let mut sources = Sources::default();
        let file = sources.add("t.stp", text.as_str());
        let options = ParseOptions {
            args: vec!["a \"b".to_owned(), "/*".to_owned()],
            facts: Some(&Nothing),
            ..ParseOptions::default()
        };
        let parsed = parse(&mut sources, file, &options);
        for found in &parsed.diagnostics {
            check(found, &sources);
        }
        assert!(parsed.diagnostics.len() <= 21);
        print(&parsed.file, &sources);
        for_each_span(&parsed.file, &mut |span| {
            assert!(
                span.file == file && span.start <= span.end && span.end as usize <= text.len(),
                "{span:?} in\n{text}"
            );
        });
        assert_eq!(tree(&text).text(), text.as_str());
    }
}

fn check(found: &Diagnostic, sources: &Sources) {
    for span in found.span.iter().chain(found.secondary.iter().map(|label| &label.span)) {
        let text = &sources.file(span.file).text;
        assert!(span.start <= span.end && text.get(span.range()).is_some(), "{found:?} in\n{text}");
    }
    assert!(!found.message.is_empty());
}

/// The spans of everything in a file, found in its debugging form so that none is forgotten.
fn for_each_span(file: &systap_syntax::ast::File, check: &mut dyn FnMut(Span)) {
    let text = format!("{file:?}");
    for part in text.split("Span { file: FileId(").skip(1) {
        let mut numbers = part.split(|letter: char| !letter.is_ascii_digit()).filter(|word| !word.is_empty());
        let mut next = || numbers.next().and_then(|word| word.parse::<u32>().ok()).unwrap();
        let (file, start, end) = (next(), next(), next());
        check(Span::new(systap_diagnostics::FileId(file), start, end));
    }
}
