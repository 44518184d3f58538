//! Everything that a handler can reach beyond its own values and the globals. Implementations must never run a handler.

use systap_ir::intrinsic::Context;

use super::datum::Datum;
use crate::text::indent::Indents;
use systap_sys::clock::Zone;

/// A symbol that covers an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Symbol {
    /// Its name.
    pub name: String,
    /// How far into it the address is, in bytes.
    pub offset: u64,
    /// Its length in bytes, as far as the next symbol; 0 if that is not known.
    pub size: u64,
    /// The module that it is in; `None` for the kernel itself.
    pub module: Option<String>,
}

/// Where in a process an address is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserPlace {
    /// The file that is mapped there.
    pub path: String,
    /// The function of the file that covers the address, if one does; its module is the path.
    pub symbol: Option<Symbol>,
}

/// The world of a handler.
pub trait Host {
    /// Output, to be written in order.
    fn print(&mut self, text: &[u8]);

    /// A warning for standard error, without `WARNING: ` and newline.
    fn warn(&mut self, message: &[u8]);

    /// A fact of the moment; of [`Context::ty`]'s type. Where there is none on the user side, 0 or "".
    fn context(&mut self, context: Context) -> Datum;

    /// The run is to end after this handler.
    fn exit(&mut self);

    /// The run is to end at once, without `end` handlers.
    fn abort(&mut self);

    /// The kernel symbol that covers an address.
    fn symbol(&mut self, address: u64) -> Option<Symbol>;

    /// What a process has at an address; `None` where no file is mapped, or the process is gone.
    fn user_symbol(&mut self, _process: i64, _address: u64) -> Option<UserPlace> {
        None
    }

    /// Reads the kernel's memory. `None`: there is no way to it; false: nothing can be read there.
    fn kernel_memory(&mut self, _address: u64, _into: &mut [u8]) -> Option<bool> {
        None
    }

    /// Reads the memory of systap's own process, if that is the current one: the rest of a handler that another process hit has
    /// no current process any more. `None`: there is no way to it; false: nothing can be read there.
    fn own_memory(&mut self, _address: u64, _into: &mut [u8]) -> Option<bool> {
        None
    }

    /// The load's averages over 1, 5 and 15 minutes, in hundredths.
    fn load_averages(&mut self) -> Option<[i64; 3]> {
        None
    }

    /// Writes lines to the kernel's log; the level is 0 to 7, or the kernel's default. False: there is no way to it.
    fn kernel_log(&mut self, _level: Option<u8>, _text: &[u8]) -> bool {
        false
    }

    /// Writes a line to the kernel's trace buffer, if there is a way to it.
    fn trace_line(&mut self, _text: &[u8]) {}

    /// Has a shell run a command, after the output that came before it. Nobody waits for it.
    fn system(&mut self, _command: &[u8]) {}

    /// What was handed to the handler as it was called, or what it has handed out so far.
    fn handed(&mut self) -> &[u8] {
        &[]
    }

    /// Hands out a text, instead of what was handed out before or behind it.
    fn hand(&mut self, _text: &[u8], _more: bool) {}

    /// A random number.
    fn random(&mut self) -> u32 {
        0
    }

    /// The local time zone.
    fn zone(&mut self) -> Zone {
        Zone { west: 0, name: "UTC".to_owned() }
    }

    /// Where in a process the file begins that it has mapped at an address.
    fn user_module_start(&mut self, _process: i64, _address: u64) -> Option<u64> {
        None
    }

    /// The build identifier of the file that a process has mapped at an address.
    fn user_build_id(&mut self, _process: i64, _address: u64) -> Option<Vec<u8>> {
        None
    }

    /// What `thread_indent` and `indent` remember between calls.
    fn indents(&mut self) -> &mut Indents;

    /// Somebody wants the run to end now, so an endless loop must: asked now and then while a handler loops.
    fn interrupted(&mut self) -> bool {
        false
    }
}
