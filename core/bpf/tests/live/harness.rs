//! What the live tests share: graphs made by hand, artifacts loaded into this kernel, records taken apart.
//!
//! Must never hide a refusal of the verifier: it panics with the log and the program's text.

use systap_bpf::artifact::{Artifact, Attach, Field, MapKind, MapRole, Site, SiteKind};
use systap_bpf::{KernelLayout, Needs, Options, generate, print};
use systap_diagnostics::{FileId, Span};
use systap_ir::graph::{Block, BlockId, Body, Inst, Jump, Op, Terminator, Value};
use systap_ir::placed::{KernelHandler, Placed, Residence};
use systap_ir::program::{Constant, Event, Global, GlobalId, GlobalShape, Missing, Type};
use systap_kernel::Kernel;
use systap_sys::bpf::{
    Link, Map, MapFlags, MapKind as SysKind, MapSpec, Program, ProgramKind, ProgramSpec, SharedWords, UpdateMode,
    attach_raw_tracepoint,
};
use systap_sys::perf::{PerfEvent, Sampling};
use systap_sys::privilege::Capabilities;
use systap_sys::{RingBuffer, cpu};

pub(crate) fn span(at: u32) -> Span {
    Span::new(FileId(0), at, at + 1)
}

/// A handler's graph under construction.
pub(crate) struct Graph {
    pub(crate) body: Body,
    pub(crate) text: Vec<u32>,
    at: usize,
    pub(crate) loops: bool,
}

impl Graph {
    pub(crate) fn new() -> Graph {
        let entry = Block { params: vec![], insts: vec![], term: Terminator::Return(None), span: span(0), actions: 0 };
        Graph { body: Body { values: vec![], blocks: vec![entry] }, text: vec![], at: 0, loops: false }
    }

    fn value(&mut self, ty: Type, cap: u32) -> Value {
        self.text.push(cap);
        self.body.value(ty)
    }

    fn inst(&mut self, result: Option<Value>, op: Op) {
        let number = self.body.blocks.iter().map(|block| block.insts.len() as u32 + 1).sum();
        self.body.blocks[self.at].insts.push(Inst { result, op, span: span(number) });
    }

    /// An instruction that gives a long.
    pub(crate) fn long(&mut self, op: Op) -> Value {
        let value = self.value(Type::Long, 0);
        self.inst(Some(value), op);
        value
    }

    pub(crate) fn number(&mut self, value: i64) -> Value {
        self.long(Op::Long(value))
    }

    /// An instruction that gives a text of at most `cap` bytes, NUL included.
    pub(crate) fn text(&mut self, cap: u32, op: Op) -> Value {
        let value = self.value(Type::Text, cap);
        self.inst(Some(value), op);
        value
    }

    pub(crate) fn literal(&mut self, text: &str) -> Value {
        self.text(text.len() as u32 + 1, Op::Text(text.into()))
    }

    /// An instruction that gives nothing.
    pub(crate) fn run(&mut self, op: Op) {
        self.inst(None, op);
    }

    pub(crate) fn block(&mut self, params: &[(Type, u32)]) -> (BlockId, Vec<Value>) {
        let params: Vec<Value> = params.iter().map(|(ty, cap)| self.value(*ty, *cap)).collect();
        self.body.blocks.push(Block {
            params: params.clone(),
            insts: vec![],
            term: Terminator::Return(None),
            span: span(1000 + self.body.blocks.len() as u32),
            actions: 0,
        });
        (BlockId(self.body.blocks.len() as u32 - 1), params)
    }

    pub(crate) fn end(&mut self, term: Terminator) {
        self.body.blocks[self.at].term = term;
    }

    /// The last instruction can fail.
    pub(crate) fn can_fail(&self) -> bool {
        self.body.blocks[self.at].insts.last().is_some_and(|inst| inst.op.is_fallible())
    }

