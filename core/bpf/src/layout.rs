//! Where the kernel keeps what a program reads of it: offsets within structs, identifiers of types.
//!
//! Looks up only what the program needs, all names in one pass over the types. Must never guess: what a kernel lacks is
//! `None`, and generating what would need it fails with its name.

use systap_ir::graph::Op;
use systap_ir::intrinsic::{Context, Intrinsic};
use systap_ir::placed::Placed;
use systap_ir::program::{Event, SyscallSet};
use systap_kernel::{Btf, Kernel, KernelError, Kind, TypeId};

/// Facts of a kernel's memory. Offsets are in bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KernelLayout {
    /// `task_struct.comm`, 16 bytes.
    pub task_comm: Option<u32>,
    /// `task_struct.real_parent`, a pointer to a `task_struct`.
    pub task_real_parent: Option<u32>,
    /// `task_struct.tgid`, 4 bytes.
    pub task_tgid: Option<u32>,
    /// `task_struct.cred`, a pointer to a `cred`.
    pub task_cred: Option<u32>,
    /// `task_struct.thread_info.status`, 4 bytes; bit 1 (`TS_COMPAT`) is set within a 32-bit system call.
    pub task_status: Option<u32>,
    /// `cred.euid`, 4 bytes.
    pub cred_euid: Option<u32>,
    /// `cred.egid`, 4 bytes.
    pub cred_egid: Option<u32>,
    /// The registers.
    pub registers: Option<Registers>,
    /// The BTF identifier of `btf_trace_sys_enter`.
    pub sys_enter: Option<u32>,
    /// The BTF identifier of `btf_trace_sys_exit`.
    pub sys_exit: Option<u32>,
}

/// Offsets within `struct pt_regs`, 8 bytes each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registers {
    /// The number of the system call.
    pub orig_ax: u32,
    /// The arguments of a 64-bit system call: di, si, dx, r10, r8, r9.
    pub arguments: [u32; 6],
    /// The arguments of a 32-bit system call: bx, cx, dx, si, di, bp.
    pub compat_arguments: [u32; 6],
}

/// What of a [`KernelLayout`] a program needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Members of `task_struct`.
    pub task: bool,
    /// Members of `cred`.
    pub cred: bool,
    /// The registers.
    pub registers: bool,
    /// The tracepoints of system calls.
    pub syscalls: bool,
}

impl Needs {
    /// What the kernel part of a program needs.
    pub fn of(placed: &Placed) -> Needs {
        let mut needs = Needs::default();
        for handler in &placed.kernel {
            if let Event::SyscallEntry(set) | Event::SyscallReturn(set) = &handler.event {
                needs.syscalls = true;
                needs.task |= *set != SyscallSet::All;
                needs.registers |= *set != SyscallSet::All;
            }
            for inst in handler.body.blocks.iter().flat_map(|block| &block.insts) {
                match inst.op {
                    Op::Context(Context::Execname | Context::Ppid) => needs.task = true,
                    Op::Context(Context::Euid | Context::Egid) => {
                        needs.task = true;
                        needs.cred = true;
                    }
                    Op::Context(Context::SyscallArguments) => {
                        needs.task = true;
                        needs.registers = true;
                    }
                    Op::Intrinsic(Intrinsic::SyscallName, _) => needs.task = true,
                    _ => {}
                }
            }
        }
        needs
    }
}

impl KernelLayout {
    /// What `needs` names, as `kernel` has it.
    ///
    /// # Errors
    /// If the kernel's type information cannot be read. What it lacks is no error here.
    pub fn of(kernel: &Kernel, needs: Needs) -> Result<KernelLayout, KernelError> {
        let mut wanted = Vec::new();
        for (need, kind, name) in [
            (needs.task, Kind::Struct, "task_struct"),
            (needs.cred, Kind::Struct, "cred"),
            (needs.registers, Kind::Struct, "pt_regs"),
            (needs.syscalls, Kind::Typedef, "btf_trace_sys_enter"),
            (needs.syscalls, Kind::Typedef, "btf_trace_sys_exit"),
        ] {
            if need {
                wanted.push((kind, name));
            }
        }
        if wanted.is_empty() {
            return Ok(KernelLayout::default());
        }
        let btf = kernel.btf()?;
        let found = btf.find_many(&wanted).map_err(|source| KernelError::Btf { file: "vmlinux".into(), source })?;
        let id = |name: &str| {
            let at = wanted.iter().position(|(_, wanted)| *wanted == name)?;
            found.get(at).copied().flatten()
        };
        let mut layout = KernelLayout {
            sys_enter: id("btf_trace_sys_enter").map(|id| id.0),
            sys_exit: id("btf_trace_sys_exit").map(|id| id.0),
            ..KernelLayout::default()
        };
        if let Some(task) = id("task_struct") {
            layout.task_comm = offset(btf, task, &["comm"]);
            layout.task_real_parent = offset(btf, task, &["real_parent"]);
            layout.task_tgid = offset(btf, task, &["tgid"]);
            layout.task_cred = offset(btf, task, &["cred"]);
            layout.task_status = offset(btf, task, &["thread_info", "status"]);
        }
        if let Some(cred) = id("cred") {
            layout.cred_euid = offset(btf, cred, &["euid"]);
            layout.cred_egid = offset(btf, cred, &["egid"]);
        }
        if let Some(regs) = id("pt_regs") {
            layout.registers = registers(btf, regs);
        }
        Ok(layout)
    }
}

/// The offset in bytes of a member of a member.
fn offset(btf: &Btf, mut ty: TypeId, path: &[&str]) -> Option<u32> {
    let mut bytes = 0;
    for name in path {
        let member = btf.member(ty, name).ok().flatten()?;
        bytes += member.bit_offset / 8;
        ty = member.ty;
    }
    Some(bytes)
}

fn registers(btf: &Btf, regs: TypeId) -> Option<Registers> {
    let all = |names: [&str; 6]| -> Option<[u32; 6]> {
        let mut offsets = [0; 6];
        for (place, name) in offsets.iter_mut().zip(names) {
            *place = offset(btf, regs, &[name])?;
        }
        Some(offsets)
    };
    Some(Registers {
        orig_ax: offset(btf, regs, &["orig_ax"])?,
        arguments: all(["di", "si", "dx", "r10", "r8", "r9"])?,
        compat_arguments: all(["bx", "cx", "dx", "si", "di", "bp"])?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_needed_reads_nothing() {
        let kernel = Kernel::running();
        assert_eq!(KernelLayout::of(&kernel, Needs::default()).unwrap(), KernelLayout::default());
    }

    #[test]
    fn registers_are_those_of_the_abi() {
        let kernel = Kernel::running();
        if kernel.btf().is_err() {
            eprintln!("skipped: this machine shows no BTF");
            return;
        }
        let all = Needs { task: true, cred: true, registers: true, syscalls: true };
        let layout = KernelLayout::of(&kernel, all).unwrap();
        // arch/x86/include/asm/ptrace.h: r15 r14 r13 r12 bp bx r11 r10 r9 r8 ax cx dx si di orig_ax.
        let registers = layout.registers.unwrap();
        assert_eq!(registers.orig_ax, 120);
        assert_eq!(registers.arguments, [112, 104, 96, 56, 72, 64]);
        assert_eq!(registers.compat_arguments, [40, 88, 96, 104, 112, 32]);
        assert!(layout.task_comm.is_some() && layout.cred_egid > layout.cred_euid);
        assert!(layout.sys_enter.is_some() && layout.sys_exit.is_some() && layout.sys_enter != layout.sys_exit);
    }
}
