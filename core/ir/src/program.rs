//! The typed program: what the script says once every name, type and probe point is settled.
//!
//! Nothing in it refers to the syntax tree or to a kernel; kernel facts have become numbers (offsets, identifiers).

#![expect(missing_docs, reason = "the line above a variant tells its fields too")]

use std::sync::Arc;

mod event;

use systap_diagnostics::Span;
use systap_regex::Regex;

use crate::format::Format;
use crate::intrinsic::{Context, Intrinsic};

pub use crate::limits::{Limits, Overload};
pub use event::{Event, Every, REGISTERS, SyscallSet};

/// A whole program.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// The globals that the program uses.
    pub globals: Vec<Global>,
    /// The functions that it calls; recursion is allowed.
    pub functions: Vec<Function>,
    /// The regular expressions that it matches with.
    pub patterns: Vec<Arc<Regex>>,
    /// C code outside functions, which only a runtime that compiles C can take.
    pub embedded: Vec<Span>,
    /// A handler for each resolved probe point, in script order.
    pub probes: Vec<Probe>,
    /// Limits in force, from `-D` and the defaults.
    pub limits: Limits,
}

/// Index into [`Program::globals`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GlobalId(pub u32);

/// Index into [`Program::functions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionId(pub u32);

/// Index into [`Program::patterns`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PatternId(pub u32);

/// Index into the locals of one handler or function; parameters come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalId(pub u32);

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// 64 bits, signed, wrapping.
    Long,
    /// Bytes without NUL, shorter than [`Limits::string`].
    Text,
}

/// A value known at translation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Constant {
    /// A number.
    Long(i64),
    /// A string.
    Text(Vec<u8>),
}

/// A global variable.
#[derive(Clone, Debug)]
pub struct Global {
    /// As the script names it.
    pub name: String,
    /// Its declaration.
    pub span: Span,
    /// What it holds.
    pub shape: GlobalShape,
    /// Printed when the run ends, since the script writes it and never reads it.
    pub print_at_end: bool,
    /// A pointer is assigned to it somewhere, so that it is printed as one.
    pub pointer: bool,
}

/// What a global holds.
#[derive(Clone, Debug, PartialEq)]
pub enum GlobalShape {
    /// One value, with what it starts from (0 or "" unless the script says otherwise).
    Scalar(Constant),
    /// One aggregate.
    Aggregate(AggregateShape),
    /// A table.
    Array {
        /// Types of the keys, 1 to 9.
        keys: Vec<Type>,
        /// What an entry holds.
        element: Element,
        /// Greatest number of entries.
        capacity: u32,
        /// When full, the oldest entry makes room.
        wrap: bool,
    },
}

/// What an entry of an array holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Element {
    /// A number or a string.
    Value(Type),
    /// An aggregate.
    Aggregate(AggregateShape),
}

/// What an aggregate must remember: the union of what the program asks of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AggregateShape {
    /// `@hist_log` is asked for.
    pub logarithmic: bool,
    /// `@hist_linear` is asked for with these bounds.
    pub linear: Option<LinearBounds>,
    /// `@variance` is asked for with this shift.
    pub variance: Option<u8>,
    /// Only what adds up is asked for: neither the least nor the greatest value, nor the variance. What was read of such an
    /// aggregate can be taken away from it exactly, whatever comes meanwhile.
    pub sums_only: bool,
}

/// The parameters of `@hist_linear`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinearBounds {
    /// The lowest value with a bucket of its own.
    pub start: i64,
    /// The highest.
    pub stop: i64,
    /// The width of a bucket; positive.
    pub interval: i64,
}

impl LinearBounds {
    /// How many buckets there are: bucket 0 counts what lies below `start`, the last one what lies at or above the end of
    /// the bucket of `stop`.
    pub fn buckets(&self) -> u32 {
        (self.stop.saturating_sub(self.start) / self.interval.max(1)).clamp(0, 1 << 16) as u32 + 3
    }
}

/// A function.
#[derive(Clone, Debug)]
pub struct Function {
    /// As the script names it.
    pub name: String,
    /// Its name at its definition.
    pub span: Span,
    /// How many of `locals` are parameters.
    pub params: u32,
    /// What it returns; `None` if nothing.
    pub returns: Option<Type>,
    /// Parameters, then local variables.
    pub locals: Vec<Local>,
    /// What it does.
    pub body: Vec<Stmt>,
}

/// A local variable.
#[derive(Clone, Debug)]
pub struct Local {
    /// As the script names it.
    pub name: String,
    /// What it holds.
    pub ty: Type,
}

/// A handler and what fires it.
#[derive(Clone, Debug)]
pub struct Probe {
    /// The point as the script wrote it (where an alias was used, the alias).
    pub span: Span,
    /// The resolved point, as `pp()` says it: `kernel.trace("sched:sched_switch")`.
    pub point: String,
    /// What fires it.
    pub event: Event,
    /// What becomes of the run if it cannot be attached.
    pub missing: Missing,
    /// Armed only while this holds, from `if (...)`; over globals only.
    pub condition: Option<Expr>,
    /// Local variables.
    pub locals: Vec<Local>,
    /// What it does.
    pub body: Vec<Stmt>,
}

