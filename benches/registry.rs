//! What a large registry costs its users and its publishers: a hundred thousand tapsets of eight versions each, made here.
//!
//! Whole commands of `systap tapset`, beside cargo over the same tapsets as crates of a local registry, and beside what only moves the
//! same bytes. It must never assert a time; benches/README.md says what the figures mean. The registry stays under target/bench.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench is a command: it prints what it measured")]
#![expect(dead_code, reason = "it uses a part of what the benches share")]

mod measure;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use measure::numbers::median;
use measure::table::{number, render};
use systap_registry::index::{Bin, Entry, KernelNeeds, Named, Pinned, bin_of, pack, targets_of};
use systap_registry::trust::{Editor, Initial, Key};

type Failure = Box<dyn std::error::Error>;

/// How many tapsets there are.
const TAPSETS: usize = 100_000;
/// How many versions each has.
const VERSIONS: usize = 8;
/// What a request asks for.
const REQUEST: [usize; 10] = [99_999, 98_765, 91_234, 87_654, 76_543, 65_432, 54_321, 43_210, 32_109, 21_098];

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most.max(1) as u64) as usize
    }
}

fn name(number: usize) -> String {
    format!("t{number:05}")
}

/// What a version needs: up to three tapsets that came before it, as they were or later.
fn needs(number: usize, numbers: &mut Numbers) -> Vec<(String, String)> {
    (0..numbers.below(4).min(number))
        .map(|_| (name(numbers.below(number)), format!("1.{}", numbers.below(VERSIONS))))
        .collect()
}

fn entry(number: usize, minor: usize, needs: &[(String, String)]) -> Result<Entry, Failure> {
    let name = name(number);
    Ok(Entry {
        version: semver::Version::new(1, minor as u64, 0),
        summary: format!("What the subsystem number {number} does, in a sentence"),
        license: "MIT OR Apache-2.0".to_owned(),
        dependencies: needs
            .iter()
            .map(|(on, versions)| Ok((on.clone(), versions.parse()?)))
            .collect::<Result<_, Failure>>()?,
        kernel: KernelNeeds { tested: Some(">=5.15, <7.0".to_owned()), ..KernelNeeds::default() },
        whens: vec!["tracepoint(\"sched:sched_switch\")".to_owned()],
        aliases: ["begin", "end", "wait", "done"].map(|what| (format!("{name}.{what}"), vec![0])).into(),
        functions: vec![format!("{name}_name"), format!("{name}_state")],
        checked: BTreeMap::new(),
        native: None,
        sha256: Pinned::of(name.as_bytes()).sha256,
        size: 40_000,
        published: 1_700_000_000,
        name,
    })
}

/// Where cargo looks for a crate in an index.
fn cargo_path(name: &str) -> String {
    format!("{}/{}/{name}", &name[..2], &name[2..4])
}

