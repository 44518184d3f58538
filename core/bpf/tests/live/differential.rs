//! Arithmetic against an evaluator of its own: random graphs of every operation, with the values at which they differ most,
//! few and many of them wanted at the same time.

use systap_bpf::Options;
use systap_ir::graph::{Op, Terminator, Value};
use systap_ir::placed::control::FIRST_FREE;
use systap_ir::program::{BinaryOp, CompareOp, Event, Type, UnaryOp};
use systap_kernel::Kernel;

use crate::harness::*;

/// xorshift64*, so that every run tries the same.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 33) as usize % limit
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

const EXTREMES: [i64; 14] = [
    0,
    1,
    -1,
    2,
    -2,
    63,
    64,
    1000,
    i64::MIN,
    i64::MAX,
    i64::MIN + 1,
    i32::MAX as i64,
    i32::MIN as i64 - 1,
    0x1234_5678_9abc_def0,
];

const BINARY: [BinaryOp; 11] = [
    BinaryOp::Add,
    BinaryOp::Subtract,
    BinaryOp::Multiply,
    BinaryOp::Divide,
    BinaryOp::Remainder,
    BinaryOp::And,
    BinaryOp::Or,
    BinaryOp::Xor,
    BinaryOp::ShiftLeft,
    BinaryOp::ShiftRight,
    BinaryOp::ShiftRightLogical,
];

const COMPARE: [CompareOp; 6] = [
    CompareOp::Equal,
    CompareOp::NotEqual,
    CompareOp::Less,
    CompareOp::LessOrEqual,
    CompareOp::Greater,
    CompareOp::GreaterOrEqual,
];

/// What the language says an operation gives; `None` where it is a run-time error.
fn binary(op: BinaryOp, a: i64, b: i64) -> Option<i64> {
    Some(match op {
        BinaryOp::Add => a.wrapping_add(b),
        BinaryOp::Subtract => a.wrapping_sub(b),
        BinaryOp::Multiply => a.wrapping_mul(b),
        BinaryOp::Divide if b == 0 => return None,
        BinaryOp::Remainder if b == 0 => return None,
        BinaryOp::Divide => a.wrapping_div(b),
        BinaryOp::Remainder => a.wrapping_rem(b),
        BinaryOp::And => a & b,
        BinaryOp::Or => a | b,
        BinaryOp::Xor => a ^ b,
        BinaryOp::ShiftLeft => a << (b & 63),
        BinaryOp::ShiftRight => a >> (b & 63),
        BinaryOp::ShiftRightLogical => ((a as u64) >> (b & 63)) as i64,
    })
}

fn evaluate(op: &Op, value: &dyn Fn(Value) -> i64, arguments: &[i64]) -> Option<i64> {
    Some(match op {
        Op::Long(value) => *value,
        Op::Argument { index, .. } => arguments[*index as usize],
        Op::Unary(UnaryOp::Negate, a) => value(*a).wrapping_neg(),
        Op::Unary(UnaryOp::Complement, a) => !value(*a),
        Op::Unary(UnaryOp::Not, a) => i64::from(value(*a) == 0),
        Op::Binary(op, a, b) => return binary(*op, value(*a), value(*b)),
        Op::Compare(op, a, b) => {
            let (a, b) = (value(*a), value(*b));
            i64::from(match op {
                CompareOp::Equal => a == b,
                CompareOp::NotEqual => a != b,
                CompareOp::Less => a < b,
                CompareOp::LessOrEqual => a <= b,
                CompareOp::Greater => a > b,
                CompareOp::GreaterOrEqual => a >= b,
            })
        }
        Op::Extend { value: a, bits, signed } => {
            let rest = 64 - u32::from(*bits);
            if *signed { value(*a) << rest >> rest } else { (((value(*a) as u64) << rest) >> rest) as i64 }
        }
        other => panic!("{other:?}"),
    })
}

fn random_op(random: &mut Random, values: &[Value]) -> Op {
    let a = random.pick(values);
    let b = random.pick(values);
    match random.below(12) {
        0 => Op::Unary(random.pick(&[UnaryOp::Negate, UnaryOp::Not, UnaryOp::Complement]), a),
        1 | 2 => Op::Compare(random.pick(&COMPARE), a, b),
        3 => Op::Extend { value: a, bits: random.pick(&[8, 16, 32, 13, 48, 64]), signed: random.below(2) == 0 },
        4 => Op::Long(random.pick(&EXTREMES)),
        _ => Op::Binary(random.pick(&BINARY), a, b),
    }
}

