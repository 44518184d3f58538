//! Checked against printf(1), which is C's printf but for what the language adds.

use super::*;
use std::process::Command;

/// A format from its text: enough of a parser for these tests.
pub(super) fn format(text: &str) -> Format {
    let mut pieces = vec![];
    let mut rest = text.chars().peekable();
    let mut literal = vec![];
    while let Some(c) = rest.next() {
        if c != '%' {
            literal.extend(c.to_string().bytes());
            continue;
        }
        let mut conversion = Conversion::plain(ConversionKind::Signed);
        while let Some(flag) = rest.next_if(|c| "-0+ #".contains(*c)) {
            match flag {
                '-' => conversion.left = true,
                '0' => conversion.zero = true,
                '+' => conversion.plus = true,
                ' ' => conversion.space = true,
                _ => conversion.alternate = true,
            }
        }
        let extent = |rest: &mut std::iter::Peekable<std::str::Chars<'_>>| {
            if rest.next_if_eq(&'*').is_some() {
                return Extent::Operand;
            }
            let mut digits = String::new();
            while let Some(digit) = rest.next_if(char::is_ascii_digit) {
                digits.push(digit);
            }
            digits.parse().map_or(Extent::None, Extent::Fixed)
        };
        conversion.width = extent(&mut rest);
        if rest.next_if_eq(&'.').is_some() {
            conversion.precision = match extent(&mut rest) {
                Extent::None => Extent::Fixed(0),
                precision => precision,
            };
        }
        conversion.kind = match rest.next().unwrap() {
            'd' | 'i' => ConversionKind::Signed,
            'u' => ConversionKind::Unsigned,
            'o' => ConversionKind::Octal,
            'x' => ConversionKind::Hex,
            'X' => ConversionKind::HexUpper,
            'p' => ConversionKind::Pointer,
            'c' => ConversionKind::Character,
            's' => ConversionKind::Text,
            'b' => ConversionKind::Binary,
            'm' => ConversionKind::Memory,
            'M' => ConversionKind::MemoryHex,
            other => panic!("%{other}"),
        };
        pieces.push(Piece::Text(std::mem::take(&mut literal)));
        pieces.push(Piece::Conversion(conversion));
    }
    pieces.push(Piece::Text(literal));
    Format { pieces }
}

fn rendered(text: &str, operands: &[Operand<'_>]) -> Vec<u8> {
    let mut out = vec![];
    render(&format(text), operands, &mut out).unwrap();
    out
}

use Operand::{Long, Text};

#[test]
fn numbers_and_texts_are_those_of_printf_1() {
    let flags = ["", "-", "0", "+", " ", "#", "-0", "+0", "#0", "-#", " 0", "+ ", "0-#"];
    let extents = ["", "1", "3", "12", ".0", ".1", ".5", "8.3", "3.8", "."];
    let values = [0, 1, 7, 8, -1, 42, -42, 255, 123_456_789, i64::MAX, i64::MIN];
    let (mut formats, mut ours) = (String::new(), vec![]);
    let mut arguments = vec![];
    for flag in flags {
        for extent in extents {
            for kind in ["d", "i", "u", "o", "x", "X"] {
                // C leaves these to the implementation.
                if kind != "d" && kind != "i" && flag.contains(['+', ' '])
                    || matches!(kind, "d" | "i" | "u") && flag.contains('#')
                {
                    continue;
                }
                for value in values {
                    let one = format!("%{flag}{extent}{kind}|");
                    ours.extend(rendered(&one, &[Long(value)]));
                    formats.push_str(&one);
                    arguments.push(if kind == "d" || kind == "i" {
                        value.to_string()
                    } else {
                        (value as u64).to_string()
                    });
                }
            }
            if !flag.contains(['0', '+', ' ', '#']) {
                for text in ["", "a", "probe points"] {
                    let one = format!("%{flag}{extent}s|");
                    ours.extend(rendered(&one, &[Text(text.as_bytes())]));
                    formats.push_str(&one);
                    arguments.push(text.to_owned());
                }
            }
        }
    }
    let Ok(output) = Command::new("printf").arg(formats).args(arguments).output() else {
        eprintln!("skipped: there is no printf(1) to compare with");
        return;
    };
    assert!(output.status.success());
    let (theirs, ours) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(ours).unwrap());
    assert!(ours.len() > 10_000);
    for (at, (ours, theirs)) in ours.split('|').zip(theirs.split('|')).enumerate() {
        assert_eq!(ours, theirs, "conversion {at}");
    }
    assert_eq!(ours.len(), theirs.len());
}

#[test]
fn conversions_of_the_language_s_own() {
    for (text, operands, expected) in [
        ("a", &[][..], &b"a"[..]),
        ("%p", &[Long(0)], b"0x0"),
        ("%p", &[Long(-1)], b"0xffffffffffffffff"),
        ("%10p|%-8p|%010p", &[Long(255), Long(1), Long(16)], b"      0xff|0x1     |0x00000010"),
        ("%c%c", &[Long(65), Long(0)], b"A\0"),
        ("%3c|%-3c|%c", &[Long(65), Long(66), Long(0x141)], b"  A|B  |A"),
        ("%#c%#c%#c", &[Long(10), Long(1), Long(0x22)], b"\\n\\001\\\""),
        ("%#s", &[Text(b"tab\t\"q\" \\ \x7f\xff\0")], b"tab\\t\\\"q\\\" \\\\ \\177\\377\\000"),
        ("%#.2s|%#5s|", &[Text(b"\n\n\n"), Text(b"\x07")], b"\\n\\n|   \\a|"),
        ("%b", &[Long(0x0102_0304_0506_0708)], b"\x08\x07\x06\x05\x04\x03\x02\x01"),
        ("%1b%2b%4b", &[Long(0x41), Long(0x4243), Long(-2)], b"\x41\x43\x42\xfe\xff\xff\xff"),
        ("%*d|%-*d|%*d", &[Long(4), Long(7), Long(4), Long(7), Long(-4), Long(7)], b"   7|7   |7   "),
        ("%.*s|%.*s", &[Long(2), Text(b"abc"), Long(-1), Text(b"abc")], b"ab|abc"),
        ("%*.*x", &[Long(6), Long(3), Long(10)], b"   00a"),
        ("%5m|%.2M", &[Text(b"ab\0"), Text(b"\x0f\xa0")], b"  ab\0|0fa0"),
    ] {
        let (ours, expected) = (rendered(text, operands), expected.to_vec());
        assert_eq!(ours, expected, "{text}: {}", String::from_utf8_lossy(&ours));
    }
}

#[test]
fn memory_that_was_not_read_cannot_be_written() {
    for text in ["%m", "%.16M"] {
        let mut out = vec![];
        assert_eq!(render(&format(&format!("at %d: {text}!")), &[Long(1), Long(0x1000)], &mut out), Err(NeedsMemory));
        assert_eq!(out, b"at 1: ");
    }
}

#[test]
fn what_does_not_fit_does_no_harm() {
    assert_eq!(rendered("%d %s %s", &[Text(b"x"), Long(5)]), b"0  ");
    let out = rendered("%*d", &[Long(i64::MAX), Long(1)]);
    assert_eq!(out.len(), GREATEST_EXTENT);
    assert_eq!(rendered("%*d", &[Long(i64::MIN), Long(1)]).len(), GREATEST_EXTENT);
    assert_eq!(rendered("%.*d", &[Long(i64::MAX), Long(1)]).len(), GREATEST_EXTENT);
}
