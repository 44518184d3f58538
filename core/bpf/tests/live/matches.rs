//! Regular expressions in the kernel: what the user side's matcher says, of random texts and texts of every length.

use std::sync::Arc;

use systap_ir::graph::{Op, Terminator};
use systap_ir::placed::control::FIRST_FREE;
use systap_ir::program::{PatternId, Space};
use systap_regex::Regex;

use crate::differential::Random;
use crate::harness::*;

const PATTERNS: [&str; 20] = [
    "",
    "a",
    "^a",
    "a$",
    "^$",
    "^abc$",
    "abc",
    "a.c",
    "(ab|ba)+c?$",
    "[^a-c]",
    "[[:digit:]]{2,4}",
    "^[a-z]+[0-9]*$",
    "a{9}",
    "^.{20}b.{250}b",
    "^.{300}c$",
    "(a|b)*a(a|b){7}$",
    "\\.conf$|passwd",
    "x|y|z|abab",
    "$a",
    "\u{e9}",
];

fn text_of(random: &mut Random, most: usize) -> Vec<u8> {
    (0..random.below(most + 1)).map(|_| random.pick(b"aaabbbcc01.xz\xff\xc3\xa9")).collect()
}

/// A program that sets word 0 to whether the string at argument 0 matches.
fn matcher(pattern: &str, cap: u32, branch: bool) -> Live {
    let mut graph = Graph::new();
    let address = graph.long(Op::Argument { index: 0, pointer: false });
    let text = graph.text(cap, Op::ReadText { address, limit: None, space: Space::User, fallback: None });
    let matched = graph.long(Op::Match { text, pattern: PatternId(0) });
    if branch {
        let ((yes, _), (no, _)) = (graph.block(&[]), graph.block(&[]));
        graph.end(Terminator::Branch { condition: matched, then: jump(yes, &[]), otherwise: jump(no, &[]) });
        for (block, value) in [(yes, 1), (no, 0)] {
            graph.at(block);
            let value = graph.number(value);
            graph.run(Op::Set(WORD, value));
        }
    } else {
        graph.run(Op::Set(WORD, matched));
    }
    let mut placed = program(vec![scalar("r", FIRST_FREE)], vec![graph.handler(test_point())]);
    placed.patterns = vec![Arc::new(Regex::new(pattern.as_bytes()).unwrap())];
    Live::load(&placed, &untyped())
}

#[test]
fn matches_are_those_of_the_user_side() {
    if !can_load("matches_are_those_of_the_user_side") {
        return;
    }
    let mut random = Random(0xdfa);
    let mut outcomes = [0; 2];
    for (number, pattern) in PATTERNS.iter().enumerate() {
        let regex = Regex::new(pattern.as_bytes()).unwrap();
        for (cap, most) in [(16, 20), (100, 12), (512, 600)] {
            let live = matcher(pattern, cap, number % 2 == 0);
            for _ in 0..40 {
                let mut text = text_of(&mut random, most);
                let expected = regex.is_match(&text[..text.len().min(cap as usize - 1)]);
                // What follows the NUL must not matter.
                text.extend_from_slice(b"\0abc0");
                live.run(&[text.as_ptr() as u64]);
                let got = live.words.load(FIRST_FREE as usize);
                assert_eq!(got, i64::from(expected), "{pattern} on {} (cap {cap})", text.escape_ascii());
                outcomes[usize::from(expected)] += 1;
            }
        }
    }
    assert!(outcomes.iter().all(|count| *count > 300), "{outcomes:?}");
}

#[test]
fn many_patterns_in_one_handler() {
    if !can_load("many_patterns_in_one_handler") {
        return;
    }
    let mut graph = Graph::new();
    let address = graph.long(Op::Argument { index: 0, pointer: false });
    let text = graph.text(512, Op::ReadText { address, limit: None, space: Space::User, fallback: None });
    let patterns: Vec<Regex> = PATTERNS.iter().map(|pattern| Regex::new(pattern.as_bytes()).unwrap()).collect();
    let mut bits = graph.number(0);
    for number in 0..patterns.len() {
        let matched = graph.long(Op::Match { text, pattern: PatternId(number as u32) });
        let place = graph.number(number as i64);
        let bit = graph.long(Op::Binary(systap_ir::program::BinaryOp::ShiftLeft, matched, place));
        bits = graph.long(Op::Binary(systap_ir::program::BinaryOp::Or, bits, bit));
    }
    graph.run(Op::Set(WORD, bits));
    let mut placed = program(vec![scalar("r", FIRST_FREE)], vec![graph.handler(test_point())]);
    placed.patterns = patterns.iter().cloned().map(Arc::new).collect();
    let live = Live::load(&placed, &untyped());
    let mut random = Random(0xabc);
    for _ in 0..50 {
        let mut text = text_of(&mut random, 300);
        let expected =
            patterns.iter().enumerate().map(|(at, regex)| i64::from(regex.is_match(&text)) << at).sum::<i64>();
        text.push(0);
        live.run(&[text.as_ptr() as u64]);
        assert_eq!(live.words.load(FIRST_FREE as usize), expected, "{}", text.escape_ascii());
    }
}
