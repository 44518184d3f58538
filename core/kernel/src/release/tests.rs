//! Releases that distributions have published, and what is no release.

use super::*;

/// Release; its numbers; candidate; the build's numbers; family; flavour.
type Row = (&'static str, &'static [u32], Option<u32>, &'static [u32], Family, &'static str);

#[rustfmt::skip]
const RELEASES: &[Row] = &[
    ("6.1.0-18-amd64", &[6, 1, 0], None, &[18], Family::Debian, "amd64"),
    ("6.1.0-56-cloud-amd64", &[6, 1, 0], None, &[56], Family::Debian, "cloud-amd64"),
    ("6.1.0-51-rt-amd64", &[6, 1, 0], None, &[51], Family::Debian, "rt-amd64"),
    ("5.10.0-28-686-pae", &[5, 10, 0], None, &[28, 686], Family::Debian, "686-pae"),
    ("6.12.117+deb12-amd64", &[6, 12, 117], None, &[12], Family::Debian, "amd64"),
    ("6.12.48+deb13-cloud-arm64", &[6, 12, 48], None, &[13], Family::Debian, "cloud-arm64"),
    ("6.1.0-0.deb11.13-amd64", &[6, 1, 0], None, &[0, 11, 13], Family::Debian, "amd64"),
    ("6.10-rc7-amd64", &[6, 10], Some(7), &[7], Family::Vanilla, ""),
    ("5.15.0-91-generic", &[5, 15, 0], None, &[91], Family::Ubuntu, "generic"),
    ("6.8.0-1010-aws", &[6, 8, 0], None, &[1010], Family::Ubuntu, "aws"),
    ("6.8.0-31-lowlatency", &[6, 8, 0], None, &[31], Family::Ubuntu, "lowlatency"),
    ("6.5.0-1022-azure", &[6, 5, 0], None, &[1022], Family::Ubuntu, "azure"),
    ("6.8.0-31-generic-64k", &[6, 8, 0], None, &[31], Family::Ubuntu, "generic-64k"),
    ("3.10.0-1160.el7.x86_64", &[3, 10, 0], None, &[1160, 7], Family::RedHat, ""),
    ("4.18.0-513.5.1.el8_9.x86_64", &[4, 18, 0], None, &[513, 5, 1, 8, 9], Family::RedHat, ""),
    ("5.14.0-503.el9_5.x86_64", &[5, 14, 0], None, &[503, 9, 5], Family::RedHat, ""),
    ("5.14.0-427.13.1.el9_4.x86_64+rt", &[5, 14, 0], None, &[427, 13, 1, 9, 4], Family::RedHat, "rt"),
    ("5.15.0-200.131.27.el9uek.x86_64", &[5, 15, 0], None, &[200, 131, 27], Family::RedHat, ""),
    ("6.8.9-300.fc40.x86_64", &[6, 8, 9], None, &[300, 40], Family::Fedora, ""),
    ("6.10.0-0.rc3.30.fc41.x86_64+debug", &[6, 10, 0], Some(3), &[0, 3, 30, 41], Family::Fedora, "debug"),
    ("5.14.21-150500.55.39-default", &[5, 14, 21], None, &[150500, 55, 39], Family::Suse, "default"),
    ("6.4.0-150600.23.25-azure", &[6, 4, 0], None, &[150600, 23, 25], Family::Suse, "azure"),
    ("6.9.3-1-default", &[6, 9, 3], None, &[1], Family::Suse, "default"),
    ("5.10.215-203.850.amzn2.x86_64", &[5, 10, 215], None, &[203, 850, 2], Family::Amazon, ""),
    ("6.1.82-99.168.amzn2023.x86_64", &[6, 1, 82], None, &[99, 168, 2023], Family::Amazon, ""),
    ("6.9.3-arch1-1", &[6, 9, 3], None, &[1, 1], Family::Arch, ""),
    ("6.6.32-1-lts", &[6, 6, 32], None, &[1], Family::Arch, "lts"),
    ("6.9.3-zen1-1-zen", &[6, 9, 3], None, &[], Family::Arch, "zen"),
    ("5.10.198-android12-9-00001-gd1a8c5b0f6e4-ab11234567", &[5, 10, 198], None, &[12, 9, 1], Family::Android, ""),
    ("6.1.57-android14-11-gbd4b8c2f1a7e", &[6, 1, 57], None, &[14, 11], Family::Android, ""),
    ("5.15.146.1-microsoft-standard-WSL2", &[5, 15, 146, 1], None, &[], Family::Wsl, "WSL2"),
    ("6.9.3", &[6, 9, 3], None, &[], Family::Vanilla, ""),
    ("6.8", &[6, 8], None, &[], Family::Vanilla, ""),
    ("6.9.0-rc3", &[6, 9, 0], Some(3), &[3], Family::Vanilla, ""),
    ("6.9-rc3", &[6, 9], Some(3), &[3], Family::Vanilla, ""),
    ("6.10.0-rc1-00021-g8f3a1c2d5e6b-dirty", &[6, 10, 0], Some(1), &[1, 21], Family::Vanilla, ""),
    ("6.12.0+", &[6, 12, 0], None, &[], Family::Vanilla, ""),
    ("6.18.5-local", &[6, 18, 5], None, &[], Family::Vanilla, ""),
    ("5.4.17.local", &[5, 4, 17], None, &[], Family::Vanilla, ""),
    ("6.8.4-2-pve", &[6, 8, 4], None, &[2], Family::Vanilla, ""),
    ("6.6.29.1-4.azl3", &[6, 6, 29, 1], None, &[4], Family::Vanilla, ""),
];

