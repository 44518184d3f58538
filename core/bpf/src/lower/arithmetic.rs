//! Arithmetic and comparisons of longs.
//!
//! Must never differ from the language: wrapping, shifts by the low six bits, division towards zero with the least number
//! by -1 giving the least number, and a run-time error for division by zero.

use systap_ir::graph::{Op, Value};
use systap_ir::program::{BinaryOp, CompareOp, UnaryOp};

use super::{Held, Lower};
use crate::artifact::Fault;
use crate::code::{Code, Label, Reg, Src};
use crate::emitter::Arg;
use crate::error::GenerateError;
use crate::insn::{AluOp, Cond};

/// The condition of a comparison of longs.
fn condition(op: CompareOp) -> Cond {
    match op {
        CompareOp::Equal => Cond::Eq,
        CompareOp::NotEqual => Cond::Ne,
        CompareOp::Less => Cond::SLt,
        CompareOp::LessOrEqual => Cond::SLe,
        CompareOp::Greater => Cond::SGt,
        CompareOp::GreaterOrEqual => Cond::SGe,
    }
}

impl Lower<'_, '_> {
    pub(super) fn unary(&mut self, result: Option<Value>, op: UnaryOp, value: Value) -> Result<(), GenerateError> {
        let Some(result) = result else { return Ok(()) };
        match op {
            UnaryOp::Negate => {
                let dst = self.copy(value)?;
                self.em.push(Code::Negate { dst });
                self.hold(result, Held::Long(dst));
            }
            UnaryOp::Complement => {
                let dst = self.copy(value)?;
                self.em.alu(AluOp::Xor, dst, Src::Imm(-1));
                self.hold(result, Held::Long(dst));
            }
            UnaryOp::Not => {
                let value = self.register(value)?;
                let truth = self.truth(|lower, yes| {
                    lower.em.branch(Cond::Eq, value, Src::Imm(0), yes);
                    Ok(())
                })?;
                self.hold(result, Held::Long(truth));
            }
        }
        Ok(())
    }

    /// 1 if `branch` jumps to the label it is given, else 0.
    pub(super) fn truth(
        &mut self,
        branch: impl FnOnce(&mut Self, Label) -> Result<(), GenerateError>,
    ) -> Result<Reg, GenerateError> {
        let yes = self.em.label();
        let dst = self.em.fresh(Arg::Imm(1));
        branch(self, yes)?;
        self.em.mov(dst, Arg::Imm(0));
        self.em.place(yes);
        Ok(dst)
    }

    pub(super) fn compare(&mut self, result: Option<Value>, op: &Op) -> Result<(), GenerateError> {
        let (Op::Compare(op, left, right), Some(result)) = (op, result) else { return Ok(()) };
        let truth = if self.is_text(*left) {
            self.compare_text(*op, *left, *right)?
        } else {
            self.truth(|lower, yes| lower.branch_on(*op, *left, *right, yes))?
        };
        self.hold(result, Held::Long(truth));
        Ok(())
    }

    /// Jumps if the comparison of two longs holds.
    pub(super) fn branch_on(
        &mut self,
        op: CompareOp,
        left: Value,
        right: Value,
        to: Label,
    ) -> Result<(), GenerateError> {
        let cond = condition(op);
        match (self.operand(left)?, self.operand(right)?) {
            (Src::Reg(left), right) => self.em.branch(cond, left, right, to),
            (left @ Src::Imm(_), Src::Reg(right)) => self.em.branch(cond.swapped(), right, left, to),
            (Src::Imm(left), right) => {
                let left = self.em.fresh(Arg::Imm(i64::from(left)));
                self.em.branch(cond, left, right, to);
            }
        }
        Ok(())
    }

    pub(super) fn extend(
        &mut self,
        result: Option<Value>,
        value: Value,
        bits: u8,
        signed: bool,
    ) -> Result<(), GenerateError> {
        let Some(result) = result else { return Ok(()) };
        let src = self.register(value)?;
        let dst = self.extended(src, bits, signed);
        self.hold(result, Held::Long(dst));
        Ok(())
    }

    /// The low bits of a register, extended, in a fresh one.
    pub(super) fn extended(&mut self, src: Reg, bits: u8, signed: bool) -> Reg {
        let bits = bits.min(64);
        if bits == 64 {
            return src;
        }
        if signed && self.shared.options.version_4 && matches!(bits, 8 | 16 | 32) {
            let dst = self.em.reg();
            self.em.push(Code::Sext { bits, dst, src });
            return dst;
        }
        if !signed && bits == 32 {
            let dst = self.em.reg();
            self.em.push(Code::Alu { wide: false, op: AluOp::Mov, dst, src: Src::Reg(src), signed: false });
            return dst;
        }
        let dst = self.em.fresh(Arg::Reg(src));
        if !signed && bits < 31 {
            self.em.alu(AluOp::And, dst, Src::Imm((1 << bits) - 1));
        } else {
            let rest = Src::Imm(64 - i32::from(bits));
            self.em.alu(AluOp::Lsh, dst, rest);
            self.em.alu(if signed { AluOp::Arsh } else { AluOp::Rsh }, dst, rest);
        }
        dst
    }

