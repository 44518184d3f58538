//! Probe points: braces are expanded here, in the order of a product whose last factor changes first. A mark within braces belongs
//! to the ways that end there.

use systap_diagnostics::Diagnostic;

use super::Lowering;
use crate::ast;
use crate::kind::SyntaxKind as K;
use crate::outline::At;

/// How many points one point may expand to.
const POINT_LIMIT: usize = 10_000;
/// How many components all of them may have together.
const COMPONENT_LIMIT: usize = 100_000;

/// One way through the braces of a point, with the marks that stood in them.
#[derive(Clone)]
struct Way {
    components: Vec<ast::Component>,
    optional: ast::Optionality,
    condition: Option<ast::Expr>,
}

impl Way {
    fn new() -> Way {
        Way { components: vec![], optional: ast::Optionality::Required, condition: None }
    }

    fn is_marked(&self) -> bool {
        self.optional != ast::Optionality::Required || self.condition.is_some()
    }
}

impl Lowering<'_> {
    /// Appends what a point expands to.
    pub(super) fn point(&mut self, at: At, points: &mut Vec<ast::ProbePoint>) {
        let span = self.span(at);
        let ways = self.ways(at, at);
        points.extend(ways.into_iter().map(|way| ast::ProbePoint {
            span,
            components: way.components,
            optional: way.optional,
            condition: way.condition,
        }));
    }

    /// What the point `at`, which may stand in the braces of `whole`, expands to.
    fn ways(&mut self, at: At, whole: At) -> Vec<Way> {
        let mut ways = Vec::new();
        for child in self.children(at) {
            match self.kind(child) {
                K::PointPath => ways = self.path(child, whole),
                K::Question => self.mark(child, &mut ways, ast::Optionality::Optional),
                K::Bang => self.mark(child, &mut ways, ast::Optionality::Sufficient),
                K::PointCondition => self.condition(child, &mut ways, whole),
                _ => {}
            }
        }
        ways
    }

    fn mark(&mut self, at: At, ways: &mut [Way], mark: ast::Optionality) {
        if ways.iter().any(|way| way.optional != ast::Optionality::Required) {
            self.error("point-marks", at, "one of the points in the braces before it has such a mark already");
        }
        for way in ways {
            way.optional = mark;
        }
    }

    fn condition(&mut self, at: At, ways: &mut Vec<Way>, whole: At) {
        let Some(condition) = self.nodes(at).next().map(|node| self.expr(node)) else { return };
        if ways.iter().any(|way| way.condition.is_some()) {
            self.error("point-marks", at, "one of the points in the braces before it has a condition already");
        }
        // A condition is copied for each point; one too large to be copied that often was not written by hand.
        if self.outline.tokens(at).len().saturating_mul(ways.len()) > COMPONENT_LIMIT {
            self.too_many(whole);
            ways.truncate(1);
        }
        for way in ways {
            way.condition = Some(condition.clone());
        }
    }

    /// Every way through a path; none if there are too many, which is reported.
    fn path(&mut self, at: At, point: At) -> Vec<Way> {
        let mut ways = vec![Way::new()];
        for child in self.nodes(at) {
            if ways.iter().any(Way::is_marked) {
                let said = "a `?`, `!` or condition stands at the end of a point, and more follows here";
                self.error("point-marks", child, said);
                ways.iter_mut()
                    .for_each(|way| *way = Way { components: std::mem::take(&mut way.components), ..Way::new() });
            }
            match self.kind(child) {
                K::Component => {
                    let component = self.component(child);
                    for way in &mut ways {
                        way.components.push(component.clone());
                    }
                }
                K::PointGroup => {
                    let mut alternatives = Vec::new();
                    for inner in self.nodes(child) {
                        alternatives.extend(self.ways(inner, point));
                        if alternatives.len() > POINT_LIMIT {
                            break;
                        }
                    }
                    let length = |ways: &[Way]| ways.iter().map(|way| way.components.len()).max().unwrap_or(0);
                    let count = ways.len().saturating_mul(alternatives.len());
                    let longest = length(&ways) + length(&alternatives);
                    if count > POINT_LIMIT || count.saturating_mul(longest) > COMPONENT_LIMIT {
                        self.too_many(point);
                        return vec![];
                    }
                    let join = |way: &Way, tail: &Way| Way {
                        components: way.components.iter().chain(&tail.components).cloned().collect(),
                        ..tail.clone()
                    };
                    ways = ways.iter().flat_map(|way| alternatives.iter().map(move |tail| join(way, tail))).collect();
                }
                _ => {}
            }
        }
        ways.retain(|way| !way.components.is_empty());
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
