//! A script names what no installed tapset has: the registries that are at hand may know which one does.
//!
//! Only what is on this machine is asked, and only when there is an error already. Must never wait for a network.

use systap_diagnostics::{Diagnostic, Severity, Sources};
use systap_registry::index::Asked;

use crate::cli::RegistryChoice;
use crate::registries::Registries;

/// Says in errors about unknown aliases and functions which tapset has them.
pub(crate) fn tell(diagnostics: &mut [Diagnostic], sources: &Sources) {
    let mut registries = None;
    for diagnostic in diagnostics.iter_mut().filter(|diagnostic| diagnostic.severity == Severity::Error) {
        let Some(name) = unknown_name(diagnostic, sources) else { continue };
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
