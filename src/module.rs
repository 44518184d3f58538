//! Modules: a script in one file with all that it is made from, its options and the tapsets that it uses, so that it runs where neither
//! is. `systap build` writes one, `systap run` runs it, `systap check` asks whether a kernel has what it names.
//!
//! Compiling takes some milliseconds, so nothing compiled is kept: a module is resolved against the kernel that it runs on, whichever
//! that is. Must never take from the machine it runs on a tapset that it was not built with, nor unpack what is not whole.
//!
//! The form: a line that makes it a program, a line of [`MAGIC`], the hash of the rest, the length of the contents and the contents in
//! JSON, a line each; then the packages, one behind the other.

use std::io::Read;
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};
use systap_plugin_host::Digest;
use systap_registry::package::Contents as Package;

use crate::cli::ScriptOptions;

/// The first two lines; the number is that of the form.
const MAGIC: &[u8] = b"#!/usr/bin/env systap\nsystap-module 1\n";
/// What all forms begin with.
const ANY_MAGIC: &[u8] = b"#!/usr/bin/env systap\nsystap-module ";
/// No module is longer, in bytes.
const LONGEST: u64 = 256 << 20;

/// What a module says of itself.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Contents {
    /// The version of systap that built it.
    pub(crate) systap: String,
    /// The kernel that it was built for: its release and machine.
    pub(crate) kernel: String,
    /// What messages call the script.
    pub(crate) name: String,
    /// The script.
    pub(crate) text: String,
    /// More of it (`-E`).
    pub(crate) more: Vec<String>,
    /// Its arguments.
    pub(crate) args: Vec<String>,
    /// `-G`
    pub(crate) globals: Vec<String>,
    /// `-D`
    pub(crate) limits: Vec<String>,
    /// `-g`
    pub(crate) guru: bool,
    /// `--skip-badvars`
    pub(crate) skip_badvars: bool,
    /// `-u`
    pub(crate) unoptimized: bool,
    /// Loose files of tapsets: the number of the directory, the name in it, the text.
    pub(crate) loose: Vec<(usize, String, String)>,
    /// The packages, in the order in which they are searched.
    pub(crate) packages: Vec<Packed>,
}

/// A package in a module.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Packed {
    pub(crate) name: String,
    pub(crate) version: String,
    /// In bytes.
    pub(crate) length: u64,
}

/// The bytes of a module.
pub(crate) fn pack(contents: &Contents, packages: &[Vec<u8>]) -> Result<Vec<u8>, String> {
    let described = serde_json::to_vec(contents).map_err(|error| error.to_string())?;
    let mut rest = format!("{}\n", described.len()).into_bytes();
    rest.extend(described);
    rest.push(b'\n');
    rest.extend(packages.iter().flatten());
    let mut bytes = MAGIC.to_vec();
    bytes.extend(format!("{}\n", Digest::of(&rest)).into_bytes());
    bytes.extend(rest);
    Ok(bytes)
}

/// Whether bytes begin as a module does.
pub(crate) fn is_module(bytes: &[u8]) -> bool {
    bytes.starts_with(ANY_MAGIC)
}

/// A module, taken apart.
pub(crate) struct Module {
    pub(crate) contents: Contents,
    digest: String,
    packages: Vec<(Packed, Package)>,
}

/// Reads a module; `None` if the file is none, which is left to whoever reads scripts.
pub(crate) fn read(path: &Path) -> Result<Option<Module>, String> {
    let Ok(file) = std::fs::File::open(path) else { return Ok(None) };
    // What is no plain file could not be read twice.
    if !file.metadata().is_ok_and(|facts| facts.is_file()) {
        return Ok(None);
    }
    let mut bytes = vec![];
    if (&file).take(ANY_MAGIC.len() as u64).read_to_end(&mut bytes).is_err() || !is_module(&bytes) {
        return Ok(None);
    }
    let wrong = |why: String| format!("`{}` is a module that cannot be run: {why}", path.display());
    (&file).take(LONGEST + 1).read_to_end(&mut bytes).map_err(|error| wrong(error.to_string()))?;
    if bytes.len() as u64 > LONGEST {
        return Err(wrong(format!("it is longer than {} MB", LONGEST >> 20)));
    }
    parse(&bytes).map(Some).map_err(wrong)
}

fn parse(bytes: &[u8]) -> Result<Module, String> {
    const CUT: &str = "it is cut off";
    let rest = bytes.strip_prefix(MAGIC).ok_or("it is of a form that this systap does not know: build it anew")?;
    let (digest, rest) = line(rest).ok_or(CUT)?;
    if Digest::of(rest).to_string() != digest {
        return Err("it has been changed or is cut off: its hash is not that of what it holds".to_owned());
    }
    let (length, rest) = line(rest).ok_or(CUT)?;
    let length: usize = length.parse().map_err(|_| CUT)?;
    let (described, rest) = rest.split_at_checked(length).ok_or(CUT)?;
    let mut rest = rest.strip_prefix(b"\n").ok_or(CUT)?;
    let mut contents: Contents = serde_json::from_slice(described).map_err(|error| error.to_string())?;
    let mut packages = vec![];
    for packed in std::mem::take(&mut contents.packages) {
        let (bytes, behind) = rest.split_at_checked(packed.length as usize).ok_or(CUT)?;
        let package = Package::unpack(bytes).map_err(|error| format!("its tapset `{}`: {error}", packed.name))?;
        packages.push((packed, package));
        rest = behind;
    }
    if !rest.is_empty() {
        return Err("it goes on behind its end".to_owned());
    }
    let straight = |name: &str| Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    if let Some((_, name, _)) = contents.loose.iter().find(|(_, name, _)| name.is_empty() || !straight(name)) {
        return Err(format!("it has a file `{}`, which does not go straight down", name.escape_debug()));
    }
    Ok(Module { contents, digest: digest.to_owned(), packages })
}

