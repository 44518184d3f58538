//! `systap tapset semver-check`: whether a change of a tapset is a major, a minor or a patch release.
//!
//! What scripts count on is names: aliases, what they set, functions with their parameters, and the kernels that they are there on.
//! Each kind of change is a row of [`LINTS`], with a page of its own. Must never pass over a change that breaks a script.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Serialize;
use systap_registry::{Folder, Stability};

use super::check;
use super::command::offered;
use super::describe;
use super::failure::Failure;
use crate::cli::{Format, SemverOptions};
use crate::outcome::Status;
use crate::{kernel, terminal};

/// What a change asks of the version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Level {
    Patch,
    Minor,
    Major,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Level::Patch => "patch",
            Level::Minor => "minor",
            Level::Major => "major",
        })
    }
}

/// A kind of change.
#[derive(Debug)]
pub(super) struct Lint {
    pub(super) name: &'static str,
    pub(super) level: Level,
    /// Why it is of that level; a sentence.
    pub(super) why: &'static str,
}

/// Every kind of change that is told.
pub(super) const LINTS: &[Lint] = &[
    lint("alias-removed", Level::Major, "a script that names the alias does not compile any more"),
    lint("alias-private", Level::Major, "a script that names the alias does not compile any more"),
    lint("alias-added", Level::Minor, "scripts that use it need this version"),
    lint("alias-deprecated", Level::Minor, "scripts that use it are warned"),
    lint("evolving-changed", Level::Minor, "it was said that it may change, and who uses it nevertheless is to know"),
    lint("alias-destabilized", Level::Major, "it was promised to stay as it is"),
    lint("variable-removed", Level::Major, "a handler that reads it does not compile any more"),
    lint("variable-type", Level::Major, "a handler that reads it as it was does not compile any more"),
    lint("variable-added", Level::Minor, "handlers that read it need this version"),
    lint("function-removed", Level::Major, "a script that calls it does not compile any more"),
    lint("function-parameters", Level::Major, "a script that calls it as it was does not compile any more"),
    lint("function-type", Level::Major, "what it gives is of another type"),
    lint("function-added", Level::Minor, "scripts that call it need this version"),
    lint("kernel-lost", Level::Major, "a script that ran on this kernel does not any more"),
    lint("kernel-gained", Level::Minor, "it is there where it was not before"),
    lint("needs-more", Level::Major, "kernels that had the tapset may not have it any more"),
    lint("arch-lost", Level::Major, "machines that had the tapset do not have it any more"),
    lint("tested-less", Level::Minor, "users of such a kernel are told that it is untested"),
    lint("plugin-abi", Level::Major, "a systap that speaks only the old interface cannot use it"),
    lint("dependency-major", Level::Major, "a script that also needs the old major version of it cannot be run"),
    lint("license", Level::Major, "who may use it, and how, is another matter"),
];

const fn lint(name: &'static str, level: Level, why: &'static str) -> Lint {
    Lint { name, level, why }
}

/// A change that was found.
#[derive(Debug, Serialize)]
pub(super) struct Change {
    pub(super) lint: &'static str,
    pub(super) level: Level,
    /// What is changed.
    pub(super) of: String,
    #[serde(skip)]
    why: &'static str,
}

/// What a tapset promises.
struct Promised {
    /// Aliases with what they set, where they are there on this kernel.
    aliases: BTreeMap<String, Vec<String>>,
    /// Parameters and result of functions.
    functions: BTreeMap<String, (Vec<String>, String)>,
}

impl Promised {
    fn of(folder: &Folder) -> Result<Promised, Failure> {
        let kernel = kernel::running();
        let doc = describe::doc(folder, &offered(folder)?, &kernel)?;
        let types = |parameters: Vec<String>| {
            parameters.iter().filter_map(|one| Some(one.split_once(':')?.1.to_owned())).collect()
        };
        Ok(Promised {
            aliases: doc.aliases.into_iter().map(|alias| (alias.name, alias.variables)).collect(),
            functions: doc.functions.into_iter().map(|one| (one.name, (types(one.parameters), one.gives))).collect(),
        })
    }
}

