//! `$x$` and `$x$$`: a value in the words of C, as a format and its operands.
//!
//! Must never write without end: a record has room for so many operands, and what is left out shows as `...`.

use super::place::{Located, Memory};
use super::{CType, member};
use crate::build;
use crate::elaboration::Elaboration;
use systap_diagnostics::Span;
use systap_ir::format::{Conversion, ConversionKind, Format, Piece};
use systap_ir::program::{Expr, ExprKind, ReadText, Space, Type};
use systap_kernel::TypeId;
use systap_kernel::btf::Type as Btf;

/// Operands and pieces in all, elements of an array, depth of structs, bytes of a string.
const MOST_OPERANDS: usize = 40;
const MOST_PIECES: usize = 400;
const MOST_ELEMENTS: u32 = 5;
const MOST_DEPTH: u32 = 8;
const MOST_BYTES: i64 = 64;

/// What has been written so far.
#[derive(Default)]
struct Shown {
    pieces: Vec<Piece>,
    operands: Vec<Expr>,
}

impl Shown {
    fn text(&mut self, text: &str) {
        self.pieces.push(Piece::Text(text.as_bytes().to_vec()));
    }

    fn operand(&mut self, kind: ConversionKind, operand: Expr) {
        self.pieces.push(Piece::Conversion(Conversion::plain(kind)));
        self.operands.push(operand);
    }

    fn is_full(&self) -> bool {
        self.operands.len() >= MOST_OPERANDS || self.pieces.len() >= MOST_PIECES
    }
}

