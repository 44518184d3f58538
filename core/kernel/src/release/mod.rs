//! Which kernel it is: what `uname -r` says, taken apart.
//!
//! A release is no version of SemVer: `5.14.0-503.el9_5.x86_64`, `6.8` and WSL's four numbers are releases. Must never decide what
//! a kernel can do by its release where the kernel itself can be asked.

mod family;
#[cfg(test)]
mod tests;

pub use family::Family;

use std::cmp::Ordering;
use std::fmt;

/// The most numbers that a release begins with.
const MOST_NUMBERS: usize = 4;

/// The longest release: `struct new_utsname` has room for 64 bytes and a NUL.
const LONGEST: usize = 64;

/// The numbers at the start of a release, or those that one must have: `6.18.44-arch1-1` is 6.18.44.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The first number.
    pub major: u32,
    /// The second.
    pub minor: u32,
    /// The third; 0 where there is none.
    pub patch: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// A kernel's release.
///
/// Releases have a total order: by the numbers at the start, then a candidate before what it is a candidate of, then by the numbers
/// of the build. The last only means something between kernels of one family, and the text decides between equals.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Release {
    text: String,
    numbers: [u32; MOST_NUMBERS],
    /// How many of the numbers are there: 2 to 4.
    count: u8,
    candidate: Option<u32>,
    build: Vec<u32>,
    family: Family,
    flavour: String,
}

/// Text that is no release.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no release of a kernel: one begins with two to four numbers, as `6.1.0-18-amd64` does")]
pub struct NoRelease {
    /// The text, cut if it is long.
    pub text: String,
}

impl Release {
    /// Takes the text of `uname -r` apart.
    ///
    /// # Errors
    /// Where it does not begin with two to four numbers of 32 bits, or is longer than the kernel's room for it, or is no plain text.
    pub fn parse(text: &str) -> Result<Release, NoRelease> {
        Release::read(text.trim_end_matches('\n'))
            .ok_or_else(|| NoRelease { text: text.trim_end().chars().take(LONGEST).collect() })
    }

    fn read(text: &str) -> Option<Release> {
        if text.len() > LONGEST || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let mut numbers = [0; MOST_NUMBERS];
        let (mut count, mut rest) = (0, text);
        loop {
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (number, after) = rest.split_at(digits);
            *numbers.get_mut(count)? = number.parse().ok()?;
            count += 1;
            rest = after;
            match after.strip_prefix('.') {
                // `5.4.17.local` has three numbers.
                Some(next) if next.starts_with(|c: char| c.is_ascii_digit()) => rest = next,
                _ => break,
            }
        }
        if count < 2 {
            return None;
        }
        let tokens: Vec<&str> = rest.split(['-', '.', '+', '_', '~']).filter(|token| !token.is_empty()).collect();
        let candidate = tokens.iter().find_map(|token| token.strip_prefix("rc")?.parse().ok());
        let (family, flavour) = family::of(rest, &tokens);
        let build = tokens.iter().map_while(|token| build_number(token)).collect();
        Some(Release {
            text: text.to_owned(),
            numbers,
            count: count as u8,
            candidate,
            build,
            family,
            flavour: flavour.to_owned(),
        })
    }

    /// The text of `uname -r`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The numbers that it begins with: two to four.
    pub fn numbers(&self) -> &[u32] {
        &self.numbers[..usize::from(self.count)]
    }

    /// The first three of them, 0 for a third that is not there.
    pub fn version(&self) -> Version {
        let [major, minor, patch, _] = self.numbers;
        Version { major, minor, patch }
    }

    /// The number of a release candidate: 3 for `6.9-rc3`.
    pub fn candidate(&self) -> Option<u32> {
        self.candidate
    }

    /// The numbers of the build, which follow the first: 513, 5, 1 and 8 of `4.18.0-513.5.1.el8_9.x86_64`.
    pub fn build(&self) -> &[u32] {
        &self.build
    }

    /// Whose kernel it is, as far as the text tells.
    pub fn family(&self) -> Family {
        self.family
    }

    /// Which of the distribution's kernels it is (`amd64`, `cloud-amd64`, `generic`, `azure`, `rt`, `debug`); empty if it has one only.
    pub fn flavour(&self) -> &str {
        &self.flavour
    }

    /// Whether it is that version or a later one. A candidate counts as what it is a candidate of. Distributions carry features
    /// back, so that one that is not may have the feature nonetheless.
    pub fn at_least(&self, version: Version) -> bool {
        self.version() >= version
    }
}

/// The number of a token that is part of the build's: `513`, `el8`, `fc40`, `arch1`, `deb12`. What is no such token ends the build.
fn build_number(token: &str) -> Option<u32> {
    let prefixes = ["rc", "el", "fc", "amzn", "arch", "deb", "android"];
    let number = prefixes.iter().find_map(|prefix| token.strip_prefix(prefix)).unwrap_or(token);
    number.parse().ok()
}

impl Ord for Release {
    fn cmp(&self, other: &Release) -> Ordering {
        // A candidate comes before the release, which has none.
        let rank = |release: &Release| release.candidate.unwrap_or(u32::MAX);
        (self.numbers, rank(self), &self.build, &self.text).cmp(&(
            other.numbers,
            rank(other),
            &other.build,
            &other.text,
        ))
    }
}

impl PartialOrd for Release {
    fn partial_cmp(&self, other: &Release) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
