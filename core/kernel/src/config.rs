//! The options that a kernel was built with: the text of its `.config`.
//!
//! Must never take a configuration that lies about for another kernel's.

use crate::KernelError;
use std::path::{Path, PathBuf};

/// Where the running kernel shows its own, packed.
const PACKED: &str = "/proc/config.gz";

/// The longest configuration that is believed, in bytes.
const MOST: u64 = 16 << 20;

/// A kernel's options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    text: String,
}

impl Config {
    /// Takes the text of a `.config`.
    pub(crate) fn parse(text: String) -> Config {
        Config { text }
    }

    /// Reads a `.config`.
    pub(crate) fn read(file: &Path) -> Result<Config, KernelError> {
        let text = std::fs::read(file).map_err(|error| KernelError::unreadable(file, error))?;
        Ok(Config::parse(String::from_utf8_lossy(&text).into_owned()))
    }

    /// The running kernel's: from itself, else from where distributions put it.
    pub(crate) fn running(release: &str) -> Result<Config, KernelError> {
        let mut text = String::new();
        if let Ok(packed) = std::fs::File::open(PACKED) {
            let unpacked = flate2::read::GzDecoder::new(packed);
            if std::io::Read::read_to_string(&mut std::io::Read::take(unpacked, MOST), &mut text).is_ok() {
                return Ok(Config { text });
            }
        }
        let places: Vec<PathBuf> =
            [format!("/boot/config-{release}"), format!("/lib/modules/{release}/config")].map(PathBuf::from).into();
        if let Some(config) = places.iter().find_map(|place| Config::read(place).ok()) {
            return Ok(config);
        }
        Err(KernelError::NoConfig { places: [vec![PathBuf::from(PACKED)], places].concat() })
    }

    /// The value of an option (`CONFIG_HZ`), without the quotes of a text; `None` if it is not set.
    pub fn value(&self, option: &str) -> Option<&str> {
        self.set().find(|(name, _)| *name == option).map(|(_, value)| value.trim_matches('"'))
    }

    /// The options that are set, with their values as they stand.
    pub fn set(&self) -> impl Iterator<Item = (&str, &str)> {
        self.text.lines().filter_map(|line| line.split_once('=')).filter(|(name, _)| name.starts_with("CONFIG_"))
    }

    /// The kernel's ticks a second (CONFIG_HZ).
    pub fn ticks_per_second(&self) -> Option<u32> {
        self.value("CONFIG_HZ")?.parse().ok().filter(|ticks| *ticks != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_has_a_value() {
        let text = "# Linux/x86 6.1.0 Kernel Configuration\nCONFIG_HZ=250\n# CONFIG_NO is not set\nCONFIG_M=m\nCONFIG_T=\"a b\"\nCONFIG_HZ_250=y\n";
        let config = Config::parse(text.to_owned());
        assert_eq!(config.value("CONFIG_HZ"), Some("250"));
        assert_eq!(config.ticks_per_second(), Some(250));
        assert_eq!(config.value("CONFIG_T"), Some("a b"));
        assert_eq!((config.value("CONFIG_NO"), config.value("CONFIG_"), config.value("CONFIG_H")), (None, None, None));
        assert_eq!(config.set().count(), 4);
    }
}
