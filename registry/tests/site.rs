//! The pages of a registry, as a browser shows them: with and without scripts, on a wide screen and on a phone, whatever packages say.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test whose registry cannot be made has failed; one that is skipped says so"
)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use systap_registry::Folder;
use systap_registry::access::{Patience, Place};
use systap_registry::doc::{AliasDoc, Doc, FunctionDoc};
use systap_registry::index::{Entry, KernelNeeds, Native, Pinned, Yank};
use systap_registry::package::Contents;
use systap_registry::site::pages;
use systap_registry::trust::{Editor, Initial, Key, Publication, Registry, Settings};

const EVIL: &str =
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"> & 'q' \u{202e}gnp";

fn publication(name: &str, version: &str, summary: &str, doc: &Doc) -> Publication {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "[tapset]\nname = \"{name}\"\nversion = \"{version}\"\nsummary = \"s\"\nlicense = \"MIT\"\nmanifest = 1\n"
    );
    std::fs::write(folder.path().join("tapset.toml"), text).unwrap();
    let mut contents = Contents::of(&Folder::open(folder.path()).unwrap(), &[]).unwrap();
    contents.put(systap_registry::doc::FILE, serde_json::to_vec(doc).unwrap());
    let packed = contents.pack().unwrap();
    let pinned = Pinned::of(&packed);
    let aliases = doc.aliases.iter().map(|alias| (alias.name.clone(), vec![])).collect();
    let kernels = [
        "6.1.0-50-amd64 x86_64",
        "6.12.117+deb12-amd64 x86_64",
        "6.18.5 x86_64",
        "5.15.0-51-generic x86_64",
        "6.8.0-41-generic aarch64",
    ];
    let first = doc.aliases.first().map(|alias| alias.name.clone());
    let entry = Entry {
        name: name.to_owned(),
        version: version.parse().unwrap(),
        summary: summary.to_owned(),
        license: "MIT".to_owned(),
        dependencies: BTreeMap::from([("task".to_owned(), "^1.1".parse().unwrap())]),
        kernel: KernelNeeds {
            needs: Some("function(\"a<b\")".to_owned()),
            tested: Some(">=5.15".to_owned()),
            arch: vec![],
        },
        whens: vec![],
        aliases,
        functions: doc.functions.iter().map(|function| function.name.clone()).collect(),
        checked: kernels
            .iter()
            .enumerate()
            .map(|(nth, kernel)| ((*kernel).to_owned(), first.iter().filter(|_| nth % 2 == 1).cloned().collect()))
            .collect(),
        native: Some(Native { abi: 1, targets: vec!["x86_64-unknown-linux-gnu".to_owned()] }),
        sha256: pinned.sha256,
        size: pinned.length,
        published: 1_700_000_000,
    };
    Publication { entry, tracepoints: vec![], packed }
}

/// A registry with a decent tapset and an evil one, opened.
fn registry(root: &Path) -> Registry {
    let keys = [Key::generate().unwrap()];
    let folder = root.join("registry");
    let owners = BTreeMap::from([(keys[0].id(), "Ada <b>".to_owned())]);
    let initial = Initial {
        name: "test".to_owned(),
        root: &keys,
        threshold: 1,
        publishing: &keys,
        owners,
        days: 30,
        root_days: 30,
    };
    Editor::init(&folder, &initial).unwrap();
    let alias = |name: &str| AliasDoc {
        name: name.to_owned(),
        comment: vec![
            "A disk is asked for something.".to_owned(),
            "sector: long, where on".to_owned(),
            "the disk".to_owned(),
        ],
        variables: vec![
            "sector:long".to_owned(),
            "a_very_long_name_of_a_variable_that_does_not_fit_a_phone:string".to_owned(),
        ],
        when: vec!["tracepoint(\"block:block_rq_issue\")".to_owned()],
        ..AliasDoc::default()
    };
    let function = FunctionDoc {
        name: "disk_name".to_owned(),
        comment: vec!["The name of a disk.".to_owned()],
        parameters: vec!["device:long".to_owned()],
        gives: "string".to_owned(),
    };
    let good = Doc {
        aliases: vec![alias("disk.issue"), alias("disk.done")],
        functions: vec![function],
        attaches: vec!["kernel.trace(\"x\")".to_owned()],
    };
    let mut evil_alias = alias("evil.x");
    evil_alias.comment = vec![EVIL.to_owned(), format!("sector: {EVIL}")];
    evil_alias.when = vec![EVIL.to_owned()];
    let evil = Doc { aliases: vec![evil_alias], functions: vec![], attaches: vec![EVIL.to_owned()] };
    let all = [
        publication("disk", "1.0.0", "Disks, their queues and what waits in them", &good),
        publication("disk", "1.1.0", "Disks, their queues and what waits in them", &good),
        publication("evil", "1.0.0", EVIL, &evil),
    ];
    Editor::open(&folder, "test").unwrap().publish(&all, &keys, 30).unwrap();
    let yank = Yank { version: "1.0.0".parse().unwrap(), yanked: true, reason: Some(EVIL.to_owned()), at: 0 };
    Editor::open(&folder, "test").unwrap().yank("disk", yank, &keys, 30).unwrap();
    let root = std::fs::read(folder.join("metadata/1.root.json")).unwrap();
    Registry::open(Settings {
        name: "test".to_owned(),
        place: Place::Folder(folder),
        root,
        seen: None,
        kept: None,
        offline: false,
        allow_expired: false,
        patience: Patience::default(),
    })
    .unwrap()
}

