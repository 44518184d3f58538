//! Expressions, by precedence: each operator has a level, and a rule takes operators of its level and above.

use systap_diagnostics::Diagnostic;

use super::{Completed, Parser};
use crate::format::OUTPUT;
use crate::kind::SyntaxKind::{self, *};
use crate::token::describe;

/// The levels, from the loosest. Operators of one level group to the left but for assignment and `?:`.
mod level {
    pub(super) const ASSIGN: u8 = 1;
    pub(super) const TERNARY: u8 = 2;
    pub(super) const OR: u8 = 3;
    pub(super) const AND: u8 = 4;
    pub(super) const BIT_OR: u8 = 5;
    pub(super) const BIT_XOR: u8 = 6;
    pub(super) const BIT_AND: u8 = 7;
    pub(super) const IN: u8 = 8;
    pub(super) const COMPARE: u8 = 9;
    pub(super) const SHIFT: u8 = 10;
    pub(super) const CONCAT: u8 = 11;
    pub(super) const ADD: u8 = 12;
    pub(super) const MULTIPLY: u8 = 13;
}

fn level_of(operator: SyntaxKind) -> Option<u8> {
    Some(match operator {
        Equals | Accumulate | PlusEquals | MinusEquals | StarEquals | SlashEquals | PercentEquals | ShiftLeftEquals
        | ShiftRightEquals | AmpersandEquals | CaretEquals | PipeEquals | DotEquals => level::ASSIGN,
        Question => level::TERNARY,
        OrOr => level::OR,
        AndAnd => level::AND,
        Pipe => level::BIT_OR,
        Caret => level::BIT_XOR,
        Ampersand => level::BIT_AND,
        InKw => level::IN,
        Less | LessEquals | Greater | GreaterEquals | EqualsEquals | BangEquals | EqualsTilde | BangTilde => {
            level::COMPARE
        }
        ShiftLeft | ShiftRight | ShiftRightLogical => level::SHIFT,
        Dot => level::CONCAT,
        Plus | Minus => level::ADD,
        Star | Slash | Percent => level::MULTIPLY,
        _ => return None,
    })
}

/// Whether an expression can begin with a token of this kind.
pub(super) fn begins_expression(kind: SyntaxKind) -> bool {
    matches!(
        kind,
        Ident
            | Number
            | StringLiteral
            | SingleQuoted
            | AtWord
            | Argument
            | Embedded
            | LeftParen
            | LeftBracket
            | Plus
            | Minus
            | Bang
            | Tilde
            | Ampersand
            | PlusPlus
            | MinusMinus
            | StringKw
            | LongKw
    )
}

