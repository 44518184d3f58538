//! Globals as lines of text: a line for each scalar and each element.
//!
//! Must never give a number for what has none: an aggregate without values has a count and nothing else.

use systap_ir::program::AggregateFn;
use systap_runtime::text::format::{address, escape};
use systap_runtime::user::{Aggregate, Datum, Entry};
use systap_runtime::{Content, GlobalView};

/// The lines of all of them.
pub(crate) fn lines(globals: &[GlobalView]) -> Vec<String> {
    let mut lines = vec![];
    for global in globals {
        let GlobalView { name, pointer, content } = global;
        match content {
            Content::One(one) => lines.push(format!("{name}{}", value(one, *pointer))),
            Content::Many { count, first } => {
                lines.push(format!("{name}: {count} {}", if *count == 1 { "element" } else { "elements" }));
                for (keys, one) in first {
                    let keys: Vec<String> = keys.iter().map(|key| datum(key, false)).collect();
                    lines.push(format!("  [{}]{}", keys.join(", "), value(one, *pointer)));
                }
                if *count > first.len() {
                    lines.push(format!("  and {} more", count - first.len()));
                }
            }
            Content::Unreadable(why) => lines.push(format!("{name}: cannot be read: {why}")),
        }
    }
    lines
}

fn value(entry: &Entry, pointer: bool) -> String {
    match entry {
        Entry::Value(value) => format!(" = {}", datum(value, pointer)),
        Entry::Aggregate(Aggregate { count: 0, .. }) => "  count 0".to_owned(),
        Entry::Aggregate(aggregate) => {
            let parts = [("count", AggregateFn::Count), ("sum", AggregateFn::Sum), ("avg", AggregateFn::Avg)];
            let part = |(name, function)| Some(format!("  {name} {}", aggregate.get(function)?));
            parts.into_iter().filter_map(part).collect()
        }
    }
}

fn datum(value: &Datum, pointer: bool) -> String {
    let mut text = vec![];
    match value {
        Datum::Long(number) if pointer => address(number.cast_unsigned(), &mut text),
        Datum::Long(number) => return number.to_string(),
        Datum::Text(bytes) => {
            text.push(b'"');
            escape(bytes, &mut text);
            text.push(b'"');
        }
    }
    String::from_utf8_lossy(&text).into_owned()
}
