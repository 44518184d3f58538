//! Probe points: `kernel.{function,statement}("f").return ? if (x)`. Words may hold wildcards, whose pieces follow each
//! other without blanks; what the words mean is not known here.

use super::Parser;
use crate::kind::SyntaxKind::{self, *};

fn is_piece(kind: SyntaxKind) -> bool {
    matches!(kind, Ident | Star | Argument) || kind.is_keyword()
}

impl Parser<'_> {
    /// One probe point with its marks.
    pub(super) fn point(&mut self) {
        let marker = self.start();
        self.path();
        self.marks();
        self.complete(marker, Point);
    }

    /// `? if (x)`
    fn marks(&mut self) {
        if !self.eat(Question) {
            self.eat(Bang);
        }
        if self.at(IfKw) {
            let condition = self.start();
            self.bump();
            let open = self.span();
            if self.expect(LeftParen) {
                self.expression();
                self.expect_closing(open, RightParen);
            }
            self.complete(condition, PointCondition);
        }
    }

    fn path(&mut self) {
        let marker = self.start();
        loop {
            match self.kind() {
                kind if is_piece(kind) => self.component(),
                AtWord if self.at_macro() => {
                    let marker = self.start();
                    self.at_call();
                    self.complete(marker, Component);
                }
                // What follows tells a group from the handler of a probe whose point is missing.
                LeftBrace if is_piece(self.nth(1)) || self.nth(1) == LeftBrace => self.group(),
                _ => {
                    self.error_expected("a probe point");
                    break;
                }
            }
            if !self.eat(Dot) {
                break;
            }
        }
        self.complete(marker, PointPath);
    }

    fn component(&mut self) {
        let marker = self.start();
        self.bump();
        while is_piece(self.kind()) && self.joint(0) {
            self.bump();
        }
        if self.at(LeftParen) {
            let arg = self.start();
            let open = self.span();
            self.bump();
            match self.kind() {
                StringLiteral | SingleQuoted | AtWord
                    if matches!(self.kind(), StringLiteral | SingleQuoted) || self.at_macro() =>
                {
                    self.pieces_of_string();
                }
                Minus if self.nth(1) == Number => {
                    self.bump();
                    self.bump();
                }
                Number | Argument => self.bump(),
                _ => self.error_expected("a string or a number"),
            }
            self.expect_closing(open, RightParen);
            self.complete(arg, ComponentArg);
        }
        self.complete(marker, Component);
    }

    /// `{a, b.c ?}`
    fn group(&mut self) {
        let marker = self.start();
        let open = self.span();
        self.bump();
        let inside = self.deeper(|parser| {
            loop {
                parser.point();
                if !parser.eat(Comma) {
                    break;
                }
            }
        });
        if inside.is_some() && !self.eat(RightBrace) {
            self.expect_closing_brace_of_group(open);
        }
        self.complete(marker, PointGroup);
    }

    fn expect_closing_brace_of_group(&mut self, open: systap_diagnostics::Span) {
        let Some(token) = self.nth_token(0) else { return };
        let said = format!("expected `,` or `}}`, found {}", crate::token::describe(token, self.sources));
        self.report(|span| {
            systap_diagnostics::Diagnostic::error("unexpected-token", span, said).with_secondary(open, "to close this")
        });
    }
}
