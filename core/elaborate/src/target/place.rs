//! A chain of members and indexes, one step at a time: a value, or a place in memory with the C type of what is there.

use super::{CType, Pointer, member};
use crate::build::{self, Load};
use crate::check::Typed;
use crate::elaboration::Elaboration;
use crate::scope::Scope;
use crate::types::Ty;
use systap_diagnostics::{Diagnostic, Span, nearest};
use systap_ir::program::{BinaryOp, Expr, ExprKind, Space, Type, Width};
use systap_kernel::TypeId;
use systap_kernel::btf::Type as Btf;
use systap_syntax::ast::{Name, TargetStep};

/// Where a chain has got to.
#[derive(Clone, Debug)]
pub(super) enum Located {
    /// A value of a C type.
    Value {
        expr: Expr,
        ty: CType,
        /// It is a pointer that the verifier knows the type of.
        typed: bool,
        /// Whose memory it points to, if it is a pointer.
        space: Space,
    },
    /// Memory.
    Memory(Memory),
}

/// Memory at `base + offset`.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    pub(super) base: Expr,
    /// `base` is a pointer that the verifier knows the type of.
    pub(super) typed: bool,
    pub(super) offset: i64,
    pub(super) ty: TypeId,
    /// Of a bit field: its first bit from `base`, and how many.
    pub(super) bits: Option<(u64, u8)>,
    pub(super) space: Space,
    /// It is part of a union: the verifier may take another member for it.
    pub(super) in_union: bool,
}

/// How many pointers to pointers `->` follows.
const MOST_POINTERS: usize = 16;

impl Memory {
    /// A load that the verifier follows by type.
    fn follows(&self) -> bool {
        self.typed && !self.in_union
    }
}

impl<'a> Elaboration<'a> {
    pub(super) fn step_into(
        &mut self,
        scope: &mut Scope<'a>,
        span: Span,
        located: Located,
        step: &'a TargetStep,
    ) -> Option<Located> {
        match step {
            TargetStep::Member(name) => self.member_of(located, name),
            TargetStep::Index(index) => {
                let typed = self.value(scope, index);
                self.expect(&typed, Ty::LONG, || "an index".to_string());
                self.element_of(span, located, typed)
            }
        }
    }

    /// The memory that a value of pointer type points to; that of a struct as it is.
    fn pointed_to(&mut self, span: Span, located: Located) -> Option<Memory> {
        let btf = self.btf(span)?;
        let (expr, ty, typed, space) = match located {
            Located::Value { expr, ty, typed, space } => (expr, ty, typed, space),
            Located::Memory(memory) => {
                let (id, ty) = self.known(span, btf.get_resolved(memory.ty))?;
                if !matches!(ty, Btf::Ptr(_)) {
                    return Some(memory);
                }
                let typed = memory.follows();
                (load(span, &memory, Width::W8, false), CType::Id(id), typed, memory.space)
            }
        };
        let pointee = match ty {
            CType::PointerTo(pointee) => pointee,
            CType::Id(id) => match self.known(span, btf.get_resolved(id))? {
                (_, Btf::Ptr(pointee)) => pointee,
                _ => {
                    let message = format!("this is a number (`{}`), and points to nothing", btf.describe(id));
                    self.report(Diagnostic::error("not-a-pointer", span, message));
                    return None;
                }
            },
        };
        let tags = self.known(span, member::tags(btf, pointee))?;
        let (_, target) = self.known(span, btf.get_resolved(pointee))?;
        let composite = matches!(target, Btf::Struct { .. } | Btf::Union { .. });
        Some(Memory {
            base: expr,
            typed: typed && composite && !tags.user && !tags.percpu,
            offset: 0,
            ty: pointee,
            bits: None,
            space: if tags.user { Space::User } else { space },
            in_union: false,
        })
    }

