//! A moment as RFC 3339 writes it, in UTC: `2025-01-31T23:59:59.123456Z`.

use std::time::{SystemTime, UNIX_EPOCH};

const DAY: u64 = 24 * 60 * 60;

/// The moment. One before 1970 is taken for the beginning of 1970.
pub(super) fn stamp(moment: SystemTime) -> String {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / DAY, since.as_secs() % DAY);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:06}Z", since.subsec_micros())
}

/// Year, month and day of so many days after the first of January 1970.
fn date(days: u64) -> (u64, u64, u64) {
    // Counted from the first of March of the year 0, leap days come last in everything: in a year, in four years, in a
    // century but the fourth, in four centuries, which all have so many days:
    const YEAR: u64 = 365;
    const FOUR: u64 = 4 * YEAR + 1;
    const CENTURY: u64 = 25 * FOUR - 1;
    const FOUR_CENTURIES: u64 = 4 * CENTURY + 1;
    let days = days + 719_468;
    let (cycle, days) = (days / FOUR_CENTURIES, days % FOUR_CENTURIES);
    let century = (days / CENTURY).min(3);
    let days = days - century * CENTURY;
    let (four, days) = (days / FOUR, days % FOUR);
    let year = (days / YEAR).min(3);
    let day = days - year * YEAR;
    let year = 400 * cycle + 100 * century + 4 * four + year;
    // March, April ... have 31, 30, 31, 30, 31 days, and again, and again.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    if month < 10 { (year, month + 3, day) } else { (year + 1, month - 9, day) }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::{date, stamp};

    #[test]
    fn a_moment_as_date_says_it() {
        let at = |micros| stamp(UNIX_EPOCH + Duration::from_micros(micros));
        assert_eq!(at(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(at(1_700_000_000_123_456), "2023-11-14T22:13:20.123456Z");
        assert_eq!(at(951_782_400_000_000), "2000-02-29T00:00:00.000000Z");
        assert_eq!(at(4_107_542_399_999_999), "2100-02-28T23:59:59.999999Z");
        assert_eq!(at(4_107_542_400_000_000), "2100-03-01T00:00:00.000000Z");
    }

    #[test]
    fn every_day_of_four_centuries_follows_the_one_before() {
        let is_leap = |year: u64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let (mut year, mut month, mut day) = (1970, 1, 1);
        for days in 0..146_097 {
            assert_eq!(date(days), (year, month, day));
            let last = match month {
                2 => 28 + u64::from(is_leap(year)),
                4 | 6 | 9 | 11 => 30,
                _ => 31,
            };
            (year, month, day) = match (month, day == last) {
                (12, true) => (year + 1, 1, 1),
                (_, true) => (year, month + 1, 1),
                _ => (year, month, day + 1),
            };
        }
    }
}
