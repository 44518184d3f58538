//! Control-flow graphs in SSA form: each value is defined once; blocks have parameters in place of phi functions.
//!
//! One [`Body`] for each handler, function and continuation. A body is entered at block 0.

#![expect(missing_docs, reason = "the line above a variant tells its fields too")]

use std::sync::Arc;

use systap_diagnostics::Span;
use systap_regex::Regex;

use crate::format::Format;
use crate::intrinsic::{Context, Intrinsic};
use crate::program::{
    AggregateFn, BinaryOp, CompareOp, Event, FunctionId, Global, GlobalId, Histogram, Limits, Missing, Order,
    PatternId, Space, Type, UnaryOp, Width,
};

/// A program as graphs.
#[derive(Clone, Debug, Default)]
pub struct Unit {
    /// The globals.
    pub globals: Vec<Global>,
    /// The functions.
    pub functions: Vec<Function>,
    /// The regular expressions, by [`PatternId`].
    pub patterns: Vec<Arc<Regex>>,
    /// The handlers, in script order.
    pub handlers: Vec<Handler>,
    /// Limits in force.
    pub limits: Limits,
}

/// A function as a graph.
#[derive(Clone, Debug)]
pub struct Function {
    /// As the script names it.
    pub name: String,
    /// What it returns.
    pub returns: Option<Type>,
    /// Its parameters are those of block 0.
    pub body: Body,
}

/// A handler as a graph.
#[derive(Clone, Debug)]
pub struct Handler {
    /// The resolved point, as `pp()` says it.
    pub point: String,
    /// The point in the script.
    pub span: Span,
    /// What fires it.
    pub event: Event,
    /// What becomes of the run if it cannot be attached.
    pub missing: Missing,
    /// Block 0 has no parameters.
    pub body: Body,
}

/// A value: index into [`Body::values`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value(pub u32);

/// A block: index into [`Body::blocks`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockId(pub u32);

impl BlockId {
    /// Where a body is entered.
    pub const ENTRY: BlockId = BlockId(0);
}

/// A control-flow graph.
#[derive(Clone, Debug, Default)]
pub struct Body {
    /// The type of each value.
    pub values: Vec<Type>,
    /// The blocks; the first is the entry.
    pub blocks: Vec<Block>,
}

impl Body {
    /// A fresh value.
    pub fn value(&mut self, ty: Type) -> Value {
        self.values.push(ty);
        Value(self.values.len() as u32 - 1)
    }

    /// The type of a value.
    pub fn ty(&self, value: Value) -> Type {
        self.values[value.0 as usize]
    }

    /// A block.
    pub fn block(&self, id: BlockId) -> &Block {
        &self.blocks[id.0 as usize]
    }

    /// Whether errors that are caught at this block have to bring their message.
    pub fn wants_message(&self, landing: BlockId) -> bool {
        let caught = |inst: &Inst| inst.result.is_some() && matches!(inst.op, Op::Context(Context::Caught));
        self.block(landing).insts.iter().any(caught)
    }

    /// All block ids, ascending.
    pub fn block_ids(&self) -> impl Iterator<Item = BlockId> + use<> {
        (0..self.blocks.len() as u32).map(BlockId)
    }
}

/// Instructions that run one after another.
#[derive(Clone, Debug)]
pub struct Block {
    /// Values that every jump here passes.
    pub params: Vec<Value>,
    /// The instructions.
    pub insts: Vec<Inst>,
    /// What comes then.
    pub term: Terminator,
    /// The place that the terminator comes from.
    pub span: Span,
    /// How many statements of the language it stands for: what MAXACTION counts, at its end.
    pub actions: u32,
}

/// An instruction.
#[derive(Clone, Debug)]
pub struct Inst {
    /// The value that it defines, if it defines one that is used.
    pub result: Option<Value>,
    /// What it does.
    pub op: Op,
    /// Where it comes from.
    pub span: Span,
}

/// A jump and what it passes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jump {
    /// To where.
    pub to: BlockId,
    /// One value for each parameter of the block.
    pub args: Vec<Value>,
}

