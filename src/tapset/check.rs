//! `systap tapset check` and `matrix`: what of a tapset holds on which kernel, and what a tapset owes.
//!
//! Must never load or attach anything, so that it can be asked of kernels that do not run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use systap_diagnostics::{Severity, Sources};
use systap_elaborate::{Declares, List};
use systap_kernel::Kernel;
use systap_registry::Folder;
use systap_syntax::ast::{FunctionBody, TypeName};

use super::command::{Offered, offered};
use super::plugin::{self, Outcome};
use super::testing;
use crate::cli::ScriptOptions;
use crate::compile::{Compilation, Settings, Warnings, on_deep_stack};
use crate::outcome::Status;
use crate::{kernel, points, terminal};

/// A kernel, and what to call it in a table.
struct Column {
    name: String,
    kernel: Kernel,
}

fn columns(named: &[PathBuf]) -> Result<Vec<Column>, String> {
    let mut all: Vec<Option<PathBuf>> = if named.is_empty() { vec![None] } else { vec![] };
    for what in named {
        // A shelf is a folder of files of facts.
        let mut shelf: Vec<PathBuf> =
            what.read_dir().into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        shelf.retain(|path| path.extension().is_some_and(|end| end == "facts"));
        shelf.sort();
        if shelf.is_empty() { all.push(Some(what.clone())) } else { all.extend(shelf.into_iter().map(Some)) }
    }
    let open = |what: Option<PathBuf>| {
        let kernel = kernel::named(what.as_deref()).map_err(|error| error.to_string())?;
        let name = match (kernel.release(), what) {
            (Ok(release), _) => release.to_string(),
            (Err(_), Some(what)) => what.display().to_string(),
            (Err(_), None) => "this kernel".to_owned(),
        };
        Ok(Column { name, kernel })
    };
    all.into_iter().map(open).collect()
}

/// How closely aliases are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
    /// Whether there are points.
    AtPoints,
    /// And whether all that their bodies say means something there, whether a script will ask for it or not.
    AtBodies,
}

/// What of a tapset holds on a kernel: for each thing that it offers, how many points it stands for, or why there is none.
fn holds(
    folder: &Folder,
    all: &[Offered],
    kernel: &Kernel,
    more: &[PathBuf],
    look: Look,
) -> Result<Vec<Result<usize, String>>, String> {
    let mut roots = vec![folder.path.clone()];
    roots.extend(more.iter().cloned());
    let script = ScriptOptions { tapsets: roots, ..ScriptOptions::default() };
    let mut settings = Settings::new(&script, &[], vec![], kernel)?;
    // All at once first: only for what is not there then it is asked why, one by one.
    let together = together(all, &mut settings, kernel)?;
    let mut found = vec![];
    for (offered, known) in all.iter().zip(together) {
        if let Some(count) = known {
            found.push(Ok(count));
            continue;
        }
        let mut sources = Sources::default();
        let (pattern, more) = match offered.kind {
            Declares::Alias => (offered.name.clone(), vec![]),
            _ => match call(offered)? {
                Some(call) => ("begin".to_owned(), vec![call]),
                None => {
                    found.push(Err("it is embedded C, which only the module runtime has".to_owned()));
                    continue;
                }
            },
        };
        let asked = points::find(&pattern, List::Variables, &mut settings, kernel, &mut sources, &more)
            .ok_or("systap failed at it")?;
        // What is wrong with its file says more than that it is not there.
        let left_out = asked.left_out.first().map(|found| {
            let place = found.span.map(|span| sources.place(span));
            let line = place.map(|place| format!(" (line {})", place.line)).unwrap_or_default();
            format!("{}{line}", found.message)
        });
        found.push(match asked.errors.first() {
            Some(_) if left_out.is_some() => Err(left_out.unwrap_or_default()),
            Some(error) if offered.kind == Declares::Function || asked.found.is_empty() => Err(sentence(error)),
            _ => Ok(asked.found.values().map(|point| point.events.len()).sum()),
        });
    }
    if look == Look::AtBodies {
        settings.unoptimized = true;
        settings.list = List::Nothing;
        settings.warnings = Warnings::Silent;
        let aliases: Vec<usize> =
            (0..all.len()).filter(|nth| all[*nth].kind == Declares::Alias && found[*nth].is_ok()).collect();
        let names = |which: &[usize]| which.iter().map(|nth| all[*nth].name.as_str()).collect::<Vec<_>>();
        // All at once first: they are as good as always right.
        if wrong_body(&names(&aliases), &settings, kernel)?.is_some() {
            for nth in aliases {
                if let Some(why) = wrong_body(&names(&[nth]), &settings, kernel)? {
                    found[nth] = Err(why);
                }
            }
        }
    }
    Ok(found)
}

