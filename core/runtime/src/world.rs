//! What handlers on the user side can reach: output, facts of systap's own process, symbols, the wish to end.
//!
//! It must never run a handler, nor touch a global.

use std::cell::OnceCell;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::time::{Duration, Instant};

use systap_ir::intrinsic::Context;
use systap_kernel::Kernel;
use systap_sys::clock::{self, Zone};
use systap_sys::event::{Signal, SignalFd};
use systap_sys::process::{HeldChild, thread_id};

use crate::kernel_memory::KernelMemory;
use crate::output::Output;
use crate::sink::{Notice, Step};
use crate::text::indent::Indents;
use crate::user::{Datum, Host, Symbol, UserPlace};
use crate::user_symbols::UserSymbols;

/// How long a handler may keep looping after the run was told to end.
const GRACE: Duration = Duration::from_secs(1);
/// How often a looping handler looks for signals.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// That many signals end a run at once.
const FORCE: u32 = 3;

/// The world of the user side's handlers.
pub(crate) struct World<'a> {
    pub(crate) output: Output<'a>,
    pub(crate) ending: Ending,
    kernel: &'a Kernel,
    hz: u32,
    target: u32,
    indents: Indents,
    process: OnceCell<Process>,
    /// The local time zone, as it was when it was first asked for.
    zone: OnceCell<Zone>,
    /// What `system()` started and is not known to have ended.
    commands: Vec<HeldChild>,
    symbols_refused: bool,
    programs: UserSymbols,
    /// The way to the kernel's memory, once it was asked for; `None` within: there is none.
    memory: OnceCell<Option<KernelMemory>>,
    /// What runs is the rest of a handler that the kernel side began.
    pub(crate) after_hit: bool,
    /// The memory of systap's own process, once it was asked for.
    own_memory: OnceCell<Option<File>>,
    /// What goes between a handler and who asked for it, or told it.
    pub(crate) handed: Handed,
    /// When a looping handler last looked whether to go on.
    looked: Instant,
}

/// A text that goes between a handler and who is outside.
#[derive(Debug, Default)]
pub(crate) struct Handed {
    /// What was handed to the handler, or by it.
    pub(crate) text: Vec<u8>,
    /// At most so many bytes can be handed out.
    pub(crate) most: usize,
    /// It was more than that.
    pub(crate) cut: bool,
}

/// Who wants the run to end, and how much.
pub(crate) struct Ending {
    pub(crate) signals: SignalFd,
    /// `exit()` was called.
    pub(crate) exit: bool,
    /// `abort()` was called.
    pub(crate) abort: bool,
    /// How many signals came.
    pub(crate) signalled: u32,
    /// The handlers that run belong to the end of the run.
    pub(crate) in_end: bool,
    /// When the run's time is over, on the monotonic clock.
    pub(crate) deadline: Option<u64>,
    /// When a handler that keeps looping is stopped.
    patience: Option<Instant>,
}

impl Ending {
    pub(crate) fn new(signals: SignalFd) -> Self {
        Ending { signals, exit: false, abort: false, signalled: 0, in_end: false, deadline: None, patience: None }
    }

    /// Whether the time is over.
    pub(crate) fn is_over(&self) -> bool {
        self.deadline.is_some_and(|deadline| clock::monotonic_ns() >= deadline)
    }

    /// Whether the run has to end this moment.
    pub(crate) fn is_forced(&self) -> bool {
        self.signalled >= FORCE
    }

    /// Takes the signals that have come.
    pub(crate) fn take_signals(&mut self, mut seen: impl FnMut(Signal)) {
        while let Ok(Some(received)) = self.signals.read() {
            self.signalled = self.signalled.saturating_add(1);
            seen(received.signal);
        }
    }

    /// Whether a handler that loops is to stop: in the end only by force, before that by a second signal too, or when
    /// it goes on for long after the first.
    fn interrupts(&mut self, now: Instant) -> bool {
        self.take_signals(|_| ());
        if self.is_forced() {
            return true;
        }
        if self.in_end || (self.signalled == 0 && !self.is_over()) {
            return false;
        }
        let patience = *self.patience.get_or_insert(now + GRACE);
        self.signalled >= 2 || now >= patience
    }
}

impl<'a> World<'a> {
    pub(crate) fn new(output: Output<'a>, ending: Ending, kernel: &'a Kernel, hz: u32, target: u32) -> Self {
        World {
            output,
            ending,
            kernel,
            hz,
            target,
            indents: Indents::default(),
            process: OnceCell::new(),
            zone: OnceCell::new(),
            commands: vec![],
            symbols_refused: false,
            programs: UserSymbols::default(),
            memory: OnceCell::new(),
            after_hit: false,
            own_memory: OnceCell::new(),
            handed: Handed::default(),
            looked: Instant::now(),
        }
    }

    fn memory(&self) -> Option<&KernelMemory> {
        self.memory.get_or_init(KernelMemory::open).as_ref()
    }

    /// Takes the signals that have come, and says so.
    pub(crate) fn take_signals(&mut self) {
        let output = &mut self.output;
        self.ending.take_signals(|signal| output.trace(&Step::Signalled(signal)));
    }
}

