//! `begin`, `end`, `error`, each with its place in the order; `never`, `init`, `oneshot`.

use super::{Point, Resolution, Resolved, number, text_of};
use crate::elaboration::Elaboration;
use systap_ir::program::Event;

pub(super) fn resolve<'a>(_: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    let Some(first) = point.at(0) else { return Ok(vec![]) };
    let order = number(first).unwrap_or(0);
    let name = first.name.text.as_str();
    let event = match name {
        "end" => Event::End(order),
        "error" => Event::Error(order),
        "never" => Event::Never,
        // Before every `begin`, whatever its number.
        "init" => Event::Begin(i64::MIN),
        _ => Event::Begin(order),
    };
    let exits = name == "oneshot";
    Ok(vec![Resolved { exits, ..Resolved::plain(text_of(&point.components), event) }])
}
