//! The gauge: bounds on sums that cool, kept without adding up their contributions again.
//!
//! The history of a lead's stages asks at each touch, and on the way to each instant at which a stage changes, what the
//! score is. Adding up all contributions each time would cost the square of their number.
//!
//! Contributions that cool alike share a *pool*. A pool counts steps from an origin of its own, and keeps of each
//! contribution its *weight*, which is what it would have been at the origin, and its *phase*, which is how long after such
//! a step it began. At an instant each has taken as many steps as the pool since it began, or one less while its phase has
//! not passed. So the weights together bound the sum to within one step, a sixty-fourth of a halving; and weights by phase
//! bound it to within what rounding takes, a few millionths of a point for each. Where even that leaves a doubt, whoever asks
//! adds up.

use crate::contribution::Contribution;
use crate::decay::{Decay, STEPS, cooled};
use crate::points::Points;
use crate::slots::Slots;
use crate::time::{Millis, Span};

/// A pool begins anew after so many steps, eight halvings: weights grow with each.
const WORN: i64 = 8 * STEPS;

/// The most that a contribution, and a pool together, may weigh: sums stay far below where they saturate.
const HEAVIEST: u64 = 1 << 60;

/// How near bounds are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Nearness {
    /// To within one step of cooling.
    Step,
    /// To within what rounding takes.
    Rounding,
}

/// The least and the most that something is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) lowest: Points,
    pub(crate) highest: Points,
}

/// Bounds on each slot's sum.
#[derive(Debug, Clone)]
pub(crate) struct Gauge {
    pools: Vec<Pool>,
    /// Of each slot at the instant looked at last, and until `turn`.
    sums: Vec<Range>,
    /// The first instant at which a pool takes its next step.
    turn: Millis,
    /// Whether anything is too large to be weighed: then nothing is known.
    unweighed: bool,
    /// Whether a pool has taken so many steps that it should begin anew.
    pub(crate) worn: bool,
}

/// Contributions of one slot and one sign that cool alike.
#[derive(Debug, Clone)]
struct Pool {
    slot: usize,
    negative: bool,
    decay: Decay,
    origin: Millis,
    count: u64,
    weight: u64,
    /// Phases and weights, as they came.
    fresh: Vec<(i64, u64)>,
    /// Those that were asked about: by phase, each with the weight of all up to it.
    by_phase: Vec<(i64, u64)>,
}

impl Gauge {
    pub(crate) fn new() -> Self {
        Self { pools: Vec::new(), sums: Vec::new(), turn: Millis(i64::MIN), unweighed: false, worn: false }
    }

