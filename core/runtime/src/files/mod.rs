//! The files of a run (`procfs`): a file system of its own below `/run/systap/`, whose reads and writes run handlers.
//!
//! It must never wait for a reader or a writer: each request is answered as it comes, by the one loop of the run. Nothing stays behind: the
//! file system goes with the run, and what a run that was killed left is taken away by the next.

mod protocol;
mod tree;

use std::collections::HashMap;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use systap_ir::placed::Placed;
use systap_sys::clock;
use systap_sys::served::{ServedMount, unmount};

use self::protocol::{Answer, Ask, Request, answer};
use self::tree::{File, Tree};
use crate::error::RunError;
use crate::session::Session;
use crate::sink::Notice;

/// Where the directories of all runs are.
const RUNS: &str = "/run/systap";

/// A write that is longer comes in pieces; whatever a handler takes of one is fewer.
const MOST_WRITTEN: u32 = 4096;

/// A request with its header, and the kernel's least for a buffer.
const BUFFER: usize = 64 << 10;

/// The served files of a run.
#[derive(Debug)]
pub(crate) struct Files {
    // Dropped first: nothing can be removed that is mounted over.
    pub(crate) mount: ServedMount,
    directory: Directory,
    tree: Tree,
    /// What has been said to each opened file.
    said: HashMap<u64, Vec<u8>>,
    next_handle: u64,
    buffer: Vec<u8>,
    owner: (u32, u32),
    /// Seconds since 1970.
    since: u64,
    /// Longest text that a handler takes.
    most: usize,
}

/// The run's directory; dropping it removes it.
#[derive(Debug)]
struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

impl Files {
    /// Offers the files that handlers of the program are about; `None` if there are none.
    ///
    /// # Errors
    /// Where the kernel or the user's privileges do not allow it.
    pub(crate) fn offer(placed: &Placed) -> Result<Option<Self>, RunError> {
        let tree = Tree::of(&placed.user)?;
        if tree.is_empty() {
            return Ok(None);
        }
        take_away_stale(Path::new(RUNS));
        let directory = Path::new(RUNS).join(format!("stap_{}", std::process::id()));
        let refused = |source: std::io::Error| RunError::Files { directory: directory.clone(), source };
        fs::DirBuilder::new().recursive(true).mode(0o755).create(&directory).map_err(refused)?;
        let kept = Directory(directory.clone());
        let mount = ServedMount::at(&directory, "systap").map_err(|error| refused(error.into()))?;
        let owner = fs::metadata("/proc/self").map_or((0, 0), |own| {
            use std::os::unix::fs::MetadataExt;
            (own.uid(), own.gid())
        });
        Ok(Some(Files {
            mount,
            directory: kept,
            tree,
            said: HashMap::new(),
            next_handle: 1,
            buffer: vec![0; BUFFER],
            owner,
            since: clock::realtime_ns() / 1_000_000_000,
            most: (placed.limits.string as usize).saturating_sub(1),
        }))
    }

