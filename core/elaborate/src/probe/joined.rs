//! Many functions that a pattern stands for, joined to one event, where the handler does not look at what differs between them: the
//! kernel can attach to all of them at once then, and the handler is made once.
//!
//! Must never join what a handler can tell apart, but for the names, which are asked for by the number of the function.

use std::sync::Arc;

use systap_ir::program::Event;

use super::{Point, Resolved, text_of};
use crate::check::function_of;
use crate::elaboration::Elaboration;
use crate::listing::List;
use crate::scope::Members;

/// The most that are joined: their names are in one table.
const MOST: usize = 4096;

impl<'a> Elaboration<'a> {
    /// The same, with entries of functions joined, and returns, where that makes no difference.
    pub(super) fn join(&mut self, point: &Point<'a>, resolved: Vec<Resolved>) -> Vec<Resolved> {
        let functions = resolved.iter().filter(|one| function(one).is_some()).count();
        if functions < 2 || self.list != List::Nothing || self.asks_for_variables(point.blocks().collect()) {
            return resolved;
        }
        let (functions, mut rest): (Vec<_>, Vec<_>) = resolved.into_iter().partition(|one| function(one).is_some());
        for part in functions.chunks(MOST) {
            let names: Arc<[String]> = part.iter().filter_map(function).map(str::to_owned).collect();
            let points: Arc<[Vec<u8>]> = part.iter().map(|one| one.point.clone().into_bytes()).collect();
            let functions = part.iter().map(|one| function_of(&one.point).as_bytes().to_vec()).collect();
            let event = Event::KernelFunctions { names, returns: point.has("return") };
            let members = Some(Members { points, functions });
            rest.push(Resolved { members, ..Resolved::plain(text_of(&point.components), event) });
        }
        rest
    }
}

/// The function that an event is the entry or the return of, if its handler finds nothing else there.
fn function(resolved: &Resolved) -> Option<&str> {
    match &resolved.event {
        Event::KernelFunction { name, .. } if resolved.filter.is_none() && !resolved.exits => Some(name),
        // A module's, which the symbols tell: `module:function`.
        Event::KernelCode { symbol, offset: 0, .. } if symbol.contains(':') && resolved.filter.is_none() => {
            Some(symbol)
        }
        _ => None,
    }
}
