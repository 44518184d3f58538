//! Patterns against what POSIX, SystemTap and an enumeration of all ways say of them.

use std::ops::Range;

use crate::parse::{Node, parse};
use crate::{ErrorKind, Regex};

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern.as_bytes()).unwrap_or_else(|error| panic!("{pattern}: {error}"))
}

/// The groups as `0-3,1-2,-`; `no` if there is no match. Whether there is one is asked of the automaton too.
fn groups(pattern: &str, text: &str) -> String {
    let regex = regex(pattern);
    let found = regex.captures(text.as_bytes());
    assert_eq!(regex.is_match(text.as_bytes()), found.is_some(), "{pattern} on {text}");
    let show = |group: &Option<Range<usize>>| {
        group.as_ref().map_or("-".to_owned(), |range| format!("{}-{}", range.start, range.end))
    };
    found.map_or("no".to_owned(), |found| found.iter().map(show).collect::<Vec<_>>().join(","))
}

/// Pattern, text, and what the C library's `regexec` gives for it.
const TABLE: &[(&str, &str, &str)] = &[
    ("abc", "xabcy", "1-4"),
    ("abc", "ab", "no"),
    ("", "abc", "0-0"),
    ("", "", "0-0"),
    ("^", "abc", "0-0"),
    ("$", "abc", "3-3"),
    ("^$", "", "0-0"),
    ("^$", "a", "no"),
    ("^abc$", "abc", "0-3"),
    ("^abc$", "abcc", "no"),
    ("a^b", "a^b", "no"),
    ("a$b", "a$b", "no"),
    ("a|b", "cb", "1-2"),
    ("a.c", "a\nc", "0-3"),
    ("ab*bc", "abbbbc", "0-6"),
    ("ab?bc", "abbc", "0-4"),
    ("a[b-d]e", "abd", "no"),
    ("a[b-d]e", "ace", "0-3"),
    ("a[]]b", "a]b", "0-3"),
    ("a[^]b]c", "adc", "0-3"),
    ("a[^]b]c", "a]c", "no"),
    ("a[b-]", "a-", "0-2"),
    ("[a^]", "^", "0-1"),
    ("[[:digit:]]+", "ab123c", "2-5"),
    ("[^[:space:]]+", "  ab  ", "2-4"),
    ("[[:alpha:]_][[:alnum:]_]*", "9x_1", "1-4"),
    ("[[:upper:][:digit:]]{2}", "aB2", "1-3"),
    ("a{2}", "aaa", "0-2"),
    ("a{2,}", "baaa", "1-4"),
    ("a{1,2}", "aaa", "0-2"),
    ("a{0}b", "ab", "1-2"),
    ("(ab){2,3}", "abababab", "0-6,4-6"),
    ("a\\.b", "acb", "no"),
    ("a\\.b", "a.b", "0-3"),
    ("a\\(*b", "a((b", "0-4"),
    ("\\\\", "\\", "0-1"),
    ("\\^a\\$", "^a$", "0-3"),
    ("\\{\\}\\|\\+\\?\\*", "{}|+?*", "0-6"),
    ("]}", "]}", "0-2"),
    ("(a)(b)(c)", "abc", "0-3,0-1,1-2,2-3"),
    ("((a)(b))", "ab", "0-2,0-2,0-1,1-2"),
    ("a|(b)", "a", "0-1,-"),
    ("a|(b)", "b", "0-1,0-1"),
    ("(a)|(b)", "b", "0-1,-,0-1"),
    ("a(b*)c(d*)", "abbcdd", "0-6,1-3,4-6"),
    ("(a+|b)*", "ab", "0-2,1-2"),
    ("(a+|b)?", "ab", "0-1,0-1"),
    ("([abc])*d", "abbbcd", "0-6,4-5"),
    ("^(ab|cd)e", "abcde", "no"),
    ("(bc+d$|ef*g.|h?i(j|k))", "ij", "0-2,0-2,1-2"),
    ("(bc+d$|ef*g.|h?i(j|k))", "effg", "no"),
    ("(bc+d$|ef*g.|h?i(j|k))", "effgz", "0-5,0-5,-"),
    ("(a*)*", "b", "0-0,0-0"),
    ("(a*)+", "b", "0-0,0-0"),
    ("(a*)*", "aa", "0-2,0-2"),
    ("(a*)(ab)*(b*)", "abb", "0-3,0-1,-,1-3"),
    ("(.*)/([^/]*)", "/usr/bin/ls", "0-11,0-8,9-11"),
    ("(a|ab)(bcd|c)", "abcd", "0-4,0-1,1-4"),
    ("xa|xabc", "xabcd", "0-4"),
    ("a|ab|abc", "abcd", "0-3"),
    ("(a|ab|abc)d?", "abcd", "0-4,0-3"),
    ("(^|/)etc(/|$)", "/etc", "0-4,0-1,4-4"),
    ("a**", "aa", "0-2"),
    ("(a{2}){2}", "aaaaa", "0-4,2-4"),
    ("é", "café", "3-5"),
    ("[a-c][x-z]*[0-9]$", "bxyz7", "0-5"),
];

