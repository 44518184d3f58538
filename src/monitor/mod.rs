//! `run --monitor`: a view of the run on the terminal while it goes on.
//!
//! The runtime gives what the run is and takes orders; what is drawn and what keys mean is here. Must never wait for a key, and
//! never keep from the user what the script has printed: what was not on the view when it closes is printed behind it.

mod draw;
mod globals;
mod keys;
mod screen;
mod scroll;
mod state;

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use systap_runtime::{Order, View, Viewer};

use crate::cli::Format;
use crate::terminal;
use keys::Keys;
use screen::Screen;
use state::State;

/// What is wrong with a command line that asks for a view, if anything is.
pub(crate) fn misuse(format: Format) -> Option<&'static str> {
    if format == Format::Json {
        return Some("--monitor is for people, and --format json for programs: one of them");
    }
    let terminal = io::stdout().is_terminal();
    (!terminal).then_some("--monitor needs a terminal, which standard output is not; -o FILE gives the output a file")
}

/// Reads the value of `--monitor=SECONDS`.
pub(crate) fn parse_period(text: &str) -> Result<Duration, String> {
    const SHORTEST: Duration = Duration::from_millis(50);
    let period = text.parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    period.filter(|period| *period >= SHORTEST).ok_or_else(|| "expected a number of seconds, 0.05 at least".to_owned())
}

/// The view of a run.
pub(crate) struct Monitor {
    period: Duration,
    state: State,
    keys: Option<File>,
    typed: Keys,
    screen: Option<Screen>,
    closed: bool,
    /// What people are to read on standard error, where that would be written over the view.
    said: Vec<u8>,
    /// How many more messages there were than are kept.
    unsaid: u64,
}

/// Bytes of messages that are kept.
const MOST_SAID: usize = 1 << 20;

impl Monitor {
    /// One that shows itself when the run is looked at first. `has_output`: the script's output is to be seen on it.
    pub(crate) fn new(period: Duration, script: String, kernel: String, has_output: bool) -> Self {
        let state = State::new(script, kernel, has_output);
        Monitor {
            period,
            state,
            keys: screen::keys(),
            typed: Keys::default(),
            screen: None,
            closed: false,
            said: vec![],
            unsaid: 0,
        }
    }

    /// Takes output if it is shown now; gives whether it is. What came before is there, too.
    pub(crate) fn output(&mut self, text: &[u8]) -> bool {
        if !self.closed {
            self.state.output.push(text);
        }
        self.screen.is_some()
    }

    /// Takes what is meant for standard error if that is this terminal and the view is on it; gives whether it is.
    pub(crate) fn say(&mut self, text: &[u8]) -> bool {
        if self.screen.is_none() || !io::stderr().is_terminal() {
            return false;
        }
        self.state.output.say(text);
        if self.said.len() < MOST_SAID {
            self.said.extend_from_slice(text);
        } else {
            self.unsaid += 1;
        }
        true
    }

    fn draw(&mut self) -> io::Result<()> {
        let Some(screen) = &mut self.screen else { return Ok(()) };
        if std::mem::take(&mut self.state.stale) {
            screen.forget()?;
        }
        screen.draw(|frame| draw::draw(&mut self.state, frame))
    }

    fn end(&mut self) {
        self.closed = true;
        let Some(screen) = self.screen.take() else { return };
        drop(screen);
        if self.state.has_output {
            let (text, lost) = self.state.output.unseen();
            _ = io::stdout().lock().write_all(text.as_bytes());
            if lost > 0 {
                terminal::warn(&format!("{lost} lines of output came too fast, or in too long a pause, to be kept"));
            }
        }
        terminal::write_to_stderr(&std::mem::take(&mut self.said));
        if self.unsaid > 0 {
            terminal::warn(&format!("{} more messages were on the view only", self.unsaid));
        }
    }
}

impl Viewer for Monitor {
    fn period(&self) -> Duration {
        self.period
    }

    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.keys.as_ref().map(File::as_fd)
    }

    fn show(&mut self, view: View) {
        if self.closed {
            return;
        }
        self.state.view = view;
        if self.screen.is_none() {
            match Screen::take(self.keys.as_ref()) {
                Ok(screen) => {
                    // What came until now is on the terminal.
                    self.state.output.note_shown();
                    self.screen = Some(screen);
                }
                Err(error) => {
                    self.closed = true;
                    terminal::complain(&format!("cannot draw on the terminal: {error}"));
                    return;
                }
            }
        }
        // A terminal that has gone away tells so by a signal.
        _ = self.draw();
    }

    fn orders(&mut self) -> io::Result<Vec<Order>> {
        let mut bytes = [0; 256];
        let read = match &self.keys {
            Some(keys) => rustix::io::read(keys, &mut bytes)?,
            None => return Ok(vec![]),
        };
        if read == 0 && screen::has_hung_up(self.keys.as_ref()) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let keys = self.typed.read(bytes.get(..read).unwrap_or_default());
        let orders: Vec<Order> = keys.into_iter().filter_map(|key| self.state.press(key)).collect();
        if orders.is_empty() {
            self.draw()?;
        }
        Ok(orders)
    }

    fn close(&mut self) {
        self.end();
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.end();
    }
}
