//! The directories and files of a run, by their numbers.
//!
//! It must never change once it is made.

use systap_ir::placed::UserHandler;
use systap_ir::program::Event;

use crate::error::RunError;

/// The number of the directory that all others are in, which the kernel knows it by.
pub(super) const ROOT: u64 = 1;

const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;

/// A file or directory.
#[derive(Debug)]
pub(super) enum File {
    Directory,
    /// A file, with the indexes of the handlers that are about it.
    Handled {
        /// Its permissions.
        mode: u32,
        /// Who says what is read, and at most how many bytes; `None` within: as many as a string has.
        reads: Option<(usize, Option<usize>)>,
        /// Who is told what is written.
        writes: Vec<usize>,
    },
}

impl File {
    /// Kind and permissions, as stat(2) has them.
    pub(super) fn mode(&self) -> u32 {
        match self {
            File::Directory => DIRECTORY | 0o755,
            File::Handled { mode, .. } => REGULAR | mode,
        }
    }

    pub(super) fn links(&self) -> u32 {
        if matches!(self, File::Directory) { 2 } else { 1 }
    }
}

#[derive(Debug)]
struct Node {
    name: Vec<u8>,
    parent: u64,
    file: File,
}

/// All of them; number 1 is the first.
#[derive(Debug)]
pub(super) struct Tree {
    nodes: Vec<Node>,
}

impl Tree {
    /// The files that the handlers are about.
    ///
    /// # Errors
    /// If one is to be a directory too.
    pub(super) fn of(handlers: &[UserHandler]) -> Result<Self, RunError> {
        let mut tree = Tree { nodes: vec![Node { name: vec![], parent: ROOT, file: File::Directory }] };
        for (index, handler) in handlers.iter().enumerate() {
            match &handler.event {
                Event::FileRead { file, mode, most } => {
                    let most = most.map(|most| usize::try_from(most).unwrap_or(usize::MAX));
                    tree.add(file, *mode, |reads, _| *reads = Some((index, most)))?;
                }
                Event::FileWrite { file, mode } => tree.add(file, *mode, |_, writes| writes.push(index))?,
                _ => {}
            }
        }
        Ok(tree)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.nodes.len() == 1
    }

    fn add(
        &mut self,
        path: &str,
        permissions: u32,
        change: impl FnOnce(&mut Option<(usize, Option<usize>)>, &mut Vec<usize>),
    ) -> Result<(), RunError> {
        let both = || RunError::FileAndDirectory { path: path.to_owned() };
        let (above, name) = path.rsplit_once('/').map_or((None, path), |(above, name)| (Some(above), name));
        let mut parent = ROOT;
        for part in above.into_iter().flat_map(|above| above.split('/')) {
            parent = self.child(parent, part, || File::Directory);
            if !matches!(self.file(parent), Some(File::Directory)) {
                return Err(both());
            }
        }
        let number = self.child(parent, name, || File::Handled { mode: 0, reads: None, writes: vec![] });
        match index(number).and_then(|at| self.nodes.get_mut(at)).map(|node| &mut node.file) {
            Some(File::Handled { mode, reads, writes }) => {
                *mode |= permissions;
                change(reads, writes);
                Ok(())
            }
            _ => Err(both()),
        }
    }

    fn child(&mut self, parent: u64, name: &str, file: impl FnOnce() -> File) -> u64 {
        self.find(parent, name.as_bytes()).unwrap_or_else(|| {
            self.nodes.push(Node { name: name.as_bytes().to_vec(), parent, file: file() });
            self.nodes.len() as u64
        })
    }

    /// The number of what a directory has under a name.
    pub(super) fn find(&self, parent: u64, name: &[u8]) -> Option<u64> {
        let mut below = (ROOT + 1..).zip(self.nodes.iter().skip(1));
        below.find_map(|(number, node)| (node.parent == parent && node.name == name).then_some(number))
    }

    pub(super) fn file(&self, number: u64) -> Option<&File> {
        self.nodes.get(index(number)?).map(|node| &node.file)
    }

    /// What a directory has: names, numbers, modes.
    pub(super) fn entries(&self, parent: u64) -> Vec<(&[u8], u64, u32)> {
        let above = index(parent).and_then(|at| self.nodes.get(at)).map_or(ROOT, |node| node.parent);
        let below = (ROOT + 1..).zip(self.nodes.iter().skip(1)).filter(|(_, node)| node.parent == parent);
        let below = below.map(|(number, node)| (&*node.name, number, node.file.mode()));
        [(&b"."[..], parent, DIRECTORY), (b"..", above, DIRECTORY)].into_iter().chain(below).collect()
    }
}

fn index(number: u64) -> Option<usize> {
    usize::try_from(number.checked_sub(ROOT)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use systap_diagnostics::{FileId, Span};
    use systap_ir::graph::Body;

    fn tree(events: Vec<Event>) -> Result<Tree, RunError> {
        let handler = |event| UserHandler {
            point: String::new(),
            span: Span::new(FileId(0), 0, 0),
            event,
            body: Body::default(),
        };
        Tree::of(&events.into_iter().map(handler).collect::<Vec<_>>())
    }

    fn read(file: &str) -> Event {
        Event::FileRead { file: file.into(), mode: 0o400, most: Some(9) }
    }

    #[test]
    fn files_are_found_by_their_names() {
        let write = Event::FileWrite { file: "d/b".into(), mode: 0o200 };
        let tree = tree(vec![read("a"), read("d/b"), Event::Begin(0), write]).unwrap();
        let (a, d) = (tree.find(ROOT, b"a").unwrap(), tree.find(ROOT, b"d").unwrap());
        let b = tree.find(d, b"b").unwrap();
        assert_eq!((tree.find(ROOT, b"b"), tree.find(a, b"b")), (None, None));
        assert_eq!(tree.file(a).unwrap().mode(), 0o100_400);
        let Some(file @ File::Handled { reads: Some((1, Some(9))), writes, .. }) = tree.file(b) else {
            panic!("{tree:?}")
        };
        assert_eq!((file.mode(), writes.as_slice()), (0o100_600, &[3][..]));
        let names: Vec<&[u8]> = tree.entries(ROOT).into_iter().map(|(name, ..)| name).collect();
        assert_eq!(names, [&b"."[..], b"..", b"a", b"d"]);
        assert!(tree.file(0).is_none() && tree.file(99).is_none() && tree.entries(99).len() == 2);
    }

    #[test]
    fn a_file_is_no_directory() {
        for files in [["a", "a/b"], ["a/b", "a"]] {
            assert!(matches!(tree(files.map(read).to_vec()), Err(RunError::FileAndDirectory { .. })), "{files:?}");
        }
        assert!(tree(vec![Event::Begin(0)]).unwrap().is_empty());
    }
}