fn line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.iter().take(100).position(|byte| *byte == b'\n')?;
    Some((std::str::from_utf8(bytes.get(..end)?).ok()?, bytes.get(end + 1..)?))
}

impl Module {
    /// The options that it runs with: its own, and those that it is given now. Its tapsets are unpacked for that.
    pub(crate) fn options(&self, now: &ScriptOptions) -> Result<ScriptOptions, String> {
        if now.text.is_some() || !now.tapsets.is_empty() || !now.versions.is_empty() {
            return Err(
                "a module has its script and its tapsets: -e, -I and --tapset are for `systap build`".to_owned()
            );
        }
        let own = &self.contents;
        let both = |own: &[String], now: &[String]| [own, now].concat();
        Ok(ScriptOptions {
            text: Some(own.text.clone()),
            name: Some(own.name.clone()),
            more: both(&own.more, &now.more),
            globals: both(&own.globals, &now.globals),
            limits: both(&own.limits, &now.limits),
            guru: own.guru || now.guru,
            skip_badvars: own.skip_badvars || now.skip_badvars,
            unoptimized: own.unoptimized || now.unoptimized,
            tapsets: self.unpack().map_err(|error| format!("cannot unpack the module: {error}"))?,
            sealed: true,
            ..now.clone()
        })
    }

    /// The folders of its tapsets. They stay where they are, under the hash of the module, so that the next run finds them.
    fn unpack(&self) -> std::io::Result<Vec<PathBuf>> {
        if self.packages.is_empty() && self.contents.loose.is_empty() {
            return Ok(vec![]);
        }
        let all = crate::xdg::cache().unwrap_or_else(std::env::temp_dir).join("modules");
        let place = all.join(&self.digest);
        if !place.is_dir() {
            std::fs::create_dir_all(&all)?;
            let fresh = tempfile::TempDir::new_in(&all)?;
            for (packed, package) in &self.packages {
                let folder = fresh.path().join(&packed.name);
                std::fs::create_dir(&folder)?;
                package.write_to(&folder)?;
            }
            for (number, name, text) in &self.contents.loose {
                let path = fresh.path().join(format!("loose.{number}")).join(name);
                std::fs::create_dir_all(path.parent().unwrap_or(fresh.path()))?;
                std::fs::write(path, systap_syntax::foreign::encode(text))?;
            }
            let fresh = fresh.keep();
            if let Err(error) = std::fs::rename(&fresh, &place) {
                _ = std::fs::remove_dir_all(&fresh);
                // Another run may have been faster.
                if !place.is_dir() {
                    return Err(error);
                }
            }
        }
        let mut roots: Vec<PathBuf> = vec![];
        let last = self.contents.loose.iter().map(|(number, _, _)| *number).max();
        roots.extend(last.into_iter().flat_map(|last| 0..=last).map(|number| place.join(format!("loose.{number}"))));
        roots.retain(|root| root.is_dir());
        roots.extend(self.packages.iter().map(|(packed, _)| place.join(&packed.name)));
        Ok(roots)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(change: impl FnOnce(&mut Contents)) -> Vec<u8> {
        let mut contents = Contents { text: "probe begin { exit() }".into(), ..Contents::default() };
        change(&mut contents);
        pack(&contents, &[]).expect("it can be packed")
    }

    fn refused(bytes: &[u8]) -> String {
        parse(bytes).err().expect("it is refused")
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let bytes = module(|contents| contents.loose.push((0, "a/b.stp".into(), "x".into())));
        let module = parse(&bytes).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(module.contents.text, "probe begin { exit() }");
        assert_eq!(module.contents.loose.len(), 1);
    }

    #[test]
    fn no_byte_of_it_can_be_changed_or_be_missing() {
        let whole = module(|_| {});
        for at in 0..whole.len() {
            refused(&whole[..at]);
            let mut changed = whole.clone();
            changed[at] ^= 1;
            refused(&changed);
        }
        refused(&[whole, vec![0]].concat());
    }

    #[test]
    fn no_file_is_written_outside() {
        for name in ["../x.stp", "/etc/x.stp", "a/../../x", "", "."] {
            let bytes = module(|contents| contents.loose.push((0, name.into(), String::new())));
            assert!(refused(&bytes).contains("straight down"), "{name}");
        }
    }

    #[test]
    fn another_form_is_told_as_such() {
        assert!(refused(b"#!/usr/bin/env systap\nsystap-module 2\n").contains("build it anew"));
    }
}
