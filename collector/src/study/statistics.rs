//! Comparing what two groups of visitors did: intervals, and whether the groups came about as they should.
//!
//! Numbers here are floating: they describe, and decide nothing that a visitor sees. Sources, with the published figures
//! that the tests hold them to, are in `collector/docs/EXPERIMENTS.md`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The error that is allowed: an interval of 95 %.
pub const ERROR: f64 = 0.05;
/// The quantile of the normal distribution that leaves 2.5 % on either side.
const NORMAL: f64 = 1.959_963_984_540_054;
/// At how many visitors the sequential interval is narrowest beside the fixed one. Fixed beforehand, as it must be.
const NARROWEST_AT: f64 = 5_000.0;
/// Critical values of the chi-square distribution at 0.001, by degrees of freedom from 1 on.
const ONE_IN_A_THOUSAND: [f64; 8] = [10.828, 13.816, 16.266, 18.467, 20.515, 22.458, 24.322, 26.124];

/// What the visitors of one group came to, each a number.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Sample {
    visitors: u64,
    other_than_nothing: u64,
    sum: f64,
    squares: f64,
}

impl Sample {
    /// One visitor more.
    pub fn add(&mut self, value: f64) {
        self.visitors += 1;
        self.other_than_nothing += u64::from(value != 0.0);
        self.sum += value;
        self.squares += value * value;
    }

    /// So many visitors more who came to nothing.
    pub fn add_nothing(&mut self, visitors: u64) {
        self.visitors += visitors;
    }

    /// How many visitors.
    #[must_use]
    pub const fn visitors(&self) -> u64 {
        self.visitors
    }

    /// How many of them came to anything: what an estimate of a spread rests on.
    #[must_use]
    pub const fn other_than_nothing(&self) -> u64 {
        self.other_than_nothing
    }

    /// What one of them came to; nothing where there is nobody.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.visitors == 0 { 0.0 } else { self.sum / number(self.visitors) }
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            visitors: self.visitors + other.visitors,
            other_than_nothing: self.other_than_nothing + other.other_than_nothing,
            sum: self.sum + other.sum,
            squares: self.squares + other.squares,
        }
    }

    /// The spread of one visitor's number, as an unbiased variance.
    fn variance(&self) -> f64 {
        let visitors = number(self.visitors);
        let about_the_mean = self.squares - self.sum * self.sum / visitors;
        if self.visitors < 2 { 0.0 } else { (about_the_mean / (visitors - 1.0)).max(0.0) }
    }
}

/// Exact up to 2^53, which no shop comes near.
#[expect(clippy::cast_precision_loss, reason = "counts of visitors lie far below 2^53")]
pub(super) const fn number(count: u64) -> f64 {
    count as f64
}

/// From where to where.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Interval {
    const fn around(middle: f64, half: f64) -> Self {
        Self { low: middle - half, high: middle + half }
    }

    /// The same, so much higher.
    fn moved_by(self, by: f64) -> Self {
        Self { low: self.low + by, high: self.high + by }
    }

    /// Whether it says that there is a difference: nothing is not in it.
    #[must_use]
    pub fn excludes_zero(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }

    /// Whether a value lies in it.
    #[must_use]
    pub fn covers(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

/// One group less another, per visitor.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Difference {
    /// What was found.
    pub found: f64,
    /// 95 %, for whoever looks once, at a moment chosen beforehand.
    pub fixed: Interval,
    /// 95 %, however often it is looked at, and whenever somebody stops.
    pub sequential: Interval,
}

impl Difference {
    /// One group less another; `None` where either has fewer than two visitors, or nobody of both came to anything: then nothing
    /// is known of the spread. `error` is that of the sequential interval:
    /// [`ERROR`], or a part of it where several groups are compared.
    #[must_use]
    pub fn of_means(one: &Sample, other: &Sample, error: f64) -> Option<Self> {
        if one.other_than_nothing + other.other_than_nothing == 0 {
            return None;
        }
        let variance = variance_of_difference(one, other)?;
        let found = one.mean() - other.mean();
        let visitors = number(one.visitors + other.visitors);
        let sequential = sequential_half_width(variance * visitors, visitors, error);
        Some(Self {
            found,
            fixed: Interval::around(found, NORMAL * variance.sqrt()),
            sequential: Interval::around(found, sequential),
        })
    }