#[test]
fn published_releases() {
    for (text, numbers, candidate, build, family, flavour) in RELEASES {
        let release = Release::parse(text).unwrap();
        let found = (release.numbers(), release.candidate(), release.build(), release.family(), release.flavour());
        assert_eq!(found, (*numbers, *candidate, *build, *family, *flavour), "{text}");
        assert_eq!(release.as_str(), *text);
        assert_eq!(Release::parse(&format!("{text}\n")), Ok(release), "as a file has it");
    }
}

#[test]
fn what_is_no_release() {
    let long = format!("6.1.0-{}", "x".repeat(60));
    for text in [
        "",
        "6",
        "6.",
        ".6",
        "6..1",
        "v6.1",
        "99999999999.1",
        "1.2.3.4.5",
        "6.1 0",
        "6.1.0-\u{e9}",
        "-6.1",
        "6.1\n6.2",
        &long,
    ] {
        assert!(Release::parse(text).is_err(), "{text:?}");
    }
    let said = Release::parse("tomorrow").unwrap_err();
    insta::assert_snapshot!(said, @"`tomorrow` is no release of a kernel: one begins with two to four numbers, as `6.1.0-18-amd64` does");
}

#[test]
fn releases_are_in_order() {
    let ordered = [
        "3.10.0-1160.el7.x86_64",
        "4.18.0-513.5.1.el8_9.x86_64",
        "4.18.0-553.el8_10.x86_64",
        "5.15.146.1-microsoft-standard-WSL2",
        "5.15.146.2-microsoft-standard-WSL2",
        "6.1.0-9-amd64",
        "6.1.0-18-amd64",
        "6.9.0-rc3",
        "6.9.0-rc10",
        "6.9.0",
        "6.9.1",
        "6.10.0-0.rc3.30.fc41.x86_64",
        "6.10.0-300.fc41.x86_64",
    ];
    let parsed = ordered.map(|text| Release::parse(text).unwrap());
    assert!(parsed.is_sorted_by(|one, next| one < next), "{parsed:?}");
}

#[test]
fn a_candidate_counts_as_its_release() {
    let at_least =
        |text: &str, major, minor, patch| Release::parse(text).unwrap().at_least(Version { major, minor, patch });
    assert!(at_least("6.9-rc3", 6, 9, 0));
    assert!(!at_least("6.9-rc3", 6, 9, 1));
    assert!(!at_least("6.8.12", 6, 9, 0));
    assert!(at_least("6.10.0-0.rc3.30.fc41.x86_64", 6, 9, 7));
    assert!(at_least("6.8", 6, 8, 0));
    assert_eq!(Release::parse("6.9-rc3").unwrap().version().to_string(), "6.9.0");
}

/// Parts of releases put together at random: whatever parses comes out as it went in, and its order is total.
#[test]
fn any_text_is_a_release_or_is_refused() {
    const PARTS: [&str; 20] = [
        "6",
        "1",
        "0",
        ".",
        ".",
        "-",
        "+",
        "_",
        "~",
        "rc",
        "el",
        "fc",
        "amd64",
        "deb12",
        "WSL2",
        "microsoft",
        "\u{fc}",
        "4294967296",
        " ",
        "default",
    ];
    let mut state = 1u32;
    let mut next = |below: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as usize % below
    };
    let mut last: Option<Release> = None;
    let mut good = 0;
    for _ in 0..20_000 {
        let start = ["", "6.1", "5.14.0"][next(3)];
        let text = (0..next(10)).fold(start.to_owned(), |text, _| text + PARTS[next(PARTS.len())]);
        let Ok(release) = Release::parse(&text) else { continue };
        good += 1;
        assert_eq!(release.as_str(), text);
        assert!((2..=4).contains(&release.numbers().len()));
        if let Some(last) = last.replace(release.clone()) {
            assert_eq!(last.cmp(&release), release.cmp(&last).reverse());
            assert_eq!(last == release, last.cmp(&release).is_eq());
        }
    }
    assert!(good > 100, "{good}");
}
