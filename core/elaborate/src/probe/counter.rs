//! `perf.type(T).config(C)` and the names of the usual counters, each with `.sample`, `.hz`, `.process`, `.counter`.

use super::grammar::{CACHES, HARDWARE, SOFTWARE, Step};
use super::{Point, Resolution, Resolved, bad_argument, number, process, string, text_of, timer};
use crate::elaboration::Elaboration;
use systap_ir::program::{Event, Every};
use systap_syntax::ast::Component;

/// `PERF_TYPE_HARDWARE`, `PERF_TYPE_SOFTWARE`, `PERF_TYPE_HW_CACHE` (include/uapi/linux/perf_event.h).
const HARDWARE_KIND: u32 = 0;
const SOFTWARE_KIND: u32 = 1;
const CACHE_KIND: u32 = 3;

/// How much is counted between two hits if the script does not say (SystemTap's default).
const SAMPLE: u64 = 1_000_000;

pub(super) fn resolve<'a>(this: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    let (kind, config) = which(&point.components)?;
    let every = match (point.word("sample"), point.word("hz")) {
        (Some(sample), _) => Every::Count(timer::positive(sample)?),
        (None, Some(hz)) => Every::Hertz(timer::positive(hz)?),
        (None, None) => Every::Count(SAMPLE),
    };
    let filter = match point.word("process") {
        Some(program) => process::filter(this, program)?,
        None => None,
    };
    let event = match point.word("counter") {
        Some(name) if string(name).is_none_or(|name| name.is_empty()) => {
            return Err(bad_argument(name, "a counter needs a name, for `@perf` to ask for it by"));
        }
        Some(name) if !this.perf_counters.insert(string(name).unwrap_or_default()) => {
            return Err(bad_argument(name, "another counter has this name"));
        }
        // It counts and fires nothing.
        Some(_) => return Ok(vec![Resolved::plain(text_of(&point.components), Event::Never)]),
        None => Event::Counter { kind, config, every },
    };
    Ok(vec![Resolved { filter, ..Resolved::plain(text_of(&point.components), event) }])
}

/// The numbers of the event.
pub(crate) fn which(components: &[Component]) -> Result<(u32, u64), Box<systap_diagnostics::Diagnostic>> {
    let argument = |word: &str| components.iter().find(|component| component.name.text == word);
    if let (Some(kind), Some(config)) = (argument("type"), argument("config")) {
        let given = number(kind).unwrap_or(0);
        let Ok(known) = u32::try_from(given) else {
            return Err(bad_argument(kind, format!("`type` takes a number of 32 bits, not {given}")));
        };
        // All 64 bits of it count.
        return Ok((known, number(config).unwrap_or(0).cast_unsigned()));
    }
    let word = |at: usize| components.get(at).map_or("", |component| component.name.text.as_str());
    let of = |list: &[Step], at: usize| list.iter().position(|step| step.word == word(at)).unwrap_or(0) as u64;
    Ok(match word(1) {
        "hw" => (HARDWARE_KIND, of(HARDWARE, 2)),
        "sw" => (SOFTWARE_KIND, of(SOFTWARE, 2)),
        _ => {
            // enum perf_hw_cache_op_id and perf_hw_cache_op_result_id
            let operation =
                ["read", "write", "prefetch"].iter().position(|known| *known == word(3)).unwrap_or(0) as u64;
            let result = u64::from(word(4) == "miss");
            (CACHE_KIND, of(CACHES, 2) | operation << 8 | result << 16)
        }
    })
}