    /// The same of shares: every number is 0 or 1. The fixed interval is as wide as it takes to hold Newcombe's too, which is
    /// right where one group has next to nobody, and a little narrow where one is twenty times the other.
    #[must_use]
    pub fn of_rates(one: &Sample, other: &Sample, error: f64) -> Option<Self> {
        if one.visitors < 2 || other.visitors < 2 {
            return None;
        }
        // With one success and one failure more in each: a share that was never seen is not known to be nothing.
        let [more, more_of_other] = [one, other].map(|sample| {
            let mut more = *sample;
            more.add(1.0);
            more.add_nothing(1);
            more
        });
        let smoothed = Self::of_means(&more, &more_of_other, error)?;
        let found = one.mean() - other.mean();
        let difference = Self {
            found,
            fixed: smoothed.fixed.moved_by(found - smoothed.found),
            sequential: smoothed.sequential.moved_by(found - smoothed.found),
        };
        let scored = newcombe([one, other].map(|sample| (sample.other_than_nothing, sample.visitors)));
        let (low, high) = (scored.low.min(difference.fixed.low), scored.high.max(difference.fixed.high));
        Some(Self { fixed: Interval { low, high }, ..difference })
    }

    /// How many visitors in all it takes until the sequential interval is as narrow as what was found is large, if things go
    /// on as they are; `None`: more than a hundred million.
    #[must_use]
    pub fn visitors_needed(&self, one: &Sample, other: &Sample, error: f64) -> Option<u64> {
        let visitors = one.visitors + other.visitors;
        let spread = variance_of_difference(one, other)? * number(visitors);
        let is_enough = |visitors: u64| sequential_half_width(spread, number(visitors), error) < self.found.abs();
        let (mut low, mut high) = (visitors, visitors.max(1));
        while !is_enough(high) {
            low = high;
            high = high.saturating_mul(2);
            if high > 100_000_000 {
                return None;
            }
        }
        while low + 1 < high {
            let middle = u64::midpoint(low, high);
            if is_enough(middle) { high = middle } else { low = middle }
        }
        Some(high)
    }
}

/// The variance of the difference of two means: the larger of that without and that with the assumption that both groups are
/// alike. A small group whose few orders happen to be small would else seem more certain than it is.
fn variance_of_difference(one: &Sample, other: &Sample) -> Option<f64> {
    if one.visitors < 2 || other.visitors < 2 {
        return None;
    }
    let (first, second) = (number(one.visitors), number(other.visitors));
    let apart = one.variance() / first + other.variance() / second;
    let alike = one.and(*other).variance() * (1.0 / first + 1.0 / second);
    Some(apart.max(alike))
}

/// Half the width of an asymptotic confidence sequence (Waudby-Smith and others, 2024: Gaussian mixture) for a mean of so
/// many observations with this variance.
fn sequential_half_width(variance: f64, observations: f64, error: f64) -> f64 {
    let twice_log = -2.0 * error.ln();
    let mixing = (twice_log + (twice_log + 1.0).ln()) / NARROWEST_AT;
    let scaled = observations.mul_add(mixing, 1.0);
    (variance * 2.0 * scaled * (scaled.sqrt() / error).ln() / (observations * observations * mixing)).sqrt()
}

/// The score interval of one share (Wilson 1927): successes of so many.
fn wilson(successes: u64, of: u64) -> Interval {
    let (successes, of, squared) = (number(successes), number(of), NORMAL * NORMAL);
    let middle = (successes + squared / 2.0) / (of + squared);
    let half = NORMAL / (of + squared) * (successes * (of - successes) / of + squared / 4.0).sqrt();
    Interval::around(middle, half)
}

/// The interval of a difference of two shares (Newcombe 1998, method 10): successes of so many, twice.
fn newcombe([one, other]: [(u64, u64); 2]) -> Interval {
    let share = |(successes, of): (u64, u64)| number(successes) / number(of);
    let (first, second) = (wilson(one.0, one.1), wilson(other.0, other.1));
    let (p, q) = (share(one), share(other));
    Interval {
        low: p - q - (p - first.low).hypot(second.high - q),
        high: p - q + (first.high - p).hypot(q - second.low),
    }
}

/// Whether groups are as large as they should be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct SampleRatio {
    /// Pearson's chi-square.
    pub statistic: f64,
    /// Whether groups so unlike what they should be come about less than once in a thousand times: something takes visitors
    /// out of one group, or puts them in, and no comparison of them can be trusted.
    pub mismatch: bool,
}

