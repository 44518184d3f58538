//! From code over the machine's registers to instructions: places on the stack, targets of jumps, relocations, lines.
//!
//! Must never reorder or drop anything but labels. A jump that is too far for its 16 bits is made of two or three.

use std::collections::{BTreeMap, HashMap};

use systap_diagnostics::Span;

use crate::artifact::{Counters, Relocation};
use crate::code::{Code, Counter, Label, Line, Mem, Reg, Src, StackObject};
use crate::insn::{
    AluOp, CALL, CLASS_ALU, CLASS_ALU64, CLASS_JMP, CLASS_JMP32, CLASS_LDX, CLASS_ST, CLASS_STX, Cond, EXIT, FETCH,
    Insn, JUMP_ALWAYS, JUMP_MAY, LOAD_IMM64, MODE_ATOMIC, MODE_MEMORY, NEGATE, SOURCE_REGISTER, Size, TO_BIG_ENDIAN,
};

/// Sizes of the stack objects of one program, in bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stack {
    sizes: BTreeMap<StackObject, u32>,
}

impl Stack {
    /// Makes an object at least that big.
    pub(crate) fn need(&mut self, object: StackObject, bytes: u32) {
        let size = self.sizes.entry(object).or_default();
        *size = (*size).max(bytes.next_multiple_of(8));
    }

    /// The offset of each object from the end of the stack, and the bytes in all.
    fn places(&self, spill_slots: u32) -> (BTreeMap<StackObject, i32>, u32) {
        let mut used = 0;
        let mut places = BTreeMap::new();
        let spills = (0..spill_slots).map(|slot| (StackObject::Spill(slot), 8));
        for (object, size) in self.sizes.iter().map(|(object, size)| (*object, *size)).chain(spills) {
            used += size;
            places.insert(object, -(used as i32));
        }
        (places, used)
    }

    /// Bytes that these objects and spilled registers take.
    pub(crate) fn bytes(&self, spill_slots: u32) -> u32 {
        self.places(spill_slots).1
    }
}

/// The instructions of a program.
#[derive(Debug, Default)]
pub(crate) struct Assembled {
    pub(crate) instructions: Vec<[u8; 8]>,
    pub(crate) relocations: Vec<Relocation>,
    pub(crate) lines: Vec<(u32, Span)>,
}

/// How a jump is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    Near,
    Far,
}

/// Assembles `lines`; `None` if a jump reaches farther than this kernel can. `far`: 32-bit jumps may be used (instruction
/// set version 4).
pub(crate) fn assemble(
    lines: &[Line],
    stack: &Stack,
    spill_slots: u32,
    counters: Counters,
    far: bool,
) -> Option<Assembled> {
    let (places, _) = stack.places(spill_slots);
    let mut reach = vec![Reach::Near; lines.len()];
    let (starts, labels) = loop {
        let (starts, labels) = positions(lines, &reach);
        let mut grown = false;
        for (at, line) in lines.iter().enumerate() {
            let Some(to) = line.code.target() else { continue };
            let distance = *labels.get(&to)? - (starts[at] + i64::from(length(&line.code, reach[at])));
            if i16::try_from(distance).is_err() && reach[at] == Reach::Near {
                if !far {
                    return None;
                }
                reach[at] = Reach::Far;
                grown = true;
            }
        }
        if !grown {
            break (starts, labels);
        }
    };
    let mut out = Assembled::default();
    for (at, line) in lines.iter().enumerate() {
        if !matches!(line.code, Code::Label(_)) && out.lines.last().is_none_or(|(_, span)| *span != line.span) {
            out.lines.push((out.instructions.len() as u32, line.span));
        }
        let target = match line.code.target() {
            Some(to) => *labels.get(&to)? - (starts[at] + i64::from(length(&line.code, reach[at]))),
            None => 0,
        };
        let writer = Writer { places: &places, counters, reach: reach[at], target };
        writer.write(&line.code, &mut out);
    }
    Some(out)
}

/// The index of each instruction and label.
fn positions(lines: &[Line], reach: &[Reach]) -> (Vec<i64>, HashMap<Label, i64>) {
    let mut at = 0;
    let mut starts = Vec::with_capacity(lines.len());
    let mut labels = HashMap::new();
    for (line, reach) in lines.iter().zip(reach) {
        starts.push(at);
        if let Code::Label(label) = line.code {
            labels.insert(label, at);
        }
        at += i64::from(length(&line.code, *reach));
    }
    (starts, labels)
}

