//! Handlers: the blocks of a resolved point in one scope, with what the point offers them.

use super::{Point, Resolved};
use crate::autocast::Body;
use crate::build;
use crate::elaboration::{Elaboration, ProbeState};
use crate::listing::List;
use crate::scope::{EventFacts, ProbeFacts, Registers, Scope, Site};
use crate::types::Ty;
use std::rc::Rc;
use systap_diagnostics::{Diagnostic, Span};
use systap_ir::intrinsic::Intrinsic;
use systap_ir::program::{Event, Expr, ExprKind, Place, Probe, Stmt, Type};
use systap_syntax::ast;

impl<'a> Elaboration<'a> {
    pub(super) fn handler(&mut self, point: &Point<'a>, resolved: Resolved) {
        let Resolved { point: resolved, event, facts, members, exits, filter } = resolved;
        let facts = ProbeFacts {
            point: resolved.clone(),
            members,
            name: point.name.clone(),
            mechanism: mechanism(&event, &resolved),
            event: facts,
            registers: registers(&event),
            returns: returns(&event),
            assigned: point.words().assigned,
            written: crate::scan::words([point.body]).assigned,
        };
        self.list(point, &facts, &event);
        if self.list == List::Names {
            return;
        }
        let condition = self.condition(point, filter);
        let mut scope = Scope::new(Site::Probe(Rc::new(facts)), Body::Handler(self.probes.len()));
        let mut body = self.settable(&mut scope, point.span);
        body.extend(self.offered_prologue(&mut scope, point.span));
        let blocks: Vec<&'a ast::Block> = point.blocks().collect();
        scope.unread = self.unread(&blocks, &scope);
        for block in &blocks {
            body.extend(self.block(&mut scope, block));
        }
        let mut body = self.finish_entry(&mut scope, point, &event, condition.as_ref(), body);
        self.silence_unread(&blocks, &scope);
        if exits {
            let exit = ExprKind::Intrinsic(Intrinsic::Exit, vec![]);
            body.push(build::statement(point.span, build::expr(point.span, Type::Long, exit)));
        }
        if !exits && self.without_effect(point, &scope) {
            self.left_out_empty = true;
            let message = "nothing comes of this handler, so that nothing is probed here";
            return self.report(Diagnostic::warning("empty-handler", point.span, message));
        }
        let missing = point.missing;
        let probe = Probe { span: point.span, point: resolved, event, missing, condition, locals: vec![], body };
        self.probes.push(ProbeState { probe, locals: scope.locals });
    }

    /// Whether nothing can come of the handler: what the library says before it only prepares what nobody asks for.
    fn without_effect(&mut self, point: &Point<'a>, scope: &Scope<'a>) -> bool {
        let own: Vec<&'a ast::Block> = point.blocks().filter(|block| self.names.in_script(block.span)).collect();
        // What the library probes itself, it does not probe for nothing.
        let may = self.names.in_script(point.body.span) && point.conditions.is_empty();
        // Others read a counter, whatever its own handler does.
        let may = may && !point.has("counter");
        may && self.list == List::Nothing
            && !self.unoptimized
            && own.into_iter().all(|block| self.does_nothing(scope, block))
    }

    /// Locals for the target variables that the handler may set.
    fn settable(&mut self, scope: &mut Scope<'a>, span: Span) -> Vec<Stmt> {
        let Some(facts) = scope.probe() else { return vec![] };
        let EventFacts::Values(values) = &facts.event else { return vec![] };
        let mut body = vec![];
        for each in values.iter().filter(|each| each.settable && !is_handed(&each.value)) {
            let local = scope.declare(&each.name, span, Ty::Known(each.value.ty));
            scope.local(local).assigned = true;
            body.push(build::assign(span, Place::Local(local), each.value.clone()));
        }
        body
    }

    /// All conditions that led to the point, joined, after what the point itself is restricted to.
    fn condition(&mut self, point: &Point<'a>, filter: Option<Expr>) -> Option<Expr> {
        let mut joined = filter;
        let outside = self.names.stand_in(point.body);
        for condition in &point.conditions {
            let next = self.long(&mut Scope::new(Site::Condition, Body::Condition), condition, "a condition");
            joined = Some(match joined {
                Some(left) => {
                    let kind = ExprKind::Logical { and: true, left: Box::new(left), right: Box::new(next) };
                    build::expr(point.span, Type::Long, kind)
                }
                None => next,
            });
        }
        self.names.go_back(outside);
        joined
    }
}

/// Whether a value is what goes between the handler and who is outside, which no local stands for.
pub(crate) fn is_handed(value: &Expr) -> bool {
    matches!(value.kind, ExprKind::Intrinsic(Intrinsic::Handed, _))
}

/// Where handlers of an event find registers.
fn registers(event: &Event) -> Registers {
    match event {
        Event::SyscallEntry(_) | Event::SyscallReturn(_) => Registers::SystemCall,
        Event::UserCode { .. } => Registers::User,
        Event::KernelCode { .. } | Event::KernelFunctions { .. } => Registers::Kernel,
        Event::Profile { .. } | Event::Counter { .. } | Event::Access { .. } => Registers::Interrupted,
        Event::KernelFunction { .. } => Registers::Arguments,
        _ => Registers::None,
    }
}

/// The kind of mechanism that fires an event, in the words of SystemTap's `probe_type()`.
fn mechanism(event: &Event, point: &str) -> &'static str {
    let of_process = point.starts_with("process");
    match event {
        Event::Begin(_) | Event::End(_) | Event::Error(_) | Event::Never => "begin_end",
        Event::Timer { .. } if point.starts_with("timer.jiffies") => "timer",
        Event::Timer { .. } => "hrtimer",
        Event::Profile { .. } => "profile_timer",
        Event::Counter { .. } => "perf_event",
        Event::Access { .. } => "hardware_data_breakpoint",
        Event::KernelFunction { returns, .. }
        | Event::KernelFunctions { returns, .. }
        | Event::KernelCode { returns, .. } => match returns {
            false => "kprobe",
            true => "kretprobe",
        },
        Event::UserCode { returns: false, .. } => "uprobe",
        Event::UserCode { .. } => "uretprobe",
        Event::SyscallEntry(_) | Event::SyscallReturn(_) if of_process => "utrace_syscall",
        Event::Tracepoint { .. } | Event::NotRun { .. } if of_process => "utrace",
        Event::Tracepoint { .. } | Event::SyscallEntry(_) | Event::SyscallReturn(_) => "kernel_tracepoint",
        Event::Packet { .. } => "netfilter",
        Event::FileRead { .. } | Event::FileWrite { .. } | Event::Input { .. } | Event::NotRun { .. } => "procfs",
    }
}

/// Whether an event is the return of something.
fn returns(event: &Event) -> bool {
    match event {
        Event::UserCode { returns, .. } | Event::KernelCode { returns, .. } => *returns,
        Event::KernelFunction { returns, .. } | Event::KernelFunctions { returns, .. } => *returns,
        event => matches!(event, Event::SyscallReturn(_)),
    }
}