/// What only SystemTap has, or POSIX leaves open.
const OWN: &[(&str, &str, &str)] = &[
    ("[\\]]", "]", "0-1"),
    ("[a\\-c]", "b", "no"),
    ("[+-\\]", "A", "0-1"),
    ("[[:d:]][[:l:]][[:u:]][[:s:]]", "1aB ", "0-4"),
    ("(?:ab)+(c)", "ababc", "0-5,4-5"),
    ("(?:^)*a", "a", "0-1"),
    ("(^)*a", "a", "0-1,0-0"),
    ("a||b", "b", "0-1"),
    ("(|a)b", "ab", "0-2,0-1"),
    ("a()b", "ab", "0-2,1-1"),
    ("\\1", "1", "0-1"),
    ("\\d", "7d", "1-2"),
    ("a{3,1}", "aaaa", "0-3"),
    ("$^", "", "0-0"),
    ("$^", "a", "no"),
    ("[[.a.]]", ".]", "0-2"),
    ("(()|a)+b", "aab", "0-3,1-2,-"),
    ("c.f..", "café", "0-5"),
    ("(a|ab)(c|bcd)(d*)", "abcd", "0-4,0-1,1-4,4-4"),
];

#[test]
fn matches_and_groups() {
    for (pattern, text, expected) in TABLE.iter().chain(OWN) {
        assert_eq!(groups(pattern, text), *expected, "{pattern} on {text}");
    }
}

#[test]
fn a_nul_ends_the_text() {
    assert!(regex("a$").is_match(b"ba\0c"));
    assert!(!regex("c").is_match(b"ba\0c"));
    assert_eq!(regex("a$").captures(b"ba\0c"), Some(vec![Some(1..2)]));
    assert_eq!(regex("c").captures(b"ba\0c"), None);
}

#[test]
fn malformed_patterns_say_where() {
    use ErrorKind::*;
    let error = |pattern: &str| {
        let error = Regex::new(pattern.as_bytes()).err().unwrap_or_else(|| panic!("{pattern} is accepted"));
        (error.kind, error.at.start, error.at.end)
    };
    assert_eq!(error("*a"), (NothingToRepeat('*'), 0, 1));
    assert_eq!(error("a|+"), (NothingToRepeat('+'), 2, 3));
    assert_eq!(error("(?a)"), (SpecialGroup, 0, 2));
    assert_eq!(error("(*a)"), (NothingToRepeat('*'), 1, 2));
    assert_eq!(error("{1}"), (NothingToRepeat('{'), 0, 1));
    assert_eq!(error("^*"), (RepeatedAnchor, 1, 2));
    assert_eq!(error("a$+"), (RepeatedAnchor, 2, 3));
    assert_eq!(error("a(b"), (UnclosedGroup, 1, 2));
    assert_eq!(error("a)b"), (UnopenedGroup, 1, 2));
    assert_eq!(error("ab["), (UnclosedSet, 2, 3));
    assert_eq!(error("[]"), (UnclosedSet, 0, 1));
    assert_eq!(error("[^]"), (UnclosedSet, 0, 1));
    assert_eq!(error("[a-"), (UnclosedSet, 0, 1));
    assert_eq!(error("[[:digit]"), (UnclosedClass, 1, 3));
    assert_eq!(error("[[:word:]]"), (UnknownClass("word".into()), 3, 7));
    assert_eq!(error("x[z-a]"), (InvertedRange, 2, 5));
    assert_eq!(error("a{"), (ExpectedNumber, 2, 2));
    assert_eq!(error("a{,3}"), (ExpectedNumber, 2, 3));
    assert_eq!(error("a{x}"), (ExpectedNumber, 2, 3));
    assert_eq!(error("a{2x}"), (ExpectedBrace, 3, 4));
    assert_eq!(error("a{2,3"), (ExpectedBrace, 5, 5));
    assert_eq!(error("a{2,x}"), (ExpectedNumber, 4, 5));
    assert_eq!(error("a{12345}"), (TooManyRepetitions, 2, 7));
    assert_eq!(error("a{99999999999999999999}"), (TooManyRepetitions, 2, 22));
    assert_eq!(error("ab\\"), (NothingEscaped, 2, 3));
    assert_eq!(error("[a\\"), (NothingEscaped, 2, 3));
    assert_eq!(error("a\0"), (Nul, 1, 2));
    assert_eq!(error(&"(".repeat(300)), (TooDeep, 200, 201));
    assert_eq!(error(&format!("a{}", "*".repeat(300))), (TooDeep, 202, 203));
    assert_eq!(error("((a{1000}){1000}){1000}"), (TooLarge, 0, 23));
    assert_eq!(error("(()|a{9999}){9999}{9999}"), (TooLarge, 0, 24));
}

