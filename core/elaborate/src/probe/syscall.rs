//! `syscall.NAME`, `nd_syscall.NAME` and `syscall_any`, each with `.return`.
//!
//! A handler that asks for nothing of one call is one probe for all calls that match, which the backend tells apart by
//! number; one that asks for arguments is a probe for each call.

use super::{Point, Resolution, Resolved, unknown};
use crate::elaboration::Elaboration;
use crate::scan::Words;
use crate::scope::{EventFacts, SyscallFacts};
use crate::target::is_argument;
use systap_diagnostics::Diagnostic;
use systap_ir::program::{Event, SyscallSet};
use systap_kernel::glob;
use systap_kernel::syscall::Syscall;

pub(super) fn resolve<'a>(this: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    let (Some(family), Some(component)) = (point.at(0), point.at(1)) else { return Ok(vec![]) };
    let returns = point.at(2).is_some();
    let name = component.name.text.as_str();
    let table = this.kernel.syscalls();
    let calls = if glob::is_pattern(name) { table.matching(name) } else { table.by_name(name).into_iter().collect() };
    if calls.is_empty() {
        let at = component.name.span;
        if table.iter().len() == 0 {
            let message = format!("the system calls of {} are not known", this.kernel.arch());
            return Err(Box::new(Diagnostic::error("kernel-facts", at, message)));
        }
        if glob::is_pattern(name) {
            let message = format!("no system call matches `{name}`");
            return Err(Box::new(Diagnostic::error("unknown-syscall", at, message)));
        }
        let known = table.iter().flat_map(|call| [call.name].into_iter().chain(call.aliases.iter().copied()));
        return Err(unknown("unknown-syscall", at, format!("there is no system call `{name}`"), name, known));
    }
    let prefix = family.name.text.as_str();
    if calls.len() == 1 || asks_for_arguments(&calls, &point.words()) {
        return Ok(calls.into_iter().map(|call| single(prefix, call, returns)).collect());
    }
    let every = calls.len() == table.iter().len();
    let numbers = calls.iter().map(|call| call.number).collect();
    let set = if every { SyscallSet::All } else { SyscallSet::Numbers(numbers) };
    Ok(vec![many(format!("{prefix}.{name}"), set, (!every).then_some(calls), returns)])
}

pub(super) fn resolve_any<'a>(_: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    let returns = point.at(1).is_some();
    Ok(vec![many("syscall_any".into(), SyscallSet::All, None, returns)])
}

/// Whether a handler uses a variable that belongs to one call.
fn asks_for_arguments(calls: &[&'static Syscall], words: &Words<'_>) -> bool {
    let named = |name: &&str| !words.assigned.contains(*name) && is_argument(calls.iter().copied(), name);
    words.names.iter().any(named) || words.targets.iter().any(|target| !matches!(*target, "$return" | "$$name"))
}

fn single(prefix: &str, call: &'static Syscall, returns: bool) -> Resolved {
    many(format!("{prefix}.{}", call.name), SyscallSet::Numbers(vec![call.number]), Some(vec![call]), returns)
}

fn many(mut point: String, set: SyscallSet, calls: Option<Vec<&'static Syscall>>, returns: bool) -> Resolved {
    if returns {
        point.push_str(".return");
    }
    let event = if returns { Event::SyscallReturn(set) } else { Event::SyscallEntry(set) };
    Resolved {
        point,
        event,
        facts: EventFacts::Syscall(SyscallFacts { calls, returns }),
        members: None,
        exits: false,
        filter: None,
    }
}
