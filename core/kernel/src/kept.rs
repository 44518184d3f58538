//! What is kept of a kernel between runs: the index of its types, and the unpacked types of a facts file.
//!
//! In a folder that the caller names. Must never change an answer: what is not there, is damaged, is of other types or belongs to
//! somebody else is as if it were not there, and a folder that cannot be written is no error.

use crate::btf::{Btf, Bytes, Key};
use sha2::{Digest, Sha256};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use systap_sys::mapping::MappedFile;
use twox_hash::XxHash3_64;

/// Where the running kernel shows its notes, one of which is its build-id.
const NOTES: &str = "/sys/kernel/notes";

/// The most files that are kept; those that were made first go first.
const MOST: usize = 64;

/// A folder of what is kept.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    folder: PathBuf,
}

/// What is kept of some types.
#[derive(Debug, Clone, Copy)]
enum What {
    /// Their index.
    Index,
    /// Themselves, with their checksum behind them.
    Types,
}

impl Kept {
    pub(crate) fn new(folder: PathBuf) -> Kept {
        Kept { folder }
    }

    /// The same types with their index, if it was kept.
    pub(crate) fn with_index(&self, btf: Btf, key: &Key) -> Btf {
        match self.read(What::Index, key) {
            Some(bytes) => btf.with_index(bytes, key),
            None => btf,
        }
    }

    /// Keeps the index of those types.
    pub(crate) fn keep_index(&self, btf: &Btf, key: &Key) {
        if let Ok(bytes) = btf.index_to_keep(key) {
            self.write(What::Index, key, &[&bytes]);
        }
    }

    /// Types that were kept.
    pub(crate) fn types(&self, key: &Key) -> Option<Bytes> {
        let whole = self.read(What::Types, key)?;
        let (types, sum) = whole.split_last_chunk::<8>()?;
        let (range, good) = (0..types.len(), u64::from_ne_bytes(*sum) == XxHash3_64::oneshot(types));
        good.then(|| Bytes::Part { whole: Arc::new(Bytes::Mapped(whole)), range })
    }

    /// Keeps types.
    pub(crate) fn keep_types(&self, types: &[u8], key: &Key) {
        self.write(What::Types, key, &[types, &XxHash3_64::oneshot(types).to_ne_bytes()]);
    }

    fn path(&self, what: What, key: &Key) -> PathBuf {
        let name: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        self.folder.join(match what {
            What::Index => format!("{name}.index"),
            What::Types => format!("{name}.types"),
        })
    }

    /// A file that is this user's own and that nobody else can write, nor the folder that it is in.
    fn read(&self, what: What, key: &Key) -> Option<MappedFile> {
        let path = self.path(what, key);
        (is_own(&self.folder)? && is_own(&path)?).then(|| MappedFile::open(&path).ok()).flatten()
    }

    /// The whole file or none.
    fn write(&self, what: What, key: &Key, pieces: &[&[u8]]) {
        let path = self.path(what, key);
        let fresh = path.with_extension(format!("new-{}", std::process::id()));
        _ = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.folder);
        if is_own(&self.folder) != Some(true) {
            return;
        }
        let written = std::fs::write(&fresh, pieces.concat()).and_then(|()| std::fs::rename(&fresh, &path));
        if written.is_err() {
            _ = std::fs::remove_file(&fresh);
        }
        self.forget_oldest();
    }

    fn forget_oldest(&self) {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return };
        let mut files: Vec<_> = entries
            .flatten()
            .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
            .collect();
        files.sort();
        let over = files.len().saturating_sub(MOST);
        for (_, path) in files.into_iter().take(over) {
            _ = std::fs::remove_file(path);
        }
    }
}

/// Whether a file is owned by who runs this, and written by nobody else; `None` if it cannot be told.
fn is_own(path: &Path) -> Option<bool> {
    let (file, own) = (std::fs::metadata(path).ok()?, std::fs::metadata("/proc/self").ok()?);
    Some(file.uid() == own.uid() && file.mode() & 0o022 == 0)
}

