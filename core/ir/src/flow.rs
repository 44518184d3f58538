//! Facts about the shape of a graph: orders, predecessors, dominators, loops. Reads only.

use crate::graph::{BlockId, Body};

/// What can be said of a body's blocks; blocks that cannot be reached have no order.
pub struct Flow {
    /// Reachable blocks in reverse postorder: each before its successors, but for back edges.
    pub order: Vec<BlockId>,
    /// Position in `order`, by block.
    position: Vec<Option<u32>>,
    /// Predecessors that can be reached, by block; one entry for each edge.
    pub predecessors: Vec<Vec<BlockId>>,
    /// Immediate dominator, by block; the entry's is itself.
    dominator: Vec<Option<BlockId>>,
}

impl Flow {
    /// Looks at a body.
    pub fn of(body: &Body) -> Self {
        let order = reverse_postorder(body);
        let mut position = vec![None; body.blocks.len()];
        for (index, block) in order.iter().enumerate() {
            position[block.0 as usize] = Some(index as u32);
        }
        let mut predecessors = vec![vec![]; body.blocks.len()];
        for block in &order {
            for jump in body.block(*block).term.jumps() {
                predecessors[jump.to.0 as usize].push(*block);
            }
        }
        let mut flow = Flow { order, position, predecessors, dominator: vec![None; body.blocks.len()] };
        flow.find_dominators();
        flow
    }

    /// Position in reverse postorder; `None` if the block cannot be reached.
    pub fn position(&self, block: BlockId) -> Option<u32> {
        self.position[block.0 as usize]
    }

    /// Whether every path to `lower` passes `upper`.
    pub fn dominates(&self, upper: BlockId, lower: BlockId) -> bool {
        let mut at = lower;
        loop {
            if at == upper {
                return true;
            }
            match self.dominator[at.0 as usize] {
                Some(next) if next != at => at = next,
                _ => return false,
            }
        }
    }

    /// An edge that goes back to where a loop begins (every cycle has one).
    pub fn is_back_edge(&self, from: BlockId, to: BlockId) -> bool {
        match (self.position(from), self.position(to)) {
            (Some(from), Some(to)) => to <= from,
            _ => false,
        }
    }

    /// Cooper, Harvey and Kennedy's iteration over reverse postorder.
    fn find_dominators(&mut self) {
        self.dominator[0] = Some(BlockId::ENTRY);
        let mut changed = true;
        while changed {
            changed = false;
            for block in self.order.iter().skip(1) {
                let mut best: Option<BlockId> = None;
                for pred in &self.predecessors[block.0 as usize] {
                    if self.dominator[pred.0 as usize].is_some() {
                        best = Some(best.map_or(*pred, |other| self.meet(other, *pred)));
                    }
                }
                if self.dominator[block.0 as usize] != best {
                    self.dominator[block.0 as usize] = best;
                    changed = true;
                }
            }
        }
    }

    fn meet(&self, mut a: BlockId, mut b: BlockId) -> BlockId {
        while a != b {
            let (at_a, at_b) = (self.position(a), self.position(b));
            let higher = if at_a > at_b { &mut a } else { &mut b };
            match self.dominator[higher.0 as usize] {
                Some(next) => *higher = next,
                None => return BlockId::ENTRY,
            }
        }
        a
    }
}

fn reverse_postorder(body: &Body) -> Vec<BlockId> {
    let mut seen = vec![false; body.blocks.len()];
    let mut done = vec![];
    let mut stack = vec![(BlockId::ENTRY, 0)];
    if let Some(entry) = seen.first_mut() {
        *entry = true;
    } else {
        return done;
    }
    while let Some((block, next)) = stack.last_mut() {
        let successor = body.block(*block).term.jumps().nth(*next).map(|jump| jump.to);
        *next += 1;
        match successor {
            Some(to) if !seen[to.0 as usize] => {
                seen[to.0 as usize] = true;
                stack.push((to, 0));
            }
            Some(_) => {}
            None => {
                done.push(*block);
                stack.pop();
            }
        }
    }
    done.reverse();
    done
}
