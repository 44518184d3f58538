//! Facts of the moment: who runs, where, when.
//!
//! Must never ask a helper for what the program has asked for already.

use systap_ir::graph::Value;
use systap_ir::intrinsic::Context;
use systap_ir::placed::control;

use super::{Held, Lower, TextSource};
use crate::code::{Code, Reg, Src, StackObject};
use crate::emitter::Arg;
use crate::error::GenerateError;
use crate::insn::{AluOp, Cond, Helper, Size};

/// Bytes of `task_struct.comm` (`TASK_COMM_LEN`).
const COMM: u32 = 16;

impl Lower<'_, '_> {
    pub(super) fn context(&mut self, result: Option<Value>, context: Context) -> Result<(), GenerateError> {
        let Some(result) = result else { return Ok(()) };
        let value = match context {
            Context::Pid => self.high_half(Helper::CurrentPidTgid),
            Context::Tid => self.low_half(Helper::CurrentPidTgid),
            Context::Uid => self.low_half(Helper::CurrentUidGid),
            Context::Gid => self.high_half(Helper::CurrentUidGid),
            Context::Ppid => {
                let parent = self.fact(self.shared.layout.task_real_parent, "task_struct.real_parent")?;
                let tgid = self.fact(self.shared.layout.task_tgid, "task_struct.tgid")?;
                self.task_member(&[parent, tgid], Size::B4)?
            }
            Context::Euid | Context::Egid => {
                let cred = self.fact(self.shared.layout.task_cred, "task_struct.cred")?;
                let member = match context {
                    Context::Euid => self.fact(self.shared.layout.cred_euid, "cred.euid")?,
                    _ => self.fact(self.shared.layout.cred_egid, "cred.egid")?,
                };
                self.task_member(&[cred, member], Size::B4)?
            }
            Context::Execname => return self.execname(result),
            Context::Member => {
                let context = self.facts.context;
                self.em.call_for(Helper::AttachCookie, &[Arg::Reg(context)])
            }
            Context::Cpu => self.em.call_for(Helper::SmpProcessorId, &[]),
            Context::TaskCurrent if self.facts.typed => {
                let task = self.task();
                self.hold_pointer(result, task);
                return Ok(());
            }
            Context::TaskCurrent => self.em.call_for(Helper::CurrentTask, &[]),
            Context::MonotonicNs => self.em.call_for(Helper::KtimeGetNs, &[]),
            Context::BoottimeNs => self.em.call_for(Helper::KtimeGetBootNs, &[]),
            Context::RealtimeNs => {
                let now = self.em.call_for(Helper::KtimeGetTaiNs, &[]);
                let place = self.word(control::TAI_OFFSET);
                let ahead = self.em.load(Size::B8, place);
                self.em.alu(AluOp::Sub, now, Src::Reg(ahead));
                now
            }
            Context::Jiffies => {
                let jiffies = self.em.call_for(Helper::Jiffies64, &[]);
                // They start five minutes before 32 bits of them run over (INITIAL_JIFFIES of include/linux/jiffies.h).
                let start = i64::from(300u32.wrapping_mul(self.shared.options.hz).wrapping_neg());
                let start = self.em.fresh(Arg::Imm(start));
                self.em.alu(AluOp::Sub, jiffies, Src::Reg(start));
                jiffies
            }
            Context::PerfCounter { kind, config } => self.perf_counter(kind, config),
            Context::Target | Context::OwnProcess | Context::PidNamespace => {
                let place = self.word(match context {
                    Context::Target => control::TARGET,
                    Context::OwnProcess => control::OWN,
                    _ => control::PID_NAMESPACE,
                });
                self.em.load(Size::B8, place)
            }
            Context::Caught => return self.caught(result),
            Context::Stack | Context::UserStack | Context::SyscallArguments => {
                self.hold(result, Held::Later(context));
                return Ok(());
            }
        };
        self.hold(result, Held::Long(value));
        Ok(())
    }

    /// What is counted on this CPU; the kernel's errors, which are below 0 as no count is, give 0.
    fn perf_counter(&mut self, kind: u32, config: u64) -> Reg {
        /// `BPF_F_CURRENT_CPU` of include/uapi/linux/bpf.h.
        const THIS_CPU: i64 = 0xffff_ffff;
        let map = self.shared.maps.perf_counter(kind, config);
        let count = self.em.call_for(Helper::PerfEventRead, &[Arg::Map(map), Arg::Imm(THIS_CPU)]);
        let counted = self.em.label();
        self.em.branch(Cond::SGe, count, Src::Imm(0), counted);
        self.em.mov(count, Arg::Imm(0));
        self.em.place(counted);
        count
    }

    /// An offset that the kernel must have.
    pub(super) fn fact(&self, offset: Option<u32>, what: &'static str) -> Result<u32, GenerateError> {
        offset.ok_or(GenerateError::Layout { what })
    }

    /// What a helper gives that packs two facts.
    fn packed(&mut self, helper: Helper) -> Reg {
        match self.facts.pid_tgid {
            Some((_, both)) if helper == Helper::CurrentPidTgid => both,
            _ => self.em.call_for(helper, &[]),
        }
    }

    fn high_half(&mut self, helper: Helper) -> Reg {
        if let (Some((pid, _)), Helper::CurrentPidTgid) = (self.facts.pid_tgid, helper) {
            return pid;
        }
        let both = self.packed(helper);
        let high = self.em.fresh(Arg::Reg(both));
        self.em.alu(AluOp::Rsh, high, Src::Imm(32));
        high
    }

    fn low_half(&mut self, helper: Helper) -> Reg {
        let both = self.packed(helper);
        let dst = self.em.reg();
        self.em.push(Code::Alu { wide: false, op: AluOp::Mov, dst, src: Src::Reg(both), signed: false });
        dst
    }

    fn execname(&mut self, result: Value) -> Result<(), GenerateError> {
        let (to, size) = self.home(result)?;
        let cap = self.cap(result);
        let comm = self.shared.layout.task_comm.filter(|offset| self.facts.typed && offset % 8 == 0);
        if let Some(comm) = comm {
            let task = self.task();
            let from = crate::code::Mem::Base(task, comm as i16);
            // Another thread may be changing the name just now: the kernel keeps its last byte 0, and pads.
            self.copy_text(to, size, cap, &TextSource::Memory(from, COMM));
        } else if size >= COMM {
            // Old kernels (6.1) write no more than the name and its NUL.
            self.zero(to, size);
            self.em.call(Helper::CurrentComm, &[Arg::Address(to), Arg::Imm(i64::from(COMM))]);
        } else {
            self.em.stack.need(StackObject::Read, COMM);
            let read = crate::code::Mem::Stack(StackObject::Read, 0);
            self.zero(read, COMM);
            self.em.call(Helper::CurrentComm, &[Arg::Address(read), Arg::Imm(i64::from(COMM))]);
            self.copy_text(to, size, cap, &TextSource::Memory(read, COMM));
        }
        self.hold(result, Held::Text);
        Ok(())
    }
}
