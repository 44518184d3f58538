//! What a plugin may be told of a kernel: the questions of a manifest, and their answers.
//!
//! It must never fail a request because a kernel lacks what was asked for: that is an answer. What cannot be known is not one.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use systap_kernel::{BtfError, Kernel, KernelError, Kind};
use systap_plugin::KernelFacts;

/// A question, in a manifest `enum("vm_fault_reason")`, `config("CONFIG_SWAP")`, `function("vfs_read")`,
/// `tracepoint("sched:sched_switch")` or `field("cfs_rq", "nr_queued")`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fact {
    /// The values of an enumeration, by its name or, where it has none, that of one of its values.
    Enum(String),
    /// An option of the build.
    Config(String),
    /// Whether the kernel has a function.
    Function(String),
    /// Whether it has a tracepoint.
    Tracepoint(String),
    /// Whether a struct or union has a member.
    Field(String, String),
}

/// A text that is no question.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no fact: expected enum(\"…\"), config(\"…\"), function(\"…\"), tracepoint(\"…\") or field(\"…\", \"…\")"
)]
pub struct FactError(String);

impl FromStr for Fact {
    type Err = FactError;

    fn from_str(text: &str) -> Result<Self, FactError> {
        let error = || FactError(text.to_owned());
        let (kind, rest) = text.trim().split_once('(').ok_or_else(error)?;
        let rest = rest.trim_end().strip_suffix(')').ok_or_else(error)?;
        let name = |quoted: &str| {
            let name = quoted.trim().strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            let sound = |name: &&str| {
                !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_:.".contains(&byte))
            };
            name.filter(sound).map(str::to_owned).ok_or_else(error)
        };
        Ok(match kind.trim() {
            "enum" => Self::Enum(name(rest)?),
            "config" => Self::Config(name(rest)?),
            "function" => Self::Function(name(rest)?),
            "tracepoint" => Self::Tracepoint(name(rest)?),
            "field" => {
                let (of, member) = rest.split_once(',').ok_or_else(error)?;
                Self::Field(name(of)?, name(member)?)
            }
            _ => return Err(error()),
        })
    }
}

/// What is known about one question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Known {
    There(bool),
    Text(Option<String>),
    Values(Option<Vec<(String, i64)>>),
}

/// The answers about one kernel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    release: String,
    arch: String,
    known: Vec<(Fact, Known)>,
}

impl Facts {
    /// A kernel of which nothing was asked.
    pub fn new(release: &str, arch: &str) -> Self {
        Self { release: release.to_owned(), arch: arch.to_owned(), known: vec![] }
    }

    /// As a plugin sees them.
    pub(crate) fn to_kernel_facts(&self) -> KernelFacts {
        let facts = KernelFacts::new(&self.release, &self.arch);
        self.known.iter().fold(facts, |facts, (asked, known)| match (asked, known) {
            (Fact::Enum(name), Known::Values(values)) => {
                let values: Option<Vec<(&str, i64)>> =
                    values.as_ref().map(|values| values.iter().map(|(name, value)| (name.as_str(), *value)).collect());
                facts.with_enum(name, values.as_deref())
            }
            (Fact::Config(name), Known::Text(value)) => facts.with_config(name, value.as_deref()),
            (Fact::Function(name), Known::There(there)) => facts.with_function(name, *there),
            (Fact::Tracepoint(name), Known::There(there)) => facts.with_tracepoint(name, *there),
            (Fact::Field(of, member), Known::There(there)) => facts.with_field(of, member, *there),
            _ => facts,
        })
    }
}

