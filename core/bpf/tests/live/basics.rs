//! Counting, by hand-made graphs, attached to real tracepoints.

use systap_ir::graph::Op;
use systap_ir::intrinsic::Context;
use systap_ir::placed::control::FIRST_FREE;
use systap_ir::placed::{Residence, Slot};
use systap_ir::program::{Element, Event, GlobalId, GlobalShape, SyscallSet, Type};

use crate::harness::*;
use systap_bpf::Options;
use systap_kernel::Kernel;

const N: GlobalId = GlobalId(0);

fn table(keys: &[Slot], per_cpu: bool) -> (systap_ir::program::Global, Residence) {
    let types = keys.iter().map(|slot| slot.ty).collect();
    let shape = GlobalShape::Array { keys: types, element: Element::Value(Type::Long), capacity: 2048, wrap: false };
    let value = Some(Slot { ty: Type::Long, size: 8 });
    global("n", shape, Residence::Table { keys: keys.to_vec(), value, per_cpu })
}

const LONG: Slot = Slot { ty: Type::Long, size: 8 };
const NAME: Slot = Slot { ty: Type::Text, size: 16 };

fn getppid(times: usize) {
    for _ in 0..times {
        let _ = std::os::unix::process::parent_id();
    }
}

#[test]
fn counts_system_calls_by_thread() {
    if !can_load("counts_system_calls_by_thread") {
        return;
    }
    for typed in [true, false] {
        let mut graph = Graph::new();
        let tid = graph.long(Op::Context(Context::Tid));
        let one = graph.number(1);
        graph.run(Op::ElementAdd(N, vec![tid], one));
        let handler = graph.handler(Event::SyscallEntry(SyscallSet::Numbers(vec![110])));
        let placed = program(vec![table(&[LONG], true)], vec![handler]);
        let options = Options { typed, own_filter: false, ..Options::for_kernel(&Kernel::running()) };
        let live = Live::load(&placed, &options);
        let links = live.attach();
        getppid(1000);
        drop(links);
        let own = i64::from(systap_sys::process::thread_id()).to_ne_bytes();
        let entries = live.entries(N);
        let count = entries.iter().find(|(key, _)| *key == own).map(|(_, count)| *count);
        assert_eq!(count, Some(1000), "typed: {typed}");
    }
}

#[test]
fn counts_system_calls_by_name_of_thread() {
    if !can_load("counts_system_calls_by_name_of_thread") {
        return;
    }
    for typed in [true, false] {
        let mut graph = Graph::new();
        let name = graph.text(16, Op::Context(Context::Execname));
        let one = graph.number(1);
        graph.run(Op::ElementAdd(N, vec![name], one));
        let handler = graph.handler(Event::SyscallEntry(SyscallSet::Numbers(vec![110])));
        let placed = program(vec![table(&[NAME], true)], vec![handler]);
        let options = Options { typed, own_filter: false, ..Options::for_kernel(&Kernel::running()) };
        let live = Live::load(&placed, &options);
        let links = live.attach();
        let thread = std::thread::Builder::new().name("named_thread".into());
        thread.spawn(|| getppid(777)).unwrap().join().unwrap();
        drop(links);
        let entries = live.entries(N);
        let mut key = b"named_thread".to_vec();
        key.resize(16, 0);
        let count = entries.iter().find(|(other, _)| *other == key).map(|(_, count)| *count);
        assert_eq!(count, Some(777), "typed: {typed}, {entries:?}");
    }
}

#[test]
fn a_handler_that_is_switched_off_does_and_counts_nothing() {
    if !can_load("a_handler_that_is_switched_off_does_and_counts_nothing") {
        return;
    }
    let adds = |global: u32| {
        let mut graph = Graph::new();
        let one = graph.number(1);
        graph.run(Op::Add(GlobalId(global), one));
        graph.handler(test_point())
    };
    let globals = vec![scalar("a", FIRST_FREE), scalar("b", FIRST_FREE + 1)];
    let placed = program(globals, vec![adds(0), adds(1)]);
    let live = Live::load(&placed, &Options { switches: true, count_hits: true, ..untyped() });
    let first = live.artifact.switches.expect("handlers look") as usize;
    let values = || [live.words.load(FIRST_FREE as usize), live.words.load(FIRST_FREE as usize + 1)];
    live.run(&[0]);
    assert_eq!(values(), [1, 1]);
    live.words.store(first, 1);
    live.run(&[0]);
    assert_eq!(values(), [1, 2]);
    live.words.store(first, 0);
    live.words.store(first + 1, 1);
    live.run(&[0]);
    assert_eq!(values(), [2, 2]);
    let hits = live.artifact.counters.sites + live.artifact.counters.skipped;
    assert_eq!([live.counter(hits), live.counter(hits + 1)], [2, 2]);
}
