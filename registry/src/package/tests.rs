//! Packages that are as they should be, and the zoo of those that are not.

use std::io::Write;

use tar::{Builder, EntryType, Header};

use super::*;
use crate::Folder;

const MANIFEST_TEXT: &str =
    "[tapset]\nname = \"a\"\nversion = \"1.0.0\"\nsummary = \"s\"\nlicense = \"MIT\"\nmanifest = 1\n";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("tapset.toml", MANIFEST_TEXT),
        ("README.md", "a"),
        ("LICENSE-MIT", "b"),
        ("Cargo.toml", "left out"),
        ("src/lib.rs", "left out"),
        ("scripts/a.stp", "probe a.b = begin {}"),
        ("tests/a.stp", "c"),
        ("tests/a.out", "d"),
    ] {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

#[test]
fn a_package_is_the_same_each_time() {
    let folder = folder();
    let library = folder.path().join("src/lib.rs");
    let more = [("plugin/x86_64-unknown-linux-gnu/liba.so".to_owned(), library)];
    let pack = || Contents::of(&Folder::open(folder.path()).unwrap(), &more).unwrap();
    let packed = pack().pack().unwrap();
    std::fs::File::open(folder.path().join("README.md"))
        .unwrap()
        .set_modified(std::time::SystemTime::UNIX_EPOCH)
        .unwrap();
    assert_eq!(pack().pack().unwrap(), packed);
    let contents = Contents::unpack(&packed).unwrap();
    assert_eq!(contents, pack());
    let names: Vec<&str> = contents.names().collect();
    assert_eq!(
        names,
        [
            "LICENSE-MIT",
            "README.md",
            "plugin/x86_64-unknown-linux-gnu/liba.so",
            "scripts/a.stp",
            "tapset.toml",
            "tests/a.out",
            "tests/a.stp"
        ]
    );
    assert_eq!(contents.native(), ["x86_64-unknown-linux-gnu"]);
    assert_eq!(contents.manifest().unwrap().name, "a");
}

#[test]
fn what_cannot_be_packed_is_told() {
    let folder = folder();
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("scripts/link.stp")).unwrap();
    let refused = || Contents::of(&Folder::open(folder.path()).unwrap(), &[]).unwrap_err().to_string();
    assert!(refused().ends_with("scripts/link.stp cannot be packed: it is no plain file"), "{}", refused());
    std::fs::remove_file(folder.path().join("scripts/link.stp")).unwrap();
    std::fs::write(folder.path().join("scripts/a b.stp"), "").unwrap();
    assert!(refused().contains("it has letters besides"), "{}", refused());
}

/// An archive that is made entry by entry.
struct Made(Builder<Vec<u8>>);

impl Made {
    fn new() -> Made {
        let mut made = Made(Builder::new(vec![]));
        made.add("tapset.toml", EntryType::Regular, MANIFEST_TEXT.as_bytes());
        made
    }

