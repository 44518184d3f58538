//! Random handlers of everything at once, for the verifier only: it must take them all.

use systap_bpf::{GenerateError, KernelLayout, Needs, Options, generate};
use systap_ir::format::Format;
use systap_ir::graph::{BlockId, Op, Terminator, Value};
use systap_ir::intrinsic::{Context, Intrinsic};
use systap_ir::placed::control::FIRST_FREE;
use systap_ir::placed::{KernelHandler, Residence, Slot};
use systap_ir::program::{
    AggregateShape, BinaryOp, CompareOp, Constant, Element, Event, Global, GlobalId, GlobalShape, LinearBounds, Space,
    SyscallSet, Type, UnaryOp, Width,
};
use systap_kernel::{Kernel, Kind};

use crate::differential::Random;
use crate::harness::*;

const LONG: Slot = Slot { ty: Type::Long, size: 8 };

fn text_slot(size: u32) -> Slot {
    Slot { ty: Type::Text, size }
}

fn array(name: &str, keys: &[Slot], element: Element, value: Option<Slot>, per_cpu: bool) -> (Global, Residence) {
    let types = keys.iter().map(|slot| slot.ty).collect();
    let shape = GlobalShape::Array { keys: types, element, capacity: 100, wrap: false };
    global(name, shape, Residence::Table { keys: keys.to_vec(), value, per_cpu })
}

/// 0: word, 1: short string, 2: long string, 3: aggregate, 4: longs by long, 5: longs by strings, 6: strings by string,
/// 7: counts for each CPU, 8: aggregates by strings.
fn globals() -> Vec<(Global, Residence)> {
    let bounds = Some(LinearBounds { start: 0, stop: 100, interval: 5 });
    let shape = AggregateShape { logarithmic: true, linear: bounds, variance: None, sums_only: false };
    let text = || GlobalShape::Scalar(Constant::Text(vec![]));
    let value = Element::Value;
    vec![
        scalar("w", FIRST_FREE),
        global("s", text(), Residence::Text(32)),
        global("l", text(), Residence::Text(256)),
        global("a", GlobalShape::Aggregate(shape.clone()), Residence::Aggregate),
        array("by_long", &[LONG], value(Type::Long), Some(LONG), false),
        array("by_text", &[text_slot(256), LONG], value(Type::Long), Some(LONG), false),
        array("texts", &[text_slot(16)], value(Type::Text), Some(text_slot(256)), false),
        array("counts", &[LONG, text_slot(24)], value(Type::Long), Some(LONG), true),
        array("aggregates", &[text_slot(256)], Element::Aggregate(shape), None, true),
    ]
}

struct Writer<'a> {
    random: &'a mut Random,
    graph: Graph,
    longs: Vec<Value>,
    texts: Vec<Value>,
    later: Vec<Value>,
    /// Offsets of `task_struct`: tgid, real_parent.
    task: [i64; 2],
    event: Event,
}

