//! `systap run`: compiles a script and runs it.

use std::ffi::OsString;
use std::path::Path;
use std::time::{Duration, Instant};

use systap_bpf::Artifact;
use systap_diagnostics::{FileId, Sources};
use systap_ir::placed::Placed;
use systap_ir::program::Event;
use systap_kernel::Kernel;
use systap_runtime::{LoadError, Plan, Report, RunError, Target};
use systap_sys::process::Exit;

use crate::background::{self, Begun};
use crate::cli::{Format, RunOptions, Runtime};
use crate::compile::{Compilation, Settings, Stop, on_deep_stack};
use crate::monitor::{self, Monitor};
use crate::outcome::Status;
use crate::output_file::OutputFile;
use crate::script::{self, Unreadable};
use crate::sink::{Destination, Voice};
use crate::{module, summary, tapset, terminal};

/// Runs a script, or a module.
pub(crate) fn run(options: &RunOptions) -> Status {
    if let Err(sentence) = runtime(options.runtime) {
        terminal::complain(&sentence);
        return Status::Refused;
    }
    if let Some(sentence) = options.monitor.and_then(|_| monitor::misuse(options.script.format)) {
        terminal::complain(sentence);
        return Status::Usage;
    }
    if options.background && !background::is_here() {
        return begin_in_background(options);
    }
    match opened(options) {
        Ok(Some(options)) => run_script(&options),
        Ok(None) => run_script(options),
        Err(sentence) => {
            terminal::complain(&sentence);
            Status::ScriptError
        }
    }
}

/// Starts the run that goes on without this command, and says which process it is.
fn begin_in_background(options: &RunOptions) -> Status {
    let from_stdin =
        options.script.text.is_none() && options.file_and_args.first().is_some_and(|file| file.as_os_str() == "-");
    if let Some(sentence) = background::misuse(options.output.is_some(), from_stdin) {
        terminal::complain(sentence);
        return Status::Usage;
    }
    match background::begin() {
        Ok(Begun::Runs { pid }) => terminal::write_to_stdout(&format!("{pid}\n")),
        Ok(Begun::Failed(status)) => Status::of_exit(status.code()),
        Err(sentence) => {
            terminal::complain(&sentence);
            Status::Refused
        }
    }
}

/// Says so if there is no such runtime.
pub(crate) fn runtime(asked: Runtime) -> Result<(), String> {
    match asked {
        Runtime::Auto | Runtime::Bpf => Ok(()),
        Runtime::Module => Err("systap makes no kernel modules: what its BPF programs cannot do, it says so for each probe and function (`systap doc NAME`, `systap list -v POINT`)\n  help: leave --runtime module away".to_owned()),
    }
}

/// The options with what a module says, if the file to run is one.
fn opened(options: &RunOptions) -> Result<Option<RunOptions>, String> {
    let Some((path, rest)) = options.file_and_args.split_first().filter(|_| options.script.text.is_none()) else {
        return Ok(None);
    };
    let Some(module) = module::read(Path::new(path))? else { return Ok(None) };
    let args = module.contents.args.iter().map(OsString::from).chain(rest.iter().cloned()).collect();
    Ok(Some(RunOptions { script: module.options(&options.script)?, file_and_args: args, ..options.clone() }))
}

fn run_script(options: &RunOptions) -> Status {
    let mut sources = Sources::default();
    let kernel = crate::kernel::running();
    let prepared = match prepare(options, &mut sources, &kernel) {
        Ok(prepared) => prepared,
        Err((status, sentence)) => {
            terminal::complain(&sentence);
            return status;
        }
    };
    let Prepared { files, settings, time_limit } = prepared;
    let start = Instant::now();
    let compile = |sources: &mut Sources, small: bool| {
        let compiled = on_deep_stack(|| {
            let mut compilation = Compilation::new(sources, &settings, &kernel);
            compilation.small = small;
            let compiled = compilation.compile(&files);
            (compiled, compilation.diagnostics)
        });
        let Some((compiled, mut diagnostics)) = compiled else { return Err(Status::Internal) };
        if small || options.quiet && compiled.is_ok() {
            diagnostics.clear();
        }
        // What is against less of it in the kernel is no news to who is told that all of it is too much.
        if small && compiled.is_err() {
            return Err(Status::Refused);
        }
        tapset::missing::tell(&mut diagnostics, sources, &options.script.tapsets);
        terminal::show(&diagnostics, sources, options.script.format, options.script.color);
        let (mut placed, mut artifact) = compiled.map_err(|stop| explain_stop(&stop))?;
        if options.no_fentry {
            artifact.iter_mut().for_each(Artifact::refuse_function_types);
        }
        if options.no_global_var_display {
            placed.globals.iter_mut().for_each(|(global, _)| global.print_at_end = false);
        }
        Ok((placed, artifact))
    };
    let compiled = match compile(&mut sources, false) {
        Ok(compiled) => compiled,
        Err(status) => return status,
    };
    if options.verbose {
        terminal::complain(&format!("compiled in {:.1?}", start.elapsed()));
    }
    let Some(script) = files.first().copied() else { return Status::Internal };
    let scene = Scene { script, kernel: &kernel, hz: settings.hz, time_limit, options, sources: &sources };
    let status = execute(&scene, compiled, || compile(&mut sources.clone(), true).ok()).status;
    kernel.keep();
    status
}

