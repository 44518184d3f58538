//! Where a word is defined: in the document, or in a tapset's file. What is built in has no place.

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
        .map(|found| Location::new(uri.clone(), document.range(found.at..line_end(&document.text, found.at))))
        .collect();
    if places.is_empty() {
        for found in world.declared(document.path.as_deref(), |known| known == name) {
            let Some(uri) = url::Url::from_file_path(&found.path).ok().and_then(|url| url.as_str().parse().ok()) else {
                continue;
            };
            let range = document::range(&found.text, document.encoding, found.at..line_end(&found.text, found.at));
            places.push(Location::new(uri, range));
        }
    }
    (!places.is_empty()).then_some(GotoDefinitionResponse::Array(places))
}

fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |end| at + end)
}
