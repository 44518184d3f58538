//! What could stand at the cursor: points within a point, target variables behind `$`, macros behind `@`, and otherwise functions,
//! what the script declares, what the point offers, and the words of the language.

use std::collections::BTreeMap;

use lsp_types::{
    CompletionItem, CompletionItemKind, CompletionResponse, CompletionTextEdit, Documentation, MarkupContent,
    MarkupKind, TextEdit,
};
use systap_elaborate::documentation::Kind;
use systap_elaborate::{Declares, List};
use systap_syntax::{SyntaxKind, tree};

use super::document::Document;
use super::hover::{page, points_around};
use super::occurrences;
use super::world::World;

/// No list is longer: a longer one is asked for again as the word grows.
const MOST: usize = 200;

/// What begins a declaration.
const DECLARATIONS: &[&str] = &["probe", "function", "global", "private"];
/// What begins a statement.
const STATEMENTS: &[&str] =
    &["if", "else", "for", "foreach", "while", "break", "continue", "return", "next", "delete", "try", "catch", "in"];

/// What could stand at an offset.
pub(super) fn at(document: &Document, offset: usize, world: &World) -> CompletionResponse {
    let before = document.text.get(..offset).unwrap_or("");
    let items = match place(before) {
        Place::Point(begun) => points(&begun, document, offset, world),
        Place::Declaration => DECLARATIONS.iter().map(|word| plain(word, CompletionItemKind::KEYWORD)).collect(),
        Place::Macro => macros(document, world),
        Place::Target => targets(document, offset, world),
        Place::Value => values(document, offset, world),
        Place::Nothing => vec![],
    };
    let is_incomplete = items.len() > MOST;
    let items = items.into_iter().take(MOST).collect();
    CompletionResponse::List(lsp_types::CompletionList { is_incomplete, items })
}

/// What is being written.
enum Place {
    /// A probe point, as far as it is there.
    Point(String),
    Declaration,
    Macro,
    Target,
    Value,
    Nothing,
}

/// By the tokens before the cursor: a text that is being written has no structure to rely on.
fn place(before: &str) -> Place {
    // Where the point begins that is being written, if one is.
    let mut point: Option<usize> = None;
    let mut braces = 0usize;
    let mut at = 0;
    let mut last = (SyntaxKind::EndOfFile, "");
    for (kind, token) in systap_syntax::tokens(before) {
        let end = at + token.len();
        match kind {
            SyntaxKind::Whitespace => {}
            SyntaxKind::ProbeKw if braces == 0 => point = Some(end),
            // `function` is a word of points too.
            SyntaxKind::FunctionKw | SyntaxKind::GlobalKw if braces == 0 && last.0 != SyntaxKind::Dot => point = None,
            SyntaxKind::Comma | SyntaxKind::Equals | SyntaxKind::PlusEquals if braces == 0 && point.is_some() => {
                point = Some(end);
            }
            // A brace behind a dot, or at the beginning of a point, is a group.
            SyntaxKind::LeftBrace if braces == 0 && last.0 == SyntaxKind::Dot && point.is_some() => {}
            SyntaxKind::LeftBrace => {
                braces += 1;
                point = None;
            }
            SyntaxKind::RightBrace => braces = braces.saturating_sub(1),
            _ => {}
        }
        if kind != SyntaxKind::Whitespace || end < before.len() {
            last = (kind, token);
        }
        at = end;
    }
    let ends_in_blank = before.ends_with(char::is_whitespace);
    match (last.0, point) {
        (SyntaxKind::Comment, _) if !ends_in_blank || !last.1.ends_with('\n') && !before.ends_with('\n') => {
            Place::Nothing
        }
        (_, Some(start)) => Place::Point(before[start..].trim_start().to_owned()),
        (SyntaxKind::StringLiteral, None) if systap_syntax::is_unterminated(last.0, last.1) => Place::Nothing,
        (_, None) if braces == 0 => Place::Declaration,
        (SyntaxKind::AtWord | SyntaxKind::Unknown, None) if !ends_in_blank && last.1.starts_with('@') => Place::Macro,
        // Which members there are, nobody has found out yet.
        (SyntaxKind::Arrow, None) => Place::Nothing,
        (SyntaxKind::Ident, None) if !ends_in_blank && before[..before.len() - last.1.len()].ends_with("->") => {
            Place::Nothing
        }
        (SyntaxKind::Ident | SyntaxKind::Dollar | SyntaxKind::DollarDollar, None)
            if !ends_in_blank && last.1.starts_with('$') =>
        {
            Place::Target
        }
        _ => Place::Value,
    }
}

