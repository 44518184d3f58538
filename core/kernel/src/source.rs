//! Where the facts of a kernel come from: what the running one shows, or a record.
//!
//! The two are apart by type, so that a record can never be filled up with what the running kernel says.

use crate::btf::Key;
use crate::kept::{self, Kept};
use crate::tracefs::Events;
use crate::{Btf, Config, Kernel, KernelError, Release, Symbols, facts, open};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use systap_sys::mapping::MappedFile;

/// Where the running kernel shows its types.
pub(crate) const BTF_FILE: &str = "/sys/kernel/btf/vmlinux";

/// Where the running kernel shows its symbols.
pub(crate) const SYMBOLS_FILE: &str = "/proc/kallsyms";

/// Where the running kernel shows its release.
const RELEASE_FILE: &str = "/proc/sys/kernel/osrelease";

/// Where a kernel's facts come from.
#[derive(Debug)]
pub(crate) enum Source {
    /// The kernel that runs.
    Running,
    /// A record.
    Recorded {
        /// What it was read from, for messages.
        file: PathBuf,
        /// What there is of it.
        record: Record,
    },
}

/// What there is of a recorded kernel, besides the facts that were known at once.
#[derive(Debug)]
pub(crate) enum Record {
    /// Nothing.
    Given,
    /// Its image.
    Image(open::Image),
    /// Facts that were saved.
    Facts(facts::Facts),
}

fn not_recorded<T>(fact: &'static str) -> Result<T, KernelError> {
    Err(KernelError::NotRecorded { fact })
}

impl Source {
    pub(crate) fn release(&self) -> Result<Release, KernelError> {
        match self {
            Source::Running => {
                let file = Path::new(RELEASE_FILE);
                let text = std::fs::read_to_string(file).map_err(|error| KernelError::unreadable(file, error))?;
                Ok(Release::parse(&text)?)
            }
            Source::Recorded { .. } => not_recorded("release"),
        }
    }

    /// What its types are known by, if they can be kept.
    pub(crate) fn types_key(&self) -> Option<Key> {
        match self {
            Source::Running => kept::running_key(),
            Source::Recorded { record: Record::Facts(facts), .. } => facts.types_key(),
            Source::Recorded { .. } => None,
        }
    }

    /// Its types, with the index that was kept of them.
    pub(crate) fn btf(&self, kept: Option<&Kept>) -> Result<Btf, KernelError> {
        let Some((kept, key)) = kept.zip(self.types_key()) else { return self.types() };
        let types = match self {
            Source::Recorded { .. } => kept.types(&key).and_then(|types| Btf::from_bytes(types).ok()),
            Source::Running => None,
        };
        let types = types.map_or_else(|| self.types(), Ok)?;
        Ok(kept.with_index(types, &key))
    }

    fn types(&self) -> Result<Btf, KernelError> {
        match self {
            Source::Running => {
                let file = Path::new(BTF_FILE);
                let bytes = MappedFile::open(file).map_err(|error| match error.kind() {
                    ErrorKind::NotFound => KernelError::NoBtf { file: file.into() },
                    _ => KernelError::unreadable(file, error),
                })?;
                Btf::from_bytes(bytes).map_err(|source| KernelError::Btf { file: file.into(), source })
            }
            Source::Recorded { file, record: Record::Image(image) } => image.btf(file),
            Source::Recorded { file, record: Record::Facts(facts) } => facts.btf(file),
            Source::Recorded { record: Record::Given, .. } => not_recorded("types"),
        }
    }

    pub(crate) fn config(&self, kernel: &Kernel) -> Result<Config, KernelError> {
        match self {
            Source::Running => Config::running(kernel.release().map(Release::as_str).unwrap_or_default()),
            Source::Recorded { record: Record::Image(image), .. } => image.config(),
            Source::Recorded { file, record: Record::Facts(facts) } => facts.config(file),
            Source::Recorded { record: Record::Given, .. } => not_recorded("configuration"),
        }
    }

    pub(crate) fn symbols(&self) -> Result<Symbols, KernelError> {
        match self {
            Source::Running => {
                let file = Path::new(SYMBOLS_FILE);
                let text = std::fs::read(file).map_err(|error| KernelError::unreadable(file, error))?;
                Symbols::parse(text, file)
            }
            Source::Recorded { file, record: Record::Image(image) } => image.symbols(file),
            Source::Recorded { file, record: Record::Facts(facts) } => facts.symbols(file),
            Source::Recorded { record: Record::Given, .. } => not_recorded("symbols"),
        }
    }

    pub(crate) fn events(&self, kernel: &Kernel) -> Result<Events, KernelError> {
        let events = match self {
            Source::Running => return Events::running(),
            Source::Recorded { record: Record::Image(image), .. } => image.events(kernel.btf()?, kernel.symbols()?),
            Source::Recorded { file, record: Record::Facts(facts) } => Some(facts.events(file)?),
            Source::Recorded { record: Record::Given, .. } => None,
        };
        match events {
            Some(events) => Ok(Events::Recorded(events.into_iter().collect())),
            None => not_recorded("list of trace events"),
        }
    }
}