    /// Begins anew from contributions that have begun by `at`.
    pub(crate) fn restart<'c>(&mut self, contributions: impl Iterator<Item = &'c Contribution>, at: Millis) {
        *self = Self::new();
        contributions.for_each(|one| self.put(one, at));
    }

    /// Takes in a contribution that has begun by `at` and is worth something then.
    pub(crate) fn put(&mut self, contribution: &Contribution, at: Millis) {
        let points = contribution.granted;
        let found = self.pools.iter_mut().find(|pool| pool.holds(contribution));
        let pool = match found {
            Some(pool) => pool,
            None => {
                self.turn = Millis(i64::MIN);
                self.pools.push(Pool::of(contribution, at));
                let Some(pool) = self.pools.last_mut() else { return };
                pool
            }
        };
        match pool.weigh(contribution).filter(|(_, weight)| weight.saturating_add(pool.weight) <= HEAVIEST) {
            Some(weighed) => pool.put(weighed),
            None => self.unweighed = true,
        }
        // Until the next step one that begins now is worth just what it is.
        match self.sums.get_mut(contribution.slot) {
            Some(sum) if contribution.start == at => {
                sum.lowest += points;
                sum.highest += points;
            }
            _ => self.turn = Millis(i64::MIN),
        }
    }

    /// Lets a contribution go that was taken in.
    pub(crate) fn remove(&mut self, contribution: &Contribution) {
        self.turn = Millis(i64::MIN);
        if let Some(pool) = self.pools.iter_mut().find(|pool| pool.holds(contribution))
            && let Some(weighed) = pool.weigh(contribution)
        {
            pool.remove(weighed);
        }
    }

    /// Whether sums can only fall while nothing is taken in.
    pub(crate) fn only_falls(&self) -> bool {
        !self.unweighed && self.pools.iter().all(|pool| !pool.negative || pool.count == 0)
    }

    /// Looks at an instant. Sums are to within a step from then on, as long as nothing is taken in or let go.
    pub(crate) fn look(&mut self, slots: &Slots<'_>, at: Millis) {
        if at < self.turn && self.sums.len() == slots.len() {
            return;
        }
        self.turn = Millis::MAX;
        self.sums.clear();
        self.sums.resize(slots.len(), Range::default());
        for pool in &mut self.pools {
            self.turn = pool.next_step(at).map_or(self.turn, |step| step.min(self.turn));
            self.worn |= pool.steps(at).0 > WORN;
            let range = pool.at(at, Nearness::Step);
            if let Some(sum) = self.sums.get_mut(pool.slot) {
                sum.lowest += range.lowest;
                sum.highest += range.highest;
            }
        }
    }

    /// Until when what was looked at last holds.
    pub(crate) fn turn(&self) -> Millis {
        self.turn
    }

    /// The last instant, not after `at`, at which any sum has changed; nothing is taken in or let go.
    pub(crate) fn last_change(&mut self, at: Millis) -> Millis {
        self.pools.iter_mut().filter_map(|pool| pool.last_change(at)).max().unwrap_or(Millis(i64::MIN))
    }

    /// The first instant after `at` at which any sum changes; nothing is taken in or let go.
    pub(crate) fn next_change(&mut self, at: Millis) -> Millis {
        self.pools.iter_mut().filter_map(|pool| pool.next_change(at)).min().unwrap_or(Millis::MAX)
    }

    /// How many pools there are.
    pub(crate) fn pools(&self) -> usize {
        self.pools.len()
    }

    /// Whether there are about as many changes in `[from, until]` as a few, or as each contribution has in two steps.
    pub(crate) fn has_few_changes(&self, from: Millis, until: Millis, few: usize) -> bool {
        let steps = |pool: &Pool| (pool.steps(until).0 - pool.steps(from).0).unsigned_abs() + 1;
        let changes = self.pools.iter().map(|pool| pool.count.saturating_mul(steps(pool))).fold(0, u64::saturating_add);
        let count = self.pools.iter().map(|pool| pool.count).fold(0, u64::saturating_add);
        changes <= count.saturating_mul(2).max(few as u64)
    }

    /// The least that a score can be at an instant, with what of it has begun and is not taken in yet.
    pub(crate) fn least(
        &mut self,
        at: Millis,
        slots: &Slots<'_>,
        score: usize,
        begun: impl Iterator<Item = (usize, Points)>,
        sums: &mut Vec<Points>,
    ) -> Points {
        if self.unweighed {
            return UNKNOWN.lowest;
        }
        sums.clear();
        sums.resize(slots.len(), Points::ZERO);
        let pools = self.pools.iter_mut().map(|pool| (pool.slot, pool.at(at, Nearness::Step).lowest));
        for (slot, points) in pools.chain(begun) {
            if let Some(sum) = sums.get_mut(slot) {
                *sum += points;
            }
        }
        slots.score(score, sums)
    }

    /// Bounds on a score at the instant looked at last.
    pub(crate) fn looked_at(&self, slots: &Slots<'_>, score: usize, sums: &mut Vec<Points>) -> Range {
        if self.unweighed {
            return UNKNOWN;
        }
        // Mostly no rule or group has a cap, and what a score is bounded by is its own sum.
        if slots.only_scores() {
            let sum = self.sums.get(score).copied().unwrap_or_default();
            return Range { lowest: slots.bounded(score, sum.lowest), highest: slots.bounded(score, sum.highest) };
        }
        let mut fold = |side: fn(&Range) -> Points| {
            sums.clear();
            sums.extend(self.sums.iter().map(side));
            slots.score(score, sums)
        };
        Range { lowest: fold(|sum| sum.lowest), highest: fold(|sum| sum.highest) }
    }

    /// Bounds on a score within `[from, until]`, where nothing is taken in or let go.
    pub(crate) fn within(
        &mut self,
        (from, until): (Millis, Millis),
        nearness: Nearness,
        slots: &Slots<'_>,
        score: usize,
        sums: &mut Vec<Points>,
    ) -> Range {
        if self.unweighed {
            return UNKNOWN;
        }
        let count = slots.len();
        sums.clear();
        sums.resize(count * 2, Points::ZERO);
        let (lowest, highest) = sums.split_at_mut(count);
        for pool in &mut self.pools {
            let first = pool.at(from, nearness);
            let last = if until == from { first } else { pool.at(until, nearness) };
            if let (Some(low), Some(high)) = (lowest.get_mut(pool.slot), highest.get_mut(pool.slot)) {
                *low += first.lowest.min(last.lowest);
                *high += first.highest.max(last.highest);
            }
        }
        Range { lowest: slots.score(score, lowest), highest: slots.score(score, highest) }
    }
}

