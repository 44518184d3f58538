//! The text of generated programs, in full: what a hit costs is to be seen here. For a kernel of made-up offsets.

use systap_bpf::{KernelLayout, Options, Registers, generate, print};
use systap_ir::format::Format;
use systap_ir::graph::{Op, Terminator};
use systap_ir::intrinsic::{Context, Intrinsic};
use systap_ir::placed::control::FIRST_FREE;
use systap_ir::placed::{Placed, Residence, Slot};
use systap_ir::program::{
    AggregateShape, BinaryOp, CompareOp, Element, Event, GlobalId, GlobalShape, Space, SyscallSet, Type, Width,
};

use crate::harness::*;

fn layout() -> KernelLayout {
    KernelLayout {
        task_comm: Some(1600),
        task_real_parent: Some(1000),
        task_tgid: Some(996),
        task_cred: Some(1400),
        task_status: Some(16),
        cred_euid: Some(24),
        cred_egid: Some(28),
        registers: Some(Registers {
            orig_ax: 120,
            arguments: [112, 104, 96, 56, 72, 64],
            compat_arguments: [40, 88, 96, 104, 112, 32],
        }),
        sys_enter: Some(11),
        sys_exit: Some(12),
    }
}

fn text(placed: &Placed) -> String {
    print(&generate(placed, &layout(), &Options::default()).unwrap())
}

/// The part up to the first exit: what runs when nothing goes wrong.
fn often(text: &str) -> String {
    let mut kept = String::new();
    for line in text.lines() {
        kept.push_str(line);
        kept.push('\n');
        if line.ends_with(": exit") {
            break;
        }
    }
    kept
}

fn table(slot: Slot) -> (systap_ir::program::Global, Residence) {
    let shape =
        GlobalShape::Array { keys: vec![slot.ty], element: Element::Value(Type::Long), capacity: 2048, wrap: false };
    let value = Some(Slot { ty: Type::Long, size: 8 });
    global("n", shape, Residence::Table { keys: vec![slot], value, per_cpu: true })
}

#[test]
fn count_by_process_on_every_call() {
    let mut graph = Graph::new();
    let pid = graph.long(Op::Context(Context::Pid));
    let one = graph.number(1);
    graph.run(Op::ElementAdd(GlobalId(0), vec![pid], one));
    let kernel = vec![graph.handler(Event::SyscallEntry(SyscallSet::All))];
    let placed = program(vec![table(Slot { ty: Type::Long, size: 8 })], kernel);
    insta::assert_snapshot!(text(&placed));
}

#[test]
fn count_by_name_on_every_call() {
    let mut graph = Graph::new();
    let name = graph.text(16, Op::Context(Context::Execname));
    let one = graph.number(1);
    graph.run(Op::ElementAdd(GlobalId(0), vec![name], one));
    let kernel = vec![graph.handler(Event::SyscallEntry(SyscallSet::All))];
    let placed = program(vec![table(Slot { ty: Type::Text, size: 16 })], kernel);
    insta::assert_snapshot!(often(&text(&placed)));
}

#[test]
fn record_of_a_tracepoint() {
    let mut graph = Graph::new();
    let next = graph.long(Op::Argument { index: 2, pointer: true });
    let pid = graph.long(Op::Load {
        base: next,
        offset: 992,
        width: Width::W4,
        signed: true,
        space: Space::Kernel,
        typed: true,
    });
    let name = graph.text(16, Op::Context(Context::Execname));
    let cpu = graph.long(Op::Context(Context::Cpu));
    graph.run(Op::Print(Format::default(), vec![name, pid, cpu]));
    let event = Event::Tracepoint { name: "sched_switch".into(), btf_id: 7, arguments: 4 };
    insta::assert_snapshot!(text(&program(vec![], vec![graph.handler(event)])));
}

