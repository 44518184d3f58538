//! Pages about a registry, for people: what there is, and what each tapset has, on which kernels.
//!
//! Plain HTML and CSS; the one script filters a list that is there without it. The same registry gives the same bytes. Must never let a
//! word of a package be anything but text.

mod front;
mod html;
mod matrix;
mod tapset;

use crate::index::Tapset;
use crate::trust::{Registry, TrustError};

/// A file of the pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Where it belongs, relative to the folder of the pages.
    pub path: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A tapset of a registry, with all that pages say of it.
struct Shown {
    name: String,
    tapset: Tapset,
    /// Of the newest version.
    doc: crate::doc::Doc,
}

/// The pages of a registry.
///
/// # Errors
/// Where a file of the registry cannot be got, or is not what was signed.
pub fn pages(registry: &Registry) -> Result<Vec<Page>, TrustError> {
    let mut shown = vec![];
    for name in registry.tapsets()? {
        let Some(tapset) = registry.tapset(&name)? else { continue };
        let Some(newest) = tapset.newest() else { continue };
        let doc = crate::doc::Doc::of(&registry.package(newest)?).unwrap_or_default();
        shown.push(Shown { name, tapset, doc });
    }
    let title = registry.description()?.name;
    let signers = registry.signers()?;
    let page = |path: String, text: String| Page { path, bytes: text.into_bytes() };
    let mut pages = vec![
        page("index.html".to_owned(), front::front(&title, &signers, registry.expires(), &shown)),
        page("names.html".to_owned(), front::names(&title, &shown)),
        page("style.css".to_owned(), include_str!("style.css").to_owned()),
        page("filter.js".to_owned(), include_str!("filter.js").to_owned()),
    ];
    for one in &shown {
        pages.push(page(format!("{}/index.html", one.name), tapset::page_of(&title, &signers, one)));
    }
    Ok(pages)
}
