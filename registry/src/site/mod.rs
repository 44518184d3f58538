//! Pages about a registry, for people: what there is, and what each tapset has, on which kernels.
//!
//! Plain HTML and CSS; the one script filters a list that is there without it. The same registry gives the same bytes. Must never let a
//! word of a package be anything but text.

mod front;
mod html;
mod matrix;
mod tapset;

use crate::doc::{AliasDoc, Doc, FunctionDoc};
use crate::index::{Entry, Tapset};
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
    doc: Doc,
}

/// What the index says of a version whose package says nothing for people.
fn of_entry(entry: &Entry) -> Doc {
    let when = |needs: &Vec<usize>| needs.iter().filter_map(|nth| entry.whens.get(*nth).cloned()).collect();
    let alias = |(name, needs): (&String, &Vec<usize>)| AliasDoc {
        name: name.clone(),
        when: when(needs),
        ..AliasDoc::default()
    };
    let function =
        |name: &String| FunctionDoc { name: name.clone(), gives: "any".to_owned(), ..FunctionDoc::default() };
    Doc {
        aliases: entry.aliases.iter().map(alias).collect(),
        functions: entry.functions.iter().map(function).collect(),
        attaches: vec![],
    }
}

/// The page of one version, by itself: with its style in it, and without the pages around it.
pub fn page_of(entry: Entry, doc: Doc) -> String {
    let name = entry.name.clone();
    let shown = Shown { name, tapset: Tapset { entries: vec![entry], ..Tapset::default() }, doc };
    tapset::alone(&shown, include_str!("style.css"))
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
        let doc = Doc::of(&registry.package(newest)?).unwrap_or_else(|| of_entry(newest));
        shown.push(Shown { name, tapset, doc });
    }
    let title = registry.description()?.name;
    let signers = registry.signers()?;
    let page = |path: String, text: String| Page { path, bytes: text.into_bytes() };
    let mut pages = vec![
        page("style.css".to_owned(), include_str!("style.css").to_owned()),
        page("filter.js".to_owned(), include_str!("filter.js").to_owned()),
    ];
    let whole = front::Whole { title: &title, signers: &signers, expires: registry.expires(), shown: &shown };
    pages.extend(whole.tapsets().into_iter().chain(whole.names()).map(|(path, text)| page(path, text)));
    for one in &shown {
        pages.push(page(format!("{}/index.html", one.name), tapset::page_of(&title, &signers, one)));
    }
    Ok(pages)
}