impl Writer<'_> {
    fn long(&mut self) -> Value {
        let longs = self.longs.clone();
        self.random.pick(&longs)
    }

    fn text(&mut self) -> Value {
        let texts = self.texts.clone();
        self.random.pick(&texts)
    }

    fn keep(&mut self, op: Op) {
        let value = self.graph.long(op);
        self.longs.push(value);
    }

    fn keep_text(&mut self, cap: u32, op: Op) {
        let value = self.graph.text(cap, op);
        self.texts.push(value);
    }

    fn keys(&mut self, global: u32) -> Vec<Value> {
        match global {
            4 => vec![self.long()],
            5 => vec![self.text(), self.long()],
            6 | 8 => vec![self.text()],
            _ => vec![self.long(), self.text()],
        }
    }

    fn step(&mut self) {
        let g = GlobalId;
        let cap = self.random.pick(&[8, 16, 30, 64, 100, 256]);
        match self.random.below(30) {
            0 => {
                let op = self.random.pick(&[BinaryOp::Add, BinaryOp::Divide, BinaryOp::ShiftRight, BinaryOp::Xor]);
                let (a, b) = (self.long(), self.long());
                self.keep(Op::Binary(op, a, b));
            }
            1 => {
                let a = self.long();
                self.keep(Op::Unary(UnaryOp::Not, a));
            }
            2 => {
                let (a, b) = (self.long(), self.long());
                self.keep(Op::Compare(CompareOp::Less, a, b));
            }
            3 => {
                let (a, b) = (self.text(), self.text());
                let op = self.random.pick(&[CompareOp::Equal, CompareOp::Less, CompareOp::GreaterOrEqual]);
                self.keep(Op::Compare(op, a, b));
            }
            4 => {
                let contexts = [
                    Context::Pid,
                    Context::Ppid,
                    Context::Euid,
                    Context::Cpu,
                    Context::RealtimeNs,
                    Context::TaskCurrent,
                    Context::Jiffies,
                    Context::Target,
                ];
                let context = self.random.pick(&contexts);
                self.keep(Op::Context(context));
            }
            5 => self.keep_text(16, Op::Context(Context::Execname)),
            6 => {
                let stack = self.graph.text(512, Op::Context(Context::Stack));
                self.later.push(stack);
            }
            7 => {
                let index = self.random.below(2) as u32;
                let pointer = index == 0 && self.random.below(2) == 0;
                self.keep(Op::Argument { index, pointer });
            }
            8 | 9 => {
                let task = self.graph.long(Op::Context(Context::TaskCurrent));
                let load = |base, offset, width| Op::Load {
                    base,
                    offset,
                    width,
                    signed: width == Width::W4,
                    space: Space::Kernel,
                    typed: true,
                };
                let parent = self.graph.long(load(task, self.task[1], Width::W8));
                self.keep(load(parent, self.task[0], Width::W4));
                self.longs.push(parent);
            }
            10 => {
                let base = self.long();
                let space = self.random.pick(&[Space::Kernel, Space::User]);
                let width = self.random.pick(&[Width::W1, Width::W2, Width::W4, Width::W8]);
                self.keep(Op::Load { base, offset: 24, width, signed: true, space, typed: false });
            }
            11 | 12 => {
                let address = self.long();
                let space = self.random.pick(&[Space::Kernel, Space::User]);
                let limit = (self.random.below(3) == 0).then(|| self.long());
                let fallback = (self.random.below(2) == 0).then(|| self.text());
                self.keep_text(cap, Op::ReadText { address, limit, space, fallback });
            }
            13 => {
                let (base, space) = (self.long(), Space::Kernel);
                self.keep(Op::Readable { base, offset: 0, width: Width::W8, space });
            }
            14 => self.keep(Op::Get(g(0))),
            15 => self.keep_text(32, Op::Get(g(1))),
            16 => self.keep_text(cap, Op::Get(g(2))),
            17 => {
                let value = self.long();
                self.graph.run(Op::Set(g(0), value));
            }
            18 => {
                let (value, global) = (self.text(), self.random.pick(&[1, 2]));
                self.graph.run(Op::Set(g(global), value));
            }
            19 => {
                let value = self.long();
                self.keep(Op::Add(g(0), value));
            }
            20 => {
                let value = self.long();
                self.graph.run(Op::Accumulate(g(3), vec![], value));
            }
            21 => {
                let (keys, value) = (self.keys(8), self.long());
                self.graph.run(Op::Accumulate(g(8), keys, value));
            }
            22 => {
                let (keys, value) = (self.keys(7), self.long());
                self.graph.run(Op::ElementAdd(g(7), keys, value));
            }
            23 => {
                let global = self.random.pick(&[4, 5]);
                let (keys, value) = (self.keys(global), self.long());
                match self.random.below(3) {
                    0 => self.keep(Op::ElementAdd(g(global), keys, value)),
                    1 => self.graph.run(Op::ElementSet(g(global), keys, value)),
                    _ => self.keep(Op::ElementGet(g(global), keys)),
                }
            }
            24 => {
                let (keys, value) = (self.keys(6), self.text());
                self.graph.run(Op::ElementSet(g(6), keys, value));
            }
            25 => {
                let keys = self.keys(6);
                self.keep_text(cap, Op::ElementGet(g(6), keys));
            }
            26 => {
                let global = self.random.pick(&[4, 5, 6]);
                let keys = self.keys(global);
                if self.random.below(2) == 0 {
                    self.graph.run(Op::ElementDelete(g(global), keys));
                } else {
                    self.keep(Op::Contains(g(global), keys));
                }
            }
            27 => {
                let number = self.long();
                self.keep_text(32, Op::Intrinsic(Intrinsic::SyscallName, vec![number]));
            }
            28 => {
                let a = self.long();
                let bits = self.random.pick(&[8, 16, 32]);
                self.keep(Op::Extend { value: a, bits, signed: true });
            }
            _ => self.print(),
        }
    }

    fn print(&mut self) {
        let mut list = Vec::new();
        for _ in 0..self.random.below(5) {
            list.push(self.long());
        }
        for _ in 0..self.random.below(3) {
            list.push(self.text());
        }
        if self.random.below(3) == 0 {
            list.extend(self.later.last());
        }
        if self.random.below(4) == 0 && matches!(self.event, Event::SyscallEntry(_)) {
            list.push(self.graph.text(512, Op::Context(Context::SyscallArguments)));
        }
        self.graph.run(Op::Print(Format::default(), list));
    }

    /// Two ways that meet again, with a long and a string passed.
    fn fork(&mut self, steps: usize) {
        let condition = self.long();
        let (one, _) = self.graph.block(&[]);
        let (other, _) = self.graph.block(&[]);
        let (join, params) = self.graph.block(&[(Type::Long, 0), (Type::Text, 64)]);
        self.graph.end(Terminator::Branch { condition, then: jump(one, &[]), otherwise: jump(other, &[]) });
        let outside = (self.longs.len(), self.texts.len(), self.later.len());
        for block in [one, other] {
            self.graph.at(block);
            for _ in 0..steps {
                self.step();
            }
            let (long, text) = (self.long(), self.text());
            match self.random.below(8) {
                0 => self.graph.run(Op::Intrinsic(Intrinsic::Error, vec![text])),
                1 => self.graph.run(Op::Intrinsic(Intrinsic::Exit, vec![])),
                _ => {}
            }
            match self.random.below(8) {
                0 => self.graph.end(Terminator::Defer { to: 1, args: vec![long, text] }),
                1 => self.graph.end(Terminator::Return(None)),
                _ => self.graph.end(Terminator::Jump(jump(join, &[long, text]))),
            }
            self.forget(outside);
        }
        self.graph.at(join);
        self.longs.push(params[0]);
        self.texts.push(params[1]);
    }

    /// Steps whose errors are caught, with a long and a string passed to where they are.
    fn attempt(&mut self, steps: usize) {
        let (landing, caught) = self.graph.block(&[(Type::Long, 0), (Type::Text, 64)]);
        let (join, params) = self.graph.block(&[(Type::Long, 0), (Type::Text, 64)]);
        let outside = (self.longs.len(), self.texts.len(), self.later.len());
        for _ in 0..steps {
            let fault = jump(landing, &[self.long(), self.text()]);
            self.step();
            if self.graph.can_fail() {
                let (ok, _) = self.graph.block(&[]);
                self.graph.end(Terminator::Attempt { ok: jump(ok, &[]), fault });
                self.graph.at(ok);
            }
        }
        let passed = [self.long(), self.text()];
        if self.random.below(4) == 0 {
            let message = self.graph.literal("raised");
            self.graph.run(Op::Intrinsic(Intrinsic::Error, vec![message]));
            self.graph.end(Terminator::Caught(jump(landing, &passed)));
        } else {
            self.graph.end(Terminator::Jump(jump(join, &passed)));
        }
        self.forget(outside);
        self.graph.at(landing);
        self.longs.push(caught[0]);
        self.texts.push(caught[1]);
        if self.random.below(2) == 0 {
            let message = self.graph.text(512, Op::Context(Context::Caught));
            self.later.push(message);
        }
        self.step();
        self.print();
        let passed = [self.long(), self.text()];
        self.graph.end(Terminator::Jump(jump(join, &passed)));
        self.forget(outside);
        self.graph.at(join);
        self.longs.push(params[0]);
        self.texts.push(params[1]);
    }

    /// A loop of that many steps, with two longs and a string carried round.
    fn round(&mut self, steps: usize) {
        self.graph.loops = true;
        let carried = [(Type::Long, 0), (Type::Long, 0), (Type::Text, 48)];
        let (header, params) = self.graph.block(&carried);
        let (body, _) = self.graph.block(&[]);
        let (done, _) = self.graph.block(&[]);
        let start = [self.graph.number(0), self.long(), self.text()];
        self.graph.end(Terminator::Jump(jump(header, &start)));
        self.graph.at(header);
        let limit = self.graph.number(9);
        let condition = self.graph.long(Op::Compare(CompareOp::Less, params[0], limit));
        self.graph.end(Terminator::Branch { condition, then: jump(body, &[]), otherwise: jump(done, &[]) });
        self.graph.at(body);
        let outside = (self.longs.len(), self.texts.len(), self.later.len());
        self.longs.extend([params[0], params[1]]);
        self.texts.push(params[2]);
        for _ in 0..steps {
            self.step();
        }
        let one = self.graph.number(1);
        let next = self.graph.long(Op::Binary(BinaryOp::Add, params[0], one));
        let round = [next, self.long(), self.text()];
        self.graph.end(Terminator::Jump(jump(header, &round)));
        self.forget(outside);
        self.graph.at(done);
        self.longs.extend([params[0], params[1]]);
        self.texts.push(params[2]);
    }

    fn forget(&mut self, outside: (usize, usize, usize)) {
        self.longs.truncate(outside.0);
        self.texts.truncate(outside.1);
        self.later.truncate(outside.2);
    }
}

