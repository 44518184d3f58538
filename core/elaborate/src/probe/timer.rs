//! `timer.s(1)` and its units, `.randomize`, `timer.hz`, `timer.jiffies`.

use super::{Point, Resolution, Resolved, bad_argument, number, text_of};
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

/// The shortest interval that SystemTap has, in nanoseconds.
const SHORTEST: u64 = 100_000;
/// The longest: a day.
const LONGEST: u64 = 24 * 60 * 60 * SECOND;
/// The longest in jiffies.
const MOST_JIFFIES: u64 = 1_000_000;

pub(super) fn resolve<'a>(this: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    let Some(unit) = point.at(1) else { return Ok(vec![]) };
    let length = match unit.name.text.as_str() {
        "hz" => {
            let frequency = positive(unit)?;
            let period = within(unit, SECOND.div_ceil(frequency), "timers fire from 1 to 10000 times in a second")?;
            let event = Event::Timer { period, randomize: 0 };
            return Ok(vec![Resolved::plain(text_of(&point.components), event)]);
        }
        word => UNITS.iter().find(|(name, _)| *name == word).map(|(_, length)| *length),
    };
    let count = positive(unit)?;
    let period = match length {
        Some(length) => {
            within(unit, count.saturating_mul(length), "a timer's interval is between 100 microseconds and a day")?
        }
        None if count > MOST_JIFFIES => {
            return Err(bad_argument(unit, format!("a timer's interval is at most {MOST_JIFFIES} jiffies")));
        }
        None => count.saturating_mul(SECOND / u64::from(this.hz)),
    };
    let randomize = match point.at(2) {
        Some(word) => match u64::try_from(number(word).unwrap_or(-1)) {
            Ok(most) if most <= count => most.saturating_mul(period / count),
            _ => return Err(bad_argument(word, format!("`randomize` takes a number from 0 to the interval, {count}"))),
        },
        None => 0,
    };
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

/// The interval, in nanoseconds, if it is one that timers have.
fn within(component: &Component, interval: u64, said: &str) -> Result<u64, Box<Diagnostic>> {
    if (SHORTEST..=LONGEST).contains(&interval) { Ok(interval) } else { Err(bad_argument(component, said)) }
}
