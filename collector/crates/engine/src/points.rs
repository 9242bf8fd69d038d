//! Points: signed fixed-point numbers, six digits after the point.

use serde::{Deserialize, Serialize};

use crate::text::TextError;

/// Micro-points in one point.
pub const ONE_POINT: i64 = 1_000_000;

/// Points, in micro-points (1 point = 1,000,000). Sums saturate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Points(pub i64);

const ALLOWED: &str = "a number between -1000000 and 1000000 with at most six digits after the point";

impl Points {
    /// No points.
    pub const ZERO: Self = Self(0);
    /// The most that a model may give or ask for at once: a million points.
    pub const LARGEST: Self = Self(1_000_000 * ONE_POINT);

    /// A whole number of points.
    #[must_use]
    pub const fn whole(count: i64) -> Self {
        Self(count.saturating_mul(ONE_POINT))
    }

    /// Reads a decimal number exactly: `30`, `-2.5`, `0.000001`.
    ///
    /// # Errors
    /// When it is no decimal number, has more than six digits after the point, or is beyond a million points.
    pub fn parse(text: &str) -> Result<Self, TextError> {
        decimal(text, 6)
            .map(Self)
            .filter(|points| points.0.abs() <= Self::LARGEST.0)
            .ok_or_else(|| TextError::new("points", text, ALLOWED))
    }

    /// As people are shown it: one digit after the point, rounded down, so that no number ever claims a stage that the
    /// score has not reached ("rounded towards the lower stage").
    #[must_use]
    pub fn shown(self) -> String {
        Self(self.0.div_euclid(ONE_POINT / 10) * (ONE_POINT / 10)).to_string()
    }
}

/// Reads a signed decimal number, scaled by ten to the power of `digits`; `None` when it is none or does not fit.
pub(crate) fn decimal(text: &str, digits: u32) -> Option<i64> {
    let (negative, unsigned) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (unsigned, ""),
    };
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !all_digits(whole) || !all_digits(fraction) || fraction.len() > digits as usize {
        return None;
    }
    let mut value: i64 = 0;
    for byte in whole.bytes().chain(fraction.bytes()) {
        value = value.checked_mul(10)?.checked_add(i64::from(byte - b'0'))?;
    }
    let missing = digits - u32::try_from(fraction.len()).ok()?;
    value = value.checked_mul(10_i64.checked_pow(missing)?)?;
    Some(if negative { -value } else { value })
}

impl std::fmt::Display for Points {
    /// Exact, without trailing zeros: `34.5`, `-2`, `0.000001`.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let magnitude = self.0.unsigned_abs();
        let (whole, fraction) = (magnitude / 1_000_000, magnitude % 1_000_000);
        let sign = if self.0 < 0 { "-" } else { "" };
        if fraction == 0 {
            write!(formatter, "{sign}{whole}")
        } else {
            let digits = format!("{fraction:06}");
            write!(formatter, "{sign}{whole}.{}", digits.trim_end_matches('0'))
        }
    }
}

impl std::ops::Add for Points {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl std::ops::AddAssign for Points {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::ops::Sub for Points {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl std::ops::Neg for Points {
    type Output = Self;

    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl std::iter::Sum for Points {
    fn sum<I: Iterator<Item = Self>>(points: I) -> Self {
        points.fold(Self::ZERO, |total, next| total + next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_text_reads_and_prints_exactly() {
        for text in ["0", "30", "-2.5", "0.000001", "1000000", "-1000000", "34.5"] {
            assert_eq!(Points::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_number_of_points_is_refused() {
        for text in ["", "-", ".5", "5.", "1e3", "1,5", "0.0000001", "1000001", "nan", "--1", "99999999999999999999"] {
            assert!(Points::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn shown_never_claims_the_stage_above() {
        assert_eq!(Points::parse("29.999999").unwrap().shown(), "29.9");
        assert_eq!(Points::parse("30").unwrap().shown(), "30");
        assert_eq!(Points::parse("-0.01").unwrap().shown(), "-0.1");
    }
}
