//! The script's output as lines that a pane shows: the last ones, as a terminal would have them.
//!
//! It must never let what a script prints move the cursor or change the terminal; and what was never shown it must not forget
//! unsaid.

use std::collections::VecDeque;

/// That many lines are kept.
const KEPT: usize = 10_000;
/// Bytes of a line; what is longer is several.
const LONGEST: usize = 8192;
const TAB: usize = 8;

/// A line, and whether it is no output but a message, which is told at another place too.
#[derive(Debug)]
struct Shown {
    text: String,
    is_message: bool,
}

/// Lines of output.
#[derive(Debug, Default)]
pub(crate) struct Scroll {
    lines: VecDeque<Shown>,
    /// How many there were before those.
    gone: usize,
    /// The start of a line whose end has not come.
    rest: Vec<u8>,
    /// Up to this line all was shown.
    shown: usize,
    /// Of the line behind that, so many bytes were shown.
    shown_of_rest: usize,
}

impl Scroll {
    /// Appends output.
    pub(crate) fn push(&mut self, text: &[u8]) {
        for piece in text.split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.rest.len() > LONGEST {
                self.end_line();
            }
        }
    }

    /// Appends a message, before what has begun of a line.
    pub(crate) fn say(&mut self, text: &[u8]) {
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            self.keep(Shown { text: plain(line).0, is_message: true });
        }
    }

    fn end_line(&mut self) {
        let bytes = std::mem::take(&mut self.rest);
        let (text, cleared) = plain(&bytes);
        if cleared {
            // A script that draws its own screen begins it anew: what was on it is gone, as it would be on a terminal.
            self.gone += self.lines.len();
            self.lines.clear();
            self.shown = self.shown.max(self.gone);
        }
        self.shown_of_rest = 0;
        self.keep(Shown { text, is_message: false });
    }

    fn keep(&mut self, line: Shown) {
        self.lines.push_back(line);
        if self.lines.len() > KEPT {
            self.lines.pop_front();
            self.gone += 1;
        }
    }

    /// The number of the first line that is there.
    pub(crate) fn first(&self) -> usize {
        self.gone
    }

    /// The number after the last.
    pub(crate) fn end(&self) -> usize {
        self.gone + self.lines.len() + usize::from(!self.rest.is_empty())
    }

    /// The lines from that number on, at most so many.
    pub(crate) fn lines(&self, from: usize, most: usize) -> Vec<String> {
        let skipped = from.saturating_sub(self.gone);
        let whole = self.lines.iter().skip(skipped).map(|line| line.text.clone());
        let rest = (!self.rest.is_empty() && skipped <= self.lines.len()).then(|| plain(&self.rest).0);
        whole.chain(rest).take(most).collect()
    }

    /// All that there is has been shown.
    pub(crate) fn note_shown(&mut self) {
        self.shown = self.gone + self.lines.len();
        self.shown_of_rest = self.rest.len();
    }

    /// What was not shown, as text; and how many lines of that are lost.
    pub(crate) fn unseen(&mut self) -> (String, usize) {
        let lost = self.gone.saturating_sub(self.shown);
        let new = self.lines.iter().skip(self.shown.saturating_sub(self.gone));
        let mut text: String = new.filter(|line| !line.is_message).map(|line| format!("{}\n", line.text)).collect();
        text += &plain(self.rest.get(self.shown_of_rest..).unwrap_or_default()).0;
        self.note_shown();
        (text, lost)
    }
}

/// A line without what a terminal takes for a command; and whether one of these clears the screen.
fn plain(bytes: &[u8]) -> (String, bool) {
    let text = String::from_utf8_lossy(bytes);
    let mut line = String::new();
    let mut cleared = false;
    let mut letters = text.trim_end_matches('\n').chars();
    let mut width = 0;
    while let Some(letter) = letters.next() {
        match letter {
            '\t' => {
                let blanks = TAB - width % TAB;
                line.extend(std::iter::repeat_n(' ', blanks));
                width += blanks;
            }
            '\r' | '\x07' => {}
            '\x1b' => {
                if letters.clone().next() == Some('[') {
                    letters.next();
                    let last = letters.find(|letter| ('\x40'..'\x7f').contains(letter));
                    if last == Some('J') {
                        cleared = true;
                        line.clear();
                        width = 0;
                    }
                } else {
                    letters.next();
                }
            }
            letter if letter.is_control() => {
                line.push(char::REPLACEMENT_CHARACTER);
                width += 1;
            }
            letter => {
                line.push(letter);
                width += 1;
            }
        }
    }
    (line, cleared)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_in_pieces_and_commands_do_not_come_through() {
        let mut scroll = Scroll::default();
        scroll.push(b"one\ntw");
        assert_eq!(scroll.lines(0, 9), ["one", "tw"]);
        scroll.push(b"o\na\tb\x1b[1mc\x01\r\n");
        assert_eq!(scroll.lines(1, 9), ["two", "a       bc\u{fffd}"]);
        assert_eq!((scroll.first(), scroll.end()), (0, 3));
        scroll.push(b"\x1b[1;1H\x1b[Jnew\n");
        assert_eq!((scroll.first(), scroll.lines(3, 9)), (3, vec!["new".to_owned()]));
    }

    #[test]
    fn what_was_not_shown_is_told_apart() {
        let mut scroll = Scroll::default();
        scroll.push(b"one\ntwo");
        scroll.note_shown();
        scroll.push(b"!\nthree\nfo");
        assert_eq!(scroll.unseen(), ("two!\nthree\nfo".to_owned(), 0));
        assert_eq!(scroll.unseen(), (String::new(), 0));
        scroll.say(b"told elsewhere\n");
        assert_eq!(scroll.unseen(), (String::new(), 0));
        for _ in 0..=KEPT {
            scroll.push(b"x\n");
        }
        let (text, lost) = scroll.unseen();
        assert_eq!((text.lines().count(), lost), (KEPT, 1));
    }
}
