//! What a registry is told of a tapset: what it offers, under which conditions, and what it may attach to.
//!
//! Must never say what the scripts do not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use systap_diagnostics::Sources;
use systap_elaborate::{Declares, List};
use systap_kernel::Kernel;
use systap_registry::Folder;
use systap_registry::doc::{AliasDoc, Doc, FunctionDoc};
use systap_registry::index::{Entry, KernelNeeds, Native, Pinned};
use systap_registry::package::Contents;
use systap_syntax::ast::{Item, TypeName};

use super::command::Offered;
use super::plugin;
use crate::cli::ScriptOptions;
use crate::compile::Settings;
use crate::points;

/// What goes into a package besides its folder: in a checkout the plugin lies where it was built.
pub(crate) fn built(folder: &Folder) -> Vec<(String, PathBuf)> {
    let Some(plugin) = &folder.manifest.plugin else { return vec![] };
    plugin::built(&folder.path, &plugin.library).into_iter().collect()
}

/// The line that an index is to have of a package; `checked` are the aliases that are not there, by kernel.
pub(super) fn entry(
    folder: &Folder,
    offered: &[Offered],
    contents: &Contents,
    packed: &[u8],
    checked: BTreeMap<String, Vec<String>>,
) -> Entry {
    let manifest = &folder.manifest;
    let mut whens: Vec<String> = vec![];
    let mut aliases: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut always: BTreeSet<&str> = BTreeSet::new();
    for alias in offered.iter().filter(|offered| offered.kind == Declares::Alias) {
        for file in &alias.files {
            let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let needs = aliases.entry(alias.name.clone()).or_default();
            let Some(when) = manifest.conditions.get(name).map(ToString::to_string) else {
                always.insert(&alias.name);
                continue;
            };
            let at = whens.iter().position(|known| *known == when).unwrap_or_else(|| {
                whens.push(when);
                whens.len() - 1
            });
            needs.push(at);
        }
    }
    aliases.iter_mut().filter(|(name, _)| always.contains(name.as_str())).for_each(|(_, needs)| needs.clear());
    let functions = offered.iter().filter(|offered| offered.kind == Declares::Function);
    let pinned = Pinned::of(packed);
    Entry {
        name: manifest.name.clone(),
        version: manifest.version.clone(),
        summary: manifest.summary.clone(),
        license: manifest.license.clone(),
        dependencies: manifest.dependencies.iter().map(|on| (on.name.clone(), on.versions.clone())).collect(),
        kernel: KernelNeeds {
            needs: manifest.kernel.needs.as_ref().map(ToString::to_string),
            tested: manifest.kernel.tested.as_ref().map(|tested| tested.as_str().to_owned()),
            arch: manifest.kernel.arch.clone(),
        },
        whens,
        aliases,
        functions: functions.map(|offered| offered.name.clone()).collect(),
        checked,
        native: manifest.plugin.as_ref().map(|plugin| Native {
            abi: plugin.abi,
            targets: contents.native().into_iter().map(str::to_owned).collect(),
        }),
        sha256: pinned.sha256,
        size: pinned.length,
        published: crate::registry::now(),
    }
}

