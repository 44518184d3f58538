//! `@entry(e)`: a value from when a function was entered, in the handler of its return.
//!
//! The handler gets a companion that runs at the entry and keeps the value in a hidden array by place and thread; the
//! handler takes it from there before anything else. A function may enter itself, so how deep each thread is in it is kept
//! too, and tells the values of one level from those of another. A return whose entry was before the run is passed over, as a
//! probe of returns that was set later would not see it. Must never keep a value that no return will take: the
//! companion is armed under the same conditions, and what it keeps is deleted when it is taken.

use crate::autocast::Body;
use crate::build;
use crate::check::Typed;
use crate::elaboration::{Elaboration, ProbeState};
use crate::probe::Point;
use crate::scope::{EventFacts, FunctionFacts, ProbeFacts, Scope, Site, SyscallFacts};
use crate::types::Ty;
use std::rc::Rc;
use systap_diagnostics::{Diagnostic, Span};
use systap_ir::intrinsic::Context;
use systap_ir::program::{
    BinaryOp, CompareOp, Event, Expr, ExprKind, GlobalId, LocalId, Place, Probe, Stmt, StmtKind, Type, UnaryOp,
};
use systap_syntax::ast;

/// The handler at the entry while that of the return is elaborated.
#[derive(Debug)]
pub(crate) struct Companion<'a> {
    scope: Scope<'a>,
    kept: Vec<Kept>,
    /// How deep each thread is in the function, if it may enter itself.
    depths: Option<GlobalId>,
}

/// A value that goes from the entry to the return.
#[derive(Debug)]
struct Kept {
    /// What tells it from others of the handler: where it is written.
    place: Span,
    /// Its number among all of the script.
    number: i64,
    /// Where the handler of the return has it.
    local: LocalId,
    global: GlobalId,
    span: Span,
    value: Option<Expr>,
    pointer: Option<super::Pointer>,
    ty: Type,
}

/// The facts of the entry, for the facts of a return; `None` if it is none.
fn entered<'a>(facts: &ProbeFacts<'a>) -> Option<ProbeFacts<'a>> {
    if !facts.returns {
        return None;
    }
    let event = match &facts.event {
        EventFacts::Syscall(SyscallFacts { calls, returns: true }) => {
            EventFacts::Syscall(SyscallFacts { calls: calls.clone(), returns: false })
        }
        EventFacts::Function(FunctionFacts { params, .. }) => {
            EventFacts::Function(FunctionFacts { params: params.clone(), returned: None })
        }
        EventFacts::Values(values) => {
            EventFacts::Values(values.iter().filter(|value| value.name != "$return").cloned().collect())
        }
        EventFacts::Plain => EventFacts::Plain,
        _ => return None,
    };
    let point = facts.point.rsplit_once(".return").map_or(facts.point.as_str(), |(entry, _)| entry).to_string();
    Some(ProbeFacts {
        point,
        members: facts.members.clone(),
        name: facts.name.clone(),
        mechanism: match facts.mechanism {
            "kretprobe" => "kprobe",
            "uretprobe" => "uprobe",
            other => other,
        },
        event,
        registers: facts.registers,
        returns: false,
        assigned: Default::default(),
        written: Default::default(),
    })
}

impl<'a> Elaboration<'a> {
    /// `@entry(inner)`
    pub(crate) fn entry(&mut self, scope: &mut Scope<'a>, span: Span, inner: &'a ast::Expr) -> Typed {
        self.kept_since_entry(scope, span, |this, scope| this.value(scope, inner))
    }

