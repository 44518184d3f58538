//! Loads from kernel and user memory, arguments of the event, and the two faces of a typed pointer.
//!
//! Must never follow a pointer that is not of BTF's but by a helper that survives a fault.

use systap_ir::graph::{Op, Value};
use systap_ir::program::{Event, Space, Width};

use super::{Held, Lower};
use crate::artifact::Fault;
use crate::code::{Mem, Reg, Src, StackObject};
use crate::emitter::Arg;
use crate::error::GenerateError;
use crate::insn::{AluOp, Cond, Helper, Size};

/// A load, as [`Op::Load`] has it.
pub(super) struct Load {
    pub(super) base: Value,
    pub(super) offset: i64,
    pub(super) width: Width,
    pub(super) signed: bool,
    pub(super) space: Space,
}

/// The operation can work on pointers of BTF's as they are: it follows them, copies or compares them.
pub(super) fn takes_pointers(op: &Op) -> bool {
    // A limit is calculated with, an address is not.
    matches!(op, Op::Load { typed: true, .. } | Op::Print(..) | Op::Set(..) | Op::ReadText { limit: None, .. })
}

impl Lower<'_, '_> {
    pub(super) fn argument(&mut self, result: Option<Value>, index: u32, pointer: bool) -> Result<(), GenerateError> {
        let Some(result) = result else { return Ok(()) };
        if let Some(called) = self.facts.called {
            self.called_argument(called, result, index);
            return Ok(());
        }
        let loaded = self.em.load(Size::B8, Mem::Base(self.facts.context, (8 * index) as i16));
        let syscall = matches!(self.handler.event, Event::SyscallEntry(_) | Event::SyscallReturn(_));
        if pointer && self.facts.typed && syscall && index == 0 && !self.arithmetic[result.0 as usize] {
            self.hold(result, Held::Registers(loaded));
        } else if pointer && self.facts.typed {
            self.hold_pointer(result, loaded);
        } else if self.facts.typed {
            // It may be a pointer to the verifier all the same.
            let number = syscall && index == 1 || !self.arithmetic[result.0 as usize];
            let plain = if number { loaded } else { self.em.obscure(Src::Reg(loaded)) };
            self.hold(result, Held::Long(plain));
        } else {
            self.hold(result, Held::Long(loaded));
        }
        Ok(())
    }

    /// Keeps a typed pointer, and its number if that is needed.
    pub(super) fn hold_pointer(&mut self, result: Value, typed: Reg) {
        let needed = self.arithmetic[result.0 as usize];
        let plain = needed.then(|| self.em.obscure(Src::Reg(typed)));
        self.hold(result, Held::Pointer { typed, plain });
    }

    pub(super) fn load(&mut self, result: Option<Value>, load: Load, typed: bool) -> Result<(), GenerateError> {
        let direct = typed && load.space == Space::Kernel && i16::try_from(load.offset).is_ok();
        let base = match self.held(load.base) {
            Held::Pointer { typed, .. } if direct => Some((*typed, false)),
            Held::Registers(typed) if direct => Some((*typed, true)),
            _ => None,
        };
        let loaded = match base {
            Some((base, true)) => self.em.load(Self::size(load.width), Mem::Base(base, load.offset as i16)),
            Some((base, false)) => {
                // A null pointer's load gives 0 where the kernel lets it; here it is an error.
                let at = i32::try_from(load.offset).unwrap_or_default();
                let null = self.fault(Fault::Read(Space::Kernel), Some(Src::Imm(at)))?;
                self.em.branch(Cond::Eq, base, Src::Imm(0), null);
                self.em.load(Self::size(load.width), Mem::Base(base, load.offset as i16))
            }
            None => {
                let (address, failed) = self.probe(load.base, load.offset, load.width, load.space)?;
                let fault = self.fault(Fault::Read(load.space), Some(Src::Reg(address)))?;
                self.em.branch(Cond::Ne, failed, Src::Imm(0), fault);
                self.em.load(Self::size(load.width), Mem::Stack(StackObject::Read, 0))
            }
        };
        let Some(result) = result else { return Ok(()) };
        if matches!(base, Some((_, false))) && load.width == Width::W8 {
            // Perhaps a pointer again.
            self.hold_pointer(result, loaded);
            return Ok(());
        }
        let bits = (8 * load.width.bytes()) as u8;
        let value = if load.signed { self.extended(loaded, bits, true) } else { loaded };
        self.hold(result, Held::Long(value));
        Ok(())
    }

