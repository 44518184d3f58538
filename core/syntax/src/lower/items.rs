//! Declarations.

use std::collections::HashMap;

use systap_diagnostics::Diagnostic;

use super::Lowering;
use crate::ast::{self, Item};
use crate::kind::SyntaxKind as K;
use crate::outline::At;

impl Lowering<'_> {
    pub(super) fn file(&mut self, root: At) -> ast::File {
        let mut file = ast::File::default();
        for at in self.nodes(root) {
            match self.kind(at) {
                K::GlobalDecl => self.globals(at, &mut file.items),
                K::FunctionDecl => {
                    let function = self.function(at);
                    file.items.push(Item::Function(function));
                }
                K::ProbeDecl => {
                    let probe = self.probe(at);
                    file.items.push(Item::Probe(probe));
                }
                K::AliasDecl => {
                    let alias = self.alias(at);
                    file.items.push(Item::Alias(alias));
                }
                K::EmbeddedDecl => {
                    let code = self.node_of(at, K::Embedded).map(|token| self.embedded(token));
                    file.items.extend(code.map(Item::Embedded));
                }
                _ => {}
            }
        }
        self.duplicate_globals(&file);
        file
    }

    /// One name of a file means one global, be it private or not.
    fn duplicate_globals(&mut self, file: &ast::File) {
        let mut first: HashMap<&str, &ast::Global> = HashMap::new();
        for item in &file.items {
            let Item::Global(global) = item else { continue };
            let name = &global.name;
            let Some(other) = first.get(name.text.as_str()) else {
                first.insert(&name.text, global);
                continue;
            };
            let said = match (other.private, global.private) {
                (false, false) => format!("the global `{}` is declared twice", name.text),
                (true, true) => format!("the private global `{}` is declared twice", name.text),
                _ => format!("the global `{}` is declared private and for all files", name.text),
            };
            // What the parser found no name for has been reported.
            if !name.text.is_empty() {
                self.findings.add(
                    Diagnostic::error("duplicate-global", name.span, said)
                        .with_label("declared again here")
                        .with_secondary(other.name.span, "first declared here"),
                );
            }
        }
    }

    fn globals(&mut self, at: At, items: &mut Vec<Item>) {
        let private = self.has(at, K::PrivateKw);
        for entry in self.nodes(at) {
            let mut global = ast::Global { name: self.name_in(entry), private, size: None, wrap: false, init: None };
            let mut in_brackets = false;
            for part in self.children(entry) {
                match self.kind(part) {
                    K::Percent | K::PercentEquals => global.wrap = true,
                    K::LeftBracket => in_brackets = true,
                    K::RightBracket => in_brackets = false,
                    K::Number if in_brackets => {
                        let size = self.number(part);
                        if !(1..=i64::from(i32::MAX)).contains(&size) {
                            let said = format!("an array has between 1 and {} entries", i32::MAX);
                            self.error("array-size", part, said);
                        }
                        global.size = Some((size, self.span(part)));
                    }
                    K::LiteralExpr => {
                        let kind = ast::ExprKind::Literal(self.literal(part));
                        global.init = Some(ast::Expr { span: self.span(part), kind });
                    }
                    _ => {}
                }
            }
            if let (Some((_, size)), Some(init)) = (&global.size, &global.init) {
                let found = Diagnostic::error("array-initialized", init.span, "an array cannot be initialized")
                    .with_secondary(*size, "so many entries make it an array");
                self.findings.add(found);
            }
            items.push(Item::Global(global));
        }
    }

    fn function(&mut self, at: At) -> ast::Function {
        let is_name = |child: &At| matches!(self.kind(*child), K::Ident | K::Argument | K::StringKw | K::LongKw);
        let name = self.children(at).find(is_name).map_or_else(|| self.name_in(at), |token| self.name_at(token));
        let params: Vec<(ast::Name, Option<ast::TypeName>)> = self
            .nodes(at)
            .filter(|node| self.kind(*node) == K::Param)
            .map(|param| (self.name_in(param), self.annotation(param)))
            .collect();
        self.duplicate_params(&name, &params);
        let priority = self.node_of(at, K::Priority).and_then(|priority| self.node_of(priority, K::Number));
        let priority = priority.map(|number| self.priority(number));
        let body = match self.node_of(at, K::Embedded) {
            Some(code) => ast::FunctionBody::Embedded(self.embedded(code)),
            None => {
                self.in_function = true;
                let body = self.body(at);
                self.in_function = false;
                ast::FunctionBody::Block(body)
            }
        };
        let private = self.has(at, K::PrivateKw);
        ast::Function { name, private, returns: self.annotation(at), params, priority, body }
    }

    fn duplicate_params(&mut self, function: &ast::Name, params: &[(ast::Name, Option<ast::TypeName>)]) {
        for (index, (param, _)) in params.iter().enumerate() {
            let first = params.iter().take(index).find(|(other, _)| other.text == param.text);
            // What the parser found no name for has been reported.
            if let Some((first, _)) = first.filter(|_| !param.text.is_empty()) {
                let said = format!("two parameters of `{}` are called `{}`", function.text, param.text);
                self.findings.add(
                    Diagnostic::error("duplicate-parameter", param.span, said)
                        .with_label("again here")
                        .with_secondary(first.span, "first here"),
                );
            }
        }
    }

    /// A priority; only functions of a script without one come before all others.
    fn priority(&mut self, at: At) -> i64 {
        let value = self.number(at);
        if value < 1 {
            self.report(
                at,
                Diagnostic::error("priority", self.span(at), "a priority is at least 1")
                    .with_help("leave it away: a script's function without a priority comes first"),
            );
        }
        value
    }

    fn annotation(&self, at: At) -> Option<ast::TypeName> {
        let annotation = self.node_of(at, K::TypeAnnotation)?;
        if self.has(annotation, K::LongKw) {
            return Some(ast::TypeName::Long);
        }
        self.has(annotation, K::StringKw).then_some(ast::TypeName::String)
    }

    /// The first block right below; an empty one if the parser found none.
    fn body(&mut self, at: At) -> ast::Block {
        match self.node_of(at, K::Block) {
            Some(block) => self.block(block),
            None => ast::Block { span: self.span(at), statements: vec![] },
        }
    }

    fn probe(&mut self, at: At) -> ast::Probe {
        let mut points = Vec::new();
        let mut span = self.span(at);
        for point in self.nodes(at) {
            if self.kind(point) != K::Point {
                continue;
            }
            span.end = self.span(point).end.max(span.start);
            self.point(point, &mut points);
        }
        ast::Probe { span, points, body: self.body(at) }
    }

    fn alias(&mut self, at: At) -> ast::Alias {
        let mut alias = ast::Alias { names: vec![], points: vec![], prologue: None, epilogue: None };
        let mut appends = false;
        let mut blocks = 0;
        let (mut named, mut points) = (at, 0);
        for child in self.children(at) {
            match self.kind(child) {
                K::Point => {
                    self.point(child, &mut alias.points);
                    named = child;
                    points += 1;
                }
                K::Equals | K::PlusEquals => {
                    // The parser has spoken of commas.
                    if points == 1 && alias.points.len() > 1 {
                        self.error("alias-name", named, "an alias' name has no braces");
                    }
                    points = 0;
                    appends |= self.kind(child) == K::PlusEquals;
                    alias.names.append(&mut alias.points);
                }
                K::Block => {
                    let block = self.block(child);
                    blocks += 1;
                    match (blocks, appends) {
                        (1, false) => alias.prologue = Some(block),
                        (1, true) | (2, false) => alias.epilogue = Some(block),
                        _ => {
                            let said = "an alias that is defined by `+=` has one block, which runs last";
                            self.error("alias-blocks", child, said);
                        }
                    }
                }
                _ => {}
            }
        }
        for name in &alias.names {
            // A condition there has no meaning, and the grammar lets it pass.
            if name.optional != ast::Optionality::Required {
                let said = "an alias' name takes no `?` or `!`";
                self.findings.add(
                    Diagnostic::error("alias-name", name.span, said)
                        .with_help("put it behind the points it stands for"),
                );
            }
        }
        alias
    }
}
