//! A script as pieces: its tokens, comments and definitions of macros, each with what should stand before it.

use std::collections::HashSet;
use std::ops::Range;

use systap_diagnostics::{FileId, Sources};
use systap_syntax::{Conditional, Preprocessing, Reading, SyntaxKind, preprocessing, read};

use crate::structure::{Places, Structure};

/// What should stand between two pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gap {
    /// Nothing.
    Tight,
    /// A blank.
    Space,
    /// A line end if the author wrote one, otherwise a blank.
    Kept,
    /// The same, and a line that gets too long may end here; among several such places those of the lowest rank do.
    Soft(u8),
    /// A line end; blank lines before it are kept as one.
    Line,
    /// What the author wrote.
    AsWritten,
}

/// A token, a comment or a whole definition.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'a> {
    pub(crate) kind: SyntaxKind,
    pub(crate) text: &'a str,
    /// Its first byte.
    pub(crate) start: u32,
    /// What the author wrote before it.
    pub(crate) before: &'a str,
    /// In which column of the author's it begins.
    pub(crate) column: usize,
    pub(crate) gap: Gap,
    /// How many blocks it stands in.
    pub(crate) level: usize,
    /// Whether a block or a body starts here that stands on the line of what it belongs to.
    pub(crate) may_break: bool,
}

impl Piece<'_> {
    /// How many line ends the author wrote before it.
    pub(crate) fn line_ends(&self) -> usize {
        self.before.bytes().filter(|byte| *byte == b'\n').count()
    }

    /// Whether it goes to the end of its line.
    pub(crate) fn ends_its_line(&self) -> bool {
        self.kind == SyntaxKind::Comment && !self.text.starts_with("/*")
    }
}

/// The pieces of a script. `broken` has the first bytes of the blocks and bodies that do not fit into a line.
pub(crate) fn of<'a>(sources: &'a Sources, file: FileId, reading: &Reading, broken: &HashSet<u32>) -> Vec<Piece<'a>> {
    let text = &sources.file(file).text;
    let preprocessing = preprocessing(sources, file);
    let mut pieces = cut(text, &preprocessing.definitions);
    let places = places(sources, file, reading, &preprocessing, broken);
    place_tokens(&mut pieces, &places);
    let branches = Branches::new(text, preprocessing.conditionals, broken);
    branches.place(&mut pieces);
    place_comments(&mut pieces);
    pieces
}

/// The pieces without their places.
fn cut<'a>(text: &'a str, definitions: &[Range<u32>]) -> Vec<Piece<'a>> {
    let mut pieces: Vec<Piece<'a>> = Vec::new();
    let (mut at, mut before, mut line) = (0, 0, 0);
    while at < text.len() {
        let (mut kind, mut length) = systap_syntax::first_token(&text[at..]);
        if let Some(whole) = definitions
            .binary_search_by_key(&at, |range| range.start as usize)
            .ok()
            .and_then(|found| definitions.get(found))
        {
            (kind, length) = (SyntaxKind::AtWord, whole.len());
        }
        let piece = &text[at..at + length];
        if kind != SyntaxKind::Whitespace {
            pieces.push(Piece {
                kind,
                text: if kind == SyntaxKind::Comment { piece.trim_end() } else { piece },
                start: at as u32,
                before: &text[before..at],
                column: text[line..at].chars().count(),
                gap: Gap::AsWritten,
                level: 0,
                may_break: false,
            });
            before = at + length;
        }
        if let Some(end) = piece.rfind('\n') {
            line = at + end + 1;
        }
        at += length.max(1);
    }
    pieces
}

