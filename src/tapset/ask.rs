//! `systap tapset search`, `why`, `tree` and `verify`: what registries have, and what is here of it.
//!
//! Must never change anything.

use std::collections::{BTreeMap, BTreeSet};

use systap_registry::index::Asked as Wanted;
use systap_registry::resolve::{Versions, judge};
use systap_registry::store::{InUse, Receipt};

use super::facts::Asked;
use super::failure::Failure;
use super::plan::{request, store};
use crate::cli::{Format, SearchOptions, WhyOptions};
use crate::outcome::Status;
use crate::registries::Registries;
use crate::{kernel, terminal};

/// How many of a tapset's names `search` shows.
const MOST_SHOWN: usize = 8;

/// `systap tapset search`
pub(super) fn search(options: &SearchOptions) -> Result<Status, Failure> {
    let registries = Registries::new(&options.choice)?;
    let wanted = Wanted {
        words: options.words.clone(),
        alias: options.alias.clone(),
        function: options.function.clone(),
        tracepoint: options.tracepoint.clone(),
    };
    let mut text = String::new();
    let mut all = vec![];
    let mut failures = vec![];
    for name in registries.names() {
        // One that does not answer keeps nobody from what the others have.
        let found = registries.named(name).map_err(Failure::from).and_then(|registry| Ok(registry.search(&wanted)?));
        match found {
            Ok(found) => all.extend(found.into_iter().map(|found| (name.to_owned(), found))),
            Err(failure) => failures.push(failure),
        }
    }
    if all.is_empty() && !failures.is_empty() {
        return Err(failures.swap_remove(0));
    }
    failures.iter().for_each(Failure::warn);
    let width = all.iter().map(|(_, found)| found.name.len()).max().unwrap_or_default();
    for (registry, found) in &all {
        match options.format {
            Format::Json => {
                let line = serde_json::json!({
                    "name": found.name, "version": found.version, "summary": found.summary, "registry": registry, "by": found.by,
                });
                text += &format!("{line}\n");
            }
            Format::Text => {
                text += &format!("{:width$}  {}  {}\n", found.name, found.version, found.summary);
                for name in found.by.iter().take(MOST_SHOWN) {
                    text += &format!("{:width$}  {name}\n", "");
                }
                if found.by.len() > MOST_SHOWN {
                    text += &format!("{:width$}  and {} more\n", "", found.by.len() - MOST_SHOWN);
                }
            }
        }
    }
    if all.is_empty() {
        let pattern = options.words.iter().any(|word| word.contains('*'));
        let hint = if pattern { "; --alias, --function and --tracepoint take patterns" } else { "" };
        return Err(Failure::registry(format!("no tapset in a registry is like that{hint}")));
    }
    Ok(terminal::write_to_stdout(&text))
}

/// `systap tapset why`
pub(super) fn why(options: &WhyOptions) -> Result<Status, Failure> {
    let asked = request(&options.tapset)?;
    let registries = Registries::new(&options.resolving.choice)?;
    let installed = store()?.look().whole;
    for (name, receipt) in &installed {
        registries.bind(name, &receipt.registry);
    }
    let found = registries.versions(&asked.name)?;
    let tapset = found.ok_or_else(|| Failure::registry(format!("no registry has `{}`", asked.name)))?;
    let kernel =
        kernel::named(options.resolving.kernel.as_deref()).map_err(|error| Failure::refused(error.to_string()))?;
    let facts = Asked(&kernel);
    let mut text = String::new();
    let width = tapset.entries.iter().map(|entry| entry.version.to_string().len()).max().unwrap_or_default();
    let here = installed.get(&asked.name).map(|receipt| &receipt.version);
    for entry in tapset.entries.iter().filter(|entry| asked.versions.matches(&entry.version)) {
        let judged = judge(entry, tapset.yanks.get(&entry.version), &facts, systap_plugin_host::ABI);
        let is_here = here == Some(&entry.version);
        let mut reason = judged.reason.unwrap_or_default();
        if reason.is_empty() && !judged.missing.is_empty() {
            reason = format!("{} of {} aliases are not there", judged.missing.len(), entry.aliases.len());
        }
        text += &match options.resolving.format {
            Format::Json => {
                let line = serde_json::json!({
                    "version": entry.version, "verdict": judged.verdict, "reason": reason, "missing": judged.missing,
                    "installed": is_here,
                });
                format!("{line}\n")
            }
            Format::Text => {
                let mark = if is_here { "*" } else { " " };
                let line =
                    format!("{mark} {:width$}  {:12}  {reason}", entry.version.to_string(), judged.verdict.to_string());
                format!("{}\n", line.trim_end())
            }
        };
    }
    kernel.keep();
    if options.resolving.format == Format::Text && here.is_some() {
        let requested = store()?.requested()?;
        if requested.contains_key(&asked.name) {
            text += "  it was asked for\n";
        }
        for receipt in installed.values().filter(|receipt| receipt.dependencies.contains_key(&asked.name)) {
            text += &format!("  {} {} needs {}\n", receipt.name, receipt.version, receipt.dependencies[&asked.name]);
        }
    }
    Ok(terminal::write_to_stdout(&text))
}

/// `systap tapset tree`
pub(super) fn tree() -> Result<Status, Failure> {
    let store = store()?;
    let (installed, requested) = (store.installed()?, store.requested()?);
    let mut text = String::new();
    for name in requested.keys() {
        branch(name, &installed, 0, &mut BTreeSet::new(), &mut text);
    }
    Ok(terminal::write_to_stdout(&text))
}

fn branch<'r>(
    name: &'r str,
    installed: &'r BTreeMap<String, Receipt>,
    depth: usize,
    above: &mut BTreeSet<&'r str>,
    text: &mut String,
) {
    let Some(receipt) = installed.get(name) else { return };
    let circle = if above.contains(name) { " (above)" } else { "" };
    *text += &format!("{}{name} {}{circle}\n", "  ".repeat(depth), receipt.version);
    if above.insert(name) {
        for on in receipt.dependencies.keys() {
            branch(on, installed, depth + 1, above, text);
        }
        above.remove(name);
    }
}

/// `systap tapset verify`
pub(super) fn verify() -> Result<Status, Failure> {
    let store = store()?;
    let mut text = String::new();
    let mut wrong = 0;
    let InUse { whole, damaged } = store.look();
    for (name, receipt) in whole {
        let amiss = receipt.amiss(&store.version(&name, &receipt.version));
        wrong += amiss.len();
        let files = receipt.files.len();
        let said = if amiss.is_empty() { format!("{files} files as signed") } else { String::new() };
        text += format!("{name} {}: {said}", receipt.version).trim_end();
        text.push('\n');
        text.extend(amiss.iter().map(|amiss| format!("  {amiss}\n")));
    }
    terminal::write_to_stdout(&text);
    for error in &damaged {
        terminal::complain(&error.to_string());
    }
    if wrong > 0 {
        return Err(Failure::registry("`systap tapset install` of the same puts it right"));
    }
    if !damaged.is_empty() {
        return Err(Failure::registry(""));
    }
    Ok(Status::Done)
}