/// What becomes of a run one of whose points cannot be attached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missing {
    /// It does not take place.
    #[default]
    Fails,
    /// It does not take place if nothing else of the same point of the script is attached: the alias marks this one `?`.
    FailsAlone,
    /// It goes on without: the script marks the point `?`.
    Passes,
}

/// A statement.
#[derive(Clone, Debug)]
pub struct Stmt {
    /// Where.
    pub span: Span,
    /// Which.
    pub kind: StmtKind,
}

/// The kinds of statement.
#[derive(Clone, Debug)]
pub enum StmtKind {
    /// An expression for its effect.
    Expr(Expr),
    /// `if`
    If { condition: Expr, then: Vec<Stmt>, otherwise: Vec<Stmt> },
    /// `while` and `for`; `step` runs after the body and on `continue`.
    Loop { condition: Option<Expr>, step: Option<Expr>, body: Vec<Stmt> },
    /// `foreach` over an array.
    Foreach(Foreach),
    /// `break`
    Break,
    /// `continue`
    Continue,
    /// `next`: leave the handler.
    Next,
    /// C code: the whole body of a function.
    Embedded,
    /// `return`
    Return(Option<Expr>),
    /// What `next` in a function does instead: the next overload is called from where this one was, so no `try` around this
    /// catches its errors.
    Uncaught(Vec<Stmt>),
    /// `delete` of an element, or of a whole global (`keys` empty).
    Delete { global: GlobalId, keys: Vec<Expr> },
    /// `delete` of a local: it becomes 0 or "".
    DeleteLocal(LocalId),
    /// `delete a[k, *]`: every entry that the slice matches.
    DeleteSlice { global: GlobalId, slice: Vec<Option<Expr>> },
    /// `try`/`catch`
    Try { body: Vec<Stmt>, message: Option<LocalId>, handler: Vec<Stmt> },
}

/// `foreach (value = [keys] in array[slice]) body`
#[derive(Clone, Debug)]
pub struct Foreach {
    /// The array.
    pub global: GlobalId,
    /// Takes the value (of an aggregate: its count).
    pub value: Option<LocalId>,
    /// Take the keys; one for each key of the array.
    pub keys: Vec<LocalId>,
    /// Only entries with these keys; `None` matches any. Empty: all.
    pub slice: Vec<Option<Expr>>,
    /// Ascending or descending by what.
    pub order: Option<Order>,
    /// At most that many.
    pub limit: Option<Expr>,
    /// The body.
    pub body: Vec<Stmt>,
}

/// The order of a `foreach`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// By what.
    pub by: OrderBy,
    /// Smallest first.
    pub ascending: bool,
}

/// What a `foreach` orders by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderBy {
    /// The key at this position.
    Key(u32),
    /// The value; for an aggregate, this of it.
    Value(AggregateFn),
}

/// What can be asked of an aggregate; of a plain value, anything gives the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AggregateFn {
    /// How many values; 0 if none.
    Count,
    /// Their sum, wrapping; 0 if none.
    Sum,
    /// The least; an error if none.
    Min,
    /// The greatest; an error if none.
    Max,
    /// Sum divided by count, towards zero; an error if none.
    Avg,
    /// Sample variance, worked out on values shifted left by what the shape says; an error if none.
    Variance,
}

/// A typed expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// Where.
    pub span: Span,
    /// What it gives. An expression without a value (a call of a function that returns nothing, `<<<`) gives `Long` 0.
    pub ty: Type,
    /// Which.
    pub kind: ExprKind,
}

/// Something that can be assigned to.
#[derive(Clone, Debug)]
pub enum Place {
    /// A local.
    Local(LocalId),
    /// A scalar global (or, for an aggregate operation, a scalar aggregate).
    Global(GlobalId),
    /// An element.
    Element(GlobalId, Vec<Expr>),
}

