//! Cold starts: whole processes, from nothing to the first armed probe and out again, and the memory that they take.
//!
//! systap beside a C program that does the same by hand and beside bpftrace, in turns, as ratios. It must never assert a
//! time; it prints, and fails only where something could not be measured. benches/README.md says what the figures mean.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench is a command: it prints what it measured")]

mod measure;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use measure::arguments::Arguments;
use measure::bar::{Bar, Round};
use measure::contestants::Contestants;
use measure::numbers::median;
use measure::program::Program;
use measure::table::{number, render};
use measure::{check_harness, tracefs};
use tempfile::TempDir;

/// Between two runs. A tracepoint that was detached within the last grace period takes 13 ms to attach again: that would
/// measure RCU.
const APART: Duration = Duration::from_millis(350);

/// The longest that a run may take, and that one may take of which it is known that it is slow.
const LIMIT: Duration = Duration::from_secs(20);
const SLOW_LIMIT: Duration = Duration::from_secs(240);

/// What all of them run once they are armed. It reads its libraries, so that there is something to count.
const COMMAND: &str = "/bin/true";

/// What systap and the C programs print in the end; bpftrace prints its maps unasked.
const END: &str = "probe end { foreach (p in n) printf(\"%d %d\\n\", p, n[p]) }";

/// bpftrace arms each syscall's tracepoint by itself: about half a minute, with the end.
const SLOW: &str = "--slow";

/// Of the design: ply's 1.8 ms + 1 ms. ply is not packaged everywhere; a C program that prints takes as long.
const PRINT_BARS: &[Bar] = &[
    Bar { says: "floor + 1 ms", most: |round| Some(round.floor? + 1.0) },
    Bar { says: "bpftrace / 100", most: |round| Some(round.bpftrace? / 100.0) },
];
const ONE_BARS: &[Bar] = &[Bar { says: "floor + 20 %", most: |round| Some(round.floor? * 1.2) }];
const EVERY_BARS: &[Bar] = &[Bar { says: "floor + 5 ms", most: |round| Some(round.floor? + 5.0) }];
const MEMORY_BARS: &[Bar] = &[Bar { says: "16 MB", most: |_| Some(16.0) }];

/// What is measured of a run.
#[derive(Clone, Copy)]
enum Figure {
    /// From the start of the process to its end, in ms.
    Time,
    /// The most memory it had resident, in MB.
    Memory,
}

/// One row: the same work, done by each.
struct Scenario {
    what: &'static str,
    figure: Figure,
    systap: Option<Program>,
    floor: Option<Program>,
    bpftrace: Option<Program>,
    /// bpftrace is measured in one round only.
    slow: bool,
    /// Whether that output is of a run that did its work.
    answers: fn(&str) -> bool,
    bars: &'static [Bar],
    /// What was measured so far.
    rounds: Vec<Round>,
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(reason) => {
            eprintln!("start: {reason}");
            ExitCode::from(2)
        }
    }
}

/// Measures and prints; whether everything could be measured.
fn run() -> Result<bool, String> {
    let Some(arguments) = Arguments::read(&[SLOW], &["--rounds", "--warm-ups"])? else {
        check_harness();
        check();
        return Ok(true);
    };
    if let Err(reason) = tracefs::provide() {
        println!("absent: {reason}");
    }
    let contestants = Contestants::gather();
    println!("{}\n", contestants.describe());

    let notes = TempDir::with_prefix("systap-start-").map_err(|error| error.to_string())?;
    let note = notes.path().join("peak");
    let mut scenarios = scenarios(&contestants, arguments.flag(SLOW), &note);
    let rounds = usize::try_from(arguments.number("--rounds", 15)).map_err(|error| error.to_string())?;
    let warm_ups = usize::try_from(arguments.number("--warm-ups", 2)).map_err(|error| error.to_string())?;
    let mut failures = Vec::new();
    for turn in 0..warm_ups + rounds {
        for scenario in &mut scenarios {
            let round = scenario.round(turn, turn == warm_ups, &note, &mut failures);
            if turn >= warm_ups {
                scenario.rounds.push(round);
            }
        }
    }
    print_table(&scenarios);
    println!("medians of {rounds} rounds; ratios and bars are held against each round, and the median is said");
    if !arguments.flag(SLOW) {
        println!("bpftrace on every syscall is measured with {SLOW}");
    }
    for failure in &failures {
        println!("NOT MEASURED: {failure}");
    }
    Ok(failures.is_empty() && contestants.has_systap())
}

