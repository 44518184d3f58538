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
        self.writes(id);
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
        shift: Option<(i64, Span)>,
    ) -> Typed {
        let place = self.aggregate_place(scope, stat, "ask");
        let function = aggregate_function(function);
        let Some((place, id)) = place else { return Typed::unknown(span) };
        self.reads(id);
        let shift = shift.map(|(bits, at)| (self.shift(bits, at), at));
        self.asked(id, function, shift.unwrap_or((0, span)));
        Typed::new(build::expr(span, Type::Long, ExprKind::Aggregate { function, place }))
    }

    /// The bit shift of a variance; 0, after a report, for one that is none.
    fn shift(&mut self, bits: i64, at: Span) -> u8 {
        if !(0..=62).contains(&bits) {
            let message = format!("the shift of `@variance` is from 0 to 62, not {bits}");
            self.report(Diagnostic::error("shift-out-of-range", at, message));
            return 0;
        }
        bits as u8
    }

    /// Notes what is asked of an aggregate.
    pub(super) fn asked(&mut self, id: GlobalId, function: AggregateFn, shift: (u8, Span)) {
        match function {
            AggregateFn::Min | AggregateFn::Max => self.state(id).extremes = true,
            AggregateFn::Variance => self.variance(id, shift),
            AggregateFn::Count | AggregateFn::Sum | AggregateFn::Avg => {}
        }
    }

    /// Notes that the variance is asked for. A variable has one shift; the default gives way to one that is said later.
    fn variance(&mut self, id: GlobalId, (shift, at): (u8, Span)) {
        let state = self.state(id);
        match state.variance {
            Some((first, since)) if first != 0 && first != shift => {
                let name = state.declaration.name.text.clone();
                let message = format!("`{name}` can have one shift for its variance, and has {first}");
                let finding = Diagnostic::error("variance-shift", at, message)
                    .with_label(format!("shift {shift}"))
                    .with_secondary(since, format!("shift {first}"));
                self.report(finding);
            }
            _ => state.variance = Some((shift, at)),
        }
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
        self.reads(id);
        let histogram = match linear {
            None => Histogram::Logarithmic,
            Some(bounds) => Histogram::Linear(self.bounds(span, bounds)?),
        };
        let state = self.state(id);
        match state.histogram {
            Some((first, since)) if first != histogram => {
                let name = state.declaration.name.text.clone();
                let message = format!("`{name}` can have one histogram, and this is another");
                self.report(
                    Diagnostic::error("several-histograms", span, message)
                        .with_secondary(since, "the first one")
                        .with_help("accumulate into a second variable for it"),
                );
                None
            }
            _ => {
                state.histogram.get_or_insert((histogram, span));
                Some((place, histogram))
            }
        }
    }

    /// The bounds of a linear histogram; a warning if not all of it can be kept.
    fn bounds(&mut self, span: Span, [start, stop, interval]: [i64; 3]) -> Option<LinearBounds> {
        if interval <= 0 {
            let message = format!("the width of a bucket must be positive, not {interval}");
            self.report(Diagnostic::error("histogram-bounds", span, message));
            return None;
        }
        if start > stop {
            let message = format!("the histogram ends ({stop}) before it starts ({start})");
            self.report(
                Diagnostic::error("histogram-bounds", span, message)
                    .with_help("the numbers are: where it starts, where it ends, how wide a bucket is"),
            );
            return None;
        }
        let needed = (i128::from(stop) - i128::from(start)) / i128::from(interval) + 3;
        if needed <= i128::from(MOST_BUCKETS) {
            return Some(LinearBounds { start, stop, interval });
        }
        let stop = start.saturating_add(interval.saturating_mul(i64::from(MOST_BUCKETS) - 3));
        let message = format!("{needed} buckets are too many: of {MOST_BUCKETS}, the last counts all that is greater");
        self.report(
            Diagnostic::warning("histogram-bounds", span, message)
                .with_help("widen the interval, or draw less of the range"),
        );
        Some(LinearBounds { start, stop, interval })
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

/// The function in the program's terms.
pub(super) fn aggregate_function(function: ast::AggregateFn) -> AggregateFn {
    match function {
        ast::AggregateFn::Count => AggregateFn::Count,
        ast::AggregateFn::Sum => AggregateFn::Sum,
        ast::AggregateFn::Min => AggregateFn::Min,
        ast::AggregateFn::Max => AggregateFn::Max,
        ast::AggregateFn::Avg => AggregateFn::Avg,
        ast::AggregateFn::Variance => AggregateFn::Variance,
    }
}

/// How many buckets a histogram has.
pub(super) fn bucket_count(histogram: Histogram) -> u32 {
    match histogram {
        Histogram::Logarithmic => LOGARITHMIC_BUCKETS,
        Histogram::Linear(bounds) => bounds.buckets(),
    }
}
