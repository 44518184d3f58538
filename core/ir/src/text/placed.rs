//! A placed program: its parts, each under a heading that says where it runs.

use std::fmt::Write;

use super::graph::Names;
use super::{event, global, type_name};
use crate::placed::{Placed, Residence};

/// A program whose parts know where they run.
pub fn placed(placed: &Placed) -> String {
    let mut out = String::new();
    for (each, residence) in &placed.globals {
        _ = writeln!(out, "global {}; lives in {}", global(each), place(residence));
    }
    let functions: Vec<&str> = placed.functions.iter().map(|function| function.name.as_str()).collect();
    let globals = placed.globals.iter().map(|(global, _)| global).collect();
    let names = Names { globals, functions, patterns: &placed.patterns };
    for handler in &placed.kernel {
        let loops = if handler.loops { ", loops" } else { "" };
        _ = writeln!(out, "\nkernel: {} ({}{loops})", handler.point, event(&handler.event));
        names.body(&handler.body, &mut out);
    }
    for (number, continuation) in placed.continuations.iter().enumerate() {
        let (reason, _) = &continuation.reason;
        let point = &placed.kernel[continuation.handler].point;
        _ = writeln!(out, "\nuser side: continuation {number} of {point}, for {reason}");
        names.body(&continuation.body, &mut out);
    }
    for handler in &placed.user {
        _ = writeln!(out, "\nuser side: {} ({})", handler.point, event(&handler.event));
        names.body(&handler.body, &mut out);
    }
    for function in &placed.functions {
        _ = writeln!(out, "\nuser side: function {}", function.name);
        names.body(&function.body, &mut out);
    }
    out
}

fn place(residence: &Residence) -> String {
    match residence {
        Residence::User => "systap's memory".to_owned(),
        Residence::Word(index) => format!("word {index}"),
        Residence::Text(size) => format!("a mapped string of {size} bytes"),
        Residence::Table { keys, value, per_cpu } => {
            let keys: Vec<String> = keys.iter().map(|key| format!("{} {}", type_name(key.ty), key.size)).collect();
            let value = value.map_or("aggregate".to_owned(), |value| format!("{} {}", type_name(value.ty), value.size));
            let kind = if *per_cpu { "a table for each CPU" } else { "a table" };
            format!("{kind}: [{}] to {value}", keys.join(", "))
        }
        Residence::Aggregate => "an aggregate for each CPU".to_owned(),
    }
}
