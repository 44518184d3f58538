//! `systap registry site`: pages about a registry, for people.

use crate::cli::SiteOptions;
use crate::outcome::Status;
use crate::registries::Registries;
use crate::tapset::failure::Failure;
use crate::terminal;

/// Writes the pages, each whole or not at all.
pub(super) fn site(options: &SiteOptions) -> Result<Status, Failure> {
    let registries = Registries::new(&options.choice)?;
    let all = registries.all()?;
    let [registry] = all.as_slice() else {
        return Err(Failure::usage("more than one registry is known: --registry says of which to write pages"));
    };
    let pages = systap_registry::site::pages(registry)?;
    let progress = terminal::progress("writing", pages.len() as u64);
    let mut written = 0;
    for page in &pages {
        written += super::mirror::put(&options.folder.join(&page.path), &page.bytes)?;
        progress.inc(1);
    }
    progress.finish_and_clear();
    let said = format!("{}: {} pages, {written} written\n", options.folder.display(), pages.len());
    Ok(terminal::write_to_stdout(&said))
}
