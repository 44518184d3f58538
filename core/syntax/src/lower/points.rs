//! Probe points: braces are expanded here, in the order of a product whose last factor changes first.

use systap_diagnostics::Diagnostic;

use super::Lowering;
use crate::ast;
use crate::kind::SyntaxKind as K;
use crate::outline::At;

/// How many points one point may expand to.
const POINT_LIMIT: usize = 10_000;
/// How many components all of them may have together.
const COMPONENT_LIMIT: usize = 100_000;

impl Lowering<'_> {
    /// Appends what a point expands to.
    pub(super) fn point(&mut self, at: At, points: &mut Vec<ast::ProbePoint>) {
        let mut expanded = Vec::new();
        let mut condition = None;
        let mut optional = ast::Optionality::Required;
        for child in self.children(at) {
            match self.kind(child) {
                K::PointPath => expanded = self.path(child, at),
                K::Question => optional = ast::Optionality::Optional,
                K::Bang => optional = ast::Optionality::Sufficient,
                K::PointCondition => condition = self.nodes(child).next().map(|node| self.expr(node)),
                _ => {}
            }
        }
        let span = self.span(at);
        // A condition is copied for each point; one too large to be copied that often was not written by hand.
        let condition_tokens = self.node_of(at, K::PointCondition).map_or(0, |node| self.outline.tokens(node).len());
        if condition_tokens.saturating_mul(expanded.len()) > COMPONENT_LIMIT {
            self.too_many(at);
            expanded.truncate(1);
        }
        points.extend(expanded.into_iter().map(|components| ast::ProbePoint {
            span,
            components,
            optional,
            condition: condition.clone(),
        }));
    }

    /// Every way through a path; none if there are too many, which is reported.
    fn path(&mut self, at: At, point: At) -> Vec<Vec<ast::Component>> {
        let mut ways: Vec<Vec<ast::Component>> = vec![vec![]];
        for child in self.nodes(at) {
            match self.kind(child) {
                K::Component => {
                    let component = self.component(child);
                    for way in &mut ways {
                        way.push(component.clone());
                    }
                }
                K::PointGroup => {
                    let mut alternatives = Vec::new();
                    for path in self.nodes(child) {
                        alternatives.extend(self.path(path, point));
                        if alternatives.len() > POINT_LIMIT {
                            break;
                        }
                    }
                    let count = ways.len().saturating_mul(alternatives.len());
                    let longest = ways.iter().map(Vec::len).max().unwrap_or(0)
                        + alternatives.iter().map(Vec::len).max().unwrap_or(0);
                    if count > POINT_LIMIT || count.saturating_mul(longest) > COMPONENT_LIMIT {
                        self.too_many(point);
                        return vec![];
                    }
                    let join = |way: &Vec<ast::Component>, tail: &Vec<ast::Component>| {
                        way.iter().chain(tail).cloned().collect::<Vec<_>>()
                    };
                    ways = ways.iter().flat_map(|way| alternatives.iter().map(move |tail| join(way, tail))).collect();
                }
                _ => {}
            }
        }
        ways.retain(|way| !way.is_empty());
        ways
    }

    fn too_many(&mut self, point: At) {
        let said = format!("the braces of this probe point expand to more than {POINT_LIMIT} points");
        let found = Diagnostic::error("nested-too-deep", self.span(point), said);
        self.report(point, found.with_help("use a wildcard: `syscall.*`"));
    }

    fn component(&mut self, at: At) -> ast::Component {
        let mut text = String::new();
        let mut span = None;
        let mut arg = None;
        for child in self.children(at) {
            match self.kind(child) {
                K::ComponentArg => {
                    let tokens = self.children(child).filter(|token| self.is_value(*token));
                    let mut place = None;
                    for token in tokens {
                        let here = self.span(token);
                        place = Some(place.map_or(here, |start: systap_diagnostics::Span| start.to(here)));
                    }
                    arg = place.map(|span| ast::ComponentArg { value: self.literal(child), span });
                }
                K::Error => {}
                _ => {
                    text.push_str(self.text(child));
                    let here = self.span(child);
                    span = Some(span.map_or(here, |start: systap_diagnostics::Span| start.to(here)));
                }
            }
        }
        let span = span.unwrap_or_else(|| self.span(at));
        ast::Component { name: ast::Name { text, span }, arg }
    }

    fn is_value(&self, token: At) -> bool {
        matches!(self.kind(token), K::Number | K::StringLiteral | K::SingleQuoted | K::Plus | K::Minus | K::Argument)
    }
}
