//! Killed at every step: the old state or the new one is there, and the same command again comes to the end.
//!
//! strace kills at the Nth call that changes a file, for each N until the command lives.

use crate::machine::{Machine, copy};
use crate::systap::{self, start};

/// The calls that change what is on the disk.
const CHANGES: &str =
    "fsync,rename,renameat,renameat2,symlink,symlinkat,mkdir,mkdirat,unlink,unlinkat,rmdir,ftruncate,write,pwrite64";

/// Runs a command to its Nth change; whether it was killed there.
fn killed_at(machine: &Machine, step: usize, line: &str) -> bool {
    let mut command = machine.command(std::path::Path::new("strace"));
    command.args(["-f", "-qq", "-o", "/dev/null", "-e"]).arg(format!("trace={CHANGES}"));
    command.arg("-e").arg(format!("inject={CHANGES}:signal=SIGKILL:when={step}"));
    command.arg(systap::binary()).args(line.split_whitespace());
    start(command).wait().status.code() != Some(0)
}

/// Steps of a command, few at first and then further apart: a long one has hundreds.
fn steps() -> impl Iterator<Item = usize> {
    (1..60).chain((60..2000).step_by(17))
}

#[test]
fn installing() {
    if systap::program("strace").is_none() {
        return;
    }
    let operator = Machine::new();
    operator.operates();
    operator.publishes("disk", "1.0.0", "");
    operator.publishes("cache", "1.0.0", "[dependencies]\ndisk = \"1\"\n");
    let user = Machine::new();
    user.knows(&operator, &operator.path("work/reg").display().to_string());
    user.done("tapset install cache");
    operator.publishes("disk", "1.1.0", "");
    operator.publishes("cache", "1.1.0", "[dependencies]\ndisk = \"=1.1.0\"\n");
    copy_home(&user, "before");
    let (mut old, mut new) = (0, 0);
    for step in steps() {
        restore_home(&user, "before");
        let killed = killed_at(&user, step, "tapset update");
        match user.done("tapset tree").as_str() {
            "cache 1.0.0\n  disk 1.0.0\n" => old += 1,
            "cache 1.1.0\n  disk 1.1.0\n" => new += 1,
            other => panic!("killed at {step}: {other}"),
        }
        assert!(user.done("tapset verify").lines().all(|line| line.ends_with("as signed")), "killed at {step}");
        user.done("tapset update");
        assert_eq!(user.done("tapset tree"), "cache 1.1.0\n  disk 1.1.0\n", "killed at {step}");
        if !killed {
            break;
        }
    }
    assert!(old > 10 && new > 1, "{old} times the old state, {new} times the new");
}

#[test]
fn publishing() {
    if systap::program("strace").is_none() {
        return;
    }
    let operator = Machine::new();
    operator.operates();
    operator.publishes("disk", "1.0.0", "");
    operator.writes_tapset("disk", "1.1.0", "", "");
    copy(&operator.path("work/reg"), &operator.path("work/before"));
    let reader = format!("--registry {} {}", operator.path("work/reg").display(), operator.root());
    let (mut old, mut new) = (0, 0);
    for step in steps() {
        std::fs::remove_dir_all(operator.path("work/reg")).expect("it can be removed");
        copy(&operator.path("work/before"), &operator.path("work/reg"));
        let line = "tapset publish --registry reg --key key.pem --allow tests disk";
        let killed = killed_at(&operator, step, line);
        let user = Machine::new();
        let seen = user.done(&format!("registry verify {reader}"));
        match (seen.contains("1 tapsets, 1 versions"), seen.contains("1 tapsets, 2 versions")) {
            (true, _) => {
                old += 1;
                operator.done(line);
            }
            (_, true) => new += 1,
            _ => panic!("killed at {step}: {seen}"),
        }
        assert!(user.done(&format!("registry verify {reader}")).contains("1 tapsets, 2 versions"), "killed at {step}");
        if !killed {
            break;
        }
    }
    assert!(old > 10 && new > 0, "{old} times the old state, {new} times the new");
}

/// Keeps what a user has installed.
fn copy_home(user: &Machine, name: &str) {
    let done = std::process::Command::new("cp").arg("-a").arg(user.path("data")).arg(user.path(name)).status();
    assert!(done.expect("cp starts").success());
}

/// Puts it back.
fn restore_home(user: &Machine, name: &str) {
    std::fs::remove_dir_all(user.path("data")).expect("it can be removed");
    let done = std::process::Command::new("cp").arg("-a").arg(user.path(name)).arg(user.path("data")).status();
    assert!(done.expect("cp starts").success());
}
