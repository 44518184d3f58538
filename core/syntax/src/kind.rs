//! The kinds of token and of node: one flat list, shared by the lexer, the parser's events and the lossless tree.
//! Says nothing of what a kind means.

/// Declares [`SyntaxKind`] with its table, so that a raw number can be turned back without unsafe code.
macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $kind:ident $(= $text:literal)?,)*) => {
        /// A token's or a node's kind.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum SyntaxKind {
            $($(#[doc = $doc])* $(#[doc = concat!("`", $text, "`")])? $kind,)*
        }

        /// Every kind, at the index of its number.
        pub(crate) const ALL: &[SyntaxKind] = &[$(SyntaxKind::$kind,)*];

        impl SyntaxKind {
            /// The one spelling of a keyword or operator; `None` for every other kind.
            pub fn spelling(self) -> Option<&'static str> {
                match self {
                    $($(SyntaxKind::$kind => Some($text),)?)*
                    _ => None,
                }
            }
        }
    };
}

kinds! {
    /// Past the last token.
    EndOfFile,
    /// Blanks and line ends, and a byte order mark.
    Whitespace,
    /// `# ...`, `// ...`, `/* ... */`
    Comment,
    /// Characters that begin no token.
    Unknown,
    /// A word, with any `$` it begins with or holds.
    Ident,
    /// A digit and what letters and digits follow it.
    Number,
    /// `"..."`, perhaps without the second quote.
    StringLiteral,
    /// `'...'`, which the language does not have.
    SingleQuoted,
    /// `@word`
    AtWord,
    /// `$1`, `@1`, `$#`, `@#`; after the preprocessor only those that have no value.
    Argument,
    /// `%{ ... %}`, perhaps without the second mark.
    Embedded,

    LeftParen = "(",
    RightParen = ")",
    LeftBracket = "[",
    RightBracket = "]",
    LeftBrace = "{",
    RightBrace = "}",
    Comma = ",",
    Semicolon = ";",
    Colon = ":",
    Question = "?",
    Dot = ".",
    Plus = "+",
    Minus = "-",
    Star = "*",
    Slash = "/",
    Percent = "%",
    Ampersand = "&",
    Pipe = "|",
    Caret = "^",
    Tilde = "~",
    Bang = "!",
    Equals = "=",
    Less = "<",
    Greater = ">",
    Dollar = "$",
    DollarDollar = "$$",
    EqualsEquals = "==",
    BangEquals = "!=",
    LessEquals = "<=",
    GreaterEquals = ">=",
    EqualsTilde = "=~",
    BangTilde = "!~",
    PlusEquals = "+=",
    MinusEquals = "-=",
    StarEquals = "*=",
    SlashEquals = "/=",
    PercentEquals = "%=",
    AmpersandEquals = "&=",
    PipeEquals = "|=",
    CaretEquals = "^=",
    DotEquals = ".=",
    AndAnd = "&&",
    OrOr = "||",
    PlusPlus = "++",
    MinusMinus = "--",
    Arrow = "->",
    ShiftLeft = "<<",
    ShiftRight = ">>",
    ShiftRightLogical = ">>>",
    Accumulate = "<<<",
    ShiftLeftEquals = "<<=",
    ShiftRightEquals = ">>=",
    ConditionOpen = "%(",
    ConditionThen = "%?",
    ConditionElse = "%:",
    ConditionClose = "%)",

    ProbeKw = "probe",
    GlobalKw = "global",
    PrivateKw = "private",
    FunctionKw = "function",
    IfKw = "if",
    ElseKw = "else",
    ForKw = "for",
    ForeachKw = "foreach",
    InKw = "in",
    LimitKw = "limit",
    ReturnKw = "return",
    DeleteKw = "delete",
    WhileKw = "while",
    BreakKw = "break",
    ContinueKw = "continue",
    NextKw = "next",
    StringKw = "string",
    LongKw = "long",
    TryKw = "try",
    CatchKw = "catch",

    /// The root.
    File,
    /// `global a, b`
    GlobalDecl,
    /// One name of it, with size, `%` and value.
    GlobalName,
    /// `function f(a) { }`
    FunctionDecl,
    /// `a:long`
    Param,
    /// `:long`
    TypeAnnotation,
    /// `:10`
    Priority,
    /// `probe a, b { }`
    ProbeDecl,
    /// `probe a = b { }`
    AliasDecl,
    /// `a.{b,c}(1) ? if (x)`
    Point,
    /// Components and groups with dots between.
    PointPath,
    /// A word of a path and perhaps its literal.
    Component,
    /// `("literal")`
    ComponentArg,
    /// `{a, b.c}` in a path.
    PointGroup,
    /// `if (x)` after a path.
    PointCondition,
    /// `%{ %}` as a declaration; in a script as written, a macro that stands for some.
    EmbeddedDecl,

    /// `{ ... }`
    Block,
    /// `;`
    EmptyStmt,
    /// An expression as a statement.
    ExprStmt,
    /// `if`
    IfStmt,
    /// `while`
    WhileStmt,
    /// `for`
    ForStmt,
    /// The first part of a `for`.
    ForInit,
    /// The second.
    ForCondition,
    /// The third.
    ForStep,
    /// `foreach`
    ForeachStmt,
    /// `value =` of a `foreach`, with its sort mark.
    ForeachValue,
    /// A key variable of a `foreach`, with its sort mark.
    ForeachKey,
    /// What a `foreach` goes over, with slice and sort mark.
    ForeachOver,
    /// `+`, `-`, `@sum+`
    SortMark,
    /// `limit e`
    ForeachLimit,
    /// `break`
    BreakStmt,
    /// `continue`
    ContinueStmt,
    /// `next`
    NextStmt,
    /// `return`
    ReturnStmt,
    /// `delete`
    DeleteStmt,
    /// `try`
    TryStmt,
    /// `(v)` of a `catch`.
    CatchVariable,

    /// A number or strings.
    LiteralExpr,
    /// A word.
    NameExpr,
    /// `$x`
    VariableExpr,
    /// `a[k, *]`
    IndexExpr,
    /// `*` among keys.
    AnyKey,
    /// `[k, *]` before `in`.
    KeyTuple,
    /// `f(x)`
    CallExpr,
    /// `@f(x)`
    AtCallExpr,
    /// `(x)`
    ParenExpr,
    /// `-x`
    UnaryExpr,
    /// `&x`
    AddressExpr,
    /// `x + y`, `x && y`
    BinaryExpr,
    /// `c ? a : b`
    TernaryExpr,
    /// `x = y`, `x += y`, `x <<< y`
    AssignExpr,
    /// `++x`
    PrefixStep,
    /// `x++`
    PostfixStep,
    /// `k in a`, `[k] in a`
    InExpr,
    /// `x->m[i]$`: a base and its steps.
    PathExpr,
    /// `->m`
    MemberStep,
    /// `[i]`
    IndexStep,
    /// `$`, `$$` at the end.
    PrettyMark,
    /// `%{ %}` as an expression.
    EmbeddedExpr,
    /// Nothing, where an expression should be.
    MissingExpr,
    /// Tokens that fit nowhere.
    Error,
}

