//! Arrays and aggregates against models, with keys on the stack and in the frame.

use std::collections::BTreeMap;

use systap_bpf::artifact::{Fault, MapRole, SiteKind};
use systap_ir::format::Format;
use systap_ir::graph::{Op, Terminator, Value};
use systap_ir::placed::control::FIRST_FREE;
use systap_ir::placed::{AggregateLayout, COUNT, MAX, MIN, Residence, SUM, Slot};
use systap_ir::program::{AggregateShape, Element, Global, GlobalId, GlobalShape, LinearBounds, Space, Type};

use crate::harness::*;

const T: GlobalId = GlobalId(0);
const LONG: Slot = Slot { ty: Type::Long, size: 8 };

fn table(keys: &[Slot], value: Slot, per_cpu: bool, capacity: u32) -> (Global, Residence) {
    let types = keys.iter().map(|slot| slot.ty).collect();
    let shape = GlobalShape::Array { keys: types, element: Element::Value(value.ty), capacity, wrap: false };
    global("t", shape, Residence::Table { keys: keys.to_vec(), value: Some(value), per_cpu })
}

fn text_slot(size: u32) -> Slot {
    Slot { ty: Type::Text, size }
}

fn argument(graph: &mut Graph, index: u32) -> Value {
    graph.long(Op::Argument { index, pointer: false })
}

fn read(graph: &mut Graph, index: u32, cap: u32) -> Value {
    let address = argument(graph, index);
    graph.text(cap, Op::ReadText { address, limit: None, space: Space::User, fallback: None })
}

fn strings() -> Vec<Vec<u8>> {
    ["", "x", "exactly8", "a longer name", "fifteen letters"]
        .iter()
        .map(|text| {
            let mut bytes = text.as_bytes().to_vec();
            bytes.extend_from_slice(b"\0garbage that must not matter");
            bytes
        })
        .collect()
}

#[test]
fn adding_with_keys_of_each_kind() {
    if !can_load("adding_with_keys_of_each_kind") {
        return;
    }
    let shapes: [&[Slot]; 6] = [
        &[LONG],
        &[LONG, LONG, LONG],
        &[text_slot(16)],
        &[text_slot(24), LONG],
        &[LONG, text_slot(128)],
        &[text_slot(256), LONG, text_slot(40)],
    ];
    for keys in shapes {
        for (per_cpu, wants_result) in [(true, false), (false, false), (false, true)] {
            let mut graph = Graph::new();
            let values = (0u32..).zip(keys).map(|(index, slot)| match slot.ty {
                Type::Long => argument(&mut graph, index),
                Type::Text => read(&mut graph, index, 16),
            });
            let values: Vec<Value> = values.collect();
            let amount = argument(&mut graph, 3);
            let op = Op::ElementAdd(T, values, amount);
            if wants_result {
                let sum = graph.long(op);
                graph.run(Op::Set(GlobalId(1), sum));
            } else {
                graph.run(op);
            }
            let globals = vec![table(keys, LONG, per_cpu, 1000), scalar("r", FIRST_FREE)];
            let live = Live::load(&program(globals, vec![graph.handler(test_point())]), &untyped());
            let strings = strings();
            let mut model: BTreeMap<Vec<u8>, i64> = BTreeMap::new();
            for round in 0..40u64 {
                let text = &strings[round as usize % strings.len()];
                let arguments: Vec<u64> = (0..3)
                    .map(|index| match keys.get(index).map(|slot| slot.ty) {
                        Some(Type::Text) => text.as_ptr() as u64,
                        _ => round % 3,
                    })
                    .collect();
                let mut key = Vec::new();
                for (slot, argument) in keys.iter().zip(&arguments) {
                    if slot.ty == Type::Long {
                        key.extend(argument.to_ne_bytes());
                    } else {
                        let end = text.iter().position(|byte| *byte == 0).unwrap();
                        let mut padded = text[..end].to_vec();
                        padded.resize(slot.size as usize, 0);
                        key.extend(padded);
                    }
                }
                let amount = round as i64 - 7;
                live.run(&[arguments[0], arguments[1], arguments[2], amount as u64]);
                let sum = model.entry(key).or_default();
                *sum += amount;
                if wants_result {
                    assert_eq!(live.words.load(FIRST_FREE as usize), *sum);
                }
            }
            let expected: Vec<(Vec<u8>, i64)> = model.into_iter().collect();
            assert_eq!(live.entries(T), expected, "{keys:?}, per CPU: {per_cpu}");
        }
    }
}

