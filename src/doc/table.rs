//! The table of all functions in Markdown, which docs/functions.md is.

use systap_elaborate::documentation::{Entry, Kind};

use super::page::SINCE;
use super::placing::{Cost, Known, Placing};

const INTRODUCTION: &str = "\
# What every script finds

Functions, macros and families of probe points that scripts find without defining them. `systap doc NAME` tells more of each, with
what it returns, its errors and an example; `systap doc --man NAME` makes a man page. This page is made by `systap doc --table`; do not
edit it, but the comment above the function in the library.

**Side** is where a call runs in a handler that the kernel fires (a system call, a tracepoint): `kernel` in the kernel, `user` on the
user side, by a record, for what stands behind it. `begin`, `end` and timers run on the user side whole: `and user` says that the call
can be made there. **Cost** is that of a call in such a handler. Both are found out by compiling a call, as for any script.
";

/// The whole page.
pub(super) fn table(entries: &[Entry], placing: &Placing<'_>) -> String {
    let known = placing.of_each(&entries.iter().collect::<Vec<_>>());
    let mut text = INTRODUCTION.to_owned();
    text += &format!("\nAll of them are in systap since {SINCE}.\n");
    let mut topic = "";
    for known in &known {
        if known.entry.topic != topic {
            topic = &known.entry.topic;
            text += &format!("\n## {topic}\n\n{}", head(known.entry.kind));
        }
        text += &row(known);
    }
    text
}

fn head(kind: Kind) -> &'static str {
    match kind {
        Kind::Function | Kind::Output => "| function | what it does | side | cost |\n|---|---|---|---|\n",
        Kind::Macro => "| macro | what it does |\n|---|---|\n",
        Kind::Probe => "| family | what it does | side | points |\n|---|---|---|---|\n",
        Kind::Refused => "| function | why not |\n|---|---|\n",
    }
}

fn row(known: &Known<'_>) -> String {
    let entry = known.entry;
    let form = cell(entry.forms.first().map_or("", String::as_str));
    let what = cell(entry.first_sentence());
    match entry.kind {
        Kind::Function | Kind::Output => {
            let cost = if known.cost == Cost::Unknown { "" } else { known.cost.words() };
            format!("| `{form}` | {what} | {} | {cost} |\n", cell(&known.side.to_string()))
        }
        Kind::Macro | Kind::Refused => format!("| `{form}` | {what} |\n"),
        Kind::Probe => {
            format!("| `{}` | {what} | {} | {} |\n", entry.name, cell(&known.side.to_string()), entry.forms.len())
        }
    }
}

/// Text that does not end a cell.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
