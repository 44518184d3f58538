//! `printf` and its family: a parsed format and its operands to bytes.
//!
//! As C's printf, with SystemTap's own conversions. It must never fail on an operand's value, nor make more than
//! [`GREATEST_EXTENT`] bytes of padding for one, since widths can come from the traced program.

use systap_ir::format::{Conversion, ConversionKind, Extent, Format, Piece};
use thiserror::Error;

use super::number::{Digits, push_address, push_decimal};
use crate::user::Datum;

/// Widths and precisions beyond this many bytes count as this many.
pub const GREATEST_EXTENT: usize = 1 << 13;

/// A value to be formatted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand<'a> {
    /// A number.
    Long(i64),
    /// A string; for `%m` and `%M`, the memory's bytes.
    Text(&'a [u8]),
}

impl<'a> From<&'a Datum> for Operand<'a> {
    fn from(datum: &'a Datum) -> Self {
        match datum {
            Datum::Long(long) => Operand::Long(*long),
            Datum::Text(text) => Operand::Text(text),
        }
    }
}

/// `%m` or `%M` was given an address: the memory had to be read at the event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("%m and %M need the memory's bytes, which only the kernel side can read")]
pub struct NeedsMemory;

/// Appends the formatted text. Operands are in the format's order, each `*` before the value it is for; one that is
/// missing or of the wrong type counts as 0 or "".
///
/// # Errors
/// [`NeedsMemory`]; what came before is in `out` then.
pub fn render(format: &Format, operands: &[Operand<'_>], out: &mut Vec<u8>) -> Result<(), NeedsMemory> {
    let mut operands = operands.iter().copied();
    for piece in &format.pieces {
        match piece {
            Piece::Text(text) => out.extend_from_slice(text),
            Piece::Conversion(conversion) if is_plain(conversion) => {
                let operand = operands.next().unwrap_or(Operand::Long(0));
                match (conversion.kind, operand) {
                    (ConversionKind::Signed, operand) => push_decimal(out, long(operand)),
                    (ConversionKind::Text, operand) => out.extend_from_slice(text(&operand)),
                    (_, operand) => convert(conversion, Field::default(), operand, out)?,
                }
            }
            Piece::Conversion(conversion) => {
                let mut left = conversion.left;
                let width = match extent(conversion.width, &mut operands) {
                    Some(width) if width < 0 => {
                        left = true;
                        width.unsigned_abs() as usize
                    }
                    width => width.unwrap_or(0).unsigned_abs() as usize,
                };
                // As in C, a negative precision is none.
                let precision = extent(conversion.precision, &mut operands).and_then(|at| usize::try_from(at).ok());
                let field = Field { left, width, precision };
                convert(conversion, field, operands.next().unwrap_or(Operand::Long(0)), out)?;
            }
        }
    }
    Ok(())
}

/// The space that a conversion has.
#[derive(Clone, Copy, Default)]
struct Field {
    left: bool,
    width: usize,
    precision: Option<usize>,
}

fn is_plain(conversion: &Conversion) -> bool {
    let Conversion { kind: _, left, zero, plus, space, alternate, width, precision } = conversion;
    !(*left | *zero | *plus | *space | *alternate) && *width == Extent::None && *precision == Extent::None
}

fn extent<'a>(extent: Extent, operands: &mut impl Iterator<Item = Operand<'a>>) -> Option<i64> {
    let greatest = GREATEST_EXTENT as i64;
    match extent {
        Extent::None => None,
        Extent::Fixed(extent) => Some(i64::from(extent).min(greatest)),
        Extent::Operand => Some(long(operands.next()?).clamp(-greatest, greatest)),
    }
}

fn long(operand: Operand<'_>) -> i64 {
    match operand {
        Operand::Long(long) => long,
        Operand::Text(_) => 0,
    }
}

fn text<'a>(operand: &Operand<'a>) -> &'a [u8] {
    match operand {
        Operand::Long(_) => &[],
        Operand::Text(text) => text,
    }
}

