//! `systap check`: says what is wrong with scripts, or shows what becomes of them. Loads nothing unless asked for the kernel's verdict
//! (`--until load`), so it needs no privilege; never attaches anything.

use std::io::Write;

use systap_bpf::Artifact;
use systap_diagnostics::{FileId, Sources};
use systap_ir::graph::Unit;
use systap_ir::placed::Placed;
use systap_ir::text;
use systap_kernel::Kernel;
use systap_runtime::{LoadError, Verdict};

use crate::cli::{CheckOptions, Form, Stage};
use crate::compile::{Compilation, Settings, Stop, on_deep_stack};
use crate::outcome::Status;
use crate::script::{self, Unreadable};
use crate::{module, tapset, terminal};

/// Checks every script, or a module; all are checked even if one is wrong.
pub(crate) fn check(options: &CheckOptions) -> Status {
    let [path] = options.files.as_slice() else { return check_scripts(options) };
    let opened = module::read(path).and_then(|module| {
        let Some(module) = module else { return Ok(None) };
        let args = [module.contents.args.as_slice(), &options.args].concat();
        Ok(Some(CheckOptions { script: module.options(&options.script)?, files: vec![], args, ..options.clone() }))
    });
    match opened {
        Ok(Some(options)) => check_scripts(&options),
        Ok(None) => check_scripts(options),
        Err(sentence) => {
            terminal::complain(&sentence);
            Status::ScriptError
        }
    }
}

fn check_scripts(options: &CheckOptions) -> Status {
    let kernel = match crate::kernel::named(options.kernel.as_deref()) {
        Ok(kernel) => kernel,
        Err(error) => {
            terminal::complain(&error.to_string());
            return Status::Refused;
        }
    };
    // Scripts that are checked together are checked with the lock of the first.
    let named = tapset::locked::named(&options.script.versions);
    let beside = || options.files.first().map_or(Ok(vec![]), |script| tapset::locked::roots(script));
    let locked = match named.and_then(|named| Ok([named, beside()?].concat())) {
        Ok(locked) => locked,
        Err(sentence) => {
            terminal::complain(&sentence);
            return Status::Registry;
        }
    };
    let settings = match Settings::new(&options.script, &locked, options.args.clone(), &kernel) {
        // The one who checks a script wants to hear what the one who runs it need not.
        Ok(settings) => Settings { advice: true, ..settings },
        Err(sentence) => {
            terminal::complain(&sentence);
            return Status::Usage;
        }
    };
    if options.script.text.is_none() && options.files.is_empty() {
        terminal::complain("nothing to check: name a script, or give one with -e");
        return Status::Usage;
    }
    if options.until == Stage::Load && !kernel.is_running() {
        terminal::complain("--until load asks the kernel that runs here, and --kernel names another");
        return Status::Usage;
    }
    settings.remark(options.verbose);
    let mut worst = Status::Done;
    let mut sources = Sources::default();
    let mut files: Vec<Result<FileId, Unreadable>> = vec![];
    files.extend(script::of_options(&options.script, &mut sources).map(Ok));
    for path in &options.files {
        files.push(script::read(path, &mut sources));
    }
    let more: Vec<FileId> = script::more(&options.script.more, &mut sources);
    for file in files {
        let status = match file {
            Ok(file) => check_one(&[&[file], more.as_slice()].concat(), options, &settings, &kernel, &mut sources),
            Err(Unreadable(sentence)) => {
                terminal::complain(&sentence);
                Status::ScriptError
            }
        };
        if status != Status::Done {
            worst = status;
        }
    }
    kernel.keep();
    worst
}

fn check_one(
    files: &[FileId],
    options: &CheckOptions,
    settings: &Settings,
    kernel: &Kernel,
    sources: &mut Sources,
) -> Status {
    let done = on_deep_stack(|| {
        let mut compilation = Compilation::new(sources, settings, kernel);
        let shown = show_stages(&mut compilation, files, options);
        (shown, compilation.diagnostics)
    });
    let Some((shown, mut diagnostics)) = done else { return Status::Internal };
    tapset::missing::tell(&mut diagnostics, sources, &options.script.tapsets);
    let wrong = terminal::show(&diagnostics, sources, options.script.format, options.script.color);
    match shown {
        Ok(text) if !wrong => match std::io::stdout().write_all(text.as_bytes()) {
            Ok(()) => Status::Done,
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Status::Done,
            Err(error) => {
                terminal::complain(&format!("cannot write the output: {error}"));
                Status::ScriptError
            }
        },
        Ok(_) | Err(Stop::Script) => Status::ScriptError,
        Err(stop) => crate::run::explain_stop(&stop),
    }
}

