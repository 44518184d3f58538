//! What a reader believes of a registry, and what it does not: every way of the specification to deceive one, played on real files.

#![expect(clippy::unwrap_used, reason = "a test whose registry cannot be made has failed")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use systap_registry::Folder;
use systap_registry::access::{Patience, Place};
use systap_registry::index::{Asked, Entry, KernelNeeds, Pinned, Yank};
use systap_registry::package::Contents;
use systap_registry::trust::{EditError, Editor, Initial, Key, Publication, Registry, Settings, TrustError};

/// A registry, who runs it, and who reads it.
struct Made {
    root: tempfile::TempDir,
    keys: Vec<Key>,
}

const DAYS: u64 = 30;

impl Made {
    fn new() -> Made {
        let made =
            Made { root: tempfile::tempdir().unwrap(), keys: (0..3).map(|_| Key::generate().unwrap()).collect() };
        let owners = BTreeMap::from([(made.keys[2].id(), "Ada".to_owned())]);
        let initial = Initial {
            name: "test".to_owned(),
            root: &made.keys[..2],
            threshold: 2,
            publishing: &made.keys[2..],
            owners,
            days: DAYS,
            root_days: DAYS,
        };
        Editor::init(&made.folder(), &initial).unwrap();
        made
    }

    fn folder(&self) -> PathBuf {
        self.root.path().join("registry")
    }

    fn editor(&self) -> Editor {
        Editor::open(&self.folder(), "test").unwrap()
    }

    fn publish(&self, name: &str, version: &str) {
        self.editor().publish(&[publication(name, version)], &self.keys[2..], DAYS).unwrap();
    }

    fn settings(&self, at: &Path) -> Settings {
        Settings {
            name: "test".to_owned(),
            place: Place::Folder(at.to_owned()),
            root: std::fs::read(self.folder().join("metadata/1.root.json")).unwrap(),
            seen: Some(self.root.path().join("seen")),
            kept: None,
            offline: false,
            allow_expired: false,
            patience: Patience::default(),
        }
    }

    fn open(&self) -> Result<Registry, TrustError> {
        Registry::open(self.settings(&self.folder()))
    }

    /// Reads all that a registry has, as a reader who remembers nothing.
    fn read_all(&self, at: &Path) -> Result<usize, TrustError> {
        let registry = Registry::open(Settings { seen: None, ..self.settings(at) })?;
        registry.description()?;
        registry.search(&Asked::default())?;
        let mut count = 0;
        for name in registry.tapsets()? {
            for entry in registry.tapset(&name)?.unwrap_or_default().entries {
                registry.package(&entry)?;
                count += 1;
            }
        }
        Ok(count)
    }

    fn copy(&self, name: &str) -> PathBuf {
        let copy = self.root.path().join(name);
        copy_folder(&self.folder(), &copy);
        copy
    }
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in from.read_dir().unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    for entry in folder.read_dir().unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(&entry.path()));
        } else {
            found.push(entry.path());
        }
    }
    found.sort();
    found
}

fn packed(name: &str, version: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "[tapset]\nname = \"{name}\"\nversion = \"{version}\"\nsummary = \"What {name} does\"\nlicense = \"MIT\"\nmanifest = 1\n"
    );
    std::fs::write(folder.path().join("tapset.toml"), text).unwrap();
    std::fs::create_dir(folder.path().join("scripts")).unwrap();
    std::fs::write(folder.path().join("scripts/a.stp"), format!("probe {name}.a = begin {{}}\n")).unwrap();
    Contents::of(&Folder::open(folder.path()).unwrap(), &[]).unwrap().pack().unwrap()
}

fn publication(name: &str, version: &str) -> Publication {
    let packed = packed(name, version);
    let pinned = Pinned::of(&packed);
    let entry = Entry {
        name: name.to_owned(),
        version: version.parse().unwrap(),
        summary: format!("What {name} does"),
        license: "MIT".to_owned(),
        dependencies: BTreeMap::new(),
        kernel: KernelNeeds::default(),
        whens: vec![],
        aliases: BTreeMap::from([(format!("{name}.a"), vec![])]),
        functions: vec![],
        checked: BTreeMap::new(),
        native: None,
        sha256: pinned.sha256,
        size: pinned.length,
        published: 1_700_000_000,
    };
    Publication { entry, tracepoints: vec![], packed }
}

