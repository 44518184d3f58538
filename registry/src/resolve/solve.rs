//! The solver: PubGrub over the versions that are of use on the kernel.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use pubgrub::{Dependencies, DependencyProvider, PackageResolutionStatistics, PubGrubError, Ranges};
use semver::{Version, VersionReq};

use super::explain::{self, Refusal};
use super::ranges::{names_pre_release, ranges};
use super::verdict::{Judged, Verdict, judge};
use crate::index::{Entry, Tapset};
use crate::when::KernelFacts;

/// A tapset that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its name.
    pub name: String,
    /// Its versions.
    pub versions: VersionReq,
}

/// What decides besides versions.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The number of the interface for plugins that this systap speaks.
    pub abi: u32,
    /// Whether to refuse versions that were not tested on such a kernel.
    pub strict: bool,
    /// Versions that are taken if they can be, even if they are yanked: those that are there.
    pub preferred: BTreeMap<String, Version>,
    /// How long it may take.
    pub longest: Duration,
}

/// Where versions are known from.
pub trait Versions {
    /// Why they are not.
    type Error: std::error::Error + 'static;

    /// All versions of a tapset; `None` if there is no such.
    ///
    /// # Errors
    /// Where they cannot be got.
    fn versions(&self, name: &str) -> Result<Option<Rc<Tapset>>, Self::Error>;
}

/// A version that was chosen.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// It.
    pub entry: Entry,
    /// What it is worth here.
    pub judged: Judged,
}

/// Why nothing was chosen.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError<E: std::error::Error + 'static> {
    /// The versions are not known.
    #[error(transparent)]
    Versions(E),
    /// No versions fit together on this kernel.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// It takes too long.
    #[error("which versions go together was not found in {} s: ask for exact versions of some", .0.as_secs())]
    TooLong(Duration),
}

/// A package of the solver's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Package {
    /// Who asks.
    Asking,
    /// A tapset.
    Tapset(Rc<str>),
}

impl fmt::Display for Package {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Package::Asking => f.write_str("what is asked for"),
            Package::Tapset(name) => f.write_str(name),
        }
    }
}

/// A version, with what it is worth here.
type Known = (Rc<Tapset>, RefCell<HashMap<Version, Judged>>);

/// What the solver asks.
pub(super) struct Provider<'r, V: Versions> {
    pub(super) requests: &'r [Request],
    versions: &'r V,
    kernel: &'r dyn KernelFacts,
    rules: &'r Rules,
    known: RefCell<BTreeMap<Rc<str>, Option<Rc<Known>>>>,
    /// Tapsets of which somebody asks for a pre-release.
    early: RefCell<std::collections::BTreeSet<String>>,
    until: Instant,
}

/// Ends the solver.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stop<E: std::error::Error + 'static> {
    #[error(transparent)]
    Versions(E),
    #[error("it takes too long")]
    TooLong,
}

impl<V: Versions> Provider<'_, V> {
    fn known(&self, name: &Rc<str>) -> Result<Option<Rc<Known>>, Stop<V::Error>> {
        if let Some(known) = self.known.borrow().get(name) {
            return Ok(known.clone());
        }
        let found = self.versions.versions(name).map_err(Stop::Versions)?;
        let known = found.map(|tapset| Rc::new((tapset, RefCell::default())));
        self.known.borrow_mut().insert(name.clone(), known.clone());
        Ok(known)
    }

    fn judged(&self, known: &Known, entry: &Entry) -> Judged {
        let (tapset, judged) = known;
        let preferred = self.rules.preferred.get(&entry.name) == Some(&entry.version);
        let judge = || {
            let yank = tapset.yanks.get(&entry.version).filter(|_| !preferred);
            judge(entry, yank, self.kernel, self.rules.abi)
        };
        judged.borrow_mut().entry(entry.version.clone()).or_insert_with(judge).clone()
    }

    /// All versions of the tapsets that were looked at, with what they are worth; the newest first.
    pub(super) fn judged_versions(&self, name: &str) -> Option<Vec<(Version, Judged)>> {
        let known = self.known.borrow().get(name).cloned()??;
        let judge = |entry: &Entry| (entry.version.clone(), self.judged(&known, entry));
        Some(known.0.entries.iter().map(judge).collect())
    }

    /// How the dependency on a tapset is written in the newest of some versions of another.
    pub(super) fn requirement(&self, of: &str, versions: &Ranges<Version>, on: &str) -> Option<VersionReq> {
        let known = self.known.borrow().get(of).cloned()??;
        let entry = known.0.entries.iter().find(|entry| versions.contains(&entry.version))?;
        entry.dependencies.get(on).cloned()
    }

    /// Whether a version may be taken.
    pub(super) fn is_good(&self, judged: &Judged) -> bool {
        match judged.verdict {
            Verdict::Compatible => true,
            Verdict::Untested => !self.rules.strict,
            Verdict::Incompatible | Verdict::Yanked => false,
        }
    }

    /// Whether a version is none before its time, or one is asked for.
    pub(super) fn may_be_early(&self, name: &str, version: &Version) -> bool {
        version.pre.is_empty() || self.early.borrow().contains(name)
    }

    fn note_requirement(&self, name: &str, requirement: &VersionReq) {
        if names_pre_release(requirement) {
            self.early.borrow_mut().insert(name.to_owned());
        }
    }
}

