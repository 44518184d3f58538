//! Whole runs of programs made by hand: the user side as graphs, the kernel side as instructions.

use std::io;

use super::*;
use crate::load::tests::{insn, map, may_load, program, span};
use systap_bpf::artifact::{Counters, Field, MapKind, MapRole, ProgramPlan, Relocation, Site, SiteKind};
use systap_ir::format::{Conversion, ConversionKind, Format, Piece};
use systap_ir::graph::{Block, Body, Inst, Op, Terminator, Value};
use systap_ir::intrinsic::{Context, Intrinsic};
use systap_ir::placed::{Continuation, KernelHandler, Residence, UserHandler};
use systap_ir::program::{BinaryOp, Constant, Global, GlobalId, GlobalShape, Type};
use systap_sys::process::Exit;

use crate::sink::RuntimeReport;

/// Keeps what a run says.
#[derive(Default)]
struct Collected {
    output: Vec<u8>,
    warnings: Vec<String>,
    errors: Vec<String>,
    steps: Vec<&'static str>,
    /// Output beyond this many pieces fails with this error.
    fails: Option<(usize, io::ErrorKind)>,
    pieces: usize,
}

impl Sink for Collected {
    fn output(&mut self, text: &[u8]) -> io::Result<()> {
        self.pieces += 1;
        match self.fails {
            Some((room, error)) if self.pieces > room => Err(error.into()),
            _ => {
                self.output.extend_from_slice(text);
                Ok(())
            }
        }
    }

    fn warning(&mut self, notice: &Notice) {
        self.warnings.push(notice.to_string());
    }

    fn error(&mut self, error: &RuntimeReport) {
        self.errors.push(format!("{}: {}", error.point, error.sentence));
    }

    fn trace(&mut self, step: &Step) {
        self.steps.push(match step {
            Step::Loaded { .. } => "loaded",
            Step::Attached { .. } => "attached",
            Step::Started { .. } => "started",
            Step::Signalled(_) => "signalled",
            Step::Detached { .. } => "detached",
        });
    }
}

impl Collected {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.output).unwrap()
    }
}

/// A body of one block.
#[derive(Default)]
pub(super) struct Straight {
    body: Body,
    params: Vec<Value>,
    insts: Vec<Inst>,
}

impl Straight {
    fn param(&mut self, ty: Type) -> Value {
        let value = self.body.value(ty);
        self.params.push(value);
        value
    }

    fn op(&mut self, ty: Type, op: Op) -> Value {
        let result = self.body.value(ty);
        self.insts.push(Inst { result: Some(result), op, span: span(0) });
        result
    }

    fn run(&mut self, op: Op) {
        self.insts.push(Inst { result: None, op, span: span(self.insts.len() as u32) });
    }

    pub(super) fn done(mut self) -> Body {
        let (params, insts) = (self.params, self.insts);
        self.body.blocks.push(Block { params, insts, term: Terminator::Return(None), span: span(0) });
        self.body
    }
}

/// A handler that prints this, and exits or fails if it is to.
pub(super) fn says(text: &str, then: Option<Op>) -> Body {
    let mut body = Straight::default();
    body.run(Op::Print(literal(text), vec![]));
    if let Some(op) = then {
        body.run(op);
    }
    body.done()
}

fn literal(text: &str) -> Format {
    Format { pieces: vec![Piece::Text(text.as_bytes().to_vec())] }
}

fn exit() -> Option<Op> {
    Some(Op::Intrinsic(Intrinsic::Exit, vec![]))
}

pub(super) fn user(event: Event, body: Body) -> UserHandler {
    UserHandler { point: format!("{event:?}"), span: span(0), event, body }
}

pub(super) fn program_of(user: Vec<UserHandler>) -> Placed {
    Placed { user, ..Placed::default() }
}

pub(super) fn plan<'a>(placed: &'a Placed, kernel: &'a Kernel) -> Plan<'a> {
    Plan { placed, artifact: None, kernel, target: Target::None, time_limit: None, hz: 250 }
}

fn run_of(placed: &Placed) -> (Report, Collected) {
    let mut sink = Collected::default();
    let report = run(&plan(placed, &Kernel::running()), &mut sink).unwrap();
    (report, sink)
}