/// A graph of that many operations, whose results are all mixed into one at the end if `all` (so that all are wanted
/// until then).
fn random_graph(random: &mut Random, operations: usize, all: bool) -> Graph {
    let mut graph = Graph::new();
    let mut values: Vec<Value> = (0..4).map(|index| graph.long(Op::Argument { index, pointer: false })).collect();
    for _ in 0..operations {
        let op = random_op(random, &values);
        values.push(graph.long(op));
    }
    let mut result = *values.last().unwrap();
    if all {
        for value in values {
            let seven = graph.number(7);
            let scaled = graph.long(Op::Binary(BinaryOp::Multiply, result, seven));
            result = graph.long(Op::Binary(BinaryOp::Add, scaled, value));
        }
    }
    graph.run(Op::Set(WORD, result));
    graph
}

/// What the graph's straight line of code gives.
fn expected(graph: &Graph, arguments: &[i64]) -> Option<i64> {
    let mut known = vec![0; graph.body.values.len()];
    for inst in &graph.body.blocks[0].insts {
        if let Op::Set(_, value) = inst.op {
            return Some(known[value.0 as usize]);
        }
        let value = evaluate(&inst.op, &|value| known[value.0 as usize], arguments)?;
        known[inst.result.unwrap().0 as usize] = value;
    }
    None
}

fn try_graphs(seed: u64, graphs: usize, operations: usize, all: bool, options: &Options<'_>) {
    let mut random = Random(seed);
    for number in 0..graphs {
        let graph = random_graph(&mut random, operations, all);
        let mut placed = program(vec![scalar("result", FIRST_FREE)], vec![graph.handler(test_point())]);
        placed.limits.errors = u32::MAX;
        let graph = Graph::of(&placed.kernel[0]);
        let mut live = Live::load(&placed, options);
        for _ in 0..24 {
            let arguments: Vec<i64> = (0..4)
                .map(|_| if random.below(3) == 0 { random.next() as i64 } else { random.pick(&EXTREMES) })
                .collect();
            let raw: Vec<u64> = arguments.iter().map(|value| *value as u64).collect();
            live.words.store(FIRST_FREE as usize, 0x5555);
            live.run(&raw);
            let errors = live.records().len();
            match expected(&graph, &arguments) {
                Some(value) => {
                    let got = live.words.load(FIRST_FREE as usize);
                    let text = || format!("{:#?}\n{}", placed.kernel[0].body, systap_bpf::print(&live.artifact));
                    assert_eq!(got, value, "graph {number} of {arguments:?}: {}", text());
                    assert_eq!(errors, 0);
                }
                None => {
                    assert_eq!(live.words.load(FIRST_FREE as usize), 0x5555);
                    assert_eq!(errors, 1);
                }
            }
        }
    }
}

#[test]
fn small_graphs() {
    if can_load("small_graphs") {
        try_graphs(1, 150, 6, false, &untyped());
    }
}

#[test]
fn small_graphs_with_the_first_instruction_set() {
    if can_load("small_graphs_with_the_first_instruction_set") {
        try_graphs(2, 150, 6, false, &Options { version_4: false, ..untyped() });
    }
}

#[test]
fn many_values_wanted_at_once() {
    if can_load("many_values_wanted_at_once") {
        for operations in [10, 20, 30, 40, 45] {
            try_graphs(operations as u64, 8, operations, true, &untyped());
        }
    }
}

