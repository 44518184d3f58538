//! The program divided: what runs in the kernel, what on the user side, where each global lives.
//!
//! The backend reads the kernel part, the runtime's interpreter the user part; both read [`Residence`].

use std::sync::Arc;

use systap_diagnostics::Span;
use systap_regex::Regex;

use crate::graph::{Body, Function, Value};
use crate::program::{AggregateShape, Event, Global, Limits, Missing, Type};

/// A program whose parts know where they run.
#[derive(Clone, Debug, Default)]
pub struct Placed {
    /// The globals, with where each lives.
    pub globals: Vec<(Global, Residence)>,
    /// The functions, for the user side; calls in kernel-side bodies have been inlined.
    pub functions: Vec<Function>,
    /// The regular expressions, by [`crate::program::PatternId`].
    pub patterns: Vec<Arc<Regex>>,
    /// Handlers that the kernel runs, in script order.
    pub kernel: Vec<KernelHandler>,
    /// Handlers that the user side runs, in script order.
    pub user: Vec<UserHandler>,
    /// What goes on where a kernel-side handler ends in `Defer`.
    pub continuations: Vec<Continuation>,
    /// Limits in force.
    pub limits: Limits,
}

/// A handler that the kernel runs.
#[derive(Clone, Debug)]
pub struct KernelHandler {
    /// The resolved point.
    pub point: String,
    /// The point in the script.
    pub span: Span,
    /// What fires it.
    pub event: Event,
    /// What becomes of the run if it cannot be attached.
    pub missing: Missing,
    /// Holds no call, no cursor and nothing that [`crate::intrinsic::Signature::kernel`] denies.
    pub body: Body,
    /// How many bytes each value of type text can be long, NUL included; 0 for longs. By value.
    pub text: Vec<u32>,
    /// It has a loop, so the actions are to be counted.
    pub loops: bool,
}

/// A handler that the user side runs.
#[derive(Clone, Debug)]
pub struct UserHandler {
    /// The resolved point.
    pub point: String,
    /// The point in the script.
    pub span: Span,
    /// What fires it: `Begin`, `End`, `Error`, `Timer`, `FileRead`, `FileWrite`, `Input` or `Never`.
    pub event: Event,
    /// The handler.
    pub body: Body,
}

/// The rest of a kernel-side handler.
#[derive(Clone, Debug)]
pub struct Continuation {
    /// Index into [`Placed::kernel`].
    pub handler: usize,
    /// Why it is not in the kernel: the construct, and its place.
    pub reason: (String, Span),
    /// Its parameters are those of block 0: what the kernel recorded.
    pub body: Body,
}

impl Continuation {
    /// What the kernel records for it.
    pub fn params(&self) -> &[Value] {
        &self.body.blocks[0].params
    }
}

/// Where a global lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Residence {
    /// In systap's own memory: the kernel side never touches it.
    User,
    /// A long in the array that kernel and user side map together, at this index; the kernel side changes it atomically.
    Word(u32),
    /// A string: entry 0 of an array map of its own, this many bytes long, NUL-padded.
    Text(u32),
    /// A hash map. `per_cpu`: the kernel side only ever adds, so each CPU has its own and readers merge.
    Table {
        /// One for each key.
        keys: Vec<Slot>,
        /// The value; `None` for an aggregate.
        value: Option<Slot>,
        /// Each CPU has its own values.
        per_cpu: bool,
    },
    /// A scalar aggregate: entry 0 of a per-CPU array map.
    Aggregate,
}

/// How a key or value lies in a map: a long takes 8 bytes; a string its greatest length, NUL included, rounded up to a
/// multiple of 8 and padded with NULs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slot {
    /// Its type.
    pub ty: Type,
    /// Its size in bytes.
    pub size: u32,
}

/// The places of an aggregate's parts within its map value, in 8-byte words: count, sum, min, max, then (if kept) what the
/// variance needs and the buckets of the logarithmic and of the linear histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AggregateLayout {
    /// Index of the mean and of the sum of squared deviations from it, both of shifted values, as Welford's algorithm keeps
    /// them in integers.
    pub spread: Option<u32>,
    /// Index of the first word of the logarithmic histogram's [`LOG_BUCKETS`] buckets.
    pub logarithmic: Option<u32>,
    /// Index of the first word of the linear histogram's buckets.
    pub linear: Option<u32>,
    /// Words in all.
    pub words: u32,
}

/// Word of the count of values.
pub const COUNT: u32 = 0;
/// Word of their sum.
pub const SUM: u32 = 1;
/// Word of the least; meaningless while the count is 0.
pub const MIN: u32 = 2;
/// Word of the greatest; meaningless while the count is 0.
pub const MAX: u32 = 3;
/// Buckets of a logarithmic histogram: bucket 64 counts zeros, `64 + n` values from 2^(n-1) to 2^n - 1, `64 - n` their
/// negatives.
pub const LOG_BUCKETS: u32 = 128;

/// What the kernel that will run the program can do, as far as placing must know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Loops whose length the verifier need not know (`may_goto`, Linux 6.9).
    pub open_loops: bool,
    /// Loops that the verifier follows round by round to their end (Linux 5.3): those whose rounds are counted, and few.
    pub followed_loops: bool,
}

/// Words at the start of the array that kernel and user side map together; the scalars come after them.
pub mod control {
    /// Not 0: handlers do nothing more (`exit()`, or an error that ends the run).
    pub const STOP: u32 = 0;
    /// What [`crate::intrinsic::Context::Target`] gives.
    pub const TARGET: u32 = 1;
    /// Thread group of systap itself: its own system calls are not reported.
    pub const OWN: u32 = 2;
    /// What [`crate::intrinsic::Context::PidNamespace`] gives.
    pub const PID_NAMESPACE: u32 = 4;
    /// Nanoseconds by which `CLOCK_TAI` is ahead of `CLOCK_REALTIME`.
    pub const TAI_OFFSET: u32 = 3;
    /// The first word of a scalar.
    pub const FIRST_FREE: u32 = 8;
}

impl AggregateLayout {
    /// The layout of aggregates of this shape.
    pub fn of(shape: &AggregateShape) -> Self {
        let mut words = MAX + 1;
        let mut take = |count: u32| {
            let first = words;
            words += count;
            first
        };
        let spread = shape.variance.map(|_| take(2));
        let logarithmic = shape.logarithmic.then(|| take(LOG_BUCKETS));
        let linear = shape.linear.map(|bounds| take(bounds.buckets()));
        AggregateLayout { spread, logarithmic, linear, words }
    }
}
