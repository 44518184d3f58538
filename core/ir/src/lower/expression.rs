//! Expressions. Every expression gives a value; one without a meaningful value gives 0.

use std::sync::Arc;

use systap_diagnostics::Diagnostic;

use super::Builder;
use super::assigned::{self, Locals};
use crate::graph::{BlockId, Jump, Op, Terminator, Value};
use crate::intrinsic::Intrinsic;
use crate::program::{AssignOp, BinaryOp, CompareOp, Constant, Expr, ExprKind, GlobalId, LocalId, Place, Type};

/// A place whose keys have been evaluated, once.
enum Target {
    Local(LocalId),
    Global(GlobalId),
    Element(GlobalId, Vec<Value>),
}

impl Builder {
    pub(super) fn expression(&mut self, expr: &Expr) -> Value {
        let outer = std::mem::replace(&mut self.span, expr.span);
        let value = self.kind(expr);
        self.span = outer;
        value
    }

    fn list(&mut self, exprs: &[Expr]) -> Vec<Value> {
        exprs.iter().map(|expr| self.expression(expr)).collect()
    }

    fn nothing(&mut self) -> Value {
        self.emit(Type::Long, Op::Long(0))
    }

    fn kind(&mut self, expr: &Expr) -> Value {
        match &expr.kind {
            ExprKind::Constant(Constant::Long(number)) => self.emit(Type::Long, Op::Long(*number)),
            ExprKind::Constant(Constant::Text(text)) => self.emit(Type::Text, Op::Text(text.clone())),
            ExprKind::Read(place) => {
                let target = self.target(place);
                self.read(expr.ty, &target)
            }
            ExprKind::Assign { place, op, value } => self.assign(expr.ty, place, *op, value),
            ExprKind::Step { place, by, prefix } => self.step(place, *by, *prefix),
            ExprKind::Accumulate { place, value } => {
                let (global, keys) = self.global_and_keys(place);
                let value = self.expression(value);
                self.emit_effect(Op::Accumulate(global, keys, value));
                self.nothing()
            }
            ExprKind::Aggregate { function, place } => {
                let (global, keys) = self.global_and_keys(place);
                self.emit(Type::Long, Op::Aggregate(global, keys, *function))
            }
            ExprKind::Bucket { place, histogram, index } => {
                let (global, keys) = self.global_and_keys(place);
                let index = self.expression(index);
                self.emit(Type::Long, Op::Bucket(global, keys, *histogram, index))
            }
            ExprKind::HistogramText { place, histogram } => {
                let (global, keys) = self.global_and_keys(place);
                self.emit(Type::Text, Op::HistogramText(global, keys, *histogram))
            }
            ExprKind::Contains { global, keys } => {
                let keys: Vec<_> = keys.iter().map(|key| key.as_ref().map(|key| self.expression(key))).collect();
                let op = match keys.iter().copied().collect::<Option<Vec<_>>>() {
                    Some(keys) => Op::Contains(*global, keys),
                    None => Op::ContainsSlice(*global, keys),
                };
                self.emit(Type::Long, op)
            }
            ExprKind::Unary(op, operand) => {
                let operand = self.expression(operand);
                self.emit(Type::Long, Op::Unary(*op, operand))
            }
            ExprKind::Binary(op, left, right) => {
                let (left, right) = (self.expression(left), self.expression(right));
                self.emit(Type::Long, Op::Binary(*op, left, right))
            }
            ExprKind::Compare(op, left, right) => {
                let (left, right) = (self.expression(left), self.expression(right));
                self.emit(Type::Long, Op::Compare(*op, left, right))
            }
            ExprKind::Pick { texts, index } => {
                let index = self.expression(index);
                self.emit(Type::Text, Op::Pick { texts: Arc::clone(texts), index })
            }
            ExprKind::Match { text, pattern } => {
                let text = self.expression(text);
                let number = self.emit(Type::Long, Op::Long(i64::from(pattern.0)));
                self.emit_effect(Op::NoteMatch { text, pattern: number });
                self.emit(Type::Long, Op::Match { text, pattern: *pattern })
            }
            ExprKind::Logical { and, left, right } => self.logical(*and, left, right),
            ExprKind::Ternary { condition, then, otherwise } => self.ternary(expr.ty, condition, then, otherwise),
            ExprKind::Concat(left, right) => {
                let (left, right) = (self.expression(left), self.expression(right));
                self.emit(Type::Text, Op::Concat(left, right))
            }
            ExprKind::Format(format, args) => {
                let args = self.list(args);
                self.emit(Type::Text, Op::Format(format.clone(), args))
            }
            ExprKind::Print(format, args) => {
                let args = self.list(args);
                self.emit_effect(Op::Print(format.clone(), args));
                self.nothing()
            }
            ExprKind::Call(function, args) => {
                let args = self.list(args);
                self.emit(expr.ty, Op::Call(*function, args))
            }
            ExprKind::Intrinsic(intrinsic, args) => self.intrinsic(*intrinsic, args),
            ExprKind::Embedded => {
                let found = super::embedded_c(expr.span);
                self.diagnostics.push(found);
                self.zero(expr.ty)
            }
            ExprKind::WriteTarget { target, value } => {
                let message = "BPF programs cannot write the variables of what they probe";
                let found = Diagnostic::error("needs-module-runtime", expr.span, message)
                    .with_help("target variables are written by the module runtime");
                self.diagnostics.push(found);
                self.expression(target);
                self.expression(value)
            }
            ExprKind::Context(context) => self.emit(context.ty(), Op::Context(*context)),
            ExprKind::Argument { index, pointer } => {
                self.emit(Type::Long, Op::Argument { index: *index, pointer: *pointer })
            }
            ExprKind::Extend { value, bits, signed } => {
                let value = self.expression(value);
                self.emit(Type::Long, Op::Extend { value, bits: *bits, signed: *signed })
            }
            ExprKind::Load { base, offset, width, signed, space, typed } => {
                let base = self.expression(base);
                let (offset, width, signed, space, typed) = (*offset, *width, *signed, *space, *typed);
                self.emit(Type::Long, Op::Load { base, offset, width, signed, space, typed })
            }
            ExprKind::Readable { base, width, space } => {
                let base = self.expression(base);
                self.emit(Type::Long, Op::Readable { base, offset: 0, width: *width, space: *space })
            }
            ExprKind::ReadText(read) => {
                let address = self.expression(&read.address);
                let limit = read.limit.as_ref().map(|limit| self.expression(limit));
                let fallback = read.fallback.as_ref().map(|fallback| self.expression(fallback));
                self.emit(Type::Text, Op::ReadText { address, limit, space: read.space, fallback })
            }
        }
    }

