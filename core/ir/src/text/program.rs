//! The typed program as text that reads like a script: every type, probe point and target variable settled.

use std::fmt::Write;

use super::{aggregate, binary, compare, constant, event, format_text, global, histogram, quoted, type_name, unary};
use crate::program::{
    AssignOp, Expr, ExprKind, Foreach, GlobalId, Local, LocalId, Order, OrderBy, Place, Program, Space, Stmt, StmtKind,
};

/// A typed program.
pub fn program(program: &Program) -> String {
    let mut out = String::new();
    for each in &program.globals {
        _ = writeln!(out, "global {}", global(each));
    }
    for function in &program.functions {
        let params: Vec<String> = function.locals[..function.params as usize].iter().map(local).collect();
        let returns = function.returns.map_or(String::new(), |ty| format!(": {}", type_name(ty)));
        _ = writeln!(out, "function {}({}){returns} {{", function.name, params.join(", "));
        let printer = Printer { program, locals: &function.locals };
        printer.locals_after(function.params as usize, &mut out);
        printer.statements(&function.body, 1, &mut out);
        _ = writeln!(out, "}}");
    }
    for probe in &program.probes {
        let printer = Printer { program, locals: &probe.locals };
        let condition = probe.condition.as_ref().map_or(String::new(), |expr| format!(" if ({})", printer.expr(expr)));
        _ = writeln!(out, "probe {} ({}){condition} {{", probe.point, event(&probe.event));
        printer.locals_after(0, &mut out);
        printer.statements(&probe.body, 1, &mut out);
        _ = writeln!(out, "}}");
    }
    out
}

fn local(local: &Local) -> String {
    format!("{}: {}", local.name, type_name(local.ty))
}

struct Printer<'a> {
    program: &'a Program,
    locals: &'a [Local],
}

