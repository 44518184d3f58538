//! The arithmetic of the language, in one place: the folder and the interpreter call it, the code generators are tested
//! against it.

use crate::program::{BinaryOp, CompareOp, UnaryOp};

/// One operand.
#[inline]
pub fn unary(op: UnaryOp, a: i64) -> i64 {
    match op {
        UnaryOp::Negate => a.wrapping_neg(),
        UnaryOp::Not => i64::from(a == 0),
        UnaryOp::Complement => !a,
    }
}

/// Two operands; `None` is division by zero.
#[inline]
pub fn binary(op: BinaryOp, a: i64, b: i64) -> Option<i64> {
    Some(match op {
        BinaryOp::Add => a.wrapping_add(b),
        BinaryOp::Subtract => a.wrapping_sub(b),
        BinaryOp::Multiply => a.wrapping_mul(b),
        BinaryOp::Divide if b == 0 => return None,
        BinaryOp::Divide => a.wrapping_div(b),
        BinaryOp::Remainder if b == 0 => return None,
        BinaryOp::Remainder => a.wrapping_rem(b),
        BinaryOp::And => a & b,
        BinaryOp::Or => a | b,
        BinaryOp::Xor => a ^ b,
        BinaryOp::ShiftLeft => a.wrapping_shl(b as u32),
        BinaryOp::ShiftRight => a.wrapping_shr(b as u32),
        BinaryOp::ShiftRightLogical => (a as u64).wrapping_shr(b as u32) as i64,
    })
}

/// A comparison of two values of one type.
#[inline]
pub fn compare<T: Ord + ?Sized>(op: CompareOp, a: &T, b: &T) -> bool {
    match op {
        CompareOp::Equal => a == b,
        CompareOp::NotEqual => a != b,
        CompareOp::Less => a < b,
        CompareOp::LessOrEqual => a <= b,
        CompareOp::Greater => a > b,
        CompareOp::GreaterOrEqual => a >= b,
    }
}

/// The low `bits` of a value, extended to 64.
#[inline]
pub fn extend(value: i64, bits: u8, signed: bool) -> i64 {
    let unused = 64 - u32::from(bits.clamp(1, 64));
    let high = value.wrapping_shl(unused);
    if signed { high.wrapping_shr(unused) } else { (high as u64).wrapping_shr(unused) as i64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_are_defined() {
        assert_eq!(binary(BinaryOp::Divide, i64::MIN, -1), Some(i64::MIN));
        assert_eq!(binary(BinaryOp::Remainder, i64::MIN, -1), Some(0));
        assert_eq!(binary(BinaryOp::Divide, -7, 2), Some(-3));
        assert_eq!(binary(BinaryOp::Remainder, -7, 2), Some(-1));
        assert_eq!(binary(BinaryOp::Divide, 1, 0), None);
        assert_eq!(binary(BinaryOp::ShiftLeft, 1, 64), Some(1));
        assert_eq!(binary(BinaryOp::ShiftRightLogical, -1, 63), Some(1));
        assert_eq!(extend(0xff, 8, true), -1);
        assert_eq!(extend(-1, 32, false), 0xffff_ffff);
        assert_eq!(extend(-5, 64, true), -5);
    }
}
