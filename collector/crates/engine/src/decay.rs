//! Decay: how points cool, in whole steps and whole numbers.

use crate::points::Points;
use crate::time::{Millis, Span};

/// Steps in one half-life.
pub(crate) const STEPS: i64 = 64;

/// Below this a line is nothing: a hundredth of a point.
pub(crate) const FADED: i64 = 10_000;

/// What is left after k of 64 steps, in units of 2^-32: round(2^32 x 2^(-k/64)), half to even.
///
/// Computed once with 60 decimal digits (`round(2**32 * 2**(-k/64))`); a test computes every entry again. An integer
/// table rather than a power, so that the collector and the page get the same bits.
const TABLE: [u64; 64] = [
    4_294_967_296,
    4_248_701_965,
    4_202_935_003,
    4_157_661_043,
    4_112_874_773,
    4_068_570_940,
    4_024_744_348,
    3_981_389_855,
    3_938_502_376,
    3_896_076_880,
    3_854_108_391,
    3_812_591_987,
    3_771_522_796,
    3_730_896_002,
    3_690_706_840,
    3_650_950_594,
    3_611_622_603,
    3_572_718_252,
    3_534_232_978,
    3_496_162_267,
    3_458_501_653,
    3_421_246_719,
    3_384_393_094,
    3_347_936_457,
    3_311_872_529,
    3_276_197_082,
    3_240_905_930,
    3_205_994_934,
    3_171_459_999,
    3_137_297_074,
    3_103_502_151,
    3_070_071_267,
    3_037_000_500,
    3_004_285_971,
    2_971_923_842,
    2_939_910_317,
    2_908_241_642,
    2_876_914_102,
    2_845_924_021,
    2_815_267_765,
    2_784_941_738,
    2_754_942_382,
    2_725_266_179,
    2_695_909_648,
    2_666_869_345,
    2_638_141_863,
    2_609_723_834,
    2_581_611_923,
    2_553_802_834,
    2_526_293_303,
    2_499_080_105,
    2_472_160_047,
    2_445_529_972,
    2_419_186_755,
    2_393_127_307,
    2_367_348_571,
    2_341_847_524,
    2_316_621_173,
    2_291_666_561,
    2_266_980_759,
    2_242_560_872,
    2_218_404_036,
    2_194_507_417,
    2_170_868_212,
];

/// How a line loses its points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Decay {
    /// One step in milliseconds; `None`: it does not cool.
    step: Option<i64>,
}

impl Decay {
    /// The decay of a half-life: 64 steps of whole seconds, at least one. A half-life that is no multiple of 64 seconds
    /// is thus up to 63 seconds shorter than written.
    pub(crate) fn of(half_life: Option<Span>) -> Self {
        Self { step: half_life.map(|span| (span.0 / (STEPS * 1_000)).max(1) * 1_000) }
    }

    /// One step in milliseconds; `None`: it does not cool.
    pub(crate) fn step(self) -> Option<i64> {
        self.step
    }

    /// How many steps a line has taken at an age.
    pub(crate) fn steps(self, age: Span) -> i64 {
        self.step.map_or(0, |step| age.0.max(0) / step)
    }

    /// The instant at which a line that began at `start` takes its next step after so many; `None`: it takes none.
    pub(crate) fn step_after(self, start: Millis, steps: i64) -> Option<Millis> {
        Some(start.plus(Span(self.step?.saturating_mul(steps.saturating_add(1)))))
    }

    /// The first instant at which points that began at `start` are nothing, if that is not after `horizon`.
    pub(crate) fn fades(self, points: Points, start: Millis, horizon: Millis) -> Option<Millis> {
        let step = self.step?;
        let size = points.0.unsigned_abs();
        // So many halvings leave a hundredth of a point or more, one more does not.
        let halvings = i64::from((size / FADED.unsigned_abs()).checked_ilog2()?);
        let after = |steps: i64| start.plus(Span(step.saturating_mul(steps)));
        let surely_left = STEPS * halvings;
        if after(surely_left) > horizon {
            return None;
        }
        let inside = (1..STEPS).find(|steps| left_after(points, surely_left + steps) == Points::ZERO);
        Some(after(surely_left + inside.unwrap_or(STEPS))).filter(|faded| *faded <= horizon)
    }

