//! The end of elaboration: types of expressions, now that those of variables and functions are known, and formats of
//! output whose operands are known only now.
//!
//! Must never report: what cannot be settled has been reported before.

use systap_ir::format::{ConversionKind, Extent, Format, Piece};
use systap_ir::program::{
    AssignOp, Constant, Element, Expr, ExprKind, Global, GlobalId, GlobalShape, Local, Place, Program, Stmt, StmtKind,
    Type,
};

/// Types of what can be referred to.
struct Known<'a> {
    globals: &'a [Global],
    /// What each function returns.
    returns: &'a [Option<Type>],
    locals: &'a [Local],
    /// The most bytes that a string of the script has.
    longest: u32,
}

/// Writes the final types into every expression of the program.
pub(crate) fn program(program: &mut Program) {
    let returns: Vec<Option<Type>> = program.functions.iter().map(|function| function.returns).collect();
    let globals = &program.globals;
    let longest = program.limits.string.saturating_sub(1);
    for function in &mut program.functions {
        let known = Known { globals, returns: &returns, locals: &function.locals, longest };
        known.block(&mut function.body);
    }
    for probe in &mut program.probes {
        let known = Known { globals, returns: &returns, locals: &probe.locals, longest };
        if let Some(condition) = &mut probe.condition {
            known.expr(condition);
        }
        known.block(&mut probe.body);
    }
}

impl Known<'_> {
    fn global(&self, id: GlobalId) -> Type {
        match self.globals.get(id.0 as usize).map(|global| &global.shape) {
            Some(GlobalShape::Scalar(constant)) => crate::global::type_of(constant),
            Some(GlobalShape::Array { element: Element::Value(ty), .. }) => *ty,
            _ => Type::Long,
        }
    }

    /// The type of a place, after the places of its keys.
    fn place(&self, place: &mut Place) -> Type {
        match place {
            Place::Local(id) => self.locals.get(id.0 as usize).map_or(Type::Long, |local| local.ty),
            Place::Global(id) => self.global(*id),
            Place::Element(id, keys) => {
                keys.iter_mut().for_each(|key| self.expr(key));
                self.global(*id)
            }
        }
    }

    fn block(&self, block: &mut Vec<Stmt>) {
        for each in block.iter_mut() {
            self.statement(&mut each.kind);
        }
        if block.iter().any(is_long) {
            *block = std::mem::take(block).into_iter().flat_map(divided).collect();
        }
    }

    fn statement(&self, kind: &mut StmtKind) {
        match kind {
            StmtKind::Expr(e) => self.expr(e),
            StmtKind::If { condition, then, otherwise } => {
                self.expr(condition);
                self.block(then);
                self.block(otherwise);
            }
            StmtKind::Loop { condition, step, body } => {
                condition.iter_mut().chain(step).for_each(|e| self.expr(e));
                self.block(body);
            }
            StmtKind::Foreach(foreach) => {
                foreach.slice.iter_mut().flatten().chain(&mut foreach.limit).for_each(|e| self.expr(e));
                self.block(&mut foreach.body);
            }
            StmtKind::Break | StmtKind::Continue | StmtKind::Next | StmtKind::Embedded => {}
            StmtKind::DeleteLocal(_) => {}
            StmtKind::Return(value) => value.iter_mut().for_each(|e| self.expr(e)),
            StmtKind::Delete { keys, .. } => keys.iter_mut().for_each(|e| self.expr(e)),
            StmtKind::DeleteSlice { slice, .. } => slice.iter_mut().flatten().for_each(|e| self.expr(e)),
            StmtKind::Uncaught(body) => self.block(body),
            StmtKind::Try { body, handler, .. } => {
                self.block(body);
                self.block(handler);
            }
        }
    }

    fn expr(&self, e: &mut Expr) {
        e.ty = match &mut e.kind {
            ExprKind::Constant(Constant::Long(_)) => Type::Long,
            ExprKind::Constant(Constant::Text(_)) => Type::Text,
            ExprKind::Read(place) => self.place(place),
            ExprKind::Assign { place, op, value } => {
                self.expr(value);
                match op {
                    Some(AssignOp::Concat) => {
                        self.place(place);
                        Type::Text
                    }
                    _ => self.place(place),
                }
            }
            ExprKind::Step { place, .. } | ExprKind::Aggregate { place, .. } => {
                self.place(place);
                Type::Long
            }
            ExprKind::Accumulate { place, value } => {
                self.place(place);
                self.expr(value);
                Type::Long
            }
            ExprKind::Bucket { place, index, .. } => {
                self.place(place);
                self.expr(index);
                Type::Long
            }
            ExprKind::HistogramText { place, .. } => {
                self.place(place);
                Type::Text
            }
            ExprKind::Contains { keys, .. } => {
                keys.iter_mut().flatten().for_each(|e| self.expr(e));
                Type::Long
            }
            ExprKind::Pick { index, .. } => {
                self.expr(index);
                Type::Text
            }
            ExprKind::Unary(_, operand) | ExprKind::Match { text: operand, .. } => {
                self.expr(operand);
                Type::Long
            }
            ExprKind::Binary(_, left, right)
            | ExprKind::Compare(_, left, right)
            | ExprKind::Logical { left, right, .. } => {
                self.expr(left);
                self.expr(right);
                Type::Long
            }
            ExprKind::Ternary { condition, then, otherwise } => {
                self.expr(condition);
                self.expr(then);
                self.expr(otherwise);
                then.ty
            }
            ExprKind::Concat(left, right) => {
                self.expr(left);
                self.expr(right);
                Type::Text
            }
            ExprKind::Format(format, operands) => {
                operands.iter_mut().for_each(|e| self.expr(e));
                // All of it is cut where a part of it would be.
                splice(format, operands, None);
                Type::Text
            }
            ExprKind::Print(format, operands) => {
                operands.iter_mut().for_each(|e| self.expr(e));
                splice(format, operands, Some(self.longest));
                Type::Long
            }
            ExprKind::Call(id, args) => {
                args.iter_mut().for_each(|e| self.expr(e));
                self.returns.get(id.0 as usize).copied().flatten().unwrap_or(Type::Long)
            }
            // Elaboration knows it from the start.
            ExprKind::Embedded => e.ty,
            ExprKind::WriteTarget { target, value } => {
                self.expr(target);
                self.expr(value);
                value.ty
            }
            ExprKind::Intrinsic(intrinsic, args) => {
                args.iter_mut().for_each(|e| self.expr(e));
                intrinsic.signature().returns.unwrap_or(Type::Long)
            }
            ExprKind::Context(context) => context.ty(),
            ExprKind::Argument { .. } => Type::Long,
            ExprKind::Extend { value, .. } => {
                self.expr(value);
                Type::Long
            }
            ExprKind::Load { base, .. } | ExprKind::Readable { base, .. } => {
                self.expr(base);
                Type::Long
            }
            ExprKind::ReadText(read) => {
                self.expr(&mut read.address);
                read.limit.iter_mut().chain(&mut read.fallback).for_each(|e| self.expr(e));
                Type::Text
            }
        };
    }
}