/// What the trees say of the tokens, of all branches of conditionals.
fn places(
    sources: &Sources,
    file: FileId,
    reading: &Reading,
    preprocessing: &Preprocessing,
    broken: &HashSet<u32>,
) -> Places {
    let mut places = Places::default();
    let text = &sources.file(file).text;
    Structure::new(text, &reading.seen, broken, &mut places).file(&reading.tree);
    for definition in &preprocessing.definitions {
        places.set(definition.start, Gap::Line, 0);
    }
    let conditionals = &preprocessing.conditionals;
    // The first token of each branch; of those within others too.
    let branches: Vec<u32> = conditionals
        .iter()
        .flat_map(|conditional| [Some(conditional.then), conditional.otherwise].into_iter().flatten())
        .filter_map(|mark| first_behind(text, mark))
        .collect();
    let mut tried: HashSet<u32> = HashSet::new();
    for &branch in &branches {
        if places.of(branch).is_some() || !tried.insert(branch) {
            continue;
        }
        // The way there goes through the branches that it stands in; those beside it are read in the same pass.
        let second = |open: u32| {
            let Ok(at) = conditionals.binary_search_by_key(&open, |conditional| conditional.open) else { return false };
            let Some(Conditional { otherwise: Some(otherwise), close, .. }) = conditionals.get(at).copied() else {
                return false;
            };
            let inside = open < branch && branch < close;
            if inside {
                otherwise < branch
            } else {
                first_behind(text, otherwise).is_some_and(|at| places.of(at).is_none())
            }
        };
        let other = read(sources, file, crate::MAX_DEPTH, &second);
        if other.diagnostics.is_empty() {
            Structure::new(text, &other.seen, broken, &mut places).file(&other.tree);
        }
    }
    places
}

/// Where the first token behind a mark begins, if it is not another mark.
fn first_behind(text: &str, mark: u32) -> Option<u32> {
    let start = mark as usize + 2;
    let mut at = start;
    for (kind, token) in systap_syntax::tokens(text.get(start..)?) {
        match kind {
            SyntaxKind::Whitespace | SyntaxKind::Comment => at += token.len(),
            SyntaxKind::ConditionElse | SyntaxKind::ConditionClose => return None,
            // What stands within it has ways of its own.
            SyntaxKind::ConditionOpen => return None,
            _ => return Some(at as u32),
        }
    }
    None
}

