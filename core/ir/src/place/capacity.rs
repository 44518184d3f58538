//! How long each string can be: keys, values and records are made no longer than that.
//!
//! Lengths are in bytes, the terminating NUL included. They flow from where strings come from to wherever they go, through
//! globals too, until nothing grows any more; the limit of strings bounds them.

use std::collections::HashMap;

use crate::format::{ConversionKind, Extent, Format, Piece};
use crate::graph::{Body, Op, Unit, Value};
use crate::intrinsic::{Context, Intrinsic};
use crate::placed::Placed;
use crate::program::{Constant, GlobalId, GlobalShape, Type};

/// Length of the kernel's `comm`.
const COMM: u32 = 16;
/// No system call has a longer name.
const SYSCALL_NAME: u32 = 32;
/// The longest name of an error number, `ENOTRECOVERABLE`, and its NUL.
const ERROR_NAME: u32 = 16;

/// The lengths of everything.
pub(super) struct Text {
    /// For each kernel-side handler, by value.
    pub(super) kernel: Vec<Vec<u32>>,
    /// For each global.
    pub(super) globals: Vec<GlobalText>,
}

/// The lengths of a global's strings; 0 where it has none.
#[derive(Clone, Default)]
pub(super) struct GlobalText {
    pub(super) value: u32,
    pub(super) keys: Vec<u32>,
}

pub(super) fn of(unit: &Unit, placed: &Placed) -> Text {
    let mut globals: Vec<GlobalText> = unit
        .globals
        .iter()
        .map(|global| match &global.shape {
            GlobalShape::Scalar(Constant::Text(text)) => GlobalText { value: text.len() as u32 + 1, keys: vec![] },
            GlobalShape::Array { keys, .. } => GlobalText { value: 0, keys: vec![0; keys.len()] },
            _ => GlobalText::default(),
        })
        .collect();
    let kernel = placed.kernel.iter().map(|handler| (&handler.body, true));
    let continuations = placed.continuations.iter().map(|continuation| (&continuation.body, false));
    let user = placed.user.iter().map(|handler| (&handler.body, false));
    let functions = placed.functions.iter().map(|function| (&function.body, false));
    let bodies: Vec<(&Body, bool)> = kernel.chain(continuations).chain(user).chain(functions).collect();
    let mut lengths: Vec<Vec<u32>> = bodies.iter().map(|(body, _)| vec![0; body.values.len()]).collect();
    loop {
        let mut grown = false;
        for ((body, in_kernel), lengths) in bodies.iter().zip(&mut lengths) {
            let mut flow = Lengths { body, limit: unit.limits.string, lengths, globals: &mut globals, grown: false };
            flow.visit(*in_kernel);
            grown |= flow.grown;
        }
        if !grown {
            break;
        }
    }
    lengths.truncate(placed.kernel.len());
    Text { kernel: lengths, globals }
}

struct Lengths<'a> {
    body: &'a Body,
    limit: u32,
    lengths: &'a mut Vec<u32>,
    globals: &'a mut Vec<GlobalText>,
    grown: bool,
}

