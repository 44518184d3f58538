//! Servers that fail or deceive: after each the old state is there, with a sentence, and status 4.

use std::time::Duration;

use crate::machine::{Machine, copy, files};
use crate::server::{Fault, Faulty, systap_serves};

fn published() -> Machine {
    let operator = Machine::new();
    operator.operates();
    operator.publishes("disk", "1.0.0", "");
    operator
}

#[test]
fn a_server_that_fails_leaves_the_old_state() {
    let operator = published();
    let server = Faulty::new(&operator.path("work/reg"));
    let user = Machine::new();
    user.knows(&operator, &server.place);
    user.done("tapset install disk");
    operator.publishes("disk", "1.1.0", "");
    for of in ["packages/", "index/", "timestamp.json", "snapshot.json", "targets.json", "bin-"] {
        for fault in [
            Fault::Cut,
            Fault::Endless,
            Fault::Drip,
            Fault::Broken,
            Fault::Circle,
            Fault::Silent,
            Fault::Other,
            Fault::Unchanged,
        ] {
            server.set(Some((of, fault)));
            // Nothing is kept that could stand in for what cannot be got.
            _ = std::fs::remove_dir_all(user.path("cache"));
            let mut command = user.command(crate::systap::binary());
            command.env("SYSTAP_PATIENCE", "1").args(["tapset", "update"]);
            let outcome = crate::systap::start(command).wait();
            let said = outcome.complaints();
            assert!(outcome.took < Duration::from_secs(15), "{of} {fault:?} took {:?}", outcome.took);
            assert_eq!(outcome.status.code(), Some(4), "{of} {fault:?}\n{}", outcome.all());
            assert!(said.contains("systap: the registry `corp`"), "{of} {fault:?}\n{said}");
            assert_eq!(user.done("tapset tree"), "disk 1.0.0\n", "{of} {fault:?}");
            assert!(user.done("tapset verify").contains("as signed"));
        }
    }
    server.set(None);
    user.done("tapset update");
    assert_eq!(user.done("tapset tree"), "disk 1.1.0\n");
}

#[test]
fn an_old_state_is_refused() {
    let operator = published();
    copy(&operator.path("work/reg"), &operator.path("work/old"));
    operator.publishes("disk", "1.1.0", "");
    let (server, old) = (Faulty::new(&operator.path("work/reg")), Faulty::new(&operator.path("work/old")));
    let user = Machine::new();
    user.knows(&operator, &server.place);
    user.done("tapset install disk");
    // Another address shows an old state of the same registry.
    let said = user.refused(&format!("tapset why disk --registry {} {}", old.place, operator.root()));
    assert!(said.contains("somebody shows an old state"), "{said}");
    operator.done("registry refresh --registry reg --key key.pem --days 0");
    let frozen = user.refused("tapset update");
    assert!(frozen.contains("has not been signed anew in time") && frozen.contains("--allow-expired"), "{frozen}");
    user.done("tapset update --allow-expired");
}

#[test]
fn what_is_kept_is_not_believed() {
    let operator = published();
    // One server names the states of its files, the other does not.
    damaged_at(&operator, &Faulty::new(&operator.path("work/reg")).place);
    damaged_at(&operator, &systap_serves(&operator, "reg").place);
}

fn damaged_at(operator: &Machine, place: &str) {
    let user = Machine::new();
    user.knows(operator, place);
    user.done("tapset why disk");
    let kept = files(&user.path("cache"));
    assert!(kept.iter().any(|path| path.to_string_lossy().contains("bin-")), "{kept:?}");
    for path in kept.iter().filter(|path| path.to_string_lossy().contains("registries")) {
        let good = std::fs::read(path).expect("it was kept");
        let mut bad = good.clone();
        let middle = bad.len() - bad.len() / 3;
        bad[middle] ^= 1;
        std::fs::write(path, &bad).expect("it can be changed");
        let with = user.systap("tapset why disk");
        let without = user.systap("tapset why --offline disk");
        for outcome in [&with, &without] {
            let right = outcome.text().contains("1.0.0  compatible");
            assert!(right || outcome.status.code() == Some(4), "{}\n{}", path.display(), outcome.all());
        }
        assert!(with.text().contains("1.0.0"), "with a network it is got again: {}\n{}", path.display(), with.all());
        std::fs::write(path, &good).expect("it can be put back");
    }
}

