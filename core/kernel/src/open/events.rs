//! Which subsystem each tracepoint of an image belongs to: the kernel's list of events, read where it lies in the image.
//!
//! What cannot be followed is left out; must never be needed for a tracepoint that is named alone. The structs are those of
//! `include/linux/trace_events.h`, found by the image's own types.

use super::elf::Layout;
use crate::{Btf, Kind, Symbols};

/// What the symbol of each event begins with (`include/trace/trace_events.h`).
const EVENT: &str = "event_";

/// (subsystem, event) of all events; `None` where the image does not tell.
pub(super) fn of(layout: &Layout, bytes: &[u8], btf: &Btf, symbols: &Symbols) -> Option<Vec<(String, String)>> {
    let offset = |of: &str, member: &str| {
        let id = btf.find(Kind::Struct, of).ok()??;
        let member = btf.member(id, member).ok()??;
        Some(u64::from(member.bit_offset / 8))
    };
    let class = offset("trace_event_call", "class")?;
    let system = offset("trace_event_class", "system")?;
    let mut found = vec![];
    for symbol in symbols.iter().filter(|symbol| matches!(symbol.letter, 'd' | 'D')) {
        let Some(name) = symbol.name.strip_prefix(EVENT) else { continue };
        let class = layout.pointer_at(bytes, symbol.address.wrapping_add(class));
        let system = class.and_then(|class| layout.pointer_at(bytes, class.wrapping_add(system)));
        let Some(system) = system.and_then(|system| layout.text_at(bytes, system)).filter(|text| !text.is_empty())
        else {
            continue;
        };
        // Those of system calls have other names than their symbols.
        let name = match (system, name.strip_prefix("enter_"), name.strip_prefix("exit_")) {
            ("syscalls", Some(call), _) => format!("sys_enter{call}"),
            ("syscalls", _, Some(call)) => format!("sys_exit{call}"),
            _ => name.to_owned(),
        };
        found.push((system.to_owned(), name));
    }
    found.sort_unstable();
    found.dedup();
    (!found.is_empty()).then_some(found)
}
