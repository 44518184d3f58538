//! What is divided off a handler becomes a body of its own, and what stands in its place leaves the kernel with a record.
//!
//! Facts of the moment and memory that the rest reads are read in the kernel, before it is left, and travel in the record. Where a
//! handler is divided is not decided here.

use std::collections::{BTreeMap, BTreeSet};

use systap_diagnostics::{Diagnostic, Span};

use super::defer::reachable_from;
use super::denied::Rules;
use crate::flow::Flow;
use crate::graph::{Block, BlockId, Body, Inst, Jump, Op, Terminator, Value};
use crate::intrinsic::{Context, Intrinsic};
use crate::placed::Continuation;
use crate::program::{GlobalId, GlobalShape, Type, Width};

/// Blocks that stand between the kernel's part and a continuation; the first takes the parameters of the block they replace.
pub(super) type Bridge = Vec<Block>;

/// Takes the region that begins at one block out of a kernel-side body.
pub(super) struct Outline<'a> {
    body: &'a mut Body,
    entry: BlockId,
    region: Vec<BlockId>,
    /// Values that the region defines.
    inside: BTreeSet<Value>,
    /// Where each value outside is defined by a constant.
    constants: BTreeMap<Value, Op>,
    /// What the bridge does; `blocks.last()` is open.
    bridge: Bridge,
    /// What a value of the region is called in the bridge, if it is known there.
    known: BTreeMap<Value, Value>,
    /// What the record carries: the value in the kernel, and the value it becomes in the region.
    captured: Vec<(Value, Value)>,
    /// Globals whose value the region must not take along: it changes them itself, or they are not in the kernel at all.
    late: BTreeSet<GlobalId>,
    /// Reads that would come too late.
    diagnostics: Vec<Diagnostic>,
}

impl<'a> Outline<'a> {
    pub(super) fn new(body: &'a mut Body, entry: BlockId, rules: &Rules<'_>) -> Self {
        let in_region = reachable_from(body, std::iter::once(entry));
        let region: Vec<BlockId> = Flow::of(body).order.into_iter().filter(|block| in_region.contains(block)).collect();
        let mut inside = BTreeSet::new();
        for block in &region {
            let block = body.block(*block);
            inside.extend(&block.params);
            inside.extend(block.insts.iter().filter_map(|inst| inst.result));
        }
        let mut constants = BTreeMap::new();
        for inst in body.blocks.iter().flat_map(|block| &block.insts) {
            if let (Some(result), Op::Long(_) | Op::Text(_)) = (inst.result, &inst.op) {
                constants.insert(result, inst.op.clone());
            }
        }
        let late = written(body, &region, rules);
        let span = body.block(entry).span;
        let params = body.block(entry).params.clone();
        let head = Block { params: params.clone(), insts: vec![], term: Terminator::Unreachable, span, actions: 0 };
        // Where a loop comes back to the entry, its parameters have other values then.
        let comes_back = region.iter().any(|block| body.block(*block).term.jumps().any(|jump| jump.to == entry));
        let known = params.iter().filter(|_| !comes_back).map(|param| (*param, *param)).collect();
        let captured = params.iter().map(|param| (*param, *param)).collect();
        Outline {
            body,
            entry,
            region,
            inside,
            constants,
            bridge: vec![head],
            known,
            captured,
            late,
            diagnostics: vec![],
        }
    }

    pub(super) fn run(
        &mut self,
        handler: usize,
        number: u32,
        reason: (String, Span),
    ) -> Result<(Continuation, Bridge), Vec<Diagnostic>> {
        let mut blocks: Vec<Block> = self.region.iter().map(|block| self.body.block(*block).clone()).collect();
        for (index, block) in blocks.iter_mut().enumerate() {
            // A read in the entry block, before any effect there, happens in any case.
            let mut certain = self.region[index] == self.entry;
            let mut insts = vec![];
            let mut left = block.insts.len();
            for inst in std::mem::take(&mut block.insts) {
                let kept = insts.len();
                left -= 1;
                let attempted = left == 0 && matches!(block.term, Terminator::Attempt { .. });
                if matches!(inst.op, Op::Context(Context::Caught)) && self.region[index] != self.entry {
                    // Here the error is raised on the user side, too.
                    insts.push(inst);
                    continue;
                }
                self.instruction(inst, certain && !attempted, &reason, &mut insts);
                certain &= insts[kept..].iter().all(|inst| inst.op.is_pure());
                if attempted
                    && insts.len() == kept
                    && let Terminator::Attempt { ok, .. } = &block.term
                {
                    // What cannot go wrong any more is not attempted.
                    block.term = Terminator::Jump(ok.clone());
                }
            }
            block.insts = insts;
        }
        self.capture_live_ins(&mut blocks);
        if !self.diagnostics.is_empty() {
            return Err(std::mem::take(&mut self.diagnostics));
        }
        let args = self.captured.iter().map(|(kernel, _)| *kernel).collect();
        if let Some(last) = self.bridge.last_mut() {
            last.term = Terminator::Defer { to: number, args };
        }
        let body = self.continuation_body(blocks);
        Ok((Continuation { handler, reason, body }, std::mem::take(&mut self.bridge)))
    }

