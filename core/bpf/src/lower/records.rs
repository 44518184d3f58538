//! Records: what a handler tells the user side, in the form that [`crate::artifact::Site`] describes.
//!
//! Must never lose one silently: what finds no room in the ring is counted by site. A record without tails is written
//! straight into the ring; one with tails is built in the frame and copied at its actual length.

use systap_ir::graph::Value;
use systap_ir::intrinsic::Context;
use systap_ir::program::Event;

use super::{Held, Lower, TextSource};
use crate::artifact::{Fault, Field, Site, SiteKind};
use crate::code::{Counter, Label, Mem, Reg, Src};
use crate::emitter::{Arg, Index, after};
use crate::error::GenerateError;
use crate::insn::{AluOp, Cond, Helper, Size};

/// Site and CPU at the start of each record.
const HEADER: u32 = 8;
/// Most return addresses of a kernel stack: `PERF_MAX_STACK_DEPTH`.
const DEEPEST: u32 = 127;
/// Frames at the top of a tracepoint's stack that are not the kernel's work: the program's own, and the one that runs it
/// (`bpf_trace_run*`). The low byte of `bpf_get_stack`'s flags (`BPF_F_SKIP_FIELD_MASK`) leaves them out.
const OWN_FRAMES: i64 = 2;
/// The same where a function is entered by type: the program's own, and the trampoline's that runs it. At the return there is also the
/// function's, which is done.
const ENTRY_FRAMES: i64 = 2;
const RETURN_FRAMES: i64 = 3;
/// The program's stack instead of the kernel's (`BPF_F_USER_STACK` of `bpf_get_stack`).
const USER_STACK: i64 = 1 << 8;
/// Bytes of each string that an argument of a system call points to, NUL included.
pub(super) const ARGUMENT_TEXT: u32 = 256;

/// Whether the reader is woken.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Wake {
    /// It looks by itself every few milliseconds.
    Later,
    /// At once: the run is to end.
    Now,
}

impl Wake {
    /// `BPF_RB_NO_WAKEUP`, `BPF_RB_FORCE_WAKEUP`.
    fn flags(self) -> i64 {
        match self {
            Wake::Later => 1,
            Wake::Now => 2,
        }
    }
}

/// The shared end of a handler's run-time errors: with one long or none.
#[derive(Clone, Copy)]
pub(super) struct FaultTail {
    label: Label,
    site: Reg,
    value: Option<Reg>,
}

/// Bytes of a field's fixed part.
fn fixed(field: &Field) -> u32 {
    match field {
        Field::Long | Field::Text | Field::Stack => 8,
        Field::ShortText(bytes) => *bytes,
        Field::Caught => 16,
        Field::SyscallArguments => 13 * 8,
    }
}

/// Bytes that a field's tails take at most. To the verifier, a length is less than a power of two, and rounding it up can
/// add 7 to the greatest one.
fn tails(field: &Field, cap: u32, stack: u32) -> u32 {
    match field {
        Field::Long | Field::ShortText(_) | Field::Caught => 0,
        Field::Text => cap.next_power_of_two().max(8) + 8,
        Field::Stack => (stack + 1).next_power_of_two(),
        Field::SyscallArguments => 6 * (ARGUMENT_TEXT + 8),
    }
}

impl Lower<'_, '_> {
    fn site(&mut self, kind: SiteKind, fields: Vec<Field>) -> u32 {
        self.shared.sites.push(Site { kind, fields, span: self.em.span, handler: self.index });
        self.shared.sites.len() as u32 - 1
    }