/// The end of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Terminator {
    /// Go on elsewhere.
    Jump(Jump),
    /// Go on at `then` if the value is not 0.
    Branch { condition: Value, then: Jump, otherwise: Jump },
    /// In a `try`: the block's last instruction is fallible. Go on at `ok`, or, if it raised an error, at `fault`, where its
    /// result does not exist. Errors that nobody may catch (MAXACTION) end the handler all the same.
    Attempt { ok: Jump, fault: Jump },
    /// In a `try`: the block's last instruction is `error`, which is caught there.
    Caught(Jump),
    /// Leave the body; a function may give a value.
    Return(Option<Value>),
    /// The instruction before does not come back (`error`).
    Unreachable,
    /// Kernel side only: record the values and let continuation number `to` go on with them on the user side.
    Defer { to: u32, args: Vec<Value> },
}

impl Terminator {
    /// The jumps.
    pub fn jumps(&self) -> impl Iterator<Item = &Jump> {
        let (first, second) = match self {
            Terminator::Jump(jump) | Terminator::Caught(jump) => (Some(jump), None),
            Terminator::Branch { then, otherwise, .. } => (Some(then), Some(otherwise)),
            Terminator::Attempt { ok, fault } => (Some(ok), Some(fault)),
            Terminator::Return(_) | Terminator::Unreachable | Terminator::Defer { .. } => (None, None),
        };
        first.into_iter().chain(second)
    }

    /// The jumps, to be changed.
    pub fn jumps_mut(&mut self) -> impl Iterator<Item = &mut Jump> {
        let (first, second) = match self {
            Terminator::Jump(jump) | Terminator::Caught(jump) => (Some(jump), None),
            Terminator::Branch { then, otherwise, .. } => (Some(then), Some(otherwise)),
            Terminator::Attempt { ok, fault } => (Some(ok), Some(fault)),
            Terminator::Return(_) | Terminator::Unreachable | Terminator::Defer { .. } => (None, None),
        };
        first.into_iter().chain(second)
    }

    /// Calls `each` on every value that it uses.
    pub fn for_each_use(&mut self, mut each: impl FnMut(&mut Value)) {
        match self {
            Terminator::Jump(jump) | Terminator::Caught(jump) => jump.args.iter_mut().for_each(each),
            Terminator::Attempt { ok, fault } => ok.args.iter_mut().chain(&mut fault.args).for_each(each),
            Terminator::Branch { condition, then, otherwise } => {
                each(condition);
                then.args.iter_mut().chain(&mut otherwise.args).for_each(each);
            }
            Terminator::Return(value) => value.iter_mut().for_each(each),
            Terminator::Unreachable => {}
            Terminator::Defer { args, .. } => args.iter_mut().for_each(each),
        }
    }
}

/// In place of a pattern's number in [`Op::NoteMatch`]: nothing has been matched yet.
pub const NO_MATCH: i64 = -1;
/// In place of a pattern's number in [`Op::NoteMatch`]: what was noted last is still so.
pub const SAME_MATCH: i64 = -2;

