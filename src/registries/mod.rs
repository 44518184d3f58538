//! The registries that a user knows: the one that ships with systap, those of `systap.toml`, and one that the command line names.
//!
//! Must never take a tapset from another registry than the one that its name is bound to.

mod config;

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use systap_registry::access::{FetchError, Patience, Place};
use systap_registry::index::{Pinned, Tapset};
use systap_registry::resolve::Versions;
use systap_registry::trust::{Registry, Settings, TrustError};

use crate::cli::RegistryChoice;
use crate::{terminal, xdg};

pub(crate) use config::{ConfigError, add, remove};

/// What the registry that ships with systap is called.
pub(crate) const DEFAULT: &str = "default";

/// A registry that is known, opened or not.
struct Known {
    name: String,
    place: Place,
    /// The root to believe: a file, or `sha256:` and the hash of one.
    root: Option<String>,
    opened: OnceCell<Rc<Registry>>,
}

/// The registries.
pub(crate) struct Registries {
    known: Vec<Known>,
    /// Which registry a tapset is to be taken from, by its name.
    bound: RefCell<BTreeMap<String, String>>,
    /// From which one each was taken.
    taken: RefCell<BTreeMap<String, String>>,
    offline: bool,
    allow_expired: bool,
}

/// Why a registry is of no use.
#[derive(Debug)]
pub(crate) enum RegistriesError {
    Config(ConfigError),
    Trust(Box<TrustError>),
    /// No registry is known.
    None,
    /// There is none of that name.
    Unknown {
        name: String,
        known: Vec<String>,
    },
    /// No root is known for it.
    NoRoot {
        name: String,
        place: Box<Place>,
        sha256: Option<String>,
    },
    /// The root is not there, or not the one that was named.
    Root {
        name: String,
        why: String,
    },
    /// More than one has it.
    Ambiguous {
        tapset: String,
        registries: Vec<String>,
    },
}

impl std::fmt::Display for RegistriesError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RegistriesError::Config(error) => error.fmt(f),
            RegistriesError::Trust(error) => error.fmt(f),
            RegistriesError::None => f.write_str(
                "no registry is known: `cargo xtask dist` makes the one that ships with systap, \
                 `systap registry add NAME PLACE` another",
            ),
            RegistriesError::Unknown { name, known } => {
                write!(f, "there is no registry `{name}` (known: {})", known.join(", "))
            }
            RegistriesError::NoRoot { name, place, sha256 } => {
                write!(f, "nothing says yet which keys to believe of the registry `{name}` at {place}")?;
                match sha256 {
                    Some(sha256) => write!(
                        f,
                        "; ask who runs it whether its root is sha256:{sha256}, and if so: --root sha256:{sha256}"
                    ),
                    None => f.write_str("; --root FILE gives its root, metadata/1.root.json as it was first"),
                }
            }
            RegistriesError::Root { name, why } => write!(f, "the root of the registry `{name}`: {why}"),
            RegistriesError::Ambiguous { tapset, registries } => write!(
                f,
                "`{tapset}` is in more than one registry: {}; --registry NAME says which, and `{tapset} = \"NAME\"` under \
                 [tapsets] in systap.toml says it for good",
                registries.join(", ")
            ),
        }
    }
}

impl std::error::Error for RegistriesError {}

impl From<ConfigError> for RegistriesError {
    fn from(error: ConfigError) -> Self {
        RegistriesError::Config(error)
    }
}

impl From<TrustError> for RegistriesError {
    fn from(error: TrustError) -> Self {
        RegistriesError::Trust(Box::new(error))
    }
}