/// How many 8-byte instructions it takes.
fn length(code: &Code, reach: Reach) -> u32 {
    match code {
        Code::Label(_) => 0,
        Code::Imm64 { value, .. } => 1 + u32::from(i32::try_from(*value).is_err()),
        Code::MapRef { .. } => 2,
        Code::StackAddress { .. } => 2,
        Code::Branch { .. } | Code::MayGoto { .. } if reach == Reach::Far => 3,
        _ => 1,
    }
}

struct Writer<'a> {
    places: &'a BTreeMap<StackObject, i32>,
    counters: Counters,
    reach: Reach,
    /// From after this instruction to where it jumps.
    target: i64,
}

impl Writer<'_> {
    /// Base register and offset.
    fn mem(&self, mem: Mem) -> (u8, i16) {
        match mem {
            Mem::Base(base, offset) => (base.0 as u8, offset),
            Mem::Stack(object, offset) => {
                let place = self.places.get(&object).copied().unwrap_or_default();
                (Reg::FRAME_POINTER.0 as u8, (place + i32::from(offset)) as i16)
            }
        }
    }

    fn write(&self, code: &Code, out: &mut Assembled) {
        let mut put = |insn: Insn| out.instructions.push(insn.bytes());
        match *code {
            Code::Label(_) => {}
            Code::Alu { wide, op, dst, src, signed } => {
                let class = if wide { CLASS_ALU64 } else { CLASS_ALU };
                let signed = signed && matches!(op, AluOp::Div | AluOp::Mod);
                put(operand(class | op as u8, dst, src, i16::from(signed)));
            }
            Code::Sext { bits, dst, src } => {
                put(operand(CLASS_ALU64 | AluOp::Mov as u8, dst, Src::Reg(src), i16::from(bits)));
            }
            Code::Negate { dst } => put(plain(CLASS_ALU64 | NEGATE, dst, 0)),
            Code::BigEndian { dst } => put(plain(CLASS_ALU | TO_BIG_ENDIAN, dst, 64)),
            Code::Imm64 { dst, value } => match i32::try_from(value) {
                Ok(imm) => put(plain(CLASS_ALU64 | AluOp::Mov as u8, dst, imm)),
                Err(_) => {
                    put(plain(LOAD_IMM64, dst, value as i32));
                    put(Insn { imm: (value >> 32) as i32, ..Insn::default() });
                }
            },
            Code::MapRef { dst, map, offset } => {
                put(plain(LOAD_IMM64, dst, 0));
                put(Insn::default());
                let at = out.instructions.len() as u32 - 2;
                out.relocations.push(Relocation { at, map, value_offset: offset });
            }
            Code::StackAddress { dst, object, offset } => {
                let (_, place) = self.mem(Mem::Stack(object, offset));
                put(operand(CLASS_ALU64 | AluOp::Mov as u8, dst, Src::Reg(Reg::FRAME_POINTER), 0));
                put(plain(CLASS_ALU64 | AluOp::Add as u8, dst, i32::from(place)));
            }
            Code::Load { size, dst, mem } => {
                let (src, offset) = self.mem(mem);
                put(Insn { code: CLASS_LDX | MODE_MEMORY | size.bits(), dst: dst.0 as u8, src, offset, imm: 0 });
            }
            Code::Store { size, mem, src } => {
                let (dst, offset) = self.mem(mem);
                put(Insn { code: CLASS_STX | MODE_MEMORY | size.bits(), dst, src: src.0 as u8, offset, imm: 0 });
            }
            Code::StoreImm { size, mem, imm } => {
                let (dst, offset) = self.mem(mem);
                put(Insn { code: CLASS_ST | MODE_MEMORY | size.bits(), dst, src: 0, offset, imm });
            }
            Code::StoreCounter { mem, counter } => {
                let (dst, offset) = self.mem(mem);
                let imm = self.counter(counter) as i32;
                put(Insn { code: CLASS_ST | MODE_MEMORY | Size::B4.bits(), dst, src: 0, offset, imm });
            }
            Code::AtomicAdd { mem, src, fetch } => {
                let (dst, offset) = self.mem(mem);
                let imm = if fetch { FETCH } else { 0 };
                put(Insn { code: CLASS_STX | MODE_ATOMIC | Size::B8.bits(), dst, src: src.0 as u8, offset, imm });
            }
            Code::Call { helper, .. } => put(Insn { code: CLASS_JMP | CALL, imm: helper as i32, ..Insn::default() }),
            Code::Exit => put(Insn { code: CLASS_JMP | EXIT, ..Insn::default() }),
            Code::Jump { .. } => put(self.always()),
            Code::Branch { cond, wide, left, right, .. } => {
                let class = if wide { CLASS_JMP } else { CLASS_JMP32 };
                put(self.conditional(operand(class | cond as u8, left, right, 0)));
                self.farther(out);
            }
            Code::MayGoto { .. } => {
                put(self.conditional(Insn { code: CLASS_JMP | JUMP_MAY, ..Insn::default() }));
                self.farther(out);
            }
        }
    }

    fn counter(&self, counter: Counter) -> u32 {
        match counter {
            Counter::Site(site) => site,
            Counter::Skipped(handler) => self.counters.sites + handler,
            Counter::Hits(handler) => self.counters.sites + self.counters.skipped + handler,
        }
    }

    fn always(&self) -> Insn {
        match self.reach {
            Reach::Near => Insn { code: CLASS_JMP | JUMP_ALWAYS, offset: self.target as i16, ..Insn::default() },
            Reach::Far => Insn { code: CLASS_JMP32 | JUMP_ALWAYS, imm: self.target as i32, ..Insn::default() },
        }
    }

    /// A conditional jump: to its target, or to the long jump that follows the next instruction.
    fn conditional(&self, insn: Insn) -> Insn {
        Insn { offset: if self.reach == Reach::Near { self.target as i16 } else { 1 }, ..insn }
    }

    fn farther(&self, out: &mut Assembled) {
        if self.reach == Reach::Far {
            let over = Insn { code: CLASS_JMP | JUMP_ALWAYS, offset: 1, ..Insn::default() };
            out.instructions.push(over.bytes());
            out.instructions.push(self.always().bytes());
        }
    }
}

