//! From a handler's graph to code: blocks in order, values in registers or places, one file for each kind of operation.
//!
//! Must never choose a machine register or a stack offset. Values: a long is a constant or a virtual register; a pointer
//! of BTF's is a register that keeps its type, with a plain number beside it if arithmetic is done on it; a text is a
//! literal or a place in memory (see `texts`).

mod aggregates;
mod arithmetic;
pub(crate) mod called;
mod caught;
mod compose;
mod context;
pub(crate) mod dispatch;
mod escape;
mod flow;
mod format;
mod frame;
mod globals;
mod interfere;
mod kept;
mod matches;
mod memory;
mod pick;
mod records;
mod search;
mod syscall;
mod tables;
mod text;
mod tokens;

use std::collections::{BTreeSet, HashMap, HashSet};

use systap_diagnostics::Span;
use systap_ir::graph::{BlockId, Inst, Jump, Op, Value};
use systap_ir::intrinsic::{Context, Intrinsic};
use systap_ir::placed::{KernelHandler, Placed};
use systap_ir::program::{GlobalId, Type, Width};
use systap_ir::rounds::Loops;

pub(crate) use self::kept::Thrift;
use crate::artifact::{Fault, Field, Site, SiteKind};
use crate::code::{Label, Mem, Reg, Src, StackObject};
use crate::emitter::{Arg, Emitter, after};
use crate::error::GenerateError;
use crate::insn::Size;
use crate::layout::KernelLayout;
use crate::maps::Maps;
use crate::options::Options;
use crate::texts::{Region, Texts, cap, needs_no_home};

/// What all programs of an artifact share while they are generated.
pub(crate) struct Shared<'a> {
    pub(crate) placed: &'a Placed,
    pub(crate) layout: &'a KernelLayout,
    pub(crate) options: &'a Options<'a>,
    pub(crate) maps: Maps,
    pub(crate) sites: Vec<Site>,
    /// Globals that more than one program touches.
    pub(crate) contended: HashSet<GlobalId>,
    /// Handlers that use the frame or change per-CPU values in more than one step, in several programs: they must not
    /// interrupt one another.
    pub(crate) guarded: bool,
}

/// What the handlers of one program share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProgramFacts {
    /// Arguments are typed pointers.
    pub(crate) typed: bool,
    /// The context.
    pub(crate) context: Reg,
    /// The thread group; and thread group and thread as the helper gives them. If asked for already.
    pub(crate) pid_tgid: Option<(Reg, Reg)>,
    /// The current task, if asked for already: a typed pointer.
    pub(crate) task: Option<Reg>,
    /// What the program gives, where that decides about a packet.
    pub(crate) verdict: Option<Reg>,
    /// What to keep off the stack.
    pub(crate) thrift: Thrift,
    /// The arguments are a function's, and the context is registers.
    pub(crate) called: Option<called::Called>,
}

/// What is known of a value.
#[derive(Clone, Debug, Default)]
enum Held {
    #[default]
    Nothing,
    Long(Reg),
    /// A long at its place in the frame.
    Kept(Mem),
    Constant(i64),
    /// A pointer of BTF's, and the same as a plain number if that is needed.
    Pointer {
        typed: Reg,
        plain: Option<Reg>,
    },
    /// The saved registers of a system call, typed: never null, and none of its members is a pointer to the verifier.
    Registers(Reg),
    /// The element that the block's branch asks for; it is there if this is not 0.
    Element(Reg),
    Literal(Vec<u8>),
    /// At its place.
    Text,
    /// Recorded as raw facts.
    Later(Context),
    /// The message of an error that was caught, recorded as raw facts.
    Caught(caught::Landing),
    /// The comparison that the block's branch makes itself.
    Fused(Op),
}

/// An element that is known to be there.
#[derive(Clone, Debug)]
struct Present {
    global: GlobalId,
    keys: Vec<Value>,
    /// Its address.
    element: Reg,
}

