//! The values of literals: numbers and the escapes of strings. Knows nothing of tokens or places.

use std::ops::Range;

/// Why a number has no value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadNumber {
    /// It needs more than 64 bits.
    OutOfRange,
    /// It has a letter or digit that its base does not have.
    Malformed,
}

/// The value of `0x1f`, `017` or `12`: C's bases, up to 2^64-1; from 2^63 on it wraps to the negative numbers.
pub(crate) fn number(text: &str) -> Result<i64, BadNumber> {
    let (digits, base) = match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hexadecimal) => (hexadecimal, 16),
        None if text.len() > 1 && text.starts_with('0') => (&text[1..], 8),
        None => (text, 10),
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(base)) {
        return Err(BadNumber::Malformed);
    }
    u64::from_str_radix(digits, base).map(|value| value as i64).map_err(|_| BadNumber::OutOfRange)
}

/// Appends the bytes of a string token, quotes included, to `out`: `\a \b \t \n \v \f \r`, one to three octal digits and
/// `\x` with one or two hexadecimal digits stand for a byte; any other backslash is dropped.
pub(crate) fn unescape(token: &str, out: &mut Vec<u8>) {
    each_byte(&crate::foreign::encode(inside(token)), |byte, _| out.push(byte));
}

/// The bytes that a string token says, quotes included, each with the part of the token that says it. None of what is no string
/// token, or has bytes that are not UTF-8.
pub fn bytes_of_string(token: &str) -> Vec<(u8, Range<usize>)> {
    let mut found = vec![];
    let bytes = if token.starts_with('"') { crate::foreign::encode(inside(token)) } else { vec![] };
    if bytes.len() == inside(token).len() {
        each_byte(&bytes, |byte, at| found.push((byte, at.start + 1..at.end + 1)));
    }
    found
}

/// What stands between the quotes.
fn inside(token: &str) -> &str {
    let unterminated = crate::lexer::is_unterminated(crate::kind::SyntaxKind::StringLiteral, token);
    let end = if unterminated { token.len() } else { token.len().saturating_sub(1) };
    token.get(1..end).unwrap_or("")
}

fn each_byte(inside: &[u8], mut each: impl FnMut(u8, Range<usize>)) {
    let mut at = 0;
    while let Some(byte) = inside.get(at) {
        let from = at;
        at += 1;
        if *byte != b'\\' {
            each(*byte, from..at);
            continue;
        }
        let Some(escaped) = inside.get(at) else { break };
        at += 1;
        let mut digits = |base: u32, most: usize, mut value: u32| {
            let rest = inside.get(at..).unwrap_or_default();
            let digits = rest.iter().map_while(|byte| char::from(*byte).to_digit(base)).take(most);
            let before = at;
            for digit in digits {
                value = value * base + digit;
                at += 1;
            }
            (at > before).then_some(value as u8)
        };
        let byte = match escaped {
            b'a' => 7,
            b'b' => 8,
            b't' => b'\t',
            b'n' => b'\n',
            b'v' => 11,
            b'f' => 12,
            b'r' => b'\r',
            b'0'..=b'7' => {
                let first = u32::from(escaped - b'0');
                digits(8, 2, first).unwrap_or(first as u8)
            }
            b'x' => digits(16, 2, 0).unwrap_or(b'x'),
            other => *other,
        };
        each(byte, from..at);
    }
}

#[cfg(test)]
mod tests {
    use super::{BadNumber, bytes_of_string, number, unescape};

    #[test]
    fn numbers_have_the_bases_of_c_and_64_bits() {
        assert_eq!(number("0"), Ok(0));
        assert_eq!(number("42"), Ok(42));
        assert_eq!(number("017"), Ok(15));
        assert_eq!(number("0x1F"), Ok(31));
        assert_eq!(number("9223372036854775807"), Ok(i64::MAX));
        assert_eq!(number("9223372036854775808"), Ok(i64::MIN));
        assert_eq!(number("18446744073709551615"), Ok(-1));
        assert_eq!(number("18446744073709551616"), Err(BadNumber::OutOfRange));
        assert_eq!(number("0x10000000000000000"), Err(BadNumber::OutOfRange));
        for malformed in ["08", "0x", "12ab", "0b1", "1_000", "0xg"] {
            assert_eq!(number(malformed), Err(BadNumber::Malformed), "{malformed}");
        }
    }

    #[test]
    fn escapes_become_bytes() {
        let value = |token: &str| {
            let mut out = vec![];
            unescape(token, &mut out);
            out
        };
        assert_eq!(value(r#""a\tb\n""#), b"a\tb\n");
        assert_eq!(value(r#""\101\60\0609\400""#), b"A0\x309\x00");
        assert_eq!(value(r#""\x41\x4g\xg\xfff""#), b"A\x04gxg\xfff");
        assert_eq!(value(r#""\"\\\q\.""#), b"\"\\q.");
        assert_eq!(value(r#""%d é""#), "%d é".as_bytes());
        assert_eq!(value(r#""open\""#), b"open\"");
        assert_eq!(value("\""), b"");
    }

    #[test]
    fn bytes_know_where_they_are_written() {
        assert_eq!(bytes_of_string(r#""a\\x\x41""#), [(b'a', 1..2), (b'\\', 2..4), (b'x', 4..5), (b'A', 5..9)]);
        assert_eq!(bytes_of_string("@1"), []);
        assert_eq!(bytes_of_string(""), []);
        assert_eq!(bytes_of_string("\"\u{ff7e9}\""), []);
    }
}
