//! What a run does to its process and others to it: signals, a sudden death, missing privilege. Each test starts this
//! test program again, as a process of its own that plays a part ([`play`]).

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

use super::recording_tests::{recorded, recording};
use super::tests::{Straight, plan, program_of, says, user};
use super::*;
use crate::load::tests::{may_load, span};
use crate::sink::RuntimeReport;
use systap_ir::graph::{Block, BlockId, Body, Jump, Terminator};
use systap_sys::bpf::program_exists;
use systap_sys::process::PidFd;

/// Names the part that a process plays instead of testing.
const PART: &str = "SYSTAP_TEST_PART";

/// The test that a process which plays a part is started with.
const STAGE: &str = "run::process_tests::each_signal_ends_a_run_in_order";

/// Writes everything to standard output at once.
struct Direct;

impl Sink for Direct {
    fn output(&mut self, text: &[u8]) -> std::io::Result<()> {
        std::io::stdout().write_all(text)
    }

    fn warning(&mut self, notice: &Notice) {
        println!("warning: {notice}");
    }

    fn error(&mut self, error: &RuntimeReport) {
        println!("error: {}", error.sentence);
    }
}

/// `while (1) {}`
fn endless() -> Body {
    let jump = Jump { to: BlockId::ENTRY, args: vec![] };
    let block = Block { params: vec![], insts: vec![], term: Terminator::Jump(jump), span: span(0), actions: 0 };
    Body { blocks: vec![block], ..Straight::default().done() }
}

/// Does what the tests that started this process want to see.
fn play(part: &str) {
    // A test that fails must not leave it behind.
    std::thread::spawn(|| {
        std::thread::sleep(Duration::from_secs(30));
        std::process::exit(9);
    });
    let every = Event::Timer { period: 10_000_000, randomize: 0 };
    let ready = || user(Event::Begin(-1), says("ready\n", None));
    let end = || user(Event::End(0), says("end\n", None));
    let kernel = Kernel::running();
    let placed = match part {
        "quiet" => program_of(vec![ready(), end()]),
        "ticks" => program_of(vec![ready(), user(every, says("tick\n", None)), end()]),
        "endless begin" => program_of(vec![ready(), user(Event::Begin(0), endless()), end()]),
        "endless end" => program_of(vec![ready(), user(Event::End(0), endless()), end()]),
        "attached" => {
            let (placed, artifact) = (recorded(), recording(4096));
            let loaded = load(&artifact, &placed, &kernel).unwrap();
            let all = Attachment { artifact: &artifact, placed: &placed, loaded: &loaded };
            let _links = all.attach(&mut |_| {}).unwrap();
            println!("ready\n{}", loaded.programs[0].as_ref().unwrap().info().unwrap().id);
            std::thread::sleep(Duration::from_secs(30));
            return;
        }
        "unprivileged" => {
            let (placed, artifact) = (recorded(), recording(4096));
            let error = load(&artifact, &placed, &kernel).unwrap_err();
            println!("ready\n{error}\n{:?}", error.remedies());
            std::process::exit(0);
        }
        part => panic!("there is no part {part}"),
    };
    let report = run(&plan(&placed, &kernel), &mut Direct).unwrap();
    println!("{:?}", report.end);
    // Before the test program says more.
    std::process::exit(0);
}

struct Started {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
}

/// Starts a process that plays the part, and waits until it is ready.
fn start(mut command: Command, part: &str) -> Started {
    command.args(["--exact", STAGE, "--nocapture", "--test-threads=1"]);
    let mut child = command.env(PART, part).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.ends_with("ready\n") {
        line.clear();
        assert!(output.read_line(&mut line).unwrap() > 0, "it ended before it was ready");
    }
    Started { child, output }
}

/// This program with the signals blocked in every thread from its start, as [`run`] asks for: here it does not run on the
/// main thread.
fn this_program() -> Command {
    let mut command = Command::new("env");
    command.arg("--block-signal=INT,TERM,HUP,QUIT").arg(std::env::current_exe().unwrap());
    command
}

impl Started {
    fn signal(&self, signal: Signal) {
        PidFd::open(self.child.id()).unwrap().send(signal).unwrap();
    }

    /// Its next line.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// The rest of what it says.
    fn rest(mut self) -> String {
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        self.child.wait().unwrap();
        rest.trim_end().to_owned()
    }
}

#[test]
fn each_signal_ends_a_run_in_order() {
    if let Ok(part) = std::env::var(PART) {
        return play(&part);
    }
    for signal in [Signal::INTERRUPT, Signal::TERMINATE, Signal::HANGUP, Signal::QUIT] {
        let started = start(this_program(), "quiet");
        started.signal(signal);
        assert_eq!(started.rest(), "end\nInterrupted");
    }
}

#[test]
fn output_comes_while_the_run_goes_on() {
    let mut started = start(this_program(), "ticks");
    assert_eq!([started.line(), started.line(), started.line()], ["tick"; 3]);
    started.signal(Signal::INTERRUPT);
    assert!(started.rest().ends_with("end\nInterrupted"));
}

#[test]
fn a_handler_that_loops_for_ever_is_stopped_and_the_end_is_in_order() {
    let started = start(this_program(), "endless begin");
    let begun = Instant::now();
    started.signal(Signal::INTERRUPT);
    let rest = started.rest();
    assert!(begun.elapsed() < Duration::from_secs(5));
    assert_eq!(rest, "warning: the handler of `Begin(0)` was stopped while it was looping\nend\nInterrupted");
}

#[test]
fn the_third_signal_ends_a_run_at_once() {
    let started = start(this_program(), "endless end");
    for _ in 0..3 {
        started.signal(Signal::INTERRUPT);
        // Several signals of one kind count as one until they are read.
        std::thread::sleep(Duration::from_millis(100));
    }
    let rest = started.rest();
    assert_eq!(rest, "warning: the handler of `End(0)` was stopped while it was looping\nForced");
}

#[test]
fn nothing_stays_in_the_kernel_after_a_sudden_death() {
    if !may_load() {
        return;
    }
    let mut started = start(this_program(), "attached");
    let id = started.line().parse().unwrap();
    assert!(program_exists(id).unwrap());
    started.child.kill().unwrap();
    started.child.wait().unwrap();
    let begun = Instant::now();
    while program_exists(id).unwrap() {
        assert!(begun.elapsed() < Duration::from_secs(10), "program {id} is still there");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn without_privilege_it_says_what_is_missing() {
    if !may_load() || !std::path::Path::new("/usr/bin/setpriv").exists() {
        eprintln!("skipped: needs root and setpriv");
        return;
    }
    // A copy that anyone may run, wherever this one is.
    let folder = std::env::temp_dir().join(format!("systap-unprivileged-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let copy = folder.join("copy");
    std::fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    let mut command = Command::new("/usr/bin/setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(&copy).current_dir("/");
    let rest = start(command, "unprivileged").rest();
    std::fs::remove_dir_all(&folder).unwrap();
    let what = rest.split("this process").next().unwrap();
    assert!(what == "not permitted to make BPF maps: " || what == "not permitted to load BPF programs: ", "{rest}");
    assert!(rest.contains("lacks CAP_BPF and CAP_PERFMON\n[\"run as root, or give"), "{rest}");
}
