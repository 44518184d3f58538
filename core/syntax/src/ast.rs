//! The syntax tree that the compiler reads: plain data with spans, one variant for each thing the language can say.
//!
//! Nothing is resolved here: `a[1]` and `f(1)` are told apart by their brackets only, and a bare name is a [`Name`]
//! whatever it will turn out to mean. Conditionals, macros and script arguments have been expanded.

#![expect(missing_docs, reason = "the line above a variant tells its fields too")]

use systap_diagnostics::Span;

/// A word of the script and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The word.
    pub text: String,
    /// Where.
    pub span: Span,
}

/// A whole file.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct File {
    /// Its declarations, in the order of the text.
    pub items: Vec<Item>,
}

/// A declaration.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// `global a, b[10], c = 1`: one entry for each name.
    Global(Global),
    /// `function f:long (a:string) { ... }`
    Function(Function),
    /// `probe p1, p2 { ... }`
    Probe(Probe),
    /// `probe alias = p1, p2 { ... }`
    Alias(Alias),
    /// `%{ ... %}` at top level.
    Embedded(Embedded),
}

/// One name of a `global` declaration.
#[derive(Clone, Debug, PartialEq)]
pub struct Global {
    /// The name.
    pub name: Name,
    /// `private global`.
    pub private: bool,
    /// `[N]`: how many entries the array may have.
    pub size: Option<(i64, Span)>,
    /// `%`: an array that is full drops its oldest entry.
    pub wrap: bool,
    /// `= literal`.
    pub init: Option<Expr>,
}

/// `long` or `string`, as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeName {
    /// `long`
    Long,
    /// `string`
    String,
}

/// A function.
#[derive(Clone, Debug, PartialEq)]
pub struct Function {
    /// The name.
    pub name: Name,
    /// `private function`.
    pub private: bool,
    /// `function f:long`.
    pub returns: Option<TypeName>,
    /// Parameters, with their types where annotated.
    pub params: Vec<(Name, Option<TypeName>)>,
    /// `: 10`: the place among overloads.
    pub priority: Option<i64>,
    /// What it does.
    pub body: FunctionBody,
}

/// What a function consists of.
#[derive(Clone, Debug, PartialEq)]
pub enum FunctionBody {
    /// `{ ... }`
    Block(Block),
    /// `%{ ... %}`
    Embedded(Embedded),
}

/// C text between `%{` and `%}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Embedded {
    /// The text between the marks.
    pub text: String,
    /// Marks included.
    pub span: Span,
}

/// `probe points { ... }`
#[derive(Clone, Debug, PartialEq)]
pub struct Probe {
    /// The word `probe` up to the last point.
    pub span: Span,
    /// The points, in the order of the text.
    pub points: Vec<ProbePoint>,
    /// The handler.
    pub body: Block,
}

/// `probe name = points { ... }`
#[derive(Clone, Debug, PartialEq)]
pub struct Alias {
    /// The names it defines (`a = b = points`), each a dotted path as in a probe point.
    pub names: Vec<ProbePoint>,
    /// What it stands for.
    pub points: Vec<ProbePoint>,
    /// Runs before the handler that uses the alias (`=`).
    pub prologue: Option<Block>,
    /// Runs after it (`+=`, or the second block of `{ }, { }`).
    pub epilogue: Option<Block>,
}

/// `kernel.function("f").return ? if (cond)`; braces have been expanded.
#[derive(Clone, Debug, PartialEq)]
pub struct ProbePoint {
    /// The whole point.
    pub span: Span,
    /// What stands between the dots.
    pub components: Vec<Component>,
    /// `?` or `!`.
    pub optional: Optionality,
    /// `if (condition)`.
    pub condition: Option<Expr>,
}

/// What to do when a probe point matches nothing, or something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Optionality {
    /// No match is an error.
    Required,
    /// `?`: no match is passed over.
    Optional,
    /// `!`: the same, and a match makes the rest of the list unnecessary.
    Sufficient,
}

