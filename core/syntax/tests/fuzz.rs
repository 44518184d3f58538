//! Damaged scripts in quantity: the lexer, the preprocessor and the parser end with each, in time, and lose no byte.
//!
//! `cargo xtask fuzz 1000000` runs many; a plain `cargo test` some. The generator's seed is fixed, so that what failed once fails
//! again: the message has the number of the input and its text.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use systap_diagnostics::{Diagnostic, Sources, Span, render};
use systap_syntax::{Fact, Facts, Macros, ParseOptions, parse, parse_macros, print, tokens, tree};

/// How many inputs, unless the variable says.
const FEW: u64 = 1_000;
const ROUNDS: &str = "SYSTAP_FUZZ";

/// No input of the fuzzer's size takes a parser that is linear so long, not even without optimization.
const SLOW: Duration = Duration::from_secs(2);

/// Pieces that mean something to some stage, and that damage is made of.
const PIECES: &[&str] = &[
    "%(",
    "%?",
    "%:",
    "%)",
    "@define",
    "@define m(a, b) %(",
    "@m(",
    "@a",
    "$1",
    "@1",
    "$#",
    "@#",
    "$9",
    "%{",
    "%}",
    "/*",
    "*/",
    "//",
    "#",
    "\"",
    "\\",
    "'",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ",",
    ";",
    "<<<",
    ">>>",
    "<<=",
    "->",
    "++",
    "--",
    "=~",
    "!~",
    "**",
    "?",
    "!",
    ":",
    "$$vars",
    "$x$",
    "$x$$",
    "@cast(",
    "@hist_linear(",
    "@count(",
    "@defined(",
    "@var(\"x@y.c\")",
    "kernel_v",
    "CONFIG_X",
    ">=",
    "0x",
    "99999999999999999999",
    "0",
    "-1",
    "probe",
    "global",
    "private",
    "function",
    "foreach",
    "for",
    "while",
    "if",
    "else",
    "try",
    "catch",
    "return",
    "delete",
    "next",
    "break",
    "continue",
    "limit",
    "in",
    "string",
    "long",
    "\n",
    "\r\n",
    "\t",
    "\u{0}",
    "\u{1b}",
    "é",
    "\u{fdd0}",
    "\u{10ffff}",
    ".",
    "a",
    "f(",
    "x = ",
    "1 ? ",
    "a[",
    "if (",
    "((((((((",
    "{{{{{{{{",
    "- - - - ",
    "& & & ",
];

/// A generator with a fixed seed (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }
}

/// Answers every question, some with nonsense.
struct Answers;

impl Facts for Answers {
    fn value(&self, fact: Fact<'_>) -> String {
        match fact {
            Fact::KernelVersion => "6.18.5".to_owned(),
            Fact::Guru => "0".to_owned(),
            Fact::Config(name) => name.chars().rev().collect(),
            _ => String::new(),
        }
    }
}

fn corpus() -> Vec<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|found| found == "stp")).collect();
    paths.sort();
    let mut scripts: Vec<String> = paths.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
    scripts.push("@define m(a, b) %( @a + @b %)\n%( kernel_v >= \"2.6\" && arch == \"x86*\" %? probe begin { x = @m(1, $1) . @2 } %: global y[5]% %)".to_owned());
    scripts
}

/// A place in a text where it can be cut.
fn boundary(text: &str, random: &mut Random) -> usize {
    let mut at = random.below(text.len() + 1);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Damages a script: cuts, doubles and puts in pieces, its own or another's.
fn damaged(corpus: &[String], random: &mut Random) -> String {
    let mut text = corpus[random.below(corpus.len())].clone();
    if random.below(4) > 0 {
        // Most damage is told on a short text, and much faster.
        let start = boundary(&text, random);
        let end = boundary(&text, random).clamp(start, (start + 400).min(text.len()));
        let end = (end..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
        text = text[start..end].to_owned();
    }
    for _ in 0..=random.below(6) {
        let (one, other) = (boundary(&text, random), boundary(&text, random));
        let (start, end) = (one.min(other), one.max(other));
        match random.below(6) {
            0 => text.replace_range(start..end, ""),
            1 => {
                let piece = text[start..end].to_owned();
                text.insert_str(start, &piece);
            }
            2 => {
                let from = &corpus[random.below(corpus.len())];
                let (one, other) = (boundary(from, random), boundary(from, random));
                text.insert_str(start, &from[one.min(other)..one.max(other)]);
            }
            3 => text.insert_str(start, &PIECES[random.below(PIECES.len())].repeat(1 + random.below(40))),
            _ => text.insert_str(start, PIECES[random.below(PIECES.len())]),
        }
        if text.len() > 1 << 15 {
            let cut = boundary(&text, random);
            text.truncate(cut);
        }
    }
    text
}

fn check_places(found: &[Diagnostic], sources: &Sources) {
    let inside = |span: Span| {
        let text = &sources.file(span.file).text;
        assert!(text.get(span.range()).is_some(), "{span:?} is not within a text of {} bytes: {found:?}", text.len());
    };
    for finding in found {
        finding.span.map(inside);
        finding.secondary.iter().for_each(|label| inside(label.span));
        render::terminal(finding, sources, true);
        render::json(finding, sources);
    }
    assert!(found.len() <= 40, "{} findings", found.len());
}

/// Everything that a text goes through.
fn examine(text: &str, args: &[String], library: &Macros) {
    assert_eq!(tokens(text).map(|(_, token)| token.len()).sum::<usize>(), text.len(), "the tokens are not the text");
    assert_eq!(tree(text).text(), text, "the tree is not the text");
    let options =
        ParseOptions { args: args.to_vec(), facts: Some(&Answers), library: Some(library), ..ParseOptions::default() };
    let mut sources = Sources::default();
    let file = sources.add("t.stp", text);
    let parsed = parse(&mut sources, file, &options);
    check_places(&parsed.diagnostics, &sources);
    print(&parsed.file, &sources);
    let (_, found) = parse_macros(&mut sources, file, &options);
    check_places(&found, &sources);
}

fn time_of(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

#[test]
fn damaged_scripts_are_read_to_their_end() {
    let rounds = std::env::var(ROUNDS).ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(FEW);
    let corpus = corpus();
    let mut sources = Sources::default();
    let file = sources.add("m.stpm", "@define twice(x) %( @x @x %)\n@define loop %( @loop @loop %)");
    let (library, _) = parse_macros(&mut sources, file, &ParseOptions::default());
    let mut random = Random(0x5eed_0f5c_a1ab_1e05);
    let start = Instant::now();
    let mut bytes = 0;
    for round in 0..rounds {
        let text = damaged(&corpus, &mut random);
        let args: Vec<String> = (0..random.below(4)).map(|_| PIECES[random.below(PIECES.len())].to_owned()).collect();
        bytes += text.len();
        let mut outcome = Ok(());
        let took = time_of(|| outcome = catch_unwind(AssertUnwindSafe(|| examine(&text, &args, &library))));
        assert!(outcome.is_ok(), "input {round} with the arguments {args:?}:\n{text}");
        // A machine that does something else meanwhile takes its time once, a bad input each time.
        let took = if took < SLOW { took } else { took.min(time_of(|| examine(&text, &args, &library))) };
        assert!(took < SLOW, "input {round} of {} bytes took {took:?}:\n{text}", text.len());
    }
    eprintln!("{rounds} inputs of {bytes} bytes in {:.1?}", start.elapsed());
}