/// Makes the registry and the same for cargo, unless they are there.
fn make(root: &Path) -> Result<(), Failure> {
    if root.join("made").exists() {
        return Ok(());
    }
    _ = std::fs::remove_dir_all(root);
    std::fs::create_dir_all(root)?;
    let key = Key::generate()?;
    key.write(&root.join("key.pem"))?;
    let keys = [key];
    let registry = root.join("registry");
    Editor::init(
        &registry,
        &Initial {
            name: "large".to_owned(),
            root: &keys,
            threshold: 1,
            publishing: &keys,
            owners: BTreeMap::new(),
            days: 3650,
            root_days: 3650,
        },
    )?;
    let mut numbers = Numbers(42);
    let mut bins: BTreeMap<String, (BTreeMap<String, Pinned>, String)> = BTreeMap::new();
    for number in 0..TAPSETS {
        let (name, mut lines, mut crates, mut newest) = (name(number), String::new(), String::new(), None);
        for minor in 0..VERSIONS {
            let needs = needs(number, &mut numbers);
            let entry = entry(number, minor, &needs)?;
            lines += &entry.line();
            let deps = entry.dependencies.iter().map(|(on, versions)| {
                format!("{{\"name\":\"{on}\",\"req\":\"{versions}\",\"features\":[],\"optional\":false,\"default_features\":true,\"target\":null,\"kind\":\"normal\"}}")
            });
            let deps = deps.collect::<Vec<_>>().join(",");
            writeln!(
                crates,
                "{{\"name\":\"{name}\",\"vers\":\"{}\",\"deps\":[{deps}],\"cksum\":\"{}\",\"features\":{{}},\"yanked\":false}}",
                entry.version, entry.sha256
            )?;
            newest = Some(entry);
        }
        std::fs::write(registry.join(format!("index/{name}.json")), &lines)?;
        let path = root.join("crates/index").join(cargo_path(&name));
        std::fs::create_dir_all(path.parent().unwrap_or(root))?;
        std::fs::write(path, crates)?;
        let (bin, named) = bins.entry(bin_of(&name)).or_default();
        bin.insert(name, Pinned::of(lines.as_bytes()));
        if let Some(newest) = newest {
            *named += &Named::of(&newest, vec![format!("subsystem{number}:event")]).line();
        }
    }
    let mut targets = BTreeMap::new();
    for (bin, (index, named)) in bins {
        let [for_index, for_names] = targets_of(&bin);
        targets.insert(for_index, Bin::of(&index).text().as_bytes().to_vec());
        targets.insert(for_names, pack(&named)?);
    }
    Editor::open(&registry, "large")?.replace(&targets, &keys, 3650)?;
    std::fs::write(root.join("made"), "")?;
    Ok(())
}

/// A command with a home of its own.
fn command(program: &Path, home: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    for (name, folder) in [("XDG_DATA_HOME", "data"), ("XDG_CACHE_HOME", "cache"), ("XDG_CONFIG_HOME", "config")] {
        command.env(name, home.join(folder));
    }
    command
}

/// Milliseconds of a command, which must come to a good end.
fn time(mut command: Command) -> Result<f64, Failure> {
    let begun = Instant::now();
    let output = command.output()?;
    let took = begun.elapsed().as_secs_f64() * 1e3;
    if output.status.success() {
        return Ok(took);
    }
    Err(format!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)).into())
}

fn rounds(count: usize, mut one: impl FnMut() -> Result<f64, Failure>) -> Result<f64, Failure> {
    let times: Vec<f64> = (0..count).map(|_| one()).collect::<Result<_, _>>()?;
    median(times).ok_or_else(|| "nothing was measured".into())
}

/// The files that a command opens below a folder.
fn opened(mut command: Command, below: &Path) -> Result<usize, Failure> {
    let trace = tempfile::NamedTempFile::new()?;
    let mut traced = Command::new("strace");
    traced
        .args(["-f", "-qq", "-e", "trace=openat", "-o"])
        .arg(trace.path())
        .arg(command.get_program())
        .args(command.get_args());
    traced.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command = traced;
    if !command.stdout(Stdio::null()).status()?.success() {
        return Err("strace, or what it traces, failed".into());
    }
    let text = std::fs::read_to_string(trace.path())?;
    let below = below.display().to_string();
    let mut files: Vec<&str> = text.lines().filter(|line| line.contains(&below) && !line.contains("= -1")).collect();
    files.sort_unstable();
    files.dedup();
    Ok(files.len())
}

/// A tapset of a maintainer's, to be published.
fn tapset(folder: &Path, name: &str, version: &str) -> Result<PathBuf, Failure> {
    let folder = folder.join(name);
    std::fs::create_dir_all(folder.join("scripts"))?;
    std::fs::create_dir_all(folder.join("tests"))?;
    let manifest = format!(
        "[tapset]\nname = \"{name}\"\nversion = \"{version}\"\nsummary = \"What {name} does\"\nlicense = \"MIT\"\nmanifest = 1\n"
    );
    std::fs::write(folder.join("tapset.toml"), manifest)?;
    std::fs::write(folder.join("README.md"), name)?;
    for file in 0..10 {
        std::fs::write(
            folder.join(format!("scripts/{file}.stp")),
            format!("// It starts.\nprobe {name}.start{file} = begin {{ n = {file} }}\n"),
        )?;
    }
    std::fs::write(folder.join("tests/0.stp"), format!("// alias: {name}.start0\nprobe {name}.start0 {{ exit() }}\n"))?;
    std::fs::write(folder.join("tests/0.out"), "")?;
    Ok(folder)
}

