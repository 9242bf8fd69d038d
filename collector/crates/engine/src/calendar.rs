//! Calendar: local dates to instants, by the site's table of offset changes.

use crate::time::{Millis, Span};

/// Days from 1970-01-01 to a date of the proleptic Gregorian calendar; `None`: there is no such date.
///
/// Counts from 1 March, so that the leap day is the last of a year (Howard Hinnant, `days_from_civil`).
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1970..=9999).contains(&year) || !(1..=longest).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let (era, year_of_era) = (year / 400, year % 400);
    let day_of_year = (153 * month + 2) / 5 + day - 1;
    Some(era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468)
}

/// Local midnight at which a day `YYYY-MM-DD` begins; `None`: there is no such day.
pub(crate) fn day_begins(text: &str, offsets: &[(Millis, i32)]) -> Option<Millis> {
    local_midnight(day_number(text)?, offsets)
}

/// Local midnight at which a day `YYYY-MM-DD` is over; `None`: there is no such day.
pub(crate) fn day_ends(text: &str, offsets: &[(Millis, i32)]) -> Option<Millis> {
    local_midnight(day_number(text)? + 1, offsets)
}

fn day_number(text: &str) -> Option<i64> {
    let mut parts = text.split('-');
    let mut part = |length: usize| {
        let digits = parts.next().filter(|part| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit()));
        digits?.parse::<i64>().ok()
    };
    let (year, month, day) = (part(4)?, part(2)?, part(2)?);
    if parts.next().is_some() { None } else { days(year, month, day) }
}

/// The instant of a local midnight. Where a zone skips midnight, the first instant after it.
fn local_midnight(day: i64, offsets: &[(Millis, i32)]) -> Option<Millis> {
    let local = Millis(day.checked_mul(86_400_000)?);
    let mut begun = Millis(i64::MIN);
    let mut offset = offsets.first().map_or(0, |(_, seconds)| *seconds);
    for (from, next) in offsets {
        // Under the offset so far: does local midnight come before it changes?
        let instant = local.minus(Span::seconds(i64::from(offset)));
        if instant < *from {
            return Some(instant.max(begun));
        }
        (begun, offset) = (*from, *next);
    }
    Some(local.minus(Span::seconds(i64::from(offset))).max(begun))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_days_since_1970() {
        for (text, number) in
            [("1970-01-01", 0), ("2000-02-29", 11_016), ("2000-03-01", 11_017), ("2026-10-01", 20_727)]
        {
            assert_eq!(day_number(text), Some(number), "{text}");
        }
        for text in ["2026-02-29", "2026-13-01", "2026-00-10", "2026-1-1", "1969-12-31", "2026-10-01T00:00", "", "-"] {
            assert_eq!(day_number(text), None, "{text}");
        }
    }

    #[test]
    fn midnight_follows_the_zone_through_its_changes() {
        // given Amsterdam: an hour ahead, two from 2026-03-29T01:00Z until 2026-10-25T01:00Z
        let amsterdam = [(Millis(0), 3_600), (Millis(1_774_746_000_000), 7_200), (Millis(1_792_890_000_000), 3_600)];
        // then each day of the change is 23 and 25 hours long
        let length = |day: &str| day_ends(day, &amsterdam).unwrap() - day_begins(day, &amsterdam).unwrap();
        assert_eq!(length("2026-03-29"), Span::minutes(23 * 60));
        assert_eq!(length("2026-10-25"), Span::minutes(25 * 60));
        assert_eq!(length("2026-07-01"), Span::days(1));
        assert_eq!(day_begins("2026-07-01", &amsterdam), Some(Millis(1_782_856_800_000)));
        assert_eq!(day_begins("2026-07-01", &[]), Some(Millis(1_782_864_000_000)));
    }
}