#[test]
fn elements_are_set_read_found_and_removed() {
    if !can_load("elements_are_set_read_found_and_removed") {
        return;
    }
    for size in [24, 160] {
        // Argument 2 says what to do: records what is there before and after.
        let record = |graph: &mut Graph, key: Value| {
            let held = graph.text(size, Op::ElementGet(T, vec![key]));
            let there = graph.long(Op::Contains(T, vec![key]));
            graph.run(Op::Print(Format::default(), vec![held, there]));
        };
        let mut set = Graph::new();
        let key = argument(&mut set, 0);
        let value = read(&mut set, 1, 16);
        record(&mut set, key);
        set.run(Op::ElementSet(T, vec![key], value));
        record(&mut set, key);
        let mut delete = Graph::new();
        let key = argument(&mut delete, 0);
        delete.run(Op::ElementDelete(T, vec![key]));
        record(&mut delete, key);
        let globals = || vec![table(&[LONG], text_slot(size), false, 10)];
        let mut live = Live::load(&program(globals(), vec![set.handler(test_point())]), &untyped());
        let strings = strings();
        let mut got = Vec::new();
        for (key, string) in [(1, 1), (2, 2), (1, 3), (1, 0)] {
            live.run(&[key, strings[string].as_ptr() as u64]);
            got.extend(live.records().into_iter().map(|(_, fields)| fields));
        }
        let fields = |text: &str, there| vec![Datum::Text(text.into()), Datum::Long(there)];
        let expected = [
            fields("", 0),
            fields("x", 1),
            fields("", 0),
            fields("exactly8", 1),
            fields("x", 1),
            fields("a longer name", 1),
            fields("a longer name", 1),
            fields("", 1),
        ];
        assert_eq!(got, expected, "size {size}");
        let mut live = Live::load(&program(globals(), vec![delete.handler(test_point())]), &untyped());
        let map = live.map(MapRole::Global(T));
        map.update(&5u64.to_ne_bytes(), &vec![b'v'; size as usize], systap_sys::bpf::UpdateMode::Any).unwrap();
        live.run(&[5]);
        live.run(&[6]);
        assert_eq!(live.records().into_iter().map(|(_, f)| f).collect::<Vec<_>>(), [fields("", 0), fields("", 0)]);
    }
}

#[test]
fn longs_are_set_and_read_under_long_keys() {
    if !can_load("longs_are_set_and_read_under_long_keys") {
        return;
    }
    let mut graph = Graph::new();
    let name = read(&mut graph, 0, 100);
    let number = argument(&mut graph, 1);
    let keys = vec![name, number];
    let before = graph.long(Op::ElementGet(T, keys.clone()));
    let value = argument(&mut graph, 2);
    graph.run(Op::ElementSet(T, keys.clone(), value));
    let after = graph.long(Op::ElementGet(T, keys));
    graph.run(Op::Print(Format::default(), vec![before, after]));
    let globals = vec![table(&[text_slot(104), LONG], LONG, false, 10)];
    let mut live = Live::load(&program(globals, vec![graph.handler(test_point())]), &untyped());
    let strings = strings();
    let mut got = Vec::new();
    for (string, number, value) in [(1, 1, 10), (1, 2, 20), (1, 1, 30), (3, 1, 40), (1, 2, 50)] {
        live.run(&[strings[string].as_ptr() as u64, number, value]);
        got.extend(live.records().into_iter().map(|(_, fields)| fields));
    }
    let fields = |a, b| vec![Datum::Long(a), Datum::Long(b)];
    assert_eq!(got, [fields(0, 10), fields(0, 20), fields(10, 30), fields(0, 40), fields(20, 50)]);
}

