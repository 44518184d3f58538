//! SystemTap's five passes over a script, as far as `-p` says: parse, elaborate, translate, compile, run.
//!
//! Must never give another verdict than the stages do: it only says where they stopped.

use std::path::{Path, PathBuf};
use std::time::Instant;

use systap_diagnostics::{Diagnostic, FileId, Sources};
use systap_elaborate::limits;
use systap_ir::program::{Event, Program};
use systap_kernel::Kernel;
use systap_sys::process::Exit;

use super::request::{Privilege, Request, Subject};
use super::words::Misuse;
use super::{Verdict, print, program, startup};
use crate::cli::{Format, RunOptions, ScriptOptions};
use crate::compile::{self, Compilation, Settings, Stop, Warnings, on_deep_stack};
use crate::facts::{self, Dialect, LANGUAGE};
use crate::outcome::Status;
use crate::run::{self, Compiled, Scene};
use crate::script::{self, Unreadable};
use crate::{examples, terminal};

/// What the passes before the last have made.
enum Made {
    /// What the last pass prints.
    Text(String),
    /// What is to run.
    Program(Box<Compiled>),
}

/// Takes a script through the passes.
pub(crate) fn go(request: &Request) -> Verdict {
    let kernel = match kernel(request) {
        Ok(kernel) => kernel,
        Err(Misuse(sentence)) => {
            terminal::complain(&sentence);
            return Verdict::Failure;
        }
    };
    let mut sources = Sources::default();
    let prepared = settings(request, &kernel).and_then(|settings| {
        let files = read(request, &settings, &mut sources)?;
        Ok((settings, files))
    });
    let (settings, files) = match prepared {
        Ok(prepared) => prepared,
        Err(Misuse(sentence)) => {
            terminal::complain(&sentence);
            return Verdict::Failure;
        }
    };
    let made = on_deep_stack(|| {
        let mut compilation = Compilation::new(&mut sources, &settings, &kernel);
        let mut pass = 1;
        let made = make(&mut compilation, &files, request, &mut pass);
        (made, compilation.diagnostics, pass)
    });
    let Some((made, diagnostics, pass)) = made else { return Verdict::Failure };
    kernel.keep();
    terminal::show(&diagnostics, &sources, Format::Text, request.color);
    match made {
        Ok(Made::Text(text)) => print(&text),
        Ok(Made::Program(compiled)) => {
            if request.verbose[4] > 0 {
                terminal::write_to_stderr(b"Pass 5: starting run.\n");
            }
            let start = Instant::now();
            let options = options(request);
            let Some(script) = files.first().copied() else { return Verdict::Failure };
            let scene = Scene {
                script,
                kernel: &kernel,
                hz: settings.hz,
                time_limit: request.time_limit,
                options: &options,
                sources: &sources,
            };
            let outcome = run::execute(&scene, *compiled, || smaller(request, &files, &settings, &kernel, &sources));
            if request.verbose[4] > 0 {
                banner(&format!("Pass 5: run completed in {:.1?}.", start.elapsed()));
            }
            let command_failed = !matches!(outcome.command, None | Some(Exit::Code(0)));
            let good = outcome.status == Status::Done && !command_failed;
            if !good {
                banner("Pass 5: run failed.  [man error::pass5]");
            }
            Verdict::from(good)
        }
        Err(stop) => {
            if !matches!(stop, Stop::Script) {
                _ = run::explain_stop(&stop);
            } else if settings.warnings == Warnings::Errors {
                terminal::complain("warnings count as errors (-W)");
            }
            banner(&format!("Pass {pass}: {} failed.  [man error::pass{pass}]", name_of(pass)));
            Verdict::Failure
        }
    }
}

fn name_of(pass: u8) -> &'static str {
    match pass {
        1 => "parse",
        2 => "analysis",
        3 => "translation",
        _ => "compilation",
    }
}

fn banner(line: &str) {
    terminal::write_to_stderr(format!("{line}\n").as_bytes());
}

