//! Who makes tapsets: begins one, is told what is amiss with it, publishes it, changes it.

use crate::machine::Machine;
use crate::systap;

#[test]
fn a_maintainer_begins_and_publishes() {
    let operator = Machine::new();
    let publish = operator.operates();
    let made = operator.done("tapset new my-disk");
    assert!(made.contains("my-disk/tapset.toml"), "{made}");
    if !systap::can_trace() {
        return;
    }
    operator.done("tapset check my-disk");
    assert!(operator.done("tapset test my-disk").contains("1 passed, 0 failed, 0 skipped; 1 of 1 aliases seen"));
    operator.done("tapset package my-disk");
    assert!(operator.path("work/my-disk-0.1.0.tapset").is_file());
    assert!(operator.done(&format!("{publish} my-disk")).contains("published in reg"));
    let again = operator.systap(&format!("{publish} my-disk"));
    assert!(again.exits(1).text().contains("this version is published already"), "{}", again.all());

    // What is owed is told all at once, and nothing is published.
    operator.writes_tapset("mydisk", "0.1.0", "[dependencies]\nnowhere = \"1\"\n", "probe mydisk.more = begin {}\n");
    std::fs::remove_file(operator.path("work/mydisk/README.md")).expect("it was there");
    operator.write("mydisk/tests/start.out", "other\n");
    let outcome = operator.systap(&format!("{publish} mydisk"));
    outcome.exits(1);
    for owed in [
        "it has no README.md",
        "it needs `nowhere` ^1, which is not in the registry",
        "no test is of mydisk.more (--allow untested-alias)",
        "no comment says what these are: mydisk.more (--allow no-comment)",
        "its name is easily taken for that of `my-disk` (--allow similar-name)",
        "1 of its tests fail here",
    ] {
        assert!(outcome.text().contains(owed), "{owed}\n{}", outcome.all());
    }
    assert!(operator.done("tapset search --registry reg --root reg/metadata/1.root.json").starts_with("my-disk"));
}

#[test]
fn a_version_says_what_has_changed() {
    let maintainer = Machine::new();
    let script = "// Doubles.\nfunction disk_twice:long (n:long) { return 2 * n }\n";
    maintainer.writes_tapset("disk", "1.0.0", "", script);
    std::fs::rename(maintainer.path("work/disk"), maintainer.path("work/old")).expect("it can be moved");
    let check = |version: &str, more: &str, script: &str| {
        maintainer.writes_tapset("disk", version, more, script);
        maintainer.systap("tapset semver-check old disk")
    };
    assert!(check("1.0.1", "", script).exits(0).text().contains("asks for a patch release"));
    let added = format!("{script}// Halves.\nfunction disk_half:long (n:long) {{ return n / 2 }}\n");
    let minor = check("1.0.1", "", &added);
    minor
        .exits(1)
        .complains(&["1.0.0 to 1.0.1 is a patch release, and what has changed is minor: function-added (disk_half)"]);
    check("1.1.0", "", &added).exits(0);
    let other = "// Doubles.\nfunction disk_twice:string (n:string) { return n . n }\n";
    let major = check("1.1.0", "", other);
    major.exits(1);
    assert!(
        major.text().contains("major: disk_twice(string) was disk_twice(long) (function-parameters)"),
        "{}",
        major.all()
    );
    assert!(check("2.0.0", "[kernel]\narch = [\"riscv64\"]\n", "").text().contains("(arch-lost)"));
    assert!(check("0.9.0", "", script).exits(1).complaints().contains("0.9.0 does not come after 1.0.0"));
    if systap::can_trace() {
        maintainer.write("disk/scripts/start.stp", "// It starts.\nprobe disk.start = begin { now = 1 }\n");
        let text = maintainer.systap("tapset semver-check old disk").text();
        assert!(text.contains("major: disk.start: version (variable-removed)"), "{text}");
        assert!(text.contains("minor: disk.start: now (variable-added)"), "{text}");
    }
}

#[test]
fn an_alias_is_to_go() {
    let maintainer = Machine::new();
    let more = "# What is said of aliases.\n[[alias]]\nname = \"disk.start\" # the first\nsince = \"1.0.0\"\n";
    maintainer.writes_tapset("disk", "1.1.0", more, "// It begins.\nprobe disk.begin = disk.start {}\n");
    let wrong = maintainer.systap("tapset deprecate disk disk.strat --use disk.begin");
    wrong.exits(1).complains(&["`disk` has no alias `disk.strat`; did you mean `disk.start`?"]);
    maintainer
        .systap("tapset deprecate disk disk.start --gone 1.0.0")
        .exits(1)
        .complains(&["does not come after 1.1.0"]);
    maintainer.done("tapset deprecate disk disk.start --use disk.begin --gone 2.0.0");
    let manifest = std::fs::read_to_string(maintainer.path("work/disk/tapset.toml")).expect("it is there");
    for part in [
        "# What is said of aliases.",
        "name = \"disk.start\" # the first",
        "deprecated = { since = \"1.1.0\", use = \"disk.begin\", gone = \"2.0.0\" }",
    ] {
        assert!(manifest.contains(part), "{part}\n{manifest}");
    }
    maintainer.write("a.stp", "probe disk.start { exit() }\n");
    let told = maintainer.systap("check -I disk a.stp");
    assert!(told.complaints().contains("warning[deprecated-alias]"), "{}", told.all());
    assert!(maintainer.done("tapset doc disk").contains("[deprecated since 1.1.0; use disk.begin]"));
    maintainer.done("tapset deprecate disk disk.begin");
}

