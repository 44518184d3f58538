//! From a pattern to its tree.
//!
//! Must never look at what the tree costs: that is the program's to limit. The rules are SystemTap's, which differ from
//! POSIX where POSIX leaves things open or where SystemTap is plainer: a backslash takes the meaning from any character, in
//! sets too; a set is no place for `[.x.]` and `[=x=]`; an alternative may be empty; `{` always begins a repetition.

use std::ops::Range;

use crate::error::{ErrorKind, RegexError};
use crate::set::{self, ByteSet};

/// How deep groups may be nested, and how many repetitions may follow another directly.
pub const MOST_DEPTH: u32 = 200;
/// One more than the greatest number of repetitions that can be asked for.
const TOO_MANY: u32 = 12345;

/// A node of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    /// Matches nothing, everywhere.
    Empty,
    /// One byte of these.
    Byte(ByteSet),
    /// The start of the text.
    Start,
    /// Its end.
    End,
    /// Remembers what it matched as that group.
    Group(usize, Box<Node>),
    /// One after another.
    Concat(Vec<Node>),
    /// One of them.
    Alternate(Vec<Node>),
    /// At least `min` times, at most `max`.
    Repeat { node: Box<Node>, min: u32, max: Option<u32> },
}

/// A pattern that was understood.
#[derive(Debug)]
pub(crate) struct Parsed {
    pub(crate) node: Node,
    /// How many groups there are, the whole match included.
    pub(crate) groups: usize,
    /// See [`crate::Regex::needless_escapes`].
    pub(crate) needless_escapes: Vec<Range<usize>>,
}

pub(crate) fn parse(pattern: &[u8]) -> Result<Parsed, RegexError> {
    if let Some(at) = pattern.iter().position(|byte| *byte == 0) {
        return Err(RegexError { kind: ErrorKind::Nul, at: at..at + 1 });
    }
    let mut parser = Parser { pattern, at: 0, groups: 1, depth: 0, stacked: 0, needless_escapes: vec![] };
    let node = parser.alternatives()?;
    if parser.peek().is_some() {
        return Err(parser.error_here(ErrorKind::UnopenedGroup));
    }
    Ok(Parsed { node, groups: parser.groups, needless_escapes: parser.needless_escapes })
}

