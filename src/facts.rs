//! What the preprocessor's conditions (`%( kernel_v >= "6.1" %? ... %)`) compare with, from the running kernel.

use std::cell::OnceCell;
use std::io::Read;

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

/// The running kernel, and its configuration once somebody asks.
pub(crate) struct Running<'a> {
    kernel: &'a Kernel,
    dialect: &'a Dialect,
    configuration: OnceCell<String>,
}

impl<'a> Running<'a> {
    pub(crate) fn new(kernel: &'a Kernel, dialect: &'a Dialect) -> Self {
        Running { kernel, dialect, configuration: OnceCell::new() }
    }
}

impl Facts for Running<'_> {
    fn value(&self, fact: Fact<'_>) -> String {
        match fact {
            Fact::KernelVersion => {
                let version = self.kernel.version().map(|version| version.to_string());
                version.unwrap_or_default()
            }
            Fact::KernelRelease => self.kernel.release().unwrap_or_default().to_owned(),
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

impl Running<'_> {
    /// The value of a kernel option; empty if it is not set.
    fn config(&self, option: &str) -> String {
        let text = self.configuration.get_or_init(|| {
            let found = configuration(self.kernel.release().unwrap_or_default());
            if found.is_none() {
                terminal::complain(
                    "the kernel's configuration is nowhere to be read: every CONFIG_ option is taken as not set",
                );
            }
            found.unwrap_or_default()
        });
        let line = text.lines().find_map(|line| line.strip_prefix(option)?.strip_prefix('='));
        line.unwrap_or_default().trim_matches('"').to_owned()
    }
}

/// The kernel's configuration: from the kernel itself, else from where distributions put it.
pub(crate) fn configuration(release: &str) -> Option<String> {
    let mut text = String::new();
    if let Ok(packed) = std::fs::File::open("/proc/config.gz")
        && flate2::read::GzDecoder::new(packed).read_to_string(&mut text).is_ok()
    {
        return Some(text);
    }
    let places = [format!("/boot/config-{release}"), format!("/lib/modules/{release}/config")];
    places.iter().find_map(|place| std::fs::read_to_string(place).ok())
}