fn plain(label: &str, kind: CompletionItemKind) -> CompletionItem {
    CompletionItem { label: label.to_owned(), kind: Some(kind), ..CompletionItem::default() }
}

/// The points that what is there could become: of a family with names in brackets, those names.
fn points(begun: &str, document: &Document, offset: usize, world: &World) -> Vec<CompletionItem> {
    let path = document.path.as_deref();
    let mut items = BTreeMap::new();
    // Within a literal: what the literal may say.
    if begun.matches('"').count() % 2 == 1 {
        let open = begun.rfind('"').map_or(0, |at| at + 1);
        let (family, name) = begun.split_at(open);
        if name.is_empty() && !family.starts_with("kernel.trace") {
            return vec![];
        }
        for point in world.points(&format!("{begun}*\")"), List::Names, path).found.into_keys() {
            let inside = point.get(open..).and_then(|rest| rest.split('"').next());
            if let Some(inside) = inside.filter(|_| point.starts_with(family)) {
                let inside = inside.split('@').next().unwrap_or(inside);
                // What counts as a word differs from editor to editor: so all that is there of it is replaced.
                let edit = TextEdit::new(document.range(offset.saturating_sub(name.len())..offset), inside.to_owned());
                let item = CompletionItem {
                    text_edit: Some(CompletionTextEdit::Edit(edit)),
                    ..plain(inside, CompletionItemKind::EVENT)
                };
                items.insert(inside.to_owned(), item);
            }
        }
        return items.into_values().collect();
    }
    let (behind, word) = begun.rsplit_once('.').map_or(("", begun), |(behind, word)| (behind, word));
    let mut add = |text: &str, detail: &str| {
        let rest = if behind.is_empty() {
            Some(text)
        } else {
            text.strip_prefix(behind).and_then(|rest| rest.strip_prefix('.'))
        };
        let Some(rest) = rest.filter(|rest| rest.starts_with(word)) else { return };
        // One more word of it, with its literal.
        let mut quoted = false;
        let end = rest.char_indices().find(|(_, letter)| {
            quoted ^= *letter == '"';
            *letter == '.' && !quoted
        });
        let next = rest.get(..end.map_or(rest.len(), |(at, _)| at)).unwrap_or(rest);
        if !next.is_empty() {
            items.entry(next.to_owned()).or_insert_with(|| CompletionItem {
                detail: (!detail.is_empty()).then(|| detail.to_owned()),
                ..plain(next, CompletionItemKind::EVENT)
            });
        }
    };
    for form in systap_elaborate::probe_types() {
        add(&form.to_string().replace("(string)", "(\"\")").replace("(number)", "()"), "");
    }
    for declared in world.declared(path, |name| name.starts_with(begun)) {
        if declared.kind == Declares::Alias {
            add(&declared.name, "a tapset's");
        }
    }
    if begun.starts_with("syscall.") || begun.starts_with("nd_syscall.") {
        for point in world.points(&format!("{begun}*"), List::Names, path).found.keys() {
            add(point, "a system call");
        }
    }
    items.into_values().collect()
}

fn macros(document: &Document, world: &World) -> Vec<CompletionItem> {
    let entries = world.documentation().iter().filter(|entry| entry.kind == Kind::Macro);
    let own = occurrences::macros(&document.text).into_iter().map(|(name, _)| CompletionItem {
        filter_text: Some(format!("@{name}")),
        insert_text: Some(name.clone()),
        ..plain(&format!("@{name}"), CompletionItemKind::FUNCTION)
    });
    let mut items: Vec<CompletionItem> = own
        .chain(entries.map(|entry| CompletionItem {
            // Editors hold what is inserted against the word before the cursor, which for some begins behind the mark.
            filter_text: Some(format!("@{}", entry.name)),
            insert_text: Some(entry.name.clone()),
            detail: Some(entry.first_sentence().to_owned()),
            documentation: Some(markdown(page(entry))),
            ..plain(&format!("@{}", entry.name), CompletionItemKind::FUNCTION)
        }))
        .collect();
    items.dedup_by(|one, other| one.label == other.label);
    items
}

fn markdown(value: String) -> Documentation {
    Documentation::MarkupContent(MarkupContent { kind: MarkupKind::Markdown, value })
}

