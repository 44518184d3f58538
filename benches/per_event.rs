//! What an event costs: nanoseconds that tracing adds to each syscall of `dd bs=1`.
//!
//! systap beside C programs that do the same by hand and beside bpftrace, in turns. dd times itself, so no start of a
//! tracer is in the figures. It must never assert a time; it prints, and fails only where something could not be
//! measured. benches/README.md says what the figures mean.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench is a command: it prints what it measured")]

mod measure;
#[path = "per_event/program_stats.rs"]
mod program_stats;

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use measure::arguments::Arguments;
use measure::bar::{Bar, Round};
use measure::contestants::{Contestants, on_path};
use measure::numbers::{median, middle_half};
use measure::program::{Program, Run};
use measure::table::{number, render};
use measure::{check_harness, tracefs};

/// The longest that one run may take.
const LIMIT: Duration = Duration::from_secs(120);

/// How long dd alone shall run. Short: then all of a round fall into the same mood of the machine, and many rounds fit.
const ALONE_SECONDS: f64 = 0.3;

/// Between two runs: time for the kernel to free what the last one left.
const APART: Duration = Duration::from_millis(100);

/// What dd and its starter make of other syscalls, at most.
const OTHER_SYSCALLS: u64 = 10_000;

const PROGRAM_STATS: &str = "--program-stats";

const BARS: [Bar; 1] = [Bar { says: "floor + 5 %", most: |round| Some(round.floor? * 1.05) }];

/// A job that each contestant does.
struct Job {
    what: &'static str,
    contestants: Vec<Contestant>,
    /// Whether only dd's own syscalls are in the count that is checked; else those of all processes.
    by_process: bool,
}

/// Who does a job, and the ns that it added to a syscall, by round.
struct Contestant {
    who: &'static str,
    role: Role,
    program: Option<Program>,
    added: Vec<Option<f64>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Systap,
    /// The floor that the bar is measured by.
    Floor,
    /// Another way of the floor, for comparison.
    OtherFloor,
    Bpftrace,
}

/// The load: dd that copies bytes one by one, each a read and a write.
struct Load {
    /// taskset, which keeps it on one CPU, or dd itself.
    program: PathBuf,
    arguments: Vec<String>,
    bytes: u64,
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(reason) => {
            eprintln!("per_event: {reason}");
            ExitCode::from(2)
        }
    }
}

/// Measures and prints; whether everything could be measured.
fn run() -> Result<bool, String> {
    let Some(arguments) = Arguments::read(&[PROGRAM_STATS], &["--rounds", "--bytes"])? else {
        check_harness();
        check();
        return Ok(true);
    };
    if let Err(reason) = tracefs::provide() {
        println!("absent: {reason}");
    }
    let contestants = Contestants::gather();
    println!("{}", contestants.describe());
    let load = Load::find(arguments.number("--bytes", 0))?;
    println!("load: {} ({} syscalls)\n", load.line(), load.syscalls());

    let mut jobs = jobs(&contestants, &load);
    let rounds = usize::try_from(arguments.number("--rounds", 21)).map_err(|error| error.to_string())?;
    let mut failures = Vec::new();
    // The first round warms up and is not kept.
    for turn in 0..=rounds {
        for job in &mut jobs {
            job.round(turn, &load, &mut failures)?;
            if turn == 0 {
                job.contestants.iter_mut().for_each(|contestant| contestant.added.clear());
            }
        }
    }
    print_table(&jobs);
    println!("medians of {rounds} rounds; a round's ns are against dd alone in that round");
    if arguments.flag(PROGRAM_STATS) {
        print_stats(&jobs, &mut failures)?;
    }
    for failure in &failures {
        println!("NOT MEASURED: {failure}");
    }
    Ok(failures.is_empty() && contestants.has_systap())
}

impl Load {
    /// Finds dd and taskset, and how many bytes take [`ALONE_SECONDS`] here, unless `bytes` says how many.
    fn find(bytes: u64) -> Result<Self, String> {
        let dd = on_path("dd").ok_or("dd is not on PATH")?;
        let cpu = std::thread::available_parallelism().map_or(0, |cpus| cpus.get() - 1);
        let (program, mut arguments) = match on_path("taskset") {
            Some(taskset) => (taskset, vec!["-c".to_owned(), cpu.to_string(), dd.display().to_string()]),
            None => {
                println!("absent: taskset: dd is not kept on one CPU");
                (dd, Vec::new())
            }
        };
        arguments.extend(["if=/dev/zero", "of=/dev/null", "bs=1"].map(str::to_owned));
        let sized = |bytes: u64| {
            let mut arguments = arguments.clone();
            arguments.push(format!("count={bytes}"));
            Self { program: program.clone(), arguments, bytes }
        };
        if bytes > 0 {
            return Ok(sized(bytes));
        }
        let trial = sized(300_000);
        let seconds = trial.seconds(&trial.alone().run(LIMIT)?)?;
        let per_second = trial.bytes as f64 / seconds;
        Ok(sized((per_second * ALONE_SECONDS) as u64 / 10_000 * 10_000))
    }

