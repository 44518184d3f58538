//! The facts of one kernel: release, types, tracepoints, system calls, symbols.
//!
//! It reads what the kernel shows in sysfs, procfs and tracefs, or a record of it. It must never load, attach or change
//! anything, and must never read what nobody asked for: a script that only prints should not pay for 5 MB of types.
//!
//! ```no_run
//! use systap_kernel::{Kernel, Kind};
//!
//! let kernel = Kernel::running();
//! if let Some(switch) = kernel.tracepoint(Some("sched"), "sched_switch")? {
//!     for param in &switch.params {
//!         println!("{}: {}", param.name, kernel.btf()?.describe(param.ty));
//!     }
//! }
//! // Many names in one pass over the types.
//! let found = kernel.btf()?.find_many(&[(Kind::Struct, "task_struct"), (Kind::Func, "vfs_read")]);
//! # Ok::<(), systap_kernel::KernelError>(())
//! ```

mod arch;
pub mod btf;
pub mod capability;
mod config;
pub mod errno;
mod error;
mod facts;
mod function;
pub mod glob;
mod kept;
mod open;
mod release;
pub mod signal;
mod source;
pub mod symbols;
pub mod syscall;
#[cfg(test)]
mod tests;
pub mod tracefs;
mod tracepoint;

pub use arch::Arch;
pub use btf::{Btf, BtfError, Kind, TypeId};
pub use config::Config;
pub use error::KernelError;
pub use facts::{Effort, Saved};
pub use function::{Function, Prototype};
pub use release::{Family, NoRelease, Release, Version};
pub use symbols::Symbols;
pub use syscall::{CompatTable, SyscallTable};
pub use tracepoint::{Param, Tracepoint};

use source::{Record, Source};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use tracefs::Events;

/// A fact that is read when it is first asked for, and kept, as is the error if it cannot be read.
type Fact<T> = OnceLock<Result<T, KernelError>>;

/// One kernel: the running one, or one that was recorded.
#[derive(Debug)]
pub struct Kernel {
    arch: Arch,
    source: Source,
    kept: Option<kept::Kept>,
    release: Fact<Release>,
    btf: Fact<Btf>,
    config: Fact<Config>,
    tracepoints: Fact<tracepoint::Table>,
    events: Fact<Events>,
    symbols: Fact<Symbols>,
}

impl Kernel {
    fn of(source: Source, arch: Arch) -> Kernel {
        Kernel {
            arch,
            source,
            kept: None,
            release: Fact::new(),
            btf: Fact::new(),
            config: Fact::new(),
            tracepoints: Fact::new(),
            events: Fact::new(),
            symbols: Fact::new(),
        }
    }

    /// The running kernel. Reads nothing yet.
    pub fn running() -> Kernel {
        Kernel::of(Source::Running, Arch::HOST)
    }

    /// A recorded kernel, whose facts come from the record.
    fn recorded(file: PathBuf, arch: Arch, release: Result<Release, KernelError>, record: Record) -> Kernel {
        Kernel { release: Fact::from(release), ..Kernel::of(Source::Recorded { file, record }, arch) }
    }

    /// A kernel of this machine's architecture from what was recorded of it: the bytes of its BTF, its events as
    /// (subsystem, event) if they were recorded, and its release.
    pub fn from_parts(btf: Vec<u8>, events: Option<Vec<(String, String)>>, release: &str) -> Kernel {
        let file = PathBuf::from("recorded BTF");
        let btf = Btf::from_bytes(btf).map_err(|source| KernelError::Btf { file: file.clone(), source });
        let release = Release::parse(release).map_err(KernelError::from);
        let kernel = Kernel::recorded(file, Arch::HOST, release, Record::Given);
        let kernel = Kernel { btf: Fact::from(btf), ..kernel };
        match events {
            Some(events) => kernel.with_events(events),
            None => kernel,
        }
    }

    /// The same kernel, which uses what [`Kernel::keep`] has kept in that folder.
    #[must_use]
    pub fn with_kept(self, folder: PathBuf) -> Kernel {
        Kernel { kept: Some(kept::Kept::new(folder)), ..self }
    }

    /// Keeps what a next run can use, if there is a folder for it, this run had to work it out, and it was worth it. What cannot be
    /// written is not kept.
    pub fn keep(&self) {
        let (Some(kept), Some(Ok(btf))) = (&self.kept, self.btf.get()) else { return };
        let Some(key) = self.source.types_key().filter(|_| btf.is_gone_over() && !btf.has_kept_index()) else { return };
        kept.keep_index(btf, &key);
        if !self.is_running() && kept.types(&key).is_none() {
            kept.keep_types(btf.blob(), &key);
        }
    }

    /// The same kernel as one of another architecture.
    pub fn with_arch(self, arch: Arch) -> Kernel {
        Kernel { arch, ..self }
    }

    /// The same kernel with these symbols: text of the form of `/proc/kallsyms` or of a `System.map`.
    pub fn with_symbols(self, text: Vec<u8>) -> Kernel {
        Kernel { symbols: Fact::from(Symbols::parse(text, Path::new("recorded symbols"))), ..self }
    }

    /// The same kernel with this configuration.
    fn with_config(self, config: Result<Config, KernelError>) -> Kernel {
        Kernel { config: Fact::from(config), ..self }
    }

    /// The same kernel as of this release.
    fn with_release(self, release: Result<Release, KernelError>) -> Kernel {
        Kernel { release: Fact::from(release), ..self }
    }

