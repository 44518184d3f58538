//! `kernel.data(WHAT).write` and `.rw`, with `.length`: accesses to memory, told by the machine's debug registers.

use super::{Point, Resolution, Resolved, bad_argument, number, string, text_of, unknown};
use crate::elaboration::Elaboration;
use systap_ir::program::Event;

/// A variable that every kernel has.
const OF_EVERY_KERNEL: &str = "jiffies_64";

pub(super) fn resolve<'a>(this: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    let Some(data) = point.at(1) else { return Ok(vec![]) };
    let length = length(point)?;
    let reads = point.has("rw");
    let address = match (number(data), string(data)) {
        (Some(address), _) => address.cast_unsigned(),
        (None, Some(name)) => {
            let symbols = this.kernel.symbols().map_err(|error| super::kernel_refuses(data.name.span, &error))?;
            match symbols.by_name(&name) {
                Some(symbol) => symbol.address,
                // A kernel without CONFIG_KALLSYMS_ALL lists its functions, so it may have the variable.
                None if symbols.by_name(OF_EVERY_KERNEL).is_none() => {
                    let event = Event::NotRun { what: "accesses to variables that the kernel does not list" };
                    return Ok(vec![Resolved::plain(text_of(&point.components), event)]);
                }
                None => {
                    let message = format!("this kernel has no variable `{name}`");
                    let data_symbols = symbols.iter().filter(|symbol| "bBdDrR".contains(symbol.letter));
                    let known: Vec<&str> = data_symbols.map(|symbol| symbol.name).collect();
                    return Err(unknown("unknown-symbol", super::argument_span(data), message, &name, known));
                }
            }
        }
        (None, None) => return Ok(vec![]),
    };
    let event = Event::Access { address, length, reads };
    Ok(vec![Resolved::plain(text_of(&point.components), event)])
}

/// `process.data`: the same of a program's memory.
pub(super) fn of_process<'a>(_: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    length(point)?;
    let event = Event::NotRun { what: "accesses to a process's memory" };
    Ok(vec![Resolved::plain(text_of(&point.components), event)])
}

/// How many bytes are watched.
fn length(point: &Point<'_>) -> Result<u32, Box<systap_diagnostics::Diagnostic>> {
    let Some(component) = point.word("length") else { return Ok(1) };
    match number(component) {
        Some(length @ (1 | 2 | 4 | 8)) => Ok(length as u32),
        other => Err(bad_argument(
            component,
            format!("a debug register watches 1, 2, 4 or 8 bytes, not {}", other.unwrap_or(0)),
        )),
    }
}