    fn intrinsic(&mut self, intrinsic: Intrinsic, args: &[Expr]) -> Value {
        let args = self.list(args);
        let value = match intrinsic.signature().returns {
            Some(ty) => self.emit(ty, Op::Intrinsic(intrinsic, args)),
            None => {
                self.emit_effect(Op::Intrinsic(intrinsic, args));
                self.nothing()
            }
        };
        if intrinsic == Intrinsic::Abort {
            self.terminate(Terminator::Unreachable);
            self.enter_unreachable();
            return self.nothing();
        }
        value
    }

    fn target(&mut self, place: &Place) -> Target {
        match place {
            Place::Local(local) => Target::Local(*local),
            Place::Global(global) => Target::Global(*global),
            Place::Element(global, keys) => Target::Element(*global, self.list(keys)),
        }
    }

    fn global_and_keys(&mut self, place: &Place) -> (GlobalId, Vec<Value>) {
        match self.target(place) {
            Target::Global(global) => (global, vec![]),
            Target::Element(global, keys) => (global, keys),
            Target::Local(_) => unreachable!("the elaborator lets no local be an aggregate"),
        }
    }

    fn read(&mut self, ty: Type, target: &Target) -> Value {
        match target {
            Target::Local(local) => self.locals[local.0 as usize],
            Target::Global(global) => self.emit(ty, Op::Get(*global)),
            Target::Element(global, keys) => self.emit(ty, Op::ElementGet(*global, keys.clone())),
        }
    }

