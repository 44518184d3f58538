//! What is to be installed: chosen for a kernel, shown, fetched, and put into use all at once.
//!
//! Must never change what is in use before everything that is to replace it is on the disk.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::rc::Rc;

use semver::{Version, VersionReq};
use serde::Serialize;
use systap_registry::index::{Entry, Tapset};
use systap_registry::package::Contents;
use systap_registry::resolve::{Chosen, Request, Rules, Verdict, Versions, resolve};
use systap_registry::store::{Changing, InUse, Receipt, Requested, Store};

use super::facts::Asked;
use super::failure::Failure;
use crate::cli::{Format, Resolving};
use crate::registries::{Registries, RegistriesError};
use crate::{kernel, terminal, xdg};

/// How long the choice of versions may take.
const LONGEST_CHOICE: std::time::Duration = std::time::Duration::from_secs(10);

/// The user's store.
pub(super) fn store() -> Result<Store, Failure> {
    let root = xdg::data().ok_or_else(|| Failure::registry("neither HOME nor XDG_DATA_HOME says where to install"))?;
    Ok(Store::at(&root))
}

/// Begins a change of it, before anything is decided by what it has; waits for others who change it.
pub(super) fn change(store: &Store) -> Result<Changing<'_>, Failure> {
    Ok(store.change(|| terminal::complain("somebody else installs at this moment: this waits for them"))?)
}

/// What is to be in use.
pub(super) struct Plan {
    pub(super) registries: Registries,
    pub(super) chosen: Vec<Chosen>,
    pub(super) requested: BTreeMap<String, Requested>,
    before: BTreeMap<String, Receipt>,
    /// What is in use and is not what was installed any more.
    amiss: BTreeSet<String>,
}

/// What becomes of a tapset.
#[derive(Debug, Serialize)]
struct Change<'p> {
    name: &'p str,
    version: &'p Version,
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<&'p Version>,
    /// Whether it is installed again, since what was there has changed.
    mended: bool,
    registry: String,
    signed_by: Vec<String>,
    verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'p str>,
    /// Aliases that are there, and all.
    aliases: (usize, usize),
    native: Vec<&'p str>,
    bytes: u64,
    /// What its scripts may attach to, where that was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    attaches: Option<&'p [String]>,
}

/// Takes `NAME[@VERSIONS]` apart.
pub(super) fn request(text: &str) -> Result<Request, Failure> {
    let (name, versions) = text.split_once('@').unwrap_or((text, "*"));
    let name = name.replace('_', "-");
    if !systap_registry::is_name(&name) {
        return Err(Failure::usage(format!("`{name}` is no name of a tapset: small letters, digits and `-`")));
    }
    let versions: VersionReq =
        versions.parse().map_err(|error| Failure::usage(format!("`{versions}` names no versions: {error}")))?;
    Ok(Request { name, versions })
}

/// What is known of versions: by the registries, or by what is here of a registry that this command does not know.
struct Known<'k> {
    registries: &'k Registries,
    here: BTreeMap<String, &'k Receipt>,
}

impl Versions for Known<'_> {
    type Error = RegistriesError;

    fn versions(&self, name: &str) -> Result<Option<Rc<Tapset>>, RegistriesError> {
        match self.here.get(name) {
            Some(receipt) => Ok(Some(Rc::new(Tapset { entries: vec![receipt.entry()], ..Tapset::default() }))),
            None => self.registries.versions(name),
        }
    }
}

