//! Expressions by kind. What has a file of its own (operators, calls, assignments, aggregates, output) is only handed on.

use super::{MOST_DEPTH, Typed};
use crate::autocast::Holder;
use crate::build;
use crate::elaboration::{Elaboration, likely};
use crate::scope::{Scope, Site};
use crate::standing::Standing;
use crate::types::Ty;
use systap_diagnostics::{Diagnostic, Span};
use systap_ir::program::{Constant, Expr, ExprKind, GlobalId, LocalId, Place, Type};
use systap_syntax::ast;

/// How deep `@defined` may nest.
const MOST_TRIALS: u32 = 4;

/// What a bare word is.
pub(crate) enum Word {
    Local(LocalId),
    Global(GlobalId),
    /// A variable that the probe point offers.
    Offered(Typed),
}

impl<'a> Elaboration<'a> {
    /// An expression that must give a value.
    pub(crate) fn value(&mut self, scope: &mut Scope<'a>, e: &'a ast::Expr) -> Typed {
        let typed = self.expr(scope, e, true);
        self.not_void(typed, e.span)
    }

    /// The value that a function returns: one that it was itself given by another need be none if nobody looks at it.
    pub(super) fn given_on(&mut self, scope: &mut Scope<'a>, e: &'a ast::Expr) -> Typed {
        let typed = self.expr(scope, e, !matches!(e.kind, ast::ExprKind::Call { .. }));
        self.not_void(typed, e.span)
    }

    fn not_void(&mut self, typed: Typed, at: Span) -> Typed {
        if !typed.void {
            return typed;
        }
        // Output and `<<<` are longs in SystemTap; anything else without a value is one if its place says so.
        let ty = match typed.expr.kind {
            ExprKind::Print(..) | ExprKind::Accumulate { .. } => Ty::LONG,
            _ => self.types.fresh(),
        };
        if self.trials == 0 && self.standing == Standing::Runs {
            self.void_values.push((ty, at));
        }
        Typed { ty, void: false, ..typed }
    }

    /// An expression that must be a long; `what` names its place.
    pub(crate) fn long(&mut self, scope: &mut Scope<'a>, e: &'a ast::Expr, what: &str) -> Expr {
        let typed = self.value(scope, e);
        self.expect(&typed, Ty::LONG, || what.to_string());
        typed.expr
    }

    /// An expression; `used` says whether anything looks at its value.
    pub(crate) fn expr(&mut self, scope: &mut Scope<'a>, e: &'a ast::Expr, used: bool) -> Typed {
        if self.depth >= MOST_DEPTH {
            self.report(Diagnostic::error("nested-too-deep", e.span, "this is nested too deeply"));
            return Typed::unknown(e.span);
        }
        self.depth += 1;
        let typed = self.expr_of_kind(scope, e, used);
        self.depth -= 1;
        typed
    }

    fn expr_of_kind(&mut self, scope: &mut Scope<'a>, e: &'a ast::Expr, used: bool) -> Typed {
        use ast::ExprKind as Kind;
        let span = e.span;
        match &e.kind {
            Kind::Literal(literal) => Typed::new(literal_expr(span, literal)),
            Kind::Name(name) => self.read_name(scope, name, span),
            Kind::Index { .. } => self.read_element(scope, e),
            Kind::Call { function, args } => self.call(scope, span, function, args, used),
            Kind::Unary { op, operand } => self.unary(scope, span, *op, operand),
            Kind::Binary { op, left, right } => self.binary(scope, span, *op, left, right),
            Kind::Logical { and, left, right } => self.logical(scope, span, *and, left, right),
            Kind::Ternary { condition, then, otherwise } => self.ternary(scope, span, condition, then, otherwise),
            Kind::Assign { op, target, value } => self.assign(scope, span, *op, target, value, used),
            Kind::Accumulate { target, value } => self.accumulate(scope, span, target, value),
            Kind::Step { increment, prefix, target } => self.step(scope, span, *increment, *prefix, target, used),
            Kind::In { keys, array } => self.contains(scope, span, keys, array),
            Kind::Aggregate { function, stat, shift } => self.aggregate(scope, span, *function, stat, *shift),
            Kind::Histogram { stat, linear, bucket } => match bucket {
                Some(bucket) => self.bucket(scope, span, stat, *linear, bucket),
                // The parser has reported it.
                None => Typed::unknown(span),
            },
            Kind::Target(target) => self.target(scope, span, target),
            Kind::Defined(inner) => {
                let defined = self.is_defined(scope, inner);
                Typed::new(build::long(span, i64::from(defined)))
            }
            Kind::Entry(inner) => self.entry(scope, span, inner),
            Kind::AtCall { name, args } => self.at_call(scope, span, name, args),
            Kind::Embedded(code) => self.embedded_value(code),
            Kind::Missing => Typed::unknown(span),
        }
    }

