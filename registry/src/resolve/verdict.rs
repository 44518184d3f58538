//! What a version is worth on a kernel. Capabilities decide; releases that were tested are advice, since distributions carry features
//! back without changing the number.

use std::fmt;

use serde::Serialize;

use crate::index::{Entry, Yank};
use crate::tested::Tested;
use crate::when::{Condition, KernelFacts};

/// What a version is worth on a kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// What it needs is there, and the release is one that it was tested on.
    Compatible,
    /// What it needs is there, and the release is none that it was tested on.
    Untested,
    /// What it needs is not there.
    Incompatible,
    /// It is not to be taken anew.
    Yanked,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Compatible => "compatible",
            Verdict::Untested => "untested",
            Verdict::Incompatible => "incompatible",
            Verdict::Yanked => "yanked",
        })
    }
}

/// A verdict, with the reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// Why, if it is not simply compatible; part of a sentence.
    pub reason: Option<String>,
    /// The aliases that are not there on this kernel, for what all their conditions say.
    pub missing: Vec<String>,
}

/// Judges a version. `abi` is the number of the interface for plugins that this systap speaks.
pub fn judge(entry: &Entry, yank: Option<&Yank>, kernel: &dyn KernelFacts, abi: u32) -> Judged {
    let judged = |verdict, reason| Judged { verdict, reason, missing: vec![] };
    if let Some(yank) = yank {
        return judged(Verdict::Yanked, yank.reason.clone());
    }
    let never = |reason: String| judged(Verdict::Incompatible, Some(reason));
    let machine = kernel.arch();
    if !entry.kernel.arch.is_empty() && !entry.kernel.arch.contains(&machine) {
        return never(format!("it is for {}, and this is {machine}", entry.kernel.arch.join(", ")));
    }
    if let Some(native) = entry.native.as_ref().filter(|native| native.abi != abi) {
        let spoken = format!("its plugin speaks interface {}, and this systap {abi}", native.abi);
        return never(spoken);
    }
    // A condition that makes no sense to this systap may ask for what only a later one knows.
    let fails = |text: &str| match text.parse::<Condition>() {
        Ok(condition) => condition.fails_on(kernel).map(|part| format!("the kernel lacks {part}")),
        Err(_) => Some(format!("this systap does not understand its condition `{text}`")),
    };
    if let Some(reason) = entry.kernel.needs.as_deref().and_then(fails) {
        return never(reason);
    }
    let whens: Vec<Option<String>> = entry.whens.iter().map(|when| fails(when)).collect();
    let failed = |when: &usize| whens.get(*when).is_some_and(Option::is_some);
    let missing: Vec<String> = entry
        .aliases
        .iter()
        .filter(|(_, needs)| !needs.is_empty() && needs.iter().all(failed))
        .map(|(alias, _)| alias.clone())
        .collect();
    if !missing.is_empty() && missing.len() == entry.aliases.len() && entry.functions.is_empty() {
        let reason = whens.into_iter().flatten().next().unwrap_or_default();
        return never(format!("none of its aliases is there: {reason}"));
    }
    let tested = entry.kernel.tested.as_deref().and_then(|text| Tested::parse(text).ok());
    let release: Vec<String> = kernel.release().iter().map(u32::to_string).collect();
    let (verdict, reason) = match tested {
        Some(tested) if !tested.has(kernel) => {
            let reason = format!("it was tested on {}, and this is {}", tested.as_str(), release.join("."));
            (Verdict::Untested, Some(reason))
        }
        _ => (Verdict::Compatible, None),
    };
    Judged { verdict, reason, missing }
}
