//! Moments as text. It must never ask a clock or a time zone: everything is UTC.

/// A moment as C's `ctime` writes it, without the newline, in UTC: `Thu Jan  1 00:00:00 1970`.
pub fn ctime(seconds: i64) -> String {
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, date) = civil(day);
    // 1970-01-01 was a Thursday.
    let weekday = DAYS[(day + 4).rem_euclid(7) as usize];
    let month = MONTHS[month as usize - 1];
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{weekday} {month} {date:2} {hour:02}:{minute:02}:{second:02} {year}")
}

/// Year, month (1 to 12) and day of the month of a day counted from 1970-01-01, in the proleptic Gregorian calendar.
///
/// Counted in years that begin in March, so that the leap day is a year's last; 400 of them always have 146,097 days.
fn civil(day: i64) -> (i64, i64, i64) {
    let from_march = day + 719_468;
    let (era, day) = (from_march.div_euclid(146_097), from_march.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + carry, month, date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments() {
        // Each as `LC_ALL=C date -u -d @N '+%a %b %e %T %Y'` says it.
        for (seconds, text) in [
            (0, "Thu Jan  1 00:00:00 1970"),
            (-1, "Wed Dec 31 23:59:59 1969"),
            (951_827_696, "Tue Feb 29 12:34:56 2000"),
            (1_700_000_000, "Tue Nov 14 22:13:20 2023"),
            (4_107_542_399, "Sun Feb 28 23:59:59 2100"),
            (4_107_542_400, "Mon Mar  1 00:00:00 2100"),
            (-62_135_596_800, "Mon Jan  1 00:00:00 1"),
        ] {
            assert_eq!(ctime(seconds), text);
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let length = |year: i64, month: i64| match month {
            2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        let (mut year, mut month, mut date) = (1970, 1, 1);
        for day in 0..200_000 {
            assert_eq!(civil(day), (year, month, date));
            date += 1;
            if date > length(year, month) {
                (month, date) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
    }

    #[test]
    fn no_moment_is_too_far() {
        ctime(i64::MIN);
        ctime(i64::MAX);
    }
}