/// The kinds of expression.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// A literal.
    Constant(Constant),
    /// The value of a place; an element that is not there gives 0 or "".
    Read(Place),
    /// Assignment; gives the new value. With an operator, the place is read first.
    Assign { place: Place, op: Option<AssignOp>, value: Box<Expr> },
    /// `++` and `--`: adds `by`; gives the value from before (postfix) or after (prefix).
    Step { place: Place, by: i64, prefix: bool },
    /// `<<<` into an aggregate; gives nothing.
    Accumulate { place: Place, value: Box<Expr> },
    /// `@count(...)` and its family.
    Aggregate { function: AggregateFn, place: Place },
    /// One bucket of a histogram: how many values fell into bucket `index` of those that the histogram has.
    Bucket { place: Place, histogram: Histogram, index: Box<Expr> },
    /// The histogram drawn, lines separated by newline.
    HistogramText { place: Place, histogram: Histogram },
    /// `keys in array`; `None` matches any.
    Contains { global: GlobalId, keys: Vec<Option<Expr>> },
    /// Negation and complement of a long.
    Unary(UnaryOp, Box<Expr>),
    /// Arithmetic on longs.
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// Comparison of two longs or two strings (bytewise); gives 1 or 0.
    Compare(CompareOp, Box<Expr>, Box<Expr>),
    /// `=~`: 1 if the pattern matches somewhere in the text, else 0. What it has matched is asked for afterwards
    /// ([`Intrinsic::Matched`]).
    Match { text: Box<Expr>, pattern: PatternId },
    /// One of several texts by its number, from 0; "" if there is none of that number.
    Pick { texts: Arc<[Vec<u8>]>, index: Box<Expr> },
    /// `&&`, `||`; the right operand is evaluated only if it matters. Gives 1 or 0.
    Logical { and: bool, left: Box<Expr>, right: Box<Expr> },
    /// `?:`; operands are of one type.
    Ternary { condition: Box<Expr>, then: Box<Expr>, otherwise: Box<Expr> },
    /// Two strings joined.
    Concat(Box<Expr>, Box<Expr>),
    /// `sprintf` and its family: a string.
    Format(Format, Vec<Expr>),
    /// `printf` and its family: output; gives nothing.
    Print(Format, Vec<Expr>),
    /// A call.
    Call(FunctionId, Vec<Expr>),
    /// C code; gives what its comments say.
    Embedded,
    /// Assignment to a variable of the probed program or kernel, `target` being what reads it.
    WriteTarget { target: Box<Expr>, value: Box<Expr> },
    /// A function of the runtimes.
    Intrinsic(Intrinsic, Vec<Expr>),
    /// A fact of the moment.
    Context(Context),
    /// The event's argument, 64 raw bits. `pointer`: it is a pointer to a kernel type that BTF names, so that a load
    /// directly through it is safe.
    Argument { index: u32, pointer: bool },
    /// The low `bits` of a value, extended to 64 with or without sign.
    Extend { value: Box<Expr>, bits: u8, signed: bool },
    /// Memory at `base + offset`. A fault is a run-time error. `typed`: `base` is a pointer of BTF's (an
    /// [`ExprKind::Argument`] with `pointer`, [`Context::TaskCurrent`], or an 8-byte typed load of a pointer member).
    Load { base: Box<Expr>, offset: i64, width: Width, signed: bool, space: Space, typed: bool },
    /// 1 if `width` bytes can be read at `base`, else 0; never fails.
    Readable { base: Box<Expr>, width: Width, space: Space },
    /// The NUL-terminated string at an address, read at the moment of the event.
    ReadText(Box<ReadText>),
}

/// What a string is read from and what happens when it cannot be.
#[derive(Clone, Debug)]
pub struct ReadText {
    /// Where from.
    pub address: Expr,
    /// At most that many bytes, if fewer than the limit of strings.
    pub limit: Option<Expr>,
    /// Whose memory.
    pub space: Space,
    /// Given if the memory cannot be read; `None`: that is a run-time error.
    pub fallback: Option<Expr>,
}

/// Whose memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Space {
    /// The kernel's.
    Kernel,
    /// The current process's.
    User,
}

/// Width of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Width {
    /// One byte.
    W1,
    /// Two bytes.
    W2,
    /// Four bytes.
    W4,
    /// Eight bytes.
    W8,
}

impl Width {
    /// In bytes.
    pub fn bytes(self) -> u32 {
        match self {
            Width::W1 => 1,
            Width::W2 => 2,
            Width::W4 => 4,
            Width::W8 => 8,
        }
    }

    /// The width of that many bytes.
    pub fn of(bytes: u32) -> Option<Width> {
        match bytes {
            1 => Some(Width::W1),
            2 => Some(Width::W2),
            4 => Some(Width::W4),
            8 => Some(Width::W8),
            _ => None,
        }
    }
}

/// Which histogram of an aggregate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Histogram {
    /// Powers of two.
    Logarithmic,
    /// Equal steps.
    Linear(LinearBounds),
}

/// The operator of a compound assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AssignOp {
    /// `+=` and the other arithmetic ones.
    Binary(BinaryOp),
    /// `.=`
    Concat,
}

/// Operators with one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    /// Arithmetic negation, wrapping.
    Negate,
    /// 1 for 0, else 0.
    Not,
    /// All bits flipped.
    Complement,
}

/// Arithmetic on two longs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    /// Wrapping.
    Add,
    /// Wrapping.
    Subtract,
    /// Wrapping.
    Multiply,
    /// Towards zero; by zero is a run-time error; the least number by -1 gives the least number.
    Divide,
    /// Sign of the dividend; by zero is a run-time error.
    Remainder,
    /// Bits.
    And,
    /// Bits.
    Or,
    /// Bits.
    Xor,
    /// By the low six bits of the right operand.
    ShiftLeft,
    /// The same, keeping the sign.
    ShiftRight,
    /// The same, filling with zeros.
    ShiftRightLogical,
}

/// Comparisons.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CompareOp {
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}
