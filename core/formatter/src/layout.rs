//! Pieces to lines: indentation, line ends where a line would get too long, comments below each other.

use systap_syntax::SyntaxKind;

use crate::pieces::{Gap, Piece};
use crate::{INDENT, WIDTH};

/// Where a continued line begins if no bracket says it.
const CONTINUED: usize = 2 * INDENT;
/// A bracket further to the right than this says nothing.
const FARTHEST_BRACKET: usize = 60;

/// Lines, and what of them could be shorter.
pub(crate) struct LaidOut {
    pub(crate) text: String,
    /// The first bytes of blocks and bodies that stand in a line that is too long: one of a line, the outermost.
    pub(crate) too_long: Vec<u32>,
}

/// Lays the pieces out.
pub(crate) fn lay_out(pieces: &[Piece<'_>]) -> LaidOut {
    let mut layout = Layout { lines: Vec::new(), brackets: Vec::new(), level: 0, too_long: Vec::new() };
    let mut start = 0;
    while start < pieces.len() {
        let end = (start + 1..pieces.len()).find(|at| starts_line(pieces, *at)).unwrap_or(pieces.len());
        layout.line(pieces, start..end);
        start = end;
    }
    LaidOut { text: layout.text(), too_long: layout.too_long }
}

/// Whether a line begins at a piece that is not the first.
fn starts_line(pieces: &[Piece<'_>], at: usize) -> bool {
    let (Some(before), Some(here)) = (at.checked_sub(1).and_then(|at| pieces.get(at)), pieces.get(at)) else {
        return true;
    };
    match here.gap {
        _ if before.ends_its_line() => true,
        Gap::Line => true,
        Gap::Kept | Gap::Soft(_) | Gap::AsWritten => here.line_ends() > 0,
        Gap::Space | Gap::Tight => false,
    }
}

#[derive(Debug, Default)]
struct Line {
    text: String,
    /// The comment at its end, and the column that the author wrote it in.
    comment: Option<(String, usize)>,
    blank_before: bool,
}

struct Layout {
    lines: Vec<Line>,
    /// The columns behind the brackets that are open.
    brackets: Vec<usize>,
    /// The level of the statement.
    level: usize,
    too_long: Vec<u32>,
}

impl Layout {
    /// Lays out what stands on one line, or should.
    fn line(&mut self, pieces: &[Piece<'_>], range: std::ops::Range<usize>) {
        let Some(first) = pieces.get(range.start) else { return };
        let mut line = Line { blank_before: self.blank_before(pieces, range.start), ..Line::default() };
        line.text = match first.gap {
            Gap::AsWritten => first.before.rsplit('\n').next().unwrap_or("").to_owned(),
            gap => " ".repeat(self.indentation(pieces, range.start, gap)),
        };
        let fits = columns(&line.text) + width(pieces.get(range.clone()).unwrap_or(&[])) <= WIDTH;
        // Conditionals last: what is within one reads best on one line.
        let breakable = pieces.get(range.clone()).unwrap_or(&[]).iter().filter(|piece| piece.may_break);
        let breakable = breakable.min_by_key(|piece| piece.kind == SyntaxKind::ConditionOpen);
        if !fits && let Some(piece) = breakable {
            self.too_long.push(piece.start);
            self.too_long.extend(too_wide(pieces.get(range.clone()).unwrap_or(&[])));
        }
        let mut rest = range;
        loop {
            let end = self.end_of_line(pieces, rest.clone(), columns(&line.text));
            self.place(pieces, rest.start..end, &mut line);
            if end >= rest.end {
                break;
            }
            self.lines.push(std::mem::take(&mut line));
            line.text = " ".repeat(self.continuation());
            rest.start = end;
        }
        self.lines.push(line);
    }

    fn blank_before(&self, pieces: &[Piece<'_>], at: usize) -> bool {
        let Some(before) = at.checked_sub(1).and_then(|at| pieces.get(at)) else { return false };
        let Some(here) = pieces.get(at) else { return false };
        let begins = |kind: SyntaxKind| {
            matches!(kind, SyntaxKind::LeftBrace | SyntaxKind::ConditionThen | SyntaxKind::ConditionElse)
        };
        let ends = |kind: SyntaxKind| {
            matches!(kind, SyntaxKind::RightBrace | SyntaxKind::ConditionElse | SyntaxKind::ConditionClose)
        };
        here.line_ends() > 1 && !(here.gap != Gap::AsWritten && (begins(before.kind) || ends(here.kind)))
    }

    fn indentation(&mut self, pieces: &[Piece<'_>], at: usize, gap: Gap) -> usize {
        let Some(here) = pieces.get(at) else { return 0 };
        let begins = gap == Gap::Line || at == 0;
        // What had to go to a new line because of a comment, and would be at the statement's own level.
        let resumes = matches!(here.kind, SyntaxKind::ElseKw | SyntaxKind::CatchKw | SyntaxKind::LeftBrace);
        if begins || resumes && self.brackets.is_empty() {
            self.level = here.level;
            if begins {
                self.brackets.clear();
            }
            return here.level * INDENT;
        }
        let closes = matches!(here.kind, SyntaxKind::RightParen | SyntaxKind::RightBracket);
        if closes && self.brackets.len() <= 1 { self.level * INDENT + CONTINUED } else { self.continuation() }
    }

    /// Where a line begins that continues the one before.
    fn continuation(&self) -> usize {
        let bracket = self.brackets.last().filter(|column| **column <= FARTHEST_BRACKET);
        bracket.copied().unwrap_or(self.level * INDENT + CONTINUED)
    }

    /// The end of what goes into a line in which `column` columns are taken.
    fn end_of_line(&self, pieces: &[Piece<'_>], range: std::ops::Range<usize>, column: usize) -> usize {
        let all = pieces.get(range.clone()).unwrap_or(&[]);
        if column + width(all) <= WIDTH {
            return range.end;
        }
        let mut depth = self.brackets.len();
        let mut taken = column;
        let mut best: Option<(usize, usize)> = None;
        for (index, piece) in all.iter().enumerate() {
            let fits = taken <= WIDTH;
            if let Gap::Soft(rank) = piece.gap
                && index > 0
                && (fits || best.is_none())
            {
                let here = depth * 16 + usize::from(rank);
                if best.is_none_or(|(least, _)| here <= least) {
                    best = Some((here, range.start + index));
                }
            }
            if !fits && best.is_some() {
                break;
            }
            match piece.kind {
                SyntaxKind::LeftParen | SyntaxKind::LeftBracket => depth += 1,
                SyntaxKind::RightParen | SyntaxKind::RightBracket => depth = depth.saturating_sub(1),
                _ => {}
            }
            taken += if index == 0 { columns(piece.text) } else { blanks(all, index) + columns(piece.text) };
        }
        best.map_or(range.end, |(_, at)| at)
    }

    fn place(&mut self, pieces: &[Piece<'_>], range: std::ops::Range<usize>, line: &mut Line) {
        let all = pieces.get(range).unwrap_or(&[]);
        for (index, piece) in all.iter().enumerate() {
            let is_last = index + 1 == all.len();
            if is_last && index > 0 && piece.ends_its_line() {
                line.comment = Some((piece.text.to_owned(), piece.column));
                return;
            }
            if index > 0 {
                match piece.gap {
                    Gap::AsWritten => line.text.push_str(piece.before),
                    _ => line.text.push_str(&" ".repeat(blanks(all, index))),
                }
            }
            line.text.push_str(piece.text);
            match piece.kind {
                SyntaxKind::LeftParen | SyntaxKind::LeftBracket => {
                    self.brackets.push(columns(line.text.rsplit('\n').next().unwrap_or("")));
                }
                SyntaxKind::RightParen | SyntaxKind::RightBracket => _ = self.brackets.pop(),
                _ => {}
            }
        }
    }

    /// All lines, comments at the ends of lines that the author wrote below each other so again.
    fn text(&self) -> String {
        let mut text = String::new();
        let mut start = 0;
        while start < self.lines.len() {
            let column_of = |at: usize| self.lines.get(at).and_then(|line| line.comment.as_ref()).map(|(_, at)| *at);
            let column = column_of(start);
            let mut end = start + 1;
            let one_line = |at: usize| self.lines.get(at).is_some_and(|line| !line.text.contains('\n'));
            while column.is_some()
                && one_line(start)
                && one_line(end)
                && column_of(end) == column
                && self.lines.get(end).is_some_and(|line| !line.blank_before)
            {
                end += 1;
            }
            let run = self.lines.get(start..end).unwrap_or(&[]);
            let end_of = |line: &Line| columns(line.text.rsplit('\n').next().unwrap_or(""));
            let widest = run.iter().map(end_of).max().unwrap_or(0);
            for line in run {
                if line.blank_before {
                    text.push('\n');
                }
                match &line.comment {
                    Some((comment, _)) => {
                        let padding = " ".repeat(widest - end_of(line) + 1);
                        text.push_str(&line.text);
                        text.push_str(&padding);
                        text.push_str(comment);
                    }
                    None => text.push_str(line.text.trim_end()),
                }
                text.push('\n');
            }
            start = end;
        }
        text
    }
}

/// The blocks of a line that would not even fit alone.
fn too_wide(line: &[Piece<'_>]) -> Vec<u32> {
    let mut found = vec![];
    let mut open: Vec<(usize, Option<u32>)> = vec![];
    let mut taken = 0;
    for (index, piece) in line.iter().enumerate() {
        taken += if index > 0 { blanks(line, index) } else { 0 } + columns(piece.text);
        match piece.kind {
            SyntaxKind::LeftBrace => open.push((taken, piece.may_break.then_some(piece.start))),
            SyntaxKind::RightBrace => {
                if let Some((start, Some(block))) = open.pop()
                    && taken - start > WIDTH
                {
                    found.push(block);
                }
            }
            _ => {}
        }
    }
    found
}

fn columns(text: &str) -> usize {
    text.chars().count()
}

/// How many blanks stand before a piece that is not the first of its line.
fn blanks(line: &[Piece<'_>], index: usize) -> usize {
    let (Some(before), Some(here)) = (index.checked_sub(1).and_then(|at| line.get(at)), line.get(index)) else {
        return 0;
    };
    match here.gap {
        Gap::Tight if before.kind == SyntaxKind::Comment && !closes(here.kind) => 1,
        Gap::Tight if stay_apart(before.text, here.text) => 0,
        Gap::AsWritten => columns(here.before),
        _ => 1,
    }
}

fn closes(kind: SyntaxKind) -> bool {
    use SyntaxKind::{Comma, RightBracket, RightParen, Semicolon};
    matches!(kind, Comma | RightBracket | RightParen | Semicolon)
}

/// Whether two tokens are still two without a blank between.
fn stay_apart(left: &str, right: &str) -> bool {
    let both = format!("{left}{right}");
    systap_syntax::first_token(&both).1 == left.len()
}

/// The columns of pieces in one line, a comment at its end not counted.
fn width(line: &[Piece<'_>]) -> usize {
    let mut sum = 0;
    for (index, piece) in line.iter().enumerate() {
        if index > 0 && index + 1 == line.len() && piece.ends_its_line() {
            break;
        }
        let mut lines = piece.text.split('\n');
        sum += if index > 0 { blanks(line, index) } else { 0 } + columns(lines.next().unwrap_or(""));
        if lines.next().is_some() {
            // What is of several lines cannot be made shorter.
            return if index == 0 { 0 } else { sum };
        }
    }
    sum
}