/// How many operands one output may have: where a probe runs they are held at once, in little room.
const MOST_OPERANDS: usize = 40;

/// Whether a statement puts out more than can be held at once.
fn is_long(each: &Stmt) -> bool {
    matches!(&each.kind, StmtKind::Expr(Expr { kind: ExprKind::Print(_, operands), .. }) if operands.len() > MOST_OPERANDS)
}

/// The statement, or several that put out the same, a part each.
fn divided(each: Stmt) -> Vec<Stmt> {
    if !is_long(&each) {
        return vec![each];
    }
    let Stmt { span, kind: StmtKind::Expr(Expr { span: at, ty, kind: ExprKind::Print(format, operands) }) } = each
    else {
        return vec![];
    };
    let mut operands = operands.into_iter();
    let mut parts: Vec<(Vec<Piece>, Vec<Expr>)> = vec![];
    for piece in format.pieces {
        let count = match &piece {
            Piece::Text(_) | Piece::Open | Piece::Close(_) => 0,
            Piece::Conversion(conversion) => conversion.operands(),
        };
        if parts.last().is_none_or(|(_, given)| given.len() + count > MOST_OPERANDS) {
            parts.push((vec![], vec![]));
        }
        if let Some((pieces, given)) = parts.last_mut() {
            pieces.push(piece);
            given.extend(operands.by_ref().take(count));
        }
    }
    let part = |(pieces, given)| Expr { span: at, ty, kind: ExprKind::Print(Format { pieces }, given) };
    parts.into_iter().map(|each| Stmt { span, kind: StmtKind::Expr(part(each)) }).collect()
}

