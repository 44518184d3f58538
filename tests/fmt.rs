//! `systap fmt`: in place, through a pipe, as a question; and never half.

mod systap;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use systap::{run, run_with_input};

const UNTIDY: &str = "probe begin{print( 1 )}\n";
const TIDY: &str = "probe begin { print(1) }\n";

#[test]
fn files_are_formatted_in_place_and_keep_their_rights() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("deep/a.stp");
    std::fs::create_dir(folder.path().join("deep")).unwrap();
    std::fs::write(&script, UNTIDY).unwrap();
    std::fs::write(folder.path().join("other.txt"), UNTIDY).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o750)).unwrap();
    let link = folder.path().join("link.stp");
    std::os::unix::fs::symlink(&script, &link).unwrap();

    let asked = run(["fmt", "--check", script.to_str().unwrap()]);
    asked.exits(1);
    assert!(asked.text().contains("-probe begin{print( 1 )}\n+probe begin { print(1) }\n"), "{}", asked.all());
    assert_eq!(std::fs::read_to_string(&script).unwrap(), UNTIDY);

    run(["fmt", link.to_str().unwrap()]).exits(0).prints("");
    assert!(link.is_symlink());
    assert_eq!(std::fs::read_to_string(&script).unwrap(), TIDY);
    assert_eq!(std::fs::metadata(&script).unwrap().permissions().mode() & 0o777, 0o750);

    std::fs::write(&script, UNTIDY).unwrap();
    run(["fmt", folder.path().to_str().unwrap()]).exits(0).prints("");
    assert_eq!(std::fs::read_to_string(&script).unwrap(), TIDY);
    assert_eq!(std::fs::read_to_string(folder.path().join("other.txt")).unwrap(), UNTIDY);
    run(["fmt", "--check", folder.path().to_str().unwrap()]).exits(0).prints("");
}

#[test]
fn a_pipe_gets_the_script_and_nothing_else() {
    run_with_input(&["fmt"], UNTIDY.as_bytes()).exits(0).prints(TIDY);
    run_with_input(&["fmt", "-"], UNTIDY.as_bytes()).exits(0).prints(TIDY);
    // What is not UTF-8 comes through as it was.
    let outcome = run_with_input(&["fmt"], b"# caf\xe9\nprobe begin{}");
    outcome.exits(0);
    assert_eq!(outcome.stdout, b"# caf\xe9\nprobe begin {}\n");
}

#[test]
fn what_has_a_mistake_stays_and_the_others_do_not_suffer() {
    let folder = tempfile::tempdir().unwrap();
    let (good, bad) = (folder.path().join("good.stp"), folder.path().join("bad.stp"));
    std::fs::write(&good, UNTIDY).unwrap();
    std::fs::write(&bad, "probe begin { print( 1 }\n").unwrap();
    let outcome = run(["fmt", folder.path().to_str().unwrap()]);
    outcome.exits(1);
    assert!(outcome.complaints().contains("bad.stp:1:24"), "{}", outcome.all());
    assert!(outcome.complaints().contains("stays as it is"), "{}", outcome.all());
    assert_eq!(std::fs::read_to_string(&good).unwrap(), TIDY);
    assert_eq!(std::fs::read_to_string(&bad).unwrap(), "probe begin { print( 1 }\n");
    run(["fmt", "no-such-file.stp"]).exits(1);
    let empty = tempfile::tempdir().unwrap();
    run(["fmt", empty.path().to_str().unwrap()]).exits(2);
}

/// The form is what the project's own scripts have.
#[test]
fn the_scripts_of_the_project_have_the_form() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in ["examples", "tapsets", "core/elaborate/src/library"] {
        run(["fmt", "--check", root.join(folder).to_str().unwrap()]).exits(0).prints("");
    }
}
