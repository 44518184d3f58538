//! Registers: which of r0–r9 each virtual register gets, and which live on the stack instead.
//!
//! Must never split what the verifier knows of a value: a virtual register is in one register all its life, or in one
//! 8-byte aligned stack slot, from where it is loaded for each use (so that pointers keep their types).
//!
//! The most used and shortest-lived go first; what finds no register is spilled: each use becomes a register of its own
//! that lives for one instruction, and allocation starts again.

use std::collections::BTreeMap;

use crate::code::{Code, Label, Line, Mem, Reg, Role, StackObject};
use crate::flow::{blocks, simplify};
use crate::insn::Size;
use crate::liveness::{Ranges, liveness};

/// Code over the machine's registers.
pub(crate) struct Allocated {
    pub(crate) lines: Vec<Line>,
    /// How many 8-byte stack slots the spilled registers need.
    pub(crate) spill_slots: u32,
}

/// r1 to r5 and r0 first: a value that lives over a call cannot have them, one that does not leaves r6 to r9 to others.
const ORDER: [u32; 10] = [1, 2, 3, 4, 5, 0, 6, 7, 8, 9];

/// Chooses registers for `lines`, which use virtual registers below number `registers`.
pub(crate) fn allocate(mut lines: Vec<Line>, registers: u32) -> Allocated {
    simplify(&mut lines);
    // By virtual register: it exists for one instruction only, so spilling it again would gain nothing.
    let mut momentary = vec![false; registers as usize];
    let mut spills = 0;
    loop {
        let ranges = live_ranges(&mut lines, momentary.len(), spills as usize);
        let (homes, spilled) = assign(&lines, &ranges, &momentary);
        if spilled.is_empty() {
            let slots = colour(&live_ranges(&mut lines, momentary.len(), spills as usize).1);
            return finish(lines, &homes, &slots);
        }
        lines = spill(&lines, &spilled, &mut momentary, &mut spills);
    }
}

/// Removes what nothing reads until all is read, then gives the ranges of registers and of spilled registers.
fn live_ranges(lines: &mut Vec<Line>, registers: usize, spills: usize) -> (Vec<Ranges>, Vec<Ranges>) {
    loop {
        let live = liveness(lines, &blocks(lines), registers, spills);
        if live.dead.is_empty() {
            return (live.registers, live.spills);
        }
        let mut dead = live.dead;
        dead.sort_unstable();
        let mut at = 0;
        lines.retain(|_| {
            at += 1;
            dead.binary_search(&(at - 1)).is_err()
        });
    }
}

/// How much an instruction counts: eight times more in a loop, an eighth where it is seldom run.
fn weights(lines: &[Line]) -> Vec<u64> {
    let mut weights: Vec<u64> = lines.iter().map(|line| if line.cold { 1 } else { 8 }).collect();
    let mut places: std::collections::HashMap<Label, usize> = std::collections::HashMap::new();
    for (at, line) in lines.iter().enumerate() {
        if let Code::Label(label) = line.code {
            places.insert(label, at);
        }
        // Returning from the seldom-run part, which is behind all the rest, is no loop.
        if !line.cold
            && let Some(from) = line.code.target().and_then(|label| places.get(&label))
        {
            for weight in &mut weights[*from..=at] {
                *weight = (*weight * 8).min(1 << 20);
            }
        }
    }
    weights
}

/// Gives the register of each virtual register, and the virtual registers that found none.
fn assign(lines: &[Line], ranges: &(Vec<Ranges>, Vec<Ranges>), momentary: &[bool]) -> (Vec<Option<u32>>, Vec<u32>) {
    let ranges = &ranges.0;
    let weights = weights(lines);
    let mut weight = vec![0u64; ranges.len()];
    let mut wishes: Vec<Vec<u32>> = vec![Vec::new(); ranges.len()];
    for (line, by) in lines.iter().zip(&weights) {
        let mut code = line.code;
        code.visit(&mut |reg, _| {
            if reg.is_virtual() {
                weight[reg.0 as usize] += by;
            }
        });
        if let Some((dst, src)) = line.code.as_move() {
            for (one, other) in [(dst, src), (src, dst)] {
                if one.is_virtual() {
                    wishes[one.0 as usize].push(other.0);
                }
            }
        }
    }
    let mut taken: [Taken; 10] = std::array::from_fn(|reg| Taken::of(ranges.get(reg).map_or(&[], Vec::as_slice)));
    let mut order: Vec<u32> =
        (Reg::VIRTUAL..ranges.len() as u32).filter(|reg| !ranges[*reg as usize].is_empty()).collect();
    order.sort_by_cached_key(|reg| {
        let at = *reg as usize;
        let length: u64 = ranges[at].iter().map(|(start, end)| u64::from(end - start)).sum();
        (!momentary[at], u64::MAX - weight[at].saturating_mul(1 << 20) / length.max(1))
    });
    let mut homes: Vec<Option<u32>> = vec![None; ranges.len()];
    let mut spilled = Vec::new();
    for reg in order {
        let wanted = &ranges[reg as usize];
        let wish = wishes[reg as usize]
            .iter()
            .filter_map(|other| if *other < 10 { Some(*other) } else { homes.get(*other as usize).copied().flatten() });
        let found = wish.chain(ORDER).find(|home| !taken[*home as usize].overlaps(wanted));
        match found {
            Some(home) => {
                taken[home as usize].add(wanted);
                homes[reg as usize] = Some(home);
            }
            None => spilled.push(reg),
        }
    }
    (homes, spilled)
}