impl Parser<'_> {
    /// One expression, in which an assignment needs no parentheses. Always completes a node.
    pub(super) fn expression(&mut self) -> Completed {
        self.expression_from(level::ASSIGN)
    }

    fn expression_from(&mut self, loosest: u8) -> Completed {
        match self.deeper(|parser| parser.operators(loosest)) {
            Some(done) => done,
            None => self.missing(),
        }
    }

    fn operators(&mut self, loosest: u8) -> Completed {
        let bracketed = self.at(LeftBracket) && loosest <= level::IN;
        let mut left = if bracketed { self.bracketed() } else { self.prefixed() };
        // How tightly the next operator may bind at most: less than `in` and the regex operators do, behind one of them.
        let mut tightest = if bracketed { level::BIT_AND } else { level::MULTIPLY };
        let mut compares = false;
        loop {
            let operator = self.kind();
            let Some(level) = level_of(operator).filter(|level| *level >= loosest) else { return left };
            if !self.fits(left.height + 1) {
                return left;
            }
            let is_regex = matches!(operator, EqualsTilde | BangTilde);
            if level > tightest || is_regex && compares {
                self.binds_too_tightly();
            }
            let marker = self.start_around(left);
            self.bump();
            let (kind, right) = match level {
                level::ASSIGN => (AssignExpr, self.expression_from(level::ASSIGN)),
                level::TERNARY => {
                    let then = self.expression();
                    self.expect(Colon);
                    let otherwise = self.expression_from(level::TERNARY);
                    (TernaryExpr, if then.height > otherwise.height { then } else { otherwise })
                }
                level::IN => {
                    self.expect_name("an array's name");
                    (InExpr, left)
                }
                _ if is_regex => (BinaryExpr, self.pattern()),
                _ => (BinaryExpr, self.expression_from(level + 1)),
            };
            compares = level == level::COMPARE;
            tightest = match level {
                level::IN => level::BIT_AND,
                level::COMPARE if is_regex => level::IN,
                _ => level,
            };
            left = self.complete_over(marker, kind, left.height.max(right.height));
        }
    }

    /// Reports an operator that would take the `in` or the match before it for its left side, which the grammar does not have.
    fn binds_too_tightly(&mut self) {
        let said = format!("`{}` cannot follow this without parentheses", self.text(0));
        self.report(|span| {
            Diagnostic::error("unexpected-token", span, said)
                .with_note("`in`, `=~` and `!~` do not group with `in` and comparisons beside them, nor with tighter operators behind")
                .with_help("put parentheses around what belongs together: `(k in a) == 1`, `(s =~ \"x\") == 1`")
        });
    }

    /// What stands behind a regex operator: a string written out, which anything else is refused for.
    fn pattern(&mut self) -> Completed {
        if matches!(self.kind(), StringLiteral | SingleQuoted) {
            return self.strings();
        }
        if self.kind() != Argument {
            self.report(|span| {
                Diagnostic::error("regex-not-literal", span, "a regular expression must be a literal string")
                    .with_help("write the string right behind the operator, without parentheses")
            });
        }
        self.expression_from(level::COMPARE + 1)
    }

    /// `[k, *] in array`; without `in`, brackets around one value are parentheses.
    fn bracketed(&mut self) -> Completed {
        let tuple = self.start();
        let open = self.span();
        self.bump();
        let (mut height, mut count, mut any) = (0, 0, false);
        loop {
            if self.at(Star) {
                self.single(AnyKey);
                any = true;
            } else {
                height = height.max(self.expression_from(level::COMPARE).height);
            }
            count += 1;
            if !self.eat(Comma) {
                break;
            }
        }
        self.expect_closing(open, RightBracket);
        if !self.at(InKw) && count == 1 && !any {
            return self.complete_over(tuple, ParenExpr, height);
        }
        let tuple = self.complete_over(tuple, KeyTuple, height);
        let marker = self.start_around(tuple);
        if self.expect(InKw) {
            self.expect_name("an array's name");
        }
        self.complete_over(marker, InExpr, height)
    }

    fn prefixed(&mut self) -> Completed {
        match self.kind() {
            Plus | Minus | Bang | Tilde => {
                let marker = self.start();
                self.bump();
                let height = self.deeper(Self::prefixed).map_or(0, |operand| operand.height);
                self.complete_over(marker, UnaryExpr, height)
            }
            PlusPlus | MinusMinus => {
                let marker = self.start();
                self.bump();
                let operand = self.place();
                self.complete_over(marker, PrefixStep, operand.height)
            }
            _ => {
                let base = self.place();
                if !matches!(self.kind(), PlusPlus | MinusMinus) {
                    return base;
                }
                let marker = self.start_around(base);
                self.bump();
                self.complete_over(marker, PostfixStep, base.height)
            }
        }
    }

    /// A value with its steps, perhaps its address: what may be counted.
    fn place(&mut self) -> Completed {
        if !self.at(Ampersand) {
            return self.suffixed();
        }
        let marker = self.start();
        self.bump();
        let operand = self.suffixed();
        self.complete_over(marker, AddressExpr, operand.height)
    }

    fn suffixed(&mut self) -> Completed {
        let mut base = self.primary();
        // Any value may be a pointer; an array's name and a histogram have taken their own brackets already.
        if base.kind != MissingExpr && matches!(self.kind(), Arrow | LeftBracket | Dollar | DollarDollar) {
            let marker = self.start_around(base);
            let mut height = base.height;
            loop {
                match self.kind() {
                    Arrow => {
                        let step = self.start();
                        self.bump();
                        if matches!(self.kind(), Dollar | DollarDollar) {
                            self.bump();
                            self.complete(step, PrettyMark);
                            break;
                        }
                        // Any word is a member's name, keywords too.
                        if matches!(self.kind(), Ident | Argument) || self.kind().is_keyword() {
                            self.bump();
                        } else {
                            self.error_expected("a member's name");
                        }
                        self.complete(step, MemberStep);
                    }
                    LeftBracket => {
                        let step = self.start();
                        let open = self.span();
                        self.bump();
                        let index = self.expression();
                        height = height.max(index.height + 1);
                        self.expect_closing(open, RightBracket);
                        self.complete(step, IndexStep);
                    }
                    Dollar | DollarDollar => {
                        let mark = self.start();
                        self.bump();
                        self.complete(mark, PrettyMark);
                        break;
                    }
                    _ => break,
                }
            }
            base = self.complete_over(marker, PathExpr, height);
        }
        base
    }

    fn primary(&mut self) -> Completed {
        match self.kind() {
            Number => self.single(LiteralExpr),
            StringLiteral | SingleQuoted => self.strings(),
            Embedded => self.single(EmbeddedExpr),
            Argument => self.single(NameExpr),
            AtWord if self.at_macro() => self.macro_or_strings(),
            AtWord => self.at_call(),
            LeftParen => self.parenthesized(),
            LeftBracket => self.misplaced_bracket(),
            Ident if self.text(0).starts_with('$') => self.single(VariableExpr),
            Ident => self.name(),
            StringKw | LongKw if self.nth(1) == LeftParen => self.name(),
            _ => {
                let Some(token) = self.nth_token(0) else { return self.missing() };
                let said = format!("expected an expression, found {}", describe(token, self.sources));
                self.report(|span| Diagnostic::error("unexpected-token", span, said));
                self.missing()
            }
        }
    }

    /// A macro, which stands for a string if one follows.
    fn macro_or_strings(&mut self) -> Completed {
        let call = self.at_call();
        if !matches!(self.kind(), StringLiteral | SingleQuoted) {
            return call;
        }
        let marker = self.start_around(call);
        self.pieces_of_string();
        self.complete_over(marker, LiteralExpr, call.height)
    }

    fn missing(&mut self) -> Completed {
        let marker = self.start();
        self.complete(marker, MissingExpr)
    }

    fn single(&mut self, kind: SyntaxKind) -> Completed {
        let marker = self.start();
        self.bump();
        self.complete(marker, kind)
    }

    /// Strings that follow each other are one.
    fn strings(&mut self) -> Completed {
        let marker = self.start();
        self.pieces_of_string();
        self.complete(marker, LiteralExpr)
    }

    /// Strings that follow each other, and macros among them that stand for some.
    pub(super) fn pieces_of_string(&mut self) {
        loop {
            if matches!(self.kind(), StringLiteral | SingleQuoted) {
                self.bump();
            } else if self.at_macro() && !self.nth_token(0).is_some_and(|token| token.first_of_line) {
                // One that begins a line may be a statement.
                self.at_call();
            } else {
                return;
            }
        }
    }

    fn parenthesized(&mut self) -> Completed {
        let marker = self.start();
        let open = self.span();
        self.bump();
        let inner = self.expression();
        self.expect_closing(open, RightParen);
        self.complete_over(marker, ParenExpr, inner.height)
    }

    fn name(&mut self) -> Completed {
        let marker = self.start();
        let Some(name) = self.nth_token(0).map(|token| token.text) else { return self.missing() };
        match self.nth(1) {
            LeftParen => {
                self.bump();
                let height = self.arguments();
                self.complete_over(marker, CallExpr, height)
            }
            LeftBracket => {
                self.bump();
                let height = self.keys();
                self.complete_over(marker, IndexExpr, height)
            }
            _ => {
                self.bump();
                if OUTPUT.contains(&self.sources.text(name)) {
                    self.error_expected("`(`");
                }
                self.complete(marker, NameExpr)
            }
        }
    }

    /// `(a, b)`; returns the greatest height among them.
    fn arguments(&mut self) -> usize {
        let open = self.span();
        self.bump();
        let mut height = 0;
        if !self.at(RightParen) {
            loop {
                height = height.max(self.expression().height);
                if !self.eat(Comma) {
                    break;
                }
            }
        }
        self.expect_closing(open, RightParen);
        height
    }

    /// `[k, *]`, from the bracket on; returns the greatest height among them.
    pub(super) fn keys(&mut self) -> usize {
        let open = self.span();
        self.bump();
        let mut height = 0;
        loop {
            if self.at(Star) && matches!(self.nth(1), Comma | RightBracket) {
                self.single(AnyKey);
            } else {
                height = height.max(self.expression().height);
            }
            if !self.eat(Comma) {
                break;
            }
        }
        self.expect_closing(open, RightBracket);
        height
    }

    /// `[` where a value must stand: reads on, so that what stands in it is seen to.
    fn misplaced_bracket(&mut self) -> Completed {
        self.report(|span| {
            Diagnostic::error("unexpected-token", span, "expected an expression, found `[`")
                .with_note("a bracket opens the keys of `[k1, k2] in array`, which no operator may stand before that binds tighter")
                .with_help("put parentheses around all of it: `!([k1, k2] in array)`")
        });
        match self.deeper(Self::bracketed) {
            Some(done) => done,
            None => self.missing(),
        }
    }

    /// `@word(args)`, and the bucket of a histogram behind it.
    pub(super) fn at_call(&mut self) -> Completed {
        let marker = self.start();
        let word = self.text(0).to_owned();
        if matches!(self.nth(1), LeftBracket | PlusPlus | MinusMinus) || level_of(self.nth(1)) == Some(level::ASSIGN) {
            let name = word.trim_start_matches('@').to_owned();
            self.report(|span| {
                Diagnostic::error(
                    "unknown-operator",
                    span,
                    format!("`{word}` is no variable: `@` begins an operator or a macro"),
                )
                .with_help(format!("declare `global {name}` at the top of the script and write `{name}` here"))
            });
            self.bump();
            let height = if self.at(LeftBracket) { self.keys() } else { 0 };
            return self.complete_over(marker, AtCallExpr, height);
        }
        self.bump();
        let mut height = 0;
        if self.at(LeftParen) {
            height = self.arguments();
        }
        if word.starts_with("@hist_") && self.at(LeftBracket) {
            let step = self.start();
            let open = self.span();
            self.bump();
            height = height.max(self.expression().height);
            self.expect_closing(open, RightBracket);
            self.complete(step, IndexStep);
        }
        self.complete_over(marker, AtCallExpr, height)
    }
}
