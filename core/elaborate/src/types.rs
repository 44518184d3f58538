//! Inference of types: a variable for each thing whose type is not yet known, unified as uses are met.
//!
//! Must never report: it gives a [`Conflict`], and whoever knows what the two sides are puts it into words.

use systap_diagnostics::Span;
use systap_ir::program::Type;

/// The type of something, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ty {
    /// Settled.
    Known(Type),
    /// Whatever the variable turns out to be.
    Var(u32),
    /// An error has been reported about it; agrees with everything.
    Unknown,
}

impl Ty {
    pub(crate) const LONG: Ty = Ty::Known(Type::Long);
    pub(crate) const TEXT: Ty = Ty::Known(Type::Text);
}

/// Two types that should be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Conflict {
    /// What was met.
    pub(crate) found: Type,
    /// What was needed.
    pub(crate) wanted: Type,
    /// The place that settled the need.
    pub(crate) wanted_since: Option<Span>,
    /// The place that settled what was met.
    pub(crate) found_since: Option<Span>,
}

#[derive(Clone, Copy, Debug)]
enum Slot {
    Open,
    Link(u32),
    Known(Type, Span),
    Silenced,
}

/// All type variables of a run.
#[derive(Debug, Default)]
pub(crate) struct Types {
    slots: Vec<Slot>,
}

impl Types {
    /// A new variable.
    pub(crate) fn fresh(&mut self) -> Ty {
        self.slots.push(Slot::Open);
        Ty::Var(self.slots.len() as u32 - 1)
    }

    /// A variable that `at` settles.
    pub(crate) fn settled(&mut self, ty: Type, at: Span) -> Ty {
        self.slots.push(Slot::Known(ty, at));
        Ty::Var(self.slots.len() as u32 - 1)
    }

    fn root(&self, mut var: u32) -> (u32, Slot) {
        loop {
            match self.slots[var as usize] {
                Slot::Link(to) => var = to,
                slot => return (var, slot),
            }
        }
    }

    /// What is known of it: the type, or `None`.
    pub(crate) fn known(&self, ty: Ty) -> Option<Type> {
        match ty {
            Ty::Known(ty) => Some(ty),
            Ty::Var(var) => match self.root(var).1 {
                Slot::Known(ty, _) => Some(ty),
                _ => None,
            },
            Ty::Unknown => None,
        }
    }

    /// Nothing is known of it, and no error has been reported about it either.
    pub(crate) fn is_open(&self, ty: Ty) -> bool {
        matches!(ty, Ty::Var(var) if matches!(self.root(var).1, Slot::Open))
    }

    fn since(&self, ty: Ty) -> Option<Span> {
        match ty {
            Ty::Var(var) => match self.root(var).1 {
                Slot::Known(_, at) => Some(at),
                _ => None,
            },
            _ => None,
        }
    }

    /// Stops every further complaint about it.
    pub(crate) fn silence(&mut self, ty: Ty) {
        if let Ty::Var(var) = ty {
            let (root, slot) = self.root(var);
            if matches!(slot, Slot::Open) {
                self.slots[root as usize] = Slot::Silenced;
            }
        }
    }

    /// Makes the two one; `at` is the place that says that they are.
    pub(crate) fn unify(&mut self, found: Ty, wanted: Ty, at: Span) -> Result<(), Conflict> {
        match (self.known(found), self.known(wanted)) {
            (Some(a), Some(b)) if a == b => Ok(()),
            (Some(a), Some(b)) => {
                Err(Conflict { found: a, wanted: b, wanted_since: self.since(wanted), found_since: self.since(found) })
            }
            (Some(ty), None) => {
                self.settle(wanted, ty, at);
                Ok(())
            }
            (None, Some(ty)) => {
                self.settle(found, ty, at);
                Ok(())
            }
            (None, None) => {
                if let (Ty::Var(a), Ty::Var(b)) = (found, wanted) {
                    let ((a, slot), (b, _)) = (self.root(a), self.root(b));
                    if a != b {
                        // A silenced side silences the other.
                        let (from, to) = if matches!(slot, Slot::Silenced) { (b, a) } else { (a, b) };
                        self.slots[from as usize] = Slot::Link(to);
                    }
                } else {
                    self.silence(found);
                    self.silence(wanted);
                }
                Ok(())
            }
        }
    }

    fn settle(&mut self, var: Ty, ty: Type, at: Span) {
        if let Ty::Var(var) = var {
            let root = self.root(var).0;
            self.slots[root as usize] = Slot::Known(ty, at);
        }
    }
}

/// `a long`, `a string`: for messages.
pub(crate) fn word(ty: Type) -> &'static str {
    match ty {
        Type::Long => "long",
        Type::Text => "string",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use systap_diagnostics::FileId;

    fn at(start: u32) -> Span {
        Span::new(FileId(0), start, start + 1)
    }

    #[test]
    fn what_is_learnt_late_reaches_all_that_were_joined_early() {
        let mut types = Types::default();
        let (a, b, c) = (types.fresh(), types.fresh(), types.fresh());
        types.unify(a, b, at(1)).unwrap();
        types.unify(c, b, at(2)).unwrap();
        assert!(types.is_open(a));
        types.unify(c, Ty::TEXT, at(3)).unwrap();
        assert_eq!(types.known(a), Some(Type::Text));
        let conflict = types.unify(Ty::LONG, a, at(4)).unwrap_err();
        assert_eq!((conflict.found, conflict.wanted, conflict.wanted_since), (Type::Long, Type::Text, Some(at(3))));
    }

    #[test]
    fn a_joined_pair_can_be_joined_again() {
        let mut types = Types::default();
        let (a, b) = (types.fresh(), types.fresh());
        types.unify(a, b, at(1)).unwrap();
        types.unify(b, a, at(2)).unwrap();
        types.unify(a, a, at(3)).unwrap();
        assert!(types.is_open(a) && types.is_open(b));
    }

    #[test]
    fn an_error_silences_what_depends_on_it() {
        let mut types = Types::default();
        let (a, b) = (types.fresh(), types.fresh());
        types.unify(a, b, at(1)).unwrap();
        types.unify(Ty::Unknown, a, at(2)).unwrap();
        assert!(!types.is_open(b));
        assert_eq!(types.unify(Ty::TEXT, Ty::Unknown, at(3)), Ok(()));
    }
}