#[test]
fn begin_and_end_run_in_their_order() {
    let placed = program_of(vec![
        user(Event::End(5), says("end 5\n", None)),
        user(Event::Begin(3), says("begin 3\n", exit())),
        user(Event::Begin(4), says("never\n", None)),
        user(Event::Error(0), says("never\n", None)),
        user(Event::Begin(-7), says("begin -7\n", None)),
        user(Event::End(-5), says("end -5\n", exit())),
        user(Event::Begin(3), says("never, since the other one of this number exits\n", None)),
    ]);
    let (report, sink) = run_of(&placed);
    assert_eq!(sink.text(), "begin -7\nbegin 3\nend -5\nend 5\n");
    assert_eq!(report.end, End::Exit);
    assert!(!report.failed() && sink.steps.is_empty());
    let hits: Vec<Option<u64>> = report.probes.iter().map(|probe| probe.hits).collect();
    assert_eq!(hits, [1, 1, 0, 0, 1, 1, 0].map(Some));
}

#[test]
fn an_abort_runs_nothing_more() {
    let abort = Some(Op::Intrinsic(Intrinsic::Abort, vec![]));
    let placed = program_of(vec![
        user(Event::Begin(0), says("begin\n", abort)),
        user(Event::Begin(1), says("never\n", None)),
        user(Event::End(0), says("never\n", None)),
    ]);
    let (report, sink) = run_of(&placed);
    assert_eq!((sink.text(), report.end), ("begin\n", End::Aborted));
}

/// `println("...") ; error("wrong")`
fn fails(text: &str, message: &str) -> Body {
    let mut body = Straight::default();
    body.run(Op::Print(literal(text), vec![]));
    let message = body.op(Type::Text, Op::Text(message.as_bytes().to_vec()));
    body.run(Op::Intrinsic(Intrinsic::Error, vec![message]));
    body.run(Op::Print(literal("never\n"), vec![]));
    body.done()
}

#[test]
fn an_error_ends_the_run_and_error_handlers_run_instead_of_end() {
    let placed = program_of(vec![
        user(Event::Begin(0), fails("begin\n", "wrong")),
        user(Event::Begin(1), says("never\n", None)),
        user(Event::End(0), says("never\n", None)),
        user(Event::Error(0), says("error\n", None)),
    ]);
    let (report, sink) = run_of(&placed);
    assert_eq!(sink.text(), "begin\nerror\n");
    assert_eq!(sink.errors, ["Begin(0): wrong"]);
    assert_eq!((report.end, report.errors, report.failed()), (End::Error, 1, true));
}

#[test]
fn an_error_in_an_end_handler_makes_the_end_an_error() {
    let placed = program_of(vec![
        user(Event::Begin(0), says("begin\n", exit())),
        user(Event::End(0), fails("end\n", "late")),
        user(Event::End(1), says("never\n", None)),
        user(Event::Error(0), says("error\n", None)),
    ]);
    let (report, sink) = run_of(&placed);
    assert_eq!((sink.text(), report.end), ("begin\nend\nerror\n", End::Error));
}

#[test]
fn errors_within_the_limit_are_shown_once_and_counted() {
    let every = Event::Timer { period: 1_000_000, randomize: 0 };
    let mut placed = program_of(vec![user(every, fails("", "again")), user(Event::Error(0), says("error\n", None))]);
    placed.limits.errors = 4;
    let (report, sink) = run_of(&placed);
    assert_eq!(sink.errors.len(), 1);
    assert_eq!(sink.warnings, ["again (4 more times)"]);
    assert_eq!((report.end, report.errors, sink.text()), (End::Error, 5, "error\n"));
}

fn long_global(name: &str, residence: Residence, print_at_end: bool) -> (Global, Residence) {
    let shape = GlobalShape::Scalar(Constant::Long(0));
    (Global { name: name.into(), span: span(0), shape, print_at_end }, residence)
}

/// Counts its ticks in global 0.
fn counts() -> Body {
    let mut body = Straight::default();
    let one = body.op(Type::Long, Op::Long(1));
    body.run(Op::Add(GlobalId(0), one));
    body.done()
}

