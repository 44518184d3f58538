//! Emission of code: fresh registers and labels, calls with their arguments, the seldom-run part kept apart.
//!
//! Must never know of the script's language. What is emitted while [`Emitter::seldom`] runs goes behind all the rest.

use systap_diagnostics::Span;

use crate::assembler::Stack;
use crate::code::{Code, Counter, Label, Line, Mem, Reg, Src, StackObject};
use crate::insn::{AluOp, Cond, Helper, Size};

/// The code of one program while it grows.
pub(crate) struct Emitter {
    often: Vec<Line>,
    /// The seldom-run part as far as it is complete.
    seldom: Vec<Line>,
    /// Pieces of the seldom-run part that are being emitted, one within another.
    pieces: Vec<Vec<Line>>,
    next_register: u32,
    next_label: u32,
    /// Where what is emitted comes from.
    pub(crate) span: Span,
    /// The stack objects.
    pub(crate) stack: Stack,
}

/// An argument of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Arg {
    Reg(Reg),
    Imm(i64),
    Map(u32),
    /// The address of a place in memory.
    Address(Mem),
}

impl From<Src> for Arg {
    fn from(src: Src) -> Arg {
        match src {
            Src::Reg(reg) => Arg::Reg(reg),
            Src::Imm(imm) => Arg::Imm(i64::from(imm)),
        }
    }
}

/// A place some bytes after another.
pub(crate) fn after(mem: Mem, bytes: u32) -> Mem {
    match mem {
        Mem::Base(base, offset) => Mem::Base(base, offset + bytes as i16),
        Mem::Stack(object, offset) => Mem::Stack(object, offset + bytes as i16),
    }
}

impl Emitter {
    pub(crate) fn new(span: Span) -> Emitter {
        Emitter {
            often: Vec::new(),
            seldom: Vec::new(),
            pieces: Vec::new(),
            next_register: Reg::VIRTUAL,
            next_label: 0,
            span,
            stack: Stack::default(),
        }
    }

    /// The code, how many registers it names, and its stack objects.
    pub(crate) fn finish(mut self) -> (Vec<Line>, u32, Stack) {
        self.often.append(&mut self.seldom);
        (self.often, self.next_register, self.stack)
    }

    pub(crate) fn reg(&mut self) -> Reg {
        self.next_register += 1;
        Reg(self.next_register - 1)
    }

    pub(crate) fn label(&mut self) -> Label {
        self.next_label += 1;
        Label(self.next_label - 1)
    }

    pub(crate) fn push(&mut self, code: Code) {
        let line = Line { code, span: self.span, cold: !self.pieces.is_empty() };
        self.pieces.last_mut().unwrap_or(&mut self.often).push(line);
    }

    /// What is emitted until [`Emitter::end_seldom`] goes to the seldom-run part; it must end in a jump.
    pub(crate) fn begin_seldom(&mut self) {
        self.pieces.push(Vec::new());
    }

    /// Ends the innermost piece of the seldom-run part.
    pub(crate) fn end_seldom(&mut self) {
        if let Some(mut piece) = self.pieces.pop() {
            self.seldom.append(&mut piece);
        }
    }

    pub(crate) fn place(&mut self, label: Label) {
        self.push(Code::Label(label));
    }

    pub(crate) fn mov(&mut self, dst: Reg, src: impl Into<Arg>) {
        match src.into() {
            Arg::Reg(src) => self.push(Code::mov(dst, src)),
            Arg::Imm(value) => self.push(Code::Imm64 { dst, value }),
            Arg::Map(map) => self.push(Code::MapRef { dst, map, offset: None }),
            Arg::Address(Mem::Stack(object, offset)) => self.push(Code::StackAddress { dst, object, offset }),
            Arg::Address(Mem::Base(base, offset)) => {
                self.push(Code::mov(dst, base));
                if offset != 0 {
                    self.alu(AluOp::Add, dst, Src::Imm(i32::from(offset)));
                }
            }
        }
    }