/// What runs: the divided program, and its kernel part if there is one.
pub(crate) type Compiled = (Placed, Option<Artifact>);

/// How a run ended.
pub(crate) struct Outcome {
    pub(crate) status: Status,
    /// How the command of `-c` did, if it ended.
    pub(crate) command: Option<Exit>,
}

impl From<Status> for Outcome {
    fn from(status: Status) -> Self {
        Outcome { status, command: None }
    }
}

/// What a run needs besides its program.
pub(crate) struct Scene<'a> {
    /// What messages call the run by.
    pub(crate) script: FileId,
    pub(crate) kernel: &'a Kernel,
    pub(crate) hz: u32,
    pub(crate) time_limit: Option<Duration>,
    pub(crate) options: &'a RunOptions,
    pub(crate) sources: &'a Sources,
}

/// Runs what has been compiled; what `smaller` gives if the verifier gives up on it.
pub(crate) fn execute(scene: &Scene<'_>, compiled: Compiled, smaller: impl FnOnce() -> Option<Compiled>) -> Outcome {
    let Scene { options, sources, kernel, hz, time_limit, .. } = *scene;
    let destination = match &options.output {
        None => Destination::Stdout(std::io::stdout()),
        Some(name) => match OutputFile::create(name, options.rotation) {
            Ok(file) => Destination::File(file),
            Err(error) => {
                terminal::complain(&format!("cannot write to `{name}`: {error}"));
                return Status::Usage.into();
            }
        },
    };
    let monitor = match options.monitor.map(|period| view(scene, &compiled.0, period)).transpose() {
        Ok(monitor) => monitor,
        Err(sentence) => {
            terminal::complain(sentence);
            return Status::Usage.into();
        }
    };
    let form = (options.script.format, options.script.color);
    let mut voice = Voice::new(destination, form, (options.verbose, options.quiet), sources).with_monitor(monitor);
    let mut attempt = |(placed, artifact): &Compiled| {
        let plan = Plan { placed, artifact: artifact.as_ref(), kernel, target: target(options), time_limit, hz };
        systap_runtime::run(&plan, &mut voice)
    };
    let mut outcome = attempt(&compiled);
    if let Err(RunError::Load(LoadError::TooLong { .. })) = outcome
        // Less of it in the kernel may do.
        && let Some(smaller) = smaller()
    {
        outcome = attempt(&smaller);
    }
    match outcome {
        Ok(report) => Outcome { status: finish(&report, options, &mut voice, sources), command: report.target },
        Err(error) => explain_failure(&error).into(),
    }
}