impl Registries {
    /// Those of the settings, or the one that was chosen alone.
    pub(crate) fn new(choice: &RegistryChoice) -> Result<Registries, RegistriesError> {
        let config = config::read()?;
        let one = |name: &str, place: Place, root: Option<String>| Known {
            name: name.to_owned(),
            place,
            root,
            opened: OnceCell::new(),
        };
        let mut known = vec![];
        for (name, written) in &config.registries {
            let place = written.place.parse().map_err(|error| config::wrong(name, &error))?;
            known.push(one(name, place, written.root.clone()));
        }
        if let Some(folder) = shipped().filter(|_| !config.registries.contains_key(DEFAULT)) {
            // It came with the program: who could change it could change the program.
            let root = folder.join("metadata/1.root.json").display().to_string();
            known.push(one(DEFAULT, Place::Folder(folder), Some(root)));
        }
        if let Some(chosen) = &choice.registry {
            let names = known.iter().map(|known| known.name.clone()).collect();
            known.retain(|known| known.name == *chosen);
            if known.is_empty() {
                if !chosen.contains('/') && !Path::new(chosen).is_dir() {
                    return Err(RegistriesError::Unknown { name: chosen.clone(), known: names });
                }
                let place = chosen.parse().map_err(|error| config::wrong(chosen, &error))?;
                known.push(one(chosen, place, None));
            }
        }
        if let (Some(root), [only]) = (&choice.root, known.as_mut_slice()) {
            only.root = Some(root.clone());
        }
        if known.is_empty() {
            return Err(RegistriesError::None);
        }
        Ok(Registries {
            known,
            bound: RefCell::new(config.tapsets),
            taken: RefCell::default(),
            offline: choice.offline,
            allow_expired: choice.allow_expired,
        })
    }

    /// Their names and places.
    pub(crate) fn places(&self) -> impl Iterator<Item = (&str, &Place)> {
        self.known.iter().map(|known| (known.name.as_str(), &known.place))
    }

    /// The names of all.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.known.iter().map(|known| known.name.as_str())
    }

    /// Whether a registry of that name is known.
    pub(crate) fn knows(&self, registry: &str) -> bool {
        self.known.iter().any(|known| known.name == registry)
    }

    /// Binds a tapset's name to a registry, unless the settings have bound it already.
    pub(crate) fn bind(&self, tapset: &str, registry: &str) {
        if self.knows(registry) {
            self.bound.borrow_mut().entry(tapset.to_owned()).or_insert_with(|| registry.to_owned());
        }
    }

    /// A registry by its name.
    pub(crate) fn named(&self, name: &str) -> Result<Rc<Registry>, RegistriesError> {
        match self.known.iter().find(|known| known.name == name) {
            Some(known) => self.open(known),
            None => {
                let known = self.known.iter().map(|known| known.name.clone()).collect();
                Err(RegistriesError::Unknown { name: name.to_owned(), known })
            }
        }
    }

    /// All of them, opened.
    pub(crate) fn all(&self) -> Result<Vec<Rc<Registry>>, RegistriesError> {
        self.known.iter().map(|known| self.open(known)).collect()
    }

    /// The registry that a tapset was taken from.
    pub(crate) fn of(&self, tapset: &str) -> Result<Rc<Registry>, RegistriesError> {
        let name = self.taken.borrow().get(tapset).cloned().unwrap_or_default();
        self.named(&name)
    }

    fn open(&self, known: &Known) -> Result<Rc<Registry>, RegistriesError> {
        if let Some(opened) = known.opened.get() {
            return Ok(opened.clone());
        }
        let root = self.root(known)?;
        let registry = Registry::open(Settings {
            name: known.name.clone(),
            place: known.place.clone(),
            root,
            seen: xdg::data().map(|data| data.join("seen")),
            kept: xdg::cache().map(|cache| cache.join("registries")),
            offline: self.offline,
            allow_expired: self.allow_expired,
            patience: patience(),
        })?;
        if let Some((why, since)) = registry.offline().filter(|_| !self.offline) {
            let age = since.and_then(|since| since.elapsed().ok()).map(|age| ago(age.as_secs()));
            let age = age.map(|age| format!(", from {age} ago")).unwrap_or_default();
            terminal::warn(&format!(
                "the registry `{}` does not answer ({why}): what is known of it{age} is used",
                known.name
            ));
        }
        Ok(known.opened.get_or_init(|| Rc::new(registry)).clone())
    }

    fn root(&self, known: &Known) -> Result<Vec<u8>, RegistriesError> {
        let failed = |why: String| RegistriesError::Root { name: known.name.clone(), why };
        let Some(root) = &known.root else {
            let found = Registry::first_root(&known.place, patience()).ok();
            let sha256 = found.map(|bytes| Pinned::of(&bytes).sha256);
            return Err(RegistriesError::NoRoot {
                name: known.name.clone(),
                place: Box::new(known.place.clone()),
                sha256,
            });
        };
        let Some(wanted) = root.strip_prefix("sha256:") else {
            return std::fs::read(root).map_err(|error| failed(format!("{root}: {error}")));
        };
        let is_it = |bytes: &[u8]| Pinned::of(bytes).sha256 == wanted;
        if let Some(bytes) = kept_root(wanted).and_then(|path| std::fs::read(path).ok()).filter(|bytes| is_it(bytes)) {
            return Ok(bytes);
        }
        let bytes =
            Registry::first_root(&known.place, patience()).map_err(|error: FetchError| failed(error.to_string()))?;
        if !is_it(&bytes) {
            let found = Pinned::of(&bytes).sha256;
            return Err(failed(format!("it is sha256:{found}, and sha256:{wanted} is believed")));
        }
        keep_root(&bytes);
        Ok(bytes)
    }
}

