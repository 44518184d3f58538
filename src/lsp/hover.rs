//! What the word under the cursor means: the documentation of functions, macros and probe points, and what a point offers.

use std::fmt::Write as _;

use lsp_types::{Hover, HoverContents, MarkupContent, MarkupKind};
use systap_elaborate::documentation::{Entry, Kind};
use systap_elaborate::{Declares, List};
use systap_syntax::{Direction, SyntaxKind, SyntaxNode, SyntaxToken, tree};

use super::document::Document;
use super::occurrences;
use super::world::{Declared, World};

/// A point may stand for thousands; that many are shown.
const MOST_POINTS: usize = 12;
/// And that many of its variables.
const MOST_VARIABLES: usize = 60;

/// What the token at an offset is a part of.
pub(super) enum Word {
    /// `f` of `f(1)`.
    Function(String),
    /// `@f`
    Macro(String),
    /// A probe point, all of it.
    Point(String),
    /// `$x`, within the handler of these points.
    Target(String, Vec<String>),
    /// Any other word.
    Name(String),
}

/// The token at an offset and what it is; at a word's end, the word.
pub(super) fn word_at(text: &str, offset: usize) -> Option<(Word, SyntaxToken)> {
    let root = tree(text);
    let at = root.token_at_offset((offset as u32).into());
    let means = |token: &SyntaxToken| !token.kind().is_trivia();
    let token = at.clone().right_biased().filter(means).or_else(|| at.left_biased().filter(means))?;
    let parent = token.parent()?;
    let point = parent.ancestors().find(|node| node.kind() == SyntaxKind::Point);
    let is_in_condition = parent.ancestors().any(|node| node.kind() == SyntaxKind::PointCondition);
    let of_alias = |point: &SyntaxNode| {
        // The names that an alias defines stand before the last `=`.
        point.parent().is_some_and(|node| node.kind() == SyntaxKind::AliasDecl)
            && point.siblings_with_tokens(Direction::Next).any(|next| next.kind() == SyntaxKind::Equals)
    };
    let word = match (token.kind(), parent.kind()) {
        _ if point.as_ref().is_some_and(|point| !is_in_condition && !of_alias(point)) => Word::Point(bare(&point?)),
        (SyntaxKind::AtWord, _) => Word::Macro(token.text().trim_start_matches('@').to_owned()),
        (SyntaxKind::Ident, SyntaxKind::VariableExpr) => Word::Target(token.text().to_owned(), points_around(&parent)),
        (SyntaxKind::Ident, SyntaxKind::CallExpr | SyntaxKind::FunctionDecl) => Word::Function(token.text().to_owned()),
        (SyntaxKind::Ident, _) => Word::Name(token.text().to_owned()),
        (kind, SyntaxKind::CallExpr) if kind.is_keyword() => Word::Function(token.text().to_owned()),
        _ => return None,
    };
    Some((word, token))
}

/// A point without its marks and its condition.
fn bare(point: &SyntaxNode) -> String {
    let path = point.children().find(|node| node.kind() == SyntaxKind::PointPath);
    path.map(|path| path.text().to_string().trim().to_owned()).unwrap_or_default()
}

/// The points whose handler a node stands in.
pub(super) fn points_around(node: &SyntaxNode) -> Vec<String> {
    let is_probe = |node: &SyntaxNode| matches!(node.kind(), SyntaxKind::ProbeDecl | SyntaxKind::AliasDecl);
    let Some(probe) = node.ancestors().find(is_probe) else { return vec![] };
    let points = probe.children().filter(|child| child.kind() == SyntaxKind::Point);
    let behind = probe.children_with_tokens().filter(|child| child.kind() == SyntaxKind::Equals).last();
    let first = behind.map_or(0.into(), |equals| equals.text_range().end());
    points.filter(|point| point.text_range().start() >= first).map(|point| bare(&point)).collect()
}

/// What to show at an offset.
pub(super) fn at(document: &Document, offset: usize, world: &World) -> Option<Hover> {
    let (word, token) = word_at(&document.text, offset)?;
    let path = document.path.as_deref();
    let text = match word {
        Word::Function(name) => function(document, &name, world),
        Word::Macro(name) => occurrences::macro_definition(&document.text, &name)
            .map(|place| format!("```systap\n{}\n```", &document.text[place]))
            .or_else(|| documented(world, &name, &[Kind::Macro])),
        Word::Name(name) => declared(document, &name),
        Word::Point(point) => Some(described(&point, document, world)),
        Word::Target(name, points) => {
            let variables = points.iter().flat_map(|point| world.points(point, List::Variables, path).found);
            variables.flat_map(|(_, offered)| offered.variables).find_map(|variable| {
                let (known, ty) = variable.split_once(':')?;
                (known == name).then(|| format!("```c\n{ty} {known}\n```"))
            })
        }
    }?;
    let range = token.text_range();
    let contents = HoverContents::Markup(MarkupContent { kind: MarkupKind::Markdown, value: text });
    Some(Hover { contents, range: Some(document.range(range.start().into()..range.end().into())) })
}

