//! `foreach` over arrays and over the buckets of histograms.

use super::aggregate::{aggregate_function, bucket_count};
use crate::build;
use crate::elaboration::Elaboration;
use crate::scope::Scope;
use crate::standing::Standing;
use crate::types::Ty;
use systap_diagnostics::{Diagnostic, Span};
use systap_ir::program::{
    AggregateFn, CompareOp, Expr, ExprKind, Foreach, GlobalId, LocalId, Order, OrderBy, Place, Stmt, StmtKind, Type,
};
use systap_syntax::ast;

impl<'a> Elaboration<'a> {
    pub(super) fn foreach(
        &mut self,
        scope: &mut Scope<'a>,
        span: Span,
        foreach: &'a ast::Foreach,
        into: &mut Vec<Stmt>,
    ) {
        if let Some(limit) = &foreach.limit
            && self.standing != Standing::Dead
            && self.at_most_none(scope, limit)
        {
            return self.dead(scope, |this, scope| this.foreach(scope, span, foreach, &mut vec![]));
        }
        let limit = foreach.limit.as_ref().map(|limit| self.long(scope, limit, "a limit"));
        match &foreach.over {
            ast::ForeachOver::Array { name, slice } => {
                let kind = self.foreach_array(scope, foreach, name, slice.as_deref(), limit);
                into.extend(kind.map(|kind| Stmt { span, kind: StmtKind::Foreach(kind) }));
            }
            ast::ForeachOver::Histogram(over) => self.foreach_bucket(scope, span, foreach, over, limit, into),
        }
    }

    /// Goes through the body for its own errors, though what it goes over is wrong.
    fn foreach_broken(&mut self, scope: &mut Scope<'a>, foreach: &'a ast::Foreach) {
        for name in foreach.keys.iter().chain(&foreach.value) {
            self.binding(scope, name, Ty::Unknown);
        }
        self.loop_body(scope, &foreach.body);
    }

    fn foreach_array(
        &mut self,
        scope: &mut Scope<'a>,
        foreach: &'a ast::Foreach,
        name: &'a ast::Name,
        slice: Option<&'a [Option<ast::Expr>]>,
        limit: Option<Expr>,
    ) -> Option<Foreach> {
        let found = match slice {
            Some(keys) => self.slice(scope, name, keys, name.span),
            None => self.array(scope, name).map(|id| (id, vec![])),
        };
        // Without keys of its own in the script (`foreach (v = [] in a)` cannot be written), one per key of the array.
        let types = match &found {
            Some((id, _)) => self.as_array(*id, foreach.keys.len(), name.span),
            None => None,
        };
        let (Some((global, slice)), Some(types)) = (found, types) else {
            self.foreach_broken(scope, foreach);
            return None;
        };
        self.reads(global);
        let state = self.state(global);
        let (value_type, aggregate) = (if state.aggregate.is_some() { Ty::LONG } else { state.value }, state.aggregate);
        if let (Some(since), Some(value)) = (aggregate, &foreach.value) {
            let message = format!("the elements of `{}` are aggregates, and have no value of their own", name.text);
            let finding = Diagnostic::error("aggregate-misuse", value.span, message)
                .with_secondary(since, "an aggregate since here")
                .with_help(format!("ask for `@count({}[...])` and the like in the loop", name.text));
            self.report(finding);
        }
        let mut first = vec![];
        let mut keys: Vec<LocalId> = Vec::with_capacity(types.len());
        for (key, ty) in foreach.keys.iter().zip(types) {
            let (mut id, hand_on) = self.binding(scope, key, ty);
            if keys.contains(&id) {
                // The same variable twice: the later key is the one that stays.
                let hidden = scope.hidden(&key.text, key.span, ty);
                let value = build::expr(key.span, Type::Long, ExprKind::Read(Place::Local(hidden)));
                first.push(build::assign(key.span, Place::Local(id), value));
                id = hidden;
            }
            keys.push(id);
            first.extend(hand_on);
        }
        let value = foreach.value.as_ref().map(|value| {
            let (id, hand_on) = self.binding(scope, value, value_type);
            first.extend(hand_on);
            id
        });
        let order = foreach.sort.as_ref().and_then(|sort| self.order(sort, global, foreach.keys.len()));
        scope.iterated.push((global, name.span));
        first.extend(self.loop_body(scope, &foreach.body));
        scope.iterated.pop();
        Some(Foreach { global, value, keys, slice, order, limit, body: first })
    }