/// What the running kernel's types are known by. Its notes have its build-id and its release.
pub(crate) fn running_key() -> Option<Key> {
    let notes = std::fs::read(NOTES).ok().filter(|notes| !notes.is_empty())?;
    let hash: [u8; 32] = Sha256::digest(notes).into();
    hash.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::btf::tests::builder::Builder;
    use crate::{Effort, Kernel, Kind, TypeId};

    const KEY: Key = [7; 16];

    fn types(names: &[&str]) -> Vec<u8> {
        let mut builder = Builder::new();
        let int = builder.int("int", 4, 1);
        for name in names {
            builder.structure(name, 4, &[("pid", int, 0, 0)]);
        }
        builder.bytes()
    }

    fn btf(names: &[&str]) -> Btf {
        Btf::from_bytes(types(names)).unwrap()
    }

    fn folder() -> (tempfile::TempDir, Kept) {
        let folder = tempfile::tempdir().unwrap();
        let kept = Kept::new(folder.path().join("kernels"));
        (folder, kept)
    }

    /// As many types as make an index of several strides; two of one name.
    fn many() -> Vec<String> {
        (0..100).map(|nth| format!("s{}", nth % 99)).collect()
    }

    #[test]
    fn a_kept_index_answers_as_the_types_do() {
        let names = many();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let (_folder, kept) = folder();
        kept.keep_index(&btf(&names), &KEY);
        let with = kept.with_index(btf(&names), &KEY);
        assert!(with.has_kept_index());
        let plain = btf(&names);
        assert_eq!(with.type_count(), plain.type_count());
        for name in names.iter().copied().chain(["int", "s", "", "s99", "pid", "s1\0s2"]) {
            for kind in [Kind::Struct, Kind::Int, Kind::Func] {
                assert_eq!(with.find(kind, name), plain.find(kind, name), "{kind:?} {name}");
            }
        }
        for id in 0..plain.type_count().unwrap() + 2 {
            assert_eq!(with.get(TypeId(id)), plain.get(TypeId(id)));
        }
        assert_eq!(with.find_all(Kind::Struct, "s0"), plain.find_all(Kind::Struct, "s0"));
        assert!(!kept.with_index(btf(&["other"]), &KEY).has_kept_index(), "of other types");
        assert!(!kept.with_index(btf(&names), &[8; 16]).has_kept_index(), "of another key");
    }

    #[test]
    fn whatever_is_damaged_is_no_index() {
        let names = many();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let (_folder, kept) = folder();
        kept.keep_index(&btf(&names), &KEY);
        let path = kept.path(What::Index, &KEY);
        let good = std::fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bytes = good.clone();
            bytes[at] ^= 0x10;
            std::fs::write(&path, &bytes).unwrap();
            assert!(!kept.with_index(btf(&names), &KEY).has_kept_index(), "byte {at}");
            std::fs::write(&path, &good[..at]).unwrap();
            assert!(!kept.with_index(btf(&names), &KEY).has_kept_index(), "cut at {at}");
        }
        std::fs::write(&path, &good).unwrap();
        assert!(kept.with_index(btf(&names), &KEY).has_kept_index());
    }

    #[test]
    fn what_others_can_write_is_not_believed() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, kept) = folder();
        kept.keep_index(&btf(&["a"]), &KEY);
        std::fs::set_permissions(&kept.folder, std::fs::Permissions::from_mode(0o777)).unwrap();
        assert!(!kept.with_index(btf(&["a"]), &KEY).has_kept_index());
        std::fs::set_permissions(&kept.folder, std::fs::Permissions::from_mode(0o700)).unwrap();
        assert!(kept.with_index(btf(&["a"]), &KEY).has_kept_index());
    }

    #[test]
    fn saved_facts_are_unpacked_once() {
        let (folder, kept) = folder();
        let file = folder.path().join("some.facts");
        let kernel = Kernel::from_parts(types(&["task_struct"]), None, "6.8");
        std::fs::write(&file, kernel.save(Effort::Usual).unwrap().bytes).unwrap();
        let open = || Kernel::open(&file).unwrap().with_kept(kept.folder.clone());
        let first = open();
        assert!(first.btf().unwrap().find(Kind::Struct, "task_struct").unwrap().is_some());
        first.keep();
        let second = open();
        assert!(second.btf().unwrap().has_kept_index());
        assert_eq!(second.btf().unwrap().blob(), first.btf().unwrap().blob());
        assert_eq!(second.btf().unwrap().find(Kind::Struct, "task_struct"), Ok(Some(TypeId(2))));
        for entry in std::fs::read_dir(&kept.folder).unwrap().flatten() {
            let mut bytes = std::fs::read(entry.path()).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            std::fs::write(entry.path(), bytes).unwrap();
        }
        assert!(!open().btf().unwrap().has_kept_index());
        assert_eq!(open().btf().unwrap().blob(), first.btf().unwrap().blob());
    }

    #[test]
    fn only_so_many_are_kept() {
        let (_folder, kept) = folder();
        for nth in 0..MOST as u8 + 3 {
            kept.keep_index(&btf(&["a"]), &[nth; 16]);
        }
        assert_eq!(std::fs::read_dir(&kept.folder).unwrap().count(), MOST);
    }
}
