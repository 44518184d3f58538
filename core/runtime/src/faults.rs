//! The run-time errors of a run: counted against MAXERRORS, each shown once.
//!
//! It must never drop one from the count: what is not shown again is told at the end.

use std::collections::HashMap;
use std::mem::{Discriminant, discriminant};
use std::rc::Rc;

use systap_diagnostics::Span;
use systap_ir::program::{Global, Limits};

use crate::sink::{Notice, RuntimeReport};
use crate::user::{ErrorKind, RuntimeError, Text};

/// What makes two errors the same: where, and what. The script's own messages differ by their text; the address of a
/// read does not matter.
type Likeness = (Span, Discriminant<ErrorKind>, Option<Text>);

/// The errors of a run.
#[derive(Debug)]
pub(crate) struct Faults {
    globals: Rc<[Global]>,
    limits: Limits,
    count: u64,
    shown: Vec<(RuntimeReport, u64)>,
    /// Which of `shown` an error is like.
    like: HashMap<Likeness, usize>,
    /// For each global: how often it had no room.
    full: Vec<u64>,
}

impl Faults {
    pub(crate) fn new(globals: Rc<[Global]>, limits: Limits) -> Self {
        let full = vec![0; globals.len()];
        Faults { globals, limits, count: 0, shown: vec![], like: HashMap::new(), full }
    }

    /// Counts an error; gives it if it is to be shown.
    pub(crate) fn count(&mut self, error: RuntimeError, point: &str) -> Option<&RuntimeReport> {
        self.count += 1;
        if let ErrorKind::ArrayFull(global) = &error.kind
            && let Some(full) = self.full.get_mut(global.0 as usize)
        {
            *full += 1;
        }
        let text = if let ErrorKind::Message(text) = &error.kind { Some(text.clone()) } else { None };
        if self.limits.suppress_errors {
            return None;
        }
        let like = (error.span, discriminant(&error.kind), text);
        if let Some((_, more)) = self.like.get(&like).and_then(|index| self.shown.get_mut(*index)) {
            *more += 1;
            return None;
        }
        self.like.insert(like, self.shown.len());
        let sentence = String::from_utf8_lossy(&error.kind.message(&self.globals, &self.limits)).into_owned();
        self.shown.push((RuntimeReport { sentence, span: error.span, point: point.to_owned() }, 0));
        self.shown.last().map(|(report, _)| report)
    }

    /// Whether there are more than MAXERRORS, so that the run has to end.
    pub(crate) fn are_too_many(&self) -> bool {
        self.count > u64::from(self.limits.errors)
    }

    /// How many there were.
    pub(crate) fn total(&self) -> u64 {
        self.count
    }

    /// For each array that had no room: its name and how often.
    pub(crate) fn arrays_full(&self) -> Vec<(String, u64)> {
        let full = self.globals.iter().zip(&self.full).filter(|(_, count)| **count > 0);
        full.map(|(global, count)| (global.name.clone(), *count)).collect()
    }

    /// The message of an error that the kernel side caught.
    pub(crate) fn message(&self, kind: &ErrorKind) -> Vec<u8> {
        kind.message(&self.globals, &self.limits)
    }

    /// What was not shown again.
    pub(crate) fn repeated(&self) -> impl Iterator<Item = Notice> {
        let repeated = self.shown.iter().filter(|(_, more)| *more > 0);
        repeated.map(|(error, more)| Notice::Repeated { error: error.clone(), more: *more })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use systap_diagnostics::FileId;
    use systap_ir::program::{Constant, GlobalId, GlobalShape, Space};

    fn at(start: u32, kind: ErrorKind) -> RuntimeError {
        RuntimeError { kind, span: Span::new(FileId(0), start, start + 1) }
    }

    #[test]
    fn the_same_error_is_shown_once_and_counted() {
        let mut faults = Faults::new(Rc::from([]), Limits { errors: 3, ..Limits::default() });
        let read = |address| ErrorKind::Read { address, space: Space::Kernel };
        assert!(faults.count(at(1, read(16)), "p").is_some());
        assert!(faults.count(at(1, read(24)), "p").is_none());
        assert!(faults.count(at(9, read(16)), "p").is_some(), "another place");
        assert!(!faults.are_too_many());
        assert!(faults.count(at(1, ErrorKind::DivisionByZero), "p").is_some(), "another error");
        assert!(faults.are_too_many());
        let told: Vec<String> = faults.repeated().map(|notice| notice.to_string()).collect();
        assert_eq!(told, ["kernel read fault at 0x0000000000000010 (1 more times)"]);
        assert_eq!(faults.total(), 4);
    }

    #[test]
    fn messages_differ_by_their_text() {
        let mut faults = Faults::new(Rc::from([]), Limits::default());
        let message = |text: &str| ErrorKind::Message(text.as_bytes().into());
        assert!(faults.count(at(1, message("a")), "p").is_some());
        assert!(faults.count(at(1, message("b")), "p").is_some());
        assert!(faults.count(at(1, message("a")), "p").is_none());
    }

    #[test]
    fn full_arrays_are_known_by_name() {
        let global = |name: &str| Global {
            name: name.into(),
            span: Span::new(FileId(0), 0, 0),
            shape: GlobalShape::Scalar(Constant::Long(0)),
            print_at_end: false,
            pointer: false,
        };
        let mut faults = Faults::new(Rc::from([global("a"), global("b")]), Limits::default());
        for _ in 0..3 {
            faults.count(at(1, ErrorKind::ArrayFull(GlobalId(1))), "p");
        }
        faults.count(at(1, ErrorKind::ArrayFull(GlobalId(7))), "p");
        assert_eq!(faults.arrays_full(), [("b".to_owned(), 3)]);
    }
}
