//! The patterns of probe points: `*`, `?` and `[...]` over names.
//!
//! Must never take more than the product of the two lengths, whatever the pattern.

/// Whether `name` matches `pattern` as a whole.
///
/// `*` stands for any run of characters, `?` for one, `[abc]`, `[a-z]` and `[!a-z]` or `[^a-z]` for one of a set. A `]`
/// right after the opening belongs to the set; a `[` that nothing closes, and a backslash, stand for themselves.
pub fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    // Where to go back to: just after the last `*`, and the first byte of the name that it does not yet cover.
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        let step = match pattern.get(p) {
            Some(b'*') => {
                p += 1;
                retry = Some((p, n));
                continue;
            }
            Some(_) => one(&pattern[p..], name[n]),
            None => None,
        };
        match (step, retry) {
            (Some(len), _) => {
                p += len;
                n += 1;
            }
            (None, Some((after_star, from))) => {
                p = after_star;
                n = from + 1;
                retry = Some((after_star, n));
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// Whether the text has a character that means something in a pattern; if not, it can only match itself.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// If the pattern's first element matches the byte: how long that element is.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern.first()? {
        b'?' => Some(1),
        b'[' => match set(pattern, byte) {
            Some((len, holds)) => holds.then_some(len),
            None => (byte == b'[').then_some(1),
        },
        literal => (*literal == byte).then_some(1),
    }
}

/// The set at the start of the pattern: its length, and whether it holds the byte. `None` if nothing closes it.
fn set(pattern: &[u8], byte: u8) -> Option<(usize, bool)> {
    let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
    let first = if negated { 2 } else { 1 };
    let mut at = first;
    let mut holds = false;
    loop {
        let low = *pattern.get(at)?;
        if low == b']' && at > first {
            return Some((at + 1, holds != negated));
        }
        match (pattern.get(at + 1), pattern.get(at + 2)) {
            (Some(b'-'), Some(&high)) if high != b']' => {
                holds |= (low..=high).contains(&byte);
                at += 3;
            }
            _ => {
                holds |= low == byte;
                at += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, yes: &[&str], no: &[&str]) {
        for name in yes {
            assert!(matches(pattern, name), "{pattern} should match {name}");
        }
        for name in no {
            assert!(!matches(pattern, name), "{pattern} should not match {name}");
        }
    }

    #[test]
    fn literals() {
        check("open", &["open"], &["opena", "ope", "", "OPEN"]);
        check("", &[""], &["a"]);
    }

    #[test]
    fn stars() {
        check("*", &["", "a", "sched_switch"], &[]);
        check("sched_*", &["sched_", "sched_switch"], &["sche", "xsched_"]);
        check("*_switch", &["sched_switch", "_switch"], &["sched_switch_"]);
        check("a*b*c", &["abc", "axxbyyc", "abbc", "abcbc"], &["acb", "ab", "abcd"]);
        check("**a**", &["a", "xax"], &["", "x"]);
    }

    #[test]
    fn questions() {
        check("accept?", &["accept4"], &["accept", "accept44"]);
        check("?*", &["a", "ab"], &[""]);
    }

    #[test]
    fn sets() {
        check("[rw]*", &["read", "write"], &["open", ""]);
        check("p[a-c]x", &["pax", "pcx"], &["pdx", "px"]);
        check("p[!a-c]x", &["pdx"], &["pax"]);
        check("p[^a-c]x", &["pdx"], &["pax"]);
        check("[]x]", &["]", "x"], &["a"]);
        check("[a-]", &["a", "-"], &["b"]);
        check("[z-a]", &[], &["a", "m", "z"]);
        check("a[b", &["a[b"], &["ab"]);
        check("[", &["["], &["", "a"]);
        check("[!", &["[!"], &["a"]);
    }

    #[test]
    fn hard_patterns_end_soon() {
        let name = "a".repeat(5_000);
        let pattern = format!("{}b", "a*".repeat(1_000));
        let start = std::time::Instant::now();
        assert!(!matches(&pattern, &name));
        assert!(start.elapsed().as_secs() < 10);
    }

    #[test]
    fn knows_patterns() {
        assert!(is_pattern("a*") && is_pattern("a?") && is_pattern("[a]"));
        assert!(!is_pattern("sched_switch"));
    }
}