impl<V: Versions> DependencyProvider for Provider<'_, V> {
    type P = Package;
    type V = Version;
    type VS = Ranges<Version>;
    type M = String;
    type Err = Stop<V::Error>;
    /// What made most trouble comes first, then what has fewest versions to choose from.
    type Priority = (u32, Reverse<usize>);

    fn prioritize(
        &self,
        package: &Package,
        range: &Ranges<Version>,
        conflicts: &PackageResolutionStatistics,
    ) -> Self::Priority {
        let count = match package {
            Package::Asking => 0,
            Package::Tapset(name) => {
                let known = self.known(name).ok().flatten();
                known.map_or(0, |known| known.0.entries.iter().filter(|entry| range.contains(&entry.version)).count())
            }
        };
        (conflicts.conflict_count(), Reverse(count))
    }

    fn choose_version(&self, package: &Package, range: &Ranges<Version>) -> Result<Option<Version>, Self::Err> {
        let Package::Tapset(name) = package else { return Ok(Some(Version::new(0, 0, 0))) };
        let Some(known) = self.known(name)? else { return Ok(None) };
        let preferred = self.rules.preferred.get(&**name);
        if let Some(entry) = preferred.and_then(|version| known.0.entry(version))
            && range.contains(&entry.version)
            && self.is_good(&self.judged(&known, entry))
        {
            return Ok(Some(entry.version.clone()));
        }
        let mut untested = None;
        for entry in &known.0.entries {
            if !range.contains(&entry.version) || !self.may_be_early(name, &entry.version) {
                continue;
            }
            let judged = self.judged(&known, entry);
            match judged.verdict {
                Verdict::Compatible => return Ok(Some(entry.version.clone())),
                Verdict::Untested if self.is_good(&judged) && untested.is_none() => {
                    untested = Some(entry.version.clone());
                }
                _ => {}
            }
        }
        Ok(untested)
    }

    fn get_dependencies(
        &self,
        package: &Package,
        version: &Version,
    ) -> Result<Dependencies<Package, Ranges<Version>, String>, Self::Err> {
        let mut all: BTreeMap<Package, Ranges<Version>> = BTreeMap::new();
        let mut add = |name: &str, requirement: &VersionReq| {
            self.note_requirement(name, requirement);
            let range = all.entry(Package::Tapset(name.into())).or_insert_with(Ranges::full);
            *range = range.intersection(&ranges(requirement));
        };
        match package {
            Package::Asking => self.requests.iter().for_each(|request| add(&request.name, &request.versions)),
            Package::Tapset(name) => {
                let known = self.known(name)?;
                let entry = known.as_ref().and_then(|known| known.0.entry(version));
                let Some(entry) = entry else { return Ok(Dependencies::Unavailable("it is not there".to_owned())) };
                entry.dependencies.iter().for_each(|(on, requirement)| add(on, requirement));
            }
        }
        Ok(Dependencies::Available(all.into_iter().collect()))
    }

    fn should_cancel(&self) -> Result<(), Self::Err> {
        if Instant::now() < self.until { Ok(()) } else { Err(Stop::TooLong) }
    }
}

/// Chooses a version of each tapset that is asked for and of each that those need; by name.
///
/// # Errors
/// Where no versions fit together on this kernel, or they are not known.
pub fn resolve<V: Versions>(
    requests: &[Request],
    versions: &V,
    kernel: &dyn KernelFacts,
    rules: &Rules,
) -> Result<Vec<Chosen>, ResolveError<V::Error>> {
    let provider = Provider {
        requests,
        versions,
        kernel,
        rules,
        known: RefCell::default(),
        early: RefCell::default(),
        until: Instant::now() + rules.longest,
    };
    let stopped = |stop| match stop {
        Stop::Versions(error) => ResolveError::Versions(error),
        Stop::TooLong => ResolveError::TooLong(rules.longest),
    };
    let solution = match pubgrub::resolve(&provider, Package::Asking, Version::new(0, 0, 0)) {
        Ok(solution) => solution,
        Err(PubGrubError::NoSolution(tree)) => {
            return Err(ResolveError::Refused(Box::new(explain::explain(&tree, &provider))));
        }
        Err(
            PubGrubError::ErrorRetrievingDependencies { source, .. }
            | PubGrubError::ErrorChoosingVersion { source, .. }
            | PubGrubError::ErrorInShouldCancel(source),
        ) => return Err(stopped(source)),
    };
    let mut chosen = vec![];
    for (package, version) in solution {
        let Package::Tapset(name) = package else { continue };
        let known = provider.known(&name).map_err(stopped)?;
        if let Some((known, entry)) = known.as_ref().and_then(|known| Some((known, known.0.entry(&version)?))) {
            chosen.push(Chosen { entry: entry.clone(), judged: provider.judged(known, entry) });
        }
    }
    chosen.sort_by(|one, other| one.entry.name.cmp(&other.entry.name));
    Ok(chosen)
}

#[cfg(test)]
mod tests;
