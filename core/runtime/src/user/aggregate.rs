//! What an aggregate remembers of the values that were put into it. It must never forget a value: what a histogram has
//! no bucket for counts in its first or last one.

use systap_ir::placed::LOG_BUCKETS;
use systap_ir::program::{AggregateFn, AggregateShape, Histogram, LinearBounds};

/// An aggregate's parts, by the names of the functions that ask for them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Aggregate {
    /// How many values.
    pub count: i64,
    /// Their sum, wrapping.
    pub sum: i64,
    /// The least; meaningless while the count is 0.
    pub min: i64,
    /// The greatest; meaningless while the count is 0.
    pub max: i64,
    /// The logarithmic histogram's [`LOG_BUCKETS`] buckets, if kept.
    pub logarithmic: Option<Box<[i64]>>,
    /// The linear histogram's buckets, if kept: below, the steps, above.
    pub linear: Option<Box<[i64]>>,
    /// What the variance needs, if kept.
    pub spread: Option<Spread>,
}

/// Exact sums, from which the variance follows whatever the order of values and merges.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// The sum of the values.
    pub sum: i128,
    /// The sum of their squares.
    pub squares: i128,
    /// The result is scaled by two to the power of this.
    pub shift: u8,
}

impl Aggregate {
    /// Without values, remembering what the shape asks for.
    pub fn empty(shape: &AggregateShape) -> Aggregate {
        let buckets = |count: u32| vec![0; count as usize].into_boxed_slice();
        Aggregate {
            logarithmic: shape.logarithmic.then(|| buckets(LOG_BUCKETS)),
            linear: shape.linear.map(|bounds| buckets(bounds.buckets())),
            spread: shape.variance.map(|shift| Spread { shift, ..Spread::default() }),
            ..Aggregate::default()
        }
    }

    /// Puts a value in; `shape` is the one it was made with.
    pub fn add(&mut self, value: i64, shape: &AggregateShape) {
        (self.min, self.max) =
            if self.count == 0 { (value, value) } else { (self.min.min(value), self.max.max(value)) };
        self.count = self.count.wrapping_add(1);
        self.sum = self.sum.wrapping_add(value);
        if let Some(bucket) = self.logarithmic.as_mut().and_then(|buckets| buckets.get_mut(logarithmic_bucket(value))) {
            *bucket = bucket.wrapping_add(1);
        }
        if let (Some(buckets), Some(bounds)) = (&mut self.linear, &shape.linear)
            && let Some(bucket) = buckets.get_mut(linear_bucket(value, bounds))
        {
            *bucket = bucket.wrapping_add(1);
        }
        if let Some(spread) = &mut self.spread {
            spread.sum = spread.sum.wrapping_add(i128::from(value));
            spread.squares = spread.squares.wrapping_add(i128::from(value).wrapping_mul(i128::from(value)));
        }
    }

    /// Puts in every value that `other`, of the same shape, has seen.
    pub fn merge(&mut self, other: &Aggregate) {
        if other.count == 0 {
            return;
        }
        if self.count == 0 {
            (self.min, self.max) = (other.min, other.max);
        } else {
            (self.min, self.max) = (self.min.min(other.min), self.max.max(other.max));
        }
        self.count = self.count.wrapping_add(other.count);
        self.sum = self.sum.wrapping_add(other.sum);
        merge_buckets(&mut self.logarithmic, &other.logarithmic);
        merge_buckets(&mut self.linear, &other.linear);
        match (&mut self.spread, &other.spread) {
            (Some(mine), Some(theirs)) => {
                mine.sum = mine.sum.wrapping_add(theirs.sum);
                mine.squares = mine.squares.wrapping_add(theirs.squares);
            }
            (mine @ None, Some(theirs)) => *mine = Some(*theirs),
            _ => {}
        }
    }

    /// What is asked; `None` where that needs at least one value and there is none.
    pub fn get(&self, function: AggregateFn) -> Option<i64> {
        match function {
            AggregateFn::Count => Some(self.count),
            AggregateFn::Sum => Some(self.sum),
            _ if self.count == 0 => None,
            AggregateFn::Min => Some(self.min),
            AggregateFn::Max => Some(self.max),
            AggregateFn::Avg => Some(self.sum.wrapping_div(self.count)),
            AggregateFn::Variance => Some(self.variance()),
        }
    }

    /// The buckets of a histogram; none if it is not kept.
    pub fn buckets(&self, histogram: &Histogram) -> &[i64] {
        match histogram {
            Histogram::Logarithmic => self.logarithmic.as_deref(),
            Histogram::Linear(_) => self.linear.as_deref(),
        }
        .unwrap_or_default()
    }

    fn variance(&self) -> i64 {
        let Some(spread) = self.spread.filter(|_| self.count > 1) else { return 0 };
        let count = i128::from(self.count);
        // n·Σx² - (Σx)² over n·(n-1), so that the only division is the last one. Values too great for 128 bits give the
        // greatest long, which is what they would round to anyway.
        let exact =
            spread.sum.checked_mul(spread.sum).zip(spread.squares.checked_mul(count)).and_then(|(square, squares)| {
                squares.checked_sub(square)?.checked_mul(1i128.checked_shl(u32::from(spread.shift))?)
            });
        exact.map_or(i64::MAX, |scaled| i64::try_from(scaled / (count * (count - 1))).unwrap_or(i64::MAX))
    }
}