/// Why a question has no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Unknown {
    /// The kernel does not show it.
    #[error(transparent)]
    Kernel(#[from] KernelError),
    /// What it shows of its types makes no sense.
    #[error("the kernel's types: {0}")]
    Types(#[from] BtfError),
}

/// Answers the questions about a kernel.
///
/// # Errors
/// Where the kernel does not show what the questions are about: its types, its options.
pub fn gather(kernel: &Kernel, asked: &[Fact]) -> Result<Facts, Unknown> {
    let arch = match kernel.arch() {
        systap_kernel::Arch::X86_64 => "x86_64".to_owned(),
        systap_kernel::Arch::Aarch64 => "aarch64".to_owned(),
        other => format!("{other:?}").to_lowercase(),
    };
    let mut facts = Facts::new(kernel.release()?.as_str(), &arch);
    for fact in asked {
        let known = match fact {
            Fact::Enum(name) => Known::Values(enumerators(kernel, name)?),
            Fact::Config(name) => Known::Text(kernel.config()?.value(name).map(str::to_owned)),
            Fact::Function(name) => Known::There(kernel.function(name)?.is_some()),
            Fact::Tracepoint(name) => Known::There(match name.split_once(':') {
                Some((subsystem, name)) => kernel.tracepoint(Some(subsystem), name)?.is_some(),
                None => kernel.tracepoint(None, name)?.is_some(),
            }),
            Fact::Field(of, member) => Known::There(has_field(kernel, of, member)?),
        };
        facts.known.push((fact.clone(), known));
    }
    Ok(facts)
}

fn enumerators(kernel: &Kernel, name: &str) -> Result<Option<Vec<(String, i64)>>, Unknown> {
    let btf = kernel.btf()?;
    let mut id = None;
    for kind in [Kind::Enum, Kind::Enum64] {
        if id.is_none() {
            id = btf.find(kind, name)?;
        }
    }
    if id.is_none() {
        id = btf.enumerator(name)?.map(|(id, _)| id);
    }
    let Some(id) = id else { return Ok(None) };
    let values = btf.enumerators(id)?;
    Ok(Some(values.into_iter().map(|one| (one.name.to_owned(), one.value)).collect()))
}

fn has_field(kernel: &Kernel, of: &str, member: &str) -> Result<bool, Unknown> {
    let btf = kernel.btf()?;
    for kind in [Kind::Struct, Kind::Union] {
        if let Some(id) = btf.find(kind, of)? {
            return Ok(btf.member(id, member)?.is_some());
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_read() {
        assert_eq!("enum(\"vm_fault_reason\")".parse(), Ok(Fact::Enum("vm_fault_reason".to_owned())));
        assert_eq!(
            " field( \"cfs_rq\" , \"nr_queued\" ) ".parse(),
            Ok(Fact::Field("cfs_rq".to_owned(), "nr_queued".to_owned()))
        );
        for bad in ["", "enum", "enum()", "enum(x)", "enum(\"\")", "field(\"a\")", "file(\"x\")", "enum(\"a\" \"b\")"] {
            assert!(bad.parse::<Fact>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_running_kernel_answers() {
        let kernel = Kernel::running();
        if kernel.btf().is_err() {
            return eprintln!("skipped: this kernel shows no types");
        }
        let asked = [
            Fact::Enum("vm_fault_reason".to_owned()),
            Fact::Enum("TCP_ESTABLISHED".to_owned()),
            Fact::Enum("no_such_enumeration".to_owned()),
            Fact::Field("task_struct".to_owned(), "pid".to_owned()),
            Fact::Field("task_struct".to_owned(), "no_such".to_owned()),
            Fact::Function("vfs_read".to_owned()),
        ];
        let facts = gather(&kernel, &asked).unwrap().to_kernel_facts();
        // Part of the kernel's ABI (include/uapi), respectively unchanged since 5.1 (include/linux/mm_types.h).
        assert_eq!(facts.enumerator("TCP_ESTABLISHED", "TCP_LISTEN"), Some(10));
        assert_eq!(facts.enumerator("vm_fault_reason", "VM_FAULT_MAJOR"), Some(4));
        assert_eq!(facts.enumerators("no_such_enumeration"), None);
        assert!(facts.has_field("task_struct", "pid") && !facts.has_field("task_struct", "no_such"));
        assert!(facts.has_function("vfs_read"));
    }
}
