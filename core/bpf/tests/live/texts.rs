//! Strings: read, compared, joined, kept in globals, recorded with and without a tail.

use systap_bpf::artifact::{Fault, SiteKind};
use systap_ir::format::Format;
use systap_ir::graph::{Op, Terminator, Value};
use systap_ir::intrinsic::{Context, Intrinsic};
use systap_ir::placed::Residence;
use systap_ir::placed::control::FIRST_FREE;
use systap_ir::program::{BinaryOp, CompareOp, Constant, GlobalId, GlobalShape, Space, Type};

use crate::harness::*;

fn print(list: Vec<Value>) -> Op {
    Op::Print(Format::default(), list)
}

/// Reads argument `index` as a string of user memory.
fn read(graph: &mut Graph, index: u32, cap: u32, fallback: Option<Value>) -> Value {
    let address = graph.long(Op::Argument { index, pointer: false });
    graph.text(cap, Op::ReadText { address, limit: None, space: Space::User, fallback })
}

fn c_string(text: &str) -> (Vec<u8>, u64) {
    let mut bytes = text.as_bytes().to_vec();
    bytes.push(0);
    // What follows the NUL must not matter.
    bytes.extend_from_slice(&[b'#'; 16]);
    let address = bytes.as_ptr() as u64;
    (bytes, address)
}

fn text(text: &str) -> Datum {
    Datum::Text(text.to_owned())
}

#[test]
fn strings_of_each_length_arrive() {
    if !can_load("strings_of_each_length_arrive") {
        return;
    }
    for cap in [1, 4, 8, 9, 16, 33, 64, 65, 100, 256, 512] {
        let mut graph = Graph::new();
        let string = read(&mut graph, 0, cap, None);
        let number = graph.long(Op::Argument { index: 1, pointer: false });
        graph.run(print(vec![string, number, string]));
        let placed = program(vec![], vec![graph.handler(test_point())]);
        let mut live = Live::load(&placed, &untyped());
        for length in [0, 1, 3, 7, 8, 15, 16, 63, 64, 200, 511, 600] {
            let source: String = (0..length).map(|at| char::from(b'a' + (at % 26) as u8)).collect();
            let (_keep, address) = c_string(&source);
            live.run(&[address, 77]);
            let cut = &source[..source.len().min(cap as usize - 1)];
            let records = live.records();
            assert_eq!(records.len(), 1);
            assert_eq!(records[0].1, [text(cut), Datum::Long(77), text(cut)], "cap {cap}, length {length}");
        }
    }
}

#[test]
fn limits_cut_what_is_read() {
    if !can_load("limits_cut_what_is_read") {
        return;
    }
    for cap in [16, 100] {
        let mut graph = Graph::new();
        let address = graph.long(Op::Argument { index: 0, pointer: false });
        let limit = graph.long(Op::Argument { index: 1, pointer: false });
        let op = Op::ReadText { address, limit: Some(limit), space: Space::User, fallback: None };
        let string = graph.text(cap, op);
        graph.run(print(vec![string]));
        let placed = program(vec![], vec![graph.handler(test_point())]);
        let mut live = Live::load(&placed, &untyped());
        let (_keep, address) = c_string("abcdefghijkl");
        for (limit, expected) in [(0, ""), (1, "a"), (5, "abcde"), (12, "abcdefghijkl"), (99, "abcdefghijkl")] {
            live.run(&[address, limit]);
            assert_eq!(live.records()[0].1, [text(expected)], "cap {cap}, limit {limit}");
        }
    }
}