#[test]
fn timers_tick_as_often_as_the_time_says_and_the_time_ends_the_run() {
    let every = Event::Timer { period: 10_000_000, randomize: 0 };
    let mut placed = program_of(vec![user(every, counts())]);
    placed.globals = vec![long_global("ticks", Residence::User, true)];
    let mut sink = Collected::default();
    let kernel = Kernel::running();
    let timed = Plan { time_limit: Some(Duration::from_millis(505)), ..plan(&placed, &kernel) };
    let start = Instant::now();
    let report = run(&timed, &mut sink).unwrap();
    assert!(start.elapsed() >= Duration::from_millis(505));
    let ticks: u64 = sink.text().trim().strip_prefix("ticks=").unwrap().parse().unwrap();
    let probe = &report.probes[0];
    assert_eq!((report.end, probe.hits), (End::TimeLimit, Some(ticks)));
    // On a busy machine ticks come late; those that were missed are counted.
    assert!((50..=51).contains(&(ticks + probe.skipped)), "{ticks} {}", probe.skipped);
}

#[test]
fn a_short_period_is_raised_and_said() {
    let every = Event::Timer { period: 10, randomize: 0 };
    let placed = program_of(vec![user(every, says("tick\n", exit()))]);
    let (report, sink) = run_of(&placed);
    assert_eq!((report.end, sink.text()), (End::Exit, "tick\n"));
    assert_eq!(sink.warnings.len(), 1);
    assert!(sink.warnings[0].contains("every 10 µs"), "{:?}", sink.warnings);
}

#[test]
fn a_closed_pipe_ends_the_run_quietly_and_end_handlers_still_run() {
    let every = Event::Timer { period: 1_000_000, randomize: 0 };
    let placed = program_of(vec![user(every, says("tick\n", None)), user(Event::End(0), says("end\n", None))]);
    let kernel = Kernel::running();
    let mut sink = Collected { fails: Some((2, io::ErrorKind::BrokenPipe)), ..Collected::default() };
    let report = run(&plan(&placed, &kernel), &mut sink).unwrap();
    assert_eq!((report.end, report.probes[1].hits), (End::OutputClosed, Some(1)));
    assert_eq!(sink.text(), "tick\ntick\n");
    assert!(sink.errors.is_empty() && sink.warnings.is_empty() && !report.failed());

    let mut sink = Collected { fails: Some((2, io::ErrorKind::StorageFull)), ..Collected::default() };
    let error = run(&plan(&placed, &kernel), &mut sink).unwrap_err();
    assert!(matches!(&error, RunError::Output(error) if error.kind() == io::ErrorKind::StorageFull), "{error}");
}

fn command(command: &str) -> Target {
    Target::Command(command.to_owned())
}

#[test]
fn a_run_ends_with_its_command_and_tells_its_status() {
    let mut begin = Straight::default();
    let target = begin.op(Type::Long, Op::Context(Context::Target));
    let plain = Conversion::plain(ConversionKind::Signed);
    begin.run(Op::Print(Format { pieces: vec![Piece::Conversion(plain)] }, vec![target]));
    let placed = program_of(vec![user(Event::Begin(0), begin.done()), user(Event::End(0), says(" end", None))]);
    let kernel = Kernel::running();
    for (text, exit) in [("exit 7", Exit::Code(7)), ("kill -9 $$", Exit::Signal(Signal::KILL)), ("true", Exit::Code(0))]
    {
        let mut sink = Collected::default();
        let with_command = Plan { target: command(text), ..plan(&placed, &kernel) };
        let report = run(&with_command, &mut sink).unwrap();
        assert_eq!((report.end, report.target), (End::TargetEnded, Some(exit)));
        assert_eq!(report.failed(), exit != Exit::Code(0));
        let (pid, rest) = sink.text().split_once(' ').unwrap();
        assert_eq!((rest, sink.steps.as_slice()), ("end", &["started"][..]));
        assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "it was reaped");
    }
}

#[test]
fn a_command_does_not_outlive_the_run() {
    let every = Event::Timer { period: 20_000_000, randomize: 0 };
    let mut tick = Straight::default();
    let target = tick.op(Type::Long, Op::Context(Context::Target));
    let plain = Conversion::plain(ConversionKind::Signed);
    tick.run(Op::Print(Format { pieces: vec![Piece::Conversion(plain)] }, vec![target]));
    tick.run(exit().unwrap());
    let placed = program_of(vec![user(every, tick.done())]);
    let kernel = Kernel::running();
    let mut sink = Collected::default();
    let start = Instant::now();
    let report = run(&Plan { target: command("exec sleep 30"), ..plan(&placed, &kernel) }, &mut sink).unwrap();
    assert_eq!((report.end, report.target, report.failed()), (End::Exit, None, false));
    assert!(start.elapsed() < Duration::from_secs(2));
    assert!(!std::path::Path::new(&format!("/proc/{}", sink.text())).exists());
}

