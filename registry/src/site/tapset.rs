//! The page of a tapset: how to get it, what it has, where it holds, and which versions there were.

use std::fmt::Write;

use super::Shown;
use super::html::{Kind, anchor, bytes, day, escape, page, page_with_style};
use super::matrix;
use crate::doc::{AliasDoc, FunctionDoc};
use crate::index::Entry;
use crate::manifest::Stability;

/// The page of a tapset's newest version.
pub(super) fn page_of(title: &str, signers: &[String], shown: &Shown) -> String {
    let Some(entry) = shown.tapset.newest() else { return String::new() };
    let above = format!("<p><a href=\"../index.html\">Tapsets of {}</a></p>\n", escape(title));
    let mut body = head(entry, &above);
    body += &facts(entry, signers);
    body += &contents(shown, entry, true);
    page(&format!("{} – tapset of {title}", shown.name), "../", &body)
}

/// The same of a version that is in no registry yet.
pub(super) fn alone(shown: &Shown, style: &str) -> String {
    let Some(entry) = shown.tapset.newest() else { return String::new() };
    let mut body = head(entry, "");
    body += &facts(entry, &[]);
    body += &contents(shown, entry, false);
    page_with_style(&format!("{} – tapset", shown.name), style, &body)
}

fn head(entry: &Entry, above: &str) -> String {
    let name = escape(&entry.name);
    format!(
        "<header>\n{above}<h1>{name} <small>{}</small></h1>\n<p>{}</p>\n\
         <pre><code>systap tapset install {name}</code></pre>\n</header>\n<main>\n",
        escape(&entry.version.to_string()),
        escape(&entry.summary)
    )
}

/// What it has, on which kernels, and which versions there were.
fn contents(shown: &Shown, entry: &Entry, published: bool) -> String {
    let matrix = matrix::table(entry);
    let parts = [
        ("aliases", "Aliases", shown.doc.aliases.is_empty()),
        ("functions", "Functions", shown.doc.functions.is_empty()),
        ("kernels", "Kernels", matrix.is_empty()),
        ("versions", "Versions", !published),
    ];
    let links =
        parts.iter().filter(|(_, _, empty)| !empty).map(|(id, title, _)| format!("<a href=\"#{id}\">{title}</a>"));
    let mut body = format!("<nav>{}</nav>\n", links.collect::<Vec<_>>().join(" "));
    if !shown.doc.aliases.is_empty() {
        body += "<section>\n<h2 id=\"aliases\">Aliases</h2>\n";
        shown.doc.aliases.iter().for_each(|one| body += &alias(one));
        body += "</section>\n";
    }
    if !shown.doc.functions.is_empty() {
        body += "<section>\n<h2 id=\"functions\">Functions</h2>\n";
        shown.doc.functions.iter().for_each(|one| body += &function(one));
        body += "</section>\n";
    }
    body += &matrix;
    if !shown.doc.attaches.is_empty() {
        body += "<section>\n<details><summary>What its scripts may attach to</summary>\n<ul class=\"names\">\n";
        shown.doc.attaches.iter().for_each(|point| _ = writeln!(body, "<li><code>{}</code></li>", escape(point)));
        body += "</ul>\n</details>\n</section>\n";
    }
    if published {
        body += &versions(shown);
    }
    body + "</main>\n"
}

fn facts(entry: &Entry, signers: &[String]) -> String {
    let mut text = String::from("<dl class=\"facts\">\n");
    let mut row = |name: &str, value: String| _ = writeln!(text, "<dt>{name}</dt><dd>{value}</dd>");
    row("License", escape(&entry.license));
    if !signers.is_empty() {
        row("Signed by", escape(&signers.join(", ")));
    }
    if !entry.dependencies.is_empty() {
        let one = |(name, versions): (&String, &semver::VersionReq)| {
            // What is no tapset's name leads nowhere: it could lead out of the pages.
            let shown = escape(name);
            let link = if crate::is_name(name) { format!("<a href=\"../{name}/\">{shown}</a>") } else { shown };
            format!("{link} {}", escape(&versions.to_string()))
        };
        row("Needs", entry.dependencies.iter().map(one).collect::<Vec<_>>().join(", "));
    }
    if let Some(needs) = &entry.kernel.needs {
        row("Kernels with", format!("<code>{}</code>", escape(needs)));
    }
    if let Some(tested) = &entry.kernel.tested {
        row("Tested on", escape(tested));
    }
    if !entry.kernel.arch.is_empty() {
        row("Machines", escape(&entry.kernel.arch.join(", ")));
    }
    if let Some(native) = &entry.native {
        let targets = escape(&native.targets.join(", "));
        row("Native code", format!("for {targets}, interface {}; it runs confined, and never as root", native.abi));
    }
    text += "</dl>\n";
    text
}