#[test]
fn unreadable_memory_gives_the_fallback_or_an_error() {
    if !can_load("unreadable_memory_gives_the_fallback_or_an_error") {
        return;
    }
    for fallback in ["<gone>", &"long fallback ".repeat(10)] {
        let mut graph = Graph::new();
        let other = graph.literal(fallback);
        let string = read(&mut graph, 0, 200, Some(other));
        graph.run(print(vec![string]));
        let placed = program(vec![], vec![graph.handler(test_point())]);
        let mut live = Live::load(&placed, &untyped());
        let (_keep, address) = c_string("there");
        live.run(&[8]);
        live.run(&[address]);
        let fields: Vec<_> = live.records().into_iter().map(|(_, fields)| fields).collect();
        assert_eq!(fields, [vec![text(fallback)], vec![text("there")]]);
    }
    for used in [true, false] {
        let mut graph = Graph::new();
        let address = graph.long(Op::Argument { index: 0, pointer: false });
        let op = Op::ReadText { address, limit: None, space: Space::Kernel, fallback: None };
        if used {
            let string = graph.text(200, op);
            graph.run(print(vec![string]));
        } else {
            graph.run(op);
        }
        let placed = program(vec![], vec![graph.handler(test_point())]);
        let mut live = Live::load(&placed, &untyped());
        live.run(&[0xdead]);
        let records = live.records();
        assert_eq!(records.len(), 1);
        assert_eq!(*live.kind(records[0].0), SiteKind::Error(Fault::ReadText(Space::Kernel)));
        assert_eq!(records[0].1, [Datum::Long(0xdead)]);
    }
}

const STRINGS: [&str; 12] =
    ["", "a", "b", "ab", "abcdefg", "abcdefgh", "abcdefgi", "abcdefghi", "abcdefghijklmnop", "\u{7f}", "é", "abcdefgé"];

#[test]
fn comparisons_are_those_of_bytes() {
    if !can_load("comparisons_are_those_of_bytes") {
        return;
    }
    let ops = [
        CompareOp::Equal,
        CompareOp::NotEqual,
        CompareOp::Less,
        CompareOp::LessOrEqual,
        CompareOp::Greater,
        CompareOp::GreaterOrEqual,
    ];
    let truth = |op, a: &str, b: &str| {
        let (a, b) = (a.as_bytes(), b.as_bytes());
        match op {
            CompareOp::Equal => a == b,
            CompareOp::NotEqual => a != b,
            CompareOp::Less => a < b,
            CompareOp::LessOrEqual => a <= b,
            CompareOp::Greater => a > b,
            CompareOp::GreaterOrEqual => a >= b,
        }
    };
    for (left_cap, right_cap) in [(24, 24), (24, 100), (100, 24), (100, 100)] {
        for op in ops {
            let mut graph = Graph::new();
            let a = read(&mut graph, 0, left_cap, None);
            let b = read(&mut graph, 1, right_cap, None);
            let result = graph.long(Op::Compare(op, a, b));
            graph.run(Op::Set(WORD, result));
            let placed = program(vec![scalar("r", FIRST_FREE)], vec![graph.handler(test_point())]);
            let live = Live::load(&placed, &untyped());
            for a in STRINGS {
                for b in STRINGS {
                    let ((_a, left), (_b, right)) = (c_string(a), c_string(b));
                    live.run(&[left, right]);
                    let got = live.words.load(FIRST_FREE as usize);
                    assert_eq!(got, i64::from(truth(op, a, b)), "{a:?} {op:?} {b:?} ({left_cap}, {right_cap})");
                }
            }
        }
    }
    // With a literal on one side.
    for constant in STRINGS {
        for op in ops {
            let mut graph = Graph::new();
            let a = read(&mut graph, 0, 12, None);
            let b = graph.literal(constant);
            let (yes, _) = graph.block(&[]);
            let (no, _) = graph.block(&[]);
            let condition = graph.long(Op::Compare(op, a, b));
            graph.end(Terminator::Branch { condition, then: jump(yes, &[]), otherwise: jump(no, &[]) });
            for (block, value) in [(yes, 1), (no, 0)] {
                graph.at(block);
                let value = graph.number(value);
                graph.run(Op::Set(WORD, value));
            }
            let placed = program(vec![scalar("r", FIRST_FREE)], vec![graph.handler(test_point())]);
            let live = Live::load(&placed, &untyped());
            for a in STRINGS.iter().filter(|a| a.len() < 12) {
                let (_a, left) = c_string(a);
                live.run(&[left]);
                let got = live.words.load(FIRST_FREE as usize);
                assert_eq!(got, i64::from(truth(op, a, constant)), "{a:?} {op:?} literal {constant:?}");
            }
        }
    }
}

