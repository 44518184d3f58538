//! The format strings of `printf` and `sprintf`: literal text and conversions.
//!
//! The grammar is SystemTap's, which is narrower than C's: one flag, a width, a precision, one `l` that means nothing, a
//! letter. It must never look at operands: whether they fit is for whoever knows their types.

use std::ops::Range;

/// The functions that write and format. No variable can have one of these names.
pub const OUTPUT: [&str; 10] =
    ["print", "println", "printf", "printd", "printdln", "sprint", "sprintln", "sprintf", "sprintd", "sprintdln"];

/// A part of a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Bytes to write as they are; `%%` has become `%`.
    Text(Vec<u8>),
    /// An operand to write.
    Conversion(Conversion),
}

/// How to write an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conversion {
    /// One of `-`, `0`, `+`, ` ` and `#`.
    pub flag: Option<u8>,
    /// At least that many bytes.
    pub width: Extent,
    /// The number behind a point; what it means depends on the letter.
    pub precision: Extent,
    /// One of [`LETTERS`].
    pub letter: u8,
}

/// A width or precision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Not given; of a precision, a point without digits too.
    None,
    /// Given as digits; what does not fit counts as the greatest.
    Fixed(u32),
    /// `*`: taken from the operands.
    Operand,
}

/// The letters of conversions.
pub const LETTERS: &[u8] = b"diuoxXpcsbmM";

/// Why a format string is not one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormatError {
    /// The bytes of the string that are wrong.
    pub range: Range<usize>,
    /// What is wrong with them, lower case.
    pub message: String,
}

/// Parses a format string.
///
/// # Errors
/// The first conversion that is none, or that the string ends within.
pub fn parse(text: &[u8]) -> Result<Vec<Piece>, FormatError> {
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
    Ok(pieces)
}

fn is_flag(byte: u8) -> bool {
    matches!(byte, b'-' | b'0' | b'+' | b' ' | b'#')
}

/// The conversion whose `%` is at `start`, and where it ends.
fn conversion(text: &[u8], start: usize) -> Result<(Conversion, usize), FormatError> {
    let mut at = start + 1;
    let flag = text.get(at).copied().filter(|byte| is_flag(*byte));
    at += usize::from(flag.is_some());
    let width = extent(text, &mut at);
    let mut precision = Extent::None;
    if text.get(at) == Some(&b'.') {
        at += 1;
        precision = extent(text, &mut at);
    }
    if text.get(at) == Some(&b'l') {
        at += 1;
    }
    let Some(&letter) = text.get(at) else {
        return Err(FormatError { range: start..text.len(), message: "the format ends inside a conversion".into() });
    };
    if LETTERS.contains(&letter) {
        return Ok((Conversion { flag, width, precision, letter }, at + 1));
    }
    // A letter beyond ASCII is of several bytes, and none of them alone.
    let rest = text.get(at + 1..).unwrap_or(&[]).iter();
    let behind = if letter.is_ascii() { 0 } else { rest.take_while(|byte| (0x80..0xc0).contains(*byte)).count() };
    let end = at + 1 + behind;
    let shown = String::from_utf8_lossy(&text[start..end]).into_owned();
    let message = match letter {
        b'l' => format!("`{shown}` has more than one `l`, and needs none: every number has 64 bits"),
        _ if flag.is_some() && is_flag(letter) && at == start + 2 => {
            format!("`{shown}` has two flags, and a conversion takes one")
        }
        _ => format!("`{shown}` is not a conversion: d i u o x X p c s b m M are"),
    };
    Err(FormatError { range: start..end, message })
}

fn extent(text: &[u8], at: &mut usize) -> Extent {
    if text.get(*at) == Some(&b'*') {
        *at += 1;
        return Extent::Operand;
    }
    let mut number: Option<u32> = None;
    while let Some(digit) = text.get(*at).filter(|byte| byte.is_ascii_digit()) {
        number = Some(number.unwrap_or(0).saturating_mul(10).saturating_add(u32::from(digit - b'0')));
        *at += 1;
    }
    number.map_or(Extent::None, Extent::Fixed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(letter: u8) -> Conversion {
        Conversion { flag: None, width: Extent::None, precision: Extent::None, letter }
    }

    #[test]
    fn pieces() {
        assert_eq!(
            parse(b"a%%b %d%-5.3ls\n").unwrap(),
            [
                Piece::Text(b"a%b ".to_vec()),
                Piece::Conversion(plain(b'd')),
                Piece::Conversion(Conversion {
                    flag: Some(b'-'),
                    width: Extent::Fixed(5),
                    precision: Extent::Fixed(3),
                    ..plain(b's')
                }),
                Piece::Text(b"\n".to_vec()),
            ]
        );
        assert_eq!(parse(b"").unwrap(), []);
    }

    #[test]
    fn a_letter_of_several_bytes_is_shown_whole() {
        let error = parse("é%é!".as_bytes()).unwrap_err();
        assert_eq!(error.range, 2..5);
        assert!(error.message.starts_with("`%é` is not"), "{}", error.message);
    }

    #[test]
    fn extents_are_digits_or_operands() {
        let one = |text: &[u8]| match parse(text).unwrap()[..] {
            [Piece::Conversion(conversion)] => conversion,
            ref other => panic!("{other:?}"),
        };
        let stars = Conversion { flag: Some(b'#'), width: Extent::Operand, precision: Extent::Operand, ..plain(b'x') };
        assert_eq!(one(b"%#*.*x"), stars);
        // What follows the flag is the width, a leading zero included.
        assert_eq!(one(b"%-05d"), Conversion { flag: Some(b'-'), width: Extent::Fixed(5), ..plain(b'd') });
        assert_eq!(one(b"%.s"), plain(b's'));
        assert_eq!(one(b"%.0ld"), Conversion { precision: Extent::Fixed(0), ..plain(b'd') });
        assert_eq!(one(b"%99999999999d").width, Extent::Fixed(u32::MAX));
    }

    #[test]
    fn errors_say_which_bytes() {
        let error = |text: &[u8]| parse(text).map_err(|error| (error.range, error.message)).unwrap_err();
        assert_eq!(error(b"ab%"), (2..3, "the format ends inside a conversion".into()));
        assert_eq!(error(b"%5l"), (0..3, "the format ends inside a conversion".into()));
        assert_eq!(error(b"x%5fy").0, 1..4);
        assert_eq!(error(b"%\xff").0, 0..2);
        assert_eq!(error(b"%+-d"), (0..3, "`%+-` has two flags, and a conversion takes one".into()));
        assert_eq!(error(b"%lld").0, 0..3);
        assert_eq!(error(b"%hd").0, 0..2);
        assert_eq!(error(b"%n").0, 0..2);
    }
}
