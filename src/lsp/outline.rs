//! What a document consists of: its probes, aliases, functions and globals, as an editor lists them.

use lsp_types::{DocumentSymbol, DocumentSymbolResponse, SymbolKind};
use systap_syntax::{SyntaxKind, SyntaxNode, tree};

use super::document::Document;

/// The declarations, in order.
pub(super) fn of(document: &Document) -> DocumentSymbolResponse {
    let root = tree(&document.text);
    DocumentSymbolResponse::Nested(root.children().flat_map(|item| symbols(&item, document)).collect())
}

fn symbols(item: &SyntaxNode, document: &Document) -> Vec<DocumentSymbol> {
    let names = |kind: SyntaxKind| item.children().filter(move |child| child.kind() == kind);
    let word = |node: &SyntaxNode| {
        node.children_with_tokens()
            .filter_map(|child| child.into_token())
            .find(|token| token.kind() == SyntaxKind::Ident)
    };
    match item.kind() {
        SyntaxKind::FunctionDecl => {
            let name = word(item).map(|token| (token.text().to_owned(), token.text_range()));
            name.map(|(name, at)| symbol(document, name, SymbolKind::FUNCTION, item, at)).into_iter().collect()
        }
        SyntaxKind::GlobalDecl => names(SyntaxKind::GlobalName)
            .filter_map(|name| {
                let token = word(&name)?;
                Some(symbol(document, token.text().to_owned(), SymbolKind::VARIABLE, &name, token.text_range()))
            })
            .collect(),
        SyntaxKind::ProbeDecl | SyntaxKind::AliasDecl => {
            let kind = if item.kind() == SyntaxKind::AliasDecl { SymbolKind::INTERFACE } else { SymbolKind::EVENT };
            let points: Vec<SyntaxNode> = names(SyntaxKind::Point).collect();
            let shown = match (kind, points.as_slice()) {
                (SymbolKind::INTERFACE, [name, ..]) | (_, [name]) => name.text().to_string().trim().to_owned(),
                (_, [first, .., last]) => {
                    format!("{}, ... {}", first.text().to_string().trim(), last.text().to_string().trim())
                }
                (_, []) => return vec![],
            };
            let at = points.first().map_or(item.text_range(), SyntaxNode::text_range);
            vec![symbol(document, shown, kind, item, at)]
        }
        _ => vec![],
    }
}

fn symbol(
    document: &Document,
    name: String,
    kind: SymbolKind,
    whole: &SyntaxNode,
    at: systap_syntax::TextRange,
) -> DocumentSymbol {
    let range = |range: systap_syntax::TextRange| document.range(range.start().into()..range.end().into());
    #[expect(deprecated, reason = "a field of the protocol's type that has to be there")]
    DocumentSymbol {
        name,
        detail: None,
        kind,
        tags: None,
        deprecated: None,
        range: range(whole.text_range()),
        selection_range: range(at),
        children: None,
    }
}
