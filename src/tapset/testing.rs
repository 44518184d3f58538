//! `systap tapset test`: a tapset's own tests, on the running kernel.
//!
//! A test is a script in `tests/` with what it prints beside it, under the same name with the ending `.out`. The comments at its start
//! say what it is of (`// alias: NAME, ...`), what runs meanwhile (`// run: COMMAND`) and what the kernel must have (`// needs:
//! CONDITION`, as in a manifest). Must never take a test that cannot run for one that has passed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use systap_elaborate::Declares;
use systap_registry::{Condition, Folder, Script};

use super::command::offered;
use super::facts::Asked;
use crate::outcome::Status;
use crate::{kernel, terminal};

/// The series of kernels that the lab has.
const LAB: [&str; 2] = ["6.1", "6.12"];

/// With what the command of a test ends if the machine does not let it do what it is for.
const CANNOT: u32 = 77;

/// How long a test may take, in seconds.
const LONGEST: u32 = 20;

/// What a test says of itself.
#[derive(Debug, Default)]
struct Header {
    aliases: Vec<String>,
    run: Option<String>,
    needs: Option<String>,
}

impl Header {
    fn of(text: &str) -> Header {
        let mut header = Header::default();
        for line in text.lines().map_while(|line| line.trim_start().strip_prefix("//")) {
            let Some((key, value)) = line.trim().split_once(": ") else { continue };
            match key {
                "alias" => header.aliases.extend(value.split(',').map(|name| name.trim().to_owned())),
                "run" => header.run = Some(value.to_owned()),
                "needs" => header.needs = Some(value.to_owned()),
                _ => {}
            }
        }
        header
    }
}

fn header(test: &Script) -> Result<Header, String> {
    let text = std::fs::read_to_string(&test.path).map_err(|error| format!("{}: {error}", test.path.display()))?;
    Ok(Header::of(&text))
}

/// The aliases that have a test.
pub(super) fn tested_aliases(folder: &Folder) -> Result<BTreeSet<String>, String> {
    let mut found = BTreeSet::new();
    for test in folder.tests().map_err(|error| error.to_string())? {
        found.extend(header(&test)?.aliases);
    }
    Ok(found)
}

/// How a test ended.
enum Ended {
    Passed,
    Failed(String),
    Skipped(String),
}

/// Runs the tests whose names have one of the words.
pub(super) fn test(folder: &Folder, words: &[String], more: &[PathBuf]) -> Result<Status, String> {
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    let mut seen: BTreeSet<String> = BTreeSet::new();
    each(folder, words, more, |name, header, ended| {
        let line = match ended {
            Ended::Passed => {
                passed += 1;
                seen.extend(header.aliases);
                format!("{name} ... ok\n")
            }
            Ended::Failed(why) => {
                failed += 1;
                format!("{name} ... FAILED\n{why}")
            }
            Ended::Skipped(why) => {
                skipped += 1;
                format!("{name} ... skipped: {why}\n")
            }
        };
        terminal::write_to_stdout(&line);
    })?;
    let aliases: Vec<String> = offered(folder)?
        .into_iter()
        .filter(|offered| offered.kind == Declares::Alias)
        .map(|offered| offered.name)
        .collect();
    let covered = aliases.iter().filter(|alias| seen.contains(*alias)).count();
    let total = aliases.len();
    let line = format!("{passed} passed, {failed} failed, {skipped} skipped; {covered} of {total} aliases seen\n");
    terminal::write_to_stdout(&line);
    Ok(if failed > 0 { Status::ScriptError } else { Status::Done })
}

/// Runs the tests on this kernel and on those of the lab, by the chore that boots them.
pub(super) fn on_other_kernels(folder: &Folder, words: &[String], more: &[PathBuf]) -> Result<Status, String> {
    let here = test(folder, words, more)?;
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let checkout = program.ancestors().find(|path| path.join("xtask/src/lab").is_dir());
    let checkout =
        checkout.ok_or("--lab boots other kernels by `cargo xtask lab`, which is in a checkout of systap's sources")?;
    let path = folder.path.canonicalize().map_err(|error| format!("{}: {error}", folder.path.display()))?;
    let mut worst = here;
    for series in LAB {
        terminal::write_to_stdout(&format!("{series}:\n"));
        let mut command = Command::new("cargo");
        command
            .current_dir(checkout)
            .args(["xtask", "lab", series, "--"])
            .arg(&program)
            .args(["tapset", "test"])
            .args(
                more.iter()
                    .flat_map(|root| [Path::new("-I").to_owned(), std::path::absolute(root).unwrap_or_default()]),
            )
            .arg(&path);
        let status = command.args(words).status().map_err(|error| format!("cargo cannot be started: {error}"))?;
        if !status.success() {
            worst = Status::ScriptError;
        }
    }
    Ok(worst)
}