#[test]
fn escapes_that_mean_nothing_are_told() {
    assert_eq!(regex("a\\d\\.[\\w]\\1").needless_escapes(), [1..3, 6..8, 9..11]);
}

#[test]
fn repetitions_of_nothing_end() {
    assert_eq!(groups("(?:){12344}{12344}{12344}a", "a"), "0-1");
    assert_eq!(groups("(){9999}b", "b"), "0-1,0-0");
    assert_eq!(groups("(?:)*(?:)+c", "c"), "0-1");
}

#[test]
fn a_pattern_that_needs_too_many_states_is_searched_without() {
    let pattern = "(a|b)*a(a|b){20}c";
    assert!(regex(pattern).automaton().is_none());
    let text = format!("b{}a{}c", "ab".repeat(50), "b".repeat(20));
    assert_eq!(groups(pattern, &text), format!("0-{},100-101,121-122", text.len()));
    assert_eq!(groups(pattern, &text.replace('c', "d")), "no");
}

#[test]
fn tables_say_what_automata_say() {
    for (pattern, text, _) in TABLE {
        let regex = regex(pattern);
        let table = regex.automaton().and_then(|automaton| automaton.table()).unwrap_or_else(|| panic!("{pattern}"));
        let mut state = usize::from(table.start);
        for byte in text.bytes().chain([0]) {
            if state < 2 {
                break;
            }
            let entry = state << table.shift | usize::from(table.bytes[usize::from(byte)]);
            assert!(entry < 1 << (table.shift + table.states));
            state = if table.wide {
                usize::from(u16::from_ne_bytes([table.bytes[256 + 2 * entry], table.bytes[257 + 2 * entry]]))
            } else {
                usize::from(table.bytes[256 + entry])
            };
        }
        assert_eq!(state, usize::from(regex.is_match(text.as_bytes())), "{pattern} on {text}");
    }
    let many = regex("x{300}");
    assert!(many.automaton().and_then(|automaton| automaton.table()).is_some_and(|table| table.wide));
}

