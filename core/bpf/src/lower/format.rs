//! `sprintf` and its family: operands formatted into a text, byte for byte as the user side does it.
//!
//! Must never be asked for what placing denies (see `systap_ir::place`): memory dumps, escapes, binary numbers.

use systap_ir::format::{Conversion, ConversionKind, Extent, Format, Piece};
use systap_ir::graph::Value;

use super::compose::Composition;
use super::{Held, Lower, TextSource};
use crate::code::{Label, Mem, Reg, Src};
use crate::emitter::{Arg, after};
use crate::error::GenerateError;
use crate::insn::{AluOp, Cond, Size};
use crate::texts::DIGITS;

/// Widths and precisions beyond this count as this: as on the user side.
const GREATEST_EXTENT: i64 = 1 << 13;

/// The notation of a number's digits.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Digits {
    Decimal,
    Octal,
    Hex { upper: bool },
}

/// The space that a conversion has.
#[derive(Clone, Copy, Default)]
struct Field {
    width: Option<Src>,
    /// The width as given was negative, where that is known only then: a register that is negative then.
    left: Option<Reg>,
    precision: Option<Src>,
}

/// A number's prefix: its bytes, low one first, and how many.
#[derive(Clone, Copy)]
struct Prefix {
    bytes: Reg,
    length: Reg,
}

impl Lower<'_, '_> {
    pub(super) fn format(
        &mut self,
        result: Option<Value>,
        format: &Format,
        operands: &[Value],
    ) -> Result<(), GenerateError> {
        let Some(result) = result else { return Ok(()) };
        let text = self.compose(result)?;
        let done = self.em.label();
        let mut operands = operands.iter().copied();
        for piece in &format.pieces {
            match piece {
                Piece::Text(bytes) => match bytes.iter().position(|byte| *byte == 0) {
                    None => self.add_literal(text, bytes),
                    Some(end) => {
                        self.add_literal(text, &bytes[..end]);
                        break;
                    }
                },
                Piece::Conversion(conversion) => {
                    let (width, left) = self.width(conversion.width, &mut operands)?;
                    let precision = match conversion.precision {
                        Extent::Operand => Some(self.extent(&mut operands)?),
                        other => fixed(other),
                    };
                    let field = Field { width, left, precision };
                    let operand = operands.next().ok_or_else(|| self.malformed("a conversion without an operand"))?;
                    self.convert(text, conversion, field, operand, done)?;
                }
            }
        }
        self.em.place(done);
        self.composed(text);
        self.hold(result, Held::Text);
        Ok(())
    }

    /// The next operand as a width or precision.
    fn extent(&mut self, operands: &mut impl Iterator<Item = Value>) -> Result<Src, GenerateError> {
        let operand = operands.next().ok_or_else(|| self.malformed("a `*` without an operand"))?;
        if let Some(known) = self.constant(operand) {
            return Ok(Src::Imm(known.clamp(-GREATEST_EXTENT, GREATEST_EXTENT) as i32));
        }
        let extent = self.copy(operand)?;
        self.at_most(extent, GREATEST_EXTENT);
        self.at_least(extent, -GREATEST_EXTENT);
        Ok(Src::Reg(extent))
    }

    /// A width, never negative, and what tells that the operand asked for the left.
    fn width(
        &mut self,
        extent: Extent,
        operands: &mut impl Iterator<Item = Value>,
    ) -> Result<(Option<Src>, Option<Reg>), GenerateError> {
        if extent != Extent::Operand {
            return Ok((fixed(extent), None));
        }
        let given = self.extent(operands)?;
        let given = self.em.fresh(given);
        let width = self.em.fresh(Arg::Reg(given));
        self.magnitude(width);
        Ok((Some(Src::Reg(width)), Some(given)))
    }

    fn convert(
        &mut self,
        text: Composition,
        conversion: &Conversion,
        field: Field,
        operand: Value,
        done: Label,
    ) -> Result<(), GenerateError> {
        let digits = match conversion.kind {
            ConversionKind::Signed | ConversionKind::Unsigned => Digits::Decimal,
            ConversionKind::Octal => Digits::Octal,
            ConversionKind::Hex | ConversionKind::Pointer => Digits::Hex { upper: false },
            ConversionKind::HexUpper => Digits::Hex { upper: true },
            ConversionKind::Character => return self.character(text, conversion, field, operand, done),
            ConversionKind::Text => return self.text_field(text, conversion, field, operand),
            ConversionKind::Binary | ConversionKind::Memory | ConversionKind::MemoryHex => {
                return Err(self.unsupported("this conversion of sprintf()"));
            }
        };
        self.number(text, conversion, field, operand, digits)
    }

