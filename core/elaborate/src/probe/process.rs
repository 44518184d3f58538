//! What happens to processes: `process("path").begin`, `.end`, `.thread.begin`, `.thread.end`, `.syscall`; and which processes a
//! point is about.

use super::{Point, Resolution, Resolved, bad_argument, number, string, text_of};
use crate::build::{self, Load};
use crate::elaboration::Elaboration;
use crate::scope::{EventFacts, OfferedValue};
use std::rc::Rc;
use systap_binary::Binary;
use systap_diagnostics::{Diagnostic, Span};
use systap_ir::intrinsic::Context;
use systap_ir::program::{CompareOp, Event, Expr, ExprKind, Space, SyscallSet, Type, Width};
use systap_kernel::TypeId;
use systap_syntax::ast::Component;

pub(super) fn resolve<'a>(this: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    let Some(process) = point.word("process") else { return Ok(vec![]) };
    let begins = point.components.last().is_some_and(|last| last.name.text == "begin");
    let threads = point.has("thread");
    let filter = filter(this, process)?;
    let text = text_of(&point.components);
    if begins && threads {
        // The kernel tells of a new thread in its parent only.
        let event = Event::NotRun { what: "beginnings of threads" };
        return Ok(vec![Resolved { filter, ..Resolved::plain(text, event) }]);
    }
    let tracepoint = if begins { "sched_process_exec" } else { "sched_process_exit" };
    let found = this.kernel.tracepoint(None, tracepoint);
    let found = found.map_err(|error| super::kernel_refuses(point.span, &error))?;
    let Some(found) = found else {
        let message = format!("this kernel has no tracepoint `{tracepoint}`, by which it tells of processes");
        return Err(Box::new(Diagnostic::error("unknown-tracepoint", point.span, message)));
    };
    let mut only = None;
    if !begins {
        // Since Linux 6.16 the kernel tells of an end while the process still has its memory, and whether it was the last thread.
        let early = found.params.len() > 1;
        if !early && string(process).is_some() {
            let event = Event::NotRun { what: "ends of a program's processes on kernels before 6.16" };
            return Ok(vec![Resolved { filter, ..Resolved::plain(text, event) }]);
        }
        if !threads {
            only = Some(match early {
                true => {
                    let dead = build::expr(point.span, Type::Long, ExprKind::Argument { index: 1, pointer: false });
                    build::extend(point.span, dead, 8, false)
                }
                false => last_thread(this, point.span)?,
            });
        }
    }
    let event =
        Event::Tracepoint { name: found.name, btf_id: found.btf_typedef_id, arguments: found.params.len() as u32 };
    // The rarer first: it is the cheaper to be refused by.
    let filter = all(point.span, [only, filter]);
    Ok(vec![Resolved { filter, ..Resolved::plain(text, event) }])
}

/// `process.syscall` and `.syscall.return`: all calls of some processes, arguments as numbers.
pub(super) fn syscall<'a>(this: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    let Some(process) = point.word("process") else { return Ok(vec![]) };
    let filter = filter(this, process)?;
    let returns = point.has("return");
    let span = point.span;
    let value = |name: String, value: Expr| OfferedValue { name, value, pointee: None, settable: false };
    let mut values = vec![value("$syscall".into(), this.syscall_in_progress(span, returns))];
    if returns {
        let returned = build::expr(span, Type::Long, ExprKind::Argument { index: 1, pointer: false });
        values.push(value("$return".into(), returned));
    }
    for nth in 0..6 {
        let Some(argument) = this.raw_syscall_argument(span, nth) else { break };
        values.push(value(format!("$arg{}", nth + 1), argument));
    }
    let event = if returns { Event::SyscallReturn(SyscallSet::All) } else { Event::SyscallEntry(SyscallSet::All) };
    let facts = EventFacts::Values(values);
    Ok(vec![Resolved { filter, facts, ..Resolved::plain(text_of(&point.components), event) }])
}

/// The program that a point is about; `None`: any, or that of the target.
pub(super) fn program_of<'a>(
    this: &Elaboration<'a>,
    process: &Component,
) -> Result<Option<Rc<Binary>>, Box<Diagnostic>> {
    let found = match (string(process), number(process)) {
        (Some(path), _) => this.programs.program(&path),
        (None, Some(_)) => this.programs.of_process(pid_of(process)?),
        // That of the target.
        (None, None) => match &this.target {
            Some(path) => this.programs.program(path),
            None => return Ok(None),
        },
    };
    found.map(Some).map_err(|error| {
        let at = super::argument_span(process);
        let finding = Diagnostic::error("unknown-program", at, error.to_string());
        Box::new(match string(process) {
            Some(name) if !name.contains('/') => finding.with_help("it is looked for in the directories of PATH"),
            _ => finding,
        })
    })
}

/// The number of a process.
pub(super) fn pid_of(process: &Component) -> Result<u32, Box<Diagnostic>> {
    let given = number(process).unwrap_or(0);
    match u32::try_from(given) {
        Ok(pid @ 1..=0x7fff_ffff) => Ok(pid),
        _ => Err(bad_argument(process, format!("{given} is no number of a process"))),
    }
}