    fn order(&mut self, sort: &ast::Sort, global: GlobalId, keys: usize) -> Option<Order> {
        let by = match sort.by {
            ast::SortBy::Key(index) if index < keys => OrderBy::Key(index as u32),
            ast::SortBy::Key(_) => return None,
            ast::SortBy::Value => OrderBy::Value(AggregateFn::Count),
            ast::SortBy::Aggregate(function) => {
                let state = self.state(global);
                if state.aggregate.is_none() {
                    let name = &state.declaration.name.text;
                    let message = format!("`{name}` is not an aggregate, so its elements can only be sorted by value");
                    self.report(Diagnostic::error("not-an-aggregate", sort.span, message));
                    return None;
                }
                let function = aggregate_function(function);
                if function != AggregateFn::Variance || self.state(global).variance.is_none() {
                    self.asked(global, function, (0, sort.span));
                }
                OrderBy::Value(function)
            }
        };
        Some(Order { by, ascending: sort.ascending })
    }

    /// Over a histogram's buckets: a loop over their numbers.
    fn foreach_bucket(
        &mut self,
        scope: &mut Scope<'a>,
        span: Span,
        foreach: &'a ast::Foreach,
        over: &'a ast::Expr,
        limit: Option<Expr>,
        into: &mut Vec<Stmt>,
    ) {
        let ast::ExprKind::Histogram { stat, linear, bucket: None } = &over.kind else {
            if over.kind != ast::ExprKind::Missing {
                let message = "`foreach` goes over arrays and histograms";
                self.report(Diagnostic::error("not-iterable", over.span, message));
            }
            return self.foreach_broken(scope, foreach);
        };
        if let Some(sort) = &foreach.sort {
            let message = "the buckets of a histogram cannot be sorted";
            self.report(Diagnostic::error("not-sortable", sort.span, message));
        }
        let [key] = foreach.keys.as_slice() else {
            let message = format!("a histogram's buckets have 1 key, and here are {}", foreach.keys.len());
            self.report(Diagnostic::error("key-count", over.span, message));
            return self.foreach_broken(scope, foreach);
        };
        let Some((place, histogram)) = self.histogram(scope, over.span, stat, *linear) else {
            return self.foreach_broken(scope, foreach);
        };
        // The number lives in a variable of its own, so that the body may change the script's.
        let number = scope.hidden("@bucket", span, Ty::LONG);
        let read = |local| build::expr(span, Type::Long, ExprKind::Read(Place::Local(local)));
        let (id, hand_on) = self.binding(scope, key, Ty::LONG);
        let mut body = vec![build::assign(span, Place::Local(id), read(number))];
        body.extend(hand_on);
        if let Some(value) = &foreach.value {
            let (id, hand_on) = self.binding(scope, value, Ty::LONG);
            let index = Box::new(read(number));
            let bucket = build::expr(over.span, Type::Long, ExprKind::Bucket { place, histogram, index });
            body.push(build::assign(span, Place::Local(id), bucket));
            body.extend(hand_on);
        }
        let buckets = build::long(span, i64::from(bucket_count(histogram)));
        let mut end = buckets;
        if let Some(limit) = limit {
            // Evaluated once, before the loop.
            let most = scope.hidden("@limit", span, Ty::LONG);
            into.push(build::assign(span, Place::Local(most), limit));
            let less = less(span, read(most), end.clone());
            let kind =
                ExprKind::Ternary { condition: Box::new(less), then: Box::new(read(most)), otherwise: Box::new(end) };
            end = build::expr(span, Type::Long, kind);
        }
        into.push(build::assign(span, Place::Local(number), build::long(span, 0)));
        body.extend(self.loop_body(scope, &foreach.body));
        let step = ExprKind::Step { place: Place::Local(number), by: 1, prefix: true };
        let kind = StmtKind::Loop {
            condition: Some(less(span, read(number), end)),
            step: Some(build::expr(span, Type::Long, step)),
            body,
        };
        into.push(Stmt { span, kind });
    }
}

fn less(span: Span, left: Expr, right: Expr) -> Expr {
    build::expr(span, Type::Long, ExprKind::Compare(CompareOp::Less, Box::new(left), Box::new(right)))
}