/// The variables of the points around an offset, by name, with their types.
fn offered(document: &Document, offset: usize, world: &World) -> BTreeMap<String, String> {
    let root = tree(&document.text);
    let token = root.token_at_offset((offset as u32).into()).left_biased();
    let points = token.and_then(|token| token.parent()).map(|node| points_around(&node)).unwrap_or_default();
    let mut variables = BTreeMap::new();
    for point in points {
        for offered in world.points(&point, List::Variables, document.path.as_deref()).found.into_values() {
            let split = offered.variables.iter().filter_map(|variable| variable.split_once(':'));
            variables.extend(split.map(|(name, ty)| (name.to_owned(), ty.to_owned())));
        }
    }
    variables
}

fn targets(document: &Document, offset: usize, world: &World) -> Vec<CompletionItem> {
    let variables = offered(document, offset, world).into_iter().filter(|(name, _)| name.starts_with('$'));
    let own =
        ["$$vars", "$$parms", "$$locals", "$$return", "$$name"].map(|name| (name.to_owned(), "string".to_owned()));
    variables
        .chain(own)
        .map(|(name, ty)| CompletionItem {
            filter_text: Some(name.clone()),
            insert_text: Some(name.trim_start_matches('$').to_owned()),
            detail: Some(ty),
            ..plain(&name, CompletionItemKind::VARIABLE)
        })
        .collect()
}

fn values(document: &Document, offset: usize, world: &World) -> Vec<CompletionItem> {
    let mut items: BTreeMap<String, CompletionItem> = BTreeMap::new();
    for declared in systap_elaborate::declarations(&document.text) {
        let kind = match declared.kind {
            Declares::Function => CompletionItemKind::FUNCTION,
            Declares::Global => CompletionItemKind::VARIABLE,
            Declares::Alias => continue,
        };
        items.insert(declared.name.clone(), plain(&declared.name, kind));
    }
    for (name, ty) in offered(document, offset, world).into_iter().filter(|(name, _)| !name.starts_with('$')) {
        let item = CompletionItem { detail: Some(ty), ..plain(&name, CompletionItemKind::VARIABLE) };
        items.entry(name).or_insert(item);
    }
    for word in STATEMENTS {
        items.insert((*word).to_owned(), plain(word, CompletionItemKind::KEYWORD));
    }
    for entry in world.documentation().iter().filter(|entry| matches!(entry.kind, Kind::Function | Kind::Output)) {
        items.entry(entry.name.clone()).or_insert_with(|| CompletionItem {
            detail: Some(entry.first_sentence().to_owned()),
            documentation: Some(markdown(page(entry))),
            ..plain(&entry.name, CompletionItemKind::FUNCTION)
        });
    }
    let begun = document.text.get(..offset).unwrap_or("");
    let word = begun.rsplit(|letter: char| !letter.is_alphanumeric() && letter != '_').next().unwrap_or("");
    for declared in world.declared(document.path.as_deref(), |name| !word.is_empty() && name.starts_with(word)) {
        if declared.kind == Declares::Function {
            items.entry(declared.name.clone()).or_insert_with(|| CompletionItem {
                detail: Some("a tapset's".to_owned()),
                ..plain(&declared.name, CompletionItemKind::FUNCTION)
            });
        }
    }
    items.retain(|name, _| name.starts_with(word));
    items.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(before: &str) -> String {
        match place(before) {
            Place::Point(begun) => format!("point {begun}"),
            Place::Declaration => "declaration".into(),
            Place::Macro => "macro".into(),
            Place::Target => "target".into(),
            Place::Value => "value".into(),
            Place::Nothing => "nothing".into(),
        }
    }

    #[test]
    fn what_is_being_written_shows_in_what_stands_before() {
        assert_eq!(is(""), "declaration");
        assert_eq!(is("pro"), "declaration");
        assert_eq!(is("probe "), "point ");
        assert_eq!(is("probe ker"), "point ker");
        assert_eq!(is("probe a, kernel.fun"), "point kernel.fun");
        assert_eq!(is("probe a = vm."), "point vm.");
        assert_eq!(is("probe kernel.function(\"vfs_"), "point kernel.function(\"vfs_");
        assert_eq!(is("probe a {"), "value");
        assert_eq!(is("probe a { x = @ca"), "macro");
        assert_eq!(is("probe a { x = $"), "target");
        assert_eq!(is("probe a { x = $fo"), "target");
        assert_eq!(is("probe a { x = $$"), "target");
        assert_eq!(is("probe a { x = $a->"), "nothing");
        assert_eq!(is("probe a { x = $a->b"), "nothing");
        assert_eq!(is("probe a { printf(\"ab"), "nothing");
        assert_eq!(is("probe a { } "), "declaration");
        assert_eq!(is("probe a { // so"), "nothing");
        assert_eq!(is("probe a { // so\n  pri"), "value");
    }
}
