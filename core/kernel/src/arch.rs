//! Which architecture a kernel is of.
//!
//! Must never be guessed from the machine for a kernel that was recorded elsewhere.

use std::fmt;

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

    /// The architecture of that name, as [`Arch::as_str`] gives it.
    pub fn named(name: &str) -> Arch {
        [Arch::X86_64, Arch::Aarch64, Arch::Riscv64]
            .into_iter()
            .find(|arch| arch.as_str() == name)
            .unwrap_or(Arch::Other)
    }

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
