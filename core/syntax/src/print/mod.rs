//! The AST as text, for `check --print ast` and for tests: declarations and statements a line each, indented, with the
//! line of the script in front of a declaration; expressions in prefix form. Never reads what it prints back.

mod expressions;

use std::fmt::Write;

use systap_diagnostics::{Sources, Span};

use crate::ast::{Block, File, ForeachOver, Function, FunctionBody, Global, Item, Name, Optionality, ProbePoint};
use crate::ast::{Sort, SortBy, Statement, StatementKind, TypeName};
use expressions::{aggregate, bytes, expr, keys, literal};

/// The tree as text, each line ended by a line end.
pub fn print(file: &File, sources: &Sources) -> String {
    let mut printer = Printer { out: String::new(), sources };
    for item in &file.items {
        printer.item(item);
    }
    printer.out
}

struct Printer<'a> {
    out: String,
    sources: &'a Sources,
}

impl Printer<'_> {
    fn line(&mut self, depth: usize, text: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.out, "{:indent$}{text}", "", indent = depth * 2);
    }

    fn place(&self, span: Span) -> String {
        format!("@{}", self.sources.place(span).line)
    }

    fn item(&mut self, item: &Item) {
        match item {
            Item::Global(global) => self.global(global),
            Item::Function(function) => self.function(function),
            Item::Probe(probe) => {
                let place = self.place(probe.span);
                self.line(0, &format!("probe {place}"));
                self.points(&probe.points);
                self.block("body", &probe.body);
            }
            Item::Alias(alias) => {
                let place = alias.names.first().map(|name| self.place(name.span)).unwrap_or_default();
                self.line(0, &format!("alias {place}"));
                for name in &alias.names {
                    self.line(1, &format!("name {}", point(name)));
                }
                self.points(&alias.points);
                if let Some(block) = &alias.prologue {
                    self.block("prologue", block);
                }
                if let Some(block) = &alias.epilogue {
                    self.block("epilogue", block);
                }
            }
            Item::Embedded(code) => {
                let place = self.place(code.span);
                self.line(0, &format!("embedded {place} {}", bytes(code.text.as_bytes())));
            }
        }
    }

    fn global(&mut self, global: &Global) {
        let mut text = format!("global {} {}", self.place(global.name.span), name(&global.name));
        if global.private {
            text.push_str(" private");
        }
        if let Some((size, _)) = global.size {
            let _ = write!(text, " size={size}");
        }
        if global.wrap {
            text.push_str(" wrap");
        }
        if let Some(init) = &global.init {
            let _ = write!(text, " = {}", expr(init));
        }
        self.line(0, &text);
    }

    fn function(&mut self, function: &Function) {
        let mut text = format!("function {} {}", self.place(function.name.span), name(&function.name));
        let params: Vec<String> = function
            .params
            .iter()
            .map(|(param, type_name)| format!("{}{}", name(param), annotation(*type_name)))
            .collect();
        let _ = write!(text, "({}){}", params.join(", "), annotation(function.returns));
        if function.private {
            text.push_str(" private");
        }
        if let Some(priority) = function.priority {
            let _ = write!(text, " priority={priority}");
        }
        self.line(0, &text);
        match &function.body {
            FunctionBody::Block(block) => self.block("body", block),
            FunctionBody::Embedded(code) => self.line(1, &format!("embedded {}", bytes(code.text.as_bytes()))),
        }
    }

    fn points(&mut self, points: &[ProbePoint]) {
        for each in points {
            self.line(1, &format!("point {}", point(each)));
        }
    }

    fn block(&mut self, word: &str, block: &Block) {
        self.line(1, word);
        self.statements(block, 2);
    }

    fn statements(&mut self, block: &Block, depth: usize) {
        for statement in &block.statements {
            self.statement(statement, depth);
        }
    }

    fn statement(&mut self, statement: &Statement, depth: usize) {
        match &statement.kind {
            StatementKind::Empty => self.line(depth, "empty"),
            StatementKind::Expr(inner) => self.line(depth, &expr(inner)),
            StatementKind::Block(block) => {
                self.line(depth, "block");
                self.statements(block, depth + 1);
            }
            StatementKind::If { condition, then, otherwise } => {
                self.line(depth, &format!("if {}", expr(condition)));
                self.branch(then, depth);
                if let Some(otherwise) = otherwise {
                    self.line(depth, "else");
                    self.branch(otherwise, depth);
                }
            }
            StatementKind::While { condition, body } => {
                self.line(depth, &format!("while {}", expr(condition)));
                self.branch(body, depth);
            }
            StatementKind::For { init, condition, step, body } => {
                let part = |part: &Option<_>| part.as_ref().map_or("_".to_owned(), expr);
                self.line(depth, &format!("for {} {} {}", part(init), part(condition), part(step)));
                self.branch(body, depth);
            }
            StatementKind::Foreach(foreach) => {
                let mut text = "foreach".to_owned();
                if let Some(value) = &foreach.value {
                    let _ = write!(text, " {} =", name(value));
                }
                let names: Vec<String> = foreach.keys.iter().map(name).collect();
                let _ = write!(text, " [{}] in ", names.join(", "));
                match &foreach.over {
                    ForeachOver::Array { name: array, slice } => {
                        text.push_str(&name(array));
                        if let Some(slice) = slice {
                            let _ = write!(text, "[{}]", keys(slice));
                        }
                    }
                    ForeachOver::Histogram(histogram) => text.push_str(&expr(histogram)),
                }
                if let Some(sort) = &foreach.sort {
                    text.push_str(&sort_text(sort));
                }
                if let Some(limit) = &foreach.limit {
                    let _ = write!(text, " limit {}", expr(limit));
                }
                self.line(depth, &text);
                self.branch(&foreach.body, depth);
            }
            StatementKind::Break => self.line(depth, "break"),
            StatementKind::Continue => self.line(depth, "continue"),
            StatementKind::Next => self.line(depth, "next"),
            StatementKind::Return(None) => self.line(depth, "return"),
            StatementKind::Return(Some(value)) => self.line(depth, &format!("return {}", expr(value))),
            StatementKind::Delete(what) => self.line(depth, &format!("delete {}", expr(what))),
            StatementKind::Try { body, variable, handler } => {
                self.line(depth, "try");
                self.statements(body, depth + 1);
                let variable = variable.as_ref().map(|variable| format!(" {}", name(variable))).unwrap_or_default();
                self.line(depth, &format!("catch{variable}"));
                self.statements(handler, depth + 1);
            }
        }
    }

    /// A statement below another; the braces of a block are not shown as one more level.
    fn branch(&mut self, statement: &Statement, depth: usize) {
        match &statement.kind {
            StatementKind::Block(block) => self.statements(block, depth + 1),
            _ => self.statement(statement, depth + 1),
        }
    }
}

fn name(name: &Name) -> String {
    if name.text.is_empty() { "<missing>".to_owned() } else { name.text.clone() }
}

fn annotation(type_name: Option<TypeName>) -> &'static str {
    match type_name {
        None => "",
        Some(TypeName::Long) => ":long",
        Some(TypeName::String) => ":string",
    }
}

fn point(point: &ProbePoint) -> String {
    let components: Vec<String> = point
        .components
        .iter()
        .map(|component| match &component.arg {
            None => name(&component.name),
            Some(arg) => format!("{}({})", name(&component.name), literal(&arg.value)),
        })
        .collect();
    let mut text = components.join(".");
    text.push_str(match point.optional {
        Optionality::Required => "",
        Optionality::Optional => " ?",
        Optionality::Sufficient => " !",
    });
    if let Some(condition) = &point.condition {
        let _ = write!(text, " if {}", expr(condition));
    }
    text
}

fn sort_text(sort: &Sort) -> String {
    let by = match sort.by {
        SortBy::Key(index) => format!("key {}", index + 1),
        SortBy::Value => "value".to_owned(),
        SortBy::Aggregate(function) => format!("@{}", aggregate(function)),
    };
    format!(" by {by} {}", if sort.ascending { "rising" } else { "falling" })
}
