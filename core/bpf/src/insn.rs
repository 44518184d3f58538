//! One BPF instruction: its fields, its 8 bytes, its text.
//!
//! Must never decide anything: what to emit and in which registers is settled before. Numbers are those of the kernel's
//! `include/uapi/linux/bpf.h` and `Documentation/bpf/standardization/instruction-set.rst`.

use std::fmt::Write as _;

/// An instruction, or one half of a 16-byte one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Insn {
    pub(crate) code: u8,
    pub(crate) dst: u8,
    pub(crate) src: u8,
    pub(crate) offset: i16,
    pub(crate) imm: i32,
}

pub(crate) const CLASS_LD: u8 = 0x00;
pub(crate) const CLASS_LDX: u8 = 0x01;
pub(crate) const CLASS_ST: u8 = 0x02;
pub(crate) const CLASS_STX: u8 = 0x03;
pub(crate) const CLASS_ALU: u8 = 0x04;
pub(crate) const CLASS_JMP: u8 = 0x05;
pub(crate) const CLASS_JMP32: u8 = 0x06;
pub(crate) const CLASS_ALU64: u8 = 0x07;
/// The second operand is a register.
pub(crate) const SOURCE_REGISTER: u8 = 0x08;
pub(crate) const MODE_MEMORY: u8 = 0x60;
pub(crate) const MODE_ATOMIC: u8 = 0xc0;
/// `BPF_LD | BPF_DW | BPF_IMM`: the first half of a 64-bit immediate.
pub(crate) const LOAD_IMM64: u8 = 0x18;
pub(crate) const JUMP_ALWAYS: u8 = 0x00;
pub(crate) const JUMP_MAY: u8 = 0xe0;
pub(crate) const CALL: u8 = 0x80;
pub(crate) const EXIT: u8 = 0x90;
/// Atomics: give the old value back in the source register.
pub(crate) const FETCH: i32 = 0x01;

/// Bytes that an access to memory touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    B1,
    B2,
    B4,
    B8,
}

impl Size {
    pub(crate) fn bits(self) -> u8 {
        match self {
            Size::B4 => 0x00,
            Size::B2 => 0x08,
            Size::B1 => 0x10,
            Size::B8 => 0x18,
        }
    }
}

/// Arithmetic; the discriminant is the operation's bits in the opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum AluOp {
    Add = 0x00,
    Sub = 0x10,
    Mul = 0x20,
    Div = 0x30,
    Or = 0x40,
    And = 0x50,
    Lsh = 0x60,
    Rsh = 0x70,
    Mod = 0x90,
    Xor = 0xa0,
    Mov = 0xb0,
    Arsh = 0xc0,
}

/// `BPF_NEG`.
pub(crate) const NEGATE: u8 = 0x80;
/// `BPF_END | BPF_TO_BE`, which on a little-endian machine reverses the bytes.
pub(crate) const TO_BIG_ENDIAN: u8 = 0xd8;

/// Conditions; the discriminant is the operation's bits in the opcode. `S`: signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Cond {
    Eq = 0x10,
    Gt = 0x20,
    Ge = 0x30,
    Set = 0x40,
    Ne = 0x50,
    SGt = 0x60,
    SGe = 0x70,
    Lt = 0xa0,
    Le = 0xb0,
    SLt = 0xc0,
    SLe = 0xd0,
}

impl Cond {
    /// What holds when this does not; `None` for a test of bits, which has no opposite.
    pub(crate) fn opposite(self) -> Option<Cond> {
        Some(match self {
            Cond::Eq => Cond::Ne,
            Cond::Ne => Cond::Eq,
            Cond::Gt => Cond::Le,
            Cond::Le => Cond::Gt,
            Cond::Ge => Cond::Lt,
            Cond::Lt => Cond::Ge,
            Cond::SGt => Cond::SLe,
            Cond::SLe => Cond::SGt,
            Cond::SGe => Cond::SLt,
            Cond::SLt => Cond::SGe,
            Cond::Set => return None,
        })
    }

    /// The condition with its operands exchanged.
    pub(crate) fn swapped(self) -> Cond {
        match self {
            Cond::Gt => Cond::Lt,
            Cond::Lt => Cond::Gt,
            Cond::Ge => Cond::Le,
            Cond::Le => Cond::Ge,
            Cond::SGt => Cond::SLt,
            Cond::SLt => Cond::SGt,
            Cond::SGe => Cond::SLe,
            Cond::SLe => Cond::SGe,
            other => other,
        }
    }
}

