//! A script names what nothing that it sees has: a tapset that it does not say it needs may have it, one that cannot be read, or one that
//! is not installed, as the registries at hand know.
//!
//! Only what is on this machine is asked, and only when there is an error already. Must never wait for a network.

use std::path::{Path, PathBuf};

use systap_diagnostics::{Diagnostic, Severity, Sources};
use systap_elaborate::TapsetFile;
use systap_registry::Folder;
use systap_registry::index::Asked;

use super::packages::Packages;
use crate::cli::RegistryChoice;
use crate::registries::Registries;

/// Says in errors about unknown aliases and functions which tapset has them. `named` are the folders of tapsets that the run was given.
pub(crate) fn tell(diagnostics: &mut [Diagnostic], sources: &Sources, named: &[PathBuf]) {
    let packages = Packages::new(named.to_vec());
    let mut registries = None;
    let mut broken_told = false;
    for diagnostic in diagnostics.iter_mut().filter(|diagnostic| diagnostic.severity == Severity::Error) {
        let Some(name) = unknown_name(diagnostic, sources) else { continue };
        if let Some(line) = undeclared(&name, diagnostic, sources, &packages) {
            diagnostic.help.push(line);
            continue;
        }
        if !std::mem::replace(&mut broken_told, true) {
            let broken = packages.opened().broken.iter();
            diagnostic
                .notes
                .extend(broken.map(|error| format!("a tapset is left out, since it cannot be read: {error}")));
        }
        let asked = match diagnostic.code {
            "unknown-function" => Asked { function: Some(name.clone()), ..Asked::default() },
            _ => Asked { alias: Some(name.clone()), ..Asked::default() },
        };
        let choice = RegistryChoice { offline: true, allow_expired: true, ..RegistryChoice::default() };
        let known = registries.get_or_insert_with(|| Registries::new(&choice).ok().and_then(|all| all.all().ok()));
        let found = known.iter().flatten().find_map(|registry| registry.search(&asked).ok()?.into_iter().next());
        if let Some(found) = found {
            let tapset = &found.name;
            diagnostic.label.clear();
            diagnostic.help.push(format!("`{name}` is in the tapset `{tapset}`: systap tapset install {tapset}"));
        }
    }
}

/// What a tapset whose script uses a name of another must say of it, if it does not say that it needs the other.
fn undeclared(name: &str, diagnostic: &Diagnostic, sources: &Sources, packages: &Packages) -> Option<String> {
    let file = PathBuf::from(&sources.file(diagnostic.span?.file).name);
    let folders = &packages.opened().folders;
    let own: &Folder = folders.iter().find(|folder| file.starts_with(&folder.path))?;
    let declares = |folder: &&Folder| {
        folder.scripts.iter().any(|script| {
            let file = TapsetFile { name: script.path.display().to_string(), text: String::new(), package: None };
            packages.declared(&file).iter().any(|declared| declared.name == name && !declared.private)
        })
    };
    let other = folders.iter().filter(|folder| folder.path != own.path).find(declares)?;
    let (other, version) = (&other.manifest.name, &other.manifest.version);
    let manifest = own.path.join(Path::new("tapset.toml"));
    Some(format!(
        "`{name}` is of the tapset `{other}`: {} must say under [dependencies]: {other} = \"{}.{}\"",
        manifest.display(),
        version.major,
        version.minor
    ))
}

/// The name that an error is about, as far as it goes on.
fn unknown_name(diagnostic: &Diagnostic, sources: &Sources) -> Option<String> {
    let span = diagnostic.span.filter(|_| matches!(diagnostic.code, "unknown-probe-point" | "unknown-function"))?;
    let text = sources.file(span.file).text.get(span.start as usize..)?;
    let dots = diagnostic.code == "unknown-probe-point";
    let in_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || (dots && matches!(c, '.' | '*'));
    let end = text.find(|c: char| !in_name(c)).unwrap_or(text.len());
    // `kernel.function("x")` is no alias, and `*` alone stands for everything.
    let name = &text[..end];
    (name.len() > 2 && !text[end..].starts_with('(') || !dots && !name.is_empty()).then(|| name.to_owned())
}