    /// Writes a record with these values.
    pub(super) fn record(&mut self, kind: SiteKind, values: &[Value], wake: Wake) -> Result<(), GenerateError> {
        let fields: Vec<Field> = values.iter().map(|value| self.field(*value)).collect();
        let size = HEADER + fields.iter().map(fixed).sum::<u32>();
        let room: u32 =
            values.iter().zip(&fields).map(|(value, field)| tails(field, self.cap(*value), self.stack_bytes())).sum();
        let site = self.site(kind, fields.clone());
        let done = self.em.label();
        let lost = self.em.label();
        let cpu = self.em.call_for(Helper::SmpProcessorId, &[]);
        let ring = Arg::Map(self.shared.maps.ring);
        if room == 0 {
            let record = self.em.call_for(Helper::RingReserve, &[ring, Arg::Imm(i64::from(size)), Arg::Imm(0)]);
            self.em.branch(Cond::Eq, record, Src::Imm(0), lost);
            self.write(Mem::Base(record, 0), site, cpu, values, &fields)?;
            self.em.call(Helper::RingSubmit, &[Arg::Reg(record), Arg::Imm(wake.flags())]);
        } else {
            let at = self.frame_record();
            self.claim_frame(at + size + room)?;
            let start = Mem::Base(self.frame()?, at as i16);
            self.write(start, site, cpu, values, &fields)?;
            let length = self.em.fresh(Arg::Imm(i64::from(size)));
            self.write_tails(start, length, values, &fields)?;
            let args = [ring, Arg::Address(start), Arg::Reg(length), Arg::Imm(wake.flags())];
            let failed = self.em.call_for(Helper::RingOutput, &args);
            self.em.branch(Cond::Ne, failed, Src::Imm(0), lost);
        }
        self.seldom(|lower| {
            lower.em.place(lost);
            let counters = lower.shared.maps.counters;
            lower.em.count(counters, Index::Counter(Counter::Site(site)));
            lower.em.jump(done);
        });
        self.em.place(done);
        Ok(())
    }

    /// Writes the header and what is fixed of each field, except for what the tails tell.
    fn write(
        &mut self,
        start: Mem,
        site: u32,
        cpu: Reg,
        values: &[Value],
        fields: &[Field],
    ) -> Result<(), GenerateError> {
        self.em.store(Size::B4, start, Src::Imm(site as i32));
        self.em.store(Size::B4, after(start, 4), Src::Reg(cpu));
        let mut offset = HEADER;
        for (value, field) in values.iter().zip(fields) {
            let to = after(start, offset);
            match field {
                Field::Long => {
                    let value = match self.held(*value) {
                        Held::Pointer { typed, .. } | Held::Registers(typed) => Src::Reg(*typed),
                        _ => self.operand(*value)?,
                    };
                    self.em.store(Size::B8, to, value);
                }
                Field::ShortText(bytes) => {
                    let source = self.text(*value)?;
                    let cap = self.cap(*value);
                    self.copy_text(to, *bytes, cap, &source);
                }
                Field::Caught => {
                    if let Held::Caught(landing) = *self.held(*value) {
                        self.write_caught(to, landing);
                    }
                }
                Field::Text | Field::Stack | Field::SyscallArguments => {}
            }
            offset += fixed(field);
        }
        Ok(())
    }

    /// Writes the tails behind the `length` bytes that there are, and their lengths into the fixed parts.
    fn write_tails(
        &mut self,
        start: Mem,
        length: Reg,
        values: &[Value],
        fields: &[Field],
    ) -> Result<(), GenerateError> {
        let mut offset = HEADER;
        for (value, field) in values.iter().zip(fields) {
            let at = after(start, offset);
            match (field, self.held(*value)) {
                (Field::Stack, held) => {
                    let user = matches!(held, Held::Later(Context::UserStack));
                    self.stack_tail(start, length, at, user);
                }
                (Field::SyscallArguments, Held::Later(Context::SyscallArguments)) => {
                    self.syscall_arguments(start, length, at)?;
                }
                (Field::Text, _) => {
                    let source = self.text(*value)?;
                    let cap = self.cap(*value);
                    self.text_tail(start, length, at, cap, &source);
                }
                _ => {}
            }
            offset += fixed(field);
        }
        Ok(())
    }