/// Where a text is to be had.
#[derive(Clone, Debug)]
pub(crate) enum TextSource {
    Literal(Vec<u8>),
    /// NUL-terminated within that many bytes, a multiple of 8.
    Memory(Mem, u32),
}

/// The lowering of one handler.
pub(crate) struct Lower<'a, 's> {
    shared: &'s mut Shared<'a>,
    em: &'s mut Emitter,
    facts: ProgramFacts,
    handler: &'a KernelHandler,
    /// Its number in [`Placed::kernel`].
    index: usize,
    values: Vec<Held>,
    uses: Vec<u32>,
    arithmetic: Vec<bool>,
    texts: Texts,
    /// By value: which word of the frame a long is kept in.
    kept: Vec<Option<u32>>,
    frame: Option<Reg>,
    order: Vec<BlockId>,
    /// By block; only those that are emitted.
    labels: HashMap<BlockId, Label>,
    /// Where the handler is left.
    end: Label,
    /// Actions so far, if they are counted.
    actions: Option<Reg>,
    /// What counts the rounds of loops, where the verifier follows them.
    counters: BTreeSet<Value>,
    /// An element that is known to be there, where the current block runs.
    present: Option<Present>,
    /// By block: what its only predecessor made sure of.
    presents: HashMap<BlockId, Present>,
    /// The block that is being emitted.
    block: Option<BlockId>,
    /// Where an error of the current instruction is caught, if it is.
    catching: Option<&'a Jump>,
    /// By block where errors are caught and their message is wanted.
    landings: HashMap<BlockId, caught::Landing>,
    fault_sites: HashMap<(Fault, Span), u32>,
    fault_tails: [Option<records::FaultTail>; 2],
}

impl<'a, 's> Lower<'a, 's> {
    /// Prepares the lowering of handler number `index`; `end` is where control goes after it.
    pub(crate) fn new(
        shared: &'s mut Shared<'a>,
        em: &'s mut Emitter,
        facts: ProgramFacts,
        index: usize,
        end: Label,
    ) -> Result<Self, GenerateError> {
        let placed: &'a Placed = shared.placed;
        let handler = &placed.kernel[index];
        let body = &handler.body;
        let order = flow::reverse_postorder(body);
        let texts = Texts::place(handler, &order, facts.thrift > Thrift::None);
        let mut uses = vec![0; body.values.len()];
        let mut arithmetic = vec![false; body.values.len()];
        for block in &body.blocks {
            for inst in &block.insts {
                let mut op = inst.op.clone();
                op.for_each_use(|value| uses[value.0 as usize] += 1);
                if !memory::takes_pointers(&op) {
                    op.for_each_use(|value| arithmetic[value.0 as usize] = true);
                }
            }
            let mut term = block.term.clone();
            term.for_each_use(|value| uses[value.0 as usize] += 1);
            for jump in block.term.jumps() {
                jump.args.iter().for_each(|value| arithmetic[value.0 as usize] = true);
            }
        }
        let kept = if facts.thrift == Thrift::Longs { kept::longs(body) } else { Vec::new() };
        let labels = order.iter().map(|id| (*id, em.label())).collect();
        Ok(Lower {
            values: vec![Held::Nothing; body.values.len()],
            shared,
            em,
            facts,
            handler,
            index,
            uses,
            arithmetic,
            texts,
            kept,
            frame: None,
            order,
            labels,
            end,
            actions: None,
            counters: BTreeSet::new(),
            present: None,
            presents: HashMap::new(),
            block: None,
            catching: None,
            landings: HashMap::new(),
            fault_sites: HashMap::new(),
            fault_tails: [None, None],
        })
    }

    fn unsupported(&self, what: &str) -> GenerateError {
        GenerateError::Unsupported { what: what.to_owned(), span: self.em.span }
    }

    fn malformed(&self, what: &str) -> GenerateError {
        GenerateError::Malformed { what: what.to_owned(), span: self.em.span }
    }

