//! Plugins in confined processes: a good one answers, and whatever a bad one does has its own name and no effect.
//!
//! This program is its own host: the processes are itself started anew.

#![allow(missing_docs, reason = "a test")]
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test that brings its own harness")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use libtest_mimic::{Arguments, Failed, Trial};
use systap_plugin_host::{
    Answer, Digest, Facts, Host, Layer, Limits, PluginError, Request, State, Strength, Value, serve_if_child,
};

fn main() -> ExitCode {
    serve_if_child(std::env::args_os());
    if std::env::args().nth(1).is_some_and(|word| word == SLEEPER) {
        let patient = Host::new().with_limits(Limits { time: Duration::from_secs(50) });
        _ = patient.ask(&request("plugin_hostile", "sleep"));
        return ExitCode::SUCCESS;
    }
    // What an initialiser leaves where it runs unconfined, as in a test program made of the example itself.
    _ = fs::remove_file("/dev/shm/systap-plugin-was-here");
    let arguments = Arguments::from_args();
    if library("plugin_good").is_none() {
        eprintln!("skipped: the example libraries are not built (`cargo test -p systap-plugin-host` builds them)");
        return ExitCode::SUCCESS;
    }
    let mut trials: Vec<Trial> = vec![
        trial("a_good_one_answers", a_good_one_answers),
        trial("it_is_confined", it_is_confined),
        trial("what_was_answered_is_kept", what_was_answered_is_kept),
        trial("files_that_are_no_plugins", files_that_are_no_plugins),
        trial("a_damaged_file_is_named_wherever_it_is_cut", a_damaged_file_is_named_wherever_it_is_cut),
        trial("answers_must_be_equal", answers_must_be_equal),
        trial("what_must_not_be_possible", what_must_not_be_possible),
        trial("one_after_another", one_after_another),
        trial("who_asked_is_killed", who_asked_is_killed),
    ];
    for (deed, code) in DEEDS {
        trials.push(trial(&format!("deed::{}", deed.replace(' ', "_")), move || deed_is_named(deed, code)));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(name: &str, test: impl FnOnce() + Send + 'static) -> Trial {
    Trial::test(name, move || {
        test();
        Ok::<(), Failed>(())
    })
}

/// Makes this program ask a plugin that sleeps, to be killed meanwhile.
const SLEEPER: &str = "--ask-a-sleeper";

/// What a plugin may do, and the code of the error that it must give.
const DEEDS: [(&str, &str); 21] = [
    ("panic", "plugin-panic"),
    ("abort", "plugin-died"),
    ("exit 0", "plugin-ended"),
    ("exit 3", "plugin-ended"),
    ("segfault", "plugin-died"),
    ("loop", "plugin-died"),
    ("sleep", "plugin-timeout"),
    ("stop", "plugin-timeout"),
    ("memory", "plugin-died"),
    ("long", "plugin-too-long"),
    ("flood", "plugin-died"),
    ("garbage", "plugin-garbled"),
    ("forge", "plugin-garbled"),
    ("pour", "plugin-garbled"),
    // What the C library or Rust's make of a descriptor that is gone.
    ("close", "plugin-died|plugin-ended"),
    ("close-sleep", "plugin-timeout"),
    ("unit", "plugin-refused"),
    ("name", "plugin-refused"),
    ("twice", "plugin-refused"),
    ("unasked", "plugin-panic"),
    ("syscall", "plugin-died"),
];

/// A library among the examples.
fn library(name: &str) -> Option<PathBuf> {
    let built = std::env::current_exe().ok()?.parent()?.parent()?.join("examples").join(format!("lib{name}.so"));
    built.exists().then_some(built)
}

fn request_of(path: &Path, facts: Facts) -> Request {
    let bytes = fs::read(path).unwrap();
    let units = ["new.stp", "old.stp"].map(str::to_owned).to_vec();
    Request { library: path.to_owned(), sha256: Digest::of(&bytes), abi: systap_plugin::ABI, units, facts }
}

fn request(name: &str, release: &str) -> Request {
    request_of(&library(name).unwrap(), Facts::new(release, "x86_64"))
}

/// Some facts of a made-up kernel with an enumeration.
fn facts(release: &str, arch: &str) -> Facts {
    let text = format!(
        r#"{{"release":"{release}","arch":"{arch}","known":[[{{"enum":"vm_fault_reason"}},{{"values":[["VM_FAULT_OOM",1]]}}]]}}"#
    );
    serde_json::from_str(&text).unwrap()
}

fn good(release: &str, arch: &str) -> Request {
    request_of(&library("plugin_good").unwrap(), facts(release, arch))
}

fn text(answer: &Answer, name: &str) -> String {
    match answer.constants.iter().find(|one| one.name == name).map(|one| &one.value) {
        Some(Value::Text(text)) => text.clone(),
        other => panic!("{name} is {other:?}"),
    }
}

fn a_good_one_answers() {
    let asked = Host::new().ask(&good("6.18.0-x", "x86_64")).unwrap();
    assert_eq!(asked.answer.aliases[0].unit, "new.stp");
    assert_eq!(asked.answer.functions[0].name, "good_name");
    assert_eq!(asked.answer.constants[0].value, Value::Long(1));
    assert_eq!(text(&asked.answer, "GOOD_RELEASE"), "6.18.0-x");
    assert_eq!(asked.answer.tables[0].rows[0].value, Value::Text("VM_FAULT_OOM".to_owned()));
    let older = Host::new().ask(&good("5.15.0", "x86_64")).unwrap();
    assert_eq!(older.answer.aliases[0].unit, "old.stp");
    let declined = Host::new().ask(&good("6.1", "alpha")).unwrap_err();
    assert_eq!(declined, PluginError::Declined("nothing is known of this machine".to_owned()));
}

fn it_is_confined() {
    let sandbox = Host::new().try_sandbox().unwrap();
    let root = rustix::process::geteuid().is_root();
    assert!(sandbox.strength() >= Strength::Weak, "{sandbox:?}");
    assert_eq!(sandbox.state(Layer::SystemCalls), Some(&State::On));
    assert_eq!(sandbox.layers.len(), Layer::ALL.len());
    if root && sandbox.strength() != Strength::Full {
        eprintln!("skipped: not everything is on here: {}", sandbox.lacks());
    }
}

fn deed_is_named(deed: &str, code: &str) {
    let start = Instant::now();
    let host =
        Host::new().with_limits(Limits { time: Duration::from_millis(if deed == "loop" { 8000 } else { 4000 }) });
    let error = host.ask(&request("plugin_hostile", deed)).unwrap_err();
    assert!(code.split('|').any(|code| code == error.code()), "{}, not {code}: {error}", error.code());
    assert!(start.elapsed() < Duration::from_secs(10));
    assert!(!error.to_string().contains('\x1b'), "{error}");
    assert!(children().is_empty(), "left behind");
}

/// The processes that this thread, the only one that starts any for this test, has not waited for.
fn children() -> Vec<String> {
    let own = format!("/proc/self/task/{}/children", rustix::thread::gettid().as_raw_nonzero());
    fs::read_to_string(own).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

fn what_must_not_be_possible() {
    for deed in ["fork", "thread", "socket", "kill", "passwd", "btf", "write", "environ", "root"] {
        let asked = Host::new().ask(&request("plugin_hostile", &format!("attempt {deed}"))).unwrap();
        let strength = asked.sandbox.map(|sandbox| sandbox.strength());
        if strength != Some(Strength::Full) && ["passwd", "btf", "environ"].contains(&deed) {
            eprintln!("skipped: {deed}: the sandbox is {strength:?}");
            continue;
        }
        assert_eq!(text(&asked.answer, "REFUSED"), "permission denied", "{deed}");
    }
    assert!(!Path::new("/dev/shm/systap-plugin-was-here").exists());
}

fn what_was_answered_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let host = Host::new().with_cache(folder.path().join("answers"));
    let request = good("6.18.0", "x86_64");
    let first = host.ask(&request).unwrap();
    assert!(first.sandbox.is_some());
    let second = host.ask(&request).unwrap();
    assert_eq!((second.sandbox, &second.answer), (None, &first.answer));
    // Other facts are another question.
    assert!(host.ask(&good("6.18.1", "x86_64")).unwrap().sandbox.is_some());
    let fewer = Request { units: vec!["old.stp".to_owned()], ..request.clone() };
    assert_eq!(host.ask(&fewer).unwrap_err().code(), "plugin-refused");
    // What is damaged is as good as absent, and is mended; so is what others could have written.
    let files = || fs::read_dir(folder.path().join("answers")).unwrap().flatten().map(|file| file.path());
    assert_eq!(files().count(), 2);
    let damages: [fn(&mut Vec<u8>); 3] =
        [|bytes| bytes.truncate(40), |bytes| bytes.iter_mut().skip(33).for_each(|byte| *byte ^= 1), Vec::clear];
    for damage in damages {
        for file in files() {
            let mut bytes = fs::read(&file).unwrap();
            damage(&mut bytes);
            fs::write(&file, bytes).unwrap();
        }
        assert!(host.ask(&request).unwrap().sandbox.is_some());
        assert!(host.ask(&request).unwrap().sandbox.is_none());
    }
    // A cache that cannot be made costs nothing but itself.
    let nowhere = Host::new().with_cache("/proc/none");
    assert_eq!(nowhere.ask(&request).unwrap().answer, first.answer);
}

fn files_that_are_no_plugins() {
    let folder = tempfile::tempdir().unwrap();
    let ask = |bytes: &[u8]| {
        let path = folder.path().join("library.so");
        fs::write(&path, bytes).unwrap();
        Host::new().ask(&request_of(&path, Facts::new("6.1", "x86_64"))).unwrap_err()
    };
    let good = fs::read(library("plugin_good").unwrap()).unwrap();
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        bytes
    };
    assert_eq!(ask(b"").code(), "plugin-not-a-library");
    assert_eq!(ask(b"#!/bin/sh\n").code(), "plugin-not-a-library");
    // Offsets of the header of an ELF file (elf(5)): class 4, kind 16, machine 18.
    assert_eq!(ask(&with(4, 1)).code(), "plugin-target");
    assert_eq!(ask(&with(16, 2)).code(), "plugin-not-a-library");
    let other = if cfg!(target_arch = "x86_64") { 183 } else { 62 };
    assert!(matches!(ask(&with(18, other)), PluginError::WrongTarget { .. }));
    let other_abi = Host::new().ask(&request("plugin_other_abi", "6.1")).unwrap_err();
    assert_eq!(other_abi, PluginError::WrongAbi { found: 2, wanted: 1 });
    let rootless = Host::new().ask(&request("plugin_rootless", "6.1")).unwrap_err();
    assert_eq!(rootless.code(), "plugin-no-symbol");
    let initialiser = Host::new().ask(&request("plugin_initialiser", "6.1")).unwrap_err();
    assert_eq!(initialiser, PluginError::Ended(0));
    let wrong = Request { sha256: Digest([0; 32]), ..request("plugin_good", "6.1") };
    assert_eq!(Host::new().ask(&wrong).unwrap_err().code(), "plugin-hash");
    let foreign = Request { abi: 7, ..request("plugin_good", "6.1") };
    assert_eq!(Host::new().ask(&foreign).unwrap_err(), PluginError::ForeignAbi { wanted: 7, ours: 1 });
    let absent = Request { library: folder.path().join("none"), ..request("plugin_good", "6.1") };
    assert_eq!(Host::new().ask(&absent).unwrap_err().code(), "plugin-unreadable");
    let system =
        ["/lib/x86_64-linux-gnu/libm.so.6", "/lib64/libm.so.6"].into_iter().find(|file| Path::new(file).exists());
    match system {
        Some(file) => {
            let error = Host::new().ask(&request_of(Path::new(file), Facts::new("6.1", "x86_64"))).unwrap_err();
            assert_eq!(error.code(), "plugin-no-symbol");
        }
        None => eprintln!("skipped: no libm where it is looked for"),
    }
}

fn a_damaged_file_is_named_wherever_it_is_cut() {
    let folder = tempfile::tempdir().unwrap();
    let good = fs::read(library("plugin_good").unwrap()).unwrap();
    for part in 1..16 {
        let path = folder.path().join("library.so");
        fs::write(&path, &good[..good.len() * part / 16]).unwrap();
        let error = Host::new().ask(&request_of(&path, Facts::new("6.1", "x86_64"))).unwrap_err();
        assert_eq!(error.code(), "plugin-not-a-library", "{part}/16: {error}");
    }
}

fn answers_must_be_equal() {
    assert_eq!(Host::new().ask_twice(&request("plugin_hostile", "random")).unwrap_err(), PluginError::Inconsistent);
    assert!(Host::new().ask_twice(&good("6.1", "x86_64")).is_ok());
}

/// Each has a process of its own: a bad one does not spoil the next, nor does one get another's module.
fn one_after_another() {
    let host = Host::new();
    assert_eq!(host.ask(&request("plugin_hostile", "segfault")).unwrap_err().code(), "plugin-died");
    assert_eq!(host.ask(&good("6.18.0", "x86_64")).unwrap().answer.aliases.len(), 1);
    assert_eq!(host.ask(&request("plugin_hostile", "")).unwrap().answer.constants[0].name, "KNOWN");
    assert_eq!(host.ask(&good("6.18.0", "x86_64")).unwrap().answer.aliases.len(), 1);
}

/// A plugin's process does not outlive the one that asked, not even if that had no time to end in order.
fn who_asked_is_killed() {
    let mut asking = std::process::Command::new("/proc/self/exe").arg(SLEEPER).spawn().unwrap();
    let list = format!("/proc/{0}/task/{0}/children", asking.id());
    let until = |what: &dyn Fn() -> bool| {
        let end = Instant::now() + Duration::from_secs(10);
        while !what() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        what()
    };
    assert!(until(&|| fs::read_to_string(&list).is_ok_and(|list| !list.trim().is_empty())), "nothing was started");
    let child = fs::read_to_string(&list).unwrap().trim().to_owned();
    // Long enough for it to be confined, so that the wish is there to be fulfilled; before, it looks for itself.
    std::thread::sleep(Duration::from_millis(100));
    asking.kill().unwrap();
    asking.wait().unwrap();
    let gone = || fs::read_to_string(format!("/proc/{child}/stat")).map_or(true, |stat| stat.contains(") Z "));
    assert!(until(&gone), "{child} lives on");
}
