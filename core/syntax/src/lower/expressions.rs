//! Expressions.

use systap_diagnostics::{Diagnostic, Span};

use super::Lowering;
use crate::ast::{self, BinaryOp, Expr, ExprKind};
use crate::kind::SyntaxKind as K;
use crate::outline::At;

/// The aggregate function that an `@word` names.
pub(super) fn aggregate_function(word: &str) -> Option<ast::AggregateFn> {
    Some(match word {
        "@count" => ast::AggregateFn::Count,
        "@sum" => ast::AggregateFn::Sum,
        "@min" => ast::AggregateFn::Min,
        "@max" => ast::AggregateFn::Max,
        "@avg" => ast::AggregateFn::Avg,
        "@variance" => ast::AggregateFn::Variance,
        _ => return None,
    })
}

fn binary_operator(token: K) -> Option<BinaryOp> {
    Some(match token {
        K::Plus | K::PlusEquals => BinaryOp::Add,
        K::Minus | K::MinusEquals => BinaryOp::Subtract,
        K::Star | K::StarEquals => BinaryOp::Multiply,
        K::Slash | K::SlashEquals => BinaryOp::Divide,
        K::Percent | K::PercentEquals => BinaryOp::Remainder,
        K::Ampersand | K::AmpersandEquals => BinaryOp::And,
        K::Pipe | K::PipeEquals => BinaryOp::Or,
        K::Caret | K::CaretEquals => BinaryOp::Xor,
        K::ShiftLeft | K::ShiftLeftEquals => BinaryOp::ShiftLeft,
        K::ShiftRight | K::ShiftRightEquals => BinaryOp::ShiftRight,
        K::ShiftRightLogical => BinaryOp::ShiftRightLogical,
        K::Dot | K::DotEquals => BinaryOp::Concat,
        K::EqualsEquals => BinaryOp::Equal,
        K::BangEquals => BinaryOp::NotEqual,
        K::Less => BinaryOp::Less,
        K::LessEquals => BinaryOp::LessOrEqual,
        K::Greater => BinaryOp::Greater,
        K::GreaterEquals => BinaryOp::GreaterOrEqual,
        K::EqualsTilde => BinaryOp::Match,
        K::BangTilde => BinaryOp::NotMatch,
        _ => return None,
    })
}