impl Plan {
    /// Chooses versions of what is asked for now and before. `fresh` says of which the newest is wanted, not what is there.
    pub(super) fn make(
        store: &Store,
        asked: &[Request],
        resolving: &Resolving,
        fresh: &dyn Fn(&str) -> bool,
    ) -> Result<Plan, Failure> {
        let registries = Registries::new(&resolving.choice)?;
        // What is damaged is as if it were not there: it is chosen, and fetched, again.
        let InUse { whole: before, damaged } = store.look();
        for error in &damaged {
            terminal::warn(&error.to_string());
        }
        let mut requested = store.requested()?;
        for (name, receipt) in &before {
            registries.bind(name, &receipt.registry);
        }
        let mut requests: Vec<Request> = requested
            .iter()
            .filter(|(name, _)| !asked.iter().any(|request| request.name == **name))
            .map(|(name, requested)| Request { name: name.clone(), versions: requested.versions.clone() })
            .collect();
        requests.extend(asked.iter().cloned());
        let preferred = before
            .iter()
            .filter(|(name, _)| !fresh(name))
            .map(|(name, receipt)| (name.clone(), receipt.version.clone()))
            .collect();
        let rules =
            Rules { abi: systap_plugin_host::ABI, strict: resolving.strict, preferred, longest: LONGEST_CHOICE };
        let kernel = kernel::named(resolving.kernel.as_deref()).map_err(|error| Failure::refused(error.to_string()))?;
        // What came from a registry that is not asked this time stays as it is.
        let is_foreign = |(name, receipt): &(&String, &Receipt)| {
            !registries.knows(&receipt.registry) && !asked.iter().any(|request| request.name == **name)
        };
        let here = before.iter().filter(is_foreign).map(|(name, receipt)| (name.clone(), receipt)).collect();
        let chosen = resolve(&requests, &Known { registries: &registries, here }, &Asked(&kernel), &rules);
        kernel.keep();
        let chosen = chosen.map_err(|error| Failure::unresolved(error, resolving.format, &registries))?;
        for request in asked {
            let registry = registries.of(&request.name)?.name().to_owned();
            requested.insert(request.name.clone(), Requested { versions: request.versions.clone(), registry });
        }
        let is_amiss = |(name, receipt): &(&String, &Receipt)| {
            registries.knows(&receipt.registry) && !receipt.amiss(&store.version(name, &receipt.version)).is_empty()
        };
        let amiss = before.iter().filter(is_amiss).map(|(name, _)| name.clone()).collect();
        Ok(Plan { registries, chosen, requested, before, amiss })
    }

    /// Whether a version is in use as it is chosen.
    fn is_there(&self, entry: &Entry) -> bool {
        let same = |receipt: &Receipt| receipt.version == entry.version && receipt.sha256 == entry.sha256;
        self.before.get(&entry.name).is_some_and(same) && !self.amiss.contains(&entry.name)
    }

    /// Whether nothing changes.
    pub(super) fn is_empty(&self) -> bool {
        self.chosen.len() == self.before.len() && self.chosen.iter().all(|chosen| self.is_there(&chosen.entry))
    }

    /// Says of which tapsets nothing newer can be known, since the registry that they came from is none of the known.
    pub(super) fn warn_of_orphans(&self) {
        for (name, receipt) in self.before.iter().filter(|(_, receipt)| !self.registries.knows(&receipt.registry)) {
            terminal::warn(&format!(
                "`{name}` came from the registry `{}`, which is not asked: `systap tapset install {name}` takes it from another",
                receipt.registry
            ));
        }
    }

    /// Shows what changes; and of each tapset what `attachments` has of it.
    pub(super) fn show(&self, format: Format, attachments: &BTreeMap<String, Vec<String>>) -> Result<(), Failure> {
        let mut text = String::new();
        for chosen in &self.chosen {
            let entry = &chosen.entry;
            if self.is_there(entry) {
                continue;
            }
            let registry = self.registries.of(&entry.name)?;
            let all = entry.aliases.len();
            let change = Change {
                name: &entry.name,
                version: &entry.version,
                before: self.before.get(&entry.name).map(|receipt| &receipt.version),
                mended: self.amiss.contains(&entry.name),
                registry: registry.name().to_owned(),
                signed_by: registry.signers()?,
                verdict: chosen.judged.verdict,
                reason: chosen.judged.reason.as_deref(),
                aliases: (all - chosen.judged.missing.len(), all),
                native: entry.native.iter().flat_map(|native| &native.targets).map(String::as_str).collect(),
                bytes: entry.size,
                attaches: attachments.get(&entry.name).map(Vec::as_slice),
            };
            text += &match format {
                Format::Json => serde_json::to_string(&change).unwrap_or_default() + "\n",
                Format::Text => change.text(),
            };
        }
        for (name, receipt) in &self.before {
            if !self.chosen.iter().any(|chosen| chosen.entry.name == *name) {
                text += &match format {
                    Format::Json => format!("{}\n", serde_json::json!({ "removed": name, "version": receipt.version })),
                    Format::Text => format!("- {name} {}, which nothing needs any more\n", receipt.version),
                };
            }
        }
        terminal::write_to_stdout(&text);
        Ok(())
    }