fn handler(random: &mut Random, event: Event, steps: usize, loops: bool, task: [i64; 2]) -> KernelHandler {
    let mut graph = Graph::new();
    let number = graph.number(4096);
    let argument = graph.long(Op::Argument { index: 1, pointer: false });
    let literal = graph.literal("a literal");
    let (longs, texts) = (vec![number, argument], vec![literal]);
    let mut writer = Writer { random, graph, longs, texts, later: vec![], task, event };
    for _ in 0..steps {
        writer.step();
        match writer.random.below(6) {
            0 => writer.fork(3),
            2 => writer.attempt(4),
            1 if loops => writer.round(3),
            _ => {}
        }
    }
    writer.print();
    let event = writer.event.clone();
    assert_eq!(writer.graph.body.blocks[0].params.len(), 0, "{:?}", BlockId::ENTRY);
    writer.graph.handler(event)
}

#[test]
fn the_verifier_takes_every_mixture() {
    if !can_load("the_verifier_takes_every_mixture") {
        return;
    }
    let kernel = Kernel::running();
    let btf = kernel.btf().unwrap();
    let task = btf.find(Kind::Struct, "task_struct").unwrap().unwrap();
    let task = ["tgid", "real_parent"].map(|name| i64::from(btf.member(task, name).unwrap().unwrap().bit_offset / 8));
    let names = [(0, "read"), (1, "write"), (400, "some_name")];
    let masks = [0u8, 2, 5, 0, 1];
    let rounds: u64 = std::env::var("ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(60);
    let newest = Options::for_kernel(&kernel);
    let mut refused = 0;
    for seed in 1..=rounds {
        let mut random = Random(seed * 0x9e37_79b9);
        let events = [
            Event::SyscallEntry(SyscallSet::All),
            Event::SyscallEntry(SyscallSet::Numbers(vec![1, 4])),
            Event::SyscallReturn(SyscallSet::Numbers(vec![1, 2, 3])),
        ];
        let handlers = 1 + random.below(3);
        let loops = random.below(3) == 0 && newest.may_goto;
        let kernel_side: Vec<KernelHandler> = (0..handlers)
            .map(|number| {
                let steps = 2 + random.below(if loops { 5 } else { 14 });
                handler(&mut random, events[(number + seed as usize) % 3].clone(), steps, loops, task)
            })
            .collect();
        let placed = program(globals(), kernel_side);
        let options = Options {
            typed: seed % 4 != 0,
            version_4: newest.version_4 && seed % 3 != 0,
            count_hits: seed % 5 == 0,
            syscall_names: &names,
            string_arguments: &masks,
            ..newest.clone()
        };
        let layout = KernelLayout::of(&kernel, Needs::of(&placed)).unwrap();
        match generate(&placed, &layout, &options) {
            Ok(artifact) => {
                eprintln!("seed {seed}: {} instructions", artifact.programs[0].instructions.len());
                let live = Live::of(artifact);
                let links = live.attach();
                std::thread::yield_now();
                drop(links);
            }
            Err(GenerateError::Stack { .. }) => refused += 1,
            Err(error) => panic!("seed {seed}: {error}"),
        }
    }
    eprintln!("{refused} of {rounds} have too little stack");
    assert!(refused * 10 <= rounds, "{refused} of {rounds} have too little stack");
}
