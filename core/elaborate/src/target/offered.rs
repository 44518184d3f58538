//! The variables that a system call's point offers by plain name, as SystemTap's tapset does: `name`, `argstr`,
//! `retval`, `retstr`, and each argument.
//!
//! Must never offer a name that the handler itself gives a value to; such a one is a local that begins with it.

use super::customary::{self, Meaning};
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
        self.offer(scope, &facts, name, span)
    }

    fn offer(&mut self, scope: &Scope<'a>, facts: &ProbeFacts<'a>, name: &str, span: Span) -> Option<Typed> {
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
            ("argstr", false) if facts.single().is_some_and(|call| customary::meaning(call, name).is_some()) => {
                return self.offered_argument(scope, facts.single()?, name, span);
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
                let argument = self.offered_argument(scope, call, name, span);
                if argument.is_some() || !is_argument(self.kernel.syscalls().iter(), name) {
                    return argument;
                }
                let args: Vec<&str> = argument_names(call).into_iter().map(|(name, _)| name).collect();
                self.report(
                    Diagnostic::error("unknown-variable", span, format!("`syscall.{}` has no `{name}`", call.name))
                        .with_note(format!("its arguments are {}", args.join(", "))),
                );
                return Some(Typed::unknown(span));
            }
        };
        Some(Typed::new(offered))
    }

    /// An argument by its kernel name or its customary one: a path as a quoted string, anything else as a number. `x_unquoted` is
    /// the path as it is, `x_uaddr` the address, `x_str` what `argstr` says of it.
    fn offered_argument(&mut self, scope: &Scope<'a>, call: &'static Syscall, name: &str, span: Span) -> Option<Typed> {
        let meaning = customary::meaning(call, name);
        let form = match meaning {
            Some(Meaning::Number(number)) => return Some(Typed::new(build::long(span, number))),
            Some(Meaning::Text(text)) => return Some(Typed::new(build::text(span, text))),
            Some(Meaning::Made { function, of }) => {
                let mut args = vec![];
                for part in of.split(',') {
                    args.push(match part.parse() {
                        Ok(number) => build::long(span, number),
                        Err(_) => self.formed(call, form(call, part)?, span)?.expr,
                    });
                }
                return Some(self.call_of_library(scope, span, function, args));
            }
            Some(Meaning::Name(other)) => form(call, other)?,
            None => form(call, name)?,
        };
        self.formed(call, form, span)
    }

    fn formed(&mut self, call: &'static Syscall, (index, form): (usize, Form), span: Span) -> Option<Typed> {
        let arg = call.args.get(index)?;
        let Some(value) = self.register(span, Register::Argument(index)) else { return Some(Typed::unknown(span)) };
        // SystemTap's tapset gives these as an `int`, whatever the kernel declares: -1 and AT_FDCWD show as such.
        let int = matches!(arg.kind, ArgKind::Fd | ArgKind::Pid | ArgKind::Uid | ArgKind::Gid | ArgKind::Signal);
        let (bits, signed) = if int { (32, true) } else { arg.width() };
        let value = build::extend(span, value, bits, signed);
        let text = |value| build::read_text(span, value, Space::User, Some(""));
        Some(Typed::new(match form {
            Form::Value => value,
            Form::Unquoted => text(value),
            Form::Quoted => build::quoted(span, text(value)),
            Form::Notation => {
                let number = build::long(span, i64::from(call.number));
                let of = vec![number, build::long(span, index as i64), value];
                build::expr(span, Type::Text, ExprKind::Intrinsic(Intrinsic::SyscallArgument, of))
            }
        }))
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
            if !self.succeeds(|this| offered = this.offer(scope, &facts, name, span)) {
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
    let offers = |call: &'static Syscall| customary::meaning(call, name).is_some() || form(call, name).is_some();
    !OF_EVERY_CALL.contains(&name) && calls.any(offers)
}

/// What of an argument a name asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The number, or the address.
    Value,
    /// What it points to, quoted.
    Quoted,
    /// What it points to, as it is.
    Unquoted,
    /// What `argstr` says of it.
    Notation,
}

/// Which argument a name with its suffix asks for, and what of it.
pub(super) fn form(call: &Syscall, name: &str) -> Option<(usize, Form)> {
    let find = |name: &str| {
        let own = |name: &str| call.args.iter().position(|arg| arg.name == name);
        let index = own(name).or_else(|| match customary::meaning(call, name)? {
            Meaning::Name(base) => own(base),
            _ => None,
        })?;
        Some((index, call.args.get(index)?.kind == ArgKind::UserString))
    };
    let whole = |(index, is_text)| (index, if is_text { Form::Quoted } else { Form::Value });
    // A name of its own comes before one with a suffix.
    if let Some(index) = call.args.iter().position(|arg| arg.name == name) {
        return Some(whole((index, call.args.get(index)?.kind == ArgKind::UserString)));
    }
    let text = |(index, is_text): (usize, bool), form| is_text.then_some((index, form));
    if let Some(base) = name.strip_suffix("_uaddr") {
        let (index, _) = find(base)?;
        let arg = call.args.get(index)?;
        let is_address = arg.c_type.contains('*') || matches!(arg.kind, ArgKind::Pointer | ArgKind::UserStrings);
        return is_address.then_some((index, Form::Value));
    }
    if let Some(base) = name.strip_suffix("_str_unquoted").or_else(|| name.strip_suffix("_unquoted")) {
        return find(base).and_then(|found| text(found, Form::Unquoted));
    }
    if let Some(base) = name.strip_suffix("_str") {
        let (index, is_text) = find(base)?;
        return Some((index, if is_text { Form::Quoted } else { Form::Notation }));
    }
    find(name).map(whole)
}

/// The names of what a call offers of its arguments, with their types: the kernel's, then customary ones.
pub(crate) fn argument_names(call: &'static Syscall) -> Vec<(&'static str, Type)> {
    let own = call.args.iter().map(|arg| arg.name).filter(|name| customary::meaning(call, name).is_none());
    let all = own.chain(customary::of(call).iter().map(|(name, _)| *name)).filter(|name| !OF_EVERY_CALL.contains(name));
    let ty = |name: &str| match customary::meaning(call, name) {
        Some(Meaning::Number(_)) => Type::Long,
        Some(Meaning::Made { function, .. }) if function.ends_with("_long") => Type::Long,
        Some(Meaning::Text(_) | Meaning::Made { .. }) => Type::Text,
        meaning => {
            let asked = if let Some(Meaning::Name(other)) = meaning { other } else { name };
            if form(call, asked).is_some_and(|(_, form)| form == Form::Value) { Type::Long } else { Type::Text }
        }
    };
    all.map(|name| (name, ty(name))).collect()
}
