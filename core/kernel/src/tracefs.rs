//! Which subsystem each tracepoint belongs to, as tracefs lists them.
//!
//! Must never leave a mount behind, nor be asked unless a script names a subsystem: BTF has tracepoints by name alone.

use crate::error::KernelError;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use systap_sys::mount::{detached_tracefs, open_at, path_of};

/// Where tracefs is usually mounted.
const MOUNTS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// A file of the running kernel's tracefs: of the mount that is there, or else of one of our own, which nobody else can see and which
/// goes with the file.
///
/// # Errors
/// As opening has it; `NotFound` too where the kernel has no tracefs.
pub fn open(name: &Path) -> io::Result<File> {
    match mounted() {
        Some(root) => File::open(root.join(name)),
        None => open_at(detached_tracefs()?.as_fd(), name),
    }
}

/// Where tracefs is mounted, if it is.
fn mounted() -> Option<&'static Path> {
    MOUNTS.iter().map(Path::new).find(|root| root.join("events").is_dir())
}

/// The events of a kernel, by subsystem.
#[derive(Debug)]
pub(crate) enum Events {
    /// In a tracefs, which is asked each time.
    Tracefs {
        /// Its root.
        root: PathBuf,
        /// Keeps a mount of our own alive, which nobody else can see and which ends with it.
        _mount: Option<OwnedFd>,
    },
    /// In a record: (subsystem, event).
    Recorded(BTreeSet<(String, String)>),
}

impl Events {
    /// The running kernel's, through a mount that is there or else one of our own.
    pub(crate) fn running() -> Result<Events, KernelError> {
        if let Some(root) = mounted() {
            return Ok(Events::Tracefs { root: root.into(), _mount: None });
        }
        let mount = detached_tracefs().map_err(|source| KernelError::Tracefs { source: Arc::new(source) })?;
        let root = path_of(mount.as_fd());
        Ok(Events::Tracefs { root, _mount: Some(mount) })
    }

    /// All of them, as (subsystem, event).
    pub(crate) fn all(&self) -> Result<BTreeSet<(String, String)>, KernelError> {
        match self {
            Events::Recorded(events) => Ok(events.clone()),
            Events::Tracefs { root, .. } => {
                let file = root.join("available_events");
                let text = fs::read_to_string(&file).map_err(|error| KernelError::unreadable(&file, error))?;
                let pairs = text.lines().filter_map(|line| line.split_once(':'));
                Ok(pairs.map(|(subsystem, event)| (subsystem.to_owned(), event.to_owned())).collect())
            }
        }
    }

    /// Whether the subsystem has that event.
    pub(crate) fn has(&self, subsystem: &str, event: &str) -> bool {
        match self {
            Events::Recorded(events) => events.contains(&(subsystem.to_string(), event.to_string())),
            Events::Tracefs { root, .. } => {
                // The names come from a script, and are parts of a path here.
                let plain = |name: &str| !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0']);
                plain(subsystem) && plain(event) && root.join("events").join(subsystem).join(event).is_dir()
            }
        }
    }

    /// The subsystem that has an event of that name, the first if there are several.
    pub(crate) fn subsystem_of(&self, event: &str) -> Result<Option<String>, KernelError> {
        match self {
            Events::Recorded(events) => {
                Ok(events.iter().find(|(_, name)| name == event).map(|(subsystem, _)| subsystem.clone()))
            }
            Events::Tracefs { root, .. } => {
                let file = root.join("available_events");
                let text = fs::read_to_string(&file).map_err(|error| KernelError::unreadable(&file, error))?;
                let lines = text.lines().filter_map(|line| line.split_once(':'));
                Ok(lines.filter(|(_, name)| *name == event).map(|(subsystem, _)| subsystem.to_owned()).min())
            }
        }
    }

    /// The events of a subsystem, or of every subsystem that matches a pattern, sorted.
    pub(crate) fn of(&self, pattern: &str) -> Result<Vec<String>, KernelError> {
        let mut names: Vec<String> = match self {
            Events::Recorded(events) => events
                .iter()
                .filter(|(subsystem, _)| crate::glob::matches(pattern, subsystem))
                .map(|(_, event)| event.clone())
                .collect(),
            Events::Tracefs { root, .. } => {
                let file = root.join("available_events");
                let text = fs::read_to_string(&file).map_err(|error| KernelError::unreadable(&file, error))?;
                text.lines()
                    .filter_map(|line| line.split_once(':'))
                    .filter(|(subsystem, _)| crate::glob::matches(pattern, subsystem))
                    .map(|(_, event)| event.to_string())
                    .collect()
            }
        };
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }
}
