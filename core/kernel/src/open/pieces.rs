//! A kernel in pieces: a folder with its types, and beside them what else was kept of it: `System.map`, the configuration, the folder
//! `events` of tracefs, its release.
//!
//! Must never join pieces of two builds: symbols that do not have the functions of the types are an error.

use super::{read, types_alone};
use crate::{Btf, Config, Kernel, KernelError, Release, Symbols};
use std::path::{Path, PathBuf};

/// What the types are called, the most telling name first; any file that ends in `.btf` will do, if it is the only one.
const TYPES: [&str; 3] = ["vmlinux.btf", "btf", "vmlinux"];

/// Of the functions that types speak of, how many in a hundred have a symbol at the least. A build has all of its own, but for a few
/// whose names were changed; another build of the same release lacks some of a hundred.
const AGREE: usize = 98;

/// The kernel of a folder of pieces; `None` if there are no types in it.
pub(super) fn folder(folder: &Path) -> Result<Option<Kernel>, KernelError> {
    let Some(types) = types(folder)? else { return Ok(None) };
    let mut kernel = types_alone(&types, read(&types)?)?;
    if let Some(file) = piece(folder, "config").or_else(|| piece(folder, ".config")) {
        kernel = kernel.with_config(Config::read(&file));
    }
    let said = std::fs::read_to_string(folder.join("release")).ok().map(|text| text.trim().to_owned());
    let named = ["System.map-", "config-"].into_iter().find_map(|start| release_of(folder, start));
    if let Some(release) = said.or(named) {
        kernel = kernel.with_release(Release::parse(&release).map_err(KernelError::from));
    }
    if let Some(file) = piece(folder, "System.map") {
        kernel = with_map(kernel, &file)?;
    }
    if let Some(events) = events(&folder.join("events")) {
        kernel = kernel.with_events(events);
    }
    Ok(Some(kernel))
}

/// The file of the types.
fn types(folder: &Path) -> Result<Option<PathBuf>, KernelError> {
    let is_types = |path: &PathBuf| {
        let start = std::fs::File::open(path).and_then(|mut file| {
            let mut start = [0; 2];
            std::io::Read::read_exact(&mut file, &mut start).map(|()| start)
        });
        matches!(start, Ok([0x9f, 0xeb] | [0xeb, 0x9f]))
    };
    if let Some(found) = TYPES.iter().map(|name| folder.join(name)).find(is_types) {
        return Ok(Some(found));
    }
    let mut others = super::package::named(folder, |name| name.ends_with(".btf"));
    others.retain(is_types);
    match others.as_slice() {
        [] | [_] => Ok(others.pop()),
        [first, second, ..] => {
            let said =
                format!("there are types of several kernels in it, {} and {}", first.display(), second.display());
            Err(KernelError::not_a_kernel(folder, &said))
        }
    }
}

/// A file of that name, or the only one of that name with a release behind it.
fn piece(folder: &Path, name: &str) -> Option<PathBuf> {
    let plain = folder.join(name);
    if plain.is_file() {
        return Some(plain);
    }
    let start = format!("{name}-");
    let mut found = super::package::named(folder, |file| file.starts_with(&start));
    found.pop().filter(|_| found.is_empty())
}

/// The release that the name of such a file has.
fn release_of(folder: &Path, start: &str) -> Option<String> {
    let file = piece(folder, start.trim_end_matches('-'))?;
    file.file_name()?.to_str()?.strip_prefix(start).map(str::to_owned)
}

/// The kernel with the symbols of a `System.map`.
///
/// # Errors
/// Where the map is of another build. One that says nothing, as Debian's packages have it, is none.
pub(super) fn with_map(kernel: Kernel, file: &Path) -> Result<Kernel, KernelError> {
    let text = read(file)?;
    // Debian's says in a line where the real one is.
    if text.iter().filter(|byte| **byte == b'\n').take(10).count() < 10 {
        return Ok(kernel);
    }
    let symbols = Symbols::parse(text, file)?;
    if let Ok(btf) = kernel.btf() {
        let (there, all) = functions_with_symbols(btf, &symbols).map_err(|source| kernel.malformed(source))?;
        if there * 100 < all * AGREE {
            let said = format!("it is of another build: of {all} functions that the types speak of, it has {there}");
            return Err(KernelError::damaged(file, said));
        }
    }
    Ok(kernel.with_known_symbols(symbols))
}