/// What is known of a score where something is too large to be weighed.
const UNKNOWN: Range = Range { lowest: Points(i64::MIN), highest: Points(i64::MAX) };

impl Pool {
    fn of(contribution: &Contribution, at: Millis) -> Self {
        let Contribution { slot, decay, granted, .. } = *contribution;
        let negative = granted < Points::ZERO;
        Self {
            slot,
            negative,
            decay,
            origin: at,
            count: 0,
            weight: 0,
            fresh: Vec::with_capacity(16),
            by_phase: Vec::new(),
        }
    }

    fn holds(&self, one: &Contribution) -> bool {
        self.slot == one.slot && self.negative == (one.granted < Points::ZERO) && self.decay == one.decay
    }

    /// Steps between the origin and an instant, and how long after the last of them it is.
    fn steps(&self, at: Millis) -> (i64, i64) {
        let since = at.since(self.origin).0;
        self.decay.step().map_or((0, 0), |step| (since.div_euclid(step), since.rem_euclid(step)))
    }

    fn next_step(&self, at: Millis) -> Option<Millis> {
        self.decay.step_after(self.origin, self.steps(at).0)
    }

    /// The last instant, not after `at`, at which one in it took a step.
    fn last_change(&mut self, at: Millis) -> Option<Millis> {
        let step = self.decay.step()?;
        let (_, passed) = self.steps(at);
        self.sort();
        let begun = self.by_phase.partition_point(|(phase, _)| *phase <= passed);
        // Where no phase has passed, the last one did so a step ago.
        let (place, before) =
            begun.checked_sub(1).map_or((self.by_phase.len().checked_sub(1)?, step), |place| (place, 0));
        let (phase, _) = self.by_phase.get(place)?;
        Some(at.minus(Span(passed - phase + before)))
    }

    /// The first instant after `at` at which one in it takes a step.
    fn next_change(&mut self, at: Millis) -> Option<Millis> {
        let step = self.decay.step()?;
        let (_, passed) = self.steps(at);
        self.sort();
        let begun = self.by_phase.partition_point(|(phase, _)| *phase <= passed);
        let after = if begun < self.by_phase.len() { 0 } else { step };
        let (phase, _) = self.by_phase.get(begun).or(self.by_phase.first())?;
        Some(at.plus(Span(phase - passed + after)))
    }

    /// Phase and weight of a contribution.
    fn weigh(&self, contribution: &Contribution) -> Option<(i64, u64)> {
        let (steps, phase) = self.steps(contribution.start);
        let size = contribution.granted.0.unsigned_abs();
        if size > HEAVIEST || steps > 2 * WORN {
            return None;
        }
        let weight = u64::try_from(cooled(size, steps.saturating_neg())).ok()?;
        Some((phase, weight))
    }