#[test]
fn what_is_published_is_read() {
    let made = Made::new();
    assert_eq!(made.open().unwrap().tapsets().unwrap(), Vec::<String>::new());
    for (name, version) in [("vm", "1.0.0"), ("net", "1.0.0"), ("vm", "1.1.0")] {
        made.publish(name, version);
    }
    let registry = made.open().unwrap();
    assert_eq!(registry.tapsets().unwrap(), ["net", "vm"]);
    let vm = registry.tapset("vm").unwrap().unwrap();
    assert_eq!(vm.newest().unwrap().version.to_string(), "1.1.0");
    let contents = registry.package(vm.newest().unwrap()).unwrap();
    assert_eq!(contents.manifest().unwrap().version.to_string(), "1.1.0");
    assert_eq!(registry.tapset("mv").unwrap(), None);
    assert_eq!(registry.tapset("../vm").unwrap(), None);
    let asked = Asked { alias: Some("vm.*".to_owned()), ..Asked::default() };
    assert_eq!(registry.search(&asked).unwrap()[0].version, "1.1.0");
    assert!(registry.signers().unwrap()[0].starts_with("Ada (key "));
    let again = made.editor().publish(&[publication("vm", "1.1.0")], &made.keys[2..], DAYS).unwrap_err();
    assert!(matches!(again, EditError::Published { .. }), "{again}");
    let version: semver::Version = "1.1.0".parse().unwrap();
    let yank = Yank { version, yanked: true, reason: Some("counts twice".to_owned()), at: 0 };
    made.editor().yank("vm", yank, &made.keys[2..], DAYS).unwrap();
    let vm = made.open().unwrap().tapset("vm").unwrap().unwrap();
    assert_eq!((vm.entries.len(), vm.newest().unwrap().version.to_string().as_str()), (2, "1.0.0"));
    let stranger = [Key::generate().unwrap()];
    let said = made.editor().publish(&[publication("vm", "2.0.0")], &stranger, DAYS).unwrap_err().to_string();
    assert_eq!(said, "it cannot be signed: none of the keys that are given is one of this registry's");
    let root_only =
        made.editor().publish(&[publication("vm", "2.0.0")], &made.keys[..2], DAYS).unwrap_err().to_string();
    assert!(root_only.contains("may sign the targets"), "{root_only}");
    assert_eq!(made.read_all(&made.folder()).unwrap(), 3);
}

#[test]
fn no_byte_can_be_changed() {
    let made = Made::new();
    made.publish("vm", "1.0.0");
    made.publish("net", "1.0.0");
    let copy = made.copy("copy");
    assert_eq!(made.read_all(&copy).unwrap(), 2);
    let (mut refused, mut unused) = (0, 0);
    for file in files(&copy) {
        let good = std::fs::read(&file).unwrap();
        for at in [0, good.len() / 3, good.len() / 2, good.len().saturating_sub(2)] {
            let mut bad = good.clone();
            let Some(byte) = bad.get_mut(at) else { continue };
            *byte ^= 1;
            std::fs::write(&file, &bad).unwrap();
            match made.read_all(&copy) {
                // Of a former state, or the lock: nobody reads it.
                Ok(count) => {
                    assert_eq!(count, 2, "{}", file.display());
                    unused += 1;
                }
                Err(_) => refused += 1,
            }
        }
        std::fs::write(&file, &good[..good.len() / 2]).unwrap();
        let cut = made.read_all(&copy).is_err();
        std::fs::remove_file(&file).unwrap();
        let gone = made.read_all(&copy).is_err();
        let name = file.strip_prefix(&copy).unwrap().display().to_string();
        if name.starts_with("packages/") || name.starts_with("index/") || name == "metadata/timestamp.json" {
            assert!(cut && gone, "{name}");
        }
        std::fs::write(&file, &good).unwrap();
    }
    assert!(refused > 40, "{refused} refused, {unused} unused");
}