/// The rows. A C program that tells the peak of memory writes it to `note`.
fn scenarios(contestants: &Contestants, slow: bool, note: &Path) -> Vec<Scenario> {
    let print = Scenario {
        what: "print, exit",
        figure: Figure::Time,
        systap: contestants.systap("probe begin { println(\"hi\") exit() }"),
        floor: contestants.floor("hello"),
        bpftrace: contestants.bpftrace("BEGIN { printf(\"hi\\n\"); exit(); }"),
        slow: false,
        answers: says_hi,
        bars: PRINT_BARS,
        rounds: Vec::new(),
    };
    let one = Scenario {
        what: "one tracepoint, array",
        figure: Figure::Time,
        systap: armed(contestants.systap(&format!("global n probe syscall.read {{ n[pid()]++ }} {END}"))),
        // 0 is read's number on x86_64; other architectures have another.
        floor: contestants.floor("one_tracepoint").map(|floor| floor.with([READ_NUMBER, COMMAND])),
        bpftrace: armed(contestants.bpftrace("tracepoint:syscalls:sys_enter_read { @[pid] = count(); }")),
        slow: false,
        answers: counts,
        bars: ONE_BARS,
        rounds: Vec::new(),
    };
    let every = Scenario {
        what: "every syscall, array",
        figure: Figure::Time,
        systap: armed(contestants.systap(&format!("global n probe syscall.* {{ n[pid()]++ }} {END}"))),
        floor: contestants.floor("one_tracepoint").map(|floor| floor.with(["every", COMMAND])),
        bpftrace: armed(contestants.bpftrace("tracepoint:syscalls:sys_enter_* { @[pid] = count(); }")).filter(|_| slow),
        slow: true,
        answers: counts,
        bars: EVERY_BARS,
        rounds: Vec::new(),
    };
    let memory = |of: &Scenario, what| {
        let starter = contestants.floor("peak_memory").map(|starter| starter.with([note]));
        let watched = |program: &Option<Program>| Some(program.as_ref()?.under(starter.clone()?));
        Scenario {
            what,
            figure: Figure::Memory,
            systap: watched(&of.systap),
            floor: watched(&of.floor),
            bpftrace: watched(&of.bpftrace),
            slow: of.slow,
            answers: of.answers,
            bars: MEMORY_BARS,
            rounds: Vec::new(),
        }
    };
    let memories = [
        memory(&print, "memory: print, exit"),
        memory(&one, "memory: one tracepoint, array"),
        memory(&every, "memory: every syscall, array"),
    ];
    [print, one, every].into_iter().chain(memories).collect()
}

/// The number of read, by the architecture's syscall table.
const READ_NUMBER: &str = if cfg!(target_arch = "x86_64") { "0" } else { "63" };

/// The same run, that ends with the command which it starts once it is armed.
fn armed(tracer: Option<Program>) -> Option<Program> {
    Some(tracer?.with(["-c", COMMAND]))
}

fn says_hi(output: &str) -> bool {
    output.lines().any(|line| line == "hi")
}

/// Whether some line ends in a count above 0.
fn counts(output: &str) -> bool {
    let count = |line: &str| line.rsplit(' ').next().and_then(|word| word.parse::<u64>().ok());
    output.lines().filter_map(count).any(|count| count > 0)
}

impl Scenario {
    /// Lets each run once, in an order that turns with the rounds. Who fails is not run again.
    fn round(&mut self, turn: usize, with_slow: bool, note: &Path, failures: &mut Vec<String>) -> Round {
        let mut seen = Round::default();
        for place in 0..3 {
            let (who, program, value, limit) = match (turn + place) % 3 {
                0 => ("systap", &mut self.systap, &mut seen.systap, LIMIT),
                1 => ("floor", &mut self.floor, &mut seen.floor, LIMIT),
                _ if self.slow && !with_slow => continue,
                _ if self.slow => ("bpftrace", &mut self.bpftrace, &mut seen.bpftrace, SLOW_LIMIT),
                _ => ("bpftrace", &mut self.bpftrace, &mut seen.bpftrace, LIMIT),
            };
            let Some(running) = program else { continue };
            std::thread::sleep(APART);
            match figure(running, self.figure, self.answers, note, limit) {
                Ok(measured) => *value = Some(measured),
                Err(reason) => {
                    failures.push(format!("{}, {who}: {reason}", self.what));
                    *program = None;
                }
            }
        }
        seen
    }
}

/// Runs the program once and takes the figure.
fn figure(
    program: &Program,
    figure: Figure,
    answers: fn(&str) -> bool,
    note: &Path,
    limit: Duration,
) -> Result<f64, String> {
    let run = program.run(limit)?;
    if !answers(&run.stdout) {
        return Err(format!("did not do its work; its output: {:?}, {:?}", run.stdout, run.stderr));
    }
    match figure {
        Figure::Time => Ok(run.time.as_secs_f64() * 1e3),
        Figure::Memory => {
            let text = fs::read_to_string(note).map_err(|error| format!("no peak of memory: {error}"))?;
            let kib: f64 = text.trim().parse().map_err(|error| format!("peak of memory {text:?}: {error}"))?;
            Ok(kib * 1024.0 / 1e6)
        }
    }
}

fn print_table(scenarios: &[Scenario]) {
    let head = ["what", "<", "systap", "floor", "bpftrace", "systap/floor", "bpftrace/systap", "<bar", "<verdict"];
    let mut rows = Vec::new();
    for scenario in scenarios {
        let of = |value: fn(&Round) -> Option<f64>| median(scenario.rounds.iter().filter_map(value));
        let unit = match scenario.figure {
            Figure::Time => "ms",
            Figure::Memory => "MB",
        };
        let mut row = vec![
            scenario.what.to_owned(),
            unit.to_owned(),
            number(of(|round| round.systap), 2),
            number(of(|round| round.floor), 2),
            number(of(|round| round.bpftrace), 1),
            number(of(|round| Some(round.systap? / round.floor?)), 2),
            number(of(|round| Some(round.bpftrace? / round.systap?)), 1),
        ];
        for bar in scenario.bars {
            row.resize(head.len() - 2, String::new());
            row.extend([bar.says.to_owned(), bar.verdict(&scenario.rounds, unit)]);
            rows.push(std::mem::take(&mut row));
        }
    }
    println!("{}", render(&head, &rows));
}

/// Known answers.
fn check() {
    assert!(says_hi("Attaching 1 probe...\nhi\n\n"));
    assert!(!says_hi("high\n"));
    assert!(counts("Attaching 1 probe...\n\n\n@[10955]: 1\n"));
    assert!(counts("7 0\n10955 3\n"));
    assert!(!counts("7 0\n"));
    assert!(!counts(""));
}
