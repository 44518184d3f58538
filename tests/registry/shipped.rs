//! What a machine is given by `cargo xtask dist`: it works without a network and without the sources.

use std::path::Path;
use std::process::Command;

use crate::machine::Machine;
use crate::systap::{self, start};

/// Makes the prefix of the program that is tested.
fn prefix(machine: &Machine) -> Option<std::path::PathBuf> {
    let prefix = machine.path("prefix");
    let mut command = systap::command(&systap::program("cargo")?);
    command.args(["xtask", "dist", "--debug"]).arg(&prefix).current_dir(env!("CARGO_MANIFEST_DIR"));
    let output = command.output().expect("cargo starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(prefix)
}

#[test]
fn what_ships_is_installed_and_runs() {
    if !systap::can_trace() {
        return;
    }
    let machine = Machine::new();
    let Some(prefix) = prefix(&machine) else { return };
    let program = prefix.join("bin/systap");
    let run = |line: &str| {
        let mut command = machine.command(&program);
        command.args(line.split_whitespace());
        start(command).wait()
    };
    let script = "probe vm.pagefault { if (pid() == target()) n++ } global n probe end { println(n > 20) }";
    let scripted = || {
        let mut command = machine.command(&program);
        command.args(["run", "-c", "/bin/ls /", "-e", script]);
        start(command).wait()
    };
    scripted().exits(1).complains(&["`vm.pagefault` is in the tapset `vm`: systap tapset install vm"]);
    let stap = run("stap -l vm.brk");
    assert_eq!(stap.text(), "vm.brk\n", "{}", stap.all());
    let plan = run("tapset install vm");
    assert!(plan.exits(0).text().contains("native code for "), "{}", plan.all());
    assert!(scripted().text().ends_with("1\n"));
    let tested = run("tapset test vm pagefault_reads");
    assert!(
        tested.exits(0).text().contains("pagefault_reads ... ok"),
        "the program that makes the events is there: {}",
        tested.all()
    );
    assert!(run("tapset verify").exits(0).text().starts_with("vm "));
    for file in [
        "share/man/man1/systap-tapset-install.1",
        "share/bash-completion/completions/systap",
        "share/zsh/site-functions/_systap",
        "share/fish/vendor_completions.d/systap.fish",
    ] {
        let length = prefix.join(file).metadata().map_or(0, |facts| facts.len());
        assert!(length > 200, "{file} has {length} bytes");
    }
    let manual = run("tapset doc --man vm").text();
    assert!(manual.starts_with(".TH \"VM\" 7stap") && manual.contains(".SS \"vm.pagefault\""), "{manual}");

    // With a plugin, from what ships alone.
    run("tapset new --plugin with-plugin").exits(0);
    let built = Command::new("cargo")
        .args(["build", "--quiet", "--release"])
        .current_dir(machine.path("work/with-plugin"))
        .env_remove("CARGO_TARGET_DIR")
        .output()
        .expect("cargo starts");
    if !built.status.success() && String::from_utf8_lossy(&built.stderr).contains("download") {
        eprintln!("skipped: the plugin's dependencies cannot be fetched here");
        return;
    }
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let checked = run("tapset check with-plugin");
    assert!(checked.exits(0).text().contains("its plugin gives 1 constants and 0 tables"), "{}", checked.all());
    run("tapset test with-plugin").exits(0);
    let packed = run("tapset package with-plugin");
    assert!(packed.exits(0).text().contains("libwith_plugin.so"), "{}", packed.all());
    assert!(Path::new(&machine.path("work/with-plugin-0.1.0.tapset")).is_file());
}