#[test]
fn latency_into_a_histogram() {
    // The entry puts the time under the thread; the return takes it out and puts the difference into an aggregate.
    let start = GlobalId(0);
    let times = GlobalId(1);
    let shape = AggregateShape { logarithmic: true, ..Default::default() };
    let mut starts = table(Slot { ty: Type::Long, size: 8 });
    starts.1 = Residence::Table {
        keys: vec![Slot { ty: Type::Long, size: 8 }],
        value: Some(Slot { ty: Type::Long, size: 8 }),
        per_cpu: false,
    };
    let globals = vec![starts, global("times", GlobalShape::Aggregate(shape), Residence::Aggregate)];
    let mut entry = Graph::new();
    let tid = entry.long(Op::Context(Context::Tid));
    let now = entry.long(Op::Context(Context::MonotonicNs));
    entry.run(Op::ElementSet(start, vec![tid], now));
    let mut leave = Graph::new();
    let tid = leave.long(Op::Context(Context::Tid));
    let (found, _) = leave.block(&[]);
    let (done, _) = leave.block(&[]);
    let there = leave.long(Op::Contains(start, vec![tid]));
    leave.end(Terminator::Branch { condition: there, then: jump(found, &[]), otherwise: jump(done, &[]) });
    leave.at(found);
    let began = leave.long(Op::ElementGet(start, vec![tid]));
    let now = leave.long(Op::Context(Context::MonotonicNs));
    let took = leave.long(Op::Binary(BinaryOp::Subtract, now, began));
    leave.run(Op::Accumulate(times, vec![], took));
    leave.run(Op::ElementDelete(start, vec![tid]));
    let numbers = || SyscallSet::Numbers(vec![0, 1, 2, 3, 17, 18]);
    let kernel = vec![entry.handler(Event::SyscallEntry(numbers())), leave.handler(Event::SyscallReturn(numbers()))];
    insta::assert_snapshot!(text(&program(globals, kernel)));
}

#[test]
fn a_loop() {
    let mut graph = Graph::new();
    graph.loops = true;
    let n = graph.long(Op::Argument { index: 0, pointer: false });
    let zero = graph.number(0);
    let (header, params) = graph.block(&[(Type::Long, 0)]);
    let (body, _) = graph.block(&[]);
    let (done, _) = graph.block(&[]);
    graph.end(Terminator::Jump(jump(header, &[zero])));
    graph.at(header);
    let more = graph.long(Op::Compare(CompareOp::Less, params[0], n));
    graph.end(Terminator::Branch { condition: more, then: jump(body, &[]), otherwise: jump(done, &[]) });
    graph.at(body);
    let one = graph.number(1);
    let next = graph.long(Op::Binary(BinaryOp::Add, params[0], one));
    graph.end(Terminator::Jump(jump(header, &[next])));
    graph.at(done);
    graph.run(Op::Set(WORD, params[0]));
    let event = Event::Tracepoint { name: "sched_switch".into(), btf_id: 0, arguments: 4 };
    let placed = program(vec![scalar("i", FIRST_FREE)], vec![graph.handler(event)]);
    insta::assert_snapshot!(often(&text(&placed)));
}

#[test]
fn a_path_with_a_tail_and_the_end() {
    let mut graph = Graph::new();
    let regs = graph.long(Op::Argument { index: 0, pointer: true });
    let address = graph.long(Op::Load {
        base: regs,
        offset: 104,
        width: Width::W8,
        signed: false,
        space: Space::Kernel,
        typed: true,
    });
    let none = graph.literal("<unreadable>");
    let op = Op::ReadText { address, limit: None, space: Space::User, fallback: Some(none) };
    let path = graph.text(512, op);
    graph.run(Op::Print(Format::default(), vec![path]));
    graph.run(Op::Intrinsic(Intrinsic::Exit, vec![]));
    let kernel = vec![graph.handler(Event::SyscallEntry(SyscallSet::Numbers(vec![257])))];
    insta::assert_snapshot!(text(&program(vec![], kernel)));
}
