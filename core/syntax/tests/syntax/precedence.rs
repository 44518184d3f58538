//! Which operator takes which operands.

use super::statements;
use crate::complaints;

/// `left` and `right` mean the same.
fn same(left: &str, right: &str) {
    assert_eq!(statements(left), statements(right));
}

#[test]
fn each_level_is_tighter_than_the_one_before() {
    let levels: [&[&str]; 11] = [
        &["||"],
        &["&&"],
        &["|"],
        &["^"],
        &["&"],
        &["<", ">", "<=", ">=", "==", "!="],
        &["<<", ">>", ">>>"],
        &["."],
        &["+", "-"],
        &["*", "/", "%"],
        &["->"],
    ];
    for (at, loose) in levels.iter().enumerate() {
        for tight in levels.get(at + 1..).unwrap_or(&[]) {
            for (loose, tight) in loose.iter().flat_map(|loose| tight.iter().map(move |tight| (loose, tight))) {
                same(&format!("a {loose} b {tight} c"), &format!("a {loose} (b {tight} c)"));
                same(&format!("a {tight} b {loose} c"), &format!("(a {tight} b) {loose} c"));
            }
        }
        // All but `->` group to the left, within a level.
        if at + 1 < levels.len() {
            for (first, second) in loose.iter().flat_map(|first| loose.iter().map(move |second| (first, second))) {
                same(&format!("a {first} b {second} c"), &format!("(a {first} b) {second} c"));
            }
        }
    }
}

#[test]
fn membership_stands_between_bit_and_and_comparison() {
    same("a == b in c", "(a == b) in c");
    same("a & b in c", "a & (b in c)");
    same("! k in a", "(! k) in a");
    same("[k] in a && b", "([k] in a) && b");
}

#[test]
fn assignment_is_loosest_and_groups_to_the_right() {
    same("x = y = 1", "x = (y = 1)");
    same("x += y .= a ? b : c", "x += (y .= (a ? b : c))");
    same("s <<< a || b", "s <<< (a || b)");
    same("x = a ? b : c ? d : e", "x = (a ? b : (c ? d : e))");
    same("a ? b = 1 : c", "a ? (b = 1) : c");
    for operator in ["=", "<<<", "+=", "-=", "*=", "/=", "%=", "<<=", ">>=", "&=", "^=", "|=", ".="] {
        same(&format!("x {operator} 1 || 2"), &format!("x {operator} (1 || 2)"));
    }
}

#[test]
fn unary_operators_are_tighter_than_binary_ones() {
    same("-a * b", "(-a) * b");
    same("!a == b", "(!a) == b");
    same("- -a", "-(-a)");
    same("! ~a", "!(~a)");
    same("-x->y", "-(x->y)");
    same("-i++", "-(i++)");
    same("++i + j", "(++i) + j");
}

#[test]
fn signs_and_steps() {
    insta::assert_snapshot!(statements("i++ + ++j; a - -b; a-- - --b; -1; +x; a . b == c; x =~ \"a\" \"b\" && y !~ \"c\""), @r#"
    (+ (_++ i) (++_ j))
    (- a (- b))
    (- (_-- a) (--_ b))
    (- 1)
    (+ x)
    (== (. a b) c)
    (&& (=~ x "ab") (!~ y "c"))
    "#);
}

#[test]
fn in_and_regex_operators_stand_alone_on_their_level() {
    for refused in [
        "x = k in a in b",
        "x = k in a == 1",
        "x = [k] in a + 1",
        "x = s =~ \"a\" == 1",
        "x = 1 == s =~ \"a\"",
        "x = s =~ \"a\" !~ \"b\"",
        "x = s =~ \"a\" . \"b\"",
        "x = ![k, l] in a",
        "x = 1 + [k, l] in a",
        "x = [k && l] in a",
        "x = [k = 1] in a",
        "x = [k, l]",
        "x = --++y",
        "x = ++-y",
        "x = & &$y",
        "x = [1] + 2",
    ] {
        let said = complaints(&format!("probe begin {{ {refused} }}"));
        assert!(said.contains("error[unexpected-token]"), "{refused}: {said}");
    }
    assert!(complaints("probe begin { x = s =~ (\"a\") }").contains("error[regex-not-literal]"));
    same("x = s =~ \"a\" \"b\" && y", "x = (s =~ \"a\" \"b\") && y");
    same("x = 1 == k in a", "x = (1 == k) in a");
    same("x = [k] in a & [l] in b", "x = ([k] in a) & ([l] in b)");
    same("x = -++y", "x = -(++y)");
    same("x = [y]", "x = (y)");
    same("x = -&$y->z++", "x = -((&$y->z)++)");
}
