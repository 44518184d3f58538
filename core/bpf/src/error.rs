//! Why no bytecode could be made. Must never be worded for anything that a script is free to do: placing keeps from the
//! kernel side what this crate refuses.

use systap_diagnostics::Span;

/// Why a program could not be generated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GenerateError {
    /// The kernel side cannot do this.
    #[error("{what} cannot run in the kernel")]
    Unsupported {
        /// What, in the words of the language.
        what: String,
        /// Where.
        span: Span,
    },
    /// The handlers of one probe point need more stack than the kernel gives.
    #[error("the handlers of {point} need {bytes} bytes of stack; the kernel gives {limit}")]
    Stack {
        /// The probe point.
        point: String,
        /// Bytes that are needed.
        bytes: u32,
        /// Bytes that there are.
        limit: u32,
    },
    /// A handler's strings and numbers need more room than the kernel gives a CPU in one piece.
    #[error("the handler of {point} needs {bytes} bytes for its strings and numbers, too many for the kernel")]
    Frame {
        /// The probe point.
        point: String,
        /// Bytes that are needed.
        bytes: u32,
    },
    /// The handlers of one probe point are too long for the reach of a jump.
    #[error("the handlers of {point} are too long: {instructions} instructions")]
    TooLong {
        /// The probe point.
        point: String,
        /// How long they are.
        instructions: usize,
    },
    /// The kernel's type information lacks something that the program needs.
    #[error("this kernel's type information has no {what}")]
    Layout {
        /// What, as C names it.
        what: &'static str,
    },
    /// The program contradicts itself: a defect of the stages before.
    #[error("the program is not well formed: {what}")]
    Malformed {
        /// What is wrong.
        what: String,
        /// Where.
        span: Span,
    },
}

impl GenerateError {
    /// A smaller kernel part could be generated.
    pub fn is_of_size(&self) -> bool {
        matches!(self, GenerateError::Stack { .. } | GenerateError::Frame { .. } | GenerateError::TooLong { .. })
    }
}