/// Runs all tests in silence; gives how many failed and how many could not run.
pub(super) fn count(folder: &Folder, more: &[PathBuf]) -> Result<(usize, usize), String> {
    let (mut failed, mut skipped) = (0, 0);
    let tests = folder.tests().map_err(|error| error.to_string())?.len();
    let progress = terminal::progress("testing", tests as u64);
    each(folder, &[], more, |_, _, ended| {
        progress.inc(1);
        match ended {
            Ended::Passed => {}
            Ended::Failed(_) => failed += 1,
            Ended::Skipped(_) => skipped += 1,
        }
    })?;
    progress.finish_and_clear();
    Ok((failed, skipped))
}

/// Runs the tests whose names have one of the words, and tells how each ended.
fn each(
    folder: &Folder,
    words: &[String],
    more: &[PathBuf],
    mut tell: impl FnMut(&str, Header, Ended),
) -> Result<(), String> {
    let kernel = kernel::running();
    let asked = Asked(&kernel);
    for test in folder.tests().map_err(|error| error.to_string())? {
        let name = test.name.trim_end_matches(".stp");
        if !words.is_empty() && !words.iter().any(|word| name.contains(word.as_str())) {
            continue;
        }
        let header = header(&test)?;
        let needs: Result<Option<Condition>, _> = header.needs.as_deref().map(str::parse).transpose();
        let ended = match needs.map(|needs| needs.and_then(|condition| condition.fails_on(&asked))) {
            Err(error) => Ended::Failed(format!("  what it needs makes no sense: {error}\n")),
            Ok(Some(part)) => Ended::Skipped(format!("this kernel lacks {part}")),
            Ok(None) => run(folder, &test, &header, more).unwrap_or_else(|error| Ended::Failed(format!("  {error}\n"))),
        };
        tell(name, header, ended);
    }
    Ok(())
}

fn run(folder: &Folder, test: &Script, header: &Header, more: &[PathBuf]) -> Result<Ended, String> {
    let expected = test.path.with_extension("out");
    let expected = std::fs::read_to_string(&expected).map_err(|error| format!("{}: {error}", expected.display()))?;
    let mut command = Command::new("/proc/self/exe");
    command.args(["run", "-q", "-T", &LONGEST.to_string(), "-I"]).arg(&folder.path);
    for root in more {
        command.arg("-I").arg(root);
    }
    if let Some(line) = &header.run {
        command.arg("-c").arg(line);
    }
    let output = command.arg(&test.path).env("PATH", path()).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("systap cannot be started: {error}"))?;
    let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.code() == Some(3) || is_of_the_kernel(&complained) {
        let why = complained.lines().next().unwrap_or("this kernel refuses it").to_owned();
        return Ok(Ended::Skipped(why));
    }
    if complained.contains(&format!("the command exited with status {CANNOT}")) {
        return Ok(Ended::Skipped("this machine does not let its command do what is to be counted".to_owned()));
    }
    if said == expected && output.status.success() {
        return Ok(Ended::Passed);
    }
    let mut why = String::new();
    for (title, text) in [("expected", expected.as_str()), ("printed", &*said), ("complained", &*complained)] {
        why += &format!("  {title}:\n");
        why.extend(text.lines().map(|line| format!("    {line}\n")));
    }
    Ok(Ended::Failed(format!("{why}  {}\n", output.status)))
}

/// Whether what systap complained of is what a kernel of this kind does not have.
fn is_of_the_kernel(complained: &str) -> bool {
    complained.contains("error[alias-not-here]")
}

/// Where the programs of tests are looked for: where systap's own are installed, and beside it, where a checkout's are.
fn path() -> std::ffi::OsString {
    let own = std::env::current_exe().ok();
    let folder = own.as_deref().and_then(Path::parent).unwrap_or(Path::new("/"));
    let beside = [folder.to_owned(), folder.join("examples"), folder.join("../libexec/systap")];
    let usual = std::env::var_os("PATH").unwrap_or_default();
    let all = beside.into_iter().chain(std::env::split_paths(&usual));
    std::env::join_paths(all).unwrap_or(usual)
}
