//! `systap explain`: every error has a page, and a page's example gives the error that it explains.

mod systap;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use systap::{can_trace, run};

/// Words in quotes that look like the name of an error, and are none.
const NO_CODES: &[&str] = &[
    "time-limit",
    "target-ended",
    "output-closed",
    "no-such-program",
    "no-such-program-anywhere",
    "no-such-file-system",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn pages() -> Vec<(String, String)> {
    let entries = std::fs::read_dir(root().join("docs/errors")).expect("the pages are there");
    let mut pages: Vec<_> = entries
        .map(|entry| {
            let path = entry.expect("and can be listed").path();
            let code = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
            (code, std::fs::read_to_string(path).expect("it can be read"))
        })
        .collect();
    pages.sort();
    pages
}

/// The sources that make diagnostics: those of the crates, and the command's, but for tables of other names.
fn sources(folder: PathBuf, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the sources are there") {
        let path = entry.expect("and can be listed").path();
        if path.is_dir() {
            sources(path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !path.ends_with("stap/table.rs")
            && !path.ends_with("src/cli.rs")
            && !path.parent().is_some_and(|folder| folder.ends_with("src/cli"))
            // Changes of tapsets have pages of their own, docs/changes.
            && !path.ends_with("tapset/changes.rs")
            && !path.ends_with("tapset/publish.rs")
            && !path.ends_with("kernel/src/capability.rs")
        {
            found.push(path);
        }
    }
}

/// Every string of the sources that has the form of a code: small words joined by hyphens.
fn codes() -> BTreeSet<String> {
    let mut files = vec![];
    sources(root().join("src"), &mut files);
    for krate in std::fs::read_dir(root().join("core")).expect("the crates are there") {
        sources(krate.expect("and can be listed").path().join("src"), &mut files);
    }
    let mut codes = BTreeSet::from(["preprocessor".to_owned()]);
    for file in files {
        let text = std::fs::read_to_string(file).expect("a source is text");
        // Within a line, what stands between two quotes is a string or what lies between two of them.
        for piece in text.lines().flat_map(|line| line.split('"').skip(1)) {
            let words: Vec<&str> = piece.split('-').collect();
            let plain = |word: &&str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
            if words.len() > 1 && words.iter().all(plain) && !NO_CODES.contains(&piece) {
                codes.insert(piece.to_owned());
            }
        }
    }
    codes
}

#[test]
fn every_error_has_a_page() {
    let pages: BTreeSet<String> = pages().into_iter().map(|(code, _)| code).collect();
    let missing: Vec<_> = codes().into_iter().filter(|code| !pages.contains(code)).collect();
    assert!(missing.is_empty(), "write docs/errors/CODE.md for {missing:?}");
}

#[test]
fn a_page_s_example_gives_its_error() {
    let root = can_trace();
    let mut wrong = vec![];
    for (code, page) in pages() {
        assert!(page.starts_with(&format!("# {code}\n\n")), "{code} begins otherwise");
        let Some((_, rest)) = page.split_once("```stap") else { continue };
        let (info, rest) = rest.split_once('\n').expect("a fence has a line");
        let (example, _) = rest.split_once("\n```").expect("and an end");
        if !root && ["kernel.", "module(", "syscall."].iter().any(|point| example.contains(point)) {
            continue;
        }
        let mut args = vec!["check", "-e", example];
        args.extend(info.split_whitespace());
        let said = run(args).complaints();
        if !said.contains(&format!("[{code}]")) {
            wrong.push(format!("{code}: {said}"));
        }
    }
    assert!(wrong.is_empty(), "{} examples give other errors:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn one_page_is_shown_or_the_list_of_all() {
    let page = std::fs::read_to_string(root().join("docs/errors/type-mismatch.md")).expect("the page is there");
    run(["explain", "type-mismatch"]).prints(&page);
    let list = run(["explain"]).exits(0).text();
    let changes = std::fs::read_dir(root().join("docs/changes")).expect("those of changes are there").count();
    assert_eq!(list.lines().count(), pages().len() + changes);
    assert!(
        list.lines().any(|line| line.starts_with("unknown-function ") && line.ends_with("no function of that name."))
    );
    run(["explain", "type-mismach"]).exits(2).complains(&["did you mean `type-mismatch`?"]);
}