#[test]
fn a_run_ends_with_the_process_that_it_watches() {
    let placed = program_of(vec![]);
    let kernel = Kernel::running();
    let mut child = std::process::Command::new("sleep").arg("0.1").spawn().unwrap();
    let mut sink = Collected::default();
    let target = Target::Process(child.id());
    let report = run(&Plan { target: target.clone(), ..plan(&placed, &kernel) }, &mut sink).unwrap();
    assert_eq!((report.end, report.target), (End::TargetEnded, None));
    assert!(child.wait().unwrap().success(), "reaping is left to its parent");
    let error = run(&Plan { target, ..plan(&placed, &kernel) }, &mut sink).unwrap_err();
    assert!(matches!(error, RunError::NoSuchProcess { .. }), "{error}");
}

/// Number of getpgrp(2) on x86_64, which shells and C libraries do not call by themselves.
const GETPGRP: i32 = 111;

/// A program on `sys_enter` that counts the target's calls of getpgrp in word 8 and records each: site 0, one long.
/// Each 1000th goes to site 1, which continues on the user side.
pub(super) fn recording(ring_bytes: u32) -> Artifact {
    let instructions = vec![
        insn(0x79, 1, 1, 8, 0),
        insn(0x55, 1, 0, 36, GETPGRP),
        insn(0x85, 0, 0, 0, 14),
        insn(0x77, 0, 0, 0, 32),
        insn(0x18, 1, 0, 0, 0),
        insn(0, 0, 0, 0, 0),
        insn(0x79, 2, 1, 8, 0),
        insn(0x5d, 0, 2, 30, 0),
        // r7 = words[8]++
        insn(0xb7, 7, 0, 0, 1),
        insn(0xdb, 1, 7, 64, 1),
        // r8 = site
        insn(0xb7, 8, 0, 0, 0),
        insn(0xbf, 1, 7, 0, 0),
        insn(0x97, 1, 0, 0, 1000),
        insn(0x55, 1, 0, 1, 999),
        insn(0xb7, 8, 0, 0, 1),
        // reserve(ring, 16, 0)
        insn(0x18, 1, 0, 0, 0),
        insn(0, 0, 0, 0, 0),
        insn(0xb7, 2, 0, 0, 16),
        insn(0xb7, 3, 0, 0, 0),
        insn(0x85, 0, 0, 0, 131),
        insn(0x15, 0, 0, 7, 0),
        insn(0x63, 0, 8, 0, 0),
        insn(0x62, 0, 0, 4, 0),
        insn(0x7b, 0, 7, 8, 0),
        insn(0xbf, 1, 0, 0, 0),
        insn(0xb7, 2, 0, 0, 1),
        insn(0x85, 0, 0, 0, 132),
        insn(0x05, 0, 0, 10, 0),
        // lost: counters[site]++
        insn(0x63, 10, 8, -4, 0),
        insn(0xbf, 2, 10, 0, 0),
        insn(0x07, 2, 0, 0, -4),
        insn(0x18, 1, 0, 0, 0),
        insn(0, 0, 0, 0, 0),
        insn(0x85, 0, 0, 0, 1),
        insn(0x15, 0, 0, 3, 0),
        insn(0x79, 1, 0, 0, 0),
        insn(0x07, 1, 0, 0, 1),
        insn(0x7b, 0, 1, 0, 0),
        insn(0xb7, 0, 0, 0, 0),
        insn(0x95, 0, 0, 0, 0),
    ];
    let relocations = vec![
        Relocation { at: 4, map: 0, value_offset: Some(0) },
        Relocation { at: 15, map: 1, value_offset: None },
        Relocation { at: 31, map: 2, value_offset: None },
    ];
    let line = Format {
        pieces: vec![Piece::Conversion(Conversion::plain(ConversionKind::Signed)), Piece::Text(b"\n".to_vec())],
    };
    let site = |kind| Site { kind, fields: vec![Field::Long], span: span(7), handler: 0 };
    Artifact {
        maps: vec![
            map("words", MapRole::Words, MapKind::MappedArray, 128, 1),
            map("ring", MapRole::Ring, MapKind::Ring, 0, ring_bytes),
            map("counters", MapRole::Counters, MapKind::PerCpuArray, 8, 3),
        ],
        programs: vec![ProgramPlan { name: "recording".into(), ..program(instructions, relocations) }],
        sites: vec![site(SiteKind::Print(line)), site(SiteKind::Continue(0))],
        counters: Counters { sites: 2, skipped: 1, hits: 0 },
    }
}

