//! The manifest, `tapset.toml`: what a tapset is called, what it needs, which of its scripts are for which kernels.
//!
//! Must never take a key that it does not know: it is a mistake, or of a later format, and both are to be told.

use crate::tested::Tested;
use crate::when::{Condition, ConditionError};
use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// The format that is read.
const FORMAT: u32 = 1;
/// The machines that Linux runs on today, as `uname -m` names them.
const MACHINES: [&str; 10] =
    ["x86_64", "i686", "aarch64", "armv7l", "loongarch64", "mips64", "ppc64", "ppc64le", "riscv64", "s390x"];

/// What a tapset says of itself.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// What it is for, a sentence.
    pub summary: String,
    /// An SPDX expression.
    pub license: String,
    /// Who answers for it.
    pub authors: Vec<String>,
    /// Where its sources are.
    pub repository: Option<String>,
    /// Kernels.
    pub kernel: KernelNote,
    /// Other tapsets whose names its scripts use.
    pub dependencies: Vec<Dependency>,
    /// What is asked for what declarations cannot say.
    pub plugin: Option<Plugin>,
    /// Conditions by the file's name in `scripts/`; other files are always in.
    pub conditions: BTreeMap<String, Condition>,
    /// What is said of aliases, by name.
    pub aliases: BTreeMap<String, AliasNote>,
    /// Values by name.
    pub constants: BTreeMap<String, Constant>,
    /// Texts by number, by the table's name.
    pub tables: BTreeMap<String, BTreeMap<i64, String>>,
}

/// On which kernels a tapset was tested: advice, since distributions carry features back.
#[derive(Debug, Clone, Default)]
pub struct KernelNote {
    /// What a kernel must have for the tapset to be of any use.
    pub needs: Option<Condition>,
    /// Releases of upstream: `>=5.15, <7.0`.
    pub tested: Option<Tested>,
    /// Architectures, as `uname -m` has them; none: any.
    pub arch: Vec<String>,
}

/// Another tapset that this one uses.
#[derive(Debug, Clone)]
pub struct Dependency {
    /// Its name.
    pub name: String,
    /// Its versions.
    pub versions: VersionReq,
}

/// A native library that is asked what declarations cannot say.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plugin {
    /// The library's name, without `lib` and `.so`.
    pub library: String,
    /// The number of the interface that it was built for.
    pub abi: u32,
    /// What it wants to know of the kernel.
    #[serde(default)]
    pub facts: Vec<String>,
}

/// What is said of an alias.
#[derive(Debug, Clone, Default)]
pub struct AliasNote {
    /// The version of the tapset that first had it.
    pub since: Option<Version>,
    /// Whether scripts may count on it.
    pub stability: Stability,
    /// That it is to go.
    pub deprecated: Option<Deprecation>,
}

/// Whether scripts may count on an alias.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stability {
    /// It stays as it is until the next major version.
    #[default]
    Stable,
    /// It may change.
    Evolving,
    /// It is for the tapset's own scripts.
    Private,
}

/// That an alias is to go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deprecation {
    /// The version since which that is said.
    pub since: Version,
    /// What to use instead.
    #[serde(rename = "use")]
    pub instead: Option<String>,
    /// The version that no longer has it.
    pub gone: Option<Version>,
}

/// A value of a constant.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Constant {
    /// A number.
    Long(i64),
    /// A text.
    Text(String),
}

/// What is wrong with a manifest.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The file cannot be read.
    #[error("{} cannot be read: {source}", .file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no manifest, or says what makes no sense.
    #[error("{}:{line}: {said}", .file.display())]
    Wrong {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        said: String,
    },
}

