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

pub(crate) fn day_number(text: &str) -> Option<i64> {
    let mut parts = text.split('-');
    let mut part = |length: usize| {
        let digits = parts.next().filter(|part| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit()));
        digits?.parse::<i64>().ok()
    };
    let (year, month, day) = (part(4)?, part(2)?, part(2)?);
    if parts.next().is_some() { None } else { days(year, month, day) }
}

/// A day of the year written `MM-DD`, as month times 100 plus day; `None`: no year has it.
pub(crate) fn year_day(text: &str) -> Option<i64> {
    let day = day_number(&format!("2000-{text}"))?;
    Some(date_of(day).year_day())
}

/// The number of the local day that an instant lies in, counted from 1970-01-01.
pub(crate) fn local_day(at: Millis, offsets: &[(Millis, i32)]) -> i64 {
    let passed = offsets.partition_point(|(from, _)| *from <= at);
    let offset = offsets.get(passed.saturating_sub(1)).map_or(0, |(_, seconds)| *seconds);
    at.plus(Span::seconds(i64::from(offset))).0.div_euclid(86_400_000)
}

/// A date of the proleptic Gregorian calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Date {
    pub(crate) year: i64,
    month: i64,
    day: i64,
}

impl Date {
    /// Month times 100 plus day.
    pub(crate) fn year_day(self) -> i64 {
        self.month * 100 + self.day
    }
}

/// The date of a day counted from 1970-01-01 (Howard Hinnant, `civil_from_days`).
pub(crate) fn date_of(day: i64) -> Date {
    let shifted = day.saturating_add(719_468);
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    Date { year: year + era * 400 + i64::from(month <= 2), month, day }
}

/// A day counted from 1970-01-01 as `YYYY-MM-DD`; `None`: outside the years that are read.
pub(crate) fn day_text(day: i64) -> Option<String> {
    let Date { year, month, day } = date_of(day);
    (1970..=9999).contains(&year).then(|| format!("{year:04}-{month:02}-{day:02}"))
}

/// The first day on or after month times 100 plus day in a year; the day after the last of February where a year has no
/// 29 February.
pub(crate) fn day_in_year(year: i64, year_day: i64) -> Option<i64> {
    days(year, year_day / 100, year_day % 100).or_else(|| days(year, 3, 1).filter(|_| year_day == 229))
}

/// The instant of a local midnight. Where a zone skips midnight, the first instant after it.
pub(crate) fn local_midnight(day: i64, offsets: &[(Millis, i32)]) -> Option<Millis> {
    Some(instant_of(Millis(day.checked_mul(86_400_000)?), offsets))
}

/// The instant at which it is noon on a local day.
pub(crate) fn local_noon(day: i64, offsets: &[(Millis, i32)]) -> Option<Millis> {
    Some(instant_of(Millis(day.checked_mul(86_400_000)?).plus(Span::minutes(12 * 60)), offsets))
}

/// The first instant at which local clocks show this, or something later where they skip it.
fn instant_of(local: Millis, offsets: &[(Millis, i32)]) -> Millis {
    let mut begun = Millis(i64::MIN);
    let mut offset = offsets.first().map_or(0, |(_, seconds)| *seconds);
    for (from, next) in offsets {
        // Under the offset so far: does local midnight come before it changes?
        let instant = local.minus(Span::seconds(i64::from(offset)));
        if instant < *from {
            return instant.max(begun);
        }
        (begun, offset) = (*from, *next);
    }
    local.minus(Span::seconds(i64::from(offset))).max(begun)
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
    fn days_read_back_as_dates() {
        for day in (0..2_932_896).step_by(97).chain([11_016, 11_017, 20_727]) {
            let Date { year, month, day: of_month } = date_of(day);
            assert_eq!(days(year, month, of_month), Some(day));
        }
        assert_eq!(
            (year_day("10-01"), year_day("02-29"), year_day("02-30"), year_day("1-1")),
            (Some(1001), Some(229), None, None)
        );
    }

    #[test]
    fn an_instant_lies_in_its_local_day() {
        let amsterdam = [(Millis(0), 3_600), (Millis(1_774_746_000_000), 7_200), (Millis(1_792_890_000_000), 3_600)];
        for day in ["2026-01-15", "2026-03-29", "2026-07-01", "2026-10-25", "2026-10-26"] {
            let number = day_number(day).unwrap();
            let midnight = local_midnight(number, &amsterdam).unwrap();
            assert_eq!(local_day(midnight, &amsterdam), number, "{day}");
            assert_eq!(local_day(midnight.minus(Span(1)), &amsterdam), number - 1, "{day}");
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
        // and noon is noon: nine hours after the clock was put forward, ten after it was put back
        let noon = |day: &str| local_noon(day_number(day).unwrap(), &amsterdam).unwrap();
        assert_eq!(noon("2026-03-29"), amsterdam[1].0 + Span::minutes(9 * 60));
        assert_eq!(noon("2026-10-25"), amsterdam[2].0 + Span::minutes(10 * 60));
        assert_eq!(day_begins("2026-07-01", &amsterdam), Some(Millis(1_782_856_800_000)));
        assert_eq!(day_begins("2026-07-01", &[]), Some(Millis(1_782_864_000_000)));
    }
}