    fn member_of(&mut self, located: Located, name: &Name) -> Option<Located> {
        let span = name.span;
        let btf = self.btf(span)?;
        let mut memory = self.pointed_to(span, located)?;
        // A pointer to a pointer is followed to its end.
        for _ in 0..MOST_POINTERS {
            if !matches!(self.known(span, btf.get_resolved(memory.ty))?.1, Btf::Ptr(_)) {
                break;
            }
            memory = self.pointed_to(span, Located::Memory(memory))?;
        }
        let (id, ty) = self.known(span, btf.get_resolved(memory.ty))?;
        if !matches!(ty, Btf::Struct { .. } | Btf::Union { .. }) {
            let what = match ty {
                Btf::Array { .. } => "an array: index it first",
                Btf::Fwd { .. } => "a type that this kernel's BTF only names",
                Btf::Void => "nothing in particular",
                _ => "a number",
            };
            let message = format!("`{}` has no members: it is {what}", btf.describe(memory.ty));
            let finding = Diagnostic::error("not-a-struct", span, message);
            let finding = match ty {
                Btf::Void => Diagnostic { code: "void-pointer", ..finding },
                _ => finding,
            };
            self.report(finding.with_help("`@cast(..., \"struct name\")` reads it as another type"));
            return None;
        }
        let Some(found) = self.known(span, member::find(btf, id, &name.text))? else {
            let message = format!("`{}` has no member `{}`", btf.describe(id), name.text);
            let finding = Diagnostic::error("unknown-field", span, message);
            if self.trials == 0 {
                let known = member::names(btf, id);
                let near = nearest(&name.text, known.iter().map(String::as_str));
                self.report(match near {
                    Some(near) => finding.with_label(format!("did you mean `{near}`?")),
                    None => finding.with_help(format!("it has {}", listed(&known))),
                });
            } else {
                self.report(finding);
            }
            return None;
        };
        let bit = (memory.offset as u64).wrapping_mul(8).wrapping_add(u64::from(found.member.bit_offset));
        Some(Located::Memory(Memory {
            offset: (bit / 8) as i64,
            ty: found.member.ty,
            bits: (found.member.bitfield_bits > 0).then_some((bit, found.member.bitfield_bits)),
            in_union: memory.in_union || found.in_union,
            ..memory
        }))
    }

    fn element_of(&mut self, span: Span, located: Located, index: Typed) -> Option<Located> {
        let btf = self.btf(span)?;
        let memory = match located {
            Located::Memory(memory) => match self.known(span, btf.get_resolved(memory.ty))?.1 {
                Btf::Array { element, len } => {
                    // Beyond its end the verifier would find another member.
                    let inside = index.constant().is_some_and(|index| (0..i64::from(len)).contains(&index));
                    Memory { ty: element, typed: memory.typed && inside, ..memory }
                }
                Btf::Ptr(_) => Memory { typed: false, ..self.pointed_to(span, Located::Memory(memory))? },
                _ => {
                    let message = format!("`{}` is neither array nor pointer", btf.describe(memory.ty));
                    self.report(Diagnostic::error("not-an-array", span, message));
                    return None;
                }
            },
            value => Memory { typed: false, ..self.pointed_to(span, value)? },
        };
        if let (_, ty @ (Btf::Void | Btf::Fwd { .. } | Btf::FuncProto { .. })) =
            self.known(span, btf.get_resolved(memory.ty))?
        {
            let what = if ty == Btf::Void { "`void` has no elements".into() } else { self.sizeless(memory.ty) };
            let finding = Diagnostic::error("void-pointer", span, what);
            self.report(finding.with_help("`@cast(..., \"type\")[index]` reads it as another type"));
            return None;
        }
        let size = self.known(span, btf.size_of(memory.ty))? as i64;
        if let Some(index) = index.constant() {
            let offset = memory.offset.wrapping_add(index.wrapping_mul(size));
            return Some(Located::Memory(Memory { offset, ..memory }));
        }
        let distance = build::binary(span, BinaryOp::Multiply, index.expr, build::long(span, size));
        let start = build::plus(span, memory.base, memory.offset);
        let base = build::binary(span, BinaryOp::Add, start, distance);
        Some(Located::Memory(Memory { base, typed: false, offset: 0, ..memory }))
    }

    /// That a type has no size, for a message.
    fn sizeless(&self, ty: TypeId) -> String {
        let shown = self.kernel.btf().map_or(String::new(), |btf| btf.describe(ty));
        format!("the size of `{shown}` is not known, so there is no telling its elements apart")
    }

