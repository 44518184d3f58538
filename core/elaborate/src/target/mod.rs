//! Target variables and typed views: from `$prev->mm->owner` to loads at offsets, by the kernel's BTF.
//!
//! - `place`: a chain of members and indexes, one step at a time.
//! - `variable`: where a chain starts, for each kind of event.
//! - `entry`: `@entry`, which is about an earlier event.
//! - `global_variable`: `@var`.
//! - `offered`: the variables that a system call's point offers by plain name.
//! - `pretty`: `$x$` and `$x$$`.
//! - `type_name`: C types as scripts name them.
//!
//! Must never call a load typed that the kernel's verifier would not follow: what has been through a union, arithmetic
//! or a variable is read by a checked copy instead.

mod customary;
mod entry;
mod global_variable;
mod member;
mod offered;
mod place;
mod pretty;
mod type_name;
mod variable;

use crate::autocast::Holder;
use crate::build;
use crate::check::Typed;
use crate::elaboration::Elaboration;
use crate::scope::{EventFacts, Scope};
use place::Located;
use systap_diagnostics::{Diagnostic, Span};
use systap_ir::intrinsic::Context;
use systap_ir::program::{ExprKind, LocalId, Place, Space, Type};
use systap_kernel::btf::Type as Btf;
use systap_kernel::{BtfError, Kind, TypeId};
use systap_syntax::ast::{self, Name, Target, TargetBase};

pub(crate) use entry::Companion;
pub(crate) use offered::{argument_names, is_argument};

/// What a value points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pointer {
    /// The C type of it.
    pub(crate) to: TypeId,
    /// Whose memory it is in.
    pub(crate) space: Space,
}

/// A C type of the kernel's, or a pointer to one that BTF need not have as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CType {
    /// That type.
    Id(TypeId),
    /// A pointer to that type.
    PointerTo(TypeId),
}

impl<'a> Elaboration<'a> {
    /// The value of a target expression.
    pub(crate) fn target(&mut self, scope: &mut Scope<'a>, span: Span, target: &'a Target) -> Typed {
        if !self.skip_badvars || self.trials > 0 || !matches!(target.base, TargetBase::Variable(_)) {
            return self.target_as_it_is(scope, span, target);
        }
        let locals = scope.locals.len();
        let mut found = None;
        if self.succeeds(|this| found = Some(this.target_as_it_is(scope, span, target))) {
            // A trial keeps nothing for good, such as what `@entry` keeps.
            scope.truncate(locals);
            return self.target_as_it_is(scope, span, target);
        }
        scope.truncate(locals);
        Typed::new(if target.pretty > 0 { build::text(span, "") } else { build::long(span, 0) })
    }

    fn target_as_it_is(&mut self, scope: &mut Scope<'a>, span: Span, target: &'a Target) -> Typed {
        if let TargetBase::Variable(name) = &target.base
            && let Some(typed) = self.offered_text(scope, name, target)
        {
            return typed;
        }
        // What another language has under the name, as that language shows it.
        if let TargetBase::Variable(_) = &target.base
            && scope.event().is_some_and(|facts| matches!(facts.event, EventFacts::Foreign))
        {
            return Typed::new(build::text(span, ""));
        }
        if let TargetBase::Variable(name) = &target.base
            && let Some(typed) = self.summary(scope, name, target)
        {
            return typed;
        }
        let Some(mut located) = self.target_base(scope, span, target) else { return Typed::unknown(span) };
        for step in &target.path {
            let Some(next) = self.step_into(scope, span, located, step) else { return Typed::unknown(span) };
            located = next;
        }
        if target.pretty > 0 {
            return match self.pretty(span, located, target.pretty > 1) {
                Some(expr) => Typed::new(expr),
                None => Typed::unknown(span),
            };
        }
        let typed = if target.address { self.address_of(span, located) } else { self.read(span, located) };
        typed.unwrap_or_else(|| Typed::unknown(span))
    }

    /// The value of a target variable that is a string, or that the handler may set.
    fn offered_text(&mut self, scope: &mut Scope<'a>, name: &Name, target: &'a Target) -> Option<Typed> {
        let EventFacts::Values(values) = &scope.probe()?.event else { return None };
        let found = values.iter().find(|value| value.name == name.text)?;
        if found.value.ty != Type::Text && !found.settable {
            return None;
        }
        if !target.path.is_empty() || target.address {
            let message = format!("`{}` has no parts", name.text);
            self.report(Diagnostic::error("not-a-struct", name.span, message));
            return Some(Typed::unknown(name.span));
        }
        if found.settable && found.value.ty == Type::Text && self.trials == 0 {
            let message = format!("`{}` is what this handler says, and is only written here", name.text);
            let finding = Diagnostic::error("unknown-target-variable", name.span, message);
            self.report(finding.with_help("collect the text in a variable of your own, and assign that"));
            return Some(Typed::new(build::text(name.span, "")));
        }
        let value = match scope.find(&name.text) {
            Some(local) => build::expr(name.span, found.value.ty, ExprKind::Read(Place::Local(local))),
            None => found.value.clone(),
        };
        Some(Typed::new(value))
    }

    /// The local that stands for a target variable which the handler may set.
    pub(crate) fn settable_target(&self, scope: &Scope<'a>, target: &Target) -> Option<LocalId> {
        match &target.base {
            TargetBase::Variable(name) if target.path.is_empty() && !target.address => scope.find(&name.text),
            _ => None,
        }
    }

