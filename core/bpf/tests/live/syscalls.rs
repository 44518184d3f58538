//! System calls: which handlers run for which numbers, names, arguments.

use systap_bpf::Options;
use systap_ir::format::Format;
use systap_ir::graph::Op;
use systap_ir::intrinsic::{Context, Intrinsic};
use systap_ir::placed::control::{self, FIRST_FREE};
use systap_ir::program::{Event, GlobalId, Space, SyscallSet, Width};
use systap_kernel::Kernel;

use crate::facts::for_this_thread;
use crate::harness::*;

const YIELD: u32 = 24;
const OPENAT: u32 = 257;

const NAMES: [(u32, &str); 4] = [(0, "read"), (YIELD, "sched_yield"), (OPENAT, "openat"), (440, "process_madvise")];

fn options(typed: bool, masks: &[u8]) -> Options<'_> {
    Options {
        typed,
        own_filter: false,
        syscall_names: &NAMES,
        string_arguments: masks,
        ..Options::for_kernel(&Kernel::running())
    }
}

/// Handlers that each count the hits of this thread in a word of their own, from these sets in this order.
fn counted(typed: bool, sets: &[SyscallSet], returns: bool, act: impl Fn()) -> Vec<i64> {
    let mut kernel = Vec::new();
    let mut globals = Vec::new();
    for (number, set) in sets.iter().enumerate() {
        let mut graph = for_this_thread();
        let one = graph.number(1);
        graph.run(Op::Add(GlobalId(number as u32), one));
        globals.push(scalar("hits", FIRST_FREE + number as u32));
        let event = if returns { Event::SyscallReturn(set.clone()) } else { Event::SyscallEntry(set.clone()) };
        kernel.push(graph.handler(event));
    }
    let live = Live::load(&program(globals, kernel), &options(typed, &[]));
    assert_eq!(live.programs.len(), 1);
    let links = live.attach();
    act();
    drop(links);
    (0..sets.len()).map(|number| live.words.load(FIRST_FREE as usize + number)).collect()
}

#[test]
fn handlers_run_for_their_numbers() {
    if !can_load("handlers_run_for_their_numbers") {
        return;
    }
    let numbers = |list: &[u32]| SyscallSet::Numbers(list.to_vec());
    let even: Vec<u32> = (0..200).map(|n| 2 * n).collect();
    let odd: Vec<u32> = (0..200).map(|n| 2 * n + 1).collect();
    let sets = [
        numbers(&[YIELD]),
        numbers(&even),
        numbers(&odd),
        numbers(&[YIELD, OPENAT]),
        numbers(&[20, 21, 22, 23, 25, 26]),
        numbers(&[OPENAT]),
    ];
    for typed in [true, false] {
        for returns in [false, true] {
            let hits = counted(typed, &sets, returns, || {
                for _ in 0..50 {
                    std::thread::yield_now();
                }
                let _ = std::fs::File::open("/there/is/no/such/file");
            });
            // Detaching makes further calls, but none of those.
            assert_eq!((hits[0], hits[3], hits[5]), (50, 51, 1), "typed: {typed}, returns: {returns}");
            assert!(hits[1] >= 50, "{hits:?}");
            assert_eq!(hits[4], 0);
        }
    }
}

#[test]
fn every_number_reaches_its_handler() {
    if !can_load("every_number_reaches_its_handler") {
        return;
    }
    // One handler for each number, as a script that uses the arguments of every call gives.
    let mut kernel = Vec::new();
    for number in 0..300u32 {
        let mut graph = Graph::new();
        let value = graph.number(i64::from(number) + 1000);
        graph.run(Op::Set(GlobalId(0), value));
        kernel.push(graph.handler(Event::SyscallEntry(SyscallSet::Numbers(vec![2 * number]))));
    }
    let options = Options { typed: false, ..options(true, &[]) };
    let live = Live::load(&program(vec![scalar("last", FIRST_FREE)], kernel), &options);
    for number in 0..620u64 {
        live.words.store(FIRST_FREE as usize, -1);
        live.run(&[0, number]);
        let expected = if number % 2 == 0 && number < 600 { number as i64 / 2 + 1000 } else { -1 };
        assert_eq!(live.words.load(FIRST_FREE as usize), expected, "number {number}");
    }
}

#[test]
fn all_and_numbers_keep_the_order_of_the_script() {
    if !can_load("all_and_numbers_keep_the_order_of_the_script") {
        return;
    }
    let mut kernel = Vec::new();
    let sets = [
        SyscallSet::Numbers(vec![1, 2]),
        SyscallSet::All,
        SyscallSet::Numbers(vec![2, 3]),
        SyscallSet::Numbers(vec![1]),
        SyscallSet::All,
        SyscallSet::Numbers(vec![3]),
    ];
    for (number, set) in sets.iter().enumerate() {
        let mut graph = Graph::new();
        let number = graph.number(number as i64);
        graph.run(Op::Print(Format::default(), vec![number]));
        kernel.push(graph.handler(Event::SyscallEntry(set.clone())));
    }
    let mut live = Live::load(&program(vec![], kernel), &Options { typed: false, ..options(true, &[]) });
    let expected: [(u64, &[i64]); 4] = [(1, &[0, 1, 3, 4]), (2, &[0, 1, 2, 4]), (3, &[1, 2, 4, 5]), (4, &[1, 4])];
    for (number, order) in expected {
        live.run(&[0, number]);
        let got: Vec<Datum> = live.records().into_iter().map(|(_, fields)| fields[0].clone()).collect();
        assert_eq!(got, order.iter().map(|n| Datum::Long(*n)).collect::<Vec<_>>(), "number {number}");
    }
}

