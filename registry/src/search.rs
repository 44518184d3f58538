//! Where tapsets are: folders with a manifest, under the roots that the caller names.
//!
//! Must never look deeper than tapsets lie, nor follow a link in a circle.

use crate::folder::MANIFEST;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// How far below a root a tapset may lie: `ROOT/NAME/VERSION`.
const DEEPEST: usize = 3;

/// The folders of tapsets under a root, the root itself included, by name. What cannot be read has none.
pub fn find(root: &Path) -> Vec<PathBuf> {
    let mut found = vec![];
    let mut walk = WalkDir::new(root).max_depth(DEEPEST).follow_links(true).sort_by_file_name().into_iter();
    while let Some(entry) = walk.next() {
        let Ok(entry) = entry else { continue };
        if entry.file_type().is_dir() && entry.path().join(MANIFEST).is_file() {
            found.push(entry.path().to_owned());
            // What is within a tapset is the tapset's.
            walk.skip_current_dir();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_with_a_manifest_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        for name in ["vm", "vm/tests/inner", "sched/1.0.0", "no", "a/b/c/d"] {
            std::fs::create_dir_all(root.join(name)).unwrap();
            if name != "no" {
                std::fs::write(root.join(name).join(MANIFEST), "").unwrap();
            }
        }
        std::os::unix::fs::symlink(root, root.join("circle")).unwrap();
        assert_eq!(find(root), [root.join("sched/1.0.0"), root.join("vm")]);
        assert_eq!(find(&root.join("vm")), [root.join("vm")]);
        assert!(find(&root.join("none")).is_empty());
    }
}
