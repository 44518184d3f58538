//! The memory that `%m` and `%M` write, as loads: it must be read when the probe is hit, and formats are made afterwards.
//!
//! Must never read a byte that is not asked for: it may lie on a page that cannot be read.

use crate::build::{self, Load};
use crate::scope::Scope;
use crate::types::Ty;
use systap_diagnostics::Span;
use systap_ir::format::{Conversion, ConversionKind, Extent, Format, MEMORY_REST, Piece};
use systap_ir::program::{BinaryOp, CompareOp, Expr, ExprKind, LocalId, Place, Space, Type, Width};

/// Bytes that a conversion reads at most if its precision is written out: what the record of a hit has room for.
const MOST: u32 = 1024;

/// The same if the precision is an operand, since there is a load for each 8 bytes that it may ask for.
const MOST_BY_OPERAND: u32 = 256;

/// The format and its operands, with the memory of `%m` and `%M` behind each address; see [`Conversion::operands`].
pub(super) fn read(scope: &mut Scope<'_>, mut format: Format, operands: Vec<Expr>) -> (Format, Vec<Expr>) {
    let is_memory = |kind| matches!(kind, ConversionKind::Memory | ConversionKind::MemoryHex);
    let mut given = operands.into_iter();
    let mut made = vec![];
    for piece in &mut format.pieces {
        let Piece::Conversion(conversion) = piece else { continue };
        if !is_memory(conversion.kind) {
            made.extend(given.by_ref().take(conversion.stars() + 1));
            continue;
        }
        if conversion.width == Extent::Operand {
            made.extend(given.next());
        }
        let length = match conversion.precision {
            Extent::Operand => given.next().map(|length| Length::Operand(at_most(scope, length, &mut made))),
            Extent::Fixed(length) => {
                conversion.precision = Extent::Fixed(length.min(MOST));
                Some(Length::Known(length.clamp(1, MOST)))
            }
            Extent::None => Some(Length::Known(1)),
        };
        let (Some(length), Some(address)) = (length, given.next()) else { continue };
        loads(scope, conversion, &length, address, &mut made);
    }
    (format, made)
}

/// How many bytes are asked for.
enum Length {
    Known(u32),
    /// It is in this local, from 1 to [`MOST_BY_OPERAND`].
    Operand(LocalId),
}

fn local(span: Span, id: LocalId) -> Expr {
    build::expr(span, Type::Long, ExprKind::Read(Place::Local(id)))
}

fn keep(span: Span, id: LocalId, value: Expr) -> Expr {
    let kind = ExprKind::Assign { place: Place::Local(id), op: None, value: Box::new(value) };
    build::expr(span, Type::Long, kind)
}

fn less(span: Span, left: Expr, right: Expr) -> Box<Expr> {
    Box::new(build::expr(span, Type::Long, ExprKind::Compare(CompareOp::Less, Box::new(left), Box::new(right))))
}

fn choose(span: Span, condition: Box<Expr>, then: Expr, otherwise: Expr) -> Expr {
    let kind = ExprKind::Ternary { condition, then: Box::new(then), otherwise: Box::new(otherwise) };
    build::expr(span, Type::Long, kind)
}

/// Adds the operand that is a length, within its bounds; gives the local that keeps it.
fn at_most(scope: &mut Scope<'_>, length: Expr, made: &mut Vec<Expr>) -> LocalId {
    let span = length.span;
    let (asked, kept) = (scope.hidden("@length", span, Ty::LONG), scope.hidden("@length", span, Ty::LONG));
    let least = less(span, keep(span, asked, length), build::long(span, 1));
    let most = build::long(span, i64::from(MOST_BY_OPERAND));
    let above = less(span, most.clone(), local(span, asked));
    let bounded = choose(span, above, most, local(span, asked));
    made.push(keep(span, kept, choose(span, least, build::long(span, 1), bounded)));
    kept
}

fn loads(scope: &mut Scope<'_>, conversion: &mut Conversion, length: &Length, address: Expr, made: &mut Vec<Expr>) {
    let span = address.span;
    let space = if conversion.alternate { Space::User } else { Space::Kernel };
    let base = scope.hidden("@address", span, Ty::LONG);
    made.push(keep(span, base, address));
    let load = |base: Expr, offset: u32, width| {
        build::load(span, base, Load { offset: i64::from(offset), width, signed: false, space, typed: false })
    };
    let zero = || build::long(span, 0);
    let most = match length {
        Length::Known(length) => *length,
        Length::Operand(_) => MOST_BY_OPERAND,
    };
    conversion.words = most / 8;
    for word in 0..most / 8 {
        let whole = load(local(span, base), 8 * word, Width::W8);
        made.push(match length {
            Length::Known(_) => whole,
            Length::Operand(asked) => {
                let missing = less(span, local(span, *asked), build::long(span, i64::from(8 * (word + 1))));
                choose(span, missing, zero(), whole)
            }
        });
    }
    for (size, width) in MEMORY_REST.into_iter().zip([Width::W4, Width::W2, Width::W1]) {
        // What is left lies behind the whole words and the larger of its own parts.
        let before = !(2 * size - 1);
        made.push(match length {
            Length::Known(length) if length & size == 0 => zero(),
            Length::Known(length) => load(local(span, base), length & before, width),
            Length::Operand(asked) => {
                let masked = |bits: u32| {
                    build::binary(span, BinaryOp::And, local(span, *asked), build::long(span, i64::from(bits)))
                };
                let place = build::binary(span, BinaryOp::Add, local(span, base), masked(before & 0x7fff_ffff));
                choose(span, Box::new(masked(size)), load(place, 0, width), zero())
            }
        });
    }
}
