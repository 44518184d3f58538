//! `timer.s(1)` and its units, `.randomize`, `timer.hz`, `timer.jiffies`; `timer.profile` is handed on.

use super::{Point, Resolution, Resolved, ends, incomplete, no_argument, number, profile, text_of, unknown_component};
use crate::elaboration::Elaboration;
use systap_diagnostics::Diagnostic;
use systap_ir::program::Event;
use systap_syntax::ast::Component;

/// Nanoseconds of each unit.
const UNITS: &[(&str, u64)] = &[
    ("s", 1_000_000_000),
    ("sec", 1_000_000_000),
    ("ms", 1_000_000),
    ("msec", 1_000_000),
    ("us", 1_000),
    ("usec", 1_000),
    ("ns", 1),
    ("nsec", 1),
];

const WORDS: &[&str] = &["s", "sec", "ms", "msec", "us", "usec", "ns", "nsec", "hz", "jiffies", "profile"];

const SECOND: u64 = 1_000_000_000;

pub(super) fn resolve<'a>(this: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    if let Some(first) = point.at(0) {
        no_argument(first)?;
    }
    let Some(unit) = point.at(1) else { return Err(incomplete(point, WORDS)) };
    let tick = SECOND / u64::from(this.hz);
    let length = match unit.name.text.as_str() {
        "profile" => return profile::resolve(this, point),
        "hz" => {
            let hz = positive(unit)?;
            let period = (SECOND / hz).max(1);
            ends(point, 2)?;
            let event = Event::Timer { period, randomize: 0 };
            return Ok(vec![Resolved::plain(text_of(&point.components), event)]);
        }
        "jiffies" => tick,
        word => match UNITS.iter().find(|(name, _)| *name == word) {
            Some((_, length)) => *length,
            None => return Err(unknown_component(unit, WORDS)),
        },
    };
    let period = span_of(unit, length)?;
    let randomize = match point.at(2) {
        None => 0,
        Some(word) if word.name.text == "randomize" => span_of(word, length)?,
        Some(other) => return Err(unknown_component(other, &["randomize"])),
    };
    ends(point, 3)?;
    Ok(vec![Resolved::plain(text_of(&point.components), Event::Timer { period, randomize })])
}

/// The component's number, which must be positive.
pub(super) fn positive(component: &Component) -> Result<u64, Box<Diagnostic>> {
    let given = number(component)?;
    match u64::try_from(given) {
        Ok(given @ 1..) => Ok(given),
        _ => {
            let at = component.arg.as_ref().map_or(component.name.span, |arg| arg.span);
            let message = format!("`{}` takes a positive number, not {given}", component.name.text);
            Err(Box::new(Diagnostic::error("probe-argument", at, message)))
        }
    }
}

/// The component's number in a unit, in nanoseconds.
fn span_of(component: &Component, length: u64) -> Result<u64, Box<Diagnostic>> {
    positive(component)?.checked_mul(length).filter(|span| *span <= i64::MAX as u64).ok_or_else(|| {
        let at = component.arg.as_ref().map_or(component.name.span, |arg| arg.span);
        Box::new(Diagnostic::error("probe-argument", at, "this is more than 292 years"))
    })
}
