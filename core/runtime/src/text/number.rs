//! Integers as digits, without going through the formatting machinery: most of what a tracer prints is numbers. It must
//! never pad or sign; that is [`super::format`]'s.

/// Room for 64 bits in octal, the longest of the notations.
const LONGEST: usize = 22;

/// The pairs `00` to `99`, so that a division gives two digits.
const PAIRS: &[u8; 200] = b"0001020304050607080910111213141516171819\
2021222324252627282930313233343536373839\
4041424344454647484950515253545556575859\
6061626364656667686970717273747576777879\
8081828384858687888990919293949596979899";

/// The digits of one number.
pub(crate) struct Digits {
    buffer: [u8; LONGEST],
    start: usize,
}

impl Digits {
    fn new() -> Self {
        Digits { buffer: [b'0'; LONGEST], start: LONGEST }
    }

    fn push(&mut self, digit: u8) {
        self.start -= 1;
        self.buffer[self.start] = digit;
    }

    pub(crate) fn decimal(mut value: u64) -> Self {
        let mut digits = Digits::new();
        while value >= 100 {
            let pair = (value % 100) as usize * 2;
            value /= 100;
            digits.push(PAIRS[pair + 1]);
            digits.push(PAIRS[pair]);
        }
        let pair = value as usize * 2;
        digits.push(PAIRS[pair + 1]);
        if value >= 10 {
            digits.push(PAIRS[pair]);
        }
        digits
    }

    pub(crate) fn hex(value: u64, upper: bool) -> Self {
        Self::power_of_two(value, 4, if upper { b"0123456789ABCDEF" } else { b"0123456789abcdef" })
    }

    pub(crate) fn octal(value: u64) -> Self {
        Self::power_of_two(value, 3, b"0123456789abcdef")
    }

    fn power_of_two(mut value: u64, bits: u32, alphabet: &[u8; 16]) -> Self {
        let mut digits = Digits::new();
        loop {
            digits.push(alphabet[(value & ((1 << bits) - 1)) as usize]);
            value >>= bits;
            if value == 0 {
                return digits;
            }
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..]
    }
}

/// Appends a number in decimal.
pub(crate) fn push_decimal(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.push(b'-');
    }
    out.extend_from_slice(Digits::decimal(value.unsigned_abs()).bytes());
}

/// Appends `0x` and a number in hexadecimal.
pub(crate) fn push_address(out: &mut Vec<u8>, value: u64) {
    out.extend_from_slice(b"0x");
    out.extend_from_slice(Digits::hex(value, false).bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_standard_library() {
        let mut value = 1u64;
        for step in 0..2000u64 {
            value = value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(step);
            for value in [value, value >> 33, value >> 58, 10u64.pow((step % 20) as u32), u64::MAX - step, step] {
                assert_eq!(Digits::decimal(value).bytes(), value.to_string().as_bytes());
                assert_eq!(Digits::hex(value, false).bytes(), format!("{value:x}").as_bytes());
                assert_eq!(Digits::hex(value, true).bytes(), format!("{value:X}").as_bytes());
                assert_eq!(Digits::octal(value).bytes(), format!("{value:o}").as_bytes());
            }
        }
        let mut out = vec![];
        push_decimal(&mut out, i64::MIN);
        push_address(&mut out, 0);
        assert_eq!(out, b"-92233720368547758080x0");
    }
}
