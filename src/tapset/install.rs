//! `systap tapset install`, `update`, `remove`, `outdated`, `lock` and `vendor`: what is in use, and how it changes.
//!
//! Must never leave a state between the old and the new.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use semver::VersionReq;
use systap_registry::package::Contents;
use systap_registry::resolve::Request;
use systap_registry::store::{Changing, Lock, Locked, Receipt, Requested, Store};

use super::failure::Failure;
use super::plan::{Plan, change, lock_file, request, store};
use crate::cli::{Format, InstallOptions, LockOptions, OutdatedOptions, RemoveOptions, UpdateOptions, VendorOptions};
use crate::outcome::Status;
use crate::registries::Registries;
use crate::{kernel, terminal};

/// `systap tapset install`
pub(super) fn install(options: &InstallOptions) -> Result<Status, Failure> {
    let store = store()?;
    if let Some(path) = &options.locked {
        return install_locked(&store, path, options);
    }
    let asked: Vec<Request> = options.tapsets.iter().map(|text| request(text)).collect::<Result<_, _>>()?;
    let named = |name: &str| asked.iter().any(|request| request.name == name);
    let changing = if options.dry_run { None } else { Some(change(&store)?) };
    let plan = Plan::make(&store, &asked, &options.resolving, &named)?;
    if changing.is_some() && plan.is_empty() && plan.requested == store.requested()? {
        return Ok(told(options.resolving.format, "all of that is installed already"));
    }
    let attachments = if options.verbose { plan.attachments()? } else { BTreeMap::new() };
    follow(&plan, &store, changing, options.resolving.format, &attachments)
}

/// Shows a plan, to people before it is carried out, to programs once it is.
fn follow(
    plan: &Plan,
    store: &Store,
    changing: Option<Changing<'_>>,
    format: Format,
    attachments: &BTreeMap<String, Vec<String>>,
) -> Result<Status, Failure> {
    if format == Format::Text || changing.is_none() {
        plan.show(format, attachments)?;
    }
    let Some(changing) = changing else { return Ok(told(format, "nothing was installed (--dry-run)")) };
    plan.carry_out(store, &changing).map_err(|failure| failure.and("nothing was installed"))?;
    if plan.is_empty() {
        return Ok(told(format, "nothing new is installed; what is asked for from now on has changed"));
    }
    if format == Format::Json {
        plan.show(format, attachments)?;
    }
    Ok(Status::Done)
}

fn told(format: Format, sentence: &str) -> Status {
    match format {
        Format::Text => terminal::write_to_stdout(&format!("{sentence}\n")),
        Format::Json => Status::Done,
    }
}