    fn put(&mut self, (phase, weight): (i64, u64)) {
        self.count += 1;
        self.weight += weight;
        if self.decay.step().is_some() {
            self.fresh.push((phase, weight));
        }
    }

    fn remove(&mut self, (phase, weight): (i64, u64)) {
        self.count = self.count.saturating_sub(1);
        self.weight = self.weight.saturating_sub(weight);
        if let Some(place) = self.fresh.iter().position(|one| *one == (phase, weight)) {
            self.fresh.swap_remove(place);
            return;
        }
        let first = self.by_phase.partition_point(|(held, _)| *held < phase);
        let mut before = first.checked_sub(1).and_then(|place| self.by_phase.get(place)).map_or(0, |(_, sum)| *sum);
        let alike = self.by_phase.iter().skip(first).position(|(_, sum)| {
            let own = *sum - before;
            before = *sum;
            own == weight
        });
        if let Some(place) = alike.map(|alike| first + alike) {
            self.by_phase.remove(place);
            self.by_phase.iter_mut().skip(place).for_each(|(_, sum)| *sum -= weight);
        }
    }

    /// Puts those that came since into their places.
    fn sort(&mut self) {
        for (phase, weight) in self.fresh.drain(..) {
            let place = self.by_phase.partition_point(|(held, _)| *held <= phase);
            let before = place.checked_sub(1).and_then(|place| self.by_phase.get(place)).map_or(0, |(_, sum)| *sum);
            self.by_phase.insert(place, (phase, before));
            self.by_phase.iter_mut().skip(place).for_each(|(_, sum)| *sum += weight);
        }
    }