/// The first thing that is wrong in the bodies of aliases, and where.
fn wrong_body(aliases: &[&str], settings: &Settings, kernel: &Kernel) -> Result<Option<String>, String> {
    let mut sources = Sources::default();
    let probes: String = aliases.iter().map(|alias| format!("probe {alias} {{ }}\n")).collect();
    let file = sources.add("<command line>", probes);
    let found = on_deep_stack(|| {
        let mut compilation = Compilation::new(&mut sources, settings, kernel);
        if let Ok(trees) = compilation.parse(&[file]) {
            _ = compilation.elaborate(&trees);
        }
        compilation.diagnostics
    });
    let found = found.ok_or("systap failed at it")?;
    let error = found.iter().find(|found| found.severity == Severity::Error);
    Ok(error.map(|error| {
        let place = error.span.filter(|span| span.file != file).map(|span| sources.place(span));
        let line = place.map(|place| format!(" (line {})", place.line)).unwrap_or_default();
        format!("{}{line}", sentence(error))
    }))
}

/// How many points each of those stands for that are there without a doubt.
fn together(all: &[Offered], settings: &mut Settings, kernel: &Kernel) -> Result<Vec<Option<usize>>, String> {
    let aliases: Vec<&str> =
        all.iter().filter(|one| one.kind == Declares::Alias).map(|one| one.name.as_str()).collect();
    let calls: Option<Vec<String>> =
        all.iter().filter(|one| one.kind == Declares::Function).map(call).collect::<Result<_, _>>()?;
    let mut ask = |patterns: &[&str], more: &[String]| {
        points::find_all(patterns, List::Variables, settings, kernel, &mut Sources::default(), more)
            .ok_or_else(|| "systap failed at it".to_owned())
    };
    let points = if aliases.is_empty() { BTreeMap::new() } else { ask(&aliases, &[])?.found };
    let good = match calls {
        Some(calls) if !calls.is_empty() => {
            let asked = ask(&["begin"], &[calls.join("\n")])?;
            asked.errors.is_empty() && asked.left_out.is_empty()
        }
        _ => false,
    };
    Ok(all
        .iter()
        .map(|one| match one.kind {
            Declares::Alias => points.get(&one.name).map(|point| point.events.len()),
            _ => good.then_some(1),
        })
        .collect())
}

/// What of a tapset holds on a kernel.
pub(super) struct Checked {
    /// What to call the kernel.
    pub(super) kernel: String,
    /// For each thing that the tapset offers, how many points it stands for, or why there is none.
    pub(super) held: Vec<Result<usize, String>>,
}

/// What of a tapset holds on the running kernel, and on those that are named. `more` are tapsets that it needs, or folders of them.
pub(super) fn on_kernels(
    folder: &Folder,
    all: &[Offered],
    named: &[PathBuf],
    more: &[PathBuf],
) -> Result<Vec<Checked>, String> {
    let mut every = columns(&[])?;
    if !named.is_empty() {
        every.extend(columns(named)?);
    }
    let progress = terminal::progress("checking on kernels", every.len() as u64);
    let mut checked = vec![];
    for column in every {
        // Facts that were cut down to what scripts need may lack what they do not.
        let look = if checked.is_empty() { Look::AtBodies } else { Look::AtPoints };
        let held = holds(folder, all, &column.kernel, more, look)?;
        column.kernel.keep();
        let kernel = format!("{} {}", column.name, column.kernel.arch());
        checked.push(Checked { kernel, held });
        progress.inc(1);
    }
    progress.finish_and_clear();
    Ok(checked)
}

