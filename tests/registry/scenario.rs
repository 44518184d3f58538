//! The three people: who publishes, who installs, who hosts.

use crate::machine::{Machine, files};
use crate::server::{nginx_serves, systap_serves};
use crate::systap;

/// An operator's registry with three versions of `disk` for different kernels, and `cache`, which needs it.
fn published() -> Machine {
    let operator = Machine::new();
    operator.operates();
    operator.publishes("disk", "1.0.0", "[kernel]\ntested = \">=5.15, <6.2\"\n");
    operator.publishes("disk", "1.1.0", "[kernel]\ntested = \">=6.1, <6.13\"\n");
    operator.writes_tapset("disk", "2.0.0", "[kernel]\nneeds = 'kernel >= \"6.12\"'\n", "");
    let publish = "tapset publish --registry reg --key key.pem --allow tests";
    operator.done(&format!("{publish} disk"));
    operator.publishes("cache", "0.3.0", "[dependencies]\ndisk = \"1\"\n");
    operator
}

#[test]
fn each_real_kernel_gets_what_it_has() {
    let operator = Machine::new();
    operator.operates();
    for (version, kernel) in [
        ("1.0.0", ""),
        ("1.1.0", "needs = 'function(\"vfs_read\") and tracepoint(\"sock_send_length\")'\narch = [\"x86_64\"]\n"),
        ("1.2.0", "needs = 'config(\"CONFIG_PREEMPT_RT\")'\n"),
        ("2.0.0", "needs = 'tracepoint(\"sched_exit_tp\")'\n"),
    ] {
        operator.writes_tapset("wire", version, &format!("[kernel]\n{kernel}"), "");
        operator.done("tapset publish --registry reg --key key.pem --allow tests --allow nowhere --allow semver wire");
    }
    let user = Machine::new();
    user.knows(&operator, &operator.path("work/reg").display().to_string());
    let shelf = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/shelf");
    for (kernel, version, reason) in [
        ("6.1.0-47-amd64", "1.0.0", "1.1.0  incompatible  the kernel lacks tracepoint(\"sock_send_length\")"),
        ("6.1.0-56-cloud-amd64", "1.0.0", "1.2.0  incompatible  the kernel lacks config(\"CONFIG_PREEMPT_RT\")"),
        ("6.1.0-50-arm64", "1.0.0", "1.1.0  incompatible  it is for x86_64, and this is aarch64"),
        ("6.12.100+deb12-amd64", "1.1.0", "2.0.0  incompatible  the kernel lacks tracepoint(\"sched_exit_tp\")"),
        ("6.12.117+deb12-rt-amd64", "1.2.0", "2.0.0  incompatible"),
    ] {
        let facts = shelf.join(format!("{kernel}.facts")).display().to_string();
        let plan = user.done(&format!("tapset install --dry-run --kernel {facts} wire"));
        assert!(plan.starts_with(&format!("+ wire {version}\n")), "{kernel}: {plan}");
        let why = user.done(&format!("tapset why --kernel {facts} wire"));
        assert!(why.contains(reason), "{kernel}: {why}");
        let refused = user.refused(&format!("tapset install --dry-run --kernel {facts} wire@2"));
        assert!(refused.contains("2.0.0  incompatible"), "{kernel}: {refused}");
    }
    // A shelf is checked as a whole.
    let table = operator.done(&format!("tapset matrix --kernel {} wire", shelf.display()));
    assert!(
        table.contains("| | | | 6.12.117+deb12-rt-amd64\n") && table.contains("wire.start  - - - - -\n"),
        "{table}"
    );
}