impl Printer<'_> {
    fn locals_after(&self, first: usize, out: &mut String) {
        for each in &self.locals[first..] {
            _ = writeln!(out, "    local {}", local(each));
        }
    }

    fn statements(&self, statements: &[Stmt], depth: usize, out: &mut String) {
        for statement in statements {
            self.statement(statement, depth, out);
        }
    }

    fn block(&self, head: &str, body: &[Stmt], depth: usize, out: &mut String) {
        let indent = "    ".repeat(depth);
        _ = writeln!(out, "{indent}{head} {{");
        self.statements(body, depth + 1, out);
        _ = writeln!(out, "{indent}}}");
    }

    fn statement(&self, statement: &Stmt, depth: usize, out: &mut String) {
        let indent = "    ".repeat(depth);
        let line = match &statement.kind {
            StmtKind::If { condition, then, otherwise } => {
                self.block(&format!("if ({})", self.expr(condition)), then, depth, out);
                if !otherwise.is_empty() {
                    self.block("else", otherwise, depth, out);
                }
                return;
            }
            StmtKind::Loop { condition, step, body } => {
                let condition = condition.as_ref().map_or("1".to_owned(), |expr| self.expr(expr));
                let step = step.as_ref().map_or(String::new(), |expr| format!("; {}", self.expr(expr)));
                return self.block(&format!("loop ({condition}{step})"), body, depth, out);
            }
            StmtKind::Foreach(foreach) => {
                return self.block(&self.foreach(foreach), &foreach.body, depth, out);
            }
            StmtKind::Try { body, message, handler } => {
                self.block("try", body, depth, out);
                let message = message.map_or(String::new(), |message| format!(" ({})", self.local(message)));
                return self.block(&format!("catch{message}"), handler, depth, out);
            }
            StmtKind::Uncaught(body) => return self.block("uncaught", body, depth, out),
            StmtKind::Expr(expr) => self.expr(expr),
            StmtKind::Break => "break".to_owned(),
            StmtKind::Continue => "continue".to_owned(),
            StmtKind::Next => "next".to_owned(),
            StmtKind::Embedded => "%{ %}".to_owned(),
            StmtKind::Return(None) => "return".to_owned(),
            StmtKind::Return(Some(value)) => format!("return {}", self.expr(value)),
            StmtKind::Delete { global, keys } => format!("delete {}", self.element(*global, keys)),
            StmtKind::DeleteLocal(local) => format!("delete {}", self.local(*local)),
            StmtKind::DeleteSlice { global, slice } => {
                format!("delete {}[{}]", self.global(*global), self.slice(slice))
            }
        };
        _ = writeln!(out, "{indent}{line}");
    }

    fn foreach(&self, foreach: &Foreach) -> String {
        let value = foreach.value.map_or(String::new(), |value| format!("{} = ", self.local(value)));
        let keys: Vec<&str> = foreach.keys.iter().map(|key| self.local(*key)).collect();
        let slice = if foreach.slice.is_empty() { String::new() } else { format!("[{}]", self.slice(&foreach.slice)) };
        let order = foreach.order.map_or(String::new(), order);
        let limit = foreach.limit.as_ref().map_or(String::new(), |limit| format!(" limit {}", self.expr(limit)));
        format!("foreach ({value}[{}] in {}{slice}{order}{limit})", keys.join(", "), self.global(foreach.global))
    }

    fn global(&self, id: GlobalId) -> &str {
        &self.program.globals[id.0 as usize].name
    }

    fn local(&self, id: LocalId) -> &str {
        &self.locals[id.0 as usize].name
    }

    fn list(&self, exprs: &[Expr]) -> String {
        exprs.iter().map(|expr| self.expr(expr)).collect::<Vec<_>>().join(", ")
    }

    fn slice(&self, keys: &[Option<Expr>]) -> String {
        let key = |key: &Option<Expr>| key.as_ref().map_or("*".to_owned(), |key| self.expr(key));
        keys.iter().map(key).collect::<Vec<_>>().join(", ")
    }

    fn element(&self, id: GlobalId, keys: &[Expr]) -> String {
        if keys.is_empty() { self.global(id).to_owned() } else { format!("{}[{}]", self.global(id), self.list(keys)) }
    }

    fn place(&self, place: &Place) -> String {
        match place {
            Place::Local(local) => self.local(*local).to_owned(),
            Place::Global(global) => self.global(*global).to_owned(),
            Place::Element(global, keys) => self.element(*global, keys),
        }
    }

    fn expr(&self, expr: &Expr) -> String {
        match &expr.kind {
            ExprKind::Constant(value) => constant(value),
            ExprKind::Read(place) => self.place(place),
            ExprKind::Assign { place, op, value } => {
                let op = match op {
                    None => "",
                    Some(AssignOp::Binary(op)) => binary(*op),
                    Some(AssignOp::Concat) => ".",
                };
                format!("{} {op}= {}", self.place(place), self.expr(value))
            }
            ExprKind::Step { place, by, prefix } => {
                let op = if *by < 0 { "--" } else { "++" };
                let place = self.place(place);
                if *prefix { format!("{op}{place}") } else { format!("{place}{op}") }
            }
            ExprKind::Accumulate { place, value } => format!("{} <<< {}", self.place(place), self.expr(value)),
            ExprKind::Aggregate { function, place } => format!("{}({})", aggregate(*function), self.place(place)),
            ExprKind::Bucket { place, histogram: kind, index } => {
                format!("{} of {}[{}]", histogram(*kind), self.place(place), self.expr(index))
            }
            ExprKind::HistogramText { place, histogram: kind } => {
                format!("{} of {}", histogram(*kind), self.place(place))
            }
            ExprKind::Contains { global, keys } => format!("[{}] in {}", self.slice(keys), self.global(*global)),
            ExprKind::Unary(op, operand) => format!("{}{}", unary(*op), self.expr(operand)),
            ExprKind::Binary(op, a, b) => format!("({} {} {})", self.expr(a), binary(*op), self.expr(b)),
            ExprKind::Compare(op, a, b) => format!("({} {} {})", self.expr(a), compare(*op), self.expr(b)),
            ExprKind::Pick { texts, index } => {
                let first = texts.first().map(|text| quoted(text)).unwrap_or_default();
                format!("({} texts from {first} at {})", texts.len(), self.expr(index))
            }
            ExprKind::Match { text, pattern } => {
                let pattern = self.program.patterns[pattern.0 as usize].pattern();
                format!("({} =~ {})", self.expr(text), quoted(pattern))
            }
            ExprKind::Logical { and, left, right } => {
                format!("({} {} {})", self.expr(left), if *and { "&&" } else { "||" }, self.expr(right))
            }
            ExprKind::Ternary { condition, then, otherwise } => {
                format!("({} ? {} : {})", self.expr(condition), self.expr(then), self.expr(otherwise))
            }
            ExprKind::Concat(a, b) => format!("({} . {})", self.expr(a), self.expr(b)),
            ExprKind::Format(format, args) => self.formatted("sprintf", format_text(format), args),
            ExprKind::Print(format, args) => self.formatted("printf", format_text(format), args),
            ExprKind::Call(function, args) => {
                format!("{}({})", self.program.functions[function.0 as usize].name, self.list(args))
            }
            ExprKind::Intrinsic(intrinsic, args) => format!("{}({})", intrinsic.signature().name, self.list(args)),
            ExprKind::Embedded => "%{ %}".to_owned(),
            ExprKind::WriteTarget { target, value } => format!("{} = {}", self.expr(target), self.expr(value)),
            ExprKind::Context(context) => format!("{}()", context.name()),
            ExprKind::Argument { index, pointer } => format!("{}{index}", if *pointer { "$*" } else { "$" }),
            ExprKind::Extend { value, bits, signed } => {
                format!("{}{bits}({})", if *signed { "i" } else { "u" }, self.expr(value))
            }
            ExprKind::Load { base, offset, width, signed, space, typed } => format!(
                "{}{}{}[{} + {offset}]",
                if *typed { "typed_" } else { "" },
                if *space == Space::User { "user_" } else { "" },
                format_args!("{}{}", if *signed { "i" } else { "u" }, width.bytes() * 8),
                self.expr(base)
            ),
            ExprKind::Readable { base, width, space } => {
                let space = if *space == Space::User { "user_" } else { "" };
                format!("{space}readable{}({})", width.bytes() * 8, self.expr(base))
            }
            ExprKind::ReadText(read) => {
                let space = if read.space == Space::User { "user_string" } else { "kernel_string" };
                let limit = read.limit.as_ref().map_or(String::new(), |limit| format!(", {}", self.expr(limit)));
                let fallback =
                    read.fallback.as_ref().map_or(String::new(), |fallback| format!(" or {}", self.expr(fallback)));
                format!("{space}({}{limit}){fallback}", self.expr(&read.address))
            }
        }
    }

    fn formatted(&self, name: &str, format: String, args: &[Expr]) -> String {
        if args.is_empty() { format!("{name}({format})") } else { format!("{name}({format}, {})", self.list(args)) }
    }
}

fn order(order: Order) -> String {
    let by = match order.by {
        OrderBy::Key(position) => format!("key {position}"),
        OrderBy::Value(function) => aggregate(function).to_owned(),
    };
    format!(" by {by}{}", if order.ascending { "+" } else { "-" })
}
