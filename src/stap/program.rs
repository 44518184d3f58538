//! What `-p2` prints: the globals, functions and probes of a program with their types, in SystemTap's form.

use systap_ir::program::Constant;
use systap_ir::program::{Element, Global, GlobalShape, Limits, Local, Program, Type};

/// The whole program.
pub(crate) fn text(program: &Program, verbose: bool) -> String {
    let mut text = String::new();
    if !program.globals.is_empty() {
        text += "# globals\n";
    }
    for each in &program.globals {
        text += &global(each, &program.limits, verbose);
        text.push('\n');
    }
    let mut functions: Vec<_> = program.functions.iter().collect();
    functions.sort_by(|left, right| left.name.cmp(&right.name));
    if !functions.is_empty() {
        text += "# functions\n";
    }
    for function in functions {
        let params = function.params as usize;
        let args: Vec<String> = function.locals.iter().take(params).map(local).collect();
        text += &format!("{}:{} ({})\n", function.name, function.returns.map_or("unknown", word), args.join(", "));
        text += &locals(function.locals.get(params..).unwrap_or(&[]));
    }
    if !program.probes.is_empty() {
        text += "# probes\n";
    }
    for probe in &program.probes {
        text += &format!("{}\n", probe.point);
        text += &locals(&probe.locals);
    }
    text
}

fn word(ty: Type) -> &'static str {
    match ty {
        Type::Long => "long",
        Type::Text => "string",
    }
}

fn global(global: &Global, limits: &Limits, verbose: bool) -> String {
    let name = &global.name;
    match &global.shape {
        GlobalShape::Scalar(initial) => {
            let (ty, value) = match initial {
                Constant::Long(number) => (Type::Long, number.to_string()),
                Constant::Text(text) => (Type::Text, format!("\"{}\"", text.escape_ascii())),
            };
            let initial = if verbose { format!(" = {value}") } else { String::new() };
            format!("{name}:{}{initial}", word(ty))
        }
        GlobalShape::Aggregate(_) => format!("{name}:stats"),
        GlobalShape::Array { keys, element, capacity, wrap } => {
            let wrap = if *wrap { "%" } else { "" };
            let size = if *capacity == limits.entries { String::new() } else { format!("[{capacity}]") };
            let ty = match element {
                Element::Value(ty) => word(*ty),
                Element::Aggregate(_) => "stats",
            };
            let keys: Vec<&str> = keys.iter().map(|key| word(*key)).collect();
            format!("{name}{wrap}{size}:{ty} [{}]", keys.join(", "))
        }
    }
}

fn local(local: &Local) -> String {
    format!("{}:{}", local.name, word(local.ty))
}

fn locals(all: &[Local]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let lines: String = all.iter().map(|each| format!("  {}\n", local(each))).collect();
    format!("  # locals\n{lines}")
}
