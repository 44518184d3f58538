//! Families whose probes are in the runtime of another language: `java`, `python3`. Their points have a form, and nothing that
//! could be looked up.

use super::{Point, Resolution, Resolved, bad_argument, string, text_of};
use crate::build;
use crate::elaboration::Elaboration;
use crate::scope::{EventFacts, OfferedValue};
use systap_ir::program::{Event, ExprKind, Type};

/// As many arguments of a method as SystemTap hands on.
const JAVA_ARGUMENTS: u32 = 10;

pub(super) fn java<'a>(_: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    for word in ["class", "method"] {
        let Some(component) = point.word(word) else { return Ok(vec![]) };
        if string(component).is_none_or(|name| name.is_empty()) {
            return Err(bad_argument(component, format!("`{word}` needs a name")));
        }
    }
    let number = |index| build::expr(point.span, Type::Long, ExprKind::Argument { index, pointer: false });
    let value = |name: String, value| OfferedValue { name, value, pointee: None, settable: false };
    let numbers = (0..JAVA_ARGUMENTS).map(|index| value(format!("$arg{}", index + 1), number(index)));
    // The same as strings.
    let texts = (0..JAVA_ARGUMENTS).map(|index| value(format!("arg{}", index + 1), build::text(point.span, "")));
    let values = numbers.chain(texts);
    let facts = EventFacts::Values(values.collect());
    let event = Event::NotRun { what: "methods of Java" };
    Ok(vec![Resolved { facts, ..Resolved::plain(text_of(&point.components), event) }])
}

pub(super) fn python<'a>(_: &mut Elaboration<'a>, point: &Point<'a>) -> Resolution {
    let event = Event::NotRun { what: "functions of Python" };
    Ok(vec![Resolved { facts: EventFacts::Foreign, ..Resolved::plain(text_of(&point.components), event) }])
}