    /// Reads memory to the stack; gives the address and what the helper returned: 0 if it worked.
    fn probe(&mut self, base: Value, offset: i64, width: Width, space: Space) -> Result<(Reg, Reg), GenerateError> {
        let mut address = self.register(base)?;
        if offset != 0 {
            address = self.em.fresh(Arg::Reg(address));
            let offset = match i32::try_from(offset) {
                Ok(imm) => Src::Imm(imm),
                Err(_) => Src::Reg(self.em.fresh(Arg::Imm(offset))),
            };
            self.em.alu(AluOp::Add, address, offset);
        }
        let read = Mem::Stack(StackObject::Read, 0);
        self.em.stack.need(StackObject::Read, 8);
        let size = Arg::Imm(i64::from(width.bytes()));
        let failed = self.em.call_for(reader(space), &[Arg::Address(read), size, Arg::Reg(address)]);
        Ok((address, failed))
    }

    pub(super) fn readable(
        &mut self,
        result: Option<Value>,
        base: Value,
        offset: i64,
        width: Width,
        space: Space,
    ) -> Result<(), GenerateError> {
        let Some(result) = result else { return Ok(()) };
        let (_, failed) = self.probe(base, offset, width, space)?;
        // 0 or minus an error: the sign says which, without a branch that the verifier would follow both ways.
        self.em.alu(AluOp::Rsh, failed, Src::Imm(63));
        self.em.alu(AluOp::Xor, failed, Src::Imm(1));
        self.hold(result, Held::Long(failed));
        Ok(())
    }

    /// What can be read; what a read that fails leaves is zeros.
    pub(super) fn load_or_zero(&mut self, result: Option<Value>, load: Load) -> Result<(), GenerateError> {
        let Some(result) = result else { return Ok(()) };
        self.probe(load.base, load.offset, load.width, load.space)?;
        let loaded = self.em.load(Self::size(load.width), Mem::Stack(StackObject::Read, 0));
        let bits = (8 * load.width.bytes()) as u8;
        let value = if load.signed { self.extended(loaded, bits, true) } else { loaded };
        self.hold(result, Held::Long(value));
        Ok(())
    }

    /// The current task, typed.
    pub(super) fn task(&mut self) -> Reg {
        match self.facts.task {
            Some(task) => task,
            None => self.em.call_for(Helper::CurrentTaskBtf, &[]),
        }
    }

    /// Loads through the current task: a member of its `task_struct`, or of what a pointer member points to.
    pub(super) fn task_member(&mut self, path: &[u32], size: Size) -> Result<Reg, GenerateError> {
        if self.facts.typed {
            let mut reg = self.task();
            for (step, offset) in path.iter().enumerate() {
                let size = if step + 1 == path.len() { size } else { Size::B8 };
                reg = self.em.load(size, Mem::Base(reg, *offset as i16));
            }
            return Ok(reg);
        }
        let mut reg = self.em.call_for(Helper::CurrentTask, &[]);
        let read = Mem::Stack(StackObject::Read, 0);
        self.em.stack.need(StackObject::Read, 8);
        for (step, offset) in path.iter().enumerate() {
            let size = if step + 1 == path.len() { size } else { Size::B8 };
            let bytes = match size {
                Size::B1 => 1,
                Size::B2 => 2,
                Size::B4 => 4,
                Size::B8 => 8,
            };
            self.em.alu(AluOp::Add, reg, Src::Imm(*offset as i32));
            // A task's own members can be read; what a failed read leaves is zeros.
            self.em.call(Helper::ProbeReadKernel, &[Arg::Address(read), Arg::Imm(bytes), Arg::Reg(reg)]);
            reg = self.em.load(size, read);
        }
        Ok(reg)
    }
}

/// The helper that reads memory.
pub(super) fn reader(space: Space) -> Helper {
    match space {
        Space::Kernel => Helper::ProbeReadKernel,
        Space::User => Helper::ProbeReadUser,
    }
}
