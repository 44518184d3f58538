//! Whole runs of programs made by hand, without a kernel side.

use std::io;

use super::*;
use crate::load::tests::span;
use systap_ir::format::{Conversion, ConversionKind, Format, Piece};
use systap_ir::graph::{Block, Body, Inst, Op, Terminator, Value};
use systap_ir::intrinsic::{Context, Intrinsic};
use systap_ir::placed::{Residence, UserHandler};
use systap_ir::program::{Constant, Global, GlobalId, GlobalShape, Type};
use systap_sys::process::Exit;

use crate::sink::RuntimeReport;

/// Keeps what a run says.
#[derive(Default)]
pub(super) struct Collected {
    pub(super) output: Vec<u8>,
    pub(super) warnings: Vec<String>,
    pub(super) errors: Vec<String>,
    pub(super) steps: Vec<&'static str>,
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
            Step::ByKprobe { .. } => "by a kprobe",
            Step::Attached { .. } => "attached",
            Step::Armed { .. } => "armed",
            Step::Started { .. } => "started",
            Step::Signalled(_) => "signalled",
            Step::Detached { .. } => "detached",
        });
    }
}

impl Collected {
    pub(super) fn text(&self) -> &str {
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
    pub(super) fn param(&mut self, ty: Type) -> Value {
        let value = self.body.value(ty);
        self.params.push(value);
        value
    }

    pub(super) fn op(&mut self, ty: Type, op: Op) -> Value {
        let result = self.body.value(ty);
        self.insts.push(Inst { result: Some(result), op, span: span(0) });
        result
    }

    pub(super) fn run(&mut self, op: Op) {
        self.insts.push(Inst { result: None, op, span: span(self.insts.len() as u32) });
    }

    pub(super) fn done(mut self) -> Body {
        let (params, insts) = (self.params, self.insts);
        self.body.blocks.push(Block { params, insts, term: Terminator::Return(None), span: span(0), actions: 0 });
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
    let mut placed = Placed { user, ..Placed::default() };
    // Some loop until they are stopped from outside.
    placed.limits.suppress_time();
    placed
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
        user(Event::Begin(4), says("begin 4\n", None)),
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

pub(super) fn long_global(name: &str, residence: Residence, print_at_end: bool) -> (Global, Residence) {
    let shape = GlobalShape::Scalar(Constant::Long(0));
    (Global { name: name.into(), span: span(0), shape, print_at_end, pointer: false }, residence)
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

/// Says nothing, to a pipe.
struct Pipe(io::PipeWriter);

impl Sink for Pipe {
    fn output(&mut self, text: &[u8]) -> io::Result<()> {
        io::Write::write_all(&mut self.0, text)
    }

    fn warning(&mut self, _notice: &Notice) {}

    fn error(&mut self, _error: &RuntimeReport) {}

    fn descriptor(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        Some(std::os::fd::AsFd::as_fd(&self.0))
    }
}

#[test]
fn a_reader_that_goes_away_ends_a_run_that_says_nothing() {
    let (reader, writer) = io::pipe().unwrap();
    let placed = program_of(vec![]);
    let kernel = Kernel::running();
    let leave = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(100));
        drop(reader);
    });
    let report = run(&plan(&placed, &kernel), &mut Pipe(writer)).unwrap();
    leave.join().unwrap();
    assert_eq!(report.end, End::OutputClosed);
}

pub(super) fn command(command: &str) -> Target {
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
        assert_eq!((rest, sink.steps.as_slice()), ("end", &["armed", "started"][..]));
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
