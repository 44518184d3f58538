//! What is particular to system calls: their numbers, 32-bit calls, names, arguments.
//!
//! Must never take the number of a 32-bit call for one of the native table.

use systap_ir::graph::Value;
use systap_ir::program::{Event, SyscallSet};

use super::records::ARGUMENT_TEXT;
use super::{Held, Lower};
use crate::code::{Code, Label, Mem, Reg, Src, StackObject};
use crate::emitter::{Arg, after};
use crate::error::GenerateError;
use crate::insn::{AluOp, Cond, Helper, Size};

/// `TS_COMPAT` of arch/x86/include/asm/thread_info.h: within a 32-bit system call.
const COMPAT: i32 = 2;
/// Bytes of a name in the table of names.
const NAME: u32 = 32;
/// What a 32-bit call's number in a record is increased by.
const COMPAT_NUMBER: i64 = 1 << 32;

impl Lower<'_, '_> {
    /// Jumps if the current system call is a 32-bit one; nothing where the kernel's types do not tell.
    pub(crate) fn if_compat(&mut self, to: Label) -> Result<(), GenerateError> {
        let Some(status) = self.shared.layout.task_status else { return Ok(()) };
        let status = self.task_member(&[status], Size::B4)?;
        self.em.branch(Cond::Set, status, Src::Imm(COMPAT), to);
        Ok(())
    }

    pub(super) fn syscall_name(&mut self, result: Option<Value>, number: Value) -> Result<(), GenerateError> {
        let Some(result) = result else { return Ok(()) };
        let (to, size) = self.home(result)?;
        let cap = self.cap(result);
        if let Some(number) = self.constant(number) {
            let names = self.shared.options.syscall_names;
            let known = names.iter().find(|(other, _)| i64::from(*other) == number);
            let name = known.map_or_else(|| format!("syscall_{number}"), |(_, name)| (*name).to_owned());
            self.copy_text(to, size, cap, &super::TextSource::Literal(name.into_bytes()));
            self.hold(result, Held::Text);
            return Ok(());
        }
        let number = self.register(number)?;
        let table = self.name_table();
        let (unknown, compat, done) = (self.em.label(), self.em.label(), self.em.label());
        let in_call =
            matches!(self.handler.event, Event::SyscallEntry(SyscallSet::All) | Event::SyscallReturn(SyscallSet::All));
        if in_call {
            self.if_compat(compat)?;
        }
        self.em.branch(Cond::Ge, number, Src::Imm(table.entries as i32), unknown);
        let name = self.indexed(table.map, number, table.entries, NAME.trailing_zeros());
        let first = self.em.load(Size::B1, Mem::Base(name, 0));
        self.em.branch(Cond::Eq, first, Src::Imm(0), unknown);
        self.copy_text(to, size, cap, &super::TextSource::Memory(Mem::Base(name, 0), NAME));
        self.seldom(|lower| {
            lower.em.place(unknown);
            lower.numbered(to, size, cap, "syscall_%lld", number);
            lower.em.jump(done);
            if in_call {
                lower.em.place(compat);
                lower.numbered(to, size, cap, "ia32:%lld", number);
                lower.em.jump(done);
            }
        });
        self.em.place(done);
        self.hold(result, Held::Text);
        Ok(())
    }

    /// Writes a text that has a number in it.
    fn numbered(&mut self, to: Mem, size: u32, cap: u32, format: &str, number: Reg) {
        let mut contents = format.as_bytes().to_vec();
        contents.push(0);
        let map = self.shared.maps.table("format", contents);
        let dst = self.em.reg();
        self.em.push(Code::MapRef { dst, map, offset: Some(0) });
        self.em.stack.need(StackObject::Cell, 8);
        let cell = Mem::Stack(StackObject::Cell, 0);
        self.em.store(Size::B8, cell, Src::Reg(number));
        self.zero(to, size);
        let bytes = Arg::Imm(i64::from(cap.min(size)));
        self.em.call(Helper::Snprintf, &[Arg::Address(to), bytes, Arg::Reg(dst), Arg::Address(cell), Arg::Imm(8)]);
    }

    /// The address of an entry of `1 << shift` bytes in a table whose `entries` are a power of two. The verifier sees from
    /// the mask that it is inside, whatever it has forgotten of comparisons.
    fn indexed(&mut self, map: u32, number: Reg, entries: u32, shift: u32) -> Reg {
        let offset = self.em.fresh(Arg::Reg(number));
        self.em.alu(AluOp::And, offset, Src::Imm(entries as i32 - 1));
        if shift > 0 {
            self.em.alu(AluOp::Lsh, offset, Src::Imm(shift as i32));
        }
        let dst = self.em.reg();
        self.em.push(Code::MapRef { dst, map, offset: Some(0) });
        self.em.alu(AluOp::Add, dst, Src::Reg(offset));
        dst
    }

    fn name_table(&mut self) -> Table {
        let names = self.shared.options.syscall_names;
        let entries = names.iter().map(|(number, _)| number + 1).max().unwrap_or(1).min(1 << 12).next_power_of_two();
        let mut contents = vec![0; (entries * NAME) as usize];
        for (number, name) in names {
            let at = (*number as usize).saturating_mul(NAME as usize);
            for (to, from) in contents.iter_mut().skip(at).take(NAME as usize - 1).zip(name.bytes()) {
                *to = from;
            }
        }
        Table { map: self.shared.maps.table("syscall_names", contents), entries }
    }