    /// Keeps an instruction in the region, or moves it to the bridge if it must happen in the kernel.
    fn instruction(&mut self, mut inst: Inst, certain: bool, reason: &(String, Span), insts: &mut Vec<Inst>) {
        let must_be_kernel = matches!(
            inst.op,
            Op::Context(_) | Op::Argument { .. } | Op::Load { .. } | Op::ReadText { .. } | Op::Readable { .. }
        );
        if matches!(inst.op, Op::Intrinsic(Intrinsic::QuoteKernel | Intrinsic::QuoteUser, _)) {
            // What it reads would be something else by the time that the record arrives.
            self.too_late(inst.span, reason);
            return;
        }
        let available = self.rename_for_bridge(&inst);
        if self.travels(&inst.op)
            && let (Some(op), Some(result)) = (&available, inst.result)
        {
            // By the time that the record arrives, another handler may have changed it.
            let copy = self.emit(op.clone(), self.body.ty(result), inst.span);
            self.capture(copy, result);
            return;
        }
        if !must_be_kernel {
            // Arithmetic on what the kernel knows may be needed there for an address, and a literal for what a read gives that
            // fails; whether they are, unused-code removal finds out.
            let arithmetic =
                matches!(inst.op, Op::Long(_) | Op::Text(_) | Op::Binary(..) | Op::Unary(..) | Op::Extend { .. });
            if let (Some(renamed), true, true, Some(result)) = (available, arithmetic, inst.op.is_pure(), inst.result) {
                let copy = self.emit(renamed, self.body.ty(result), inst.span);
                self.known.insert(result, copy);
            }
            insts.push(inst);
            return;
        }
        let Some(op) = available else {
            self.too_late(inst.span, reason);
            return;
        };
        // A read whose value nobody wants may fail all the same.
        let ty = if matches!(op, Op::ReadText { .. }) { Type::Text } else { Type::Long };
        let result = match inst.result {
            Some(result) => result,
            None if op.is_fallible() => self.fresh(ty),
            None => return,
        };
        let ty = self.body.ty(result);
        let (base, offset, width, space, fails) = match &op {
            Op::Load { base, offset, width, space, .. } => (*base, *offset, *width, *space, true),
            Op::ReadText { address, space, fallback, .. } => (*address, 0, Width::W1, *space, fallback.is_none()),
            _ => {
                let copy = self.emit(op, ty, inst.span);
                self.capture(copy, result);
                return;
            }
        };
        if certain || !fails {
            let copy = self.emit(op, ty, inst.span);
            self.capture(copy, result);
            return;
        }
        // The read may not happen at all, so a fault must not end the handler here: ask first, and let the region raise the
        // error where it would have read.
        let flag = self.emit(Op::Readable { base, offset, width, space }, Type::Long, inst.span);
        // No branch: a verifier that remembers which of many reads have worked follows all ways to the record.
        let copy = match op {
            Op::Load { base, offset, width, signed, space, .. } => {
                self.emit(Op::LoadOrZero { base, offset, width, signed, space }, ty, inst.span)
            }
            Op::ReadText { address, limit, space, .. } => {
                let nothing = self.emit(Op::Text(vec![]), Type::Text, inst.span);
                self.emit(Op::ReadText { address, limit, space, fallback: Some(nothing) }, ty, inst.span)
            }
            other => self.emit(other, ty, inst.span),
        };
        let flag_inside = self.fresh(Type::Long);
        self.capture(flag, flag_inside);
        let address_inside = self.fresh(Type::Long);
        self.capture(base, address_inside);
        self.capture(copy, result);
        inst.result = None;
        let text = ty == Type::Text;
        inst.op = Op::CheckRead { flag: flag_inside, address: address_inside, space, text };
        insts.push(inst);
    }

    fn too_late(&mut self, span: Span, (construct, place): &(String, Span)) {
        let message = "this must be read at the moment of the event, but what it reads is known only later";
        self.diagnostics.push(
            Diagnostic::error("must-run-in-kernel", span, message)
                .with_secondary(*place, format!("from here on the handler runs on the user side, for {construct}"))
                .with_help("read it into a variable before, or leave that construct to a `timer` or `end` handler"),
        );
    }

    /// Whether an instruction reads a global that has the same value here as where the kernel is left.
    fn travels(&self, op: &Op) -> bool {
        matches!(op, Op::Get(_) | Op::ElementGet(..) | Op::Contains(..))
            && op.global().is_some_and(|global| !self.late.contains(&global))
    }

    /// The instruction in the names of the bridge, if all that it uses is known there.
    fn rename_for_bridge(&self, inst: &Inst) -> Option<Op> {
        let mut op = inst.op.clone();
        let mut complete = true;
        op.for_each_use(|value| match self.known.get(value) {
            Some(known) => *value = *known,
            None if !self.inside.contains(value) => {}
            None => complete = false,
        });
        complete.then_some(op)
    }

    fn fresh(&mut self, ty: Type) -> Value {
        self.body.value(ty)
    }