/// A probe that calls a function, with a value of each parameter's type; `None` if it is embedded C.
fn call(offered: &Offered) -> Result<Option<String>, String> {
    let text = std::fs::read(offered.file()).map_err(|error| format!("{}: {error}", offered.file().display()))?;
    let text = systap_syntax::foreign::decode(text);
    let mut sources = Sources::default();
    let file = sources.add("script", text.as_str());
    let options = systap_syntax::ParseOptions { warn_unused_args: false, ..systap_syntax::ParseOptions::default() };
    // Macros and conditions are not known here; what is around a declaration does not change its head.
    let parsed = systap_syntax::parse(&mut sources, file, &options);
    let function = parsed.file.items.iter().find_map(|item| match item {
        systap_syntax::ast::Item::Function(function) if function.name.text == offered.name => Some(function),
        _ => None,
    });
    if function.is_some_and(|function| matches!(function.body, FunctionBody::Embedded(_))) {
        return Ok(None);
    }
    let args: Vec<&str> = function.map_or(vec![], |function| {
        let value = |ty: &Option<TypeName>| if *ty == Some(TypeName::String) { "\"\"" } else { "0" };
        function.params.iter().map(|(_, ty)| value(ty)).collect()
    });
    Ok(Some(format!("probe begin {{ {}({}) }}", offered.name, args.join(", "))))
}

/// An error in a line: what is said, and why.
fn sentence(error: &systap_diagnostics::Diagnostic) -> String {
    match error.notes.first() {
        Some(note) => format!("{} ({note})", error.message),
        None => error.message.clone(),
    }
}

/// Checks a tapset: everything that it offers on every kernel, a test for each alias, a word on each thing.
pub(super) fn check(folder: &Folder, kernels: &[PathBuf], more: &[PathBuf]) -> Result<Status, String> {
    let all = offered(folder)?;
    let mut text = String::new();
    let mut wrong = 0;
    let aliases: Vec<&Offered> = all.iter().filter(|offered| offered.kind == Declares::Alias).collect();
    for column in columns(kernels)? {
        let holds = holds(folder, &all, &column.kernel, more, Look::AtBodies)?;
        let good = holds.iter().filter(|held| held.is_ok()).count();
        text += &format!("{}: {good} of {} hold\n", column.name, all.len());
        match folder.manifest.plugin.as_ref().map(|plugin| plugin::ask(folder, plugin, &column.kernel)) {
            None => {}
            Some(Outcome::Answered(asked)) => {
                let (constants, tables) = (asked.answer.constants.len(), asked.answer.tables.len());
                text += &format!("  its plugin gives {constants} constants and {tables} tables\n");
            }
            Some(Outcome::Absent) => text += "  its plugin is not built for this machine\n",
            Some(Outcome::Failed(why)) => {
                wrong += 1;
                text += &format!("  its plugin does not answer: {why}\n");
            }
        }
        for (offered, held) in all.iter().zip(&holds) {
            if let Err(why) = held {
                wrong += 1;
                text += &format!("  {}: {why}\n", offered.name);
            }
        }
        column.kernel.keep();
    }
    for script in folder.scripts.iter().filter(|script| script.name.ends_with(".stp")) {
        let bytes = std::fs::read(&script.path).map_err(|error| format!("{}: {error}", script.path.display()))?;
        let script_text = systap_syntax::foreign::decode(bytes);
        if systap_elaborate::declarations(&script_text).is_empty() {
            wrong += 1;
            let mut sources = Sources::default();
            let file = sources.add("", script_text);
            let parsed = systap_syntax::parse(&mut sources, file, &systap_syntax::ParseOptions::default());
            let error = parsed.diagnostics.iter().find(|found| found.severity == Severity::Error);
            text += &match error.and_then(|error| Some((error, sources.place(error.span?).line))) {
                Some((error, line)) => format!("scripts/{} (line {line}): {}\n", script.name, error.message),
                None => format!("scripts/{} declares nothing\n", script.name),
            };
        }
    }
    for nested in nested_scripts(folder) {
        wrong += 1;
        text += &format!("{nested} is never read: scripts lie in scripts/ itself\n");
    }
    let tested: BTreeSet<String> = testing::tested_aliases(folder)?;
    let owed = |title: &str, names: Vec<&str>, text: &mut String| {
        if !names.is_empty() {
            *text += &format!("{title}: {}\n", names.join(", "));
        }
    };
    let untested = aliases.iter().filter(|alias| !tested.contains(&alias.name)).map(|alias| alias.name.as_str());
    owed("without a test", untested.collect(), &mut text);
    let silent = all.iter().filter(|offered| offered.comment.is_empty()).map(|offered| offered.name.as_str());
    owed("without a comment", silent.collect(), &mut text);
    let known = |name: &&String| all.iter().any(|offered| offered.name == **name);
    let strange = folder.manifest.aliases.keys().filter(|name| !known(name) && !is_private(folder, name));
    let strange: Vec<&str> = strange.map(String::as_str).collect();
    wrong += strange.len();
    owed("noted in the manifest, and not there", strange, &mut text);
    let shown = terminal::write_to_stdout(&text);
    Ok(if wrong > 0 { Status::ScriptError } else { shown })
}