/// Where a root that is believed is kept, by its hash.
fn kept_root(sha256: &str) -> Option<PathBuf> {
    Some(xdg::data()?.join("seen").join(format!("{sha256}.root.json")))
}

/// Keeps a root that is believed; what cannot be kept is got again.
pub(crate) fn keep_root(bytes: &[u8]) {
    if let Some(path) = kept_root(&Pinned::of(bytes).sha256) {
        _ = path.parent().map(std::fs::create_dir_all);
        _ = std::fs::write(path, bytes);
    }
}

impl Versions for Registries {
    type Error = RegistriesError;

    fn versions(&self, name: &str) -> Result<Option<Rc<Tapset>>, RegistriesError> {
        let bound = self.bound.borrow().get(name).cloned();
        let mut found: Vec<(String, Tapset)> = vec![];
        for known in &self.known {
            if bound.as_ref().is_some_and(|bound| *bound != known.name) {
                continue;
            }
            if let Some(tapset) = self.open(known)?.tapset(name)? {
                found.push((known.name.clone(), tapset));
            }
        }
        if found.len() > 1 {
            let registries = found.into_iter().map(|(registry, _)| registry).collect();
            return Err(RegistriesError::Ambiguous { tapset: name.to_owned(), registries });
        }
        Ok(found.pop().map(|(registry, tapset)| {
            self.taken.borrow_mut().insert(name.to_owned(), registry);
            Rc::new(tapset)
        }))
    }
}

/// The registry that ships with systap: PREFIX/share/systap/registry beside PREFIX/bin/systap.
fn shipped() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    let folder = program.ancestors().nth(2)?.join("share/systap/registry");
    folder.join("metadata").is_dir().then_some(folder)
}

/// How long to wait for a registry; `SYSTAP_PATIENCE` in seconds, for slow lines and for tests.
pub(crate) fn patience() -> Patience {
    let seconds = std::env::var("SYSTAP_PATIENCE").ok().and_then(|text| text.parse().ok());
    match seconds.map(std::time::Duration::from_secs) {
        Some(file) => {
            let Patience { connect, answer, .. } = Patience::default();
            Patience { connect: file.min(connect), answer: file.min(answer), file }
        }
        None => Patience::default(),
    }
}

/// A time in the largest unit that it has more than one of.
pub(crate) fn ago(seconds: u64) -> String {
    let units = [(86_400, "days"), (3600, "hours"), (60, "minutes")];
    let unit = units.into_iter().find(|(length, _)| seconds >= 2 * length).unwrap_or((1, "seconds"));
    format!("{} {}", seconds / unit.0, unit.1)
}
