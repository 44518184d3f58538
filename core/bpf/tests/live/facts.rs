//! Facts of the moment and typed pointers, attached to real tracepoints and compared with what the process knows of itself.

use systap_bpf::artifact::{Fault, MapRole, SiteKind};
use systap_bpf::{KernelLayout, Needs, Options};
use systap_ir::format::Format;
use systap_ir::graph::{Op, Terminator, Value};
use systap_ir::intrinsic::Context;
use systap_ir::placed::control::{self, FIRST_FREE};
use systap_ir::program::{BinaryOp, CompareOp, Event, GlobalId, Space, SyscallSet, Type, Width};
use systap_kernel::{Kernel, Kind};
use systap_sys::{clock, process};

use crate::harness::*;

/// `sched_yield`, which a thread can call at will without side effects.
const YIELD: u32 = 24;

fn options(typed: bool) -> Options<'static> {
    Options { typed, own_filter: false, ..Options::for_kernel(&Kernel::running()) }
}

/// A graph whose further instructions run for this thread only.
pub(crate) fn for_this_thread() -> Graph {
    let mut graph = Graph::new();
    let tid = graph.long(Op::Context(Context::Tid));
    let own = graph.number(i64::from(process::thread_id()));
    let condition = graph.long(Op::Compare(CompareOp::Equal, tid, own));
    let (yes, _) = graph.block(&[]);
    let (no, _) = graph.block(&[]);
    graph.end(Terminator::Branch { condition, then: jump(yes, &[]), otherwise: jump(no, &[]) });
    graph.at(yes);
    graph
}

/// What these instructions give on one `sched_yield` of this thread.
fn at_yield(typed: bool, ops: &[Op]) -> Vec<i64> {
    let mut graph = for_this_thread();
    let mut globals = Vec::new();
    for (number, op) in ops.iter().enumerate() {
        let value = graph.long(op.clone());
        graph.run(Op::Set(GlobalId(number as u32), value));
        globals.push(scalar("fact", FIRST_FREE + number as u32));
    }
    let event = Event::SyscallEntry(SyscallSet::Numbers(vec![YIELD]));
    let live = Live::load(&program(globals, vec![graph.handler(event)]), &options(typed));
    live.words.store(control::TARGET as usize, 4242);
    live.words.store(control::TAI_OFFSET as usize, clock::tai_offset_seconds().unwrap() * 1_000_000_000);
    let links = live.attach();
    std::thread::yield_now();
    drop(links);
    (0..ops.len()).map(|number| live.words.load(FIRST_FREE as usize + number)).collect()
}

/// A number from `/proc/self/status`; column 1 is the real one, 2 the effective one.
fn status(name: &str, column: usize) -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(column).unwrap().parse().unwrap()
}

#[test]
fn who_runs() {
    if !can_load("who_runs") {
        return;
    }
    let contexts = [
        Context::Pid,
        Context::Tid,
        Context::Ppid,
        Context::Uid,
        Context::Gid,
        Context::Euid,
        Context::Egid,
        Context::Target,
    ];
    let expected = [
        i64::from(std::process::id()),
        i64::from(process::thread_id()),
        i64::from(std::os::unix::process::parent_id()),
        status("Uid:", 1),
        status("Gid:", 1),
        status("Uid:", 2),
        status("Gid:", 2),
        4242,
    ];
    for typed in [true, false] {
        assert_eq!(at_yield(typed, &contexts.map(Op::Context)), expected, "typed: {typed}");
    }
}

#[test]
fn when_and_where() {
    if !can_load("when_and_where") {
        return;
    }
    let now = || [clock::monotonic_ns(), clock::boottime_ns(), clock::realtime_ns()].map(|ns| ns as i64);
    let contexts = [Context::MonotonicNs, Context::BoottimeNs, Context::RealtimeNs, Context::Cpu, Context::Jiffies];
    let before = now();
    let got = at_yield(true, &contexts.map(Op::Context));
    let after = now();
    for clock in 0..3 {
        assert!((before[clock]..=after[clock]).contains(&got[clock]), "{:?}: {got:?}", contexts[clock]);
    }
    assert!((0..4096).contains(&got[3]));
    // Ticks since boot: at the rate that this kernel was told, whichever of the usual ones that is.
    let seconds = before[0] as f64 / 1e9;
    let rates = [100, 250, 300, 1000];
    let fits = |hz: &i64| {
        // The options above said 1000, which only the five minutes before the overflow depend on.
        let ticks = got[4] - 300 * (1000 - hz);
        (ticks as f64 / *hz as f64 - seconds).abs() < 2.0
    };
    assert!(rates.iter().any(fits), "{} ticks in {seconds} s", got[4]);
}

