//! Whose kernel a release is of, told by the habits of each distribution.
//!
//! Must never be more than a guess for people to read: nothing is decided by it.

use std::fmt;

/// Whose kernel it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Family {
    /// As kernel.org has it, or built by somebody for themselves.
    Vanilla,
    /// Debian, and what is made of it without change.
    Debian,
    /// Ubuntu.
    Ubuntu,
    /// Red Hat Enterprise Linux and its rebuilds.
    RedHat,
    /// Fedora.
    Fedora,
    /// SUSE and openSUSE.
    Suse,
    /// Amazon Linux.
    Amazon,
    /// Arch Linux.
    Arch,
    /// Android's common kernels.
    Android,
    /// Windows' subsystem for Linux.
    Wsl,
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Family::Vanilla => "vanilla",
            Family::Debian => "Debian",
            Family::Ubuntu => "Ubuntu",
            Family::RedHat => "Red Hat",
            Family::Fedora => "Fedora",
            Family::Suse => "SUSE",
            Family::Amazon => "Amazon",
            Family::Arch => "Arch",
            Family::Android => "Android",
            Family::Wsl => "WSL",
        })
    }
}

/// Debian's names of architectures, in which its releases end.
const DEBIAN_ENDS: [&str; 12] = [
    "amd64",
    "arm64",
    "686-pae",
    "686",
    "armmp",
    "lpae",
    "riscv64",
    "powerpc64le",
    "s390x",
    "loong64",
    "rpi",
    "marvell",
];

/// SUSE's flavours.
const SUSE_ENDS: [&str; 6] = ["default", "azure", "rt", "preempt", "kvmsmall", "64kb"];

/// Arch's flavours besides its usual kernel.
const ARCH_ENDS: [&str; 4] = ["lts", "zen", "hardened", "rt"];

/// Family and flavour of what follows the numbers, given that and its tokens.
pub(super) fn of<'a>(rest: &'a str, tokens: &[&'a str]) -> (Family, &'a str) {
    let numbered = |prefix: &str, token: &str| {
        token.strip_prefix(prefix).is_some_and(|number| number.starts_with(|c: char| c.is_ascii_digit()))
    };
    let has = |prefix: &str| tokens.iter().any(|token| numbered(prefix, token));
    let number = |nth: usize| tokens.get(nth).is_some_and(|token| token.bytes().all(|byte| byte.is_ascii_digit()));
    let after_dash = |nth: usize| rest.splitn(nth + 2, '-').nth(nth + 1).unwrap_or_default();
    if has("android") {
        return (Family::Android, "");
    }
    if tokens.contains(&"microsoft") && rest.contains("WSL") {
        return (Family::Wsl, tokens.last().copied().unwrap_or_default());
    }
    // What Red Hat's and its kin's build adds stands behind the architecture: `x86_64+debug`.
    let added = rest.split_once('+').map_or("", |(_, added)| added);
    if has("amzn") {
        return (Family::Amazon, added);
    }
    if has("fc") {
        return (Family::Fedora, added);
    }
    if has("el") {
        return (Family::RedHat, added);
    }
    // `-18-amd64`, `-0.deb11.13-cloud-amd64`, `+deb12-rt-amd64`.
    let flavour = after_dash(usize::from(rest.starts_with('-')));
    if ends_in(flavour, &DEBIAN_ENDS) && (number(0) || has("deb")) {
        return (Family::Debian, flavour);
    }
    let flavour = after_dash(1);
    // `-arch1-1`, `-1-lts`, `-zen1-1-zen`.
    if tokens.iter().any(|token| ["arch", "zen", "hardened"].iter().any(|name| numbered(name, token)))
        || (tokens.len() == 2
            && number(0)
            && matches!(tokens.first(), Some(token) if token.len() < 3)
            && flavour == "lts")
    {
        let end = tokens.last().copied().filter(|token| ARCH_ENDS.contains(token));
        return (Family::Arch, end.unwrap_or_default());
    }
    if number(0) && SUSE_ENDS.contains(&flavour) && is_suse_build(rest, flavour) {
        return (Family::Suse, flavour);
    }
    // `-91-generic`, `-1010-aws`.
    if number(0) && tokens.len() >= 2 && flavour.starts_with(|c: char| c.is_ascii_lowercase()) && is_ubuntu(flavour) {
        return (Family::Ubuntu, flavour);
    }
    (Family::Vanilla, "")
}

/// Whether a flavour is one of Debian's, which end in an architecture.
fn ends_in(flavour: &str, ends: &[&str]) -> bool {
    ends.iter().any(|end| flavour.strip_suffix(end).is_some_and(|start| start.is_empty() || start.ends_with('-')))
}

/// `-150600.21-default` of the enterprise's, `-1-default` of Tumbleweed: Ubuntu has no `default`, and its `azure` no long number.
fn is_suse_build(rest: &str, flavour: &str) -> bool {
    let build = rest.trim_start_matches('-').split(['.', '-']).next().unwrap_or_default();
    flavour == "default"
        || build.len() >= 6
        || rest.trim_start_matches('-').split('-').next().is_some_and(|build| build.contains('.'))
}

/// Ubuntu's flavours, with what may follow each (`-64k`, `-hwe`, `-fips`).
fn is_ubuntu(flavour: &str) -> bool {
    const FLAVOURS: [&str; 14] = [
        "generic",
        "lowlatency",
        "aws",
        "azure",
        "gcp",
        "gke",
        "gkeop",
        "oracle",
        "kvm",
        "ibm",
        "raspi",
        "oem",
        "nvidia",
        "realtime",
    ];
    let first = flavour.split('-').next().unwrap_or_default();
    FLAVOURS.contains(&first)
}