/// The ranges in which a place is taken, by their starts; none overlap.
#[derive(Default)]
struct Taken(BTreeMap<u32, u32>);

impl Taken {
    fn of(ranges: &[(u32, u32)]) -> Taken {
        Taken(ranges.iter().copied().collect())
    }

    fn overlaps(&self, ranges: &[(u32, u32)]) -> bool {
        // Of those that start before the end, the last one ends last.
        ranges.iter().any(|(start, end)| self.0.range(..end).next_back().is_some_and(|(_, taken)| taken > start))
    }

    fn add(&mut self, ranges: &[(u32, u32)]) {
        self.0.extend(ranges.iter().copied());
    }
}

/// Rewrites the code so that these registers live on the stack.
fn spill(lines: &[Line], spilled: &[u32], momentary: &mut Vec<bool>, spills: &mut u32) -> Vec<Line> {
    let mut slot_of: Vec<Option<u32>> = vec![None; momentary.len()];
    for reg in spilled {
        slot_of[*reg as usize] = Some(*spills);
        *spills += 1;
    }
    let slot = |reg: Reg| slot_of.get(reg.0 as usize).copied().flatten();
    let place = |slot| Mem::Stack(StackObject::Spill(slot), 0);
    let mut out = Vec::with_capacity(lines.len() * 2);
    for line in lines {
        if let Some((dst, src)) = line.code.as_move() {
            let folded = match (slot(dst), slot(src)) {
                (None, Some(from)) => Some(Code::Load { size: Size::B8, dst, mem: place(from) }),
                (Some(to), None) => Some(Code::Store { size: Size::B8, mem: place(to), src }),
                _ => None,
            };
            if let Some(code) = folded {
                out.push(Line { code, ..*line });
                continue;
            }
        }
        let mut code = line.code;
        let mut before: Vec<(u32, Reg)> = Vec::new();
        let mut after: Vec<(u32, Reg)> = Vec::new();
        let mut replaced: Vec<(Reg, Reg)> = Vec::new();
        code.visit(&mut |reg, role| {
            let Some(slot) = slot(*reg) else { return };
            let fresh = match replaced.iter().find(|(old, _)| old == reg) {
                Some((_, fresh)) => *fresh,
                None => {
                    let fresh = Reg(momentary.len() as u32);
                    momentary.push(true);
                    replaced.push((*reg, fresh));
                    fresh
                }
            };
            if role != Role::Def && !before.contains(&(slot, fresh)) {
                before.push((slot, fresh));
            }
            if role != Role::Use {
                after.push((slot, fresh));
            }
            *reg = fresh;
        });
        out.extend(
            before
                .into_iter()
                .map(|(slot, dst)| Line { code: Code::Load { size: Size::B8, dst, mem: place(slot) }, ..*line }),
        );
        out.push(Line { code, ..*line });
        out.extend(
            after
                .into_iter()
                .map(|(slot, src)| Line { code: Code::Store { size: Size::B8, mem: place(slot), src }, ..*line }),
        );
    }
    out
}

/// Gives each spilled register a slot, shared by those that do not live at the same time.
fn colour(ranges: &[Ranges]) -> Vec<u32> {
    let mut slots: Vec<Taken> = Vec::new();
    let mut order: Vec<usize> = (0..ranges.len()).collect();
    order.sort_by_key(|spill| ranges[*spill].first().copied());
    let mut chosen = vec![0; ranges.len()];
    for spill in order {
        if ranges[spill].is_empty() {
            continue;
        }
        let slot = match slots.iter().position(|taken| !taken.overlaps(&ranges[spill])) {
            Some(slot) => slot,
            None => {
                slots.push(Taken::default());
                slots.len() - 1
            }
        };
        slots[slot].add(&ranges[spill]);
        chosen[spill] = slot as u32;
    }
    chosen
}

fn finish(mut lines: Vec<Line>, homes: &[Option<u32>], slots: &[u32]) -> Allocated {
    let mut spill_slots = 0;
    for line in &mut lines {
        line.code.visit(&mut |reg, _| {
            if let Some(home) = homes.get(reg.0 as usize).copied().flatten() {
                *reg = Reg(home);
            }
        });
        if let Code::Load { mem, .. } | Code::Store { mem, .. } = &mut line.code
            && let Mem::Stack(StackObject::Spill(spill), _) = mem
        {
            *spill = slots.get(*spill as usize).copied().unwrap_or_default();
            spill_slots = spill_slots.max(*spill + 1);
        }
    }
    lines.retain(|line| line.code.as_move().is_none_or(|(dst, src)| dst != src));
    simplify(&mut lines);
    Allocated { lines, spill_slots }
}
