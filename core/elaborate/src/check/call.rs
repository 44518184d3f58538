//! Calls: of the output family, of the script's functions, of built-in ones, of the library's.

use super::function::Overloads;
use super::{Typed, count};
use crate::autocast::Holder;
use crate::build::{self, Load};
use crate::builtin::{self, Builtin};
use crate::elaboration::Elaboration;
use crate::guru::{self, Forbidden};
use crate::scope::{Registers, Scope, Site};
use crate::standing::Standing;
use crate::target::Pointer;
use crate::types::Ty;
use std::sync::Arc;
use systap_diagnostics::{Diagnostic, Span};
use systap_ir::format::{ConversionKind, Format, Piece};
use systap_ir::intrinsic::{Context, Intrinsic};
use systap_ir::program::{BinaryOp, Expr, ExprKind, ReadText, Space, Type};
use systap_syntax::ast;

impl<'a> Elaboration<'a> {
    pub(super) fn call(
        &mut self,
        scope: &mut Scope<'a>,
        span: Span,
        function: &'a ast::Name,
        args: &'a [ast::Expr],
        used: bool,
    ) -> Typed {
        if matches!(scope.site, Site::Condition) {
            let message = "a probe point's condition can only ask globals, not call functions";
            self.report(Diagnostic::error("call-in-condition", span, message));
            return Typed::unknown(span);
        }
        let name = function.text.as_str();
        if let Some(output) = super::print::output(name) {
            return self.output(scope, span, function, output, args);
        }
        let Overloads { functions: overloads, last } = self.overloads(name, args.len());
        if !self.guru
            && guru::is_allowed_only(name)
            && self.names.in_script(span)
            && overloads.iter().all(|declared| self.names.in_library(declared.name.span))
        {
            let finding = Diagnostic::error("needs-guru", function.span, format!("`{name}` is for guru mode only"));
            self.report(finding.with_help("run with -g, if you know what it does"));
        }
        if !overloads.is_empty() {
            return self.call_declared(scope, span, (&overloads, last), args, used);
        }
        if let Some(builtin) = last {
            return self.call_builtin(scope, span, function, builtin, args);
        }
        self.read_library(name);
        let overloads = self.names.overloads(name, args.len());
        if !overloads.is_empty() {
            return self.call_declared(scope, span, (&overloads, None), args, used);
        }
        if let Some(forbidden) = guru::find(name, args.len()) {
            return self.call_forbidden(scope, span, function, forbidden, args);
        }
        // Only for their own errors.
        for arg in args {
            self.value(scope, arg);
        }
        self.unknown_function(function, span, args.len());
        Typed::unknown(span)
    }

    /// A call of what cannot be had.
    fn call_forbidden(
        &mut self,
        scope: &mut Scope<'a>,
        span: Span,
        function: &'a ast::Name,
        forbidden: Forbidden,
        args: &'a [ast::Expr],
    ) -> Typed {
        let name = function.text.as_str();
        for (index, (arg, wanted)) in args.iter().zip(forbidden.params).enumerate() {
            let typed = self.value(scope, arg);
            self.expect(&typed, Ty::Known(*wanted), || format!("argument {} of `{name}`", index + 1));
        }
        self.report(if !self.guru && self.names.in_script(span) {
            Diagnostic::error("needs-guru", function.span, format!("`{name}` is for guru mode only"))
                .with_note(format!("`{name}` {}", forbidden.why))
        } else {
            Diagnostic::error("needs-module-runtime", function.span, format!("`{name}` {}", forbidden.why))
                .with_help("observe here, and make the change with a tool of its own")
        });
        Typed::void(build::long(span, 0))
    }

    fn unknown_function(&mut self, function: &ast::Name, span: Span, given: usize) {
        let name = function.text.as_str();
        let mut arities = builtin::arities(name);
        arities.extend(self.names.functions(name).iter().map(|declared| declared.params.len()));
        if arities.is_empty() {
            let finding =
                Diagnostic::error("unknown-function", function.span, format!("there is no function `{name}`"));
            if let Some(why) = self.names.why_refused(name) {
                return self.report(finding.with_note(why));
            }
            if let Some(instead) = crate::dropped::instead_of(name) {
                return self.report(finding.with_help(instead));
            }
            let mut known: Vec<&str> = builtin::names().chain(crate::library::names()).collect();
            known.extend(systap_syntax::format::OUTPUT);
            let declared: Vec<&str> = self.names.function_names().collect();
            known.extend(declared.iter().map(|name| &**name));
            return self.report_unknown(finding, name, known);
        }
        arities.sort_unstable();
        arities.dedup();
        let last = arities.pop().unwrap_or_default();
        let mut takes = arities.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
        if !takes.is_empty() {
            takes.push_str(" or ");
        }
        let message = format!("`{name}` takes {takes}{}, and here are {given}", count(last, "argument"));
        let mut finding = Diagnostic::error("argument-count", span, message);
        if let Some(declared) = self.names.functions(name).first()
            && !self.names.in_library(declared.name.span)
        {
            finding = finding.with_secondary(declared.name.span, "defined here");
        }
        self.report(finding);
    }

