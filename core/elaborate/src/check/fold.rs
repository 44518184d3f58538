//! What is known before the script runs: conditions that are constant, and what never runs because of them.
//!
//! SystemTap folds constants before it asks what names and target variables mean where a handler has any, and before it asks
//! what type everything has in any case; both are part of what a script may say. Must never fold what has an effect.

use crate::elaboration::Elaboration;
use crate::scan::{self, Node};
use crate::scope::{EventFacts, Scope};
use crate::standing::Standing;
use std::cmp::Ordering;
use systap_syntax::ast::{BinaryOp, Expr, ExprKind, Literal, TargetBase, UnaryOp};

/// A value that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    Number(i64),
    Text(Vec<u8>),
}

impl Known {
    fn number(&self) -> Option<i64> {
        match self {
            Known::Number(number) => Some(*number),
            Known::Text(_) => None,
        }
    }
}

/// A condition whose truth is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decided {
    pub(crate) truth: bool,
    /// What it excludes is not looked at at all; otherwise its names must mean something, and its types must not contradict
    /// each other.
    pub(crate) unseen: bool,
}

impl<'a> Elaboration<'a> {
    /// The truth of a condition, if it is known.
    pub(crate) fn decided(&mut self, scope: &mut Scope<'a>, condition: &'a Expr) -> Option<Decided> {
        let truth = self.folded(scope, condition)?.number()? != 0;
        let has_targets = scope.probe().is_some_and(|facts| !matches!(facts.event, EventFacts::Plain));
        Some(Decided { truth, unseen: has_targets || asks_what_exists(condition) })
    }

    /// Looks at something that never runs, for what is wrong with it whenever it would run.
    pub(crate) fn dead<T>(&mut self, scope: &mut Scope<'a>, look: impl FnOnce(&mut Self, &mut Scope<'a>) -> T) -> T {
        self.standing(scope, Standing::Dead, look)
    }

    /// Looks at something for what would be wrong with it as it stands; the names that it brings count only if what runs
    /// uses them too.
    pub(super) fn standing<T>(
        &mut self,
        scope: &mut Scope<'a>,
        standing: Standing,
        look: impl FnOnce(&mut Self, &mut Scope<'a>) -> T,
    ) -> T {
        let before = scope.locals.len();
        let outer = std::mem::replace(&mut self.standing, standing);
        let found = look(self, scope);
        self.standing = outer;
        if outer == Standing::Runs && standing == Standing::Dead {
            scope.locals.iter_mut().skip(before).for_each(|local| local.dead = true);
        }
        found
    }

    /// Whether it is known that a limit lets nothing through.
    pub(super) fn at_most_none(&mut self, scope: &mut Scope<'a>, limit: &'a Expr) -> bool {
        self.folded(scope, limit).and_then(|known| known.number()).is_some_and(|number| number <= 0)
    }

    /// The value of an expression, if it is known.
    fn folded(&mut self, scope: &mut Scope<'a>, e: &'a Expr) -> Option<Known> {
        match &e.kind {
            ExprKind::Literal(Literal::Number(number)) => Some(Known::Number(*number)),
            ExprKind::Literal(Literal::String(bytes)) => Some(Known::Text(bytes.clone())),
            ExprKind::Defined(inner) => Some(Known::Number(self.is_defined(scope, inner).into())),
            ExprKind::AtCall { name, args } => match (name.text.trim_start_matches('@'), args.as_slice()) {
                ("probewrite", [Expr { kind: ExprKind::Name(written), .. }]) => {
                    let facts = scope.probe()?;
                    Some(Known::Number(facts.written.contains(written.as_str()).into()))
                }
                _ => None,
            },
            ExprKind::Unary { op, operand } => {
                let number = self.folded(scope, operand)?.number()?;
                Some(Known::Number(match op {
                    UnaryOp::Plus => number,
                    UnaryOp::Negate => number.wrapping_neg(),
                    UnaryOp::Not => i64::from(number == 0),
                    UnaryOp::Complement => !number,
                }))
            }
            ExprKind::Logical { and, left, right } => {
                let absorbing = |known: &Option<Known>| {
                    known.as_ref().and_then(Known::number).is_some_and(|number| (number != 0) != *and)
                };
                let known_left = self.folded(scope, left);
                if absorbing(&known_left) {
                    return Some(Known::Number(i64::from(!and)));
                }
                let known_right = self.folded(scope, right)?;
                if known_left.is_some() {
                    return Some(Known::Number(i64::from(known_right.number()? != 0)));
                }
                let absorbs = absorbing(&Some(known_right)) && self.is_pure(left);
                absorbs.then_some(Known::Number(i64::from(!and)))
            }
            ExprKind::Ternary { condition, then, otherwise } => {
                let truth = self.folded(scope, condition)?.number()? != 0;
                self.folded(scope, if truth { then } else { otherwise })
            }
            ExprKind::Binary { op, left, right } => {
                let known_left = self.folded(scope, left);
                let known_right = self.folded(scope, right);
                match (known_left, known_right) {
                    (Some(left), Some(right)) => both(*op, left, right),
                    (Some(Known::Number(0)), None) if matches!(op, BinaryOp::Multiply | BinaryOp::And) => {
                        self.is_pure(right).then_some(Known::Number(0))
                    }
                    (None, Some(Known::Number(0))) if matches!(op, BinaryOp::Multiply | BinaryOp::And) => {
                        self.is_pure(left).then_some(Known::Number(0))
                    }
                    _ => None,
                }
            }
            _ => None,
        }
    }
}