/// The passes up to the fourth; `pass` is the one that was begun last.
fn make(compilation: &mut Compilation<'_>, files: &[FileId], request: &Request, pass: &mut u8) -> Result<Made, Stop> {
    let mut start = Instant::now();
    // The second attempt is no news.
    let again = compilation.small;
    let mut done = |pass: u8, what: &str| {
        let took = start.elapsed();
        start = Instant::now();
        if !again && request.verbose.get(usize::from(pass) - 1).is_some_and(|level| *level > 0) {
            banner(&format!("Pass {pass}: {what} in {took:.1?}."));
        }
    };
    let trees = compilation.parse(files)?;
    compilation.unless_wrong(())?;
    done(1, "parsed user script");
    if request.last_pass == 1 {
        let trees: String = trees.iter().map(|tree| systap_syntax::print(tree, compilation.sources)).collect();
        return Ok(Made::Text(format!("# parse tree dump\n{trees}\n")));
    }
    *pass = 2;
    let mut program = compilation.elaborate(&trees)?;
    refuse_unprivileged(compilation, &program, request.privilege)?;
    if request.no_global_display {
        program.globals.iter_mut().for_each(|global| global.print_at_end = false);
    }
    let count = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    let (probes, functions) = (count(program.probes.len(), "probe"), count(program.functions.len(), "function"));
    done(2, &format!("analyzed script: {probes}, {functions}, {}", count(program.globals.len(), "global")));
    if request.last_pass == 2 {
        return Ok(Made::Text(program::text(&program, request.verbose[1] > 0)));
    }
    *pass = 3;
    let unit = compilation.lower(&program)?;
    let (placed, artifact) = compilation.divide(&unit)?;
    done(3, "translated to BPF");
    if request.last_pass == 3 {
        return Ok(Made::Text(match &artifact {
            Some(artifact) => systap_bpf::print(artifact),
            None => systap_ir::text::placed(&placed),
        }));
    }
    *pass = 4;
    done(4, "compiled in memory");
    if request.last_pass > 4 && !compilation.is_for_running() {
        banner("The script is for another kernel (-r), so it ends after pass 4.");
        return Ok(Made::Text(String::new()));
    }
    // There is no module file, and so no path of one to print.
    Ok(if request.last_pass == 4 { Made::Text(String::new()) } else { Made::Program(Box::new((placed, artifact))) })
}

/// The same with less of it in the kernel.
fn smaller(
    request: &Request,
    files: &[FileId],
    settings: &Settings,
    kernel: &Kernel,
    sources: &Sources,
) -> Option<Compiled> {
    let mut sources = sources.clone();
    let made = on_deep_stack(|| {
        let mut compilation = Compilation::new(&mut sources, settings, kernel);
        compilation.small = true;
        make(&mut compilation, files, request, &mut 1).ok()
    });
    match made.flatten() {
        Some(Made::Program(compiled)) => Some(*compiled),
        _ => None,
    }
}

/// What only privileged users may probe.
fn refuse_unprivileged(compilation: &mut Compilation<'_>, program: &Program, privilege: Privilege) -> Result<(), Stop> {
    if privilege != Privilege::User {
        return Ok(());
    }
    let harmless = |event: &Event| {
        matches!(event, Event::Begin(_) | Event::End(_) | Event::Error(_) | Event::Never | Event::Timer { .. })
    };
    let mut refused = false;
    for probe in &program.probes {
        if !harmless(&probe.event) && !probe.point.starts_with("process") {
            refused = true;
            let said = format!("`{}` is not allowed with --privilege=stapusr", probe.point);
            compilation.diagnostics.push(
                Diagnostic::error("not-privileged", probe.span, said)
                    .with_note("begin, end, error, never, timers and one's own processes are"),
            );
        }
    }
    if refused { Err(Stop::Script) } else { Ok(()) }
}

/// The kernel that `-r` names, or else the running one.
pub(crate) fn kernel(request: &Request) -> Result<Kernel, Misuse> {
    let Some(given) = &request.release else { return Ok(crate::kernel::running()) };
    let path = Path::new(given);
    // A build directory names its kernel's release, unless the kernel itself is in it.
    let what = match path.join("vmlinux") {
        built if built.is_file() => built,
        _ if path.is_file() || path.join("boot").is_dir() => path.to_path_buf(),
        _ => release_of(given).into(),
    };
    crate::kernel::named(Some(&what)).map_err(|error| Misuse(format!("`-r {given}`: {error}")))
}