#[test]
fn little_is_asked_of_a_server() {
    let operator = published();
    for name in ["memory", "sockets", "files"] {
        operator.publishes(name, "1.0.0", "");
    }
    let server = Faulty::new(&operator.path("work/reg"));
    let user = Machine::new();
    user.knows(&operator, &server.place);
    server.asked.lock().expect("no thread panics").clear();
    user.done("tapset install disk");
    let first = std::mem::take(&mut *server.asked.lock().expect("no thread panics"));
    assert!(first.iter().all(|name| !name.contains("memory")), "{first:?}");
    assert!(first.len() <= 9, "{first:?}");
    user.done("tapset install disk@=1.0.0");
    let second = std::mem::take(&mut *server.asked.lock().expect("no thread panics"));
    assert!(
        second.iter().all(|name| name.starts_with("metadata/")),
        "what never changes is not asked for again: {second:?}"
    );
}

#[test]
fn names_keep_to_their_registry() {
    let (one, other) = (published(), published());
    let user = Machine::new();
    user.knows(&one, &one.path("work/reg").display().to_string());
    user.done(&format!("registry add evil {} {}", other.path("work/reg").display(), other.root()));
    let both = user.refused("tapset install disk");
    assert!(both.contains("`disk` is in more than one registry: corp, evil"), "{both}");
    user.done("tapset install disk --registry corp");
    // What was taken from one stays with it, even if the other has a newer one.
    other.publishes("disk", "9.0.0", "");
    assert!(user.done("tapset update").contains("nothing newer"));
    let config = user.path("config/systap/systap.toml");
    let text = std::fs::read_to_string(&config).expect("it was written");
    let again = Machine::new();
    std::fs::create_dir_all(again.path("config/systap")).expect("a folder can be made");
    std::fs::write(again.path("config/systap/systap.toml"), format!("{text}\n[tapsets]\ndisk = \"evil\"\n"))
        .expect("it can be written");
    assert!(again.done("tapset install disk").starts_with("+ disk 9.0.0\n"));
    std::fs::write(again.path("config/systap/systap.toml"), "[registries.x]\nplaec = \"y\"\n")
        .expect("it can be written");
    let wrong = again.refused("tapset search");
    assert!(wrong.contains("systap.toml") && wrong.contains("plaec"), "{wrong}");
}

#[test]
fn what_another_registry_gave_stays_as_it_is() {
    let (one, other) = (published(), published());
    other.publishes("cache", "1.0.0", "[dependencies]\ndisk = \"1\"\n");
    let user = Machine::new();
    user.knows(&one, &one.path("work/reg").display().to_string());
    user.done("tapset install disk");
    // Another has a `disk` too, and a newer one; only `cache` is asked of it.
    other.publishes("disk", "1.5.0", "");
    let choice = format!("--registry {} {}", other.path("work/reg").display(), other.root());
    let plan = user.done(&format!("tapset install cache {choice}"));
    assert!(plan.contains("+ cache 1.0.0") && !plan.contains("disk"), "{plan}");
    assert_eq!(user.done("tapset tree"), "cache 1.0.0\n  disk 1.0.0\ndisk 1.0.0\n");
    assert!(user.done("tapset update").contains("nothing newer"));
    user.done("tapset remove cache");
}

#[test]
fn a_registry_without_a_root_is_not_believed() {
    let operator = published();
    let user = Machine::new();
    let reg = operator.path("work/reg").display().to_string();
    let said = user.refused(&format!("tapset install disk --registry {reg}"));
    assert!(said.contains("nothing says yet which keys to believe") && said.contains("--root sha256:"), "{said}");
    let root = said.split("--root ").nth(1).expect("it says so").trim().to_owned();
    user.done(&format!("tapset install disk --registry {reg} --root {root}"));
    let stranger = published();
    let said = user.refused(&format!("tapset install disk --registry {reg} {}", stranger.root()));
    assert!(said.contains("is not believed"), "{said}");
    assert!(
        user.refused(&format!("tapset search --registry {}/nowhere {}", reg, operator.root())).contains("is not there")
    );
    assert_eq!(user.systap("tapset search --registry nowhere").status.code(), Some(2));
}