/// What has changed from one tapset to the next, on this kernel and on others. `more` are tapsets that they need, or folders of them.
pub(super) fn compare(
    old: &Folder,
    new: &Folder,
    kernels: &[PathBuf],
    more: &[PathBuf],
) -> Result<Vec<Change>, Failure> {
    let (was, is) = (Promised::of(old)?, Promised::of(new)?);
    let mut changes = vec![];
    let mut found = |name: &'static str, of: String| {
        if let Some(lint) = LINTS.iter().find(|lint| lint.name == name) {
            changes.push(Change { lint: lint.name, level: lint.level, of, why: lint.why });
        }
    };
    let note = |folder: &Folder, alias: &str| folder.manifest.aliases.get(alias).cloned().unwrap_or_default();
    for (alias, before) in &was.aliases {
        let (old_note, new_note) = (note(old, alias), note(new, alias));
        // What may change was never promised.
        let promised = old_note.stability == Stability::Stable;
        let Some(now) = is.aliases.get(alias) else {
            let gone = old_note.deprecated.as_ref().and_then(|deprecated| deprecated.gone.clone());
            if gone.is_some_and(|gone| gone <= new.manifest.version) {
                continue;
            }
            let private = new_note.stability == Stability::Private;
            found(
                match promised {
                    false => "evolving-changed",
                    true if private => "alias-private",
                    true => "alias-removed",
                },
                alias.clone(),
            );
            continue;
        };
        if new_note.deprecated.is_some() && old_note.deprecated.is_none() {
            found("alias-deprecated", alias.clone());
        }
        if promised && new_note.stability == Stability::Evolving {
            found("alias-destabilized", alias.clone());
        }
        // Where it did not resolve, nothing is known of what it sets.
        if before.is_empty() || now.is_empty() {
            continue;
        }
        let named = |list: &[String]| -> BTreeMap<String, String> {
            let split = |variable: &String| {
                let (name, ty) = variable.split_once(':').unwrap_or((variable, ""));
                (name.to_owned(), ty.to_owned())
            };
            list.iter().map(split).collect()
        };
        let (before, now) = (named(before), named(now));
        for (name, ty) in &before {
            match now.get(name) {
                Some(same) if same == ty => {}
                _ if !promised => found("evolving-changed", format!("{alias}: {name}")),
                None => found("variable-removed", format!("{alias}: {name}")),
                Some(other) => found("variable-type", format!("{alias}: {name} was {ty}, is {other}")),
            }
        }
        for name in now.keys().filter(|name| !before.contains_key(*name)) {
            found("variable-added", format!("{alias}: {name}"));
        }
    }
    for alias in is.aliases.keys().filter(|alias| !was.aliases.contains_key(*alias)) {
        found("alias-added", alias.clone());
    }
    for (name, (params, gives)) in &was.functions {
        match is.functions.get(name) {
            None => found("function-removed", name.clone()),
            Some((now, _)) if now != params => {
                found("function-parameters", format!("{name}({}) was {name}({})", now.join(", "), params.join(", ")));
            }
            Some((_, now)) if now != gives => found("function-type", format!("{name} was {gives}, is {now}")),
            Some(_) => {}
        }
    }
    for name in is.functions.keys().filter(|name| !was.functions.contains_key(*name)) {
        found("function-added", name.clone());
    }
    let (before, now) = (&old.manifest, &new.manifest);
    if let Some(needs) = now.kernel.needs.as_ref().filter(|needs| before.kernel.needs.as_ref() != Some(needs)) {
        found("needs-more", needs.to_string());
    }
    if !now.kernel.arch.is_empty() {
        let lost = before.kernel.arch.iter().find(|arch| !now.kernel.arch.contains(arch));
        match lost {
            Some(arch) => found("arch-lost", arch.clone()),
            None if before.kernel.arch.is_empty() => found("arch-lost", "all others".to_owned()),
            None => {}
        }
    }
    if let (Some(before), Some(now)) = (&before.kernel.tested, &now.kernel.tested)
        && let Some(release) = before.first_missing_in(now)
    {
        found("tested-less", release);
    }
    match (&before.plugin, &now.plugin) {
        (Some(before), Some(now)) if before.abi != now.abi => {
            found("plugin-abi", format!("{} was {}", now.abi, before.abi))
        }
        (None, Some(now)) => found("plugin-abi", format!("{}, and there was none", now.abi)),
        _ => {}
    }
    for on in &now.dependencies {
        let major = |versions: &semver::VersionReq| versions.comparators.first().map(|comparator| comparator.major);
        let before = before.dependencies.iter().find(|before| before.name == on.name);
        if before.is_some_and(|before| major(&before.versions) != major(&on.versions)) {
            found("dependency-major", format!("{} {}", on.name, on.versions));
        }
    }
    if before.license != now.license {
        found("license", format!("{} was {}", now.license, before.license));
    }
    let (all_old, all_new) = (offered(old)?, offered(new)?);
    let held_old = check::on_kernels(old, &all_old, kernels, more)?;
    let held_new = check::on_kernels(new, &all_new, kernels, more)?;
    for (before, now) in held_old.iter().zip(&held_new) {
        for (one, held) in all_old.iter().zip(&before.held) {
            let Some(nth) = all_new.iter().position(|other| other.name == one.name && other.kind == one.kind) else {
                continue;
            };
            match (held, &now.held[nth]) {
                (Ok(_), Err(_)) => found("kernel-lost", format!("{} on {}", one.name, now.kernel)),
                (Err(_), Ok(_)) => found("kernel-gained", format!("{} on {}", one.name, now.kernel)),
                _ => {}
            }
        }
    }
    changes.sort_by_key(|change| std::cmp::Reverse(change.level));
    Ok(changes)
}

