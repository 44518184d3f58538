//! Where values of type text live: on the stack if small and few, else in the handler's frame; places are shared by those
//! that are not wanted at the same time.
//!
//! Must never emit code. A text lies in a multiple of 8 bytes, ends in a NUL within its greatest length, and (where
//! [`Texts::padded`] says so) has nothing but NULs after it.

use systap_ir::format::Piece;
use systap_ir::graph::{BlockId, Body, Inst, Op, Terminator, Value};
use systap_ir::intrinsic::Intrinsic;
use systap_ir::placed::KernelHandler;
use systap_ir::program::Type;

/// Texts of at most that many bytes travel in the fixed part of a record and may live on the stack.
pub(crate) const SHORT: u32 = 64;
/// The digits of a number take at most that many bytes, its sign or prefix included.
pub(crate) const DIGITS: u32 = 24;
/// At most that many bytes of the stack go to texts.
const STACK_BUDGET: u32 = 192;

/// Which memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Region {
    Stack,
    Frame,
}

/// The place of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Home {
    pub(crate) region: Region,
    /// From the start of the region's texts.
    pub(crate) offset: u32,
    /// Bytes of the text proper, a multiple of 8.
    pub(crate) size: u32,
}

/// The places of a handler's texts.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    /// By value; `None` for what needs no place.
    pub(crate) homes: Vec<Option<Home>>,
    /// By value: it is compared, stored or recorded by words, so nothing but NULs may follow it.
    pub(crate) padded: Vec<bool>,
    /// Bytes of the stack.
    pub(crate) stack: u32,
    /// Bytes of the frame.
    pub(crate) frame: u32,
    /// An operation works on bytes or digits, or in a loop of its own, for which it needs some space.
    pub(crate) composes: bool,
}

/// Bytes that a text of at most `cap` bytes, NUL included, takes.
pub(crate) fn room(cap: u32) -> u32 {
    cap.max(1).next_multiple_of(8)
}

/// What a value of type text is made by, if by an instruction.
pub(crate) fn needs_no_home(op: &Op) -> bool {
    match op {
        Op::Text(_) => true,
        Op::Context(context) => context.rendered_later(),
        _ => false,
    }
}

impl Texts {
    /// Places the texts of a handler whose blocks are emitted in this order. `frame_only`: keep off the stack.
    pub(crate) fn place(handler: &KernelHandler, order: &[BlockId], frame_only: bool) -> Texts {
        let body = &handler.body;
        let intervals = Intervals::of(body, order);
        let composes = body.blocks.iter().flat_map(|block| &block.insts).any(|inst| match &inst.op {
            Op::Format(..) | Op::Aggregate(..) => true,
            Op::Intrinsic(intrinsic, _) => looks_at_bytes(*intrinsic) || intrinsic.loops(),
            _ => false,
        });
        let (homes, padded) = (vec![None; body.values.len()], paddings(handler));
        let mut texts = Texts { homes, padded, stack: 0, frame: 0, composes };
        let indexed = indexed(body);
        // The bytes that each takes, and whether it must be in the frame.
        let mut wanted: Vec<(Value, u32, bool)> = Vec::new();
        for block in order.iter().map(|id| body.block(*id)) {
            for param in block.params.iter().filter(|param| body.ty(**param) == Type::Text) {
                let size = room(cap(handler, *param));
                match indexed[param.0 as usize] {
                    true => wanted.push((*param, size.next_power_of_two() + 8, true)),
                    false => wanted.push((*param, size, false)),
                }
            }
            for Inst { result, op, .. } in &block.insts {
                let Some(result) = result.filter(|result| body.ty(*result) == Type::Text) else { continue };
                if needs_no_home(op) {
                    continue;
                }
                let size = room(cap(handler, result));
                let indexed = indexed[result.0 as usize];
                match op {
                    Op::Concat(a, b) => {
                        // To the verifier, the first one's length is less than a power of two.
                        let both = room(cap(handler, *a)).next_power_of_two() + room(cap(handler, *b));
                        wanted.push((result, both.max(size.next_power_of_two() + 8), true));
                    }
                    Op::ReadText { limit: Some(_), .. } => wanted.push((result, size.next_power_of_two() + 8, indexed)),
                    _ => match longest_piece(handler, op) {
                        Some(piece) => wanted.push((result, size.next_power_of_two() + piece.max(8), true)),
                        None if indexed => wanted.push((result, size.next_power_of_two() + 8, true)),
                        None => wanted.push((result, size, false)),
                    },
                }
            }
        }
        let small = |size: u32, frame: bool| !frame && size <= SHORT;
        let on_stack: u32 =
            wanted.iter().filter(|(_, size, frame)| small(*size, *frame)).map(|(_, size, _)| size).sum();
        // A loop's states must become equal for the verifier, so no contents that it follows.
        let frame_only = frame_only || handler.loops || on_stack > STACK_BUDGET;
        wanted.sort_by_key(|(value, ..)| intervals.of_value(*value).0);
        let mut placed: Vec<(Value, Region, u32, u32)> = Vec::new();
        for (value, bytes, frame) in wanted {
            let region = if !frame_only && small(bytes, frame) { Region::Stack } else { Region::Frame };
            let (start, end) = intervals.of_value(value);
            let mut taken: Vec<(u32, u32)> = placed
                .iter()
                .filter(|(other, at, ..)| {
                    let (from, to) = intervals.of_value(*other);
                    *at == region && from <= end && start <= to
                })
                .map(|(_, _, offset, size)| (*offset, *size))
                .collect();
            taken.sort_unstable();
            let mut offset = 0;
            for (from, size) in taken {
                if offset + bytes <= from {
                    break;
                }
                offset = offset.max(from + size);
            }
            placed.push((value, region, offset, bytes));
            let used = match region {
                Region::Stack => &mut texts.stack,
                Region::Frame => &mut texts.frame,
            };
            *used = (*used).max(offset + bytes);
            texts.homes[value.0 as usize] = Some(Home { region, offset, size: room(cap(handler, value)) });
        }
        texts
    }
}

