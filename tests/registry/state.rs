//! What a machine's disk and users can do to a store: full, read-only, two at once, changed by hand.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::machine::{Machine, files};
use crate::systap::{self, start};

fn published() -> Machine {
    let operator = Machine::new();
    operator.operates();
    operator.publishes("disk", "1.0.0", "");
    operator
}

fn user_of(operator: &Machine) -> Machine {
    let user = Machine::new();
    user.knows(operator, &operator.path("work/reg").display().to_string());
    user
}

#[test]
fn a_full_disk_leaves_the_old_state() {
    if !systap::can_trace() {
        return;
    }
    let operator = published();
    let mut refused = 0;
    for pages in [1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 64] {
        let user = user_of(&operator);
        let data = user.path("data");
        _ = std::fs::remove_dir_all(&data);
        std::fs::create_dir_all(&data).expect("a folder can be made");
        let Some(_small) = small(&data, pages) else { return };
        let outcome = user.systap("tapset install disk");
        match outcome.status.code() {
            Some(0) => assert_eq!(user.done("tapset tree"), "disk 1.0.0\n"),
            Some(4) => {
                refused += 1;
                assert!(outcome.complaints().contains("No space left on device"), "{}", outcome.all());
                assert_eq!(user.done("tapset tree"), "");
                let left: Vec<_> =
                    files(&user.data()).into_iter().filter(|path| path.to_string_lossy().contains("/.new-")).collect();
                assert!(left.is_empty(), "{left:?}");
            }
            _ => panic!("{pages} pages\n{}", outcome.all()),
        }
    }
    assert!(refused > 2, "the disk was never full");
}

/// Makes a folder a file system of so many pages.
fn small(at: &Path, pages: usize) -> Option<Mounted> {
    let options = format!("size={},mode=755", pages * 4096);
    let mut command = systap::command(Path::new("mount"));
    command.args(["-t", "tmpfs", "-o", &options, "none"]).arg(at);
    if start(command).wait().status.success() {
        return Some(Mounted(at.to_owned()));
    }
    eprintln!("skipped: no file system can be mounted here");
    None
}

/// What is mounted over a folder, until this is dropped.
struct Mounted(std::path::PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let mut command = systap::command(Path::new("umount"));
        command.arg("-l").arg(&self.0);
        start(command).wait();
    }
}

#[test]
fn a_disk_that_cannot_be_written_is_told() {
    if !systap::can_trace() {
        return;
    }
    let operator = published();
    let user = user_of(&operator);
    user.done("tapset install disk");
    operator.publishes("disk", "1.1.0", "");
    user.done("tapset lock .");
    let Some(_data) = read_only(&user.path("data")) else { return };
    let Some(_work) = read_only(&user.path("work")) else { return };
    let said = user.refused("tapset update");
    assert!(said.contains("Read-only file system"), "{said}");
    assert_eq!(user.done("tapset tree"), "disk 1.0.0\n");
    // An equal lock is not written.
    assert!(user.done("tapset lock .").contains("as it was"));
}

/// Makes a folder one that cannot be written to.
fn read_only(at: &Path) -> Option<Mounted> {
    for options in ["bind", "remount,bind,ro"] {
        let mut command = systap::command(Path::new("mount"));
        command.arg("-o").arg(options).arg(at).arg(at);
        if !start(command).wait().status.success() {
            eprintln!("skipped: nothing can be mounted here");
            return None;
        }
    }
    Some(Mounted(at.to_owned()))
}

#[test]
fn two_at_once_wait_for_each_other() {
    let operator = published();
    for name in ["one", "two", "three", "four", "five", "six"] {
        operator.publishes(name, "1.0.0", "");
    }
    let user = user_of(&operator);
    let begun: Vec<_> = ["one", "two", "three", "four", "five", "six"]
        .map(|name| {
            let mut command = user.command(systap::binary());
            command.args(["tapset", "install", name]);
            start(command)
        })
        .into_iter()
        .collect();
    for running in begun {
        running.wait().exits(0);
    }
    let installed = user.done("tapset tree").lines().count();
    assert_eq!(installed, 6, "none has undone what another did");
    // Two publishers.
    for version in ["2.0.0", "3.0.0"] {
        operator.writes_tapset("one", version, "", "");
        std::fs::rename(operator.path("work/one"), operator.path(&format!("work/{version}"))).expect("it can be moved");
    }
    let begun = ["2.0.0", "3.0.0"].map(|folder| {
        let mut command = operator.command(systap::binary());
        let folder = format!("./{folder}");
        command.args(["tapset", "publish", "--registry", "reg", "--key", "key.pem", "--allow", "tests", &folder]);
        start(command)
    });
    for running in begun {
        running.wait().exits(0);
    }
    assert!(
        operator.done(&format!("registry verify --registry reg {}", operator.root())).contains("7 tapsets, 9 versions")
    );
}

