//! The variables that a system call's point offers by plain name, as SystemTap's tapset does: `name`, `argstr`,
//! `retval`, `retstr`, and each argument.
//!
//! Must never offer a name that the handler itself gives a value to; such a one is a local that begins with it.

use super::variable::{Register, argument};
use crate::build;
use crate::check::Typed;
use crate::elaboration::Elaboration;
use crate::scope::{EventFacts, ProbeFacts, Scope, SyscallFacts};
use systap_diagnostics::{Diagnostic, Span};
use systap_ir::intrinsic::{Context, Intrinsic};
use systap_ir::program::{CompareOp, Expr, ExprKind, Place, Space, Stmt, Type};
use systap_kernel::syscall::{ArgKind, Syscall};

/// The number of `rt_sigreturn` on x86_64, the only architecture whose system calls are known here.
const RT_SIGRETURN: i64 = 15;

impl<'a> Elaboration<'a> {
    /// The variable of that name, if the point offers one and the handler does not change it.
    pub(crate) fn offered(&mut self, scope: &Scope<'a>, name: &str, span: Span) -> Option<Typed> {
        let facts = scope.probe()?;
        if facts.assigned.contains(name) {
            return None;
        }
        self.offer(&facts, name, span)
    }

    fn offer(&mut self, facts: &ProbeFacts<'a>, name: &str, span: Span) -> Option<Typed> {
        if let EventFacts::Values(values) = &facts.event {
            let found = values.iter().find(|value| value.name == name)?;
            return Some(Typed::new(Expr { span, ..found.value.clone() }));
        }
        let EventFacts::Syscall(facts) = &facts.event else { return None };
        let returned = || build::expr(span, Type::Long, argument(1, false));
        let intrinsic =
            |intrinsic: Intrinsic, args| build::expr(span, Type::Text, ExprKind::Intrinsic(intrinsic, args));
        let offered = match (name, facts.returns) {
            ("name", _) => match facts.single() {
                Some(call) => build::text(span, call.name),
                None => intrinsic(Intrinsic::SyscallName, vec![self.syscall_number(facts, span)?]),
            },
            ("syscall_nr", _) => self.syscall_number(facts, span)?,
            ("retval", true) => returned(),
            ("retstr", true) => {
                let number = self.syscall_number(facts, span)?;
                intrinsic(Intrinsic::SyscallResult, vec![number, returned()])
            }
            ("argstr", false) => build::expr(span, Type::Text, ExprKind::Context(Context::SyscallArguments)),
            ("argstr", true) => {
                self.report(
                    Diagnostic::error("unknown-variable", span, "`argstr` is only known when a system call is entered")
                        .with_help("keep it in an array by `tid()` in the handler of the entry"),
                );
                return Some(Typed::unknown(span));
            }
            _ => {
                let call = facts.single()?;
                let argument = self.offered_argument(call, name, span);
                if argument.is_some() || !is_argument(self.kernel.syscalls().iter(), name) {
                    return argument;
                }
                let args: Vec<&str> = call.args.iter().map(|arg| arg.name).collect();
                self.report(
                    Diagnostic::error("unknown-variable", span, format!("`syscall.{}` has no `{name}`", call.name))
                        .with_note(format!("its arguments are {}", args.join(", "))),
                );
                return Some(Typed::unknown(span));
            }
        };
        Some(Typed::new(offered))
    }