    /// Runs `emit` with what it emits going to the seldom-run part.
    fn seldom<T>(&mut self, emit: impl FnOnce(&mut Self) -> T) -> T {
        self.em.begin_seldom();
        let result = emit(self);
        self.em.end_seldom();
        result
    }

    // --- values

    fn held(&self, value: Value) -> &Held {
        self.values.get(value.0 as usize).unwrap_or(&Held::Nothing)
    }

    /// Tells what a value is, once it is. A long that is kept in the frame is put there.
    fn hold(&mut self, value: Value, mut held: Held) {
        if let (Held::Long(reg), Some(place)) = (&held, self.keeping_place(value)) {
            self.em.store(Size::B8, place, Src::Reg(*reg));
            held = Held::Kept(place);
        }
        if let Some(place) = self.values.get_mut(value.0 as usize) {
            *place = held;
        }
    }

    /// The value of a constant.
    fn constant(&self, value: Value) -> Option<i64> {
        match self.held(value) {
            Held::Constant(constant) => Some(*constant),
            _ => None,
        }
    }

    /// A long as an operand: a number that fits an instruction, or a register. Of pointers the plain number.
    fn operand(&mut self, value: Value) -> Result<Src, GenerateError> {
        Ok(match self.held(value) {
            Held::Constant(constant) => match i32::try_from(*constant) {
                Ok(imm) => Src::Imm(imm),
                Err(_) => Src::Reg(self.em.fresh(Arg::Imm(*constant))),
            },
            Held::Long(reg) => Src::Reg(*reg),
            Held::Kept(place) => {
                let place = *place;
                Src::Reg(self.em.load(Size::B8, place))
            }
            Held::Pointer { plain: Some(plain), .. } => Src::Reg(*plain),
            Held::Pointer { typed, plain: None } | Held::Registers(typed) => Src::Reg(*typed),
            _ => return Err(self.malformed("a long is used that no instruction defines")),
        })
    }

    /// A long in a register that must not be written to.
    fn register(&mut self, value: Value) -> Result<Reg, GenerateError> {
        Ok(match self.operand(value)? {
            Src::Reg(reg) => reg,
            Src::Imm(imm) => self.em.fresh(Arg::Imm(i64::from(imm))),
        })
    }

    /// A copy of a long in a register of its own.
    fn copy(&mut self, value: Value) -> Result<Reg, GenerateError> {
        let src = self.operand(value)?;
        Ok(self.em.fresh(src))
    }

    /// The frame.
    fn frame(&self) -> Result<Reg, GenerateError> {
        self.frame.ok_or_else(|| self.malformed("a frame is used that was not asked for"))
    }

    /// The place of a value of type text.
    fn home(&self, value: Value) -> Result<(Mem, u32), GenerateError> {
        let home = self.texts.homes.get(value.0 as usize).copied().flatten();
        let home = home.ok_or_else(|| self.malformed("a string has no place"))?;
        Ok(match home.region {
            Region::Stack => (Mem::Stack(StackObject::Texts, home.offset as i16), home.size),
            Region::Frame => (Mem::Base(self.frame()?, (frame::FRAME_TEXTS + home.offset) as i16), home.size),
        })
    }

    fn text(&self, value: Value) -> Result<TextSource, GenerateError> {
        match self.held(value) {
            Held::Literal(bytes) => Ok(TextSource::Literal(bytes.clone())),
            Held::Text => {
                let (mem, size) = self.home(value)?;
                Ok(TextSource::Memory(mem, size))
            }
            _ => Err(self.malformed("a string is used that no instruction defines")),
        }
    }

    fn cap(&self, value: Value) -> u32 {
        cap(self.handler, value)
    }

    fn is_text(&self, value: Value) -> bool {
        self.handler.body.values.get(value.0 as usize) == Some(&Type::Text)
    }

    // --- the frame

