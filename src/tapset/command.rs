//! `systap tapset`: which command does what; and which tapsets there are and what they have.
//!
//! Must never change a tapset.

use std::path::{Path, PathBuf};

use systap_elaborate::{Declares, declarations};
use systap_registry::trust::Registry;
use systap_registry::{Folder, Stability};

use super::failure::Failure;
use super::packages::Packages;
use super::{ask, changes, check, deprecate, install, manual, publish, scaffold, testing};
use crate::cli::{RegistryChoice, TapsetOptions, TapsetVerb};
use crate::outcome::Status;
use crate::registries::Registries;
use crate::terminal;

/// `systap tapset`
pub(crate) fn tapset(options: &TapsetOptions) -> Status {
    let packages = Packages::new(options.roots.clone());
    let more = &options.roots;
    let of = |named: &str| find(&packages, named).map_err(Failure::wrong);
    let done = match &options.verb {
        TapsetVerb::Search(options) => ask::search(options),
        TapsetVerb::Install(options) => install::install(options),
        TapsetVerb::Remove(options) => install::remove(options),
        TapsetVerb::Update(options) => install::update(options),
        TapsetVerb::Outdated(options) => install::outdated(options),
        TapsetVerb::Why(options) => ask::why(options),
        TapsetVerb::Tree => ask::tree(),
        TapsetVerb::Verify => ask::verify(),
        TapsetVerb::Lock(options) => install::lock(options),
        TapsetVerb::Vendor(options) => install::vendor(options),
        TapsetVerb::List => Ok(list(&packages)),
        TapsetVerb::Info(named) => of(&named.tapset).and_then(|folder| Ok(info(&folder)?)),
        TapsetVerb::Check(on) => of(&on.tapset).and_then(|folder| Ok(check::check(&folder, &on.kernels, more)?)),
        TapsetVerb::Matrix(on) => of(&on.tapset).and_then(|folder| Ok(check::matrix(&folder, &on.kernels, more)?)),
        TapsetVerb::Test(on) if on.lab => {
            of(&on.tapset).and_then(|folder| Ok(testing::on_other_kernels(&folder, &on.words, more)?))
        }
        TapsetVerb::Test(on) => of(&on.tapset).and_then(|folder| Ok(testing::test(&folder, &on.words, more)?)),
        TapsetVerb::Doc(options) => of(&options.tapset).and_then(|folder| manual::doc(&folder, options)),
        TapsetVerb::New(options) => scaffold::new(options),
        TapsetVerb::Deprecate(options) => deprecate::deprecate(options),
        TapsetVerb::SemverCheck(options) => changes::semver_check(options, more),
        TapsetVerb::Package(options) => publish::package(&packages, options),
        TapsetVerb::Publish(options) => publish::publish(&packages, options, more),
        TapsetVerb::Yank(options) => publish::yank(options),
    };
    done.unwrap_or_else(|failure| failure.tell())
}

/// The tapset of that name, or in that folder.
pub(super) fn find(packages: &Packages, named: &str) -> Result<Folder, String> {
    let path = Path::new(named);
    if named.contains('/') || path.join("tapset.toml").is_file() {
        return Folder::open(path).map_err(|error| error.to_string());
    }
    let opened = packages.opened();
    if let Some(found) = opened.folders.iter().find(|folder| folder.manifest.name == named.replace('_', "-")) {
        return Ok(found.clone());
    }
    let known: Vec<&str> = opened.folders.iter().map(|folder| folder.manifest.name.as_str()).collect();
    let near = systap_diagnostics::nearest(named, known.iter().copied());
    let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    let choice = RegistryChoice { offline: true, allow_expired: true, ..RegistryChoice::default() };
    let registries = Registries::new(&choice).and_then(|registries| registries.all()).unwrap_or_default();
    let wanted = named.replace('_', "-");
    let has = |registry: &std::rc::Rc<Registry>| registry.tapset(&wanted).is_ok_and(|tapset| tapset.is_some());
    if let Some(registry) = registries.iter().find(|registry| has(registry)) {
        let name = registry.name();
        return Err(format!(
            "`{wanted}` is not installed, and the registry `{name}` has it: systap tapset install {wanted}"
        ));
    }
    Err(format!("no tapset `{named}` is found here{near} (`systap tapset list` shows those that are)"))
}

fn list(packages: &Packages) -> Status {
    let opened = packages.opened();
    let mut text = String::new();
    let width = opened.folders.iter().map(|folder| folder.manifest.name.len()).max().unwrap_or_default();
    for folder in &opened.folders {
        let manifest = &folder.manifest;
        text += &format!(
            "{:width$}  {}  {}  {}\n",
            manifest.name,
            manifest.version,
            manifest.summary,
            folder.path.display()
        );
    }
    for error in &opened.broken {
        terminal::warn(&error.to_string());
    }
    if opened.folders.is_empty() {
        terminal::complain("no tapset is found here; -I DIR names a folder of tapsets");
    }
    terminal::write_to_stdout(&text)
}