#[test]
fn a_full_array_is_an_error() {
    if !can_load("a_full_array_is_an_error") {
        return;
    }
    let ops: [fn(Value, Value) -> Op; 3] = [
        |key, value| Op::ElementAdd(T, vec![key], value),
        |key, value| Op::ElementSet(T, vec![key], value),
        |key, value| Op::Accumulate(T, vec![key], value),
    ];
    for (number, op) in ops.iter().enumerate() {
        let mut graph = Graph::new();
        let key = argument(&mut graph, 0);
        let value = argument(&mut graph, 1);
        graph.run(op(key, value));
        let globals =
            vec![if number == 2 { aggregates(&AggregateShape::default(), 3) } else { table(&[LONG], LONG, false, 3) }];
        let mut placed = program(globals, vec![graph.handler(test_point())]);
        placed.limits.errors = 100;
        let mut live = Live::load(&placed, &untyped());
        for key in 0..3 {
            live.run(&[key, 1]);
        }
        assert_eq!(live.records().len(), 0);
        // The kernel lets a few more in than was said, one for each CPU at most.
        for key in 3..100 {
            live.run(&[key, 1]);
        }
        let records = live.records();
        assert!(records.len() > 80, "{}", records.len());
        assert_eq!(*live.kind(records[0].0), SiteKind::Error(Fault::ArrayFull(T)));
        live.run(&[1, 1]);
        assert_eq!(live.records().len(), 0, "what is there can still be changed");
    }
}

fn aggregates(shape: &AggregateShape, capacity: u32) -> (Global, Residence) {
    let array = GlobalShape::Array {
        keys: vec![Type::Long],
        element: Element::Aggregate(shape.clone()),
        capacity,
        wrap: false,
    };
    global("s", array, Residence::Table { keys: vec![LONG], value: None, per_cpu: true })
}

/// The bucket as the layout's documentation says it, by counting.
fn log_bucket(value: i64) -> usize {
    let mut bits = 0;
    let mut magnitude = value.unsigned_abs();
    while magnitude > 0 {
        bits += 1;
        magnitude /= 2;
    }
    if value < 0 { 64 - bits } else { 64 + bits }
}

fn linear_bucket(value: i64, bounds: &LinearBounds) -> usize {
    if value < bounds.start {
        return 0;
    }
    let last = bounds.buckets() as usize - 1;
    let above = i128::from(value) - i128::from(bounds.start);
    let bucket = 1 + above / i128::from(bounds.interval);
    bucket.min(last as i128) as usize
}

#[test]
fn aggregates_against_a_model() {
    if !can_load("aggregates_against_a_model") {
        return;
    }
    let bounds = |start, stop, interval| Some(LinearBounds { start, stop, interval });
    let shapes = [
        AggregateShape::default(),
        AggregateShape { logarithmic: true, ..Default::default() },
        AggregateShape { linear: bounds(0, 100, 10), ..Default::default() },
        AggregateShape { logarithmic: true, linear: bounds(-50, 1000, 7), variance: None, sums_only: false },
        AggregateShape { linear: bounds(i64::MIN, i64::MIN + 5, 1), ..Default::default() },
    ];
    let mut values: Vec<i64> = vec![0, 1, -1, 9, 10, 11, 99, 100, 109, 110, 111, -50, -51, i64::MAX, i64::MIN];
    values.extend((0..63).flat_map(|bit| [1i64 << bit, (1i64 << bit) - 1, -(1i64 << bit)]));
    for shape in shapes {
        for keyed in [true, false] {
            let layout = AggregateLayout::of(&shape);
            let words = layout.words as usize;
            let mut graph = Graph::new();
            let value = argument(&mut graph, 0);
            let (globals, keys) = if keyed {
                (aggregates(&shape, 10), vec![graph.number(3)])
            } else {
                (global("s", GlobalShape::Aggregate(shape.clone()), Residence::Aggregate), vec![])
            };
            graph.run(Op::Accumulate(T, keys, value));
            let live = Live::load(&program(vec![globals], vec![graph.handler(test_point())]), &untyped());
            let mut buckets = vec![0i64; words];
            for value in &values {
                live.run(&[*value as u64]);
                if let Some(first) = layout.logarithmic {
                    buckets[first as usize + log_bucket(*value)] += 1;
                }
                if let (Some(first), Some(bounds)) = (layout.linear, shape.linear) {
                    buckets[first as usize + linear_bucket(*value, &bounds)] += 1;
                }
            }
            let map = live.map(MapRole::Global(T));
            let mut bytes = vec![0; map.value_bytes()];
            let key = if keyed { 3u64.to_ne_bytes().to_vec() } else { 0u32.to_ne_bytes().to_vec() };
            assert!(map.lookup(&key, &mut bytes).unwrap());
            let cpus = || bytes.chunks(8 * words).filter(|cpu| word(cpu, COUNT as usize) > 0);
            let sum = |index: usize| cpus().fold(0i64, |all, cpu| all.wrapping_add(word(cpu, index)));
            assert_eq!(sum(COUNT as usize), values.len() as i64);
            assert_eq!(sum(SUM as usize), values.iter().fold(0i64, |all, value| all.wrapping_add(*value)));
            assert_eq!(cpus().map(|cpu| word(cpu, MIN as usize)).min(), values.iter().min().copied());
            assert_eq!(cpus().map(|cpu| word(cpu, MAX as usize)).max(), values.iter().max().copied());
            for (index, hits) in buckets.iter().enumerate().skip(MAX as usize + 1) {
                assert_eq!(sum(index), *hits, "word {index} of {shape:?}");
            }
        }
    }
}

