//! Where else a document has a name: to show, to list and to change. A global's and a function's is the same in all of it, a local
//! variable's in its handler or function alone. Must never take a member, a probe point or a target variable for one.

use std::collections::HashMap;
use std::ops::Range;

use lsp_types::{DocumentHighlight, Location, TextEdit, Uri, WorkspaceEdit};
use systap_syntax::{SyntaxElement, SyntaxKind, SyntaxNode, SyntaxToken, tree};

use super::document::Document;

/// The places of the name at an offset, in the order of the text.
fn of(document: &Document, offset: usize) -> Option<Vec<Range<usize>>> {
    let root = tree(&document.text);
    let at = root.token_at_offset((offset as u32).into());
    let token = at.clone().right_biased().filter(is_name).or_else(|| at.left_biased().filter(is_name))?;
    let name = token.text();
    let is_shared = systap_elaborate::declarations(&document.text).iter().any(|found| found.name == name);
    let scope = if is_shared { root } else { token.parent()?.ancestors().find(is_body).unwrap_or(root) };
    let tokens = scope.descendants_with_tokens().filter_map(SyntaxElement::into_token);
    let same = tokens.filter(|other| other.text() == name && is_name(other));
    Some(same.map(|other| other.text_range().start().into()..other.text_range().end().into()).collect())
}

/// What has local variables of its own.
fn is_body(node: &SyntaxNode) -> bool {
    matches!(node.kind(), SyntaxKind::FunctionDecl | SyntaxKind::ProbeDecl | SyntaxKind::AliasDecl)
}

/// Whether a token is the name of a variable or function.
fn is_name(token: &SyntaxToken) -> bool {
    let within = |kind: SyntaxKind| token.parent_ancestors().any(|node| node.kind() == kind);
    let is_point = within(SyntaxKind::Point) && !within(SyntaxKind::PointCondition);
    let parent = token.parent().map(|parent| parent.kind());
    token.kind() == SyntaxKind::Ident
        && !is_point
        && !matches!(parent, Some(SyntaxKind::VariableExpr | SyntaxKind::MemberStep))
}

/// All of them, to list.
pub(super) fn references(document: &Document, uri: &Uri, offset: usize) -> Option<Vec<Location>> {
    let places = of(document, offset)?;
    Some(places.into_iter().map(|place| Location::new(uri.clone(), document.range(place))).collect())
}

/// All of them, to show.
pub(super) fn highlights(document: &Document, offset: usize) -> Option<Vec<DocumentHighlight>> {
    let places = of(document, offset)?;
    Some(places.into_iter().map(|place| DocumentHighlight { range: document.range(place), kind: None }).collect())
}

/// All of them changed to another name; `None` if it is none.
pub(super) fn renamed(document: &Document, uri: &Uri, offset: usize, name: &str) -> Option<WorkspaceEdit> {
    let mut tokens = systap_syntax::tokens(name);
    let is_word = tokens.next().is_some_and(|(kind, text)| kind == SyntaxKind::Ident && text == name);
    if !is_word || name.starts_with('$') {
        return None;
    }
    let edits = of(document, offset)?.into_iter().map(|place| TextEdit::new(document.range(place), name.to_owned()));
    Some(WorkspaceEdit::new(HashMap::from([(uri.clone(), edits.collect())])))
}

/// The macros that the document defines, each with its definition, `@define` and all.
pub(super) fn macros(text: &str) -> Vec<(String, Range<usize>)> {
    let mut sources = systap_diagnostics::Sources::default();
    let file = sources.add("", text);
    let all = systap_syntax::preprocessing(&sources, file).definitions;
    let named = all.into_iter().map(|place| place.start as usize..place.end as usize).filter_map(|place| {
        let rest = text.get(place.clone())?.strip_prefix("@define")?;
        let (_, name) = systap_syntax::tokens(rest).find(|(kind, _)| !kind.is_trivia())?;
        Some((name.to_owned(), place))
    });
    named.collect()
}

/// Where the document defines a macro.
pub(super) fn macro_definition(text: &str, name: &str) -> Option<Range<usize>> {
    macros(text).into_iter().find(|(known, _)| known == name).map(|(_, place)| place)
}
