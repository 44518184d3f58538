//! What the preprocessor's conditions (`%( kernel_v >= "6.1" %? ... %)`) compare with, from the running kernel.

use systap_kernel::{Arch, Kernel};
use systap_syntax::{Fact, Facts};

/// The version of SystemTap's language that scripts may count on, where they ask for `systemtap_v`.
const LANGUAGE: &str = "5.5";

/// The running kernel and this run.
pub(crate) struct Running<'a>(pub(crate) &'a Kernel);

impl Facts for Running<'_> {
    fn value(&self, fact: Fact<'_>) -> String {
        match fact {
            Fact::KernelVersion => {
                let version = self.0.version().map(|version| version.to_string());
                version.unwrap_or_default()
            }
            Fact::KernelRelease => self.0.release().unwrap_or_default().to_owned(),
            Fact::Architecture => match self.0.arch() {
                Arch::X86_64 => "x86_64",
                Arch::Aarch64 => "arm64",
                Arch::Riscv64 => "riscv",
                _ => std::env::consts::ARCH,
            }
            .to_owned(),
            Fact::LanguageVersion => LANGUAGE.to_owned(),
            Fact::Runtime => "bpf".to_owned(),
            Fact::Privilege => "stapdev".to_owned(),
            Fact::Guru => "0".to_owned(),
            Fact::Config(option) => self.config(option),
        }
    }
}

impl Running<'_> {
    /// The value of a kernel option, from the configuration that distributions put beside the kernel; empty if it is not set,
    /// or not known.
    fn config(&self, option: &str) -> String {
        let release = self.0.release().unwrap_or_default();
        let places = [format!("/boot/config-{release}"), format!("/lib/modules/{release}/config")];
        let text = places.iter().find_map(|place| std::fs::read_to_string(place).ok()).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix(option)?.strip_prefix('='));
        line.unwrap_or_default().trim_matches('"').to_owned()
    }
}