/// All that users do, with a registry at a place.
fn users_live_with(operator: &Machine, place: &str) {
    let user = Machine::new();
    let unknown = user.refused(&format!("registry add corp {place}"));
    assert!(unknown.contains("its root is sha256:"), "{unknown}");
    let said = unknown.split("--root ").nth(1).expect("it says how").trim().to_owned();
    let wrong = user.refused(&format!("registry add corp {place} --root sha256:{}", "0".repeat(64)));
    assert!(wrong.contains("and not sha256:000"), "{wrong}");
    assert_eq!(files(&user.path("config")), Vec::<std::path::PathBuf>::new());
    user.done(&format!("registry add corp {place} --root {said}"));

    // Found by what they have.
    assert_eq!(user.done("tapset search --alias disk.*"), "disk  2.0.0  What disk does\n      disk.start\n");
    assert!(user.refused("tapset search --alias dsik.*").contains("no tapset in a registry is like that"));

    // On each kernel its own version.
    let Some(new) = user.kernel("6.18.5-1-amd64") else { return };
    for (release, version) in [
        ("5.15.0-51-generic", "1.0.0"),
        ("6.1.0-25-amd64", "1.1.0"),
        ("6.8.0-41-generic", "1.1.0"),
        ("6.12.9+deb13-amd64", "2.0.0"),
    ] {
        let kernel = user.kernel(release).expect("one could be made");
        let plan = user.done(&format!("tapset install --dry-run --kernel {} disk", kernel.display()));
        assert!(plan.starts_with(&format!("+ disk {version}\n")), "{release}: {plan}");
    }
    assert!(user.done("tapset list").lines().all(|line| !line.starts_with("disk ")), "nothing was installed");
    let old = user.kernel("5.4.0-150-generic").expect("one could be made");
    let strict = user.refused(&format!("tapset install --strict --kernel {} disk", old.display()));
    for row in [
        "2.0.0  incompatible  the kernel lacks kernel >= \"6.12\"",
        "1.1.0  untested      it was tested on >=6.1, <6.13, and this is 5.4.0",
        "without --strict",
    ] {
        assert!(strict.contains(row), "{strict}");
    }

    // Together with what it needs, which then decides the version.
    let on = format!("--kernel {}", new.display());
    let plan = user.done(&format!("tapset install {on} cache"));
    assert!(
        plan.contains("+ cache 0.3.0") && plan.contains("+ disk 1.1.0") && plan.contains("signed by Ada (key "),
        "{plan}"
    );
    assert_eq!(user.done("tapset tree"), "cache 0.3.0\n  disk 1.1.0\n");
    let both = user.refused(&format!("tapset install {on} disk@2"));
    assert!(both.contains("`cache` 0.3.0 needs `disk` ^1") && both.contains("you ask for `disk` ^2"), "{both}");
    assert!(user.refused("tapset remove disk").contains("`disk` is needed by cache"));
    assert!(user.done("tapset why disk").contains("cache 0.3.0 needs ^1"));
    if systap::can_trace() {
        user.write("top.stp", "probe disk.start { println(version); exit() }\n");
        assert_eq!(user.done("top.stp"), "1.1.0\n");
    }

    // Another version, once.
    user.done(&format!("tapset install {on} --dry-run disk@1.0"));
    let missing = user.refused("check --tapset disk@9 top.stp");
    assert!(missing.contains("no such version is here: `systap tapset install disk@9`"), "{missing}");

    // Locked, yanked, and locked still.
    assert!(user.done("tapset lock .").contains("systap.lock: written, 2 tapsets"));
    operator.done("tapset yank disk@1.1.0 --registry reg --key key.pem --reason counts-twice");
    let again = Machine::new();
    again.knows(operator, place);
    let plan = again.done(&format!("tapset install --dry-run {on} disk@1"));
    assert!(plan.starts_with("+ disk 1.0.0\n"), "{plan}");
    assert!(again.done(&format!("tapset why {on} disk")).contains("1.1.0  yanked        counts-twice"));
    again.write("systap.lock", &std::fs::read_to_string(user.path("work/systap.lock")).expect("it was written"));
    let locked = again.systap("tapset install --locked .");
    assert!(locked.complaints().contains("WARNING: `disk` 1.1.0 was yanked: counts-twice"), "{}", locked.all());
    assert_eq!(
        again.done("tapset tree"),
        "cache 0.3.0\ndisk 1.1.0\n".replace("cache 0.3.0\n", "cache 0.3.0\n  disk 1.1.0\n")
    );
    operator.done("tapset yank disk@1.1.0 --registry reg --key key.pem --undo");

    // A newer one, and back.
    assert_eq!(user.done(&format!("tapset outdated {on}")), "");
    operator.publishes("cache", "0.4.0", "[dependencies]\ndisk = \"2\"\n");
    assert_eq!(user.done(&format!("tapset outdated {on}")), "cache 0.3.0 -> 0.4.0\ndisk 1.1.0 -> 2.0.0\n");
    user.done(&format!("tapset update {on}"));
    assert_eq!(user.done("tapset tree"), "cache 0.4.0\n  disk 2.0.0\n");
    if systap::can_trace() {
        user.write("other/top.stp", "probe disk.start { println(version); exit() }\n");
        assert_eq!(user.done("other/top.stp"), "2.0.0\n");
        assert_eq!(user.done("run --tapset disk@1 other/top.stp"), "1.1.0\n");
        assert_eq!(user.done("top.stp"), "1.1.0\n", "the lock beside it says so");
    }
    user.done("tapset install --locked systap.lock");
    assert_eq!(user.done("tapset remove cache disk"), "- cache 0.3.0\n- disk 1.1.0\n");
}

#[test]
fn over_a_folder() {
    let operator = published();
    users_live_with(&operator, &operator.path("work/reg").display().to_string());
}

#[test]
fn over_systap_itself() {
    let operator = published();
    let server = systap_serves(&operator, "reg");
    users_live_with(&operator, &server.place);
}

#[test]
fn over_nginx() {
    let operator = published();
    let Some(server) = nginx_serves(&operator.path("work/reg")) else { return };
    users_live_with(&operator, &server.place);
}