    /// Whether the thing exists on this kernel, at this probe point.
    pub(crate) fn is_defined(&mut self, scope: &mut Scope<'a>, e: &'a ast::Expr) -> bool {
        use ast::ExprKind as Kind;
        if !matches!(e.kind, Kind::Target(_) | Kind::Entry(_) | Kind::Defined(_) | Kind::AtCall { .. } | Kind::Missing)
        {
            let message = "`@defined` is asked of a target variable, `@cast`, `@var` or a member";
            self.report(Diagnostic::error("defined-operand", e.span, message));
            return false;
        }
        if self.trials >= MOST_TRIALS {
            // Each level may be looked at more than once.
            self.report(Diagnostic::error("nested-too-deep", e.span, "`@defined` is nested too deeply"));
            return false;
        }
        let locals = scope.locals.len();
        let defined = self.succeeds(|this| {
            this.value(scope, e);
        });
        scope.truncate(locals);
        defined
    }

    /// What a bare word is; a local is made for one that nothing else claims.
    pub(crate) fn word(&mut self, scope: &mut Scope<'a>, name: &str, span: Span) -> Word {
        if let Some(local) = scope.find(name) {
            scope.local(local).dead &= self.standing == Standing::Dead;
            return Word::Local(local);
        }
        // A local of the library is one whatever the script calls its globals; the library's own are seen everywhere.
        let seen = !self.names.in_library(span)
            || self.names.global(name).is_some_and(|global| self.names.in_library(global.name.span));
        if seen && let Some(global) = self.global(name) {
            return Word::Global(global);
        }
        if let Some(typed) = self.offered(scope, name, span) {
            return Word::Offered(typed);
        }
        if matches!(scope.site, Site::Condition) {
            let message = format!("there is no global `{name}`: a probe point's condition can only ask globals");
            let finding = Diagnostic::error("local-in-condition", span, message);
            self.report_unknown(finding, name, self.names.global_names().collect::<Vec<_>>());
            return Word::Offered(Typed::unknown(span));
        }
        let ty = self.types.fresh();
        Word::Local(scope.declare(name, span, ty))
    }

    fn read_name(&mut self, scope: &mut Scope<'a>, name: &'a str, span: Span) -> Typed {
        match self.word(scope, name, span) {
            Word::Offered(typed) => typed,
            Word::Local(id) => {
                let local = scope.local(id);
                local.read.get_or_insert(span);
                let ty = local.ty;
                let read = build::expr(span, Type::Long, ExprKind::Read(Place::Local(id)));
                Typed::of(read, ty).pointing(self.autocast.ask(scope.holder(id)))
            }
            Word::Global(id) => {
                let fits = self.as_scalar(id, span) && self.not_aggregate(id, span, "has no value of its own");
                self.reads(id);
                if !fits {
                    return Typed::unknown(span);
                }
                let ty = self.state(id).value;
                let pointer = self.autocast.ask(Holder::Global(name.to_string()));
                Typed::of(build::expr(span, Type::Long, ExprKind::Read(Place::Global(id))), ty).pointing(pointer)
            }
        }
    }