/// How many functions of the types have a symbol, and how many there are.
fn functions_with_symbols(btf: &Btf, symbols: &Symbols) -> Result<(usize, usize), crate::BtfError> {
    let known: std::collections::HashSet<&str> = symbols.iter().map(|symbol| symbol.name).collect();
    let names: Vec<&str> = btf.names(crate::Kind::Func)?.map(|(_, name)| name).collect();
    Ok((names.iter().filter(|name| known.contains(**name)).count(), names.len()))
}

/// The events of a folder as tracefs has it: a folder for each subsystem, with a folder for each event.
fn events(folder: &Path) -> Option<Vec<(String, String)>> {
    let names = |folder: &Path| -> Vec<String> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let folders = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        folders.filter_map(|entry| entry.file_name().into_string().ok()).collect()
    };
    let mut found = vec![];
    for subsystem in names(folder) {
        let events = names(&folder.join(&subsystem));
        found.extend(events.into_iter().map(|event| (subsystem.clone(), event)));
    }
    found.sort();
    (!found.is_empty()).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::btf::tests::builder::Builder;

    fn types_of(functions: &[&str]) -> Vec<u8> {
        let mut builder = Builder::new();
        let int = builder.int("int", 4, 1);
        let proto = builder.proto(int, &[]);
        for name in functions {
            builder.func(name, proto);
        }
        builder.bytes()
    }

    fn map(functions: &[&str]) -> String {
        let row = |(nth, name): (usize, &&str)| format!("ffffffff81{nth:06x} T {name}\n");
        functions.iter().enumerate().map(row).collect()
    }

    const FUNCTIONS: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

    #[test]
    fn pieces_of_one_build_are_a_kernel() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        assert!(Kernel::open(root.path()).is_err(), "there is nothing in it");
        std::fs::write(at("vmlinux.btf"), types_of(&FUNCTIONS)).unwrap();
        let kernel = Kernel::open(root.path()).unwrap();
        assert!(kernel.release().is_err() && kernel.symbols().is_err() && kernel.config().is_err());
        std::fs::write(at("System.map-6.1.0-25-amd64"), map(&FUNCTIONS)).unwrap();
        std::fs::write(at("config-6.1.0-25-amd64"), "CONFIG_HZ=250\n").unwrap();
        std::fs::create_dir_all(at("events/sched/sched_switch")).unwrap();
        let kernel = Kernel::open(root.path()).unwrap();
        assert_eq!(kernel.release().unwrap().as_str(), "6.1.0-25-amd64");
        assert_eq!(kernel.config().unwrap().value("CONFIG_HZ"), Some("250"));
        assert_eq!(kernel.symbols().unwrap().by_name("b").unwrap().address, 0xffff_ffff_8100_0001);
        assert_eq!(kernel.event_count().unwrap(), 1);
        // As Debian's packages have it.
        std::fs::write(
            at("System.map-6.1.0-25-amd64"),
            "ffffffffffffffff B The real System.map is in the -dbg package\n",
        )
        .unwrap();
        assert!(Kernel::open(root.path()).unwrap().symbols().is_err());
    }

    #[test]
    fn symbols_of_another_build_are_told() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("btf"), types_of(&FUNCTIONS)).unwrap();
        let mut others = FUNCTIONS.to_vec();
        (others[3], others[4]) = ("x", "y");
        std::fs::write(root.path().join("System.map"), map(&others)).unwrap();
        let error = Kernel::open(root.path()).unwrap_err().to_string();
        let said = "System.map is damaged: it is of another build: of 12 functions that the types speak of, it has 10";
        assert!(error.ends_with(said), "{error}");
        std::fs::write(root.path().join("other.btf"), types_of(&["z"])).unwrap();
        std::fs::rename(root.path().join("btf"), root.path().join("one.btf")).unwrap();
        assert!(Kernel::open(root.path()).unwrap_err().to_string().contains("several kernels"));
    }
}
