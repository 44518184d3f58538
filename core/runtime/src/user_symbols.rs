//! Addresses in programs put into words: by what a process has mapped, and the symbols of those files.
//!
//! Must never keep a process from ending, nor trust a byte of its files. What a process had mapped when it was last asked
//! about stands for it once it is gone.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use systap_binary::Binary;

use crate::user::{Symbol, UserPlace};

/// How long what a process has mapped is taken to be so.
const FRESH: Duration = Duration::from_millis(50);
/// That many processes are remembered.
const MOST: usize = 256;

/// The programs that were asked about.
#[derive(Debug, Default)]
pub(crate) struct UserSymbols {
    processes: HashMap<i64, (Instant, Vec<Mapping>)>,
    /// By path, device and inode; `None`: it is no program that can be read.
    files: HashMap<(PathBuf, String), Option<Rc<Functions>>>,
}

/// The functions of a file: where in the file they begin, ascending, and their names.
type Functions = Vec<(u64, String)>;

/// A line of `/proc/PID/maps` that maps a file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mapping {
    start: u64,
    end: u64,
    /// Where in the file it begins.
    offset: u64,
    /// Device and inode, as the line has them.
    file: String,
    path: String,
}

impl UserSymbols {
    /// What a process has at an address.
    pub(crate) fn place(&mut self, process: i64, address: u64) -> Option<UserPlace> {
        let mapping = self.mapping(process, address)?;
        let symbol = self.file(process, &mapping).and_then(|file| symbol(&file, &mapping, address));
        Some(UserPlace { path: mapping.path, symbol })
    }

    /// Where in a process the file begins that it has mapped at an address.
    pub(crate) fn start(&mut self, process: i64, address: u64) -> Option<u64> {
        let there = self.mapping(process, address)?;
        let (_, mappings) = self.processes.get(&process)?;
        let of_file = mappings.iter().filter(|mapping| (&mapping.file, &mapping.path) == (&there.file, &there.path));
        of_file.map(|mapping| mapping.start).min()
    }

    /// The build identifier of the file that a process has mapped at an address.
    pub(crate) fn build_id(&mut self, process: i64, address: u64) -> Option<Vec<u8>> {
        let mapping = self.mapping(process, address)?;
        open(process, &mapping)?.build_id().ok()?
    }

    fn mapping(&mut self, process: i64, address: u64) -> Option<Mapping> {
        let fresh = self.processes.get(&process).is_some_and(|(read, _)| read.elapsed() < FRESH);
        if !fresh && let Ok(text) = std::fs::read_to_string(format!("/proc/{process}/maps")) {
            if self.processes.len() >= MOST {
                self.processes.clear();
            }
            self.processes.insert(process, (Instant::now(), text.lines().filter_map(Mapping::parse).collect()));
        }
        let (_, mappings) = self.processes.get(&process)?;
        mappings.iter().find(|mapping| (mapping.start..mapping.end).contains(&address)).cloned()
    }

    fn file(&mut self, process: i64, mapping: &Mapping) -> Option<Rc<Functions>> {
        let key = (PathBuf::from(&mapping.path), mapping.file.clone());
        if let Some(known) = self.files.get(&key) {
            return known.clone();
        }
        let functions = open(process, mapping).as_ref().and_then(functions).map(Rc::new);
        self.files.insert(key, functions.clone());
        functions
    }
}

/// The file of a mapping: as the process sees it, and otherwise by its name.
fn open(process: i64, mapping: &Mapping) -> Option<Binary> {
    let inside = Path::new("/proc").join(process.to_string()).join("root").join(mapping.path.trim_start_matches('/'));
    Binary::open(&inside).or_else(|_| Binary::open(Path::new(&mapping.path))).ok()
}

/// The functions of a file in the order of their places; of several names of one place that
/// which is least the implementation's own.
fn functions(file: &Binary) -> Option<Functions> {
    let mut found: Functions =
        file.functions().ok()?.iter().map(|function| (function.offset, function.name.clone())).collect();
    found.sort_by_key(|(offset, name)| (*offset, name.len() - name.trim_start_matches('_').len()));
    found.dedup_by_key(|(offset, _)| *offset);
    Some(found)
}

/// The function of a file that covers an address of a process.
fn symbol(functions: &Functions, mapping: &Mapping, address: u64) -> Option<Symbol> {
    let place = (address - mapping.start).checked_add(mapping.offset)?;
    let next = functions.partition_point(|(offset, _)| *offset <= place);
    let (start, name) = functions.get(next.checked_sub(1)?)?;
    let size = functions.get(next).map_or(0, |(offset, _)| offset - start);
    Some(Symbol { name: name.clone(), offset: place - start, size, module: Some(mapping.path.clone()) })
}

impl Mapping {
    /// `start-end perms offset dev inode path`; `None` where no file is mapped.
    fn parse(line: &str) -> Option<Mapping> {
        let mut words = line.splitn(6, ' ');
        let (start, end) = words.next()?.split_once('-')?;
        let hexadecimal = |word: &str| u64::from_str_radix(word, 16).ok();
        let (_, offset, device, inode) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let path = words.next()?.trim_start();
        Some(Mapping {
            start: hexadecimal(start)?,
            end: hexadecimal(end)?,
            offset: hexadecimal(offset)?,
            file: format!("{device} {inode}"),
            path: path.starts_with('/').then(|| path.trim_end_matches(" (deleted)").to_owned())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_maps() {
        let line = "7f1c2a400000-7f1c2a428000 r-xp 00028000 fe:00 1234    /usr/lib/a b.so (deleted)";
        let found = Mapping::parse(line).unwrap();
        assert_eq!((found.start, found.end, found.offset), (0x7f1c_2a40_0000, 0x7f1c_2a42_8000, 0x28000));
        assert_eq!((found.file.as_str(), found.path.as_str()), ("fe:00 1234", "/usr/lib/a b.so"));
        for none in ["", "7ffd-7ffe rw-p 0 00:00 0 ", "1-2 r 0 0 0 [stack]", "x-y r 0 0 0 /a"] {
            assert_eq!(Mapping::parse(none), None, "{none}");
        }
    }

    #[test]
    fn a_function_of_this_program() {
        let mut symbols = UserSymbols::default();
        let address = a_function_of_this_program as fn() as usize as u64;
        let own = i64::from(std::process::id());
        let found = symbols.place(own, address).unwrap();
        assert_eq!(Path::new(&found.path), std::env::current_exe().unwrap());
        let symbol = found.symbol.unwrap();
        assert!(symbol.name.contains("a_function_of_this_program") && symbol.offset == 0, "{symbol:?}");
        assert!(symbols.start(own, address).unwrap() < address);
        assert_eq!((symbols.start(own, 8), symbols.build_id(own, 8)), (None, None));
        assert_eq!(symbols.place(own, 8), None);
        assert_eq!(symbols.place(-1, address), None);
    }
}
