//! Days, counted one by one.

use engine::Millis;

const A_DAY: i64 = 86_400_000;

/// The local day of an instant, counted from 1970-01-01.
pub(super) fn local_day(at: Millis, offsets: &[(Millis, i32)]) -> i64 {
    let passed = offsets.iter().rev().find(|(from, _)| *from <= at).or(offsets.first());
    (at.0 + passed.map_or(0, |(_, seconds)| i64::from(*seconds) * 1_000)).div_euclid(A_DAY)
}

/// Every instant in an interval that may be the first of a local day, under any offset that the zone ever has.
pub(super) fn midnights(begin: Millis, until: Millis, offsets: &[(Millis, i32)]) -> Vec<Millis> {
    let mut seconds: Vec<i64> = offsets.iter().map(|(_, seconds)| i64::from(*seconds)).collect();
    seconds.push(0);
    seconds.sort_unstable();
    seconds.dedup();
    let days = begin.0.div_euclid(A_DAY) - 1..=until.0.div_euclid(A_DAY) + 1;
    let at_offsets = days.flat_map(|day| seconds.iter().map(move |seconds| Millis(day * A_DAY - seconds * 1_000)));
    let changes = offsets.iter().map(|(from, _)| *from);
    at_offsets.chain(changes).filter(|at| (begin..=until).contains(at)).collect()
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn month_length(year: i64, month: usize) -> i64 {
    [31, if is_leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month]
}

/// Month times 100 plus day of a day counted from 1970-01-01.
pub(super) fn year_day(day: i64) -> i64 {
    let (mut left, mut year, mut month) = (day, 1970, 0);
    while left >= if is_leap(year) { 366 } else { 365 } {
        left -= if is_leap(year) { 366 } else { 365 };
        year += 1;
    }
    while left >= month_length(year, month) {
        left -= month_length(year, month);
        month += 1;
    }
    i64::try_from(month + 1).unwrap() * 100 + left + 1
}

/// The day `YYYY-MM-DD`, counted from 1970-01-01.
pub(super) fn day(text: &str) -> Option<i64> {
    let parts: Vec<i64> = text.split('-').map(str::parse).collect::<Result<_, _>>().ok()?;
    let [year, month, of_month] = parts[..] else { return None };
    let years: i64 = (1970..year).map(|year| if is_leap(year) { 366 } else { 365 }).sum();
    let months: i64 = (0..usize::try_from(month - 1).ok()?).map(|month| month_length(year, month)).sum();
    Some(years + months + of_month - 1)
}
