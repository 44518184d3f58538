//! One JSON object a diagnostic, for programs. Its field names are a promise: fields may be added, never renamed.

use serde::Serialize;

use super::severity_word;
use crate::{Diagnostic, Sources, Span};

#[derive(Serialize)]
struct Object<'a> {
    code: &'a str,
    severity: &'a str,
    message: &'a str,
    #[serde(flatten)]
    place: Option<Place<'a>>,
    label: &'a str,
    notes: &'a [String],
    help: &'a [String],
    secondary: Vec<Secondary<'a>>,
}

/// Lines and columns from 1; columns count characters; the end is one past the last character.
#[derive(Serialize)]
struct Place<'a> {
    file: &'a str,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
}

#[derive(Serialize)]
struct Secondary<'a> {
    #[serde(flatten)]
    place: Place<'a>,
    label: &'a str,
}

/// The diagnostic as one JSON object on one line, without a line end.
///
/// Fields: `code`, `severity` (`error`, `warning`), `message`, `label`, `notes`, `help`, `secondary` (places with a
/// `label` each), and, if it has a place, `file`, `line`, `column`, `end_line`, `end_column`: from 1, in characters,
/// the end exclusive.
pub fn json(diagnostic: &Diagnostic, sources: &Sources) -> String {
    let object = Object {
        code: diagnostic.code,
        severity: severity_word(diagnostic.severity),
        message: &diagnostic.message,
        place: diagnostic.span.map(|span| place(span, sources)),
        label: &diagnostic.label,
        notes: &diagnostic.notes,
        help: &diagnostic.help,
        secondary: diagnostic
            .secondary
            .iter()
            .map(|label| Secondary { place: place(label.span, sources), label: &label.text })
            .collect(),
    };
    // Strings and numbers under fixed keys: there is no input for which serde_json refuses these.
    serde_json::to_string(&object).unwrap_or_default()
}

fn place(span: Span, sources: &Sources) -> Place<'_> {
    let start = sources.place(span);
    let end = sources.place(Span { start: span.end, ..span });
    Place {
        file: &sources.file(span.file).name,
        line: start.line,
        column: start.column,
        end_line: end.line,
        end_column: end.column,
    }
}

#[cfg(test)]
mod tests {
    use super::json;
    use crate::render::tests::sample;
    use crate::{Diagnostic, Sources, Span};

    #[test]
    fn every_field_has_its_promised_name() {
        let (found, mut sources) = sample();
        let other = sources.add("lib.stp", "probe x = y {}\n");
        let found = found.with_secondary(Span::new(other, 6, 7), "from here").with_note("a \"note\"").with_help("help");
        insta::assert_snapshot!(json(&found, &sources), @r#"{"code":"unknown-probe-point","severity":"error","message":"no function matches `vfs_raed`","file":"top.stp","line":3,"column":24,"end_line":3,"end_column":32,"label":"did you mean `vfs_read`?","notes":["a \"note\""],"help":["help"],"secondary":[{"file":"lib.stp","line":1,"column":7,"end_line":1,"end_column":8,"label":"from here"}]}"#);
    }

    #[test]
    fn without_a_place_there_are_no_place_fields() {
        let found = Diagnostic::error_without_place("no-probes", "no probes found");
        insta::assert_snapshot!(json(&found, &Sources::default()), @r#"{"code":"no-probes","severity":"error","message":"no probes found","label":"","notes":[],"help":[],"secondary":[]}"#);
    }
}
