//! `printf` and its family: a parsed format and its operands to bytes.
//!
//! The notations are those of SystemTap's runtime, which differs from C's in details: `#` prefixes 0 too, `0` pads whatever the
//! precision, no number is without digits, and a width or precision below 0 that comes from an operand counts as 0. It must
//! never fail on an operand's value, nor make more than [`GREATEST_EXTENT`] bytes of padding for one, since widths can come
//! from the traced program.

use systap_ir::format::{Conversion, ConversionKind, Extent, Format, MEMORY_REST, Piece};

use super::number::{Digits, push_address, push_decimal};
use crate::user::Datum;

/// Widths and precisions beyond this many bytes count as this many.
pub const GREATEST_EXTENT: usize = 1 << 13;

/// A value to be formatted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand<'a> {
    /// A number.
    Long(i64),
    /// A string.
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

/// Appends the formatted text. Operands are in the format's order, each `*` before the value it is for; one that is
/// missing or of the wrong type counts as 0 or "".
pub fn render(format: &Format, operands: &[Operand<'_>], out: &mut Vec<u8>) {
    let mut operands = operands.iter().copied();
    let mut opened = vec![];
    for piece in &format.pieces {
        match piece {
            Piece::Open => opened.push(out.len()),
            Piece::Close(most) => {
                if let Some(start) = opened.pop() {
                    out.truncate(start.saturating_add(*most as usize));
                }
            }
            Piece::Text(text) => out.extend_from_slice(text),
            Piece::Conversion(conversion) => {
                let mut next = || operands.next().unwrap_or(Operand::Long(0));
                let width = extent(conversion.width, &mut next);
                let precision = extent(conversion.precision, &mut next);
                let field = Field { left: conversion.left, width, precision };
                match (conversion.kind, next()) {
                    (ConversionKind::Signed, operand) if is_plain(conversion) => push_decimal(out, long(operand)),
                    (ConversionKind::Text, operand) if is_plain(conversion) => out.extend_from_slice(text(&operand)),
                    (ConversionKind::Memory, _) => padded(field, &memory(conversion, field, &mut next), out),
                    (ConversionKind::MemoryHex, _) => {
                        let digit = |nibble: u8| b"0123456789abcdef"[usize::from(nibble & 15)];
                        let bytes = memory(conversion, field, &mut next);
                        let hex: Vec<u8> = bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect();
                        padded(field, &hex, out);
                    }
                    (_, operand) => convert(conversion, field, operand, out),
                }
            }
        }
    }
}

/// The space that a conversion has.
#[derive(Clone, Copy, Default)]
struct Field {
    left: bool,
    width: Option<usize>,
    precision: Option<usize>,
}

fn is_plain(conversion: &Conversion) -> bool {
    let Conversion { kind: _, left, zero, plus, space, alternate, width, precision, words: _ } = conversion;
    !(*left | *zero | *plus | *space | *alternate) && *width == Extent::None && *precision == Extent::None
}

fn extent<'a>(extent: Extent, next: &mut impl FnMut() -> Operand<'a>) -> Option<usize> {
    let number = match extent {
        Extent::None => return None,
        Extent::Fixed(extent) => i64::from(extent),
        Extent::Operand => long(next()),
    };
    Some(number.clamp(0, GREATEST_EXTENT as i64) as usize)
}

