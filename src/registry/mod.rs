//! `systap registry`: what operators do, and what makes a registry known.
//!
//! Must never show or copy a key.

mod mirror;
mod push;
mod serve;
mod site;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use systap_registry::access::{Patience, Place};
use systap_registry::index::Pinned;
use systap_registry::trust::{Editor, Initial, Key, Registry};

use crate::cli::{
    AddOptions, InitOptions, KeyVerb, RegistryChoice, RegistryOptions, RegistryVerb, RotateOptions, VerifyOptions,
};
use crate::outcome::Status;
use crate::registries::{self, Registries};
use crate::tapset::failure::Failure;
use crate::terminal;

/// `systap registry`
pub(crate) fn registry(options: &RegistryOptions) -> Status {
    let done = match &options.verb {
        RegistryVerb::List => list(),
        RegistryVerb::Add(options) => add(options),
        RegistryVerb::Remove(options) => {
            let path = registries::remove(&options.name).map_err(|error| Failure::usage(error.to_string()));
            path.map(|path| {
                terminal::write_to_stdout(&format!("`{}` is no longer in {}\n", options.name, path.display()))
            })
        }
        RegistryVerb::Init(options) => init(options),
        RegistryVerb::Key(options) => key(&options.verb),
        RegistryVerb::Refresh(options) => {
            let signing = &options.signing;
            keys(&signing.keys).and_then(|keys| {
                let editor = Editor::open(&signing.registry, &signing.registry.display().to_string())?;
                warn_of_root(editor.registry(), signing.days);
                editor.refresh(&keys, signing.days)?;
                Ok(Status::Done)
            })
        }
        RegistryVerb::Verify(options) => verify(options),
        RegistryVerb::Mirror(options) => mirror::mirror(options),
        RegistryVerb::Serve(options) => serve::serve(options),
        RegistryVerb::Push(options) => push::push(options),
        RegistryVerb::Site(options) => site::site(options),
    };
    done.unwrap_or_else(|failure| failure.tell())
}

/// `systap registry list`
fn list() -> Result<Status, Failure> {
    let registries = Registries::new(&RegistryChoice::default())?;
    let width = registries.places().map(|(name, _)| name.len()).max().unwrap_or_default();
    let lines = registries.places().map(|(name, place)| format!("{name:width$}  {place}\n"));
    Ok(terminal::write_to_stdout(&lines.collect::<String>()))
}

/// `systap registry add`
fn add(options: &AddOptions) -> Result<Status, Failure> {
    if !systap_registry::is_name(&options.name) {
        return Err(Failure::usage(format!(
            "`{}` cannot be the name of a registry: small letters, digits and `-` can",
            options.name
        )));
    }
    let place: Place = options.place.parse().map_err(|error| Failure::usage(format!("{error}")))?;
    // A folder is meant from here, and is to be found from everywhere.
    let place = match place {
        Place::Folder(folder) => Place::Folder(
            folder.canonicalize().map_err(|error| Failure::registry(format!("{}: {error}", folder.display())))?,
        ),
        other => other,
    };
    let first =
        Registry::first_root(&place, Patience::default()).map_err(|error| Failure::registry(error.to_string()))?;
    let found = format!("sha256:{}", Pinned::of(&first).sha256);
    let Some(root) = &options.root else {
        return Err(Failure::registry(format!(
            "its root is {found}: ask who runs it whether that is so, by another way than this address, and if so \
             repeat this with --root {found}"
        )));
    };
    let root = match root.strip_prefix("sha256:") {
        Some(_) if *root != found => {
            return Err(Failure::registry(format!("its root is {found}, and not {root}")));
        }
        Some(_) => root.clone(),
        // The file may change or go, what is believed may not: its hash is noted, and its bytes are kept.
        None => {
            let bytes = std::fs::read(root).map_err(|error| Failure::usage(format!("{root}: {error}")))?;
            registries::keep_root(&bytes);
            format!("sha256:{}", Pinned::of(&bytes).sha256)
        }
    };
    let choice =
        RegistryChoice { registry: Some(place.to_string()), root: Some(root.clone()), ..RegistryChoice::default() };
    let opened = Registries::new(&choice)?.all()?;
    let said = opened.first().map(|registry| registry.description()).transpose()?.unwrap_or_default();
    let path = registries::add(&options.name, &place.to_string(), &root)?;
    let text = format!("{} is `{}` in {}\n", said.name, options.name, path.display());
    Ok(terminal::write_to_stdout(&text))
}

/// Reads keys.
pub(crate) fn keys(paths: &[PathBuf]) -> Result<Vec<Key>, Failure> {
    Ok(paths.iter().map(|path| Key::read(path)).collect::<Result<_, _>>()?)
}

