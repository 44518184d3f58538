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

/// The space that a conversion has; neither is below 0.
#[derive(Clone, Copy, Default)]
struct Field {
    width: Option<Src>,
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
                // Only what is printed, on the user side, has strings within it.
                Piece::Open | Piece::Close(_) => {}
                Piece::Conversion(conversion) => {
                    let width = self.extent(conversion.width, &mut operands)?;
                    let precision = self.extent(conversion.precision, &mut operands)?;
                    let field = Field { width, precision };
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

    /// A width or precision: at least 0, wherever it comes from.
    fn extent(
        &mut self,
        extent: Extent,
        operands: &mut impl Iterator<Item = Value>,
    ) -> Result<Option<Src>, GenerateError> {
        let known = match extent {
            Extent::None => return Ok(None),
            Extent::Fixed(extent) => Some(i64::from(extent)),
            Extent::Operand => None,
        };
        let operand = match known {
            Some(_) => None,
            None => Some(operands.next().ok_or_else(|| self.malformed("a `*` without an operand"))?),
        };
        if let Some(known) = known.or(operand.and_then(|operand| self.constant(operand))) {
            return Ok(Some(Src::Imm(known.clamp(0, GREATEST_EXTENT) as i32)));
        }
        let Some(operand) = operand else { return Ok(None) };
        let extent = self.copy(operand)?;
        self.at_most(extent, GREATEST_EXTENT);
        self.at_least(extent, 0);
        Ok(Some(Src::Reg(extent)))
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
        let start = self.digits(value, notation);
        let count = self.em.fresh(Arg::Imm(i64::from(DIGITS)));
        self.em.alu(AluOp::Sub, count, Src::Reg(start));
        let zeros = field.precision.map(|precision| {
            let zeros = self.rest_of(precision, Src::Reg(count));
            self.at_least(zeros, 0);
            zeros
        });
        let spaces = field.width.map(|width| {
            let spaces = self.rest_of(width, Src::Reg(count));
            for taken in [zeros, prefix.map(|prefix| prefix.length)].into_iter().flatten() {
                self.em.alu(AluOp::Sub, spaces, Src::Reg(taken));
            }
            spaces
        });
        // Where zeros fill the space, they stand between prefix and digits.
        let filled = conversion.zero && !conversion.left;
        if let Some(spaces) = spaces.filter(|_| !filled) {
            self.spaces_before(text, conversion, spaces);
        }
        if let Some(prefix) = prefix {
            self.add_pair(text, prefix.bytes, Src::Reg(prefix.length));
        }
        for zeros in [spaces.filter(|_| filled), zeros].into_iter().flatten() {
            self.add_repeated(text, b'0', Src::Reg(zeros));
        }
        let from = self.digit_place(start);
        self.add_words(text, from, DIGITS / 8, count);
        if let Some(spaces) = spaces {
            self.spaces_after(text, conversion, spaces);
        }
        Ok(())
    }

    /// What comes before the digits. A signed value becomes its magnitude.
    fn prefix(&mut self, conversion: &Conversion, value: Reg) -> Option<Prefix> {
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
            ConversionKind::Pointer => Some(self.fixed_prefix(b"0x")),
            ConversionKind::Hex if conversion.alternate => Some(self.fixed_prefix(b"0x")),
            ConversionKind::HexUpper if conversion.alternate => Some(self.fixed_prefix(b"0X")),
            ConversionKind::Octal if conversion.alternate => Some(self.fixed_prefix(b"0")),
            _ => None,
        }
    }

    fn fixed_prefix(&mut self, bytes: &[u8]) -> Prefix {
        let word = bytes.iter().rev().fold(0, |word, byte| word << 8 | i64::from(*byte));
        Prefix { bytes: self.em.fresh(Arg::Imm(word)), length: self.em.fresh(Arg::Imm(bytes.len() as i64)) }
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
            self.spaces_before(text, conversion, spaces);
        }
        // A NUL ends the text.
        self.em.branch(Cond::Eq, byte, Src::Imm(0), done);
        self.add_byte(text, Src::Reg(byte));
        if let Some(spaces) = spaces {
            self.spaces_after(text, conversion, spaces);
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
        let most = field.precision;
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
        self.spaces_before(text, conversion, spaces);
        self.add_text(text, &source, most);
        self.spaces_after(text, conversion, spaces);
        Ok(())
    }

    /// What a width leaves beside what is written.
    fn rest_of(&mut self, width: Src, written: Src) -> Reg {
        let rest = self.em.fresh(width);
        self.em.alu(AluOp::Sub, rest, written);
        rest
    }

    fn spaces_before(&mut self, text: Composition, conversion: &Conversion, spaces: Reg) {
        if !conversion.left {
            self.add_repeated(text, b' ', Src::Reg(spaces));
        }
    }

    fn spaces_after(&mut self, text: Composition, conversion: &Conversion, spaces: Reg) {
        if conversion.left {
            self.add_repeated(text, b' ', Src::Reg(spaces));
        }
    }

    /// How long a text is, in a register of its own.
    pub(super) fn length_of(&mut self, source: &TextSource) -> Reg {
        match source {
            TextSource::Literal(bytes) => self.em.fresh(Arg::Imm(bytes.len() as i64)),
            TextSource::Memory(mem, size) => self.length_in(*mem, *size),
        }
    }
}
