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

/// What the variance follows from: a part for each CPU that has seen values (this side counts as one).
///
/// The integers are SystemTap's, whose result depends on the order of values and on how they fell on CPUs: Welford's
/// algorithm for each CPU, and of the parts the sum of the variances within and between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spread {
    /// Values are shifted left by that many bits before anything is worked out.
    pub shift: u8,
    /// The parts.
    pub parts: Vec<Part>,
}

/// The values of one CPU, shifted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Part {
    /// How many; not 0.
    pub count: i64,
    /// Their mean, as far as integers hold it.
    pub mean: i64,
    /// The sum of the squared deviations from it.
    pub squares: i64,
}

impl Spread {
    fn add(&mut self, value: i64) {
        let value = value.wrapping_shl(u32::from(self.shift));
        let Some(part) = self.parts.first_mut() else {
            self.parts.push(Part { count: 1, mean: value, squares: 0 });
            return;
        };
        part.count = part.count.wrapping_add(1);
        let delta = value.wrapping_sub(part.mean);
        part.mean = part.mean.wrapping_add(delta.checked_div(part.count).unwrap_or(0));
        part.squares = part.squares.wrapping_add(delta.wrapping_mul(value.wrapping_sub(part.mean)));
    }

    /// The sum of the squared deviations from the mean of all parts.
    fn squares(&self, count: i64, sum: i64) -> i64 {
        let mean = sum.wrapping_shl(u32::from(self.shift)).checked_div(count).unwrap_or(0);
        self.parts.iter().fold(0i64, |squares, part| {
            let apart = part.mean.wrapping_sub(mean);
            let between = part.count.wrapping_mul(apart).wrapping_mul(apart);
            let others = part.count.wrapping_sub(1);
            let within = others.wrapping_mul(part.squares.checked_div(others).unwrap_or(0));
            squares.wrapping_add(between).wrapping_add(within)
        })
    }

    /// What is left when what was `before` is taken away; as near as integers come to it.
    fn without(&self, (count, sum): (i64, i64), before: &Spread, (count_before, sum_before): (i64, i64)) -> Spread {
        let shift = u32::from(self.shift);
        let mean = |sum: i64, count: i64| i128::from(sum).wrapping_shl(shift) / i128::from(count.max(1));
        let rest = count.wrapping_sub(count_before).max(1);
        let mean_rest = mean(sum.wrapping_sub(sum_before), rest);
        let apart = mean_rest - mean(sum_before, count_before);
        let between =
            apart.saturating_mul(apart).saturating_mul(i128::from(rest)).saturating_mul(i128::from(count_before))
                / i128::from(count.max(1));
        let squares =
            i128::from(self.squares(count, sum)) - i128::from(before.squares(count_before, sum_before)) - between;
        let squares = i64::try_from(squares.max(0)).unwrap_or(i64::MAX);
        Spread { shift: self.shift, parts: vec![Part { count: rest, mean: mean_rest as i64, squares }] }
    }
}

impl Aggregate {
    /// Without values, remembering what the shape asks for.
    pub fn empty(shape: &AggregateShape) -> Aggregate {
        let buckets = |count: u32| vec![0; count as usize].into_boxed_slice();
        Aggregate {
            logarithmic: shape.logarithmic.then(|| buckets(LOG_BUCKETS)),
            linear: shape.linear.map(|bounds| buckets(bounds.buckets())),
            spread: shape.variance.map(|shift| Spread { shift, parts: vec![] }),
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
            spread.add(value);
        }
    }

    /// Puts in every value that `other`, of the same shape, has seen.
    pub fn merge(&mut self, other: &Aggregate) {
        (self.min, self.max) = match (self.count, other.count) {
            (_, 0) => (self.min, self.max),
            (0, _) => (other.min, other.max),
            _ => (self.min.min(other.min), self.max.max(other.max)),
        };
        self.count = self.count.wrapping_add(other.count);
        self.sum = self.sum.wrapping_add(other.sum);
        merge_buckets(&mut self.logarithmic, &other.logarithmic);
        merge_buckets(&mut self.linear, &other.linear);
        match (&mut self.spread, &other.spread) {
            (Some(mine), Some(theirs)) => mine.parts.extend(&theirs.parts),
            (mine @ None, Some(theirs)) => *mine = Some(theirs.clone()),
            _ => {}
        }
    }

