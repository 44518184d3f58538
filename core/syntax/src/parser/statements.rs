//! Statements and blocks. A statement needs no `;` behind it: the next one starts where this one cannot go on.

use systap_diagnostics::{Diagnostic, Span};

use super::expressions::begins_expression;
use super::{Completed, Parser};
use crate::kind::SyntaxKind::{self, *};
use crate::token::describe;

fn begins_statement(kind: SyntaxKind) -> bool {
    begins_expression(kind)
        || matches!(
            kind,
            LeftBrace
                | Semicolon
                | IfKw
                | WhileKw
                | ForKw
                | ForeachKw
                | BreakKw
                | ContinueKw
                | NextKw
                | ReturnKw
                | DeleteKw
                | TryKw
        )
}

impl Parser<'_> {
    /// `{ ... }`; says so if there is none.
    pub(super) fn block(&mut self) -> bool {
        if !self.at(LeftBrace) {
            self.error_expected("`{`");
            return false;
        }
        self.deeper(Self::braced);
        true
    }

    fn braced(&mut self) {
        let marker = self.start();
        let open = self.span();
        self.bump();
        loop {
            match self.kind() {
                RightBrace => {
                    self.bump();
                    break;
                }
                EndOfFile | ProbeKw | FunctionKw | GlobalKw | PrivateKw => {
                    self.unclosed(open);
                    break;
                }
                _ => self.statement_or_error(),
            }
        }
        self.complete(marker, Block);
    }

    fn unclosed(&mut self, open: Span) {
        let Some(token) = self.nth_token(0) else { return };
        let said = format!("expected `}}`, found {}", describe(token, self.sources));
        self.report(|span| Diagnostic::error("unexpected-token", span, said).with_secondary(open, "to close this"));
    }

    /// A statement; what cannot be read of it is skipped to the end of its line.
    fn statement_or_error(&mut self) {
        let errors = self.errors;
        let position = self.position;
        if begins_statement(self.kind()) {
            self.statement();
        } else {
            self.not_a_statement();
        }
        // A rule that went on behind the token at fault has recovered by itself.
        if self.errors == errors || self.position > self.last_error || self.halted {
            return;
        }
        // The token that is at fault may begin a line itself: without a step there would be no end.
        let mut ahead = usize::from(self.position == position && !self.at(RightBrace));
        let mut braces = 0usize;
        while let Some(token) = self.nth_token(ahead) {
            match token.kind {
                EndOfFile | ProbeKw | FunctionKw | GlobalKw | PrivateKw => break,
                RightBrace if braces == 0 => break,
                RightBrace => braces -= 1,
                LeftBrace if braces == 0 && ahead == 0 => break,
                LeftBrace => braces += 1,
                Semicolon if braces == 0 => {
                    ahead += 1;
                    break;
                }
                kind if braces == 0 && token.first_of_line && begins_statement(kind) => break,
                _ => {}
            }
            ahead += 1;
        }
        self.skip(ahead);
    }

    fn not_a_statement(&mut self) {
        if self.at(ElseKw) {
            let behind = self.position.checked_sub(1).and_then(|before| self.tokens.list.get(before));
            let cut_off = behind.is_some_and(|token| token.kind == Semicolon);
            self.report(|span| {
                let found = Diagnostic::error("unexpected-token", span, "`else` without an `if` before it");
                if cut_off { found.with_help("leave the `;` before it away: it ends the `if`") } else { found }
            });
        } else if self.at(CatchKw) {
            self.error("unexpected-token", "`catch` without a `try` before it".to_owned());
        } else {
            self.error_expected("a statement");
        }
    }

    /// One statement. Without one, an empty statement: the caller's node has its parts even so.
    pub(super) fn statement(&mut self) {
        if self.deeper(Self::statement_here).is_none() {
            let marker = self.start();
            self.complete(marker, EmptyStmt);
        }
    }

    fn statement_here(&mut self) {
        match self.kind() {
            LeftBrace => {
                self.braced();
            }
            Semicolon => {
                let marker = self.start();
                self.bump();
                self.complete(marker, EmptyStmt);
            }
            IfKw => self.if_statement(),
            WhileKw => self.while_statement(),
            ForKw => self.for_statement(),
            ForeachKw => self.foreach_statement(),
            BreakKw => self.word(BreakStmt),
            ContinueKw => self.word(ContinueStmt),
            NextKw => self.word(NextStmt),
            ReturnKw => {
                let marker = self.start();
                self.bump();
                // Whatever else follows is what is returned, even on the next line.
                if !matches!(self.kind(), Semicolon | RightBrace) {
                    self.expression();
                }
                self.eat(Semicolon);
                self.complete(marker, ReturnStmt);
            }
            DeleteKw => {
                let marker = self.start();
                self.bump();
                self.expression();
                self.eat(Semicolon);
                self.complete(marker, DeleteStmt);
            }
            TryKw => self.try_statement(),
            kind if begins_expression(kind) => {
                let marker = self.start();
                self.expression();
                self.eat(Semicolon);
                self.complete(marker, ExprStmt);
            }
            _ => {
                let marker = self.start();
                self.not_a_statement();
                self.complete(marker, EmptyStmt);
            }
        }
    }

    fn word(&mut self, kind: SyntaxKind) {
        let marker = self.start();
        self.bump();
        self.eat(Semicolon);
        self.complete(marker, kind);
    }

    /// `(expression)`
    fn condition(&mut self) {
        let open = self.span();
        if self.expect(LeftParen) {
            self.expression();
            self.expect_closing(open, RightParen);
        } else if begins_expression(self.kind()) {
            self.expression();
        } else {
            self.absent();
        }
    }

    fn absent(&mut self) -> Completed {
        let marker = self.start();
        self.complete(marker, MissingExpr)
    }

    fn if_statement(&mut self) {
        let marker = self.start();
        self.bump();
        self.condition();
        self.statement();
        if self.eat(ElseKw) {
            self.statement();
        }
        self.complete(marker, IfStmt);
    }

    fn while_statement(&mut self) {
        let marker = self.start();
        self.bump();
        self.condition();
        self.statement();
        self.complete(marker, WhileStmt);
    }

    fn for_statement(&mut self) {
        let marker = self.start();
        self.bump();
        let open = self.span();
        if self.expect(LeftParen) {
            self.for_part(ForInit, Semicolon);
            self.expect(Semicolon);
            self.for_part(ForCondition, Semicolon);
            self.expect(Semicolon);
            self.for_part(ForStep, RightParen);
            self.expect_closing(open, RightParen);
        }
        self.statement();
        self.complete(marker, ForStmt);
    }

    fn for_part(&mut self, kind: SyntaxKind, end: SyntaxKind) {
        let marker = self.start();
        if !self.at(end) {
            self.expression();
        }
        self.complete(marker, kind);
    }

    fn foreach_statement(&mut self) {
        let marker = self.start();
        self.bump();
        let open = self.span();
        if self.expect(LeftParen) {
            self.foreach_head();
            self.expect_closing(open, RightParen);
        }
        self.statement();
        self.complete(marker, ForeachStmt);
    }

    /// `value = [k1, k2-] in array[slice] @avg+ limit n`
    fn foreach_head(&mut self) {
        let mark = usize::from(matches!(self.nth(1), Plus | Minus));
        if self.nth(1 + mark) == Equals || matches!(self.nth(1), PlusEquals | MinusEquals) {
            let marker = self.start();
            self.expect_name("a variable's name");
            if matches!(self.kind(), PlusEquals | MinusEquals) {
                self.report(|span| {
                    Diagnostic::error("unexpected-token", span, "the sort mark and the `=` here are one operator")
                        .with_help("write a blank between them")
                });
                let mark = self.start();
                self.bump();
                self.complete(mark, SortMark);
            } else {
                self.sort_mark();
                self.expect(Equals);
            }
            self.complete(marker, ForeachValue);
        }
        if self.at(LeftBracket) {
            let open = self.span();
            self.bump();
            loop {
                self.foreach_key();
                if !self.eat(Comma) {
                    break;
                }
            }
            self.expect_closing(open, RightBracket);
        } else {
            self.foreach_key();
        }
        self.expect(InKw);
        let over = self.start();
        if self.at(AtWord) {
            self.at_call();
        } else if self.expect_name("an array's name") && self.at(LeftBracket) {
            self.keys();
        }
        self.sort_mark();
        self.complete(over, ForeachOver);
        if self.at(LimitKw) {
            let limit = self.start();
            self.bump();
            self.expression();
            self.complete(limit, ForeachLimit);
        }
    }

    fn foreach_key(&mut self) {
        let marker = self.start();
        self.expect_name("a variable's name");
        self.sort_mark();
        self.complete(marker, ForeachKey);
    }

    fn sort_mark(&mut self) {
        if !matches!(self.kind(), Plus | Minus | AtWord) {
            return;
        }
        let marker = self.start();
        self.eat(AtWord);
        if !self.eat(Plus) && !self.eat(Minus) {
            self.error_expected("`+` or `-`");
        }
        self.complete(marker, SortMark);
    }

    fn try_statement(&mut self) {
        let marker = self.start();
        self.bump();
        self.block();
        if self.expect(CatchKw) {
            if self.at(LeftParen) {
                let variable = self.start();
                let open = self.span();
                self.bump();
                self.expect_name("a variable's name");
                self.expect_closing(open, RightParen);
                self.complete(variable, CatchVariable);
            }
            self.block();
        }
        self.complete(marker, TryStmt);
    }
}
