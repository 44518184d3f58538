//! How much of a part of the script must be right: all of what runs, less of what never does or nobody would notice.
//!
//! Must never look at the script itself: who elaborates a part says how it stands.

use systap_diagnostics::{Diagnostic, Severity};

/// Whether a part of the script runs, which says how much of it must be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It does.
    Runs,
    /// Nothing calls it, or nobody would notice: SystemTap drops it once it knows what names mean.
    Idle,
    /// A constant or what stands before it keeps it from running: SystemTap drops it once it knows that no types contradict
    /// each other.
    Dead,
}

/// What becomes of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    AsItIs,
    /// It only matters if the script fails anyway.
    Unnoticed,
}

impl Standing {
    /// What becomes of a finding about something that stands so; `None` if it does not matter.
    pub(crate) fn told(self, finding: &Diagnostic) -> Option<Told> {
        if self == Standing::Runs {
            return Some(Told::AsItIs);
        }
        match finding.code {
            "unknown-function" | "argument-count" | "unknown-array" | "unknown-global" | "key-count"
            | "scalar-as-array" | "array-as-scalar" | "misplaced-wildcard" => Some(Told::AsItIs),
            "outside-a-handler" | "unresolved-type" | "never-assigned" | "unused-variable" => None,
            "type-mismatch"
            | "aggregate-misuse"
            | "outside-a-loop"
            | "not-deletable"
            | "not-assignable"
            | "modified-while-iterated"
            | "needs-guru"
            | "local-in-condition"
            | "call-in-condition"
                if self == Standing::Dead =>
            {
                Some(Told::AsItIs)
            }
            _ if self == Standing::Dead => None,
            _ if finding.severity == Severity::Error => Some(Told::Unnoticed),
            _ => Some(Told::AsItIs),
        }
    }
}