fn place_tokens(pieces: &mut [Piece<'_>], places: &Places) {
    for piece in pieces {
        if let Some(place) = places.of(piece.start) {
            (piece.gap, piece.level, piece.may_break) = (place.gap, place.level, place.may_break);
        }
    }
}

/// The conditionals, and whether each has more lines than one.
struct Branches {
    all: Vec<(Conditional, bool)>,
}

impl Branches {
    fn new(text: &str, conditionals: Vec<Conditional>, broken: &HashSet<u32>) -> Self {
        let is_broken = |conditional: &Conditional| {
            broken.contains(&conditional.open)
                || text[conditional.then as usize..conditional.close as usize].contains('\n')
        };
        Branches { all: conditionals.iter().map(|conditional| (*conditional, is_broken(conditional))).collect() }
    }

    fn place(&self, pieces: &mut [Piece<'_>]) {
        for piece in pieces.iter_mut() {
            let inside = |(conditional, broken): &&(Conditional, bool)| {
                *broken
                    && conditional.then < piece.start
                    && piece.start < conditional.close
                    && conditional.otherwise != Some(piece.start)
            };
            piece.level += self.all.iter().filter(inside).count();
        }
        // From the inside out: the first token of a branch may be an inner conditional.
        for (conditional, broken) in self.all.iter().rev() {
            place_marks(pieces, conditional, *broken);
        }
    }
}

fn place_marks(pieces: &mut [Piece<'_>], conditional: &Conditional, broken: bool) {
    let index = |start: u32| pieces.partition_point(|piece| piece.start < start);
    let (open, then, close) = (index(conditional.open), index(conditional.then), index(conditional.close));
    let otherwise = conditional.otherwise.map(index);
    let first = |mark: usize, end: usize| {
        (mark + 1..end).find(|at| pieces.get(*at).is_some_and(|piece| piece.kind != SyntaxKind::Comment))
    };
    let firsts = [first(then, otherwise.unwrap_or(close)), otherwise.and_then(|mark| first(mark, close))];
    let next =
        (close + 1..pieces.len()).find(|at| pieces.get(*at).is_some_and(|piece| piece.kind != SyntaxKind::Comment));
    let model = firsts.into_iter().flatten().next().or(next).and_then(|at| pieces.get(at)).copied();
    let inside = usize::from(broken && firsts.iter().flatten().next().is_some());
    let (gap, level) = model.map_or((Gap::Line, 0), |model| (model.gap, model.level.saturating_sub(inside)));
    let opens = open
        .checked_sub(1)
        .and_then(|at| pieces.get(at))
        .is_some_and(|before| matches!(before.kind, SyntaxKind::LeftParen | SyntaxKind::LeftBracket));
    let marks = [Some(open), Some(then), otherwise, Some(close)];
    for (number, at) in marks.into_iter().enumerate() {
        let Some(piece) = at.and_then(|at| pieces.get_mut(at)) else { continue };
        piece.level = level;
        piece.gap = match number {
            0 if gap == Gap::AsWritten || gap == Gap::Tight && !opens => Gap::Kept,
            0 => gap,
            1 => Gap::Space,
            _ if broken => Gap::Line,
            _ => Gap::Space,
        };
        piece.may_break = number == 0 && !broken;
    }
    let mut behind_operator = false;
    for at in open + 1..then {
        if let Some(piece) = pieces.get_mut(at) {
            let is_operator = compares(piece.kind);
            let is_apart = behind_operator || is_operator || !piece.before.is_empty();
            piece.gap = if is_apart { Gap::Kept } else { Gap::Tight };
            piece.level = level;
            behind_operator = is_operator;
        }
    }
    for at in firsts.into_iter().flatten() {
        if let Some(piece) = pieces.get_mut(at)
            && piece.gap != Gap::AsWritten
        {
            piece.gap = if broken { Gap::Line } else { Gap::Space };
        }
    }
    if !broken {
        // What is on one line stays there, or all of it is broken.
        for piece in pieces.get_mut(then + 1..close).unwrap_or(&mut []) {
            if piece.gap == Gap::Line {
                piece.gap = Gap::Space;
            }
        }
    }
    if let Some(piece) = next.and_then(|at| pieces.get_mut(at)) {
        let closes = matches!(
            piece.kind,
            SyntaxKind::Comma | SyntaxKind::Semicolon | SyntaxKind::RightParen | SyntaxKind::RightBracket
        );
        piece.gap = match piece.gap {
            Gap::Tight if !closes => Gap::Kept,
            Gap::Space => Gap::Kept,
            gap => gap,
        };
    }
}

/// Whether it is an operator of conditions.
fn compares(kind: SyntaxKind) -> bool {
    use SyntaxKind::{AndAnd, BangEquals, EqualsEquals, Greater, GreaterEquals, Less, LessEquals, OrOr};
    matches!(kind, EqualsEquals | BangEquals | Less | LessEquals | Greater | GreaterEquals | AndAnd | OrOr)
}

/// Comments stand with what follows them, or at the end of the line that they were at the end of.
fn place_comments(pieces: &mut [Piece<'_>]) {
    let mut next: Option<Piece<'_>> = None;
    for at in (0..pieces.len()).rev() {
        let Some(piece) = pieces.get(at).copied() else { continue };
        if piece.kind != SyntaxKind::Comment {
            next = Some(piece);
            continue;
        }
        let is_first = at == 0;
        let closes = next.is_some_and(|next| {
            matches!(next.kind, SyntaxKind::RightBrace | SyntaxKind::ConditionElse | SyntaxKind::ConditionClose)
        });
        let (gap, level) = match next {
            None => (Gap::Line, 0),
            Some(next) if next.gap == Gap::AsWritten => (Gap::AsWritten, next.level),
            Some(next) if next.gap == Gap::Line => (Gap::Line, next.level + usize::from(closes)),
            Some(next) if next.kind == SyntaxKind::ElseKw => (Gap::Line, next.level),
            Some(next) => (Gap::Kept, next.level),
        };
        let on_own_line = is_first || piece.line_ends() > 0;
        let gap = if on_own_line || gap == Gap::AsWritten { gap } else { Gap::Space };
        if let Some(piece) = pieces.get_mut(at) {
            (piece.gap, piece.level) = (gap, level);
        }
        // A comment before a word of the same line goes with it.
        if let Some(follower) = pieces.get_mut(at + 1)
            && piece.text.starts_with("/*")
            && on_own_line
            && gap == Gap::Line
            && follower.gap == Gap::Line
            && follower.line_ends() == 0
            && !closes
        {
            follower.gap = Gap::Space;
        }
    }
}