fn function(document: &Document, name: &str, world: &World) -> Option<String> {
    declared(document, name)
        .or_else(|| documented(world, name, &[Kind::Function, Kind::Output, Kind::Refused]))
        .or_else(|| {
            let found = world.declared(document.path.as_deref(), |known| known == name);
            Some(declaration(found.iter().find(|found| found.kind == Declares::Function)?))
        })
}

/// What the document itself declares of that name.
fn declared(document: &Document, name: &str) -> Option<String> {
    let here = systap_elaborate::declarations(&document.text).into_iter().find(|found| found.name == name)?;
    Some(with_comment(&document.text, here.at))
}

fn documented(world: &World, name: &str, kinds: &[Kind]) -> Option<String> {
    let entries = world.documentation().iter().filter(|entry| entry.name == name && kinds.contains(&entry.kind));
    let pages: Vec<String> = entries.map(page).collect();
    (!pages.is_empty()).then(|| pages.join("\n\n---\n\n"))
}

/// An entry of the documentation, in Markdown.
pub(super) fn page(entry: &Entry) -> String {
    let mut text = format!("```systap\n{}\n```\n{}", entry.forms.join("\n"), entry.sentences.join(" "));
    let parts = [("Returns", &entry.returns), ("Errors", &entry.errors), ("Example", &entry.example)];
    for (label, part) in parts.iter().filter_map(|(label, part)| Some((label, part.as_ref()?))) {
        _ = match *label {
            "Example" => write!(text, "\n\n```systap\n{part}\n```"),
            _ => write!(text, "\n\n*{label}* {part}"),
        };
    }
    if entry.guru {
        text += "\n\nNeeds `-g` (guru mode).";
    }
    text
}

/// A declaration of a tapset, in Markdown.
pub(super) fn declaration(found: &Declared) -> String {
    format!("{}\n\n*{}*", with_comment(&found.text, found.at), found.path.display())
}

/// The first line of a declaration and the comment above it, in Markdown.
fn with_comment(text: &str, at: usize) -> String {
    let start = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let line = text[at..].lines().next().unwrap_or("").trim_end();
    let head = line.strip_suffix('{').unwrap_or(line).trim_end();
    let mut comment: Vec<&str> = vec![];
    for line in text[..start].lines().rev() {
        let line = line.trim();
        let Some(said) =
            line.strip_prefix("//").or_else(|| line.strip_prefix('#').filter(|rest| !rest.starts_with('!')))
        else {
            break;
        };
        comment.push(said.trim());
    }
    comment.reverse();
    format!("```systap\n{head}\n```\n{}", comment.join("  \n"))
}

/// A point: what its family is, what it stands for, and what it offers.
fn described(point: &str, document: &Document, world: &World) -> String {
    let path = document.path.as_deref();
    let found = world.points(point, List::Variables, path);
    let mut text = format!("```systap\nprobe {point}\n```\n");
    let families = world.documentation().iter().filter(|entry| entry.kind == Kind::Probe);
    let first = point.split(['.', '(']).next().unwrap_or(point);
    if let Some(entry) = families.into_iter().find(|entry| entry.name == first) {
        text += &entry.sentences.join(" ");
    } else if let Some(alias) = world.declared(path, |known| known == point).first() {
        text += &declaration(alias);
    }
    if found.found.is_empty() {
        let why = found.errors.first().map(|error| format!("\n\n{}", error.message));
        return text + &why.unwrap_or_default();
    }
    let many = found.found.len();
    if many > 1 || found.found.keys().next().is_some_and(|name| name != point) {
        _ = write!(text, "\n\nHere {}:\n```\n", if many == 1 { "it is".to_owned() } else { format!("these {many}") });
        found.found.keys().take(MOST_POINTS).for_each(|name| _ = writeln!(text, "{name}"));
        text += if many > MOST_POINTS { "...\n```" } else { "```" };
    }
    let mut offered = found.found.into_values();
    let mut common = offered.next().map(|offered| offered.variables).unwrap_or_default();
    for other in offered {
        common.retain(|variable| other.variables.contains(variable));
    }
    if !common.is_empty() {
        text += "\n\nIt offers:\n```\n";
        common
            .iter()
            .take(MOST_VARIABLES)
            .for_each(|variable| _ = writeln!(text, "{}", variable.replacen(':', ": ", 1)));
        text += if common.len() > MOST_VARIABLES { "...\n```" } else { "```" };
    }
    text
}