/// Whether the current process is meant; `None` if any is.
pub(super) fn filter<'a>(this: &mut Elaboration<'a>, process: &Component) -> Result<Option<Expr>, Box<Diagnostic>> {
    let span = process.name.span;
    let pid = || build::expr(span, Type::Long, ExprKind::Context(Context::Pid));
    if number(process).is_some() {
        let wanted = build::long(span, i64::from(pid_of(process)?));
        return Ok(Some(equal(span, pid(), wanted)));
    }
    if string(process).is_some() {
        return match program_of(this, process)? {
            Some(program) => runs(this, span, &program).map(Some),
            None => Ok(None),
        };
    }
    // Without a target, any process.
    let target = || build::expr(span, Type::Long, ExprKind::Context(Context::Target));
    let none = equal(span, target(), build::long(span, 0));
    Ok(Some(logical(span, false, none, equal(span, pid(), target()))))
}

/// Whether the current process runs this program: by the file that it was started from.
fn runs(this: &mut Elaboration<'_>, span: Span, program: &Binary) -> Result<Expr, Box<Diagnostic>> {
    let task = || build::expr(span, Type::Long, ExprKind::Context(Context::TaskCurrent));
    // A kernel thread has no memory; a process that ends has given its back, and its file with it.
    let mm = member(this, span, task(), "task_struct", "mm")?;
    let file = member(this, span, mm.clone(), "mm_struct", "exe_file")?;
    let inode = member(this, span, file.clone(), "file", "f_inode")?;
    let number = member(this, span, inode.clone(), "inode", "i_ino")?;
    let is = equal(span, number, build::long(span, program.inode().cast_signed()));
    let mut conditions = vec![not_null(span, mm), not_null(span, file), not_null(span, inode.clone()), is];
    let (major, minor) = device(program.device());
    // Where a file system has no device of its own, what it tells of a file's device is not what the kernel has in its
    // superblock (btrfs, overlayfs).
    if major != 0 {
        let superblock = member(this, span, inode, "inode", "i_sb")?;
        let device = member(this, span, superblock, "super_block", "s_dev")?;
        conditions.push(equal(span, device, build::long(span, i64::from(major << 20 | minor))));
    }
    let joined = all(span, conditions.into_iter().map(Some));
    Ok(joined.unwrap_or_else(|| build::long(span, 1)))
}

/// The two parts of a device's number as stat(2) gives it (`gnu_dev_major` of sys/sysmacros.h).
fn device(number: u64) -> (u32, u32) {
    let major = (number >> 8 & 0xfff) | (number >> 32 & !0xfff);
    let minor = (number & 0xff) | (number >> 12 & !0xff);
    (major as u32, minor as u32)
}

/// Whether no other thread of the process is left: `signal->live` counts down before the kernel tells of the end.
fn last_thread(this: &mut Elaboration<'_>, span: Span) -> Result<Expr, Box<Diagnostic>> {
    let task = build::expr(span, Type::Long, ExprKind::Context(Context::TaskCurrent));
    let signal = member(this, span, task, "task_struct", "signal")?;
    let live = member(this, span, signal, "signal_struct", "live")?;
    Ok(equal(span, live, build::long(span, 0)))
}

/// A member of a struct that a pointer of the kernel's points to: 8 bytes, or 4 of a `dev_t` or `atomic_t`.
fn member(
    this: &mut Elaboration<'_>,
    span: Span,
    base: Expr,
    structure: &'static str,
    name: &'static str,
) -> Result<Expr, Box<Diagnostic>> {
    let missing = || {
        let message = format!("this kernel has no `{name}` in `struct {structure}`");
        Box::new(Diagnostic::error("kernel-facts", span, message))
    };
    let id: TypeId = this.struct_named(span, structure).ok_or_else(missing)?;
    let found = this.btf(span).and_then(|btf| btf.member(id, name).ok().flatten()).ok_or_else(missing)?;
    let width = if matches!(name, "s_dev" | "live") { Width::W4 } else { Width::W8 };
    let offset = i64::from(found.bit_offset / 8);
    Ok(build::load(span, base, Load { offset, width, signed: name == "live", space: Space::Kernel, typed: true }))
}

fn equal(span: Span, left: Expr, right: Expr) -> Expr {
    build::expr(span, Type::Long, ExprKind::Compare(CompareOp::Equal, Box::new(left), Box::new(right)))
}

fn not_null(span: Span, pointer: Expr) -> Expr {
    let zero = build::long(span, 0);
    build::expr(span, Type::Long, ExprKind::Compare(CompareOp::NotEqual, Box::new(pointer), Box::new(zero)))
}

fn logical(span: Span, and: bool, left: Expr, right: Expr) -> Expr {
    build::expr(span, Type::Long, ExprKind::Logical { and, left: Box::new(left), right: Box::new(right) })
}

/// All of these that there are.
fn all(span: Span, conditions: impl IntoIterator<Item = Option<Expr>>) -> Option<Expr> {
    conditions.into_iter().flatten().reduce(|left, right| logical(span, true, left, right))
}
