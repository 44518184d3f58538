//! `systap tapset package`, `publish` and `yank`: what a maintainer gives to a registry.
//!
//! Must never sign what was not checked, unless the maintainer says what is to pass.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use semver::{Version, VersionReq};
use systap_elaborate::Declares;
use systap_registry::Folder;
use systap_registry::index::{Entry, Pinned, Yank};
use systap_registry::package::{Contents, PackError};
use systap_registry::trust::{Editor, Publication, Registry};

use super::check::{self, Checked};
use super::command::{Offered, find, offered};
use super::failure::Failure;
use super::packages::Packages;
use super::{changes, describe, testing};
use crate::cli::{Allowance, PackageOptions, PublishOptions, YankOptions};
use crate::outcome::Status;
use crate::registry::{keys, now};
use crate::{kernel, terminal};

/// A tapset as it is to be published.
struct Candidate {
    folder: Folder,
    offered: Vec<Offered>,
    contents: Contents,
    packed: Vec<u8>,
}

impl Candidate {
    fn of(folder: Folder) -> Result<Candidate, Failure> {
        let offered = offered(&folder)?;
        let kernel = kernel::running();
        let doc = serde_json::to_vec(&describe::doc(&folder, &offered, &kernel)?);
        kernel.keep();
        let doc = doc.map_err(|error| Failure::wrong(error.to_string()))?;
        let pack = || -> Result<(Contents, Vec<u8>), PackError> {
            let mut contents = Contents::of(&folder, &describe::built(&folder))?;
            contents.put(systap_registry::doc::FILE, doc.clone());
            let packed = contents.pack()?;
            Ok((contents, packed))
        };
        let (contents, packed) = pack().map_err(|error| Failure::wrong(error.to_string()))?;
        Ok(Candidate { folder, offered, contents, packed })
    }

    fn title(&self) -> String {
        format!("{} {}", self.folder.manifest.name, self.folder.manifest.version)
    }
}

/// `systap tapset package`
pub(super) fn package(packages: &Packages, options: &PackageOptions) -> Result<Status, Failure> {
    let candidate = Candidate::of(find(packages, &options.tapset)?)?;
    let manifest = &candidate.folder.manifest;
    let mut text = String::new();
    for name in candidate.contents.names() {
        let bytes = candidate.contents.file(name).map_or(0, <[u8]>::len);
        text += &format!("{bytes:8}  {name}\n");
    }
    let file = PathBuf::from(format!("{}-{}.tapset", manifest.name, manifest.version));
    let file = options.output.as_ref().unwrap_or(&file);
    text += &format!("{:8}  packed, sha256 {}\n", candidate.packed.len(), Pinned::of(&candidate.packed).sha256);
    if manifest.plugin.is_some() && candidate.contents.native().is_empty() {
        terminal::warn("the plugin is not built for any machine: the package has none");
    }
    if !options.dry_run {
        crate::whole_file::write(file, &candidate.packed, 0o644).map_err(Failure::refused)?;
        if file.as_os_str() == "-" {
            return Ok(Status::Done);
        }
        text += &format!("{}\n", file.display());
    }
    Ok(terminal::write_to_stdout(&text))
}