/// Gives a plain `%s` the conversion of a number where its operand is one, and takes what is known or is itself made by
/// a format into the format, so that no string need be made for it where the probe runs. What would be cut at `longest` as a
/// string of its own still is.
fn splice(format: &mut Format, operands: &mut Vec<Expr>, longest: Option<u32>) {
    let mut pieces: Vec<Piece> = Vec::with_capacity(format.pieces.len());
    let mut kept = Vec::with_capacity(operands.len());
    let mut given = std::mem::take(operands).into_iter();
    for piece in std::mem::take(&mut format.pieces) {
        let conversion = match piece {
            Piece::Text(text) => {
                append(&mut pieces, text);
                continue;
            }
            Piece::Conversion(conversion) => conversion,
            other => {
                pieces.push(other);
                continue;
            }
        };
        for _ in 1..conversion.operands() {
            kept.extend(given.next());
        }
        let Some(operand) = given.next() else { continue };
        let plain = !conversion.left
            && !conversion.zero
            && !conversion.plus
            && !conversion.space
            && !conversion.alternate
            && conversion.width == Extent::None
            && conversion.precision == Extent::None;
        match conversion.kind {
            ConversionKind::Text if plain => {
                let mut inner = vec![];
                put(operand, &mut inner, &mut kept);
                let cut = longest.filter(|most| may_exceed(&inner, *most));
                pieces.extend(cut.map(|_| Piece::Open));
                for piece in inner {
                    match piece {
                        Piece::Text(text) => append(&mut pieces, text),
                        other => pieces.push(other),
                    }
                }
                pieces.extend(cut.map(Piece::Close));
            }
            _ => {
                pieces.push(Piece::Conversion(conversion));
                kept.push(operand);
            }
        }
    }
    *operands = kept;
    format.pieces = pieces;
}

/// Whether what the pieces of one string write may have more bytes than that. A string alone has not.
fn may_exceed(pieces: &[Piece], most: u32) -> bool {
    if let [Piece::Conversion(_)] = pieces {
        return false;
    }
    let bound = |piece: &Piece| match piece {
        Piece::Text(text) => text.len() as u64,
        Piece::Open | Piece::Close(_) => 0,
        Piece::Conversion(conversion) => match (conversion.kind, conversion.width, conversion.precision) {
            (ConversionKind::Text | ConversionKind::Memory | ConversionKind::MemoryHex, ..)
            | (_, Extent::Operand, _)
            | (_, _, Extent::Operand) => u64::from(most),
            // The longest number is octal, with its sign or mark.
            (_, width, precision) => 24 + fixed(width).max(fixed(precision)),
        },
    };
    pieces.iter().map(bound).sum::<u64>() > u64::from(most)
}

fn fixed(extent: Extent) -> u64 {
    match extent {
        Extent::Fixed(count) => u64::from(count),
        _ => 0,
    }
}

/// Adds an operand of a plain `%s`.
fn put(operand: Expr, pieces: &mut Vec<Piece>, kept: &mut Vec<Expr>) {
    let Expr { span, ty, kind } = operand;
    match kind {
        ExprKind::Constant(Constant::Text(text)) => append(pieces, text),
        ExprKind::Constant(Constant::Long(number)) => append(pieces, number.to_string().into_bytes()),
        ExprKind::Concat(left, right) => {
            put(*left, pieces, kept);
            put(*right, pieces, kept);
        }
        ExprKind::Format(format, operands) => {
            // Has been spliced itself, since operands are settled first.
            for piece in format.pieces {
                match piece {
                    Piece::Text(text) => append(pieces, text),
                    other => pieces.push(other),
                }
            }
            kept.extend(operands);
        }
        kind => {
            let conversion = if ty == Type::Text { ConversionKind::Text } else { ConversionKind::Signed };
            pieces.push(crate::build::plain(conversion));
            kept.push(Expr { span, ty, kind });
        }
    }
}

/// Adds literal text to what is there.
fn append(pieces: &mut Vec<Piece>, text: Vec<u8>) {
    if text.is_empty() {
        return;
    }
    match pieces.last_mut() {
        Some(Piece::Text(last)) => last.extend(text),
        _ => pieces.push(Piece::Text(text)),
    }
}
