//! Longs and strings.

use super::*;
use systap_ir::program::{BinaryOp, CompareOp, UnaryOp};

fn binary(op: BinaryOp, left: i64, right: i64) -> String {
    written(|b| {
        let (left, right) = (b.long(left), b.long(right));
        let result = b.give(Type::Long, Op::Binary(op, left, right));
        b.print(result);
    })
    .trim_end()
    .to_owned()
}

#[test]
fn every_operator_on_longs() {
    use BinaryOp::{
        Add, And, Divide, Multiply, Or, Remainder, ShiftLeft, ShiftRight, ShiftRightLogical, Subtract, Xor,
    };
    for (op, left, right, expected) in [
        (Add, i64::MAX, 1, i64::MIN),
        (Subtract, i64::MIN, 1, i64::MAX),
        (Multiply, i64::MAX, 2, -2),
        (Divide, -7, 2, -3),
        (Divide, i64::MIN, -1, i64::MIN),
        (Remainder, -7, 2, -1),
        (Remainder, 7, -2, 1),
        (Remainder, i64::MIN, -1, 0),
        (And, 0b1100, 0b1010, 0b1000),
        (Or, 0b1100, 0b1010, 0b1110),
        (Xor, 0b1100, 0b1010, 0b0110),
        (ShiftLeft, 1, 65, 2),
        (ShiftLeft, 1, 63, i64::MIN),
        (ShiftRight, -8, 1, -4),
        (ShiftRight, -8, 64, -8),
        (ShiftRightLogical, -1, 1, i64::MAX),
    ] {
        assert_eq!(binary(op, left, right), expected.to_string(), "{op:?} {left} {right}");
    }
}

#[test]
fn division_by_zero_says_where() {
    assert_eq!(binary(BinaryOp::Divide, 1, 0), "ERROR at 2: division by 0");
    assert_eq!(binary(BinaryOp::Remainder, 1, 0), "ERROR at 2: division by 0");
}

#[test]
fn one_operand() {
    let output = written(|b| {
        let minus = b.long(i64::MIN);
        let five = b.long(5);
        let wide = b.long(0x1_ffff_fff0);
        for op in [
            Op::Unary(UnaryOp::Negate, minus),
            Op::Unary(UnaryOp::Negate, five),
            Op::Unary(UnaryOp::Not, five),
            Op::Unary(UnaryOp::Complement, five),
            Op::Extend { value: wide, bits: 32, signed: true },
            Op::Extend { value: wide, bits: 32, signed: false },
            Op::Extend { value: wide, bits: 8, signed: true },
            Op::Extend { value: wide, bits: 8, signed: false },
            Op::Extend { value: wide, bits: 33, signed: true },
            Op::Extend { value: minus, bits: 64, signed: false },
        ] {
            let value = b.give(Type::Long, op);
            b.print(value);
        }
    });
    assert_eq!(output, "-9223372036854775808\n-5\n0\n-6\n-16\n4294967280\n-16\n240\n-16\n-9223372036854775808\n");
}

#[test]
fn comparisons_of_longs_and_bytes() {
    let output = written(|b| {
        let pairs = [
            (b.long(-1), b.long(1)),
            (b.long(3), b.long(3)),
            (b.text("ab"), b.text("b")),
            (b.text("ab"), b.text("a")),
            (b.text("\u{e9}"), b.text("z")),
        ];
        use CompareOp::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
        for (left, right) in pairs {
            for op in [Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual] {
                let value = b.give(Type::Long, Op::Compare(op, left, right));
                let piece = Piece::Conversion(Conversion::plain(ConversionKind::Signed));
                b.perform(Op::Print(Format { pieces: vec![piece] }, vec![value]));
            }
            b.perform(Op::Print(Format { pieces: vec![Piece::Text(b" ".to_vec())] }, vec![]));
        }
    });
    assert_eq!(output, "011100 100101 011100 010011 010011 ");
}

#[test]
fn strings_end_where_the_limit_is() {
    let (mut b, _) = Builder::new(&[]);
    let (left, right) = (b.text("abcd"), b.text("efgh"));
    let joined = b.give(Type::Text, Op::Concat(left, right));
    b.print(joined);
    let number = b.long(123_456_789);
    let piece = Piece::Conversion(Conversion::plain(ConversionKind::Signed));
    let formatted = b.give(Type::Text, Op::Format(Format { pieces: vec![piece] }, vec![number]));
    b.print(formatted);
    let nul = b.long(0);
    let pieces = [ConversionKind::Text, ConversionKind::Character, ConversionKind::Text];
    let pieces = pieces.map(|kind| Piece::Conversion(Conversion::plain(kind))).to_vec();
    let cut = b.give(Type::Text, Op::Format(Format { pieces }, vec![left, nul, right]));
    b.print(cut);
    let mut world = World { limits: Limits { string: 8, ..Limits::default() }, ..World::default() };
    assert_eq!(world.output(&b.body), "abcdefg\n1234567\nabcd\n");
}