#[test]
fn an_old_state_is_told() {
    let made = Made::new();
    made.publish("vm", "1.0.0");
    let old = made.copy("old");
    made.publish("vm", "1.1.0");
    made.open().unwrap();
    let rolled_back = Registry::open(made.settings(&old)).unwrap_err().to_string();
    assert!(rolled_back.contains("somebody shows an old state"), "{rolled_back}");
    // Only the timestamp is old, or only what it names.
    let mixed = made.copy("mixed");
    std::fs::copy(old.join("metadata/timestamp.json"), mixed.join("metadata/timestamp.json")).unwrap();
    assert!(Registry::open(made.settings(&mixed)).is_err());
    let mixed = made.copy("mixed");
    for (from, to) in [("2.snapshot.json", "3.snapshot.json"), ("2.targets.json", "3.targets.json")] {
        std::fs::copy(old.join("metadata").join(from), mixed.join("metadata").join(to)).unwrap();
    }
    assert!(Registry::open(made.settings(&mixed)).is_err());
    // Another tapset's package under this one's name, and an index that ends before what is signed.
    made.publish("net", "1.1.0");
    let mixed = made.copy("swapped");
    std::fs::copy(mixed.join("packages/net/net-1.1.0.tapset"), mixed.join("packages/vm/vm-1.1.0.tapset")).unwrap();
    let said = made.read_all(&mixed).unwrap_err().to_string();
    assert!(
        said.contains("packages/vm/vm-1.1.0.tapset is not what was signed") || said.contains("longer than"),
        "{said}"
    );
    let short = made.copy("short");
    std::fs::copy(old.join("index/vm.json"), short.join("index/vm.json")).unwrap();
    assert!(made.read_all(&short).unwrap_err().to_string().contains("index/vm.json is not what was signed"));
}

#[test]
fn an_index_may_have_grown() {
    let made = Made::new();
    made.publish("vm", "1.0.0");
    let old = made.copy("old");
    made.publish("vm", "1.1.0");
    // A publisher was killed before the timestamp, or is at it: the index is longer than what is signed.
    std::fs::copy(made.folder().join("index/vm.json"), old.join("index/vm.json")).unwrap();
    assert_eq!(made.read_all(&old).unwrap(), 1);
    let lines = || std::fs::read_to_string(old.join("index/vm.json")).unwrap().lines().count();
    assert_eq!(lines(), 2);
    Editor::open(&old, "test").unwrap().publish(&[publication("vm", "1.2.0")], &made.keys[2..], DAYS).unwrap();
    assert_eq!((made.read_all(&old).unwrap(), lines()), (2, 2));
}

#[test]
fn what_is_not_signed_anew_expires() {
    let made = Made::new();
    made.publish("vm", "1.0.0");
    made.editor().refresh(&made.keys[2..], 0).unwrap();
    let said = made.open().unwrap_err().to_string();
    assert!(said.contains("has not been signed anew in time"), "{said}");
    let allowed = Settings { allow_expired: true, ..made.settings(&made.folder()) };
    assert_eq!(Registry::open(allowed).unwrap().tapsets().unwrap(), ["vm"]);
    made.editor().refresh(&made.keys[2..], DAYS).unwrap();
    made.open().unwrap();
}

#[test]
fn a_clock_that_went_back_is_told() {
    let made = Made::new();
    made.publish("vm", "1.0.0");
    made.open().unwrap();
    let seen = files(&made.root.path().join("seen"));
    let clock = seen.iter().find(|path| path.ends_with("latest_known_time.json")).unwrap();
    std::fs::write(clock, "\"2090-01-01T00:00:00Z\"").unwrap();
    let said = made.open().unwrap_err().to_string();
    assert!(said.contains("this machine's clock says"), "{said}");
    // What was seen is damaged: nothing is known of before, and no harm is done.
    for path in &seen {
        std::fs::write(path, "{").unwrap();
    }
    made.open().unwrap();
}