/// Scripts in folders below `scripts/`, which are packed and read by nobody.
fn nested_scripts(folder: &Folder) -> Vec<String> {
    let below = |folder: &Path| folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
    let folders = below(&folder.path.join("scripts")).filter(|path| path.is_dir());
    let scripts = folders
        .flat_map(|folder| below(&folder))
        .filter(|path| path.extension().is_some_and(|end| end == "stp" || end == "stpm"));
    let mut names: Vec<String> =
        scripts.map(|path| path.strip_prefix(&folder.path).unwrap_or(&path).display().to_string()).collect();
    names.sort();
    names
}

fn is_private(folder: &Folder, alias: &str) -> bool {
    folder.manifest.aliases.get(alias).is_some_and(|note| note.stability == systap_registry::Stability::Private)
}

/// Shows which alias is there on which kernel, and of those that are not, why.
pub(super) fn matrix(folder: &Folder, kernels: &[PathBuf], more: &[PathBuf]) -> Result<Status, String> {
    let all: Vec<Offered> = offered(folder)?.into_iter().filter(|offered| offered.kind == Declares::Alias).collect();
    let mut checked = vec![];
    for column in columns(kernels)? {
        let held = holds(folder, &all, &column.kernel, more, Look::AtPoints)?;
        column.kernel.keep();
        checked.push(Checked { kernel: column.name, held });
    }
    Ok(terminal::write_to_stdout(&table(&all, &checked)))
}

/// Which alias is there on which kernel, a line an alias, and below that why others are not.
pub(super) fn table(all: &[Offered], checked: &[Checked]) -> String {
    let aliases = || all.iter().enumerate().filter(|(_, offered)| offered.kind == Declares::Alias);
    let width = aliases().map(|(_, offered)| offered.name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for (nth, column) in checked.iter().enumerate() {
        text += &format!("{:width$}  {}{}\n", "", "| ".repeat(nth), column.kernel);
    }
    let mut reasons: Vec<String> = vec![];
    for (nth, offered) in aliases() {
        text += &format!("{:width$}  ", offered.name);
        for column in checked {
            text += match &column.held[nth] {
                Ok(_) => "+ ",
                Err(why) => {
                    reasons.push(format!("{} on {}: {why}\n", offered.name, column.kernel));
                    "- "
                }
            };
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    if !reasons.is_empty() {
        text.push('\n');
        text.extend(reasons);
    }
    text
}