impl SampleRatio {
    /// Compares what was counted with the shares that it should have, which need not sum to one. At most nine groups.
    #[must_use]
    pub fn of(groups: &[(u64, f64)]) -> Self {
        let counted: u64 = groups.iter().map(|(count, _)| count).sum();
        let whole: f64 = groups.iter().map(|(_, share)| share).sum();
        let statistic = groups.iter().map(|(count, share)| {
            let expected = number(counted) * share / whole;
            if expected > 0.0 { (number(*count) - expected).powi(2) / expected } else { 0.0 }
        });
        let statistic = statistic.sum();
        let critical = groups.len().checked_sub(2).and_then(|place| ONE_IN_A_THOUSAND.get(place));
        Self { statistic, mismatch: critical.is_some_and(|critical| statistic > *critical) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(successes: u64, of: u64) -> Sample {
        let mut sample = Sample::default();
        (0..successes).for_each(|_| sample.add(1.0));
        sample.add_nothing(of - successes);
        sample
    }

    fn close(found: f64, published: f64, digits: i32) {
        assert!((found - published).abs() < 0.5 * 10_f64.powi(-digits), "{found} is not {published}");
    }

    /// Newcombe 1998, Statistics in Medicine 17, table II, method 10.
    #[test]
    fn differences_of_shares_are_those_that_newcombe_published() {
        for (one, other, low, high) in [
            ((56, 70), (48, 80), 0.0524, 0.3339),
            ((9, 10), (3, 10), 0.1705, 0.8090),
            ((10, 10), (0, 20), 0.6791, 1.0),
            ((5, 56), (0, 29), -0.0381, 0.1926),
        ] {
            let interval = newcombe([one, other]);
            close(interval.low, low, 4);
            close(interval.high, high, 4);
        }
    }

    /// Wilson's interval of 81 of 263, in Newcombe 1998, Statistics in Medicine 17, 857, table I.
    #[test]
    fn the_interval_of_a_share_is_the_published_one() {
        let interval = wilson(81, 263);
        close(interval.low, 0.2553, 4);
        close(interval.high, 0.3662, 4);
    }

    #[test]
    fn the_fixed_interval_of_means_is_the_textbooks() {
        // given two groups of equal spread: sd 10, means 20 and 15, a hundred each
        let group = |mean: f64| {
            let mut group = Sample::default();
            for place in 0..100 {
                group.add(mean + if place % 2 == 0 { 10.0 } else { -10.0 });
            }
            group
        };
        let difference = Difference::of_means(&group(20.0), &group(15.0), ERROR).unwrap();
        // then the standard error is sqrt(2 s² / 100), s² = 10,000 / 99, or a little more since the means differ
        close(difference.found, 5.0, 9);
        let half = (difference.fixed.high - difference.fixed.low) / 2.0;
        assert!((2.785..2.9).contains(&half), "{half}");
    }

    /// Made by another program from the published formula, at α = 0.05 and ρ² = 1.587e-3, the best one for 5,000; and never
    /// narrower than the fixed one.
    #[test]
    fn the_sequential_interval_is_the_published_formula_and_wider_than_the_fixed_one() {
        for (observations, by_the_formula) in [
            (100.0, 0.669_438_861_706_603_9),
            (1_000.0, 0.106_375_470_065_575_03),
            (10_000.0, 0.030_614_772_188_674_17),
            (1_000_000.0, 0.003_656_536_466_184_806_6),
        ] {
            let half = sequential_half_width(1.0, observations, 0.05);
            assert!((half / by_the_formula - 1.0_f64).abs() < 1e-12, "{half}");
            assert!(half > NORMAL / observations.sqrt());
        }
    }

    #[test]
    fn groups_that_are_not_as_large_as_they_should_be_are_found() {
        // Fabijan and others 2019 open with 821,588 and 815,482 of a half each: p = 1.8e-6.
        let found = SampleRatio::of(&[(821_588, 0.5), (815_482, 0.5)]);
        close(found.statistic, 22.774, 3);
        assert!(found.mismatch);
        assert!(!SampleRatio::of(&[(480, 500.0), (9_520, 9_500.0)]).mismatch);
        assert!(SampleRatio::of(&[(420, 500.0), (9_580, 9_500.0)]).mismatch);
        assert!(!SampleRatio::of(&[(3, 1.0)]).mismatch);
    }

    #[test]
    fn it_is_told_how_many_visitors_it_takes() {
        let (one, other) = (sample(60, 1_000), sample(40, 1_000));
        let difference = Difference::of_rates(&one, &other, ERROR).unwrap();
        let needed = difference.visitors_needed(&one, &other, ERROR).unwrap();
        // when there are so many, then the interval is as narrow
        let factor = needed / 2_000 + 1;
        let (one, other) = (sample(60 * factor, 1_000 * factor), sample(40 * factor, 1_000 * factor));
        assert!(needed > 2_000 && Difference::of_rates(&one, &other, ERROR).unwrap().sequential.low > 0.0, "{needed}");
        // and of what nobody came to nothing is known, but that it is not often
        let nobody = sample(0, 1_000);
        assert_eq!(Difference::of_means(&nobody, &nobody, ERROR), None);
        let interval = Difference::of_rates(&nobody, &nobody, ERROR).unwrap().sequential;
        assert!(interval.high > 0.003 && interval.low < -0.003, "{interval:?}");
        let same = Difference::of_rates(&one, &one, ERROR).unwrap();
        assert_eq!(same.visitors_needed(&one, &one, ERROR), None);
    }
}
