//! Checked against printf(1) where the language agrees with C.

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
            conversion.precision = extent(&mut rest);
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
    render(&format(text), operands, &mut out);
    out
}

use Operand::{Long, Text};

#[test]
fn numbers_and_texts_are_those_of_printf_1() {
    let flags = ["", "-", "0", "+", " ", "#"];
    let extents = ["", "1", "3", "12", ".0", ".1", ".5", "8.3", "3.8"];
    let values = [0, 1, 7, 8, -1, 42, -42, 255, 123_456_789, i64::MAX, i64::MIN];
    let (mut formats, mut ours) = (String::new(), vec![]);
    let mut arguments = vec![];
    for flag in flags {
        for extent in extents {
            for kind in ["d", "i", "u", "o", "x", "X"] {
                // C leaves these to the implementation.
                if kind != "d" && kind != "i" && flag.contains(['+', ' '])
                    || matches!(kind, "d" | "i" | "u") && flag.contains('#')
                    // Here the language differs: see the next test.
                    || flag == "0" && extent.contains('.')
                    || kind == "o" && flag == "#" && extent.contains('.')
                {
                    continue;
                }
                for value in values {
                    if value == 0 && (flag == "#" || extent == ".0") {
                        continue;
                    }
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
    assert!(ours.len() > 5_000);
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
        // Zeros pad before the digits that the precision asks for; a prefix is there whatever follows.
        ("%08.3d|%08.3d|%03d", &[Long(7), Long(-7), Long(-7)], b"00000007|-0000007|-07"),
        ("%#x|%#X|%#o|%.0d|%.0u", &[Long(0), Long(0), Long(0), Long(0), Long(0)], b"0x0|0X0|00|0|0"),
        ("%#o|%#8x|%#.5o|%#d", &[Long(8), Long(255), Long(8), Long(9)], b"010|    0xff|000010|9"),
        ("%#c%#c%#c%#c%#c", &[Long(10), Long(1), Long(0x22), Long(0x27), Long(0)], b"\\n\\001\"\\'\\000"),
        ("%#s", &[Text(b"tab\t\"q\" \\ \x7f\xff\0")], b"tab\\t\\\"q\\\" \\\\ \\177\\377\\000"),
        ("%#.2s|%#5s|%.0s|%.s", &[Text(b"\n\n\n"), Text(b"\x07"), Text(b"x"), Text(b"y")], b"\\n\\n|   \\a||y"),
        ("%b", &[Long(0x0102_0304_0506_0708)], b"\x08\x07\x06\x05\x04\x03\x02\x01"),
        ("%1b%2b%4b", &[Long(0x41), Long(0x4243), Long(-2)], b"\x41\x43\x42\xfe\xff\xff\xff"),
        ("%.2b|%4.1b|%-3.1b", &[Long(0x4243), Long(0x41), Long(0x41)], b"\x43\x42|\0\0\0A|A\0\0"),
        ("%9b|%3b", &[Long(1), Long(2)], b"\0\x01\0\0\0\0\0\0\0|\x02\0\0\0\0\0\0\0"),
        // A negative width counts as 0, and so does a negative precision.
        ("%*d|%-*d|%*d", &[Long(4), Long(7), Long(4), Long(7), Long(-4), Long(7)], b"   7|7   |7"),
        ("%.*s|%.*s|%.*d", &[Long(2), Text(b"abc"), Long(-1), Text(b"abc"), Long(-1), Long(0)], b"ab||0"),
        ("%*.*x", &[Long(6), Long(3), Long(10)], b"   00a"),
    ] {
        let (ours, expected) = (rendered(text, operands), expected.to_vec());
        assert_eq!(ours, expected, "{text}: {}", String::from_utf8_lossy(&ours));
    }
}

/// A format with one conversion of memory of which `words` whole words travel.
fn memory(text: &str, words: u32) -> Format {
    let mut format = format(text);
    for piece in &mut format.pieces {
        if let Piece::Conversion(conversion) = piece {
            conversion.words = words;
        }
    }
    format
}

#[test]
fn memory_is_as_long_as_the_precision_says() {
    let word = |bytes: &[u8]| {
        let mut all = [0; 8];
        all[..bytes.len()].copy_from_slice(bytes);
        Long(i64::from_le_bytes(all))
    };
    let address = Long(0x1000);
    for (text, words, operands, expected) in [
        ("%m|", 0, &[address, Long(0), Long(0), word(b"a")][..], &b"a|"[..]),
        ("%.0M|", 0, &[address, Long(0), Long(0), word(b"\xa0")], b"a0|"),
        ("%5.3m|", 0, &[address, Long(0), word(b"ab"), word(b"\0")], b"  ab\0|"),
        ("%-8.2M|", 0, &[address, Long(0), word(b"\x0f\xa0"), Long(0)], b"0fa0    |"),
        ("%.15m|", 1, &[address, word(b"01234567"), word(b"89ab"), word(b"cd"), word(b"e")], b"0123456789abcde|"),
        ("%.*m|", 2, &[Long(9), address, word(b"01234567"), Long(0), Long(0), Long(0), word(b"8")], b"012345678|"),
        ("%*.*M|", 1, &[Long(4), Long(-5), address, Long(0), Long(0), Long(0), word(b"8")], b"  38|"),
    ] {
        let mut out = vec![];
        render(&memory(text, words), operands, &mut out);
        assert_eq!(out, expected, "{text}: {}", String::from_utf8_lossy(&out));
    }
}

#[test]
fn what_does_not_fit_does_no_harm() {
    assert_eq!(rendered("%d %s %s", &[Text(b"x"), Long(5)]), b"0  ");
    let out = rendered("%*d", &[Long(i64::MAX), Long(1)]);
    assert_eq!(out.len(), GREATEST_EXTENT);
    assert_eq!(rendered("%*d", &[Long(i64::MIN), Long(1)]), b"1");
    assert_eq!(rendered("%.*d", &[Long(i64::MAX), Long(1)]).len(), GREATEST_EXTENT);
}
