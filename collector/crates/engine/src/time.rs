//! Instants and durations, in whole milliseconds.

use serde::{Deserialize, Serialize};

use crate::text::TextError;

/// An instant: milliseconds since 1970-01-01T00:00:00Z. Arithmetic saturates, so no input can overflow it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub i64);

/// A duration in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Span(pub i64);

impl Millis {
    /// The last instant there is.
    pub const MAX: Self = Self(i64::MAX);

    /// 0000-01-01T00:00:00Z, the first instant that RFC 3339 can write. Nothing happened earlier.
    pub const EARLIEST: Self = Self(-62_167_219_200_000);

    /// 9999-12-31T23:59:59.999Z, the last instant that RFC 3339 can write. Nothing happens later, so a model's spans, ten
    /// years at most, can be added to any time in a ledger without coming to the end of what is counted.
    pub const LATEST: Self = Self(253_402_300_799_999);

    /// Whether something can have happened at this instant.
    #[must_use]
    pub const fn is_in_calendar(self) -> bool {
        Self::EARLIEST.0 <= self.0 && self.0 <= Self::LATEST.0
    }

    /// The duration from `earlier` to this instant; negative when it lies before.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// This instant, later by `span`.
    #[must_use]
    pub const fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// This instant, earlier by `span`.
    #[must_use]
    pub const fn minus(self, span: Span) -> Self {
        Self(self.0.saturating_sub(span.0))
    }
}

impl std::ops::Add<Span> for Millis {
    type Output = Self;

    fn add(self, span: Span) -> Self {
        self.plus(span)
    }
}

impl std::ops::Sub<Span> for Millis {
    type Output = Self;

    fn sub(self, span: Span) -> Self {
        self.minus(span)
    }
}

impl std::ops::Sub for Millis {
    type Output = Span;

    fn sub(self, earlier: Self) -> Span {
        self.since(earlier)
    }
}

/// Units from large to small, with their length in milliseconds.
const UNITS: [(char, i64); 5] = [('w', 604_800_000), ('d', 86_400_000), ('h', 3_600_000), ('m', 60_000), ('s', 1_000)];

const ALLOWED: &str = "a whole number above 0 and a unit: 90s, 30m, 12h, 7d, 4w, at most ten years";

impl Span {
    /// The longest duration that a model may name: ten years of 366 days.
    pub const LONGEST: Self = Self(3_660 * 86_400_000);

    /// A number of seconds.
    #[must_use]
    pub const fn seconds(count: i64) -> Self {
        Self(count.saturating_mul(1_000))
    }

    /// A number of minutes.
    #[must_use]
    pub const fn minutes(count: i64) -> Self {
        Self(count.saturating_mul(60_000))
    }

    /// A number of days of 24 hours.
    #[must_use]
    pub const fn days(count: i64) -> Self {
        Self(count.saturating_mul(86_400_000))
    }

    /// Reads `90s`, `30m`, `12h`, `7d` or `4w`.
    ///
    /// # Errors
    /// When it is not a whole number above 0 followed by one of the five units, or longer than [`Span::LONGEST`].
    pub fn parse(text: &str) -> Result<Self, TextError> {
        let wrong = || TextError::new("duration", text, ALLOWED);
        let unit = text.chars().last().ok_or_else(wrong)?;
        let (_, length) = UNITS.iter().find(|(letter, _)| *letter == unit).ok_or_else(wrong)?;
        let digits = &text[..text.len() - unit.len_utf8()];
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        let count: i64 = digits.parse().map_err(|_| wrong())?;
        let span = Self(count.checked_mul(*length).ok_or_else(wrong)?);
        if span.0 == 0 || span > Self::LONGEST { Err(wrong()) } else { Ok(span) }
    }
}

impl std::fmt::Display for Span {
    /// In the largest unit that divides it, so that what was parsed reads back in the same or a larger unit.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match UNITS.iter().find(|(_, length)| self.0 != 0 && self.0 % length == 0) {
            Some((letter, length)) => write!(formatter, "{}{letter}", self.0 / length),
            None => write!(formatter, "{}ms", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_reads() {
        for (text, millis) in
            [("90s", 90_000), ("30m", 1_800_000), ("12h", 43_200_000), ("7d", 604_800_000), ("4w", 2_419_200_000)]
        {
            assert_eq!(Span::parse(text), Ok(Span(millis)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_and_says_what_is_allowed() {
        for text in ["", "d", "7", "-1d", "1.5h", "7 d", "0s", "7D", "99999999999999999999w", "600w", "5é"] {
            let error = Span::parse(text).unwrap_err();
            assert!(error.to_string().contains("30m"), "{text}: {error}");
        }
    }

    #[test]
    fn spans_read_back() {
        for text in ["90s", "30m", "12h", "8d", "4w"] {
            assert_eq!(Span::parse(text).unwrap().to_string(), text);
        }
    }
}