/// `function("f")`: a word, which may hold wildcards, and perhaps a literal.
#[derive(Clone, Debug, PartialEq)]
pub struct Component {
    /// The word.
    pub name: Name,
    /// The literal in parentheses.
    pub arg: Option<ComponentArg>,
}

/// The literal of a component.
#[derive(Clone, Debug, PartialEq)]
pub struct ComponentArg {
    /// Its value.
    pub value: Literal,
    /// Where it stands, quotes included.
    pub span: Span,
}

/// A literal.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// A number.
    Number(i64),
    /// A string, escapes resolved, neighbours joined. Bytes: `\xff` need not be UTF-8.
    String(Vec<u8>),
}

/// `{ ... }`
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// Braces included.
    pub span: Span,
    /// The statements.
    pub statements: Vec<Statement>,
}

/// A statement.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// All of it.
    pub span: Span,
    /// Which.
    pub kind: StatementKind,
}

/// The kinds of statement.
#[derive(Clone, Debug, PartialEq)]
pub enum StatementKind {
    /// `;`
    Empty,
    /// An expression for its effect.
    Expr(Expr),
    /// `{ ... }`
    Block(Block),
    /// `if (c) s else s`
    If { condition: Expr, then: Box<Statement>, otherwise: Option<Box<Statement>> },
    /// `while (c) s`
    While { condition: Expr, body: Box<Statement> },
    /// `for (init; condition; step) s`
    For { init: Option<Expr>, condition: Option<Expr>, step: Option<Expr>, body: Box<Statement> },
    /// `foreach (...) s`
    Foreach(Box<Foreach>),
    /// `break`
    Break,
    /// `continue`
    Continue,
    /// `next`
    Next,
    /// `return e`
    Return(Option<Expr>),
    /// `delete a[k]`
    Delete(Expr),
    /// `try s catch (v) s`
    Try { body: Block, variable: Option<Name>, handler: Block },
}

/// `foreach (value = [k1, k2-] in array[slice] @avg+ limit n) body`
#[derive(Clone, Debug, PartialEq)]
pub struct Foreach {
    /// The variable that takes the value.
    pub value: Option<Name>,
    /// The variables that take the keys; for a histogram, the one that takes the bucket.
    pub keys: Vec<Name>,
    /// What is iterated.
    pub over: ForeachOver,
    /// The order, if any is asked for.
    pub sort: Option<Sort>,
    /// `limit n`
    pub limit: Option<Expr>,
    /// The body.
    pub body: Statement,
}

/// What a `foreach` goes over.
#[derive(Clone, Debug, PartialEq)]
pub enum ForeachOver {
    /// An array; with a slice, only the entries that match it (`None` stands for `*`).
    Array { name: Name, slice: Option<Vec<Option<Expr>>> },
    /// The buckets of a histogram.
    Histogram(Expr),
}

/// The one sort mark of a `foreach`.
#[derive(Clone, Debug, PartialEq)]
pub struct Sort {
    /// By what.
    pub by: SortBy,
    /// `+`; otherwise `-`.
    pub ascending: bool,
    /// The mark.
    pub span: Span,
}

/// What a `foreach` sorts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortBy {
    /// The key at this position.
    Key(usize),
    /// The value; for an aggregate, its count.
    Value,
    /// The value's aggregate function.
    Aggregate(AggregateFn),
}

/// What can be asked of an aggregate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AggregateFn {
    /// `@count`
    Count,
    /// `@sum`
    Sum,
    /// `@min`
    Min,
    /// `@max`
    Max,
    /// `@avg`
    Avg,
    /// `@variance`
    Variance,
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// All of it.
    pub span: Span,
    /// Which.
    pub kind: ExprKind,
}