#[test]
fn joined_strings() {
    if !can_load("joined_strings") {
        return;
    }
    for (cap, compared) in [(200, false), (40, false), (20, true), (10, true), (200, true)] {
        let mut graph = Graph::new();
        let a = read(&mut graph, 0, 24, None);
        let dash = graph.literal("-<and>-");
        let b = read(&mut graph, 1, 100, None);
        let left = graph.text(cap, Op::Concat(a, dash));
        let both = graph.text(cap, Op::Concat(left, b));
        let start = graph.literal("s");
        let all = graph.text(cap, Op::Concat(start, both));
        graph.run(print(vec![all]));
        if compared {
            let again = graph.text(cap, Op::Concat(start, both));
            let same = graph.long(Op::Compare(CompareOp::Equal, all, again));
            graph.run(Op::Set(WORD, same));
        }
        let placed = program(vec![scalar("r", FIRST_FREE)], vec![graph.handler(test_point())]);
        let mut live = Live::load(&placed, &untyped());
        for a in STRINGS.iter().filter(|text| text.is_ascii()) {
            for b in STRINGS.iter().filter(|text| text.is_ascii()) {
                let ((_a, left), (_b, right)) = (c_string(a), c_string(b));
                live.run(&[left, right]);
                let cut = |text: String| text[..text.len().min(cap as usize - 1)].to_owned();
                let both = cut(cut(format!("{a}-<and>-")) + b);
                let expected = cut(format!("s{both}"));
                assert_eq!(live.records()[0].1, [text(&expected)], "cap {cap}");
                assert_eq!(live.words.load(FIRST_FREE as usize), i64::from(compared));
            }
        }
    }
}

#[test]
fn string_globals_and_parameters() {
    if !can_load("string_globals_and_parameters") {
        return;
    }
    for size in [24, 128] {
        // Exchanges the global with what was read if the flag is set; records both.
        let shape = GlobalShape::Scalar(Constant::Text(vec![]));
        let globals = vec![global("g", shape, Residence::Text(size))];
        let mut graph = Graph::new();
        let old = graph.text(size, Op::Get(GlobalId(0)));
        let new = read(&mut graph, 0, size, None);
        let flag = graph.long(Op::Argument { index: 1, pointer: false });
        let (join, params) = graph.block(&[(Type::Text, size), (Type::Text, size)]);
        graph.end(Terminator::Branch {
            condition: flag,
            then: jump(join, &[new, old]),
            otherwise: jump(join, &[old, new]),
        });
        graph.at(join);
        graph.run(Op::Set(GlobalId(0), params[0]));
        graph.run(print(vec![params[0], params[1]]));
        let placed = program(globals, vec![graph.handler(test_point())]);
        let mut live = Live::load(&placed, &untyped());
        let ((_a, first), (_b, second)) = (c_string("first string"), c_string("2nd"));
        let mut step = |address, flag, expected: [&str; 2]| {
            live.run(&[address, flag]);
            assert_eq!(live.records()[0].1, expected.map(text), "size {size}");
        };
        step(first, 1, ["first string", ""]);
        step(second, 0, ["first string", "2nd"]);
        step(second, 1, ["2nd", "first string"]);
        step(first, 0, ["2nd", "first string"]);
    }
}

