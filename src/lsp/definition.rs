//! Where a word is defined: in the document, or in a tapset's file. What is built in has no place.

use std::ops::Range;

use lsp_types::{GotoDefinitionResponse, Location, Uri};

use super::document::{self, Document};
use super::hover::{Word, word_at};
use super::occurrences;
use super::world::World;

/// The places that declare what stands at an offset.
pub(super) fn of(document: &Document, uri: &Uri, offset: usize, world: &World) -> Option<GotoDefinitionResponse> {
    let (word, _) = word_at(&document.text, offset)?;
    let name = match word {
        Word::Function(name) | Word::Name(name) | Word::Point(name) => name,
        Word::Macro(name) => {
            let place = occurrences::macro_definition(&document.text, &name)?;
            return Some(GotoDefinitionResponse::Scalar(Location::new(uri.clone(), document.range(place))));
        }
        Word::Target(..) => return None,
    };
    let here = systap_elaborate::declarations(&document.text).into_iter().filter(|found| found.name == name);
    let mut places: Vec<Location> = here
        .map(|found| Location::new(uri.clone(), document.range(name_in(&document.text, found.at, &name))))
        .collect();
    if places.is_empty() {
        for found in world.declared(document.path.as_deref(), |known| known == name) {
            let Some(uri) = url::Url::from_file_path(&found.path).ok().and_then(|url| url.as_str().parse().ok()) else {
                continue;
            };
            let range = document::range(&found.text, document.encoding, name_in(&found.text, found.at, &name));
            places.push(Location::new(uri, range));
        }
    }
    (!places.is_empty()).then_some(GotoDefinitionResponse::Array(places))
}

/// Where a declaration has its name; of one that is written otherwise, its first line.
fn name_in(text: &str, at: usize, name: &str) -> Range<usize> {
    let declared = text.get(at..).unwrap_or_default();
    let is_word = |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '_');
    let alone = declared.match_indices(name).map(|(start, _)| start..start + name.len()).find(|place| {
        !is_word(declared[..place.start].chars().next_back()) && !is_word(declared[place.end..].chars().next())
    });
    let place = alone.unwrap_or(0..declared.find('\n').unwrap_or(declared.len()));
    at + place.start..at + place.end
}