    // --- numbers

    fn number(
        &mut self,
        text: Composition,
        conversion: &Conversion,
        field: Field,
        operand: Value,
        notation: Digits,
    ) -> Result<(), GenerateError> {
        let given = self.register(operand)?;
        let value = self.unknown(Src::Reg(given));
        let prefix = self.prefix(conversion, value);
        // Zero, before the digits consume the value.
        let precise = field.precision.filter(|precision| !matches!(precision, Src::Imm(..=-1)));
        let octal = conversion.alternate && notation == Digits::Octal;
        let original = (precise.is_some() || octal).then(|| self.em.fresh(Arg::Reg(value)));
        let start = self.digits(value, notation);
        if let (Some(precision), Some(original)) = (precise, original) {
            // As in C: no digits at all, if none are asked for and it is 0.
            let some = self.em.label();
            let precision = self.em.fresh(precision);
            self.em.branch(Cond::Ne, original, Src::Imm(0), some);
            self.em.branch(Cond::Ne, precision, Src::Imm(0), some);
            self.em.mov(start, Arg::Imm(i64::from(DIGITS)));
            self.em.place(some);
        }
        let count = self.em.fresh(Arg::Imm(i64::from(DIGITS)));
        self.em.alu(AluOp::Sub, count, Src::Reg(start));
        if field.width.is_none() && precise.is_none() && !octal {
            if let Some(prefix) = prefix {
                self.add_pair(text, prefix.bytes, Src::Reg(prefix.length));
            }
            self.add_digits(text, start, count);
            return Ok(());
        }
        let zeros = self.em.fresh(precise.unwrap_or(Src::Imm(0)));
        self.em.alu(AluOp::Sub, zeros, Src::Reg(count));
        self.at_least(zeros, 0);
        if let Some(original) = original.filter(|_| octal) {
            // The prefix of octals is one more zero, unless the digits are a zero already.
            let has = self.em.label();
            let needs = self.em.label();
            self.em.branch(Cond::Ne, original, Src::Imm(0), needs);
            self.em.branch(Cond::Ne, count, Src::Imm(0), has);
            self.em.place(needs);
            self.at_least(zeros, 1);
            self.em.place(has);
        }
        let spaces = self.em.fresh(field.width.unwrap_or(Src::Imm(0)));
        for taken in [Some(count), Some(zeros), prefix.map(|prefix| prefix.length)].into_iter().flatten() {
            self.em.alu(AluOp::Sub, spaces, Src::Reg(taken));
        }
        self.at_least(spaces, 0);
        if conversion.zero && !conversion.left {
            // The space is filled with zeros, unless a precision was given or the left was asked for.
            let keep = self.em.label();
            match precise {
                Some(Src::Imm(_)) => self.em.jump(keep),
                Some(Src::Reg(precision)) => self.em.branch(Cond::SGe, precision, Src::Imm(0), keep),
                None => {}
            }
            if let Some(left) = field.left {
                self.em.branch(Cond::SLt, left, Src::Imm(0), keep);
            }
            if !matches!(precise, Some(Src::Imm(_))) {
                self.em.alu(AluOp::Add, zeros, Src::Reg(spaces));
                self.em.mov(spaces, Arg::Imm(0));
            }
            self.em.place(keep);
        }
        let width = field.width.is_some();
        if width {
            self.spaces_before(text, conversion, field, spaces);
        }
        if let Some(prefix) = prefix {
            self.add_pair(text, prefix.bytes, Src::Reg(prefix.length));
        }
        self.add_repeated(text, b'0', Src::Reg(zeros));
        self.add_digits(text, start, count);
        if width {
            self.spaces_after(text, conversion, field, spaces);
        }
        Ok(())
    }