#[test]
fn records_of_mixed_fields() {
    if !can_load("records_of_mixed_fields") {
        return;
    }
    let mut graph = Graph::new();
    let name = graph.text(16, Op::Context(Context::Execname));
    let long_literal = graph.literal(&"literal ".repeat(12));
    let short = graph.literal("short");
    let first = read(&mut graph, 0, 300, None);
    let stack = graph.text(512, Op::Context(Context::Stack));
    let second = read(&mut graph, 1, 80, None);
    let number = graph.number(i64::MIN);
    let list = vec![name, first, number, stack, long_literal, second, short, first];
    graph.run(print(list));
    graph.end(Terminator::Defer { to: 3, args: vec![second, number] });
    let placed = program(vec![], vec![graph.handler(test_point())]);
    let mut live = Live::load(&placed, &untyped());
    for (a, b) in [("", "x"), ("one string", ""), ("exactly8", "and this is a longer one")] {
        let ((_a, first), (_b, second)) = (c_string(a), c_string(b));
        live.run(&[first, second]);
        let records = live.records();
        assert_eq!(records.len(), 2);
        let fields = &records[0].1;
        let thread = std::thread::current().name().unwrap_or_default().to_owned();
        assert_eq!(fields[0], text(&thread[..thread.len().min(15)]));
        assert_eq!(fields[1], text(a));
        assert_eq!(fields[2], Datum::Long(i64::MIN));
        let Datum::Stack(stack) = &fields[3] else { panic!("{fields:?}") };
        assert!(stack.len() > 3 && stack.iter().all(|address| *address >> 47 == 0x1ffff), "{stack:x?}");
        assert_eq!(fields[4..], [text(&"literal ".repeat(12)), text(b), text("short"), text(a)]);
        assert_eq!(*live.kind(records[1].0), SiteKind::Continue(3));
        assert_eq!(records[1].1, [text(b), Datum::Long(i64::MIN)]);
    }
}

#[test]
fn errors_and_exit_from_the_script() {
    if !can_load("errors_and_exit_from_the_script") {
        return;
    }
    for errors in [0, 1] {
        let mut graph = Graph::new();
        let message = read(&mut graph, 0, 100, None);
        graph.run(Op::Intrinsic(Intrinsic::Error, vec![message]));
        graph.end(Terminator::Unreachable);
        let mut second = Graph::new();
        second.run(Op::Intrinsic(Intrinsic::Exit, vec![]));
        let number = second.number(5);
        second.run(print(vec![number]));
        let kernel = vec![graph.handler(test_point()), second.handler(test_point())];
        let mut placed = program(vec![], kernel);
        placed.limits.errors = errors;
        let mut live = Live::load(&placed, &untyped());
        let (_keep, address) = c_string("went wrong");
        live.run(&[address]);
        live.run(&[address]);
        let records = live.records();
        let kinds: Vec<_> = records.iter().map(|(site, _)| live.kind(*site).clone()).collect();
        assert_eq!(kinds[0], SiteKind::Error(Fault::Message));
        assert_eq!(records[0].1, [text("went wrong")]);
        if errors == 0 {
            assert_eq!(kinds.len(), 1);
        } else {
            // What the handler does after exit() is still done; no other hit is.
            assert_eq!(kinds[1..], [SiteKind::Exit, SiteKind::Print(Format::default())]);
        }
        assert_eq!(live.words.load(0), 1);
    }
}

#[test]
fn what_finds_no_room_is_counted() {
    if !can_load("what_finds_no_room_is_counted") {
        return;
    }
    for long in [false, true] {
        let mut graph = Graph::new();
        let number = graph.long(Op::Argument { index: 0, pointer: false });
        let one = graph.number(1);
        let next = graph.long(Op::Binary(BinaryOp::Add, number, one));
        let mut list = vec![number, next];
        if long {
            list.push(graph.literal(&"x".repeat(100)));
        }
        graph.run(print(list));
        let placed = program(vec![], vec![graph.handler(test_point())]);
        let options = systap_bpf::Options { ring_bytes: 4096, count_hits: true, ..untyped() };
        let mut live = Live::load(&placed, &options);
        for number in 0..500 {
            live.run(&[number]);
        }
        let records = live.records();
        assert!(records.len() > 20 && records.len() < 500);
        assert_eq!(records.len() as i64 + live.counter(0), 500);
        assert_eq!(live.counter(1), 500, "hits");
        for (number, record) in records.iter().enumerate() {
            assert_eq!(record.1[..2], [Datum::Long(number as i64), Datum::Long(number as i64 + 1)]);
        }
    }
}