    /// The number of the system call whose registers are at hand, in the native table or not.
    pub(super) fn syscall_arguments(&mut self, start: Mem, length: Reg, at: Mem) -> Result<(), GenerateError> {
        let registers = self.shared.layout.registers.ok_or(GenerateError::Layout { what: "pt_regs" })?;
        let Event::SyscallEntry(set) = &self.handler.event else {
            return Err(self.unsupported("the arguments of a system call elsewhere than at its entry"));
        };
        let number = self.em.load(Size::B8, Mem::Base(self.facts.context, 8));
        let number = self.extended(number, 32, false);
        let regs = self.em.load(Size::B8, Mem::Base(self.facts.context, 0));
        let (base, shift) = if self.facts.typed {
            (Mem::Base(regs, 0), 0)
        } else {
            // All registers that count, in one read.
            let first = registers.compat_arguments.iter().chain(&registers.arguments).copied().min().unwrap_or(0);
            let bytes = registers.arguments.iter().copied().max().unwrap_or(0) + 8 - first;
            self.em.stack.need(StackObject::Read, bytes);
            let read = Mem::Stack(StackObject::Read, 0);
            self.em.alu(AluOp::Add, regs, Src::Imm(first as i32));
            self.em.call(Helper::ProbeReadKernel, &[Arg::Address(read), Arg::Imm(i64::from(bytes)), Arg::Reg(regs)]);
            (read, first)
        };
        let (compat, done) = (self.em.label(), self.em.label());
        // The table of numbers is consulted, so 32-bit calls take another way: their registers, no strings.
        let all = *set == SyscallSet::All;
        if all {
            self.if_compat(compat)?;
        }
        self.em.store(Size::B8, at, Src::Reg(number));
        for (index, offset) in registers.arguments.iter().enumerate() {
            let value = self.em.load(Size::B8, after(base, offset - shift));
            self.em.store(Size::B8, after(at, 8 + 8 * index as u32), Src::Reg(value));
        }
        self.argument_texts(start, length, at, number, set)?;
        if all {
            self.seldom(|lower| {
                lower.em.place(compat);
                let marked = lower.em.fresh(Arg::Imm(COMPAT_NUMBER));
                lower.em.alu(AluOp::Add, marked, Src::Reg(number));
                lower.em.store(Size::B8, at, Src::Reg(marked));
                for (index, offset) in registers.compat_arguments.iter().enumerate() {
                    let value = lower.em.load(Size::B8, after(base, offset - shift));
                    let value = lower.extended(value, 32, false);
                    lower.em.store(Size::B8, after(at, 8 + 8 * index as u32), Src::Reg(value));
                    lower.em.store(Size::B8, after(at, 56 + 8 * index as u32), Src::Imm(-1));
                }
                lower.em.jump(done);
            });
        }
        self.em.place(done);
        Ok(())
    }

    /// Reads the strings that the arguments point to.
    fn argument_texts(
        &mut self,
        start: Mem,
        length: Reg,
        at: Mem,
        number: Reg,
        set: &SyscallSet,
    ) -> Result<(), GenerateError> {
        let masks = self.shared.options.string_arguments;
        let of = |number: u32| masks.get(number as usize).copied().unwrap_or(0);
        let (possible, certain) = match set {
            SyscallSet::All => (masks.iter().fold(0, |all, mask| all | mask), 0),
            SyscallSet::Numbers(numbers) => (
                numbers.iter().fold(0, |all, number| all | of(*number)),
                numbers.iter().fold(u8::MAX, |all, number| all & of(*number)),
            ),
        };
        let mask = self.em.fresh(Arg::Imm(i64::from(certain)));
        if possible != certain {
            let known = self.em.label();
            let entries = masks.len().next_power_of_two();
            let mut contents = masks.to_vec();
            contents.resize(entries, 0);
            let table = self.shared.maps.table("string_args", contents);
            self.em.branch(Cond::Ge, number, Src::Imm(entries as i32), known);
            let place = self.indexed(table, number, entries as u32, 0);
            self.em.push(Code::Load { size: Size::B1, dst: mask, mem: Mem::Base(place, 0) });
            self.em.place(known);
        }
        for index in 0..6u32 {
            let told = after(at, 56 + 8 * index);
            self.em.store(Size::B8, told, Src::Imm(-1));
            if possible >> index & 1 == 0 {
                continue;
            }
            let (read, skip) = (self.em.label(), self.em.label());
            if certain >> index & 1 == 0 {
                self.em.branch(Cond::Set, mask, Src::Imm(1 << index), read);
                self.em.jump(skip);
                self.em.place(read);
            }
            let end = self.end_of(start, length);
            let address = self.em.load(Size::B8, after(at, 8 + 8 * index));
            let args = [Arg::Reg(end), Arg::Imm(i64::from(ARGUMENT_TEXT)), Arg::Reg(address)];
            let returned = self.em.call_for(Helper::ProbeReadUserStr, &args);
            self.em.branch(Cond::SLt, returned, Src::Imm(1), skip);
            let bytes = self.text_length(returned, ARGUMENT_TEXT);
            self.em.store(Size::B8, told, Src::Reg(bytes));
            self.grow(length, bytes);
            self.em.place(skip);
        }
        Ok(())
    }
}

/// A table of constants.
struct Table {
    map: u32,
    entries: u32,
}
