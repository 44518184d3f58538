//! Declarations: globals, functions, probes, aliases, embedded code at the top of a file.

use systap_diagnostics::{Diagnostic, nearest};

use super::Parser;
use crate::event::Event;
use crate::kind::SyntaxKind::{self, *};
use crate::token::describe;

impl Parser<'_> {
    /// The whole file, every token of it.
    pub(super) fn file(&mut self) {
        let root = self.start();
        while !self.at(EndOfFile) {
            self.item();
        }
        // What a limit kept from being read still belongs to the file.
        let unread = self.tokens.list.len().saturating_sub(self.position + 1);
        if unread > 0 {
            let marker = self.start();
            self.events.extend(std::iter::repeat_n(Event::Token, unread));
            self.complete(marker, Error);
        }
        self.complete(root, File);
    }

    fn item(&mut self) {
        match (self.kind(), self.nth(1)) {
            (ProbeKw, _) => self.probe(),
            (FunctionKw, _) | (PrivateKw, FunctionKw) => self.function(),
            (GlobalKw | PrivateKw, _) => self.global(),
            (Embedded, _) => {
                let marker = self.start();
                self.bump();
                self.complete(marker, EmbeddedDecl);
            }
            (Semicolon, _) => {
                self.report(|span| {
                    Diagnostic::error("unexpected-token", span, "expected a declaration, found `;`").with_help(
                        "leave it away: a declaration ends with its block; only that of globals takes one `;`",
                    )
                });
                while self.at(Semicolon) {
                    self.bump();
                }
            }
            (AtWord, _) if self.at_macro() => {
                let marker = self.start();
                self.at_call();
                self.complete(marker, EmbeddedDecl);
            }
            _ => self.not_a_declaration(),
        }
    }

    fn not_a_declaration(&mut self) {
        let Some(token) = self.nth_token(0).copied() else { return };
        let word = self.text(0).to_owned();
        let said = format!("expected a declaration, found {}", describe(&token, self.sources));
        let known = ["probe", "global", "private", "function"];
        let is_other_probe = token.kind == Ident && matches!(self.nth(1), Colon | Dot);
        let near = (token.kind == Ident && !is_other_probe).then(|| nearest(&word, known)).flatten();
        let help = match (token.kind, self.nth(1)) {
            _ if near.is_some() => None,
            (Ident, LeftBrace) if matches!(word.as_str(), "BEGIN" | "END" | "begin" | "end") => {
                Some(format!("write `probe {} {{ ... }}`", word.to_lowercase()))
            }
            (Ident, Colon) => Some("a probe is written like `probe kernel.function(\"vfs_read\") { ... }`".to_owned()),
            (Ident, Dot) => Some("a probe point stands behind the word `probe`".to_owned()),
            (Ident | IfKw | ForKw | ForeachKw | WhileKw, _) => {
                Some("statements stand in a probe: `probe begin { ... }`".to_owned())
            }
            _ => None,
        };
        self.report(|span| {
            let mut found = Diagnostic::error("unexpected-token", span, said);
            if let Some(near) = near {
                found = found.with_label(format!("did you mean `{near}`?"));
            } else {
                found =
                    found.with_note("a script consists of `probe`, `global`, `private` and `function` declarations");
            }
            match help {
                Some(help) => found.with_help(help),
                None => found,
            }
        });
        let mut ahead = 1;
        let mut braces = usize::from(token.kind == LeftBrace);
        while let Some(token) = self.nth_token(ahead) {
            match token.kind {
                EndOfFile => break,
                ProbeKw | GlobalKw | PrivateKw | FunctionKw if braces == 0 || token.first_of_line => break,
                LeftBrace => braces += 1,
                RightBrace => {
                    braces = braces.saturating_sub(1);
                    if braces == 0 {
                        ahead += 1;
                        break;
                    }
                }
                _ => {}
            }
            ahead += 1;
        }
        self.skip(ahead);
    }

    fn global(&mut self) {
        let marker = self.start();
        self.eat(PrivateKw);
        self.eat(GlobalKw);
        loop {
            let errors = self.errors;
            self.global_name();
            if self.errors > errors {
                self.skip_to_declaration_or(Comma);
            }
            if !self.eat(Comma) {
                break;
            }
        }
        self.eat(Semicolon);
        self.complete(marker, GlobalDecl);
    }

    /// Skips what is left of a declaration that went wrong, up to the next one, a line's beginning or `kind`.
    fn skip_to_declaration_or(&mut self, kind: SyntaxKind) {
        let mut ahead = 0;
        while let Some(token) = self.nth_token(ahead) {
            if token.kind == kind || token.kind == Semicolon || token.kind == EndOfFile || token.first_of_line {
                break;
            }
            ahead += 1;
        }
        self.skip(ahead);
    }

    fn global_name(&mut self) {
        let marker = self.start();
        self.expect_name("a name");
        if self.at(Colon) {
            self.report(|span| {
                Diagnostic::error("unexpected-token", span, "a global's type is not written")
                    .with_help("it follows from how the variable is used")
            });
        }
        self.eat(Percent);
        if self.at(LeftBracket) {
            let open = self.span();
            self.bump();
            if !self.eat(Number) && !self.eat(Argument) {
                self.error_expected("the number of entries");
            }
            self.expect_closing(open, RightBracket);
            if self.at(Percent) {
                self.report(|span| {
                    Diagnostic::error("unexpected-token", span, "`%` stands before the size of an array")
                        .with_help("write `global name%[10]`")
                });
                self.skip(1);
            }
        }
        if self.eat(Equals) {
            self.literal();
        } else if self.at(PercentEquals) {
            self.report(|span| {
                Diagnostic::error(
                    "unexpected-token",
                    span,
                    "`%` makes an array, and an array has no value to start with",
                )
                .with_help("write `global name%`, or `global name = 1`")
            });
            self.skip(1);
            self.literal();
        }
        self.complete(marker, GlobalName);
    }

    /// A number, perhaps with a sign, or strings.
    fn literal(&mut self) {
        let marker = self.start();
        match self.kind() {
            Minus if self.nth(1) == Number => {
                self.bump();
                self.bump();
            }
            Number | Argument => self.bump(),
            StringLiteral | SingleQuoted => {
                while matches!(self.kind(), StringLiteral | SingleQuoted) {
                    self.bump();
                }
            }
            _ => {
                let Some(token) = self.nth_token(0) else { return };
                let said = format!("expected a number or a string, found {}", describe(token, self.sources));
                self.report(|span| {
                    Diagnostic::error("unexpected-token", span, said)
                        .with_help("set other values in a probe: `probe begin { ... }`")
                });
            }
        }
        self.complete(marker, LiteralExpr);
    }

    fn function(&mut self) {
        let marker = self.start();
        self.eat(PrivateKw);
        self.bump();
        if matches!(self.kind(), StringKw | LongKw) {
            self.bump();
        } else {
            self.expect_name("a function's name");
        }
        self.type_annotation();
        let open = self.span();
        if self.expect(LeftParen) {
            if !self.at(RightParen) {
                loop {
                    let param = self.start();
                    self.expect_name("a parameter's name");
                    self.type_annotation();
                    self.complete(param, Param);
                    // The grammar lets a comma stand behind the last one.
                    if !self.eat(Comma) || self.at(RightParen) {
                        break;
                    }
                }
            }
            self.expect_closing(open, RightParen);
        }
        if self.at(Colon) {
            let priority = self.start();
            self.bump();
            if matches!(self.kind(), LongKw | StringKw) {
                self.report(|span| {
                    Diagnostic::error("unexpected-token", span, "a function's type stands behind its name")
                        .with_help("write `function name:long(...)`")
                });
                self.skip(1);
            } else if !self.eat(Number) && !self.eat(Argument) {
                self.error_expected("a priority, which is a number");
            }
            self.complete(priority, Priority);
        }
        if !self.eat(Embedded) {
            self.body();
        }
        self.complete(marker, FunctionDecl);
    }

    fn type_annotation(&mut self) {
        if !self.at(Colon) {
            return;
        }
        let marker = self.start();
        self.bump();
        if !self.eat(LongKw) && !self.eat(StringKw) {
            self.error_expected("`long` or `string`");
            if self.at(Ident) {
                self.skip(1);
            }
        }
        self.complete(marker, TypeAnnotation);
    }

    fn probe(&mut self) {
        let marker = self.start();
        self.bump();
        let mut is_alias = false;
        let mut commas = false;
        loop {
            self.point();
            match self.kind() {
                Comma => {
                    commas = true;
                    self.bump();
                }
                Equals | PlusEquals => {
                    if commas {
                        let said = "one name stands before each `=` of an alias";
                        self.report(|span| {
                            Diagnostic::error("unexpected-token", span, said)
                                .with_help("write `probe name1 = name2 = point1, point2 { ... }`")
                        });
                    }
                    is_alias = true;
                    self.bump();
                }
                _ => break,
            }
        }
        self.body();
        if is_alias && self.eat(Comma) {
            self.body();
        }
        self.complete(marker, if is_alias { AliasDecl } else { ProbeDecl });
    }

    /// A block; if something else is in its place, what stands before the block is skipped.
    fn body(&mut self) {
        if self.block() || self.halted {
            return;
        }
        let mut ahead = 0;
        loop {
            let Some(token) = self.nth_token(ahead) else { return };
            match token.kind {
                LeftBrace => break,
                EndOfFile | ProbeKw | GlobalKw | PrivateKw | FunctionKw => return,
                _ => ahead += 1,
            }
        }
        self.skip(ahead);
        self.block();
    }
}