#[test]
fn any_name_makes_a_tapset() {
    let maintainer = Machine::new();
    for name in ["probe", "global", "foreach"] {
        maintainer.systap(&format!("tapset new {name}")).exits(2).complains(&["is a word of the language"]);
    }
    // Built-in functions and points begin with these.
    for name in ["disk", "kernel", "timer", "task", "thread", "log"] {
        maintainer.done(&format!("tapset new {name}"));
        maintainer.done(&format!("tapset check {name}"));
        maintainer.done(&format!("tapset package {name}"));
    }
}

#[test]
fn what_is_wrong_with_a_script_is_shown() {
    let maintainer = Machine::new();
    let check = |script: &str, more: &str| {
        maintainer.writes_tapset("disk", "1.0.0", more, script);
        let outcome = maintainer.systap("tapset check disk");
        outcome.exits(1);
        outcome.text()
    };
    let said = check("// Broken.\nprobe disk.other = begin { x = ) }\n", "");
    assert!(said.contains("has errors and is left out: ") && said.contains("(line 4)"), "{said}");
    let said = check("// In C.\nfunction disk_c:long () %{ STAP_RETVALUE = 1; %}\n", "");
    assert!(said.contains("disk_c: it is embedded C") && said.contains("1 of 2 hold"), "{said}");
    let said = check("", "[kernel]\nneeds = 'kernel > \"99\"'\n");
    assert!(said.contains("0 of 1 hold") && said.contains("kernel > \"99\""), "{said}");
    assert!(maintainer.done("tapset matrix disk").contains("disk.start  -"));
    maintainer.write("a.stp", "probe disk.start { exit() }\n");
    maintainer.systap("check -I disk a.stp").exits(1).complains(&["kernel > \"99\""]);
    maintainer.write("disk/scripts/more/deep.stp", "probe disk.deep = begin {}\n");
    let said = check("", "");
    assert!(said.contains("scripts/more/deep.stp is never read"), "{said}");
    std::fs::remove_dir_all(maintainer.path("work/disk/scripts/more")).expect("it is there");
    maintainer.write("disk/scripts/nothing.stp", "// Nothing.\n");
    let said = check("", "");
    assert!(said.contains("scripts/nothing.stp declares nothing"), "{said}");
    std::fs::remove_file(maintainer.path("work/disk/scripts/nothing.stp")).expect("it is there");
    maintainer.done("tapset check disk");
}

#[test]
fn what_a_tapset_needs_is_looked_for_where_it_is_published() {
    let operator = Machine::new();
    let publish = operator.operates();
    operator.publishes("disk", "1.0.0", "");
    operator.publishes("cache", "1.0.0", "[dependencies]\ndisk = \"1\"\n");
    std::fs::remove_dir_all(operator.path("work/disk")).expect("it is there");
    std::fs::remove_dir_all(operator.path("work/cache")).expect("it is there");
    let script = "// Later.\nprobe top.later = disk.start {}\n";
    operator.writes_tapset("top", "1.0.0", "[dependencies]\ncache = \"1\"\ndisk = \"1\"\n", script);
    let said = operator.done(&format!("{publish} --allow tests --allow untested-alias top"));
    assert!(said.contains("2 of 2 hold"), "{said}");
    // With another kernel, the table of both.
    let Some(old) = operator.kernel("6.1.0-25-amd64") else { return };
    operator.writes_tapset("top", "1.0.1", "[dependencies]\ncache = \"1\"\ndisk = \"1\"\n", script);
    let said = operator
        .done(&format!("{publish} --allow tests --allow untested-alias --kernel {} --dry-run top", old.display()));
    assert!(said.contains("| 6.1.0-25-amd64 x86_64") && said.contains("top.later  + +\n"), "{said}");
    // Nobody else's names.
    operator.writes_tapset("other", "1.0.0", "", "// Foreign.\nprobe disk.more = begin {}\n");
    let outcome = operator.systap(&format!("{publish} --allow tests --allow untested-alias other"));
    assert!(
        outcome
            .exits(1)
            .text()
            .contains("`disk.more` is named as if it were of the tapset `disk` (--allow similar-name)"),
        "{}",
        outcome.all()
    );
}

#[test]
fn a_page_stands_by_itself() {
    let maintainer = Machine::new();
    maintainer.writes_tapset(
        "disk",
        "1.0.0",
        "[dependencies]\ncache = \"1\"\n",
        "// Twice.\nfunction disk_twice:long (n:long) { return 2 * n }\n",
    );
    let page = maintainer.done("tapset doc --html disk");
    for part in [
        "<!doctype html>",
        "<title>disk – tapset</title>",
        "id=\"alias-disk.start\"",
        "disk_twice(n: long): long",
        "<style>",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    assert!(!page.contains("style.css") && !page.contains("Signed by"), "{page}");
    maintainer.systap("tapset doc --html --man disk").exits(2);
}

#[test]
fn what_may_change_and_has_is_told() {
    let maintainer = Machine::new();
    let note = "[[alias]]\nname = \"disk.next\"\nstability = \"evolving\"\n";
    maintainer.writes_tapset("disk", "1.0.0", note, "// Next.\nprobe disk.next = begin { number = 1 }\n");
    std::fs::rename(maintainer.path("work/disk"), maintainer.path("work/old")).expect("it can be moved");
    maintainer.writes_tapset("disk", "1.0.1", note, "// Next.\nprobe disk.next = begin { number = \"1\" }\n");
    let outcome = maintainer.systap("tapset semver-check old disk");
    outcome.exits(1);
    assert!(outcome.text().contains("minor: disk.next: number (evolving-changed)"), "{}", outcome.all());
    maintainer.writes_tapset("disk", "1.1.0", "", "");
    let text = maintainer.done("tapset semver-check old disk");
    assert!(text.contains("minor: disk.next (evolving-changed)"), "{text}");
}