    /// dd, untraced.
    fn alone(&self) -> Program {
        Program::new(&self.program).with(&self.arguments)
    }

    /// The same as one line, for `-c`.
    fn line(&self) -> String {
        format!("{} {}", self.program.display(), self.arguments.join(" "))
    }

    fn syscalls(&self) -> u64 {
        2 * self.bytes
    }

    /// How long dd says that it copied.
    fn seconds(&self, run: &Run) -> Result<f64, String> {
        copied_in(&run.stderr, self.bytes)
            .filter(|seconds| *seconds <= run.time.as_secs_f64())
            .ok_or_else(|| format!("dd's own time is not in {:?}", run.stderr))
    }
}

/// The seconds of dd's last line, `N bytes (…) copied, S s, …`, if it copied so many bytes.
fn copied_in(output: &str, bytes: u64) -> Option<f64> {
    let line = output.lines().find(|line| line.starts_with(&format!("{bytes} bytes ")))?;
    line.split_once(" copied, ")?.1.split_once(" s,")?.0.parse().ok()
}

fn jobs(contestants: &Contestants, load: &Load) -> Vec<Job> {
    let command = load.line();
    let alone = load.alone();
    let tracer = |who, role, program: Option<Program>| Contestant {
        who,
        role,
        program: program.map(|program| program.with(["-c", &command])),
        added: Vec::new(),
    };
    let floor = |who, role, program, way: &[&str]| Contestant {
        who,
        role,
        program: contestants.floor(program).map(|program| alone.under(program.with(way))),
        added: Vec::new(),
    };
    let count = |what, key, program, bpftrace_key| {
        let script = format!(
            "global n probe syscall.* {{ n[{key}()]++ }} \
             probe end {{ foreach (k in n) println(k, \" \", n[k]) }}"
        );
        let bpftrace = format!("tracepoint:raw_syscalls:sys_enter {{ @[{bpftrace_key}] = count(); }}");
        Job {
            what,
            contestants: vec![
                tracer("systap", Role::Systap, contestants.systap(&script)),
                floor("C, BTF-typed", Role::Floor, program, &["typed"]),
                floor("C, raw tracepoint", Role::OtherFloor, program, &["raw"]),
                tracer("bpftrace", Role::Bpftrace, contestants.bpftrace(&bpftrace)),
            ],
            by_process: true,
        }
    };
    let latency = "global start, took \
        probe syscall.* { start[tid()] = gettimeofday_ns() } \
        probe syscall.*.return { if (tid() in start) { took <<< gettimeofday_ns() - start[tid()]; delete start[tid()] } } \
        probe end { println(\"total \", @count(took)); print(@hist_log(took)) }";
    let bpftrace_latency = "tracepoint:raw_syscalls:sys_enter { @start[tid] = nsecs; } \
        tracepoint:raw_syscalls:sys_exit /@start[tid]/ { @took = hist(nsecs - @start[tid]); delete(@start[tid]); } \
        END { clear(@start); }";
    vec![
        count("count by pid", "pid", "count_by_pid", "pid"),
        count("count by execname", "execname", "count_by_name", "comm"),
        Job {
            what: "latency histogram",
            contestants: vec![
                tracer("systap", Role::Systap, contestants.systap(latency)),
                floor("C, task storage", Role::Floor, "latency", &[]),
                tracer("bpftrace", Role::Bpftrace, contestants.bpftrace(bpftrace_latency)),
            ],
            by_process: false,
        },
    ]
}

impl Job {
    /// dd alone and under each contestant once, in an order that turns with the rounds. Who fails is not run again.
    ///
    /// # Errors
    /// Where dd alone fails: then nothing can be measured.
    fn round(&mut self, turn: usize, load: &Load, failures: &mut Vec<String>) -> Result<(), String> {
        let places = self.contestants.len() + 1;
        let mut alone = 0.0;
        let mut seconds = vec![None; self.contestants.len()];
        for place in 0..places {
            // Forwards and backwards, so that none always runs after the same one.
            let place = (turn + if turn.is_multiple_of(2) { place } else { places - 1 - place }) % places;
            std::thread::sleep(APART);
            let (Some(contestant), Some(value)) = (self.contestants.get_mut(place), seconds.get_mut(place)) else {
                alone = load.seconds(&load.alone().run(LIMIT)?)?;
                continue;
            };
            let Some(program) = &contestant.program else { continue };
            let measured = program.run(LIMIT).and_then(|run| {
                all_counted(&run.stdout, self.by_process, load.syscalls())?;
                load.seconds(&run)
            });
            match measured {
                Ok(seconds) => *value = Some(seconds),
                Err(reason) => {
                    failures.push(format!("{}, {}: {reason}", self.what, contestant.who));
                    contestant.program = None;
                }
            }
        }
        for (contestant, seconds) in self.contestants.iter_mut().zip(seconds) {
            contestant.added.push(seconds.map(|seconds| (seconds - alone) * 1e9 / load.syscalls() as f64));
        }
        Ok(())
    }

