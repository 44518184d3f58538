//! The file of `-o`, or the files: a new one whenever the last is as big as `-S` allows.
//!
//! Must never lose output: the oldest file goes only where the user gave a number of files to keep.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// When a new file begins: `-S MB[,COUNT]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rotation {
    /// Bytes of a file.
    pub(crate) size: u64,
    /// How many files are kept; all of them if it is not said.
    pub(crate) keep: Option<usize>,
}

impl Rotation {
    /// From `MB` or `MB,COUNT`, where a count of 0 keeps all; `None` if it is neither.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (size, keep) = match text.split_once(',') {
            Some((size, keep)) => (size, Some(keep.parse().ok()?).filter(|keep| *keep > 0)),
            None => (text, None),
        };
        let size = size.parse::<u64>().ok().filter(|size| *size > 0)?;
        Some(Rotation { size: size.checked_mul(1 << 20)?, keep })
    }
}

/// Where the output of a run goes that has a file.
pub(crate) struct OutputFile {
    /// As it was given, conversions of strftime included.
    name: String,
    rotation: Option<Rotation>,
    file: File,
    /// Bytes in it.
    written: u64,
    /// How many files there were before it.
    number: u64,
    /// Those that are there, the oldest first.
    paths: VecDeque<PathBuf>,
}

impl OutputFile {
    /// Begins the file of that name. `%Y` and its kin in it are the local time of now.
    pub(crate) fn create(name: &str, rotation: Option<Rotation>) -> io::Result<Self> {
        let path = path(name, rotation.map(|_| 0));
        let file = File::create(&path)?;
        Ok(OutputFile { name: name.to_owned(), rotation, file, written: 0, number: 0, paths: [path].into() })
    }

    /// What is written to now.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// Where that is.
    pub(crate) fn path(&self) -> Option<&Path> {
        self.paths.back().map(PathBuf::as_path)
    }

    /// Writes a piece of output; a line stays in one file unless it is longer than a file may be.
    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while let Some(Rotation { size, .. }) = self.rotation {
            let room = usize::try_from(size.saturating_sub(self.written)).unwrap_or(usize::MAX);
            let Some(fitting) = bytes.get(..room).filter(|fitting| fitting.len() < bytes.len()) else { break };
            let line_end = fitting.iter().rposition(|byte| *byte == b'\n').map(|at| at + 1);
            let cut = line_end.unwrap_or(if self.written == 0 { room } else { 0 });
            let (first, rest) = bytes.split_at(cut);
            self.file.write_all(first)?;
            self.next()?;
            bytes = rest;
        }
        self.written += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    fn next(&mut self) -> io::Result<()> {
        self.number += 1;
        let path = path(&self.name, Some(self.number));
        self.file = File::create(&path)?;
        self.written = 0;
        self.paths.push_back(path);
        let keep = self.rotation.and_then(|rotation| rotation.keep).unwrap_or(usize::MAX);
        while self.paths.len() > keep {
            // One that somebody has taken away is gone too.
            _ = self.paths.pop_front().map(std::fs::remove_file);
        }
        Ok(())
    }
}

/// The name of a file of now.
fn path(name: &str, number: Option<u64>) -> PathBuf {
    let name = if name.contains('%') {
        systap_sys::calendar::local_time(name, systap_sys::clock::realtime_ns()).unwrap_or_else(|| name.to_owned())
    } else {
        name.to_owned()
    };
    PathBuf::from(match number {
        Some(number) => format!("{name}.{number}"),
        None => name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_and_a_number_of_files() {
        assert_eq!(Rotation::parse("2"), Some(Rotation { size: 2 << 20, keep: None }));
        assert_eq!(Rotation::parse("1,3"), Some(Rotation { size: 1 << 20, keep: Some(3) }));
        assert_eq!(Rotation::parse("1,0"), Rotation::parse("1"));
        for wrong in ["", "0", "1,", ",2", "x", "99999999999999999"] {
            assert_eq!(Rotation::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn lines_stay_whole_and_the_oldest_files_go() {
        let folder = tempfile::tempdir().expect("a directory can be made");
        let name = folder.path().join("out").display().to_string();
        let rotation = Rotation { size: 10, keep: Some(2) };
        let mut file = OutputFile::create(&name, Some(rotation)).expect("and a file");
        for piece in ["one\ntwo\n", "three\nfour\n", "0123456789abcdef\n", "x\n"] {
            file.write(piece.as_bytes()).expect("it can be written");
        }
        let read = |number: u32| std::fs::read_to_string(format!("{name}.{number}")).ok();
        // `three` did not fit behind `two`, `four` not behind it, and the long line fits nowhere.
        let found: Vec<_> = (0..5).map(read).collect();
        assert_eq!(found, [None, None, None, Some("0123456789".to_owned()), Some("abcdef\nx\n".to_owned())],);
    }
}
