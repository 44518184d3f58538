//! The whole: handlers grouped by attach point, a program for each group, the maps they need.
//!
//! Must never load anything, nor ask a kernel: all that depends on one is in the layout and the options.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use systap_ir::placed::Placed;
use systap_ir::program::{Event, GlobalId};

use crate::allocate::allocate;
use crate::artifact::{Artifact, Attach, Counters, ProgramPlan, Relocation};
use crate::assembler::{Stack, assemble};
use crate::code::{Code, Line};
use crate::emitter::Emitter;
use crate::error::GenerateError;
use crate::layout::KernelLayout;
use crate::lower::called::{self, Called};
use crate::lower::dispatch::{Program, is_delicate};
use crate::lower::{Shared, Thrift};
use crate::maps::Maps;
use crate::options::Options;

/// Bytes of stack that a program has (`MAX_BPF_STACK`), and what `may_goto` takes of it.
const STACK: u32 = 512;
const MAY_GOTO_STACK: u32 = 16;

/// Handlers that one program runs.
struct Group {
    attach: Attach,
    handlers: Vec<usize>,
    /// They ask for registers, so that a function is not attached to by type.
    registers: bool,
}

/// The programs of a group, with how each is attached, and those that serve it where the kernel refuses them.
struct Made {
    programs: Vec<(Attach, Draft)>,
    instead: Vec<(Attach, Draft)>,
}

/// A program before its jumps are settled.
struct Draft {
    lines: Vec<Line>,
    spill_slots: u32,
    stack: Stack,
}

/// A program and how many bytes of stack it needs, of how many that there are.
fn draft(code: Emitter) -> (Draft, u32, u32) {
    let (lines, registers, stack) = code.finish();
    let allocated = allocate(lines, registers);
    let may_goto = allocated.lines.iter().any(|line| matches!(line.code, Code::MayGoto { .. }));
    let limit = STACK - if may_goto { MAY_GOTO_STACK } else { 0 };
    let bytes = stack.bytes(allocated.spill_slots);
    (Draft { lines: allocated.lines, spill_slots: allocated.spill_slots, stack }, bytes, limit)
}

/// The programs that serve a function's handlers by kprobes; none where that cannot be.
fn by_kprobes(shared: &mut Shared<'_>, group: &Group, thrift: Thrift) -> Vec<(Attach, Draft)> {
    let Attach::Function { name, returns, .. } = &group.attach else { return Vec::new() };
    let Some((mut called, words)) = Called::of(shared.placed, &group.handlers) else { return Vec::new() };
    let at = |returns| Attach::KernelCode { symbol: name.clone(), offset: 0, returns };
    let mut programs = Vec::new();
    if *returns && words > 0 {
        let entries = shared.maps.entries(words);
        called.entries = Some(entries);
        let span = group.handlers.first().map(|index| shared.placed.kernel[*index].span);
        programs.extend(span.map(|span| (at(false), draft(called::keeper(span, entries, words)))));
    }
    for thrift in [thrift, Thrift::Texts, Thrift::Longs] {
        // What cannot be done this way is left out: it is done by type, or its refusal is told.
        let typed = shared.options.typed;
        let Ok(code) = Program::emit(shared, &group.handlers, typed, thrift, Some(called)) else { break };
        let (made, bytes, limit) = draft(code);
        if bytes <= limit {
            programs.push((at(*returns), (made, bytes, limit)));
            return programs.into_iter().map(|(attach, (draft, ..))| (attach, draft)).collect();
        }
    }
    Vec::new()
}

/// Generates the probe module of the kernel part of a program.
///
/// # Errors
/// If the kernel side cannot do what the program asks, or the kernel lacks a type that it needs.
pub fn generate(placed: &Placed, layout: &KernelLayout, options: &Options<'_>) -> Result<Artifact, GenerateError> {
    let groups = group(placed, layout, options)?;
    let mut thrift = vec![Thrift::None; groups.len()];
    loop {
        match attempt(placed, layout, options, &groups, &thrift)? {
            Outcome::Done(artifact) => return Ok(*artifact),
            Outcome::StackFull(group, bytes, limit) => {
                thrift[group] = match thrift[group] {
                    Thrift::None => Thrift::Texts,
                    Thrift::Texts => Thrift::Longs,
                    Thrift::Longs => {
                        let point = point(placed, &groups[group]);
                        return Err(GenerateError::Stack { point, bytes, limit });
                    }
                };
            }
        }
    }
}

enum Outcome {
    Done(Box<Artifact>),
    /// This group needs that many bytes of stack; there are fewer.
    StackFull(usize, u32, u32),
}