fn convert(conversion: &Conversion, field: Field, operand: Operand<'_>, out: &mut Vec<u8>) -> Result<(), NeedsMemory> {
    let value = long(operand);
    let bits = value.cast_unsigned();
    let alternate = conversion.alternate;
    match conversion.kind {
        ConversionKind::Signed => {
            let sign: &[u8] = match value {
                ..0 => b"-",
                _ if conversion.plus => b"+",
                _ if conversion.space => b" ",
                _ => b"",
            };
            number(conversion, field, sign, &Digits::decimal(value.unsigned_abs()), out);
        }
        ConversionKind::Unsigned => number(conversion, field, b"", &Digits::decimal(bits), out),
        ConversionKind::Octal => number(conversion, field, b"", &Digits::octal(bits), out),
        ConversionKind::Hex => {
            let prefix: &[u8] = if alternate && bits != 0 { b"0x" } else { b"" };
            number(conversion, field, prefix, &Digits::hex(bits, false), out);
        }
        ConversionKind::HexUpper => {
            let prefix: &[u8] = if alternate && bits != 0 { b"0X" } else { b"" };
            number(conversion, field, prefix, &Digits::hex(bits, true), out);
        }
        ConversionKind::Pointer => number(conversion, field, b"0x", &Digits::hex(bits, false), out),
        ConversionKind::Character => {
            let mut character = vec![];
            let byte = [(bits & 0xff) as u8];
            if alternate {
                escape(&byte, &mut character)
            } else {
                character.extend_from_slice(&byte)
            }
            padded(field, &character, out);
        }
        ConversionKind::Text => {
            let bytes = text(&operand);
            let bytes = &bytes[..field.precision.unwrap_or(bytes.len()).min(bytes.len())];
            if alternate {
                let mut escaped = Vec::with_capacity(bytes.len());
                escape(bytes, &mut escaped);
                padded(field, &escaped, out);
            } else {
                padded(field, bytes, out);
            }
        }
        ConversionKind::Binary => {
            let width = if field.width == 0 { 8 } else { field.width.min(8) };
            out.extend_from_slice(&bits.to_le_bytes()[..width]);
        }
        ConversionKind::Memory => match operand {
            Operand::Text(bytes) => padded(field, bytes, out),
            Operand::Long(_) => return Err(NeedsMemory),
        },
        ConversionKind::MemoryHex => match operand {
            Operand::Text(bytes) => {
                let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble & 15)];
                let hex: Vec<u8> = bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect();
                padded(field, &hex, out);
            }
            Operand::Long(_) => return Err(NeedsMemory),
        },
    }
    Ok(())
}

fn number(conversion: &Conversion, field: Field, prefix: &[u8], digits: &Digits, out: &mut Vec<u8>) {
    let digits = match (digits.bytes(), field.precision) {
        // As in C: no digits at all, if none are asked for and it is 0.
        (b"0", Some(0)) => &b""[..],
        (digits, _) => digits,
    };
    let mut zeros = field.precision.unwrap_or(0).saturating_sub(digits.len());
    if conversion.alternate && conversion.kind == ConversionKind::Octal && digits != b"0" {
        // The prefix of octals is one more zero, unless there is one already.
        zeros = zeros.max(1);
    }
    let length = prefix.len() + zeros + digits.len();
    let mut spaces = field.width.saturating_sub(length);
    if conversion.zero && !field.left && field.precision.is_none() {
        zeros += std::mem::take(&mut spaces);
    }
    if !field.left {
        out.resize(out.len() + spaces, b' ');
    }
    out.extend_from_slice(prefix);
    out.resize(out.len() + zeros, b'0');
    out.extend_from_slice(digits);
    if field.left {
        out.resize(out.len() + spaces, b' ');
    }
}

fn padded(field: Field, bytes: &[u8], out: &mut Vec<u8>) {
    let spaces = field.width.saturating_sub(bytes.len());
    if !field.left {
        out.resize(out.len() + spaces, b' ');
    }
    out.extend_from_slice(bytes);
    if field.left {
        out.resize(out.len() + spaces, b' ');
    }
}

/// Appends bytes as they would stand between the quotes of a C string: printable ASCII as it is, the rest escaped, by a
/// letter where there is one, else by three octal digits.
pub fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    for &byte in bytes {
        let letter = match byte {
            b'\n' => b'n',
            b'\t' => b't',
            b'\r' => b'r',
            0x07 => b'a',
            0x08 => b'b',
            0x0b => b'v',
            0x0c => b'f',
            b'"' | b'\\' => byte,
            b' '..=b'~' => {
                out.push(byte);
                continue;
            }
            _ => {
                out.extend_from_slice(&[b'\\', b'0' + (byte >> 6), b'0' + ((byte >> 3) & 7), b'0' + (byte & 7)]);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', letter]);
    }
}

/// A text of which what does not print is escaped, in at most `length` bytes. In quotes it takes 5 bytes at least, and if it had to be
/// cut, `...` follows the quotes.
pub fn escape_within(bytes: &[u8], length: usize, quoted: bool) -> Vec<u8> {
    let room = if quoted { length.max(5) - 2 } else { length };
    let mut out = if quoted { vec![b'"'] } else { vec![] };
    let end = out.len() + room;
    let mut cut = false;
    for byte in bytes.chunks(1) {
        let before = out.len();
        escape(byte, &mut out);
        if out.len() > end {
            out.truncate(before);
            cut = true;
            break;
        }
    }
    if quoted {
        if cut {
            // The quote and the dots come in the place of the last bytes, were it in the middle of an escape.
            out.truncate(end - 3);
        }
        out.extend_from_slice(if cut { b"\"..." } else { b"\"" });
    }
    out
}

/// Appends an address as `%p` does: `0x` and hexadecimal digits.
pub fn address(value: u64, out: &mut Vec<u8>) {
    push_address(out, value);
}

#[cfg(test)]
mod tests;