impl SyntaxKind {
    /// Whether the parser never sees it.
    pub fn is_trivia(self) -> bool {
        matches!(self, SyntaxKind::Whitespace | SyntaxKind::Comment | SyntaxKind::Unknown)
    }

    /// Whether it is one of the twenty reserved words.
    pub fn is_keyword(self) -> bool {
        (SyntaxKind::ProbeKw..=SyntaxKind::CatchKw).contains(&self)
    }

    /// The keyword that `word` is.
    pub(crate) fn keyword(word: &str) -> Option<SyntaxKind> {
        use SyntaxKind::*;
        Some(match word {
            "probe" => ProbeKw,
            "global" => GlobalKw,
            "private" => PrivateKw,
            "function" => FunctionKw,
            "if" => IfKw,
            "else" => ElseKw,
            "for" => ForKw,
            "foreach" => ForeachKw,
            "in" => InKw,
            "limit" => LimitKw,
            "return" => ReturnKw,
            "delete" => DeleteKw,
            "while" => WhileKw,
            "break" => BreakKw,
            "continue" => ContinueKw,
            "next" => NextKw,
            "string" => StringKw,
            "long" => LongKw,
            "try" => TryKw,
            "catch" => CatchKw,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{ALL, SyntaxKind};

    #[test]
    fn the_table_is_in_the_order_of_the_numbers() {
        for (number, kind) in ALL.iter().enumerate() {
            assert_eq!(*kind as usize, number);
        }
    }

    #[test]
    fn keywords_spell_themselves() {
        let keywords: Vec<_> = ALL.iter().filter(|kind| kind.is_keyword()).collect();
        assert_eq!(keywords.len(), 20);
        for kind in keywords {
            assert_eq!(SyntaxKind::keyword(kind.spelling().unwrap()), Some(*kind));
        }
    }
}