    pub(crate) fn at(&mut self, block: BlockId) {
        self.at = block.0 as usize;
    }

    pub(crate) fn handler(self, event: Event) -> KernelHandler {
        KernelHandler {
            point: "test".into(),
            span: span(500),
            event,
            missing: Missing::Fails,
            body: self.body,
            text: self.text,
            loops: self.loops,
        }
    }
}

pub(crate) fn jump(to: BlockId, args: &[Value]) -> Jump {
    Jump { to, args: args.to_vec() }
}

pub(crate) fn global(name: &str, shape: GlobalShape, residence: Residence) -> (Global, Residence) {
    (Global { name: name.into(), span: span(0), shape, print_at_end: false, pointer: false }, residence)
}

pub(crate) fn scalar(name: &str, word: u32) -> (Global, Residence) {
    global(name, GlobalShape::Scalar(Constant::Long(0)), Residence::Word(word))
}

/// A raw tracepoint that is only run by `test_run`.
pub(crate) fn test_point() -> Event {
    Event::Tracepoint { name: "sys_enter".into(), btf_id: 0, arguments: 12 }
}

pub(crate) fn program(globals: Vec<(Global, Residence)>, kernel: Vec<KernelHandler>) -> Placed {
    Placed { globals, kernel, ..Placed::default() }
}

pub(crate) const WORD: GlobalId = GlobalId(0);

/// Whether programs can be loaded here; says so if not.
pub(crate) fn can_load(test: &str) -> bool {
    let able = Capabilities::effective().is_ok_and(|own| own.allows_bpf() && own.allows_perf_events());
    if !able {
        eprintln!("skipped {test}: needs CAP_BPF and CAP_PERFMON");
    }
    able
}

/// Whether programs can be loaded here and loop; says so if not.
pub(crate) fn can_loop(test: &str) -> bool {
    let able = Options::for_kernel(&Kernel::running()).may_goto;
    if !able {
        eprintln!("skipped {test}: needs may_goto (Linux 6.9)");
    }
    able && can_load(test)
}

/// Options for programs that `test_run` runs.
pub(crate) fn untyped() -> Options<'static> {
    Options { typed: false, own_filter: false, ring_bytes: 1 << 16, ..Options::for_kernel(&Kernel::running()) }
}

pub(crate) fn compile(placed: &Placed, options: &Options<'_>) -> Artifact {
    let layout = KernelLayout::of(&Kernel::running(), Needs::of(placed)).unwrap();
    generate(placed, &layout, options).unwrap()
}

/// An artifact in the kernel.
pub(crate) struct Live {
    pub(crate) artifact: Artifact,
    pub(crate) maps: Vec<Map>,
    pub(crate) programs: Vec<Program>,
    pub(crate) words: SharedWords,
    ring: Option<RingBuffer>,
}

/// A field of a record, decoded.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Datum {
    Long(i64),
    Text(String),
    Stack(Vec<u64>),
    Arguments(i64, [u64; 6], Vec<Option<String>>),
}

fn create(plan: &systap_bpf::artifact::MapPlan) -> Map {
    let (kind, mmapable, hash) = match plan.kind {
        MapKind::Hash => (SysKind::Hash, false, true),
        MapKind::PerCpuHash => (SysKind::PerCpuHash, false, true),
        MapKind::Array => (SysKind::Array, false, false),
        MapKind::MappedArray => (SysKind::Array, true, false),
        MapKind::PerCpuArray => (SysKind::PerCpuArray, false, false),
        MapKind::PerfEvents => (SysKind::PerfEventArray, false, false),
        MapKind::Ring => (SysKind::RingBuf, false, false),
    };
    let map = Map::create(&MapSpec {
        kind,
        key_size: plan.key_size,
        value_size: plan.value_size,
        max_entries: plan.entries,
        flags: MapFlags { no_prealloc: hash, mmapable, readonly_for_program: plan.contents.is_some() },
        name: &plan.name,
    })
    .unwrap_or_else(|error| panic!("{plan:?}: {error}"));
    if let Some(contents) = &plan.contents {
        for (at, chunk) in contents.chunks(plan.value_size as usize).enumerate() {
            map.update(&(at as u32).to_ne_bytes(), chunk, UpdateMode::Any).unwrap();
        }
        map.freeze().unwrap();
    }
    map
}

