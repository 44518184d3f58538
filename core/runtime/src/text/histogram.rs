//! Histograms as SystemTap's users know them: a row for each bucket, a bar of `@` and the count. It must never choose
//! buckets: see [`crate::user::Aggregate`].
//!
//! The look, from the examples in SystemTap's documentation: bars at most 50 wide, each `@` standing for the same whole
//! number of values; rows without values are left out but for two on either side of those with some, and a `~` below the
//! axis stands for those left out in between; the rows for what lies outside a linear histogram's range appear only if
//! there is something; an empty line at the end.

use std::io::Write;

use systap_ir::program::{Histogram, LinearBounds};

/// Width of the longest bar.
const WIDTH: usize = 50;
/// The logarithmic histogram's bucket of zeros.
const ZERO: usize = 64;
/// Rows without values that are kept beside those with some.
const ELISION: usize = 2;

struct Row {
    label: String,
    count: i64,
}

/// The drawing, each line ended by a newline; `None` if no bucket holds anything.
pub fn draw(histogram: &Histogram, buckets: &[i64]) -> Option<Vec<u8>> {
    let rows: Vec<Row> = match histogram {
        Histogram::Logarithmic => {
            let row = |(at, count): (usize, &i64)| Row { label: logarithmic_bound(at).to_string(), count: *count };
            buckets.iter().enumerate().map(row).collect()
        }
        Histogram::Linear(bounds) => linear_rows(bounds, buckets),
    };
    let first = rows.iter().position(|row| row.count != 0)?;
    let last = rows.iter().rposition(|row| row.count != 0)?;
    // Rows for negative values are drawn only if there are such.
    let lowest = match histogram {
        Histogram::Logarithmic if first >= ZERO => ZERO,
        _ => 0,
    };
    let shown = &rows[first.saturating_sub(ELISION).max(lowest)..(last + 1 + ELISION).min(rows.len())];
    let most = shown.iter().map(|row| row.count).max().unwrap_or(0).max(1);
    let label_width = shown.iter().map(|row| row.label.len()).max().unwrap_or(0).max("value".len());
    let count_width = shown.iter().map(|row| row.count.to_string().len()).max().unwrap_or(0);
    let worth = most.unsigned_abs().div_ceil(WIDTH as u64);

    let mut out = Vec::with_capacity((shown.len() + 1) * (label_width + WIDTH + count_width + 4));
    let line = |out: &mut Vec<u8>, arguments: std::fmt::Arguments<'_>| {
        // Writing to memory cannot fail.
        let _ = out.write_fmt(arguments);
    };
    line(&mut out, format_args!("{:>label_width$} |{:-<WIDTH$} count\n", "value", ""));
    let mut at = 0;
    while let Some(row) = shown.get(at) {
        let run = shown[at..].iter().take_while(|row| row.count == 0).count();
        let begins = at == 0 || shown[at - 1].count != 0;
        if begins && run > 2 * ELISION && at + run < shown.len() {
            shown[at..at + ELISION].iter().for_each(|row| bar(&mut out, row, label_width, count_width, worth));
            line(&mut out, format_args!("{:label_width$} ~\n", ""));
            at += run - ELISION;
            shown[at..at + ELISION].iter().for_each(|row| bar(&mut out, row, label_width, count_width, worth));
            at += ELISION;
        } else {
            bar(&mut out, row, label_width, count_width, worth);
            at += 1;
        }
    }
    out.push(b'\n');
    Some(out)
}

fn bar(out: &mut Vec<u8>, row: &Row, label_width: usize, count_width: usize, worth: u64) {
    let length = usize::try_from(row.count.max(0).unsigned_abs() / worth).unwrap_or(WIDTH).min(WIDTH);
    let (label, count) = (&row.label, row.count);
    // Writing to memory cannot fail.
    let _ = writeln!(out, "{label:>label_width$} |{:<WIDTH$} {count:>count_width$}", "@".repeat(length));
}

/// The bound of a logarithmic bucket that is nearer to 0.
fn logarithmic_bound(bucket: usize) -> i128 {
    match bucket {
        64 => 0,
        65.. => 1i128 << (bucket - 65).min(63),
        _ => -(1i128 << (63 - bucket)),
    }
}

fn linear_rows(bounds: &LinearBounds, buckets: &[i64]) -> Vec<Row> {
    let last = buckets.len().saturating_sub(1);
    let row = |(at, count): (usize, &i64)| {
        let label = match at {
            0 => format!("<{}", bounds.start),
            _ if at == last => format!(">{}", bounds.stop),
            _ => (i128::from(bounds.start) + i128::from(bounds.interval) * (at as i128 - 1)).to_string(),
        };
        let outside = at == 0 || at == last;
        (!outside || *count != 0).then_some(Row { label, count: *count })
    };
    buckets.iter().enumerate().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logarithmic(counts: &[(usize, i64)]) -> String {
        let mut buckets = vec![0; 128];
        counts.iter().for_each(|(bucket, count)| buckets[*bucket] = *count);
        String::from_utf8(draw(&Histogram::Logarithmic, &buckets).unwrap()).unwrap()
    }

    fn linear(bounds: (i64, i64, i64), counts: &[(usize, i64)]) -> String {
        let bounds = LinearBounds { start: bounds.0, stop: bounds.1, interval: bounds.2 };
        let mut buckets = vec![0; bounds.buckets() as usize];
        counts.iter().for_each(|(bucket, count)| buckets[*bucket] = *count);
        String::from_utf8(draw(&Histogram::Linear(bounds), &buckets).unwrap()).unwrap()
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
    fn an_empty_one_cannot_be_drawn() {
        assert_eq!(draw(&Histogram::Logarithmic, &[0; 128]), None);
        assert_eq!(draw(&Histogram::Logarithmic, &[]), None);
    }
}