fn attempt(
    placed: &Placed,
    layout: &KernelLayout,
    options: &Options<'_>,
    groups: &[Group],
    thrift: &[Thrift],
) -> Result<Outcome, GenerateError> {
    let maps = Maps::new(placed, options.ring_bytes, options.switches);
    let contended = contended(placed, groups);
    let mut shared = Shared { placed, layout, options, maps, sites: Vec::new(), contended, guarded: false };
    let mut delicate = 0;
    for (group, thrift) in groups.iter().zip(thrift) {
        let mut any = false;
        for index in &group.handlers {
            any |= is_delicate(&mut shared, *index, *thrift)?;
        }
        delicate += usize::from(any);
    }
    // A single program never interrupts itself: the kernel skips it then, and counts that.
    shared.guarded = delicate > 1;
    let mut drafts = Vec::new();
    for (number, group) in groups.iter().enumerate() {
        // Only the raw form of a tracepoint's program is not told the types of the kernel's pointers.
        let typed = match &group.attach {
            Attach::Tracepoint { typed, .. } => *typed,
            Attach::Function { .. } | Attach::Packets { .. } => true,
            _ => options.typed,
        };
        if group.registers {
            let programs = by_kprobes(&mut shared, group, thrift[number]);
            if programs.is_empty() {
                let span = placed.kernel[group.handlers[0]].span;
                let what = "a register beside the parameters of a function that takes structs".to_owned();
                return Err(GenerateError::Unsupported { what, span });
            }
            drafts.push(Made { programs, instead: Vec::new() });
            continue;
        }
        let (made, bytes, limit) = draft(Program::emit(&mut shared, &group.handlers, typed, thrift[number], None)?);
        if bytes > limit {
            return Ok(Outcome::StackFull(number, bytes, limit));
        }
        let instead = by_kprobes(&mut shared, group, thrift[number]);
        drafts.push(Made { programs: vec![(group.attach.clone(), made)], instead });
    }
    finish(shared, groups, &drafts).map(|artifact| Outcome::Done(Box::new(artifact)))
}

fn finish(shared: Shared<'_>, groups: &[Group], drafts: &[Made]) -> Result<Artifact, GenerateError> {
    let Shared { placed, options, maps, sites, guarded, .. } = shared;
    let handlers = placed.kernel.len() as u32;
    let counters = Counters {
        sites: sites.len() as u32,
        skipped: if guarded { handlers } else { 0 },
        hits: if options.count_hits { handlers } else { 0 },
    };
    let plan = |attach: &Attach, group: &Group, draft: &Draft| {
        let assembled = assemble(&draft.lines, &draft.stack, draft.spill_slots, counters, options.version_4)
            .ok_or_else(|| GenerateError::TooLong { point: point(placed, group), instructions: draft.lines.len() })?;
        Ok(ProgramPlan {
            name: name(attach),
            attach: attach.clone(),
            instructions: assembled.instructions,
            relocations: assembled.relocations,
            lines: assembled.lines,
            handlers: group.handlers.clone(),
            instead: Vec::new(),
        })
    };
    let mut programs = Vec::new();
    for (group, made) in groups.iter().zip(drafts) {
        let instead = made.instead.iter().map(|(attach, draft)| plan(attach, group, draft));
        let mut instead: Vec<ProgramPlan> = instead.collect::<Result<_, _>>()?;
        for (attach, draft) in &made.programs {
            programs.push(ProgramPlan { instead: std::mem::take(&mut instead), ..plan(attach, group, draft)? });
        }
    }
    let switches = maps.switches;
    let first = programs.iter().flat_map(|program| &program.relocations).map(|relocation| relocation.map).collect();
    let used = programs.iter_mut().flat_map(relocations).map(|relocation| relocation.map).collect();
    let (maps, entries, numbers) = maps.finish(&used, &first, counters.sites + counters.skipped + counters.hits);
    for relocation in programs.iter_mut().flat_map(relocations) {
        relocation.map = numbers.get(relocation.map as usize).copied().unwrap_or_default();
    }
    Ok(Artifact { maps, programs, entries, sites, counters, switches })
}

/// Where a program, and what may take its place, refer to maps.
fn relocations(plan: &mut ProgramPlan) -> impl Iterator<Item = &mut Relocation> {
    let ProgramPlan { relocations, instead, .. } = plan;
    relocations.iter_mut().chain(instead.iter_mut().flat_map(|plan| &mut plan.relocations))
}