impl Lengths<'_> {
    fn visit(&mut self, in_kernel: bool) {
        let mut cursors = HashMap::new();
        for inst in self.body.blocks.iter().flat_map(|block| &block.insts) {
            if let (Some(result), Op::Iterate { global, .. }) = (inst.result, &inst.op) {
                cursors.insert(result, *global);
            }
        }
        if !in_kernel && let Some(entry) = self.body.blocks.first() {
            // What a function or continuation is given may be as long as any string.
            for param in &entry.params {
                self.raise(*param, self.limit);
            }
        }
        for block in &self.body.blocks {
            for inst in &block.insts {
                self.written(&inst.op, in_kernel);
                if let Some(result) = inst.result
                    && self.body.ty(result) == Type::Text
                {
                    let length = self.given(&inst.op, &cursors);
                    self.raise(result, length);
                }
            }
            for jump in block.term.jumps() {
                for (param, arg) in self.body.block(jump.to).params.iter().zip(&jump.args) {
                    self.raise(*param, self.of(*arg));
                }
            }
        }
    }

    fn of(&self, value: Value) -> u32 {
        self.lengths[value.0 as usize]
    }

    fn raise(&mut self, value: Value, length: u32) {
        if self.body.ty(value) == Type::Text {
            grow(&mut self.lengths[value.0 as usize], length.min(self.limit), &mut self.grown);
        }
    }

    /// How long the result of an instruction can be.
    fn given(&self, op: &Op, cursors: &HashMap<Value, GlobalId>) -> u32 {
        match op {
            Op::Text(text) => text.len() as u32 + 1,
            Op::Pick { texts, .. } => texts.iter().map(|text| text.len() as u32 + 1).max().unwrap_or(1),
            Op::Context(Context::Execname) => COMM,
            Op::Intrinsic(Intrinsic::SyscallName, _) => SYSCALL_NAME,
            Op::Intrinsic(Intrinsic::ErrnoName, _) => ERROR_NAME,
            Op::ReadText { limit, fallback, .. } => {
                let read = limit.and_then(|limit| self.constant(limit)).map_or(self.limit, |limit| {
                    u32::try_from(limit.max(0)).unwrap_or(self.limit).saturating_add(1).min(self.limit)
                });
                read.max(fallback.map_or(1, |fallback| self.of(fallback)))
            }
            Op::Concat(a, b) => self.of(*a) + self.of(*b),
            Op::Format(format, args) => self.formatted(format, args),
            Op::Intrinsic(Intrinsic::Substr, args) => self.part(args),
            Op::Intrinsic(Intrinsic::Token | Intrinsic::TokenRest, args) => {
                args.first().map_or(1, |text| self.of(*text)).max(1)
            }
            Op::Intrinsic(Intrinsic::TextOr, args) => args.iter().map(|text| self.of(*text)).max().unwrap_or(1).max(1),
            Op::Intrinsic(Intrinsic::TextStrn, args) => self.escaped(args),
            Op::Intrinsic(Intrinsic::QuoteKernel | Intrinsic::QuoteUser, args) => {
                args.last().map_or(self.limit, |length| self.within(*length))
            }
            Op::Get(global) | Op::ElementGet(global, _) => self.globals[global.0 as usize].value.max(1),
            Op::CursorKey(cursor, position) => match cursors.get(cursor) {
                Some(global) => self.globals[global.0 as usize].keys[*position as usize],
                None => self.limit,
            },
            Op::CursorValue(cursor) => match cursors.get(cursor) {
                Some(global) => self.globals[global.0 as usize].value.max(1),
                None => self.limit,
            },
            _ => self.limit,
        }
    }

    /// Of a part of a string.
    fn part(&self, args: &[Value]) -> u32 {
        let [text, _, length] = args else { return self.limit };
        let length = self
            .constant(*length)
            .map_or(self.limit, |length| u32::try_from(length.max(0)).unwrap_or(self.limit).saturating_add(1));
        self.of(*text).min(length).max(1)
    }

    /// Of a string with its bytes escaped, and quotes around it and dots behind it.
    fn escaped(&self, args: &[Value]) -> u32 {
        let [text, length, _] = args else { return self.limit };
        (4 * self.of(*text).saturating_sub(1) + 6).min(self.within(*length))
    }

    /// Of at most that many bytes, if they are known.
    fn within(&self, length: Value) -> u32 {
        let length = self.constant(length).and_then(|length| u32::try_from(length).ok()).filter(|length| *length > 0);
        length.map_or(self.limit, |length| length.max(5).saturating_add(1))
    }

    fn constant(&self, value: Value) -> Option<i64> {
        self.body.blocks.iter().flat_map(|block| &block.insts).find_map(|inst| match inst.op {
            Op::Long(number) if inst.result == Some(value) => Some(number),
            _ => None,
        })
    }

    fn formatted(&self, format: &Format, args: &[Value]) -> u32 {
        let mut args = args.iter();
        let mut length = 1u32;
        for piece in &format.pieces {
            length = length.saturating_add(match piece {
                Piece::Text(text) => text.len() as u32,
                Piece::Open | Piece::Close(_) => 0,
                Piece::Conversion(conversion) => {
                    let dynamic = conversion.operands() > 1;
                    let operand = args.nth(conversion.operands() - 1);
                    let width = match conversion.width {
                        Extent::Fixed(width) => width,
                        _ => 0,
                    };
                    match (conversion.kind, operand) {
                        _ if dynamic => self.limit,
                        (ConversionKind::Text, Some(operand)) if !conversion.alternate => {
                            let text = self.of(*operand).saturating_sub(1);
                            let shown = match conversion.precision {
                                Extent::Fixed(precision) => text.min(precision),
                                _ => text,
                            };
                            shown.max(width)
                        }
                        (ConversionKind::Character, _) if !conversion.alternate => width.max(1),
                        (ConversionKind::Octal, _) if conversion.precision == Extent::None => width.max(23),
                        (ConversionKind::Signed | ConversionKind::Unsigned, _)
                            if conversion.precision == Extent::None =>
                        {
                            width.max(21)
                        }
                        (ConversionKind::Hex | ConversionKind::HexUpper | ConversionKind::Pointer, _)
                            if conversion.precision == Extent::None =>
                        {
                            width.max(18)
                        }
                        _ => self.limit,
                    }
                }
            });
        }
        length
    }

    /// What an instruction puts into globals.
    fn written(&mut self, op: &Op, in_kernel: bool) {
        let (global, keys, value) = match op {
            Op::Set(global, value) => (global, [].as_slice(), Some(value)),
            Op::ElementSet(global, keys, value) => (global, keys.as_slice(), Some(value)),
            Op::ElementAdd(global, keys, _) | Op::Accumulate(global, keys, _) => (global, keys.as_slice(), None),
            // The kernel side pads the keys it looks for to the array's length, so they must fit too.
            Op::ElementGet(global, keys) | Op::ElementDelete(global, keys) | Op::Contains(global, keys)
                if in_kernel =>
            {
                (global, keys.as_slice(), None)
            }
            _ => return,
        };
        let lengths: Vec<u32> = keys.iter().map(|key| self.of(*key)).collect();
        let value_length = value.map_or(0, |value| self.of(*value));
        let text = &mut self.globals[global.0 as usize];
        for (known, length) in text.keys.iter_mut().zip(lengths) {
            grow(known, length, &mut self.grown);
        }
        grow(&mut text.value, value_length, &mut self.grown);
    }
}

fn grow(known: &mut u32, length: u32, grown: &mut bool) {
    if length > *known {
        *known = length;
        *grown = true;
    }
}