    /// The address of the end of the record so far.
    pub(super) fn end_of(&mut self, start: Mem, length: Reg) -> Reg {
        let end = self.em.fresh(Arg::Address(start));
        self.em.alu(AluOp::Add, end, Src::Reg(length));
        end
    }

    fn text_tail(&mut self, start: Mem, length: Reg, at: Mem, cap: u32, source: &TextSource) {
        let end = self.end_of(start, length);
        match source {
            TextSource::Literal(bytes) => {
                let kept = &bytes[..bytes.len().min(cap.saturating_sub(1) as usize)];
                let padded = (kept.len() as u32).next_multiple_of(8);
                self.write_literal(Mem::Base(end, 0), kept, padded);
                self.em.store(Size::B8, at, Src::Imm(kept.len() as i32));
                self.em.alu(AluOp::Add, length, Src::Imm(padded as i32));
            }
            TextSource::Memory(from, _) => {
                let args = [Arg::Reg(end), Arg::Imm(i64::from(cap)), Arg::Address(*from)];
                let returned = self.em.call_for(Helper::ProbeReadKernelStr, &args);
                let bytes = self.text_length(returned, cap);
                self.em.store(Size::B8, at, Src::Reg(bytes));
                self.grow(length, bytes);
            }
        }
    }

    /// Adds a tail of that many bytes, rounded up.
    pub(super) fn grow(&mut self, length: Reg, bytes: Reg) {
        let padded = self.em.fresh(Arg::Reg(bytes));
        self.em.alu(AluOp::Add, padded, Src::Imm(7));
        self.em.alu(AluOp::And, padded, Src::Imm(-8));
        self.em.alu(AluOp::Add, length, Src::Reg(padded));
    }

    /// Bytes of a stack's return addresses.
    fn stack_bytes(&self) -> u32 {
        8 * self.shared.placed.limits.backtrace.min(DEEPEST)
    }

    fn stack_tail(&mut self, start: Mem, length: Reg, at: Mem, user: bool) {
        let end = self.end_of(start, length);
        let own = match self.handler.event {
            _ if user => USER_STACK,
            Event::Tracepoint { .. } | Event::SyscallEntry(_) | Event::SyscallReturn(_) => OWN_FRAMES,
            Event::KernelFunction { returns, .. } if self.facts.called.is_none() => match returns {
                false => ENTRY_FRAMES,
                true => RETURN_FRAMES,
            },
            _ => 0,
        };
        let most = self.stack_bytes();
        let args = [Arg::Reg(self.facts.context), Arg::Reg(end), Arg::Imm(i64::from(most)), Arg::Imm(own)];
        let bytes = self.em.call_for(Helper::GetStack, &args);
        self.em.store(Size::B8, at, Src::Reg(bytes));
        let none = self.em.label();
        self.em.branch(Cond::SLt, bytes, Src::Imm(0), none);
        let tail = self.em.fresh(Arg::Reg(bytes));
        self.em.alu(AluOp::And, tail, Src::Imm((most + 1).next_power_of_two() as i32 - 1));
        self.em.alu(AluOp::Add, length, Src::Reg(tail));
        self.em.place(none);
    }

    // --- the ends of a run and of a handler

    pub(super) fn exit(&mut self) -> Result<(), GenerateError> {
        self.record(SiteKind::Exit, &[], Wake::Now)?;
        self.stop();
        Ok(())
    }

    /// `error(message)`.
    pub(super) fn message(&mut self, list: &[Value]) -> Result<(), GenerateError> {
        if let Some(jump) = self.catching {
            let literal = list.first().and_then(|text| match self.held(*text) {
                Held::Literal(bytes) => Some(bytes.clone()),
                _ => None,
            });
            self.go_and_catch(jump, literal.map_or(Fault::Message, Fault::Said), None)?;
        } else {
            self.record(SiteKind::Error(Fault::Message), list, self.error_wake())?;
            self.stop_after_error();
            self.em.jump(self.end);
        }
        // What follows in the block cannot be reached; a label keeps it apart until it is removed.
        let nowhere = self.em.label();
        self.em.place(nowhere);
        Ok(())
    }