/// The handlers by attach point, in the order of their first handlers.
fn group(placed: &Placed, layout: &KernelLayout, options: &Options<'_>) -> Result<Vec<Group>, GenerateError> {
    let mut groups: Vec<Group> = Vec::new();
    for (index, handler) in placed.kernel.iter().enumerate() {
        let tracepoint = |name: &str, btf_id: u32| Attach::Tracepoint {
            name: name.to_owned(),
            btf_id,
            typed: options.typed && btf_id != 0,
        };
        let attach = match &handler.event {
            Event::Tracepoint { name, btf_id, .. } => tracepoint(name, *btf_id),
            Event::SyscallEntry(_) => tracepoint("sys_enter", layout.sys_enter.unwrap_or(0)),
            Event::SyscallReturn(_) => tracepoint("sys_exit", layout.sys_exit.unwrap_or(0)),
            Event::Profile { hz } => Attach::Profile { hz: *hz },
            Event::Counter { kind, config, every } => Attach::Counter { kind: *kind, config: *config, every: *every },
            Event::Access { address, length, reads } => {
                Attach::Access { address: *address, length: *length, reads: *reads }
            }
            Event::Packet { family, hook, priority } => {
                Attach::Packets { family: *family, hook: *hook, priority: *priority }
            }
            Event::KernelFunction { name, btf_id, returns, .. } => {
                Attach::Function { name: name.clone(), btf_id: *btf_id, returns: *returns }
            }
            Event::KernelFunctions { names, returns } => {
                Attach::Functions { names: Arc::clone(names), returns: *returns }
            }
            Event::KernelCode { symbol, offset, returns } => {
                Attach::KernelCode { symbol: symbol.clone(), offset: *offset, returns: *returns }
            }
            Event::UserCode { path, offset, returns, semaphore, process } => Attach::UserCode {
                path: path.clone(),
                offset: *offset,
                returns: *returns,
                semaphore: *semaphore,
                process: *process,
            },
            other => {
                return Err(GenerateError::Malformed {
                    what: format!("{other:?} fires no handler in the kernel"),
                    span: handler.span,
                });
            }
        };
        // System calls come apart from a script's own handlers of their tracepoints: what they are wrapped in differs.
        let kind = |event: &Event| std::mem::discriminant(event);
        let registers = called::asks_for_registers(placed, index);
        let same = groups.iter_mut().find(|group| {
            let first = group.handlers.first().map(|first| kind(&placed.kernel[*first].event));
            group.attach == attach && group.registers == registers && first == Some(kind(&handler.event))
        });
        match same {
            Some(group) => group.handlers.push(index),
            None => groups.push(Group { attach, handlers: vec![index], registers }),
        }
    }
    Ok(groups)
}

/// The globals that the handlers of more than one group touch.
fn contended(placed: &Placed, groups: &[Group]) -> HashSet<GlobalId> {
    let mut touched: HashMap<GlobalId, usize> = HashMap::new();
    for group in groups {
        let handlers = group.handlers.iter().map(|index| &placed.kernel[*index]);
        let insts = handlers.flat_map(|handler| handler.body.blocks.iter().flat_map(|block| &block.insts));
        let globals: HashSet<GlobalId> = insts.filter_map(|inst| inst.op.global()).collect();
        for global in globals {
            *touched.entry(global).or_default() += 1;
        }
    }
    touched.into_iter().filter(|(_, groups)| *groups > 1).map(|(global, _)| global).collect()
}

/// A name that the kernel takes for a program.
fn name(attach: &Attach) -> String {
    let name = match attach {
        Attach::Tracepoint { name, .. } => name.clone(),
        Attach::Profile { hz } => format!("profile_{hz}"),
        Attach::Counter { kind, config, .. } => format!("counter_{kind}_{config:x}"),
        Attach::Access { address, .. } => format!("access_{address:x}"),
        Attach::Packets { family, hook, .. } => format!("packets_{family}_{hook}"),
        Attach::Function { name, .. } => name.clone(),
        Attach::Functions { names, .. } => format!("{}_functions", names.len()),
        Attach::KernelCode { symbol, .. } => format!("kernel_{symbol}"),
        Attach::UserCode { path, .. } => format!("user_{}", path.rsplit('/').next().unwrap_or(path)),
    };
    name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '_' }).take(15).collect()
}

/// What the group's handlers probe, for messages.
fn point(placed: &Placed, group: &Group) -> String {
    let first = group.handlers.first().and_then(|index| placed.kernel.get(*index));
    first.map(|handler| handler.point.clone()).unwrap_or_default()
}