/// Helpers of the kernel, by their numbers in `enum bpf_func_id`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Helper {
    MapLookup = 1,
    MapUpdate = 2,
    MapDelete = 3,
    KtimeGetNs = 5,
    Prandom32 = 7,
    SmpProcessorId = 8,
    CurrentPidTgid = 14,
    CurrentUidGid = 15,
    CurrentComm = 16,
    PerfEventRead = 22,
    CurrentTask = 35,
    ProbeWriteUser = 36,
    GetStack = 67,
    ProbeReadUser = 112,
    ProbeReadKernel = 113,
    ProbeReadUserStr = 114,
    ProbeReadKernelStr = 115,
    SendSignalThread = 117,
    Jiffies64 = 118,
    KtimeGetBootNs = 125,
    RingOutput = 130,
    RingReserve = 131,
    RingSubmit = 132,
    CurrentTaskBtf = 158,
    Snprintf = 165,
    AttachCookie = 174,
    MapLookupPerCpu = 195,
    KtimeGetTaiNs = 208,
}

/// The name of a helper, for the disassembly.
fn helper_name(number: i32) -> &'static str {
    match number {
        1 => "map_lookup_elem",
        2 => "map_update_elem",
        3 => "map_delete_elem",
        5 => "ktime_get_ns",
        7 => "get_prandom_u32",
        8 => "get_smp_processor_id",
        14 => "get_current_pid_tgid",
        15 => "get_current_uid_gid",
        16 => "get_current_comm",
        22 => "perf_event_read",
        35 => "get_current_task",
        36 => "probe_write_user",
        67 => "get_stack",
        112 => "probe_read_user",
        113 => "probe_read_kernel",
        114 => "probe_read_user_str",
        115 => "probe_read_kernel_str",
        117 => "send_signal_thread",
        118 => "jiffies64",
        125 => "ktime_get_boot_ns",
        130 => "ringbuf_output",
        131 => "ringbuf_reserve",
        132 => "ringbuf_submit",
        158 => "get_current_task_btf",
        165 => "snprintf",
        174 => "get_attach_cookie",
        195 => "map_lookup_percpu_elem",
        208 => "ktime_get_tai_ns",
        _ => "helper",
    }
}

impl Insn {
    /// The bytes of `struct bpf_insn`.
    pub(crate) fn bytes(self) -> [u8; 8] {
        let offset = self.offset.to_ne_bytes();
        let imm = self.imm.to_ne_bytes();
        let registers =
            if cfg!(target_endian = "little") { self.dst | self.src << 4 } else { self.dst << 4 | self.src };
        [self.code, registers, offset[0], offset[1], imm[0], imm[1], imm[2], imm[3]]
    }

    /// The instruction that these bytes are.
    pub(crate) fn from_bytes(bytes: [u8; 8]) -> Insn {
        let [code, registers, o0, o1, i0, i1, i2, i3] = bytes;
        let (low, high) = (registers & 15, registers >> 4);
        let (dst, src) = if cfg!(target_endian = "little") { (low, high) } else { (high, low) };
        Insn { code, dst, src, offset: i16::from_ne_bytes([o0, o1]), imm: i32::from_ne_bytes([i0, i1, i2, i3]) }
    }

    /// The first half of a 16-byte instruction.
    pub(crate) fn is_wide(self) -> bool {
        self.code == LOAD_IMM64
    }

    /// As text, in the way the kernel's verifier writes it. `at`: its index, for the targets of jumps; `next`: the
    /// immediate of the second half of a 16-byte instruction.
    pub(crate) fn text(self, at: usize, next: i32) -> String {
        let mut out = String::new();
        let target = |offset: i64| at as i64 + 1 + offset;
        let class = self.code & 7;
        let _ = match class {
            CLASS_LD => {
                let value = i64::from(next) << 32 | i64::from(self.imm.cast_unsigned());
                write!(out, "r{} = {value:#x} ll", self.dst)
            }
            CLASS_LDX => write!(out, "r{} = *({} *)(r{} {:+})", self.dst, self.size_name(), self.src, self.offset),
            CLASS_ST => write!(out, "*({} *)(r{} {:+}) = {}", self.size_name(), self.dst, self.offset, self.imm),
            CLASS_STX if self.code & 0xe0 == MODE_ATOMIC => {
                let place = format!("*({} *)(r{} {:+})", self.size_name(), self.dst, self.offset);
                if self.imm & FETCH == 0 {
                    write!(out, "lock {place} += r{}", self.src)
                } else {
                    write!(out, "r{0} = atomic_fetch_add({place}, r{0})", self.src)
                }
            }
            CLASS_STX => write!(out, "*({} *)(r{} {:+}) = r{}", self.size_name(), self.dst, self.offset, self.src),
            CLASS_ALU | CLASS_ALU64 => self.arithmetic(&mut out, class == CLASS_ALU64),
            CLASS_JMP32 if self.code & 0xf0 == JUMP_ALWAYS => write!(out, "goto {}", target(i64::from(self.imm))),
            _ => match self.code & 0xf0 {
                JUMP_ALWAYS => write!(out, "goto {}", target(i64::from(self.offset))),
                JUMP_MAY => write!(out, "may_goto {}", target(i64::from(self.offset))),
                CALL => write!(out, "call {}", helper_name(self.imm)),
                EXIT => write!(out, "exit"),
                op => {
                    let w = if class == CLASS_JMP32 { "w" } else { "r" };
                    let to = target(i64::from(self.offset));
                    write!(out, "if {w}{} {} {} goto {to}", self.dst, comparison(op), self.right(w))
                }
            },
        };
        out
    }

