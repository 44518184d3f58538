//! Bars: what systap promises of a figure, and whether the rounds that were measured meet it.
//!
//! It must never compare medians of different rounds: a bar is held against each round, and the median of the excesses
//! is the answer, so that a slow minute of the machine falls on both sides.

use super::numbers::{median, middle_half};

/// What was seen of one figure in one round; `None` for who could not be measured.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Round {
    /// systap's.
    pub(crate) systap: Option<f64>,
    /// Of the C program that does the same by hand.
    pub(crate) floor: Option<f64>,
    /// bpftrace's.
    pub(crate) bpftrace: Option<f64>,
}

/// A bar.
pub(crate) struct Bar {
    /// How the design says it.
    pub(crate) says: &'static str,
    /// The most that systap may show in such a round; `None` where the round lacks what the bar is measured by.
    pub(crate) most: fn(Round) -> Option<f64>,
}

impl Bar {
    /// `meets`, `FALLS SHORT by …` in `unit`, or why neither can be said. Where the middle half of the rounds has both
    /// signs, the machine was too noisy to tell.
    pub(crate) fn verdict(&self, rounds: &[Round], unit: &str) -> String {
        if rounds.iter().all(|round| round.systap.is_none()) {
            return "systap not measured".to_owned();
        }
        let excesses = || rounds.iter().filter_map(|round| Some(round.systap? - (self.most)(*round)?));
        match median(excesses()) {
            None => "nothing to compare with".to_owned(),
            Some(excess) if excess <= 0.0 => "meets".to_owned(),
            Some(excess) => {
                let spread = middle_half(excesses()).map(|(low, high)| format!(" (middle half {low:.2} to {high:.2})"));
                format!("FALLS SHORT by {excess:.2} {unit}{}", spread.unwrap_or_default())
            }
        }
    }
}

/// Known verdicts.
pub(crate) fn check() {
    let bar = Bar { says: "floor + 20 %", most: |round| Some(round.floor? * 1.2) };
    let round = |systap, floor| Round { systap, floor, bpftrace: None };
    assert_eq!(bar.verdict(&[round(Some(11.0), Some(10.0))], "ms"), "meets");
    assert_eq!(
        bar.verdict(&[round(Some(12.5), Some(10.0))], "ms"),
        "FALLS SHORT by 0.50 ms (middle half 0.50 to 0.50)"
    );
    // A slow round of both does not count against systap.
    let rounds = [round(Some(11.0), Some(10.0)), round(Some(110.0), Some(100.0)), round(Some(11.0), Some(10.0))];
    assert_eq!(bar.verdict(&rounds, "ms"), "meets");
    assert_eq!(bar.verdict(&[round(None, Some(10.0))], "ms"), "systap not measured");
    assert_eq!(bar.verdict(&[round(Some(1.0), None)], "ms"), "nothing to compare with");
}