/// All ways in which a tree matches at a place, the preferred one first: the place where it ends, and the groups.
fn ways(node: &Node, text: &[u8], at: usize, groups: &Groups) -> Vec<(usize, Groups)> {
    let mut found: Vec<(usize, Groups)> = vec![];
    match node {
        Node::Empty => found.push((at, groups.clone())),
        Node::Byte(set) if text.get(at).is_some_and(|byte| set.has(*byte)) => found.push((at + 1, groups.clone())),
        Node::Start if at == 0 => found.push((at, groups.clone())),
        Node::End if at == text.len() => found.push((at, groups.clone())),
        Node::Byte(_) | Node::Start | Node::End => {}
        Node::Group(number, inner) => {
            for (end, mut groups) in ways(inner, text, at, groups) {
                groups[*number] = Some(at..end);
                found.push((end, groups));
            }
        }
        Node::Concat(nodes) => {
            found.push((at, groups.clone()));
            for node in nodes {
                found = found.iter().flat_map(|(at, groups)| ways(node, text, *at, groups)).collect();
            }
        }
        Node::Alternate(nodes) => {
            found = nodes.iter().flat_map(|node| ways(node, text, at, groups)).collect();
        }
        Node::Repeat { node, min, max } => {
            // At most once more than is needed without progress: more of that gives no other end.
            let rest = |by| max.map(|max| max - by);
            for (end, inner) in if *max == Some(0) { vec![] } else { ways(node, text, at, groups) } {
                if end == at && *min == 0 {
                    found.push((end, inner));
                    continue;
                }
                let again = Node::Repeat { node: node.clone(), min: min.saturating_sub(1), max: rest(1) };
                found.extend(ways(&again, text, end, &inner));
            }
            if *min == 0 {
                found.push((at, groups.clone()));
            }
        }
    }
    let mut seen = vec![];
    found.retain(|way| {
        !seen.contains(way) && {
            seen.push(way.clone());
            true
        }
    });
    found
}

type Groups = Vec<Option<Range<usize>>>;

fn enumerated(pattern: &str, text: &str) -> Option<Range<usize>> {
    let parsed = parse(pattern.as_bytes()).unwrap_or_else(|error| panic!("{pattern}: {error}"));
    (0..=text.len()).find_map(|start| {
        let ways = ways(&parsed.node, text.as_bytes(), start, &vec![None; parsed.groups]);
        ways.iter().map(|(end, _)| *end).max().map(|end| start..end)
    })
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

    fn pattern(&mut self, depth: usize) -> String {
        let pieces = 1 + self.below(3);
        let mut pattern = String::new();
        for _ in 0..pieces {
            let piece = match self.below(if depth == 0 { 6 } else { 9 }) {
                0 | 1 => "a".to_owned(),
                2 => "b".to_owned(),
                3 => ".".to_owned(),
                4 => "[^a]".to_owned(),
                5 => "[ab]".to_owned(),
                6 => format!("({})", self.pattern(depth - 1)),
                7 => format!("({}|{})", self.pattern(depth - 1), self.pattern(depth - 1)),
                _ => ["(^|a)", "(b|$)", "c"][self.below(3)].to_owned(),
            };
            pattern += &piece;
            pattern += ["", "", "", "*", "+", "?", "{2}", "{1,2}", "{0,1}"][self.below(9)];
        }
        pattern
    }

    fn text(&mut self) -> String {
        (0..self.below(7)).map(|_| ["a", "b", "c"][self.below(3)]).collect()
    }
}

#[test]
fn random_patterns_match_what_an_enumeration_of_all_ways_finds() {
    let mut random = Random(0x5eed);
    for _ in 0..3000 {
        let (pattern, text) = (random.pattern(2), random.text());
        let regex = regex(&pattern);
        let found = regex.captures(text.as_bytes());
        assert_eq!(regex.is_match(text.as_bytes()), found.is_some(), "{pattern} on {text}");
        let whole = found.and_then(|groups| groups[0].clone());
        assert_eq!(whole, enumerated(&pattern, &text), "{pattern} on {text}");
    }
}

#[test]
fn no_bytes_make_the_parser_fail_otherwise_than_by_an_error() {
    const BYTES: &[u8] = b"ab[]^-:\\*+?{},12()|.$:al\xff\x00[[:d:]]";
    let mut random = Random(77);
    let mut accepted = 0;
    for _ in 0..30_000 {
        let pattern: Vec<u8> = (0..random.below(14)).map(|_| BYTES[random.below(BYTES.len())]).collect();
        match Regex::new(&pattern) {
            Ok(regex) => {
                accepted += 1;
                let text = b"ab2[al]\xff";
                assert_eq!(regex.is_match(text), regex.captures(text).is_some(), "{regex:?}");
            }
            Err(error) => assert!(error.at.start <= error.at.end && error.at.end <= pattern.len(), "{error:?}"),
        }
    }
    assert!(accepted > 1000, "{accepted}");
}