fn measure(systap: &Path, root: &Path) -> Result<(), Failure> {
    let home = tempfile::tempdir()?;
    let home = home.path();
    let registry = root.join("registry");
    let (at, first) = (registry.display().to_string(), registry.join("metadata/1.root.json").display().to_string());
    let choice = ["--registry", &at, "--root", &first];
    let mut rows = vec![];
    let mut row = |what: &str, took: f64, bar: f64, beside: Option<(&str, f64)>| {
        let (peer, ratio) = beside.map_or((String::new(), None), |(peer, its)| (peer.to_owned(), Some(took / its)));
        rows.push(vec![what.to_owned(), number(Some(took), 1), number(Some(bar), 0), peer, number(ratio, 3)]);
    };
    // Ten of them, and what they need.
    let names = REQUEST.map(name);
    let mut resolve = vec!["tapset", "install", "--dry-run"];
    resolve.extend(choice);
    resolve.extend(names.iter().map(String::as_str));
    let took = rounds(11, || time(command(systap, home, &resolve)))?;
    let project = tempfile::tempdir()?;
    std::fs::create_dir_all(project.path().join("src"))?;
    std::fs::write(project.path().join("src/lib.rs"), "")?;
    let dependencies: String = names.iter().map(|name| format!("{name} = \"*\"\n")).collect();
    std::fs::write(
        project.path().join("Cargo.toml"),
        format!("[package]\nname = \"x\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[dependencies]\n{dependencies}"),
    )?;
    std::fs::create_dir_all(project.path().join(".cargo"))?;
    let source = format!(
        "[source.crates-io]\nreplace-with = \"large\"\n[source.large]\nlocal-registry = \"{}\"\n",
        root.join("crates").display()
    );
    std::fs::write(project.path().join(".cargo/config.toml"), source)?;
    let cargo = rounds(11, || {
        _ = std::fs::remove_file(project.path().join("Cargo.lock"));
        let mut cargo = command(Path::new("cargo"), home, &["generate-lockfile", "--offline"]);
        cargo.current_dir(project.path());
        time(cargo)
    });
    let cargo = cargo.inspect_err(|error| eprintln!("left out: cargo: {error}")).ok();
    row("ten tapsets resolved", took, 100.0, cargo.map(|took| ("cargo", took)));
    let files = opened(command(systap, home, &resolve), &registry)?;
    // By what they probe, among all.
    let mut search = vec!["tapset", "search", "--alias", "t4321*.wait"];
    search.extend(choice);
    let took = rounds(11, || time(command(systap, home, &search)))?;
    let unpack = format!("cat {}/targets/*.names-*.zst | zstd -dc | grep -c 't4321[0-9]*\\.wait'", registry.display());
    let pipe = rounds(11, || time(command(Path::new("sh"), home, &["-c", &unpack])));
    let pipe = pipe.inspect_err(|error| eprintln!("left out: zstd and grep: {error}")).ok();
    row("search by alias", took, 100.0, pipe.map(|took| ("zstd | grep", took)));
    // One more is published among them.
    let work = tempfile::tempdir()?;
    let key = root.join("key.pem").display().to_string();
    let begun = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
    let mut changed = 0;
    let mut times = vec![];
    for patch in 0..5 {
        let folder = tapset(work.path(), "published", &format!("1.{begun}.{patch}"))?;
        let folder = folder.display().to_string();
        let args = [
            "tapset",
            "publish",
            "--registry",
            &at,
            "--key",
            &key,
            "--days",
            "3650",
            "--allow",
            "tests",
            "--allow",
            "untested-alias",
            "--allow",
            "semver",
            &folder,
        ];
        let before = std::time::SystemTime::now();
        times.push(time(command(systap, home, &args))?);
        changed = changed_since(&registry, before)?;
    }
    row("a version published", median(times).unwrap_or_default(), 200.0, None);
    // Twenty, over loopback.
    let small = work.path().join("small");
    let small_at = small.display().to_string();
    time(command(
        systap,
        home,
        &["registry", "init", &small_at, "--name", "small", "--root-key", &key, "--key", &key],
    ))?;
    let mut publish = vec![
        "tapset",
        "publish",
        "--registry",
        &small_at,
        "--key",
        &key,
        "--allow",
        "tests",
        "--allow",
        "untested-alias",
        "--allow",
        "similar-name",
    ];
    let twenty: Vec<String> = (0..20).map(|number| format!("name{number}")).collect();
    let folders: Vec<String> = twenty
        .iter()
        .map(|name| Ok(tapset(work.path(), name, "1.0.0")?.display().to_string()))
        .collect::<Result<_, Failure>>()?;
    publish.extend(folders.iter().map(String::as_str));
    time(command(systap, home, &publish))?;
    let mut server = command(systap, home, &["registry", "serve", "--listen", "127.0.0.1:0", &small_at]);
    let mut server = server.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
    let mut line = String::new();
    if let Some(output) = server.stdout.take() {
        std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut line)?;
    }
    let place = line.split(' ').next().unwrap_or_default();
    let root_file = small.join("metadata/1.root.json").display().to_string();
    let mut install = vec!["tapset", "install", "--registry", place, "--root", &root_file];
    install.extend(twenty.iter().map(String::as_str));
    let user = tempfile::tempdir()?;
    let took = rounds(11, || {
        for folder in ["data", "cache"] {
            _ = std::fs::remove_dir_all(user.path().join(folder));
        }
        time(command(systap, user.path(), &install))
    });
    let copy = format!("rm -rf {0}/copy && cp -r {0}/data {0}/copy && sync -f {0}/copy", user.path().display());
    let copied = rounds(5, || time(command(Path::new("sh"), user.path(), &["-c", &copy])))?;
    _ = server.kill();
    _ = server.wait();
    row("twenty installed over loopback", took?, 300.0, Some(("cp -r and sync", copied)));
    // A script beside a lock of them.
    std::fs::write(work.path().join("a.stp"), "probe begin { exit() }\n")?;
    let script = work.path().join("a.stp").display().to_string();
    let without = rounds(41, || time(command(systap, user.path(), &[&script])))?;
    let folder = work.path().display().to_string();
    time(command(systap, user.path(), &["tapset", "lock", &folder]))?;
    let with = rounds(41, || time(command(systap, user.path(), &[&script])))?;
    row("what a lock of twenty adds to a script", with - without, 2.0, Some(("the script without", without)));
    println!("{}", render(&["what", "ms", "<bar", "beside", "ratio"], &rows));
    println!("ten tapsets resolved: {files} files of the registry read, of {}", TAPSETS * VERSIONS);
    println!("a version published: {changed} files of the registry changed");
    Ok(())
}

/// How many files below a folder have changed since then.
fn changed_since(folder: &Path, since: std::time::SystemTime) -> Result<usize, Failure> {
    let mut count = 0;
    for entry in folder.read_dir()? {
        let entry = entry?;
        let facts = entry.metadata()?;
        if facts.is_dir() {
            count += changed_since(&entry.path(), since)?;
        } else if facts.modified()? >= since {
            count += 1;
        }
    }
    Ok(count)
}

fn main() -> ExitCode {
    if !std::env::args().any(|arg| arg == "--bench") {
        println!("under cargo test nothing is measured");
        return ExitCode::SUCCESS;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let systap = std::env::var_os("SYSTAP").map_or_else(|| root.join("target/release/systap"), PathBuf::from);
    let done =
        make(&root.join("target/bench/registry")).and_then(|()| measure(&systap, &root.join("target/bench/registry")));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