/// The offset of a member of `task_struct`.
fn task_offset(member: &str) -> i64 {
    let kernel = Kernel::running();
    let btf = kernel.btf().unwrap();
    let task = btf.find(Kind::Struct, "task_struct").unwrap().unwrap();
    i64::from(btf.member(task, member).unwrap().unwrap().bit_offset / 8)
}

fn load(base: Value, member: &str, width: Width) -> Op {
    let offset = task_offset(member);
    Op::Load { base, offset, width, signed: width == Width::W4, space: Space::Kernel, typed: true }
}

#[test]
fn typed_pointers_are_followed_and_calculated_with() {
    if !can_load("typed_pointers_are_followed_and_calculated_with") {
        return;
    }
    for typed in [true, false] {
        let mut graph = for_this_thread();
        let task = graph.long(Op::Context(Context::TaskCurrent));
        let tgid = graph.long(load(task, "tgid", Width::W4));
        let parent = graph.long(load(task, "real_parent", Width::W8));
        let parents = graph.long(load(parent, "tgid", Width::W4));
        // The same by a pointer that has become a number, which the verifier lets be calculated with.
        let offset = graph.number(task_offset("tgid"));
        let sum = graph.long(Op::Binary(BinaryOp::Add, parent, offset));
        let plain =
            Op::Load { base: sum, offset: 0, width: Width::W4, signed: true, space: Space::Kernel, typed: false };
        let again = graph.long(plain);
        // The kernel's half of the addresses, with four levels of pages and with five.
        let top = graph.number(56);
        let half = graph.long(Op::Binary(BinaryOp::ShiftRightLogical, task, top));
        let differ = graph.long(Op::Compare(CompareOp::NotEqual, task, parent));
        graph.run(Op::Print(Format::default(), vec![tgid, parents, again, half, differ, task, parent]));
        let readable = Op::Readable { base: parent, offset: 0, width: Width::W8, space: Space::Kernel };
        let readable = graph.long(readable);
        let null = graph.number(0);
        let not = graph.long(Op::Readable { base: null, offset: 8, width: Width::W1, space: Space::Kernel });
        graph.run(Op::Print(Format::default(), vec![readable, not]));
        let plug = graph.long(load(task, "plug", Width::W8));
        let beyond =
            Op::Load { base: plug, offset: 8, width: Width::W8, signed: false, space: Space::Kernel, typed: true };
        let beyond = graph.long(beyond);
        graph.run(Op::Print(Format::default(), vec![beyond]));
        let event = Event::SyscallEntry(SyscallSet::Numbers(vec![YIELD]));
        let mut placed = program(vec![], vec![graph.handler(event)]);
        placed.limits.errors = 100;
        let mut live = Live::load(&placed, &options(typed));
        let links = live.attach();
        std::thread::yield_now();
        drop(links);
        let records = live.records();
        assert_eq!(records.len(), 3, "{records:?}");
        let longs: Vec<i64> = records[0]
            .1
            .iter()
            .map(|datum| match datum {
                Datum::Long(value) => *value,
                other => panic!("{other:?}"),
            })
            .collect();
        let parent = i64::from(std::os::unix::process::parent_id());
        assert_eq!(longs[..5], [i64::from(std::process::id()), parent, parent, 0xff, 1], "typed: {typed}");
        assert!(longs[5..].iter().all(|address| (*address as u64) >> 56 == 0xff));
        assert_eq!(records[1].1, [Datum::Long(1), Datum::Long(0)]);
        assert_eq!(*live.kind(records[2].0), SiteKind::Error(Fault::Read(Space::Kernel)));
        assert_eq!(records[2].1, [Datum::Long(8)]);
    }
}