/// `systap tapset publish`
pub(super) fn publish(packages: &Packages, options: &PublishOptions, more: &[PathBuf]) -> Result<Status, Failure> {
    let keys = keys(&options.signing.keys)?;
    let candidates: Vec<Candidate> =
        options.tapsets.iter().map(|named| Candidate::of(find(packages, named)?)).collect::<Result<_, Failure>>()?;
    let editor = Editor::open(&options.signing.registry, &options.signing.registry.display().to_string())?;
    // Those that are published together see each other, and what they need of the registry.
    let mut roots = more.to_vec();
    roots.extend(candidates.iter().map(|candidate| candidate.folder.path.clone()));
    let fetched = tempfile::tempdir().map_err(|error| Failure::refused(error.to_string()))?;
    let folders: Vec<&Folder> = candidates.iter().map(|candidate| &candidate.folder).collect();
    roots.extend(needed(&folders, editor.registry(), &roots, fetched.path())?);
    let mut publications = vec![];
    let mut against = 0;
    for candidate in &candidates {
        let checked = check::on_kernels(&candidate.folder, &candidate.offered, &options.kernels, &roots)?;
        let mut found = against_it(candidate, &checked, editor.registry(), options, &roots)?;
        found.sort_by_key(|(allowance, _)| allowance.is_some_and(|allowance| options.allow.contains(&allowance)));
        let mut text = format!("{}\n", candidate.title());
        for column in &checked {
            let held = column.held.iter().filter(|held| held.is_ok()).count();
            text += &format!("  {}: {held} of {} hold\n", column.kernel, candidate.offered.len());
        }
        if checked.len() > 1 {
            text += &check::table(&candidate.offered, &checked);
        }
        for (allowance, said) in found {
            let allowed = allowance.is_some_and(|allowance| options.allow.contains(&allowance));
            against += usize::from(!allowed);
            let how = match allowance {
                Some(_) if allowed => " (allowed)".to_owned(),
                Some(allowance) => format!(" (--allow {})", word(allowance)),
                None => String::new(),
            };
            text += &format!("  {}: {said}{how}\n", if allowed { "note" } else { "error" });
        }
        terminal::write_to_stdout(&text);
        let missing = |column: &Checked| {
            let lost = candidate.offered.iter().zip(&column.held);
            let lost = lost.filter(|(offered, held)| offered.kind == Declares::Alias && held.is_err());
            lost.map(|(offered, _)| offered.name.clone()).collect()
        };
        let checked: BTreeMap<String, Vec<String>> =
            checked.iter().map(|column| (column.kernel.clone(), missing(column))).collect();
        let Candidate { folder, offered, contents, packed } = candidate;
        let entry = describe::entry(folder, offered, contents, packed, checked);
        let tracepoints = describe::tracepoints(&describe::attachments(contents));
        publications.push(Publication { entry, tracepoints, packed: packed.clone() });
    }
    if against > 0 {
        return Err(Failure::wrong(format!("nothing was published: {against} errors")));
    }
    if options.dry_run {
        return Ok(terminal::write_to_stdout("nothing was published (--dry-run)\n"));
    }
    editor.publish(&publications, &keys, options.signing.days)?;
    Ok(terminal::write_to_stdout(&format!("published in {}\n", options.signing.registry.display())))
}

/// Whether one of the folders is that tapset.
fn is_beside(roots: &[PathBuf], name: &str, versions: &VersionReq) -> bool {
    let mut folders =
        roots.iter().flat_map(|root| systap_registry::find(root)).filter_map(|root| Folder::open(&root).ok());
    folders.any(|folder| folder.manifest.name == name && versions.matches(&folder.manifest.version))
}

/// Fetches what tapsets need of a registry, and what that needs, into a folder, for what is beside them not; gives the folders.
fn needed(folders: &[&Folder], registry: &Registry, roots: &[PathBuf], into: &Path) -> Result<Vec<PathBuf>, Failure> {
    let all = folders.iter().flat_map(|folder| &folder.manifest.dependencies);
    let mut open: Vec<(String, VersionReq)> = all.map(|on| (on.name.clone(), on.versions.clone())).collect();
    let mut fetched = vec![];
    while let Some((name, versions)) = open.pop() {
        let folder = into.join(&name);
        if folder.is_dir() || is_beside(roots, &name, &versions) {
            continue;
        }
        let tapset = registry.tapset(&name)?.unwrap_or_default();
        let is_good = |entry: &&Entry| {
            versions.matches(&entry.version) && tapset.yanks.get(&entry.version).is_none_or(|yank| !yank.yanked)
        };
        // That there is none is told with all else that is against publishing.
        let Some(entry) = tapset.entries.iter().find(is_good) else { continue };
        let contents = registry.package(entry)?;
        let written = std::fs::create_dir_all(&folder).and_then(|()| contents.write_to(&folder));
        written.map_err(|error| Failure::refused(format!("{}: {error}", folder.display())))?;
        open.extend(entry.dependencies.iter().map(|(name, versions)| (name.clone(), versions.clone())));
        fetched.push(folder);
    }
    Ok(fetched)
}

