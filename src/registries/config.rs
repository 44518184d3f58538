//! `systap.toml`: the registries that a user or a machine's operator has set, and which of them tapsets are bound to.
//!
//! The user's file comes before the machine's, `/etc/systap/systap.toml`, line by line. Must never read one of the folder where a
//! command happens to run: what keys are believed is no matter of where one stands.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::xdg;

/// What is set.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    #[serde(default)]
    pub(super) registries: BTreeMap<String, WrittenRegistry>,
    /// The registry of a tapset, by the tapset's name.
    #[serde(default)]
    pub(super) tapsets: BTreeMap<String, String>,
}

/// A registry that is set.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenRegistry {
    pub(super) place: String,
    pub(super) root: Option<String>,
}

/// What is wrong with the settings.
#[derive(Debug)]
pub(crate) struct ConfigError(String);

impl std::fmt::Display for ConfigError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

pub(super) fn wrong(name: &str, error: &dyn std::fmt::Display) -> ConfigError {
    ConfigError(format!("the registry `{name}`: {error}"))
}

/// The user's file.
pub(crate) fn file() -> Option<PathBuf> {
    xdg::config().map(|config| config.join("systap.toml"))
}

/// Reads what is set.
pub(super) fn read() -> Result<Config, ConfigError> {
    let mut all = Config::default();
    let files = [file(), Some(PathBuf::from("/etc/systap/systap.toml"))];
    for path in files.into_iter().flatten() {
        let Some(config) = parse(&path)? else { continue };
        for (name, registry) in config.registries {
            all.registries.entry(name).or_insert(registry);
        }
        for (name, registry) in config.tapsets {
            all.tapsets.entry(name).or_insert(registry);
        }
    }
    Ok(all)
}

fn parse(path: &Path) -> Result<Option<Config>, ConfigError> {
    let text = match std::fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ConfigError(format!("{}: {error}", path.display()))),
        Ok(text) => text,
    };
    let said = |error: toml::de::Error| ConfigError(format!("{}: {}", path.display(), error.to_string().trim_end()));
    toml::from_str(&text).map(Some).map_err(said)
}

/// Adds a registry to the user's file.
pub(crate) fn add(name: &str, place: &str, root: &str) -> Result<PathBuf, ConfigError> {
    let path =
        file().ok_or_else(|| ConfigError("neither HOME nor XDG_CONFIG_HOME says where settings are".to_owned()))?;
    if parse(&path)?.is_some_and(|config| config.registries.contains_key(name)) {
        return Err(ConfigError(format!("{} has a registry `{name}` already", path.display())));
    }
    let failed = |error: std::io::Error| ConfigError(format!("{}: {error}", path.display()));
    let folder = path.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(folder).map_err(failed)?;
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    // A basic string of TOML is one of JSON.
    let literal = |text: &str| serde_json::Value::from(text);
    let more = format!("[registries.{name}]\nplace = {}\nroot = {}\n", literal(place), literal(root));
    let gap = if old.is_empty() || old.ends_with("\n\n") { "" } else { "\n" };
    replace(&path, &format!("{old}{gap}{more}")).map_err(failed)?;
    Ok(path)
}

/// Takes a registry out of the user's file, with the tapsets that are bound to it; all else there stays as it is.
pub(crate) fn remove(name: &str) -> Result<PathBuf, ConfigError> {
    let unknown = || ConfigError(format!("there is no registry `{name}` in your systap.toml"));
    let path = file().ok_or_else(unknown)?;
    let Some(config) = parse(&path)?.filter(|config| config.registries.contains_key(name)) else {
        return Err(unknown());
    };
    let failed = |error: &dyn std::fmt::Display| ConfigError(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(&path).map_err(|error| failed(&error))?;
    let mut document: toml_edit::DocumentMut = text.parse().map_err(|error| failed(&error))?;
    let bound = config.tapsets.iter().filter(|(_, registry)| *registry == name).map(|(tapset, _)| tapset.as_str());
    for (table, key) in bound.map(|tapset| ("tapsets", tapset)).chain([("registries", name)]) {
        if let Some(table) = document.get_mut(table).and_then(toml_edit::Item::as_table_like_mut) {
            table.remove(key);
        }
    }
    replace(&path, &document.to_string()).map_err(|error| failed(&error))?;
    Ok(path)
}

/// Writes a file whole or not at all.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let fresh = path.with_extension(format!("new-{}", std::process::id()));
    let mut file = std::fs::File::create(&fresh)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all())?;
    std::fs::rename(&fresh, path)
}
