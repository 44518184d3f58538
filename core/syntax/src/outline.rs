//! The parser's events as one flat list in the order of the text: nodes with their sizes, and tokens. It is what the
//! compiler lowers to the AST: no allocation for a node, no parent links, nothing that trivia would need.

use crate::event::{Event, Sink, replay};
use crate::kind::SyntaxKind;

/// A node, or a token.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element {
    pub(crate) kind: SyntaxKind,
    /// How many elements it consists of, itself included; 1 for a token.
    size: u32,
    /// Its first token, or the next one if it is empty.
    pub(crate) token: u32,
    is_token: bool,
}

/// All elements; the first is the root.
#[derive(Debug)]
pub(crate) struct Outline {
    elements: Vec<Element>,
}

/// An element's place in the outline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct At(u32);

impl Outline {
    /// From the events and the kinds of the tokens they speak of.
    pub(crate) fn build(events: &mut [Event], kinds: impl Fn(u32) -> SyntaxKind) -> Outline {
        let mut builder =
            Builder { elements: Vec::with_capacity(events.len()), open: Vec::new(), next_token: 0, kinds };
        replay(events, &mut builder);
        Outline { elements: builder.elements }
    }

    pub(crate) fn root(&self) -> At {
        At(0)
    }

    pub(crate) fn kind(&self, at: At) -> SyntaxKind {
        self.elements.get(at.0 as usize).map_or(SyntaxKind::EndOfFile, |element| element.kind)
    }

    /// The first token of the element, and one past its last.
    pub(crate) fn tokens(&self, at: At) -> std::ops::Range<u32> {
        let start = self.elements.get(at.0 as usize).map_or(0, |element| element.token);
        let size = self.elements.get(at.0 as usize).map_or(1, |element| element.size);
        let inside = self.elements.get(at.0 as usize..(at.0 + size) as usize).unwrap_or(&[]);
        let end = inside.iter().rev().find(|element| element.is_token).map_or(start, |element| element.token + 1);
        start..end
    }

    /// The elements right below, nodes and tokens.
    pub(crate) fn children(&self, at: At) -> impl Iterator<Item = At> + '_ {
        let end = self.elements.get(at.0 as usize).map_or(at.0, |element| at.0 + element.size);
        let mut next = at.0 + 1;
        std::iter::from_fn(move || {
            let here = (next < end).then_some(At(next))?;
            next += self.elements.get(next as usize)?.size;
            Some(here)
        })
    }

    pub(crate) fn is_token(&self, at: At) -> bool {
        self.elements.get(at.0 as usize).is_some_and(|element| element.is_token)
    }
}

struct Builder<F> {
    elements: Vec<Element>,
    open: Vec<u32>,
    next_token: u32,
    kinds: F,
}

impl<F: Fn(u32) -> SyntaxKind> Sink for Builder<F> {
    fn start(&mut self, kind: SyntaxKind) {
        self.open.push(self.elements.len() as u32);
        self.elements.push(Element { kind, size: 1, token: self.next_token, is_token: false });
    }

    fn token(&mut self) {
        let kind = (self.kinds)(self.next_token);
        self.elements.push(Element { kind, size: 1, token: self.next_token, is_token: true });
        self.next_token += 1;
    }

    fn finish(&mut self) {
        let end = self.elements.len() as u32;
        if let Some(start) = self.open.pop()
            && let Some(element) = self.elements.get_mut(start as usize)
        {
            element.size = end - start;
        }
    }
}