    /// Bounds on the sum at an instant by which everything in it has begun.
    fn at(&mut self, at: Millis, nearness: Nearness) -> Range {
        let (steps, passed) = self.steps(at);
        let size = |weight: u64, steps: i64| u64::try_from(cooled(weight, steps)).unwrap_or(u64::MAX);
        let (least, most) = if self.decay.step().is_none() {
            (self.weight, self.weight)
        } else {
            let (least, most) = match nearness {
                Nearness::Step => (size(self.weight, steps), size(self.weight, steps - 1)),
                Nearness::Rounding => {
                    self.sort();
                    let begun = self.by_phase.partition_point(|(phase, _)| *phase <= passed);
                    let sum =
                        begun.checked_sub(1).and_then(|place| self.by_phase.get(place)).map_or(0, |(_, sum)| *sum);
                    let sum = size(sum, steps).saturating_add(size(self.weight - sum, steps - 1));
                    (sum, sum)
                }
            };
            // Each is rounded down once as a contribution and twice as a weight; entries of the table are rounded too.
            let slack = self.count.saturating_mul(3) + 3 + (most >> 28);
            (least.saturating_sub(slack), most.saturating_add(slack))
        };
        let points = |size: u64| Points(i64::try_from(size).unwrap_or(i64::MAX));
        match (self.count, self.negative) {
            (0, _) => Range::default(),
            (_, false) => Range { lowest: points(least), highest: points(most) },
            (_, true) => Range { lowest: -points(most), highest: -points(least) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contribution::Origin;

    fn contribution(start: i64, points: i64, half_life: Option<Span>) -> Contribution {
        let granted = Points(points);
        Contribution {
            origin: Origin::Touch(0),
            rule: 0,
            score: 0,
            slot: 0,
            start: Millis(start),
            end: None,
            decay: Decay::of(half_life),
            points: granted,
            granted,
            following: None,
        }
    }

    #[test]
    fn bounds_hold_the_sum_and_are_as_near_as_they_say() {
        // given a hundred contributions of both signs, some of which do not cool, begun over three days
        let half_lives = [Some(Span::days(2)), Some(Span::minutes(1_000)), None];
        let all: Vec<_> = (0..100_i64)
            .map(|number| {
                let points = (number * 7_919_333 % 25_000_000 + 2_000_000) * if number % 7 == 0 { -1 } else { 1 };
                contribution(number * 2_592_077, points, half_lives.get(number as usize % 3).copied().flatten())
            })
            .collect();
        let slots = Slots::of(&[]);
        let (mut gauge, mut inside) = (Gauge::new(), Vec::new());
        let range = |gauge: &mut Gauge, at: Millis, nearness| {
            // A model without scores has no slots: the pools themselves are asked.
            gauge.look(&slots, at);
            let pools = gauge.pools.iter_mut().map(|pool| pool.at(at, nearness));
            pools.fold(Range::default(), |sum, one| Range {
                lowest: sum.lowest + one.lowest,
                highest: sum.highest + one.highest,
            })
        };
        for (number, one) in all.iter().enumerate() {
            // when one is taken in, and every fifth time an early one is let go
            gauge.put(one, one.start);
            inside.push(one);
            if number % 5 == 4 {
                gauge.remove(inside.remove(number / 10));
            }
            for later in [0, 59_999, 1_300_000, 2_592_076] {
                let at = one.start.plus(Span(later));
                let sum: Points = inside.iter().map(|one| one.value(at)).sum();
                let (step, near) = (range(&mut gauge, at, Nearness::Step), range(&mut gauge, at, Nearness::Rounding));
                // then both bounds hold the sum, the wider one to within a step of what cools
                assert!(step.lowest <= sum && sum <= step.highest, "{number}: {sum:?} in {step:?}");
                assert!(near.lowest <= sum && sum <= near.highest, "{number}: {sum:?} in {near:?}");
                let size: i64 = inside.iter().map(|one| one.value(at).0.abs()).sum();
                assert!(step.highest.0 - step.lowest.0 <= size / 80 + 2_000, "{number}: {step:?} of {size}");
                assert!(near.highest.0 - near.lowest.0 <= 2_000, "{number}: {near:?}");
            }
        }
    }

    #[test]
    fn nothing_changes_between_the_instants_at_which_something_takes_a_step() {
        // given contributions that cool unlike, one that does not, and one whose phase is the very origin
        let half_lives = [Some(Span::minutes(64)), Some(Span::minutes(100)), None];
        let all: Vec<_> = (0..9_i64)
            .map(|number| {
                let half_life = half_lives.get(number as usize % 3).copied().flatten();
                contribution(number * 17_333, 9_000_000 + number, half_life)
            })
            .collect();
        let mut gauge = Gauge::new();
        all.iter().for_each(|one| gauge.put(one, one.start));
        let sum = |at: i64| all.iter().map(|one| one.value(Millis(at))).sum::<Points>();
        // when each instant of ten minutes is asked for the change before and after it
        let changes: Vec<i64> = (200_000..800_000).filter(|at| sum(*at) != sum(at - 1)).collect();
        assert!(changes.len() > 40, "{changes:?}");
        for at in
            (300_000..700_000).step_by(97).chain(changes.iter().copied().filter(|at| (300_000..700_000).contains(at)))
        {
            let next = changes.partition_point(|change| *change <= at);
            // then they are those that are seen
            assert_eq!(Some(&gauge.next_change(Millis(at)).0), changes.get(next), "after {at}");
            assert_eq!(Some(&gauge.last_change(Millis(at)).0), changes.get(next - 1), "until {at}");
        }
    }

    #[test]
    fn what_is_too_large_to_be_weighed_leaves_everything_open() {
        let (slots, mut sums, mut gauge) = (Slots::of(&[]), Vec::new(), Gauge::new());
        gauge.put(&contribution(0, i64::MAX, None), Millis(0));
        assert!(!gauge.only_falls());
        assert_eq!(gauge.within((Millis(0), Millis(9)), Nearness::Rounding, &slots, 0, &mut sums), UNKNOWN);
    }
}
