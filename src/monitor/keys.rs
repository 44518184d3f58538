//! Keys, out of the bytes that a terminal sends for them.
//!
//! Must never wait for the rest of one: what is not whole yet is kept for the next time.

/// A key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    Char(char),
    Up,
    Down,
    PageUp,
    PageDown,
    Home,
    End,
    Tab,
    BackTab,
    Enter,
    Escape,
    Backspace,
}

/// Bytes of which a key may still come.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    rest: Vec<u8>,
}

/// No key takes more.
const LONGEST: usize = 16;

impl Keys {
    /// The keys that these bytes end.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Vec<Key> {
        let mut all = std::mem::take(&mut self.rest);
        all.extend_from_slice(bytes);
        let mut keys = vec![];
        let mut left = all.as_slice();
        while !left.is_empty() {
            let Some((key, length)) = first(left) else {
                self.rest = left.to_vec();
                break;
            };
            keys.extend(key);
            left = left.get(length..).unwrap_or_default();
        }
        keys
    }
}

/// The first key, if it is one that is known, and its length; `None` if there may be more of it.
fn first(bytes: &[u8]) -> Option<(Option<Key>, usize)> {
    let one = |key| Some((Some(key), 1));
    match bytes {
        [0x1b] => one(Key::Escape),
        [0x1b, b'[' | b'O', rest @ ..] => {
            let end = rest.iter().position(|byte| (0x40..0x7f).contains(byte));
            let Some(end) = end else { return (bytes.len() > LONGEST).then_some((None, bytes.len())) };
            Some((sequence(rest.get(..=end).unwrap_or_default()), end + 3))
        }
        [0x1b, ..] => one(Key::Escape),
        [b'\t', ..] => one(Key::Tab),
        [b'\r' | b'\n', ..] => one(Key::Enter),
        [0x7f | 0x08, ..] => one(Key::Backspace),
        // Ctrl-L is worth a name: it draws anew.
        [byte, ..] if byte.is_ascii_graphic() || matches!(byte, b' ' | 0x0c) => one(Key::Char(char::from(*byte))),
        _ => Some((None, 1)),
    }
}

/// What comes behind `ESC [`.
fn sequence(text: &[u8]) -> Option<Key> {
    Some(match text {
        b"A" => Key::Up,
        b"B" => Key::Down,
        b"H" | b"1~" | b"7~" => Key::Home,
        b"F" | b"4~" | b"8~" => Key::End,
        b"5~" => Key::PageUp,
        b"6~" => Key::PageDown,
        b"Z" => Key::BackTab,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart() {
        let mut keys = Keys::default();
        let found = keys.read(b"q\x1b[A\x1bOB\x1b[5~\t\x1b[Z\r\x7f\x1b[1;5C\x01t\x1b");
        use Key::*;
        let expected = [Char('q'), Up, Down, PageUp, Tab, BackTab, Enter, Backspace, Char('t'), Escape];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_key_may_come_in_pieces() {
        let mut keys = Keys::default();
        assert_eq!(keys.read(b"a\x1b[6"), [Key::Char('a')]);
        assert_eq!(keys.read(b"~b"), [Key::PageDown, Key::Char('b')]);
    }
}