fn plain(code: u8, dst: Reg, imm: i32) -> Insn {
    Insn { code, dst: dst.0 as u8, src: 0, offset: 0, imm }
}

fn operand(code: u8, dst: Reg, src: Src, offset: i16) -> Insn {
    match src {
        Src::Reg(src) => Insn { code: code | SOURCE_REGISTER, dst: dst.0 as u8, src: src.0 as u8, offset, imm: 0 },
        Src::Imm(imm) => Insn { code, dst: dst.0 as u8, src: 0, offset, imm },
    }
}

/// The condition's bits are part of the opcode; kept here so that the two cannot drift apart.
const _: () = assert!(Cond::Eq as u8 == 0x10);

#[cfg(test)]
mod tests {
    use super::*;
    use systap_diagnostics::{FileId, Span};

    fn line(code: Code) -> Line {
        Line { code, span: Span::new(FileId(0), 0, 1), cold: false }
    }

    #[test]
    fn a_far_branch_is_made_of_three() {
        let mut lines =
            vec![line(Code::Branch { cond: Cond::Eq, wide: true, left: Reg::R1, right: Src::Imm(0), to: Label(0) })];
        let filler = Code::Alu { wide: true, op: AluOp::Mov, dst: Reg::R0, src: Src::Imm(0), signed: false };
        lines.extend(std::iter::repeat_n(line(filler), 40_000));
        lines.push(line(Code::Label(Label(0))));
        lines.push(line(Code::Exit));
        let stack = Stack::default();
        assert!(assemble(&lines, &stack, 0, Counters::default(), false).is_none());
        let out = assemble(&lines, &stack, 0, Counters::default(), true).unwrap();
        let insn = |at: usize| Insn::from_bytes(out.instructions[at]);
        assert_eq!(insn(0).text(0, 0), "if r1 == 0 goto 2");
        assert_eq!(insn(1).text(1, 0), "goto 3");
        assert_eq!(insn(2).text(2, 0), "goto 40003");
        assert_eq!(insn(40_003).text(0, 0), "exit");
    }

    #[test]
    fn objects_lie_apart_and_aligned() {
        let mut stack = Stack::default();
        stack.need(StackObject::Key, 12);
        stack.need(StackObject::Index, 4);
        assert_eq!(stack.bytes(2), 16 + 8 + 16);
        let (places, _) = stack.places(2);
        let mut offsets: Vec<i32> = places.values().copied().collect();
        offsets.sort_unstable();
        assert_eq!(offsets, [-40, -32, -24, -16]);
    }
}