    /// The value's field in a record has no tail.
    fn is_fixed(&self, value: Value) -> bool {
        if !self.is_text(value) {
            return true;
        }
        // Asked before code is emitted, so from what defines it.
        let ops = self.handler.body.blocks.iter().flat_map(|block| &block.insts);
        let defined = ops.filter(|inst| inst.result == Some(value)).map(|inst| &inst.op).next();
        if matches!(defined, Some(Op::Context(Context::Caught))) {
            return true;
        }
        let later = defined.is_some_and(|op| needs_no_home(op) && !matches!(op, Op::Text(_)));
        !later && self.cap(value) <= crate::texts::SHORT
    }

    /// Sets where the frame is.
    pub(crate) fn set_frame(&mut self, frame: Reg) {
        self.frame = Some(frame);
    }

    // --- the body

    /// Emits the handler. Control ends at its end.
    pub(crate) fn body(mut self) -> Result<(), GenerateError> {
        self.em.stack.need(StackObject::Texts, self.texts.stack);
        self.claim_frame(self.frame_key())?;
        let limit = self.shared.placed.limits.actions_of(&self.handler.event);
        if self.handler.loops {
            let loops = Loops::of(&self.handler.body);
            if self.shared.options.may_goto {
                self.actions = Some(self.em.obscure(Src::Imm(0)));
            } else if loops.uncounted.is_empty() && loops.fit(limit) {
                // They end before the limit by themselves.
                self.counters = loops.counters;
            } else {
                return Err(self.unsupported("a loop"));
            }
        } else if self.handler.body.blocks.iter().map(|block| u64::from(block.actions)).sum::<u64>() >= u64::from(limit)
        {
            self.actions = Some(self.em.obscure(Src::Imm(0)));
        }
        for id in self.order.clone() {
            self.block(id)?;
        }
        self.fault_tails()
    }

