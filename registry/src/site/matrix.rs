//! On which kernels an alias is there: a table that says so by words and signs, and by colour besides.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::html::{Kind, anchor, escape};
use crate::index::Entry;

/// The table of a version; nothing if it was checked on no kernel.
pub(super) fn table(entry: &Entry) -> String {
    if entry.checked.is_empty() || entry.aliases.is_empty() {
        return String::new();
    }
    let mut text =
        String::from("<section>\n<h2 id=\"kernels\">Kernels</h2>\n<div class=\"wide\"><table class=\"matrix\">\n");
    _ = writeln!(
        text,
        "<caption>Which alias of {} is there on which kernel</caption>",
        escape(&entry.version.to_string())
    );
    text += "<thead><tr><th scope=\"col\">Alias</th>";
    for kernel in entry.checked.keys() {
        _ = write!(text, "<th scope=\"col\">{}</th>", escape(kernel));
    }
    text += "</tr></thead>\n<tbody>\n";
    let missing: Vec<BTreeSet<&String>> = entry.checked.values().map(|missing| missing.iter().collect()).collect();
    for alias in entry.aliases.keys() {
        _ = write!(
            text,
            "<tr><th scope=\"row\"><a href=\"#{}\"><code>{}</code></a></th>",
            anchor(Kind::Alias, alias),
            escape(alias)
        );
        for missing in &missing {
            text +=
                if missing.contains(alias) { "<td class=\"no\">✗ no</td>" } else { "<td class=\"yes\">✓ yes</td>" };
        }
        text += "</tr>\n";
    }
    text += "</tbody>\n</table></div>\n</section>\n";
    text
}