/// What an instruction does. "Fallible" ones may raise a run-time error, which ends the handler unless a `try` catches it.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// A number.
    Long(i64),
    /// A string.
    Text(Vec<u8>),
    /// Long to long.
    Unary(UnaryOp, Value),
    /// Two longs to a long; division and remainder are fallible.
    Binary(BinaryOp, Value, Value),
    /// Two values of one type to 1 or 0.
    Compare(CompareOp, Value, Value),
    /// 1 if the pattern matches somewhere in the text, else 0.
    Match { text: Value, pattern: PatternId },
    /// One of several texts by its number, from 0; "" if there is none of that number.
    Pick { texts: Arc<[Vec<u8>]>, index: Value },
    /// That this was the last match of the handler, for [`Intrinsic::Matched`] and [`Intrinsic::Ngroups`]. `pattern`: a long, the
    /// number of the pattern, or [`NO_MATCH`], or [`SAME_MATCH`].
    NoteMatch { text: Value, pattern: Value },
    /// The low `bits` (8, 16, 32 or any) of a long, extended with or without sign.
    Extend { value: Value, bits: u8, signed: bool },
    /// Two strings joined.
    Concat(Value, Value),
    /// Operands formatted into a string.
    Format(Format, Vec<Value>),
    /// Operands formatted to the output.
    Print(Format, Vec<Value>),
    /// A fact of the moment.
    Context(Context),
    /// The event's argument.
    Argument { index: u32, pointer: bool },
    /// Memory at `base + offset`; fallible. `typed`: see [`crate::program::ExprKind::Load`].
    Load { base: Value, offset: i64, width: Width, signed: bool, space: Space, typed: bool },
    /// A string in memory; fallible unless there is a fallback.
    ReadText { address: Value, limit: Option<Value>, space: Space, fallback: Option<Value> },
    /// A call of the user's function. Kernel-side bodies have none: they are inlined.
    Call(FunctionId, Vec<Value>),
    /// A function of the runtimes.
    Intrinsic(Intrinsic, Vec<Value>),
    /// Reads a scalar.
    Get(GlobalId),
    /// Sets a scalar.
    Set(GlobalId, Value),
    /// Adds a long to a scalar, atomically; gives the new value.
    Add(GlobalId, Value),
    /// Reads an element; 0 or "" if there is none.
    ElementGet(GlobalId, Vec<Value>),
    /// Sets an element, making it if need be; fallible (array full).
    ElementSet(GlobalId, Vec<Value>, Value),
    /// Adds a long to an element, atomically, making it if need be; gives the new value; fallible (array full).
    ElementAdd(GlobalId, Vec<Value>, Value),
    /// Removes an element, if there is one.
    ElementDelete(GlobalId, Vec<Value>),
    /// 1 if there is such an element, else 0.
    Contains(GlobalId, Vec<Value>),
    /// Empties an array or aggregate; sets a scalar to 0 or "".
    Clear(GlobalId),
    /// Puts a long into an aggregate; of an array, the element with these keys; fallible (array full).
    Accumulate(GlobalId, Vec<Value>, Value),
    /// Asks an aggregate; fallible if it is empty, but for count and sum.
    Aggregate(GlobalId, Vec<Value>, AggregateFn),
    /// One bucket of a histogram.
    Bucket(GlobalId, Vec<Value>, Histogram, Value),
    /// A histogram drawn; fallible if it is empty.
    HistogramText(GlobalId, Vec<Value>, Histogram),
    /// Takes a snapshot of an array's entries that match the slice (`None` matches any; empty: all), ordered, at most
    /// `limit` of them; gives a cursor.
    Iterate { global: GlobalId, slice: Vec<Option<Value>>, order: Option<Order>, limit: Option<Value> },
    /// Moves the cursor on; gives 1 if it stands on an entry, 0 at the end.
    Advance(Value),
    /// The key at a position of the cursor's entry.
    CursorKey(Value, u32),
    /// The value of the cursor's entry (of an aggregate: its count).
    CursorValue(Value),
    /// 1 if any entry matches (`None` matches any), else 0.
    ContainsSlice(GlobalId, Vec<Option<Value>>),
    /// Removes every entry that matches.
    DeleteSlice(GlobalId, Vec<Option<Value>>),
    /// 1 if `width` bytes can be read at `base + offset`, else 0; never fails.
    Readable { base: Value, offset: i64, width: Width, space: Space },
    /// Memory at `base + offset`, or 0 if it cannot be read; never fails. Placing makes it; only kernel-side bodies have it.
    LoadOrZero { base: Value, offset: i64, width: Width, signed: bool, space: Space },
    /// Raises the error of a read fault at an address if the flag is 0, of a number or of a string; fallible.
    CheckRead { flag: Value, address: Value, space: Space, text: bool },
}