/// Installs what a lock file names, yanked or not; without asking what is newest.
fn install_locked(store: &Store, path: &Path, options: &InstallOptions) -> Result<Status, Failure> {
    let path = lock_file(path);
    let lock = Lock::read(&path)?.ok_or_else(|| Failure::registry(format!("there is no {}", path.display())))?;
    let format = options.resolving.format;
    let (mut versions, mut requested, mut text) = (BTreeMap::new(), BTreeMap::new(), String::new());
    let missing: Vec<&Locked> = lock.tapsets.iter().filter(|locked| !has(store, locked)).collect();
    let registries = if missing.is_empty() { None } else { Some(Registries::new(&options.resolving.choice)?) };
    let changing = change(store)?;
    for locked in &lock.tapsets {
        let exact = VersionReq::parse(&format!("={}", locked.version)).unwrap_or(VersionReq::STAR);
        versions.insert(locked.name.clone(), locked.version.clone());
        requested.insert(locked.name.clone(), Requested { versions: exact, registry: locked.registry.clone() });
    }
    for locked in missing {
        let Some(registries) = &registries else { continue };
        let title = format!("`{}` {}", locked.name, locked.version);
        let registry = match &options.resolving.choice.registry {
            Some(_) => registries.all()?.swap_remove(0),
            None => registries.named(&locked.registry)?,
        };
        let tapset = registry.tapset(&locked.name)?.unwrap_or_default();
        let gone = || Failure::registry(format!("the registry `{}` does not have {title}", registry.name()));
        let entry = tapset.entry(&locked.version).ok_or_else(gone)?;
        if entry.sha256 != locked.sha256 {
            let said =
                format!("{title} of the registry `{}` is another than {} names", registry.name(), path.display());
            return Err(Failure::registry(said));
        }
        if let Some(yank) = tapset.yanks.get(&locked.version) {
            let why = yank.reason.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
            terminal::warn(&format!("{title} was yanked{why}"));
        }
        if !options.dry_run {
            let contents = registry.package(entry)?;
            changing.add(&contents, &Receipt::of(entry, &contents, registry.name(), registry.signers()?))?;
        }
        text += &match format {
            Format::Text => format!("+ {} {}\n", locked.name, locked.version),
            Format::Json => {
                let line =
                    serde_json::json!({ "name": locked.name, "version": locked.version, "registry": registry.name() });
                format!("{line}\n")
            }
        };
    }
    if options.dry_run {
        terminal::write_to_stdout(&text);
        return Ok(told(format, "nothing was installed (--dry-run)"));
    }
    let before = store.look().whole.into_iter().map(|(name, receipt)| (name, receipt.version));
    let as_before = before.collect::<BTreeMap<_, _>>() == versions;
    if as_before && text.is_empty() && store.requested().is_ok_and(|before| before == requested) {
        return Ok(told(format, "all of that is installed already"));
    }
    changing.switch(&versions, &requested)?;
    Ok(terminal::write_to_stdout(&text))
}

/// Whether a version that a lock names is in the store, as it was signed.
fn has(store: &Store, locked: &Locked) -> bool {
    let place = store.version(&locked.name, &locked.version);
    let receipt = store.receipt(&locked.name, &locked.version);
    receipt.is_some_and(|receipt| receipt.sha256 == locked.sha256 && receipt.amiss(&place).is_empty())
}

/// `systap tapset update`
pub(super) fn update(options: &UpdateOptions) -> Result<Status, Failure> {
    let store = store()?;
    let names: Vec<String> = options.tapsets.iter().map(|name| name.replace('_', "-")).collect();
    let requested = store.requested()?;
    let installed = store.look().whole;
    if let Some(other) = names.iter().find(|name| !installed.contains_key(*name) && !requested.contains_key(*name)) {
        return Err(Failure::registry(format!("`{other}` is not installed")));
    }
    let changing = if options.dry_run { None } else { Some(change(&store)?) };
    let plan =
        Plan::make(&store, &[], &options.resolving, &|name| names.is_empty() || names.iter().any(|one| one == name))?;
    let format = options.resolving.format;
    plan.warn_of_orphans();
    if plan.is_empty() {
        return Ok(told(format, "there is nothing newer for this kernel"));
    }
    follow(&plan, &store, changing, format, &BTreeMap::new())
}

/// `systap tapset remove`
pub(super) fn remove(options: &RemoveOptions) -> Result<Status, Failure> {
    let store = store()?;
    let changing = change(&store)?;
    let installed = store.installed()?;
    let mut requested = store.requested()?;
    let names: BTreeSet<String> = options.tapsets.iter().map(|name| name.replace('_', "-")).collect();
    if let Some(other) = names.iter().find(|name| !installed.contains_key(*name)) {
        let near = systap_diagnostics::nearest(other, installed.keys().map(String::as_str));
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        return Err(Failure::registry(format!("`{other}` is not installed{near}")));
    }
    requested.retain(|name, _| !names.contains(name));
    let needed = needed(&installed, requested.keys());
    if let Some(name) = names.iter().find(|name| needed.contains(*name)) {
        let needs = |receipt: &&Receipt| needed.contains(&receipt.name) && receipt.dependencies.contains_key(name);
        let by: Vec<&str> = installed.values().filter(needs).map(|receipt| receipt.name.as_str()).collect();
        let said = format!("`{name}` is needed by {}: remove that too", by.join(", "));
        return Err(Failure::registry(said));
    }
    let mut text = String::new();
    for (name, receipt) in installed.iter().filter(|(name, _)| !needed.contains(*name)) {
        let why = if names.contains(name) { "" } else { ", which nothing needs any more" };
        text += &format!("- {name} {}{why}\n", receipt.version);
    }
    terminal::write_to_stdout(&text);
    if options.dry_run {
        return Ok(told(Format::Text, "nothing was removed (--dry-run)"));
    }
    let versions = installed.into_iter().filter(|(name, _)| needed.contains(name));
    changing.switch(&versions.map(|(name, receipt)| (name, receipt.version)).collect(), &requested)?;
    Ok(Status::Done)
}

