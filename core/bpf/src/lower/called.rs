//! The arguments of a function where a program is given the registers only: by the calling convention of x86-64 (System V ABI, 3.2.3),
//! at the entry from registers and the caller's stack, at the return from what a program at the entry kept.
//!
//! Must never be asked of a function whose arguments lie otherwise: see [`Called::of`].

use systap_ir::graph::{Op, Value};
use systap_ir::placed::Placed;
use systap_ir::program::{Event, REGISTERS};

use super::{Held, Lower};
use crate::code::{Code, Mem, Reg, Src, StackObject};
use crate::emitter::{Arg, Emitter};
use crate::insn::{AluOp, Helper, Size};

/// The words of `struct pt_regs` (arch/x86/include/asm/ptrace.h) that the first arguments are in: di, si, dx, cx, r8, r9.
const ARGUMENTS: [u32; 6] = [14, 13, 12, 11, 9, 8];
/// What was returned: ax.
const RETURNED: u32 = 10;
/// The stack pointer. At a function's entry the return address is there; at its return that has been taken off.
const STACK_POINTER: u32 = 19;

/// A function as its registers tell it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Called {
    /// How many words its arguments take.
    words: u32,
    /// This is its return.
    returns: bool,
    /// On return: the map of what the entries kept, if the handlers ask for arguments.
    pub(crate) entries: Option<u32>,
    /// The address of what this call's entry kept.
    kept: Option<Reg>,
}

/// Whether handlers ask for registers, which an attachment by type does not have.
pub(crate) fn asks_for_registers(placed: &Placed, handler: usize) -> bool {
    let Some(handler) = placed.kernel.get(handler) else { return false };
    let mut insts = handler.body.blocks.iter().flat_map(|block| &block.insts);
    matches!(handler.event, Event::KernelFunction { .. })
        && insts.any(|inst| matches!(inst.op, Op::Argument { index, .. } if index >= REGISTERS))
}

impl Called {
    /// How the handlers of a function's point find its arguments, and how many words of them they ask for; `None` if that is not told
    /// by the registers: arguments that take several words go to the stack as a whole, so that what follows them is not where it is
    /// counted.
    pub(crate) fn of(placed: &Placed, handlers: &[usize]) -> Option<(Called, u32)> {
        let first = placed.kernel.get(*handlers.first()?)?;
        let Event::KernelFunction { words, structs, returns, .. } = &first.event else { return None };
        let handlers = handlers.iter().filter_map(|index| placed.kernel.get(*index));
        let insts = handlers.flat_map(|handler| &handler.body.blocks).flat_map(|block| &block.insts);
        let indexes = insts.filter_map(|inst| match inst.op {
            Op::Argument { index, .. } if index < *words => Some(index + 1),
            _ => None,
        });
        let asked = indexes.max().unwrap_or(0);
        let told = !structs || *words as usize <= ARGUMENTS.len() || asked == 0;
        told.then_some((Called { words: *words, returns: *returns, entries: None, kept: None }, asked))
    }
}

/// A word of `struct pt_regs`.
fn register(em: &mut Emitter, context: Reg, word: u32) -> Reg {
    em.load(Size::B8, Mem::Base(context, (8 * word) as i16))
}

/// An argument at the entry.
fn at_entry(em: &mut Emitter, context: Reg, index: u32) -> Reg {
    if let Some(word) = ARGUMENTS.get(index as usize) {
        return register(em, context, *word);
    }
    // The first is behind the return address.
    let address = register(em, context, STACK_POINTER);
    em.alu(AluOp::Add, address, Src::Imm(8 * (index as i32 - ARGUMENTS.len() as i32 + 1)));
    em.stack.need(StackObject::Read, 8);
    let read = Mem::Stack(StackObject::Read, 0);
    em.call(Helper::ProbeReadKernel, &[Arg::Address(read), Arg::Imm(8), Arg::Reg(address)]);
    em.load(Size::B8, read)
}

/// The stack pointer at the return, as a key.
fn key(em: &mut Emitter, context: Reg, returns: bool) -> Mem {
    let pointer = register(em, context, STACK_POINTER);
    if !returns {
        em.alu(AluOp::Add, pointer, Src::Imm(8));
    }
    em.stack.need(StackObject::Key, 8);
    let key = Mem::Stack(StackObject::Key, 0);
    em.store(Size::B8, key, Src::Reg(pointer));
    key
}

/// The program at the entry, which keeps so many words of the arguments for that at the return.
pub(crate) fn keeper(span: systap_diagnostics::Span, entries: u32, words: u32) -> Emitter {
    let mut em = Emitter::new(span);
    let context = em.fresh(Arg::Reg(Reg::R1));
    em.stack.need(StackObject::Cell, 8 * words);
    for index in 0..words {
        let argument = at_entry(&mut em, context, index);
        em.store(Size::B8, Mem::Stack(StackObject::Cell, (8 * index) as i16), Src::Reg(argument));
    }
    let key = key(&mut em, context, false);
    let cell = Mem::Stack(StackObject::Cell, 0);
    em.call(Helper::MapUpdate, &[Arg::Map(entries), Arg::Address(key), Arg::Address(cell), Arg::Imm(0)]);
    em.mov(Reg::R0, Arg::Imm(0));
    em.push(Code::Exit);
    em
}

impl Called {
    /// Looks for what this call's entry kept; control goes to `leave` if that is nothing: the call began before the probes were in
    /// place, or there was no room.
    pub(crate) fn find(&mut self, em: &mut Emitter, context: Reg, leave: crate::code::Label) {
        let Some(entries) = self.entries else { return };
        let key = key(em, context, true);
        let kept = em.call_for(Helper::MapLookup, &[Arg::Map(entries), Arg::Address(key)]);
        em.branch(crate::insn::Cond::Eq, kept, Src::Imm(0), leave);
        self.kept = Some(kept);
    }

    /// Forgets it.
    pub(crate) fn forget(&self, em: &mut Emitter, context: Reg) {
        let Some(entries) = self.entries else { return };
        let key = key(em, context, true);
        em.call(Helper::MapDelete, &[Arg::Map(entries), Arg::Address(key)]);
    }
}

impl Lower<'_, '_> {
    /// An argument of the function, or what it returned.
    pub(super) fn called_argument(&mut self, called: Called, result: Value, index: u32) {
        let context = self.facts.context;
        let value = match called.kept {
            _ if index >= REGISTERS => register(self.em, context, index - REGISTERS),
            _ if called.returns && index == called.words => register(self.em, context, RETURNED),
            Some(kept) => self.em.load(Size::B8, Mem::Base(kept, (8 * index) as i16)),
            None => at_entry(self.em, context, index),
        };
        self.hold(result, Held::Long(value));
    }
}