/// What is said of a variable, without its name and type again.
fn said_of(alias: &AliasDoc, name: &str, ty: &str) -> String {
    let own = |line: &String| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(": "));
    let mut lines = alias.comment.iter().skip_while(|line| !own(line));
    let Some(first) = lines.next().and_then(|line| line.get(name.len() + 2..)) else { return String::new() };
    let first = first.strip_prefix(ty).map_or(first, |rest| rest.trim_start_matches([',', ' ']));
    // What goes on in the next lines is of the same variable.
    let more = lines.take_while(|line| !is_of_variable(alias, line));
    std::iter::once(first).chain(more.map(String::as_str)).collect::<Vec<_>>().join(" ")
}

/// Whether a line of the comment begins what is said of a variable.
fn is_of_variable(alias: &AliasDoc, line: &str) -> bool {
    let Some((name, _)) = line.split_once(": ") else { return false };
    alias.variables.iter().any(|one| split(one).0 == name)
}

fn split(variable: &str) -> (&str, &str) {
    variable.split_once(':').unwrap_or((variable, ""))
}

fn alias(alias: &AliasDoc) -> String {
    let mut text =
        format!("<article id=\"{}\">\n<h3><code>{}</code>", anchor(Kind::Alias, &alias.name), escape(&alias.name));
    if alias.stability == Stability::Evolving {
        text += " <small class=\"mark\">evolving</small>";
    }
    if alias.deprecated.is_some() {
        text += " <small class=\"mark\">deprecated</small>";
    }
    text += "</h3>\n";
    for line in alias.comment.iter().take_while(|line| !is_of_variable(alias, line)) {
        _ = writeln!(text, "<p>{}</p>", escape(line));
    }
    if let Some(deprecated) = &alias.deprecated {
        let instead = deprecated.instead.as_ref().map(|instead| format!("; use <code>{}</code>", escape(instead)));
        let since = escape(&deprecated.since.to_string());
        _ = writeln!(text, "<p>Deprecated since {since}{}</p>", instead.unwrap_or_default());
    }
    if let Some(since) = &alias.since {
        _ = writeln!(text, "<p>Since {}</p>", escape(since));
    }
    if !alias.when.is_empty() {
        let whens: Vec<String> = alias.when.iter().map(|when| format!("<code>{}</code>", escape(when))).collect();
        _ = writeln!(text, "<p>Where {}</p>", whens.join(" or "));
    }
    if !alias.variables.is_empty() {
        text += "<div class=\"wide\"><table class=\"variables\"><thead><tr><th scope=\"col\">Variable</th><th scope=\"col\">Type</th>\
                 <th scope=\"col\">What it is</th></tr></thead>\n<tbody>\n";
        for variable in &alias.variables {
            let (name, ty) = split(variable);
            let said = escape(&said_of(alias, name, ty));
            let (name, ty) = (escape(name), escape(ty));
            _ = writeln!(text, "<tr><th scope=\"row\"><code>{name}</code></th><td>{ty}</td><td>{said}</td></tr>");
        }
        text += "</tbody></table></div>\n";
    }
    text += "</article>\n";
    text
}

fn function(function: &FunctionDoc) -> String {
    let name = &function.name;
    let parameters: Vec<String> = function.parameters.iter().map(|one| escape(&one.replace(':', ": "))).collect();
    let mut text = format!(
        "<article id=\"{}\">\n<h3><code>{}({}): {}</code></h3>\n",
        anchor(Kind::Function, name),
        escape(name),
        parameters.join(", "),
        escape(&function.gives)
    );
    for line in &function.comment {
        _ = writeln!(text, "<p>{}</p>", escape(line));
    }
    text += "</article>\n";
    text
}

fn versions(shown: &Shown) -> String {
    let mut text = String::from(
        "<section>\n<h2 id=\"versions\">Versions</h2>\n<div class=\"wide\"><table>\n<caption>All versions, the newest first</caption>\n\
         <thead><tr><th scope=\"col\">Version</th><th scope=\"col\">Published</th><th scope=\"col\">Package</th>\
         <th scope=\"col\">SHA-256</th></tr></thead>\n<tbody>\n",
    );
    for entry in &shown.tapset.entries {
        let yanked = shown.tapset.yanks.get(&entry.version).filter(|yank| yank.yanked).map(|yank| {
            let why = yank.reason.as_ref().map(|why| format!(": {}", escape(why))).unwrap_or_default();
            format!(" <small class=\"mark\">yanked {}{why}</small>", day(yank.at))
        });
        _ = writeln!(
            text,
            "<tr><th scope=\"row\">{}{}</th><td>{}</td><td>{}</td><td><code class=\"hash\">{}</code></td></tr>",
            escape(&entry.version.to_string()),
            yanked.unwrap_or_default(),
            day(entry.published),
            bytes(entry.size),
            escape(&entry.sha256)
        );
    }
    text += "</tbody>\n</table></div>\n</section>\n";
    text
}