/// What a tapset says of itself for people, with what its aliases set as they resolve on a kernel.
pub(super) fn doc(folder: &Folder, offered: &[Offered], kernel: &Kernel) -> Result<Doc, String> {
    let script = ScriptOptions { tapsets: vec![folder.path.clone()], ..ScriptOptions::default() };
    let mut settings = Settings::new(&script, &[], vec![], kernel)?;
    let mut doc = Doc::default();
    let aliases: Vec<&str> =
        offered.iter().filter(|one| one.kind == Declares::Alias).map(|one| one.name.as_str()).collect();
    let points = if aliases.is_empty() {
        None
    } else {
        points::find_all(&aliases, List::Variables, &mut settings, kernel, &mut Sources::default(), &[])
    };
    let mut points = points.map(|points| points.found).unwrap_or_default();
    for one in offered {
        match one.kind {
            Declares::Alias => {
                let mut variables = points.remove(&one.name).map(|offered| offered.variables).unwrap_or_default();
                let mut seen = BTreeSet::new();
                variables.retain(|variable| seen.insert(variable.clone()));
                let note = folder.manifest.aliases.get(&one.name).cloned().unwrap_or_default();
                let names = one.files.iter().filter_map(|file| file.file_name()?.to_str());
                let whens: Vec<Option<String>> =
                    names.map(|name| folder.manifest.conditions.get(name).map(ToString::to_string)).collect();
                let always = whens.contains(&None);
                doc.aliases.push(AliasDoc {
                    name: one.name.clone(),
                    comment: one.comment.clone(),
                    // What an alias sets, not the target variables of what it stands for.
                    variables: variables.into_iter().filter(|name| !name.starts_with(['$', '@'])).collect(),
                    when: whens.into_iter().flatten().filter(|_| !always).collect(),
                    since: note.since.map(|since| since.to_string()),
                    stability: note.stability,
                    deprecated: note.deprecated,
                });
            }
            Declares::Function => {
                let (parameters, gives) = head(one)?;
                let (name, comment) = (one.name.clone(), one.comment.clone());
                doc.functions.push(FunctionDoc { name, comment, parameters, gives });
            }
            Declares::Global => {}
        }
    }
    if let Ok(contents) = Contents::of(folder, &[]) {
        doc.attaches = attachments(&contents);
    }
    Ok(doc)
}

/// The parameters of a function, `name:type`, and what it gives.
fn head(function: &Offered) -> Result<(Vec<String>, String), String> {
    let word = |ty: &Option<TypeName>| match ty {
        Some(TypeName::String) => "string",
        Some(_) => "long",
        None => "any",
    };
    let path = function.file();
    let text = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut sources = Sources::default();
    let file = sources.add("script", systap_syntax::foreign::decode(text));
    let options = systap_syntax::ParseOptions { warn_unused_args: false, ..systap_syntax::ParseOptions::default() };
    for item in systap_syntax::parse(&mut sources, file, &options).file.items {
        if let Item::Function(found) = item
            && found.name.text == function.name
        {
            let parameters = found.params.iter().map(|(name, ty)| format!("{}:{}", name.text, word(ty)));
            return Ok((parameters.collect(), word(&found.returns).to_owned()));
        }
    }
    Ok((vec![], "any".to_owned()))
}

/// The probe points of a package's scripts that are none of its own aliases, as they are written, in order.
pub(super) fn attachments(contents: &Contents) -> Vec<String> {
    let scripts: Vec<&str> =
        contents.names().filter(|name| name.starts_with("scripts/") && name.ends_with(".stp")).collect();
    let mut points = BTreeSet::new();
    let mut own = BTreeSet::new();
    for name in scripts {
        let text = systap_syntax::foreign::decode(contents.file(name).unwrap_or_default().to_vec());
        let mut sources = Sources::default();
        let file = sources.add(name, text.as_str());
        let options = systap_syntax::ParseOptions { warn_unused_args: false, ..systap_syntax::ParseOptions::default() };
        for item in systap_syntax::parse(&mut sources, file, &options).file.items {
            let (names, stands_for) = match &item {
                Item::Alias(alias) => (alias.names.as_slice(), &alias.points),
                Item::Probe(probe) => (&[][..], &probe.points),
                _ => continue,
            };
            let words = |point: &systap_syntax::ast::ProbePoint| {
                let words = point.components.iter().map(|component| component.name.text.as_str());
                words.collect::<Vec<_>>().join(".")
            };
            own.extend(names.iter().map(words));
            for point in stands_for {
                let span = point.span;
                let written = text.get(span.start as usize..span.end as usize).unwrap_or_default();
                points.insert((words(point), written.split_whitespace().collect::<Vec<_>>().join(" ")));
            }
        }
    }
    let written: BTreeSet<String> =
        points.into_iter().filter(|(words, _)| !own.contains(words)).map(|(_, written)| written).collect();
    written.into_iter().collect()
}

/// The tracepoints among probe points: `subsystem:name`, or the name alone.
pub(super) fn tracepoints(points: &[String]) -> Vec<String> {
    let name = |point: &String| {
        let rest = point.strip_prefix("kernel.trace(\"")?;
        Some(rest.split_once('"')?.0.to_owned())
    };
    let mut names: Vec<String> = points.iter().filter_map(name).collect();
    names.dedup();
    names
}
