//! The registers of the moment, for the functions of the library that name them.
//!
//! Must never report what a script does wrong: the library asks first where registers are, and says what is amiss.

use crate::build::{self, Load};
use crate::elaboration::Elaboration;
use crate::scope::{Registers, Scope};
use systap_diagnostics::Span;
use systap_ir::program::{Constant, Expr, ExprKind, REGISTERS, Space, Type, Width};
use systap_kernel::Arch;

/// Words of `struct pt_regs` on x86-64 (arch/x86/include/asm/ptrace.h).
const WORDS: u32 = 21;

/// Where the handler finds registers.
pub(crate) fn source(scope: &Scope<'_>) -> Registers {
    scope.event().map_or(Registers::None, |facts| facts.registers)
}

impl<'a> Elaboration<'a> {
    /// A register by its place among the words of `struct pt_regs`; 0 where there are none.
    pub(crate) fn register_at(&mut self, scope: &Scope<'a>, span: Span, word: &Expr) -> Expr {
        let argument = |index, pointer| build::expr(span, Type::Long, ExprKind::Argument { index, pointer });
        let Some(word) = place(word).filter(|word| *word < WORDS && self.kernel.arch() == Arch::X86_64) else {
            return build::long(span, 0);
        };
        match source(scope) {
            Registers::Kernel | Registers::User | Registers::Interrupted => argument(word, false),
            Registers::SystemCall => {
                let offset = i64::from(word) * 8;
                let load = Load { offset, width: Width::W8, signed: false, space: Space::Kernel, typed: true };
                build::load(span, argument(0, true), load)
            }
            Registers::Arguments => argument(REGISTERS + word, false),
            Registers::None => build::long(span, 0),
        }
    }

    /// The event's argument at a place; 0 where the arguments are no function's.
    pub(crate) fn argument_at(&mut self, scope: &Scope<'a>, span: Span, index: &Expr) -> Expr {
        let facts = scope.event();
        let words = facts.as_ref().map_or(0, |facts| match &facts.event {
            crate::scope::EventFacts::Function(function) => function.params.len(),
            _ => 0,
        });
        match place(index).filter(|index| (*index as usize) < words && source(scope) == Registers::Arguments) {
            Some(index) => build::expr(span, Type::Long, ExprKind::Argument { index, pointer: false }),
            None => build::long(span, 0),
        }
    }
}

/// The number that an expression of the library is.
fn place(expr: &Expr) -> Option<u32> {
    match &expr.kind {
        ExprKind::Constant(Constant::Long(number)) => u32::try_from(*number).ok(),
        _ => None,
    }
}
