//! Where a chain starts: `$name` of a tracepoint or a system call, and the summaries `$$vars`, `$$parms`, `$$name`.

use super::place::Located;
use super::{CType, member};
use crate::build::{self, Load};
use crate::check::Typed;
use crate::elaboration::Elaboration;
use crate::registers;
use crate::scope::{EventFacts, FunctionFacts, OfferedValue, Registers, Scope, SyscallFacts};
use systap_diagnostics::{Diagnostic, Span, nearest};
use systap_ir::format::{Conversion, ConversionKind, Format, Piece};
use systap_ir::program::{Expr, ExprKind, Space, Type, Width};
use systap_kernel::btf::Type as Btf;
use systap_kernel::syscall::{Syscall, SyscallArg};
use systap_kernel::{Arch, Kind, Param};
use systap_syntax::ast::{Name, Target};

/// The members of `struct pt_regs` that hold the arguments of a system call, in order, and its number
/// (`arch/x86/entry/calling.h`, `arch/x86/include/asm/syscall.h`).
const X86_64_ARGUMENTS: [&str; 6] = ["di", "si", "dx", "r10", "r8", "r9"];
const X86_64_NUMBER: &str = "orig_ax";

/// The members of `struct pt_regs` by DWARF's numbers of registers (System V ABI, AMD64 supplement, figure 3.36).
const X86_64_DWARF: [&str; 17] =
    ["ax", "dx", "cx", "bx", "si", "di", "bp", "sp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "ip"];

/// The places of the same among the words of `struct pt_regs` (arch/x86/include/asm/ptrace.h).
const X86_64_WORDS: [u32; 17] = [10, 12, 11, 5, 13, 14, 4, 19, 9, 8, 7, 6, 3, 2, 1, 0, 16];

/// The calls after which the registers are another program's, or another moment's.
const CLOBBERED: [&str; 3] = ["execve", "execveat", "rt_sigreturn"];

/// Which register of a system call.
#[derive(Clone, Copy, Debug)]
pub(super) enum Register {
    Argument(usize),
    Number,
    /// By its name in `struct pt_regs`.
    Named(&'static str),
}

/// Where a register is in `struct pt_regs`, in bytes.
fn register_offset(this: &mut Elaboration<'_>, span: Span, register: Register) -> Option<i64> {
    let name = match (this.kernel.arch(), register) {
        (Arch::X86_64, Register::Argument(index)) => *X86_64_ARGUMENTS.get(index)?,
        (Arch::X86_64, Register::Number) => X86_64_NUMBER,
        (Arch::X86_64, Register::Named(name)) => name,
        (arch, _) => {
            let message = format!("where {arch} has the arguments of system calls is not known");
            this.report(Diagnostic::error("kernel-facts", span, message));
            return None;
        }
    };
    let registers = this.struct_named(span, "pt_regs")?;
    let btf = this.btf(span)?;
    let found = this.known(span, btf.member(registers, name))?;
    if found.is_none() {
        let message = format!("`struct pt_regs` of this kernel has no `{name}`");
        this.report(Diagnostic::error("kernel-facts", span, message));
    }
    found.map(|found| i64::from(found.bit_offset / 8))
}

impl<'a> Elaboration<'a> {
    /// `$$name` and its like: strings that are known or made of all variables. `None` for any other variable.
    pub(super) fn summary(&mut self, scope: &mut Scope<'a>, name: &'a Name, target: &'a Target) -> Option<Typed> {
        let word = name.text.strip_prefix("$$")?;
        let span = name.span;
        let facts = scope.event()?;
        let summary = match (word, &facts.event) {
            ("name", EventFacts::Tracepoint { tracepoint, .. }) => build::text(span, tracepoint.name.as_str()),
            ("system", EventFacts::Tracepoint { subsystem: Some(subsystem), .. }) => {
                build::text(span, subsystem.as_str())
            }
            // Where nobody may look it up, it stays unsaid.
            ("system", EventFacts::Tracepoint { tracepoint, .. }) => {
                let found = self.kernel.subsystem_of(&tracepoint.name).ok().flatten();
                build::text(span, found.unwrap_or_default().as_str())
            }
            ("vars" | "parms", EventFacts::Tracepoint { tracepoint, .. }) => {
                self.all_params(span, &tracepoint.params, target.pretty)?
            }
            ("vars" | "parms", EventFacts::Syscall(SyscallFacts { calls: Some(calls), .. })) if calls.len() == 1 => {
                self.all_arguments(span, calls[0])?
            }
            ("return", EventFacts::Syscall(SyscallFacts { returns: true, .. })) => {
                let returned = build::expr(span, Type::Long, argument(1, false));
                let mut pieces = vec![Piece::Text(b"return=".to_vec())];
                pieces.extend(hexadecimal());
                build::expr(span, Type::Text, ExprKind::Format(Format { pieces }, vec![returned]))
            }
            ("vars" | "parms", EventFacts::Function(function)) => {
                self.all_params(span, &function.params, target.pretty)?
            }
            ("return", EventFacts::Function(FunctionFacts { params, returned: Some(returned) })) => {
                self.summed(span, params.len(), std::slice::from_ref(returned), target.pretty)?
            }
            ("return" | "locals", EventFacts::Function(_)) => build::text(span, ""),
            ("vars" | "parms", EventFacts::Values(values)) => all_values(span, values),
            ("locals", EventFacts::Tracepoint { .. } | EventFacts::Syscall(_)) => build::text(span, ""),
            _ => return None,
        };
        if !target.path.is_empty() || target.address {
            let message = format!("`{}` is a string, and has no parts", name.text);
            self.report(Diagnostic::error("not-a-struct", span, message));
            return Some(Typed::unknown(span));
        }
        Some(Typed::new(summary))
    }

    fn all_params(&mut self, span: Span, params: &[Param], pretty: u8) -> Option<Expr> {
        self.summed(span, 0, params, pretty)
    }

    /// Parameters and their values, the first of them in that word of the event's arguments.
    fn summed(&mut self, span: Span, first: usize, params: &[Param], pretty: u8) -> Option<Expr> {
        let (mut pieces, mut operands) = (vec![], vec![]);
        for (index, param) in (first..).zip(params).filter(|(_, param)| !param.name.is_empty()) {
            let blank = if index > first { " " } else { "" };
            pieces.push(Piece::Text(format!("{blank}{}=", param.name).into_bytes()));
            let mut value = None;
            self.succeeds(|this| value = this.param(span, index, param));
            match value {
                Some(located) if pretty > 0 => {
                    let shown = self.pretty(span, located, pretty > 1)?;
                    pieces.push(build::plain(ConversionKind::Text));
                    operands.push(shown);
                }
                Some(located) => {
                    operands.push(self.read(span, located)?.expr);
                    pieces.extend(hexadecimal());
                }
                None => pieces.push(Piece::Text(b"?".to_vec())),
            }
        }
        Some(build::expr(span, Type::Text, ExprKind::Format(Format { pieces }, operands)))
    }

    fn all_arguments(&mut self, span: Span, call: &Syscall) -> Option<Expr> {
        let (mut pieces, mut operands) = (vec![], vec![]);
        for (index, arg) in call.args.iter().enumerate() {
            let blank = if index > 0 { " " } else { "" };
            pieces.push(Piece::Text(format!("{blank}{}=", arg.name).into_bytes()));
            pieces.extend(hexadecimal());
            operands.push(self.syscall_argument(span, index, arg)?);
        }
        Some(build::expr(span, Type::Text, ExprKind::Format(Format { pieces }, operands)))
    }

    /// The value of `$name`. `plain`: nothing follows it, so that what it points to hardly matters.
    pub(super) fn variable(&mut self, scope: &mut Scope<'a>, name: &'a Name, plain: bool) -> Option<Located> {
        let span = name.span;
        let Some(facts) = scope.event() else {
            let message = format!("`{}` is only known in a handler, or in a function that a handler calls", name.text);
            self.report(Diagnostic::error("outside-a-handler", span, message));
            return None;
        };
        let word = name.text.trim_start_matches('$');
        let single_dollar = name.text.len() == word.len() + 1;
        let known: Vec<String> = match &facts.event {
            EventFacts::Tracepoint { tracepoint, .. } => {
                let params = &tracepoint.params;
                if let Some(index) = params.iter().position(|param| single_dollar && param.name == word) {
                    return self.param(span, index, &params[index]);
                }
                // `kernel.tracepoint` has them by their places.
                let place = word.strip_prefix("arg").and_then(|place| place.parse::<usize>().ok());
                if let Some(place) = place.filter(|_| single_dollar && facts.point.starts_with("kernel.tracepoint"))
                    && let Some((index, param)) =
                        place.checked_sub(1).and_then(|index| Some((index, params.get(index)?)))
                {
                    return self.param(span, index, param);
                }
                params.iter().map(|param| format!("${}", param.name)).collect()
            }
            EventFacts::Syscall(facts) => {
                if single_dollar && word == "return" && facts.returns {
                    return self.number(span, build::expr(span, Type::Long, argument(1, false)));
                }
                let call = facts.single();
                let args = call.map_or(&[][..], |call| call.args);
                if let Some(index) = args.iter().position(|arg| single_dollar && arg.name == word) {
                    let arg = &args[index];
                    if facts.returns && call.is_some_and(|call| CLOBBERED.contains(&call.name)) {
                        let entered = self.kept_since_entry(scope, span, |this, _| {
                            let value = this.syscall_argument(span, index, arg);
                            value.map_or_else(|| Typed::unknown(span), Typed::new)
                        });
                        return self.syscall_value(span, entered.expr, arg, plain);
                    }
                    let value = self.syscall_argument(span, index, arg)?;
                    return self.syscall_value(span, value, arg, plain);
                }
                let mut known: Vec<String> = args.iter().map(|arg| format!("${}", arg.name)).collect();
                if facts.returns {
                    known.push("$return".into());
                }
                known
            }
            EventFacts::Function(FunctionFacts { params, returned }) => {
                let named = params.iter().chain(returned).enumerate().filter(|(_, param)| !param.name.is_empty());
                let mut named = named.map(|(index, param)| (index, param, format!("${}", param.name)));
                if let Some((index, param, _)) = named.clone().find(|(.., dollared)| *dollared == name.text) {
                    return self.param(span, index, param);
                }
                named.by_ref().map(|(.., dollared)| dollared).collect()
            }
            EventFacts::Values(values) => {
                if let Some(found) = values.iter().find(|value| value.name == name.text) {
                    let expr = Expr { span, ..found.value.clone() };
                    return match found.pointee {
                        Some(ty) => {
                            let ty = CType::PointerTo(ty);
                            Some(Located::Value { expr, ty, typed: false, space: Space::Kernel })
                        }
                        None => self.number(span, expr),
                    };
                }
                values.iter().map(|value| value.name.clone()).filter(|name| name.starts_with('$')).collect()
            }
            EventFacts::Plain | EventFacts::Foreign => vec![],
        };
        // The enumerators of the source are among its variables.
        if single_dollar && !known.is_empty() && word.bytes().all(|byte| !byte.is_ascii_lowercase()) {
            let btf = self.btf(span)?;
            if let Some((_, found)) = self.known(span, btf.enumerator(word))? {
                return self.number(span, build::long(span, found.value));
            }
        }
        let point = &facts.point;
        let finding = Diagnostic::error("unknown-target-variable", span, format!("`{point}` has no `{}`", name.text));
        let near = nearest(&name.text, known.iter().map(String::as_str));
        self.report(match (near, known.as_slice()) {
            (Some(near), _) => {
                finding.with_label(format!("did you mean `{near}`?")).with_note(format!("it has {}", known.join(", ")))
            }
            (None, []) => finding.with_note("it has no target variables"),
            (None, known) => finding.with_note(format!("it has {}", known.join(", "))),
        });
        None
    }

    /// An argument of a tracepoint.
    fn param(&mut self, span: Span, index: usize, param: &Param) -> Option<Located> {
        let btf = self.btf(span)?;
        let (_, ty) = self.known(span, btf.get_resolved(param.ty))?;
        let index = index as u32;
        let raw = |pointer| build::expr(span, Type::Long, ExprKind::Argument { index, pointer });
        let (expr, typed, space) = match ty {
            Btf::Ptr(pointee) => {
                let tags = self.known(span, member::tags(btf, pointee))?;
                let (_, target) = self.known(span, btf.get_resolved(pointee))?;
                let composite = matches!(target, Btf::Struct { .. } | Btf::Union { .. });
                let pointer = composite && !tags.user && !tags.percpu;
                (raw(pointer), pointer, if tags.user { Space::User } else { Space::Kernel })
            }
            Btf::Int { size, signed, .. } | Btf::Enum { size, signed, .. } | Btf::Enum64 { size, signed, .. }
                if size <= 8 =>
            {
                (build::extend(span, raw(false), (size * 8) as u8, signed), false, Space::Kernel)
            }
            _ => {
                let message = format!("`${}` is a `{}`, and no number", param.name, btf.describe(param.ty));
                self.report(Diagnostic::error("not-a-number", span, message));
                return None;
            }
        };
        Some(Located::Value { expr, ty: CType::Id(param.ty), typed, space })
    }

    /// An argument's value with its C type: that of a pointer, if it matters, with what it points to.
    fn syscall_value(&mut self, span: Span, value: Expr, arg: &SyscallArg, plain: bool) -> Option<Located> {
        let composite = arg.c_type.contains("struct ") || arg.c_type.contains("union ");
        if !arg.c_type.contains('*') || (plain && !composite) {
            return self.number(span, value);
        }
        let mut pointee = None;
        // That this kernel does not have the type is only an error if something is asked of it.
        let known = self.succeeds(|this| pointee = this.pointee_named(span, arg.c_type.as_bytes()));
        if !known && plain {
            return self.number(span, value);
        }
        if !known {
            pointee = self.pointee_named(span, arg.c_type.as_bytes());
        }
        Some(Located::Value { expr: value, ty: CType::PointerTo(pointee?), typed: false, space: Space::User })
    }

    /// An argument of a system call, cut to its C type.
    pub(super) fn syscall_argument(&mut self, span: Span, index: usize, arg: &SyscallArg) -> Option<Expr> {
        let register = self.register(span, Register::Argument(index))?;
        let (bits, signed) = arg.width();
        Some(build::extend(span, register, bits, signed))
    }

    /// A register of the call, from the `struct pt_regs` that both events have as argument 0.
    pub(super) fn register(&mut self, span: Span, register: Register) -> Option<Expr> {
        let offset = register_offset(self, span, register)?;
        let registers = build::expr(span, Type::Long, argument(0, true));
        let load = Load { offset, width: Width::W8, signed: false, space: Space::Kernel, typed: true };
        Some(build::load(span, registers, load))
    }

    /// A register by DWARF's number: of the user's program, or of the kernel at the place of the event.
    pub(crate) fn dwarf_register(&mut self, scope: &Scope<'a>, span: Span, number: i64, user: bool) -> Option<Expr> {
        let name = usize::try_from(number).ok().and_then(|number| X86_64_DWARF.get(number).copied());
        let Some(name) = name.filter(|_| self.kernel.arch() == Arch::X86_64) else {
            let message = format!("there is no register {number} on {}", self.kernel.arch());
            self.report(Diagnostic::error("unknown-register", span, message));
            return None;
        };
        let word = usize::try_from(number).ok().and_then(|number| X86_64_WORDS.get(number).copied());
        let known = match registers::source(scope) {
            Registers::User => user,
            Registers::Kernel => !user,
            // What was interrupted may be either.
            Registers::Interrupted => true,
            Registers::SystemCall | Registers::None | Registers::Arguments => false,
        };
        if let Some(index) = word.filter(|_| known) {
            return Some(build::expr(span, Type::Long, argument(index, false)));
        }
        let facts = scope.event();
        if user && facts.as_ref().is_some_and(|facts| matches!(facts.event, EventFacts::Syscall(_))) {
            return self.register(span, Register::Named(name));
        }
        let point = facts.map_or("a function".to_string(), |facts| format!("`{}`", facts.point));
        let message = if user {
            format!("the registers of the user's program are not known in {point}")
        } else {
            format!("the registers of the kernel are not known in {point}")
        };
        let finding = Diagnostic::error("no-registers", span, message);
        self.report(finding.with_note(if user {
            "they are known in handlers of system calls, of a program's code and of perf events"
        } else {
            "they are known in handlers of kprobes and of perf events"
        }));
        None
    }

    /// A number whose C type does not matter.
    fn number(&mut self, span: Span, expr: Expr) -> Option<Located> {
        let btf = self.btf(span)?;
        // Compilers differ in what they call it.
        let names = [(Kind::Int, "long"), (Kind::Int, "long int")];
        let long = self.known(span, btf.find_many(&names))?.into_iter().flatten().next();
        let ty = CType::Id(long.unwrap_or(systap_kernel::TypeId::VOID));
        Some(Located::Value { expr, ty, typed: false, space: Space::User })
    }
}

pub(super) fn argument(index: u32, pointer: bool) -> ExprKind {
    ExprKind::Argument { index, pointer }
}

/// All values that are numbers, by their names without dollar.
fn all_values(span: Span, values: &[OfferedValue]) -> Expr {
    let (mut pieces, mut operands) = (vec![], vec![]);
    for each in values.iter().filter(|each| each.value.ty == Type::Long && each.name.starts_with('$')) {
        let blank = if operands.is_empty() { "" } else { " " };
        pieces.push(Piece::Text(format!("{blank}{}=", each.name.trim_start_matches('$')).into_bytes()));
        pieces.extend(hexadecimal());
        operands.push(each.value.clone());
    }
    build::expr(span, Type::Text, ExprKind::Format(Format { pieces }, operands))
}

/// `0x%x`
fn hexadecimal() -> [Piece; 2] {
    [Piece::Text(b"0x".to_vec()), Piece::Conversion(Conversion::plain(ConversionKind::Hex))]
}