struct Parser<'a> {
    pattern: &'a [u8],
    at: usize,
    groups: usize,
    depth: u32,
    /// Repetitions of what is a repetition already, in all.
    stacked: u32,
    needless_escapes: Vec<Range<usize>>,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.peek_after(0)
    }

    fn peek_after(&self, bytes: usize) -> Option<u8> {
        self.pattern.get(self.at + bytes).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let eaten = self.peek() == Some(byte);
        self.at += usize::from(eaten);
        eaten
    }

    fn error(&self, kind: ErrorKind, from: usize) -> RegexError {
        RegexError { kind, at: from..self.at }
    }

    /// An error at the next byte, or at the end.
    fn error_here(&self, kind: ErrorKind) -> RegexError {
        RegexError { kind, at: self.at..(self.at + 1).min(self.pattern.len()) }
    }

    fn alternatives(&mut self) -> Result<Node, RegexError> {
        let first = self.sequence()?;
        if self.peek() != Some(b'|') {
            return Ok(first);
        }
        let mut all = vec![first];
        while self.eat(b'|') {
            all.push(self.sequence()?);
        }
        Ok(Node::Alternate(all))
    }

    fn sequence(&mut self) -> Result<Node, RegexError> {
        let mut all = vec![];
        while let Some(byte) = self.peek() {
            if matches!(byte, b'|' | b')') {
                break;
            }
            all.push(self.repeated()?);
        }
        Ok(match all.len() {
            0 => Node::Empty,
            1 => all.remove(0),
            _ => Node::Concat(all),
        })
    }

    /// One piece and the repetitions after it.
    fn repeated(&mut self) -> Result<Node, RegexError> {
        let mut node = self.piece()?;
        let mut again = false;
        while let Some(sign @ (b'*' | b'+' | b'?' | b'{')) = self.peek() {
            if matches!(node, Node::Start | Node::End) {
                return Err(self.error_here(ErrorKind::RepeatedAnchor));
            }
            self.stacked += u32::from(std::mem::replace(&mut again, true));
            if self.stacked > MOST_DEPTH {
                return Err(self.error_here(ErrorKind::TooDeep));
            }
            self.at += 1;
            let (min, max) = match sign {
                b'*' => (0, None),
                b'+' => (1, None),
                b'?' => (0, Some(1)),
                _ => self.bounds()?,
            };
            node = Node::Repeat { node: Box::new(node), min, max };
        }
        Ok(node)
    }

    /// `n}`, `n,}` or `n,m}`. Of bounds the wrong way round SystemTap takes the first for both.
    fn bounds(&mut self) -> Result<(u32, Option<u32>), RegexError> {
        let min = self.number()?;
        let max = if !self.eat(b',') {
            Some(min)
        } else if self.peek() == Some(b'}') {
            None
        } else {
            Some(self.number()?.max(min))
        };
        if !self.eat(b'}') {
            return Err(self.error_here(ErrorKind::ExpectedBrace));
        }
        Ok((min, max))
    }

    fn number(&mut self) -> Result<u32, RegexError> {
        let from = self.at;
        let mut number = 0u32;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            number = number.saturating_mul(10).saturating_add(u32::from(digit - b'0'));
            self.at += 1;
        }
        if self.at == from {
            return Err(self.error_here(ErrorKind::ExpectedNumber));
        }
        if number >= TOO_MANY {
            return Err(self.error(ErrorKind::TooManyRepetitions, from));
        }
        Ok(number)
    }

    fn piece(&mut self) -> Result<Node, RegexError> {
        let Some(byte) = self.peek() else { return Ok(Node::Empty) };
        let from = self.at;
        if matches!(byte, b'*' | b'+' | b'?' | b'{') {
            return Err(self.error_here(ErrorKind::NothingToRepeat(char::from(byte))));
        }
        self.at += 1;
        Ok(match byte {
            b'.' => Node::Byte(ByteSet::all()),
            b'^' => Node::Start,
            b'$' => Node::End,
            b'[' => self.set(from)?,
            b'(' => self.group(from)?,
            b'\\' => Node::Byte(ByteSet::of(self.escaped(from)?)),
            byte => Node::Byte(ByteSet::of(byte)),
        })
    }

    /// What follows a backslash, which was at `from`.
    fn escaped(&mut self, from: usize) -> Result<u8, RegexError> {
        let Some(byte) = self.peek() else { return Err(self.error(ErrorKind::NothingEscaped, from)) };
        self.at += 1;
        if byte.is_ascii_alphanumeric() {
            self.needless_escapes.push(from..self.at);
        }
        Ok(byte)
    }

    fn group(&mut self, from: usize) -> Result<Node, RegexError> {
        let number = if self.eat(b'?') {
            if !self.eat(b':') {
                return Err(self.error(ErrorKind::SpecialGroup, from));
            }
            None
        } else {
            self.groups += 1;
            Some(self.groups - 1)
        };
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err(self.error(ErrorKind::TooDeep, from));
        }
        let inner = self.alternatives()?;
        self.depth -= 1;
        if !self.eat(b')') {
            return Err(RegexError { kind: ErrorKind::UnclosedGroup, at: from..from + 1 });
        }
        Ok(match (number, inner) {
            (Some(number), inner) => Node::Group(number, Box::new(inner)),
            // An anchor alone cannot be repeated, in a group it can.
            (None, inner @ (Node::Start | Node::End)) => Node::Concat(vec![inner]),
            (None, inner) => inner,
        })
    }

    /// A set, whose `[` was at `from`.
    fn set(&mut self, from: usize) -> Result<Node, RegexError> {
        let unclosed = RegexError { kind: ErrorKind::UnclosedSet, at: from..from + 1 };
        let inverted = self.eat(b'^');
        let mut set = ByteSet::default();
        loop {
            set.add_set(self.member()?.ok_or_else(|| unclosed.clone())?);
            match self.peek() {
                Some(b']') => break,
                Some(_) => {}
                None => return Err(unclosed),
            }
        }
        self.at += 1;
        Ok(Node::Byte(if inverted { set.inverted() } else { set }))
    }

    /// A byte, a range or a class within a set; `None` at the end of the pattern. What ends a range stands for itself,
    /// a backslash too.
    fn member(&mut self) -> Result<Option<ByteSet>, RegexError> {
        let from = self.at;
        let Some(byte) = self.peek() else { return Ok(None) };
        self.at += 1;
        let first = match byte {
            b'[' if self.peek() == Some(b':') => return self.class(from).map(Some),
            b'\\' => self.escaped(from)?,
            byte => byte,
        };
        let last = match (self.peek(), self.peek_after(1)) {
            (Some(b'-'), Some(last)) if last != b']' => {
                self.at += 2;
                last
            }
            _ => first,
        };
        if last < first {
            return Err(self.error(ErrorKind::InvertedRange, from));
        }
        let mut set = ByteSet::default();
        set.add(first, last);
        Ok(Some(set))
    }

    /// A class, whose `[` was at `from`; `:` is next.
    fn class(&mut self, from: usize) -> Result<ByteSet, RegexError> {
        self.at += 1;
        let name_at = self.at;
        let rest = self.pattern.get(name_at..).unwrap_or_default();
        let Some(length) = rest.windows(2).position(|pair| pair == b":]") else {
            return Err(RegexError { kind: ErrorKind::UnclosedClass, at: from..name_at });
        };
        let name = &rest[..length];
        self.at += length + 2;
        set::class(name).ok_or_else(|| {
            let name = String::from_utf8_lossy(name).into_owned();
            RegexError { kind: ErrorKind::UnknownClass(name), at: name_at..name_at + length }
        })
    }
}
