//! The script's output on its way to the sink: gathered into big pieces.
//!
//! It must never write piecemeal, nor go on after a failed write: the first failure is kept and the rest discarded.

use std::io;

use crate::sink::{Notice, RuntimeReport, Sink, Step};
use crate::view::Viewer;

/// What is gathered before it is written.
const PIECE: usize = 64 << 10;

/// A sink behind a buffer.
pub(crate) struct Output<'a> {
    sink: &'a mut dyn Sink,
    buffer: Vec<u8>,
    failure: Option<io::Error>,
}

impl<'a> Output<'a> {
    pub(crate) fn new(sink: &'a mut dyn Sink) -> Self {
        // Allocated when the first line comes: many runs print little.
        Output { sink, buffer: Vec::new(), failure: None }
    }

    /// The sink itself.
    pub(crate) fn sink(&self) -> &dyn Sink {
        self.sink
    }

    /// Who looks at the run.
    pub(crate) fn viewer(&mut self) -> Option<&mut dyn Viewer> {
        self.sink.viewer()
    }

    /// Appends text with `write`, which must only append.
    pub(crate) fn append<T>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let done = write(&mut self.buffer);
        if self.buffer.len() >= PIECE {
            self.flush();
        }
        done
    }

    /// Writes what was gathered.
    pub(crate) fn flush(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        if self.failure.is_none()
            && let Err(error) = self.sink.output(&self.buffer)
        {
            self.failure = Some(error);
        }
        self.buffer.clear();
    }

    /// A warning, after the output that came before it.
    pub(crate) fn warning(&mut self, notice: &Notice) {
        self.flush();
        self.sink.warning(notice);
    }

    /// An error, after the output that came before it.
    pub(crate) fn error(&mut self, error: &RuntimeReport) {
        self.flush();
        self.sink.error(error);
    }

    /// A step of the run.
    pub(crate) fn trace(&mut self, step: &Step) {
        self.sink.trace(step);
    }

    /// Nobody reads any more: what comes from now on is discarded.
    pub(crate) fn close(&mut self) {
        self.failure.get_or_insert_with(|| io::ErrorKind::BrokenPipe.into());
    }

    /// Whether output is discarded.
    pub(crate) fn is_closed(&self) -> bool {
        self.failure.is_some()
    }

    /// The failure that discarded output, unless it was that nobody reads any more.
    pub(crate) fn into_failure(self) -> Option<io::Error> {
        self.failure.filter(|error| error.kind() != io::ErrorKind::BrokenPipe)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Pieces {
        pieces: Vec<usize>,
        warnings: Vec<(usize, String)>,
        room: usize,
    }

    impl Sink for Pieces {
        fn output(&mut self, text: &[u8]) -> io::Result<()> {
            if self.pieces.len() == self.room {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            self.pieces.push(text.len());
            Ok(())
        }

        fn warning(&mut self, notice: &Notice) {
            self.warnings.push((self.pieces.len(), notice.to_string()));
        }

        fn error(&mut self, _error: &RuntimeReport) {}
    }

    #[test]
    fn output_comes_in_big_pieces_and_before_later_warnings() {
        let mut sink = Pieces { room: 100, ..Pieces::default() };
        let mut output = Output::new(&mut sink);
        for _ in 0..100_000 {
            output.append(|buffer| buffer.extend_from_slice(b"a line"));
        }
        output.warning(&Notice::Script(b"w".to_vec()));
        output.flush();
        assert_eq!(sink.pieces.iter().sum::<usize>(), 600_000);
        assert_eq!(sink.pieces.len(), 10, "{:?}", sink.pieces);
        assert_eq!(sink.warnings, [(10, "w".to_owned())]);
    }

    #[test]
    fn after_a_failure_nothing_is_written_and_a_broken_pipe_is_no_error() {
        let mut sink = Pieces::default();
        let mut output = Output::new(&mut sink);
        output.append(|buffer| buffer.push(b'x'));
        assert!(!output.is_closed());
        output.flush();
        assert!(output.is_closed());
        output.append(|buffer| buffer.push(b'x'));
        output.flush();
        assert!(output.into_failure().is_none());
        assert_eq!(sink.pieces, [0usize; 0]);
    }
}