/// What is against publishing a tapset, and by which word it may pass.
fn against_it(
    candidate: &Candidate,
    checked: &[Checked],
    registry: &Registry,
    options: &PublishOptions,
    roots: &[PathBuf],
) -> Result<Vec<(Option<Allowance>, String)>, Failure> {
    let manifest = &candidate.folder.manifest;
    let mut found: Vec<(Option<Allowance>, String)> = vec![];
    let mut none = |said: String| found.push((None, said));
    if candidate.contents.file("README.md").is_none() {
        none("it has no README.md".to_owned());
    }
    if manifest.license.trim().is_empty() || manifest.summary.trim().is_empty() {
        none("it has no license, or no summary".to_owned());
    }
    if manifest.plugin.is_some() && candidate.contents.native().is_empty() {
        none("its plugin is not built: build it, so that plugin/TARGET/ has its library".to_owned());
    }
    let mut nowhere = vec![];
    for (nth, offered) in candidate.offered.iter().enumerate() {
        if checked.iter().all(|column| column.held.get(nth).is_some_and(Result::is_err)) {
            let why = checked.first().and_then(|column| column.held[nth].as_ref().err()).cloned().unwrap_or_default();
            nowhere.push(format!("`{}` is on no kernel that it was checked on: {why}", offered.name));
        }
    }
    found.extend(nowhere.into_iter().map(|said| (Some(Allowance::Nowhere), said)));
    for on in &manifest.dependencies {
        let beside = is_beside(roots, &on.name, &on.versions);
        let published = registry
            .tapset(&on.name)?
            .is_some_and(|tapset| tapset.entries.iter().any(|entry| on.versions.matches(&entry.version)));
        if !beside && !published {
            found.push((None, format!("it needs `{}` {}, which is not in the registry", on.name, on.versions)));
        }
    }
    let tested = testing::tested_aliases(&candidate.folder)?;
    let untested: Vec<&str> = candidate
        .offered
        .iter()
        .filter(|offered| offered.kind == Declares::Alias && !tested.contains(&offered.name))
        .map(|offered| offered.name.as_str())
        .collect();
    if !untested.is_empty() {
        found.push((Some(Allowance::UntestedAlias), format!("no test is of {}", listed(&untested))));
    }
    let silent: Vec<&str> = candidate
        .offered
        .iter()
        .filter(|offered| offered.comment.is_empty())
        .map(|offered| offered.name.as_str())
        .collect();
    if !silent.is_empty() {
        found.push((Some(Allowance::NoComment), format!("no comment says what these are: {}", listed(&silent))));
    }
    if let Some(other) = similar(&manifest.name, &registry.tapsets()?) {
        found.push((Some(Allowance::SimilarName), format!("its name is easily taken for that of `{other}`")));
    }
    let own = manifest.name.replace('-', "_");
    for alias in candidate.offered.iter().filter(|offered| offered.kind == Declares::Alias) {
        let first = alias.name.split('.').next().unwrap_or_default();
        if first != own && registry.tapset(&first.replace('_', "-"))?.is_some() {
            let said = format!("its alias `{}` is named as if it were of the tapset `{first}`", alias.name);
            found.push((Some(Allowance::SimilarName), said));
        }
    }
    let tapset = registry.tapset(&manifest.name)?.unwrap_or_default();
    if tapset.entry(&manifest.version).is_some() {
        found.push((None, "this version is published already, and does not change: raise the version".to_owned()));
    } else if let Some(last) = tapset.entries.iter().find(|entry| entry.version < manifest.version) {
        let old = tempfile::tempdir().map_err(|error| Failure::refused(error.to_string()))?;
        registry.package(last)?.write_to(old.path()).map_err(|error| Failure::refused(error.to_string()))?;
        // Not the tapset itself: of two with one name the first is taken.
        let others: Vec<PathBuf> = roots.iter().filter(|root| **root != candidate.folder.path).cloned().collect();
        let old = Folder::open(old.path()).map_err(|error| Failure::wrong(error.to_string()))?;
        let changed = changes::compare(&old, &candidate.folder, &options.kernels, &others)?;
        if let Some(too_small) = changes::too_small(&old, &candidate.folder, &changed) {
            found.push((Some(Allowance::Semver), too_small));
        }
    }
    if options.allow.contains(&Allowance::Tests) {
        found.push((Some(Allowance::Tests), "its tests were not run".to_owned()));
        return Ok(found);
    }
    let (failed, skipped) = testing::count(&candidate.folder, roots)?;
    if failed > 0 {
        found.push((
            Some(Allowance::Tests),
            format!("{failed} of its tests fail here (`systap tapset test` shows them)"),
        ));
    }
    if skipped > 0 {
        let said = format!("{skipped} of its tests cannot run here (`systap tapset test` says why)");
        found.push((Some(Allowance::Tests), said));
    }
    Ok(found)
}

