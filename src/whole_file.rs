//! A file that a user named, written: whole, or as it was.
//!
//! Must never put a file in the place of what is none: a link is followed, a device or a pipe written to; and `-` is standard output.

use std::fs::{Metadata, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

/// Writes a file. One that is new gets `mode`, less what the user's mask takes; one that is there keeps its owner and its rights, and
/// those of `mode` that everybody with a right to read it should have to start it.
///
/// # Errors
/// A sentence that names the file.
pub(crate) fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), String> {
    if path.as_os_str() == "-" {
        return io::stdout().write_all(bytes).map_err(|error| format!("cannot write the output: {error}"));
    }
    try_write(path, bytes, mode).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn try_write(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let there = match path.metadata() {
        Ok(there) => there,
        // A link that leads nowhere: to where it leads.
        Err(_) if path.is_symlink() => return std::fs::write(path, bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return put(path, bytes, mode, None),
        Err(error) => return Err(error),
    };
    if there.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
    }
    let is_named_once = there.is_file() && there.nlink() == 1;
    if is_named_once {
        // Who may not write to it may not put another in its place either.
        OpenOptions::new().write(true).open(path)?;
        return put(&path.canonicalize()?, bytes, mode, Some(&there));
    }
    let mut file = OpenOptions::new().write(true).truncate(there.is_file()).open(path)?;
    file.write_all(bytes)
}

/// Puts a file there all at once; `before` is what it takes the place of.
fn put(path: &Path, bytes: &[u8], mode: u32, before: Option<&Metadata>) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    folder.metadata()?;
    // Of the file beside it nobody has heard.
    let of_kind = |error: io::Error| error.raw_os_error().map_or(error, io::Error::from_raw_os_error);
    let mut fresh =
        tempfile::Builder::new().permissions(Permissions::from_mode(mode)).tempfile_in(folder).map_err(of_kind)?;
    fresh.write_all(bytes)?;
    if let Some(before) = before {
        let readers = (before.mode() & 0o444) >> 2;
        fresh.as_file().set_permissions(Permissions::from_mode(before.mode() | mode & readers))?;
        // Only root can give a file away, and only root has others' files to write to.
        _ = chown(fresh.path(), Some(before.uid()), Some(before.gid()));
    }
    fresh.persist(path).map(drop).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileTypeExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().map_or(0, |facts| facts.mode() & 0o7777)
    }

    #[test]
    fn what_is_no_file_stays_what_it_is() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let at = |name: &str| folder.path().join(name);
        write(Path::new("/dev/null"), b"gone", 0o755).expect("a device takes it");
        assert!(Path::new("/dev/null").metadata().is_ok_and(|facts| facts.file_type().is_char_device()));
        std::fs::write(at("real"), "old").expect("it can be written");
        std::os::unix::fs::symlink("real", at("link")).expect("a link can be made");
        std::os::unix::fs::symlink("later", at("dangling")).expect("a link can be made");
        std::fs::hard_link(at("real"), at("other")).expect("a second name can be given");
        for (name, leads_to) in [("link", "real"), ("other", "real"), ("dangling", "later")] {
            write(&at(name), name.as_bytes(), 0o644).expect("it can be written");
            assert_eq!(std::fs::read(at(leads_to)).ok().as_deref(), Some(name.as_bytes()));
        }
        assert!(at("link").is_symlink() && at("dangling").is_symlink());
        assert_eq!(at("other").metadata().map(|facts| facts.nlink()).ok(), Some(2));
        let refused = write(folder.path(), b"", 0o644).expect_err("a folder is no file");
        assert!(refused.ends_with("it is a folder"), "{refused}");
        let refused = write(&at("no/such"), b"", 0o644).expect_err("there is no folder");
        assert!(refused.contains("No such file or directory"), "{refused}");
    }

    #[test]
    fn rights_stay_and_new_files_get_what_the_mask_leaves() {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let (script, tool) = (folder.path().join("script"), folder.path().join("tool"));
        write(&script, b"1", 0o644).expect("it can be written");
        std::fs::set_permissions(&script, Permissions::from_mode(0o640)).expect("rights can be given");
        write(&script, b"2", 0o644).expect("it can be written");
        assert_eq!((mode(&script), std::fs::read(&script).ok().as_deref()), (0o640, Some(&b"2"[..])));
        write(&tool, b"3", 0o755).expect("it can be written");
        assert_eq!(mode(&tool) & 0o100, 0o100);
        std::fs::set_permissions(&tool, Permissions::from_mode(0o640)).expect("rights can be given");
        write(&tool, b"4", 0o755).expect("it can be written");
        assert_eq!(mode(&tool), 0o750);
        assert_eq!(folder.path().read_dir().map(Iterator::count).ok(), Some(2));
    }
}
