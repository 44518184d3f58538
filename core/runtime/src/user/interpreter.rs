//! Runs a body: blocks, jumps, calls, and the arithmetic that loops are made of. What else an instruction can do is in
//! [`super::operation`].
//!
//! The script's calls never become calls of Rust's: their depth is counted and ends in an error, not in a fault.

use std::rc::Rc;
use std::sync::Arc;

use systap_diagnostics::Span;
use systap_ir::arithmetic;
use systap_ir::graph::{Block, Body, Function, Inst, Op, Terminator};
use systap_ir::program::{Event, FunctionId, Global, Limits, Type};
use systap_regex::Regex;

use super::datum::Datum;
use super::error::{ErrorKind, RuntimeError};
use super::frame::{Frame, Registers, has_texts};
use super::host::Host;
use super::matches::LastMatch;
use super::operation::Cursor;
use super::store::Store;
use super::tokens::Tokens;

/// How many jumps backwards and calls go by between two looks at whether the run is to end.
const PATIENCE: u32 = 4096;

/// Why a body ends before its end.
pub(super) enum Stop {
    /// A run-time error.
    Error(ErrorKind),
    /// `abort()`.
    Abort,
}

impl From<ErrorKind> for Stop {
    fn from(kind: ErrorKind) -> Stop {
        Stop::Error(kind)
    }
}

/// A place in a body: after an instruction, whose error may be caught.
#[derive(Clone, Copy)]
struct Here<'b> {
    function: Option<FunctionId>,
    body: &'b Body,
    /// The block.
    number: usize,
    /// The instruction after.
    next: usize,
}

impl Here<'_> {
    fn catches(&self) -> bool {
        self.body.blocks.get(self.number).is_some_and(|block| {
            let catches = matches!(block.term, Terminator::Attempt { .. } | Terminator::Caught(_));
            catches && self.next == block.insts.len()
        })
    }
}

/// Runs handlers and continuations. Keeps nothing from one run to the next but its memory.
pub struct Interpreter<'a> {
    functions: &'a [Function],
    pub(super) patterns: &'a [Arc<Regex>],
    /// Which functions have strings.
    texts: Vec<bool>,
    pub(super) limits: Limits,
    /// MAXACTION of what runs here.
    actions: u32,
    pub(super) registers: Registers,
    frames: Vec<Frame>,
    pub(super) cursors: Vec<Cursor>,
    pub(super) keys: Vec<Datum>,
    pub(super) output: Vec<u8>,
    pub(super) last_match: Option<LastMatch>,
    pub(super) tokens: Tokens,
    /// The program's, for the messages of errors.
    globals: Rc<[Global]>,
    /// What was caught last.
    pub(super) caught: Option<ErrorKind>,
}

