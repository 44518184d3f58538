//! Requirements of Cargo's syntax as ranges that the solver can compute with.
//!
//! Pre-releases: a range has those that lie within it; which may be taken is decided where versions are chosen, since Cargo's rule (only
//! if the requirement itself names one of the same version) is no range.

use pubgrub::Ranges;
use semver::{BuildMetadata, Comparator, Op, Prerelease, Version, VersionReq};

/// The versions that a requirement allows.
pub(super) fn ranges(requirement: &VersionReq) -> Ranges<Version> {
    requirement.comparators.iter().fold(Ranges::full(), |all, comparator| all.intersection(&of(comparator)))
}

fn of(comparator: &Comparator) -> Ranges<Version> {
    let Comparator { op, major, minor, patch, pre } = comparator;
    let least = with_pre(*major, minor.unwrap_or(0), patch.unwrap_or(0), pre.clone());
    // The first version that is no longer of the same major, minor or patch number as is given.
    let next = match (minor, patch) {
        (None, _) => before(major + 1, 0, 0),
        (Some(minor), None) => before(*major, minor + 1, 0),
        (Some(minor), Some(patch)) => before(*major, *minor, patch + 1),
    };
    let within = |end: Version| Ranges::between(least.clone(), end);
    match op {
        Op::Exact if patch.is_some() => Ranges::singleton(least),
        Op::Exact | Op::Wildcard => within(next),
        Op::Greater if patch.is_some() => Ranges::strictly_higher_than(least),
        Op::Greater => Ranges::higher_than(next),
        Op::GreaterEq => Ranges::higher_than(least),
        Op::Less => Ranges::strictly_lower_than(if pre.is_empty() {
            before(least.major, least.minor, least.patch)
        } else {
            least
        }),
        Op::LessEq if patch.is_some() => Ranges::lower_than(least),
        Op::LessEq => Ranges::strictly_lower_than(next),
        Op::Tilde => within(match minor {
            Some(minor) => before(*major, minor + 1, 0),
            None => before(major + 1, 0, 0),
        }),
        Op::Caret => within(match (major, minor, patch) {
            (0, Some(0), Some(patch)) => before(0, 0, patch + 1),
            (0, Some(minor), _) => before(0, minor + 1, 0),
            _ => before(major + 1, 0, 0),
        }),
        // A relation of a later `semver`: what it allows is not known, so nothing is.
        _ => Ranges::empty(),
    }
}

fn with_pre(major: u64, minor: u64, patch: u64, pre: Prerelease) -> Version {
    Version { major, minor, patch, pre, build: BuildMetadata::EMPTY }
}

/// The least version of these numbers, which is a pre-release of it.
fn before(major: u64, minor: u64, patch: u64) -> Version {
    with_pre(major, minor, patch, Prerelease::new("0").unwrap_or(Prerelease::EMPTY))
}

/// Whether a requirement names a pre-release.
pub(super) fn names_pre_release(requirement: &VersionReq) -> bool {
    requirement.comparators.iter().any(|comparator| !comparator.pre.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_what_the_requirements_are() {
        let texts = [
            "*",
            "1",
            "1.2",
            "1.2.3",
            "^0",
            "^0.0",
            "^0.0.3",
            "^0.2",
            "^0.2.3",
            "~1",
            "~1.2",
            "~1.2.3",
            "=1",
            "=1.2",
            "=1.2.3",
            ">1",
            ">1.2",
            ">1.2.3",
            ">=1",
            ">=1.2",
            "<1",
            "<1.2",
            "<1.2.3",
            "<=1",
            "<=1.2",
            "<=1.2.3",
            "1.*",
            "1.2.*",
            ">=1.2, <2",
            ">1, <1.2.3",
            ">=0.2, <0.2.4",
        ];
        let mut met = 0;
        for text in texts {
            let requirement: VersionReq = text.parse().unwrap();
            let range = ranges(&requirement);
            for major in 0..3 {
                for minor in 0..4 {
                    for patch in 0..5 {
                        let version = Version::new(major, minor, patch);
                        assert_eq!(range.contains(&version), requirement.matches(&version), "{text} {version}");
                        met += usize::from(requirement.matches(&version));
                    }
                }
            }
        }
        assert!(met > 500, "{met}");
        let requirement: VersionReq = "^1.2".parse().unwrap();
        assert!(!ranges(&requirement).contains(&"2.0.0-alpha".parse().unwrap()));
    }
}