#[test]
fn branches_choose_and_pass_values() {
    if !can_load("branches_choose_and_pass_values") {
        return;
    }
    // max(a, b) through a block parameter, and the exchange of two values on one jump.
    let mut graph = Graph::new();
    let a = graph.long(Op::Argument { index: 0, pointer: false });
    let b = graph.long(Op::Argument { index: 1, pointer: false });
    let (join, params) = graph.block(&[(Type::Long, 0), (Type::Long, 0)]);
    let less = graph.long(Op::Compare(CompareOp::Less, a, b));
    graph.end(Terminator::Branch { condition: less, then: jump(join, &[b, a]), otherwise: jump(join, &[a, b]) });
    graph.at(join);
    let difference = graph.long(Op::Binary(BinaryOp::Subtract, params[0], params[1]));
    graph.run(Op::Set(WORD, difference));
    let placed = program(vec![scalar("result", FIRST_FREE)], vec![graph.handler(test_point())]);
    let live = Live::load(&placed, &untyped());
    for (a, b) in [(5i64, 3i64), (3, 5), (-7, 9), (i64::MIN, 0)] {
        live.run(&[a as u64, b as u64]);
        assert_eq!(live.words.load(FIRST_FREE as usize), a.max(b).wrapping_sub(a.min(b)));
    }
}

#[test]
fn loops_run_and_are_limited() {
    if !can_loop("loops_run_and_are_limited") {
        return;
    }
    // for (i = 0; i < n; i++) sum += i, with the two exchanged on the way: sum and i are both parameters.
    let mut graph = Graph::new();
    graph.loops = true;
    let n = graph.long(Op::Argument { index: 0, pointer: false });
    let zero = graph.number(0);
    let (header, params) = graph.block(&[(Type::Long, 0), (Type::Long, 0)]);
    let (body, _) = graph.block(&[]);
    let (done, _) = graph.block(&[]);
    graph.end(Terminator::Jump(jump(header, &[zero, zero])));
    graph.at(header);
    let more = graph.long(Op::Compare(CompareOp::Less, params[0], n));
    graph.end(Terminator::Branch { condition: more, then: jump(body, &[]), otherwise: jump(done, &[]) });
    graph.at(body);
    let one = graph.number(1);
    let next = graph.long(Op::Binary(BinaryOp::Add, params[0], one));
    let sum = graph.long(Op::Binary(BinaryOp::Add, params[1], params[0]));
    graph.end(Terminator::Jump(jump(header, &[next, sum])));
    graph.at(done);
    graph.run(Op::Set(WORD, params[1]));
    graph.body.blocks[body.0 as usize].actions = 1;
    let mut placed = program(vec![scalar("result", FIRST_FREE)], vec![graph.handler(test_point())]);
    placed.limits.errors = 1;
    let mut live = Live::load(&placed, &untyped());
    for n in [0i64, 1, 2, 100, 9999] {
        live.run(&[n as u64]);
        assert_eq!(live.words.load(FIRST_FREE as usize), n * (n - 1) / 2);
    }
    assert_eq!(live.records().len(), 0);
    live.words.store(FIRST_FREE as usize, -1);
    live.run(&[10_001]);
    assert_eq!(live.words.load(FIRST_FREE as usize), -1);
    let records = live.records();
    assert_eq!(records.len(), 1);
    use systap_bpf::artifact::{Fault, SiteKind};
    assert_eq!(*live.kind(records[0].0), SiteKind::Error(Fault::TooManyActions));
}

impl Graph {
    fn of(handler: &systap_ir::placed::KernelHandler) -> Graph {
        let mut graph = Graph::new();
        graph.body = handler.body.clone();
        graph
    }
}

/// Two handlers of one tracepoint: the error of the first does not keep the second from running.
#[test]
fn an_error_ends_its_handler_only() {
    if !can_load("an_error_ends_its_handler_only") {
        return;
    }
    let mut first = Graph::new();
    let a = first.long(Op::Argument { index: 0, pointer: false });
    let ten = first.number(10);
    let quotient = first.long(Op::Binary(BinaryOp::Divide, ten, a));
    first.run(Op::Set(WORD, quotient));
    let event = || Event::Tracepoint { name: "sys_enter".into(), btf_id: 0, arguments: 2 };
    let mut second = Graph::new();
    let one = second.number(1);
    second.run(Op::Add(systap_ir::program::GlobalId(1), one));
    let kernel = vec![first.handler(event()), second.handler(event())];
    for errors in [0, 5] {
        let globals = vec![scalar("a", FIRST_FREE), scalar("b", FIRST_FREE + 1)];
        let mut placed = program(globals, kernel.clone());
        placed.limits.errors = errors;
        let mut live = Live::load(&placed, &untyped());
        assert_eq!(live.programs.len(), 1);
        live.run(&[5]);
        live.run(&[0]);
        live.run(&[2]);
        let words = |at: u32| live.words.load((FIRST_FREE + at) as usize);
        // With no errors allowed the run is over after the first.
        let (first, second) = if errors == 0 { (2, 1) } else { (5, 3) };
        assert_eq!((words(0), words(1)), (first, second), "errors allowed: {errors}");
        assert_eq!(live.words.load(0), i64::from(errors == 0));
        assert_eq!(live.records().len(), 1);
    }
}

