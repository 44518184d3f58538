//! Standard input as events: what is typed, by characters or by whole lines.
//!
//! It must never wait for input: it reads once when there is something, and no more after the end.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};

use systap_ir::placed::UserHandler;
use systap_ir::program::Event;
use systap_sys::terminal::RawTerminal;

use crate::session::Session;

/// Standard input, for the handlers that want it.
#[derive(Debug)]
pub(crate) struct Input {
    // Unbuffered: what is read ahead would be waited for in vain.
    stdin: File,
    /// Each with whether it wants whole lines.
    handlers: Vec<(usize, bool)>,
    line: Vec<u8>,
    /// Longest text that a handler takes; a longer line comes in pieces.
    most: usize,
    ended: bool,
    /// It cannot be waited for, and need not be: a regular file.
    pub(crate) is_always_ready: bool,
    _terminal: Option<RawTerminal>,
}

/// How much is read at once.
const PIECE: usize = 4096;

impl Input {
    /// `None` if no handler wants it.
    pub(crate) fn of(handlers: &[UserHandler], most: usize) -> Option<Self> {
        let wanted = handlers.iter().enumerate().filter_map(|(index, handler)| match handler.event {
            Event::Input { lines } => Some((index, lines)),
            _ => None,
        });
        let handlers: Vec<(usize, bool)> = wanted.collect();
        let stdin = File::from(io::stdin().as_fd().try_clone_to_owned().ok()?);
        if handlers.is_empty() {
            return None;
        }
        // Characters come as they are typed only if the terminal does not wait for the line's end.
        let single = handlers.iter().any(|(_, lines)| !lines);
        let terminal = if single { RawTerminal::of(&stdin).ok() } else { None };
        Some(Input {
            stdin,
            handlers,
            line: vec![],
            most: most.max(1),
            ended: false,
            is_always_ready: false,
            _terminal: terminal,
        })
    }

    /// Whether there is nothing more to come.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Reads what there is, and runs the handlers.
    pub(crate) fn serve(&mut self, session: &mut Session<'_>) {
        let mut piece = [0; PIECE];
        let length = match self.stdin.read(&mut piece) {
            Ok(length) => length,
            Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => return,
            Err(_) => 0,
        };
        if length == 0 {
            self.ended = true;
            // A last line without its end is a line too.
            if !self.line.is_empty() {
                self.finish_line(session);
            }
        }
        for byte in piece.get(..length).unwrap_or_default() {
            if session.end().is_some() {
                return;
            }
            for (handler, _) in self.handlers.iter().filter(|(_, lines)| !lines) {
                session.hand(*handler, &[*byte]);
            }
            match byte {
                b'\n' => self.finish_line(session),
                byte => self.line.push(*byte),
            }
            if self.line.len() >= self.most {
                self.finish_line(session);
            }
        }
    }

    fn finish_line(&mut self, session: &mut Session<'_>) {
        let line = std::mem::take(&mut self.line);
        for (handler, _) in self.handlers.iter().filter(|(_, lines)| *lines) {
            session.hand(*handler, &line);
        }
    }
}

impl AsFd for Input {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stdin.as_fd()
    }
}
