//! What the preprocessor's conditions (`%( kernel_v >= "6.1" %? ... %)`) compare with, from the kernel that the script is for.

use std::cell::OnceCell;

use systap_kernel::{Arch, Kernel};
use systap_syntax::{Fact, Facts};

use crate::terminal;

/// What a script is told about the language and who runs it, rather than about the kernel.
#[derive(Clone, Debug)]
pub(crate) struct Dialect {
    /// `systemtap_v`: the version of SystemTap's language that scripts may count on.
    pub(crate) version: String,
    /// `runtime`.
    pub(crate) runtime: &'static str,
    /// `systemtap_privilege`.
    pub(crate) privilege: &'static str,
    /// `guru_mode`.
    pub(crate) guru: bool,
}

/// The newest version of SystemTap's language that is known here.
pub(crate) const LANGUAGE: &str = "5.6";

impl Default for Dialect {
    fn default() -> Self {
        Dialect { version: LANGUAGE.to_owned(), runtime: "bpf", privilege: "stapdev", guru: false }
    }
}

/// What is told of the kernel that a script is for; that its configuration cannot be read is said once.
pub(crate) struct Told<'a> {
    kernel: &'a Kernel,
    dialect: &'a Dialect,
    complained: OnceCell<()>,
}

impl<'a> Told<'a> {
    pub(crate) fn new(kernel: &'a Kernel, dialect: &'a Dialect) -> Self {
        Told { kernel, dialect, complained: OnceCell::new() }
    }
}

impl Facts for Told<'_> {
    fn value(&self, fact: Fact<'_>) -> String {
        match fact {
            Fact::KernelVersion => {
                let version = self.kernel.version().map(|version| version.to_string());
                version.unwrap_or_default()
            }
            Fact::KernelRelease => self.kernel.release().map(ToString::to_string).unwrap_or_default(),
            Fact::Architecture => architecture(self.kernel).to_owned(),
            Fact::LanguageVersion => self.dialect.version.clone(),
            Fact::Runtime => self.dialect.runtime.to_owned(),
            Fact::Privilege => self.dialect.privilege.to_owned(),
            Fact::Guru => u8::from(self.dialect.guru).to_string(),
            Fact::Config(option) => self.config(option),
        }
    }
}

/// The kernel's architecture in SystemTap's words.
pub(crate) fn architecture(kernel: &Kernel) -> &'static str {
    match kernel.arch() {
        Arch::X86_64 => "x86_64",
        Arch::Aarch64 => "arm64",
        Arch::Riscv64 => "riscv",
        _ => std::env::consts::ARCH,
    }
}

impl Told<'_> {
    /// The value of a kernel option; empty if it is not set.
    fn config(&self, option: &str) -> String {
        match self.kernel.config() {
            Ok(config) => config.value(option).unwrap_or_default().to_owned(),
            Err(error) => {
                self.complained.get_or_init(|| {
                    terminal::complain(&format!("{error}; every CONFIG_ option is taken as not set"));
                });
                String::new()
            }
        }
    }
}
