//! Sets of bytes and the named classes. Must never contain NUL: it ends a string.

/// A set of bytes 1 to 255.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct ByteSet([u64; 4]);

impl ByteSet {
    /// Every byte.
    pub(crate) fn all() -> ByteSet {
        ByteSet::default().inverted()
    }

    /// One byte.
    pub(crate) fn of(byte: u8) -> ByteSet {
        let mut set = ByteSet::default();
        set.add(byte, byte);
        set
    }

    /// Adds all bytes from `first` to `last`.
    pub(crate) fn add(&mut self, first: u8, last: u8) {
        for byte in first.max(1)..=last {
            self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
        }
    }

    /// Adds the bytes of another set.
    pub(crate) fn add_set(&mut self, other: ByteSet) {
        self.0.iter_mut().zip(other.0).for_each(|(word, other)| *word |= other);
    }

    /// The bytes that are not in it.
    pub(crate) fn inverted(self) -> ByteSet {
        let mut words = self.0.map(|word| !word);
        words[0] &= !1;
        ByteSet(words)
    }

    pub(crate) fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 != 0
    }
}

/// The class of that name, if there is one: those of POSIX in the C locale, and SystemTap's short names for four of them.
pub(crate) fn class(name: &[u8]) -> Option<ByteSet> {
    let is: fn(u8) -> bool = match name {
        b"alpha" => |byte| byte.is_ascii_alphabetic(),
        b"alnum" => |byte| byte.is_ascii_alphanumeric(),
        b"blank" => |byte| matches!(byte, b' ' | b'\t'),
        b"cntrl" => |byte| byte.is_ascii_control(),
        b"d" | b"digit" => |byte| byte.is_ascii_digit(),
        b"xdigit" => |byte| byte.is_ascii_hexdigit(),
        b"graph" => |byte| byte.is_ascii_graphic(),
        b"l" | b"lower" => |byte| byte.is_ascii_lowercase(),
        b"print" => |byte| matches!(byte, b' '..=b'~'),
        b"punct" => |byte| byte.is_ascii_punctuation(),
        b"s" | b"space" => |byte| matches!(byte, b' ' | b'\t'..=b'\r'),
        b"u" | b"upper" => |byte| byte.is_ascii_uppercase(),
        _ => return None,
    };
    let mut set = ByteSet::default();
    (1..=255).filter(|byte| is(*byte)).for_each(|byte| set.add(byte, byte));
    Some(set)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLASSES: &[&str] = &[
        "alpha", "alnum", "blank", "cntrl", "d", "digit", "xdigit", "graph", "l", "lower", "print", "punct", "s",
        "space", "u", "upper",
    ];

    #[test]
    fn sets_hold_what_was_put_in_and_never_nul() {
        let mut set = ByteSet::of(b'a');
        set.add(b'0', b'9');
        assert!(set.has(b'a') && set.has(b'0') && set.has(b'9') && !set.has(b'b'));
        let rest = set.inverted();
        assert!(!rest.has(b'a') && rest.has(b'b') && rest.has(255) && !rest.has(0));
        assert_eq!((0..=255).filter(|byte| ByteSet::all().has(*byte)).count(), 255);
    }

    #[test]
    fn classes_have_the_sizes_of_the_c_locale() {
        let sizes = [52, 62, 2, 32, 10, 10, 22, 94, 26, 26, 95, 32, 6, 6, 26, 26];
        for (name, size) in CLASSES.iter().zip(sizes) {
            let set = class(name.as_bytes()).unwrap_or_default();
            assert_eq!((0..=255).filter(|byte| set.has(*byte)).count(), size, "{name}");
        }
        assert_eq!(class(b"word"), None);
    }
}