/// What a file declares for scripts, with the first line of what is said of it.
#[derive(Debug)]
pub(super) struct Offered {
    /// An alias, or a function.
    pub(super) kind: Declares,
    pub(super) name: String,
    /// The comment above it, a line each; empty if there is none.
    pub(super) comment: Vec<String>,
    /// Where it is declared: several files, if it depends on the kernel which of them is in.
    pub(super) files: Vec<PathBuf>,
}

impl Offered {
    /// The first of its files.
    pub(super) fn file(&self) -> &Path {
        self.files.first().map_or(Path::new(""), PathBuf::as_path)
    }
}

/// What a tapset has for scripts, in the order of its files. What begins with two underscores, or is said to be private, is its own.
pub(super) fn offered(folder: &Folder) -> Result<Vec<Offered>, String> {
    let mut found: Vec<Offered> = vec![];
    for script in folder.scripts.iter().filter(|script| script.name.ends_with(".stp")) {
        let text = std::fs::read(&script.path).map_err(|error| format!("{}: {error}", script.path.display()))?;
        let text = systap_syntax::foreign::decode(text);
        for declared in declarations(&text) {
            let note = folder.manifest.aliases.get(&declared.name);
            let private = declared.private
                || declared.name.starts_with("__")
                || declared.kind == Declares::Global
                || note.is_some_and(|note| note.stability == Stability::Private);
            if private {
                continue;
            }
            let known = found.iter_mut().find(|known| known.name == declared.name && known.kind == declared.kind);
            if let Some(known) = known {
                if known.files.last() != Some(&script.path) {
                    known.files.push(script.path.clone());
                }
                continue;
            }
            let comment = comment_above(&text, declared.at);
            let files = vec![script.path.clone()];
            found.push(Offered { kind: declared.kind, name: declared.name, comment, files });
        }
    }
    Ok(found)
}

/// The lines of comment directly above a place.
fn comment_above(text: &str, at: usize) -> Vec<String> {
    let above = text.get(..at).unwrap_or_default();
    let lines = above.lines().rev().map_while(|line| line.trim_start().strip_prefix("//"));
    let mut lines: Vec<String> = lines.map(|line| line.trim().to_owned()).collect();
    lines.reverse();
    lines
}

fn info(folder: &Folder) -> Result<Status, String> {
    let manifest = &folder.manifest;
    let mut text = format!("{} {}: {}\n", manifest.name, manifest.version, manifest.summary);
    let mut row = |name: &str, value: &str| {
        if !value.is_empty() {
            text += &format!("{name:12}{value}\n");
        }
    };
    row("license", &manifest.license);
    row("authors", &manifest.authors.join(", "));
    row("repository", manifest.repository.as_deref().unwrap_or_default());
    row("tested on", manifest.kernel.tested.as_ref().map_or("", systap_registry::Tested::as_str));
    row("needs", &manifest.kernel.needs.as_ref().map(ToString::to_string).unwrap_or_default());
    row("machines", &manifest.kernel.arch.join(", "));
    let uses: Vec<String> = manifest.dependencies.iter().map(|on| format!("{} {}", on.name, on.versions)).collect();
    row("uses", &uses.join(", "));
    row("plugin", manifest.plugin.as_ref().map_or("", |plugin| &plugin.library));
    row("from", &folder.path.display().to_string());
    let all = offered(folder)?;
    for (kind, title) in [(Declares::Alias, "aliases"), (Declares::Function, "functions")] {
        let of_kind: Vec<&Offered> = all.iter().filter(|offered| offered.kind == kind).collect();
        if of_kind.is_empty() {
            continue;
        }
        text += &format!("\n{} {title}\n", of_kind.len());
        let width = of_kind.iter().map(|offered| offered.name.len()).max().unwrap_or_default();
        for offered in of_kind {
            let said = offered.comment.first().map_or("", String::as_str);
            let note = manifest.aliases.get(&offered.name);
            let stability = match note {
                Some(note) if note.deprecated.is_some() => " (deprecated)",
                Some(note) if note.stability == Stability::Evolving => " (evolving)",
                _ => "",
            };
            let file = offered.file().file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let when = manifest.conditions.get(file).map(|when| format!(" [where {when}]")).unwrap_or_default();
            text += format!("  {:width$}  {said}{stability}{when}", offered.name).trim_end();
            text.push('\n');
        }
    }
    Ok(terminal::write_to_stdout(&text))
}