/// The file as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    tapset: WrittenTapset,
    #[serde(default)]
    kernel: WrittenKernel,
    #[serde(default)]
    dependencies: BTreeMap<toml::Spanned<String>, VersionReq>,
    plugin: Option<Plugin>,
    #[serde(default)]
    script: Vec<WrittenScript>,
    #[serde(default)]
    alias: Vec<WrittenAlias>,
    #[serde(default)]
    constants: BTreeMap<String, Constant>,
    #[serde(default)]
    tables: BTreeMap<String, BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTapset {
    name: toml::Spanned<String>,
    version: toml::Spanned<Version>,
    summary: String,
    license: String,
    #[serde(default)]
    authors: Vec<String>,
    repository: Option<String>,
    manifest: toml::Spanned<u32>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenKernel {
    needs: Option<toml::Spanned<String>>,
    tested: Option<toml::Spanned<String>>,
    #[serde(default)]
    arch: Vec<toml::Spanned<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenScript {
    file: toml::Spanned<String>,
    when: toml::Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenAlias {
    name: toml::Spanned<String>,
    since: Option<Version>,
    #[serde(default)]
    stability: Stability,
    deprecated: Option<Deprecation>,
}

/// Whether a text can be a tapset's name: a letter, then letters, digits and `-`, up to 64 in all; small letters only.
pub fn is_name(text: &str) -> bool {
    text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// Whether a text can be a constant's or a table's name.
fn is_identifier(text: &str) -> bool {
    text.len() <= 128
        && text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// Where it cannot be read or makes no sense; with the line.
    pub fn read(file: &Path) -> Result<Manifest, ManifestError> {
        let unreadable = |source| ManifestError::Unreadable { file: file.into(), source };
        Manifest::parse(file, &std::fs::read_to_string(file).map_err(unreadable)?)
    }

    /// Takes apart a manifest's text; `file` is for messages.
    ///
    /// # Errors
    /// Where it makes no sense; with the line.
    pub fn parse(file: &Path, text: &str) -> Result<Manifest, ManifestError> {
        let wrong = |span: Option<Range<usize>>, said: String| {
            let before = span.and_then(|span| text.get(..span.start)).unwrap_or_default();
            ManifestError::Wrong { file: file.into(), line: 1 + before.matches('\n').count(), said }
        };
        let written: Written =
            toml::from_str(text).map_err(|error| wrong(error.span(), error.message().trim().to_owned()))?;
        let tapset = written.tapset;
        if *tapset.manifest.get_ref() != FORMAT {
            let said = format!(
                "this systap reads manifests of format {FORMAT}, and this is one of {}",
                tapset.manifest.get_ref()
            );
            return Err(wrong(Some(tapset.manifest.span()), said));
        }
        if !is_name(tapset.name.get_ref()) {
            let said = "a tapset's name is a small letter, then small letters, digits and `-`, up to 64 in all";
            return Err(wrong(Some(tapset.name.span()), said.to_owned()));
        }
        if !tapset.version.get_ref().build.is_empty() {
            let said = "a version has nothing behind a `+`: that tells no two versions apart";
            return Err(wrong(Some(tapset.version.span()), said.to_owned()));
        }
        let mut conditions = BTreeMap::new();
        for script in written.script {
            let condition = script.when.get_ref().parse();
            let condition = condition.map_err(|error| wrong(Some(script.when.span()), format!("{error}")))?;
            if conditions.insert(script.file.get_ref().clone(), condition).is_some() {
                let said = format!("`{}` has two conditions; join them by `or` or `and`", script.file.get_ref());
                return Err(wrong(Some(script.file.span()), said));
            }
        }
        let mut aliases = BTreeMap::new();
        for alias in written.alias {
            let note = AliasNote { since: alias.since, stability: alias.stability, deprecated: alias.deprecated };
            if aliases.insert(alias.name.get_ref().clone(), note).is_some() {
                return Err(wrong(Some(alias.name.span()), format!("`{}` is noted twice", alias.name.get_ref())));
            }
        }
        for on in written.dependencies.keys() {
            let said = match on.get_ref() {
                bad if !is_name(bad) => format!("`{bad}`, which it depends on, cannot be a tapset's name"),
                own if own == tapset.name.get_ref() => "a tapset does not depend on itself".to_owned(),
                _ => continue,
            };
            return Err(wrong(Some(on.span()), said));
        }
        for arch in &written.kernel.arch {
            if !MACHINES.contains(&arch.get_ref().as_str()) {
                let said =
                    format!("`{}` is no machine as `uname -m` names them: {}", arch.get_ref(), MACHINES.join(", "));
                return Err(wrong(Some(arch.span()), said));
            }
        }
        if let Some(bad) = written.constants.keys().chain(written.tables.keys()).find(|name| !is_identifier(name)) {
            return Err(wrong(None, format!("`{bad}` cannot be the name of a constant: letters, digits and `_` can")));
        }
        let mut tables = BTreeMap::new();
        for (name, rows) in written.tables {
            let mut numbers = BTreeMap::new();
            for (key, value) in rows {
                let number = parse_number(&key).ok_or_else(|| {
                    wrong(None, format!("the table `{name}` has the key `{key}`, which is no number"))
                })?;
                numbers.insert(number, value);
            }
            tables.insert(name, numbers);
        }
        let condition = |text: toml::Spanned<String>| {
            text.get_ref().parse().map_err(|error: ConditionError| wrong(Some(text.span()), error.to_string()))
        };
        let tested = |text: toml::Spanned<String>| {
            Tested::parse(text.get_ref()).map_err(|error| wrong(Some(text.span()), error.to_string()))
        };
        Ok(Manifest {
            name: tapset.name.into_inner(),
            version: tapset.version.into_inner(),
            summary: tapset.summary,
            license: tapset.license,
            authors: tapset.authors,
            repository: tapset.repository,
            kernel: KernelNote {
                needs: written.kernel.needs.map(condition).transpose()?,
                tested: written.kernel.tested.map(tested).transpose()?,
                arch: written.kernel.arch.into_iter().map(toml::Spanned::into_inner).collect(),
            },
            dependencies: written
                .dependencies
                .into_iter()
                .map(|(name, versions)| Dependency { name: name.into_inner(), versions })
                .collect(),
            plugin: written.plugin,
            conditions,
            aliases,
            constants: written.constants,
            tables,
        })
    }
}

fn parse_number(text: &str) -> Option<i64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok().map(|number| number as i64),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "[tapset]\nname = \"vm\"\nversion = \"1.2.0\"\nsummary = \"s\"\nlicense = \"MIT\"\nmanifest = 1\n";

    fn parsed(more: &str) -> Result<Manifest, String> {
        Manifest::parse(Path::new("tapset.toml"), &format!("{HEAD}{more}")).map_err(|error| error.to_string())
    }

    #[test]
    fn everything_that_can_be_said() {
        let manifest = parsed(
            "[kernel]\ntested = \">=5.15, <7.0\"\narch = [\"x86_64\"]\n[dependencies]\ntask = \"^1.1\"\n\
             [plugin]\nlibrary = \"systap_vm\"\nabi = 1\nfacts = ['enum(\"vm_fault_reason\")']\n\
             [[script]]\nfile = \"a.stp\"\nwhen = 'tracepoint(\"x:y\")'\n\
             [[alias]]\nname = \"vm.a\"\nsince = \"1.0.0\"\nstability = \"evolving\"\n\
             deprecated = { since = \"1.2.0\", use = \"vm.b\", gone = \"2.0.0\" }\n\
             [constants]\nVM_FAULT_OOM = 1\nNAME = \"text\"\n[tables.gfp]\n0x10 = \"IO\"\n-1 = \"none\"\n",
        )
        .unwrap();
        assert_eq!((manifest.name.as_str(), manifest.version.to_string().as_str()), ("vm", "1.2.0"));
        assert_eq!(manifest.conditions["a.stp"].to_string(), "tracepoint(\"x:y\")");
        assert!(manifest.dependencies[0].versions.matches(&Version::new(1, 4, 0)));
        let note = &manifest.aliases["vm.a"];
        assert_eq!(note.stability, Stability::Evolving);
        assert_eq!(note.deprecated.as_ref().unwrap().instead.as_deref(), Some("vm.b"));
        assert_eq!(manifest.constants["VM_FAULT_OOM"], Constant::Long(1));
        assert_eq!(manifest.constants["NAME"], Constant::Text("text".to_owned()));
        assert_eq!(manifest.tables["gfp"].keys().copied().collect::<Vec<_>>(), [-1, 16]);
    }

    #[test]
    fn mistakes_are_pointed_at() {
        let said: Vec<String> = [
            "[[scripts]]\n",
            "[[script]]\nfile = \"a.stp\"\n",
            "[[script]]\nfile = \"a.stp\"\nwhen = 'tracepoint(x)'\n",
            "[[script]]\nfile = \"a\"\nwhen = 'kernel > \"6\"'\n[[script]]\nfile = \"a\"\nwhen = 'kernel > \"6\"'\n",
            "[[alias]]\nname = \"a\"\nstability = \"steady\"\n",
            "[constants]\n\"a b\" = 1\n",
            "[tables.t]\nx = \"y\"\n",
            "[dependencies]\ntask = \"one\"\n",
            "[plugin]\nlibrary = \"l\"\n",
            "[dependencies]\n\"../../x\" = \"1\"\n",
            "[kernel]\ntested = \">=six\"\n",
            "[kernel]\nneeds = 'function(x)'\n",
            "[kernel]\ntested = \">=6.1, <5.15\"\n",
            "[kernel]\narch = [\"x86_64\", \"arm64\"]\n",
            "[dependencies]\ntask = \"1\"\nvm = \"1\"\n",
        ]
        .map(|more| parsed(more).unwrap_err())
        .to_vec();
        insta::assert_snapshot!(said.join("\n"));
        let other = HEAD.replace("manifest = 1", "manifest = 2");
        let said = Manifest::parse(Path::new("t"), &other).unwrap_err().to_string();
        assert_eq!(said, "t:6: this systap reads manifests of format 1, and this is one of 2");
        let other = HEAD.replace("1.2.0", "1.2.0+a");
        let said = Manifest::parse(Path::new("t"), &other).unwrap_err().to_string();
        assert_eq!(said, "t:3: a version has nothing behind a `+`: that tells no two versions apart");
        let other = HEAD.replace("\"vm\"", "\"Vm\"");
        assert!(Manifest::parse(Path::new("t"), &other).unwrap_err().to_string().starts_with("t:2: a tapset's name"));
    }
}