    /// An instant by which points that began at `start` are surely nothing; `None`: they never are.
    pub(crate) fn faded_by(self, points: Points, start: Millis) -> Option<Millis> {
        let halvings = i64::from(64 - (points.0.unsigned_abs() / FADED.unsigned_abs()).leading_zeros()) + 1;
        Some(start.plus(Span(self.step?.saturating_mul(STEPS * halvings))))
    }
}

/// What is left of a size after so many steps, rounded down; before any of them (`steps` negative) it was larger.
/// `steps` is at least -64 times 32.
pub(crate) fn cooled(size: u64, steps: i64) -> u128 {
    let (halvings, place) = (steps.div_euclid(STEPS), steps.rem_euclid(STEPS));
    let factor = TABLE.get(place as usize).copied().unwrap_or_default();
    let shift = u32::try_from(halvings.saturating_add(32)).unwrap_or(u32::MAX);
    (u128::from(size) * u128::from(factor)).checked_shr(shift).unwrap_or_default()
}

/// What is left of points after so many steps. Never grows with them, and is nothing once below a hundredth of a point.
pub(crate) fn left_after(points: Points, steps: i64) -> Points {
    let left = i64::try_from(cooled(points.0.unsigned_abs(), steps)).unwrap_or(i64::MAX);
    if left < FADED { Points::ZERO } else { Points(if points.0 < 0 { -left } else { left }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Decay {
        fn left(self, points: Points, age: Span) -> Points {
            left_after(points, self.steps(age))
        }
    }

    #[test]
    fn every_entry_of_the_table_is_the_nearest_whole_number() {
        for (k, entry) in TABLE.iter().enumerate() {
            let exact = 2_f64.powi(32) * 2_f64.powf(-(k as f64) / 64.0);
            assert!((*entry as f64 - exact).abs() <= 0.5 + 1e-5, "entry {k}: {entry} is not {exact}");
        }
    }

    #[test]
    fn a_half_life_leaves_exactly_half() {
        let (decay, start) = (Decay::of(Some(Span::days(2))), Points::whole(80));
        for (days, left) in [(0, 80), (2, 40), (4, 20), (6, 10)] {
            assert_eq!(decay.left(start, Span::days(days)), Points::whole(left));
        }
        assert_eq!(decay.left(-start, Span::days(2)), Points::whole(-40));
        assert_eq!(Decay::of(None).left(start, Span::days(9_999)), start);
    }

    #[test]
    fn points_change_at_each_step_and_never_grow() {
        // given ten points that halve in an hour: 64 steps of 56 whole seconds
        let (decay, points) = (Decay::of(Some(Span::minutes(60))), Points::whole(10));
        let mut before = points;
        // when each second of a day passes
        for second in 0..86_400 {
            let left = decay.left(points, Span::seconds(second));
            // then points fall at the steps only, until they have faded
            assert_eq!(left < before, second > 0 && second % 56 == 0 && before > Points::ZERO, "second {second}");
            assert!(left <= before);
            before = left;
        }
        assert_eq!(before, Points::ZERO);
    }

    #[test]
    fn what_is_below_a_hundredth_of_a_point_is_nothing_and_the_end_is_foreseen() {
        let decay = Decay::of(Some(Span::minutes(64)));
        assert_eq!(decay.left(Points(FADED), Span(0)), Points(FADED));
        assert_eq!(decay.left(Points(FADED - 1), Span(0)), Points::ZERO);
        for points in [FADED, FADED * 2 - 1, FADED * 2, 1_000_000, Points::LARGEST.0, i64::MAX] {
            let end = decay.faded_by(Points(points), Millis(0)).unwrap();
            assert_eq!(decay.left(Points(points), end.since(Millis(0))), Points::ZERO);
            // when its very first instant of being nothing is asked for, then there was something until then
            let faded = decay.fades(Points(-points), Millis(0), end).unwrap();
            assert_eq!(decay.left(Points(-points), faded.since(Millis(0))), Points::ZERO);
            assert_ne!(decay.left(Points(-points), faded.since(Millis(1))), Points::ZERO);
            assert_eq!(decay.fades(Points(-points), Millis(0), faded - Span(1)), None);
        }
    }
}