    fn emit(&mut self, op: Op, ty: Type, span: Span) -> Value {
        let value = self.fresh(ty);
        if let Some(last) = self.bridge.last_mut() {
            last.insts.push(Inst { result: Some(value), op, span });
        }
        value
    }

    /// The record carries `kernel`; the region finds it as `region`.
    fn capture(&mut self, kernel: Value, region: Value) {
        self.known.insert(region, kernel);
        self.captured.push((kernel, region));
    }

    /// Values from before the region that it uses: constants are made again, the rest travels.
    fn capture_live_ins(&mut self, blocks: &mut [Block]) {
        let mut defined: BTreeSet<Value> = self.captured.iter().map(|(_, region)| *region).collect();
        for block in blocks.iter() {
            defined.extend(&block.params);
            defined.extend(block.insts.iter().filter_map(|inst| inst.result));
        }
        let mut missing = BTreeSet::new();
        for block in blocks.iter_mut() {
            let mut note = |value: &mut Value| {
                if !defined.contains(value) {
                    missing.insert(*value);
                }
            };
            block.insts.iter_mut().for_each(|inst| inst.op.for_each_use(&mut note));
            block.term.for_each_use(&mut note);
        }
        for value in missing {
            if !self.constants.contains_key(&value) {
                self.captured.push((value, value));
            }
        }
        // A captured value that the region never uses need not travel, but for the entry's own parameters, which unused-code
        // removal cannot tell from needed ones: they are few.
        let mut used = BTreeSet::new();
        for block in blocks.iter_mut() {
            block.insts.iter_mut().for_each(|inst| inst.op.for_each_use(|value| _ = used.insert(*value)));
            block.term.for_each_use(|value| _ = used.insert(*value));
        }
        self.captured.retain(|(_, region)| used.contains(region));
    }

    /// The region as a body of its own: an entry that takes the record's fields, then the region's blocks.
    fn continuation_body(&self, mut blocks: Vec<Block>) -> Body {
        let mut body = Body { values: self.body.values.clone(), blocks: vec![] };
        let mut renamed = BTreeMap::new();
        for (index, block) in self.region.iter().enumerate() {
            renamed.insert(*block, BlockId(index as u32 + 1));
        }
        for block in &mut blocks {
            for jump in block.term.jumps_mut() {
                if let Some(to) = renamed.get(&jump.to) {
                    jump.to = *to;
                }
            }
        }
        let span = self.body.block(self.entry).span;
        // The record's fields get names of their own: the entry block of the region may be entered again by a loop.
        let mut insts = vec![];
        let mut params = vec![];
        let mut outer_names = BTreeMap::new();
        let entry_params = self.body.block(self.entry).params.clone();
        for (_, region) in &self.captured {
            let param = if entry_params.contains(region) { body.value(self.body.ty(*region)) } else { *region };
            outer_names.insert(*region, param);
            params.push(param);
        }
        let mut used = BTreeSet::new();
        for block in &mut blocks {
            block.insts.iter_mut().for_each(|inst| inst.op.for_each_use(|value| _ = used.insert(*value)));
            block.term.for_each_use(|value| _ = used.insert(*value));
        }
        for (value, op) in &self.constants {
            if used.contains(value) && !self.inside.contains(value) {
                insts.push(Inst { result: Some(*value), op: op.clone(), span });
            }
        }
        let mut args = vec![];
        for param in &entry_params {
            let arg = match outer_names.get(param) {
                Some(name) => *name,
                None => {
                    let ty = self.body.ty(*param);
                    let value = body.value(ty);
                    let op = if ty == Type::Long { Op::Long(0) } else { Op::Text(vec![]) };
                    insts.push(Inst { result: Some(value), op, span });
                    value
                }
            };
            args.push(arg);
        }
        let to = renamed.get(&self.entry).copied().unwrap_or(BlockId(1));
        let term = Terminator::Jump(Jump { to, args });
        body.blocks.push(Block { params, insts, term, span, actions: 0 });
        body.blocks.extend(blocks);
        body
    }
}

/// The globals that a region changes, its calls included, and those that the kernel side may not touch.
fn written(body: &Body, region: &[BlockId], rules: &Rules<'_>) -> BTreeSet<GlobalId> {
    let mut found: BTreeSet<GlobalId> = rules.kept.keys().copied().collect();
    let mut seen = BTreeSet::new();
    let mut work = vec![];
    let mut look = |op: &Op, work: &mut Vec<usize>| {
        if let Op::Call(callee, _) = op {
            work.push(callee.0 as usize);
        } else if !op.is_pure() {
            found.extend(op.global());
        }
    };
    for inst in region.iter().flat_map(|block| &body.block(*block).insts) {
        look(&inst.op, &mut work);
    }
    while let Some(callee) = work.pop() {
        if seen.insert(callee) {
            let blocks = &rules.unit.functions[callee].body.blocks;
            blocks.iter().flat_map(|block| &block.insts).for_each(|inst| look(&inst.op, &mut work));
        }
    }
    for (index, global) in rules.unit.globals.iter().enumerate() {
        if matches!(global.shape, GlobalShape::Array { wrap: true, .. }) {
            found.insert(GlobalId(index as u32));
        }
    }
    found
}