    fn target_base(&mut self, scope: &mut Scope<'a>, span: Span, target: &'a Target) -> Option<Located> {
        match &target.base {
            TargetBase::Variable(name) => {
                let plain = target.path.is_empty() && target.pretty == 0;
                self.variable(scope, name, plain)
            }
            TargetBase::Cast { value, type_name, module } => {
                let typed = self.value(scope, value);
                self.expect(&typed, crate::types::Ty::LONG, || "what `@cast` is given".to_string());
                if !self.types_of_kernel(type_name.1, module.as_deref()) {
                    return None;
                }
                let ty = self.type_named(type_name.1, &type_name.0)?;
                // The verifier knows the type of the current task, whatever the script calls it.
                let typed_base = matches!(typed.expr.kind, ExprKind::Context(Context::TaskCurrent))
                    && self.is_struct(ty, "task_struct");
                let ty = CType::PointerTo(ty);
                Some(Located::Value { expr: typed.expr, ty, typed: typed_base, space: Space::Kernel })
            }
            TargetBase::Var { name, module } => {
                let address = target.address && target.path.is_empty();
                self.global_variable(span, name, module.as_deref(), address)
            }
            TargetBase::Value(value) if target.address && target.path.is_empty() => {
                self.value(scope, value);
                let message = "`&` takes the address of a target variable, `@cast`, `@var` or a member";
                self.report(Diagnostic::error("no-address", span, message));
                None
            }
            TargetBase::Value(value) => {
                let typed = self.value(scope, value);
                self.autocast.used();
                let Some(pointer) = typed.pointer else {
                    if typed.ty != crate::types::Ty::Unknown {
                        self.no_pointer(scope, value);
                    }
                    return None;
                };
                let typed_base = matches!(typed.expr.kind, ExprKind::Context(Context::TaskCurrent));
                let ty = CType::PointerTo(pointer.to);
                Some(Located::Value { expr: typed.expr, ty, typed: typed_base, space: pointer.space })
            }
        }
    }

    /// Reports that no C type is known of a value.
    fn no_pointer(&mut self, scope: &Scope<'a>, value: &ast::Expr) {
        let lost = match &value.kind {
            ast::ExprKind::Name(name) => match scope.find(name) {
                Some(local) => self.autocast.is_lost(&scope.holder(local)),
                None => self.autocast.is_lost(&Holder::Global(name.clone())),
            },
            ast::ExprKind::Index { array, .. } => self.autocast.is_lost(&Holder::Global(array.text.clone())),
            _ => false,
        };
        let message = if lost {
            "this is given pointers of different types, so that none of them counts"
        } else {
            "nothing says what type this points to"
        };
        let finding = Diagnostic::error("not-a-pointer", value.span, message);
        self.report(finding.with_help("say it: `@cast(..., \"struct name\")->member`"));
    }

    /// Reports that BTF is not as it should be.
    pub(crate) fn report_btf(&mut self, at: Span, error: &BtfError) {
        let message = format!("the types of this kernel are malformed: {error}");
        self.report(Diagnostic::error("kernel-facts", at, message));
    }

    /// The value, or a report of what the kernel says instead.
    pub(crate) fn known<T>(&mut self, at: Span, fact: Result<T, BtfError>) -> Option<T> {
        match fact {
            Ok(fact) => Some(fact),
            Err(error) => {
                self.report_btf(at, &error);
                None
            }
        }
    }

    pub(crate) fn btf(&mut self, at: Span) -> Option<&'a systap_kernel::Btf> {
        match self.kernel.btf() {
            Ok(btf) => Some(btf),
            Err(error) => {
                self.report_kernel(at, &error);
                None
            }
        }
    }

    /// The struct of that name; an error if the kernel has none.
    pub(crate) fn struct_named(&mut self, at: Span, name: &str) -> Option<TypeId> {
        if let Some(found) = self.structs.get(name) {
            return Some(*found);
        }
        let btf = self.btf(at)?;
        let found = self.known(at, btf.find(Kind::Struct, name))?;
        if found.is_none() {
            let message = format!("this kernel has no `struct {name}`");
            self.report(Diagnostic::error("unknown-type", at, message));
        }
        self.structs.insert(name.to_string(), found?);
        found
    }

    fn is_struct(&self, id: TypeId, wanted: &str) -> bool {
        let found = self.kernel.btf().ok().and_then(|btf| btf.get_resolved(id).ok());
        matches!(found, Some((_, Btf::Struct { name, .. })) if name == wanted)
    }

    /// The address of what a chain ends at.
    fn address_of(&mut self, span: Span, located: Located) -> Option<Typed> {
        match located {
            Located::Memory(memory) if memory.bits.is_none() => {
                let pointer = self.pointer(span, memory.ty, memory.space);
                Some(Typed::new(build::plus(span, memory.base, memory.offset)).pointing(pointer))
            }
            Located::Memory(_) => {
                self.report(Diagnostic::error("no-address", span, "a bit field has no address"));
                None
            }
            // `&@cast(p, "t")` is where the view begins.
            Located::Value { expr, ty: CType::PointerTo(to), space, .. } => {
                let pointer = self.pointer(span, to, space);
                Some(Typed::new(expr).pointing(pointer))
            }
            Located::Value { .. } => {
                let message = "this is a value of the event's, and has no address";
                self.report(Diagnostic::error("no-address", span, message));
                None
            }
        }
    }
}