impl Live {
    pub(crate) fn load(placed: &Placed, options: &Options<'_>) -> Live {
        Live::of(compile(placed, options))
    }

    pub(crate) fn of(artifact: Artifact) -> Live {
        let maps: Vec<Map> = artifact.maps.iter().map(create).collect();
        let mut programs = Vec::new();
        for plan in &artifact.programs {
            let mut words: Vec<u64> = plan.instructions.iter().map(|insn| u64::from_ne_bytes(*insn)).collect();
            for relocation in &plan.relocations {
                use std::os::fd::AsRawFd;
                let at = relocation.at as usize;
                let fd = maps[relocation.map as usize].fd().as_raw_fd() as u32;
                let pseudo: u64 = if relocation.value_offset.is_some() { 2 } else { 1 };
                words[at] |= pseudo << 12 | u64::from(fd) << 32;
                words[at + 1] |= u64::from(relocation.value_offset.unwrap_or(0)) << 32;
            }
            let kind = match &plan.attach {
                Attach::Tracepoint { btf_id, typed: true, .. } => ProgramKind::TracingRawTracepoint { btf_id: *btf_id },
                Attach::Tracepoint { .. } => ProgramKind::RawTracepoint,
                Attach::Profile { .. } => ProgramKind::PerfEvent,
                other => panic!("these tests attach no {other:?}"),
            };
            let spec = ProgramSpec { kind, instructions: &words, name: &plan.name, license: c"GPL", debug: None };
            match Program::load(&spec) {
                Ok(program) => programs.push(program),
                Err(error) => {
                    let tail: Vec<&str> = error.log.lines().rev().take(60).collect();
                    let tail: Vec<&str> = tail.into_iter().rev().collect();
                    panic!("{error}\n{}\n{}", tail.join("\n"), print(&artifact));
                }
            }
        }
        let words = artifact.maps.iter().position(|plan| plan.role == MapRole::Words).unwrap();
        let words = maps[words].map_values().unwrap();
        let ring = artifact.maps.iter().position(|plan| plan.role == MapRole::Ring);
        let ring = ring.map(|at| RingBuffer::new(&maps[at]).unwrap());
        Live { artifact, maps, programs, words, ring }
    }

    /// Runs the first program on these arguments.
    pub(crate) fn run(&self, arguments: &[u64]) {
        let mut context = arguments.to_vec();
        context.resize(12, 0);
        let bytes: Vec<u8> = context.iter().flat_map(|word| word.to_ne_bytes()).collect();
        assert_eq!(self.programs[0].test_run(&bytes).unwrap(), 0);
    }

    pub(crate) fn attach(&self) -> Vec<Link> {
        let mut links = Vec::new();
        for (plan, program) in self.artifact.programs.iter().zip(&self.programs) {
            match &plan.attach {
                Attach::Tracepoint { name, typed, .. } => {
                    let name = (!typed).then_some(name.as_str());
                    links.push(attach_raw_tracepoint(program, name).unwrap());
                }
                Attach::Profile { hz } => {
                    for cpu in cpu::online_cpus().unwrap() {
                        let event = PerfEvent::cpu_clock_on(cpu, Sampling::Frequency(u64::from(*hz))).unwrap();
                        links.push(event.attach(program).unwrap());
                    }
                }
                other => panic!("these tests attach no {other:?}"),
            }
        }
        links
    }

    pub(crate) fn map(&self, role: MapRole) -> &Map {
        let at = self.artifact.maps.iter().position(|plan| plan.role == role).unwrap();
        &self.maps[at]
    }

