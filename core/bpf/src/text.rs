//! The text of an artifact: maps, programs as disassembly, sites. The same artifact always gives the same text.
//!
//! Must never be read back by anything.

use std::fmt::Write as _;

use systap_diagnostics::Span;
use systap_ir::program::Every;

use crate::artifact::{Artifact, Attach, Field, MapRole, ProgramPlan, Site, SiteKind};
use crate::insn::Insn;

fn on_return(returns: bool) -> &'static str {
    if returns { ", on return" } else { "" }
}

/// The text of an artifact.
pub fn print(artifact: &Artifact) -> String {
    let mut out = String::new();
    let artifact_text = &mut out;
    for (number, map) in artifact.maps.iter().chain(&artifact.entries).enumerate() {
        let role = match map.role {
            MapRole::Words => "words".to_owned(),
            MapRole::Global(global) => format!("global {}", global.0),
            MapRole::Frame => "frame".to_owned(),
            MapRole::Ring => "ring".to_owned(),
            MapRole::Counters => "counters".to_owned(),
            MapRole::Entries => "entries".to_owned(),
            MapRole::Table => "table".to_owned(),
            MapRole::PerfCounter { kind, config } => format!("perf event {kind}:{config:#x}"),
        };
        let _ = writeln!(
            artifact_text,
            "map {number} {}: {role}, {:?}, key {}, value {}, entries {}",
            map.name, map.kind, map.key_size, map.value_size, map.entries
        );
    }
    for program in &artifact.programs {
        print_program(artifact, program, &mut out);
        if !program.instead.is_empty() {
            let _ = writeln!(out, "or else, where the kernel refuses that:");
        }
        for instead in &program.instead {
            print_program(artifact, instead, &mut out);
        }
    }
    for (number, site) in artifact.sites.iter().enumerate() {
        let _ = writeln!(out, "site {number}: {}", site_text(site));
    }
    let counters = artifact.counters;
    let _ = writeln!(out, "counters: {} sites, {} skipped, {} hits", counters.sites, counters.skipped, counters.hits);
    out
}

fn print_program(artifact: &Artifact, program: &ProgramPlan, out: &mut String) {
    let attach = match &program.attach {
        Attach::Tracepoint { name, typed: true, .. } => format!("tracepoint {name}, typed"),
        Attach::Tracepoint { name, .. } => format!("tracepoint {name}"),
        Attach::Profile { hz } => format!("profile {hz} Hz"),
        Attach::Counter { kind, config, every: Every::Count(count) } => {
            format!("counter {kind}/{config:#x} at each {count}")
        }
        Attach::Counter { kind, config, every: Every::Hertz(hz) } => format!("counter {kind}/{config:#x} {hz} Hz"),
        Attach::Access { address, length, reads } => {
            format!("{} of {length} at {address:#x}", if *reads { "access" } else { "write" })
        }
        Attach::Functions { names, returns } => format!("{} functions{}", names.len(), on_return(*returns)),
        Attach::Function { name, returns, .. } => format!("function {name}{}", on_return(*returns)),
        Attach::KernelCode { symbol, offset, returns } => {
            format!("kernel code {symbol}+{offset:#x}{}", on_return(*returns))
        }
        Attach::UserCode { path, offset, returns, .. } => {
            format!("user code {path}+{offset:#x}{}", on_return(*returns))
        }
    };
    let _ = writeln!(
        out,
        "program {}: {attach}, handlers {:?}, {} instructions",
        program.name,
        program.handlers,
        program.instructions.len()
    );
    let insns: Vec<Insn> = program.instructions.iter().map(|bytes| Insn::from_bytes(*bytes)).collect();
    let mut second_half = false;
    for (at, insn) in insns.iter().enumerate() {
        if let Ok(line) = program.lines.binary_search_by_key(&(at as u32), |(at, _)| *at)
            && let Some((_, span)) = program.lines.get(line)
        {
            let _ = writeln!(out, "  ; {}", place(*span));
        }
        if std::mem::replace(&mut second_half, insn.is_wide()) {
            second_half = false;
            continue;
        }
        let relocation = program.relocations.iter().find(|relocation| relocation.at as usize == at);
        let text = match relocation {
            Some(relocation) => {
                let mut maps = artifact.maps.iter().chain(&artifact.entries);
                let map = maps.nth(relocation.map as usize).map_or("?", |map| map.name.as_str());
                match relocation.value_offset {
                    Some(offset) => format!("r{} = &{map}[0]+{offset}", insn.dst),
                    None => format!("r{} = map {map}", insn.dst),
                }
            }
            None => insn.text(at, insns.get(at + 1).map_or(0, |next| next.imm)),
        };
        let _ = writeln!(out, "  {at:4}: {text}");
    }
}

fn place(span: Span) -> String {
    format!("{}:{}..{}", span.file.0, span.start, span.end)
}

fn site_text(site: &Site) -> String {
    let kind = match &site.kind {
        SiteKind::Print(_) => "print".to_owned(),
        SiteKind::Continue(to) => format!("continue {to}"),
        SiteKind::Exit => "exit".to_owned(),
        SiteKind::Error(fault) => format!("error {fault:?}"),
    };
    let fields: Vec<String> = site
        .fields
        .iter()
        .map(|field| match field {
            Field::ShortText(bytes) => format!("text {bytes}"),
            Field::Long => "long".to_owned(),
            Field::Text => "text".to_owned(),
            Field::Caught => "caught".to_owned(),
            Field::Stack => "stack".to_owned(),
            Field::SyscallArguments => "syscall arguments".to_owned(),
        })
        .collect();
    format!("handler {}, {kind} ({}) at {}", site.handler, fields.join(", "), place(site.span))
}