#[test]
fn keys_change_and_the_lost_ones_are_of_no_use() {
    let made = Made::new();
    made.publish("vm", "1.0.0");
    let before = made.open().unwrap();
    assert_eq!(before.keys("root").unwrap().0, 2);
    let publishing = [Key::generate().unwrap()];
    let owners = BTreeMap::from([(publishing[0].id(), "Grace".to_owned())]);
    let one =
        made.editor().rotate(&made.keys[..1], None, &publishing, owners.clone(), [DAYS; 2]).unwrap_err().to_string();
    assert!(one.contains("the keys that sign the root now are not all given"), "{one}");
    made.open().unwrap();
    made.editor().rotate(&made.keys, None, &publishing, owners, [DAYS; 2]).unwrap();
    let registry = made.open().unwrap();
    assert_eq!(registry.versions()[0], ("root", 2));
    assert!(registry.signers().unwrap().iter().any(|signer| signer.starts_with("Grace")));
    let lost = made.editor().publish(&[publication("vm", "1.1.0")], &made.keys[2..], DAYS);
    assert!(lost.is_err());
    made.editor().publish(&[publication("vm", "1.1.0")], &publishing, DAYS).unwrap();
    // The root keys themselves; without the old publishing key, which is lost.
    let roots: Vec<Key> = (0..3).map(|_| Key::generate().unwrap()).collect();
    let next = [Key::generate().unwrap()];
    made.editor().rotate(&made.keys[..2], Some((&roots, 2)), &next, BTreeMap::new(), [DAYS; 2]).unwrap();
    let registry = made.open().unwrap();
    assert_eq!((registry.versions()[0], registry.keys("root").unwrap().1.len()), (("root", 3), 3));
    assert!(made.editor().rotate(&made.keys[..2], None, &publishing, BTreeMap::new(), [DAYS; 2]).is_err());
    assert_eq!(made.read_all(&made.folder()).unwrap(), 2);
    // A root that the reader does not know begins no chain.
    let other = Made::new();
    let stranger = Settings { root: other.settings(&other.folder()).root, ..made.settings(&made.folder()) };
    assert!(Registry::open(stranger).is_err());
}

#[test]
fn keys_that_were_taken_away_stay_so() {
    let made = Made::new();
    made.publish("vm", "1.0.0");
    let stolen = made.copy("stolen");
    let next = [Key::generate().unwrap()];
    made.editor().rotate(&made.keys, None, &next, BTreeMap::new(), [DAYS; 2]).unwrap();
    made.editor().publish(&[publication("vm", "1.1.0")], &next, DAYS).unwrap();
    made.open().unwrap();
    // Who has the old key goes on where it was good.
    Editor::open(&stolen, "test").unwrap().publish(&[publication("vm", "1.9.9")], &made.keys[2..], DAYS).unwrap();
    assert!(Registry::open(made.settings(&stolen)).is_err());
    made.open().unwrap();
}

#[test]
fn former_states_are_swept() {
    let made = Made::new();
    for patch in 0..30 {
        made.publish("vm", &format!("1.0.{patch}"));
    }
    assert_eq!(made.read_all(&made.folder()).unwrap(), 30);
    let count = files(&made.folder().join("metadata")).len();
    assert!(count < 2 + 2 * 13, "{count} files of metadata");
    let count = files(&made.folder().join("targets")).len();
    assert!(count < 3 * 13, "{count} targets");
}

#[test]
fn what_is_no_registry_is_told() {
    let made = Made::new();
    let nowhere = made.root.path().join("nowhere");
    assert!(matches!(Registry::open(made.settings(&nowhere)), Err(TrustError::Fetch { .. })));
    assert!(matches!(Editor::open(&nowhere, "x"), Err(EditError::File { .. })));
    let bad = Settings { root: b"{}".to_vec(), ..made.settings(&made.folder()) };
    assert!(Registry::open(bad).unwrap_err().to_string().contains("the root that was given for it is none"));
    let initial = Initial {
        name: "x".to_owned(),
        root: &made.keys,
        threshold: 4,
        publishing: &made.keys,
        owners: BTreeMap::new(),
        days: 1,
        root_days: 1,
    };
    assert!(
        Editor::init(&made.root.path().join("new"), &initial)
            .unwrap_err()
            .to_string()
            .starts_with("4 of the root's keys are to sign, and 3 are given")
    );
    assert!(
        Editor::init(&made.folder(), &initial).unwrap_err().to_string().ends_with("is there already, and is not empty")
    );
}
