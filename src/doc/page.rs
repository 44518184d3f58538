//! Entries as a list, as text for a terminal and as a man page.

use std::fmt::Write;

use systap_elaborate::documentation::{Entry, Kind};

use super::placing::{Cost, Known, Side};
use crate::roff::{escaped, line};

/// A family has more points than anybody reads: that many are shown.
const MOST_FORMS: usize = 12;

/// The version that something is in since: all there is came with the first one.
pub(super) const SINCE: &str = env!("CARGO_PKG_VERSION");

/// Everything by topic, a line each.
pub(super) fn list(entries: &[Entry]) -> String {
    let widest = entries.iter().map(|entry| entry.name.len() + 1).max().unwrap_or(0);
    let mut text = String::new();
    let (mut topic, mut last) = ("", "");
    for entry in entries {
        if entry.topic != topic {
            let gap = if text.is_empty() { "" } else { "\n" };
            text += &format!("{gap}{}\n", entry.topic);
            (topic, last) = (&entry.topic, "");
        }
        if entry.name == last {
            continue;
        }
        last = &entry.name;
        let name = shown(entry);
        text += &format!("  {name:widest$}  {}\n", entry.first_sentence());
    }
    text
}

/// A name as scripts write it.
fn shown(entry: &Entry) -> String {
    if entry.kind == Kind::Macro { format!("@{}", entry.name) } else { entry.name.clone() }
}

/// The parts of an entry below its forms and sentences: what each is called, and its text.
fn parts(known: &Known<'_>) -> Vec<(&'static str, String)> {
    let entry = known.entry;
    let mut parts = vec![];
    parts.extend(entry.returns.clone().map(|text| ("Returns", text)));
    parts.extend(entry.errors.clone().map(|text| ("Errors", text)));
    if entry.guru && entry.kind == Kind::Function {
        parts.push(("Needs", "-g (guru mode)".to_owned()));
    }
    parts.push(("Side", known.side.to_string()));
    if let Side::NotHere(why) = &known.side
        && entry.kind != Kind::Refused
    {
        parts.push(("Why", why.clone()));
    }
    if known.cost != Cost::Unknown {
        parts.push(("Cost", known.cost.words().to_owned()));
    }
    parts.push(("Since", format!("systap {SINCE}")));
    parts.extend(entry.example.clone().map(|text| ("Example", text)));
    parts
}

/// The forms that are shown, and how many are not.
fn forms(entry: &Entry) -> (Vec<&str>, usize) {
    let mut forms: Vec<&str> = entry.forms.iter().map(String::as_str).collect();
    if forms.len() > MOST_FORMS {
        forms.sort_by_key(|form| (form.len(), *form));
    }
    let more = forms.len().saturating_sub(MOST_FORMS);
    forms.truncate(MOST_FORMS);
    (forms, more)
}

/// For a terminal.
pub(super) fn text(found: &[Known<'_>]) -> String {
    let mut pages = vec![];
    for known in found {
        let (forms, more) = forms(known.entry);
        let mut page: String = forms.iter().map(|form| format!("{form}\n")).collect();
        if more > 0 {
            page += &format!("... and {more} more: `systap stap --dump-probe-types`\n");
        }
        page.extend(known.entry.sentences.iter().map(|sentence| format!("  {sentence}\n")));
        for (label, text) in parts(known) {
            _ = writeln!(page, "  {label:8} {text}");
        }
        pages.push(page);
    }
    pages.join("\n")
}

/// As roff, for man(1).
pub(super) fn man(found: &[Known<'_>]) -> String {
    let Some(first) = found.first() else { return String::new() };
    let name = shown(first.entry);
    let mut page = format!(
        ".TH \"{}\" 3stap \"\" \"systap {SINCE}\" \"systap\"\n.SH NAME\n{} \\- {}\n.SH SYNOPSIS\n",
        escaped(&name.to_uppercase()),
        escaped(&name),
        escaped(first.entry.first_sentence().trim_end_matches('.'))
    );
    for known in found {
        for form in forms(known.entry).0 {
            _ = writeln!(page, ".nf\n\\fB{}\\fR\n.fi", escaped(form));
        }
    }
    page += ".SH DESCRIPTION\n";
    for known in found {
        if found.len() > 1 {
            _ = writeln!(page, ".SS \"{}\"", escaped(forms(known.entry).0.first().copied().unwrap_or_default()));
        }
        for sentence in &known.entry.sentences {
            page += &line(sentence);
        }
        for (label, text) in parts(known) {
            _ = write!(page, ".TP\n.B {label}\n{}", line(&text));
        }
    }
    page
}
