//! Format strings, from the terms of their grammar to those of the program.
//!
//! Must never look at operands: whether they fit is for the caller, who knows their types and places.

use systap_ir::format::{Conversion, ConversionKind, Extent, Format, Piece};
use systap_ir::program::Type;
use systap_syntax::format as grammar;

/// The format that a string written out is; `None` if it is none, which the parser has reported.
pub(crate) fn of(text: &[u8]) -> Option<Format> {
    let pieces = grammar::parse(text).ok()?;
    let pieces = pieces.into_iter().map(|piece| match piece {
        grammar::Piece::Text(text) => Piece::Text(text),
        grammar::Piece::Conversion(given) => Piece::Conversion(conversion(given)),
    });
    Some(Format { pieces: pieces.collect() })
}

fn conversion(given: grammar::Conversion) -> Conversion {
    let kind = match given.letter {
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
        _ => ConversionKind::Signed,
    };
    Conversion {
        left: given.flag == Some(b'-'),
        zero: given.flag == Some(b'0'),
        plus: given.flag == Some(b'+'),
        space: given.flag == Some(b' '),
        alternate: given.flag == Some(b'#'),
        width: extent(given.width),
        precision: extent(given.precision),
        ..Conversion::plain(kind)
    }
}

fn extent(given: grammar::Extent) -> Extent {
    match given {
        grammar::Extent::None => Extent::None,
        grammar::Extent::Fixed(extent) => Extent::Fixed(extent),
        grammar::Extent::Operand => Extent::Operand,
    }
}

/// What each operand that the script gives for the format must be, in order.
pub(crate) fn operand_types(format: &Format) -> impl Iterator<Item = Type> {
    format.pieces.iter().flat_map(|piece| {
        let (stars, last) = match piece {
            Piece::Text(_) | Piece::Open | Piece::Close(_) => (0, None),
            Piece::Conversion(conversion) => (
                conversion.stars(),
                Some(if conversion.kind == ConversionKind::Text { Type::Text } else { Type::Long }),
            ),
        };
        std::iter::repeat_n(Type::Long, stars).chain(last)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_and_operands() {
        let format = of(b"a%#*.*x%+d").unwrap();
        assert_eq!(
            format.pieces,
            [
                Piece::Text(b"a".to_vec()),
                Piece::Conversion(Conversion {
                    alternate: true,
                    width: Extent::Operand,
                    precision: Extent::Operand,
                    ..Conversion::plain(ConversionKind::Hex)
                }),
                Piece::Conversion(Conversion { plus: true, ..Conversion::plain(ConversionKind::Signed) }),
            ]
        );
        let types: Vec<Type> = operand_types(&of(b"%*s %.*M %c").unwrap()).collect();
        assert_eq!(types, [Type::Long, Type::Text, Type::Long, Type::Long, Type::Long]);
        assert_eq!(of(b"%y"), None);
    }
}
