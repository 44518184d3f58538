//! What stands between two tokens of one line, by their kinds and the nodes that they are part of.

use systap_syntax::SyntaxKind::{self, *};

use crate::pieces::Gap;

/// A token as its neighbour sees it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Neighbour {
    pub(crate) kind: SyntaxKind,
    /// The node that it is a part of.
    pub(crate) parent: SyntaxKind,
    /// Whether nothing stands before it in that node.
    pub(crate) is_first: bool,
}

/// What stands between `left` and `right`.
pub(crate) fn between(left: Neighbour, right: Neighbour) -> Gap {
    if is_tight_before(right) || is_tight_after(left) || is_word_of_one(left, right) {
        return Gap::Tight;
    }
    match (left.kind, right.kind) {
        (Semicolon, Semicolon) => Gap::Tight,
        (Comma, _) => Gap::Soft(0),
        (Equals | PlusEquals, _) if left.parent == AliasDecl => Gap::Soft(1),
        (Equals, _) if left.parent == AssignExpr => Gap::Kept,
        (_, Question | Colon) if right.parent == TernaryExpr => Gap::Soft(2),
        (Question | Colon, _) if left.parent == TernaryExpr => Gap::Kept,
        (operator, _) if left.parent == BinaryExpr => Gap::Soft(rank(operator)),
        (_, _) if right.parent == BinaryExpr && !right.is_first => Gap::Kept,
        (StringLiteral, StringLiteral) => Gap::Soft(9),
        _ => Gap::Space,
    }
}

/// The looser an operator binds, the sooner a line ends behind it.
fn rank(operator: SyntaxKind) -> u8 {
    match operator {
        OrOr => 3,
        AndAnd => 4,
        Pipe | Caret | Ampersand => 5,
        Dot => 6,
        Plus | Minus => 7,
        _ => 8,
    }
}

fn is_tight_before(right: Neighbour) -> bool {
    match right.kind {
        Comma | RightParen | RightBracket | Arrow => true,
        Semicolon => right.parent != EmptyStmt,
        LeftParen => matches!(right.parent, CallExpr | AtCallExpr | ComponentArg | FunctionDecl),
        LeftBracket => matches!(right.parent, IndexExpr | IndexStep | GlobalName | ForeachOver | AtCallExpr),
        Dot => right.parent == PointPath,
        Question | Bang => right.parent == Point,
        RightBrace => right.parent == PointGroup,
        PlusPlus | MinusMinus => right.parent == PostfixStep,
        Plus | Minus => right.parent == SortMark,
        Percent => right.parent == GlobalName,
        Colon => matches!(right.parent, TypeAnnotation | Priority),
        _ => right.parent == PrettyMark,
    }
}

fn is_tight_after(left: Neighbour) -> bool {
    match left.kind {
        LeftParen | LeftBracket | Arrow => true,
        Dot => left.parent == PointPath,
        LeftBrace => left.parent == PointGroup,
        PlusPlus | MinusMinus => left.parent == PrefixStep,
        Colon => matches!(left.parent, TypeAnnotation | Priority),
        Minus if matches!(left.parent, LiteralExpr | ComponentArg) => true,
        _ => matches!(left.parent, UnaryExpr | AddressExpr) && left.is_first,
    }
}

/// Whether both are of one word of a probe point, such as `sys_*`.
fn is_word_of_one(left: Neighbour, right: Neighbour) -> bool {
    left.parent == Component && right.parent == Component && !right.is_first
}