#[test]
fn loops_with_strings_and_records_in_them() {
    if !can_loop("loops_with_strings_and_records_in_them") {
        return;
    }
    // for (i = 0; i < n; i++) for (j = 0; j < i; j++) { s = i == j + 1 ? read : s; if (s == "stop") print i, j, s; total++ }
    let mut graph = Graph::new();
    graph.loops = true;
    let n = graph.long(Op::Argument { index: 0, pointer: false });
    let zero = graph.number(0);
    let empty = graph.literal("");
    let (outer, o) = graph.block(&[(Type::Long, 0), (Type::Long, 0), (Type::Text, 40)]);
    let (inner, p) = graph.block(&[(Type::Long, 0), (Type::Long, 0), (Type::Text, 40)]);
    let (begin, _) = graph.block(&[]);
    let (body, _) = graph.block(&[]);
    let (fresh, _) = graph.block(&[]);
    let (test, t) = graph.block(&[(Type::Text, 40)]);
    let (say, _) = graph.block(&[]);
    let (step, _) = graph.block(&[]);
    let (next, _) = graph.block(&[]);
    let (done, _) = graph.block(&[]);
    graph.end(Terminator::Jump(jump(outer, &[zero, zero, empty])));
    graph.at(outer);
    let more = graph.long(Op::Compare(CompareOp::Less, o[0], n));
    graph.end(Terminator::Branch { condition: more, then: jump(begin, &[]), otherwise: jump(done, &[]) });
    graph.at(begin);
    graph.end(Terminator::Jump(jump(inner, &[zero, o[1], o[2]])));
    graph.at(inner);
    let more = graph.long(Op::Compare(CompareOp::Less, p[0], o[0]));
    graph.end(Terminator::Branch { condition: more, then: jump(body, &[]), otherwise: jump(next, &[]) });
    graph.at(body);
    let one = graph.number(1);
    let after = graph.long(Op::Binary(BinaryOp::Add, p[0], one));
    let total = graph.long(Op::Binary(BinaryOp::Add, p[1], one));
    let last = graph.long(Op::Compare(CompareOp::Equal, after, o[0]));
    graph.end(Terminator::Branch { condition: last, then: jump(fresh, &[]), otherwise: jump(test, &[p[2]]) });
    graph.at(fresh);
    let string = read(&mut graph, 1, 40, None);
    graph.end(Terminator::Jump(jump(test, &[string])));
    graph.at(test);
    let stop = graph.literal("stop");
    let same = graph.long(Op::Compare(CompareOp::Equal, t[0], stop));
    graph.end(Terminator::Branch { condition: same, then: jump(say, &[]), otherwise: jump(step, &[]) });
    graph.at(say);
    graph.run(print(vec![o[0], p[0], t[0]]));
    graph.end(Terminator::Jump(jump(step, &[])));
    graph.at(step);
    graph.end(Terminator::Jump(jump(inner, &[after, total, t[0]])));
    graph.at(next);
    let one = graph.number(1);
    let following = graph.long(Op::Binary(BinaryOp::Add, o[0], one));
    graph.end(Terminator::Jump(jump(outer, &[following, p[1], p[2]])));
    graph.at(done);
    graph.run(Op::Set(WORD, o[1]));
    let placed = program(vec![scalar("total", FIRST_FREE)], vec![graph.handler(test_point())]);
    let mut live = Live::load(&placed, &untyped());
    let ((_a, stop), (_b, go)) = (c_string("stop"), c_string("stop it not"));
    for (n, address, string) in [(0i64, stop, "stop"), (1, stop, "stop"), (5, stop, "stop"), (6, go, "go")] {
        live.run(&[n as u64, address]);
        assert_eq!(live.words.load(FIRST_FREE as usize), n * (n - 1) / 2);
        let mut expected = Vec::new();
        for i in 0..n {
            for j in 0..i {
                // Once read, it stays from the end of the first inner loop on.
                if string == "stop" && (i, j) >= (1, 0) {
                    expected.push(vec![Datum::Long(i), Datum::Long(j), text("stop")]);
                }
            }
        }
        let got: Vec<Vec<Datum>> = live.records().into_iter().map(|(_, fields)| fields).collect();
        assert_eq!(got, expected, "n = {n}");
    }
}
