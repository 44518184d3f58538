//! `timer.profile`: on each CPU, at the kernel's tick; `timer.profile.freq.hz(N)` as often as asked.

use super::{Point, Resolution, Resolved, text_of, timer};
use crate::elaboration::Elaboration;
use systap_diagnostics::Diagnostic;
use systap_ir::program::Event;

/// More would leave a CPU no time between two hits.
const MOST_HZ: u64 = 1_000_000;

pub(super) fn resolve<'a>(this: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    let hz = match point.word("hz") {
        Some(hz) => timer::positive(hz)?,
        None => u64::from(this.hz),
    };
    if hz > MOST_HZ {
        let message = format!("a CPU can be profiled at most {MOST_HZ} times a second, not {hz}");
        return Err(Box::new(Diagnostic::error("probe-argument", point.span, message)));
    }
    Ok(vec![Resolved::plain(text_of(&point.components), Event::Profile { hz: hz as u32 })])
}
