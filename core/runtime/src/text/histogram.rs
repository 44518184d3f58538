//! Histograms as SystemTap's users know them: a row for each bucket, a bar of `@` and the count. It must never choose
//! buckets: see [`crate::user::Aggregate`].
//!
//! The look is SystemTap's: bars at most [`Look::width`] wide, each `@` standing for the same whole number of values; rows
//! without values are left out but for [`Look::elision`] on either side of those with some, and a `~` below the axis stands for
//! those left out in between; the rows for what lies outside a linear histogram's range appear only if there is something; an
//! empty line at the end.

use std::io::Write;

use systap_ir::program::{Histogram, Limits, LinearBounds};

/// The logarithmic histogram's bucket of zeros.
const ZERO: usize = 64;
/// Rows without values that are drawn beyond the first and the last with some, unless they are left out.
const MARGIN: usize = 2;

/// What can be set of the look.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Width of the longest bar.
    pub width: usize,
    /// How many rows without values are kept beside those with some; `None`: all.
    pub elision: Option<usize>,
}

impl Look {
    /// As the limits say.
    pub fn of(limits: &Limits) -> Look {
        let elision = (limits.histogram_elision != u32::MAX).then_some(limits.histogram_elision as usize);
        Look { width: limits.histogram_width as usize, elision }
    }
}

/// The drawing, each line ended by a newline; `None` if no bucket holds anything.
pub fn draw(histogram: &Histogram, buckets: &[i64], look: Look) -> Option<Vec<u8>> {
    let label = |at: usize| match histogram {
        Histogram::Logarithmic => logarithmic_bound(at).to_string(),
        Histogram::Linear(bounds) => linear_label(bounds, at, buckets.len()),
    };
    let first = buckets.iter().position(|count| *count != 0)?;
    let last = buckets.iter().rposition(|count| *count != 0)?;
    let outermost = buckets.len() - 1;
    let (mut low, mut high) = (first.saturating_sub(MARGIN), (last + MARGIN).min(outermost));
    match histogram {
        // Rows for negative values are drawn only if there are such.
        Histogram::Logarithmic if first >= ZERO => low = low.max(ZERO),
        Histogram::Logarithmic => {}
        Histogram::Linear(_) => {
            low += usize::from(low == 0 && first > 0);
            high -= usize::from(high == outermost && last < outermost);
        }
    }
    let most = buckets.iter().copied().max().unwrap_or(0).max(1);
    let worth = most.unsigned_abs().div_ceil(look.width.max(1) as u64);
    let columns = Columns {
        label: match histogram {
            Histogram::Logarithmic => label(low).len().max(label(high).len()),
            // SystemTap makes room for the bound behind the last row's.
            Histogram::Linear(bounds) => {
                let end = i128::from(bounds.start) + i128::from(bounds.interval) * high as i128;
                let low = bounds.start.to_string().len() + usize::from(low == 0);
                low.max(end.to_string().len() + usize::from(high == outermost))
            }
        }
        .max("value".len()),
        bar: look.width,
        count: most.to_string().len(),
    };

    let mut out = Vec::with_capacity((high - low + 2) * (columns.label + columns.bar + columns.count + 4));
    let (label_width, bar_width) = (columns.label, columns.bar);
    // Writing to memory cannot fail.
    let _ = writeln!(out, "{:>label_width$} |{:-<bar_width$} count", "value", "");
    let mut left_out = false;
    for at in low..=high {
        if let Some(elision) = look.elision {
            let near = at.saturating_sub(elision).max(low)..=at.saturating_add(elision).min(high);
            if buckets[near].iter().all(|count| *count == 0) {
                left_out = true;
                continue;
            }
            if std::mem::take(&mut left_out) {
                let _ = writeln!(out, "{:label_width$} ~", "");
            }
        }
        bar(&mut out, &label(at), buckets[at], &columns, worth);
    }
    out.push(b'\n');
    Some(out)
}

/// Widths.
struct Columns {
    label: usize,
    bar: usize,
    count: usize,
}

fn bar(out: &mut Vec<u8>, label: &str, count: i64, columns: &Columns, worth: u64) {
    let length = usize::try_from(count.max(0).unsigned_abs() / worth).unwrap_or(columns.bar).min(columns.bar);
    let (label_width, bar_width, count_width) = (columns.label, columns.bar, columns.count);
    // Writing to memory cannot fail.
    let _ = writeln!(out, "{label:>label_width$} |{:<bar_width$} {count:>count_width$}", "@".repeat(length));
}

/// The bound of a logarithmic bucket that is nearer to 0.
fn logarithmic_bound(bucket: usize) -> i128 {
    match bucket {
        64 => 0,
        65.. => 1i128 << (bucket - 65).min(63),
        _ => -(1i128 << (63 - bucket)),
    }
}