/// Takes `KEYFILE=NAME` apart; gives names by the ids of keys.
fn owners(texts: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let one = |text: &String| {
        let (file, name) =
            text.split_once('=').ok_or_else(|| Failure::usage(format!("--owner {text}: expected KEYFILE=NAME")))?;
        Ok((Key::read(Path::new(file))?.id(), name.to_owned()))
    };
    texts.iter().map(one).collect()
}

/// `systap registry init`
fn init(options: &InitOptions) -> Result<Status, Failure> {
    let (root, publishing) = (keys(&options.root_keys)?, keys(&options.keys)?);
    let initial = Initial {
        name: options.name.clone(),
        root: &root,
        threshold: options.threshold,
        publishing: &publishing,
        owners: owners(&options.owners)?,
        days: options.days,
        root_days: options.root_days,
    };
    Editor::init(&options.folder, &initial)?;
    let path = options.folder.join("metadata/1.root.json");
    let bytes = std::fs::read(&path).map_err(|error| Failure::registry(format!("{}: {error}", path.display())))?;
    let name = if systap_registry::is_name(&options.name) { options.name.as_str() } else { "NAME" };
    let text = format!(
        "{} is a registry; its users add it by\n  systap registry add {} PLACE --root sha256:{}\n",
        options.folder.display(),
        name,
        Pinned::of(&bytes).sha256
    );
    Ok(terminal::write_to_stdout(&text))
}

/// `systap registry key`
fn key(verb: &KeyVerb) -> Result<Status, Failure> {
    let (key, file) = match verb {
        KeyVerb::New(of) => {
            let key = Key::generate()?;
            key.write(&of.file)?;
            (key, &of.file)
        }
        KeyVerb::Show(of) => (Key::read(&of.file)?, &of.file),
        KeyVerb::Rotate(options) => return rotate(options),
    };
    Ok(terminal::write_to_stdout(&format!("{}\n  id      {}\n  public  {}\n", file.display(), key.id(), key.public())))
}

/// `systap registry key rotate`
fn rotate(options: &RotateOptions) -> Result<Status, Failure> {
    let mut old = keys(&options.root_keys)?;
    old.extend(keys(&options.old_keys)?);
    let root = keys(&options.new_root_keys)?;
    let publishing = keys(&options.keys)?;
    let owners = owners(&options.owners)?;
    let editor = Editor::open(&options.folder, &options.folder.display().to_string())?;
    let root = (!root.is_empty()).then_some((root.as_slice(), options.threshold));
    editor.rotate(&old, root, &publishing, owners, [options.root_days, options.days])?;
    Ok(terminal::write_to_stdout("the keys are changed; users follow by themselves\n"))
}

/// `systap registry verify`
fn verify(options: &VerifyOptions) -> Result<Status, Failure> {
    let registries = Registries::new(&options.choice)?;
    let mut text = String::new();
    for registry in registries.all()? {
        let names = registry.tapsets()?;
        let mut versions = 0;
        let progress = terminal::progress("verifying", names.len() as u64);
        for name in &names {
            for entry in registry.tapset(name)?.unwrap_or_default().entries {
                registry.package(&entry)?;
                versions += 1;
            }
            progress.inc(1);
        }
        progress.finish_and_clear();
        for bin in registry.bins() {
            registry.names(&bin)?;
        }
        let left = registry.expires() - now();
        let count = names.len();
        text += &format!("{}: {count} tapsets, {versions} versions, each byte as signed\n", registry.name());
        text += &format!("  signed by {}\n", registry.signers()?.join(", "));
        let good = |left: i64| match u64::try_from(left) {
            Ok(left) => format!("good for {}", registries::ago(left)),
            Err(_) => "expired".to_owned(),
        };
        text += &format!("  {}, its root {}\n", good(left), good(registry.root_expires() - now()));
        let versions: Vec<String> =
            registry.versions().iter().map(|(role, version)| format!("{role} {version}")).collect();
        text += &format!("  {}\n", versions.join(", "));
    }
    Ok(terminal::write_to_stdout(&text))
}

/// Says so if a registry's root expires before what is being signed, or within a month.
pub(crate) fn warn_of_root(registry: &Registry, days: u64) {
    let left = registry.root_expires() - now();
    if left < i64::try_from(days.max(30)).unwrap_or(i64::MAX).saturating_mul(86_400) {
        let when = u64::try_from(left)
            .map_or_else(|_| "has expired".to_owned(), |left| format!("expires in {}", registries::ago(left)));
        terminal::warn(&format!(
            "the root of the registry {when}, and then nobody believes it: `systap registry key rotate` with its root \
             key signs it anew"
        ));
    }
}

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
