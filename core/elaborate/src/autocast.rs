//! The C types that pointers keep as they go through variables, elements, parameters and results: `t = $p->parent`,
//! then `t->pid`.
//!
//! As in SystemTap, a variable has one such type in all of its body, wherever it is given: two different ones cancel each
//! other. What is given after it is asked for (by a later probe, by a function that is elaborated after its callers)
//! counts too: whoever asked too early asks again in another round, until nothing changes.
//!
//! Must never count a plain number: `t = 0` does not take away what `t = $p` gives.

use crate::target::Pointer;
use std::collections::HashMap;

/// How many rounds there may be. Each makes the chain of variables that is followed one longer, and scripts hand a
/// pointer on a few times at most.
pub(crate) const MOST_ROUNDS: u32 = 12;

/// What can keep a type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Holder {
    /// A local of the handler or function with that number.
    Local(Body, String),
    /// A global, or the elements of one.
    Global(String),
    /// A parameter of the function of that name and number of parameters, by position.
    Param(String, usize, usize),
    /// What it returns.
    Returns(String, usize),
}

/// A body that has locals, by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Body {
    Handler(usize),
    /// The part of a handler that runs when the function is entered whose return the handler is about.
    Entry(usize),
    Function(usize),
    Condition,
}

/// The type that a holder keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    As(Pointer),
    /// It is given pointers of different types.
    Lost,
}

/// What is known of all holders.
#[derive(Debug, Default)]
pub(crate) struct Autocast {
    kept: HashMap<Holder, Kept>,
    /// What was known of a holder when it was first asked about in this round.
    asked: HashMap<Holder, Option<Kept>>,
    /// Something in this round depends on what holders keep.
    used: bool,
}

impl Autocast {
    /// `holder` is given a pointer of that type.
    pub(crate) fn give(&mut self, holder: Holder, pointer: Option<Pointer>) {
        let Some(pointer) = pointer else { return };
        let kept = self.kept.entry(holder).or_insert(Kept::As(pointer));
        if *kept != Kept::As(pointer) {
            *kept = Kept::Lost;
        }
    }

    /// The type that `holder` keeps, as far as is known.
    pub(crate) fn ask(&mut self, holder: Holder) -> Option<Pointer> {
        let kept = self.kept.get(&holder).copied();
        self.asked.entry(holder).or_insert(kept);
        match kept {
            Some(Kept::As(pointer)) => Some(pointer),
            Some(Kept::Lost) | None => None,
        }
    }

    /// Whether `holder` is given pointers of different types.
    pub(crate) fn is_lost(&self, holder: &Holder) -> bool {
        self.kept.get(holder) == Some(&Kept::Lost)
    }

    /// A `->` or `[]` goes by a value's type.
    pub(crate) fn used(&mut self) {
        self.used = true;
    }

    /// Whether another round could end otherwise.
    pub(crate) fn unsettled(&self) -> bool {
        self.used && self.asked.iter().any(|(holder, kept)| self.kept.get(holder) != kept.as_ref())
    }

    /// The same for the next round: what is known stays.
    pub(crate) fn next_round(self) -> Autocast {
        Autocast { kept: self.kept, ..Autocast::default() }
    }
}
