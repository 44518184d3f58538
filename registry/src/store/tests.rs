//! What a store has after each step of a change.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::Folder;
use crate::index::made::entry;

fn contents(name: &str, version: &str) -> Contents {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "[tapset]\nname = \"{name}\"\nversion = \"{version}\"\nsummary = \"s\"\nlicense = \"MIT\"\nmanifest = 1\n"
    );
    std::fs::write(folder.path().join("tapset.toml"), text).unwrap();
    std::fs::create_dir_all(folder.path().join("scripts/more")).unwrap();
    std::fs::write(folder.path().join("scripts/a.stp"), "probe a.b = begin {}\n").unwrap();
    std::fs::write(folder.path().join("scripts/more/b.txt"), "b").unwrap();
    Contents::of(&Folder::open(folder.path()).unwrap(), &[]).unwrap()
}

fn versions(list: &[(&str, &str)]) -> BTreeMap<String, Version> {
    list.iter().map(|(name, version)| ((*name).to_owned(), version.parse().unwrap())).collect()
}

fn add(changing: &Changing<'_>, name: &str, version: &str) {
    let contents = contents(name, version);
    let receipt = Receipt::of(&entry(name, version, &[]), &contents, "test", vec![]);
    changing.add(&contents, &receipt).unwrap();
}

#[test]
fn generations_switch_at_once() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::at(root.path());
    assert!(store.installed().unwrap().is_empty() && store.requested().unwrap().is_empty());
    let changing = store.change(|| panic!("nobody else is here")).unwrap();
    add(&changing, "vm", "1.0.0");
    add(&changing, "net", "1.0.0");
    assert!(store.installed().unwrap().is_empty(), "what is there is not in use yet");
    let requested =
        BTreeMap::from([("vm".to_owned(), Requested { versions: VersionReq::STAR, registry: "test".to_owned() })]);
    changing.switch(&versions(&[("vm", "1.0.0"), ("net", "1.0.0")]), &requested).unwrap();
    let names: Vec<String> = store.installed().unwrap().into_keys().collect();
    assert_eq!(names, ["net", "vm"]);
    assert_eq!(store.requested().unwrap(), requested);
    assert_eq!(crate::find(&store.in_use()).len(), 2, "scripts find them");
    add(&changing, "vm", "1.1.0");
    changing.switch(&versions(&[("vm", "1.1.0")]), &requested).unwrap();
    assert_eq!(store.installed().unwrap()["vm"].version, Version::new(1, 1, 0));
    assert!(store.receipt("vm", &Version::new(1, 0, 0)).is_some(), "a lock may name it");
    assert_eq!(store.versions("vm"), [Version::new(1, 1, 0), Version::new(1, 0, 0)]);
    for _ in 0..6 {
        changing.switch(&versions(&[("vm", "1.1.0")]), &requested).unwrap();
    }
    assert_eq!(numbers(&root.path().join("generations")).len(), 1 + FORMER);
}

#[test]
fn what_was_changed_is_told_and_mended() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::at(root.path());
    let changing = store.change(|| {}).unwrap();
    add(&changing, "vm", "1.0.0");
    let place = store.version("vm", &Version::new(1, 0, 0));
    let receipt = store.receipt("vm", &Version::new(1, 0, 0)).unwrap();
    assert_eq!(receipt.amiss(&place), []);
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&place), mode(&place.join("scripts/more/b.txt"))), (0o755, 0o644));
    std::fs::write(place.join("scripts/a.stp"), "probe a.b = end {}\n").unwrap();
    std::fs::write(place.join("scripts/c.stp"), "").unwrap();
    std::fs::remove_file(place.join("scripts/more/b.txt")).unwrap();
    let amiss: Vec<String> = receipt.amiss(&place).iter().map(ToString::to_string).collect();
    assert_eq!(
        amiss,
        ["scripts/a.stp is not what was installed", "scripts/more/b.txt is gone", "scripts/c.stp was not installed"]
    );
    add(&changing, "vm", "1.0.0");
    assert_eq!(receipt.amiss(&place), []);
    let left = place.parent().unwrap().read_dir().unwrap().count();
    assert_eq!(left, 1, "nothing is left of the change");
}

#[test]
fn two_changes_wait_for_each_other() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::at(root.path());
    let first = store.change(|| {}).unwrap();
    let (told, waits) = std::sync::mpsc::channel();
    let second = std::thread::spawn({
        let store = store.clone();
        move || drop(store.change(|| told.send(()).unwrap()).unwrap())
    });
    waits.recv().unwrap();
    drop(first);
    second.join().unwrap();
}

#[test]
fn a_lock_file_is_not_written_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = Lock::path(&folder.path().join("top.stp"));
    assert_eq!(Lock::read(&path).unwrap(), None);
    let locked = |name: &str| Locked {
        name: name.to_owned(),
        version: Version::new(1, 2, 3),
        registry: "default".to_owned(),
        sha256: "a".repeat(64),
    };
    let lock = Lock::new("6.18 x86_64".to_owned(), vec![locked("vm"), locked("net")]);
    assert!(lock.write(&path).unwrap());
    assert!(!lock.write(&path).unwrap());
    assert_eq!(Lock::read(&path).unwrap(), Some(lock.clone()));
    insta::assert_snapshot!(lock.text());
    for (text, said) in [("lock = 9\nkernel = \"\"", "it is of format 9"), ("lock = 1\n", "missing field"), ("]", "")] {
        std::fs::write(&path, text).unwrap();
        let error = Lock::read(&path).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}
