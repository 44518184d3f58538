//! `systap tapset deprecate`: marks an alias as one that is to go.
//!
//! Must never lose a comment of the manifest, nor leave one that cannot be read.

use systap_elaborate::Declares;
use systap_registry::Folder;
use toml_edit::{ArrayOfTables, DocumentMut, InlineTable, Item, Table, value};

use super::command::offered;
use super::failure::Failure;
use crate::cli::DeprecateOptions;
use crate::outcome::Status;
use crate::terminal;

/// `systap tapset deprecate`
pub(super) fn deprecate(options: &DeprecateOptions) -> Result<Status, Failure> {
    let folder = Folder::open(&options.folder).map_err(|error| Failure::wrong(error.to_string()))?;
    let offered = offered(&folder)?;
    let aliases: Vec<&str> =
        offered.iter().filter(|one| one.kind == Declares::Alias).map(|one| one.name.as_str()).collect();
    for name in std::iter::once(&options.alias).chain(&options.instead) {
        if !aliases.contains(&name.as_str()) {
            let near = systap_diagnostics::nearest(name, aliases.iter().copied());
            let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            return Err(Failure::wrong(format!("`{}` has no alias `{name}`{near}", folder.manifest.name)));
        }
    }
    let since = options.since.clone().unwrap_or_else(|| folder.manifest.version.clone());
    if let Some(gone) = options.gone.as_ref().filter(|gone| **gone <= since) {
        return Err(Failure::wrong(format!("{gone}, which is to have it no longer, does not come after {since}")));
    }
    let path = options.folder.join("tapset.toml");
    let failed = |error: &dyn std::fmt::Display| Failure::wrong(format!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(&path).map_err(|error| failed(&error))?;
    let mut manifest: DocumentMut = text.parse().map_err(|error| failed(&error))?;
    let mut note = InlineTable::new();
    note.insert("since", since.to_string().into());
    if let Some(instead) = &options.instead {
        note.insert("use", instead.as_str().into());
    }
    if let Some(gone) = &options.gone {
        note.insert("gone", gone.to_string().into());
    }
    let all = manifest.entry("alias").or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
    let all = all.as_array_of_tables_mut().ok_or_else(|| failed(&"its aliases are not [[alias]] tables"))?;
    let is_it = |table: &Table| table.get("name").and_then(Item::as_str) == Some(options.alias.as_str());
    if !all.iter().any(is_it) {
        let mut table = Table::new();
        table["name"] = value(options.alias.as_str());
        all.push(table);
    }
    if let Some(table) = all.iter_mut().find(|table| is_it(table)) {
        table["deprecated"] = value(note);
    }
    let text = manifest.to_string();
    systap_registry::Manifest::parse(&path, &text).map_err(|error| failed(&error))?;
    crate::whole_file::write(&path, text.as_bytes(), 0o644).map_err(Failure::refused)?;
    Ok(terminal::write_to_stdout(&format!("{}: `{}` is deprecated since {since}\n", path.display(), options.alias)))
}
