//! `timer.s(1)` and its units, `.randomize`, `timer.hz`, `timer.jiffies`.

use super::{Point, Resolution, Resolved, argument_span, bad_argument, number, text_of};
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

const SECOND: u64 = 1_000_000_000;

pub(super) fn resolve<'a>(this: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    let Some(unit) = point.at(1) else { return Ok(vec![]) };
    let length = match unit.name.text.as_str() {
        "hz" => {
            let period = (SECOND / positive(unit)?).max(1);
            let event = Event::Timer { period, randomize: 0 };
            return Ok(vec![Resolved::plain(text_of(&point.components), event)]);
        }
        word => UNITS.iter().find(|(name, _)| *name == word).map_or(SECOND / u64::from(this.hz), |(_, length)| *length),
    };
    let period = span_of(unit, length)?;
    let randomize = point.at(2).map_or(Ok(0), |word| span_of(word, length))?;
    Ok(vec![Resolved::plain(text_of(&point.components), Event::Timer { period, randomize })])
}

/// The component's number, which must be positive.
pub(super) fn positive(component: &Component) -> Result<u64, Box<Diagnostic>> {
    let given = number(component).unwrap_or(0);
    match u64::try_from(given) {
        Ok(given @ 1..) => Ok(given),
        _ => Err(bad_argument(component, format!("`{}` takes a positive number, not {given}", component.name.text))),
    }
}

/// The component's number in a unit, in nanoseconds.
fn span_of(component: &Component, length: u64) -> Result<u64, Box<Diagnostic>> {
    positive(component)?.checked_mul(length).filter(|span| *span <= i64::MAX as u64).ok_or_else(|| {
        Box::new(Diagnostic::error("probe-argument", argument_span(component), "this is more than 292 years"))
    })
}