/// The bound of a linear bucket: where it begins; of the last one, where the bucket before it does.
fn linear_label(bounds: &LinearBounds, at: usize, buckets: usize) -> String {
    let begins = |step: usize| i128::from(bounds.start) + i128::from(bounds.interval) * step as i128;
    match at {
        0 => format!("<{}", bounds.start),
        _ if at + 1 == buckets => format!(">{}", begins(at.saturating_sub(2))),
        _ => begins(at - 1).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOK: Look = Look { width: 50, elision: Some(2) };

    fn logarithmic(counts: &[(usize, i64)]) -> String {
        let mut buckets = vec![0; 128];
        counts.iter().for_each(|(bucket, count)| buckets[*bucket] = *count);
        String::from_utf8(draw(&Histogram::Logarithmic, &buckets, LOOK).unwrap()).unwrap()
    }

    fn linear(bounds: (i64, i64, i64), counts: &[(usize, i64)]) -> String {
        let bounds = LinearBounds { start: bounds.0, stop: bounds.1, interval: bounds.2 };
        let mut buckets = vec![0; bounds.buckets() as usize];
        counts.iter().for_each(|(bucket, count)| buckets[*bucket] = *count);
        String::from_utf8(draw(&Histogram::Linear(bounds), &buckets, LOOK).unwrap()).unwrap()
    }

    #[test]
    fn packet_lengths() {
        // The bars and columns of a published run of this histogram: 41 values for each `@`, so 49 for 2033.
        let drawn = logarithmic(&[(70, 1601), (71, 52), (72, 46), (73, 164), (74, 140), (75, 2033)]);
        insta::assert_snapshot!(drawn, @r#"
        value |-------------------------------------------------- count
            8 |                                                      0
           16 |                                                      0
           32 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@            1601
           64 |@                                                    52
          128 |@                                                    46
          256 |@@@@                                                164
          512 |@@@                                                 140
         1024 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@  2033
         2048 |                                                      0
         4096 |                                                      0
        "#);
    }

    #[test]
    fn negative_values_and_a_gap() {
        insta::assert_snapshot!(logarithmic(&[(62, 3), (64, 7), (72, 50)]), @r#"
        value |-------------------------------------------------- count
           -8 |                                                    0
           -4 |                                                    0
           -2 |@@@                                                 3
           -1 |                                                    0
            0 |@@@@@@@                                             7
            1 |                                                    0
            2 |                                                    0
              ~
           32 |                                                    0
           64 |                                                    0
          128 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@ 50
          256 |                                                    0
          512 |                                                    0
        "#);
    }

    #[test]
    fn the_ends_of_the_range() {
        insta::assert_snapshot!(logarithmic(&[(0, 1), (127, 100)]), @r#"
                       value |-------------------------------------------------- count
        -9223372036854775808 |                                                     1
        -4611686018427387904 |                                                     0
        -2305843009213693952 |                                                     0
                             ~
         1152921504606846976 |                                                     0
         2305843009213693952 |                                                     0
         4611686018427387904 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@ 100
        "#);
    }

    #[test]
    fn a_run_of_four_is_not_worth_a_tilde() {
        insta::assert_snapshot!(logarithmic(&[(65, 1), (70, 1)]), @r#"
        value |-------------------------------------------------- count
            0 |                                                   0
            1 |@                                                  1
            2 |                                                   0
            4 |                                                   0
            8 |                                                   0
           16 |                                                   0
           32 |@                                                  1
           64 |                                                   0
          128 |                                                   0
        "#);
    }

    #[test]
    fn linear_with_nothing_outside() {
        insta::assert_snapshot!(linear((0, 10, 1), &[(2, 1), (3, 1), (4, 1), (5, 1), (6, 1)]), @r#"
        value |-------------------------------------------------- count
            0 |                                                   0
            1 |@                                                  1
            2 |@                                                  1
            3 |@                                                  1
            4 |@                                                  1
            5 |@                                                  1
            6 |                                                   0
            7 |                                                   0
        "#);
    }

    #[test]
    fn linear_with_both_outsides() {
        insta::assert_snapshot!(linear((-10, 100, 10), &[(0, 2), (3, 100), (13, 4)]), @r#"
        value |-------------------------------------------------- count
         <-10 |@                                                    2
          -10 |                                                     0
            0 |                                                     0
           10 |@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@ 100
           20 |                                                     0
           30 |                                                     0
              ~
           90 |                                                     0
          100 |                                                     0
         >100 |@@                                                   4
        "#);
    }

    #[test]
    fn the_last_bound_is_that_of_the_last_step() {
        insta::assert_snapshot!(linear((0, 10, 3), &[(5, 1)]), @r#"
        value |-------------------------------------------------- count
            6 |                                                   0
            9 |                                                   0
           >9 |@                                                  1
        "#);
    }

    #[test]
    fn the_look_can_be_set() {
        let mut buckets = vec![0; 128];
        (buckets[65], buckets[70]) = (9, 20);
        let drawn = |width, elision| {
            String::from_utf8(draw(&Histogram::Logarithmic, &buckets, Look { width, elision }).unwrap()).unwrap()
        };
        insta::assert_snapshot!(drawn(10, Some(0)), @r#"
        value |---------- count
              ~
            1 |@@@@        9
              ~
           32 |@@@@@@@@@@ 20
        "#);
        insta::assert_snapshot!(drawn(4, None), @r#"
        value |---- count
            0 |      0
            1 |@     9
            2 |      0
            4 |      0
            8 |      0
           16 |      0
           32 |@@@@ 20
           64 |      0
          128 |      0
        "#);
    }

    #[test]
    fn an_empty_one_cannot_be_drawn() {
        assert_eq!(draw(&Histogram::Logarithmic, &[0; 128], LOOK), None);
        assert_eq!(draw(&Histogram::Logarithmic, &[], LOOK), None);
    }
}
