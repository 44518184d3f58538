//! Which kernel it is: its release, its version numbers, its architecture.
//!
//! Must never decide what a kernel can do by its version where the kernel itself can be asked.

use std::fmt;

/// The numbers at the start of a release: `6.18.44-arch1-1` is 6.18.44.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    /// The first number.
    pub major: u32,
    /// The second.
    pub minor: u32,
    /// The third; 0 where there is none.
    pub patch: u32,
}

impl Version {
    /// Reads the numbers at the start of a release. `None` without at least two of them.
    pub fn parse(release: &str) -> Option<Version> {
        let numbers = release.split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
        let mut parts = numbers.split('.');
        let major = parts.next()?.parse().ok()?;
        let minor = parts.next()?.parse().ok()?;
        let patch = parts.next().and_then(|part| part.parse().ok()).unwrap_or(0);
        Some(Version { major, minor, patch })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// An architecture that systap knows the facts of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Arch {
    /// x86 with 64 bits.
    X86_64,
    /// ARM with 64 bits.
    Aarch64,
    /// RISC-V with 64 bits.
    Riscv64,
    /// Any other.
    Other,
}

impl Arch {
    /// The architecture that this program was built for, and so of the running kernel.
    pub const HOST: Arch = if cfg!(target_arch = "x86_64") {
        Arch::X86_64
    } else if cfg!(target_arch = "aarch64") {
        Arch::Aarch64
    } else if cfg!(target_arch = "riscv64") {
        Arch::Riscv64
    } else {
        Arch::Other
    };

    /// The name that `uname -m` gives.
    pub fn as_str(self) -> &'static str {
        match self {
            Arch::X86_64 => "x86_64",
            Arch::Aarch64 => "aarch64",
            Arch::Riscv64 => "riscv64",
            Arch::Other => "other",
        }
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        let version = |major, minor, patch| Some(Version { major, minor, patch });
        assert_eq!(Version::parse("6.18.44-fc-v669"), version(6, 18, 44));
        assert_eq!(Version::parse("6.1.0-18-amd64"), version(6, 1, 0));
        assert_eq!(Version::parse("6.9-rc3"), version(6, 9, 0));
        assert_eq!(Version::parse("5.14.0-427.13.1.el9_4.x86_64"), version(5, 14, 0));
        assert_eq!(Version::parse("6.12.0+"), version(6, 12, 0));
        assert_eq!(Version::parse("6"), None);
        assert_eq!(Version::parse(""), None);
        assert_eq!(Version::parse("99999999999.1"), None);
        assert!(Version::parse("6.9.1") < Version::parse("6.10.0"));
        assert_eq!(Version::parse("6.9-rc3").map(|v| v.to_string()).as_deref(), Some("6.9.0"));
    }
}