/// By value: an operation looks at its bytes one by one, at places that the verifier knows only to be below a power of two.
fn indexed(body: &Body) -> Vec<bool> {
    let mut indexed = vec![false; body.values.len()];
    for inst in body.blocks.iter().flat_map(|block| &block.insts) {
        if let Op::Intrinsic(intrinsic, list) = &inst.op
            && looks_at_bytes(*intrinsic)
        {
            list.iter().for_each(|value| indexed[value.0 as usize] = true);
        }
    }
    indexed
}

/// The operation looks at the bytes of its texts one by one.
fn looks_at_bytes(intrinsic: Intrinsic) -> bool {
    use Intrinsic::{ByteAt, Isinstr, StrReplace, Strpos, Strtol, Substr, TextOr, TextStrn, Token, TokenRest};
    matches!(
        intrinsic,
        ByteAt | Substr | Isinstr | Strpos | StrReplace | Strtol | TextOr | TextStrn | Token | TokenRest
    )
}

/// The most bytes that an operation writes behind what it has put together so far; `None` if it puts nothing together.
fn longest_piece(handler: &KernelHandler, op: &Op) -> Option<u32> {
    let texts = |list: &[Value]| {
        let texts = list.iter().filter(|value| handler.body.ty(**value) == Type::Text);
        texts.map(|value| room(cap(handler, *value)).next_power_of_two()).max().unwrap_or(0)
    };
    match op {
        Op::Format(format, list) => {
            let literals = format.pieces.iter().map(|piece| match piece {
                Piece::Text(text) => room(text.len() as u32 + 1),
                Piece::Conversion(_) => DIGITS + 8,
                Piece::Open | Piece::Close(_) => 0,
            });
            Some(literals.max().unwrap_or(0).max(texts(list)))
        }
        Op::Intrinsic(intrinsic, list) if looks_at_bytes(*intrinsic) => Some(texts(list)),
        Op::Intrinsic(Intrinsic::QuoteKernel | Intrinsic::QuoteUser, _) => Some(8),
        _ => None,
    }
}

/// How many bytes a text can be long, NUL included.
pub(crate) fn cap(handler: &KernelHandler, value: Value) -> u32 {
    handler.text.get(value.0 as usize).copied().unwrap_or(0).max(1)
}

