//! What the parser says: where nodes start and end, and that the next token belongs here. From it come the tree that
//! the compiler lowers and the lossless one; the parser knows of neither.

use crate::kind::SyntaxKind;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// A node starts. `outer` is the distance to the start of a node that turned out, later, to hold this one; 0: none.
    Start { kind: SyntaxKind, outer: u32 },
    /// The node that started last ends.
    Finish,
    /// The next token belongs to the node that started last.
    Token,
    /// Nothing: a start that its inner node has called for.
    Nothing,
}

/// What a tree is built from.
pub(crate) trait Sink {
    fn start(&mut self, kind: SyntaxKind);
    fn token(&mut self);
    fn finish(&mut self);
}

/// Tells `sink` the events in the order of the text, outer nodes before the inner ones that they were put around.
pub(crate) fn replay(events: &mut [Event], sink: &mut impl Sink) {
    let mut outer_first = Vec::new();
    for at in 0..events.len() {
        match std::mem::replace(&mut events[at], Event::Nothing) {
            Event::Nothing => {}
            Event::Token => sink.token(),
            Event::Finish => sink.finish(),
            Event::Start { kind, outer } => {
                outer_first.push(kind);
                let (mut place, mut distance) = (at, outer);
                while distance > 0 {
                    place += distance as usize;
                    let Some(event) = events.get_mut(place) else { break };
                    distance = match std::mem::replace(event, Event::Nothing) {
                        Event::Start { kind, outer } => {
                            outer_first.push(kind);
                            outer
                        }
                        _ => 0,
                    };
                }
                for kind in outer_first.drain(..).rev() {
                    sink.start(kind);
                }
            }
        }
    }
}
