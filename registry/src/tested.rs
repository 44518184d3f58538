//! The releases of upstream that a tapset was tested on: advice, since distributions carry features back.
//!
//! Must never decide alone whether something is there on a kernel.

use crate::when::{Condition, Feature, KernelFacts};

/// A text that is of no use as releases.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TestedError {
    /// It names none.
    #[error("`{0}` names no releases: `>=5.15, <7.0` does")]
    Unclear(String),
    /// There is none that all of it holds for.
    #[error("no release is in `{0}`")]
    Empty(String),
}

/// Releases of upstream that a tapset was tested on.
#[derive(Debug, Clone)]
pub struct Tested {
    text: String,
    condition: Condition,
}

impl Tested {
    /// Takes apart `>=5.15, <7.0`.
    ///
    /// # Errors
    /// Where a part is not a relation and the numbers of a release.
    pub fn parse(text: &str) -> Result<Tested, TestedError> {
        let part = |part: &str| {
            let part = part.trim();
            let (relation, release) = part.split_at(part.find(|c: char| c.is_ascii_digit())?);
            let relation = relation.trim();
            let is_release = release.split('.').all(|number| number.parse::<u32>().is_ok());
            let condition =
                format!("kernel {} \"{release}\"", if matches!(relation, "" | "=") { "==" } else { relation });
            is_release.then_some(condition)
        };
        let parts: Option<Vec<String>> = text.split(',').map(part).collect();
        let condition = parts.and_then(|parts| parts.join(" and ").parse().ok());
        let condition = condition.ok_or_else(|| TestedError::Unclear(text.to_owned()))?;
        let tested = Tested { text: text.to_owned(), condition };
        let some = releases_near([text]).any(|release| tested.has(&OnlyRelease(&release)));
        if some { Ok(tested) } else { Err(TestedError::Empty(text.to_owned())) }
    }

    /// Whether a kernel's release is among them.
    pub fn has(&self, kernel: &dyn KernelFacts) -> bool {
        self.condition.fails_on(kernel).is_none()
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// A release that is among these and not among those, if one is.
    pub fn first_missing_in(&self, other: &Tested) -> Option<String> {
        let missing = |release: &Vec<u32>| {
            let kernel = OnlyRelease(release);
            self.has(&kernel) && !other.has(&kernel)
        };
        let first = releases_near([self.text.as_str(), other.text.as_str()]).filter(missing).min()?;
        Some(first.iter().map(u32::to_string).collect::<Vec<_>>().join("."))
    }
}

/// The releases at which something may begin or end: those that the texts name, what comes right before and after each, and the kernels
/// that distributions keep long.
fn releases_near<'t>(texts: impl IntoIterator<Item = &'t str>) -> impl Iterator<Item = Vec<u32>> {
    const KEPT_LONG: &str = "4.19 5.4 5.10 5.15 6.1 6.6 6.12 6.18";
    let digits = |c: char| c.is_ascii_digit() || c == '.';
    let named = texts.into_iter().chain([KEPT_LONG]).flat_map(move |text| text.split(move |c| !digits(c)));
    let releases =
        named.filter_map(|text| text.split('.').map(|number| number.parse().ok()).collect::<Option<Vec<u32>>>());
    releases.flat_map(|release| {
        let (mut next, mut before) = (release.clone(), release.clone());
        if let (Some(next), Some(before)) = (next.last_mut(), before.last_mut()) {
            *next = next.saturating_add(1);
            *before = before.saturating_sub(1);
        }
        [before, release, next]
    })
}

/// A kernel of which nothing but the release is asked.
struct OnlyRelease<'r>(&'r [u32]);

impl KernelFacts for OnlyRelease<'_> {
    fn has(&self, _: Feature<'_>) -> bool {
        false
    }

    fn release(&self) -> Vec<u32> {
        self.0.to_vec()
    }

    fn arch(&self) -> String {
        String::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_that_are_no_longer_tested() {
        let missing =
            |one: &str, other: &str| Tested::parse(one).unwrap().first_missing_in(&Tested::parse(other).unwrap());
        assert_eq!(missing(">=5.15, <7.0", ">=5.15, <7.1"), None);
        assert_eq!(missing(">=5.15, <7.0", ">=6.1, <7.1").as_deref(), Some("5.15"));
        assert_eq!(missing(">=5.15, <7.0", ">=5.15, <6.12").as_deref(), Some("6.12"));
        assert_eq!(missing("=6.1", "6.1"), None);
    }

    #[test]
    fn some_release_is_meant() {
        for text in [">=5.15, <7.0", "<0.1", ">6.12", "6.1.3", "<=4.4", ">=6.1, <6.2"] {
            assert!(Tested::parse(text).is_ok(), "{text}");
        }
        for text in [">=6.1, <5.15", "6.1, 6.2", ">7, <7", ">6.1, <6.2", "six"] {
            assert!(Tested::parse(text).is_err(), "{text}");
        }
    }
}
