//! The lines of `index/NAME.json`: versions as they were published, and what was said of them later.

use std::collections::BTreeMap;

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};

/// The format of lines that is read.
const FORMAT: u32 = 1;

/// A published version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The tapset.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// What it is for, a sentence.
    pub summary: String,
    /// An SPDX expression.
    pub license: String,
    /// Other tapsets that it uses.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dependencies: BTreeMap<String, VersionReq>,
    /// On which kernels it is of use.
    #[serde(default, skip_serializing_if = "KernelNeeds::is_empty")]
    pub kernel: KernelNeeds,
    /// The conditions that its aliases are under, each once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub whens: Vec<String>,
    /// Its aliases, each with the conditions any of which it needs, as places in `whens`; none: it is always there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub aliases: BTreeMap<String, Vec<usize>>,
    /// Its functions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub functions: Vec<String>,
    /// The kernels that it was checked against when it was published, each with the aliases that are not there.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub checked: BTreeMap<String, Vec<String>>,
    /// Native code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native: Option<Native>,
    /// SHA-256 of the package, in hexadecimal digits.
    pub sha256: String,
    /// The package's length, in bytes.
    pub size: u64,
    /// When it was published, in seconds since 1970, UTC.
    pub published: i64,
}

/// On which kernels a version is of use.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelNeeds {
    /// A condition that must hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<String>,
    /// Releases of upstream that it was tested on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tested: Option<String>,
    /// Architectures, as `uname -m` has them; none: any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arch: Vec<String>,
}

impl KernelNeeds {
    fn is_empty(&self) -> bool {
        *self == KernelNeeds::default()
    }
}

/// A version's native code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Native {
    /// The number of the interface that it was built for.
    pub abi: u32,
    /// The targets that there is a library for.
    pub targets: Vec<String>,
}

/// That a version is not to be taken anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Yank {
    /// The version.
    pub version: Version,
    /// Whether it is yanked, or no longer.
    pub yanked: bool,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When, in seconds since 1970, UTC.
    pub at: i64,
}

/// A line: its format, and a version or what is said of one.
#[derive(Serialize, Deserialize)]
struct Line {
    v: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    version: Option<Entry>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    yank: Option<Yank>,
}

/// The format of a line, whatever else it has.
#[derive(Deserialize)]
struct Format {
    v: u32,
}

/// What is wrong with an index.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// A line makes no sense.
    #[error("line {line} of the index of `{name}` makes no sense: {said}")]
    Line {
        /// The tapset.
        name: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        said: String,
    },
}

/// All that is known of a tapset.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tapset {
    /// Its versions, the newest first.
    pub entries: Vec<Entry>,
    /// Those that are not to be taken anew, with what was said last.
    pub yanks: BTreeMap<Version, Yank>,
}

impl Tapset {
    /// Reads an index.
    ///
    /// # Errors
    /// Where a line makes no sense or is of another tapset. Lines of a later format are passed over.
    pub fn parse(name: &str, text: &[u8]) -> Result<Tapset, IndexError> {
        let mut tapset = Tapset::default();
        for (number, line) in text.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.is_empty()) {
            let wrong = |said: String| IndexError::Line { name: name.to_owned(), line: number + 1, said };
            let line: Line = match serde_json::from_slice(line) {
                Ok(line) => line,
                // What a later format has need not make sense to this one.
                Err(_) if serde_json::from_slice(line).is_ok_and(|line: Format| line.v != FORMAT) => continue,
                Err(error) => return Err(wrong(error.to_string())),
            };
            if line.v != FORMAT {
                continue;
            }
            match (line.version, line.yank) {
                (Some(entry), None) if entry.name != name => return Err(wrong(format!("it is of `{}`", entry.name))),
                (Some(entry), None) => match tapset.entry(&entry.version) {
                    Some(_) => return Err(wrong(format!("{} is there already", entry.version))),
                    None => tapset.entries.push(entry),
                },
                (None, Some(yank)) if yank.yanked => _ = tapset.yanks.insert(yank.version.clone(), yank),
                (None, Some(yank)) => _ = tapset.yanks.remove(&yank.version),
                (None, None) | (Some(_), Some(_)) => return Err(wrong("it is of no version, or of two".to_owned())),
            }
        }
        tapset.entries.sort_by(|one, other| other.version.cmp(&one.version));
        Ok(tapset)
    }

    /// A version.
    pub fn entry(&self, version: &Version) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.version == *version)
    }

    /// The newest version that may be taken; if all are yanked, the newest.
    pub fn newest(&self) -> Option<&Entry> {
        let good = self.entries.iter().find(|entry| !self.yanks.contains_key(&entry.version));
        good.or_else(|| self.entries.first())
    }
}

impl Entry {
    /// A version of which nothing but that is known: it is on every kernel, and offers nothing.
    pub fn bare(name: &str, version: Version, dependencies: BTreeMap<String, VersionReq>, sha256: String) -> Entry {
        Entry {
            name: name.to_owned(),
            version,
            summary: String::new(),
            license: String::new(),
            dependencies,
            kernel: KernelNeeds::default(),
            whens: vec![],
            aliases: BTreeMap::new(),
            functions: vec![],
            checked: BTreeMap::new(),
            native: None,
            sha256,
            size: 0,
            published: 0,
        }
    }

    /// Its line in the index, with the end of line.
    pub fn line(&self) -> String {
        written(&Line { v: FORMAT, version: Some(self.clone()), yank: None })
    }
}

impl Yank {
    /// Its line in the index, with the end of line.
    pub fn line(&self) -> String {
        written(&Line { v: FORMAT, version: None, yank: Some(self.clone()) })
    }
}

fn written(line: &Line) -> String {
    // Texts, numbers and lists of them always have a form in JSON.
    let mut text = serde_json::to_string(line).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::made::entry;

    #[test]
    fn an_index_grows_by_lines() {
        let mut text = entry("vm", "1.0.0", &[("task", "^1.1")]).line() + &entry("vm", "1.10.0", &[]).line();
        text += &entry("vm", "1.9.0", &[]).line();
        let yank = |yanked| Yank { version: Version::new(1, 10, 0), yanked, reason: Some("wrong".to_owned()), at: 5 };
        let parsed = |text: &str| Tapset::parse("vm", text.as_bytes());
        let versions =
            |tapset: &Tapset| -> Vec<String> { tapset.entries.iter().map(|entry| entry.version.to_string()).collect() };
        assert_eq!(versions(&parsed(&text).unwrap()), ["1.10.0", "1.9.0", "1.0.0"]);
        text += &yank(true).line();
        text += "{\"v\":2,\"something\":{}}\n";
        let tapset = parsed(&text).unwrap();
        assert_eq!(tapset.newest().unwrap().version, Version::new(1, 9, 0));
        text += &yank(false).line();
        assert_eq!(parsed(&text).unwrap().newest().unwrap().version, Version::new(1, 10, 0));
        insta::assert_snapshot!(text);
        let said: Vec<String> = [
            "{\"v\":1,\"version\":{}}".to_owned(),
            "{".to_owned(),
            entry("net", "1.0.0", &[]).line(),
            entry("vm", "1.0.0", &[]).line() + &entry("vm", "1.0.0", &[]).line(),
        ]
        .map(|text| parsed(&text).unwrap_err().to_string())
        .to_vec();
        insta::assert_snapshot!(said.join("\n"));
    }
}
