//! Doubles as decimal text, both ways. Must never lose a digit before it rounds: the digits are those of the exact value.

/// What a double has behind the point at most: 2^-1074 ends there.
const PLACES: usize = 1074;

/// With that many digits behind the point, but at least one: what is left out is rounded, away from zero in doubt, as SystemTap's
/// `fp_to_string` does.
pub(crate) fn decimal(value: f64, precision: i64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value < 0.0 { "-inf" } else { "inf" }.to_owned();
    }
    let places = usize::try_from(precision).map_or(1, |places| places.clamp(1, PLACES));
    let mut digits = format!("{value:.PLACES$}").into_bytes();
    let up = digits.get(digits.len() - PLACES + places).is_some_and(|next| *next >= b'5');
    digits.truncate(digits.len() - PLACES + places);
    if up {
        let carry = digits.iter_mut().rev().filter(|digit| digit.is_ascii_digit()).find_map(|digit| {
            *digit = if *digit == b'9' { b'0' } else { *digit + 1 };
            (*digit != b'0').then_some(())
        });
        if carry.is_none() {
            digits.insert(digits.iter().take_while(|byte| **byte == b'-').count(), b'1');
        }
    }
    String::from_utf8_lossy(&digits).into_owned()
}

/// The double nearest to a decimal number: a sign, digits, perhaps a point and digits, perhaps an exponent; each group of digits may
/// be empty, as it may be for SystemTap's `string_to_fp`. `None`: it is something else.
pub(crate) fn parse(text: &[u8]) -> Option<f64> {
    fn digits<'t>(rest: &mut &'t [u8]) -> &'t str {
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, after) = rest.split_at(count);
        *rest = after;
        std::str::from_utf8(digits).unwrap_or_default()
    }
    fn skip(rest: &mut &[u8], bytes: &[u8]) -> Option<u8> {
        let (first, after) = rest.split_first().filter(|(first, _)| bytes.contains(first))?;
        *rest = after;
        Some(*first)
    }
    let mut rest = text;
    let sign = skip(&mut rest, b"+-");
    let whole = digits(&mut rest);
    skip(&mut rest, b".");
    let part = digits(&mut rest);
    let (mut minus, mut power) = (None, "");
    if skip(&mut rest, b"eE").is_some() {
        minus = skip(&mut rest, b"+-").filter(|sign| *sign == b'-');
        power = digits(&mut rest);
    }
    if !rest.is_empty() {
        return None;
    }
    let sign = if sign == Some(b'-') { "-" } else { "" };
    let minus = if minus.is_some() { "-" } else { "" };
    format!("{sign}0{whole}.{part}0e{minus}0{power}").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_exact_value() {
        for (value, precision, text) in [
            (4.15, 5, "4.15000"),
            (4.15, 2, "4.15"),
            (4.15, 20, "4.15000000000000035527"),
            (0.125, 2, "0.13"),
            (-0.125, 2, "-0.13"),
            (0.375, 2, "0.38"),
            (9.996, 2, "10.00"),
            (-99.96, 1, "-100.0"),
            (2.5, 0, "2.5"),
            (2.55, -3, "2.5"),
            (0.0, 3, "0.000"),
            (-0.0, 1, "-0.0"),
            (1e22, 1, "10000000000000000000000.0"),
            (f64::NAN, 1, "nan"),
            (f64::INFINITY, 1, "inf"),
            (f64::NEG_INFINITY, 1, "-inf"),
        ] {
            assert_eq!(decimal(value, precision), text, "{value} with {precision}");
        }
        let least = decimal(f64::from_bits(1), i64::MAX);
        assert!(least.len() == PLACES + 2 && least.ends_with("625"), "{least}");
    }

    #[test]
    fn numbers_are_read_to_the_nearest_double() {
        for (text, value) in [
            ("4.15", 4.15),
            ("-4.15e2", -415.0),
            ("+1E-3", 0.001),
            ("5.", 5.0),
            (".5", 0.5),
            ("", 0.0),
            ("e3", 0.0),
            ("1e", 1.0),
            ("1e999", f64::INFINITY),
            ("1e-999", 0.0),
            ("0.1", 0.1),
            ("9007199254740993", 9007199254740992.0),
            ("2.2250738585072011e-308", 2.225_073_858_507_201e-308),
        ] {
            assert_eq!(parse(text.as_bytes()), Some(value), "{text:?}");
        }
        assert!(parse(b"-0").is_some_and(|zero| zero == 0.0 && zero.is_sign_negative()));
        for text in ["x", " 1", "1 ", "1.2.3", "0x10", "inf", "nan", "--1", "1e1.5", "1\u{e9}"] {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
    }
}
