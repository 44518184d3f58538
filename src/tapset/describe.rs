//! What a registry is told of a tapset: what it offers, under which conditions, and what it may attach to.
//!
//! Must never say what the scripts do not.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use systap_diagnostics::Sources;
use systap_elaborate::Declares;
use systap_registry::Folder;
use systap_registry::index::{Entry, KernelNeeds, Native, Pinned};
use systap_registry::package::Contents;
use systap_syntax::ast::Item;

use super::command::Offered;
use super::plugin;

/// What goes into a package besides its folder: in a checkout the plugin lies where it was built.
pub(super) fn built(folder: &Folder) -> Vec<(String, PathBuf)> {
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
        published: std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map(|since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
            .unwrap_or_default(),
    }
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