#[test]
fn what_was_changed_by_hand_is_told_and_mended() {
    let operator = published();
    let user = user_of(&operator);
    user.done("tapset install disk");
    let script = user.data().join("store/disk/1.0.0/scripts/start.stp");
    std::fs::write(&script, "probe disk.start = end {}").expect("it can be changed");
    let outcome = user.systap("tapset verify");
    outcome.exits(4);
    assert!(outcome.text().contains("scripts/start.stp is not what was installed"), "{}", outcome.all());
    assert!(user.refused("tapset vendor copy").contains("is not what was installed"));
    let mended = user.done("tapset install disk@1");
    assert!(mended.starts_with("+ disk 1.0.0 (anew: it was not as it was installed)\n"), "{mended}");
    user.done("tapset verify");
    // Asked for as it was: that mends too.
    std::fs::remove_file(&script).expect("it is there");
    user.done("tapset install disk@1");
    user.done("tapset verify");
    assert_eq!(user.done("tapset install disk@1"), "all of that is installed already\n");
}

#[test]
fn what_is_known_of_a_version_may_be_damaged() {
    let operator = published();
    operator.publishes("cache", "1.0.0", "[dependencies]\ndisk = \"1\"\n");
    let user = user_of(&operator);
    for damage in ["{", "{}", ""] {
        user.done("tapset install cache");
        let receipt = user.data().join("store/disk/1.0.0/receipt.json");
        match damage {
            "" => std::fs::remove_file(&receipt).expect("it is there"),
            text => std::fs::write(&receipt, text).expect("it can be changed"),
        }
        for line in ["tapset verify", "tapset tree", "tapset lock .", "tapset outdated", "tapset vendor copy"] {
            let said = user.refused(line);
            assert!(said.contains("`disk` 1.0.0 is damaged: ") && said.contains("receipt.json"), "{line}: {said}");
        }
        let mended = user.systap("tapset install cache");
        mended.exits(0).complains(&["`disk` 1.0.0 is damaged"]);
        assert!(user.done("tapset verify").contains("disk 1.0.0: "));
        assert_eq!(user.done("tapset tree"), "cache 1.0.0\n  disk 1.0.0\n");
    }
}

#[test]
fn what_was_asked_for_may_be_damaged() {
    let operator = published();
    operator.publishes("cache", "1.0.0", "");
    let user = user_of(&operator);
    user.done("tapset install disk");
    let requests = || user.data().join("installed/requests.json");
    std::fs::write(requests(), "[").expect("it can be changed");
    for line in ["tapset install cache", "tapset update", "tapset remove disk", "tapset tree"] {
        let said = user.refused(line);
        assert!(said.contains("requests.json makes no sense") && said.contains("without that file"), "{line}: {said}");
    }
    std::fs::remove_file(requests()).expect("it is there");
    user.done("tapset install cache");
    assert_eq!(user.done("tapset tree"), "cache 1.0.0\ndisk 1.0.0\n");
}

#[test]
fn a_tapset_stays_with_its_registry() {
    let (one, other) = (Machine::new(), Machine::new());
    for (operator, version) in [(&one, "1.0.0"), (&other, "2.0.0")] {
        operator.operates();
        operator.publishes("disk", version, "");
    }
    let user = Machine::new();
    for (name, operator) in [("one", &one), ("other", &other)] {
        let place = operator.path("work/reg").display().to_string();
        user.done(&format!("registry add {name} {place} {}", operator.root()));
    }
    let both = user.refused("tapset install disk");
    assert!(both.contains("is in more than one registry: one, other"), "{both}");
    user.done("tapset install disk --registry other");
    for line in ["tapset update", "tapset update --registry one", "tapset update disk --registry one"] {
        user.done(line);
        assert_eq!(user.done("tapset tree"), "disk 2.0.0\n", "{line}");
    }
    one.publishes("disk", "3.0.0", "");
    assert_eq!(user.done("tapset outdated"), "");
    user.done("tapset update");
    assert_eq!(user.done("tapset tree"), "disk 2.0.0\n");
    // Asked for by name, it moves.
    user.done("tapset install disk --registry one");
    assert_eq!(user.done("tapset tree"), "disk 3.0.0\n");
    user.done("registry remove one");
    assert!(user.done("registry list").contains("other") && !user.done("registry list").contains("one "));
    assert_eq!(user.done("tapset tree"), "disk 3.0.0\n", "what is installed stays");
    user.systap("registry remove one").exits(2).complains(&["there is no registry `one`"]);
}

#[test]
fn a_root_that_is_believed_is_pinned() {
    let (one, other) = (published(), published());
    let user = Machine::new();
    let root = user.path("work/root.json");
    std::fs::copy(one.path("work/reg/metadata/1.root.json"), &root).expect("it can be copied");
    user.done(&format!("registry add corp {} --root root.json", one.path("work/reg").display()));
    // Who can change the file later is not believed for that.
    std::fs::copy(other.path("work/reg/metadata/1.root.json"), &root).expect("it can be copied");
    user.done("tapset install disk");
    std::fs::remove_file(&root).expect("it is there");
    user.done("registry verify");
}