    fn inst(&mut self, inst: &'a Inst) -> Result<(), GenerateError> {
        self.em.span = inst.span;
        let result = inst.result;
        self.forget_present(&inst.op);
        match &inst.op {
            Op::Long(value) => self.define(result, Held::Constant(*value)),
            Op::Text(bytes) => {
                let most = (self.shared.placed.limits.string as usize).saturating_sub(1);
                self.define(result, Held::Literal(bytes[..bytes.len().min(most)].to_vec()));
            }
            Op::Unary(op, value) => self.unary(result, *op, *value)?,
            Op::Binary(op, left, right) => self.binary(result, *op, *left, *right)?,
            Op::Compare(..) => self.compare(result, &inst.op)?,
            Op::Extend { value, bits, signed } => self.extend(result, *value, *bits, *signed)?,
            Op::Concat(left, right) => self.concat(result, *left, *right)?,
            Op::Format(format, list) => self.format(result, format, list)?,
            Op::Match { text, pattern } => self.matches(result, *text, *pattern)?,
            Op::Pick { texts, index } => self.pick(result, texts, *index)?,
            Op::NoteMatch { .. } => return Err(self.unsupported("the groups of a match")),
            Op::Print(format, list) => {
                self.record(SiteKind::Print(format.clone()), list, records::Wake::Later)?;
            }
            Op::Context(context) => self.context(result, *context)?,
            Op::Argument { index, pointer } => self.argument(result, *index, *pointer)?,
            Op::Load { base, offset, width, signed, space, typed } => {
                let load = memory::Load { base: *base, offset: *offset, width: *width, signed: *signed, space: *space };
                self.load(result, load, *typed)?;
            }
            Op::ReadText { address, limit, space, fallback } => {
                self.read_text(result, *address, *limit, *space, *fallback)?;
            }
            Op::Readable { base, offset, width, space } => self.readable(result, *base, *offset, *width, *space)?,
            Op::LoadOrZero { base, offset, width, signed, space } => {
                let load = memory::Load { base: *base, offset: *offset, width: *width, signed: *signed, space: *space };
                self.load_or_zero(result, load)?;
            }
            Op::CheckRead { flag, address, space, text } => {
                let flag = self.register(*flag)?;
                let address = self.operand(*address)?;
                let fault = if *text { Fault::ReadText(*space) } else { Fault::Read(*space) };
                let failed = self.fault(fault, Some(address))?;
                self.em.branch(crate::insn::Cond::Eq, flag, Src::Imm(0), failed);
            }
            Op::Intrinsic(Intrinsic::Exit, _) => self.exit()?,
            Op::Intrinsic(Intrinsic::Error, list) => self.message(list)?,
            Op::Intrinsic(Intrinsic::SyscallName, list) => {
                let number = list.first().copied().ok_or_else(|| self.malformed("syscall_name without a number"))?;
                self.syscall_name(result, number)?;
            }
            Op::Intrinsic(intrinsic @ (Intrinsic::WriteUser | Intrinsic::WriteUserText | Intrinsic::Raise), list) => {
                self.interfere(result, *intrinsic, list)?;
            }
            Op::Intrinsic(Intrinsic::Verdict, list) => {
                let given = list.first().copied().ok_or_else(|| self.malformed("a verdict without a number"))?;
                self.verdict(result, given)?;
            }
            Op::Intrinsic(Intrinsic::Random, _) => {
                let random = self.em.call_for(crate::insn::Helper::Prandom32, &[]);
                if let Some(result) = result {
                    self.hold(result, Held::Long(random));
                }
            }
            Op::Intrinsic(other, list) => {
                if !self.text_function(result, *other, list)? {
                    return Err(self.unsupported(&format!("{}()", other.signature().name)));
                }
            }
            Op::Get(global) => self.get(result, *global)?,
            Op::Set(global, value) => self.set(*global, *value)?,
            Op::Add(global, value) => self.add(result, *global, *value)?,
            Op::Clear(global) => self.clear(*global)?,
            Op::ElementGet(global, keys) => self.element_get(result, *global, keys)?,
            Op::ElementSet(global, keys, value) => self.element_set(*global, keys, *value)?,
            Op::ElementAdd(global, keys, value) => self.element_add(result, *global, keys, *value)?,
            Op::ElementDelete(global, keys) => self.element_delete(*global, keys)?,
            Op::Contains(global, keys) => self.contains(result, *global, keys)?,
            Op::Accumulate(global, keys, value) => self.accumulate(*global, keys, *value)?,
            Op::Call(..) => return Err(self.unsupported("a call that was not inlined")),
            Op::Aggregate(global, keys, function) => self.ask(result, *global, keys, *function)?,
            Op::Bucket(..) | Op::HistogramText(..) => {
                return Err(self.unsupported("asking an aggregate"));
            }
            Op::Iterate { .. } | Op::Advance(_) | Op::CursorKey(..) | Op::CursorValue(_) => {
                return Err(self.unsupported("foreach"));
            }
            Op::ContainsSlice(..) | Op::DeleteSlice(..) => return Err(self.unsupported("a slice of an array")),
        }
        Ok(())
    }

    fn define(&mut self, result: Option<Value>, held: Held) {
        if let Some(result) = result {
            self.hold(result, held);
        }
    }

    /// The size of a load of that width.
    fn size(width: Width) -> Size {
        match width {
            Width::W1 => Size::B1,
            Width::W2 => Size::B2,
            Width::W4 => Size::B4,
            Width::W8 => Size::B8,
        }
    }

    /// The field of a record that carries a value.
    fn field(&self, value: Value) -> Field {
        match self.held(value) {
            Held::Later(Context::SyscallArguments) => Field::SyscallArguments,
            Held::Caught(_) => Field::Caught,
            Held::Later(_) => Field::Stack,
            _ if !self.is_text(value) => Field::Long,
            _ if self.cap(value) <= crate::texts::SHORT => Field::ShortText(crate::texts::room(self.cap(value))),
            _ => Field::Text,
        }
    }

    /// The word of the words' array at that index.
    fn word(&mut self, index: u32) -> Mem {
        let dst = self.em.reg();
        let map = self.shared.maps.words;
        self.em.push(crate::code::Code::MapRef { dst, map, offset: Some(8 * index) });
        after(Mem::Base(dst, 0), 0)
    }
}