fn merge_buckets(mine: &mut Option<Box<[i64]>>, theirs: &Option<Box<[i64]>>) {
    match (mine, theirs) {
        (Some(mine), Some(theirs)) => {
            for (bucket, more) in mine.iter_mut().zip(theirs) {
                *bucket = bucket.wrapping_add(*more);
            }
        }
        (mine @ None, Some(theirs)) => *mine = Some(theirs.clone()),
        _ => {}
    }
}

/// The bucket of a value in a logarithmic histogram: 64 for 0, `64 + n` for 2^(n-1) to 2^n - 1, `64 - n` for their
/// negatives.
pub fn logarithmic_bucket(value: i64) -> usize {
    let bits = (u64::BITS - value.unsigned_abs().leading_zeros()) as usize;
    if value < 0 { 64 - bits } else { 64 + bits }
}

/// The bucket of a value in a linear histogram; see [`LinearBounds::buckets`].
pub fn linear_bucket(value: i64, bounds: &LinearBounds) -> usize {
    if value < bounds.start {
        return 0;
    }
    let steps = value.abs_diff(bounds.start) / bounds.interval.max(1).unsigned_abs();
    let last = bounds.buckets() as usize - 1;
    usize::try_from(steps).unwrap_or(last).saturating_add(1).min(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithmic_buckets_hold_powers_of_two() {
        let buckets = [0, 1, 2, 3, 4, 7, 8, i64::MAX, -1, -2, -3, -4, i64::MIN].map(logarithmic_bucket);
        assert_eq!(buckets, [64, 65, 66, 66, 67, 67, 68, 127, 63, 62, 62, 61, 0]);
    }

    #[test]
    fn linear_buckets_have_a_place_for_everything() {
        let bounds = LinearBounds { start: -10, stop: 20, interval: 10 };
        assert_eq!(bounds.buckets(), 6);
        let buckets = [i64::MIN, -11, -10, -1, 0, 9, 10, 20, 29, 30, i64::MAX].map(|v| linear_bucket(v, &bounds));
        assert_eq!(buckets, [0, 0, 1, 1, 2, 2, 3, 4, 4, 5, 5]);
    }

    fn shape() -> AggregateShape {
        AggregateShape {
            logarithmic: true,
            linear: Some(LinearBounds { start: 0, stop: 100, interval: 10 }),
            variance: Some(0),
        }
    }

    fn of(values: &[i64]) -> Aggregate {
        let mut aggregate = Aggregate::empty(&shape());
        values.iter().for_each(|value| aggregate.add(*value, &shape()));
        aggregate
    }

    #[test]
    fn functions_of_known_values() {
        let aggregate = of(&[2, 4, 4, 4, 5, 5, 7, 9]);
        let get = |function| aggregate.get(function);
        assert_eq!(get(AggregateFn::Count), Some(8));
        assert_eq!(get(AggregateFn::Sum), Some(40));
        assert_eq!((get(AggregateFn::Min), get(AggregateFn::Max)), (Some(2), Some(9)));
        assert_eq!(get(AggregateFn::Avg), Some(5));
        // Sum of squared deviations 32, over 7.
        assert_eq!(get(AggregateFn::Variance), Some(4));
        let scaled = AggregateShape { variance: Some(8), ..AggregateShape::default() };
        let mut aggregate = Aggregate::empty(&scaled);
        [2, 4, 4, 4, 5, 5, 7, 9].iter().for_each(|value| aggregate.add(*value, &scaled));
        assert_eq!(aggregate.get(AggregateFn::Variance), Some(32 * 256 / 7));
    }

    #[test]
    fn nothing_is_known_of_no_values_but_count_and_sum() {
        let aggregate = of(&[]);
        assert_eq!(aggregate.get(AggregateFn::Count), Some(0));
        assert_eq!(aggregate.get(AggregateFn::Sum), Some(0));
        for function in [AggregateFn::Min, AggregateFn::Max, AggregateFn::Avg, AggregateFn::Variance] {
            assert_eq!(aggregate.get(function), None);
        }
        assert_eq!(of(&[-7, 0]).get(AggregateFn::Avg), Some(-3));
        assert_eq!(of(&[3]).get(AggregateFn::Variance), Some(0));
        assert_eq!(of(&[i64::MAX, i64::MIN]).get(AggregateFn::Variance), Some(i64::MAX));
    }

    #[test]
    fn merging_is_adding_all_values() {
        let (first, second): (&[i64], &[i64]) = (&[5, -3, 1000], &[7, 7, i64::MIN]);
        let mut merged = of(first);
        merged.merge(&of(second));
        merged.merge(&of(&[]));
        assert_eq!(merged, of(&[first, second].concat()));
        let mut from_empty = of(&[]);
        from_empty.merge(&of(second));
        assert_eq!(from_empty, of(second));
    }
}
