//! Medians, and how far the middle half of the values spreads.
//!
//! It must never average: one run that the machine disturbed would move the result.

/// The value in the middle, or `None` where there are no values. Of an even number, halfway between the two.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    quantile(&sorted(values), 0.5)
}

/// The bounds of the middle half of the values: a quarter lies below the first, a quarter above the second.
pub(crate) fn middle_half(values: impl IntoIterator<Item = f64>) -> Option<(f64, f64)> {
    let values = sorted(values);
    Some((quantile(&values, 0.25)?, quantile(&values, 0.75)?))
}

fn sorted(values: impl IntoIterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values
}

/// Linear between the two nearest of the sorted values.
fn quantile(sorted: &[f64], part: f64) -> Option<f64> {
    let place = part * sorted.len().checked_sub(1)? as f64;
    let below = sorted.get(place.floor() as usize)?;
    let above = sorted.get(place.ceil() as usize)?;
    Some(below + (above - below) * place.fract())
}

/// Known values.
pub(crate) fn check() {
    assert_eq!(median([]), None);
    assert_eq!(median([7.0]), Some(7.0));
    assert_eq!(median([9.0, 1.0, 2.0]), Some(2.0));
    assert_eq!(median([4.0, 1.0, 3.0, 2.0]), Some(2.5));
    assert_eq!(middle_half([5.0, 1.0, 4.0, 2.0, 3.0]), Some((2.0, 4.0)));
    assert_eq!(middle_half([]), None);
}
