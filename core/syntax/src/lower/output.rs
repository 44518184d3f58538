//! Calls of `print` and its kin, which the grammar itself restricts: how many arguments, which must be written out, and that
//! a histogram is printed alone.

use std::ops::Range;

use systap_diagnostics::{Diagnostic, Span};

use super::Lowering;
use crate::ast::{Expr, ExprKind, Literal, Name};
use crate::format;
use crate::kind::SyntaxKind as K;
use crate::outline::At;

impl Lowering<'_> {
    /// Reports what is wrong with a call, if it is one of output.
    pub(super) fn output_call(&mut self, at: At, function: &Name, args: &[Expr]) {
        let name = function.text.as_str();
        let (least, literal) = match name.strip_prefix('s').unwrap_or(name) {
            "print" | "println" => {
                if let [Expr { kind: ExprKind::Histogram { bucket: None, .. }, .. }] = args {
                    let alone = self.nodes(at).next();
                    self.bare_histograms.pop_if(|bare| Some(*bare) == alone);
                }
                (usize::from(!name.ends_with("ln")), None)
            }
            "printf" => (1, Some("format")),
            "printd" | "printdln" => (3, Some("delimiter")),
            _ => return,
        };
        if args.len() < least {
            let plural = if least == 1 { "" } else { "s" };
            let said = format!("`{name}` takes at least {least} argument{plural}, and here are {}", args.len());
            self.error("argument-count", at, said);
            return;
        }
        let (Some(what), Some(first)) = (literal, args.first()) else { return };
        match &first.kind {
            ExprKind::Missing => return,
            ExprKind::Literal(Literal::String(bytes)) => {
                if what == "format" {
                    self.format(at, bytes);
                }
                return;
            }
            _ => {}
        }
        let said = format!("the {what} of `{name}` must be a string written out");
        let mut found = Diagnostic::error("format-not-literal", first.span, said);
        if what == "format" {
            found = found.with_help(format!("`{name}(\"%s\", ...)` writes a string that is made at run time"));
        }
        self.report(at, found);
    }

    /// Reports what is wrong with the format that is the first argument of a call.
    fn format(&mut self, at: At, bytes: &[u8]) {
        let (Err(error), Some(literal)) = (format::parse(bytes), self.nodes(at).next()) else { return };
        let place = self.within_literal(literal, error.range).unwrap_or_else(|| self.span(literal));
        self.report(literal, Diagnostic::error("format-conversion", place, error.message));
    }

    /// The place of some bytes of a literal's value; `None` if the text does not hold them together.
    fn within_literal(&self, literal: At, range: Range<usize>) -> Option<Span> {
        let mut before = 0;
        for token in self.children(literal).filter(|child| self.kind(*child) == K::StringLiteral) {
            let (text, span) = (self.text(token), self.span(token));
            let places: Vec<_> = crate::literal::bytes_of_string(text).into_iter().map(|(_, place)| place).collect();
            let (first, last) = (range.start.checked_sub(before)?, range.end.checked_sub(before)?);
            if last <= places.len() && self.sources.text(span) == text {
                let (from, to) = (places.get(first)?.start, places.get(last.checked_sub(1)?)?.end);
                return Some(Span::new(span.file, span.start + from as u32, span.start + to as u32));
            }
            before += places.len();
        }
        None
    }

    /// Reports the histograms that stand where a value belongs.
    pub(super) fn report_bare_histograms(&mut self) {
        for bare in std::mem::take(&mut self.bare_histograms) {
            let said = "a histogram is no value: print it alone, index it, or go over it with `foreach`";
            self.error("histogram-misuse", bare, said);
        }
    }
}