/// The rest of the script of [`recording`]: the continuation counts itself in global 2 and adds what it is given to
/// global 1.
pub(super) fn recorded() -> Placed {
    let mut rest = Straight::default();
    let number = rest.param(Type::Long);
    let one = rest.op(Type::Long, Op::Long(1));
    let next = rest.op(Type::Long, Op::Binary(BinaryOp::Add, number, one));
    rest.run(Op::Add(GlobalId(1), next));
    rest.run(Op::Add(GlobalId(2), one));
    let continuation = Continuation { handler: 0, reason: ("test".into(), span(0)), body: rest.done() };
    let handler = KernelHandler {
        point: "syscall.getpgrp".into(),
        span: span(0),
        event: Event::Never,
        body: Body::default(),
        text: vec![],
        loops: false,
    };
    Placed {
        globals: vec![
            long_global("calls", Residence::Word(control::FIRST_FREE), true),
            long_global("thousands", Residence::User, true),
            long_global("continued", Residence::User, true),
        ],
        kernel: vec![handler],
        continuations: vec![continuation],
        ..Placed::default()
    }
}

fn run_calls(calls: u64, ring_bytes: u32) -> Option<(Report, Collected)> {
    if !may_load() {
        return None;
    }
    if !cfg!(target_arch = "x86_64") || !std::path::Path::new("/usr/bin/perl").exists() {
        eprintln!("skipped: needs x86_64 and perl");
        return None;
    }
    let (placed, artifact, kernel) = (recorded(), recording(ring_bytes), Kernel::running());
    let mut sink = Collected::default();
    let calls = command(&format!("exec perl -e 'syscall({GETPGRP}) for 1..{calls}'"));
    let plan = Plan { artifact: Some(&artifact), target: calls, ..plan(&placed, &kernel) };
    let report = run(&plan, &mut sink).unwrap();
    assert_eq!((report.end, report.target), (End::TargetEnded, Some(Exit::Code(0))));
    assert_eq!(sink.steps, ["loaded", "attached", "started", "detached"]);
    Some((report, sink))
}

#[test]
fn every_record_arrives_in_order_and_continuations_run() {
    let Some((report, sink)) = run_calls(10_000, 1 << 20) else { return };
    let expected: Vec<String> = (0..10_000).filter(|n| n % 1000 != 999).map(|n| n.to_string()).collect();
    let lines: Vec<&str> = sink.text().lines().collect();
    assert_eq!(lines[..expected.len()], expected);
    // 1000 + 2000 + … + 10000
    assert_eq!(lines[expected.len()..], ["calls=10000", "thousands=55000", "continued=10"]);
    assert_eq!((report.lost_records(), report.missed_hits(), report.lost), (0, 0, vec![]));
}

#[test]
fn what_is_lost_and_what_arrives_is_what_happened() {
    let Some((report, sink)) = run_calls(200_000, 4096) else { return };
    let lines: Vec<&str> = sink.text().lines().collect();
    let Some((printed, [calls, _, continued])) = lines.split_last_chunk() else { panic!("{lines:?}") };
    assert_eq!(*calls, "calls=200000", "the kernel side counted every call");
    let continued: u64 = continued.strip_prefix("continued=").unwrap().parse().unwrap();
    let printed = printed.len() as u64;
    assert!(report.lost_records() > 0, "a ring of 4096 bytes held {printed}");
    assert_eq!(printed + continued + report.lost_records(), 200_000);
    assert_eq!((report.malformed, report.abandoned), (0, 0));
    for loss in &report.lost {
        assert_eq!((loss.span, loss.point.as_str()), (span(7), "syscall.getpgrp"));
    }
}
