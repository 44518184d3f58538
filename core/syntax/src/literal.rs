//! The values of literals: numbers and the escapes of strings. Knows nothing of tokens or places.

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
    let inside = token.get(1..).unwrap_or("");
    let inside = if crate::lexer::is_unterminated(crate::kind::SyntaxKind::StringLiteral, token) {
        inside
    } else {
        &inside[..inside.len() - 1]
    };
    let inside = crate::foreign::encode(inside);
    let mut bytes = inside.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        let Some(escaped) = bytes.next() else { break };
        out.push(match escaped {
            b'a' => 7,
            b'b' => 8,
            b't' => b'\t',
            b'n' => b'\n',
            b'v' => 11,
            b'f' => 12,
            b'r' => b'\r',
            b'0'..=b'7' => {
                let mut value = u32::from(escaped - b'0');
                for _ in 0..2 {
                    let Some(digit) = bytes.next_if(|byte| (b'0'..=b'7').contains(byte)) else { break };
                    value = value * 8 + u32::from(digit - b'0');
                }
                value as u8
            }
            b'x' => {
                let mut value = None;
                for _ in 0..2 {
                    let Some(digit) = bytes.next_if(u8::is_ascii_hexdigit) else { break };
                    value = Some(value.unwrap_or(0) * 16 + char::from(digit).to_digit(16).unwrap_or(0));
                }
                value.map_or(b'x', |value| value as u8)
            }
            other => other,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::{BadNumber, number, unescape};

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
}
