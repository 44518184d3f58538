//! Blocks, bodies and declarations: where a line begins, and how deep. What stands within a line is asked of [`spacing`].
//!
//! [`spacing`]: crate::spacing

use std::collections::{HashMap, HashSet};

use systap_syntax::SyntaxKind::*;
use systap_syntax::{SyntaxElement, SyntaxNode, SyntaxToken};

use crate::pieces::Gap;
use crate::spacing::{Neighbour, between};

/// Where a token goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) gap: Gap,
    pub(crate) level: usize,
    pub(crate) may_break: bool,
}

/// Where tokens go, by their first bytes.
#[derive(Debug, Default)]
pub(crate) struct Places {
    by_start: HashMap<u32, Place>,
}

impl Places {
    pub(crate) fn of(&self, start: u32) -> Option<Place> {
        self.by_start.get(&start).copied()
    }

    /// The first word on a token stands: it is of the tree in which the most is as it is read first.
    pub(crate) fn set(&mut self, start: u32, gap: Gap, level: usize) {
        self.by_start.entry(start).or_insert(Place { gap, level, may_break: false });
    }
}

/// A walk over one tree.
pub(crate) struct Structure<'a> {
    text: &'a str,
    /// Where the tokens begin that have structure, in order.
    seen: &'a [u32],
    broken: &'a HashSet<u32>,
    places: &'a mut Places,
    /// The token before.
    last: Option<Neighbour>,
    /// What stands before the next token, where its surroundings decide.
    pending: Option<Gap>,
    /// Whether the next token begins a block or a body that shares a line.
    may_break: bool,
}

impl<'a> Structure<'a> {
    /// Of a tree in which the tokens that begin at `seen` have structure.
    pub(crate) fn new(text: &'a str, seen: &'a [u32], broken: &'a HashSet<u32>, places: &'a mut Places) -> Self {
        Structure { text, seen, broken, places, last: None, pending: None, may_break: false }
    }

    /// Places all tokens of the tree.
    pub(crate) fn file(mut self, root: &SyntaxNode) {
        for element in root.children_with_tokens() {
            self.pending = Some(Gap::Line);
            self.element(&element, 0);
        }
    }

    fn element(&mut self, element: &SyntaxElement, level: usize) {
        match element {
            SyntaxElement::Node(node) => self.node(node, level),
            SyntaxElement::Token(token) => self.token(token, level),
        }
    }

    fn token(&mut self, token: &SyntaxToken, level: usize) {
        if !self.is_seen(token) {
            return;
        }
        let parent = token.parent();
        let here = Neighbour {
            kind: token.kind(),
            parent: parent.as_ref().map_or(File, SyntaxNode::kind),
            is_first: parent.is_some_and(|parent| self.first(&parent) == Some(start(token))),
        };
        let gap = self.pending.take().or_else(|| Some(between(self.last?, here))).unwrap_or(Gap::Line);
        let start = start(token);
        self.places.set(start, gap, level);
        if std::mem::take(&mut self.may_break)
            && let Some(place) = self.places.by_start.get_mut(&start)
        {
            place.may_break = true;
        }
        self.last = Some(here);
    }

    fn node(&mut self, node: &SyntaxNode, level: usize) {
        match node.kind() {
            Block => self.block(node, level),
            IfStmt | WhileStmt | ForStmt | ForeachStmt => self.with_bodies(node, level),
            _ => node.children_with_tokens().for_each(|element| self.element(&element, level)),
        }
    }

    fn block(&mut self, node: &SyntaxNode, level: usize) {
        let breaks = self.has_lines(node);
        let is_empty = node.children().next().is_none();
        self.pending.get_or_insert(Gap::Space);
        self.may_break = !breaks && !is_empty;
        let mut is_first = true;
        for element in node.children_with_tokens() {
            match element.kind() {
                RightBrace => {
                    self.pending = Some(match (breaks, is_empty) {
                        (true, _) => Gap::Line,
                        (false, true) => Gap::Tight,
                        (false, false) => Gap::Space,
                    });
                    self.element(&element, level);
                }
                _ if element.as_node().is_none() => self.element(&element, level),
                kind => {
                    self.pending = Some(match kind {
                        EmptyStmt if !is_first => Gap::Tight,
                        _ if breaks => Gap::Line,
                        _ => Gap::Space,
                    });
                    is_first = false;
                    self.element(&element, level + usize::from(breaks));
                }
            }
        }
    }

    /// `if`, `while`, `for` and `foreach`: what is not a block stands on the same line or, moved to the right, on the next.
    fn with_bodies(&mut self, node: &SyntaxNode, level: usize) {
        let mut behind_head = false;
        let mut body_was_block = false;
        let mut body_had_line = false;
        for element in node.children_with_tokens() {
            match &element {
                SyntaxElement::Token(token) if self.is_seen(token) => {
                    match token.kind() {
                        RightParen => behind_head = true,
                        ElseKw => {
                            self.pending = Some(match (body_was_block, body_had_line || self.line_before(token)) {
                                (true, _) | (false, false) => Gap::Space,
                                (false, true) => Gap::Line,
                            });
                        }
                        _ => {}
                    }
                    let is_else = token.kind() == ElseKw;
                    self.token(token, level);
                    behind_head |= is_else;
                }
                SyntaxElement::Node(body) if behind_head => {
                    behind_head = false;
                    let is_else_if = body.kind() == IfStmt && self.last.is_some_and(|last| last.kind == ElseKw);
                    body_was_block = body.kind() == Block || is_else_if;
                    body_had_line = !body_was_block && self.body_has_line(body);
                    self.pending = Some(if body_had_line { Gap::Line } else { Gap::Space });
                    if !body_was_block {
                        self.may_break = !body_had_line && body.kind() != EmptyStmt;
                    }
                    self.node(body, level + usize::from(body_had_line));
                }
                element => self.element(element, level),
            }
        }
    }

    fn is_seen(&self, token: &SyntaxToken) -> bool {
        self.seen.binary_search(&start(token)).is_ok()
    }

    fn first(&self, node: &SyntaxNode) -> Option<u32> {
        node.descendants_with_tokens()
            .filter_map(SyntaxElement::into_token)
            .find(|token| self.is_seen(token))
            .map(|token| start(&token))
    }

    /// Whether the author wrote the block in several lines, or it does not fit into one.
    fn has_lines(&self, node: &SyntaxNode) -> bool {
        let first = self.first(node);
        first.is_some_and(|first| self.broken.contains(&first)) || node.text().contains_char('\n')
    }

    fn body_has_line(&self, body: &SyntaxNode) -> bool {
        let Some(first) = self.first(body) else { return false };
        self.broken.contains(&first) || self.line_before_offset(first)
    }

    fn line_before(&self, token: &SyntaxToken) -> bool {
        self.line_before_offset(start(token))
    }

    /// Whether a line end stands between the offset and the token before, comments not counted.
    fn line_before_offset(&self, offset: u32) -> bool {
        let before = &self.text[..offset as usize];
        let last = self.seen.partition_point(|start| *start < offset).checked_sub(1).and_then(|at| self.seen.get(at));
        let between = &before[last.map_or(0, |start| *start as usize)..];
        let token = systap_syntax::first_token(between).1;
        between.get(token..).is_some_and(|rest| rest.contains('\n'))
    }
}

fn start(token: &SyntaxToken) -> u32 {
    token.text_range().start().into()
}
