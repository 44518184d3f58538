//! Comparing version strings and matching shell patterns, as preprocessor conditions do. Pure text in, answer out.

use std::cmp::Ordering;

/// The order of two version strings: that of glibc's `strverscmp(3)`, in which runs of digits compare as numbers, and
/// those with leading zeros as fractions, before those without.
pub fn compare(left: &str, right: &str) -> Ordering {
    let (left, right) = (left.as_bytes(), right.as_bytes());
    let same = left.iter().zip(right).take_while(|(a, b)| a == b).count();
    if same == left.len() && same == right.len() {
        return Ordering::Equal;
    }
    let start = left[..same].iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, |at| at + 1);
    let digits = |text: &[u8]| text[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (left_digits, right_digits) = (digits(left), digits(right));
    let plain = left[same..].cmp(&right[same..]);
    if left_digits == 0 || right_digits == 0 || start == same && (left_digits == 0) != (right_digits == 0) {
        return plain;
    }
    let zeros =
        |text: &[u8], digits: usize| text[start..start + digits].iter().take_while(|byte| **byte == b'0').count();
    // A lone 0 is a whole number.
    let fraction = |text: &[u8], digits: usize| digits > 1 && zeros(text, digits) > 0;
    match (fraction(left, left_digits), fraction(right, right_digits)) {
        (false, false) => left_digits.cmp(&right_digits).then(plain),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        // More leading zeros, a smaller fraction.
        (true, true) => zeros(right, right_digits).cmp(&zeros(left, left_digits)).then(plain),
    }
}

/// Whether `text` is of the form `pattern`: `*`, `?`, `[a-z]`, `[!a]`, and a backslash before what stands for itself.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where to go on after the last `*` if what follows it does not fit: it takes one character more.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() || p < pattern.len() {
        if pattern.get(p) == Some(&'*') {
            retry = Some((p, t + 1));
            p += 1;
            continue;
        }
        if let Some(next) = one(&pattern, p, text.get(t).copied()) {
            p = next;
            t += 1;
            continue;
        }
        match retry {
            Some((star, from)) if from <= text.len() => {
                retry = Some((star, from + 1));
                (p, t) = (star + 1, from);
            }
            _ => return false,
        }
    }
    true
}

/// Behind the element of `pattern` at `p`, if `letter` fits it.
fn one(pattern: &[char], p: usize, letter: Option<char>) -> Option<usize> {
    let letter = letter?;
    match *pattern.get(p)? {
        '?' => Some(p + 1),
        '\\' if p + 1 < pattern.len() => (pattern.get(p + 1) == Some(&letter)).then_some(p + 2),
        '[' => {
            let negated = matches!(pattern.get(p + 1), Some('!' | '^'));
            let first = p + 1 + usize::from(negated);
            // A bracket right at the start is one of the set.
            let Some(close) = (first + 1..pattern.len()).find(|at| pattern.get(*at) == Some(&']')) else {
                return (letter == '[').then_some(p + 1);
            };
            let set = pattern.get(first..close)?;
            let mut found = false;
            let mut at = 0;
            while let Some(&low) = set.get(at) {
                match (set.get(at + 1), set.get(at + 2)) {
                    (Some('-'), Some(&high)) => {
                        found |= (low..=high).contains(&letter);
                        at += 3;
                    }
                    _ => {
                        found |= low == letter;
                        at += 1;
                    }
                }
            }
            (found != negated).then_some(close + 1)
        }
        plain => (plain == letter).then_some(p + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::{compare, matches};
    use std::cmp::Ordering::{Equal, Greater, Less};

    #[test]
    fn versions_order_as_glibc_orders_them() {
        // The examples of strverscmp(3), and kernels'.
        let rising = ["000", "00", "01", "010", "09", "0", "1", "9", "10"];
        for (at, left) in rising.iter().enumerate() {
            for (other, right) in rising.iter().enumerate() {
                assert_eq!(compare(left, right), at.cmp(&other), "{left} {right}");
            }
        }
        assert_eq!(compare("6.18.5", "6.18.5"), Equal);
        assert_eq!(compare("6.18", "6.9"), Greater);
        assert_eq!(compare("4.19.300", "5.4"), Less);
        assert_eq!(compare("6.1", "6.1.0"), Less);
        assert_eq!(compare("2.6.9-rc1", "2.6.10"), Less);
    }

    #[test]
    fn patterns_match_as_the_shell_matches() {
        assert!(matches("2.6.*", "2.6.32"));
        assert!(!matches("2.6.*", "3.6.32"));
        assert!(matches("x86_??", "x86_64"));
        assert!(matches("[im]", "m") && matches("[!im]", "y") && matches("[a-c]x", "bx"));
        assert!(!matches("[a-c]", "d") && !matches("", "y") && matches("", "") && matches("*", ""));
        assert!(matches("*a*b*c", "xxaxxbxxc") && !matches("*a*b*c", "xxaxxbxx"));
        let many = "*a".repeat(50);
        assert!(!matches(&many, &"a".repeat(49)), "and in reasonable time");
    }
}