    fn arithmetic(self, out: &mut String, wide: bool) -> std::fmt::Result {
        let w = if wide { "r" } else { "w" };
        let dst = self.dst;
        let op = match self.code & 0xf0 {
            NEGATE => return write!(out, "{w}{dst} = -{w}{dst}"),
            0xd0 => return write!(out, "r{dst} = be{} r{dst}", self.imm),
            0xb0 if self.offset != 0 => return write!(out, "{w}{dst} = (s{}){w}{}", self.offset, self.src),
            0xb0 => "=",
            0x00 => "+=",
            0x10 => "-=",
            0x20 => "*=",
            0x30 if self.offset == 1 => "s/=",
            0x30 => "/=",
            0x40 => "|=",
            0x50 => "&=",
            0x60 => "<<=",
            0x70 => ">>=",
            0x90 if self.offset == 1 => "s%=",
            0x90 => "%=",
            0xa0 => "^=",
            0xc0 => "s>>=",
            _ => "?=",
        };
        write!(out, "{w}{dst} {op} {}", self.right(w))
    }

    fn right(self, w: &str) -> String {
        if self.code & SOURCE_REGISTER != 0 { format!("{w}{}", self.src) } else { self.imm.to_string() }
    }

    fn size_name(self) -> &'static str {
        match self.code & 0x18 {
            0x00 => "u32",
            0x08 => "u16",
            0x10 => "u8",
            _ => "u64",
        }
    }
}

fn comparison(op: u8) -> &'static str {
    match op {
        0x10 => "==",
        0x20 => ">",
        0x30 => ">=",
        0x40 => "&",
        0x50 => "!=",
        0x60 => "s>",
        0x70 => "s>=",
        0xa0 => "<",
        0xb0 => "<=",
        0xc0 => "s<",
        0xd0 => "s<=",
        _ => "?",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_those_of_the_kernels_struct() {
        // r6 = *(u64 *)(r1 + 8): 79 16 08 00 00 00 00 00, as clang assembles it.
        let load = Insn { code: CLASS_LDX | MODE_MEMORY | Size::B8.bits(), dst: 6, src: 1, offset: 8, imm: 0 };
        assert_eq!(load.bytes(), [0x79, 0x16, 8, 0, 0, 0, 0, 0]);
        assert_eq!(Insn::from_bytes(load.bytes()), load);
        assert_eq!(load.text(0, 0), "r6 = *(u64 *)(r1 +8)");
    }

    #[test]
    fn texts_of_each_class() {
        let text = |code, dst, src, offset, imm| Insn { code, dst, src, offset, imm }.text(10, 0);
        assert_eq!(text(0x85, 0, 0, 0, 14), "call get_current_pid_tgid");
        assert_eq!(text(0x95, 0, 0, 0, 0), "exit");
        assert_eq!(text(0x3f, 1, 2, 1, 0), "r1 s/= r2");
        assert_eq!(text(0xbf, 1, 2, 32, 0), "r1 = (s32)r2");
        assert_eq!(text(0xbc, 1, 2, 0, 0), "w1 = w2");
        assert_eq!(text(0x15, 3, 0, 4, -7), "if r3 == -7 goto 15");
        assert_eq!(text(0xe5, 0, 0, 4, 0), "may_goto 15");
        assert_eq!(text(0xdb, 1, 2, 0, 0), "lock *(u64 *)(r1 +0) += r2");
        assert_eq!(text(0xdc, 1, 0, 0, 64), "r1 = be64 r1");
        assert_eq!(text(0x62, 10, 0, -4, 3), "*(u32 *)(r10 -4) = 3");
    }

    #[test]
    fn opposites_are_involutions() {
        for cond in [Cond::Eq, Cond::Gt, Cond::Ge, Cond::SGt, Cond::SGe, Cond::Lt, Cond::SLe] {
            assert_eq!(cond.opposite().unwrap().opposite(), Some(cond));
            assert_eq!(cond.swapped().swapped(), cond);
        }
    }
}