impl<'a> Interpreter<'a> {
    /// An interpreter for bodies that call these functions and match with these regular expressions.
    pub fn new(functions: &'a [Function], patterns: &'a [Arc<Regex>], limits: Limits) -> Interpreter<'a> {
        Interpreter {
            functions,
            patterns,
            texts: functions.iter().map(|function| has_texts(&function.body)).collect(),
            limits,
            actions: limits.ordinary_actions(),
            registers: Registers::new(),
            frames: vec![],
            cursors: vec![],
            keys: vec![],
            output: vec![],
            last_match: None,
            tokens: Tokens::default(),
            globals: Rc::from([]),
            caught: None,
        }
    }

    /// Tells it the names of the program's globals, for the messages of errors that the script catches.
    pub fn with_globals(mut self, globals: Rc<[Global]>) -> Interpreter<'a> {
        self.globals = globals;
        self
    }

    /// What runs from now on may do as much as a handler of this event.
    pub(crate) fn allow_as(&mut self, event: &Event) {
        self.actions = self.limits.actions_of(event);
    }

    /// The message of what was caught last.
    pub(super) fn caught_message(&self) -> Vec<u8> {
        self.caught.as_ref().map_or_else(Vec::new, |kind| kind.message(&self.globals, &self.limits))
    }

    /// Runs a body to its end; `args` are what block 0 takes. After `exit()` the body goes on; after `abort()` it does
    /// not.
    ///
    /// # Errors
    /// The run-time error that ended it.
    pub fn run(
        &mut self,
        body: &Body,
        args: &[Datum],
        store: &mut dyn Store,
        host: &mut dyn Host,
    ) -> Result<(), RuntimeError> {
        store.start();
        self.registers.clear();
        self.frames.clear();
        self.cursors.clear();
        self.last_match = None;
        self.tokens = Tokens::default();
        self.caught = None;
        let Some(entry) = body.blocks.first() else { return Ok(()) };
        self.registers.enter(body, has_texts(body));
        for (param, arg) in entry.params.iter().zip(args) {
            self.registers.set(*param, arg.clone());
        }
        let mut at = entry.span;
        match self.execute(body, entry, &mut at, store, host) {
            Ok(()) => Ok(()),
            Err(Stop::Abort) => {
                host.abort();
                Ok(())
            }
            Err(Stop::Error(kind)) => Err(RuntimeError { kind, span: self.place_in_script(body, at) }),
        }
    }

    /// Where the script is to blame for what went wrong at `at`: what goes wrong in the library is shown where the script
    /// calls it.
    fn place_in_script(&self, handler: &Body, at: Span) -> Span {
        let Some(script) = handler.blocks.first().map(|entry| entry.span.file) else { return at };
        let calls = self.frames.iter().rev().filter_map(|frame| {
            let body = match frame.function {
                Some(id) => &self.functions.get(id.0 as usize)?.body,
                None => handler,
            };
            body.blocks.get(frame.block)?.insts.get(frame.next.checked_sub(1)?).map(|inst| inst.span)
        });
        std::iter::once(at).chain(calls).find(|span| span.file == script).unwrap_or(at)
    }

    /// How many calls are under way.
    pub(super) fn depth(&self) -> usize {
        self.frames.len()
    }

    fn execute(
        &mut self,
        handler: &Body,
        entry: &Block,
        at: &mut Span,
        store: &mut dyn Store,
        host: &mut dyn Host,
    ) -> Result<(), Stop> {
        let functions = self.functions;
        let mut function: Option<FunctionId> = None;
        let mut body = handler;
        let mut block = entry;
        let mut number = 0usize;
        let mut next = 0usize;
        let mut patience = PATIENCE;
        let mut actions = 0u32;
        // The error of the block's last instruction has been caught.
        let mut failed = false;
        'blocks: loop {
            while let Some(inst) = block.insts.get(next) {
                next += 1;
                if let Op::Call(callee, args) = &inst.op {
                    let called = match self.call(*callee) {
                        Ok(called) => called,
                        Err(stop) => {
                            *at = inst.span;
                            let here = self.catch(stop, Here { function, body, number, next }, handler)?;
                            (function, body, number) = (here.function, here.body, here.number);
                            failed = true;
                            break;
                        }
                    };
                    let frame = self.registers.frame(function, number, next, inst.result);
                    let (Some(first), mut passed) = (called.body.blocks.first(), std::mem::take(&mut self.keys)) else {
                        continue;
                    };
                    passed.clear();
                    passed.extend(args.iter().map(|arg| self.registers.datum(body, *arg)));
                    self.registers.enter(&called.body, self.texts.get(callee.0 as usize).copied().unwrap_or(true));
                    for (param, datum) in first.params.iter().zip(passed.drain(..)) {
                        self.registers.set(*param, datum);
                    }
                    self.keys = passed;
                    self.frames.push(frame);
                    (function, body, block, number, next) = (Some(*callee), &called.body, first, 0, 0);
                    self.look_up(&mut patience, host)?;
                    continue 'blocks;
                }
                if let Err(stop) = self.step(body, inst, store, host) {
                    *at = inst.span;
                    let here = self.catch(stop, Here { function, body, number, next }, handler)?;
                    (function, body, number) = (here.function, here.body, here.number);
                    failed = true;
                    break;
                }
            }
            if !failed {
                actions = actions.saturating_add(block.actions);
            }
            let jump = match &body.blocks[number].term {
                Terminator::Attempt { fault, .. } | Terminator::Caught(fault) if std::mem::take(&mut failed) => fault,
                Terminator::Jump(jump) | Terminator::Attempt { ok: jump, .. } => jump,
                Terminator::Branch { condition, then, otherwise } => {
                    if self.registers.long(*condition) != 0 {
                        then
                    } else {
                        otherwise
                    }
                }
                Terminator::Return(value) => {
                    let Some(frame) = self.frames.pop() else {
                        *at = block.span;
                        return self.within(actions);
                    };
                    let given = value.map(|value| self.registers.datum(body, value));
                    self.leave(&frame);
                    (function, number, next) = (frame.function, frame.block, frame.next);
                    body = function.and_then(|id| functions.get(id.0 as usize)).map_or(handler, |called| &called.body);
                    block = &body.blocks[number];
                    if let Some(result) = frame.result {
                        // A function that gave nothing gives 0 or "".
                        let given = given.unwrap_or_else(|| self.zero(body.ty(result)));
                        self.registers.set(result, given);
                    }
                    continue;
                }
                Terminator::Caught(_) | Terminator::Unreachable | Terminator::Defer { .. } => return Ok(()),
            };
            self.registers.pass(body, jump);
            let to = jump.to.0 as usize;
            if to <= number {
                *at = block.span;
                self.within(actions)?;
                self.look_up(&mut patience, host)?;
            }
            (block, number, next) = (&body.blocks[to], to, 0);
        }
    }

    /// Finds where a `try` catches an error that the last instruction before `here` raised, in this call or in one that waits
    /// for it; those in between are left. An error that nothing catches leaves all as it is.
    fn catch<'b>(&mut self, stop: Stop, here: Here<'b>, handler: &'b Body) -> Result<Here<'b>, Stop>
    where
        'a: 'b,
    {
        let Stop::Error(kind) = stop else { return Err(stop) };
        if !kind.can_be_caught() {
            return Err(kind.into());
        }
        if !here.catches() {
            let functions = self.functions;
            let waiting = |frame: &Frame| Here {
                function: frame.function,
                body: frame.function.and_then(|id| functions.get(id.0 as usize)).map_or(handler, |called| &called.body),
                number: frame.block,
                next: frame.next,
            };
            let Some(depth) = self.frames.iter().rposition(|frame| waiting(frame).catches()) else {
                return Err(kind.into());
            };
            let there = self.frames.get(depth).map_or(here, waiting);
            while self.frames.len() > depth
                && let Some(frame) = self.frames.pop()
            {
                self.leave(&frame);
            }
            self.caught = Some(kind);
            return Ok(there);
        }
        self.caught = Some(kind);
        Ok(here)
    }

    /// Goes back to the caller, whose frame has just been taken.
    fn leave(&mut self, frame: &Frame) {
        let depth = self.frames.len();
        while self.cursors.last().is_some_and(|cursor| cursor.depth > depth) {
            self.cursors.pop();
        }
        self.registers.leave(frame);
    }

    fn call(&self, callee: FunctionId) -> Result<&'a Function, Stop> {
        if self.frames.len() >= self.limits.nesting as usize {
            return Err(ErrorKind::TooDeep(self.limits.nesting).into());
        }
        self.functions.get(callee.0 as usize).ok_or(Stop::Error(ErrorKind::NoEvent))
    }

    /// Whether a handler that has executed so many statements may go on.
    #[inline(always)]
    fn within(&self, actions: u32) -> Result<(), Stop> {
        if actions >= self.actions && self.actions != u32::MAX {
            return Err(ErrorKind::TooManyActions.into());
        }
        Ok(())
    }

    /// Looks now and then whether the run is to end: at each jump backwards and each call.
    #[inline(always)]
    fn look_up(&self, patience: &mut u32, host: &mut dyn Host) -> Result<(), Stop> {
        *patience -= 1;
        if *patience == 0 {
            *patience = PATIENCE;
            if host.interrupted() {
                return Err(ErrorKind::Interrupted.into());
            }
        }
        Ok(())
    }

    /// 0 or "".
    pub(super) fn zero(&self, ty: Type) -> Datum {
        match ty {
            Type::Long => Datum::Long(0),
            Type::Text => Datum::Text(self.registers.empty()),
        }
    }

    #[inline(always)]
    fn step(&mut self, body: &Body, inst: &Inst, store: &mut dyn Store, host: &mut dyn Host) -> Result<(), Stop> {
        let registers = &mut self.registers;
        let long = match &inst.op {
            Op::Long(long) => *long,
            Op::Binary(op, left, right) => arithmetic::binary(*op, registers.long(*left), registers.long(*right))
                .ok_or(ErrorKind::DivisionByZero)?,
            Op::Compare(op, left, right) if body.ty(*left) == Type::Long => {
                i64::from(arithmetic::compare(*op, &registers.long(*left), &registers.long(*right)))
            }
            Op::Compare(op, left, right) => {
                i64::from(arithmetic::compare(*op, registers.text(*left), registers.text(*right)))
            }
            Op::Unary(op, value) => arithmetic::unary(*op, registers.long(*value)),
            Op::Extend { value, bits, signed } => arithmetic::extend(registers.long(*value), *bits, *signed),
            _ => return self.operate(body, inst, store, host),
        };
        if let Some(result) = inst.result {
            registers.set_long(result, long);
        }
        Ok(())
    }
}