    /// Where they are.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory.0
    }

    /// Answers what has been asked; false when nobody can ask any more.
    pub(crate) fn serve(&mut self, session: &mut Session<'_>) -> bool {
        loop {
            let mut buffer = std::mem::take(&mut self.buffer);
            let read = self.mount.device().read(&mut buffer);
            let reply = match &read {
                Ok(length) => {
                    buffer.get(..*length).and_then(Request::of).and_then(|request| self.answer(&request, session))
                }
                Err(_) => None,
            };
            self.buffer = buffer;
            match read {
                Ok(_) => {}
                // ENOENT: who asked does not wait any more.
                Err(error) if error.kind() == ErrorKind::Interrupted || error.raw_os_error() == Some(libc::ENOENT) => {}
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
            if let Some(reply) = reply {
                // Who does not wait any more gets no answer.
                let _ = self.mount.device().write(&reply);
            }
            if session.end().is_some() {
                return true;
            }
        }
    }

    fn answer(&mut self, request: &Request<'_>, session: &mut Session<'_>) -> Option<Vec<u8>> {
        let mut body = Answer::default();
        let outcome = match request.ask {
            Ask::Told => return None,
            Ask::Begin(_, minor) => {
                body.begin(minor, MOST_WRITTEN);
                Ok(())
            }
            _ => self.fill(&mut body, request, session),
        };
        Some(answer(request.unique, outcome.map(|()| &*body.0)))
    }

    fn fill(&mut self, body: &mut Answer, request: &Request<'_>, session: &mut Session<'_>) -> Result<(), i32> {
        let node = request.node;
        let file = self.tree.file(node).ok_or(libc::ENOENT)?;
        match request.ask {
            Ask::Find(name) => {
                let found = self.tree.find(node, name).ok_or(libc::ENOENT)?;
                let of = self.tree.file(found).ok_or(libc::ENOENT)?;
                body.found(found, of.mode(), of.links(), self.owner, self.since);
            }
            Ask::Attributes | Ask::Change => body.file(node, file.mode(), file.links(), self.owner, self.since),
            Ask::Open => {
                body.opened(self.next_handle, true);
                self.next_handle += 1;
            }
            Ask::OpenDirectory => body.opened(0, false),
            Ask::Read { handle, offset, size } => {
                let File::Handled { reads: Some((handler, most)), .. } = *file else { return Err(libc::EBADF) };
                if offset == 0 || !self.said.contains_key(&handle) {
                    let said = self.ask(handler, most.unwrap_or(self.most), session);
                    self.said.insert(handle, said);
                }
                let said = self.said.get(&handle).map_or(&[][..], Vec::as_slice);
                let rest = usize::try_from(offset).ok().and_then(|offset| said.get(offset..)).unwrap_or(&[]);
                body.0.extend_from_slice(rest.get(..size as usize).unwrap_or(rest));
            }
            Ask::Write(text) => {
                let File::Handled { writes, .. } = file else { return Err(libc::EBADF) };
                let (writes, taken) = (writes.clone(), text.get(..self.most).unwrap_or(text));
                for handler in writes {
                    session.hand(handler, taken);
                }
                // Who writes more tries again with the rest.
                body.word(u32::try_from(taken.len()).unwrap_or(0)).word(0);
            }
            Ask::List { offset, size } => {
                let entries = self.tree.entries(node);
                for (index, (name, of, mode)) in
                    entries.iter().enumerate().skip(usize::try_from(offset).unwrap_or(usize::MAX))
                {
                    if !body.entry(*of, index as u64 + 1, *mode, name, size) {
                        break;
                    }
                }
            }
            Ask::Close { handle } => _ = self.said.remove(&handle),
            Ask::CloseDirectory => {}
            // fuse_statfs_out: nothing of anything, but names of the usual length.
            Ask::Size => {
                for _ in 0..5 {
                    body.long(0);
                }
                body.word(4096).word(255);
                for _ in 0..8 {
                    body.word(0);
                }
            }
            Ask::Rearrange => return Err(libc::EPERM),
            Ask::Begin(..) | Ask::Told | Ask::Other => return Err(libc::ENOSYS),
        }
        Ok(())
    }

    /// What the handler says to a reader.
    fn ask(&self, handler: usize, most: usize, session: &mut Session<'_>) -> Vec<u8> {
        let (said, cut) = session.ask(handler, most);
        if cut && let Some(point) = session.user_point(handler) {
            session.world.output.warning(&Notice::CutText { point: point.to_owned(), most });
        }
        said
    }
}

/// Takes away what runs left behind that were killed.
fn take_away_stale(runs: &Path) {
    let Ok(entries) = fs::read_dir(runs) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let process = name.to_str().and_then(|name| name.strip_prefix("stap_")?.parse::<u32>().ok());
        let is_gone = |process: u32| process == std::process::id() || !Path::new(&format!("/proc/{process}")).exists();
        if process.is_some_and(is_gone) {
            // One that never was mounted over is only removed.
            let _ = unmount(&entry.path());
            let _ = fs::remove_dir(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_killed_runs_left_is_taken_away() {
        let runs = std::env::temp_dir().join(format!("systap-runs-{}", std::process::id()));
        let ended = {
            let mut child = std::process::Command::new("/bin/true").spawn().unwrap();
            child.wait().unwrap();
            child.id()
        };
        let (gone, live, other) = (format!("stap_{ended}"), "stap_1".to_owned(), "other".to_owned());
        for name in [&gone, &live, &other] {
            fs::create_dir_all(runs.join(name)).unwrap();
        }
        take_away_stale(&runs);
        let left: Vec<bool> = [&gone, &live, &other].iter().map(|name| runs.join(name).exists()).collect();
        fs::remove_dir_all(&runs).unwrap();
        assert_eq!(left, [false, true, true]);
    }
}