/// What the script is compiled with.
pub(crate) fn settings(request: &Request, kernel: &Kernel) -> Result<Settings, Misuse> {
    let here = facts::architecture(kernel);
    if let Some(other) = request.architecture.as_deref().filter(|asked| *asked != here) {
        return Err(Misuse(format!("`-a {other}`: only scripts for this machine, {here}, are compiled here")));
    }
    let version = request.compatible.clone().unwrap_or_else(|| LANGUAGE.to_owned());
    if systap_syntax::compare_versions(&version, LANGUAGE).is_gt() {
        return Err(Misuse(format!(
            "`--compatible={version}`: the newest version of the language that is known here is {LANGUAGE}"
        )));
    }
    let privilege = match request.privilege {
        Privilege::User => "stapusr",
        Privilege::System => "stapsys",
        Privilege::Developer => "stapdev",
    };
    let dialect = Dialect { version, runtime: request.runtime, privilege, guru: request.guru };
    let mut settings = Settings {
        args: request.args.clone(),
        hz: compile::ticks_per_second(kernel),
        search: compile::search_path(),
        dialect,
        ..Settings::default()
    };
    for definition in &request.limits {
        // Any name of C can be defined, with a value or without; so only a value that makes no sense is wrong, and a number that
        // is none of ours was one of SystemTap's: the nearest that will do is taken, and told.
        if let Err(limits::LimitError::Value { name, value, least, most }) = settings.limit(definition) {
            let number: i128 = value.parse().map_err(|_| Misuse(format!("-D {definition}: a limit is a number")))?;
            let nearest = number.clamp(i128::from(least), i128::from(most));
            _ = limits::set(&mut settings.limits, &format!("{name}={nearest}"));
            settings
                .remarks
                .push((format!("-D {definition}: {name} is {nearest}, the nearest that is possible"), true));
        }
    }
    if request.no_time_limits {
        settings.limits.suppress_time();
    }
    if request.no_handler_errors {
        settings.limits.suppress_errors();
    }
    if !request.no_warnings {
        settings.remark(request.verbose[0] > 0);
    }
    for definition in &request.globals {
        let (name, value) = definition.split_once('=').unwrap_or((definition, ""));
        settings.globals.push((name.to_owned(), value.to_owned()));
    }
    settings.switches = request.monitor.is_some();
    settings.count_hits = request.timing || settings.switches;
    settings.ring_bytes = request.buffer;
    settings.target = crate::command::target_program(request.command.as_deref(), request.process);
    // SystemTap tells of what it drops, and with -u drops nothing.
    (settings.unoptimized, settings.advice) = (request.unoptimized, !request.unoptimized);
    settings.skip_badvars = request.skip_bad_variables;
    settings.warnings = match (request.no_warnings, request.strict_warnings) {
        (true, _) => Warnings::Silent,
        (false, true) => Warnings::Errors,
        (false, false) => Warnings::Shown,
    };
    let roots: Vec<PathBuf> = startup::tapset_directories().into_iter().chain(request.tapsets.clone()).collect();
    settings.tapset = compile::tapsets(roots, kernel).with_shipped();
    Ok(settings)
}

/// The kernel's release that `-r` names: itself, or that of a build directory.
fn release_of(given: &str) -> String {
    if !given.starts_with('/') {
        return given.to_owned();
    }
    let recorded = Path::new(given).join("include/config/kernel.release");
    match std::fs::read_to_string(recorded) {
        Ok(text) => text.trim().to_owned(),
        // `/lib/modules/RELEASE/build`
        Err(_) => given.split('/').nth(3).unwrap_or(given).to_owned(),
    }
}

/// The script and the further text of `-E`.
fn read(request: &Request, settings: &Settings, sources: &mut Sources) -> Result<Vec<FileId>, Misuse> {
    let unreadable = |Unreadable(sentence)| Misuse(sentence);
    let first = match &request.subject {
        Subject::Text(text) => script::from_text(text, sources),
        Subject::Example(name) => {
            let (name, text) = examples::find(name)
                .ok_or_else(|| Misuse(format!("there is no example `{name}`; there are {}", examples::names())))?;
            sources.add(name, text)
        }
        Subject::File(path) => {
            if settings.tapset.has(path) {
                let path = path.display();
                return Err(Misuse(format!("`{path}` is a file of a tapset, and cannot be the script too")));
            }
            script::read(path, sources).map_err(unreadable)?
        }
        _ => return Ok(vec![]),
    };
    Ok(std::iter::once(first).chain(script::more(&request.more, sources)).collect())
}

/// The same for the run.
fn options(request: &Request) -> RunOptions {
    RunOptions {
        script: ScriptOptions { guru: request.guru, color: request.color, ..ScriptOptions::default() },
        output: request.output.clone(),
        rotation: request.rotation,
        hit_report: request.timing,
        monitor: request.monitor,
        command: request.command.clone(),
        process: request.process.filter(|pid| *pid != 0),
        verbose: request.verbose[4] > 1,
        ..RunOptions::default()
    }
}