#[test]
fn own_calls_are_left_out() {
    if !can_load("own_calls_are_left_out") {
        return;
    }
    for set in [SyscallSet::All, SyscallSet::Numbers(vec![YIELD])] {
        let mut graph = for_this_thread();
        let one = graph.number(1);
        graph.run(Op::Add(WORD, one));
        let kernel = vec![graph.handler(Event::SyscallEntry(set))];
        let options = Options { own_filter: true, ..options(true, &[]) };
        let live = Live::load(&program(vec![scalar("hits", FIRST_FREE)], kernel), &options);
        live.words.store(control::OWN as usize, i64::from(std::process::id()));
        let links = live.attach();
        std::thread::yield_now();
        assert_eq!(live.words.load(FIRST_FREE as usize), 0);
        live.words.store(control::OWN as usize, 1);
        std::thread::yield_now();
        assert!(live.words.load(FIRST_FREE as usize) >= 1);
        drop(links);
    }
}

#[test]
fn names_of_calls() {
    if !can_load("names_of_calls") {
        return;
    }
    let mut graph = Graph::new();
    let number = graph.long(Op::Argument { index: 1, pointer: false });
    let name = graph.text(32, Op::Intrinsic(Intrinsic::SyscallName, vec![number]));
    let known = graph.number(i64::from(OPENAT));
    let constant = graph.text(32, Op::Intrinsic(Intrinsic::SyscallName, vec![known]));
    graph.run(Op::Print(Format::default(), vec![name, constant]));
    let kernel = vec![graph.handler(Event::SyscallEntry(SyscallSet::All))];
    let mut live = Live::load(&program(vec![], kernel), &Options { typed: false, ..options(true, &[]) });
    for (number, expected) in [
        (0i64, "read"),
        (24, "sched_yield"),
        (440, "process_madvise"),
        (1, "syscall_1"),
        (441, "syscall_441"),
        (-1, "syscall_-1"),
        (i64::MIN, "syscall_-9223372036854775808"),
    ] {
        live.run(&[0, number as u64]);
        let expected = [expected, "openat"].map(|text| Datum::Text(text.into()));
        assert_eq!(live.records()[0].1, expected);
    }
}

#[test]
fn arguments_and_their_strings() {
    if !can_load("arguments_and_their_strings") {
        return;
    }
    let mut masks = [0u8; 300];
    masks[OPENAT as usize] = 2;
    // renameat: both names; makes the other bits possible.
    masks[264] = 0b1010;
    for typed in [true, false] {
        for set in [SyscallSet::All, SyscallSet::Numbers(vec![OPENAT]), SyscallSet::Numbers(vec![YIELD, OPENAT])] {
            let mut graph = for_this_thread();
            let arguments = graph.text(512, Op::Context(Context::SyscallArguments));
            let name = graph.text(16, Op::Context(Context::Execname));
            graph.run(Op::Print(Format::default(), vec![arguments, name]));
            let kernel = vec![graph.handler(Event::SyscallEntry(set.clone()))];
            let mut live = Live::load(&program(vec![], kernel), &options(typed, &masks));
            let links = live.attach();
            let long = format!("/{}", "n".repeat(300));
            for path in ["/there/is/no/such/file", "/x", &long] {
                let _ = std::fs::File::open(path);
            }
            drop(links);
            let records = live.records();
            let opened: Vec<&Vec<Datum>> = records
                .iter()
                .map(|(_, fields)| fields)
                .filter(|fields| matches!(&fields[0], Datum::Arguments(n, ..) if *n == i64::from(OPENAT)))
                .collect();
            assert_eq!(opened.len(), 3, "{set:?}");
            for (fields, expected) in opened.iter().zip(["/there/is/no/such/file", "/x", &long[..255]]) {
                let Datum::Arguments(_, values, strings) = &fields[0] else { unreachable!() };
                assert_eq!(values[0] as i32, -100, "AT_FDCWD");
                let none = || None;
                let only = [none(), Some(expected.to_owned()), none(), none(), none(), none()];
                assert_eq!(strings[..], only, "typed: {typed}, {set:?}");
            }
        }
    }
}

#[test]
fn returned_values_and_registers() {
    if !can_load("returned_values_and_registers") {
        return;
    }
    let kernel = Kernel::running();
    let needs = systap_bpf::Needs { registers: true, ..Default::default() };
    let registers = systap_bpf::KernelLayout::of(&kernel, needs).unwrap().registers.unwrap();
    for typed in [true, false] {
        let mut graph = for_this_thread();
        let regs = graph.long(Op::Argument { index: 0, pointer: true });
        let returned = graph.long(Op::Argument { index: 1, pointer: false });
        let number = graph.long(Op::Load {
            base: regs,
            offset: i64::from(registers.orig_ax),
            width: Width::W8,
            signed: false,
            space: Space::Kernel,
            typed: true,
        });
        let number = graph.long(Op::Extend { value: number, bits: 32, signed: true });
        graph.run(Op::Print(Format::default(), vec![number, returned]));
        let kernel = vec![graph.handler(Event::SyscallReturn(SyscallSet::Numbers(vec![OPENAT])))];
        let mut live = Live::load(&program(vec![], kernel), &options(typed, &[]));
        let links = live.attach();
        let _ = std::fs::File::open("/there/is/no/such/file");
        drop(links);
        let records = live.records();
        assert_eq!(records.len(), 1);
        assert_eq!(records[0].1, [Datum::Long(i64::from(OPENAT)), Datum::Long(-2)], "typed: {typed}");
    }
}