    fn call_declared(
        &mut self,
        scope: &mut Scope<'a>,
        span: Span,
        (functions, last): (&[&'a ast::Function], Option<Builtin>),
        args: &'a [ast::Expr],
        used: bool,
    ) -> Typed {
        if self.standing == Standing::Dead {
            // What only such code calls, nothing calls.
            args.iter().for_each(|arg| drop(self.value(scope, arg)));
            return Typed::unknown(span);
        }
        let Some(id) = self.call_target(functions, last, scope) else { return Typed::unknown(span) };
        let mut given = Vec::with_capacity(args.len());
        for (index, arg) in args.iter().enumerate() {
            let typed = self.value(scope, arg);
            let state = &self.functions[id.0 as usize];
            let (wanted, name) = (state.params[index], &state.declaration.name.text);
            self.expect(&typed, wanted, || format!("argument {} of `{name}`", index + 1));
            self.autocast.give(Holder::Param(name.clone(), args.len(), index), typed.pointer);
            given.push(typed.expr);
        }
        if used {
            self.needs_value(id, span);
        }
        self.calls(scope, id, span);
        let call = build::expr(span, Type::Long, ExprKind::Call(id, given));
        let state = &self.functions[id.0 as usize];
        let returned = Holder::Returns(state.declaration.name.text.clone(), args.len());
        Typed::of(call, state.returns).pointing(self.autocast.ask(returned))
    }

    /// A call of a function of the library whose arguments are made already and have its types.
    pub(crate) fn call_of_library(&mut self, scope: &Scope<'a>, span: Span, name: &str, args: Vec<Expr>) -> Typed {
        self.read_library(name);
        let overloads = self.names.overloads(name, args.len());
        let Some(id) = self.call_target(&overloads, None, scope) else { return Typed::unknown(span) };
        self.needs_value(id, span);
        self.calls(scope, id, span);
        let call = build::expr(span, Type::Long, ExprKind::Call(id, args));
        Typed::of(call, self.functions[id.0 as usize].returns)
    }

    fn call_builtin(
        &mut self,
        scope: &mut Scope<'a>,
        span: Span,
        function: &'a ast::Name,
        builtin: Builtin,
        args: &'a [ast::Expr],
    ) -> Typed {
        let mut given = Vec::with_capacity(args.len());
        for (index, (arg, wanted)) in args.iter().zip(builtin.params()).enumerate() {
            let typed = self.value(scope, arg);
            self.expect(&typed, Ty::Known(*wanted), || format!("argument {} of `{}`", index + 1, function.text));
            given.push(typed.expr);
        }
        self.builtin(scope, span, builtin, given)
    }

    /// A call of a built-in function whose arguments are made already and have its types.
    pub(super) fn builtin(&mut self, scope: &Scope<'a>, span: Span, builtin: Builtin, given: Vec<Expr>) -> Typed {
        let mut given = given.into_iter();
        let mut next = || given.next().unwrap_or_else(|| build::long(span, 0));
        let context = |context: Context| build::expr(span, context.ty(), ExprKind::Context(context));
        let scaled = |fact: Context, by: i64| match by {
            1 => context(fact),
            _ => build::binary(span, BinaryOp::Divide, context(fact), build::long(span, by)),
        };
        let expr = match builtin {
            Builtin::Context(fact) => {
                let pointer = (fact == Context::TaskCurrent).then(|| self.task_pointer(span)).flatten();
                return Typed { pointer, ..Typed::new(context(fact)) };
            }
            Builtin::Scaled(fact, by) | Builtin::ScaledOfCpu(fact, by) => scaled(fact, by),
            Builtin::Intrinsic(intrinsic) => {
                let args = (0..intrinsic.signature().params.len()).map(|_| next()).collect();
                return run(span, intrinsic, args);
            }
            Builtin::Read(space, width, signed) => {
                build::load(span, next(), Load { offset: 0, width, signed, space, typed: false })
            }
            Builtin::Readable(space, width) => {
                build::expr(span, Type::Long, ExprKind::Readable { base: Box::new(next()), width, space })
            }
            Builtin::Text { space, limited, fallback } => {
                let (address, limit, fallback) =
                    (next(), limited.then(&mut next), if fallback { Some(next()) } else { None });
                let read = ReadText { address, limit, space, fallback };
                build::expr(span, Type::Text, ExprKind::ReadText(Box::new(read)))
            }
            Builtin::CtimeNow => return run(span, Intrinsic::Ctime, vec![scaled(Context::RealtimeNs, 1_000_000_000)]),
            Builtin::Log => return line(span, next(), true),
            Builtin::PrintBacktrace => {
                return line(span, run(span, Intrinsic::StackText, vec![context(Context::Stack)]).expr, false);
            }
            Builtin::PrintStack => return line(span, run(span, Intrinsic::StackText, vec![next()]).expr, false),
            Builtin::OfProcess(intrinsic) => return run(span, intrinsic, vec![next(), context(Context::Pid)]),
            Builtin::PrintUserStack => {
                let text = run(span, Intrinsic::UserStackText, vec![next(), context(Context::Pid)]);
                return line(span, text.expr, false);
            }
            Builtin::IsReturn => build::long(span, scope.event().is_some_and(|facts| facts.returns).into()),
            Builtin::Registers => build::long(span, crate::registers::source(scope) as i64),
            Builtin::Register => self.register_at(scope, span, &next()),
            Builtin::EventArgument => self.argument_at(scope, span, &next()),
            Builtin::Hertz => build::long(span, self.hz.into()),
            Builtin::ProbeType | Builtin::Pp | Builtin::Pn | Builtin::PointFunction => {
                return self.of_the_point(scope, span, builtin);
            }
            Builtin::AtFunction => {
                let registers = scope.event().map(|facts| facts.registers);
                let within = matches!(registers, Some(Registers::Kernel | Registers::Arguments));
                build::long(span, within.into())
            }
        };
        Typed::new(expr)
    }

    /// `pp()`, `pn()`, `ppfunc()`, `probe_type()`: texts that are known now, or by the number of the point that fires.
    fn of_the_point(&mut self, scope: &Scope<'a>, span: Span, which: Builtin) -> Typed {
        let Some(facts) = scope.event() else {
            let name = match which {
                Builtin::Pp => "pp",
                Builtin::Pn => "pn",
                Builtin::ProbeType => "probe_type",
                _ => "ppfunc",
            };
            self.report(Diagnostic::error(
                "outside-a-handler",
                span,
                format!("`{name}()` is only known in a handler, or in a function that a handler calls"),
            ));
            return Typed::unknown(span);
        };
        let known = match which {
            Builtin::Pn => facts.name.as_str(),
            Builtin::Pp => facts.point.as_str(),
            Builtin::ProbeType => facts.mechanism,
            _ => function_of(&facts.point),
        };
        let by_member = matches!(which, Builtin::Pp | Builtin::PointFunction);
        let Some(members) = facts.members.as_ref().filter(|_| by_member) else {
            return Typed::new(build::text(span, known));
        };
        let texts = if which == Builtin::Pp { &members.points } else { &members.functions };
        let index = build::expr(span, Type::Long, ExprKind::Context(Context::Member));
        let kind = ExprKind::Pick { texts: Arc::clone(texts), index: Box::new(index) };
        Typed::new(build::expr(span, Type::Text, kind))
    }

    /// The type of `task_current()`, if the kernel tells types; not an error otherwise, since few look behind it.
    fn task_pointer(&mut self, span: Span) -> Option<Pointer> {
        let mut found = None;
        self.succeeds(|this| found = this.struct_named(span, "task_struct"));
        found.map(|to| Pointer { to, space: Space::Kernel })
    }
}

/// The function in a probe point's text, without the source file that may follow it; "" if it names none.
pub(crate) fn function_of(point: &str) -> &str {
    let named = ["function(\"", "statement(\"", "inline(\""].iter().find_map(|word| point.split_once(word));
    named.map_or("", |(_, rest)| rest.split(['"', '@']).next().unwrap_or_default())
}

fn run(span: Span, intrinsic: Intrinsic, args: Vec<Expr>) -> Typed {
    let kind = ExprKind::Intrinsic(intrinsic, args);
    match intrinsic.signature().returns {
        Some(ty) => Typed::new(build::expr(span, ty, kind)),
        None => Typed::void(build::expr(span, Type::Long, kind)),
    }
}

/// Output of a string, perhaps with a newline.
fn line(span: Span, text: Expr, newline: bool) -> Typed {
    let mut pieces = vec![build::plain(ConversionKind::Text)];
    if newline {
        pieces.push(Piece::Text(b"\n".to_vec()));
    }
    Typed::void(build::expr(span, Type::Long, ExprKind::Print(Format { pieces }, vec![text])))
}
