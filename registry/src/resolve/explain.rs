//! Why no versions fit together, as a person would tell it: what asks for what, and for each tapset that has none that fits, its
//! versions with the reason against each, the newest first.

use std::collections::BTreeSet;
use std::fmt;

use pubgrub::{DerivationTree, External, Ranges};
use semver::Version;
use serde::Serialize;

use super::solve::{Package, Provider, Versions};
use super::verdict::Verdict;

/// Why nothing was chosen.
#[derive(Debug, Clone, Serialize)]
pub struct Refusal {
    /// What asks for what, a sentence each.
    pub because: Vec<String>,
    /// The tapsets that have no version that fits.
    pub tables: Vec<Table>,
    /// What would help, a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// A tapset's versions.
#[derive(Debug, Clone, Serialize)]
pub struct Table {
    /// The tapset.
    pub name: String,
    /// Its versions, the newest first; none if no registry has it.
    pub versions: Vec<Row>,
}

/// A version, and what is against it.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The version.
    pub version: Version,
    /// What it is worth on this kernel.
    pub verdict: Verdict,
    /// What is against it.
    pub reason: String,
}

type Tree = DerivationTree<Package, Ranges<Version>, String>;

pub(super) fn explain<V: Versions>(tree: &Tree, provider: &Provider<'_, V>) -> Refusal {
    let mut leaves = Leaves::default();
    leaves.gather(tree, provider);
    let asked = |name: &str| leaves.asks.iter().filter(|ask| ask.on == name).collect::<Vec<&Ask>>();
    let mut because = vec![];
    for ask in &leaves.asks {
        let sentence = match &ask.by {
            None => format!("you ask for `{}`{}", ask.on, said(&ask.requirement)),
            Some((by, versions)) => format!("`{by}` {versions} needs `{}`{}", ask.on, said(&ask.requirement)),
        };
        if !because.contains(&sentence) {
            because.push(sentence);
        }
    }
    // A table is owed for what has no version that is good here and that all who ask would take.
    let names: BTreeSet<&str> = leaves.asks.iter().map(|ask| ask.on.as_str()).collect();
    let lacks = |name: &&str| {
        let versions = provider.judged_versions(name).unwrap_or_default();
        let suits = |version: &Version| {
            provider.may_be_early(name, version) && asked(name).iter().all(|ask| ask.range.contains(version))
        };
        !versions.iter().any(|(version, judged)| suits(version) && provider.is_good(judged))
    };
    let names: Vec<&str> = names.into_iter().filter(lacks).collect();
    let mut tables = vec![];
    let mut hint = None;
    for name in names {
        let asks = asked(name);
        let Some(versions) = provider.judged_versions(name) else {
            hint = hint.or_else(|| Some("`systap tapset search` shows what the registries have".to_owned()));
            tables.push(Table { name: name.to_owned(), versions: vec![] });
            continue;
        };
        let rows = versions.into_iter().map(|(version, judged)| {
            let unwanted = asks.iter().find(|ask| !ask.range.contains(&version));
            let reason = match (judged.verdict, unwanted) {
                (Verdict::Compatible | Verdict::Untested, None) if !provider.may_be_early(name, &version) => {
                    format!("a pre-release, which is taken only if one is asked for: {name}@{version}")
                }
                (Verdict::Incompatible | Verdict::Yanked, _) | (_, None) => judged.reason.clone().unwrap_or_default(),
                (_, Some(ask)) => match &ask.by {
                    None => format!("you ask for{}", said(&ask.requirement)),
                    Some((by, versions)) => format!("`{by}` {versions} needs{}", said(&ask.requirement)),
                },
            };
            let fits = unwanted.is_none() && judged.verdict == Verdict::Untested;
            if fits {
                hint = Some("without --strict a version that was not tested on such a kernel is taken".to_owned());
            }
            let is_final = version.pre.is_empty();
            if asks.len() == 1
                && unwanted.is_some()
                && is_final
                && judged.verdict == Verdict::Compatible
                && hint.is_none()
            {
                hint = Some(format!("`{name}` {version} would do on this kernel"));
            }
            Row { version, verdict: judged.verdict, reason }
        });
        tables.push(Table { name: name.to_owned(), versions: rows.collect() });
    }
    Refusal { because, tables, hint }
}

fn said(requirement: &str) -> String {
    if requirement == "*" { String::new() } else { format!(" {requirement}") }
}

/// That somebody asks for versions of a tapset.
struct Ask {
    /// A tapset and its versions; `None` for who started it all.
    by: Option<(String, String)>,
    on: String,
    /// As it was written.
    requirement: String,
    range: Ranges<Version>,
}

/// What the solver's proof rests on.
#[derive(Default)]
struct Leaves {
    asks: Vec<Ask>,
}

impl Leaves {
    fn gather<V: Versions>(&mut self, tree: &Tree, provider: &Provider<'_, V>) {
        // The proof is a tree with shared branches, and can be deep: each branch is looked at once.
        let mut seen = BTreeSet::new();
        let mut rest = vec![tree];
        while let Some(tree) = rest.pop() {
            match tree {
                DerivationTree::Derived(derived) => {
                    if derived.shared_id.is_none_or(|id| seen.insert(id)) {
                        rest.extend([&*derived.cause2, &*derived.cause1]);
                    }
                }
                DerivationTree::External(External::FromDependencyOf(by, versions, Package::Tapset(on), range)) => {
                    let (by, requirement) = match by {
                        Package::Asking => {
                            let of = provider.requests.iter().find(|request| *request.name == **on);
                            (None, of.map(|request| request.versions.to_string()))
                        }
                        Package::Tapset(name) => {
                            let requirement = provider.requirement(name, versions, on).map(|req| req.to_string());
                            (Some((name.to_string(), self::versions(name, versions, provider))), requirement)
                        }
                    };
                    let requirement = requirement.unwrap_or_else(|| range.to_string());
                    self.asks.push(Ask { by, on: on.to_string(), requirement, range: range.clone() });
                }
                DerivationTree::External(_) => {}
            }
        }
    }
}

/// Some versions of a tapset, in few words.
fn versions<V: Versions>(name: &str, range: &Ranges<Version>, provider: &Provider<'_, V>) -> String {
    let all = provider.judged_versions(name).unwrap_or_default();
    let within: Vec<String> =
        all.iter().filter(|(version, _)| range.contains(version)).map(|(version, _)| version.to_string()).collect();
    match within.as_slice() {
        [] => range.to_string(),
        [one] => one.clone(),
        [newest, .., oldest] => format!("{oldest} to {newest}"),
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "no versions go together on this kernel")?;
        for sentence in &self.because {
            writeln!(f, "  {sentence}")?;
        }
        for table in &self.tables {
            if table.versions.is_empty() {
                writeln!(f, "  no registry has `{}`", table.name)?;
                continue;
            }
            writeln!(f, "  `{}`:", table.name)?;
            let width = table.versions.iter().map(|row| row.version.to_string().len()).max().unwrap_or_default();
            for row in &table.versions {
                // Padding a version's own Display would do nothing.
                let line =
                    format!("    {:width$}  {:12}  {}", row.version.to_string(), row.verdict.to_string(), row.reason);
                writeln!(f, "{}", line.trim_end())?;
            }
        }
        if let Some(hint) = &self.hint {
            writeln!(f, "  {hint}")?;
        }
        Ok(())
    }
}
