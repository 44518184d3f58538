//! Facts of the moment in functions that stay calls: a recursive function runs on the user side when a record has arrived, and by
//! then `pid()` would be systap's own. So the handlers that the kernel fires call copies of such functions, which take the facts
//! as further parameters, and read the facts themselves, at the moment of the hit.
//!
//! Must never change what handlers of the user side call: there the moment of the call is the moment.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::graph::{Block, Body, Function, Inst, Op, Unit, Value};
use crate::inline::{callees, recursive_functions};
use crate::program::{FunctionId, Type};

/// By function: its copy, and the facts that the copy takes behind its own parameters.
pub(super) type Carriers = BTreeMap<FunctionId, (FunctionId, Vec<Op>)>;

/// The unit with the copies, and which they are.
pub(super) fn carriers(unit: &Unit) -> (Cow<'_, Unit>, Carriers) {
    if !recursive_functions(&unit.functions).contains(&true) {
        return (Cow::Borrowed(unit), Carriers::new());
    }
    let facts = facts(&unit.functions);
    let mut carriers = Carriers::new();
    for (index, facts) in facts.into_iter().enumerate().filter(|(_, facts)| !facts.is_empty()) {
        let copy = FunctionId((unit.functions.len() + carriers.len()) as u32);
        carriers.insert(FunctionId(index as u32), (copy, facts));
    }
    let mut unit = Cow::Borrowed(unit);
    for (original, (_, facts)) in &carriers {
        let mut function = unit.functions[original.0 as usize].clone();
        let given: Vec<(Op, Value)> = facts.iter().map(|op| (op.clone(), function.body.value(type_of(op)))).collect();
        if let Some(entry) = function.body.blocks.first_mut() {
            entry.params.extend(given.iter().map(|(_, value)| *value));
        }
        take_from_params(&mut function.body, &given);
        pass(&mut function.body, &carriers, |op| given.iter().find(|(fact, _)| fact == op).map(|(_, value)| *value));
        unit.to_mut().functions.push(function);
    }
    (unit, carriers)
}

/// Lets a handler call the copies, with the facts read before each call.
pub(super) fn call_copies(body: &mut Body, carriers: &Carriers) {
    if !carriers.is_empty() {
        pass(body, carriers, |_| None);
    }
}

/// What each function asks of the moment, itself or through what it calls.
fn facts(functions: &[Function]) -> Vec<Vec<Op>> {
    let own = |function: &Function| {
        let insts = function.body.blocks.iter().flat_map(|block| &block.insts);
        let mut facts: Vec<Op> = vec![];
        for inst in insts.filter(|inst| is_fact(&inst.op)) {
            if !facts.contains(&inst.op) {
                facts.push(inst.op.clone());
            }
        }
        facts
    };
    let mut all: Vec<Vec<Op>> = functions.iter().map(own).collect();
    loop {
        let mut grown = false;
        for (index, function) in functions.iter().enumerate() {
            for callee in callees(&function.body) {
                let new: Vec<Op> = all[callee].iter().filter(|fact| !all[index].contains(fact)).cloned().collect();
                grown |= !new.is_empty();
                all[index].extend(new);
            }
        }
        if !grown {
            return all;
        }
    }
}

/// Whether an instruction reads what is only so at the moment of the hit.
fn is_fact(op: &Op) -> bool {
    matches!(op, Op::Argument { .. }) || matches!(op, Op::Context(context) if !context.is_constant())
}

fn type_of(fact: &Op) -> Type {
    match fact {
        Op::Context(context) => context.ty(),
        _ => Type::Long,
    }
}

/// Replaces the instructions that read facts by the parameters that have them.
fn take_from_params(body: &mut Body, given: &[(Op, Value)]) {
    let mut known: BTreeMap<Value, Value> = BTreeMap::new();
    for block in &mut body.blocks {
        block.insts.retain(|inst| match given.iter().find(|(fact, _)| *fact == inst.op) {
            Some((_, value)) => {
                known.extend(inst.result.map(|result| (result, *value)));
                false
            }
            None => true,
        });
    }
    let rename = |value: &mut Value| *value = known.get(value).copied().unwrap_or(*value);
    for Block { insts, term, .. } in &mut body.blocks {
        insts.iter_mut().for_each(|inst| inst.op.for_each_use(rename));
        term.for_each_use(rename);
    }
}

/// Lets every call of a function that has a copy go to it. `known` gives the value of a fact; without one it is read before the
/// call.
fn pass(body: &mut Body, carriers: &Carriers, known: impl Fn(&Op) -> Option<Value>) {
    for id in body.block_ids() {
        let insts = std::mem::take(&mut body.blocks[id.0 as usize].insts);
        let mut passed = Vec::with_capacity(insts.len());
        for mut inst in insts {
            if let Op::Call(function, args) = &mut inst.op
                && let Some((copy, facts)) = carriers.get(function)
            {
                *function = *copy;
                for fact in facts {
                    let value = known(fact).unwrap_or_else(|| {
                        let value = body.value(type_of(fact));
                        passed.push(Inst { result: Some(value), op: fact.clone(), span: inst.span });
                        value
                    });
                    args.push(value);
                }
            }
            passed.push(inst);
        }
        body.blocks[id.0 as usize].insts = passed;
    }
}
