//! The form for people: the source line, carets, labels, notes and help, laid out by annotate-snippets.
//!
//! What it is given may be hostile (a line of a megabyte, escape sequences in a message): nothing but the layout's own
//! colours reaches the terminal, and the work does not grow with the file.

use std::borrow::Cow;
use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::{one_line, within};
use crate::{Diagnostic, FileId, Severity, Sources, Span};

/// Lines longer than this many bytes are cut here, around what they are shown for; shorter ones the layout cuts.
const LONG_LINE: usize = 4096;
/// How much of a long line is kept on each side.
const AROUND: usize = 60;
/// Spans of one file that are further apart than this many bytes are shown as separate excerpts.
const FAR_APART: usize = 16 * 1024;

/// The diagnostic as several lines, without a last line end. `colour`: with ANSI colours.
pub fn terminal(diagnostic: &Diagnostic, sources: &Sources, colour: bool) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let mut group =
        Group::with_title(level.primary_title(one_line(&diagnostic.message)).id(Cow::Borrowed(diagnostic.code)));
    for excerpt in excerpts(diagnostic, sources) {
        group = excerpt.add_to(group, sources);
    }
    group = group.elements(diagnostic.notes.iter().map(|note| Level::NOTE.message(one_line(note))));
    group = group.elements(diagnostic.help.iter().map(|help| Level::HELP.message(one_line(help))));
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    without_empty_headings(renderer.render(&[group]))
}

/// Drops the heading that the layout puts over an excerpt without a path: a cut line's place stands above it already.
fn without_empty_headings(text: String) -> String {
    let is_empty_heading = |line: &&str| {
        // What is left of the line without `ESC [ ... m`.
        let bare: String = line
            .split('\x1b')
            .enumerate()
            .map(|(nth, part)| if nth == 0 { part } else { part.split_once('m').map_or("", |(_, rest)| rest) })
            .collect();
        bare.trim() == ":::"
    };
    if !text.lines().any(|line| is_empty_heading(&line)) {
        return text;
    }
    text.lines().filter(|line| !is_empty_heading(line)).collect::<Vec<_>>().join("\n")
}

struct Mark<'a> {
    range: Range<usize>,
    kind: AnnotationKind,
    label: &'a str,
}

/// Marks of one file that lie near each other.
struct Excerpt<'a> {
    file: FileId,
    marks: Vec<Mark<'a>>,
}

fn excerpts<'a>(diagnostic: &'a Diagnostic, sources: &Sources) -> Vec<Excerpt<'a>> {
    let primary = diagnostic.span.iter().map(|span| (*span, AnnotationKind::Primary, diagnostic.label.as_str()));
    let secondary = diagnostic.secondary.iter().map(|label| (label.span, AnnotationKind::Context, label.text.as_str()));
    let mut excerpts: Vec<Excerpt<'a>> = Vec::new();
    for (span, kind, label) in primary.chain(secondary) {
        let range = shown_range(sources, span);
        let start = range.start;
        let near = |excerpt: &&mut Excerpt<'_>| {
            excerpt.file == span.file
                && excerpt.marks.first().is_some_and(|first| first.range.start.abs_diff(start) < FAR_APART)
        };
        let mark = Mark { range, kind, label };
        match excerpts.iter_mut().find(near) {
            Some(excerpt) => excerpt.marks.push(mark),
            None => excerpts.push(Excerpt { file: span.file, marks: vec![mark] }),
        }
    }
    excerpts
}

/// What of a span is underlined: all of it, or its first line if it goes over many lines.
fn shown_range(sources: &Sources, span: Span) -> Range<usize> {
    let file = sources.file(span.file);
    let range = within(file, span);
    match file.text[range.clone()].find('\n') {
        Some(first) => range.start..range.start + first.max(1),
        None => range,
    }
}

impl<'a> Excerpt<'a> {
    fn add_to(self, group: Group<'a>, sources: &'a Sources) -> Group<'a> {
        let file = sources.file(self.file);
        let text = file.text.as_str();
        let start = self.marks.iter().map(|mark| mark.range.start).min().unwrap_or(0);
        let end = self.marks.iter().map(|mark| mark.range.end).max().unwrap_or(0);
        let from = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let to = text[end..].find('\n').map_or(text.len(), |at| end + at);
        let place = |at: usize| sources.place(Span::new(self.file, at as u32, at as u32));
        let window = &text[from..to];
        if window.lines().all(|line| line.len() <= LONG_LINE) {
            let annotations = self.marks.into_iter().map(|mark| mark.at(from));
            let snippet = Snippet::source(window).line_start(place(from).line as usize).path(one_line(&file.name));
            return group.element(snippet.annotations(annotations));
        }
        // Cut lines have columns of their own, so the place is written apart from them, a line for each mark.
        self.marks.into_iter().fold(group, |group, mark| {
            let at = place(mark.range.start);
            let origin = Origin::path(one_line(&file.name)).line(at.line as usize).char_column(at.column as usize);
            let (cut, range) = cut_around(text, &mark.range);
            let annotation = mark.kind.span(range).label(label_text(mark.label));
            let snippet = Snippet::source(cut).line_start(at.line as usize).annotation(annotation);
            group.element(origin).element(snippet)
        })
    }
}

impl<'a> Mark<'a> {
    fn at(self, from: usize) -> Annotation<'a> {
        self.kind.span(self.range.start - from..self.range.end - from).label(label_text(self.label))
    }
}

fn label_text(label: &str) -> Option<String> {
    (!label.is_empty()).then(|| one_line(label))
}

