//! Target variables and typed views: from `$prev->mm->owner` to loads at offsets, by the kernel's BTF.
//!
//! - `place`: a chain of members and indexes, one step at a time.
//! - `variable`: where a chain starts, for each kind of event.
//! - `offered`: the variables that a system call's point offers by plain name.
//! - `pretty`: `$x$` and `$x$$`.
//!
//! Must never call a load typed that the kernel's verifier would not follow: what has been through a union, arithmetic
//! or a variable is read by a checked copy instead.

mod member;
mod offered;
mod place;
mod pretty;
mod variable;

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
use systap_syntax::ast::{Name, Target, TargetBase};

pub(crate) use offered::is_argument;

/// A C type of the kernel's, or a pointer to one that BTF need not have as such.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CType {
    /// That type.
    Id(TypeId),
    /// A pointer to that type.
    PointerTo(TypeId),
}

impl<'a> Elaboration<'a> {
    /// The value of a target expression.
    pub(crate) fn target(&mut self, scope: &mut Scope<'a>, span: Span, target: &'a Target) -> Typed {
        if let TargetBase::Variable(name) = &target.base
            && let Some(typed) = self.offered_text(scope, name, target)
        {
            return typed;
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
            TargetBase::Variable(name) => self.variable(scope, name),
            TargetBase::Cast { value, type_name, module } => {
                let typed = self.value(scope, value);
                self.expect(&typed, crate::types::Ty::LONG, || "what `@cast` is given".to_string());
                let module = module.as_deref().unwrap_or(b"kernel");
                if !module.starts_with(b"kernel") {
                    self.unsupported(type_name.1, "`@cast` with types of a module or program");
                    return None;
                }
                let ty = self.type_named(type_name.1, &type_name.0)?;
                // The verifier knows the type of the current task, whatever the script calls it.
                let typed_base = matches!(typed.expr.kind, ExprKind::Context(Context::TaskCurrent))
                    && self.is_struct(ty, "task_struct");
                let ty = CType::PointerTo(ty);
                Some(Located::Value { expr: typed.expr, ty, typed: typed_base, space: Space::Kernel })
            }
            TargetBase::Var { .. } => {
                self.unsupported(span, "`@var`");
                None
            }
            TargetBase::Value(value) => {
                let typed = self.value(scope, value);
                let Some(ty) = typed.pointer else {
                    if typed.ty != crate::types::Ty::Unknown {
                        self.report(
                            Diagnostic::error("not-a-pointer", value.span, "nothing says what type this points to")
                                .with_help("say it: `@cast(..., \"struct name\")->member`"),
                        );
                    }
                    return None;
                };
                let typed_base = matches!(typed.expr.kind, ExprKind::Context(Context::TaskCurrent));
                Some(Located::Value { expr: typed.expr, ty, typed: typed_base, space: Space::Kernel })
            }
        }
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

    /// The type that a script names: `struct x`, `union x`, `enum x`, or any of these or a typedef by its bare name. A
    /// pointer is taken for what it points to.
    fn type_named(&mut self, at: Span, name: &[u8]) -> Option<TypeId> {
        let text = String::from_utf8_lossy(name);
        let bare = text.trim().trim_end_matches(['*', ' ']);
        let (kinds, tag): (&[Kind], &str) = if let Some(tag) = bare.strip_prefix("struct ") {
            (&[Kind::Struct], tag)
        } else if let Some(tag) = bare.strip_prefix("union ") {
            (&[Kind::Union], tag)
        } else if let Some(tag) = bare.strip_prefix("enum ") {
            (&[Kind::Enum, Kind::Enum64], tag)
        } else {
            (&[Kind::Struct, Kind::Union, Kind::Typedef, Kind::Int, Kind::Enum, Kind::Enum64], bare)
        };
        let tag = tag.trim();
        if kinds.contains(&Kind::Struct)
            && let Some(found) = self.structs.get(tag)
        {
            return Some(*found);
        }
        let btf = self.btf(at)?;
        let wanted: Vec<(Kind, &str)> = kinds.iter().map(|kind| (*kind, tag)).collect();
        let found = self.known(at, btf.find_many(&wanted))?;
        if let Some(found) = found.into_iter().flatten().next() {
            if kinds.contains(&Kind::Struct) {
                self.structs.insert(tag.to_string(), found);
            }
            return Some(found);
        }
        let mut known = vec![];
        let kinds = if self.trials == 0 { kinds } else { &[] };
        for kind in kinds {
            known.extend(self.known(at, btf.names(*kind))?.map(|(_, name)| name));
        }
        let finding = Diagnostic::error("unknown-type", at, format!("this kernel has no type `{bare}`"));
        self.report_unknown(finding, tag, known);
        None
    }

    fn is_struct(&self, id: TypeId, wanted: &str) -> bool {
        let found = self.kernel.btf().ok().and_then(|btf| btf.get_resolved(id).ok());
        matches!(found, Some((_, Btf::Struct { name, .. })) if name == wanted)
    }

    /// The address of what a chain ends at.
    fn address_of(&mut self, span: Span, located: Located) -> Option<Typed> {
        match located {
            Located::Memory(memory) if memory.bits.is_none() => {
                let pointer = Some(CType::PointerTo(memory.ty));
                Some(Typed { pointer, ..Typed::new(build::plus(span, memory.base, memory.offset)) })
            }
            Located::Memory(_) => {
                self.report(Diagnostic::error("no-address", span, "a bit field has no address"));
                None
            }
            Located::Value { .. } => {
                let message = "this is a value of the event's, and has no address";
                self.report(Diagnostic::error("no-address", span, message));
                None
            }
        }
    }
}