impl Op {
    /// Calls `each` on every value that it uses.
    pub fn for_each_use(&mut self, mut each: impl FnMut(&mut Value)) {
        match self {
            Op::Long(_) | Op::Text(_) | Op::Context(_) | Op::Argument { .. } | Op::Get(_) | Op::Clear(_) => {}
            Op::Unary(_, a) | Op::Set(_, a) | Op::Add(_, a) | Op::Extend { value: a, .. } | Op::Advance(a) => each(a),
            Op::CursorKey(a, _) | Op::CursorValue(a) => each(a),
            Op::Readable { base: a, .. } | Op::Load { base: a, .. } | Op::LoadOrZero { base: a, .. } => each(a),
            Op::Binary(_, a, b) | Op::Compare(_, a, b) | Op::Concat(a, b) => {
                each(a);
                each(b);
            }
            Op::Match { text, .. } => each(text),
            Op::Pick { index, .. } => each(index),
            Op::NoteMatch { text, pattern } => {
                each(text);
                each(pattern);
            }
            Op::CheckRead { flag, address, .. } => {
                each(flag);
                each(address);
            }
            Op::Format(_, list) | Op::Print(_, list) | Op::Call(_, list) | Op::Intrinsic(_, list) => {
                list.iter_mut().for_each(each);
            }
            Op::ElementGet(_, keys) | Op::ElementDelete(_, keys) | Op::Contains(_, keys) => {
                keys.iter_mut().for_each(each)
            }
            Op::Aggregate(_, keys, _) | Op::HistogramText(_, keys, _) => keys.iter_mut().for_each(each),
            Op::ElementSet(_, keys, value) | Op::ElementAdd(_, keys, value) | Op::Accumulate(_, keys, value) => {
                keys.iter_mut().for_each(&mut each);
                each(value);
            }
            Op::Bucket(_, keys, _, index) => {
                keys.iter_mut().for_each(&mut each);
                each(index);
            }
            Op::ReadText { address, limit, fallback, .. } => {
                each(address);
                limit.iter_mut().chain(fallback).for_each(each);
            }
            Op::Iterate { slice, limit, .. } => {
                slice.iter_mut().flatten().chain(limit).for_each(each);
            }
            Op::ContainsSlice(_, slice) | Op::DeleteSlice(_, slice) => slice.iter_mut().flatten().for_each(each),
        }
    }

    /// It does nothing but give its result, so it may go if that is not used.
    pub fn is_pure(&self) -> bool {
        match self {
            Op::Long(_) | Op::Text(_) | Op::Unary(..) | Op::Compare(..) | Op::Extend { .. } | Op::Match { .. } => true,
            Op::Concat(..) | Op::Pick { .. } | Op::Context(_) | Op::Argument { .. } | Op::Get(_) => true,
            Op::ElementGet(..) | Op::Contains(..) | Op::ContainsSlice(..) => true,
            Op::Readable { .. } | Op::LoadOrZero { .. } => true,
            Op::Binary(op, ..) => !matches!(op, BinaryOp::Divide | BinaryOp::Remainder),
            Op::ReadText { fallback, .. } => fallback.is_some(),
            Op::Format(format, _) => !format.reads_memory(),
            Op::Intrinsic(Intrinsic::TextOr | Intrinsic::Token | Intrinsic::TokenRest, _) => true,
            _ => false,
        }
    }

    /// It may raise a run-time error, on one side or the other.
    pub fn is_fallible(&self) -> bool {
        match self {
            Op::Advance(_) | Op::CursorKey(..) | Op::CursorValue(_) | Op::NoteMatch { .. } => false,
            Op::Intrinsic(Intrinsic::Exit | Intrinsic::Abort, _) => false,
            op => !op.is_pure(),
        }
    }

    /// The global that it touches.
    pub fn global(&self) -> Option<GlobalId> {
        match self {
            Op::Get(g) | Op::Set(g, _) | Op::Add(g, _) | Op::Clear(g) => Some(*g),
            Op::ElementGet(g, _) | Op::ElementSet(g, ..) | Op::ElementAdd(g, ..) | Op::ElementDelete(g, _) => Some(*g),
            Op::Contains(g, _) | Op::Accumulate(g, ..) | Op::Aggregate(g, ..) | Op::Bucket(g, ..) => Some(*g),
            Op::HistogramText(g, ..) | Op::ContainsSlice(g, _) | Op::DeleteSlice(g, _) => Some(*g),
            Op::Iterate { global, .. } => Some(*global),
            _ => None,
        }
    }
}
