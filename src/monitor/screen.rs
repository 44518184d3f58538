//! The terminal that the view is drawn on: taken, and given back as it was.
//!
//! It must never leave a terminal changed, whichever way the run ends: dropping it gives the terminal back, and so does a panic.

use std::fs::File;
use std::io::{self, IsTerminal, Stdout, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, Once, PoisonError};

use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::{Hide, Show};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen};
use ratatui::layout::{Position, Rect};
use ratatui::{Frame, Terminal};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};

/// What is to be given back: the terminal that keys come from, and how it was. `None`: nothing is taken.
static TAKEN: Mutex<Option<Taken>> = Mutex::new(None);

struct Taken {
    keys: Option<(File, Termios)>,
}

/// A terminal that is drawn on.
pub(crate) struct Screen(Terminal<CrosstermBackend<Ink>>);

/// Standard output, whose failures are nobody's: a terminal that has gone away tells so by a signal, and the library would complain of
/// it to that terminal.
struct Ink(Stdout);

impl Write for Ink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes).map(|()| bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        _ = self.0.write_all(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        _ = self.0.flush();
        Ok(())
    }
}

impl Screen {
    /// Takes the terminal of standard output; `keys` come one by one from now on, unseen.
    ///
    /// # Errors
    /// Where it is no terminal that can be drawn on.
    pub(crate) fn take(keys: Option<&File>) -> io::Result<Self> {
        give_back_at_a_panic();
        let keys = keys.map(raw).transpose()?;
        *taken() = Some(Taken { keys });
        let drawn = execute!(io::stdout(), EnterAlternateScreen, Hide)
            .and_then(|()| Terminal::new(CrosstermBackend::new(Ink(io::stdout()))))
            .map(Screen)
            .and_then(|mut screen| screen.forget().map(|()| screen));
        drawn.inspect_err(|_| give_back())
    }

    /// Draws all of it.
    pub(crate) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.0.draw(draw).map(drop)
    }

    /// Draws the next time as if nothing were there: something else may have written on it.
    pub(crate) fn forget(&mut self) -> io::Result<()> {
        // Not `clear`, which asks the terminal where its cursor is, and waits for the answer among the keys.
        let size = self.0.size()?;
        self.0.resize(Rect::from((Position::ORIGIN, size)))
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Where keys come from: standard input, or else the terminal that this process belongs to.
pub(crate) fn keys() -> Option<File> {
    let stdin = io::stdin();
    if stdin.is_terminal() {
        return stdin.as_fd().try_clone_to_owned().ok().map(File::from);
    }
    File::open("/dev/tty").ok()
}

/// Whether no key can come any more.
pub(crate) fn has_hung_up(keys: Option<&File>) -> bool {
    let Some(keys) = keys else { return true };
    let mut asked = [PollFd::new(keys, PollFlags::IN)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    rustix::event::poll(&mut asked, Some(&now)).is_err()
        || asked.iter().any(|asked| asked.revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL))
}

/// Has single keys come. Those that send signals still do, but for the one that stops: nobody could see what is then on the terminal.
fn raw(keys: &File) -> io::Result<(File, Termios)> {
    let before = tcgetattr(keys)?;
    let mut changed = before.clone();
    changed.local_modes -= LocalModes::ICANON | LocalModes::ECHO;
    changed.special_codes[SpecialCodeIndex::VSUSP] = 0;
    // Reading never waits: a signal's key takes away what was typed before it, and what could be read may be gone.
    changed.special_codes[SpecialCodeIndex::VMIN] = 0;
    changed.special_codes[SpecialCodeIndex::VTIME] = 0;
    set(keys.as_fd(), &changed)?;
    Ok((keys.try_clone()?, before))
}

fn set(terminal: BorrowedFd<'_>, to: &Termios) -> io::Result<()> {
    Ok(tcsetattr(terminal, OptionalActions::Now, to)?)
}

fn taken() -> std::sync::MutexGuard<'static, Option<Taken>> {
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Nobody is left to tell if that fails.
fn give_back() {
    let Some(Taken { keys }) = taken().take() else { return };
    _ = execute!(io::stdout(), Show, LeaveAlternateScreen);
    if let Some((terminal, before)) = keys {
        _ = set(terminal.as_fd(), &before);
    }
}

fn give_back_at_a_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let tell = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            give_back();
            tell(panic);
        }));
    });
}