impl Host for World<'_> {
    fn print(&mut self, text: &[u8]) {
        self.output.append(|buffer| buffer.extend_from_slice(text));
    }

    fn warn(&mut self, message: &[u8]) {
        self.output.warning(&Notice::Script(message.to_vec()));
    }

    fn context(&mut self, context: Context) -> Datum {
        let process = || self.process.get_or_init(Process::own);
        Datum::Long(match context {
            Context::Pid => i64::from(std::process::id()),
            Context::Tid => i64::from(thread_id()),
            Context::Ppid => process().parent,
            Context::Uid => process().uid,
            Context::Euid => process().euid,
            Context::Gid => process().gid,
            Context::Egid => process().egid,
            Context::Execname => return Datum::text(process().name.as_bytes()),
            // Nothing on the user side is fired by a function of the kernel's.
            Context::Member => -1,
            Context::Cpu => current_cpu(),
            Context::TaskCurrent => {
                self.memory().and_then(KernelMemory::current_task).unwrap_or_default().cast_signed()
            }
            Context::MonotonicNs => clock::monotonic_ns().cast_signed(),
            Context::BoottimeNs => clock::boottime_ns().cast_signed(),
            Context::RealtimeNs => clock::realtime_ns().cast_signed(),
            Context::Jiffies => jiffies(clock::monotonic_ns(), self.hz),
            // Only a hit in the kernel is on a CPU whose count means something.
            Context::PerfCounter { .. } => 0,
            Context::Target => i64::from(self.target),
            Context::OwnProcess => i64::from(std::process::id()),
            Context::PidNamespace => pid_namespace(),
            Context::Stack | Context::UserStack | Context::Caught | Context::SyscallArguments => {
                return Datum::from("");
            }
        })
    }

    fn exit(&mut self) {
        self.ending.exit = true;
    }

    fn abort(&mut self) {
        self.ending.abort = true;
    }

    fn symbol(&mut self, address: u64) -> Option<Symbol> {
        match self.kernel.symbols() {
            Ok(symbols) => symbols.resolve(address).map(|found| Symbol {
                name: found.name.to_owned(),
                offset: found.offset,
                size: found.size,
                module: found.module.map(str::to_owned),
            }),
            Err(error) => {
                if !std::mem::replace(&mut self.symbols_refused, true) {
                    self.output.warning(&Notice::NoSymbols { reason: error.to_string() });
                }
                None
            }
        }
    }

    fn user_symbol(&mut self, process: i64, address: u64) -> Option<UserPlace> {
        self.programs.place(process, address)
    }

    fn kernel_memory(&mut self, address: u64, into: &mut [u8]) -> Option<bool> {
        self.memory().map(|memory| memory.read(address, into))
    }

    fn own_memory(&mut self, address: u64, into: &mut [u8]) -> Option<bool> {
        if self.after_hit {
            return None;
        }
        let file = self.own_memory.get_or_init(|| File::open("/proc/self/mem").ok()).as_ref()?;
        Some(file.read_exact_at(into, address).is_ok())
    }

    fn load_averages(&mut self) -> Option<[i64; 3]> {
        load_averages(&fs::read_to_string("/proc/loadavg").ok()?)
    }

    fn kernel_log(&mut self, level: Option<u8>, text: &[u8]) -> bool {
        let level = level.map(|level| format!("<{level}>")).unwrap_or_default();
        // One write is one entry of the log, and one that is too long is refused.
        let mut lines = text.split(|byte| *byte == b'\n');
        lines.all(|line| append("/dev/kmsg", &[level.as_bytes(), line, b"\n"].concat()).is_ok())
    }

    fn trace_line(&mut self, text: &[u8]) {
        let line = [text, b"\n"].concat();
        // The older place needs debugfs.
        _ = append("/sys/kernel/tracing/trace_marker", &line)
            .or_else(|_| append("/sys/kernel/debug/tracing/trace_marker", &line));
    }

    fn system(&mut self, command: &[u8]) {
        self.output.flush();
        self.commands.retain_mut(|command| matches!(command.try_wait(), Ok(None)));
        let started = HeldChild::shell(OsStr::from_bytes(command)).and_then(|mut child| {
            child.release()?;
            Ok(child)
        });
        match started {
            Ok(child) => self.commands.push(child),
            Err(error) => {
                let message = format!("cannot run {:?}: {error}", String::from_utf8_lossy(command));
                self.output.warning(&Notice::Script(message.into_bytes()));
            }
        }
    }

    fn handed(&mut self) -> &[u8] {
        &self.handed.text
    }

    fn hand(&mut self, text: &[u8], more: bool) {
        if !more {
            self.handed.text.clear();
            self.handed.cut = false;
        }
        let room = self.handed.most.saturating_sub(self.handed.text.len());
        self.handed.cut |= text.len() > room;
        self.handed.text.extend_from_slice(text.get(..room).unwrap_or(text));
    }

    fn random(&mut self) -> u32 {
        // Each state has keys of its own, which the standard library makes from the kernel's random numbers.
        RandomState::new().hash_one(0_u8) as u32
    }

    fn zone(&mut self) -> Zone {
        self.zone.get_or_init(|| clock::zone((clock::realtime_ns() / 1_000_000_000).cast_signed())).clone()
    }

    fn user_module_start(&mut self, process: i64, address: u64) -> Option<u64> {
        self.programs.start(process, address)
    }

    fn user_build_id(&mut self, process: i64, address: u64) -> Option<Vec<u8>> {
        self.programs.build_id(process, address)
    }

    fn indents(&mut self) -> &mut Indents {
        &mut self.indents
    }

    fn interrupted(&mut self) -> bool {
        let now = Instant::now();
        if now.duration_since(self.looked) < LOOK_EVERY {
            return false;
        }
        self.looked = now;
        // What a long handler prints is not kept until its end.
        self.output.flush();
        self.ending.interrupts(now)
    }
}