/// What is needed, directly or not, by those.
fn needed<'n>(installed: &BTreeMap<String, Receipt>, roots: impl Iterator<Item = &'n String>) -> BTreeSet<String> {
    let mut needed = BTreeSet::new();
    let mut rest: Vec<String> = roots.cloned().collect();
    while let Some(name) = rest.pop() {
        if let Some(receipt) = installed.get(&name)
            && needed.insert(name)
        {
            rest.extend(receipt.dependencies.keys().cloned());
        }
    }
    needed
}

/// `systap tapset outdated`
pub(super) fn outdated(options: &OutdatedOptions) -> Result<Status, Failure> {
    let store = store()?;
    let installed = store.installed()?;
    let plan = Plan::make(&store, &[], &options.resolving, &|_| true)?;
    plan.warn_of_orphans();
    let mut text = String::new();
    for chosen in &plan.chosen {
        let entry = &chosen.entry;
        let Some(receipt) = installed.get(&entry.name).filter(|receipt| receipt.version != entry.version) else {
            continue;
        };
        text += &match options.resolving.format {
            Format::Text => format!("{} {} -> {}\n", entry.name, receipt.version, entry.version),
            Format::Json => format!(
                "{}\n",
                serde_json::json!({ "name": entry.name, "version": receipt.version, "newer": entry.version })
            ),
        };
    }
    Ok(terminal::write_to_stdout(&text))
}

/// `systap tapset lock`
pub(super) fn lock(options: &LockOptions) -> Result<Status, Failure> {
    let store = store()?;
    let locked = |receipt: Receipt| Locked {
        name: receipt.name,
        version: receipt.version,
        registry: receipt.registry,
        sha256: receipt.sha256,
    };
    let kernel = kernel::running();
    let version = kernel.version().map(|version| version.to_string()).unwrap_or_default();
    let numbers: Vec<&str> = version.split('.').take(2).collect();
    let class = format!("{} {}", numbers.join("."), kernel.arch());
    let lock = Lock::new(class, store.installed()?.into_values().map(locked).collect());
    if !options.folder.is_dir() {
        return Err(Failure::usage(format!("{} is no folder", options.folder.display())));
    }
    let path = lock_file(&options.folder);
    let count = lock.tapsets.len();
    let written = lock.write(&path)?;
    let said = if written { "written" } else { "as it was" };
    let s = if count == 1 { "" } else { "s" };
    Ok(terminal::write_to_stdout(&format!("{}: {said}, {count} tapset{s}\n", path.display())))
}

/// `systap tapset vendor`
pub(super) fn vendor(options: &VendorOptions) -> Result<Status, Failure> {
    let store = store()?;
    let failed = |error: std::io::Error| Failure::registry(format!("{}: {error}", options.folder.display()));
    if options.folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Failure::registry(format!("{} is there already, and is not empty", options.folder.display())));
    }
    let mut text = String::new();
    for (name, receipt) in store.installed()? {
        let place = store.version(&name, &receipt.version);
        let amiss = receipt.amiss(&place);
        if let Some(amiss) = amiss.first() {
            return Err(Failure::registry(format!("`{name}` {}: {amiss}", receipt.version)));
        }
        let folder = options.folder.join(&name);
        std::fs::create_dir_all(&folder).map_err(failed)?;
        let contents = Contents::read(&place, receipt.files.keys()).map_err(failed)?;
        contents.write_to(&folder).map_err(failed)?;
        text += &format!("{name} {}\n", receipt.version);
    }
    Ok(terminal::write_to_stdout(&text))
}