/// What the changes ask of the version.
fn asked(changes: &[Change]) -> Level {
    changes.iter().map(|change| change.level).max().unwrap_or(Level::Patch)
}

/// How far apart two versions are. Before 1.0.0 the second number counts as the first, as Cargo has it.
fn step(old: &semver::Version, new: &semver::Version) -> Level {
    let numbers = |version: &semver::Version| match (version.major, version.minor) {
        (0, 0) => (version.patch, 0),
        (0, minor) => (minor, version.patch),
        (major, minor) => (major, minor),
    };
    let (old_numbers, new_numbers) = (numbers(old), numbers(new));
    if old_numbers.0 != new_numbers.0 || (old.major == 0) != (new.major == 0) {
        Level::Major
    } else if old_numbers.1 != new_numbers.1 {
        Level::Minor
    } else {
        Level::Patch
    }
}

/// That a version is too small a step for what has changed; a sentence.
pub(super) fn too_small(old: &Folder, new: &Folder, changes: &[Change]) -> Option<String> {
    let (was, is) = (&old.manifest.version, &new.manifest.version);
    let (asked, step) = (asked(changes), step(was, is));
    let first = changes.iter().find(|change| change.level == asked);
    let first = first.map(|change| format!(": {} ({})", change.lint, change.of)).unwrap_or_default();
    (step < asked).then(|| format!("{was} to {is} is a {step} release, and what has changed is {asked}{first}"))
}

/// `systap tapset semver-check`
pub(super) fn semver_check(options: &SemverOptions, more: &[PathBuf]) -> Result<Status, Failure> {
    let open = |path: &PathBuf| Folder::open(path).map_err(|error| Failure::wrong(error.to_string()));
    let (old, new) = (open(&options.old)?, open(&options.new)?);
    let changes = compare(&old, &new, &options.kernels, more)?;
    let mut text = String::new();
    for change in &changes {
        text += &match options.format {
            Format::Json => serde_json::to_string(change).unwrap_or_default() + "\n",
            Format::Text => format!("{}: {} ({}): {}\n", change.level, change.of, change.lint, change.why),
        };
    }
    let (was, is) = (&old.manifest.version, &new.manifest.version);
    let level = asked(&changes);
    text += &match options.format {
        Format::Json => {
            format!("{}\n", serde_json::json!({ "old": was, "new": is, "asks": level, "is": step(was, is) }))
        }
        Format::Text => {
            format!("what has changed asks for a {level} release; {was} to {is} is a {} one\n", step(was, is))
        }
    };
    terminal::write_to_stdout(&text);
    if is <= was {
        return Err(Failure::wrong(format!("{is} does not come after {was}")));
    }
    match too_small(&old, &new, &changes) {
        Some(sentence) => Err(Failure::wrong(sentence)),
        None => Ok(Status::Done),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_versions() {
        for (old, new, level) in [
            ("1.0.0", "1.0.1", Level::Patch),
            ("1.0.0", "1.1.0", Level::Minor),
            ("1.9.0", "2.0.0", Level::Major),
            ("0.1.0", "0.1.1", Level::Minor),
            ("0.1.0", "0.2.0", Level::Major),
            ("0.9.0", "1.0.0", Level::Major),
            ("0.0.1", "0.0.2", Level::Major),
        ] {
            assert_eq!(step(&old.parse().unwrap(), &new.parse().unwrap()), level, "{old} {new}");
        }
    }

    #[test]
    fn every_lint_has_a_page() {
        for lint in LINTS {
            assert!(crate::explain::page(lint.name).is_some(), "docs/errors/{}.md", lint.name);
        }
    }
}