/// Goes as far as asked; gives what is to be shown.
fn show_stages(compilation: &mut Compilation<'_>, files: &[FileId], options: &CheckOptions) -> Result<String, Stop> {
    let wanted = |form: Form| options.print == Some(form);
    let trees = compilation.parse(files)?;
    if wanted(Form::Ast) {
        return Ok(trees.iter().map(|tree| systap_syntax::print(tree, compilation.sources)).collect());
    }
    if options.until == Stage::Parse && options.print.is_none() {
        return Ok(String::new());
    }
    let program = compilation.elaborate(&trees)?;
    if wanted(Form::Program) {
        return Ok(text::program(&program));
    }
    if options.until == Stage::Resolve && options.print.is_none() {
        return Ok(String::new());
    }
    let unit = compilation.lower(&program)?;
    if wanted(Form::Ir) {
        return Ok(text::unit(&unit));
    }
    let (placed, artifact) = compilation.divide(&unit)?;
    if options.until == Stage::Load && options.print.is_none() {
        return verdicts(compilation, &unit, (placed, artifact), options.verbose);
    }
    if wanted(Form::Placed) {
        return Ok(text::placed(&placed));
    }
    if wanted(Form::Bpf) {
        return Ok(artifact.map_or("nothing of this script runs in the kernel\n".to_owned(), |artifact| {
            systap_bpf::print(&artifact)
        }));
    }
    Ok(if options.verbose { where_it_runs(&placed, compilation.sources) } else { String::new() })
}

/// Has the kernel look at every program; gives what it said.
fn verdicts(
    compilation: &mut Compilation<'_>,
    unit: &Unit,
    (mut placed, mut artifact): (Placed, Option<Artifact>),
    verbose: bool,
) -> Result<String, Stop> {
    let verify = |placed: &Placed, artifact: Option<&Artifact>| {
        let verdicts = artifact.map(|artifact| systap_runtime::verify(artifact, placed, &Kernel::running()));
        verdicts.transpose().map(Option::unwrap_or_default)
    };
    let mut verdicts = verify(&placed, artifact.as_ref());
    if matches!(verdicts, Err(LoadError::TooLong { .. })) {
        // As a run would: less of it in the kernel may do.
        compilation.small = true;
        let told = compilation.diagnostics.len();
        match compilation.divide(unit) {
            Ok(smaller) => {
                (placed, artifact) = smaller;
                verdicts = verify(&placed, artifact.as_ref());
            }
            // That all of it is too much is what there is to be told.
            Err(_) => compilation.diagnostics.truncate(told),
        }
    }
    let verdicts = verdicts.map_err(|error| Stop::Load(Box::new(error)))?;
    let mut text = match verdicts.len() {
        0 => return Ok("nothing of this script runs in the kernel\n".to_owned()),
        1 => "the kernel takes the program; nothing was attached\n".to_owned(),
        several => format!("the kernel takes all {several} programs; nothing was attached\n"),
    };
    for Verdict { points, instead, instructions, verified, .. } in verdicts.iter().filter(|_| verbose) {
        let instead = if *instead { ", where it must be a kprobe" } else { "" };
        let points = points.join(", ");
        text += &format!("{points}{instead}: {instructions} instructions, {verified} looked at by the verifier\n");
    }
    Ok(text)
}

/// For `-v`: the side of each handler, and why a part of one left the kernel.
fn where_it_runs(placed: &Placed, sources: &Sources) -> String {
    let mut text = String::new();
    for (number, handler) in placed.kernel.iter().enumerate() {
        text += &format!("{}: in the kernel\n", handler.point);
        for continuation in placed.continuations.iter().filter(|continuation| continuation.handler == number) {
            let (reason, span) = &continuation.reason;
            let place = sources.place(*span);
            text += &format!(
                "    from {}:{}:{} on the user side, when the record arrives: {reason}\n",
                sources.file(span.file).name,
                place.line,
                place.column
            );
        }
    }
    for handler in &placed.user {
        text += &format!("{}: on the user side\n", handler.point);
    }
    text
}
