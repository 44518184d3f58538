//! A text that an editor has open, and how the editor counts in it. Must never be asked for an offset within a character.

use std::path::PathBuf;

use lsp_types::{InitializeParams, Position, PositionEncodingKind, Range, TextEdit, Uri};
use systap_diagnostics::{Diagnostic, Sources};

/// What a column counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Bytes.
    Utf8,
    /// Halves of UTF-16, which every editor knows.
    Utf16,
}

impl Encoding {
    /// What both sides know.
    pub(super) fn agreed(asked: &InitializeParams) -> Self {
        let known = asked.capabilities.general.as_ref().and_then(|general| general.position_encodings.as_ref());
        match known.is_some_and(|known| known.contains(&PositionEncodingKind::UTF8)) {
            true => Encoding::Utf8,
            false => Encoding::Utf16,
        }
    }

    fn width(self, character: char) -> usize {
        match self {
            Encoding::Utf8 => character.len_utf8(),
            Encoding::Utf16 => character.len_utf16(),
        }
    }
}

/// What is wrong with a document.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) all: Vec<Diagnostic>,
    /// What they point into; the first file is the document.
    pub(super) sources: Sources,
}

/// A document.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) text: String,
    /// Where it is, if it is a file.
    pub(super) path: Option<PathBuf>,
    pub(super) encoding: Encoding,
    /// Where its lines begin.
    lines: Vec<usize>,
    /// The editor's number of this state of the text.
    pub(super) version: i32,
    pub(super) findings: Findings,
}

impl Document {
    pub(super) fn new(uri: &Uri, text: String, version: i32, encoding: Encoding) -> Self {
        let path = url::Url::parse(uri.as_str()).ok().and_then(|url| url.to_file_path().ok());
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(end, _)| end + 1)).collect();
        Document { text, path, encoding, lines, version, findings: Findings::default() }
    }

    /// Whether it holds macros alone.
    pub(super) fn is_of_macros(&self) -> bool {
        self.path.as_ref().is_some_and(|path| path.extension().is_some_and(|kind| kind == "stpm"))
    }

    /// The byte at a position; of a position behind a line's end, that end.
    pub(super) fn offset(&self, position: Position) -> usize {
        let Some(start) = self.lines.get(position.line as usize).copied() else { return self.text.len() };
        let line = self.text[start..].split('\n').next().unwrap_or("");
        let mut column = 0;
        for (at, character) in line.char_indices() {
            if column >= position.character as usize {
                return start + at;
            }
            column += self.encoding.width(character);
        }
        start + line.len()
    }

    /// The range of some of its bytes.
    pub(super) fn range(&self, bytes: std::ops::Range<usize>) -> Range {
        Range::new(self.position(bytes.start), self.position(bytes.end))
    }

    fn position(&self, offset: usize) -> Position {
        let line = self.lines.partition_point(|start| *start <= offset).saturating_sub(1);
        let start = self.lines.get(line).copied().unwrap_or(0);
        let before = self.text.get(start..offset).unwrap_or("");
        let column: usize = before.chars().map(|character| self.encoding.width(character)).sum();
        Position::new(line as u32, column as u32)
    }
}

/// The range of some bytes of a text.
pub(super) fn range(text: &str, encoding: Encoding, bytes: std::ops::Range<usize>) -> Range {
    Range::new(position(text, encoding, bytes.start), position(text, encoding, bytes.end))
}

fn position(text: &str, encoding: Encoding, offset: usize) -> Position {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or("");
    let column: usize = line.chars().map(|character| encoding.width(character)).sum();
    Position::new(before.matches('\n').count() as u32, column as u32)
}

/// The change that gives a document its one form: none if it has a mistake.
pub(super) fn formatted(document: &Document) -> Vec<TextEdit> {
    let mut sources = Sources::default();
    let file = sources.add("", document.text.as_str());
    match crate::compile::on_deep_stack(|| systap_formatter::format(&sources, file)) {
        Some(Ok(text)) if text != document.text => vec![TextEdit::new(document.range(0..document.text.len()), text)],
        _ => vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: &str, encoding: Encoding) -> Document {
        Document::new(&"file:///a.stp".parse().unwrap(), text.into(), 1, encoding)
    }

    #[test]
    fn positions_are_counted_as_agreed_and_never_cut_a_character() {
        let text = "a\né𝄞b\n";
        let wide = document(text, Encoding::Utf16);
        assert_eq!(wide.offset(Position::new(1, 3)), text.find('b').unwrap());
        assert_eq!(wide.range(2..9).end, Position::new(1, 4));
        let bytes = document(text, Encoding::Utf8);
        assert_eq!(bytes.offset(Position::new(1, 6)), text.find('b').unwrap());
        for (line, column) in [(0, 99), (1, 1), (1, 2), (1, 99), (2, 0), (9, 9)] {
            for document in [&wide, &bytes] {
                assert!(text.is_char_boundary(document.offset(Position::new(line, column))));
            }
        }
    }
}