    fn read_element(&mut self, scope: &mut Scope<'a>, e: &'a ast::Expr) -> Typed {
        let Some((place, id)) = self.element(scope, e) else { return Typed::unknown(e.span) };
        self.reads(id);
        if !self.not_aggregate(id, e.span, "its elements have no value of their own") {
            return Typed::unknown(e.span);
        }
        let state = &self.globals[id.0 as usize];
        let pointer = self.autocast.ask(Holder::Global(state.declaration.name.text.clone()));
        let read = build::expr(e.span, Type::Long, ExprKind::Read(place));
        Typed::of(read, state.value).pointing(pointer)
    }

    /// The element that `a[k, ...]` names. Keys are gone through even if the array is wrong, for their own errors.
    pub(crate) fn element(&mut self, scope: &mut Scope<'a>, e: &'a ast::Expr) -> Option<(Place, GlobalId)> {
        let ast::ExprKind::Index { array, keys } = &e.kind else { return None };
        let (id, keys) = self.slice(scope, array, keys, e.span)?;
        let mut given = Vec::with_capacity(keys.len());
        for key in keys {
            let Some(key) = key else {
                let message = "`*` stands for a key only in `delete`, `foreach` and `in`";
                self.report(Diagnostic::error("misplaced-wildcard", e.span, message));
                return None;
            };
            given.push(key);
        }
        Some((Place::Element(id, given), id))
    }

    /// The array and the keys of `a[k, *]`, of which `None` stands for `*`.
    pub(crate) fn slice(
        &mut self,
        scope: &mut Scope<'a>,
        array: &'a ast::Name,
        keys: &'a [Option<ast::Expr>],
        span: Span,
    ) -> Option<(GlobalId, Vec<Option<Expr>>)> {
        let id = self.array(scope, array);
        let types = id.and_then(|id| self.as_array(id, keys.len(), span));
        let mut given = Vec::with_capacity(keys.len());
        for (index, key) in keys.iter().enumerate() {
            given.push(match key {
                Some(key) => {
                    let typed = self.value(scope, key);
                    if let Some(ty) = types.as_ref().and_then(|types| types.get(index)) {
                        self.expect(&typed, *ty, || format!("key {} of `{}`", index + 1, array.text));
                    }
                    Some(typed.expr)
                }
                None => None,
            });
        }
        types?;
        Some((id?, given))
    }

    /// The global that a name with keys stands for.
    pub(crate) fn array(&mut self, scope: &Scope<'a>, array: &'a ast::Name) -> Option<GlobalId> {
        if scope.find(&array.text).is_none()
            && let Some(id) = self.global(&array.text)
        {
            return Some(id);
        }
        let finding = Diagnostic::error("unknown-array", array.span, format!("there is no array `{}`", array.text));
        let near = likely(&array.text, self.names.global_names());
        self.report(match near {
            Some(near) => finding.with_label(format!("did you mean `{near}`?")),
            None => finding.with_help(format!("declare it: `global {}`", array.text)),
        });
        None
    }

    fn contains(
        &mut self,
        scope: &mut Scope<'a>,
        span: Span,
        keys: &'a [Option<ast::Expr>],
        array: &'a ast::Name,
    ) -> Typed {
        let Some((global, keys)) = self.slice(scope, array, keys, span) else { return Typed::unknown(span) };
        self.reads(global);
        Typed::new(build::expr(span, Type::Long, ExprKind::Contains { global, keys }))
    }
}

fn literal_expr(span: Span, literal: &ast::Literal) -> Expr {
    match literal {
        ast::Literal::Number(number) => build::long(span, *number),
        // A string ends at its first NUL, wherever it comes from.
        ast::Literal::String(bytes) => {
            let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
            build::expr(span, Type::Text, ExprKind::Constant(Constant::Text(bytes[..end].to_vec())))
        }
    }
}
