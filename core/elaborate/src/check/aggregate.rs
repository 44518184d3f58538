//! Aggregates: `<<<`, `@count` and its family, histograms.

use super::Typed;
use super::expression::Word;
use crate::build;
use crate::elaboration::Elaboration;
use crate::scope::Scope;
use crate::types::Ty;
use systap_diagnostics::{Diagnostic, Span};
use systap_ir::program::{AggregateFn, ExprKind, GlobalId, Histogram, LinearBounds, Place, Type};
use systap_syntax::ast;

/// The greatest number of buckets of a linear histogram, as SystemTap has it (`STP_MAX_BUCKETS`).
const MOST_BUCKETS: u32 = 128;

/// How many buckets a logarithmic histogram has: one for 0, the powers of two on either side.
pub(super) const LOGARITHMIC_BUCKETS: u32 = 128;

impl<'a> Elaboration<'a> {
    pub(super) fn accumulate(
        &mut self,
        scope: &mut Scope<'a>,
        span: Span,
        target: &'a ast::Expr,
        value: &'a ast::Expr,
    ) -> Typed {
        let value = self.long(scope, value, "what is accumulated");
        let Some((place, id)) = self.aggregate_place(scope, target, "accumulate into") else {
            return Typed { void: true, ..Typed::unknown(span) };
        };
        self.writable(scope, id, target.span);
        self.state(id).written = true;
        Typed::void(build::expr(span, Type::Long, ExprKind::Accumulate { place, value: Box::new(value) }))
    }

    /// The aggregate that an expression names.
    fn aggregate_place(&mut self, scope: &mut Scope<'a>, e: &'a ast::Expr, doing: &str) -> Option<(Place, GlobalId)> {
        match &e.kind {
            ast::ExprKind::Name(name) => {
                if scope.find(name).is_none() && self.names.global(name).is_none() {
                    let finding = Diagnostic::error(
                        "not-an-aggregate",
                        e.span,
                        format!("`{name}` is no global, and only globals can be aggregates"),
                    )
                    .with_help(format!("declare it: `global {name}`"));
                    self.report_unknown(finding, name, self.names.global_names().collect::<Vec<_>>());
                    return None;
                }
                match self.word(scope, name, e.span) {
                    Word::Global(id) => {
                        (self.as_scalar(id, e.span) && self.is_aggregate(id, e.span)).then_some((Place::Global(id), id))
                    }
                    _ => {
                        let message = format!("`{name}` is a local variable, and only globals can be aggregates");
                        self.report(Diagnostic::error("not-an-aggregate", e.span, message));
                        None
                    }
                }
            }
            ast::ExprKind::Index { .. } => {
                let (place, id) = self.element(scope, e)?;
                self.is_aggregate(id, e.span).then_some((place, id))
            }
            ast::ExprKind::Missing => None,
            _ => {
                let message = format!("this is no aggregate to {doing}: a global variable or an array's element is");
                self.report(Diagnostic::error("not-an-aggregate", e.span, message));
                None
            }
        }
    }

    fn is_aggregate(&mut self, id: GlobalId, at: Span) -> bool {
        let state = &self.globals[id.0 as usize];
        if state.aggregate.is_some() {
            return true;
        }
        let name = &state.declaration.name.text;
        let finding = Diagnostic::error("not-an-aggregate", at, format!("`{name}` is not an aggregate"))
            .with_help(format!("nothing is accumulated into it: `{name} <<< value` does"));
        self.report(finding);
        false
    }

    pub(super) fn aggregate(
        &mut self,
        scope: &mut Scope<'a>,
        span: Span,
        function: ast::AggregateFn,
        stat: &'a ast::Expr,
        _shift: Option<&'a ast::Expr>,
    ) -> Typed {
        let place = self.aggregate_place(scope, stat, "ask");
        let Some(function) = aggregate_function(function) else { return self.unsupported(span, "`@variance`") };
        let Some((place, id)) = place else { return Typed::unknown(span) };
        self.state(id).read = true;
        Typed::new(build::expr(span, Type::Long, ExprKind::Aggregate { function, place }))
    }

    /// The place and the kind of a histogram.
    pub(super) fn histogram(
        &mut self,
        scope: &mut Scope<'a>,
        span: Span,
        stat: &'a ast::Expr,
        linear: Option<[i64; 3]>,
    ) -> Option<(Place, Histogram)> {
        let (place, id) = self.aggregate_place(scope, stat, "draw")?;
        self.state(id).read = true;
        let Some([start, stop, interval]) = linear else {
            self.state(id).logarithmic = true;
            return Some((place, Histogram::Logarithmic));
        };
        let bounds = LinearBounds { start, stop, interval };
        let wrong = if interval <= 0 {
            Some(format!("the width of a bucket must be positive, not {interval}"))
        } else if start > stop {
            Some(format!("the histogram ends ({stop}) before it starts ({start})"))
        } else if bounds.buckets() > MOST_BUCKETS {
            let needed = (i128::from(stop) - i128::from(start)) / i128::from(interval) + 3;
            Some(format!("{needed} buckets are too many: {MOST_BUCKETS} are allowed"))
        } else {
            None
        };
        if let Some(message) = wrong {
            self.report(Diagnostic::error("histogram-bounds", span, message));
            return None;
        }
        let state = self.state(id);
        match state.linear {
            Some((first, since)) if first != bounds => {
                let name = state.declaration.name.text.clone();
                self.report(
                    Diagnostic::error(
                        "histogram-bounds",
                        span,
                        format!("`{name}` can have one set of bounds for its linear histogram"),
                    )
                    .with_label("other bounds")
                    .with_secondary(since, "first bounds"),
                );
                None
            }
            _ => {
                state.linear.get_or_insert((bounds, span));
                Some((place, Histogram::Linear(bounds)))
            }
        }
    }

    pub(super) fn bucket(
        &mut self,
        scope: &mut Scope<'a>,
        span: Span,
        stat: &'a ast::Expr,
        linear: Option<[i64; 3]>,
        bucket: &'a ast::Expr,
    ) -> Typed {
        let found = self.histogram(scope, span, stat, linear);
        let index = self.value(scope, bucket);
        self.expect(&index, Ty::LONG, || "the number of a bucket".to_string());
        let Some((place, histogram)) = found else { return Typed::unknown(span) };
        let index = Box::new(index.expr);
        Typed::new(build::expr(span, Type::Long, ExprKind::Bucket { place, histogram, index }))
    }
}

/// The function in the program's terms; `None` for what is not supported.
pub(super) fn aggregate_function(function: ast::AggregateFn) -> Option<AggregateFn> {
    match function {
        ast::AggregateFn::Count => Some(AggregateFn::Count),
        ast::AggregateFn::Sum => Some(AggregateFn::Sum),
        ast::AggregateFn::Min => Some(AggregateFn::Min),
        ast::AggregateFn::Max => Some(AggregateFn::Max),
        ast::AggregateFn::Avg => Some(AggregateFn::Avg),
        ast::AggregateFn::Variance => None,
    }
}

/// How many buckets a histogram has.
pub(super) fn bucket_count(histogram: Histogram) -> u32 {
    match histogram {
        Histogram::Logarithmic => LOGARITHMIC_BUCKETS,
        Histogram::Linear(bounds) => bounds.buckets(),
    }
}