    /// A pointer to that type, which points into that memory unless its type says otherwise. Qualifiers and typedefs
    /// are looked through, so that equal ones are equal.
    pub(super) fn pointer(&mut self, span: Span, to: TypeId, space: Space) -> Option<Pointer> {
        let btf = self.btf(span)?;
        let tags = self.known(span, member::tags(btf, to))?;
        let (to, _) = self.known(span, btf.get_resolved(to))?;
        Some(Pointer { to, space: if tags.user { Space::User } else { space } })
    }

    /// The value at the end of a chain: a number, a pointer, or the address of an array.
    pub(super) fn read(&mut self, span: Span, located: Located) -> Option<Typed> {
        let btf = self.btf(span)?;
        let memory = match located {
            Located::Value { expr, ty, space, .. } => {
                let to = match ty {
                    CType::PointerTo(to) => Some(to),
                    CType::Id(id) => match self.known(span, btf.get_resolved(id))?.1 {
                        Btf::Ptr(to) => Some(to),
                        _ => None,
                    },
                };
                let pointer = to.and_then(|to| self.pointer(span, to, space));
                return Some(Typed::new(expr).pointing(pointer));
            }
            Located::Memory(memory) => memory,
        };
        let (id, ty) = self.known(span, btf.get_resolved(memory.ty))?;
        let (size, signed, pointer) = match ty {
            Btf::Int { size, signed, .. } => (size, signed, None),
            Btf::Enum { size, signed, .. } | Btf::Enum64 { size, signed, .. } => (size, signed, None),
            Btf::Float { size, .. } => return self.float(span, &memory, size),
            Btf::Ptr(to) => (8, false, self.pointer(span, to, memory.space)),
            Btf::Array { element, .. } => {
                let address = build::plus(span, memory.base.clone(), memory.offset);
                return Some(Typed::new(address).pointing(self.pointer(span, element, memory.space)));
            }
            Btf::Struct { .. } | Btf::Union { .. } => {
                let message = format!("`{}` is a struct, and no number: choose a member", btf.describe(memory.ty));
                let known = member::names(btf, id);
                self.report(
                    Diagnostic::error("not-a-number", span, message).with_note(format!("it has {}", listed(&known))),
                );
                return None;
            }
            _ => {
                let message = format!("`{}` is no number", btf.describe(memory.ty));
                self.report(Diagnostic::error("not-a-number", span, message));
                return None;
            }
        };
        let enumeration = matches!(ty, Btf::Enum { .. } | Btf::Enum64 { .. }).then_some(id);
        if let Some((bit, bits)) = memory.bits {
            let value = Typed::new(bit_field(span, memory, bit, bits, signed));
            return Some(Typed { enumeration, ..value });
        }
        let Some(width) = Width::of(size) else {
            let message = format!("`{}` has {size} bytes, and a long has 8", btf.describe(memory.ty));
            self.report(Diagnostic::error("not-a-number", span, message));
            return None;
        };
        let value = Typed::new(load(span, &memory, width, signed)).pointing(pointer);
        Some(Typed { enumeration, ..value })
    }

    /// The 64 bits of a floating-point number, in the form of a `double` whichever it is in memory.
    fn float(&mut self, span: Span, memory: &Memory, size: u32) -> Option<Typed> {
        let bits = |width| load(span, memory, width, false);
        match size {
            8 => Some(Typed::new(bits(Width::W8))),
            4 => Some(Typed::new(widened(span, bits(Width::W4)))),
            _ => {
                let message = format!("a floating-point number of {size} bytes does not fit a long");
                self.report(Diagnostic::error("not-a-number", span, message));
                None
            }
        }
    }
}

/// The bits of a `float` as those of a `double` (IEEE 754). What is below the least normal number becomes 0.
fn widened(span: Span, bits: Expr) -> Expr {
    let long = |value| build::long(span, value);
    let op = |op, left: Expr, right: i64| build::binary(span, op, left, long(right));
    let or = |left, right| build::binary(span, BinaryOp::Or, left, right);
    let sign = op(BinaryOp::ShiftLeft, op(BinaryOp::And, bits.clone(), 0x8000_0000), 32);
    let fraction = op(BinaryOp::ShiftLeft, op(BinaryOp::And, bits.clone(), 0x7f_ffff), 29);
    let exponent = op(BinaryOp::And, op(BinaryOp::ShiftRight, bits, 23), 0xff);
    // Exponents count from 127 in one and from 1023 in the other; all ones mean no number in both.
    let moved = choice(
        span,
        op(BinaryOp::Subtract, exponent.clone(), 255),
        op(BinaryOp::Add, exponent.clone(), 896),
        long(0x7ff),
    );
    let magnitude = or(op(BinaryOp::ShiftLeft, moved, 52), fraction);
    or(sign, choice(span, exponent, magnitude, long(0)))
}

