//! Short forms for the expressions that elaboration makes itself. Must never decide anything.

use systap_diagnostics::Span;
use systap_ir::format::{Conversion, ConversionKind, Format, Piece};
use systap_ir::program::{BinaryOp, Constant, Expr, ExprKind, Place, ReadText, Space, Stmt, StmtKind, Type, Width};

pub(crate) fn expr(span: Span, ty: Type, kind: ExprKind) -> Expr {
    Expr { span, ty, kind }
}

pub(crate) fn long(span: Span, value: i64) -> Expr {
    expr(span, Type::Long, ExprKind::Constant(Constant::Long(value)))
}

pub(crate) fn text(span: Span, value: impl Into<Vec<u8>>) -> Expr {
    expr(span, Type::Text, ExprKind::Constant(Constant::Text(value.into())))
}

pub(crate) fn binary(span: Span, op: BinaryOp, left: Expr, right: Expr) -> Expr {
    expr(span, Type::Long, ExprKind::Binary(op, Box::new(left), Box::new(right)))
}

/// `base + offset`; just `base` for 0.
pub(crate) fn plus(span: Span, base: Expr, offset: i64) -> Expr {
    if offset == 0 { base } else { binary(span, BinaryOp::Add, base, long(span, offset)) }
}

/// The low bits of a value, extended; just the value if all 64 count.
pub(crate) fn extend(span: Span, value: Expr, bits: u8, signed: bool) -> Expr {
    if bits >= 64 {
        return value;
    }
    expr(span, Type::Long, ExprKind::Extend { value: Box::new(value), bits, signed })
}

/// A load of kernel or user memory.
pub(crate) struct Load {
    pub(crate) offset: i64,
    pub(crate) width: Width,
    pub(crate) signed: bool,
    pub(crate) space: Space,
    pub(crate) typed: bool,
}

pub(crate) fn load(span: Span, base: Expr, load: Load) -> Expr {
    let Load { offset, width, signed, space, typed } = load;
    expr(span, Type::Long, ExprKind::Load { base: Box::new(base), offset, width, signed, space, typed })
}

/// The string at an address, all of it.
pub(crate) fn read_text(span: Span, address: Expr, space: Space, fallback: Option<&str>) -> Expr {
    let fallback = fallback.map(|fallback| text(span, fallback));
    expr(span, Type::Text, ExprKind::ReadText(Box::new(ReadText { address, limit: None, space, fallback })))
}

/// A string in quotes, what does not print as escapes.
pub(crate) fn quoted(span: Span, value: Expr) -> Expr {
    let escaped = Conversion { alternate: true, ..Conversion::plain(ConversionKind::Text) };
    let quote = || Piece::Text(b"\"".to_vec());
    let pieces = vec![quote(), Piece::Conversion(escaped), quote()];
    expr(span, Type::Text, ExprKind::Format(Format { pieces }, vec![value]))
}

pub(crate) fn plain(kind: ConversionKind) -> Piece {
    Piece::Conversion(Conversion::plain(kind))
}

pub(crate) fn statement(span: Span, value: Expr) -> Stmt {
    Stmt { span, kind: StmtKind::Expr(value) }
}

pub(crate) fn assign(span: Span, place: Place, value: Expr) -> Stmt {
    let ty = value.ty;
    statement(span, expr(span, ty, ExprKind::Assign { place, op: None, value: Box::new(value) }))
}