    fn write(&mut self, target: Target, value: Value) {
        match target {
            Target::Local(local) => self.locals[local.0 as usize] = value,
            Target::Global(global) => self.emit_effect(Op::Set(global, value)),
            Target::Element(global, keys) => self.emit_effect(Op::ElementSet(global, keys, value)),
        }
    }

    /// Adds to a place; gives the new value. Globals change in one step that no other CPU can come between.
    fn add(&mut self, target: Target, value: Value) -> Value {
        match target {
            Target::Local(local) => {
                let old = self.locals[local.0 as usize];
                let new = self.emit(Type::Long, Op::Binary(BinaryOp::Add, old, value));
                self.locals[local.0 as usize] = new;
                new
            }
            Target::Global(global) => self.emit(Type::Long, Op::Add(global, value)),
            Target::Element(global, keys) => self.emit(Type::Long, Op::ElementAdd(global, keys, value)),
        }
    }

    fn assign(&mut self, ty: Type, place: &Place, op: Option<AssignOp>, value: &Expr) -> Value {
        if op.is_none()
            && let Some((by, negated)) = added_to(place, value)
        {
            // `x = x + e` says what `x += e` says, and like that it shall miss nothing that other CPUs add meanwhile.
            let op = if negated { BinaryOp::Subtract } else { BinaryOp::Add };
            return self.assign(ty, place, Some(AssignOp::Binary(op)), by);
        }
        let target = self.target(place);
        let value = self.expression(value);
        match op {
            None => {
                self.write(target, value);
                value
            }
            Some(AssignOp::Binary(BinaryOp::Add)) => self.add(target, value),
            Some(AssignOp::Binary(BinaryOp::Subtract)) => {
                let negated = self.emit(Type::Long, Op::Unary(crate::program::UnaryOp::Negate, value));
                self.add(target, negated)
            }
            Some(AssignOp::Binary(op)) => {
                let old = self.read(ty, &target);
                let new = self.emit(Type::Long, Op::Binary(op, old, value));
                self.write(target, new);
                new
            }
            Some(AssignOp::Concat) => {
                let old = self.read(ty, &target);
                let new = self.emit(Type::Text, Op::Concat(old, value));
                self.write(target, new);
                new
            }
        }
    }

    fn step(&mut self, place: &Place, by: i64, prefix: bool) -> Value {
        let target = self.target(place);
        let by = self.emit(Type::Long, Op::Long(by));
        let new = self.add(target, by);
        if prefix { new } else { self.emit(Type::Long, Op::Binary(BinaryOp::Subtract, new, by)) }
    }

    /// A block that takes a value of this type and then these locals.
    fn new_result_block(&mut self, ty: Type, locals: &[LocalId]) -> (BlockId, Value) {
        let block = self.new_block(locals);
        let result = self.body.value(ty);
        self.body.blocks[block.0 as usize].params.push(result);
        (block, result)
    }

    fn jump_with_result(&mut self, to: BlockId, locals: &[LocalId], result: Value) {
        let mut args: Vec<Value> = locals.iter().map(|local| self.locals[local.0 as usize]).collect();
        args.push(result);
        self.terminate(Terminator::Jump(Jump { to, args }));
    }

    fn logical(&mut self, and: bool, left: &Expr, right: &Expr) -> Value {
        let left = self.expression(left);
        let mut changed = Locals::new();
        assigned::in_expression(right, &mut changed);
        let changed: Vec<LocalId> = changed.into_iter().collect();
        let (more, short) = (self.new_block(&[]), self.new_block(&[]));
        let (join, result) = self.new_result_block(Type::Long, &changed);
        let (then, otherwise) = if and { (more, short) } else { (short, more) };
        self.branch(left, then, otherwise);
        let before = self.locals.clone();
        self.enter(more);
        let right = self.expression(right);
        let zero = self.nothing();
        let right = self.emit(Type::Long, Op::Compare(CompareOp::NotEqual, right, zero));
        self.jump_with_result(join, &changed, right);
        self.locals = before;
        self.enter(short);
        let outcome = self.emit(Type::Long, Op::Long(i64::from(!and)));
        self.jump_with_result(join, &changed, outcome);
        self.enter_with(join, &changed);
        result
    }