#[test]
fn keys_change_under_users() {
    let operator = published();
    let server = systap_serves(&operator, "reg");
    let user = Machine::new();
    user.knows(&operator, &server.place);
    user.done("tapset install disk@1");
    operator.done("registry key new next.pem");
    operator.done("registry key new root2.pem");
    let lacking = operator.refused("registry key rotate reg --root-key key.pem --key next.pem");
    assert!(lacking.contains("the keys that sign the root now are not all given"), "{lacking}");
    operator.done(
        "registry key rotate reg --root-key root.pem --new-root-key root2.pem --key next.pem --old-key key.pem --owner next.pem=Grace",
    );
    let old = operator.refused("tapset yank disk@1.0.0 --registry reg --key key.pem");
    assert!(old.contains("it cannot be signed"), "{old}");
    operator.done("tapset yank disk@1.1.0 --registry reg --key next.pem");
    assert!(user.done("tapset why disk").contains("1.1.0  yanked"));
    assert!(user.done("registry verify").contains("signed by Grace (key "));
}

#[test]
fn a_mirror_is_carried_to_a_machine_without_a_network() {
    let operator = published();
    let server = systap_serves(&operator, "reg");
    let courier = Machine::new();
    courier.knows(&operator, &server.place);
    assert!(courier.done("registry mirror copy").contains("2 tapsets"));
    assert!(courier.done("registry mirror copy").contains("0 files fetched"), "what is there is not fetched again");
    operator.publishes("disk", "1.2.0", "");
    courier.done("registry mirror copy");
    drop(server);
    let island = Machine::new();
    let copy = courier.path("work/copy").display().to_string();
    island.knows(&operator, &copy);
    assert!(island.done("tapset install disk@1").starts_with("+ disk 1.2.0\n"));
    assert!(island.done("registry verify").contains("2 tapsets, 5 versions, each byte as signed"));
    // And from there by hand, to where there is not even a copy.
    island.done("tapset vendor carried");
    let bare = Machine::new();
    let carried = island.path("work/carried").display().to_string();
    assert!(bare.done(&format!("tapset -I {carried} list")).contains("disk"));
}

#[test]
fn what_was_fetched_is_there_without_the_network() {
    let operator = published();
    let server = systap_serves(&operator, "reg");
    let user = Machine::new();
    user.knows(&operator, &server.place);
    user.done("tapset install disk@1");
    drop(server);
    let outcome = user.systap("tapset why disk");
    assert!(outcome.complaints().contains("does not answer") && outcome.text().contains("2.0.0"), "{}", outcome.all());
    assert_eq!(user.systap("tapset why --offline disk").complaints(), "");
    let other = user.refused("tapset install cache");
    assert!(other.contains("cannot be got") || other.contains("was never fetched"), "{other}");
    assert!(user.refused("tapset install --offline cache").contains("do without the network"));
    let fresh = Machine::new();
    let place = user.done("registry list");
    let place = place.split_whitespace().nth(1).expect("its place");
    assert!(fresh.refused(&format!("registry add corp {place}")).contains("cannot be got"));
}

#[test]
fn words_of_strangers_are_words() {
    let operator = Machine::new();
    let publish = operator.operates();
    operator.writes_tapset("disk", "1.0.0", "", "");
    let path = operator.path("work/disk/tapset.toml");
    let text = std::fs::read_to_string(&path).expect("it is there");
    std::fs::write(&path, text.replace("What disk does", "a\\u001b[31mb\\u0007")).expect("it can be written");
    operator.done(&format!("{publish} --allow tests disk"));
    let choice = format!("--registry reg {}", operator.root());
    for line in [format!("tapset search {choice}"), "tapset info disk".to_owned(), "tapset doc disk".to_owned()] {
        let said = operator.done(&line);
        assert!(said.contains("a\u{fffd}[31mb") && !said.contains('\u{1b}'), "{line}: {said:?}");
    }
    let yank = operator.systap("tapset yank disk@1.0.0 --registry reg --key key.pem --reason a\u{1b}b");
    yank.exits(2);
    std::fs::remove_file(operator.path("work/disk/README.md")).expect("it was there");
    std::os::unix::fs::symlink("/etc/passwd", operator.path("work/disk/README.md")).expect("a link can be made");
    operator.systap("tapset package disk").exits(1).complains(&["README.md cannot be packed: it is no plain file"]);
}

#[test]
fn what_needs_each_other_is_published_together() {
    let operator = Machine::new();
    let publish = operator.operates();
    let both = |version: &str| {
        operator.writes_tapset("disk", version, "[dependencies]\ncache = \"1\"\n", "");
        operator.writes_tapset("cache", version, "[dependencies]\ndisk = \"1\"\n", "");
        operator.done(&format!("{publish} --allow tests disk cache"));
    };
    both("1.0.0");
    both("1.0.1");
    let user = Machine::new();
    user.knows(&operator, &operator.path("work/reg").display().to_string());
    user.done("tapset install disk");
    assert_eq!(user.done("tapset tree"), "disk 1.0.1\n  cache 1.0.1\n    disk 1.0.1 (above)\n");
    assert_eq!(user.done("tapset remove disk"), "- cache 1.0.1, which nothing needs any more\n- disk 1.0.1\n");
}
