//! Where each register holds something that is still wanted, as ranges over positions in the code.
//!
//! Must never assign anything. Instruction `i` reads at position `2i` and writes at `2i + 1`; a range is half-open. So what
//! an instruction reads for the last time and what it writes can share a register.

use crate::code::{Code, Line, Mem, Reg, Role, StackObject};
use crate::flow::Block;

/// Half-open ranges of positions, ascending and apart.
pub(crate) type Ranges = Vec<(u32, u32)>;

/// The ranges of every register and spilled register.
pub(crate) struct Liveness {
    /// By register number.
    pub(crate) registers: Vec<Ranges>,
    /// By number of the spilled register.
    pub(crate) spills: Vec<Ranges>,
    /// Instructions whose only effect is a register that nothing reads.
    pub(crate) dead: Vec<usize>,
}

struct Bits(Vec<u64>);

impl Bits {
    fn new(len: usize) -> Bits {
        Bits(vec![0; len.div_ceil(64)])
    }

    fn has(&self, bit: usize) -> bool {
        self.0[bit / 64] >> (bit % 64) & 1 != 0
    }

    fn set(&mut self, bit: usize, on: bool) {
        let mask = 1 << (bit % 64);
        if on { self.0[bit / 64] |= mask } else { self.0[bit / 64] &= !mask }
    }

    fn each(&self, mut each: impl FnMut(usize)) {
        for (at, word) in self.0.iter().enumerate() {
            let mut word = *word;
            while word != 0 {
                each(at * 64 + word.trailing_zeros() as usize);
                word &= word - 1;
            }
        }
    }
}

/// What one instruction reads and writes, spilled registers numbered after the others.
#[derive(Default)]
struct Touched {
    uses: Vec<usize>,
    defs: Vec<usize>,
}

impl Touched {
    fn of(&mut self, code: &Code, registers: usize) {
        self.uses.clear();
        self.defs.clear();
        let mut code = *code;
        code.visit(&mut |reg, role| {
            if *reg == Reg::FRAME_POINTER {
                return;
            }
            if role != Role::Def {
                self.uses.push(reg.0 as usize);
            }
            if role != Role::Use {
                self.defs.push(reg.0 as usize);
            }
        });
        if let Some(Mem::Stack(StackObject::Spill(slot), _)) = code.mem() {
            let id = registers + slot as usize;
            match code {
                Code::Load { .. } => self.uses.push(id),
                _ => self.defs.push(id),
            }
        }
    }
}

/// Computes the ranges. `registers` and `spills`: how many there are of each.
pub(crate) fn liveness(lines: &[Line], blocks: &[Block], registers: usize, spills: usize) -> Liveness {
    let total = registers + spills;
    let live_out = live_out(lines, blocks, registers, total);
    let mut ranges: Vec<Ranges> = vec![Vec::new(); total];
    let mut dead = Vec::new();
    let mut touched = Touched::default();
    for (block, mut live) in blocks.iter().zip(live_out).rev() {
        let first = 2 * block.start as u32;
        let last = 2 * block.end as u32;
        live.each(|id| ranges[id].push((first, last)));
        for at in (block.start..block.end).rev() {
            let position = 2 * at as u32;
            touched.of(&lines[at].code, registers);
            if let Some(reg) = lines[at].code.only_defines()
                && reg.is_virtual()
                && !live.has(reg.0 as usize)
            {
                dead.push(at);
                continue;
            }
            for id in &touched.defs {
                if live.has(*id) {
                    if let Some(range) = ranges[*id].last_mut() {
                        range.0 = position + 1;
                    }
                    live.set(*id, false);
                } else {
                    ranges[*id].push((position + 1, position + 2));
                }
            }
            for id in &touched.uses {
                if !live.has(*id) {
                    ranges[*id].push((first, position + 1));
                    live.set(*id, true);
                }
            }
        }
    }
    for list in &mut ranges {
        list.reverse();
        list.dedup_by(|later, earlier| {
            let touch = earlier.1 >= later.0;
            if touch {
                earlier.1 = earlier.1.max(later.1);
            }
            touch
        });
    }
    let spills = ranges.split_off(registers);
    Liveness { registers: ranges, spills, dead }
}

/// What is live at the end of each block.
fn live_out(lines: &[Line], blocks: &[Block], registers: usize, total: usize) -> Vec<Bits> {
    let mut touched = Touched::default();
    let mut live_in: Vec<Bits> = Vec::with_capacity(blocks.len());
    let mut killed: Vec<Bits> = Vec::with_capacity(blocks.len());
    for block in blocks {
        let (mut uses, mut defs) = (Bits::new(total), Bits::new(total));
        for line in &lines[block.start..block.end] {
            touched.of(&line.code, registers);
            for id in &touched.uses {
                if !defs.has(*id) {
                    uses.set(*id, true);
                }
            }
            for id in &touched.defs {
                defs.set(*id, true);
            }
        }
        live_in.push(uses);
        killed.push(defs);
    }
    let mut out: Vec<Bits> = blocks.iter().map(|_| Bits::new(total)).collect();
    let mut changed = true;
    while changed {
        changed = false;
        for (index, block) in blocks.iter().enumerate().rev() {
            for next in &block.next {
                for (word, more) in out[index].0.iter_mut().zip(&live_in[*next].0) {
                    *word |= more;
                }
            }
            for at in 0..out[index].0.len() {
                let grown = live_in[index].0[at] | out[index].0[at] & !killed[index].0[at];
                if grown != live_in[index].0[at] {
                    live_in[index].0[at] = grown;
                    changed = true;
                }
            }
        }
    }
    out
}