/// The bytes of memory that travel behind its address.
fn memory<'a>(conversion: &Conversion, field: Field, next: &mut impl FnMut() -> Operand<'a>) -> Vec<u8> {
    let wanted = field.precision.unwrap_or(0).max(1);
    let mut bytes = Vec::with_capacity(wanted);
    for word in 0..conversion.words as usize {
        let word_bytes = long(next()).to_le_bytes();
        if 8 * (word + 1) <= wanted {
            bytes.extend_from_slice(&word_bytes);
        }
    }
    let whole = bytes.len() == wanted / 8 * 8;
    for size in MEMORY_REST.map(|size| size as usize) {
        let rest = long(next()).to_le_bytes();
        if whole && wanted & size != 0 {
            bytes.extend_from_slice(&rest[..size]);
        }
    }
    bytes
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

fn convert(conversion: &Conversion, field: Field, operand: Operand<'_>, out: &mut Vec<u8>) {
    let value = long(operand);
    let bits = value.cast_unsigned();
    let alternate = conversion.alternate;
    let prefix = |prefix: &'static [u8]| if alternate { prefix } else { b"" };
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
        ConversionKind::Octal => number(conversion, field, prefix(b"0"), &Digits::octal(bits), out),
        ConversionKind::Hex => number(conversion, field, prefix(b"0x"), &Digits::hex(bits, false), out),
        ConversionKind::HexUpper => number(conversion, field, prefix(b"0X"), &Digits::hex(bits, true), out),
        ConversionKind::Pointer => number(conversion, field, b"0x", &Digits::hex(bits, false), out),
        ConversionKind::Character => {
            let byte = (bits & 0xff) as u8;
            if alternate {
                let mut character = vec![];
                match byte {
                    // Within the quotes of a character, not of a string.
                    b'"' => character.push(byte),
                    b'\'' => character.extend_from_slice(b"\\'"),
                    _ => escape(&[byte], &mut character),
                }
                padded(field, &character, out);
            } else {
                padded(field, &[byte], out);
            }
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
        ConversionKind::Binary => binary(field, bits, out),
        // They take more than one operand, and are made where those are at hand.
        ConversionKind::Memory | ConversionKind::MemoryHex => {}
    }
}

/// The low bytes of a value, the lowest first: as many as the precision says, or else the width, if that is 1, 2, 4 or 8, or
/// else 8; NULs up to the width.
fn binary(field: Field, bits: u64, out: &mut Vec<u8>) {
    let size = |extent: Option<usize>| extent.filter(|extent| matches!(extent, 1 | 2 | 4 | 8));
    let bytes = size(field.precision).or(size(field.width)).unwrap_or(8);
    let nuls = field.width.unwrap_or(0).saturating_sub(bytes);
    if !field.left {
        out.resize(out.len() + nuls, 0);
    }
    out.extend_from_slice(&bits.to_le_bytes()[..bytes]);
    if field.left {
        out.resize(out.len() + nuls, 0);
    }
}

/// A number with its sign or prefix.
fn number(conversion: &Conversion, field: Field, prefix: &[u8], digits: &Digits, out: &mut Vec<u8>) {
    let digits = digits.bytes();
    let mut zeros = field.precision.unwrap_or(0).saturating_sub(digits.len());
    let mut spaces = field.width.unwrap_or(0).saturating_sub(prefix.len() + zeros + digits.len());
    if conversion.zero && !field.left {
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
    let spaces = field.width.unwrap_or(0).saturating_sub(bytes.len());
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

/// Appends a text as it would stand between the quotes of a C string: as [`escape`] has it, but what is a character of UTF-8 beyond
/// ASCII by its number, `\u00e9` or `\U0001f600`.
pub fn escape_text(bytes: &[u8], out: &mut Vec<u8>) {
    let mut rest = bytes;
    while !rest.is_empty() {
        rest = escape_first(rest, out);
    }
}

/// Escapes the first character of a text that is not empty; gives the rest.
fn escape_first<'a>(bytes: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
    let length = match bytes.first() {
        Some(0xc0..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf7) => 4,
        _ => 1,
    };
    // What is no UTF-8, or not all there, goes byte by byte.
    let (first, rest) = bytes.split_at_checked(length).unwrap_or((&[], bytes));
    let character = std::str::from_utf8(first).ok().and_then(|text| text.chars().next());
    match character.map(u32::from) {
        Some(number @ 0x80..=0xffff) => out.extend_from_slice(format!("\\u{number:04x}").as_bytes()),
        Some(number @ 0x10000..) => out.extend_from_slice(format!("\\U{number:08x}").as_bytes()),
        _ => {
            let (first, rest) = bytes.split_at(1.min(bytes.len()));
            escape(first, out);
            return rest;
        }
    }
    rest
}

/// A text of which what does not print is escaped, in at most `length` bytes. In quotes it takes 5 bytes at least, and if it had to be
/// cut, `...` follows the quotes.
pub fn escape_within(bytes: &[u8], length: usize, quoted: bool) -> Vec<u8> {
    let room = if quoted { length.max(5) - 2 } else { length };
    let mut out = if quoted { vec![b'"'] } else { vec![] };
    let end = out.len() + room;
    let mut cut = false;
    // How much is there without an escape that reaches into the place of the quote and the dots.
    let mut kept = out.len();
    let mut rest = bytes;
    while !rest.is_empty() {
        let before = out.len();
        if !quoted || before <= end - 3 {
            kept = before;
        }
        rest = escape_first(rest, &mut out);
        if out.len() > end {
            out.truncate(before);
            cut = true;
            break;
        }
    }
    if quoted {
        if cut {
            out.truncate(kept);
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