/// The view of the run; a sentence if there can be none.
fn view(scene: &Scene<'_>, placed: &Placed, period: Duration) -> Result<Monitor, &'static str> {
    if placed.user.iter().any(|handler| matches!(handler.event, Event::Input { .. })) {
        return Err("the script reads standard input, which --monitor takes keys from");
    }
    let script = scene.sources.file(scene.script).name.clone();
    let kernel = scene.kernel.release().map_or(String::new(), ToString::to_string);
    Ok(Monitor::new(period, script, kernel, scene.options.output.is_none()))
}

struct Prepared {
    files: Vec<FileId>,
    settings: Settings,
    time_limit: Option<Duration>,
}

/// Reads the script and the options that go with it.
fn prepare(options: &RunOptions, sources: &mut Sources, kernel: &Kernel) -> Result<Prepared, (Status, String)> {
    let usage = |sentence: String| (Status::Usage, sentence);
    let words = |words: &[OsString]| -> Result<Vec<String>, (Status, String)> {
        let word = |word: &OsString| {
            word.to_str().map(str::to_owned).ok_or_else(|| usage(format!("the argument {word:?} is not UTF-8")))
        };
        words.iter().map(word).collect()
    };
    let given = script::of_options(&options.script, sources);
    let (file, args) = match (given, options.file_and_args.split_first()) {
        (Some(file), _) => (file, words(&options.file_and_args)?),
        (None, Some((path, rest))) => {
            let file = script::read(Path::new(path), sources).map_err(|Unreadable(why)| (Status::ScriptError, why))?;
            (file, words(rest)?)
        }
        (None, None) => return Err(usage("nothing to run: name a script, or give one with -e".to_owned())),
    };
    let script = options.file_and_args.first().filter(|_| options.script.text.is_none()).map(Path::new);
    let mut locked = tapset::locked::named(&options.script.versions).map_err(|why| (Status::Registry, why))?;
    locked.extend(script.map_or(Ok(vec![]), tapset::locked::roots).map_err(|why| (Status::Registry, why))?);
    let mut settings = Settings::new(&options.script, &locked, args, kernel).map_err(usage)?;
    let files = std::iter::once(file).chain(script::more(&options.script.more, sources)).collect();
    if options.suppress_time_limits && !options.script.guru {
        return Err(usage("--suppress-time-limits needs guru mode (-g)".to_owned()));
    }
    if options.suppress_time_limits {
        settings.limits.suppress_time();
    }
    if options.suppress_handler_errors {
        settings.limits.suppress_errors();
    }
    if !options.quiet && !options.script.no_warnings {
        settings.remark(options.verbose);
    }
    settings.switches = options.monitor.is_some();
    settings.count_hits = options.summary || settings.switches || options.script.format == Format::Json;
    settings.ring_bytes = options.kernel_buffer;
    settings.target = crate::command::target_program(options.command.as_deref(), options.process);
    let time_limit = match options.seconds {
        Some(seconds) => {
            let limit = Duration::try_from_secs_f64(seconds).ok().filter(|limit| !limit.is_zero());
            Some(limit.ok_or_else(|| usage(format!("-T {seconds}: expected a number of seconds greater than 0")))?)
        }
        None => None,
    };
    Ok(Prepared { files, settings, time_limit })
}

fn target(options: &RunOptions) -> Target {
    match (&options.command, options.process) {
        (Some(command), _) => crate::command::target(command),
        (None, Some(pid)) => Target::Process(pid),
        (None, None) => Target::None,
    }
}

/// Tells what the run came to, and gives its status.
fn finish(report: &Report, options: &RunOptions, voice: &mut Voice<'_>, sources: &Sources) -> Status {
    let closed = report.end == systap_runtime::End::OutputClosed;
    if options.script.format == Format::Json && !closed {
        // A reader that has gone away since then is no failure of the run.
        _ = voice.finish().and_then(|()| voice.object(&summary::object(report)));
    } else {
        let mut text = summary::losses(report, sources);
        if options.summary {
            text += &summary::table(report);
        }
        if options.hit_report {
            text += &summary::hits(report, sources);
        }
        terminal::write_to_stderr(text.as_bytes());
    }
    match report.target {
        Some(Exit::Code(code)) if code != 0 => terminal::complain(&format!("the command exited with status {code}")),
        Some(Exit::Signal(signal)) => terminal::complain(&format!("the command was ended by {signal}")),
        _ => {}
    }
    if report.failed() {
        Status::ScriptError
    } else if options.strict_loss && report.lost_records() + report.missed_hits() > 0 {
        Status::Lost
    } else {
        Status::Done
    }
}

/// Says why there is nothing to run, unless diagnostics have said it.
pub(crate) fn explain_stop(stop: &Stop) -> Status {
    match stop {
        Stop::Script => Status::ScriptError,
        Stop::Kernel(error) => {
            terminal::complain(&error.to_string());
            Status::Refused
        }
        Stop::Lacking(error) => {
            terminal::complain(&format!(
                "{error}\n  help: facts that hold all of the kernel have it: `systap kernel save`"
            ));
            Status::Refused
        }
        Stop::Load(error) => explain_refusal(error),
        Stop::TooBig(error) => {
            terminal::complain(&format!("{error}\n  help: split the handler"));
            Status::Refused
        }
        Stop::Internal(error) => {
            terminal::complain(&format!("{error}; this is a mistake in systap, please report it with the script"));
            Status::Internal
        }
    }
}

/// Says why the run did not take place, and what can be done about it.
fn explain_failure(error: &RunError) -> Status {
    if let RunError::Load(error) = error {
        return explain_refusal(error);
    }
    complain_with(&error.to_string(), &error.remedies());
    match error {
        RunError::NoSuchProcess { .. } | RunError::Command { .. } => Status::Usage,
        RunError::Output(_) => Status::ScriptError,
        _ => Status::Refused,
    }
}

/// Says why the kernel did not take a program, and what can be done about it.
fn explain_refusal(error: &LoadError) -> Status {
    let mut text = error.to_string();
    if error.is_internal() {
        text += "\n  this is a mistake in systap: please report it with the script";
    }
    complain_with(&text, &error.remedies());
    if error.is_internal() { Status::Internal } else { Status::Refused }
}

fn complain_with(sentence: &str, remedies: &[&str]) {
    let help: String = remedies.iter().map(|remedy| format!("\n  help: {remedy}")).collect();
    terminal::complain(&format!("{sentence}{help}"));
}
