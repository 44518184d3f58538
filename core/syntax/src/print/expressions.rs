//! Expressions in prefix form: `(+ a (* b c))`.

use crate::ast::{AggregateFn, BinaryOp, Expr, ExprKind, Literal, Target, TargetBase, TargetStep, UnaryOp};

/// One expression, on one line.
pub(super) fn expr(expr: &Expr) -> String {
    match &expr.kind {
        ExprKind::Literal(value) => literal(value),
        ExprKind::Name(name) => name.clone(),
        ExprKind::Index { array, keys: list } => format!("{}[{}]", array.text, keys(list)),
        ExprKind::Call { function, args } => form(&format!("call {}", function.text), args),
        ExprKind::Unary { op, operand } => form(unary(*op), [&**operand]),
        ExprKind::Binary { op, left, right } => form(binary(*op), [&**left, right]),
        ExprKind::Logical { and, left, right } => form(if *and { "&&" } else { "||" }, [&**left, right]),
        ExprKind::Ternary { condition, then, otherwise } => form("?:", [&**condition, then, otherwise]),
        ExprKind::Assign { op, target, value } => {
            form(&format!("{}=", op.map(binary).unwrap_or_default()), [&**target, value])
        }
        ExprKind::Accumulate { target, value } => form("<<<", [&**target, value]),
        ExprKind::Step { increment, prefix, target } => {
            let operator = if *increment { "++" } else { "--" };
            form(&if *prefix { format!("{operator}_") } else { format!("_{operator}") }, [&**target])
        }
        ExprKind::In { keys: list, array } => format!("(in {} [{}])", array.text, keys(list)),
        ExprKind::Aggregate { function, stat, shift } => {
            let shift = shift.map(|(shift, _)| format!(" {shift}")).unwrap_or_default();
            format!("(@{} {}{shift})", aggregate(*function), self::expr(stat))
        }
        ExprKind::Histogram { stat, linear, bucket } => {
            let bounds = linear.map(|[start, stop, step]| format!(" {start} {stop} {step}")).unwrap_or_default();
            let word = if linear.is_some() { "@hist_linear" } else { "@hist_log" };
            let bucket = bucket.as_ref().map(|bucket| format!("[{}]", self::expr(bucket))).unwrap_or_default();
            format!("({word} {}{bounds}){bucket}", self::expr(stat))
        }
        ExprKind::Target(inner) => target(inner),
        ExprKind::Defined(inner) => form("@defined", [&**inner]),
        ExprKind::Entry(inner) => form("@entry", [&**inner]),
        ExprKind::AtCall { name, args } => form(&name.text, args),
        ExprKind::Embedded(code) => format!("(embedded {})", bytes(code.text.as_bytes())),
        ExprKind::Missing => "<missing>".to_owned(),
    }
}

fn form<'a>(word: &str, parts: impl IntoIterator<Item = &'a Expr>) -> String {
    let mut text = format!("({word}");
    for part in parts {
        text.push(' ');
        text.push_str(&expr(part));
    }
    text.push(')');
    text
}

/// Keys of an array, `*` for any.
pub(super) fn keys(keys: &[Option<Expr>]) -> String {
    let keys: Vec<String> = keys.iter().map(|key| key.as_ref().map_or("*".to_owned(), expr)).collect();
    keys.join(", ")
}

fn target(target: &Target) -> String {
    let base = match &target.base {
        TargetBase::Variable(name) => name.text.clone(),
        TargetBase::Cast { value, type_name: (type_name, _), module } => {
            format!("(@cast {} {}{})", expr(value), bytes(type_name), module_text(module.as_deref()))
        }
        TargetBase::Var { name: (name, _), module } => {
            format!("(@var {}{})", bytes(name), module_text(module.as_deref()))
        }
        // In parentheses, or the address of a member would look like the member of an address.
        TargetBase::Value(value) if matches!(value.kind, ExprKind::Target(_)) => format!("({})", expr(value)),
        TargetBase::Value(value) => expr(value),
    };
    let mut text = if target.address { format!("&{base}") } else { base };
    for step in &target.path {
        match step {
            TargetStep::Member(name) => {
                text.push_str("->");
                text.push_str(&name.text);
            }
            TargetStep::Index(index) => text.push_str(&format!("[{}]", expr(index))),
        }
    }
    match target.pretty {
        0 => text,
        levels => format!("(pretty{levels} {text})"),
    }
}

fn module_text(module: Option<&[u8]>) -> String {
    module.map(|module| format!(" {}", bytes(module))).unwrap_or_default()
}

/// A number or a quoted string.
pub(super) fn literal(literal: &Literal) -> String {
    match literal {
        Literal::Number(value) => value.to_string(),
        Literal::String(value) => bytes(value),
    }
}

/// Bytes in quotes; what is not printable ASCII or valid UTF-8 escaped.
pub(super) fn bytes(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '"' | '\\' | '\n' | '\t' | '\r' => text.extend(letter.escape_default()),
                control if control.is_control() => text.push_str(&format!("\\x{:02x}", u32::from(control))),
                other => text.push(other),
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text.push('"');
    text
}

/// The function's name without `@`.
pub(super) fn aggregate(function: AggregateFn) -> &'static str {
    match function {
        AggregateFn::Count => "count",
        AggregateFn::Sum => "sum",
        AggregateFn::Min => "min",
        AggregateFn::Max => "max",
        AggregateFn::Avg => "avg",
        AggregateFn::Variance => "variance",
    }
}

fn unary(op: UnaryOp) -> &'static str {
    match op {
        UnaryOp::Plus => "+",
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
        BinaryOp::Concat => ".",
        BinaryOp::Equal => "==",
        BinaryOp::NotEqual => "!=",
        BinaryOp::Less => "<",
        BinaryOp::LessOrEqual => "<=",
        BinaryOp::Greater => ">",
        BinaryOp::GreaterOrEqual => ">=",
        BinaryOp::Match => "=~",
        BinaryOp::NotMatch => "!~",
    }
}