/// The part of a long line that holds the start of `range`, and where `range` lies in it.
fn cut_around(text: &str, range: &Range<usize>) -> (String, Range<usize>) {
    let line_start = text[..range.start].rfind('\n').map_or(0, |at| at + 1);
    let line_end = text[range.start..].find('\n').map_or(text.len(), |at| range.start + at);
    let mut from = range.start.saturating_sub(AROUND).max(line_start);
    while !text.is_char_boundary(from) {
        from -= 1;
    }
    let mut to = range.end.min(range.start + AROUND).saturating_add(AROUND).min(line_end).max(range.start);
    while !text.is_char_boundary(to) {
        to += 1;
    }
    let dots = if from > line_start { "..." } else { "" };
    let cut = format!("{dots}{}{}", &text[from..to], if to < line_end { "..." } else { "" });
    let start = range.start - from + dots.len();
    let end = (range.end.min(to) - from + dots.len()).max(start);
    (cut, start..end)
}

#[cfg(test)]
mod tests {
    use super::terminal;
    use crate::render::tests::sample;
    use crate::{Diagnostic, Sources, Span};

    #[test]
    fn the_form_of_the_manual() {
        let (found, sources) = sample();
        insta::assert_snapshot!(terminal(&found, &sources, false), @r#"
        error[unknown-probe-point]: no function matches `vfs_raed`
         --> top.stp:3:24
          |
        3 | probe kernel.function("vfs_raed") { n[execname()]++ }
          |                        ^^^^^^^^ did you mean `vfs_read`?
        "#);
    }

    #[test]
    fn second_places_notes_and_help_follow() {
        let (found, mut sources) = sample();
        let other = sources.add("lib.stp", "probe x = y {}\n");
        let file = found.span.unwrap().file;
        let found = found
            .with_secondary(Span::new(file, 46, 56), "its handler")
            .with_secondary(Span::new(other, 6, 7), "from here")
            .with_note("it was renamed")
            .with_help("try `systap list`");
        insta::assert_snapshot!(terminal(&found, &sources, false), @r#"
        error[unknown-probe-point]: no function matches `vfs_raed`
         --> top.stp:3:24
          |
        3 | probe kernel.function("vfs_raed") { n[execname()]++ }
          |                        ^^^^^^^^     ---------- its handler
          |                        |
          |                        did you mean `vfs_read`?
          |
         ::: lib.stp:1:7
          |
        1 | probe x = y {}
          |       - from here
          |
          = note: it was renamed
          = help: try `systap list`
        "#);
    }

    #[test]
    fn a_place_at_the_end_and_none_at_all() {
        let mut sources = Sources::default();
        let file = sources.add("t.stp", "probe begin {\n");
        let found = Diagnostic::error("unexpected-token", Span::new(file, 14, 14), "expected `}`, found end of file");
        insta::assert_snapshot!(terminal(&found, &sources, false), @r#"
        error[unexpected-token]: expected `}`, found end of file
         --> t.stp:2:1
          |
        2 |
          | ^
        "#);
        let found = Diagnostic::error_without_place("no-probes", "no probes found");
        insta::assert_snapshot!(terminal(&found, &sources, false), @"error[no-probes]: no probes found");
    }

    #[test]
    fn a_line_of_a_megabyte_is_cut() {
        let mut sources = Sources::default();
        let file = sources.add("long.stp", format!("a\n{}oops{}\n", "é".repeat(500_000), "x".repeat(500_000)));
        let found =
            Diagnostic::error("unexpected-token", Span::new(file, 1_000_002, 1_000_006), "no").with_label("here");
        insta::assert_snapshot!(terminal(&found, &sources, false), @r#"
        error[unexpected-token]: no
         --> long.stp:2:500001
          |
        2 | ...ééééééééééééééééééééééééééééééoopsxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...
          |                                  ^^^^ here
        "#);
    }

    #[test]
    fn a_line_of_a_page_keeps_its_columns() {
        let mut sources = Sources::default();
        let file = sources.add("t.stp", format!("{} oops {}", "a".repeat(1000), "b".repeat(1000)));
        let found = Diagnostic::error("e", Span::new(file, 1001, 1005), "no").with_label("here");
        let text = terminal(&found, &sources, false);
        assert!(text.contains("t.stp:1:1002") && text.contains("^^^^ here"), "{text}");
        assert!(text.lines().all(|line| line.len() < 200), "{text}");
    }

    #[test]
    fn escape_sequences_and_odd_spans_do_no_harm() {
        let mut sources = Sources::default();
        let file = sources.add("\x1b[2Jt.stp", "a = \"\x1b[31m\u{fffd}é\"\x07\u{202e}\r\n\tb");
        for start in 0..30 {
            for end in start..30 {
                let found = Diagnostic::error("e", Span::new(file, start, end), "m\x1b[2J").with_label("\x1bl");
                let text = terminal(&found, &sources, false);
                assert!(!text.contains(['\x1b', '\x07', '\u{202e}']), "{text:?}");
            }
        }
    }

    #[test]
    fn colour_is_ansi_and_only_on_request() {
        let (found, sources) = sample();
        assert!(terminal(&found, &sources, true).contains("\x1b["));
        assert!(!terminal(&found, &sources, false).contains('\x1b'));
        let mut sources = Sources::default();
        let file = sources.add("t.stp", "x".repeat(10_000));
        let found = Diagnostic::error("e", Span::new(file, 5000, 5001), "m");
        assert!(!terminal(&found, &sources, true).contains(":::"));
    }
}