#[test]
fn arguments_of_a_typed_tracepoint() {
    if !can_load("arguments_of_a_typed_tracepoint") {
        return;
    }
    // sched_switch(bool preempt, struct task_struct *prev, struct task_struct *next, unsigned int prev_state)
    let kernel = Kernel::running();
    let point = kernel.tracepoint(None, "sched_switch").unwrap().unwrap();
    for typed in [true, false] {
        let mut graph = Graph::new();
        let next = graph.long(Op::Argument { index: 2, pointer: true });
        let pid = graph.long(load(next, "pid", Width::W4));
        let own = graph.number(i64::from(process::thread_id()));
        let condition = graph.long(Op::Compare(CompareOp::Equal, pid, own));
        let (yes, _) = graph.block(&[]);
        let (no, _) = graph.block(&[]);
        graph.end(Terminator::Branch { condition, then: jump(yes, &[]), otherwise: jump(no, &[]) });
        graph.at(yes);
        let preempt = graph.long(Op::Argument { index: 0, pointer: false });
        let preempt = graph.long(Op::Extend { value: preempt, bits: 8, signed: false });
        let tgid = graph.long(load(next, "tgid", Width::W4));
        graph.run(Op::Print(Format::default(), vec![tgid, preempt]));
        let event = Event::Tracepoint { name: "sched_switch".into(), btf_id: point.btf_typedef_id, arguments: 4 };
        let mut live = Live::load(&program(vec![], vec![graph.handler(event)]), &options(typed));
        let links = live.attach();
        // More than are asked for: what counts is what each says, and a busy machine may not switch at each sleep.
        for _ in 0..50 {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        drop(links);
        let records = live.records();
        assert!(records.len() >= 5, "{}", records.len());
        for (_, fields) in records {
            assert_eq!(fields[0], Datum::Long(i64::from(std::process::id())));
            assert!(matches!(fields[1], Datum::Long(0 | 1)));
        }
    }
}

#[test]
fn the_profile_clock_fires() {
    if !can_load("the_profile_clock_fires") {
        return;
    }
    let mut graph = Graph::new();
    let pid = graph.long(Op::Context(Context::Pid));
    let stack = graph.text(512, Op::Context(Context::Stack));
    graph.run(Op::Print(Format::default(), vec![pid, stack]));
    let placed = program(vec![], vec![graph.handler(Event::Profile { hz: 997 })]);
    let mut live = Live::load(&placed, &options(true));
    let links = live.attach();
    let start = std::time::Instant::now();
    while start.elapsed().as_millis() < 200 {
        std::hint::spin_loop();
    }
    drop(links);
    let own = Datum::Long(i64::from(std::process::id()));
    let mine = live.records().iter().filter(|(_, fields)| fields[0] == own).count();
    assert!(mine > 20, "{mine}");
}

/// With several programs on one frame, a hit that comes while another is handled is skipped and counted.
#[test]
fn a_busy_frame_skips_and_counts() {
    if !can_load("a_busy_frame_skips_and_counts") {
        return;
    }
    let handler = |event| {
        let mut graph = for_this_thread();
        let text = graph.literal(&"long enough for a tail ".repeat(5));
        graph.run(Op::Print(Format::default(), vec![text]));
        graph.handler(event)
    };
    let numbers = || SyscallSet::Numbers(vec![YIELD]);
    let kernel = vec![handler(Event::SyscallEntry(numbers())), handler(Event::SyscallReturn(numbers()))];
    let mut live = Live::load(&program(vec![], kernel), &options(true));
    let links = live.attach();
    std::thread::yield_now();
    assert_eq!(live.records().len(), 2);
    let counters = live.artifact.counters;
    assert_eq!(counters.skipped, 2);
    let frame = live.map(MapRole::Frame);
    let mut bytes = vec![0; frame.value_bytes()];
    for cpu in bytes.chunks_mut(frame.value_size()) {
        cpu[0] = 1;
    }
    frame.update(&0u32.to_ne_bytes(), &bytes, systap_sys::bpf::UpdateMode::Any).unwrap();
    for _ in 0..3 {
        std::thread::yield_now();
    }
    drop(links);
    assert_eq!(live.records().len(), 0);
    // Other threads may yield too.
    let skipped: Vec<i64> = (0..2).map(|handler| live.counter(counters.sites + handler)).collect();
    assert!(skipped.iter().all(|count| *count >= 3), "{skipped:?}");
}

#[test]
fn a_single_program_has_no_guard() {
    let mut graph = Graph::new();
    let text = graph.literal(&"long enough for a tail ".repeat(5));
    graph.run(Op::Print(Format::default(), vec![text]));
    let placed = program(vec![], vec![graph.handler(test_point())]);
    let artifact = systap_bpf::generate(&placed, &KernelLayout::default(), &untyped()).unwrap();
    assert_eq!(artifact.counters.skipped, 0);
    assert_eq!(Needs::of(&placed), Needs::default());
    let _ = Type::Long;
}
