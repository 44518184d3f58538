//! Scripts checked against kernels that do not run: saved facts of the running one, Debian's, and what is no kernel.
//!
//! What comes of a script must be the same with facts that were saved as with the kernel that they were saved from.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

mod systap;

use std::path::{Path, PathBuf};
use systap::run;

/// Saves the running kernel's facts; `None` where it shows no types.
fn saved(folder: &Path) -> Option<PathBuf> {
    if !Path::new("/sys/kernel/btf/vmlinux").exists() {
        eprintln!("skipped: this kernel shows no types");
        return None;
    }
    let file = folder.join("running.facts");
    run(["kernel".as_ref(), "save".as_ref(), file.as_os_str()]).exits(0);
    Some(file)
}

/// Scripts that ask for every kind of fact.
const SCRIPTS: &[&str] = &[
    "probe kernel.trace(\"sched_switch\") { println($prev->pid, kernel_string($next->comm), $$parms$) }",
    "probe kernel.trace(\"sched:*\") { println(pp()) }",
    "probe kernel.trace(\"nothing_like_it\") ?, begin { println(1) }",
    "probe syscall.openat, syscall.close.return { println(execname(), ppid(), euid()) }",
    "probe kernel.function(\"vfs_r*\") { println($$parms) }",
    "probe kernel.function(\"vfs_read\").return { println($return) }",
    "probe kernel.function(\"asm_exc_page_fault\") ? , kprobe.function(\"vfs_write\") { println(1) }",
    "probe begin { println(@cast(0, \"task_struct\", \"kernel\")->pid, &@cast(0, \"struct sk_buff\")->len) }",
    "probe begin { %( CONFIG_SMP == \"y\" %? println(\"smp\") %: println(\"one\") %) %( kernel_v >= \"5.10\" %? println(2) %) }",
    "probe timer.jiffies(10) { println(1) }",
    "probe kernel.trace(\"sched_swich\") { println($prev->pdi) }",
    "probe kernel.function(\"vfs_reed\") { }",
];

#[test]
fn saved_facts_are_as_good_as_the_kernel() {
    let folder = tempfile::tempdir().unwrap();
    let Some(file) = saved(folder.path()) else { return };
    let file = file.to_str().unwrap();
    for script in SCRIPTS {
        for form in ["program", "ir"] {
            let live = run(["check", "--print", form, "-e", script]);
            let from_file = run(["check", "--kernel", file, "--print", form, "-e", script]);
            assert_eq!(from_file.status, live.status, "{script}\n{}", from_file.all());
            assert_eq!(from_file.text(), live.text(), "{script}");
            assert_eq!(from_file.complaints(), live.complaints(), "{script}");
        }
    }
    let shown = run(["kernel", "show", file]);
    let running = run(["kernel", "show"]);
    let facts =
        |text: String| text.lines().skip(1).filter(|line| !line.starts_with("symbols")).collect::<Vec<_>>().join("\n");
    // Programs of BPF come and go among the symbols.
    assert_eq!(facts(shown.text()), facts(running.text()));
    let same = folder.path().join("again.facts");
    run(["kernel", "save", "--kernel", file, same.to_str().unwrap()]).is_quiet();
    assert!(std::fs::read(file).unwrap() == std::fs::read(&same).unwrap(), "saved again, they differ");
}

#[test]
fn what_is_no_kernel_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, bytes: &[u8]| {
        let file = folder.path().join(name);
        std::fs::write(&file, bytes).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let refusal = |what: &str, says: &str| {
        run(["check", "--kernel", what, "-e", "probe begin { exit() }"]).exits(3).complains(&[says]);
        run(["kernel", "show", what]).exits(3).complains(&[says]);
    };
    refusal(&at("text", b"hello"), "text is no kernel");
    refusal(&at("newer", b"\x89stfact\n\x63\0\0\0"), "newer has facts in format 99");
    refusal(&at("cut", b"\x89stfact\n\x01"), "cut is damaged: it is cut off");
    refusal(folder.path().to_str().unwrap(), "there is no kernel in this folder");
    refusal("1.2.3-nobody", "no kernel 1.2.3-nobody is installed");
    refusal("/nowhere/at/all", "cannot read /nowhere/at/all");
    // The types are only looked at when somebody asks for one.
    let foreign = at("foreign.btf", &[&[0xeb, 0x9f, 1, 0][..], &[0; 24]].concat());
    refusal(&foreign, "foreign.btf) are malformed: this BTF was written for a machine of the other byte order");
}

/// Debian's kernels, where the lab has unpacked them.
#[test]
fn kernels_of_debian() {
    for (series, folds) in [("6.1", false), ("6.12", true)] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/lab").join(series);
        if !folder.join("boot").is_dir() {
            eprintln!("skipped: the lab has not unpacked {series} (`cargo xtask lab {series} -- true` does)");
            continue;
        }
        let kernel = folder.to_str().unwrap();
        let script = "probe kernel.trace(\"sched:sched_switch\") { println($prev->pid) }
            probe begin { %( kernel_v >= \"6.6\" %? println(\"new\") %: println(\"old\") %) %( CONFIG_HZ == \"250\" %? println(\"hz\") %) }";
        let outcome = run(["check", "--kernel", kernel, "--print", "program", "-e", script]);
        outcome.is_quiet();
        assert!(outcome.text().contains(if folds { "\"new" } else { "\"old" }), "{}", outcome.all());
        assert!(outcome.text().contains("\"hz"), "{}", outcome.all());
        // `struct folio` came with 5.16, `mm_cid_active` of a task with 6.3.
        let cast = "probe begin { println(@cast(0, \"task_struct\")->mm_cid_active) }";
        run(["check", "--kernel", kernel, "-e", cast]).exits(if folds { 0 } else { 1 });
        // Nothing of another kernel can be run: SystemTap's command line ends before it.
        let stap = run(["stap", "-r", kernel, "-e", "probe begin { println(\"ran\") exit() }"]);
        stap.exits(0).complains(&["for another kernel"]);
        assert_eq!(stap.text(), "");
    }
}

/// The facts files that `cargo xtask shelf` has made, if it has.
fn shelf() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/shelf");
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<PathBuf> = files.filter(|path| path.extension().is_some_and(|end| end == "facts")).collect();
    found.sort();
    if found.is_empty() {
        eprintln!("skipped: there are no kernels on the shelf (`cargo xtask shelf` fetches them)");
    }
    found
}

#[test]
fn a_script_holds_on_every_kernel_of_the_shelf() {
    for file in shelf() {
        let name = file.to_str().unwrap();
        run(["check", "--kernel", name, "-e", SCRIPTS[0]]).exits(0);
        let shown = run(["kernel", "show", name]).text();
        let of = |what: &str| shown.lines().find(|line| line.starts_with(what)).unwrap_or_default().to_owned();
        // Images for ARM are relocated when they start: the address that their table counts from is not in them.
        if of("architecture").ends_with("x86_64") && !name.ends_with("running.facts") {
            for fact in ["symbols", "events", "options"] {
                assert!(!of(fact).contains("not known"), "{name}: {}", of(fact));
            }
        }
    }
}