/// `condition ? then : otherwise`
fn choice(span: Span, condition: Expr, then: Expr, otherwise: Expr) -> Expr {
    let kind =
        ExprKind::Ternary { condition: Box::new(condition), then: Box::new(then), otherwise: Box::new(otherwise) };
    build::expr(span, Type::Long, kind)
}

fn load(span: Span, memory: &Memory, width: Width, signed: bool) -> Expr {
    let load = Load { offset: memory.offset, width, signed, space: memory.space, typed: memory.follows() };
    build::load(span, memory.base.clone(), load)
}

/// The bits of a bit field, from the smallest aligned word that has them all. Bit 0 is the lowest: little-endian.
fn bit_field(span: Span, memory: Memory, bit: u64, bits: u8, signed: bool) -> Expr {
    let first = bit / 8;
    let fits = |width: &u64| {
        let start = first / width * width;
        bit + u64::from(bits) <= (start + width) * 8
    };
    let width = [1u64, 2, 4, 8].into_iter().find(fits).unwrap_or(8);
    let start = first / width * width;
    // A load that begins in another member is none of that type's.
    let typed = memory.follows() && start == first;
    let load = Load {
        offset: start as i64,
        width: Width::of(width as u32).unwrap_or(Width::W8),
        signed: false,
        space: memory.space,
        typed,
    };
    let word = build::load(span, memory.base, load);
    let shift = (bit - start * 8) as i64;
    let bits = i64::from(bits.min(64));
    let shifted = |word, op, by| if by == 0 { word } else { build::binary(span, op, word, build::long(span, by)) };
    if signed {
        let top = shifted(word, BinaryOp::ShiftLeft, (64 - bits - shift).max(0));
        return shifted(top, BinaryOp::ShiftRight, 64 - bits);
    }
    let low = shifted(word, BinaryOp::ShiftRightLogical, shift);
    let mask = if bits == 64 { -1 } else { (1i64 << bits) - 1 };
    build::binary(span, BinaryOp::And, low, build::long(span, mask))
}

/// Names for a message: not more than people read.
fn listed(names: &[String]) -> String {
    const MOST: usize = 20;
    let shown: Vec<String> = names.iter().take(MOST).map(|name| format!("`{name}`")).collect();
    match names.len().checked_sub(MOST).filter(|more| *more > 0) {
        Some(more) => format!("{} and {more} more", shown.join(", ")),
        None => shown.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use systap_diagnostics::FileId;

    fn shape(bit: u64, bits: u8, signed: bool) -> String {
        let span = Span::new(FileId(0), 0, 0);
        let memory = Memory {
            base: build::long(span, 0),
            typed: true,
            offset: 0,
            ty: TypeId(1),
            bits: None,
            space: Space::Kernel,
            in_union: false,
        };
        fn show(e: &Expr) -> String {
            match &e.kind {
                ExprKind::Binary(op, left, right) => format!("({} {op:?} {})", show(left), show(right)),
                ExprKind::Load { offset, width, typed, .. } => {
                    format!("{width:?}@{offset}{}", if *typed { "t" } else { "" })
                }
                ExprKind::Constant(constant) => format!("{constant:?}").replace("Long", ""),
                other => format!("{other:?}"),
            }
        }
        show(&bit_field(span, memory, bit, bits, signed))
    }

    #[test]
    fn bit_fields_come_from_the_smallest_word_that_holds_them() {
        assert_eq!(shape(32, 3, false), "(W1@4t And (7))");
        assert_eq!(shape(37, 3, false), "((W1@4t ShiftRightLogical (5)) And (7))");
        assert_eq!(shape(37, 4, false), "((W2@4t ShiftRightLogical (5)) And (15))");
        assert_eq!(shape(46, 4, false), "((W4@4 ShiftRightLogical (14)) And (15))");
        assert_eq!(shape(3, 2, true), "((W1@0t ShiftLeft (59)) ShiftRight (62))");
        assert_eq!(shape(0, 64, false), "(W8@0t And (-1))");
    }
}
