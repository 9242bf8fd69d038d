//! What is to be said of an offer, and when nothing is.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::super::statistics::{Difference, Sample, number};

/// Of so many visitors of each group something must have come (an order), before anything is said. Below that a spread is not
/// known well enough: intervals that hold for many visitors do not hold for few. The A/A simulation is run at this bound.
pub const ENOUGH: u64 = 25;

/// What is to be said of an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// Nobody is held out, so there is nothing to compare with.
    NoHoldout,
    /// Groups are not as large as they should be: something is broken, and no number here can be trusted.
    SampleRatio,
    /// Too early.
    TooEarly {
        /// About how many visitors more it takes, if things go on as they are; `None`: nobody can say yet, or so many that the
        /// difference hardly matters.
        visitors: Option<u64>,
    },
    /// It earns more than showing nothing.
    Earns,
    /// It earns less than showing nothing.
    Costs,
}

impl Verdict {
    /// By the sequential interval of what decides, which may be looked at as often as one likes.
    #[must_use]
    pub fn of(shown: &Sample, holdout: &Sample, error: f64) -> Self {
        let least = shown.other_than_nothing().min(holdout.other_than_nothing());
        let difference = Difference::of_means(shown, holdout, error);
        match difference {
            Some(difference) if least >= ENOUGH && difference.sequential.excludes_zero() => {
                if difference.found > 0.0 {
                    Self::Earns
                } else {
                    Self::Costs
                }
            }
            Some(difference) => Self::TooEarly { visitors: more(shown, holdout, least, &difference, error) },
            None => Self::TooEarly { visitors: None },
        }
    }
}

/// How many visitors more it takes.
fn more(shown: &Sample, holdout: &Sample, least: u64, difference: &Difference, error: f64) -> Option<u64> {
    let visitors = shown.visitors() + holdout.visitors();
    // Until enough of the smaller group have come to something.
    let for_enough = match least {
        0 => return None,
        ENOUGH.. => visitors,
        few => visitors.saturating_mul(ENOUGH).div_ceil(few),
    };
    let needed = difference.visitors_needed(shown, holdout, error)?.max(for_enough);
    Some(two_digits(needed.saturating_sub(visitors).max(1)))
}

/// Rounded up to two digits that count: nobody knows it better.
fn two_digits(count: u64) -> u64 {
    let mut unit = 1;
    while count / unit >= 100 {
        unit *= 10;
    }
    count.div_ceil(unit) * unit
}

/// The share of a whole, 0 to 1.
pub(super) fn part(share: u16) -> f64 {
    number(u64::from(share)) / 10_000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(visitors: u64, orders: u64, worth: f64) -> Sample {
        let mut group = Sample::default();
        (0..orders).for_each(|place| group.add(if place % 2 == 0 { worth * 1.5 } else { worth * 0.5 }));
        group.add_nothing(visitors - orders);
        group
    }

    #[test]
    fn nothing_is_said_before_enough_have_come_to_something() {
        // given a holdout with one order too few, and a difference as large as can be
        let shown = group(10_000, 2_000, 5_000.0);
        let verdict = Verdict::of(&shown, &group(1_000, ENOUGH - 1, 5_000.0), 0.05);
        assert_eq!(verdict, Verdict::TooEarly { visitors: Some(460) });
        assert_eq!(Verdict::of(&shown, &group(1_000, ENOUGH, 5_000.0), 0.05), Verdict::Earns);
        assert_eq!(Verdict::of(&group(10_000, 250, 5_000.0), &group(1_000, 200, 5_000.0), 0.05), Verdict::Costs);
        assert_eq!(Verdict::of(&shown, &group(1_000, 0, 0.0), 0.05), Verdict::TooEarly { visitors: None });
    }

    #[test]
    fn a_count_is_told_with_two_digits() {
        assert_eq!([1, 99, 100, 101, 12_345].map(two_digits), [1, 99, 100, 110, 13_000]);
    }
}
