//! From text to typed program: parsing and elaborating scripts of known length, in this process.
//!
//! Generated scripts, so that a length can be asked for; beside SystemTap's `stap -p2` where it is installed. It must never assert a
//! time; it prints, and fails only where something could not be measured. benches/README.md says what the figures mean.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench is a command: it prints what it measured")]
#![expect(dead_code, reason = "it uses a part of what the benches share")]

mod measure;

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use measure::arguments::Arguments;
use measure::check_harness;
use measure::numbers::median;
use measure::table::{number, render};
use systap_binary::Programs;
use systap_diagnostics::{Severity, Sources};
use systap_elaborate::{Input, elaborate};
use systap_kernel::Kernel;
use systap_syntax::{ParseOptions, parse};

/// Lines, and the most milliseconds that both stages may take together.
const SCRIPTS: &[(usize, f64)] = &[(200, 3.0), (5_000, 60.0)];

/// A script of about that many lines: functions, arrays, aggregates, loops, strings, and handlers of both sides.
fn script(lines: usize) -> String {
    let mut text = String::from("global total\n");
    let mut number = 0;
    while text.lines().count() + 20 <= lines {
        let n = number;
        write!(
            text,
            "global count{n}, seen{n}[500], spread{n}
function scale{n}(value, by) {{
  if (by <= 0) return value
  return value * by + {n}
}}
function name{n}:string (id:long, text:string) {{
  return sprintf(\"%s-%d\", text, scale{n}(id, 2))
}}
probe kernel.trace(\"sched_switch\") {{
  count{n}++
  seen{n}[$prev->pid, execname()] += scale{n}($next->prio, {n})
  spread{n} <<< $prev->prio
}}
probe timer.s({period}) {{
  foreach ([id, who] in seen{n}- limit 10)
    printf(\"%d %s %s %d\\n\", id, who, name{n}(id, who), seen{n}[id, who])
  if (count{n} > 0) {{ println(@avg(spread{n})) total += count{n} }}
  delete seen{n}
}}
",
            period = n + 1
        )
        .expect("a string takes everything");
        number += 1;
    }
    text.push_str("probe end { println(total) }\n");
    text
}

/// Time for both stages.
fn once(text: &str, kernel: &Kernel) -> Result<(Duration, Duration), String> {
    let mut sources = Sources::default();
    let file = sources.add("bench.stp", text);
    let start = Instant::now();
    let parsed = parse(&mut sources, file, &ParseOptions::default());
    let parsing = start.elapsed();
    let files = [parsed.file];
    let start = Instant::now();
    let elaborated = elaborate(Input::new(&files, &mut sources, kernel, &Programs::default()));
    let elaborating = start.elapsed();
    let mut found = parsed.diagnostics.iter().chain(&elaborated.diagnostics);
    match found.find(|finding| finding.severity == Severity::Error) {
        Some(error) => Err(format!("the script is wrong: {}", error.message)),
        None => Ok((parsing, elaborating)),
    }
}

/// The library's files: what a script costs that calls none of them, and all of them parsed, in milliseconds; each with its bar.
fn library(rounds: u64) -> Result<Vec<Vec<String>>, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("core/elaborate/src/library");
    let unreadable = |error| format!("{}: {error}", folder.display());
    let mut texts = vec![];
    for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "stp") {
            texts.push(std::fs::read_to_string(&path).map_err(unreadable)?);
        }
    }
    let kernel = Kernel::running();
    let (mut none, mut all) = (vec![], vec![]);
    for _ in 0..rounds {
        let (parsing, elaborating) = once("probe begin { exit() }\n", &kernel)?;
        none.push((parsing + elaborating).as_secs_f64() * 1e3);
        let start = Instant::now();
        for text in &texts {
            let mut sources = Sources::default();
            let file = sources.add("library.stp", text.as_str());
            let parsed = parse(&mut sources, file, &ParseOptions { privileged: true, ..ParseOptions::default() });
            if let Some(error) = parsed.diagnostics.iter().find(|finding| finding.severity == Severity::Error) {
                return Err(format!("a file of the library is wrong: {}", error.message));
            }
        }
        all.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let lines: usize = texts.iter().map(|text| text.lines().count()).sum();
    let row = |what: String, times: Vec<f64>, bar: f64| {
        let took = median(times);
        let verdict = if took.is_some_and(|took| took <= bar) { "met" } else { "MISSED" };
        vec![what, number(took, 3), number(Some(bar), 1), verdict.to_owned()]
    };
    Ok(vec![
        row("a script that calls nothing of the library".to_owned(), none, 0.3),
        row(format!("the whole library parsed, {} files of {lines} lines", texts.len()), all, 20.0),
    ])
}

/// SystemTap's own first two passes, in milliseconds; `None` if it is not here, or refuses.
fn systemtap(text: &str) -> Option<f64> {
    let version = Command::new("stap").arg("--version").output().ok()?;
    let said = [version.stdout, version.stderr].concat();
    String::from_utf8_lossy(&said).contains("translator/driver").then_some(())?;
    let start = Instant::now();
    let status = Command::new("stap").args(["-wp2", "-e", text]).output().ok()?.status;
    status.success().then(|| start.elapsed().as_secs_f64() * 1e3)
}

fn run() -> Result<bool, String> {
    let Some(arguments) = Arguments::read(&[], &["--rounds"])? else {
        check_harness();
        let counted = script(200).lines().count();
        assert!((180..=200).contains(&counted), "{counted} lines");
        return Ok(true);
    };
    let rounds = arguments.number("--rounds", 30);
    let head = ["lines", "parse ms", "elaborate ms", "first of all ms", "bar ms", "<verdict", "stap -p2 ms"];
    let mut rows = vec![];
    let mut complete = true;
    for (lines, bar) in SCRIPTS {
        let text = script(*lines);
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        // The first reads the kernel's types, as each run of the command does.
        let kernel = Kernel::running();
        let (parsing, elaborating) = once(&text, &kernel)?;
        let first = ms(parsing + elaborating);
        let mut times = vec![];
        for _ in 0..rounds {
            times.push(once(&text, &kernel)?);
        }
        let parse = median(times.iter().map(|times| ms(times.0)));
        let elaborate = median(times.iter().map(|times| ms(times.1)));
        let verdict = if first <= *bar { "met" } else { "MISSED" };
        let peer = systemtap(&text);
        complete &= parse.is_some() && elaborate.is_some();
        rows.push(vec![
            text.lines().count().to_string(),
            number(parse, 2),
            number(elaborate, 2),
            number(Some(first), 2),
            number(Some(*bar), 0),
            verdict.to_owned(),
            number(peer, 0),
        ]);
        if peer.is_none() {
            eprintln!("skipped: SystemTap's stap is not on the path, or refused the script");
        }
    }
    println!("{}", render(&head, &rows));
    println!("{}", render(&["what", "ms", "bar", "<verdict"], &library(rounds)?));
    Ok(complete)
}

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(reason) => {
            eprintln!("script: {reason}");
            ExitCode::FAILURE
        }
    }
}