/// Names, not more than a screen has room for.
fn listed(names: &[&str]) -> String {
    const MOST: usize = 12;
    let more = names.len().saturating_sub(MOST);
    let shown = names[..names.len() - more].join(", ");
    if more > 0 { format!("{shown} and {more} more") } else { shown }
}

/// How the command line has an allowance.
fn word(allowance: Allowance) -> String {
    let value = clap::ValueEnum::to_possible_value(&allowance);
    value.map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// A name of the registry that one can be taken for: the same but for hyphens, two letters swapped, or one letter more, less or
/// other. Short names all look like each other, and are not compared so.
fn similar<'n>(name: &str, names: &'n [String]) -> Option<&'n String> {
    let plain = |name: &str| name.replace('-', "");
    let near = |one: &str, other: &str| {
        let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
        if one.len() < 5 || other.len() < 5 || one.len().abs_diff(other.len()) > 1 {
            return false;
        }
        let start = one.iter().zip(&other).take_while(|(one, other)| one == other).count();
        let (one, other) = (&one[start..], &other[start..]);
        let swapped = one.len() == other.len()
            && one.len() > 1
            && (one[0], one[1]) == (other[1], other[0])
            && one[2..] == other[2..];
        swapped
            || match one.len().cmp(&other.len()) {
                std::cmp::Ordering::Equal => one.is_empty() || one[1..] == other[1..],
                std::cmp::Ordering::Less => *one == other[1..],
                std::cmp::Ordering::Greater => one[1..] == *other,
            }
    };
    let (own, is_other) = (plain(name), |other: &&String| other.as_str() != name);
    names.iter().filter(is_other).find(|other| plain(other) == own || near(&own, &plain(other)))
}

/// `systap tapset yank`
pub(super) fn yank(options: &YankOptions) -> Result<Status, Failure> {
    let (name, version) = options
        .version
        .split_once('@')
        .ok_or_else(|| Failure::usage(format!("`{}`: expected TAPSET@VERSION", options.version)))?;
    let version: Version =
        version.parse().map_err(|error| Failure::usage(format!("`{version}` is no version: {error}")))?;
    if options.reason.as_ref().is_some_and(|reason| reason.chars().any(char::is_control)) {
        return Err(Failure::usage("--reason is a few words in one line"));
    }
    let keys = keys(&options.signing.keys)?;
    let registry: &Path = &options.signing.registry;
    let editor = Editor::open(registry, &registry.display().to_string())?;
    let yank = Yank { version: version.clone(), yanked: !options.undo, reason: options.reason.clone(), at: now() };
    editor.yank(name, yank, &keys, options.signing.days)?;
    let said = if options.undo { "may be taken again" } else { "is not taken anew; what has it keeps it" };
    Ok(terminal::write_to_stdout(&format!("`{name}` {version} {said}\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_taken_for_others() {
        let names: Vec<String> = ["block-io", "sched", "network", "vm"].map(str::to_owned).to_vec();
        for (name, like) in [
            ("blockio", "block-io"),
            ("shced", "sched"),
            ("netwrok", "network"),
            ("schedd", "sched"),
            ("networ", "network"),
        ] {
            assert_eq!(similar(name, &names).map(String::as_str), Some(like), "{name}");
        }
        for name in ["sched", "vn", "net", "blocks", "schema"] {
            assert_eq!(similar(name, &names), None, "{name}");
        }
    }
}