    /// The same kernel with these symbols.
    fn with_known_symbols(self, symbols: Symbols) -> Kernel {
        Kernel { symbols: Fact::from(Ok(symbols)), ..self }
    }

    /// The same kernel with these events, as (subsystem, event).
    fn with_events(self, events: Vec<(String, String)>) -> Kernel {
        Kernel { events: Fact::from(Ok(Events::Recorded(events.into_iter().collect()))), ..self }
    }

    /// The same kernel with these types.
    fn with_btf(self, btf: Btf) -> Kernel {
        Kernel { btf: Fact::from(Ok(btf)), ..self }
    }

    /// Whether this is the kernel that runs, so that a program could be loaded into it.
    pub fn is_running(&self) -> bool {
        matches!(self.source, Source::Running)
    }

    /// What it comes from: the file of a recorded kernel.
    pub fn file(&self) -> Option<&Path> {
        match &self.source {
            Source::Running => None,
            Source::Recorded { file, .. } => Some(file),
        }
    }

    /// Its release.
    pub fn release(&self) -> Result<&Release, KernelError> {
        known(self.release.get_or_init(|| self.source.release()))
    }

    /// The numbers at the start of its release.
    pub fn version(&self) -> Result<Version, KernelError> {
        self.release().map(Release::version)
    }

    /// The options that it was built with.
    pub fn config(&self) -> Result<&Config, KernelError> {
        known(self.config.get_or_init(|| self.source.config(self)))
    }

    /// Its architecture.
    pub fn arch(&self) -> Arch {
        self.arch
    }

    /// Its types.
    pub fn btf(&self) -> Result<&Btf, KernelError> {
        known(self.btf.get_or_init(|| self.source.btf(self.kept.as_ref())))
    }

    /// How many types it has, `void` included.
    pub fn type_count(&self) -> Result<u32, KernelError> {
        self.btf()?.type_count().map_err(|source| self.malformed(source))
    }

    /// How many events tracefs lists, those of system calls included.
    pub fn event_count(&self) -> Result<usize, KernelError> {
        Ok(self.events()?.all()?.len())
    }

    /// The tracepoint of that name. With a subsystem, only if the subsystem has an event of that name: tracefs says so,
    /// and what it does not list (`pelt_cfs_tp`) has no subsystem.
    pub fn tracepoint(&self, subsystem: Option<&str>, name: &str) -> Result<Option<Tracepoint>, KernelError> {
        // BTF first: it is the cheaper of the two to be refused by.
        let tracepoint = self.tracepoints_named(&[name])?.pop().flatten();
        match subsystem {
            Some(subsystem) if tracepoint.is_some() && !self.events()?.has(subsystem, name) => Ok(None),
            _ => Ok(tracepoint),
        }
    }

    /// The tracepoints of those names, in that order, in one look-up. Never touches tracefs.
    pub fn tracepoints_named(&self, names: &[&str]) -> Result<Vec<Option<Tracepoint>>, KernelError> {
        tracepoint::by_names(self.btf()?, names).map_err(|source| self.malformed(source))
    }

    /// The tracepoints whose names match a pattern (see [`glob::matches`]), sorted by name. With a subsystem, which may
    /// be a pattern too, only those for which tracefs lists an event there.
    pub fn tracepoints(&self, subsystem: Option<&str>, pattern: &str) -> Result<Vec<Tracepoint>, KernelError> {
        let table = self.tracepoint_table()?;
        let listed = subsystem.map(|subsystem| self.events()?.of(subsystem)).transpose()?;
        let accept = |name: &str| {
            glob::matches(pattern, name)
                && listed.as_ref().is_none_or(|listed| listed.binary_search_by(|of| of.as_str().cmp(name)).is_ok())
        };
        table.filter(self.btf()?, accept).map_err(|source| self.malformed(source))
    }

    /// The subsystem of the event of that name; `None` if tracefs has no such event.
    pub fn subsystem_of(&self, tracepoint: &str) -> Result<Option<String>, KernelError> {
        self.events()?.subsystem_of(tracepoint)
    }

    /// The names of all tracepoints, sorted.
    pub fn tracepoint_names(&self) -> Result<Vec<&str>, KernelError> {
        Ok(self.tracepoint_table()?.names().collect())
    }

    /// The system calls of its architecture.
    pub fn syscalls(&self) -> &'static SyscallTable {
        SyscallTable::of(self.arch)
    }

    /// The names of the system calls of the 32-bit programs that it may run.
    pub fn compat_syscalls(&self) -> Option<&'static CompatTable> {
        CompatTable::of(self.arch)
    }

    /// Its symbols and those of its modules, as they were when this was first asked.
    pub fn symbols(&self) -> Result<&Symbols, KernelError> {
        known(self.symbols.get_or_init(|| self.source.symbols()))
    }

    fn events(&self) -> Result<&Events, KernelError> {
        known(self.events.get_or_init(|| self.source.events(self)))
    }

    fn tracepoint_table(&self) -> Result<&tracepoint::Table, KernelError> {
        known(
            self.tracepoints
                .get_or_init(|| tracepoint::Table::build(self.btf()?).map_err(|source| self.malformed(source))),
        )
    }

    /// An error of the kernel's BTF, with the file that it comes from.
    fn malformed(&self, source: BtfError) -> KernelError {
        KernelError::Btf { file: self.file().unwrap_or(Path::new(source::BTF_FILE)).into(), source }
    }
}

fn known<T>(fact: &Result<T, KernelError>) -> Result<&T, KernelError> {
    fact.as_ref().map_err(Clone::clone)
}
