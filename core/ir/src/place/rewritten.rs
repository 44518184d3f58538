//! Strings that a handler makes from what they were before (`s .= "x"`).
//!
//! A number is added to in one step, but a string is read and set in two, between which another CPU may come. Must never be asked
//! of the user side, where one handler runs at a time.

use std::collections::BTreeSet;

use crate::graph::{Body, Op, Unit, Value};
use crate::placed::Placed;
use crate::program::{Constant, Element, GlobalId, GlobalShape, Type};

/// Globals whose strings a kernel-side handler sets to what depends on their strings.
pub(super) fn rewritten(unit: &Unit, placed: &Placed) -> Vec<GlobalId> {
    let globals = unit.globals.iter().enumerate().filter(|(_, global)| {
        matches!(
            global.shape,
            GlobalShape::Scalar(Constant::Text(_)) | GlobalShape::Array { element: Element::Value(Type::Text), .. }
        )
    });
    globals
        .map(|(index, _)| GlobalId(index as u32))
        .filter(|global| placed.kernel.iter().any(|handler| rewrites(&handler.body, *global)))
        .collect()
}

fn rewrites(body: &Body, global: GlobalId) -> bool {
    let insts = || body.blocks.iter().flat_map(|block| &block.insts);
    let set = |op: &Op| match op {
        Op::Set(of, value) | Op::ElementSet(of, _, value) if *of == global => Some(*value),
        _ => None,
    };
    if !insts().any(|inst| set(&inst.op).is_some()) {
        return false;
    }
    let mut from_it: BTreeSet<Value> = BTreeSet::new();
    loop {
        let before = from_it.len();
        for inst in insts() {
            let mut depends = matches!(inst.op, Op::Get(of) | Op::ElementGet(of, _) if of == global);
            inst.op.clone().for_each_use(|value| depends |= from_it.contains(value));
            if let Some(result) = inst.result.filter(|_| depends) {
                from_it.insert(result);
            }
        }
        for jump in body.blocks.iter().flat_map(|block| block.term.jumps()) {
            let pairs = body.block(jump.to).params.iter().zip(&jump.args);
            from_it.extend(pairs.filter(|(_, arg)| from_it.contains(arg)).map(|(param, _)| *param).collect::<Vec<_>>());
        }
        if from_it.len() == before {
            break;
        }
    }
    insts().filter_map(|inst| set(&inst.op)).any(|value| from_it.contains(&value))
}