    /// The rounds as a bar sees them.
    fn rounds(&self) -> Vec<Round> {
        let of = |role, round: usize| {
            let contestant = self.contestants.iter().find(|contestant| contestant.role == role)?;
            contestant.added.get(round).copied().flatten()
        };
        let count = self.contestants.iter().map(|contestant| contestant.added.len()).max().unwrap_or(0);
        let round = |round| Round {
            systap: of(Role::Systap, round),
            floor: of(Role::Floor, round),
            bpftrace: of(Role::Bpftrace, round),
        };
        (0..count).map(round).collect()
    }
}

/// Whether the output shows that every syscall of dd was counted: who counts less is not faster, but wrong.
///
/// # Errors
/// The text to say where it does not.
fn all_counted(output: &str, by_process: bool, syscalls: u64) -> Result<(), String> {
    let right: RangeInclusive<u64> = syscalls..=if by_process { syscalls + OTHER_SYSCALLS } else { u64::MAX };
    let last = |line: &str| line.rsplit(' ').next().and_then(|word| word.parse::<u64>().ok());
    // A bucket of bpftrace's histogram: `[128, 256)   1234 |@@@@   |`.
    let bucket = |line: &str| {
        let after = line.strip_prefix('[')?.split_once([')', ']'])?.1;
        after.split_whitespace().next()?.parse::<u64>().ok()
    };
    let histogram: u64 = output.lines().filter_map(bucket).sum();
    if output.lines().filter_map(last).chain([histogram]).any(|count| right.contains(&count)) {
        return Ok(());
    }
    let most = output.lines().filter_map(last).chain([histogram]).max().unwrap_or(0);
    Err(format!("did not count every syscall: {syscalls} were made, the greatest count in its output is {most}"))
}

fn print_table(jobs: &[Job]) {
    let head = ["job", "<who", "ns added", "middle half", "of the floor", "<bar", "<verdict"];
    let mut rows = Vec::new();
    for job in jobs {
        let floors: Vec<Option<f64>> = job.rounds().iter().map(|round| round.floor).collect();
        for contestant in &job.contestants {
            let added = || contestant.added.iter().copied().flatten();
            let spread = middle_half(added()).map(|(low, high)| format!("{low:.0}–{high:.0}"));
            let against = contestant.added.iter().zip(&floors);
            let ratio = median(against.filter_map(|(added, floor)| Some((*added)? / (*floor)?)));
            let row = [job.what, contestant.who].map(str::to_owned).into_iter();
            let mut row: Vec<String> =
                row.chain([number(median(added()), 0), spread.unwrap_or_default(), number(ratio, 2)]).collect();
            if contestant.role == Role::Systap {
                for bar in &BARS {
                    row.extend([bar.says.to_owned(), bar.verdict(&job.rounds(), "ns")]);
                }
            }
            rows.push(row);
        }
    }
    println!("{}", render(&head, &rows));
    for job in jobs {
        let times = |round: &Round| Some(round.bpftrace? / round.systap?);
        if let Some(times) = median(job.rounds().iter().filter_map(times)) {
            println!("{}: bpftrace adds {times:.1} times what systap adds", job.what);
        }
    }
}

/// One more run of each with the kernel's own clock on the programs.
fn print_stats(jobs: &[Job], failures: &mut Vec<String>) -> Result<(), String> {
    let _on = program_stats::enable()?;
    let mut rows = Vec::new();
    for job in jobs {
        for contestant in &job.contestants {
            let Some(program) = &contestant.program else { continue };
            match program_stats::of_run(program, LIMIT) {
                Ok(stats) => {
                    let each: Vec<String> = stats.iter().map(|stat| format!("{:.0}", stat.ns_per_run())).collect();
                    rows.push(vec![job.what.to_owned(), contestant.who.to_owned(), each.join(" + ")]);
                }
                Err(reason) => failures.push(format!("{}, {}: {reason}", job.what, contestant.who)),
            }
        }
    }
    println!("\n{}", render(&["job", "<who", "ns in the programs, of bpf_stats"], &rows));
    Ok(())
}

/// Known answers.
fn check() {
    let said = "500+0 records in\n500+0 records out\n500 bytes (500 B) copied, 0.000311 s, 1.6 MB/s\n";
    assert_eq!(copied_in(said, 500), Some(0.000_311));
    assert_eq!(copied_in(said, 501), None);
    assert_eq!(copied_in("", 500), None);
    assert!(all_counted("Attaching 1 probe...\n\n@[10979]: 30\n@[10981]: 2000235\n", true, 2_000_000).is_ok());
    assert!(all_counted("sh 20\ndd 1999999\n", true, 2_000_000).is_err());
    assert!(all_counted("sh 20\ndd 4000000\n", true, 2_000_000).is_err());
    assert!(all_counted("total 4000000\n", false, 2_000_000).is_ok());
    assert!(all_counted("@took: \n[128, 256)  15 |@@@ |\n[1K, 2K)  6 |@ |\n", false, 20).is_ok());
    assert!(all_counted("@took: \n[128, 256)  15 |@@@ |\n[1K, 2K)  4 |@ |\n", false, 20).is_err());
    program_stats::check();
}