    /// What comes before the digits. A signed value becomes its magnitude.
    fn prefix(&mut self, conversion: &Conversion, value: Reg) -> Option<Prefix> {
        let pair = |bytes: &[u8; 2]| i64::from(u16::from_le_bytes(*bytes));
        match conversion.kind {
            ConversionKind::Signed => {
                let sign = match (conversion.plus, conversion.space) {
                    (true, _) => Some(b'+'),
                    (_, true) => Some(b' '),
                    _ => None,
                };
                let bytes = self.em.fresh(Arg::Imm(i64::from(sign.unwrap_or(0))));
                let length = self.em.fresh(Arg::Imm(i64::from(sign.is_some())));
                let positive = self.em.label();
                self.em.branch(Cond::SGe, value, Src::Imm(0), positive);
                self.em.mov(bytes, Arg::Imm(i64::from(b'-')));
                self.em.mov(length, Arg::Imm(1));
                self.em.push(crate::code::Code::Negate { dst: value });
                self.em.place(positive);
                Some(Prefix { bytes, length })
            }
            ConversionKind::Pointer => {
                let bytes = self.em.fresh(Arg::Imm(pair(b"0x")));
                Some(Prefix { bytes, length: self.em.fresh(Arg::Imm(2)) })
            }
            ConversionKind::Hex | ConversionKind::HexUpper if conversion.alternate => {
                let upper = conversion.kind == ConversionKind::HexUpper;
                let bytes = self.em.fresh(Arg::Imm(pair(if upper { b"0X" } else { b"0x" })));
                let length = self.em.fresh(Arg::Imm(0));
                let none = self.em.label();
                self.em.branch(Cond::Eq, value, Src::Imm(0), none);
                self.em.mov(length, Arg::Imm(2));
                self.em.place(none);
                Some(Prefix { bytes, length })
            }
            _ => None,
        }
    }

    /// Writes the digits of a value, which is lost, to the end of the scratch space for them, NULs behind; gives the index
    /// of the first.
    fn digits(&mut self, value: Reg, notation: Digits) -> Reg {
        let space = self.digit_space();
        for word in 0..3 {
            self.em.store(Size::B8, after(space, DIGITS + 8 * word), Src::Imm(0));
        }
        let at = self.unknown(Src::Imm(DIGITS as i32));
        let (head, done) = (self.em.label(), self.em.label());
        self.em.place(head);
        let digit = match notation {
            Digits::Decimal => {
                let rest = self.em.fresh(Arg::Reg(value));
                self.em.alu(AluOp::Div, rest, Src::Imm(10));
                let tens = self.em.fresh(Arg::Reg(rest));
                self.em.alu(AluOp::Mul, tens, Src::Imm(10));
                let digit = self.em.fresh(Arg::Reg(value));
                self.em.alu(AluOp::Sub, digit, Src::Reg(tens));
                self.em.mov(value, Arg::Reg(rest));
                digit
            }
            Digits::Octal => self.low_digit(value, 3),
            Digits::Hex { upper } => {
                let digit = self.low_digit(value, 4);
                // From 10 on, the letters: 9 less the digit is negative then.
                let letter = self.em.fresh(Arg::Imm(9));
                self.em.alu(AluOp::Sub, letter, Src::Reg(digit));
                self.em.alu(AluOp::Rsh, letter, Src::Imm(63));
                let gap = i32::from(if upper { b'A' } else { b'a' }) - i32::from(b'0') - 10;
                self.em.alu(AluOp::Mul, letter, Src::Imm(gap));
                self.em.alu(AluOp::Add, digit, Src::Reg(letter));
                digit
            }
        };
        self.em.alu(AluOp::Add, digit, Src::Imm(i32::from(b'0')));
        self.em.alu(AluOp::Sub, at, Src::Imm(1));
        let place = self.digit_place(at);
        self.em.store(Size::B1, place, Src::Reg(digit));
        self.em.branch(Cond::Eq, value, Src::Imm(0), done);
        self.em.push(crate::code::Code::MayGoto { to: done });
        self.em.jump(head);
        self.em.place(done);
        at
    }

    /// The low bits of a value, which loses them.
    fn low_digit(&mut self, value: Reg, bits: i32) -> Reg {
        let digit = self.em.fresh(Arg::Reg(value));
        self.em.alu(AluOp::And, digit, Src::Imm((1 << bits) - 1));
        self.em.alu(AluOp::Rsh, value, Src::Imm(bits));
        digit
    }

