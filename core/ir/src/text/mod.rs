//! The printable forms: [`program()`] reads like the script with everything settled, [`unit()`] and [`placed()`] like an assembly
//! listing. For people and snapshots; nothing parses them.

mod graph;
mod placed;
mod program;

pub use graph::unit;
pub use placed::placed;
pub use program::program;

use crate::format::{Conversion, ConversionKind, Extent, Format, Piece};
use crate::program::{
    AggregateFn, BinaryOp, CompareOp, Constant, Element, Event, Every, Global, GlobalShape, Histogram, SyscallSet,
    Type, UnaryOp,
};

fn quoted(text: &[u8]) -> String {
    format!("\"{}\"", text.escape_ascii())
}

fn constant(value: &Constant) -> String {
    match value {
        Constant::Long(number) => number.to_string(),
        Constant::Text(text) => quoted(text),
    }
}

fn type_name(ty: Type) -> &'static str {
    match ty {
        Type::Long => "long",
        Type::Text => "string",
    }
}

fn global(global: &Global) -> String {
    let shape = match &global.shape {
        GlobalShape::Scalar(initial) => format!("{} = {}", global.name, constant(initial)),
        GlobalShape::Aggregate(_) => format!("{}: aggregate", global.name),
        GlobalShape::Array { keys, element, capacity, wrap } => {
            let keys: Vec<_> = keys.iter().map(|key| type_name(*key)).collect();
            let element = match element {
                Element::Value(ty) => type_name(*ty),
                Element::Aggregate(_) => "aggregate",
            };
            let wrap = if *wrap { "%" } else { "" };
            format!("{}[{}]: {element}, at most {capacity}{wrap}", global.name, keys.join(", "))
        }
    };
    if global.print_at_end { format!("{shape}, printed at the end") } else { shape }
}

fn event(event: &Event) -> String {
    let set = |set: &SyscallSet| match set {
        SyscallSet::All => "all".to_owned(),
        SyscallSet::Numbers(numbers) => numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(" "),
    };
    match event {
        Event::Begin(order) => format!("begin {order}"),
        Event::End(order) => format!("end {order}"),
        Event::Error(order) => format!("error {order}"),
        Event::Never => "never".to_owned(),
        Event::Timer { period, randomize: 0 } => format!("timer {period} ns"),
        Event::Timer { period, randomize } => format!("timer {period} ns, up to {randomize} ns more or less"),
        Event::Profile { hz } => format!("profile {hz} hz"),
        Event::Counter { kind, config, every: Every::Count(count) } => format!("counter {kind}/{config:#x} at {count}"),
        Event::Counter { kind, config, every: Every::Hertz(hz) } => format!("counter {kind}/{config:#x} {hz} hz"),
        Event::Access { address, length, reads } => {
            format!("{} {length} at {address:#x}", if *reads { "access" } else { "write" })
        }
        Event::KernelFunction { name, words, returns, .. } => {
            format!("function {name}/{words}{}", if *returns { " return" } else { "" })
        }
        Event::KernelFunctions { names, returns } => {
            let first = names.first().map_or("", String::as_str);
            format!("{} functions from {first}{}", names.len(), if *returns { " return" } else { "" })
        }
        Event::KernelCode { symbol, offset, returns } => {
            format!("code {symbol}+{offset:#x}{}", if *returns { " return" } else { "" })
        }
        Event::UserCode { path, offset, returns, process, .. } => format!(
            "user code {path}+{offset:#x}{}{}",
            if *returns { " return" } else { "" },
            process.map_or(String::new(), |process| format!(" of {process}"))
        ),
        Event::NotRun { what } => format!("not run: {what}"),
        Event::Tracepoint { name, arguments, .. } => format!("tracepoint {name}/{arguments}"),
        Event::SyscallEntry(numbers) => format!("syscall entry {}", set(numbers)),
        Event::SyscallReturn(numbers) => format!("syscall return {}", set(numbers)),
    }
}

fn format_text(format: &Format) -> String {
    let mut text = Vec::new();
    for piece in &format.pieces {
        match piece {
            Piece::Text(bytes) => {
                for byte in bytes {
                    text.push(*byte);
                    if *byte == b'%' {
                        text.push(b'%');
                    }
                }
            }
            Piece::Conversion(conversion) => text.extend(conversion_text(conversion).bytes()),
            Piece::Open => text.extend(b"%<"),
            Piece::Close(_) => text.extend(b"%>"),
        }
    }
    quoted(&text)
}

fn conversion_text(conversion: &Conversion) -> String {
    let mut text = String::from("%");
    let flags = [
        (conversion.left, '-'),
        (conversion.zero, '0'),
        (conversion.plus, '+'),
        (conversion.space, ' '),
        (conversion.alternate, '#'),
    ];
    text.extend(flags.iter().filter(|(set, _)| *set).map(|(_, flag)| *flag));
    let extent = |extent: Extent, prefix: &str| match extent {
        Extent::None => String::new(),
        Extent::Fixed(number) => format!("{prefix}{number}"),
        Extent::Operand => format!("{prefix}*"),
    };
    text += &extent(conversion.width, "");
    text += &extent(conversion.precision, ".");
    text.push(match conversion.kind {
        ConversionKind::Signed => 'd',
        ConversionKind::Unsigned => 'u',
        ConversionKind::Octal => 'o',
        ConversionKind::Hex => 'x',
        ConversionKind::HexUpper => 'X',
        ConversionKind::Pointer => 'p',
        ConversionKind::Character => 'c',
        ConversionKind::Text => 's',
        ConversionKind::Binary => 'b',
        ConversionKind::Memory => 'm',
        ConversionKind::MemoryHex => 'M',
    });
    text
}

fn unary(op: UnaryOp) -> &'static str {
    match op {
        UnaryOp::Negate => "-",
        UnaryOp::Not => "!",
        UnaryOp::Complement => "~",
    }
}

fn binary(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Subtract => "-",
        BinaryOp::Multiply => "*",
        BinaryOp::Divide => "/",
        BinaryOp::Remainder => "%",
        BinaryOp::And => "&",
        BinaryOp::Or => "|",
        BinaryOp::Xor => "^",
        BinaryOp::ShiftLeft => "<<",
        BinaryOp::ShiftRight => ">>",
        BinaryOp::ShiftRightLogical => ">>>",
    }
}

fn compare(op: CompareOp) -> &'static str {
    match op {
        CompareOp::Equal => "==",
        CompareOp::NotEqual => "!=",
        CompareOp::Less => "<",
        CompareOp::LessOrEqual => "<=",
        CompareOp::Greater => ">",
        CompareOp::GreaterOrEqual => ">=",
    }
}

fn aggregate(function: AggregateFn) -> &'static str {
    match function {
        AggregateFn::Count => "@count",
        AggregateFn::Sum => "@sum",
        AggregateFn::Min => "@min",
        AggregateFn::Max => "@max",
        AggregateFn::Avg => "@avg",
        AggregateFn::Variance => "@variance",
    }
}

fn histogram(histogram: Histogram) -> String {
    match histogram {
        Histogram::Logarithmic => "@hist_log".to_owned(),
        Histogram::Linear(bounds) => {
            format!("@hist_linear({}, {}, {})", bounds.start, bounds.stop, bounds.interval)
        }
    }
}