/// Nanoseconds of the monotonic clock in ticks of 1/`hz`.
fn jiffies(nanoseconds: u64, hz: u32) -> i64 {
    i64::try_from(u128::from(nanoseconds) * u128::from(hz) / 1_000_000_000).unwrap_or(i64::MAX)
}

/// Facts of systap's own process that do not change while it runs.
#[derive(Debug, Default, PartialEq, Eq)]
struct Process {
    name: String,
    parent: i64,
    uid: i64,
    euid: i64,
    gid: i64,
    egid: i64,
}

impl Process {
    /// Those of this process; 0 and "" where `/proc` does not tell.
    fn own() -> Process {
        std::fs::read_to_string("/proc/self/status").map(|text| Process::parse(&text)).unwrap_or_default()
    }

    fn parse(status: &str) -> Process {
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(":\t"));
            line.unwrap_or_default()
        };
        // Real, effective, saved, file system.
        let number =
            |name, index| field(name).split_whitespace().nth(index).and_then(|id| id.parse().ok()).unwrap_or(0);
        Process {
            name: field("Name").to_owned(),
            parent: number("PPid", 0),
            uid: number("Uid", 0),
            euid: number("Uid", 1),
            gid: number("Gid", 0),
            egid: number("Gid", 1),
        }
    }
}

/// The CPU that this thread runs on: field 39 of `/proc/thread-self/stat`, of which the name, field 2, may hold blanks.
fn current_cpu() -> i64 {
    let text = std::fs::read_to_string("/proc/thread-self/stat").unwrap_or_default();
    let after_name = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    after_name.split_whitespace().nth(39 - 3).and_then(|cpu| cpu.parse().ok()).unwrap_or(0)
}

/// Inode number of the namespace of processes that systap runs in; 0 if `/proc` does not tell.
pub(crate) fn pid_namespace() -> i64 {
    fs::metadata("/proc/self/ns/pid").map_or(0, |namespace| namespace.ino().cast_signed())
}

/// Writes to a file of the kernel in one step.
fn append(path: &str, bytes: &[u8]) -> std::io::Result<()> {
    File::options().write(true).open(path)?.write_all(bytes)
}

/// What `/proc/loadavg` begins with: three numbers with two decimals each.
fn load_averages(text: &str) -> Option<[i64; 3]> {
    let mut numbers = text.split_whitespace().map(|number| {
        let (whole, hundredths) = number.split_once('.')?;
        Some(whole.parse::<i64>().ok()? * 100 + hundredths.parse::<i64>().ok()?)
    });
    Some([numbers.next()??, numbers.next()??, numbers.next()??])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_of_the_load_are_hundredths() {
        assert_eq!(load_averages("0.05 12.30 1.00 2/345 6789\n"), Some([5, 1230, 100]));
        assert_eq!(load_averages("0.05 12.30"), None);
        assert_eq!(load_averages(""), None);
    }

    #[test]
    fn facts_of_this_process_are_what_the_system_says() {
        let own = Process::own();
        assert_eq!(own.parent, i64::from(std::os::unix::process::parent_id()));
        let metadata = std::fs::metadata("/proc/self").unwrap();
        assert_eq!((own.euid, own.egid), (i64::from(metadata.uid()), i64::from(metadata.gid())));
        assert_eq!(format!("{}\n", own.name), std::fs::read_to_string("/proc/self/comm").unwrap());
        assert!((0..systap_sys::cpu::possible_cpus().unwrap() as i64).contains(&current_cpu()));
    }

    #[test]
    fn a_status_is_read_by_its_fields() {
        let text = "Name:\ta b\nPPid:\t12\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\n";
        let expected = Process { name: "a b".into(), parent: 12, uid: 1, euid: 2, gid: 5, egid: 6 };
        assert_eq!(Process::parse(text), expected);
        assert_eq!(Process::parse(""), Process::default());
    }

    #[test]
    fn jiffies_count_ticks() {
        assert_eq!(jiffies(1_999_999_999, 250), 499);
        assert_eq!(jiffies(2_000_000_000, 250), 500);
        assert_eq!(jiffies(u64::MAX, 1000), 18_446_744_073_709);
    }
}
