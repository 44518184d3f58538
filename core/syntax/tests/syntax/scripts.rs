//! Whole scripts, as people write them: they parse, nothing of their text is lost, and their AST stays what it is.

use std::path::Path;

use systap_syntax::{ParseOptions, tree};

use super::ast_with;

pub(crate) fn all() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut scripts: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "stp"))
        .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read_to_string(&path).unwrap()))
        .collect();
    scripts.sort();
    assert!(scripts.len() >= 12, "the scripts are there");
    scripts
}

#[test]
fn scripts_keep_their_meaning() {
    for (name, text) in all() {
        let options = ParseOptions {
            args: vec!["vfs_read".to_owned(), "5".to_owned()],
            warn_unused_args: false,
            ..ParseOptions::default()
        };
        insta::assert_snapshot!(name, ast_with(&text, &options));
    }
}

#[test]
fn trees_hold_every_character() {
    for (name, text) in all() {
        assert_eq!(tree(&text).text(), text.as_str(), "{name}");
        for cut in (0..text.len()).step_by(7).filter(|cut| text.is_char_boundary(*cut)) {
            assert_eq!(tree(&text[..cut]).text(), &text[..cut], "{name} up to {cut}");
        }
    }
}

#[test]
fn a_tree_shows_blanks_comments_and_structure() {
    let text = "# why\nprobe begin {\n  x = $1 + 2 // so\n}\n%( arch == \"x\" %? global a %: global b %)\n";
    insta::assert_snapshot!(format!("{:#?}", tree(text)));
}