#[test]
fn pages_are_the_same_each_time_and_text_is_text() {
    let root = tempfile::tempdir().unwrap();
    let registry = registry(root.path());
    let all = pages(&registry).unwrap();
    assert_eq!(all, pages(&registry).unwrap());
    let names: Vec<&str> = all.iter().map(|page| page.path.as_str()).collect();
    assert_eq!(names, ["style.css", "filter.js", "index.html", "names.html", "disk/index.html", "evil/index.html"]);
    for page in all.iter().filter(|page| page.path.ends_with(".html")) {
        let text = std::str::from_utf8(&page.bytes).unwrap();
        assert!(!text.contains("<img") && !text.contains("<b>") && !text.contains('\u{202e}'), "{}", page.path);
        assert_eq!(text.matches("<script").count(), usize::from(page.path == "index.html"), "{}", page.path);
        for address in text.split("href=\"").skip(1).chain(text.split("src=\"").skip(1)) {
            assert!(!address.starts_with("http") && !address.starts_with('/'), "{}: {address}", page.path);
        }
    }
    let disk = std::str::from_utf8(&all[4].bytes).unwrap();
    for part in [
        "systap tapset install disk",
        "<code>sector</code></th><td>long</td><td>where on the disk</td>",
        "disk_name(device: long): string",
        "<td class=\"no\">✗ no</td>",
        "<td>2023-11-14</td>",
        "yanked 1970-01-01: &lt;script&gt;",
        "interface 1;",
        "Ada &lt;b&gt; (key ",
        "<a href=\"../task/\">task</a> ^1.1",
    ] {
        assert!(disk.contains(part), "{part}\n{disk}");
    }
}

/// Shows a page in a window of that size, and gives what became of it.
fn shown(folder: &Path, page: &str, width: u32) -> Option<String> {
    let profile = tempfile::tempdir().unwrap();
    let mut command = Command::new("timeout");
    command.args([
        "60",
        "chromium",
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--dump-dom",
        "--virtual-time-budget=2000",
    ]);
    command.arg(format!("--user-data-dir={}", profile.path().display())).arg(format!("--window-size={width},900"));
    let output = command.arg(format!("file://{}", folder.join(page).display())).output().unwrap();
    // So `timeout` says that there is no such program.
    if output.status.code() == Some(127) {
        eprintln!("skipped: there is no chromium to show a page");
        return None;
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_browser_shows_them() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("site");
    for page in pages(&registry(root.path())).unwrap() {
        let path = folder.join(&page.path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, &page.bytes).unwrap();
    }
    let Some(front) = shown(&folder, "index.html", 1200) else { return };
    assert!(front.contains("<title>Tapsets of test</title>"), "no script of a package ran: {front}");
    assert!(front.contains("aria-label=\"Filter the tapsets\""), "the filter is there: {front}");
    // A browser that runs no scripts dumps nothing either; a page whose script is not there is as good.
    std::fs::remove_file(folder.join("filter.js")).unwrap();
    let Some(without) = shown(&folder, "index.html", 1200) else { return };
    assert!(without.contains("disk/") && !without.contains("aria-label"), "the list is there without it: {without}");
    for page in ["evil/index.html", "disk/index.html", "names.html"] {
        let Some(dom) = shown(&folder, page, 1200) else { return };
        assert!(!dom.contains("<title>owned"), "{page}");
        let Some(is_narrow) = fits_a_phone(&folder, page) else { return };
        assert!(is_narrow, "{page} is wider than a phone");
    }
    let Some(is_narrow) = fits_a_phone(&folder, "index.html") else { return };
    assert!(is_narrow, "the first page is wider than a phone");
    // That it tells: what is wider is told to be.
    std::fs::write(folder.join("wide.html"), "<meta http-equiv=x><p style=\"width: 900px\">wide</p>").unwrap();
    assert_ne!(fits_a_phone(&folder, "wide.html"), Some(true), "a wide page was taken for a narrow one");
}

/// Whether a page is no wider than a phone; `None` where no browser tells. A browser's own window has at least 500 pixels, so the page is shown in a frame; a script
/// of this test tells how wide it is there.
fn fits_a_phone(folder: &Path, page: &str) -> Option<bool> {
    let text = std::fs::read_to_string(folder.join(page)).unwrap();
    let policy = text.find("<meta http-equiv").unwrap();
    let rest = text[policy..].find('>').unwrap() + policy + 1;
    let script = "<script>addEventListener('load', () => parent.postMessage(innerWidth + ' ' + (document.documentElement.scrollWidth - document.documentElement.clientWidth), '*'))</script>";
    std::fs::write(folder.join(page), format!("{}{}{script}", &text[..policy], &text[rest..])).unwrap();
    let frame = format!(
        "<!doctype html><title>nothing</title><script>addEventListener('message', (told) => document.title = 'told ' + told.data)</script>\
         <iframe src=\"{page}\" width=\"390\" height=\"800\" style=\"border: 0\"></iframe>"
    );
    std::fs::write(folder.join("frame.html"), frame).unwrap();
    let dom = shown(folder, "frame.html", 1200)?;
    assert!(dom.contains("<title>told 390 "), "the page does not tell: {dom}");
    Some(dom.contains("<title>told 390 0</title>"))
}