impl Lowering<'_> {
    pub(super) fn first_expr(&mut self, at: At) -> Expr {
        let mut parts = self.nodes(at);
        self.next_expr(&mut parts, at)
    }

    /// The next of the nodes below `at`; `Missing` if there is none.
    pub(super) fn next_expr(&mut self, parts: &mut impl Iterator<Item = At>, at: At) -> Expr {
        match parts.next() {
            Some(node) => self.expr(node),
            None => Expr { span: self.span(at), kind: ExprKind::Missing },
        }
    }

    pub(super) fn expr(&mut self, at: At) -> Expr {
        if self.kind(at) == K::ParenExpr {
            // The span is that of the parentheses, so that a diagnostic underlines what was written.
            return Expr { span: self.span(at), ..self.first_expr(at) };
        }
        let kind = match self.kind(at) {
            K::LiteralExpr => ExprKind::Literal(self.literal(at)),
            K::NameExpr if self.has(at, K::Argument) => ExprKind::Missing,
            K::NameExpr => ExprKind::Name(self.text(at).to_owned()),
            K::VariableExpr | K::PathExpr => ExprKind::Target(Box::new(self.target(at))),
            K::IndexExpr => {
                let keys: Vec<At> = self.nodes(at).collect();
                ExprKind::Index { array: self.name_in(at), keys: self.keys(keys.into_iter()) }
            }
            K::CallExpr => self.call(at),
            K::AtCallExpr => self.at_call(at),
            K::UnaryExpr => self.unary(at),
            K::AddressExpr => self.address(at),
            K::BinaryExpr => self.binary(at),
            K::TernaryExpr => self.ternary(at),
            K::AssignExpr => self.assignment(at),
            K::PrefixStep | K::PostfixStep => self.step(at),
            K::InExpr => self.membership(at),
            K::EmbeddedExpr => self
                .node_of(at, K::Embedded)
                .map_or(ExprKind::Missing, |token| ExprKind::Embedded(self.embedded(token))),
            _ => ExprKind::Missing,
        };
        Expr { span: self.span(at), kind }
    }

    pub(super) fn args(&mut self, at: At) -> Vec<Expr> {
        self.nodes(at).filter(|node| self.outline.kind(*node) != K::IndexStep).map(|node| self.expr(node)).collect()
    }

    pub(super) fn keys(&mut self, nodes: impl Iterator<Item = At>) -> Vec<Option<Expr>> {
        nodes.map(|node| (self.kind(node) != K::AnyKey).then(|| self.expr(node))).collect()
    }

    fn call(&mut self, at: At) -> ExprKind {
        let function = self.children(at).next().map_or_else(|| self.name_in(at), |word| self.name_at(word));
        let args = self.args(at);
        self.output_call(at, &function, &args);
        ExprKind::Call { function, args }
    }

    fn unary(&mut self, at: At) -> ExprKind {
        let operator = self.children(at).next().map_or(K::Plus, |token| self.kind(token));
        let op = match operator {
            K::Minus => ast::UnaryOp::Negate,
            K::Bang => ast::UnaryOp::Not,
            K::Tilde => ast::UnaryOp::Complement,
            _ => ast::UnaryOp::Plus,
        };
        ExprKind::Unary { op, operand: Box::new(self.first_expr(at)) }
    }

    fn binary(&mut self, at: At) -> ExprKind {
        let operator = self.children(at).find(|child| self.outline.is_token(*child));
        let operator = operator.map_or(K::Plus, |token| self.kind(token));
        let mut parts = self.nodes(at);
        let left = Box::new(self.next_expr(&mut parts, at));
        let right = Box::new(self.next_expr(&mut parts, at));
        if matches!(operator, K::AndAnd | K::OrOr) {
            return ExprKind::Logical { and: operator == K::AndAnd, left, right };
        }
        let op = binary_operator(operator).unwrap_or(BinaryOp::Add);
        ExprKind::Binary { op, left, right }
    }

    fn ternary(&mut self, at: At) -> ExprKind {
        let mut parts = self.nodes(at);
        ExprKind::Ternary {
            condition: Box::new(self.next_expr(&mut parts, at)),
            then: Box::new(self.next_expr(&mut parts, at)),
            otherwise: Box::new(self.next_expr(&mut parts, at)),
        }
    }

    fn assignment(&mut self, at: At) -> ExprKind {
        let operator = self.children(at).find(|child| self.outline.is_token(*child));
        let mut parts = self.nodes(at);
        let target = Box::new(self.next_expr(&mut parts, at));
        let value = Box::new(self.next_expr(&mut parts, at));
        match operator.map(|token| self.kind(token)) {
            Some(K::Accumulate) => ExprKind::Accumulate { target, value },
            operator => ExprKind::Assign { op: operator.and_then(binary_operator), target, value },
        }
    }

    fn step(&mut self, at: At) -> ExprKind {
        let increment = self.has(at, K::PlusPlus);
        let target = Box::new(self.first_expr(at));
        ExprKind::Step { increment, prefix: self.kind(at) == K::PrefixStep, target }
    }

    fn membership(&mut self, at: At) -> ExprKind {
        let array = self.name_in(at);
        let keys = match self.node_of(at, K::KeyTuple) {
            Some(tuple) => {
                let keys: Vec<At> = self.nodes(tuple).collect();
                self.keys(keys.into_iter())
            }
            None => vec![Some(self.first_expr(at))],
        };
        ExprKind::In { keys, array }
    }

    fn address(&mut self, at: At) -> ExprKind {
        let operand = self.first_expr(at);
        match operand.kind {
            ExprKind::Target(mut target) if !target.address => {
                target.address = true;
                ExprKind::Target(target)
            }
            ExprKind::Missing => ExprKind::Missing,
            // Whether it has one is not the grammar's to say.
            kind => {
                let value = Expr { span: operand.span, kind };
                base_only(ast::TargetBase::Value(value), true)
            }
        }
    }

    fn target(&mut self, at: At) -> ast::Target {
        if self.kind(at) == K::VariableExpr {
            let (name, pretty) = without_pretty_mark(self.name_at(at));
            return ast::Target { address: false, base: ast::TargetBase::Variable(name), path: vec![], pretty };
        }
        let mut parts = self.nodes(at);
        let base = self.next_expr(&mut parts.by_ref().take(1), at);
        let plain_base = self.nodes(at).next().is_some_and(|node| self.kind(node) != K::ParenExpr);
        if let (ExprKind::Target(inner), true, Some(step)) = (&base.kind, plain_base, self.nodes(at).nth(1))
            && inner.pretty > 0
        {
            self.steps_into_text(step);
        }
        let mut target = match base.kind {
            ExprKind::Target(inner) if plain_base && !inner.address && inner.path.is_empty() && inner.pretty == 0 => {
                *inner
            }
            kind => {
                let value = Expr { span: base.span, kind };
                ast::Target { address: false, base: ast::TargetBase::Value(value), path: vec![], pretty: 0 }
            }
        };
        for step in parts {
            if target.pretty > 0 && self.kind(step) != K::PrettyMark {
                self.steps_into_text(step);
            }
            match self.kind(step) {
                K::MemberStep => {
                    let word = self
                        .children(step)
                        .find(|child| self.kind(*child) != K::Arrow && self.outline.is_token(*child));
                    let name = word.map_or_else(|| self.name_in(step), |word| self.name_at(word));
                    let (name, pretty) = without_pretty_mark(name);
                    target.pretty = pretty;
                    target.path.push(ast::TargetStep::Member(name));
                }
                K::IndexStep => {
                    let index = self.first_expr(step);
                    target.path.push(ast::TargetStep::Index(index));
                }
                K::PrettyMark => target.pretty = if self.has(step, K::DollarDollar) { 2 } else { 1 },
                _ => {}
            }
        }
        target
    }

    fn steps_into_text(&mut self, step: At) {
        self.error("unexpected-token", step, "what a `$` behind it makes a string of has no members or elements");
    }

    fn at_call(&mut self, at: At) -> ExprKind {
        let Some(word) = self.children(at).next() else { return ExprKind::Missing };
        let name = self.text(word);
        if let Some(function) = aggregate_function(name) {
            let most = if function == ast::AggregateFn::Variance { 2 } else { 1 };
            let mut args = self.counted_args(at, 1, most).into_iter();
            let Some(stat) = args.next() else { return ExprKind::Missing };
            let shift = args.next().and_then(|shift| self.shift(at, &shift));
            return ExprKind::Aggregate { function, stat: Box::new(stat), shift };
        }
        match name {
            "@hist_log" | "@hist_linear" => self.histogram(at, name == "@hist_linear"),
            "@defined" | "@entry" => match self.counted_args(at, 1, 1).pop() {
                Some(inner) if name == "@defined" => ExprKind::Defined(Box::new(inner)),
                Some(inner) => ExprKind::Entry(Box::new(inner)),
                None => ExprKind::Missing,
            },
            "@cast" => self.cast(at),
            "@var" => self.var(at),
            _ => self.operator(at, word),
        }
    }

    /// The arguments of an operator that takes from `least` to `most`; none, after a report, if there are others.
    pub(super) fn counted_args(&mut self, at: At, least: usize, most: usize) -> Vec<Expr> {
        let args = self.args(at);
        if (least..=most).contains(&args.len()) {
            return args;
        }
        let takes = match (least, most) {
            (1, 1) => "one argument".to_owned(),
            (least, most) if least == most => format!("{least} arguments"),
            _ if most == least + 1 => format!("{least} or {most} arguments"),
            _ => format!("{least} to {most} arguments"),
        };
        let said = format!("`{}` takes {takes}, and here are {}", self.text(at), args.len());
        self.error("argument-count", at, said);
        vec![]
    }

    fn histogram(&mut self, at: At, linear: bool) -> ExprKind {
        let bucket = self.node_of(at, K::IndexStep).map(|step| Box::new(self.first_expr(step)));
        let count = if linear { 4 } else { 1 };
        let nodes: Vec<At> = self.nodes(at).filter(|node| self.kind(*node) != K::IndexStep).collect();
        let mut args = self.counted_args(at, count, count).into_iter();
        let Some(stat) = args.next() else { return ExprKind::Missing };
        if bucket.is_none() {
            self.bare_histograms.push(at);
        }
        let mut bounds = [0; 3];
        for ((bound, arg), node) in bounds.iter_mut().zip(args).zip(nodes.iter().skip(1)) {
            match constant(&arg) {
                Some(value) => *bound = value,
                None => self.error("not-constant", *node, "the bounds of a histogram must be literal numbers"),
            }
        }
        ExprKind::Histogram { stat: Box::new(stat), linear: linear.then_some(bounds), bucket }
    }

    /// The bit shift of a variance, with its place.
    fn shift(&mut self, at: At, shift: &Expr) -> Option<(i64, Span)> {
        let given = constant(shift);
        if given.is_none() {
            let said = "the shift of `@variance` must be a literal number";
            self.report(at, Diagnostic::error("not-constant", shift.span, said));
        }
        given.map(|bits| (bits, shift.span))
    }

    fn cast(&mut self, at: At) -> ExprKind {
        let mut args = self.counted_args(at, 2, 3).into_iter();
        let (Some(value), Some(type_name)) = (args.next(), args.next()) else { return ExprKind::Missing };
        let Some(type_name) = self.filled_string(at, type_name) else { return ExprKind::Missing };
        let module = args.next().and_then(|module| self.literal_string(at, module)).map(|(module, _)| module);
        base_only(ast::TargetBase::Cast { value, type_name, module }, false)
    }

    fn var(&mut self, at: At) -> ExprKind {
        let mut args = self.counted_args(at, 1, 2).into_iter();
        let name = args.next().and_then(|name| self.literal_string(at, name));
        let Some(name) = name else { return ExprKind::Missing };
        let module = args.next().and_then(|module| self.literal_string(at, module)).map(|(module, _)| module);
        base_only(ast::TargetBase::Var { name, module }, false)
    }
}

fn base_only(base: ast::TargetBase, address: bool) -> ExprKind {
    ExprKind::Target(Box::new(ast::Target { address, base, path: vec![], pretty: 0 }))
}

/// The number that a literal, perhaps with a sign, stands for.
pub(super) fn constant(expr: &Expr) -> Option<i64> {
    match &expr.kind {
        ExprKind::Literal(ast::Literal::Number(value)) => Some(*value),
        ExprKind::Unary { op: ast::UnaryOp::Negate, operand } => constant(operand).map(i64::wrapping_neg),
        // The bound of a histogram whose argument was missing: that has been said.
        ExprKind::Missing => Some(0),
        _ => None,
    }
}

/// Splits off the `$` or `$$` that the lexer took for the end of a word.
fn without_pretty_mark(mut name: ast::Name) -> (ast::Name, u8) {
    let mut pretty = 0;
    while pretty < 2
        && name.text.len() > 1
        && name.text.ends_with('$')
        && !name.text.chars().all(|letter| letter == '$')
    {
        name.text.pop();
        name.span.end = name.span.end.saturating_sub(1).max(name.span.start);
        pretty += 1;
    }
    (name, pretty)
}