    /// What `value` gives when the function is entered.
    pub(super) fn kept_since_entry(
        &mut self,
        scope: &mut Scope<'a>,
        span: Span,
        value: impl FnOnce(&mut Self, &mut Scope<'a>) -> Typed,
    ) -> Typed {
        let facts = scope.probe();
        let Some(entry) = facts.as_ref().and_then(|facts| entered(facts)) else {
            let message = match (&scope.body, &facts) {
                (Body::Entry(_), _) => "`@entry` is within another".to_string(),
                (_, Some(facts)) => format!("`{}` is not the return of something, so it has no entry", facts.point),
                (_, None) => "`@entry` is only known in a handler".to_string(),
            };
            let finding = Diagnostic::error("no-entry", span, message);
            self.report(finding.with_help("`@entry` is for probe points that end in `.return`"));
            return Typed::unknown(span);
        };
        if let Some(kept) = scope.companion.as_ref().and_then(|made| made.kept.iter().find(|kept| kept.place == span)) {
            let read = build::expr(span, kept.ty, ExprKind::Read(Place::Local(kept.local)));
            return Typed::new(read).pointing(kept.pointer);
        }
        let mut companion = scope.companion.take().unwrap_or_else(|| {
            let body = Body::Entry(self.probes.len());
            let system_call = matches!(entry.event, EventFacts::Syscall(_));
            let depths = if system_call { None } else { self.hidden_array("__entry_depth", Type::Long, span) };
            Box::new(Companion { scope: Scope::new(Site::Probe(Rc::new(entry)), body), kept: vec![], depths })
        });
        let typed = value(self, &mut companion.scope);
        let ty = if self.types.known(typed.ty) == Some(Type::Text) { Type::Text } else { Type::Long };
        self.expect(&typed, Ty::Known(ty), || "what `@entry` keeps".to_string());
        let made = self.hidden_array(if ty == Type::Text { "__entry_text" } else { "__entry_value" }, ty, span);
        let local = scope.hidden("@entry", span, Ty::Known(ty));
        let read = build::expr(span, ty, ExprKind::Read(Place::Local(local)));
        if let (Some(global), 0) = (made, self.trials) {
            let number = i64::from(self.entries);
            self.entries += 1;
            let (value, pointer) = (Some(typed.expr), typed.pointer);
            companion.kept.push(Kept { place: span, number, local, global, span, value, pointer, ty });
        }
        scope.companion = Some(companion);
        Typed::new(read).pointing(typed.pointer)
    }

    /// An array of the library's by number and thread, with values of that type.
    fn hidden_array(&mut self, name: &str, ty: Type, span: Span) -> Option<GlobalId> {
        let global = self.global(name)?;
        for key in self.as_array(global, 2, span)? {
            // The array is of the library's, and used nowhere else.
            let _ = self.types.unify(key, Ty::LONG, span);
        }
        let state = self.state(global);
        (state.read, state.written) = (true, true);
        let value = state.value;
        let _ = self.types.unify(value, Ty::Known(ty), span);
        Some(global)
    }

    /// Takes what the entry kept, before the body of the return's handler; and makes the handler of the entry.
    pub(crate) fn finish_entry(
        &mut self,
        scope: &mut Scope<'a>,
        point: &Point<'a>,
        event: &Event,
        condition: Option<&Expr>,
        body: Vec<Stmt>,
    ) -> Vec<Stmt> {
        let Some(companion) = scope.companion.take() else { return body };
        let Companion { scope: mut entry, kept, depths } = *companion;
        let (Some(event), Some(number)) = (event.entry(), kept.first().map(|kept| kept.number)) else { return body };
        let (mut first, mut keep, mut last) = (vec![], vec![], vec![]);
        let mut levels = None;
        if let Some(depths) = depths {
            let span = point.span;
            let tid = build::expr(span, Type::Long, ExprKind::Context(Context::Tid));
            let keys = vec![build::long(span, number), tid];
            let place = Place::Element(depths, keys.clone());
            let depth = || build::expr(span, Type::Long, ExprKind::Read(place.clone()));
            let deeper = entry.hidden("@depth", span, Ty::LONG);
            keep.push(build::assign(span, Place::Local(deeper), build::plus(span, depth(), 1)));
            keep.push(build::assign(span, place.clone(), local(span, deeper)));
            let left = scope.hidden("@depth", span, Ty::LONG);
            first.push(build::assign(span, Place::Local(left), depth()));
            let entered =
                ExprKind::Compare(CompareOp::Greater, Box::new(local(span, left)), Box::new(build::long(span, 0)));
            first.push(next_unless(span, entered));
            let higher = build::binary(span, BinaryOp::Subtract, local(span, left), build::long(span, 1));
            let compared =
                ExprKind::Compare(CompareOp::Greater, Box::new(local(span, left)), Box::new(build::long(span, 1)));
            let kind = StmtKind::If {
                condition: build::expr(span, Type::Long, compared),
                then: vec![build::assign(span, place.clone(), higher)],
                otherwise: vec![Stmt { span, kind: StmtKind::Delete { global: depths, keys } }],
            };
            last.push(Stmt { span, kind });
            levels = Some((deeper, left));
        }
        for (index, kept) in kept.into_iter().enumerate() {
            let Kept { number, local: taken, global, span, value, ty, .. } = kept;
            let keys = |level: Option<LocalId>| {
                let tid = build::expr(span, Type::Long, ExprKind::Context(Context::Tid));
                let number = build::long(span, number);
                vec![level.map_or(number.clone(), |level| at_level(span, number, level)), tid]
            };
            let keys_of_return = keys(levels.map(|(_, left)| left));
            if levels.is_none() && index == 0 {
                let keys = keys_of_return.iter().cloned().map(Some).collect();
                first.push(next_unless(span, ExprKind::Contains { global, keys }));
            }
            let read = ExprKind::Read(Place::Element(global, keys_of_return.clone()));
            first.push(build::assign(span, Place::Local(taken), build::expr(span, ty, read)));
            first.push(Stmt { span, kind: StmtKind::Delete { global, keys: keys_of_return } });
            let place = Place::Element(global, keys(levels.map(|(deeper, _)| deeper)));
            keep.extend(value.map(|value| build::assign(span, place, value)));
        }
        let facts = entry.probe();
        let probe = Probe {
            span: point.span,
            point: facts.map_or(String::new(), |facts| facts.point.clone()),
            event,
            missing: point.missing,
            condition: condition.cloned(),
            locals: vec![],
            body: keep,
        };
        self.probes.push(ProbeState { probe, locals: entry.locals });
        first.into_iter().chain(last).chain(body).collect()
    }
}

/// Leaves the handler of a return whose entry was before the run: there is nothing to take.
fn next_unless(span: Span, entered: ExprKind) -> Stmt {
    let next = Stmt { span, kind: StmtKind::Next };
    let entered = Box::new(build::expr(span, Type::Long, entered));
    let condition = build::expr(span, Type::Long, ExprKind::Unary(UnaryOp::Not, entered));
    Stmt { span, kind: StmtKind::If { condition, then: vec![next], otherwise: vec![] } }
}

fn local(span: Span, local: LocalId) -> Expr {
    build::expr(span, Type::Long, ExprKind::Read(Place::Local(local)))
}

/// The key of a value at a level: the level in the upper half.
fn at_level(span: Span, number: Expr, level: LocalId) -> Expr {
    let upper = build::binary(span, BinaryOp::ShiftLeft, local(span, level), build::long(span, 32));
    build::binary(span, BinaryOp::Add, number, upper)
}
