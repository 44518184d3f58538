//! The code before registers are chosen: BPF instructions over virtual registers, labels and stack objects.
//!
//! Must never know of scripts, only of the machine. Everything that an instruction reads and writes is told by
//! [`Code::visit`], which liveness and allocation rest on.

use systap_diagnostics::Span;

use crate::insn::{AluOp, Cond, Helper, Size};

/// A register: 0 to 10 are the machine's, from [`Reg::VIRTUAL`] on they are virtual.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Reg(pub(crate) u32);

impl Reg {
    /// What a call returns.
    pub(crate) const R0: Reg = Reg(0);
    /// The context at entry; the first argument of a call.
    pub(crate) const R1: Reg = Reg(1);
    /// The end of the stack.
    pub(crate) const FRAME_POINTER: Reg = Reg(10);
    /// The first virtual register.
    pub(crate) const VIRTUAL: u32 = 16;

    pub(crate) fn is_virtual(self) -> bool {
        self.0 >= Reg::VIRTUAL
    }
}

/// A place in the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Label(pub(crate) u32);

/// Things on the stack. All but spilled registers are alive only within one operation, except the texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum StackObject {
    /// The key of a table.
    Key,
    /// The value to put into a table.
    Cell,
    /// An index into an array map.
    Index,
    /// Where a read from memory goes.
    Read,
    /// What the verifier is to forget about a value: see `obscure`.
    Veil,
    /// Values of type text.
    Texts,
    /// A register that found no place.
    Spill(u32),
}

/// A place in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mem {
    /// Off a register.
    Base(Reg, i16),
    /// Off the start of a stack object.
    Stack(StackObject, i16),
}

/// A second operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Src {
    Reg(Reg),
    Imm(i32),
}

/// A counter whose number is known once all sites are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Counter {
    /// Records of this site that found no room.
    Site(u32),
    /// Skipped hits of this handler.
    Skipped(u32),
    /// Handled hits of this handler.
    Hits(u32),
}

/// An instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    Alu {
        wide: bool,
        op: AluOp,
        dst: Reg,
        src: Src,
        signed: bool,
    },
    /// `dst = src`, its low `bits` sign-extended (instruction set version 4).
    Sext {
        bits: u8,
        dst: Reg,
        src: Reg,
    },
    Negate {
        dst: Reg,
    },
    /// Reverses the bytes of a word.
    BigEndian {
        dst: Reg,
    },
    Imm64 {
        dst: Reg,
        value: i64,
    },
    /// A map (`offset` none), or the address of a byte of its value 0.
    MapRef {
        dst: Reg,
        map: u32,
        offset: Option<u32>,
    },
    StackAddress {
        dst: Reg,
        object: StackObject,
        offset: i16,
    },
    Load {
        size: Size,
        dst: Reg,
        mem: Mem,
    },
    Store {
        size: Size,
        mem: Mem,
        src: Reg,
    },
    StoreImm {
        size: Size,
        mem: Mem,
        imm: i32,
    },
    /// Writes the number of a counter, 4 bytes.
    StoreCounter {
        mem: Mem,
        counter: Counter,
    },
    /// Adds 8 bytes atomically; with `fetch`, `src` becomes the old value.
    AtomicAdd {
        mem: Mem,
        src: Reg,
        fetch: bool,
    },
    Call {
        helper: Helper,
        args: u8,
    },
    Jump {
        to: Label,
    },
    Branch {
        cond: Cond,
        wide: bool,
        left: Reg,
        right: Src,
        to: Label,
    },
    /// Leaves a loop when the kernel thinks that it has run long enough.
    MayGoto {
        to: Label,
    },
    Label(Label),
    Exit,
}

/// An instruction and where it comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) code: Code,
    pub(crate) span: Span,
    /// Seldom run: registers are not to be spent on it.
    pub(crate) cold: bool,
}

/// What an instruction does with a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Use,
    Def,
    /// Reads, then writes.
    Both,
}

impl Code {
    /// `dst = src`, 64 bits.
    pub(crate) fn mov(dst: Reg, src: Reg) -> Code {
        Code::Alu { wide: true, op: AluOp::Mov, dst, src: Src::Reg(src), signed: false }
    }