    /// Adds an entry, whatever its name: names are written as they are.
    fn add(&mut self, name: &str, kind: EntryType, bytes: &[u8]) -> &mut Made {
        let mut header = Header::new_ustar();
        let field = &mut header.as_old_mut().name;
        field[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(bytes.len() as u64);
        header.set_entry_type(kind);
        header.set_mode(0o4777);
        if kind.is_symlink() || kind.is_hard_link() {
            header.as_old_mut().linkname[..11].copy_from_slice(b"/etc/passwd");
        }
        header.set_cksum();
        self.0.append(&header, bytes).unwrap();
        self
    }

    fn packed(&mut self) -> Vec<u8> {
        let mut tar = self.0.get_ref().clone();
        tar.extend([0; 1024]);
        zstd(&tar)
    }
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::bulk::compress(bytes, 3).unwrap()
}

fn refused(packed: &[u8]) -> String {
    Contents::unpack(packed).unwrap_err().to_string()
}

#[test]
fn the_archive_zoo_is_refused() {
    use EntryType::{
        Block, Char, Continuous, Directory, Fifo, GNULongName, GNUSparse, Link, Regular, Symlink, XHeader,
    };
    let mut said = vec![];
    let long = format!("scripts/{}", "x".repeat(90));
    let one = |name: &str, kind, bytes: &[u8]| refused(&Made::new().add(name, kind, bytes).packed());
    for (name, kind, bytes) in [
        ("../evil.stp", Regular, "x"),
        ("scripts/../../evil.stp", Regular, "x"),
        ("/etc/cron.d/evil", Regular, "x"),
        ("scripts//a.stp", Regular, "x"),
        ("scripts/./a.stp", Regular, "x"),
        ("scripts/a\nb.stp", Regular, "x"),
        ("scripts/\u{1b}[31m.stp", Regular, "x"),
        ("scripts/\u{e4}.stp", Regular, "x"),
        ("scripts/1/2/3/4/5/6/7/8.stp", Regular, "x"),
        ("evil.so", Regular, "x"),
        ("receipt.json", Regular, "{}"),
        ("scripts/link.stp", Symlink, ""),
        ("scripts/link.stp", Link, ""),
        ("scripts/device", Char, ""),
        ("scripts/device", Block, ""),
        ("scripts/pipe", Fifo, ""),
        ("scripts/sparse", GNUSparse, ""),
        ("scripts/odd", Continuous, "x"),
        ("././@LongLink", GNULongName, &long),
        ("scripts/pax", XHeader, "13 size=9999\n"),
        ("etc", Directory, ""),
        ("scripts/..", Directory, ""),
        ("tapset.toml", Regular, "again"),
        ("TAPSET.toml", Regular, "again"),
    ] {
        said.push(one(name, kind, bytes.as_bytes()));
    }
    let mut twice = Made::new();
    twice.add("scripts/a.stp", Regular, b"x").add("scripts/A.stp", Regular, b"y");
    said.push(refused(&twice.packed()));
    let mut inside = Made::new();
    inside.add("scripts/a", Regular, b"x").add("scripts/a/b.stp", Regular, b"y");
    said.push(refused(&inside.packed()));
    let mut none = Made(Builder::new(vec![]));
    none.add("scripts/a.stp", Regular, b"x");
    said.push(refused(&none.packed()));
    let mut bad = Made(Builder::new(vec![]));
    bad.add("tapset.toml", Regular, b"[tapset]\nname = 1\n");
    said.push(refused(&bad.packed()));
    insta::assert_snapshot!(said.join("\n"));
}

#[test]
fn what_is_damaged_or_goes_on_is_refused() {
    let good = Made::new().packed();
    assert!(Contents::unpack(&good).is_ok());
    for cut in [0, 1, 10, good.len() / 2, good.len() - 1] {
        assert!(Contents::unpack(&good[..cut]).is_err(), "cut at {cut}");
    }
    let mut behind = good.clone();
    behind.extend(zstd(b"a second frame"));
    assert_eq!(refused(&behind), "the package goes on behind its end");
    let mut tar = Made::new().0.get_ref().clone();
    tar.extend([0; 1024]);
    tar.extend(b"something behind the archive");
    assert_eq!(refused(&zstd(&tar)), "the package goes on behind its end");
    assert!(refused(b"no archive at all").starts_with("the package is damaged: "));
    let mut random = 1u64;
    for _ in 0..2000 {
        random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let mut changed = good.clone();
        let at = (random >> 33) as usize % changed.len();
        changed[at] ^= 1 << (random & 7);
        // Whatever it is, it is an answer.
        _ = Contents::unpack(&changed);
    }
}

#[test]
fn bombs_do_not_go_off() {
    let zeros = vec![0u8; 1 << 20];
    let mut bomb = zstd::Encoder::new(vec![], 19).unwrap();
    let mut made = Made::new();
    bomb.write_all(made.0.get_mut()).unwrap();
    let mut header = Header::new_ustar();
    header.set_path("scripts/zeros.stp").unwrap();
    header.set_size(256 << 20);
    header.set_mode(0o644);
    header.set_cksum();
    bomb.write_all(header.as_bytes()).unwrap();
    for _ in 0..256 {
        bomb.write_all(&zeros).unwrap();
    }
    let packed = bomb.finish().unwrap();
    let said = refused(&packed);
    assert!(said.starts_with("the package has more than 1") && said.ends_with("bytes unpacked"), "{said}");
    let mut many = Made::new();
    for number in 0..MOST_FILES {
        many.add(&format!("scripts/{number}.stp"), EntryType::Regular, b"");
    }
    assert_eq!(refused(&many.packed()), "the package has more than 2000 files");
    let mut wide = zstd::Encoder::new(vec![], 19).unwrap();
    wide.window_log(27).unwrap();
    wide.long_distance_matching(true).unwrap();
    wide.write_all(&made.0.get_ref().clone()).unwrap();
    wide.write_all(&vec![0; 200 << 20]).unwrap();
    assert!(refused(&wide.finish().unwrap()).starts_with("the package"));
    assert!(refused(&vec![0; LONGEST_PACKED as usize + 1]).contains("more than 10485760 bytes packed"));
}