    /// Takes away the values that were there `before`. The least and the greatest of the rest are not known apart; those of
    /// the whole bound them.
    pub fn take_away(&mut self, before: &Aggregate) {
        if let (Some(spread), Some(taken)) = (&self.spread, &before.spread)
            && before.count != 0
        {
            self.spread = Some(spread.without((self.count, self.sum), taken, (before.count, before.sum)));
        }
        self.count = self.count.wrapping_sub(before.count);
        self.sum = self.sum.wrapping_sub(before.sum);
        for (last, before) in [(&mut self.logarithmic, &before.logarithmic), (&mut self.linear, &before.linear)] {
            if let (Some(last), Some(before)) = (last, before) {
                last.iter_mut().zip(before).for_each(|(last, before)| *last = last.wrapping_sub(*before));
            }
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
        let Some(spread) = self.spread.as_ref().filter(|_| self.count > 1) else { return 0 };
        spread.squares(self.count, self.sum).wrapping_div(self.count - 1) >> (2 * u32::from(spread.shift)).min(63)
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
            sums_only: false,
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
        assert!(get(AggregateFn::Variance).is_some());
    }

    #[test]
    fn variances_are_those_of_systemtap_s_manual() {
        let variance = |shift, values: &[i64]| {
            let shape = AggregateShape { variance: Some(shift), ..AggregateShape::default() };
            let mut aggregate = Aggregate::empty(&shape);
            values.iter().for_each(|value| aggregate.add(*value, &shape));
            aggregate.get(AggregateFn::Variance)
        };
        // Published with the manual: without a shift integers do badly; the right answer is 2.5.
        assert_eq!(variance(0, &[1, 2, 3, 4, 5]), Some(12));
        assert_eq!(variance(1, &[1, 2, 3, 4, 5]), Some(2));
        // Sums of squares 32 over 7, and 82.5 over 9.
        assert_eq!(variance(10, &[2, 4, 4, 4, 5, 5, 7, 9]), Some(4));
        assert_eq!(variance(10, &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]), Some(9));
        assert_eq!(variance(20, &[-3]), Some(0));
    }

    #[test]
    fn what_is_taken_away_leaves_the_rest() {
        let shape = AggregateShape { variance: Some(10), ..shape() };
        let of = |values: &[i64]| {
            let mut aggregate = Aggregate::empty(&shape);
            values.iter().for_each(|value| aggregate.add(*value, &shape));
            aggregate
        };
        let mut whole = of(&[5, 1, 9, 100, 140, 120]);
        whole.take_away(&of(&[5, 1, 9]));
        let rest = of(&[100, 140, 120]);
        assert_eq!((whole.count, whole.sum), (rest.count, rest.sum));
        assert_eq!((&whole.logarithmic, &whole.linear), (&rest.logarithmic, &rest.linear));
        let (ours, exact) = (whole.get(AggregateFn::Variance).unwrap(), 400);
        assert!((ours - exact).abs() <= 1, "{ours}");
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
    }

    #[test]
    fn merging_is_adding_all_values() {
        let (first, second): (&[i64], &[i64]) = (&[5, -3, 1000], &[7, 7, i64::MIN]);
        let mut merged = of(first);
        merged.merge(&of(second));
        merged.merge(&of(&[]));
        let mut whole = of(&[first, second].concat());
        // The variance knows how the values came.
        assert_eq!(merged.spread.take().unwrap().parts.len(), 2);
        whole.spread = None;
        assert_eq!(merged, whole);
        let mut from_empty = of(&[]);
        from_empty.merge(&of(second));
        assert_eq!(from_empty, of(second));
    }
}