    pub(super) fn binary(
        &mut self,
        result: Option<Value>,
        op: BinaryOp,
        left: Value,
        right: Value,
    ) -> Result<(), GenerateError> {
        let dst = match op {
            BinaryOp::Add => self.simple(AluOp::Add, left, right)?,
            BinaryOp::Subtract => self.simple(AluOp::Sub, left, right)?,
            BinaryOp::Multiply => self.simple(AluOp::Mul, left, right)?,
            BinaryOp::And => self.simple(AluOp::And, left, right)?,
            BinaryOp::Or => self.simple(AluOp::Or, left, right)?,
            BinaryOp::Xor => self.simple(AluOp::Xor, left, right)?,
            BinaryOp::ShiftLeft => self.shift(AluOp::Lsh, left, right)?,
            BinaryOp::ShiftRight => self.shift(AluOp::Arsh, left, right)?,
            BinaryOp::ShiftRightLogical => self.shift(AluOp::Rsh, left, right)?,
            BinaryOp::Divide | BinaryOp::Remainder => self.divide(op == BinaryOp::Remainder, left, right)?,
        };
        self.define(result, Held::Long(dst));
        Ok(())
    }

    fn simple(&mut self, op: AluOp, left: Value, right: Value) -> Result<Reg, GenerateError> {
        // A constant on the left needs a register of its own; where the order does not matter it goes to the right.
        let swap = matches!(op, AluOp::Add | AluOp::Mul | AluOp::And | AluOp::Or | AluOp::Xor)
            && self.constant(left).is_some();
        let (left, right) = if swap { (right, left) } else { (left, right) };
        let dst = self.copy(left)?;
        let src = self.operand(right)?;
        self.em.alu(op, dst, src);
        Ok(dst)
    }

    fn shift(&mut self, op: AluOp, left: Value, right: Value) -> Result<Reg, GenerateError> {
        let dst = self.copy(left)?;
        match self.constant(right) {
            Some(by) => self.em.alu(op, dst, Src::Imm((by & 63) as i32)),
            None => {
                let by = self.copy(right)?;
                self.em.alu(AluOp::And, by, Src::Imm(63));
                self.em.alu(op, dst, Src::Reg(by));
            }
        }
        Ok(dst)
    }

    fn divide(&mut self, remainder: bool, left: Value, right: Value) -> Result<Reg, GenerateError> {
        let op = if remainder { AluOp::Mod } else { AluOp::Div };
        let known = self.constant(right);
        match known {
            Some(0) | None => {
                let divisor = self.register(right)?;
                let by_zero = self.fault(Fault::DivisionByZero, None)?;
                self.em.branch(Cond::Eq, divisor, Src::Imm(0), by_zero);
            }
            Some(_) => {}
        }
        let dst = self.copy(left)?;
        let by = self.operand(right)?;
        if known == Some(-1) {
            return Ok(self.by_minus_one(remainder, dst));
        }
        if !self.shared.options.version_4 {
            return self.divide_unsigned(op, dst, by);
        }
        // Early kernels with signed division let the processor fault on the least number by -1.
        let done = self.em.label();
        if known.is_none()
            && let Src::Reg(divisor) = by
        {
            let special = self.em.label();
            self.em.branch(Cond::Eq, divisor, Src::Imm(-1), special);
            self.seldom(|lower| {
                lower.em.place(special);
                let result = lower.by_minus_one(remainder, dst);
                lower.em.mov(dst, Arg::Reg(result));
                lower.em.jump(done);
            });
        }
        self.em.push(Code::Alu { wide: true, op, dst, src: by, signed: true });
        self.em.place(done);
        Ok(dst)
    }

    /// A register divided by one that is greater than 0, towards zero.
    pub(super) fn quotient(&mut self, dividend: Reg, divisor: Reg) -> Reg {
        let dst = self.em.fresh(Arg::Reg(dividend));
        let negative = self.em.label();
        let done = self.em.label();
        self.em.branch(Cond::SLt, dst, Src::Imm(0), negative);
        self.em.alu(AluOp::Div, dst, Src::Reg(divisor));
        self.em.jump(done);
        self.em.place(negative);
        self.em.push(Code::Negate { dst });
        self.em.alu(AluOp::Div, dst, Src::Reg(divisor));
        self.em.push(Code::Negate { dst });
        self.em.place(done);
        dst
    }

    fn by_minus_one(&mut self, remainder: bool, dst: Reg) -> Reg {
        if remainder {
            return self.em.fresh(Arg::Imm(0));
        }
        let result = self.em.fresh(Arg::Reg(dst));
        self.em.push(Code::Negate { dst: result });
        result
    }

    /// Signed division by an unsigned one of the magnitudes.
    fn divide_unsigned(&mut self, op: AluOp, dst: Reg, by: Src) -> Result<Reg, GenerateError> {
        let divisor = self.em.fresh(by);
        let sign = self.em.fresh(Arg::Reg(dst));
        if op == AluOp::Div {
            self.em.alu(AluOp::Xor, sign, Src::Reg(divisor));
        }
        for part in [dst, divisor] {
            self.magnitude(part);
        }
        self.em.alu(op, dst, Src::Reg(divisor));
        let done = self.em.label();
        self.em.branch(Cond::SGe, sign, Src::Imm(0), done);
        self.em.push(Code::Negate { dst });
        self.em.place(done);
        Ok(dst)
    }

    /// Negates a register if it is negative.
    pub(super) fn magnitude(&mut self, part: Reg) {
        let positive = self.em.label();
        self.em.branch(Cond::SGe, part, Src::Imm(0), positive);
        self.em.push(Code::Negate { dst: part });
        self.em.place(positive);
    }
}