#[test]
fn an_element_that_is_known_to_be_there_is_not_looked_up_again() {
    if !can_load("an_element_that_is_known_to_be_there_is_not_looked_up_again") {
        return;
    }
    for size in [8, 104] {
        // if (k in t) { print t[k]; t[k] = v; t[k] += 5; delete t[k] where v is 0; print t[k] } else t[k] = 1
        let mut graph = Graph::new();
        let key = if size == 8 { argument(&mut graph, 0) } else { read(&mut graph, 2, 100) };
        let slot = if size == 8 { LONG } else { text_slot(size) };
        let value = argument(&mut graph, 1);
        let (there, _) = graph.block(&[]);
        let (absent, _) = graph.block(&[]);
        let (delete, _) = graph.block(&[]);
        let (last, _) = graph.block(&[]);
        let condition = graph.long(Op::Contains(T, vec![key]));
        graph.end(Terminator::Branch { condition, then: jump(there, &[]), otherwise: jump(absent, &[]) });
        graph.at(absent);
        let one = graph.number(1);
        graph.run(Op::ElementSet(T, vec![key], one));
        graph.at(there);
        let before = graph.long(Op::ElementGet(T, vec![key]));
        graph.run(Op::ElementSet(T, vec![key], value));
        let five = graph.number(5);
        let sum = graph.long(Op::ElementAdd(T, vec![key], five));
        graph.run(Op::ElementAdd(T, vec![key], five));
        graph.run(Op::Print(Format::default(), vec![before, sum]));
        graph.end(Terminator::Branch { condition: value, then: jump(last, &[]), otherwise: jump(delete, &[]) });
        graph.at(delete);
        graph.run(Op::ElementDelete(T, vec![key]));
        graph.end(Terminator::Jump(jump(last, &[])));
        graph.at(last);
        let after = graph.long(Op::ElementGet(T, vec![key]));
        graph.run(Op::Print(Format::default(), vec![after]));
        let globals = vec![table(&[slot], LONG, false, 10)];
        let mut live = Live::load(&program(globals, vec![graph.handler(test_point())]), &untyped());
        let strings = strings();
        let mut step = |value: i64, expected: &[&[i64]]| {
            live.run(&[3, value as u64, strings[1].as_ptr() as u64]);
            let got: Vec<Vec<Datum>> = live.records().into_iter().map(|(_, fields)| fields).collect();
            let expected: Vec<Vec<Datum>> =
                expected.iter().map(|fields| fields.iter().map(|long| Datum::Long(*long)).collect()).collect();
            assert_eq!(got, expected, "value {value}");
        };
        step(7, &[]);
        step(7, &[&[1, 12], &[17]]);
        step(-9, &[&[17, -4], &[1]]);
        step(0, &[&[1, 5], &[0]]);
        step(4, &[]);
        step(4, &[&[1, 9], &[14]]);
    }
}