    /// A fresh register with this in it.
    pub(crate) fn fresh(&mut self, src: impl Into<Arg>) -> Reg {
        let dst = self.reg();
        self.mov(dst, src);
        dst
    }

    pub(crate) fn alu(&mut self, op: AluOp, dst: Reg, src: Src) {
        self.push(Code::Alu { wide: true, op, dst, src, signed: false });
    }

    pub(crate) fn load(&mut self, size: Size, mem: Mem) -> Reg {
        let dst = self.reg();
        self.push(Code::Load { size, dst, mem });
        dst
    }

    /// Stores a register or a number.
    pub(crate) fn store(&mut self, size: Size, mem: Mem, src: Src) {
        match src {
            Src::Reg(src) => self.push(Code::Store { size, mem, src }),
            Src::Imm(imm) => self.push(Code::StoreImm { size, mem, imm }),
        }
    }

    pub(crate) fn branch(&mut self, cond: Cond, left: Reg, right: Src, to: Label) {
        self.push(Code::Branch { cond, wide: true, left, right, to });
    }

    pub(crate) fn jump(&mut self, to: Label) {
        self.push(Code::Jump { to });
    }

    /// Calls a helper; what it returns is in r0.
    pub(crate) fn call(&mut self, helper: Helper, args: &[Arg]) {
        for (number, arg) in args.iter().enumerate() {
            self.mov(Reg(number as u32 + 1), *arg);
        }
        self.push(Code::Call { helper, args: args.len() as u8 });
    }

    /// Calls a helper; what it returns is in the register given.
    pub(crate) fn call_for(&mut self, helper: Helper, args: &[Arg]) -> Reg {
        self.call(helper, args);
        self.fresh(Arg::Reg(Reg::R0))
    }

    /// The address of the value at an index of an array map, or 0.
    pub(crate) fn array_entry(&mut self, map: u32, index: Index) -> Reg {
        let place = Mem::Stack(StackObject::Index, 0);
        self.stack.need(StackObject::Index, 4);
        match index {
            Index::Known(imm) => self.store(Size::B4, place, Src::Imm(imm as i32)),
            Index::Reg(reg) => self.store(Size::B4, place, Src::Reg(reg)),
            Index::Counter(counter) => self.push(Code::StoreCounter { mem: place, counter }),
        }
        self.call_for(Helper::MapLookup, &[Arg::Map(map), Arg::Address(place)])
    }

    /// Adds 1 to an entry of a per-CPU array; only one program, which never interrupts itself, adds to it.
    pub(crate) fn count(&mut self, map: u32, index: Index) {
        let entry = self.array_entry(map, index);
        let absent = self.label();
        self.branch(Cond::Eq, entry, Src::Imm(0), absent);
        let count = self.load(Size::B8, Mem::Base(entry, 0));
        self.alu(AluOp::Add, count, Src::Imm(1));
        self.store(Size::B8, Mem::Base(entry, 0), Src::Reg(count));
        self.place(absent);
    }

    /// The same number, of which the verifier knows nothing: not its range, nor that it is a pointer.
    ///
    /// It goes through memory that an atomic instruction wrote, whose contents the verifier does not follow.
    pub(crate) fn obscure(&mut self, value: Src) -> Reg {
        let veil = Mem::Stack(StackObject::Veil, 0);
        self.stack.need(StackObject::Veil, 8);
        let src = match value {
            Src::Reg(reg) => reg,
            Src::Imm(imm) => self.fresh(Arg::Imm(i64::from(imm))),
        };
        self.store(Size::B8, veil, Src::Imm(0));
        self.push(Code::AtomicAdd { mem: veil, src, fetch: false });
        self.load(Size::B8, veil)
    }
}

impl From<Reg> for Arg {
    fn from(reg: Reg) -> Arg {
        Arg::Reg(reg)
    }
}

/// An index into an array map.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Index {
    Known(u32),
    Reg(Reg),
    Counter(Counter),
}
