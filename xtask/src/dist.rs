//! What a machine is given: a prefix with the program, its man pages and completions, and the registry that ships with it.
//!
//! `cargo xtask dist` makes it under target/dist; `cargo xtask install` copies it. Must never keep the keys that have signed the registry:
//! what ships is believed for where it lies, and nobody is to sign anything else in its name.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Outcome;

/// The tapsets that ship with systap, in the order of what needs what.
const TAPSETS: &[&str] = &["vm", "sched", "net"];

/// What those do not have yet that a publisher owes: tests of every alias, and aliases that need other kernels than the one that builds.
const ALLOWED: &[&str] = &["untested-alias", "nowhere", "tests"];

/// How long what ships is good, in days: it is replaced with the program, not signed anew.
const DAYS: &str = "3650";

/// Makes the prefix; `--debug` takes what was built for tests.
pub(crate) fn dist(args: &[String]) -> Outcome {
    let debug = args.iter().any(|arg| arg == "--debug");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let place = args.iter().find(|arg| !arg.starts_with("--")).map(PathBuf::from);
    // The program takes folders of the environment only as whole paths.
    let prefix =
        std::path::absolute(place.unwrap_or_else(|| target.join("dist"))).map_err(|error| error.to_string())?;
    let mut build = vec!["build", "--package", "systap"];
    let packages: Vec<String> = TAPSETS.iter().map(|name| format!("systap-tapset-{name}")).collect();
    build.extend(packages.iter().flat_map(|name| ["--package", name]));
    if !debug {
        build.push("--release");
    }
    crate::run("cargo", &build, &[])?;
    let load: Vec<&str> =
        ["build", "--example", "systap-load"].into_iter().chain((!debug).then_some("--release")).collect();
    crate::run("cargo", &load, &[])?;
    let program = target.join(if debug { "debug" } else { "release" }).join("systap");
    // What was there is replaced as a whole.
    let fresh = prefix.with_extension("new");
    for old in [&fresh, &prefix] {
        if old.exists() {
            std::fs::remove_dir_all(old).map_err(|error| format!("{}: {error}", old.display()))?;
        }
    }
    let folder = |name: &str| {
        let path = fresh.join(name);
        std::fs::create_dir_all(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok::<PathBuf, String>(path)
    };
    let systap = folder("bin")?.join("systap");
    std::fs::copy(&program, &systap).map_err(|error| format!("{}: {error}", program.display()))?;
    // What tests of tapsets count the events of.
    let load = program.with_file_name("examples").join("systap-load");
    std::fs::copy(&load, folder("libexec/systap")?.join("systap-load"))
        .map_err(|error| format!("{}: {error}", load.display()))?;
    let man = folder("share/man/man1")?;
    quietly(&program, &["man".as_ref(), man.as_os_str()])?;
    for (shell, place) in [
        ("bash", "share/bash-completion/completions/systap"),
        ("zsh", "share/zsh/site-functions/_systap"),
        ("fish", "share/fish/vendor_completions.d/systap.fish"),
    ] {
        let place = fresh.join(place);
        std::fs::create_dir_all(place.parent().unwrap_or(&fresh)).map_err(|error| error.to_string())?;
        let text = quietly(&program, &["completions".as_ref(), shell.as_ref()])?;
        std::fs::write(&place, text).map_err(|error| format!("{}: {error}", place.display()))?;
    }
    interface(&target, &folder("share/systap/plugin")?)?;
    let registry = folder("share/systap")?.join("registry");
    publish(&program, &registry, &fresh)?;
    // Who comes from SystemTap finds the tapsets without installing them.
    let shipped = fresh.join("share/systap/shipped");
    let home = fresh.join("home");
    let install = Command::new(&systap)
        .args(["tapset", "install"])
        .args(TAPSETS)
        .env("XDG_DATA_HOME", &home)
        .env("XDG_CACHE_HOME", &home)
        .output();
    done("tapset install", install)?;
    let vendor = Command::new(&systap).args(["tapset", "vendor"]).arg(&shipped).env("XDG_DATA_HOME", &home).output();
    done("tapset vendor", vendor)?;
    std::fs::remove_dir_all(&home).map_err(|error| format!("{}: {error}", home.display()))?;
    std::fs::rename(&fresh, &prefix).map_err(|error| format!("{}: {error}", prefix.display()))?;
    println!("{} has bin/systap and what belongs to it; `cargo xtask install PREFIX` copies it", prefix.display());
    Ok(())
}

/// Unpacks the crate that plugins depend on, as cargo packs it: it needs nothing of the sources around it.
fn interface(target: &Path, to: &Path) -> Outcome {
    crate::run("cargo", &["package", "--quiet", "--package", "systap-plugin", "--no-verify", "--allow-dirty"], &[])?;
    let packed = std::fs::read_dir(target.join("package")).map_err(|error| error.to_string())?;
    let packed = packed.flatten().map(|entry| entry.path());
    let named = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("systap-plugin-") && name.ends_with(".crate")
    };
    let packed = packed.filter(named).max().ok_or("cargo package made no crate of systap-plugin")?;
    let args =
        ["--extract", "--gzip", "--strip-components=1", "--exclude=.cargo_vcs_info.json", "--exclude=*.orig", "--file"];
    let unpacked = Command::new("tar").args(args).arg(&packed).arg("--directory").arg(to).output();
    done("plugin", unpacked).map(drop)
}

