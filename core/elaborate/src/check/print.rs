//! Output: `print`, `println`, `printf`, `printd`, `printdln`, and the same with `s` in front, which give a string.

use super::{Typed, count};
use crate::build;
use crate::elaboration::Elaboration;
use crate::format;
use crate::scope::Scope;
use crate::types::Ty;
use systap_diagnostics::{Diagnostic, Span};
use systap_ir::format::{ConversionKind, Format, Piece};
use systap_ir::program::{Expr, ExprKind, Type};
use systap_syntax::ast;
use systap_syntax::format::OUTPUT;

/// Which function of the family.
#[derive(Clone, Copy, Debug)]
pub(super) struct Output {
    /// Gives a string rather than writing it.
    text: bool,
    style: Style,
    /// Ends the line.
    newline: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    /// One operand after the other.
    Plain,
    /// With a format.
    Formatted,
    /// With a delimiter between operands.
    Delimited,
}

/// The function of the family that has this name.
pub(super) fn output(name: &str) -> Option<Output> {
    if !OUTPUT.contains(&name) {
        return None;
    }
    let (text, rest) = match name.strip_prefix('s') {
        Some(rest) => (true, rest),
        None => (false, name),
    };
    let (style, newline) = match rest {
        "println" => (Style::Plain, true),
        "printf" => (Style::Formatted, false),
        "printd" => (Style::Delimited, false),
        "printdln" => (Style::Delimited, true),
        _ => (Style::Plain, false),
    };
    Some(Output { text, style, newline })
}

impl<'a> Elaboration<'a> {
    pub(super) fn output(
        &mut self,
        scope: &mut Scope<'a>,
        span: Span,
        function: &'a ast::Name,
        output: Output,
        args: &'a [ast::Expr],
    ) -> Typed {
        let name = &function.text;
        let (format, operands) = match output.style {
            Style::Formatted => {
                let Some(formatted) = self.formatted(scope, name, args) else { return Typed::unknown(span) };
                formatted
            }
            Style::Plain => self.joined(scope, None, args, output.newline),
            Style::Delimited => {
                // The parser has seen to it that there is one, and that it is written out.
                let Some((ast::Expr { kind: ast::ExprKind::Literal(ast::Literal::String(bytes)), .. }, rest)) =
                    args.split_first()
                else {
                    return Typed::unknown(span);
                };
                self.joined(scope, Some(bytes), rest, output.newline)
            }
        };
        if output.text {
            return Typed::new(build::expr(span, Type::Text, ExprKind::Format(format, operands)));
        }
        // As in SystemTap, writing is an expression, though its value, 0, says nothing.
        Typed::new(build::expr(span, Type::Long, ExprKind::Print(format, operands)))
    }

    fn joined(
        &mut self,
        scope: &mut Scope<'a>,
        delimiter: Option<&[u8]>,
        args: &'a [ast::Expr],
        newline: bool,
    ) -> (Format, Vec<Expr>) {
        let mut format = Format::default();
        let mut operands = Vec::with_capacity(args.len());
        for (index, arg) in args.iter().enumerate() {
            if let Some(delimiter) = delimiter.filter(|delimiter| index > 0 && !delimiter.is_empty()) {
                format.pieces.push(Piece::Text(delimiter.to_vec()));
            }
            operands.push(self.operand(scope, arg).expr);
            // Becomes a number's conversion at the end if the operand turns out to be one.
            format.pieces.push(build::plain(ConversionKind::Text));
        }
        if newline {
            format.pieces.push(Piece::Text(b"\n".to_vec()));
        }
        (format, operands)
    }

    /// Something to be written: a value, or a histogram, which the parser lets stand alone only.
    fn operand(&mut self, scope: &mut Scope<'a>, arg: &'a ast::Expr) -> Typed {
        let ast::ExprKind::Histogram { stat, linear, bucket: None } = &arg.kind else {
            return self.value(scope, arg);
        };
        match self.histogram(scope, arg.span, stat, *linear) {
            Some((place, histogram)) => {
                Typed::new(build::expr(arg.span, Type::Text, ExprKind::HistogramText { place, histogram }))
            }
            None => Typed::unknown(arg.span),
        }
    }

    /// The format and operands of `printf`. Operands are gone through even if the format is wrong.
    fn formatted(&mut self, scope: &mut Scope<'a>, name: &str, args: &'a [ast::Expr]) -> Option<(Format, Vec<Expr>)> {
        let (literal, rest) = args.split_first()?;
        let format = format(literal);
        let mut operands = Vec::with_capacity(rest.len());
        for arg in rest {
            operands.push((arg.span, self.value(scope, arg)));
        }
        let format = format?;
        let wanted: Vec<Type> = format::operand_types(&format).collect();
        if wanted.len() != operands.len() {
            let message =
                format!("the format takes {}, and here are {}", count(wanted.len(), "operand"), operands.len());
            let at = operands.get(wanted.len()).map_or(literal.span, |(span, _)| *span);
            let label = if operands.len() > wanted.len() { "nothing in the format takes this" } else { "" };
            self.report(Diagnostic::error("format-operands", at, message).with_label(label));
            return None;
        }
        for (index, ((_, operand), wanted)) in operands.iter().zip(wanted).enumerate() {
            self.expect(operand, Ty::Known(wanted), || format!("operand {} of `{name}`", index + 1));
        }
        let operands = operands.into_iter().map(|(_, operand)| operand.expr).collect();
        Some(super::memory::read(scope, format, operands))
    }
}

/// The format that is written out; `None` if that is none, which the parser has reported.
fn format(literal: &ast::Expr) -> Option<Format> {
    match &literal.kind {
        ast::ExprKind::Literal(ast::Literal::String(bytes)) => format::of(bytes),
        _ => None,
    }
}
