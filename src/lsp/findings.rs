//! What is wrong with a document, as `systap check` would say it, and what would mend it.

use std::collections::HashMap;

use lsp_types::{
    CodeAction, CodeActionKind, CodeActionOrCommand, DiagnosticRelatedInformation, DiagnosticSeverity, Location,
    NumberOrString, Range, TextEdit, Uri, WorkspaceEdit,
};
use systap_diagnostics::{Diagnostic, FileId, Severity, Sources, Span};
use systap_syntax::{ParseOptions, SyntaxKind};

use super::document::{Document, Findings};
use super::world::{World, package};
use crate::compile::{Compilation, on_deep_stack};

/// What is said of a script as a whole, and not of a file that others use.
const OF_WHOLE_SCRIPTS: &[&str] = &["no-probes", "empty-script"];

/// Compiles the document.
pub(super) fn of(document: &Document, world: &World) -> Findings {
    let mut sources = Sources::default();
    let file = sources.add("", document.text.as_str());
    let arguments = arguments(&document.text);
    let Some(mut settings) = world.settings(document.path.as_deref(), vec!["1".to_owned(); arguments.most]) else {
        return Findings::default();
    };
    if document.is_of_macros() {
        let (_, all) = systap_syntax::parse_macros(&mut sources, file, &ParseOptions::default());
        return Findings { all, sources };
    }
    let is_of_tapset = document.path.as_deref().and_then(package).is_some();
    let given = document.path.as_deref().map(|path| world.given(path, &settings)).unwrap_or_default();
    settings.macros = given.macros;
    let mut files = vec![file];
    files.extend(given.scripts.into_iter().map(|script| sources.add(script.name, script.text)));
    let found = on_deep_stack(|| {
        let mut compilation = Compilation::new(&mut sources, &settings, &world.kernel);
        // What a tapset's file defines is checked as far as it is resolved: it has no handlers to compile.
        match is_of_tapset {
            true => _ = compilation.parse(&files).and_then(|trees| compilation.elaborate(&trees)),
            false => _ = compilation.compile(&files),
        }
        compilation.diagnostics
    });
    let mut all = found.unwrap_or_default();
    all.retain(|found| {
        let on_argument = found.span.is_some_and(|span| span.file == file && arguments.is_in_line(&sources, span));
        // A file may be one of several, or only begun.
        !on_argument && !OF_WHOLE_SCRIPTS.contains(&found.code)
    });
    Findings { all, sources }
}

/// Where a script uses its arguments, whose values nobody knows before it runs.
struct Arguments {
    most: usize,
    lines: Vec<u32>,
}

impl Arguments {
    fn is_in_line(&self, sources: &Sources, span: Span) -> bool {
        self.lines.contains(&sources.place(span).line)
    }
}

fn arguments(text: &str) -> Arguments {
    let mut found = Arguments { most: 0, lines: vec![] };
    let mut line = 1;
    for (kind, token) in systap_syntax::tokens(text) {
        if kind == SyntaxKind::Argument {
            found.lines.push(line);
            let number = token.get(1..).and_then(|number| number.parse().ok()).unwrap_or(0);
            found.most = found.most.max(number).min(1000);
        }
        line += token.matches('\n').count() as u32;
    }
    found
}

/// The findings as an editor shows them.
pub(super) fn shown(document: &Document, uri: &Uri) -> Vec<lsp_types::Diagnostic> {
    document.findings.all.iter().map(|found| one(document, uri, found)).collect()
}

fn one(document: &Document, uri: &Uri, found: &Diagnostic) -> lsp_types::Diagnostic {
    let own = |span: &Span| span.file == FileId(0);
    let mut message = found.message.clone();
    if let Some(elsewhere) = found.span.filter(|span| !own(span)) {
        let sources = &document.findings.sources;
        message += &format!(" ({}:{})", sources.file(elsewhere.file).name, sources.place(elsewhere).line);
    }
    // A label that marks something with other labels beside it says what it is; alone it says what to do.
    let label = Some(&found.label).filter(|_| found.secondary.is_empty());
    for (mark, text) in label
        .into_iter()
        .map(|label| ("", label))
        .chain(found.notes.iter().map(|note| ("note: ", note)))
        .chain(found.help.iter().map(|help| ("help: ", help)))
        .filter(|(_, text)| !text.is_empty())
    {
        message += &format!("\n{mark}{text}");
    }
    let related: Vec<DiagnosticRelatedInformation> = found
        .secondary
        .iter()
        .filter(|label| own(&label.span))
        .map(|label| DiagnosticRelatedInformation {
            location: Location::new(uri.clone(), document.range(label.span.range())),
            message: label.text.clone(),
        })
        .collect();
    lsp_types::Diagnostic {
        range: found.span.filter(own).map_or_else(Range::default, |span| document.range(span.range())),
        severity: Some(match found.severity {
            Severity::Error => DiagnosticSeverity::ERROR,
            Severity::Warning => DiagnosticSeverity::WARNING,
        }),
        code: Some(NumberOrString::String(found.code.to_owned())),
        source: Some("systap".to_owned()),
        message,
        related_information: (!related.is_empty()).then_some(related),
        ..lsp_types::Diagnostic::default()
    }
}

/// The changes that findings in a range ask for: `did you mean` in a label.
pub(super) fn remedies(document: &Document, uri: &Uri, range: Range) -> Vec<CodeActionOrCommand> {
    let mut actions = vec![];
    let points = systap_syntax::tree(&document.text);
    let is_path = |node: &systap_syntax::SyntaxNode| node.kind() == SyntaxKind::PointPath;
    for found in &document.findings.all {
        let Some(span) = found.span.filter(|span| span.file == FileId(0)) else { continue };
        let here = document.range(span.range());
        if here.end < range.start || range.end < here.start {
            continue;
        }
        let meant = found.label.strip_prefix("did you mean `").and_then(|rest| rest.strip_suffix("`?"));
        let Some(meant) = meant.filter(|meant| !meant.contains('`')) else { continue };
        // A point is told by its first word, and what is meant is all of it.
        let point = || points.token_at_offset(span.start.into()).right_biased()?.parent_ancestors().find(is_path);
        let whole = meant.contains('.').then(point).flatten().map(|path| path.text_range());
        let here = whole.map_or(here, |whole| document.range(whole.start().into()..whole.end().into()));
        // What is meant may be the inside of a literal.
        let text = document.findings.sources.text(span);
        let new =
            if text.starts_with('"') && !meant.starts_with('"') { format!("\"{meant}\"") } else { meant.to_owned() };
        #[expect(clippy::mutable_key_type, reason = "the protocol's type; nobody changes it here")]
        let changes = HashMap::from([(uri.clone(), vec![TextEdit::new(here, new)])]);
        actions.push(CodeActionOrCommand::CodeAction(CodeAction {
            title: format!("Change to `{meant}`"),
            kind: Some(CodeActionKind::QUICKFIX),
            diagnostics: Some(vec![one(document, uri, found)]),
            edit: Some(WorkspaceEdit::new(changes)),
            is_preferred: Some(true),
            ..CodeAction::default()
        }));
    }
    actions
}