    fn digit_place(&mut self, at: Reg) -> Mem {
        let space = self.digit_space();
        self.indexed_place(space, at, DIGITS.next_power_of_two())
    }

    fn add_digits(&mut self, text: Composition, start: Reg, count: Reg) {
        let from = self.digit_place(start);
        self.add_words(text, from, DIGITS / 8, count);
    }

    // --- characters and texts

    fn character(
        &mut self,
        text: Composition,
        conversion: &Conversion,
        field: Field,
        operand: Value,
        done: Label,
    ) -> Result<(), GenerateError> {
        let byte = self.copy(operand)?;
        self.em.alu(AluOp::And, byte, Src::Imm(255));
        let spaces = field.width.map(|width| self.rest_of(width, Src::Imm(1)));
        if let Some(spaces) = spaces {
            self.spaces_before(text, conversion, field, spaces);
        }
        // A NUL ends the text.
        self.em.branch(Cond::Eq, byte, Src::Imm(0), done);
        self.add_byte(text, Src::Reg(byte));
        if let Some(spaces) = spaces {
            self.spaces_after(text, conversion, field, spaces);
        }
        Ok(())
    }

    fn text_field(
        &mut self,
        text: Composition,
        conversion: &Conversion,
        field: Field,
        operand: Value,
    ) -> Result<(), GenerateError> {
        let source = self.text(operand)?;
        let most = match field.precision {
            Some(Src::Reg(precision)) => {
                // A negative precision is none.
                let most = self.em.fresh(Arg::Reg(precision));
                let given = self.em.label();
                self.em.branch(Cond::SGe, most, Src::Imm(0), given);
                self.em.mov(most, Arg::Imm(GREATEST_EXTENT));
                self.em.place(given);
                Some(Src::Reg(most))
            }
            Some(Src::Imm(..=-1)) | None => None,
            known => known,
        };
        let Some(width) = field.width else {
            self.add_text(text, &source, most);
            return Ok(());
        };
        let length = self.length_of(&source);
        if let Some(most) = most {
            let cut = self.em.label();
            self.em.branch(Cond::SLe, length, most, cut);
            self.em.mov(length, most);
            self.em.place(cut);
        }
        let spaces = self.rest_of(width, Src::Reg(length));
        self.spaces_before(text, conversion, field, spaces);
        self.add_text(text, &source, most);
        self.spaces_after(text, conversion, field, spaces);
        Ok(())
    }

    /// What a width leaves beside what is written.
    fn rest_of(&mut self, width: Src, written: Src) -> Reg {
        let rest = self.em.fresh(width);
        self.em.alu(AluOp::Sub, rest, written);
        rest
    }

    fn spaces_before(&mut self, text: Composition, conversion: &Conversion, field: Field, spaces: Reg) {
        if conversion.left {
            return;
        }
        let none = self.em.label();
        if let Some(left) = field.left {
            self.em.branch(Cond::SLt, left, Src::Imm(0), none);
        }
        self.add_repeated(text, b' ', Src::Reg(spaces));
        self.em.place(none);
    }

    fn spaces_after(&mut self, text: Composition, conversion: &Conversion, field: Field, spaces: Reg) {
        let none = self.em.label();
        match field.left {
            _ if conversion.left => {}
            Some(left) => self.em.branch(Cond::SGe, left, Src::Imm(0), none),
            None => return,
        }
        self.add_repeated(text, b' ', Src::Reg(spaces));
        self.em.place(none);
    }

    /// How long a text is, in a register of its own.
    pub(super) fn length_of(&mut self, source: &TextSource) -> Reg {
        match source {
            TextSource::Literal(bytes) => self.em.fresh(Arg::Imm(bytes.len() as i64)),
            TextSource::Memory(mem, size) => self.length_in(*mem, *size),
        }
    }
}

/// A width or precision that is known.
fn fixed(extent: Extent) -> Option<Src> {
    match extent {
        Extent::Fixed(extent) => Some(Src::Imm(i64::from(extent).min(GREATEST_EXTENT) as i32)),
        Extent::None | Extent::Operand => None,
    }
}