/// More values than registers and the stack have room for live in the frame.
#[test]
fn more_values_than_the_stack_holds() {
    if can_load("more_values_than_the_stack_holds") {
        if !Options::for_kernel(&Kernel::running()).version_4 {
            eprintln!(
                "skipped more_values_than_the_stack_holds: the verifier of Linux 6.1 does not get through so many branches"
            );
            return;
        }
        for operations in [60, 90, 150] {
            try_graphs(operations as u64, 3, operations, true, &untyped());
        }
    }
}

#[test]
fn more_values_in_a_loop_than_the_stack_holds() {
    if !can_loop("more_values_in_a_loop_than_the_stack_holds") {
        return;
    }
    // Each turn moves every number to the next place and adds the turn to the first.
    const PLACES: usize = 80;
    let mut graph = Graph::new();
    graph.loops = true;
    let turns = graph.long(Op::Argument { index: 0, pointer: false });
    let start: Vec<Value> = (0..=PLACES).map(|at| graph.number(if at == 0 { 0 } else { at as i64 })).collect();
    let (header, params) = graph.block(&[(Type::Long, 0); PLACES + 1]);
    let (body, _) = graph.block(&[]);
    let (done, _) = graph.block(&[]);
    graph.end(Terminator::Jump(jump(header, &start)));
    graph.at(header);
    let more = graph.long(Op::Compare(CompareOp::Less, params[0], turns));
    graph.end(Terminator::Branch { condition: more, then: jump(body, &[]), otherwise: jump(done, &[]) });
    graph.at(body);
    let one = graph.number(1);
    let next = graph.long(Op::Binary(BinaryOp::Add, params[0], one));
    let first = graph.long(Op::Binary(BinaryOp::Add, params[PLACES], params[0]));
    let mut moved = vec![next, first];
    moved.extend(&params[1..PLACES]);
    graph.end(Terminator::Jump(jump(header, &moved)));
    graph.at(done);
    let mut sum = params[1];
    for place in &params[2..] {
        let three = graph.number(3);
        sum = graph.long(Op::Binary(BinaryOp::Multiply, sum, three));
        sum = graph.long(Op::Binary(BinaryOp::Add, sum, *place));
    }
    graph.run(Op::Set(WORD, sum));
    let placed = program(vec![scalar("result", FIRST_FREE)], vec![graph.handler(test_point())]);
    let live = Live::load(&placed, &untyped());
    for turns in [0, 1, 79, 80, 81, 1000] {
        let mut places: Vec<i64> = (1..=PLACES as i64).collect();
        for turn in 0..turns {
            places.rotate_right(1);
            places[0] += turn;
        }
        let sum = places.iter().fold(0i64, |sum, place| sum.wrapping_mul(3).wrapping_add(*place));
        live.run(&[turns as u64]);
        assert_eq!(live.words.load(FIRST_FREE as usize), sum, "{turns} turns");
    }
}

/// What no part of the kernel's memory holds is an error of size, which placing answers, never a program that the verifier
/// refuses.
#[test]
fn more_strings_than_the_frame_holds_are_told() {
    use systap_bpf::{KernelLayout, generate};
    let mut graph = Graph::new();
    let mut texts = vec![];
    for _ in 0..80 {
        let address = graph.long(Op::Argument { index: 0, pointer: false });
        let op = Op::ReadText { address, limit: None, space: systap_ir::program::Space::Kernel, fallback: None };
        texts.push(graph.text(512, op));
    }
    graph.run(Op::Print(Default::default(), texts));
    let placed = program(vec![], vec![graph.handler(test_point())]);
    let error = generate(&placed, &KernelLayout::default(), &untyped()).map(|_| ()).unwrap_err();
    assert!(error.is_of_size(), "{error}");
}
