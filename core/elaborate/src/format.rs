//! Format strings: from `"%-5d %s\n"` to [`Format`].
//!
//! Must never look at operands: whether they fit is for the caller, who knows their types and places.

use systap_ir::format::{Conversion, ConversionKind, Extent, Format, Piece};
use systap_ir::program::Type;

/// Why a format string is not one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FormatError {
    /// The bytes of the string that are wrong.
    pub(crate) range: std::ops::Range<usize>,
    /// What is wrong with them, lower case.
    pub(crate) message: String,
}

/// The widest field and the greatest precision that make sense: more than any string or number has.
const MOST: u32 = 1 << 16;

/// Parses a format string.
pub(crate) fn parse(text: &[u8]) -> Result<Format, FormatError> {
    let mut pieces = vec![];
    let mut literal = vec![];
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        if byte != b'%' {
            literal.push(byte);
            at += 1;
            continue;
        }
        if text.get(at + 1) == Some(&b'%') {
            literal.push(b'%');
            at += 2;
            continue;
        }
        let (conversion, end) = conversion(text, at)?;
        if !literal.is_empty() {
            pieces.push(Piece::Text(std::mem::take(&mut literal)));
        }
        pieces.push(Piece::Conversion(conversion));
        at = end;
    }
    if !literal.is_empty() {
        pieces.push(Piece::Text(literal));
    }
    Ok(Format { pieces })
}

/// The conversion whose `%` is at `start`, and where it ends.
fn conversion(text: &[u8], start: usize) -> Result<(Conversion, usize), FormatError> {
    let mut conversion = Conversion::plain(ConversionKind::Signed);
    let mut at = start + 1;
    while let Some(flag) = text.get(at) {
        match flag {
            b'-' => conversion.left = true,
            b'0' => conversion.zero = true,
            b'+' => conversion.plus = true,
            b' ' => conversion.space = true,
            b'#' => conversion.alternate = true,
            _ => break,
        }
        at += 1;
    }
    conversion.width = extent(text, start, &mut at)?.unwrap_or_default();
    if text.get(at) == Some(&b'.') {
        at += 1;
        // As in C, a point without digits means 0.
        conversion.precision = extent(text, start, &mut at)?.unwrap_or(Extent::Fixed(0));
    }
    while text.get(at) == Some(&b'l') {
        at += 1;
    }
    let Some(&letter) = text.get(at) else {
        return Err(FormatError { range: start..text.len(), message: "the format ends inside a conversion".into() });
    };
    conversion.kind = match letter {
        b'd' | b'i' => ConversionKind::Signed,
        b'u' => ConversionKind::Unsigned,
        b'o' => ConversionKind::Octal,
        b'x' => ConversionKind::Hex,
        b'X' => ConversionKind::HexUpper,
        b'p' => ConversionKind::Pointer,
        b'c' => ConversionKind::Character,
        b's' => ConversionKind::Text,
        b'b' => ConversionKind::Binary,
        b'm' => ConversionKind::Memory,
        b'M' => ConversionKind::MemoryHex,
        _ => {
            let shown = String::from_utf8_lossy(&text[start..=at]).into_owned();
            return Err(FormatError {
                range: start..at + 1,
                message: format!("`{shown}` is not a conversion: d i u o x X p c s b m M are"),
            });
        }
    };
    Ok((conversion, at + 1))
}

fn extent(text: &[u8], start: usize, at: &mut usize) -> Result<Option<Extent>, FormatError> {
    if text.get(*at) == Some(&b'*') {
        *at += 1;
        return Ok(Some(Extent::Operand));
    }
    let digits = text[*at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 {
        return Ok(None);
    }
    let number = std::str::from_utf8(&text[*at..*at + digits]).ok().and_then(|digits| digits.parse().ok());
    *at += digits;
    match number {
        Some(number) if number <= MOST => Ok(Some(Extent::Fixed(number))),
        _ => Err(FormatError { range: start..*at, message: format!("a width or precision is at most {MOST}") }),
    }
}

/// What each operand of the format must be, in order.
pub(crate) fn operand_types(format: &Format) -> impl Iterator<Item = Type> {
    format.pieces.iter().flat_map(|piece| {
        let (stars, last) = match piece {
            Piece::Text(_) => (0, None),
            Piece::Conversion(conversion) => (
                conversion.operands() - 1,
                Some(if conversion.kind == ConversionKind::Text { Type::Text } else { Type::Long }),
            ),
        };
        std::iter::repeat_n(Type::Long, stars).chain(last)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(kind: ConversionKind) -> Conversion {
        Conversion::plain(kind)
    }

    #[test]
    fn pieces() {
        let format = parse(b"a%%b %d%-5.3ls\n").unwrap();
        assert_eq!(
            format.pieces,
            [
                Piece::Text(b"a%b ".to_vec()),
                Piece::Conversion(plain(ConversionKind::Signed)),
                Piece::Conversion(Conversion {
                    left: true,
                    width: Extent::Fixed(5),
                    precision: Extent::Fixed(3),
                    ..plain(ConversionKind::Text)
                }),
                Piece::Text(b"\n".to_vec()),
            ]
        );
        assert_eq!(parse(b"").unwrap().pieces, []);
    }

    #[test]
    fn flags_and_stars() {
        let format = parse(b"%#0*.*x%+ d").unwrap();
        assert_eq!(
            format.pieces,
            [
                Piece::Conversion(Conversion {
                    alternate: true,
                    zero: true,
                    width: Extent::Operand,
                    precision: Extent::Operand,
                    ..plain(ConversionKind::Hex)
                }),
                Piece::Conversion(Conversion { plus: true, space: true, ..plain(ConversionKind::Signed) }),
            ]
        );
        let types: Vec<Type> = operand_types(&parse(b"%*s %.*M %c").unwrap()).collect();
        assert_eq!(types, [Type::Long, Type::Text, Type::Long, Type::Long, Type::Long]);
    }

    #[test]
    fn errors_say_which_bytes() {
        let error = |text: &[u8]| parse(text).map_err(|error| (error.range, error.message)).unwrap_err();
        assert_eq!(error(b"ab%"), (2..3, "the format ends inside a conversion".into()));
        assert_eq!(error(b"%5l"), (0..3, "the format ends inside a conversion".into()));
        assert_eq!(error(b"x%5fy").0, 1..4);
        assert_eq!(error(b"%99999999999d").0, 0..12);
        assert_eq!(error(b"%\xff").0, 0..2);
    }
}