    /// Fetches what is not there, and puts all into use.
    pub(super) fn carry_out(&self, store: &Store, changing: &Changing<'_>) -> Result<(), Failure> {
        let missing: Vec<&Entry> =
            self.chosen.iter().map(|chosen| &chosen.entry).filter(|entry| !self.is_there(entry)).collect();
        let missing: Vec<&Entry> = missing.into_iter().filter(|entry| !is_stored(store, entry)).collect();
        let progress = terminal::progress("fetching", missing.iter().map(|entry| entry.size).sum());
        for entry in missing {
            let registry = self.registries.of(&entry.name)?;
            let contents = registry.package(entry)?;
            progress.inc(entry.size);
            changing.add(&contents, &Receipt::of(entry, &contents, registry.name(), registry.signers()?))?;
        }
        progress.finish_and_clear();
        let versions =
            self.chosen.iter().map(|chosen| (chosen.entry.name.clone(), chosen.entry.version.clone())).collect();
        changing.switch(&versions, &self.requested)?;
        Ok(())
    }

    /// What the scripts of what is new may attach to, by the tapset's name.
    pub(super) fn attachments(&self) -> Result<BTreeMap<String, Vec<String>>, Failure> {
        let mut all = BTreeMap::new();
        for chosen in self.chosen.iter().filter(|chosen| !self.is_there(&chosen.entry)) {
            let contents: Contents = self.registries.of(&chosen.entry.name)?.package(&chosen.entry)?;
            all.insert(chosen.entry.name.clone(), super::describe::attachments(&contents));
        }
        Ok(all)
    }
}

/// Whether a version is in the store, as it was signed.
fn is_stored(store: &Store, entry: &Entry) -> bool {
    let place = store.version(&entry.name, &entry.version);
    store
        .receipt(&entry.name, &entry.version)
        .is_some_and(|receipt| receipt.sha256 == entry.sha256 && receipt.amiss(&place).is_empty())
}

impl Change<'_> {
    fn text(&self) -> String {
        let before = match self.before {
            Some(before) if before == self.version && self.mended => {
                " (anew: it was not as it was installed)".to_owned()
            }
            Some(before) => format!(" (was {before})"),
            None => String::new(),
        };
        let mut text = format!("+ {} {}{before}\n", self.name, self.version);
        let mut row = |name: &str, value: String| text += &format!("    {name:12}{value}\n");
        let verdict = match self.reason {
            Some(reason) => format!("{}: {reason}", self.verdict),
            None => self.verdict.to_string(),
        };
        row("this kernel", verdict);
        let (here, all) = self.aliases;
        if all > 0 {
            row("aliases", if here == all { all.to_string() } else { format!("{here} of {all} are there") });
        }
        row("registry", format!("{}, signed by {}", self.registry, self.signed_by.join(", ")));
        if !self.native.is_empty() {
            row("native code", format!("for {}; it runs confined, and never as root", self.native.join(", ")));
        }
        row("package", format!("{} KB", self.bytes.div_ceil(1024)));
        for (nth, point) in self.attaches.unwrap_or_default().iter().enumerate() {
            row(if nth == 0 { "attaches to" } else { "" }, point.clone());
        }
        text
    }
}

/// Whether a path is that of a lock file, or the folder of one.
pub(super) fn lock_file(path: &Path) -> std::path::PathBuf {
    if path.is_dir() { path.join("systap.lock") } else { path.to_owned() }
}