/// By value: something other than a record's tail, an error's message or a concatenation uses it.
fn paddings(handler: &KernelHandler) -> Vec<bool> {
    let body = &handler.body;
    let mut padded = vec![false; body.values.len()];
    let mut short = |value: &Value| padded[value.0 as usize] |= cap(handler, *value) <= SHORT;
    for block in &body.blocks {
        for inst in &block.insts {
            match &inst.op {
                Op::Print(_, list) | Op::Intrinsic(Intrinsic::Error, list) => list.iter().for_each(&mut short),
                _ => {}
            }
        }
        if let Terminator::Defer { args, .. } = &block.term {
            args.iter().for_each(&mut short);
        }
    }
    for block in &body.blocks {
        for inst in &block.insts {
            match &inst.op {
                Op::Print(..) | Op::Concat(..) | Op::Format(..) | Op::Intrinsic(Intrinsic::Error, _) => {}
                // It stops at the NUL, but memory on the stack must have been written before.
                Op::Match { text, .. } => padded[text.0 as usize] |= cap(handler, *text) <= SHORT,
                op => op.clone().for_each_use(|value| padded[value.0 as usize] = true),
            }
        }
        for jump in block.term.jumps() {
            jump.args.iter().for_each(|value| padded[value.0 as usize] = true);
        }
        // What is put into a parameter is copied whole.
        block.params.iter().for_each(|value| padded[value.0 as usize] = true);
    }
    padded
}

/// From where to where, in the order of emission, each value is wanted; both ends included.
struct Intervals {
    of: Vec<(u32, u32)>,
}

impl Intervals {
    fn of_value(&self, value: Value) -> (u32, u32) {
        self.of.get(value.0 as usize).copied().unwrap_or((0, u32::MAX))
    }

    fn of(body: &Body, order: &[BlockId]) -> Intervals {
        let mut of: Vec<(u32, u32)> = vec![(u32::MAX, 0); body.values.len()];
        let mut bounds = vec![(0u32, 0u32); body.blocks.len()];
        let mut at = 0;
        for id in order {
            let length = body.block(*id).insts.len() as u32 + 2;
            bounds[id.0 as usize] = (at, at + length - 1);
            at += length;
        }
        // What is live at the start of each block, for texts only.
        let is_text = |value: &Value| body.ty(*value) == Type::Text;
        let mut live_in: Vec<Vec<Value>> = vec![Vec::new(); body.blocks.len()];
        let mut changed = true;
        while changed {
            changed = false;
            for id in order.iter().rev() {
                let block = body.block(*id);
                let (start, end) = bounds[id.0 as usize];
                let mut live: Vec<Value> = Vec::new();
                let grow = |value: Value, position: u32, of: &mut Vec<(u32, u32)>| {
                    let interval = &mut of[value.0 as usize];
                    interval.0 = interval.0.min(position);
                    interval.1 = interval.1.max(position);
                };
                for jump in block.term.jumps() {
                    live.extend(&live_in[jump.to.0 as usize]);
                    // Parameters are written before the jump.
                    body.block(jump.to).params.iter().filter(|p| is_text(p)).for_each(|p| grow(*p, end, &mut of));
                }
                live.iter().for_each(|value| grow(*value, end, &mut of));
                let mut term = block.term.clone();
                term.for_each_use(|value| {
                    if is_text(value) {
                        live.push(*value);
                        grow(*value, end, &mut of);
                    }
                });
                for (index, inst) in block.insts.iter().enumerate().rev() {
                    let position = start + 1 + index as u32;
                    if let Some(result) = inst.result.filter(is_text) {
                        live.retain(|value| *value != result);
                        grow(result, position, &mut of);
                    }
                    inst.op.clone().for_each_use(|value| {
                        if is_text(value) {
                            live.push(*value);
                            grow(*value, position, &mut of);
                        }
                    });
                }
                for param in block.params.iter().filter(|param| is_text(param)) {
                    live.retain(|value| value != param);
                    grow(*param, start, &mut of);
                }
                live.sort_unstable();
                live.dedup();
                live.iter().for_each(|value| grow(*value, start, &mut of));
                if live != live_in[id.0 as usize] {
                    live_in[id.0 as usize] = live;
                    changed = true;
                }
            }
        }
        Intervals { of }
    }
}
