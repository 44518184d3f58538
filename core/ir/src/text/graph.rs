//! Graphs as listings: a line for each instruction.

use std::fmt::Write;
use std::sync::Arc;

use systap_regex::Regex;

use super::{aggregate, binary, compare, event, format_text, global, histogram, quoted, unary};
use crate::graph::{Body, Jump, Op, Terminator, Unit, Value};
use crate::program::{Global, GlobalId, Space, Type};

/// A program as graphs.
pub fn unit(unit: &Unit) -> String {
    let mut out = String::new();
    for each in &unit.globals {
        _ = writeln!(out, "global {}", global(each));
    }
    let functions: Vec<&str> = unit.functions.iter().map(|function| function.name.as_str()).collect();
    let names = Names { globals: unit.globals.iter().collect(), functions, patterns: &unit.patterns };
    for function in &unit.functions {
        _ = writeln!(out, "\nfunction {}", function.name);
        names.body(&function.body, &mut out);
    }
    for handler in &unit.handlers {
        _ = writeln!(out, "\nhandler {} ({})", handler.point, event(&handler.event));
        names.body(&handler.body, &mut out);
    }
    out
}

/// What graphs refer to by number.
pub(super) struct Names<'a> {
    pub(super) globals: Vec<&'a Global>,
    pub(super) functions: Vec<&'a str>,
    pub(super) patterns: &'a [Arc<Regex>],
}

impl Names<'_> {
    pub(super) fn body(&self, body: &Body, out: &mut String) {
        for (index, block) in body.blocks.iter().enumerate() {
            let params: Vec<String> = block.params.iter().map(|param| typed(body, *param)).collect();
            let params = if params.is_empty() { String::new() } else { format!("({})", params.join(", ")) };
            let actions = if block.actions == 0 { String::new() } else { format!(" # {}", block.actions) };
            _ = writeln!(out, "b{index}{params}:{actions}");
            for inst in &block.insts {
                let op = self.op(&inst.op);
                _ = match inst.result {
                    Some(result) => writeln!(out, "    {} = {op}", typed(body, result)),
                    None => writeln!(out, "    {op}"),
                };
            }
            _ = writeln!(out, "    {}", terminator(&block.term));
        }
    }

    fn global(&self, id: GlobalId) -> &str {
        &self.globals[id.0 as usize].name
    }

    fn element(&self, id: GlobalId, keys: &[Value]) -> String {
        if keys.is_empty() { self.global(id).to_owned() } else { format!("{}[{}]", self.global(id), list(keys)) }
    }

    fn slice(&self, id: GlobalId, keys: &[Option<Value>]) -> String {
        let keys: Vec<String> = keys.iter().map(|key| key.map_or("*".to_owned(), value)).collect();
        if keys.is_empty() { self.global(id).to_owned() } else { format!("{}[{}]", self.global(id), keys.join(", ")) }
    }

    fn op(&self, op: &Op) -> String {
        match op {
            Op::Long(number) => number.to_string(),
            Op::Text(text) => quoted(text),
            Op::Unary(op, a) => format!("{}{}", unary(*op), value(*a)),
            Op::Binary(op, a, b) => format!("{} {} {}", value(*a), binary(*op), value(*b)),
            Op::Compare(op, a, b) => format!("{} {} {}", value(*a), compare(*op), value(*b)),
            Op::Match { text, pattern } => {
                format!("{} =~ {}", value(*text), quoted(self.patterns[pattern.0 as usize].pattern()))
            }
            Op::Pick { texts, index } => {
                let first = texts.first().map(|text| quoted(text)).unwrap_or_default();
                format!("{} texts from {first} at {}", texts.len(), value(*index))
            }
            Op::NoteMatch { text, pattern } => {
                format!("note that {} was matched with {}", value(*text), value(*pattern))
            }
            Op::Extend { value: a, bits, signed } => {
                format!("{} {} bits of {}", if *signed { "signed" } else { "unsigned" }, bits, value(*a))
            }
            Op::Concat(a, b) => format!("{} . {}", value(*a), value(*b)),
            Op::Format(format, args) => format!("format {} {}", format_text(format), list(args)).trim_end().to_owned(),
            Op::Print(format, args) => format!("print {} {}", format_text(format), list(args)).trim_end().to_owned(),
            Op::Context(context) => context.name().to_owned(),
            Op::Argument { index, pointer } => {
                format!("argument {index}{}", if *pointer { ", a pointer" } else { "" })
            }
            Op::Load { base, offset, width, signed, space, typed } => format!(
                "{}{} {} bytes at {} + {offset}{}",
                if *typed { "typed " } else { "" },
                if *signed { "signed" } else { "unsigned" },
                width.bytes(),
                value(*base),
                of_user(*space)
            ),
            Op::ReadText { address, limit, space, fallback } => format!(
                "text at {}{}{}{}",
                value(*address),
                limit.map_or(String::new(), |limit| format!(", at most {}", value(limit))),
                of_user(*space),
                fallback.map_or(String::new(), |fallback| format!(", or {}", value(fallback)))
            ),
            Op::Call(function, args) => format!("call {}({})", self.functions[function.0 as usize], list(args)),
            Op::Intrinsic(intrinsic, args) => format!("{}({})", intrinsic.signature().name, list(args)),
            Op::Get(g) => self.global(*g).to_owned(),
            Op::Set(g, a) => format!("{} = {}", self.global(*g), value(*a)),
            Op::Add(g, a) => format!("{} += {}", self.global(*g), value(*a)),
            Op::ElementGet(g, keys) => self.element(*g, keys),
            Op::ElementSet(g, keys, a) => format!("{} = {}", self.element(*g, keys), value(*a)),
            Op::ElementAdd(g, keys, a) => format!("{} += {}", self.element(*g, keys), value(*a)),
            Op::ElementDelete(g, keys) => format!("delete {}", self.element(*g, keys)),
            Op::Contains(g, keys) => format!("[{}] in {}", list(keys), self.global(*g)),
            Op::Clear(g) => format!("delete {}", self.global(*g)),
            Op::Accumulate(g, keys, a) => format!("{} <<< {}", self.element(*g, keys), value(*a)),
            Op::Aggregate(g, keys, function) => format!("{}({})", aggregate(*function), self.element(*g, keys)),
            Op::Bucket(g, keys, kind, index) => {
                format!("bucket {} of {} of {}", value(*index), histogram(*kind), self.element(*g, keys))
            }
            Op::HistogramText(g, keys, kind) => format!("draw {} of {}", histogram(*kind), self.element(*g, keys)),
            Op::Iterate { global, slice, order, limit } => format!(
                "iterate {}{}{}",
                self.slice(*global, slice),
                order.map_or(String::new(), |order| format!(
                    ", by {:?} {}",
                    order.by,
                    if order.ascending { "ascending" } else { "descending" }
                )),
                limit.map_or(String::new(), |limit| format!(", at most {}", value(limit)))
            ),
            Op::Advance(cursor) => format!("advance {}", value(*cursor)),
            Op::CursorKey(cursor, position) => format!("key {position} at {}", value(*cursor)),
            Op::CursorValue(cursor) => format!("value at {}", value(*cursor)),
            Op::ContainsSlice(g, keys) => format!("any of {}", self.slice(*g, keys)),
            Op::DeleteSlice(g, keys) => format!("delete {}", self.slice(*g, keys)),
            Op::LoadOrZero { base, offset, width, signed, space } => {
                let sign = if *signed { "signed" } else { "unsigned" };
                let (bytes, of) = (width.bytes(), of_user(*space));
                format!("{sign} {bytes} bytes at {} + {offset}{of}, or 0", value(*base))
            }
            Op::Readable { base, offset, width, space } => {
                format!("readable {} bytes at {} + {offset}{}", width.bytes(), value(*base), of_user(*space))
            }
            Op::CheckRead { flag, address, space, .. } => {
                format!("fault at {}{} unless {}", value(*address), of_user(*space), value(*flag))
            }
        }
    }
}