/// The kinds of expression.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A number or a string.
    Literal(Literal),
    /// A bare word: a local, a global, or a function without parameters is not told apart here.
    Name(String),
    /// `a[k, *]`; `None` stands for `*`.
    Index { array: Name, keys: Vec<Option<Expr>> },
    /// `f(x)`; also print, printf and their family: `f.text` has the word.
    Call { function: Name, args: Vec<Expr> },
    /// `-x`
    Unary { op: UnaryOp, operand: Box<Expr> },
    /// `x + y`
    Binary { op: BinaryOp, left: Box<Expr>, right: Box<Expr> },
    /// `a && b`, `a || b`
    Logical { and: bool, left: Box<Expr>, right: Box<Expr> },
    /// `c ? a : b`
    Ternary { condition: Box<Expr>, then: Box<Expr>, otherwise: Box<Expr> },
    /// `x = e`, `x += e`; `op` is `None` for plain assignment.
    Assign { op: Option<BinaryOp>, target: Box<Expr>, value: Box<Expr> },
    /// `x <<< e`
    Accumulate { target: Box<Expr>, value: Box<Expr> },
    /// `++x`, `x--`
    Step { increment: bool, prefix: bool, target: Box<Expr> },
    /// `[k1, *] in a`; `None` stands for `*`.
    In { keys: Vec<Option<Expr>>, array: Name },
    /// `@count(s)`; the shift of `@variance(s, shift)`, any number, with its place.
    Aggregate { function: AggregateFn, stat: Box<Expr>, shift: Option<(i64, Span)> },
    /// `@hist_log(s)`, `@hist_linear(s, start, stop, interval)`, perhaps indexed by a bucket.
    Histogram { stat: Box<Expr>, linear: Option<[i64; 3]>, bucket: Option<Box<Expr>> },
    /// A target variable or a typed view, with what follows it.
    Target(Box<Target>),
    /// `@defined(e)`
    Defined(Box<Expr>),
    /// `@entry(e)`
    Entry(Box<Expr>),
    /// Any other `@word(args)`: `@const("X")`, `@enum("X")`, `@kderef(8, a)`, ...
    AtCall { name: Name, args: Vec<Expr> },
    /// `%{ c %}`
    Embedded(Embedded),
    /// A place where the parser found no expression; an error has been reported.
    Missing,
}

/// `&$base->member[index]$$`
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// `&` in front: the address, not the value. The base may be a value that has none.
    pub address: bool,
    /// Where it starts from.
    pub base: TargetBase,
    /// Members and indexes, in order.
    pub path: Vec<TargetStep>,
    /// `$` (1) or `$$` (2) at the end: pretty-print that many levels.
    pub pretty: u8,
}

/// Where a target expression starts.
#[derive(Clone, Debug, PartialEq)]
pub enum TargetBase {
    /// `$name`, `$$vars`: the text includes every leading dollar.
    Variable(Name),
    /// `@cast(e, "type", "module")`
    Cast { value: Expr, type_name: (Vec<u8>, Span), module: Option<Vec<u8>> },
    /// `@var("name", "module")`
    Var { name: (Vec<u8>, Span), module: Option<Vec<u8>> },
    /// Any value: the type it was read with decides.
    Value(Expr),
}

/// One step of a target expression.
#[derive(Clone, Debug, PartialEq)]
pub enum TargetStep {
    /// `->name`
    Member(Name),
    /// `[e]`
    Index(Expr),
}

/// Operators with one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnaryOp {
    /// `+`
    Plus,
    /// `-`
    Negate,
    /// `!`
    Not,
    /// `~`
    Complement,
}

/// Operators with two operands that evaluate both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BinaryOp {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `%`
    Remainder,
    /// `&`
    And,
    /// `|`
    Or,
    /// `^`
    Xor,
    /// `<<`
    ShiftLeft,
    /// `>>`
    ShiftRight,
    /// `>>>`
    ShiftRightLogical,
    /// `.`
    Concat,
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
    /// `=~`
    Match,
    /// `!~`
    NotMatch,
}
