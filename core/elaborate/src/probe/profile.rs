//! `timer.profile`: on each CPU, at the kernel's tick; `timer.profile.freq.hz(N)` as often as asked.

use super::{Point, Resolution, Resolved, ends, incomplete, no_argument, text_of, timer, unknown_component};
use crate::elaboration::Elaboration;
use systap_diagnostics::Diagnostic;
use systap_ir::program::Event;

/// More would leave a CPU no time between two hits.
const MOST_HZ: u64 = 1_000_000;

pub(super) fn resolve<'a>(this: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    if let Some(profile) = point.at(1) {
        no_argument(profile)?;
    }
    let hz = match (point.at(2), point.at(3)) {
        (None, _) => u64::from(this.hz),
        (Some(tick), _) if tick.name.text == "tick" => {
            ends(point, 3)?;
            u64::from(this.hz)
        }
        (Some(freq), None) if freq.name.text == "freq" => return Err(incomplete(point, &["hz"])),
        (Some(freq), Some(hz)) if freq.name.text == "freq" && hz.name.text == "hz" => {
            ends(point, 4)?;
            timer::positive(hz)?
        }
        (Some(freq), Some(other)) if freq.name.text == "freq" => return Err(unknown_component(other, &["hz"])),
        (Some(other), _) => return Err(unknown_component(other, &["tick", "freq"])),
    };
    if hz > MOST_HZ {
        let message = format!("a CPU can be profiled at most {MOST_HZ} times a second, not {hz}");
        return Err(Box::new(Diagnostic::error("probe-argument", point.span, message)));
    }
    Ok(vec![Resolved::plain(text_of(&point.components), Event::Profile { hz: hz as u32 })])
}