impl Elaboration<'_> {
    /// The value as a string. `deep`: structs within structs too.
    pub(super) fn pretty(&mut self, span: Span, located: Located, deep: bool) -> Option<Expr> {
        let mut shown = Shown::default();
        // A pointer is followed once: `$task$` shows the task.
        let located = match self.followed(span, &located)? {
            Some(memory) => Located::Memory(memory),
            None => located,
        };
        self.show(span, located, deep, 0, &mut shown)?;
        let Shown { pieces, operands } = shown;
        Some(build::expr(span, Type::Text, ExprKind::Format(Format { pieces }, operands)))
    }

    /// The struct that a pointer points to.
    fn followed(&mut self, span: Span, located: &Located) -> Option<Option<Memory>> {
        let btf = self.btf(span)?;
        let Some((pointee, space)) = self.pointee(span, located)? else { return Some(None) };
        let (_, ty) = self.known(span, btf.get_resolved(pointee))?;
        if !matches!(ty, Btf::Struct { .. } | Btf::Union { .. }) {
            return Some(None);
        }
        let typed = match located {
            Located::Value { typed, .. } => *typed,
            Located::Memory(memory) => memory.typed && !memory.in_union,
        };
        let tags = self.known(span, member::tags(btf, pointee))?;
        let base = self.read(span, located.clone())?.expr;
        let typed = typed && !tags.user && !tags.percpu;
        Some(Some(Memory { base, typed, offset: 0, ty: pointee, bits: None, space, in_union: false }))
    }

    /// What it points to and whose memory that is, if it is a pointer.
    fn pointee(&mut self, span: Span, located: &Located) -> Option<Option<(TypeId, Space)>> {
        let btf = self.btf(span)?;
        let (id, space) = match located {
            Located::Value { ty: CType::PointerTo(pointee), space, .. } => return Some(Some((*pointee, *space))),
            Located::Value { ty: CType::Id(id), space, .. } => (*id, *space),
            Located::Memory(memory) => (memory.ty, memory.space),
        };
        match self.known(span, btf.get_resolved(id))?.1 {
            Btf::Ptr(pointee) => {
                let user = self.known(span, member::tags(btf, pointee))?.user;
                Some(Some((pointee, if user { Space::User } else { space })))
            }
            _ => Some(None),
        }
    }

    fn show(&mut self, span: Span, located: Located, deep: bool, depth: u32, shown: &mut Shown) -> Option<()> {
        let btf = self.btf(span)?;
        if shown.is_full() {
            shown.text("...");
            return Some(());
        }
        if let Some((pointee, space)) = self.pointee(span, &located)? {
            let is_text = matches!(self.known(span, btf.get_resolved(pointee))?.1, Btf::Int { is_char: true, .. });
            let address = self.read(span, located)?.expr;
            if is_text {
                shown.operand(ConversionKind::Text, text_at(span, address, space, MOST_BYTES));
            } else {
                shown.text("0x");
                shown.operand(ConversionKind::Hex, address);
            }
            return Some(());
        }
        let Located::Memory(memory) = located else {
            let value = self.read(span, located)?.expr;
            shown.operand(ConversionKind::Signed, value);
            return Some(());
        };
        match self.known(span, btf.get_resolved(memory.ty))?.1 {
            Btf::Struct { .. } | Btf::Union { .. } => self.show_struct(span, memory, deep, depth, shown),
            Btf::Array { element, len } => self.show_array(span, memory, (element, len), (deep, depth), shown),
            Btf::Int { size: 1 | 2 | 4 | 8, .. } | Btf::Enum { .. } | Btf::Enum64 { .. } => {
                let value = self.read(span, Located::Memory(memory))?.expr;
                shown.operand(ConversionKind::Signed, value);
                Some(())
            }
            _ => {
                shown.text("?");
                Some(())
            }
        }
    }

    fn show_struct(&mut self, span: Span, memory: Memory, deep: bool, depth: u32, shown: &mut Shown) -> Option<()> {
        let btf = self.btf(span)?;
        if depth > MOST_DEPTH || (depth > 0 && !deep) {
            shown.text("{...}");
            return Some(());
        }
        let (id, ty) = self.known(span, btf.get_resolved(memory.ty))?;
        let in_union = memory.in_union || matches!(ty, Btf::Union { .. });
        shown.text("{");
        let members = self.known(span, btf.members(id))?;
        for (index, member) in members.iter().enumerate() {
            if index > 0 {
                shown.text(", ");
            }
            if shown.is_full() {
                shown.text("...");
                break;
            }
            // The members of one without a name read as if they were the outer struct's.
            let anonymous = member.name.is_empty();
            if !anonymous {
                shown.text(&format!(".{}=", member.name));
            }
            let bit = (memory.offset as u64).wrapping_mul(8).wrapping_add(u64::from(member.bit_offset));
            let part = Memory {
                offset: (bit / 8) as i64,
                ty: member.ty,
                bits: (member.bitfield_bits > 0).then_some((bit, member.bitfield_bits)),
                in_union,
                ..memory.clone()
            };
            self.depth += 1;
            let done = if self.depth > crate::check::MOST_DEPTH {
                shown.text("...");
                Some(())
            } else {
                self.show(span, Located::Memory(part), deep, depth + u32::from(!anonymous), shown)
            };
            self.depth -= 1;
            done?;
        }
        shown.text("}");
        Some(())
    }

    fn show_array(
        &mut self,
        span: Span,
        memory: Memory,
        (element, len): (TypeId, u32),
        (deep, depth): (bool, u32),
        shown: &mut Shown,
    ) -> Option<()> {
        let btf = self.btf(span)?;
        if matches!(self.known(span, btf.get_resolved(element))?.1, Btf::Int { is_char: true, .. }) {
            let address = build::plus(span, memory.base, memory.offset);
            shown.operand(ConversionKind::Text, text_at(span, address, memory.space, i64::from(len).min(MOST_BYTES)));
            return Some(());
        }
        if depth > MOST_DEPTH || (depth > 0 && !deep) {
            shown.text("[...]");
            return Some(());
        }
        let size = self.known(span, btf.size_of(element))? as i64;
        shown.text("[");
        for index in 0..len.min(MOST_ELEMENTS) {
            if index > 0 {
                shown.text(", ");
            }
            let offset = memory.offset.wrapping_add(i64::from(index).wrapping_mul(size));
            let part = Memory { offset, ty: element, ..memory.clone() };
            self.show(span, Located::Memory(part), deep, depth + 1, shown)?;
        }
        shown.text(if len > MOST_ELEMENTS { ", ...]" } else { "]" });
        Some(())
    }
}

/// The text at an address, quoted.
fn text_at(span: Span, address: Expr, space: Space, most: i64) -> Expr {
    let read = ReadText {
        address,
        limit: Some(build::long(span, most)),
        space,
        fallback: Some(build::text(span, "<unknown>")),
    };
    build::quoted(span, build::expr(span, Type::Text, ExprKind::ReadText(Box::new(read))))
}