    /// The sum over the CPUs of word `index` of a per-CPU value.
    pub(crate) fn per_cpu_sum(value: &[u8], words: usize, index: usize) -> i64 {
        value.chunks(8 * words).map(|cpu| word(cpu, index)).sum()
    }

    /// Entries of a table of longs: keys' bytes and values, summed over CPUs where each has its own.
    pub(crate) fn entries(&self, global: GlobalId) -> Vec<(Vec<u8>, i64)> {
        let mut all = Vec::new();
        self.map(MapRole::Global(global))
            .entries(&mut |key, value| {
                all.push((key.to_vec(), Live::per_cpu_sum(value, 1, 0)));
            })
            .unwrap();
        all.sort();
        all
    }

    pub(crate) fn counter(&self, index: u32) -> i64 {
        let map = self.map(MapRole::Counters);
        let mut value = vec![0; map.value_bytes()];
        assert!(map.lookup(&index.to_ne_bytes(), &mut value).unwrap());
        Live::per_cpu_sum(&value, 1, 0)
    }

    /// The records so far: site number and fields.
    pub(crate) fn records(&mut self) -> Vec<(u32, Vec<Datum>)> {
        let sites = self.artifact.sites.clone();
        let mut records = Vec::new();
        if let Some(ring) = &mut self.ring {
            ring.drain(usize::MAX, &mut |bytes| {
                let number = u32::from_ne_bytes(bytes[..4].try_into().unwrap());
                records.push((number, decode(bytes, &sites[number as usize])));
            });
        }
        records
    }

    pub(crate) fn kind(&self, site: u32) -> &SiteKind {
        &self.artifact.sites[site as usize].kind
    }
}

pub(crate) fn word(bytes: &[u8], index: usize) -> i64 {
    i64::from_ne_bytes(bytes[8 * index..8 * index + 8].try_into().unwrap())
}

fn string(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

/// Takes a record apart as the documentation of `Site` says.
fn decode(bytes: &[u8], site: &Site) -> Vec<Datum> {
    let fixed = |field: &Field| match field {
        Field::ShortText(size) => *size as usize,
        Field::SyscallArguments => 104,
        Field::Caught => 16,
        _ => 8,
    };
    let mut tail = 8 + site.fields.iter().map(fixed).sum::<usize>();
    let mut at = 8;
    let mut take = |length: i64| {
        let length = length.max(0) as usize;
        let slice = &bytes[tail..tail + length];
        tail += length.next_multiple_of(8);
        slice
    };
    let mut data = Vec::new();
    for field in &site.fields {
        data.push(match field {
            Field::Long => Datum::Long(word(&bytes[at..], 0)),
            Field::ShortText(size) => {
                let slot = &bytes[at..at + *size as usize];
                let text = string(slot);
                assert!(slot[text.len()..].iter().all(|byte| *byte == 0), "padded: {slot:?}");
                Datum::Text(text)
            }
            Field::Text => {
                let text = take(word(&bytes[at..], 0));
                Datum::Text(String::from_utf8_lossy(text).into_owned())
            }
            Field::Stack => {
                let stack = take(word(&bytes[at..], 0));
                Datum::Stack(stack.chunks(8).map(|chunk| word(chunk, 0) as u64).collect())
            }
            Field::Caught => Datum::Long(word(&bytes[at..], 0)),
            Field::SyscallArguments => {
                let here = &bytes[at..at + 104];
                let strings = (0..6).map(|index| match word(here, 7 + index) {
                    length if length < 0 => None,
                    length => Some(String::from_utf8_lossy(take(length)).into_owned()),
                });
                let strings = strings.collect();
                Datum::Arguments(word(here, 0), std::array::from_fn(|index| word(here, 1 + index) as u64), strings)
            }
        });
        at += fixed(field);
    }
    assert!(tail <= bytes.len(), "{tail} {}", bytes.len());
    data
}