fn of_user(space: Space) -> &'static str {
    match space {
        Space::Kernel => "",
        Space::User => " of the process",
    }
}

fn value(value: Value) -> String {
    format!("v{}", value.0)
}

fn typed(body: &Body, of: Value) -> String {
    match body.ty(of) {
        Type::Long => value(of),
        Type::Text => format!("{}:s", value(of)),
    }
}

fn list(values: &[Value]) -> String {
    values.iter().map(|each| value(*each)).collect::<Vec<_>>().join(", ")
}

fn jump(jump: &Jump) -> String {
    if jump.args.is_empty() { format!("b{}", jump.to.0) } else { format!("b{}({})", jump.to.0, list(&jump.args)) }
}

fn terminator(term: &Terminator) -> String {
    match term {
        Terminator::Jump(to) => format!("jump {}", jump(to)),
        Terminator::Branch { condition, then, otherwise } => {
            format!("if {} {} else {}", value(*condition), jump(then), jump(otherwise))
        }
        Terminator::Attempt { ok, fault } => format!("attempt {} caught {}", jump(ok), jump(fault)),
        Terminator::Caught(to) => format!("caught {}", jump(to)),
        Terminator::Return(None) => "return".to_owned(),
        Terminator::Return(Some(given)) => format!("return {}", value(*given)),
        Terminator::Unreachable => "unreachable".to_owned(),
        Terminator::Defer { to, args } => format!("defer to {to} ({})", list(args)),
    }
}