    fn error_wake(&self) -> Wake {
        if self.shared.placed.limits.errors == 0 { Wake::Now } else { Wake::Later }
    }

    fn stop_after_error(&mut self) {
        if self.shared.placed.limits.errors == 0 {
            self.stop();
        }
    }

    /// Where to jump to raise a run-time error. `value`: what it carries, already in a register or a number.
    pub(super) fn fault(&mut self, fault: Fault, value: Option<Src>) -> Result<Label, GenerateError> {
        if let Some(jump) = self.catching.filter(|_| fault != Fault::TooManyActions) {
            return self.caught_fault(jump, fault, value);
        }
        let site = self.fault_site(fault, value.is_some());
        let tail = self.fault_tail(value.is_some());
        let label = self.em.label();
        self.seldom(|lower| {
            lower.em.place(label);
            lower.em.mov(tail.site, Arg::Imm(i64::from(site)));
            if let (Some(to), Some(value)) = (tail.value, value) {
                lower.em.mov(to, value);
            }
            lower.em.jump(tail.label);
        });
        Ok(label)
    }

    /// The site of an error at the current place in the script; the same error there has one site.
    pub(super) fn fault_site(&mut self, fault: Fault, with_value: bool) -> u32 {
        let key = (fault.clone(), self.em.span);
        if let Some(site) = self.fault_sites.get(&key) {
            return *site;
        }
        let fields = if with_value { vec![Field::Long] } else { Vec::new() };
        let site = self.site(SiteKind::Error(fault), fields);
        self.fault_sites.insert(key, site);
        site
    }

    fn fault_tail(&mut self, with_value: bool) -> FaultTail {
        let index = usize::from(with_value);
        if let Some(tail) = self.fault_tails[index] {
            return tail;
        }
        let tail = FaultTail { label: self.em.label(), site: self.em.reg(), value: with_value.then(|| self.em.reg()) };
        self.fault_tails[index] = Some(tail);
        tail
    }

    /// Emits the ends that [`Lower::fault`] jumps to.
    pub(super) fn fault_tails(&mut self) -> Result<(), GenerateError> {
        self.em.span = self.handler.span;
        for tail in self.fault_tails.into_iter().flatten() {
            self.seldom(|lower| lower.emit_fault_tail(tail));
        }
        Ok(())
    }

    fn emit_fault_tail(&mut self, tail: FaultTail) {
        self.em.place(tail.label);
        let cpu = self.em.call_for(Helper::SmpProcessorId, &[]);
        let size = HEADER + if tail.value.is_some() { 8 } else { 0 };
        let ring = Arg::Map(self.shared.maps.ring);
        let record = self.em.call_for(Helper::RingReserve, &[ring, Arg::Imm(i64::from(size)), Arg::Imm(0)]);
        let (lost, written) = (self.em.label(), self.em.label());
        self.em.branch(Cond::Eq, record, Src::Imm(0), lost);
        self.em.store(Size::B4, Mem::Base(record, 0), Src::Reg(tail.site));
        self.em.store(Size::B4, Mem::Base(record, 4), Src::Reg(cpu));
        if let Some(value) = tail.value {
            self.em.store(Size::B8, Mem::Base(record, 8), Src::Reg(value));
        }
        let wake = self.error_wake();
        self.em.call(Helper::RingSubmit, &[Arg::Reg(record), Arg::Imm(wake.flags())]);
        self.em.jump(written);
        self.em.place(lost);
        let counters = self.shared.maps.counters;
        self.em.count(counters, Index::Reg(tail.site));
        self.em.place(written);
        self.stop_after_error();
        self.em.jump(self.end);
    }
}