    /// An argument by its kernel name: a path as a quoted string, anything else as a number. `x_unquoted` is the path
    /// as it is, `x_uaddr` the address.
    fn offered_argument(&mut self, call: &'static Syscall, name: &str, span: Span) -> Option<Typed> {
        let named = |name: &str| call.args.iter().position(|arg| arg.name == name);
        let (index, form) = match named(name) {
            Some(index) => (index, ""),
            None => match (name.strip_suffix("_uaddr"), name.strip_suffix("_unquoted")) {
                (Some(base), _) => (named(base)?, "uaddr"),
                (_, Some(base)) => (named(base)?, "unquoted"),
                _ => return None,
            },
        };
        let arg = &call.args[index];
        let is_text = arg.kind == ArgKind::UserString;
        if (form == "uaddr" && !arg.c_type.contains('*')) || (form == "unquoted" && !is_text) {
            return None;
        }
        let Some(value) = self.register(span, Register::Argument(index)) else { return Some(Typed::unknown(span)) };
        // SystemTap's tapset gives these as an `int`, whatever the kernel declares: -1 and AT_FDCWD show as such.
        let int = matches!(arg.kind, ArgKind::Fd | ArgKind::Pid | ArgKind::Uid | ArgKind::Gid | ArgKind::Signal);
        let (bits, signed) = if int { (32, true) } else { arg.width() };
        let value = build::extend(span, value, bits, signed);
        if !is_text || form == "uaddr" {
            return Some(Typed::new(value));
        }
        let text = build::read_text(span, value, Space::User, Some(""));
        Some(Typed::new(if form == "unquoted" { text } else { build::quoted(span, text) }))
    }

    /// The number of the call.
    fn syscall_number(&mut self, facts: &SyscallFacts, span: Span) -> Option<Expr> {
        if let Some(call) = facts.single() {
            return Some(build::long(span, i64::from(call.number)));
        }
        if facts.returns {
            let number = self.register(span, Register::Number)?;
            // The kernel has put -1 there when a signal handler returns, lest it start the interrupted call again
            // (restore_sigcontext of arch/x86/kernel/signal_64.c).
            let minus_one = build::long(span, -1);
            let gone = ExprKind::Compare(CompareOp::Equal, Box::new(number.clone()), Box::new(minus_one));
            let choice = ExprKind::Ternary {
                condition: Box::new(build::expr(span, Type::Long, gone)),
                then: Box::new(build::long(span, RT_SIGRETURN)),
                otherwise: Box::new(number),
            };
            return Some(build::expr(span, Type::Long, choice));
        }
        let number = build::expr(span, Type::Long, argument(1, false));
        Some(build::extend(span, number, 32, true))
    }

    /// The number of the call that a point of all calls is about.
    pub(crate) fn syscall_in_progress(&mut self, span: Span, returns: bool) -> Expr {
        let facts = SyscallFacts { calls: None, returns };
        self.syscall_number(&facts, span).unwrap_or_else(|| build::long(span, 0))
    }

    /// An argument of the call in progress, as the register has it.
    pub(crate) fn raw_syscall_argument(&mut self, span: Span, index: usize) -> Option<Expr> {
        self.register(span, Register::Argument(index))
    }

    /// What gives the locals that the handler changes what the point offers under their names.
    pub(crate) fn offered_prologue(&mut self, scope: &mut Scope<'a>, span: Span) -> Vec<Stmt> {
        let mut prologue = vec![];
        let Some(facts) = scope.probe() else { return prologue };
        if !matches!(&facts.event, EventFacts::Syscall(call) if call.single().is_some()) {
            return prologue;
        }
        let mut names: Vec<&str> = facts.assigned.iter().copied().collect();
        names.sort_unstable();
        for name in names {
            if self.names.global(name).is_some() {
                continue;
            }
            let mut offered = None;
            // A name that is another call's argument is a plain local here.
            if !self.succeeds(|this| offered = this.offer(&facts, name, span)) {
                continue;
            }
            let Some(offered) = offered else { continue };
            let ty = self.types.fresh();
            let id = scope.declare(name, span, ty);
            scope.local(id).assigned = true;
            self.expect(&offered, ty, || format!("`{name}`"));
            prologue.push(build::assign(span, Place::Local(id), offered.expr));
        }
        prologue
    }
}

/// What every call offers, so that an argument of that name is only known with a dollar.
const OF_EVERY_CALL: [&str; 5] = ["name", "argstr", "retval", "retstr", "syscall_nr"];

/// Whether some of these calls offers an argument under that name.
pub(crate) fn is_argument(mut calls: impl Iterator<Item = &'static Syscall>, name: &str) -> bool {
    let base = name.strip_suffix("_uaddr").or_else(|| name.strip_suffix("_unquoted")).unwrap_or(name);
    !OF_EVERY_CALL.contains(&name) && calls.any(|call| call.args.iter().any(|arg| arg.name == name || arg.name == base))
}