/// Makes the registry, with keys that are gone afterwards.
fn publish(program: &Path, registry: &Path, beside: &Path) -> Outcome {
    let keys = beside.join("keys");
    let (root, publishing) = (keys.join("root.pem"), keys.join("publishing.pem"));
    for key in [&root, &publishing] {
        quietly(program, &["registry".as_ref(), "key".as_ref(), "new".as_ref(), key.as_os_str()])?;
    }
    let owner = format!("{}=the build of systap {}", publishing.display(), env!("CARGO_PKG_VERSION"));
    let init = Command::new(program)
        .args(["registry", "init", "--name", "systap", "--days", DAYS, "--owner", &owner, "--root-key"])
        .arg(&root)
        .arg("--key")
        .arg(&publishing)
        .arg(registry)
        .output();
    done("registry init", init)?;
    let mut command = Command::new(program);
    command.args(["tapset", "publish", "--days", DAYS, "--registry"]).arg(registry).arg("--key").arg(&publishing);
    command.args(ALLOWED.iter().flat_map(|what| ["--allow", what]));
    let output = command.args(TAPSETS).output();
    print!("{}", done("tapset publish", output)?);
    std::fs::remove_dir_all(&keys).map_err(|error| format!("{}: {error}", keys.display()))
}

fn quietly(program: &Path, args: &[&std::ffi::OsStr]) -> Result<String, String> {
    done(&args.first().map(|arg| arg.to_string_lossy()).unwrap_or_default(), Command::new(program).args(args).output())
}

/// What a command printed, if it came to a good end.
fn done(what: &str, output: std::io::Result<std::process::Output>) -> Result<String, String> {
    let output = output.map_err(|error| format!("systap {what} cannot be started: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(text);
    }
    Err(format!("systap {what}: {}\n{text}{}", output.status, String::from_utf8_lossy(&output.stderr)))
}

/// Makes the prefix and copies it, under /usr/local unless another place is named.
pub(crate) fn install(args: &[String]) -> Outcome {
    let place = args.first().map_or("/usr/local", String::as_str);
    dist(&[])?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    let from = target.join("dist/.").display().to_string();
    // What shipped before is replaced, not mixed with what ships now.
    for old in ["share/systap/registry", "share/systap/shipped"] {
        let old = Path::new(place).join(old);
        if old.exists() {
            std::fs::remove_dir_all(&old).map_err(|error| format!("{}: {error}", old.display()))?;
        }
    }
    std::fs::create_dir_all(place).map_err(|error| format!("{place}: {error}"))?;
    crate::run("cp", &["--recursive", "--remove-destination", &from, place], &[])
}