    fn ternary(&mut self, ty: Type, condition: &Expr, then: &Expr, otherwise: &Expr) -> Value {
        let condition = self.expression(condition);
        let mut changed = Locals::new();
        assigned::in_expression(then, &mut changed);
        assigned::in_expression(otherwise, &mut changed);
        let changed: Vec<LocalId> = changed.into_iter().collect();
        let (yes, no) = (self.new_block(&[]), self.new_block(&[]));
        let (join, result) = self.new_result_block(ty, &changed);
        self.branch(condition, yes, no);
        let before = self.locals.clone();
        self.enter(yes);
        let value = self.expression(then);
        self.jump_with_result(join, &changed, value);
        self.locals = before;
        self.enter(no);
        let value = self.expression(otherwise);
        self.jump_with_result(join, &changed, value);
        self.enter_with(join, &changed);
        result
    }
}

/// The `e` of `place = place + e`, or of `place = place - e`, which is negated.
fn added_to<'a>(place: &Place, value: &'a Expr) -> Option<(&'a Expr, bool)> {
    if matches!(place, Place::Local(_)) {
        return None;
    }
    let reads = |expr: &Expr| matches!(&expr.kind, ExprKind::Read(read) if same_place(place, read));
    match &value.kind {
        ExprKind::Binary(BinaryOp::Add, left, right) if reads(left) && is_calm(right) => Some((right, false)),
        ExprKind::Binary(BinaryOp::Add, left, right) if reads(right) && is_calm(left) => Some((left, false)),
        ExprKind::Binary(BinaryOp::Subtract, left, right) if reads(left) && is_calm(right) => Some((right, true)),
        _ => None,
    }
}

fn same_place(a: &Place, b: &Place) -> bool {
    match (a, b) {
        (Place::Local(a), Place::Local(b)) => a == b,
        (Place::Global(a), Place::Global(b)) => a == b,
        (Place::Element(a, left), Place::Element(b, right)) => {
            a == b && left.iter().zip(right).all(|(left, right)| same_value(left, right))
        }
        _ => false,
    }
}

/// Whether two expressions give the same value if one is evaluated after the other.
fn same_value(a: &Expr, b: &Expr) -> bool {
    match (&a.kind, &b.kind) {
        (ExprKind::Constant(a), ExprKind::Constant(b)) => a == b,
        (ExprKind::Read(a @ Place::Local(_)), ExprKind::Read(b)) => same_place(a, b),
        (ExprKind::Context(a), ExprKind::Context(b)) => a == b,
        (ExprKind::Argument { index: a, .. }, ExprKind::Argument { index: b, .. }) => a == b,
        (ExprKind::Extend { value: a, bits: m, signed: s }, ExprKind::Extend { value: b, bits: n, signed: t }) => {
            m == n && s == t && same_value(a, b)
        }
        (ExprKind::Load { base: a, offset: m, .. }, ExprKind::Load { base: b, offset: n, .. }) => {
            m == n && same_value(a, b)
        }
        (ExprKind::Intrinsic(a, left), ExprKind::Intrinsic(b, right)) => {
            a == b && left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same_value(left, right))
        }
        _ => false,
    }
}

/// Whether an expression neither changes anything nor calls anything that could.
fn is_calm(expr: &Expr) -> bool {
    match &expr.kind {
        ExprKind::Constant(_) | ExprKind::Context(_) | ExprKind::Argument { .. } => true,
        ExprKind::Read(Place::Element(_, keys)) => keys.iter().all(is_calm),
        ExprKind::Read(_) => true,
        ExprKind::Unary(_, a) | ExprKind::Extend { value: a, .. } | ExprKind::Load { base: a, .. } => is_calm(a),
        ExprKind::Binary(_, a, b) | ExprKind::Compare(_, a, b) => is_calm(a) && is_calm(b),
        _ => false,
    }
}