/// An operator on two known values.
fn both(op: BinaryOp, left: Known, right: Known) -> Option<Known> {
    let ordered = |ordering: Ordering| {
        Some(match op {
            BinaryOp::Equal => ordering.is_eq(),
            BinaryOp::NotEqual => ordering.is_ne(),
            BinaryOp::Less => ordering.is_lt(),
            BinaryOp::LessOrEqual => ordering.is_le(),
            BinaryOp::Greater => ordering.is_gt(),
            BinaryOp::GreaterOrEqual => ordering.is_ge(),
            _ => return None,
        })
    };
    match (left, right) {
        (Known::Text(left), Known::Text(right)) if op == BinaryOp::Concat => Some(Known::Text([left, right].concat())),
        (Known::Text(left), Known::Text(right)) => Some(Known::Number(ordered(left.cmp(&right))?.into())),
        (Known::Number(left), Known::Number(right)) => {
            if let Some(truth) = ordered(left.cmp(&right)) {
                return Some(Known::Number(truth.into()));
            }
            Some(Known::Number(match op {
                BinaryOp::Add => left.wrapping_add(right),
                BinaryOp::Subtract => left.wrapping_sub(right),
                BinaryOp::Multiply => left.wrapping_mul(right),
                // Left for where the script runs.
                BinaryOp::Divide | BinaryOp::Remainder if right == 0 => return None,
                BinaryOp::Divide => left.wrapping_div(right),
                BinaryOp::Remainder => left.wrapping_rem(right),
                BinaryOp::And => left & right,
                BinaryOp::Or => left | right,
                BinaryOp::Xor => left ^ right,
                _ => return None,
            }))
        }
        _ => None,
    }
}

/// Whether an expression asks what exists on this kernel.
fn asks_what_exists(e: &Expr) -> bool {
    let mut asks = false;
    scan::expr(e, &mut |node| {
        if let Node::Expr(Expr { kind, .. }) = node {
            asks |= match kind {
                ExprKind::Defined(_) => true,
                ExprKind::Target(target) => !matches!(target.base, TargetBase::Value(_)),
                _ => false,
            };
        }
    });
    asks
}

#[cfg(test)]
mod tests {
    use super::{Known, both};
    use systap_syntax::ast::BinaryOp;

    #[test]
    fn what_two_constants_give() {
        let number = |op, left, right| both(op, Known::Number(left), Known::Number(right));
        assert_eq!(number(BinaryOp::Divide, i64::MIN, -1), Some(Known::Number(i64::MIN)));
        assert_eq!(number(BinaryOp::Remainder, i64::MIN, -1), Some(Known::Number(0)));
        assert_eq!(number(BinaryOp::Divide, 1, 0), None);
        assert_eq!(number(BinaryOp::Less, 1, 2), Some(Known::Number(1)));
        let text = |op, left: &str, right: &str| both(op, Known::Text(left.into()), Known::Text(right.into()));
        assert_eq!(text(BinaryOp::NotEqual, "a", "b"), Some(Known::Number(1)));
        assert_eq!(text(BinaryOp::Concat, "a", "b"), Some(Known::Text(b"ab".to_vec())));
        assert_eq!(text(BinaryOp::Add, "1", "2"), None);
    }
}