#[test]
fn roots_expire_in_their_own_time() {
    let operator = Machine::new();
    operator.done("registry key new root.pem");
    operator.done("registry key new key.pem");
    let init = "registry init reg --name example --key key.pem --root-key root.pem";
    for (line, said) in
        [("--days 99999999", "99999999 is not in 0..=3650"), ("--root-days 3651", "3651 is not in 0..=3650")]
    {
        operator.systap(&format!("{init} {line}")).exits(2).complains(&[said]);
    }
    let twice = operator.refused(&format!("{init} --root-key root.pem --threshold 2"));
    assert!(twice.contains("is given twice for the same"), "{twice}");
    operator.done(&format!("{init} --root-days 20"));
    let good = |days: u64, root: u64| {
        let said = operator.done(&format!("registry verify --registry reg {}", operator.root()));
        // A second may have passed since either was signed.
        let ways = [(days, root), (days, root - 1), (days - 1, root), (days - 1, root - 1)];
        let said_so = |(days, root)| said.contains(&format!("good for {days} days, its root good for {root} days"));
        assert!(ways.into_iter().any(said_so), "{said}");
    };
    good(20, 20);
    let refresh = "registry refresh --registry reg --key key.pem --days 10";
    operator.systap(refresh).exits(0).complains(&["the root of the registry expires in "]);
    operator.done("registry key rotate reg --root-key root.pem --key key.pem");
    assert_eq!(operator.systap(refresh).exits(0).complaints(), "");
    good(10, 730);
}

#[test]
fn programs_read_what_was_done() {
    let operator = published();
    let user = user_of(&operator);
    let line = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("it is one object");
    let done = line(&user.done("tapset install -v --format json disk"));
    assert_eq!((&done["name"], &done["version"]), (&"disk".into(), &"1.0.0".into()));
    assert_eq!(done["attaches"], serde_json::json!(["begin"]));
    user.done("tapset lock .");
    _ = std::fs::remove_dir_all(user.data());
    assert_eq!(line(&user.done("tapset install --format json --locked ."))["name"], "disk");
    assert_eq!(user.done("tapset install --format json --locked ."), "");
}

#[test]
fn a_pipe_in_a_registry_keeps_nobody_waiting() {
    let operator = published();
    let user = user_of(&operator);
    let package = operator.path("work/reg/packages/disk/disk-1.0.0.tapset");
    std::fs::remove_file(&package).expect("it is there");
    let mut command = user.command(Path::new("mkfifo"));
    command.arg(&package);
    start(command).wait().exits(0);
    let said = user.refused("tapset install disk");
    assert!(said.contains("it is no plain file"), "{said}");
}

#[test]
fn who_may_write_does_not_depend_on_the_umask() {
    let operator = published();
    let user = user_of(&operator);
    let mut command = user.command(Path::new("sh"));
    command.args(["-c", "umask 0; exec \"$0\" tapset install disk"]).arg(systap::binary());
    start(command).wait().exits(0);
    let place = user.data().join("store/disk/1.0.0");
    let all = files(&place).into_iter().chain([place.clone(), place.join("scripts")]);
    for path in all {
        let mode = path.metadata().expect("it is there").permissions().mode();
        assert_eq!(mode & 0o022, 0, "{} has {mode:o}", path.display());
    }
}

#[test]
fn without_a_home_it_says_so() {
    let operator = published();
    let user = Machine::new();
    let mut command = user.command(systap::binary());
    command
        .args(["tapset", "install", "disk", "--registry"])
        .arg(operator.path("work/reg"))
        .args(operator.root().split(' '));
    for name in ["HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"] {
        command.env_remove(name);
    }
    start(command).wait().exits(4).complains(&["neither HOME nor XDG_DATA_HOME says where to install"]);
}

#[test]
fn a_run_keeps_the_version_that_it_began_with() {
    if !systap::can_trace() {
        return;
    }
    let operator = published();
    let user = user_of(&operator);
    user.done("tapset install disk");
    operator.publishes("disk", "1.1.0", "");
    let (output, script) = (
        user.path("out"),
        "probe disk.start { println(version) } probe timer.s(3) { println(end()); exit() }
        function end() { return \"end\" }",
    );
    let mut command = user.command(systap::binary());
    command.arg("run").arg("-o").arg(&output).args(["-e", script]);
    let running = start(command);
    let printed = || std::fs::read_to_string(&output).unwrap_or_default();
    systap::eventually("the run has begun", || printed().starts_with("1.0.0\n"));
    user.done("tapset update");
    running.wait().is_quiet();
    assert_eq!(printed(), "1.0.0\nend\n");
    assert_eq!(user.done("tapset tree"), "disk 1.1.0\n");
}
