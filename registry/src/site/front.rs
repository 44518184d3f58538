//! The first page, with every tapset, and the page of all names.

use super::Shown;
use super::html::{anchor, day, escape, page};

/// The first page: a line a tapset.
pub(super) fn front(title: &str, signers: &[String], expires: i64, shown: &[Shown]) -> String {
    let mut body = format!("<header>\n<h1>Tapsets of {}</h1>\n", escape(title));
    body += &format!(
        "<p>{} tapsets, signed by {}; good until {}. <a href=\"names.html\">All aliases and functions</a></p>\n</header>\n<main>\n",
        shown.len(),
        escape(&signers.join(", ")),
        day(expires)
    );
    body += "<p><label for=\"filter\" hidden>Filter</label> <input id=\"filter\" type=\"search\" placeholder=\"a name, or what it is for\" hidden></p>\n";
    body += "<div class=\"wide\"><table id=\"tapsets\">\n<caption>Tapsets, by name</caption>\n<thead><tr><th scope=\"col\">Tapset</th>\
             <th scope=\"col\">Version</th><th scope=\"col\">What it is for</th><th scope=\"col\">Aliases</th></tr></thead>\n<tbody>\n";
    for one in shown {
        let Some(newest) = one.tapset.newest() else { continue };
        body += &format!(
            "<tr><th scope=\"row\"><a href=\"{0}/\">{0}</a></th><td>{1}</td><td>{2}</td><td class=\"number\">{3}</td></tr>\n",
            escape(&one.name),
            escape(&newest.version.to_string()),
            escape(&newest.summary),
            newest.aliases.len()
        );
    }
    body += "</tbody>\n</table></div>\n</main>\n<script src=\"filter.js\"></script>\n";
    page(&format!("Tapsets of {title}"), "", &body)
}

/// All aliases and functions, each with a link to where it is told.
pub(super) fn names(title: &str, shown: &[Shown]) -> String {
    let mut body = format!(
        "<header>\n<p><a href=\"index.html\">Tapsets of {}</a></p>\n<h1>Aliases and functions</h1>\n</header>\n<main>\n",
        escape(title)
    );
    let mut names: Vec<(&str, &str, &str)> = vec![];
    for one in shown {
        let Some(newest) = one.tapset.newest() else { continue };
        names.extend(newest.aliases.keys().map(|alias| (alias.as_str(), "alias", one.name.as_str())));
        names.extend(newest.functions.iter().map(|function| (function.as_str(), "function", one.name.as_str())));
    }
    names.sort_unstable();
    body += "<ul class=\"names\">\n";
    for (name, kind, tapset) in names {
        body += &format!(
            "<li><a href=\"{}/#{}\"><code>{}</code></a> <small>{kind} of {}</small></li>\n",
            escape(tapset),
            anchor(name),
            escape(name),
            escape(tapset)
        );
    }
    body += "</ul>\n</main>\n";
    page(&format!("Aliases and functions of {title}"), "", &body)
}