    /// `(dst, src)` of a 64-bit copy between registers.
    pub(crate) fn as_move(&self) -> Option<(Reg, Reg)> {
        match self {
            Code::Alu { wide: true, op: AluOp::Mov, dst, src: Src::Reg(src), .. } => Some((*dst, *src)),
            _ => None,
        }
    }

    /// Calls `each` on every register that it names, uses before definitions; what a call does to r0–r5 included.
    pub(crate) fn visit(&mut self, each: &mut impl FnMut(&mut Reg, Role)) {
        match self {
            Code::Alu { op, dst, src, .. } => {
                if let Src::Reg(src) = src {
                    each(src, Role::Use);
                }
                each(dst, if *op == AluOp::Mov { Role::Def } else { Role::Both });
            }
            Code::Sext { dst, src, .. } => {
                each(src, Role::Use);
                each(dst, Role::Def);
            }
            Code::Negate { dst } | Code::BigEndian { dst } => each(dst, Role::Both),
            Code::Imm64 { dst, .. } | Code::MapRef { dst, .. } | Code::StackAddress { dst, .. } => {
                each(dst, Role::Def);
            }
            Code::Load { dst, mem, .. } => {
                if let Mem::Base(base, _) = mem {
                    each(base, Role::Use);
                }
                each(dst, Role::Def);
            }
            Code::Store { mem, src, .. } => {
                if let Mem::Base(base, _) = mem {
                    each(base, Role::Use);
                }
                each(src, Role::Use);
            }
            Code::StoreImm { mem, .. } | Code::StoreCounter { mem, .. } => {
                if let Mem::Base(base, _) = mem {
                    each(base, Role::Use);
                }
            }
            Code::AtomicAdd { mem, src, fetch } => {
                if let Mem::Base(base, _) = mem {
                    each(base, Role::Use);
                }
                each(src, if *fetch { Role::Both } else { Role::Use });
            }
            Code::Call { args, .. } => {
                for arg in 1..=u32::from(*args) {
                    each(&mut Reg(arg), Role::Use);
                }
                for clobbered in 0..=5 {
                    each(&mut Reg(clobbered), Role::Def);
                }
            }
            Code::Branch { left, right, .. } => {
                each(left, Role::Use);
                if let Src::Reg(right) = right {
                    each(right, Role::Use);
                }
            }
            Code::Exit => each(&mut Reg(0), Role::Use),
            Code::Jump { .. } | Code::MayGoto { .. } | Code::Label(_) => {}
        }
    }

    /// Where it may jump.
    pub(crate) fn target(&self) -> Option<Label> {
        match self {
            Code::Jump { to } | Code::Branch { to, .. } | Code::MayGoto { to } => Some(*to),
            _ => None,
        }
    }

    /// The same, to be changed.
    pub(crate) fn target_mut(&mut self) -> Option<&mut Label> {
        match self {
            Code::Jump { to } | Code::Branch { to, .. } | Code::MayGoto { to } => Some(to),
            _ => None,
        }
    }

    /// Control does not go on to the next instruction.
    pub(crate) fn ends_flow(&self) -> bool {
        matches!(self, Code::Jump { .. } | Code::Exit)
    }

    /// The register that it writes and that is all it does.
    pub(crate) fn only_defines(&self) -> Option<Reg> {
        match self {
            Code::Alu { dst, .. }
            | Code::Sext { dst, .. }
            | Code::Negate { dst }
            | Code::BigEndian { dst }
            | Code::Imm64 { dst, .. }
            | Code::MapRef { dst, .. }
            | Code::StackAddress { dst, .. }
            | Code::Load { dst, .. } => Some(*dst),
            _ => None,
        }
    }

    /// The memory that it names.
    pub(crate) fn mem(&self) -> Option<Mem> {
        match self {
            Code::Load { mem, .. }
            | Code::Store { mem, .. }
            | Code::StoreImm { mem, .. }
            | Code::StoreCounter { mem, .. }
            | Code::AtomicAdd { mem, .. } => Some(*mem),
            _ => None,
        }
    }
}
