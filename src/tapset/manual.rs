//! `systap tapset doc`: what a tapset offers, for people.
//!
//! The text, the man page and the pages of a registry come of the same data. Must never say more than the scripts and the manifest do.

use std::collections::BTreeMap;

use systap_registry::Folder;
use systap_registry::doc::{AliasDoc, Doc, FunctionDoc};
use systap_registry::package::Contents;

use super::command::offered;
use super::describe;
use super::failure::Failure;
use crate::cli::TapsetDoc;
use crate::outcome::Status;
use crate::roff::{escaped, line};
use crate::{kernel, terminal};

/// `systap tapset doc`
pub(super) fn doc(folder: &Folder, options: &TapsetDoc) -> Result<Status, Failure> {
    let kernel = kernel::running();
    let doc = describe::doc(folder, &offered(folder)?, &kernel)?;
    kernel.keep();
    let text = match options {
        TapsetDoc { man: true, .. } => man(folder, &doc),
        TapsetDoc { html: true, .. } => html(folder, doc)?,
        _ => text(folder, &doc),
    };
    Ok(terminal::write_to_stdout(&text))
}

/// What is said of a variable in the comment of its alias: `NAME: TYPE, WHAT`, or `NAME: WHAT`.
fn said_of<'c>(comment: &'c [String], name: &str) -> &'c str {
    comment.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).unwrap_or_default()
}

/// The lines of a comment that are of no variable.
fn prose<'a>(comment: &'a [String], variables: &'a [String]) -> impl Iterator<Item = &'a str> {
    let names = |line: &str| {
        variables.iter().any(|one| line.starts_with(&format!("{}: ", one.split(':').next().unwrap_or(one))))
    };
    comment.iter().map(String::as_str).filter(move |line| !names(line))
}

/// A variable's name, its type, and what is said of it without the type again.
fn variable<'a>(alias: &'a AliasDoc, variable: &'a str) -> (&'a str, &'a str, &'a str) {
    let (name, ty) = variable.split_once(':').unwrap_or((variable, ""));
    let said = said_of(&alias.comment, name);
    let said = said.strip_prefix(ty).map_or(said, |rest| rest.trim_start_matches([',', ' ']));
    (name, ty, said)
}

/// Stability, conditions and what is to go, a line each.
fn notes(alias: &AliasDoc) -> Vec<String> {
    let mut notes = vec![];
    if let Some(since) = &alias.since {
        notes.push(format!(
            "since {since}, {}",
            serde_json::to_value(alias.stability)
                .ok()
                .and_then(|word| word.as_str().map(str::to_owned))
                .unwrap_or_default()
        ));
    }
    if let Some(deprecated) = &alias.deprecated {
        let instead = deprecated.instead.as_ref().map(|instead| format!("; use {instead}")).unwrap_or_default();
        notes.push(format!("deprecated since {}{instead}", deprecated.since));
    }
    notes.extend(alias.when.iter().map(|when| format!("where {when}")));
    notes
}

fn head(function: &FunctionDoc) -> String {
    format!("{}({}): {}", function.name, function.parameters.join(", "), function.gives)
}

/// As its page in a registry would be, as far as it is known now.
fn html(folder: &Folder, doc: Doc) -> Result<String, Failure> {
    let offered = offered(folder)?;
    let contents = Contents::of(folder, &describe::built(folder)).map_err(|error| Failure::wrong(error.to_string()))?;
    let packed = contents.pack().map_err(|error| Failure::wrong(error.to_string()))?;
    let entry = describe::entry(folder, &offered, &contents, &packed, BTreeMap::new());
    Ok(systap_registry::site::page_of(entry, doc))
}

fn text(folder: &Folder, doc: &Doc) -> String {
    let manifest = &folder.manifest;
    let mut text = format!("{} {}: {}\n", manifest.name, manifest.version, manifest.summary);
    for alias in &doc.aliases {
        text += &format!("\n{}\n", alias.name);
        text.extend(prose(&alias.comment, &alias.variables).map(|line| format!("  {line}\n")));
        let width = alias.variables.iter().map(String::len).max().unwrap_or_default();
        for one in &alias.variables {
            let (name, ty, said) = variable(alias, one);
            text += format!("    {:width$}  {said}", format!("{name}:{ty}")).trim_end();
            text.push('\n');
        }
        text.extend(notes(alias).iter().map(|note| format!("  [{note}]\n")));
    }
    for function in &doc.functions {
        text += &format!("\n{}\n", head(function));
        text.extend(function.comment.iter().map(|line| format!("  {line}\n")));
    }
    text
}

fn man(folder: &Folder, doc: &Doc) -> String {
    let manifest = &folder.manifest;
    let (name, version) = (escaped(&manifest.name), escaped(&manifest.version.to_string()));
    let mut page = format!(
        ".TH \"{}\" 7stap \"\" \"{name} {version}\" \"systap tapsets\"\n.SH NAME\n{name} \\- {}\n.SH SYNOPSIS\n.B systap tapset install {name}\n",
        name.to_uppercase(),
        escaped(manifest.summary.trim_end_matches('.'))
    );
    if !doc.aliases.is_empty() {
        page += ".SH PROBE POINTS\n";
    }
    for alias in &doc.aliases {
        page += &format!(".SS \"{}\"\n", escaped(&alias.name));
        prose(&alias.comment, &alias.variables).for_each(|text| page += &line(text));
        for one in &alias.variables {
            let (name, ty, said) = variable(alias, one);
            page += &format!(".TP\n.BR {} \" ({})\"\n{}", escaped(name), escaped(ty), line(said));
        }
        for note in notes(alias) {
            page += &format!(".PP\n{}", line(&note));
        }
    }
    if !doc.functions.is_empty() {
        page += ".SH FUNCTIONS\n";
    }
    for function in &doc.functions {
        page += &format!(".TP\n.B {}\n", escaped(&head(function)));
        function.comment.iter().for_each(|text| page += &line(text));
    }
    page
}
